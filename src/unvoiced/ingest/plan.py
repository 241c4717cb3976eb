"""What there is to ingest: the raw store's listing, less the quarantine, cut into batches."""

import hashlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

from unvoiced.disposal import QuarantineRecord
from unvoiced.disposal.quarantine import Records
from unvoiced.errors import CredentialsExpired, NotFound, StoreError
from unvoiced.ingest.outcome import Item
from unvoiced.ingest.workbench import Workbench
from unvoiced.log.leaves import encode_leaf
from unvoiced.stores.object_name import is_object_name


@dataclass
class Plan:
    """Batches to run, and what is left out of them: names and sizes only."""

    batches: list[list[Item]] = field(default_factory=list)
    recordings: int = 0
    sealed_bytes: int = 0
    quarantined: int = 0
    oversized: list[str] = field(default_factory=list)
    held: dict[str, int] = field(default_factory=dict)  # legal hold -> recordings not touched
    planted: tuple[str, ...] = ()  # names of quarantine records that nobody of ours signed
    foreign: list[str] = field(default_factory=list)  # names that no store of ours gives out


def make_plan(
    bench: Workbench,
    batch_samples: int,
    batch_bytes: int,
    max_recording_bytes: int,
    tried: Collection[tuple[str, str]] = (),
) -> Plan:
    """List the raw store and cut it into batches bounded by count and by sealed bytes.

    Every version of an object is a recording of its own. An object over `max_recording_bytes` is
    never read: it is reported and stays where it is. So is one under a name with spaces or the
    like, which something other than an upload put there. What is under a legal hold is not touched,
    nor what is about to be destroyed without features. `tried` are the (name, version) that this
    run has already failed to dispose of.
    """
    quarantined, held = _in_quarantine(bench), bench.holds.held()
    intents = bench.undertaker.intents.all()
    passed_over = {(one.name, one.version) for intent in intents for one in intent.targets}
    passed_over.update(tried)
    plan = Plan(planted=quarantined.planted)
    batch: list[Item] = []
    size = 0
    for item in _recordings(bench):
        if quarantined.of(item.name, item.version):
            plan.quarantined += 1
        elif whose := held.by(item.name):
            plan.held[whose] = plan.held.get(whose, 0) + 1
        elif not is_object_name(item.name):
            plan.foreign.append(item.name)
        elif item.size > max_recording_bytes:
            plan.oversized.append(item.name)
        elif (item.name, item.version) not in passed_over:
            if batch and (size + item.size > batch_bytes or len(batch) == batch_samples):
                plan.batches.append(batch)
                batch, size = [], 0
            batch.append(item)
            size += item.size
            plan.recordings += 1
            plan.sealed_bytes += item.size
    if batch:
        plan.batches.append(batch)
    return plan


def _recordings(bench: Workbench) -> Iterator[Item]:
    for listed in bench.raw.versions():
        if not listed.delete_marker:
            yield Item(listed.name, listed.version, listed.size)


def _in_quarantine(bench: Workbench) -> Records:
    """What has a genuine record and is in quarantine by the log, mended where a killed run wrote
    the record and no leaf.
    """
    ledger = bench.accounts.current()
    as_of, in_log = ledger.size, set(ledger.quarantined)
    records = bench.quarantine.records()
    if unlogged := [record for record in records if record.sha256 not in in_log]:
        _mend(unlogged, as_of, bench)
    return records.in_quarantine(bench.accounts.current().quarantined)


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
