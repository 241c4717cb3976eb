"""What is wrong with the trail itself, or with the eyes of the watch: pure decisions. No I/O."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime, timedelta

from unvoiced.audit.records import Recorded
from unvoiced.watch.alert import Alert, Kind, Level
from unvoiced.watch.event import Origin

CLOCK_TOLERANCE = timedelta(minutes=5)
# How long each log may be silent about reads that the trail shows: CloudTrail delivers within about
# five minutes on average, server access logs within a few hours, best effort.
BEHIND = {Origin.CLOUDTRAIL: timedelta(hours=1), Origin.ACCESS_LOG: timedelta(hours=24)}
_SLACK = timedelta(minutes=15)


def clocks(records: Iterable[Recorded]) -> Iterator[Alert]:
    """Records whose time is far from when the store received them, by requester."""
    far: dict[str, list[tuple[datetime, float]]] = defaultdict(list)
    for recorded in records:
        if recorded.record is None:
            continue
        off = recorded.record.moment - recorded.entry.modified
        if abs(off) > CLOCK_TOLERANCE:
            found = (recorded.entry.modified, off.total_seconds())
            far[recorded.record.requester].append(found)
    for requester, of_one in sorted(far.items()):
        yield Alert(
            Kind.CLOCK,
            Level.MEDIUM,
            requester,
            "records are dated far from when the store received them",
            start=min(when for when, _ in of_one),
            end=max(when for when, _ in of_one),
            numbers={
                "records": len(of_one),
                "seconds": max((off for _, off in of_one), key=abs),
                "limit": CLOCK_TOLERANCE.total_seconds(),
            },
        )


def damage(broken: int, strange: int, gaps: int, now: datetime) -> Iterator[Alert]:
    """`broken`: records and pages that are missing or changed; `strange`: objects that are none;
    `gaps`: sessions of which records are missing that no page names.

    Each is an alert of its own: whoever may create records can bring about the last two, and they
    are not to stand for the first.
    """
    found = (
        (Level.CRITICAL, "missing or changed", broken, "records or pages are missing or changed"),
        (Level.HIGH, "sessions", gaps, "sessions lack records that no page names"),
        (Level.MEDIUM, "planted", strange, "objects were planted that are no records or pages"),
    )
    for level, name, count, said in found:
        if count:
            yield Alert(Kind.TRAIL_DAMAGED, level, "", said, now, now, {name: count})


def lost(trouble: str, now: datetime) -> Iterator[Alert]:
    """`trouble`: what is wrong with what the watch remembered, "" for nothing."""
    if trouble:
        yield Alert(Kind.BLIND, Level.CRITICAL, "", trouble, start=now, end=now)


def blindness(
    troubles: Mapping[Origin, str],
    unreadable: Mapping[Origin, int],
    active: Collection[datetime],
    newest: Mapping[Origin, datetime],
    configured: Collection[Origin],
    now: datetime,
) -> Iterator[Alert]:
    """Logs that could not be read, or not all of them, or that say nothing of what was recorded."""
    for origin in sorted(configured):
        limit = BEHIND[origin]
        missed = [
            moment
            for moment in active
            if moment < now - limit and (origin not in newest or moment > newest[origin] + _SLACK)
        ]
        if why := troubles.get(origin):
            yield _blind(origin, f"{origin} could not be read: {why}", now, {})
        elif unreadable.get(origin):
            what = f"{origin} has entries that could not be read"
            yield _blind(origin, what, now, {"entries": unreadable[origin]})
        elif missed:
            behind = (now - min(missed)).total_seconds()
            numbers = {"seconds behind": behind, "limit": limit.total_seconds()}
            what = f"{origin} shows none of the reads that the trail has, for too long"
            yield _blind(origin, what, now, numbers)


def _blind(origin: Origin, what: str, now: datetime, numbers: Mapping[str, float]) -> Alert:
    return Alert(Kind.BLIND, Level.HIGH, str(origin), what, start=now, end=now, numbers=numbers)
