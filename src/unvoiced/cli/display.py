"""What commands print: tables on standard output, everything else on standard error."""

import sys
from collections.abc import Sequence

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from unvoiced.errors import UnvoicedError

# A pipe or file gets whole digests and names: wide, so that nothing is cut.
out = Console(width=None if sys.stdout.isatty() else 160)
err = Console(stderr=True)

_RAMP = (
    *("#000004", "#140e36", "#3b0f70", "#641a80", "#8c2981", "#b73779"),
    *("#de4968", "#f7705c", "#fe9f6d", "#fecf92", "#fcfdbf"),
)
_CHARACTERS = " .:-=+*#%@"


def complain(error: UnvoicedError) -> None:
    """Print an error as a person should meet it."""
    err.print(Text("error: ", style="bold red") + Text(error.diagnostics()))


def counted(count: int, what: str, several: str = "") -> str:
    """A number and what it counts: `1 recording`, `1,200 recordings`."""
    return f"{count:,} {what if count == 1 else several or what + 's'}"


def table(title: str, columns: dict[str, str], rows: Sequence[tuple[str, ...]]) -> None:
    """Print a table; `columns` maps headings to how they are justified."""
    printed = Table(title=title, title_justify="left", title_style="bold")
    for heading, justify in columns.items():
        printed.add_column(heading, justify=justify, overflow="fold")  # type: ignore[arg-type]  # a literal type
    for row in rows:
        printed.add_row(*row)
    out.print(printed)


def spectrogram(array: np.ndarray, width: int = 0, height: int = 16) -> Text:
    """Draw an array of shape (rows, frames), low rows at the bottom.

    On a terminal as coloured half blocks, each showing two rows; elsewhere as characters, one a
    row. Shades run from the array's 2nd to its 98th percentile: one click must not darken the rest.
    """
    width = min(width or out.width - 2, array.shape[1])
    shades = len(_RAMP) if out.is_terminal else len(_CHARACTERS)
    rows = min(2 * height if out.is_terminal else height, array.shape[0] // 2 * 2)
    picture = np.array(
        [
            [block.mean() for block in np.array_split(band, width, axis=1)]
            for band in np.array_split(array.astype(np.float64), rows, axis=0)
        ]
    )
    low, high = np.percentile(picture, (2, 98))
    scaled = np.clip((picture - low) / max(high - low, 1e-9), 0, 1)
    levels = (scaled * (shades - 1)).round().astype(int)[::-1]
    text = Text()
    if out.is_terminal:
        for above, below in zip(levels[::2], levels[1::2], strict=True):
            for upper, lower in zip(above, below, strict=True):
                text.append("▀", style=f"{_RAMP[upper]} on {_RAMP[lower]}")
            text.append("\n")
    else:
        for row in levels:
            text.append("".join(_CHARACTERS[level] for level in row) + "\n")
    return text
