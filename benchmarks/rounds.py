"""Ways to do the same thing, measured side by side: what everything under `benchmarks` counts with.

CPU seconds of this process and of its children that have ended, all threads: others may be at work
on the machine. The ways take turns, so that what changes meanwhile changes for all of them; medians
over the rounds, of which the first only warms caches and is not counted.
"""

import gc
import resource
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from rich.console import Console

_PROGRESS = Console(stderr=True)


def nothing() -> None:
    """Nothing to prepare."""


@dataclass(frozen=True)
class Way:
    """One way to do it: what is measured, for how many recordings, and what comes before."""

    run: Callable[[], object]
    recordings: int = 1
    prepare: Callable[[], object] = nothing


def cpu() -> float:
    """CPU seconds so far, of this process and of children that have ended."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def say(what: str) -> None:
    """Show how far a benchmark has come, beside what it prints."""
    _PROGRESS.print(f"[dim]{time.strftime('%H:%M:%S')} {what}[/]", highlight=False)


def measured(ways: Mapping[str, Way], rounds: int, title: str) -> dict[str, float]:
    """CPU seconds a recording, by way: medians."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    gc.freeze()  # what was imported is not to be looked through before each measurement
    started = time.monotonic()
    for each in range(rounds + 1):
        for name, way in ways.items():
            way.prepare()
            gc.collect()  # of what came before
            before = cpu()
            way.run()
            if each:
                times[name].append((cpu() - before) / way.recordings)
    say(f"{title}: {rounds} rounds in {time.monotonic() - started:.0f} s")
    return {name: statistics.median(taken) for name, taken in times.items()}
