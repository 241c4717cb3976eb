"""What is wrong with some reads, given the habits of who reads. Pure; no I/O.

A run of the watch is three lines, and its only memory is `habits.encode()`:

    alerts = look(events, habits, settings, now)
    habits = habits.learn(events, alerts, settings, now)   # a new one; `habits` is never changed
    store.put(..., habits.encode())

Each event is given once, in whichever run it arrives; late ones count for their own window and day.
Alerts that other modules raise about a requester are passed to `learn` too: a day with an alert
is not learned from, until a person accepts it (`habits.accept(requester)`). Until then it is raised
anew each day. Approvals lift limits by their number of objects, on their days, and excuse neither
another source nor a purpose that was not approved.

1. Thresholds of the settings, for each window, at once; and half of all that anybody was known to
   read. Half as much again as is usual takes their place where that is more. (Stops: the fast
   dump.)
2. What is far from usual, of the day so far. (Stops: the dump over hours, somebody who starts to
   read a feature set or contributors they never read, another source, another purpose.)
3. Where there is no habit yet: stricter limits, and a word that there is somebody new. (Stops: a
   dump by a new account.)
4. Small deviations, added up over days, of what was never read before. (Stops: the slow drip.)
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np

from unvoiced.audit.approvals import Approval
from unvoiced.sections import WatchSettings
from unvoiced.watch import limits
from unvoiced.watch.alert import Alert, Kind, Level
from unvoiced.watch.event import AccessEvent, Origin
from unvoiced.watch.habits import Habits
from unvoiced.watch.limits import Usual
from unvoiced.watch.sample import Sample
from unvoiced.watch.track import AT_ODD_HOURS, CONTRIBUTORS, DRIPS, METRICS, Day, Track, metric_of
from unvoiced.watch.windows import WINDOW_SECONDS, WINDOWS_PER_DAY, Reading, gather, start_of

WINDOW = timedelta(seconds=WINDOW_SECONDS)
NEW_SHARE = 10  # of the thresholds, and of all that is known: who has no habits gets a tenth
_FEW = 50  # objects that anybody may read on a day
_SMALL = 200  # reads in five minutes that are no bulk, however little there is
_HALF = 2  # of all that is known, in five minutes, is bulk, whatever the threshold
_BEYOND = 1.5  # times the usual, where that is more than a threshold
_LOUDER = 3.0  # times a limit
_ARRIVED = (
    0.1  # of what somebody reads on a day may be new: who reads everything reads what arrived
)
_LEVELS = tuple(Level)


def look(
    events: Sequence[AccessEvent],
    habits: Habits,
    settings: WatchSettings,
    now: datetime,
    approvals: Sequence[Approval] = (),
) -> list[Alert]:
    """Alerts about these events, loudest first; one of each kind for a requester and day.

    Those about a day end at `now`.
    """
    readings = gather(events, habits.salt, now)
    return judge(readings, habits, habits.fold(readings, approvals), settings, now, approvals)


def judge(
    readings: Sequence[Reading],
    before: Habits,
    after: Habits,
    settings: WatchSettings,
    now: datetime,
    approvals: Sequence[Approval] = (),
) -> list[Alert]:
    """`look`, for reads that were added up, with the habits before and after `fold`."""
    loudest: dict[tuple[str, Kind, object], Alert] = {}
    of_tracks: dict[tuple[Origin, str], list[Reading]] = {}
    for reading in readings:
        of_tracks.setdefault((reading.origin, reading.requester), []).append(reading)
    seen_by_any_log = {requester for _, requester in before.tracks}
    for (origin, requester), of_one in of_tracks.items():
        track = after.tracks[origin, requester]
        found = list(_alerts(requester, of_one, track, after, settings, approvals, now))
        if requester not in seen_by_any_log:
            found.append(_stranger(requester, of_one))
        for alert in found:
            key = (alert.requester, alert.kind, alert.start.date())
            if key not in loudest or _loudness(alert) > _loudness(loudest[key]):
                loudest[key] = alert
    return sorted(loudest.values(), key=lambda alert: (_LEVELS.index(alert.level), alert.identity))


def _alerts(
    requester: str,
    readings: Sequence[Reading],
    track: Track,
    habits: Habits,
    settings: WatchSettings,
    approvals: Sequence[Approval],
    now: datetime,
) -> Iterator[Alert]:
    for day, of_day in _by_day(track, readings):
        first = start_of(day.number * WINDOWS_PER_DAY)
        name = f"{first:%Y-%m-%d}"
        during = [
            approval
            for approval in approvals
            if approval.requester == requester and approval.first <= name <= approval.until
        ]
        seen = _Seen(requester, day, first, max(now, first), during)
        for window in sorted({reading.window for reading in of_day}):
            yield from _of_window(seen, window, of_day, track, habits, settings)
        counts = track.measure(day)
        if track.usual("distinct") is None:
            yield from _without_habits(seen, counts, habits, settings)
        else:
            yield from _far_from_usual(seen, counts, track, of_day)
            yield from _new_purposes(seen, track)
        yield from _drip(seen, counts, track)
        reads = sum(sum(windows.values()) for windows in day.counts.values())
        limit = settings.objects_per_day + seen.approved()
        if settings.objects_per_day > 0 and limit < reads:
            yield seen.alert(Kind.VOLUME, Level.CRITICAL, "reads on a day", reads, limit)


@dataclass(frozen=True)
class _Seen:
    """A requester's day, and what is approved for it."""

    requester: str
    day: Day
    start: datetime
    end: datetime  # of what has been seen of it
    approvals: Sequence[Approval]

    def approved(self, purpose: str | None = None) -> int:
        """How many objects beyond the usual, for one purpose or any."""
        return sum(each.objects for each in self.approvals if purpose in {None, "", each.purpose})

    def alert(self, kind: Kind, level: Level, what: str, count: float, limit: float) -> Alert:
        """An alert about a number that is above its limit."""
        text = f"{what}: {count:,.0f}, where {math.floor(limit):,} is the limit"
        numbers = {what: float(count), "limit": round(limit, 1)}
        return Alert(kind, level, self.requester, text, self.start, self.end, numbers)


def _of_window(
    seen: _Seen,
    window: int,
    readings: Sequence[Reading],
    track: Track,
    habits: Habits,
    settings: WatchSettings,
) -> Iterator[Alert]:
    """(1), and (3) for a window."""
    start = start_of(window)
    of_window = replace(seen, start=start, end=start + WINDOW)
    habit = track.usual("distinct") is not None
    share = 1 if habit else NEW_SHARE
    level = Level.CRITICAL if habit else Level.HIGH
    reads = sum(windows.get(window, 0) for windows in seen.day.counts.values())
    # All that is known is never less than what this requester read, and costs more to add up.
    if reads > max(_SMALL, min(track.objects.count, settings.objects_per_window / share) / _HALF):
        known = _known(habits, settings)
        threshold = min(settings.objects_per_window / share, max(_SMALL, known / _HALF))
        peaks = [track.usual(f"peak {purpose}") for purpose in seen.day.counts]
        limit = _or_habit(threshold, peaks) + seen.approved()
        if reads > limit:
            level = Level.CRITICAL if reads > settings.objects_per_window else level
            yield of_window.alert(Kind.VOLUME, level, "reads in five minutes", reads, limit)
    contributors = seen.day.recent.get(window, Sample(CONTRIBUTORS))
    for reading in readings:
        if reading.window == window:
            contributors = contributors.add(reading.contributors)
    threshold = settings.contributors_per_window / share
    limit = _or_habit(threshold, [track.usual("contributors")]) + seen.approved()
    if contributors.count > limit:
        what = "contributors in five minutes"
        yield of_window.alert(Kind.CONTRIBUTORS, level, what, contributors.count, limit)


def _known(habits: Habits, settings: WatchSettings) -> int:
    """How many objects there are, as far as anybody read them; the threshold while nobody has
    habits.
    """
    if any(track.usual("distinct") for track in habits.tracks.values()):
        return habits.known().count
    return settings.objects_per_window


def _or_habit(threshold: float, habits: Iterable[Usual | None]) -> float:
    """A threshold, or half as much again as is usual where that is more."""
    return max([threshold, *(_BEYOND * math.expm1(each.level) for each in habits if each)])


def _far_from_usual(
    seen: _Seen, counts: Mapping[str, int], track: Track, readings: Sequence[Reading]
) -> Iterator[Alert]:
    """(2)."""
    distinct = track.usual("distinct")
    assert distinct is not None  # noqa: S101 - asked before
    arrived = _ARRIVED * math.expm1(distinct.level)
    for name, count in counts.items():
        usual, metric = track.usual(name), metric_of(name)
        if usual is None:
            continue
        limit = usual.limit(metric)
        if metric.kind is not Kind.ELSEWHERE:
            limit += seen.approved(name.partition(" ")[2] if name not in METRICS else None)
        if name == "new objects":
            limit = max(limit, arrived)
        if count <= limit:
            continue
        level = Level.HIGH if count > _LOUDER * limit else Level.MEDIUM
        if metric.kind is Kind.ELSEWHERE:
            level = Level.CRITICAL if _at_once(track, readings) else Level.HIGH
        yield seen.alert(metric.kind, level, metric.what, count, limit)
    new, odd = track.usual("new objects"), seen.day.odd.new(track.objects)
    if new is None:
        return
    limit = max(new.limit(AT_ODD_HOURS, limits.SPREADS / 2) + seen.approved(), arrived)
    if odd > limit:
        yield seen.alert(Kind.UNUSUAL, Level.MEDIUM, AT_ODD_HOURS.what, odd, limit)


def _at_once(track: Track, readings: Sequence[Reading]) -> bool:
    """Whether a source never seen before read beside one that was."""
    known = [bool(np.isin(reading.source, track.sources.hashes)) for reading in readings]
    return any(known) and not all(known)


def _new_purposes(seen: _Seen, track: Track) -> Iterator[Alert]:
    for purpose in sorted(seen.day.counts.keys() - track.purposes - {""}):
        if not seen.approved(purpose):
            reads = sum(seen.day.counts[purpose].values())
            what = f"reads for {purpose}, for which it never read"
            yield seen.alert(Kind.UNUSUAL, Level.MEDIUM, what, reads, 0)


def _without_habits(
    seen: _Seen, counts: Mapping[str, int], habits: Habits, settings: WatchSettings
) -> Iterator[Alert]:
    """(3) for a day."""
    limit = max(_FEW, _known(habits, settings) / NEW_SHARE) + seen.approved()
    if counts["distinct"] > limit:
        what = "different objects, by somebody who has no habits yet"
        yield seen.alert(Kind.UNUSUAL, Level.HIGH, what, counts["distinct"], limit)


def _drip(seen: _Seen, counts: Mapping[str, int], track: Track) -> Iterator[Alert]:
    """(4)."""
    if seen.approvals:
        return
    sums = track.sums_after(counts)
    for name in DRIPS:
        if sums.get(name, 0.0) > limits.DRIP_LIMIT:
            text = (
                f"{METRICS[name].what}: a little more than usual for days, "
                f"{sums[name]:.1f} deviations in all"
            )
            numbers = {METRICS[name].what: float(counts[name]), "deviations": round(sums[name], 2)}
            yield Alert(Kind.DRIP, Level.HIGH, seen.requester, text, seen.start, seen.end, numbers)


def _stranger(requester: str, readings: Sequence[Reading]) -> Alert:
    start = start_of(min(reading.window for reading in readings))
    end = start_of(max(reading.window for reading in readings)) + WINDOW
    reads = sum(reading.count for reading in readings)
    what = f"{reads:,} reads by somebody who was never seen before"
    return Alert(Kind.STRANGER, Level.MEDIUM, requester, what, start, end, {"reads": float(reads)})


def _by_day(track: Track, readings: Sequence[Reading]) -> Iterator[tuple[Day, list[Reading]]]:
    """The days that some reads count for."""
    for day in track.days:
        of_day = [reading for reading in readings if day.holds(reading.window)]
        if of_day:
            yield day, of_day


def _loudness(alert: Alert) -> tuple[int, float]:
    count = max(alert.numbers.values(), default=0.0)
    return -_LEVELS.index(alert.level), count / max(alert.numbers.get("limit", 1.0), 1.0)
