"""What commands print: tables on standard output, everything else on standard error."""

from collections.abc import Sequence

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from unvoiced.errors import UnvoicedError

out = Console()
err = Console(stderr=True)

_RAMP = ("#0d0221", "#3b0f70", "#8c2981", "#de4968", "#fe9f6d", "#fcfdbf")


def complain(error: UnvoicedError) -> None:
    """Print an error as a person should meet it."""
    err.print(Text("error: ", style="bold red") + Text(error.diagnostics()))


def table(title: str, columns: dict[str, str], rows: Sequence[tuple[str, ...]]) -> None:
    """Print a table; `columns` maps headings to how they are justified."""
    printed = Table(title=title, title_justify="left", title_style="bold")
    for heading, justify in columns.items():
        printed.add_column(heading, justify=justify)  # type: ignore[arg-type]  # a literal type
    for row in rows:
        printed.add_row(*row)
    out.print(printed)


def spectrogram(array: np.ndarray, width: int = 0, height: int = 16) -> Text:
    """Draw an array of shape (rows, frames), low rows at the bottom, as coloured half blocks.

    Every character shows two rows; the brightest colour is the array's maximum.
    """
    width = min(width or out.width - 2, array.shape[1])
    rows = min(2 * height, array.shape[0] - array.shape[0] % 2)
    picture = np.array(
        [
            [block.mean() for block in np.array_split(band, width, axis=1)]
            for band in np.array_split(array.astype(np.float64), rows, axis=0)
        ]
    )
    low, high = picture.min(), picture.max()
    shades = ((picture - low) / max(high - low, 1e-9) * (len(_RAMP) - 1)).round().astype(int)
    text = Text()
    for row in range(rows - 1, 0, -2):
        for column in range(width):
            above, below = _RAMP[shades[row, column]], _RAMP[shades[row - 1, column]]
            text.append("▀", style=f"{above} on {below}")
        text.append("\n")
    return text
