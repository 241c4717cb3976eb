"""Recordings of contributors who have been erased: destroyed unopened, wherever they turn up.

An erasure may begin while a run is at work. Before the run makes a key, and before it places
features, it journals whose they are and then asks; it asks again before it puts an original under
a lock, and before it destroys. The erasure suppresses first, and waits while a page names them. So
either the run sees the suppression, or the erasure sees the page, and is not finished before the
run has put all it will.

A third party can break that: a second run that removes the page of a first, which is merely slow,
once the erasure has settled what is on it. What is put then has no receipt, so no reader opens it,
and is found by `erasure.reapply`.
"""

from collections.abc import Sequence
from typing import Protocol, TypeVar

from unvoiced.disposal import Cause, Target
from unvoiced.ingest.outcome import BatchReport
from unvoiced.ingest.workbench import Workbench


class _Recording(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def version(self) -> str: ...
    @property
    def sha256(self) -> str: ...


R = TypeVar("R", bound=_Recording)


def less_erased(recordings: Sequence[R], bench: Workbench, report: BatchReport) -> list[R]:
    """Dispose of those of erased contributors; returns the others. All of them are accepted."""
    if not recordings:
        return []
    suppressed = bench.suppression.now()
    erased = [one for one in recordings if contributor(one.name) in suppressed]
    if erased:
        targets = {Target(one.name, one.version, one.sha256) for one in erased}
        outcome = bench.undertaker.dispose(list(targets), Cause.ERASURE)
        report.erased += outcome.disposed
        report.left |= outcome.left
        report.gone += max(0, len(targets) - outcome.disposed - len(outcome.left))
    return [one for one in recordings if contributor(one.name) not in suppressed]


def contributor(name: str) -> str:
    """Whose an object is by its name, which may say anything."""
    return name.partition("/")[0]
