"""What the watch knows of each requester: bounded, encodable, pure. No I/O.

- Habits are learned from whole days, six hours after they ended, so that late logs count.
- A day with an alert teaches nothing, until a person accepts it; that somebody is new is one. What
  was approved on a day is learned as read, and how much it was is not.
- Whatever is kept is bounded: so many requesters, days and hashes. Who is forgotten for want of
  room is a stranger again. Those who are new go first, by how little they read: records in invented
  names push nobody's habits out.
- Habits are kept for each log apart (`Origin`): what names a contributor differs between them, and
  one log must not excuse what another shows.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from typing import Any

import numpy as np
import rfc8785

from unvoiced.audit.approvals import Approval
from unvoiced.errors import VerificationError
from unvoiced.sections import WatchSettings
from unvoiced.watch.alert import Alert, Kind
from unvoiced.watch.event import AccessEvent, Origin
from unvoiced.watch.limits import Usual
from unvoiced.watch.sketch import NOTHING, Sketch
from unvoiced.watch.track import OBJECTS, Day, Doubt, Track
from unvoiced.watch.windows import WINDOWS_PER_DAY, Reading, gather, start_of, window_of

FORMAT = "unvoiced-habits/1"
_REQUESTERS = 128


@dataclass(frozen=True)
class Habits:
    """All requesters' habits. `Habits.new(os.urandom(16))` where there is no state yet.

    The salt keeps who reads from choosing objects that no sketch holds: the state stands where
    readers cannot read it (`watch/*` of the audit store).
    """

    salt: bytes
    tracks: Mapping[tuple[Origin, str], Track] = field(default_factory=dict)

    @classmethod
    def new(cls, salt: bytes) -> "Habits":
        """No habits; `salt`: 16 random bytes."""
        return cls(salt)

    def learn(
        self,
        events: Sequence[AccessEvent],
        alerts: Iterable[Alert],
        settings: WatchSettings,
        now: datetime,
        approvals: Sequence[Approval] = (),
    ) -> "Habits":
        """The habits after these events and the alerts about them; `self` stays as it is."""
        after = self.fold(gather(events, self.salt, now), approvals)
        return after.close(alerts, settings, now)

    def fold(self, readings: Sequence[Reading], approvals: Sequence[Approval] = ()) -> "Habits":
        """With these reads in their days, and nothing learned of them yet."""
        tracks = dict(self.tracks)
        for reading in readings:
            key = (reading.origin, reading.requester)
            track = tracks.get(key) or Track(reading.window // WINDOWS_PER_DAY)
            tracks[key] = track.with_reading(reading, _approved(approvals, reading))
        return replace(self, tracks=tracks)

    def close(self, alerts: Iterable[Alert], settings: WatchSettings, now: datetime) -> "Habits":
        """With days of alerts doubted, and those that are over learned.

        A day is doubted in all logs, those that come later too. An alert that somebody is new which
        names nobody is about all that are.
        """
        doubted: dict[str, set[int]] = {}
        for alert in alerts:
            number = window_of(alert.start) // WINDOWS_PER_DAY
            about = {alert.requester}
            if alert.kind is Kind.STRANGER and not alert.requester:
                about = self.first_seen()
            for requester in about:
                doubted.setdefault(requester, set()).add(number)
        for (_, requester), track in self.tracks.items():
            numbers = {day.number for day in track.days if day.doubted}
            doubted.setdefault(requester, set()).update(numbers)
        window = window_of(now)
        tracks = dict(self.tracks)
        for key, track in self.tracks.items():
            if track.days:
                # What came late counts for the first day that is not over.
                numbers = {max(each, track.over + 1) for each in doubted.get(key[1], ())}
                days = tuple(
                    replace(day, doubted=True) if day.number in numbers else day
                    for day in track.days
                )
                tracks[key] = replace(track, days=days).close(window, settings.baseline_days)
        today = window // WINDOWS_PER_DAY
        return replace(self, tracks=_bounded(tracks, today - settings.baseline_days))

    def first_seen(self) -> set[str]:
        """Requesters of whom no day is over."""
        before = {requester for (_, requester), track in self.tracks.items() if track.over >= 0}
        return {requester for _, requester in self.tracks} - before

    def accept(self, requester: str) -> "Habits":
        """A person says that what raised alerts about this requester is normal from now on."""
        return replace(
            self,
            tracks={
                key: track.accept() if key[1] == requester else track
                for key, track in self.tracks.items()
            },
        )

    def known(self) -> Sketch:
        """All objects that anybody who is no longer new was learned to read."""
        sketches = [track.objects for track in self.tracks.values() if track.settled]
        level = max((sketch.level for sketch in sketches), default=0)
        held = [sketch.hashes for sketch in sketches]
        return Sketch(OBJECTS, level).add(np.concatenate([NOTHING, *held]))

    def encode(self) -> bytes:
        """Canonical JSON (RFC 8785)."""
        tracks = [
            {"origin": str(origin), "requester": requester, **_plain(track)}
            for (origin, requester), track in sorted(self.tracks.items())
        ]
        return rfc8785.dumps({"format": FORMAT, "salt": self.salt.hex(), "tracks": tracks})

    @classmethod
    def decode(cls, data: bytes) -> "Habits":
        """What `encode` made. Raises `VerificationError` for anything else."""
        try:
            said = json.loads(data)
            if said["format"] != FORMAT:
                raise ValueError(FORMAT)
            tracks = {
                (Origin(each.pop("origin")), str(each.pop("requester"))): _track(each)
                for each in said["tracks"]
            }
            return cls(bytes.fromhex(said["salt"]), tracks)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            raise VerificationError(f"no habits of the watch ({FORMAT})") from None


def _approved(approvals: Sequence[Approval], reading: Reading) -> int:
    """How many reads are approved for the purpose and the day of these; as the quota has it, of
    several approvals for one purpose the largest. Where a log knows no purposes, of all.
    """
    day = f"{start_of(reading.window):%Y-%m-%d}"
    found: dict[str, int] = {}
    for each in approvals:
        if each.requester == reading.requester and each.first <= day <= each.until:
            found[each.purpose] = max(each.objects, found.get(each.purpose, 0))
    return found.get(reading.purpose, 0) if reading.purpose else sum(found.values())


def _bounded(
    tracks: Mapping[tuple[Origin, str], Track], oldest: int
) -> dict[tuple[Origin, str], Track]:
    """Without the requesters for whom there is no room; `oldest`: a day that is long ago."""
    if len({requester for _, requester in tracks}) <= _REQUESTERS:
        return dict(tracks)
    ranks: dict[str, tuple[bool, int, int]] = {}
    for (_, requester), track in tracks.items():
        recent = track.last >= oldest
        rank = (recent and track.settled, recent * track.learned, track.last)
        if not track.learned:
            rank = (recent and track.settled, 0, recent * track.all_objects.count)
        ranks[requester] = max(rank, ranks.get(requester, rank))
    kept = set(sorted(ranks, key=lambda each: (ranks[each], each))[-_REQUESTERS:])
    return {key: track for key, track in tracks.items() if key[1] in kept}


def _plain(value: Any) -> Any:  # any of the records above, or what they hold
    if isinstance(value, Sketch):
        return value.encode()
    if isinstance(value, Mapping):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    if isinstance(value, Track | Day | Doubt | Usual):
        return {each.name: _plain(getattr(value, each.name)) for each in fields(value)}
    return value


def _sketches(said: dict[str, Any]) -> dict[str, Any]:
    names = {"objects", "contributors", "sources", "odd"}
    names |= {"approved_objects", "approved_contributors"}
    return {**said, **{name: Sketch.decode(said[name]) for name in names if name in said}}


def _day(said: dict[str, Any]) -> Day:
    counts = {
        str(purpose): {int(window): int(count) for window, count in windows.items()}
        for purpose, windows in said["counts"].items()
    }
    recent = {int(window): Sketch.decode(each) for window, each in said["recent"].items()}
    return Day(**{**_sketches(said), "counts": counts, "recent": recent})


def _track(said: dict[str, Any]) -> Track:
    doubt = _sketches(said["doubt"])
    history = {
        name: tuple((int(day), int(count)) for day, count in pairs)
        for name, pairs in said["history"].items()
    }
    return Track(
        **{
            **_sketches(said),
            "days": tuple(_day(each) for each in said["days"]),
            "history": history,
            "anchors": {name: Usual(**each) for name, each in said["anchors"].items()},
            "purposes": frozenset(said["purposes"]),
            "hours": tuple(int(each) for each in said["hours"]),
            "doubt": Doubt(**{**doubt, "purposes": frozenset(doubt["purposes"])}),
        }
    )
