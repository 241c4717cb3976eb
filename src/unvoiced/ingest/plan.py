"""What there is to ingest: the raw store's listing, less the quarantine, cut into batches.

A backlog is planned window by window, each going on behind the last name of the one before, so that
what is held in memory does not grow with the backlog. All versions of a name are in one window.
"""

import hashlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

from unvoiced.disposal import Held, QuarantineRecord
from unvoiced.disposal.quarantine import Records
from unvoiced.errors import CredentialsExpired, NotFound, StoreError
from unvoiced.ingest.outcome import Item, oldest
from unvoiced.ingest.part import WHOLE, Part
from unvoiced.ingest.workbench import Workbench
from unvoiced.log.leaves import encode_leaf
from unvoiced.stores.object_name import is_object_name

# Objects listed for one window at most, whatever becomes of them: whoever waits for the window gets
# something to do, and the names that a plan holds are bounded.
MOST_LISTED = 20_000


@dataclass
class Plan:
    """Batches to run, and what is left out of them: names and sizes only."""

    batches: list[list[Item]] = field(default_factory=list)
    recordings: int = 0
    sealed_bytes: int = 0
    quarantined: int = 0
    tried: int = 0  # this run has already failed to dispose of them
    oversized: list[str] = field(default_factory=list)
    held: dict[str, int] = field(default_factory=dict)  # legal hold -> recordings not touched
    planted: tuple[str, ...] = ()  # names of quarantine records that nobody of ours signed
    foreign: list[str] = field(default_factory=list)  # names that no store of ours gives out
    # When the first that is to be ingested was uploaded, POSIX seconds; what was tried or is too
    # large is, what is in quarantine, held or foreign is not. None: nothing is.
    oldest: float | None = None
    after: str | None = None  # the next window begins behind this name; None: there is none


def make_plan(
    bench: Workbench,
    batch_samples: int,
    batch_bytes: int,
    max_recording_bytes: int,
    tried: Collection[tuple[str, str]] = (),
    part: Part = WHOLE,
    after: str = "",
    window: int | None = None,
) -> Plan:
    """List the raw store and cut it into batches bounded by count and by sealed bytes.

    Every version of an object is a recording of its own. An object over `max_recording_bytes` is
    never read: it is reported and stays where it is. So is one under a name with spaces or the
    like, which something other than an upload put there. What is under a legal hold is not touched,
    nor what is about to be destroyed without features. `tried` are the (name, version) that this
    run has already failed to dispose of.

    With `window`, the plan ends after about so many batches, and says `after` which name to go on.
    Without, all of the part is in one plan. Planted quarantine records are named by the first
    window of the first part.
    """
    records = _in_quarantine(bench, part, anew=not after)
    intents = bench.undertaker.intents.all()
    passed_over = _PassedOver(
        records,
        bench.holds.held(),
        {(one.name, one.version) for intent in intents for one in intent.targets},
        tried,
        max_recording_bytes,
    )
    plan = Plan(planted=records.planted if part.is_first and not after else ())
    batch: list[Item] = []
    size = 0
    last = ""
    for listed, item in enumerate(_recordings(bench, part, after or part.after)):
        full = window and (
            plan.recordings >= window * batch_samples
            or plan.sealed_bytes >= window * batch_bytes
            or listed >= MOST_LISTED
        )
        if full and item.name != last:
            plan.after = last
            break
        last = item.name
        if passed_over.takes(item, plan):
            continue
        if batch and (size + item.size > batch_bytes or len(batch) == batch_samples):
            plan.batches.append(batch)
            batch, size = [], 0
        batch.append(item)
        plan.oldest = oldest(plan.oldest, item.uploaded)
        size += item.size
        plan.recordings += 1
        plan.sealed_bytes += item.size
    if batch:
        plan.batches.append(batch)
    return plan


@dataclass(frozen=True)
class _PassedOver:
    """What no batch has, though it stands in the raw store."""

    records: Records
    held: Held
    doomed: Collection[tuple[str, str]]  # about to be destroyed without features
    tried: Collection[tuple[str, str]]
    max_recording_bytes: int

    def takes(self, item: Item, plan: Plan) -> bool:
        """Whether it is of these; the plan says why."""
        place = item.name, item.version
        if self.records.of(*place):
            plan.quarantined += 1
        elif whose := self.held.by(item.name):
            plan.held[whose] = plan.held.get(whose, 0) + 1
        elif not is_object_name(item.name):
            plan.foreign.append(item.name)
        elif item.size > self.max_recording_bytes:
            plan.oversized.append(item.name)
            plan.oldest = oldest(plan.oldest, item.uploaded)
        elif place in self.tried:
            plan.tried += 1
            plan.oldest = oldest(plan.oldest, item.uploaded)
        else:
            return place in self.doomed
        return True


def _recordings(bench: Workbench, part: Part, after: str) -> Iterator[Item]:
    for listed in bench.raw.versions(after=after):
        if part.until is not None and listed.name > part.until:
            return
        if not listed.delete_marker:
            yield Item(listed.name, listed.version, listed.size, listed.modified.timestamp())


# What this process found in quarantine when it first planned on its workbench, which is that of one
# run: listing all records again at every window would cost backlog times quarantine.
_found: list[tuple[Workbench, Records]] = []


def _in_quarantine(bench: Workbench, part: Part, *, anew: bool) -> Records:
    """What has a genuine record and is in quarantine by the log, mended where a killed run wrote
    the record and no leaf.
    """
    if not anew and _found and _found[0][0] is bench:
        return _found[0][1]
    ledger = bench.accounts.current()
    as_of, in_log = ledger.size, set(ledger.quarantined)
    records = bench.quarantine.records()
    unlogged = [one for one in records if one.sha256 not in in_log and part.has(one.name)]
    if unlogged:
        _mend(unlogged, as_of, bench)
    found = records.in_quarantine(bench.accounts.current().quarantined)
    _found[:] = [(bench, found)]
    return found


def _mend(unlogged: Sequence[QuarantineRecord], as_of: int, bench: Workbench) -> None:
    """Log what is still so; drop records of what is gone, or was released since.

    A record that somebody put back after a release is among the latter.
    """
    let_go = bench.accounts.let_go_since(min(record.log_size for record in unlogged))
    for record in unlogged:
        try:
            stale = let_go.get(record.sha256, -1) >= record.log_size or not _stands(record, bench)
        except CredentialsExpired:
            raise
        except StoreError:  # there, and not to be read: the batch that takes it says so
            continue
        if stale:
            bench.quarantine.remove(record)
            continue
        now = bench.now()
        accepted = encode_leaf("accepted", record.sha256, now, intake_key=None)
        bench.accounts.append([accepted], as_of=as_of)
        bench.accounts.append(
            [encode_leaf("quarantined", record.sha256, now, reason=record.reason)]
        )


def _stands(record: QuarantineRecord, bench: Workbench) -> bool:
    try:
        data = bench.raw.get(record.name, record.version).data
    except NotFound:
        return False
    return hashlib.sha256(data).hexdigest() == record.sha256
