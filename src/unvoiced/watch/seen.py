"""A requester's day as the rules look at it, and an alert about a number of it. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from unvoiced.watch.alert import Alert, Kind, Level
from unvoiced.watch.sketch import Sketch
from unvoiced.watch.track import CONTRIBUTORS, Day
from unvoiced.watch.windows import Reading

Limit = tuple[float, str]  # and where it is from


@dataclass(frozen=True)
class Seen:
    """A requester's day, or a part of it."""

    requester: str
    day: Day
    start: datetime
    end: datetime  # of what has been seen of it

    def alert(self, kind: Kind, level: Level, what: str, count: float, limit: Limit) -> Alert:
        """An alert about a number that is above its limit."""
        most, because = limit
        text = f"{what}: {count:,.0f}, where {math.floor(most):,} is the limit ({because})"
        numbers = {what: float(count), "limit": round(most, 1)}
        return Alert(kind, level, self.requester, text, self.start, self.end, numbers)

    def reads(self, window: int) -> int:
        """In a window, without what is approved."""
        return sum(windows.get(window, 0) for windows in self.day.counted.values())

    def contributors(self, window: int, readings: Sequence[Reading]) -> int:
        """In a window, without what is approved."""
        found = self.day.recent.get(window, Sketch(CONTRIBUTORS))
        for reading in readings:
            if reading.window == window:
                found = found.add(reading.contributors)
        return found.new(self.day.excused[1])
