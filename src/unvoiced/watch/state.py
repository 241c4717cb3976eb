"""What the watch remembers from one run to the next: one object, put last. No I/O.

Whatever a run found is in other objects by then. So a run that died before it leaves everything to
be looked at again, and of two runs at once one state stands, with which nothing is skipped: what
the other one had looked at is looked at again.
"""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from unvoiced.errors import VerificationError
from unvoiced.watch.compare import Fetch
from unvoiced.watch.event import Origin
from unvoiced.watch.habits import Habits

FORMAT = "unvoiced-watch/1"
NAME = "watch/state.json"
# Reads that came before another one are compared with it while they are remembered; one that comes
# later still is compared with those of its own run alone.
FETCHES_KEPT = timedelta(hours=4)
ACTIVE_KEPT = timedelta(days=2)


@dataclass(frozen=True)
class State:
    """How far it has looked, and what it has learned."""

    looked: datetime | None  # when; None before the first run
    habits: Habits
    pages: Mapping[str, int] = field(default_factory=dict)  # day -> last page that was looked at
    seen: Mapping[Origin, Mapping[str, frozenset[str]]] = field(default_factory=dict)
    judged: Mapping[Origin, tuple[Fetch, ...]] = field(default_factory=dict)
    newest: Mapping[Origin, datetime] = field(default_factory=dict)  # read of a provider's log
    active: tuple[datetime, ...] = ()  # when somebody with credentials recorded reads
    verified: datetime | None = None  # when the last days of the trail were

    @classmethod
    def first(cls) -> "State":
        """Before the first run."""
        return cls(None, Habits.new(secrets.token_bytes(16)))

    def encode(self) -> bytes:
        """Its bytes: JSON."""
        fields = {
            "format": FORMAT,
            "looked": _text(self.looked) if self.looked else None,
            "habits": json.loads(self.habits.encode()),
            "pages": dict(self.pages),
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
            )
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise VerificationError(f"no state of the watch ({FORMAT})") from None


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat()


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
