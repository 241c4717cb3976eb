"""What the watch remembers from one run to the next: one object, put last. No I/O.

Whatever a run found is in other objects by then. So a run that died before it leaves everything to
be looked at again, and of two runs at once one state stands, with which nothing is skipped: what
the other one had looked at is looked at again.
"""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from unvoiced.errors import InputError, VerificationError
from unvoiced.watch.alert import Alert, Level, cut
from unvoiced.watch.compare import Days, Fetch
from unvoiced.watch.event import Origin
from unvoiced.watch.habits import Habits
from unvoiced.watch.newcomers import role_of
from unvoiced.watch.tally import Tallies, Tally

FORMAT = "unvoiced-watch/2"
NAME = "watch/state.json"
# Reads that came before another one are compared with it while they are remembered; one that comes
# later still is compared with those of its own run alone.
FETCHES_KEPT = timedelta(hours=4)
ACTIVE_KEPT = timedelta(days=2)
DAYS_KEPT = timedelta(days=4)  # of what was counted of each: files come up to two days late
_ACCEPTED_KEPT = 200


@dataclass(frozen=True, slots=True)
class Accepted:
    """What a person said of what was noticed: it is normal from now on."""

    requester: str  # about whom: a requester, or a role for all its sessions
    by: str  # who said so, as credentials or the operating system have them
    time: datetime

    def is_about(self, alert: Alert, raised: datetime) -> bool:
        """Whether an alert that was raised then was there to be accepted."""
        about = self.requester in (alert.requester, role_of(alert.requester))
        return about and raised <= self.time


@dataclass(frozen=True)
class State:
    """How far it has looked, and what it has learned."""

    looked: datetime | None  # when; None before the first run
    habits: Habits
    pages: Mapping[str, int] = field(default_factory=dict)  # day -> last page that was looked at
    # day -> number -> first digits of its SHA-256, of pages of the days around the last run
    digests: Mapping[str, Mapping[int, str]] = field(default_factory=dict)
    seen: Mapping[Origin, Mapping[str, frozenset[str]]] = field(default_factory=dict)
    judged: Mapping[Origin, tuple[Fetch, ...]] = field(default_factory=dict)
    newest: Mapping[Origin, datetime] = field(default_factory=dict)  # read of a provider's log
    active: tuple[datetime, ...] = ()  # when somebody with credentials recorded reads
    verified: datetime | None = None  # when the last days of the trail were
    days: Mapping[Origin, Days] = field(default_factory=dict)  # reads and those sent again
    tallies: Tallies = field(default_factory=dict)  # of alerts
    accepted: tuple[Accepted, ...] = ()

    @classmethod
    def first(cls) -> "State":
        """Before the first run."""
        return cls(None, Habits.new(secrets.token_bytes(16)))

    def accept(self, requester: str, by: str, now: datetime) -> "State":
        """After a person's word, about a requester or all sessions of a role.

        Raises `InputError` where nothing was seen of them.
        """
        known = {each for _, each in self.habits.tracks if requester in (each, role_of(each))}
        if not known:
            raise InputError(f"the watch has seen nothing of {cut(requester)!r}")
        habits = self.habits
        for each in known:
            habits = habits.accept(each)
        accepted = (*self.accepted, Accepted(requester, by, now))[-_ACCEPTED_KEPT:]
        return replace(self, habits=habits, accepted=accepted)

    def encode(self) -> bytes:
        """Its bytes: JSON, on one line."""
        fields = {
            "format": FORMAT,
            "looked": _text(self.looked) if self.looked else None,
            "habits": json.loads(self.habits.encode()),
            "pages": dict(self.pages),
            "digests": {
                day: [[number, text] for number, text in sorted(pages.items())]
                for day, pages in self.digests.items()
            },
            "seen": {
                origin: {day: sorted(names) for day, names in days.items()}
                for origin, days in self.seen.items()
            },
            "judged": {
                origin: [[_text(one.moment), one.id, one.pair, one.source] for one in fetches]
                for origin, fetches in self.judged.items()
            },
            "newest": {origin: _text(moment) for origin, moment in self.newest.items()},
            "active": [_text(moment) for moment in self.active],
            "verified": _text(self.verified) if self.verified else None,
            "days": {
                origin: [[*key, *counts] for key, counts in sorted(days.items())]
                for origin, days in self.days.items()
            },
            "tallies": {
                identity: [one.level, _text(one.seen), dict(one.counts), dict(one.first), one.fold]
                for identity, one in self.tallies.items()
            },
            "accepted": [[one.requester, one.by, _text(one.time)] for one in self.accepted],
        }
        return json.dumps(fields, sort_keys=True, separators=(",", ":")).encode() + b"\n"

    @classmethod
    def decode(cls, data: bytes) -> "State":
        """Raises `VerificationError` for what is none."""
        try:
            fields = json.loads(data)
            if fields["format"] != FORMAT:
                raise ValueError
            return cls(
                looked=_moment(fields["looked"]) if fields["looked"] else None,
                habits=Habits.decode(json.dumps(fields["habits"]).encode()),
                pages={str(day): int(number) for day, number in fields["pages"].items()},
                digests={
                    str(day): {int(number): str(text) for number, text in pages}
                    for day, pages in fields["digests"].items()
                },
                seen={
                    Origin(origin): {day: frozenset(names) for day, names in days.items()}
                    for origin, days in fields["seen"].items()
                },
                judged={
                    Origin(origin): tuple(Fetch(_moment(when), *texts) for when, *texts in fetches)
                    for origin, fetches in fields["judged"].items()
                },
                newest={Origin(origin): _moment(text) for origin, text in fields["newest"].items()},
                active=tuple(_moment(text) for text in fields["active"]),
                verified=_moment(fields["verified"]) if fields["verified"] else None,
                days={
                    Origin(origin): {
                        (day, requester): (reads, again) for day, requester, reads, again in days
                    }
                    for origin, days in fields["days"].items()
                },
                tallies={
                    identity: Tally(Level(level), _moment(seen), counts, first, fold)
                    for identity, (level, seen, counts, first, fold) in fields["tallies"].items()
                },
                accepted=tuple(
                    Accepted(requester, by, _moment(time))
                    for requester, by, time in fields["accepted"]
                ),
            )
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise VerificationError(f"no state of the watch ({FORMAT})") from None


def recent(days: Days, now: datetime) -> Days:
    """Without the days that no file is read of any more."""
    oldest = f"{now - DAYS_KEPT:%Y-%m-%d}"
    return {key: counts for key, counts in days.items() if key[0] >= oldest}


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat()


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
