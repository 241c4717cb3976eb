"""What the watch raises. No I/O."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

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


def cut(text: str) -> str:
    """A text that others chose, as it goes out: they choose its length too."""
    return text if len(text) <= _MOST else f"{text[:_MOST]}... ({len(text):,} characters)"
