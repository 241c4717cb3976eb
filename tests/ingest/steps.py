"""Steps that a worker process can import and run, and that go wrong in it."""

import os
import signal
from collections.abc import Sequence

from unvoiced.errors import StoreError
from unvoiced.ingest.batch import ingest_batch
from unvoiced.ingest.outcome import BatchReport, Item
from unvoiced.ingest.workbench import Workbench

CANARY = "canary-9f86d081884c7d65"


def die_over_deadly(bench: Workbench, items: Sequence[Item]) -> BatchReport:
    """As a decoder that crashes over one recording: no exception, the process is gone."""
    if any("deadly" in item.name for item in items):
        os.kill(os.getpid(), signal.SIGKILL)
    return ingest_batch(bench, items)


def die_after_the_work(bench: Workbench, items: Sequence[Item]) -> BatchReport:
    """All is done, and the process is killed before it can say so."""
    report = ingest_batch(bench, items)
    if report.disposed:
        os.kill(os.getpid(), signal.SIGKILL)
    return report


def fail_with_a_canary(bench: Workbench, items: Sequence[Item]) -> BatchReport:
    """As a library whose error text holds what it choked on, in every place an error has."""
    try:
        raise UnicodeDecodeError("utf-8", CANARY.encode(), 0, 1, CANARY)
    except UnicodeDecodeError as cause:
        error = RuntimeError(CANARY, bench.performed_by, items)
        error.add_note(CANARY)
        error.held = CANARY  # type: ignore[attr-defined]
        raise error from cause


def fail_over_a_canary(_: Workbench, __: Sequence[Item]) -> BatchReport:
    """An error of ours, raised while another one's text held what it choked on."""
    try:
        raise ValueError(CANARY)
    except ValueError as cause:
        raise StoreError("the store refused") from cause
