"""What is wrong with some reads, given the habits of who reads. Pure; no I/O.

A run of the watch is three lines, and its only memory is `habits.encode()`:

    alerts = look(events, habits, settings, now)
    habits = habits.learn(events, alerts, settings, now)   # a new one; `habits` is never changed
    store.put(..., habits.encode())

Each event is given once, in whichever run it arrives; late ones count for their own window and day.
Alerts that other modules raise about a requester are passed to `learn` too: a day with an alert
is not learned from, until a person accepts it (`habits.accept(requester)`). Until then it is raised
anew each day. What is read for a purpose is not counted on days for which as much is approved for
that purpose; an approval excuses no other purpose, and no other source.

1. Thresholds of the settings, for each window, at once; and half of all that anybody was known to
   read. Half as much again as is usual takes their place where that is more. (Stops: the fast
   dump.)
2. What is far from usual, of the day so far. (Stops: the dump over hours, somebody who starts to
   read a feature set or contributors they never read, another source, another purpose.)
3. Who is new (`newcomers`): a word that there is somebody, and stricter limits; one of them on all
   that the new sessions of a role ever read. (Stops: a dump by a new account, by an old one under
   names that it chooses, over weeks too.)
4. Small deviations, added up over days, of what was never read before. (Stops: the slow drip.)
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

import numpy as np

from unvoiced.audit.approvals import Approval
from unvoiced.sections import WatchSettings
from unvoiced.watch import limits, newcomers
from unvoiced.watch.alert import Alert, Kind, Level
from unvoiced.watch.event import AccessEvent, Origin
from unvoiced.watch.habits import Habits
from unvoiced.watch.limits import Usual
from unvoiced.watch.newcomers import HALF, SMALL, Company
from unvoiced.watch.seen import Limit, Seen
from unvoiced.watch.track import AT_ODD_HOURS, DRIPS, METRICS, Day, Track, metric_of
from unvoiced.watch.windows import WINDOW, WINDOWS_PER_DAY, Reading, gather, start_of

_BEYOND = 1.5  # times the usual, where that is more than a threshold
_LOUDER = 3.0  # times a limit
_ARRIVED = (
    0.1  # of what somebody reads on a day may be new: who reads everything reads what arrived
)
_LEVELS = tuple(Level)
_BY_HABIT = "by what is usual for this requester"


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
    return judge(readings, habits, habits.fold(readings, approvals), settings, now)


def judge(
    readings: Sequence[Reading],
    before: Habits,
    after: Habits,
    settings: WatchSettings,
    now: datetime,
) -> list[Alert]:
    """`look`, for reads that were added up, with the habits before and after `fold`."""
    loudest: dict[tuple[str, Kind, object], Alert] = {}
    of_tracks: dict[tuple[Origin, str], list[Reading]] = {}
    for reading in readings:
        of_tracks.setdefault((reading.origin, reading.requester), []).append(reading)
    company = Company(after, settings)
    seen_by_any_log = {requester for _, requester in before.tracks}
    for (origin, requester), of_one in of_tracks.items():
        track = after.tracks[origin, requester]
        found = list(_alerts(requester, of_one, track, company, settings, now))
        if origin is Origin.ADDRESSES:  # what was read is counted by the others
            found = [alert for alert in found if alert.kind is Kind.ELSEWHERE]
        if requester not in seen_by_any_log:
            found.append(newcomers.seen_first(requester, of_one, company))
        for alert in found:
            key = (alert.requester, alert.kind, alert.start.date())
            if key not in loudest or _loudness(alert) > _loudness(loudest[key]):
                loudest[key] = alert
    return sorted(loudest.values(), key=lambda alert: (_LEVELS.index(alert.level), alert.identity))


def _alerts(
    requester: str,
    readings: Sequence[Reading],
    track: Track,
    company: Company,
    settings: WatchSettings,
    now: datetime,
) -> Iterator[Alert]:
    new = company.is_new(requester)
    for day, of_day in _by_day(track, readings):
        first = start_of(day.number * WINDOWS_PER_DAY)
        seen = Seen(requester, day, first, max(now, first))
        of_window = newcomers.of_window if new else _of_window
        for window in sorted({reading.window for reading in of_day}):
            start = start_of(window)
            in_window = replace(seen, start=start, end=start + WINDOW)
            yield from of_window(in_window, window, of_day, track, company, settings)
        counts = track.measure(day)
        if new and day.counted:
            yield from newcomers.of_all(seen, company)
        if track.usual("distinct") is not None:
            yield from _far_from_usual(seen, counts, track, of_day)
            yield from _new_purposes(seen, track)
        yield from _drip(seen, counts, track)
        reads = sum(sum(windows.values()) for windows in day.counted.values())
        if 0 < settings.objects_per_day < reads:
            limit = (settings.objects_per_day, "[watch] objects_per_day")
            yield seen.alert(Kind.VOLUME, Level.CRITICAL, "reads on a day", reads, limit)


def _of_window(
    seen: Seen,
    window: int,
    readings: Sequence[Reading],
    track: Track,
    company: Company,
    settings: WatchSettings,
) -> Iterator[Alert]:
    """(1)."""
    reads, level = seen.reads(window), Level.CRITICAL
    # All that is known is never less than what this requester read, and costs more to add up.
    if reads > max(SMALL, min(track.objects.count, settings.objects_per_window) / HALF):
        limits_of_all = (
            (settings.objects_per_window, "[watch] objects_per_window"),
            (max(SMALL, company.known / HALF), "half of all that anybody is known to have read"),
        )
        peaks = [track.usual(f"peak {purpose}") for purpose in seen.day.counted]
        if not any(peaks):  # this log is new, and its reader is not
            peaks = company.usual(seen.requester, "peak ")
        limit = _or_habit(min(limits_of_all), peaks)
        if reads > limit[0]:
            yield seen.alert(Kind.VOLUME, level, "reads in five minutes", reads, limit)
    threshold = (settings.contributors_per_window, "[watch] contributors_per_window")
    limit = _or_habit(threshold, [track.usual("contributors")])
    contributors = seen.contributors(window, readings)
    if contributors > limit[0]:
        what = "contributors in five minutes"
        yield seen.alert(Kind.CONTRIBUTORS, level, what, contributors, limit)


def _or_habit(threshold: Limit, habits: Iterable[Usual | None]) -> Limit:
    """A threshold, or half as much again as is usual where that is more."""
    of_habit = [(_BEYOND * math.expm1(each.level), _BY_HABIT) for each in habits if each]
    return max(threshold, *of_habit) if of_habit else threshold


def _far_from_usual(
    seen: Seen, counts: Mapping[str, int], track: Track, readings: Sequence[Reading]
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
        if name == "new objects":
            limit = max(limit, arrived)
        if count <= limit:
            continue
        level = Level.HIGH if count > _LOUDER * limit else Level.MEDIUM
        if metric.kind is Kind.ELSEWHERE:
            level = Level.CRITICAL if _at_once(track, readings) else Level.HIGH
        yield seen.alert(metric.kind, level, metric.what, count, (limit, _BY_HABIT))
    excused, _ = seen.day.excused
    new, odd = track.usual("new objects"), seen.day.odd.new(track.objects.union(excused))
    if new is None:
        return
    limit = max(new.limit(AT_ODD_HOURS, limits.SPREADS / 2), arrived)
    if odd > limit:
        yield seen.alert(Kind.UNUSUAL, Level.MEDIUM, AT_ODD_HOURS.what, odd, (limit, _BY_HABIT))


def _at_once(track: Track, readings: Sequence[Reading]) -> bool:
    """Whether a source never seen before read beside one that was."""
    known = [bool(np.isin(reading.source, track.sources.hashes)) for reading in readings]
    return any(known) and not all(known)


def _new_purposes(seen: Seen, track: Track) -> Iterator[Alert]:
    for purpose in sorted(seen.day.counted.keys() - track.purposes - {""}):
        reads = sum(seen.day.counted[purpose].values())
        what = f"reads for {purpose}, for which it never read"
        yield seen.alert(Kind.UNUSUAL, Level.MEDIUM, what, reads, (0, _BY_HABIT))


def _drip(seen: Seen, counts: Mapping[str, int], track: Track) -> Iterator[Alert]:
    """(4)."""
    sums = track.sums_after(counts)
    for name in DRIPS:
        if sums.get(name, 0.0) > limits.DRIP_LIMIT:
            text = (
                f"{METRICS[name].what}: a little more than usual for days, "
                f"{sums[name]:.1f} deviations in all"
            )
            numbers = {METRICS[name].what: float(counts[name]), "deviations": round(sums[name], 2)}
            yield Alert(Kind.DRIP, Level.HIGH, seen.requester, text, seen.start, seen.end, numbers)


def _by_day(track: Track, readings: Sequence[Reading]) -> Iterator[tuple[Day, list[Reading]]]:
    """The days that some reads count for."""
    for day in track.days:
        of_day = [reading for reading in readings if day.holds(reading.window)]
        if of_day:
            yield day, of_day


def _loudness(alert: Alert) -> tuple[int, float]:
    count = max(alert.numbers.values(), default=0.0)
    return -_LEVELS.index(alert.level), count / max(alert.numbers.get("limit", 1.0), 1.0)
