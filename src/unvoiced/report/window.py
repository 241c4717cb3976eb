"""The time that a report looks back over. Pure."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

# Up to so many days are shown by the hour.
_HOURLY_DAYS = 7


@dataclass(frozen=True)
class Window:
    """The time that is looked at, in steps of a day or an hour (UTC)."""

    end: datetime
    days: int

    @property
    def hourly(self) -> bool:
        """Whether its steps are hours."""
        return self.days <= _HOURLY_DAYS

    @property
    def step(self) -> timedelta:
        """How long each step is."""
        return timedelta(hours=1) if self.hourly else timedelta(days=1)

    @property
    def start(self) -> datetime:
        """When the first step begins; the last is the one that `end` is in."""
        return self._floor(self.end) - (self._count - 1) * self.step

    @property
    def _count(self) -> int:
        return self.days * 24 if self.hourly else self.days

    def _floor(self, moment: datetime) -> datetime:
        moment = moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        return moment if self.hourly else moment.replace(hour=0)

    @property
    def steps(self) -> list[datetime]:
        """When each begins, oldest first."""
        return [self.start + number * self.step for number in range(self._count)]

    def number_of(self, moment: datetime | float) -> int | None:
        """Which step a moment is in; None outside."""
        seconds = moment if isinstance(moment, float | int) else moment.timestamp()
        number = int((seconds - self.start.timestamp()) // self.step.total_seconds())
        return number if 0 <= number < self._count else None

    def said(self, step: int) -> str:
        """A step's day, or its hour."""
        at = self.steps[step]
        return f"{at:%Y-%m-%d %H:00}" if self.hourly else f"{at:%Y-%m-%d}"
