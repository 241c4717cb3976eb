"""What the watch knows of each requester: bounded, encodable, pure. No I/O.

- Habits are learned from whole days, six hours after they ended, so that late logs count.
- A day with an alert teaches nothing, until a person accepts it; a day for which more was approved
  teaches what was read, and not how much.
- Whatever is kept is bounded: so many requesters, days and hashes. A requester who is forgotten for
  want of room, the one longest unseen, is a stranger again.
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
from unvoiced.watch.sample import NOTHING, Sample
from unvoiced.watch.track import OBJECTS, Day, Doubt, Track
from unvoiced.watch.windows import WINDOWS_PER_DAY, Reading, gather, start_of, window_of

FORMAT = "unvoiced-habits/1"
_REQUESTERS = 128
# What raises these says nothing of whether the reads were as usual.
_TEACHES = frozenset({Kind.STRANGER, Kind.BLIND})


@dataclass(frozen=True)
class Habits:
    """All requesters' habits. `Habits.new(os.urandom(16))` where there is no state yet.

    The salt keeps who reads from choosing objects that no sample holds: the state stands where
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
            tracks[key] = track.with_reading(reading, _is_approved(approvals, reading))
        return replace(self, tracks=tracks)

    def close(self, alerts: Iterable[Alert], settings: WatchSettings, now: datetime) -> "Habits":
        """With days of alerts doubted, and those that are over learned."""
        doubted: dict[str, set[int]] = {}
        for alert in alerts:
            if alert.kind not in _TEACHES:
                number = window_of(alert.start) // WINDOWS_PER_DAY
                doubted.setdefault(alert.requester, set()).add(number)
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
        for key in sorted(tracks, key=lambda key: (-tracks[key].last, key))[_REQUESTERS:]:
            del tracks[key]
        return replace(self, tracks=tracks)

    def accept(self, requester: str) -> "Habits":
        """A person says that what raised alerts about this requester is normal from now on."""
        return replace(
            self,
            tracks={
                key: track.accept() if key[1] == requester else track
                for key, track in self.tracks.items()
            },
        )

    def known(self) -> Sample:
        """All objects that anybody was learned to read."""
        samples = [track.objects for track in self.tracks.values()]
        level = max((sample.level for sample in samples), default=0)
        held = [sample.hashes for sample in samples]
        return Sample(OBJECTS, level).add(np.concatenate([NOTHING, *held]))

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


def _is_approved(approvals: Sequence[Approval], reading: Reading) -> bool:
    day = f"{start_of(reading.window):%Y-%m-%d}"
    return any(
        approval.requester == reading.requester
        and reading.purpose in {approval.purpose, ""}
        and approval.first <= day <= approval.until
        for approval in approvals
    )


def _plain(value: Any) -> Any:  # any of the records above, or what they hold
    if isinstance(value, Sample):
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


def _samples(said: dict[str, Any]) -> dict[str, Any]:
    names = ("objects", "contributors", "sources", "odd")
    return {**said, **{name: Sample.decode(said[name]) for name in names if name in said}}


def _day(said: dict[str, Any]) -> Day:
    counts = {
        str(purpose): {int(window): int(count) for window, count in windows.items()}
        for purpose, windows in said["counts"].items()
    }
    recent = {int(window): Sample.decode(each) for window, each in said["recent"].items()}
    return Day(**{**_samples(said), "counts": counts, "recent": recent})


def _track(said: dict[str, Any]) -> Track:
    doubt = _samples(said["doubt"])
    history = {
        name: tuple((int(day), int(count)) for day, count in pairs)
        for name, pairs in said["history"].items()
    }
    return Track(
        **{
            **_samples(said),
            "days": tuple(_day(each) for each in said["days"]),
            "history": history,
            "anchors": {name: Usual(**each) for name, each in said["anchors"].items()},
            "purposes": frozenset(said["purposes"]),
            "hours": tuple(int(each) for each in said["hours"]),
            "doubt": Doubt(**{**doubt, "purposes": frozenset(doubt["purposes"])}),
        }
    )
