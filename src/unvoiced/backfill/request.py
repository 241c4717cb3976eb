"""What a backfill is asked to do: which feature set, over which originals, restored how."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Literal

from unvoiced import names
from unvoiced.errors import InputError

SourceName = Literal["archive", "raw"]
Tier = Literal["Bulk", "Standard", "Expedited"]

# The slowest restore takes two days; whoever comes back then must still find the copies.
LEAST_RESTORE_DAYS = 3


@dataclass(frozen=True)
class Selection:
    """Which originals: by contributor (none named: all), and by day, in UTC, both days included.

    The day is that of upload or archiving, as the store lists it. Raises `InputError`.
    """

    contributors: tuple[str, ...] = ()
    since: date | None = None
    until: date | None = None

    def __post_init__(self) -> None:
        """Refuse what can select nothing, or what is no pseudonym."""
        for one in self.contributors:
            names.pseudonym(one)
        if self.since and self.until and self.since > self.until:
            raise InputError(f"since {self.since} is after until {self.until}")

    def prefixes(self) -> Iterable[str]:
        """What the names of selected originals start with; each original under one of them."""
        return [f"{one}/" for one in sorted(set(self.contributors))] or [""]

    def takes(self, modified: datetime) -> bool:
        """Whether an original of that time is selected."""
        day = modified.astimezone(UTC).date()
        return (self.since is None or day >= self.since) and (
            self.until is None or day <= self.until
        )


@dataclass(frozen=True)
class Request:
    """One backfill. Raises `InputError` for what cannot be done."""

    feature_set: str  # a built-in name, or the path of a TOML file
    source: SourceName = "archive"
    selection: Selection = Selection()
    batch_samples: int = 256
    tier: Tier = "Bulk"
    restore_days: int = 7

    def __post_init__(self) -> None:
        """Refuse numbers that cannot work."""
        if self.batch_samples < 1:
            raise InputError("a batch has at least one sample")
        if self.restore_days < LEAST_RESTORE_DAYS:
            raise InputError(
                f"restored copies are kept for {LEAST_RESTORE_DAYS} days or more: a restore takes "
                "up to two, and the next run has to find them"
            )
