"""Compiled code is kept where nobody else can write, and compiled once."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from unvoiced.features.kernel.analyse import analyse
from unvoiced.features.kernel.finish import differentiate, finish
from unvoiced.features.kernel.prepare import _folder, _locked, kernel_folder
from unvoiced.features.kernel.private_folder import is_private, private_folder


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder as the user's cache."""
    folder = tmp_path / "cache"
    folder.mkdir(mode=0o755)
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    return folder


def test_the_folder_is_made_private(cache: Path) -> None:
    """It is `unvoiced` in the user's cache folder, closed to all others."""
    made = private_folder()
    assert made == cache / "unvoiced"
    assert made.stat().st_mode & 0o777 == 0o700
    assert private_folder() == made


@pytest.mark.parametrize("mode", [0o701, 0o710, 0o720, 0o755, 0o777])
def test_a_folder_that_others_reach_is_refused(cache: Path, mode: int) -> None:
    """It is not mended: what is in it may be somebody else's already."""
    (cache / "unvoiced").mkdir()
    (cache / "unvoiced").chmod(mode)
    assert private_folder() is None


def test_a_link_is_refused(cache: Path, tmp_path: Path) -> None:
    """Where a link points is decided by who made it."""
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    (cache / "unvoiced").symlink_to(tmp_path / "elsewhere")
    assert private_folder() is None


@pytest.mark.parametrize("mode", [0o777, 0o775])
def test_a_folder_that_others_could_swap_is_refused(cache: Path, mode: int) -> None:
    """Who can write the folder above can put one of their own in its place."""
    assert private_folder() is not None
    cache.chmod(mode)
    assert private_folder() is None
    cache.chmod(mode | 0o1000)  # sticky: only owners rename
    assert private_folder() is not None


def test_somebody_elses_folder_is_refused(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that was there before and is another user's."""
    folder = private_folder()
    assert folder is not None
    owner = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    assert not is_private(folder)


@pytest.mark.parametrize("value", ["", "relative/path"])
def test_a_cache_folder_that_is_no_path_is_passed_over(
    value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the XDG specification has it, what is not absolute counts as not set."""
    monkeypatch.setenv("XDG_CACHE_HOME", value)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert private_folder() == tmp_path / ".cache" / "unvoiced"


def test_no_folder_is_no_error(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where none can be made, there is none."""
    (cache / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache / "file"))
    assert private_folder() is None


@pytest.fixture
def kernel(cache: Path) -> Path:
    """The folder of this kernel, as a run before left it."""
    folder = kernel_folder()
    assert folder is not None
    assert folder.parent == cache / "unvoiced"
    (folder / "lock").touch()
    (folder / "compiled").mkdir()
    (folder / "compiled" / "analyse.nbi").write_bytes(b"pickle")
    assert kernel_folder() == folder
    return folder


@pytest.mark.parametrize("mode", [0o701, 0o710, 0o755, 0o777])
def test_a_kernel_folder_that_others_reach_is_not_used(kernel: Path, mode: int) -> None:
    """What is in it may be somebody else's, however private the folder above is now."""
    kernel.chmod(mode)
    assert kernel_folder() is None


def test_a_kernel_folder_that_is_a_link_is_not_used(kernel: Path, tmp_path: Path) -> None:
    """Even where it points to a folder that is private and ours."""
    kernel.rename(tmp_path / "elsewhere")
    kernel.symlink_to(tmp_path / "elsewhere")
    assert kernel_folder() is None


def test_a_file_in_place_of_the_kernel_folder_is_none(cache: Path, kernel: Path) -> None:
    """What is no folder cannot be used, which is no error."""
    kernel.rename(cache / "elsewhere")
    kernel.touch(mode=0o600)
    assert kernel_folder() is None


@pytest.mark.parametrize("what", [".", "lock", "compiled", "compiled/analyse.nbi"])
def test_what_somebody_else_put_there_is_not_used(
    kernel: Path, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder, one in it, or any file: code that another user may have written."""
    theirs, look = kernel / what, os.lstat

    def lstat(path: Path) -> os.stat_result:
        status = list(look(path))
        if Path(path) == theirs:
            status[4] = os.geteuid() + 1
        return os.stat_result(status)

    monkeypatch.setattr(os, "lstat", lstat)
    assert kernel_folder() is None


@pytest.mark.parametrize("what", ["lock", "compiled", "compiled/analyse.nbi", "compiled/more"])
def test_no_link_is_followed_in_it(kernel: Path, what: str, tmp_path: Path) -> None:
    """A link among the compiled code: numba would read whatever it points to."""
    if (kernel / what).exists():
        (kernel / what).rename(tmp_path / "elsewhere")
    (kernel / what).symlink_to(tmp_path / "elsewhere")
    assert kernel_folder() is None


def test_a_kernel_folder_that_is_not_ours_is_neither_read_nor_locked(
    kernel: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """numba keeps in memory what it compiles."""
    kernel.chmod(0o777)
    for function in (analyse, finish, differentiate):
        monkeypatch.setattr(function, "enable_caching", lambda: pytest.fail("is used"))
    assert _folder.__wrapped__() is None


def _age(folder: Path, days: float) -> None:
    for path in folder.rglob("*"):
        os.utime(path, (path.stat().st_atime, time.time() - days * 86_400))


def _another(kernel: Path, name: str) -> Path:
    return Path(shutil.copytree(kernel, kernel.with_name(name)))


def test_unused_kernels_are_removed(kernel: Path) -> None:
    """Once another is made, after 30 days without use; a process still finds its lock."""
    unused, used = _another(kernel, "kernel-1"), _another(kernel, "kernel-2")
    _age(unused, 31)
    _age(used, 31)
    os.utime(used / "lock")
    assert kernel_folder() == kernel
    assert (unused / "compiled" / "analyse.nbi").exists()  # none was made
    shutil.rmtree(kernel)
    assert kernel_folder() == kernel
    assert [path for path in unused.rglob("*") if path.is_file()] == [unused / "lock"]
    assert (used / "compiled" / "analyse.nbi").exists()


def test_what_is_not_ours_is_not_removed(kernel: Path, tmp_path: Path) -> None:
    """A folder that others reach, what a link leads to, and what has another name stay."""
    reached, other = _another(kernel, "kernel-1"), _another(kernel, "another")
    linked = _another(kernel, "kernel-3").rename(tmp_path / "linked")
    kernel.with_name("kernel-3").symlink_to(linked)
    holds = _another(kernel, "kernel-4")
    (holds / "more").symlink_to(linked / "compiled")
    for folder in (reached, other, linked, holds):
        _age(folder, 31)
    reached.chmod(0o755)
    shutil.rmtree(kernel)
    assert kernel_folder() == kernel
    for folder in (reached, other, linked, holds):
        assert (folder / "compiled" / "analyse.nbi").exists()


def test_use_is_seen_by_the_lock(kernel: Path) -> None:
    """A kernel that is only ever loaded counts as used."""
    _age(kernel, 31)
    with _locked(kernel):
        assert time.time() - (kernel / "lock").stat().st_mtime < 3600


_PREPARE = """
import numpy as np
from unvoiced.features import extract_samples, load
from unvoiced.features.kernel.analyse import analyse
from unvoiced.features.kernel.prepare import prepare
prepare(print, [load("log-mel-80")], ["float64"])
made = extract_samples(np.zeros(1600), 16_000, load("log-mel-80"))
assert made["log_mel"].shape == (80, 11)
print("compiled" if sum(analyse.stats.cache_misses.values()) else "loaded")
"""


def start(cache: Path) -> "subprocess.Popen[str]":
    """A process that prepares the kernel, uses it, and tells what it had to do."""
    return subprocess.Popen(
        [sys.executable, "-c", _PREPARE],
        env={**os.environ, "XDG_CACHE_HOME": str(cache)},
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
def test_processes_that_start_together_compile_once(cache: Path) -> None:
    """One compiles and says so, the others wait and load; so does one that comes later."""
    running = [start(cache) for _ in range(3)]
    told = sorted(process.communicate(timeout=200)[0].splitlines() for process in running)
    assert [lines[-1] for lines in told].count("compiled") == 1
    assert [lines[-1] for lines in told].count("loaded") == 2
    later = start(cache).communicate(timeout=100)[0].splitlines()
    assert later == ["loaded"]
    kept = [path for path in cache.rglob("*") if path.suffix in {".nbi", ".nbc"}]
    assert kept
    assert all(path.is_relative_to(cache / "unvoiced") for path in kept)


@pytest.mark.slow
def test_without_a_private_folder_nothing_is_kept_or_loaded(cache: Path) -> None:
    """It is compiled in memory, which is said; what lies in the open folder is not looked at."""
    start(cache).communicate(timeout=200)
    (cache / "unvoiced").chmod(0o777)
    before = sorted(cache.rglob("*"))
    told = start(cache).communicate(timeout=200)[0].splitlines()
    assert any("No private cache folder" in line for line in told)
    assert told[-1] == "compiled"
    assert sorted(cache.rglob("*")) == before


_ELSEWHERE = """
import numpy as np
from unvoiced.features import extract_samples, load
from unvoiced.features.uncompiled import uncompiled_arrays
y = np.random.default_rng(0).normal(0, 0.1, 16_000)
for name in ("speech-16k", "mfcc-20-deltas"):
    made, expected = extract_samples(y, 16_000, load(name)), uncompiled_arrays([y], load(name))
    for array, values in made.items():
        assert values.dtype == np.float16
        np.testing.assert_allclose(values.astype(float), expected[array].astype(float), 1e-3, 1e-3)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "features"),
    [("generic", ""), ("haswell", "+avx,+avx2,+fma,+f16c,+sse4.2,+bmi,+bmi2")],
)
def test_narrower_processors_give_the_same(cache: Path, name: str, features: str) -> None:
    """Vectors of 16 and of 32 bytes, without fused additions and without half precision too."""
    env = {"NUMBA_CPU_NAME": name, "NUMBA_CPU_FEATURES": features, "XDG_CACHE_HOME": str(cache)}
    subprocess.run(
        [sys.executable, "-c", _ELSEWHERE], env={**os.environ, **env}, check=True, timeout=200
    )
