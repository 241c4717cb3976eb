"""One run of the watch, in this order:

1. Tie the trail: what stands by now cannot be taken away unseen (INV-12).
2. Read what is new: records of new pages, new files of the provider's logs.
3. Judge it: against habits and thresholds, five minutes after five minutes, however late this run
   is; the provider's log against the trail; the trail against its pages; clocks.
4. Put what was found.
5. Remember how far this run looked, last.

What was put and nobody was told of is told afterwards (`raised.untold`, `raised.mark_told`), by
this run or, where it dies, by the next one.
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta

from unvoiced.audit import approvals as approval_notes
from unvoiced.audit.approvals import Approval
from unvoiced.audit.page import is_over
from unvoiced.audit.pages import Tied, tie
from unvoiced.audit.report import TrailReport
from unvoiced.audit.verify import verify_trail
from unvoiced.errors import AlreadyExists, Changed, VerificationError
from unvoiced.log.note import Verifier
from unvoiced.watch import checks, raised, remembered, tally
from unvoiced.watch.alert import Alert
from unvoiced.watch.compare import AFTER, READS_BEFORE, RECORDS_BEFORE, Comparison, compare
from unvoiced.watch.detect import look
from unvoiced.watch.event import AccessEvent, Origin
from unvoiced.watch.habits import Habits
from unvoiced.watch.provider import Buckets, ProviderRead
from unvoiced.watch.raised import Raised
from unvoiced.watch.remembered import Remembered
from unvoiced.watch.report import Report
from unvoiced.watch.sources import Taken, take
from unvoiced.watch.standing import Standing
from unvoiced.watch.state import ACTIVE_KEPT, FETCHES_KEPT, State, recent
from unvoiced.watch.trail import NewRecords, events_of, new_records, recorded_objects
from unvoiced.watch.watcher import Watcher
from unvoiced.watch.windows import WINDOW_SECONDS, network, start_of, window_of

# The first run raises no alarm about what is older; it learns from it.
FIRST_LOOK = timedelta(days=1)
VERIFY_EVERY = timedelta(hours=1)
_WINDOW = timedelta(seconds=WINDOW_SECONDS)


@dataclass
class _Found:
    """What one run gathers before it puts anything."""

    alerts: list[Alert] = field(default_factory=list)
    events: list[AccessEvent] = field(default_factory=list)
    report: Report = field(default_factory=Report)


def watch(watcher: Watcher) -> Report:
    """Look once.

    Raises `StoreError`, `VerificationError` where the trail or the log cannot be read: then nothing
    can be put, and it is for the caller to tell.
    """
    now = watcher.now().astimezone(UTC)
    found = _Found()
    recalled = _recall(watcher)
    state = recalled.state or State.first()
    found.alerts += checks.lost(recalled.trouble, now)
    tied = tie(watcher.audit, watcher.accounts, watcher.now)
    audited = watcher.accounts.current().audited
    new = new_records(watcher.audit, audited, tied, state, now)
    verified = _check_trail(watcher, state, tied, new, found, now)
    found.events += [event for recorded in new.records for event in events_of(recorded)]
    found.report.tied, found.report.recorded = tied.records, len(found.events)
    since = now - FIRST_LOOK if state.looked is None else datetime.min.replace(tzinfo=UTC)
    found.alerts += checks.clocks(one for one in new.records if one.entry.modified > since)
    state = _with_activity(state, found.events, now)
    state = _look_at_provider(watcher, state, found, now)
    habits = _judge(watcher, state, found, now)
    alerts = tally.once_each(found.alerts)
    found.report.alerts = tuple(alerts)
    due = tally.due(tally.count(state.tallies, found.alerts, now), alerts, now)
    found.report.new = len(raised.raise_alerts(watcher.audit, due.alerts, habits.salt))
    found.report.take_habits(habits, Standing(watcher.settings.roles), now)
    yesterday = datetime.combine(now.date() - timedelta(days=1), time(), UTC)
    found.report.take_standing(raised.kept(watcher.audit, yesterday, state.accepted))
    after = replace(
        state,
        looked=now,
        habits=habits,
        pages=new.pages,
        digests=new.digests,
        verified=verified,
        tallies=due.tallies,
    )
    with suppress(AlreadyExists, Changed):
        # Where another run did so at the same time, the next one looks again at what it had not
        # seen.
        remembered.keep(watcher.audit, after, recalled.version, watcher.signer)
    return found.report


def accept(watcher: Watcher, requester: str, by: str) -> list[Raised]:
    """A person, `by`, says that what was noticed of somebody is normal from now on.

    Returns the alerts that stood and count as usual now, newest first. Raises `InputError` where
    nothing was seen of them, `Changed` where a run ended meanwhile, `VerificationError` where what
    the watch remembers is not its own.
    """
    recalled = remembered.recall(watcher.audit, watcher.signer.verifier)
    if recalled.trouble:
        raise VerificationError(f"{recalled.trouble}, by the next run of the watch")
    state = recalled.state or State.first()
    changed = state.accept(requester, by, watcher.now().astimezone(UTC))
    earlier = raised.kept(watcher.audit, datetime.min.replace(tzinfo=UTC), state.accepted)
    remembered.keep(watcher.audit, changed, recalled.version, watcher.signer)
    word = changed.accepted[-1]
    return [
        replace(one, accepted=word)
        for one in earlier
        if one.accepted is None and word.is_about(one.alert, one.time)
    ]


def _recall(watcher: Watcher) -> Remembered:
    recalled = remembered.recall(watcher.audit, watcher.signer.verifier)
    if recalled.state is not None or recalled.trouble:
        return recalled
    if watcher.accounts.current().audited or any(watcher.audit.list(raised.ALERTS)):
        return replace(recalled, trouble="what the watch remembered is gone: it begins anew")
    return remembered.begin(watcher.audit, watcher.signer)


def _check_trail(
    watcher: Watcher, state: State, tied: Tied, new: NewRecords, found: _Found, now: datetime
) -> datetime | None:
    """Whether the trail stands; returns when its last days were verified."""
    days = watcher.settings.retention.audit_days
    gone = [*tied.missing, *new.changed]
    missing = {one.name for one in gone if not is_over(one.put, days, now, one.name.split("/")[1])}
    missing |= {*tied.vanished, *new.damaged}
    strange = {*tied.foreign, *tied.ahead}
    strange |= {recorded.entry.name for recorded in new.records if recorded.record is None}
    verified = state.verified
    gaps = set[str]()
    if verified is None or now - verified >= VERIFY_EVERY:
        report = _verify(watcher, now)
        strange |= {one.name for one in report.planted}
        gaps = {one.name for one in report.gaps}
        missing |= {one.name for one in report.damage}
        verified = now
    found.alerts += checks.damage(len(missing), len(strange - missing), len(gaps), now)
    return verified


def _verify(watcher: Watcher, now: datetime) -> TrailReport:
    return verify_trail(
        watcher.audit,
        watcher.settings.log_reader(),
        audit_days=watcher.settings.retention.audit_days,
        now=now,
        since=(now - timedelta(days=1)).date(),
    )


def _with_activity(state: State, events: Iterable[AccessEvent], now: datetime) -> State:
    """When somebody with credentials recorded reads: the provider's log has to show reads then."""
    active = {moment for moment in state.active if moment > now - ACTIVE_KEPT}
    active |= {
        start_of(window_of(event.moment))
        for event in events
        if not event.requester.startswith("os-user:") and event.moment > now - ACTIVE_KEPT
    }
    return replace(state, active=tuple(sorted(active)))


def _look_at_provider(watcher: Watcher, state: State, found: _Found, now: datetime) -> State:
    buckets = Buckets(watcher.settings.places())
    standing = Standing(watcher.settings.roles)
    troubles = dict(watcher.unopened)
    unreadable: dict[Origin, int] = {}
    for origin, store in sorted(watcher.provider.items()):
        taken = take(store, origin, buckets, state.seen.get(origin, {}), state.looked or now, now)
        if taken.trouble:
            troubles[origin] = taken.trouble
        unreadable[origin] = taken.parsed.unreadable
        state, result = _compared(watcher, state, origin, taken, standing, now)
        found.alerts += result.alerts
        found.events += [read.event() for read in result.beside]
        found.events += _addresses(result.features)
        found.report.take_source(origin, taken.files, taken.waiting, result.reads)
    found.alerts += checks.blindness(
        troubles,
        unreadable,
        state.active,
        state.newest,
        {*watcher.provider, *watcher.unopened},
        now,
    )
    return state


def _compared(
    watcher: Watcher,
    state: State,
    origin: Origin,
    taken: Taken,
    standing: Standing,
    now: datetime,
) -> tuple[State, Comparison]:
    reads = taken.parsed.reads
    judged = state.judged.get(origin, ())
    newest = state.newest
    result = Comparison()
    if state.looked is None:
        reads = [read for read in reads if read.moment > now - FIRST_LOOK]
    if reads:
        first, last = min(one.moment for one in reads), max(one.moment for one in reads)
        result = compare(
            reads,
            recorded_objects(watcher.audit, first - RECORDS_BEFORE, last + AFTER),
            [one for one in judged if first - READS_BEFORE <= one.moment],
            standing,
            state.days.get(origin, {}),
        )
        newest = {**newest, origin: max(min(last, now), newest.get(origin, first))}
        state = replace(state, days={**state.days, origin: recent(result.days, now)})
    kept = [one for one in (*judged, *result.judged) if one.moment > now - FETCHES_KEPT]
    return (
        replace(
            state,
            seen={
                **state.seen,
                origin: {day: frozenset(names) for day, names in taken.seen.items()},
            },
            judged={**state.judged, origin: tuple(kept)},
            newest=newest,
        ),
        result,
    )


def _addresses(reads: Iterable[ProviderRead]) -> Iterable[AccessEvent]:
    """From where each read features, once for every five minutes and network.

    Of a read that the trail has, too: from where it was made is the provider's to say. What a
    record says of it is its writer's.
    """
    found = {(one.requester, window_of(one.moment), network(one.source)): one for one in reads}
    for one in found.values():
        yield AccessEvent(Origin.ADDRESSES, one.moment, one.requester, one.source, "", "", 0)


def _judge(watcher: Watcher, state: State, found: _Found, now: datetime) -> Habits:
    """Look at what is new window by window, each as if the run had come at its end."""
    settings, habits = watcher.settings.watch, state.habits
    approvals = _approvals(watcher)
    others = list(found.alerts)
    at = state.looked or now - timedelta(days=settings.baseline_days)
    silent_until = now - FIRST_LOOK if state.looked is None else None
    for batch in _windows(found.events):
        ended = start_of(window_of(batch[0].moment)) + _WINDOW
        at = max(at, min(ended, now))
        alerts = look(batch, habits, settings, at, approvals)
        if silent_until is not None and batch[-1].moment < silent_until:
            alerts = []
        found.alerts += alerts
        habits = habits.learn(batch, [*others, *alerts], settings, at, approvals)
    return habits.learn((), others, settings, now, approvals)


def _windows(events: Iterable[AccessEvent]) -> Iterable[Sequence[AccessEvent]]:
    groups: dict[int, list[AccessEvent]] = {}
    for event in events:
        groups.setdefault(window_of(event.moment), []).append(event)
    for _, group in sorted(groups.items()):
        yield sorted(group, key=lambda event: event.moment)


def _approvals(watcher: Watcher) -> list[Approval]:
    verifier = Verifier.parse(watcher.settings.log_vkey)
    ledger = watcher.accounts.current()
    return [
        one.approval
        for one in approval_notes.approvals(watcher.audit, verifier, ledger)
        if one.approval is not None
    ]
