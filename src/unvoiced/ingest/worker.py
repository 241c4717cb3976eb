"""Worker processes: where recordings are opened, and nowhere else.

One pool of spawned processes for a run, one per core. What travels to them and back is names,
versions, digests and counts; each opens its own stores and vault, so the process that orchestrates
holds no key. A recording that kills its process (a decoder crash, the out-of-memory killer) is
found by bisection and quarantined, so that it stops neither its batch nor the runs after it.
"""

import multiprocessing
import os
import sys
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from multiprocessing.context import SpawnContext, SpawnProcess
from multiprocessing.process import BaseProcess
from pathlib import Path
from threading import Lock, Thread
from types import ModuleType, TracebackType
from typing import Any, Protocol, Self, TypeVar

from unvoiced.config import Settings, load_settings
from unvoiced.errors import UnvoicedError
from unvoiced.ingest.batch import ingest_batch, quarantine_unopened
from unvoiced.ingest.hardening import harden_process
from unvoiced.ingest.interrupted import finish_interrupted, sweep_journal
from unvoiced.ingest.memory import keep_freed_memory
from unvoiced.ingest.outcome import BatchReport, Item
from unvoiced.ingest.part import WHOLE, Part
from unvoiced.ingest.plan import Plan, make_plan
from unvoiced.ingest.workbench import Workbench, open_workbench


class Report(Protocol):
    """What a step over a batch returns: reports of two halves can be added."""

    def add(self, other: Self, /) -> None:
        """Take in another batch's report."""


R = TypeVar("R")
T = TypeVar("T")
A = TypeVar("A", bound=Report)
Opener = Callable[[Settings, str], Any]  # opens what a kind of worker holds


class _BareProcess(SpawnProcess):
    """A spawned process that does not import its parent's `__main__`.

    That is a flow, or Prefect's engine: seconds of imports, and code that has no business in a
    process that holds keys.
    """

    _hiding = Lock()

    @staticmethod
    def _Popen(process_obj: BaseProcess) -> Any:  # noqa: N802  (the name multiprocessing calls)
        with _BareProcess._hiding:
            main = sys.modules["__main__"]
            sys.modules["__main__"] = ModuleType("__main__")
            try:
                return SpawnProcess._Popen(process_obj)
            finally:
                sys.modules["__main__"] = main


class _BareContext(SpawnContext):
    Process = _BareProcess


class WorkerFailure(UnvoicedError):
    """A worker failed in a way nobody foresaw; says the kind of error and where, never its text."""


class _Process:
    """What a worker process keeps between calls: its workbench, or why it has none."""

    bench: Any = None  # whatever its opener returns
    failure: UnvoicedError | None = None


def _start(config: str, run_id: str, opener: Opener) -> None:
    harden_process()
    keep_freed_memory()
    Thread(target=_die_with_parent, daemon=True).start()
    try:
        _Process.bench = opener(load_settings(Path(config)), run_id)
    except Exception as error:
        # Raised in the initialiser it would only break the pool, and nobody would learn why.
        _Process.failure = (
            error if isinstance(error, UnvoicedError) else WorkerFailure(_where(error))
        )


def _die_with_parent() -> None:
    """A run that was killed must not leave processes that hold keys behind."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def in_worker(step: Callable[..., R], *arguments: object) -> R:
    """Run a step with this process's workbench; let no foreign error text out (INV-11)."""
    try:
        if _Process.bench is None:
            raise _Process.failure or WorkerFailure("this process was not started as a worker")
        return step(_Process.bench, *arguments)
    except UnvoicedError as error:
        error.__cause__ = error.__context__ = None
        raise error.with_traceback(None) from None
    except BaseException as error:  # a panic in an extension is no Exception
        raise WorkerFailure(_where(error)) from None


def _where(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else "?"
    return f"{type(error).__name__} at {place}"


class WorkerPool:
    """The processes of one run. Safe to use from several threads.

    `opener`, a function of some module, opens what each process holds: for ingest the workbench.
    """

    def __init__(
        self,
        config: Path,
        run_id: str,
        opener: Opener = open_workbench,
        processes: int | None = None,
    ) -> None:
        self._config = config.resolve()
        self._run_id = run_id
        self._opener = opener
        self._settings = load_settings(self._config).ingest
        self.processes = processes or self._settings.workers or os.cpu_count() or 1
        self._executor = self._spawn(self.processes)
        self._lock = Lock()
        self._bisecting = Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._executor.shutdown(wait=True, cancel_futures=True)

    def here(self) -> Self:
        """This pool: tasks of its run are in the process that it is in (`own_pool`)."""
        return self

    def call(self, step: Callable[..., R], *arguments: object) -> R:
        """Run a step, `step(bench, *arguments)`, in one of the processes."""
        return self._call(step, *arguments)

    def finish_interrupted(self, part: Part = WHOLE) -> BatchReport:
        """Finish what runs that are no more had journalled."""
        return self._call(finish_interrupted, part)

    def plan(
        self,
        tried: Collection[tuple[str, str]] = (),
        part: Part = WHOLE,
        after: str = "",
        window: int | None = None,
    ) -> Plan:
        """List what there is to ingest, less what was `tried` in this run, cut into batches.

        With `window`, about so many of them, of names behind `after` (`make_plan`).
        """
        limits = self._settings
        return self._call(
            make_plan,
            limits.batch_samples,
            limits.batch_bytes,
            limits.max_recording_bytes,
            frozenset(tried),
            part,
            after,
            window,
        )

    def ingest(
        self,
        items: Sequence[Item],
        step: Callable[[Workbench, Sequence[Item]], BatchReport] = ingest_batch,
    ) -> BatchReport:
        """Take a batch through its life, whatever a recording in it does to its process."""
        return self.batch(items, step, partial(quarantine_unopened, reason="worker-killed"))

    def batch(
        self,
        items: Sequence[T],
        step: Callable[[Any, Sequence[T]], A],
        killed: Callable[[Any, T], A],
    ) -> A:
        """Run `step(bench, items)`, whatever an item does to its process.

        One that kills its process twice is found by bisection, and `killed(bench, item)` is run
        instead of the step.
        """
        with self._lock:
            executor = self._executor
        try:
            return executor.submit(in_worker, step, items).result()
        except BrokenProcessPool:
            with self._lock:
                if self._executor is executor:
                    self._executor = self._spawn(self.processes)
                    executor.shutdown(wait=False)
        # One at a time: more processes would only make the memory scarcer.
        with self._bisecting:
            return self._bisect(items, step, killed)

    def sweep(self) -> None:
        """Remove settled pages of the journal."""
        self._call(sweep_journal)

    def _call(self, step: Callable[..., R], *arguments: object) -> R:
        with self._lock:
            executor = self._executor
        try:
            return executor.submit(in_worker, step, *arguments).result()
        except BrokenProcessPool:
            raise WorkerFailure(f"a worker process was killed during {step.__name__}") from None

    def _bisect(
        self,
        items: Sequence[T],
        step: Callable[[Any, Sequence[T]], A],
        killed: Callable[[Any, T], A],
    ) -> A:
        for _ in range(2 if len(items) == 1 else 1):
            try:
                return self._alone(step, items)
            except BrokenProcessPool:
                continue
        if len(items) == 1:
            return self._alone(killed, items[0])
        middle = len(items) // 2
        report = self._bisect(items[:middle], step, killed)
        report.add(self._bisect(items[middle:], step, killed))
        return report

    def _alone(self, step: Callable[..., R], *arguments: object) -> R:
        with self._spawn(1) as alone:
            return alone.submit(in_worker, step, *arguments).result()

    def _spawn(self, processes: int) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(
            processes,
            mp_context=_BareContext(),
            initializer=_start,
            initargs=(str(self._config), self._run_id, self._opener),
        )
