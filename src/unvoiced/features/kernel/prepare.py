"""Compiling the kernel once, holding it against librosa, and keeping what came of it.

- Compiled code is kept in a folder private to the user, or not at all (`private_folder`).
- It is kept by what it was made of: this package's sources, numba, llvmlite, Python, and by numba
  itself the processor. Nothing else is ever looked up there.
- Processes that start together compile once: one does, the others wait for its lock.
- What was compiled is used for a feature set once it was found to agree with librosa
  (`agreement`).
"""

import fcntl
import hashlib
import os
import platform
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from importlib import resources
from pathlib import Path
from threading import RLock
from typing import Any

import llvmlite
import numba
import numpy as np
from numba.core.dispatcher import Dispatcher

from unvoiced.features.feature_set import FeatureSet, load
from unvoiced.features.kernel.agreement import check_agreement, known_signal
from unvoiced.features.kernel.analyse import analyse
from unvoiced.features.kernel.finish import differentiate, finish
from unvoiced.features.kernel.plan import Plan, plan
from unvoiced.features.kernel.private_folder import private_files, private_folder
from unvoiced.features.kernel.tables import has_kernel

Say = Callable[[str], None]
SOURCES = ("int16", "float64")  # the types samples come in
_LOCK = "lock"
_UNUSED_SECONDS = 30 * 24 * 3600

_compiling = RLock()
_ready: set[tuple[Plan, str]] = set()


def prepare(
    say: Say | None = None,
    feature_sets: Iterable[FeatureSet] | None = None,
    sources: Iterable[str] = SOURCES,
) -> None:
    """Have the kernel ready for these feature sets (the default one) and types of samples.

    `say` is told before seconds are spent on compiling, and where the result cannot be kept. Raises
    `VerificationError` where what was compiled does not agree with librosa, and `OSError`.
    """
    wanted = [load()] if feature_sets is None else feature_sets
    for feature_set in filter(has_kernel, wanted):
        for source in sources:
            ensure(plan(feature_set), source, say)


def ensure(made: Plan, source: str, say: Say | None = None) -> None:
    """As `prepare`, of what one recording needs; costs nothing once that is there."""
    if (made, source) in _ready:
        return
    with _compiling:  # by the same thread again, for the known signal
        if (made, source) in _ready:
            return
        folder = _folder()
        if folder is None and say is not None:
            say("No private cache folder: the extraction kernel is compiled anew each time")
        signatures = _signatures(made.feature_set, source)
        with _locked(folder):
            missing = [one for one in signatures if one[1] not in one[0].overloads]
            _compile(missing, folder, say)
            # Whatever agreed is named by all that it depends on.
            kept = folder and folder / _name("agrees", (made.feature_set, source))
            _ready.add((made, source))
            if not (kept and kept.exists()):
                try:
                    _hold_against_librosa(made.feature_set, source)
                except BaseException:
                    _ready.discard((made, source))
                    raise
                if kept:
                    kept.touch(mode=0o600)


def _hold_against_librosa(feature_set: FeatureSet, source: str) -> None:
    # Here, as it is what this module makes ready.
    from unvoiced.features.kernel.extraction import kernel_arrays

    y = known_signal(feature_set)
    samples = y if source == "int16" else y / 32768
    check_agreement(kernel_arrays([samples], feature_set), y, feature_set)


def _compile(
    missing: list[tuple[Dispatcher, tuple[Any, ...]]], folder: Path | None, say: Say | None
) -> None:
    told = False
    for function, signature in missing:
        marker = folder and folder / _name(function.__name__, signature)
        if say is not None and not told and not (marker and marker.exists()):
            say("Compiling the extraction kernel for this processor: some seconds, once")
            told = True
        function.disable_compile(False)
        function.compile(signature)
        # What is not asked for here is a mistake, and must not be compiled in mid-recording.
        function.disable_compile(True)
        if marker:
            marker.touch(mode=0o600)


def _name(what: str, about: tuple[Any, ...]) -> str:
    """A name that stands for what was done about these types or settings, on this processor."""
    processor = f"{numba.core.registry.cpu_target.target_context.codegen().magic_tuple()}"
    digest = hashlib.sha256(f"{about} {processor}".encode()).hexdigest()
    return f"{what}-{digest[:16]}.done"


def kernel_folder() -> Path | None:
    """The folder of this very kernel, made if need be; None where none is private and all ours.

    When one is made, those of other kernels that were not used for 30 days are emptied.
    """
    private = private_folder()
    if private is None:
        return None
    folder = private / f"kernel-{_made_of()}"
    with suppress(OSError):
        try:
            folder.mkdir(mode=0o700)
        except FileExistsError:
            pass
        else:
            _empty_unused(private, folder.stat().st_mtime - _UNUSED_SECONDS)
        return None if private_files(folder) is None else folder
    return None


def _empty_unused(private: Path, before: float) -> None:
    """Remove what nobody has compiled, loaded or checked since `before` (seconds since 1970).

    Folders and locks stay where they are, so that a process of another version that still runs
    finds its own, and compiles again if it has to.
    """
    for folder in private.glob("kernel-*"):
        with suppress(OSError):
            files = private_files(folder) or []
            if all(os.lstat(file).st_mtime < before for file in files):
                for file in files:
                    if file.name != _LOCK:
                        file.unlink()


@cache
def _folder() -> Path | None:
    """`kernel_folder`, from which numba reads and into which it writes from now on."""
    folder = kernel_folder()
    if folder is None:
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
    with (folder / _LOCK).open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        os.utime(folder / _LOCK)  # tells when the folder was last used
        yield


@cache
def _signatures(feature_set: FeatureSet, source: str) -> list[tuple[Dispatcher, tuple[Any, ...]]]:
    """What to compile: functions, and the types they are called with (see `extraction`)."""
    made = plan(feature_set)

    def kind(dtype: str, readonly: bool = False) -> Any:
        return numba.types.Array(numba.from_dtype(np.dtype(dtype)), 1, "C", readonly=readonly)

    work, index, number = kind(feature_set.precision), kind("int64"), numba.int64
    flag, out = numba.boolean, kind(made.stored_as)
    cepstra = kind("float32") if made.derivatives else out
    found: list[tuple[Dispatcher, tuple[Any, ...]]] = []
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
