"""A clock that says which part of the library the CPU time of a run went to.

Functions of the named modules are wrapped while the clock runs: each entry into another stage reads
the thread's CPU clock, and so does each return. Time is counted once, for one stage: what a stage
calls counts for that stage, save where another of the stages it lets in takes over. So the parts
and what is left add up to the whole. A function called from its own stage is not timed again, which
keeps the clock's own cost low; `benchmarks.stages` measures and reports it.
"""

import enum
import functools
import hashlib
import importlib
import inspect
import pkgutil
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import FunctionType, ModuleType
from typing import Any


class StageClock:
    """CPU seconds by stage, of all threads, since the last `take`."""

    def __init__(self, lets_in: Mapping[str, frozenset[str]]) -> None:
        self._lets_in = lets_in
        self._seconds: dict[str, float] = {}
        self._lock = threading.Lock()
        self._thread = threading.local()

    def take(self) -> dict[str, float]:
        """What was counted; counting begins anew."""
        with self._lock:
            taken, self._seconds = self._seconds, {}
        return taken

    def enter(self, stage: str) -> bool:
        """Whether a stage begins here: not from inside itself, nor where it is not let in."""
        stack: list[str] = self._thread.__dict__.setdefault("stack", [])
        if stack:
            inside = stack[-1]
            if inside == stage or stage not in self._lets_in.get(inside, ()):
                return False
        self._tick(stack)
        stack.append(stage)
        return True

    def leave(self) -> None:
        """The stage that began last ends."""
        stack = self._thread.stack
        self._tick(stack)
        stack.pop()

    def _tick(self, stack: list[str]) -> None:
        now = time.thread_time()
        if stack:
            spent = now - self._thread.since
            with self._lock:
                self._seconds[stack[-1]] = self._seconds.get(stack[-1], 0.0) + spent
        self._thread.since = now


@contextmanager
def running(clock: StageClock, stages: Mapping[str, Iterable[str]]) -> Iterator[None]:
    """Count while the block runs. `stages` has names of modules and packages, by stage.

    A name may go on behind a colon with one function's; `hashlib:sha256` is how digests are named.
    Raises ImportError or AttributeError for what is no longer there.
    """
    undo: list[Callable[[], None]] = []
    wrapped: dict[int, Any] = {}
    try:
        for stage, names in stages.items():
            for name in names:
                module_name, _, function = name.partition(":")
                module = importlib.import_module(module_name)
                if function:
                    original = getattr(module, function)
                    wrapped[id(original)] = (original, _timed(original, stage, clock))
                    if module is hashlib:
                        _replace(module, function, wrapped[id(original)][1], undo)
                else:
                    for each in _modules(module):
                        _wrap_module(each, stage, clock, wrapped, undo)
        _replace_everywhere(wrapped, undo)
        yield
    finally:
        for back in reversed(undo):
            back()


def _modules(module: ModuleType) -> Iterator[ModuleType]:
    yield module
    for found in pkgutil.iter_modules(getattr(module, "__path__", ()), module.__name__ + "."):
        yield importlib.import_module(found.name)


def _wrap_module(
    module: ModuleType,
    stage: str,
    clock: StageClock,
    wrapped: dict[int, Any],
    undo: list[Callable[[], None]],
) -> None:
    for value in list(vars(module).values()):
        if getattr(value, "__module__", None) != module.__name__:
            continue
        if isinstance(value, FunctionType):
            wrapped[id(value)] = (value, _timed(value, stage, clock))
        elif isinstance(value, type) and not issubclass(value, enum.Enum | BaseException):
            for name, method in list(vars(value).items()):
                if isinstance(method, FunctionType) and not name.startswith("__"):
                    _replace(value, name, _timed(method, stage, clock), undo)


def _replace(owner: Any, name: str, value: Any, undo: list[Callable[[], None]]) -> None:
    undo.append(functools.partial(setattr, owner, name, vars(owner)[name]))
    setattr(owner, name, value)


def _replace_everywhere(wrapped: dict[int, Any], undo: list[Callable[[], None]]) -> None:
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] == "unvoiced":
            for attribute, value in list(vars(module).items()):
                if id(value) in wrapped and wrapped[id(value)][0] is value:
                    _replace(module, attribute, wrapped[id(value)][1], undo)


def _timed(function: Callable[..., Any], stage: str, clock: StageClock) -> Callable[..., Any]:
    enter, leave = clock.enter, clock.leave
    if inspect.isgeneratorfunction(function):

        @functools.wraps(function)
        def generator(*arguments: Any, **named: Any) -> Any:
            return _TimedIterator(function(*arguments, **named), stage, clock)

        return generator

    @functools.wraps(function)
    def call(*arguments: Any, **named: Any) -> Any:
        if not enter(stage):
            return function(*arguments, **named)
        try:
            return function(*arguments, **named)
        finally:
            leave()

    return call


class _TimedIterator:
    """An iterator whose every step counts for a stage."""

    def __init__(self, steps: Any, stage: str, clock: StageClock) -> None:
        self._steps, self._stage, self._clock = steps, stage, clock

    def __iter__(self) -> "_TimedIterator":
        return self

    def __next__(self) -> Any:
        if not self._clock.enter(self._stage):
            return next(self._steps)
        try:
            return next(self._steps)
        finally:
            self._clock.leave()

    def close(self) -> None:
        """As a generator's."""
        self._steps.close()
