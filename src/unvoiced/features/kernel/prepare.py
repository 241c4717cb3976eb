"""Compiling the kernel once, and keeping what came of it.

- Compiled code is kept in a folder private to the user, or not at all (`private_folder`).
- It is kept by what it was made of: this package's sources, numba, llvmlite, Python, and by numba
  itself the processor. Nothing else is ever looked up there.
- Processes that start together compile once: one does, the others wait for its lock.
"""

import fcntl
import hashlib
import platform
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib import resources
from pathlib import Path
from threading import Lock
from typing import Any

import llvmlite
import numba
import numpy as np
from numba.core.dispatcher import Dispatcher

from unvoiced.features.feature_set import FeatureSet, load
from unvoiced.features.kernel.analyse import analyse
from unvoiced.features.kernel.finish import differentiate, finish
from unvoiced.features.kernel.plan import Plan, plan
from unvoiced.features.kernel.private_folder import private_folder
from unvoiced.features.kernel.tables import has_kernel

Say = Callable[[str], None]
SOURCES = ("int16", "float64")  # the types samples come in

_compiling = Lock()
_ready: set[tuple[Plan, str]] = set()


def prepare(
    say: Say | None = None,
    feature_sets: Iterable[FeatureSet] | None = None,
    sources: Iterable[str] = SOURCES,
) -> None:
    """Have the kernel ready for these feature sets (the default one) and types of samples.

    `say` is told before seconds are spent on compiling, and where the result cannot be kept.
    """
    wanted = [
        (function, signature)
        for feature_set in ([load()] if feature_sets is None else feature_sets)
        if has_kernel(feature_set)
        for function, signature in _signatures(feature_set, tuple(sources))
    ]
    with _compiling:
        missing = [one for one in dict.fromkeys(wanted) if one[1] not in one[0].overloads]
        if missing:
            folder = _folder()
            if folder is None and say is not None:
                say("No private cache folder: the extraction kernel is compiled anew each time")
            with _locked(folder):
                _compile(missing, folder, say)


def ensure(made: Plan, source: str) -> None:
    """As `prepare`, of what one recording needs; costs nothing once that is there."""
    if (made, source) not in _ready:
        prepare(None, [made.feature_set], [source])
        _ready.add((made, source))


def _compile(
    missing: list[tuple[Dispatcher, tuple[Any, ...]]], folder: Path | None, say: Say | None
) -> None:
    told = False
    for function, signature in missing:
        marker = folder and folder / _name(function, signature)
        if say is not None and not told and not (marker and marker.exists()):
            say("Compiling the extraction kernel for this processor: some seconds, once")
            told = True
        function.disable_compile(False)
        function.compile(signature)
        # What is not asked for here is a mistake, and must not be compiled in mid-recording.
        function.disable_compile(True)
        if marker:
            marker.touch(mode=0o600)


def _name(function: Dispatcher, signature: tuple[Any, ...]) -> str:
    """A name that stands for a function compiled for these types and this processor."""
    processor = f"{numba.core.registry.cpu_target.target_context.codegen().magic_tuple()}"
    digest = hashlib.sha256(f"{signature} {processor}".encode()).hexdigest()
    return f"{function.__name__}-{digest[:16]}.done"


@cache
def _folder() -> Path | None:
    """The folder of this very kernel, from which numba reads and into which it writes."""
    private = private_folder()
    if private is None:
        return None
    folder = private / f"kernel-{_made_of()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError:
        return None
    before = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = str(folder)
    try:
        for function in (analyse, finish, differentiate):
            function.enable_caching()
    finally:
        numba.config.CACHE_DIR = before
    return folder


def _made_of() -> str:
    made_of = hashlib.sha256()
    sources = resources.files(__package__)
    for entry in sorted(sources.iterdir(), key=lambda entry: entry.name):
        if entry.name.endswith(".py"):
            made_of.update(f"{entry.name} ".encode() + entry.read_bytes())
    for version in (numba.__version__, llvmlite.__version__, platform.python_version()):
        made_of.update(f"{version} ".encode())
    return made_of.hexdigest()[:16]


@contextmanager
def _locked(folder: Path | None) -> Iterator[None]:
    """No other process compiles meanwhile."""
    if folder is None:
        yield
        return
    with (folder / "lock").open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@cache
def _signatures(
    feature_set: FeatureSet, sources: tuple[str, ...]
) -> list[tuple[Dispatcher, tuple[Any, ...]]]:
    """What to compile: functions, and the types they are called with (see `kernel.arrays`)."""
    made = plan(feature_set)

    def kind(dtype: str, readonly: bool = False) -> Any:
        return numba.types.Array(numba.from_dtype(np.dtype(dtype)), 1, "C", readonly=readonly)

    work, index, number = kind(feature_set.precision), kind("int64"), numba.int64
    flag, out = numba.boolean, kind(made.stored_as)
    cepstra = kind("float32") if made.derivatives else out
    found: list[tuple[Dispatcher, tuple[Any, ...]]] = []
    for source in sources:
        place = (kind(source, readonly=True), *[number] * 4, kind("float32"), number)
        shape = (*[number] * 4, *[index] * 4)
        turned = kind("int16") if source == "int16" else work
        found.append((analyse, (*place, *shape, *[work] * 5, turned, *[work] * 4)))
    place = (kind("float32"), *[number] * 3, numba.float64, number, number)
    found.append((finish, (*place, work, work, work, flag, out, cepstra)))
    if made.derivatives:
        rows = (cepstra, number, number, work)
        found.append((differentiate, (*rows, flag, flag, flag, out, out, out)))
    return found
