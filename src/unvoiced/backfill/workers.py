"""The worker processes of a backfill: they hold the keys, the process that starts them does not."""

from functools import partial
from pathlib import Path

from unvoiced.backfill.bench import open_bench
from unvoiced.backfill.request import Request
from unvoiced.ingest.worker import WorkerPool


def start_workers(config: Path, run_id: str, request: Request) -> WorkerPool:
    """Processes that each open what `request` needs; what they cannot open they say when called."""
    opener = partial(open_bench, source=request.source, feature_set=request.feature_set)
    return WorkerPool(config, run_id, opener)
