"""What there is to ingest: the raw store's listing, less the quarantine, cut into batches."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from unvoiced.disposal import QuarantineRecord
from unvoiced.ingest.batch import Item
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
    foreign: list[str] = field(default_factory=list)  # names that no store of ours gives out


def make_plan(
    bench: Workbench, batch_samples: int, batch_bytes: int, max_recording_bytes: int
) -> Plan:
    """List the raw store and cut it into batches bounded by count and by sealed bytes.

    Every version of an object is a recording of its own. An object over `max_recording_bytes` is
    never read: it is reported and stays where it is. So is one under a name with spaces or the
    like, which something other than an upload put there.
    """
    records = list(bench.quarantine.records())
    _log_unlogged(records, bench)
    held = {(record.name, record.version) for record in records}
    plan = Plan()
    batch: list[Item] = []
    for item in _recordings(bench):
        if (item.name, item.version) in held:
            plan.quarantined += 1
        elif not is_object_name(item.name):
            plan.foreign.append(item.name)
        elif item.size > max_recording_bytes:
            plan.oversized.append(item.name)
        else:
            full = sum(other.size for other in batch) + item.size > batch_bytes
            if batch and (full or len(batch) == batch_samples):
                plan.batches.append(batch)
                batch = []
            batch.append(item)
            plan.recordings += 1
            plan.sealed_bytes += item.size
    if batch:
        plan.batches.append(batch)
    return plan


def _recordings(bench: Workbench) -> Iterator[Item]:
    for listed in bench.raw.versions():
        if not listed.delete_marker:
            yield Item(listed.name, listed.version, listed.size)


def _log_unlogged(records: list[QuarantineRecord], bench: Workbench) -> None:
    """Log what a killed run wrote a record of and no leaf."""
    quarantined = bench.accounts.current().quarantined
    for record in records:
        if record.sha256 not in quarantined and bench.raw.head(record.name) is not None:
            now = bench.now()
            bench.accounts.append(
                [
                    encode_leaf(
                        "accepted",
                        record.sha256,
                        now,
                        size=record.size,
                        version=record.version,
                        intake_key=None,
                    )
                ]
            )
            bench.accounts.append(
                [encode_leaf("quarantined", record.sha256, now, reason=record.reason)]
            )
