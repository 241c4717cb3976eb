"""What one session has read so far, and what it has not."""

from collections.abc import Mapping
from dataclasses import dataclass

from unvoiced.reader.reason import Reason


@dataclass(frozen=True)
class ReadReport:
    """Counts of a session in this process, over all its views and epochs."""

    read: int  # samples given out
    bytes: int  # sealed, of these
    skipped: Mapping[Reason, int]
    records: int  # in the audit trail
    recorded: int  # objects that they name: what was read ahead and not used, too

    def __str__(self) -> str:
        said = f"read {self.read:,} ({self.bytes / 1e6:,.1f} MB)"
        if self.skipped:
            said += f", skipped {sum(self.skipped.values()):,}: {in_words(self.skipped)}"
        return f"{said}; {self.records:,} records in the audit trail name {self.recorded:,} objects"


def in_words(skipped: Mapping[Reason, int]) -> str:
    """Reasons and how often each, the most frequent first."""
    counts = sorted(skipped.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{reason} ({count:,})" for reason, count in counts)
