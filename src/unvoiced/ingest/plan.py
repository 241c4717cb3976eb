"""What there is to ingest: the raw store's listing, less the quarantine, cut into batches."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from unvoiced.disposal import QuarantineRecord
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
    _mend_quarantine(bench)
    quarantined, held = bench.quarantine.holds(), bench.holds.held()
    intents = bench.undertaker.intents.all()
    passed_over = {(one.name, one.version) for intent in intents for one in intent.targets}
    passed_over.update(tried)
    plan = Plan()
    batch: list[Item] = []
    size = 0
    for item in _recordings(bench):
        if (item.name, item.version) in quarantined:
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


def _mend_quarantine(bench: Workbench) -> None:
    """Log what a killed run wrote a record of and no leaf; drop records of what is gone.

    Records are read only where there are not as many of them as the log knows.
    """
    ledger = bench.accounts.current()
    as_of, quarantined = ledger.size, set(ledger.quarantined)
    if len(bench.quarantine.holds()) == len(quarantined):
        return
    for record in bench.quarantine.records():
        if record.sha256 in quarantined:
            continue
        if not _stands(record, bench):
            bench.quarantine.remove(record)
            continue
        now = bench.now()
        accepted = encode_leaf("accepted", record.sha256, now, intake_key=None)
        bench.accounts.append([accepted], as_of=as_of)
        bench.accounts.append(
            [encode_leaf("quarantined", record.sha256, now, reason=record.reason)]
        )


def _stands(record: QuarantineRecord, bench: Workbench) -> bool:
    return any(
        (listed.name, listed.version) == (record.name, record.version)
        for listed in bench.raw.versions(record.name)
    )
