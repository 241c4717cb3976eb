"""How a run goes on without piling anything up, and how it and its parts end; without a server."""

import gc
import threading
import weakref
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from tasks import ingest
from tasks.counts import as_table, read_table
from tasks.report import MOST_NAMED, RunReport
from tasks.spread import PartRun, end_state
from unvoiced.ingest.outcome import BatchReport, Item
from unvoiced.ingest.part import WHOLE, Part
from unvoiced.ingest.plan import Plan

_SAMPLES, _PROCESSES = 4, 2


class Step:
    """What a task run gives back, as far as a flow asks: it is told of the end, and the outcome."""

    def __init__(self, future: Future[Any]) -> None:
        self._future = future

    def add_done_callback(self, told: Callable[["Step"], None]) -> None:
        """Once it has ended."""
        self._future.add_done_callback(lambda _: told(self))

    def result(self, raise_on_failure: bool = True) -> Any:
        """The outcome, or what was raised."""
        return self._future.exception() or self._future.result()


class Run:
    """Stands in for Prefect and the workers: lists so many batches, and runs them in threads."""

    processes = _PROCESSES

    def __init__(self, batches: int, fails: Callable[[str, int], bool] = lambda *_: False) -> None:
        self._left, self._fails = batches, fails
        self._threads = ThreadPoolExecutor(_PROCESSES)
        self._lock = threading.Lock()
        self.listed: list[int] = []
        self.kept: list[object] = []  # Prefect keeps the arguments of tasks
        self.items: weakref.WeakSet[Item] = weakref.WeakSet()
        self.most_items = self.running = self.most_running = 0

    def list_backlog(self, *arguments: Any) -> Step:
        """The next window."""
        number = arguments[3]
        return Step(self._threads.submit(self._list, number))

    def ingest_batch(self, _: object, number: int, batch: list[Item]) -> Step:
        """A batch."""
        self.kept.append(batch)
        with self._lock:
            self.running += 1
            self.most_running = max(self.most_running, self.running)
        return Step(self._threads.submit(self._ingest, number, batch))

    def _list(self, number: int) -> Plan:
        if self._fails("list", number):
            raise OSError("not today")
        count = min(self._left, ingest._ahead(self))  # type: ignore[arg-type]  # of Workers
        self._left -= count
        self.listed.append(count)
        batches = [[Item(f"{number}/{b}-{n}", "v", 1) for n in range(_SAMPLES)]
                   for b in range(count)]  # fmt: skip
        with self._lock:
            for batch in batches:
                self.items.update(batch)
        after = f"{number}" if self._left else None
        return Plan(batches, recordings=count * _SAMPLES, after=after)

    def _ingest(self, number: int, batch: list[Item]) -> BatchReport:
        with self._lock:
            self.running -= 1
            if number % 20 == 0:
                gc.collect()
            self.most_items = max(self.most_items, len(self.items))
        if self._fails("batch", number):
            raise OSError("not this one")
        return BatchReport(recordings=len(batch), disposed=len(batch))


@pytest.fixture
def outcomes(monkeypatch: pytest.MonkeyPatch) -> Callable[[Run], Iterator[Any]]:
    """All that a run's steps come to."""

    def of(run: Run) -> Iterator[Any]:
        monkeypatch.setattr(ingest.list_backlog, "submit", run.list_backlog)
        monkeypatch.setattr(ingest.ingest_batch, "submit", run.ingest_batch)
        return ingest.list_and_ingest(run, WHOLE, [])  # type: ignore[arg-type]  # of Workers

    return of


def test_neither_what_waits_nor_what_has_ended_piles_up(
    outcomes: Callable[[Run], Iterator[Any]],
) -> None:
    """Four hundred batches, and of their names no more at once than of the first windows; though
    whoever runs tasks keeps all that they were given.
    """
    run, done = Run(400), 0
    for outcome in outcomes(run):
        done += outcome.recordings if isinstance(outcome, BatchReport) else 0
    assert done == 400 * _SAMPLES
    ahead = ingest._ahead(run)  # type: ignore[arg-type]  # of Workers
    assert max(run.listed) == ahead
    assert run.most_items <= 3 * ahead * _SAMPLES
    assert run.most_running <= 2 * _PROCESSES + 2
    assert len(run.kept) == 400


def test_the_next_window_is_listed_before_the_last_one_is_done(
    outcomes: Callable[[Run], Iterator[Any]],
) -> None:
    """So that workers do not wait for listings, unless one takes longer than several batches."""
    run = Run(300)
    ended, begun = 0, []
    for outcome in outcomes(run):
        if isinstance(outcome, Plan):
            begun.append(sum(run.listed[:-1]) - ended)
        else:
            ended += 1
    in_time = [still_to_do > 0 for still_to_do in begun[1:]]
    assert in_time.count(True) > 0.7 * len(in_time) > 10


def test_what_cannot_be_listed_stops_nothing_that_was(
    outcomes: Callable[[Run], Iterator[Any]],
) -> None:
    """Batches of the windows before are run and waited for, and the run fails and says why."""
    run = Run(100, lambda what, number: what == "list" and number == 3)
    found = list(outcomes(run))
    failed = [one for one in found if isinstance(one, ingest.StepFailed)]
    assert [(one.listing, one.why) for one in failed] == [(True, "not today")]
    done = sum(one.recordings for one in found if isinstance(one, BatchReport))
    assert done == sum(run.listed) * _SAMPLES > 0


def test_a_batch_that_fails_is_counted_and_stops_no_other(
    outcomes: Callable[[Run], Iterator[Any]],
) -> None:
    """Of a hundred batches, every tenth."""
    run = Run(100, lambda what, number: what == "batch" and number % 10 == 0)
    report = RunReport(WHOLE)
    for outcome in outcomes(run):
        if not isinstance(outcome, Plan):  # that one is told the server
            report.take(outcome)
    state = report._end_state()
    assert (state.type.value, state.name) == ("FAILED", "Failed")
    assert state.message == "360 recordings disposed of with receipt; 10 batches failed"


def test_of_many_names_a_report_has_the_first_and_counts_the_rest() -> None:
    """It goes to Prefect in one piece, however many recordings there are."""
    report = RunReport(WHOLE)
    for number in range(3):
        names = {f"{number}/{n}": "not-audio" for n in range(MOST_NAMED)}
        if number:
            report.take(BatchReport(recordings=MOST_NAMED, quarantined=names))
        report.take(ingest.StepFailed(listing=False, why="x"))
    rows = list(report._exceptions())
    assert len(rows) == MOST_NAMED + 1 + 3
    assert rows[MOST_NAMED]["object"] == "1,000 others"
    assert read_table(report._summary())["quarantined now"] == 2 * MOST_NAMED


def test_counts_can_be_read_from_the_table_they_were_written_to() -> None:
    """Those of parts are summed that way."""
    counts = {"found in the raw store": 12_345_678, "left": 0}
    assert read_table(f"Part 1 of 2.\n\n{as_table(counts)}\n\n1.0 MB became 2.0 MB.") == counts


def part(number: int, state: str = "Completed", *, of: int = 3, **counts: int) -> PartRun:
    """A part that has ended."""
    rows = {"disposed of, with receipt": 10, **{k.replace("_", " "): v for k, v in counts.items()}}
    completed = state.startswith("Completed")
    return PartRun(Part(number, of), state, completed, "", Counter(rows))


@pytest.mark.parametrize(
    ("third", "ended", "message"),
    [
        (part(3), ("COMPLETED", "Completed"), "30 disposed of with receipt in 3 parts"),
        (part(3, "CompletedWithQuarantine", quarantined_now=2),
         ("COMPLETED", "CompletedWithQuarantine"),
         "30 disposed of with receipt in 3 parts, 2 quarantined"),
        (part(3, "DisposalBlocked", left=4), ("FAILED", "DisposalBlocked"),
         "30 disposed of with receipt in 3 parts, 4 left"),
        (part(3, "RecordingsLost", lost=1), ("FAILED", "RecordingsLost"),
         "30 disposed of with receipt in 3 parts, 1 lost"),
        (part(3, "Crashed"), ("FAILED", "Failed"),
         "30 disposed of with receipt in 3 parts; not finished: part 3 (Crashed); "
         "the next run finishes it"),
        (part(3, "Cancelled"), ("FAILED", "Failed"),
         "30 disposed of with receipt in 3 parts; not finished: part 3 (Cancelled); "
         "the next run finishes it"),
    ],
    ids=["completed", "quarantine", "blocked", "lost", "crashed", "cancelled"],
)  # fmt: skip
def test_a_spread_run_ends_as_its_worst_part(
    third: PartRun, ended: tuple[str, str], message: str
) -> None:
    """And says which part did not come to its own end."""
    state = end_state([part(1), part(2), third])
    assert (state.type.value, state.name) == ended
    assert state.message == message
