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
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from unvoiced.audit import approvals as approval_notes
from unvoiced.audit.approvals import Approval
from unvoiced.audit.page import is_over
from unvoiced.audit.pages import Tied, tie
from unvoiced.audit.verify import TrailReport, verify_trail
from unvoiced.errors import AlreadyExists, Changed, InputError, NotFound, VerificationError
from unvoiced.log.note import Verifier
from unvoiced.stores import Store
from unvoiced.watch import checks, raised
from unvoiced.watch.alert import Alert, Kind, Level
from unvoiced.watch.compare import AFTER, READS_BEFORE, RECORDS_BEFORE, Comparison, compare
from unvoiced.watch.detect import look
from unvoiced.watch.event import AccessEvent, Origin
from unvoiced.watch.habits import Habits
from unvoiced.watch.provider import Buckets
from unvoiced.watch.report import Report
from unvoiced.watch.sources import Taken, take
from unvoiced.watch.standing import Standing
from unvoiced.watch.state import ACTIVE_KEPT, FETCHES_KEPT, NAME, State
from unvoiced.watch.trail import NewRecords, events_of, new_records, recorded_objects
from unvoiced.watch.watcher import Watcher
from unvoiced.watch.windows import WINDOW_SECONDS, start_of, window_of

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
    state, version = _load(watcher.audit, found, now)
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
    alerts = _once_each(found.alerts)
    found.report.alerts = tuple(alerts)
    found.report.new = len(raised.raise_alerts(watcher.audit, alerts))
    found.report.take_habits(habits, Standing(watcher.settings.roles), now)
    remembered = State(
        looked=now,
        habits=habits,
        pages=new.pages,
        seen=state.seen,
        judged=state.judged,
        newest=state.newest,
        active=state.active,
        verified=verified,
    )
    _save(watcher.audit, remembered, version)
    return found.report


def accept(watcher: Watcher, requester: str) -> None:
    """A person says that what was noticed of somebody is normal from now on.

    Raises `InputError` where nothing was seen of them, `Changed` where a run ended meanwhile.
    """
    stored = watcher.audit.get(NAME)
    state = State.decode(stored.data)
    if all(requester != known for _, known in state.habits.tracks):
        raise InputError(f"the watch has seen nothing of {requester!r}")
    changed = replace(state, habits=state.habits.accept(requester))
    watcher.audit.replace(NAME, changed.encode(), version=stored.version)


def _load(audit: Store, found: _Found, now: datetime) -> tuple[State, str]:
    try:
        stored = audit.get(NAME)
    except NotFound:
        return State.first(), ""
    try:
        return State.decode(stored.data), stored.version
    except VerificationError:
        what = "what the watch remembered cannot be read: it begins anew"
        found.alerts.append(Alert(Kind.BLIND, Level.HIGH, "", what, start=now, end=now))
        return State.first(), stored.version


def _save(audit: Store, state: State, version: str) -> None:
    try:
        if version:
            audit.replace(NAME, state.encode(), version=version)
        else:
            audit.put_if_absent(NAME, state.encode())
    except (AlreadyExists, Changed):
        pass  # another run at the same time; the next one looks again at what it had not seen


def _check_trail(
    watcher: Watcher, state: State, tied: Tied, new: NewRecords, found: _Found, now: datetime
) -> datetime | None:
    """Whether the trail stands; returns when its last days were verified."""
    days = watcher.settings.retention.audit_days
    missing = {one.name for one in tied.missing if not is_over(one.put, days, now)}
    missing |= {one.name for one in new.changed if not is_over(one.put, days, now)}
    missing |= set(tied.vanished)
    strange = set(tied.foreign)
    strange |= {recorded.entry.name for recorded in new.records if recorded.record is None}
    verified = state.verified
    if verified is None or now - verified >= VERIFY_EVERY:
        missing |= {one.name for one in _verify(watcher, now).damage}
        verified = now
    found.alerts += checks.damage(len(missing), len(strange - missing), now)
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
        )
        newest = {**newest, origin: max(last, newest.get(origin, last))}
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


def _once_each(alerts: Iterable[Alert]) -> list[Alert]:
    """The largest of each identity, loudest first."""
    largest: dict[str, Alert] = {}
    for alert in alerts:
        known = largest.get(alert.identity)
        if known is None or sum(alert.numbers.values()) > sum(known.numbers.values()):
            largest[alert.identity] = alert
    kinds, levels = list(Kind), list(Level)
    return sorted(
        largest.values(),
        key=lambda one: (levels.index(one.level), kinds.index(one.kind), one.requester),
    )


def _approvals(watcher: Watcher) -> list[Approval]:
    verifier = Verifier.parse(watcher.settings.log_vkey)
    ledger = watcher.accounts.current()
    return [
        one.approval
        for one in approval_notes.approvals(watcher.audit, verifier, ledger)
        if one.approval is not None
    ]
