"""What should stand on a simulated day, written from docs/retention.md alone, object by object.

It knows nothing of stores, listings or logs: people send things, runs happen, days pass.
"""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

from unvoiced.sections import RetentionSettings


@dataclass
class Thing:
    """One recording and what came of it; a time is when it came to stand there, None is gone."""

    name: str  # PSEUDONYM/SAMPLE.unv
    voice: bool  # else it cannot be decoded
    archives: bool
    raw: datetime | None
    quarantined: datetime | None = None
    features: datetime | None = None
    archived: datetime | None = None

    @property
    def whose(self) -> str:
        """Its contributor."""
        return self.name.partition("/")[0]

    def seen(self) -> list[datetime]:
        """What shows when its contributor did something."""
        made = [when for when in (self.features, self.archived) if when]
        return [*([self.raw] if self.raw else []), *([min(made)] if made else [])]


@dataclass
class Model:
    """The deployment as it should be."""

    settings: RetentionSettings
    things: list[Thing] = field(default_factory=list)
    keys: dict[str, datetime] = field(default_factory=dict)
    audit: dict[str, date] = field(default_factory=dict)  # object name -> its day
    held: set[str] = field(default_factory=set)

    def is_held(self, whose: str) -> bool:
        """By a hold of their own, or on everything."""
        return bool({whose, "everything"} & self.held)

    def ingest(self, now: datetime) -> None:
        """Every recording that waits becomes features, or is set aside."""
        for thing in self.things:
            if thing.raw is None or thing.quarantined or self.is_held(thing.whose):
                continue
            self.keys.setdefault(thing.whose, now)  # it opens, whatever is in it
            if not thing.voice:
                thing.quarantined = now
                continue
            thing.raw, thing.features = None, now
            if thing.archives:
                thing.archived = now

    def retain(self, now: datetime) -> None:
        """Whatever is due goes; nothing that is held does."""
        if self.settings.purpose_satisfied:
            day = date.fromisoformat(self.settings.purpose_satisfied)
            if now >= datetime.combine(day, time(), UTC):
                for whose in {*(thing.whose for thing in self.things), *self.keys}:
                    self._all_of(whose, now)
        for whose in self._inactive(now):
            self._all_of(whose, now)
        for thing in self.things:
            if not self.is_held(thing.whose):
                self._age(thing, now)
        self._idle_keys(now)
        if "everything" not in self.held:
            days = timedelta(days=self.settings.audit_days + 1)
            self.audit = {
                name: day
                for name, day in self.audit.items()
                if now < datetime.combine(day, time(), UTC) + days
            }

    def _age(self, thing: Thing, now: datetime) -> None:
        kept = self.settings
        if thing.quarantined:
            if _over(thing.quarantined, kept.quarantine_days, now):
                thing.raw = thing.quarantined = None
        elif thing.raw and _over(thing.raw, kept.raw_days, now):
            thing.raw = None
        if thing.archived and _over(thing.archived, kept.archive_days, now):
            thing.archived = None
        ends = kept.features_days and thing.features
        if ends and thing.features and _over(thing.features, kept.features_days, now):
            thing.features = None

    def _idle_keys(self, now: datetime) -> None:
        days = self.settings.features_days
        for whose, made in list(self.keys.items()):
            idle = days and _over(made, days, now)
            if idle and not self.is_held(whose) and not self._all_seen(whose):
                del self.keys[whose]

    def _all_seen(self, whose: str) -> list[datetime]:
        return [when for thing in self.things if thing.whose == whose for when in thing.seen()]

    def _inactive(self, now: datetime) -> set[str]:
        days = self.settings.inactive_days
        if not days:
            return set()
        everybody = {*(thing.whose for thing in self.things), *self.keys}
        last = {whose: self._all_seen(whose) or self._key_of(whose) for whose in everybody}
        return {whose for whose, seen in last.items() if seen and _over(max(seen), days, now)}

    def _key_of(self, whose: str) -> list[datetime]:
        return [self.keys[whose]] if whose in self.keys else []

    def _all_of(self, whose: str, now: datetime) -> None:
        if self.is_held(whose):
            return
        self.keys.pop(whose, None)
        for thing in self.things:
            if thing.whose == whose:
                thing.raw = thing.quarantined = thing.features = None
                if thing.archived and _over(thing.archived, self.settings.archive_days, now):
                    thing.archived = None


def _over(since: datetime, days: int, now: datetime) -> bool:
    return now - since >= timedelta(days=days)
