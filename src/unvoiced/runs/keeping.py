"""What a worker process does at the end of a run: keep the run's record."""

from dataclasses import replace

from unvoiced.ingest.workbench import Workbench
from unvoiced.runs.record import RunRecord


def keep_run_record(bench: Workbench, record: RunRecord) -> str | None:
    """Keep a record with where the log stands; its name, None where an idle hour has one."""
    checkpoint = bench.accounts.checkpoint()
    known = replace(record, log_size=checkpoint.size, log_root=checkpoint.root.hex())
    return bench.runs.keep(known, bench.signer)
