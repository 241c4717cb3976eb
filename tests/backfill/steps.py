"""Steps that a worker process can import and run, and that go wrong in it."""

import os
import signal
from collections.abc import Sequence

from unvoiced.backfill.batch import backfill_batch
from unvoiced.backfill.bench import Bench
from unvoiced.backfill.outcome import Backfilled, Original


def die_over_deadly(bench: Bench, originals: Sequence[Original]) -> Backfilled:
    """As a decoder that crashes over one recording: no exception, the process is gone."""
    if any("deadly" in one.name for one in originals):
        os.kill(os.getpid(), signal.SIGKILL)
    return backfill_batch(bench, originals)
