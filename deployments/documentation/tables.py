"""Rows of a Markdown table."""

from collections.abc import Sequence


def row(*cells: str) -> str:
    """A row; what a cell holds of bars and line breaks does not end it."""
    return f"| {' | '.join(' '.join(cell.split()).replace('|', '&#124;') for cell in cells)} |"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """The lines of a table and an empty one behind it; nothing where there are no rows."""
    if not rows:
        return []
    return [row(*head), "|" + "---|" * len(head), *(row(*cells) for cells in rows), ""]
