"""What the watch raises. No I/O."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum

_GRID = timedelta(minutes=5)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MOST = 300  # characters of a text that others chose; an ARN has less


class Kind(StrEnum):
    """What was noticed, loudest first."""

    UNRECORDED = "unrecorded reads"  # a provider's log shows reads that the trail does not
    TRAIL_DAMAGED = "audit trail damaged"  # a record or page is missing, or is another one
    VOLUME = "bulk reads"  # more objects than the threshold, in a window or on a day
    CONTRIBUTORS = "many contributors"  # more people's features than the threshold
    UNUSUAL = "unusual reads"  # far from this requester's own habits
    DRIP = "slow drip"  # little at a time, and over days a lot that was never read before
    ELSEWHERE = "another source"  # from where this requester never read
    STRANGER = "unknown requester"  # never seen before, or no role that may read
    CLOCK = "clock"  # a record's time is far from when the store received it
    BLIND = "not watched"  # a source that is configured did not answer, or is far behind
    MANY = "many alerts"  # more than are told of each by itself


class Level(StrEnum):
    """How loud."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"


@dataclass(frozen=True)
class Alert:
    """One thing to look at. It holds digests, ARNs and numbers; no object's name."""

    kind: Kind
    level: Level
    requester: str  # "" where it is nobody's
    what: str  # one sentence
    start: datetime  # of the time it is about
    end: datetime
    numbers: Mapping[str, float] = field(default_factory=dict)  # what was counted, and the limit
    source: str = ""  # an address, where each is an alert of its own

    @property
    def identity(self) -> str:
        """The same for the same thing seen again: kind, level, requester, address, and the day it
        began.
        """
        what = f"{self.kind}\n{self.level}\n{self.requester}\n{self.source}"
        text = f"unvoiced alert\n{what}\n{self.start:%Y-%m-%d}"
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    @property
    def when(self) -> str:
        """From when to when, in whole five minutes (UTC): `2026-11-23 09:00 to 09:05 UTC`."""
        start, end = (moment.astimezone(UTC) for moment in (self.start, self.end))
        first = start - (start - _EPOCH) % _GRID
        last = max(end + (_EPOCH - end) % _GRID, first + _GRID)
        day = "" if last.date() == first.date() else f"{last:%Y-%m-%d} "
        return f"{first:%Y-%m-%d %H:%M} to {day}{last:%H:%M} UTC"

    @property
    def who(self) -> str:
        """The requester, and the address where each is an alert of its own; "" for nobody."""
        return cut(" from ".join(each for each in (self.requester, self.source) if each))

    @property
    def line(self) -> str:
        """All of it but the numbers; what others chose may hold control characters."""
        parts = (str(self.level), str(self.kind), self.who, self.when, self.what)
        return ": ".join(each for each in parts if each)


def cut(text: str) -> str:
    """A text that others chose, as it goes out: they choose its length too."""
    return text if len(text) <= _MOST else f"{text[:_MOST]}... ({len(text):,} characters)"
