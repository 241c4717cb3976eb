"""The counts of a run's report as a markdown table, and back: several runs' can be summed."""

import re
from collections.abc import Mapping

_HEAD = "| recordings | |\n|---|---:|\n"
_ROW = re.compile(r"\| (?P<what>[^|]+?) \| (?P<count>[\d,]+) \|")


def as_table(counts: Mapping[str, int]) -> str:
    """A row each, in their order."""
    return _HEAD + "\n".join(f"| {what} | {count:,} |" for what, count in counts.items())


def read_table(markdown: str) -> dict[str, int]:
    """What `as_table` wrote; other lines are passed over."""
    rows = map(_ROW.fullmatch, markdown.splitlines())
    return {row["what"]: int(row["count"].replace(",", "")) for row in rows if row}
