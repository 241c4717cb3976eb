"""Workers of a run whose tasks are spread over processes, on one machine or on several (Ray).

- What travels to such a process is where the settings are and the run's id; never a key, nor
  anything that has opened one.
- It opens no recording either: it starts a worker of its own, hardened as all are and with nothing
  of the orchestrator in it. What kills that worker is found as it is in any other pool.
"""

from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Protocol, Self

from unvoiced.ingest.worker import WorkerPool


class Workers(Protocol):
    """Where a run's work is done."""

    @property
    def processes(self) -> int:
        """How many worker processes the run has."""

    def here(self) -> WorkerPool:
        """The pool for whoever calls, in whichever process of the run that is."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
        /,
    ) -> None: ...


@dataclass(frozen=True)
class OwnPool:
    """A worker for each process of a run, started when one first asks; it dies with its process.

    `config` is the path of the settings on the machine of whoever asks.
    """

    config: str
    run_id: str
    processes: int  # of the whole run

    def here(self) -> WorkerPool:
        """The pool of this process. Raises what `WorkerPool` does."""
        with _lock:
            if _started and _started[0][0] != self:
                _stop()
            if not _started:
                _started.append((self, WorkerPool(Path(self.config), self.run_id, processes=1)))
            return _started[0][1]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with _lock:
            _stop()


# Of this process: it serves one run at a time.
_started: list[tuple[OwnPool, WorkerPool]] = []
_lock = Lock()


def _stop() -> None:
    while _started:
        _, pool = _started.pop()
        pool.__exit__(None, None, None)
