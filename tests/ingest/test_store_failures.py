"""Stores that are full or read-only: the run says so or leaves it, and the next one finishes."""

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.ingest.claims import accounted_for, finished
from tests.ingest.home import Home, Sent
from tests.ingest.killing import TOUCHES
from unvoiced.config import StoreName
from unvoiced.errors import StoreError

ENOUGH = 300


@pytest.fixture
def backlog(home: Home, voices: list[bytes]) -> tuple[list[Sent], list[Sent]]:
    """Two contributors' recordings, and one that cannot be decoded."""
    sent = [home.send("anna", voices[0]), home.send("bruno", voices[1])]
    unusable = [home.send("bruno", b"no audio")]
    return sent + unusable, unusable


def refuse(
    patch: pytest.MonkeyPatch, folder: Path, code: int, touches: tuple[str, ...], after: int
) -> list[int]:
    """From the given touch on, all that would change this folder fails; returns whether any did."""
    refused: list[int] = []
    seen: list[int] = []

    def refusing(name: str) -> Callable[..., Any]:
        real = getattr(os, name)

        def call(*args: Any, **named: Any) -> Any:
            if _is_below(folder, args, named):
                seen.append(1)
                if len(seen) > after:
                    refused.append(1)
                    raise OSError(code, os.strerror(code))
            return real(*args, **named)

        return call

    for name in touches:
        patch.setattr(os, name, refusing(name))
    return refused


def _is_below(folder: Path, args: tuple[Any, ...], named: dict[str, Any]) -> bool:
    where = named.get("dst_dir_fd", named.get("dir_fd", args[0] if args else None))
    if not isinstance(where, int):
        return False
    place = Path(f"/proc/self/fd/{where}").readlink()
    return place == folder or folder in place.parents


CASES = [
    pytest.param("training", errno.ENOSPC, ("write", "mkdir"), id="training full"),
    pytest.param("training", errno.EROFS, TOUCHES, id="training read-only", marks=pytest.mark.slow),
    pytest.param("log", errno.ENOSPC, ("write", "mkdir"), id="log full"),
    pytest.param("log", errno.EROFS, TOUCHES, id="log read-only", marks=pytest.mark.slow),
    pytest.param("raw", errno.EROFS, TOUCHES, id="raw read-only"),
    pytest.param("raw", errno.EIO, ("fsync",), id="raw failing"),
]


@pytest.mark.inv("INV-3")
@pytest.mark.inv("INV-5")
@pytest.mark.parametrize(("store", "code", "touches"), CASES)
def test_a_store_that_refuses_from_some_moment_on_loses_nothing(
    memory_disk: Path,
    home: Home,
    backlog: tuple[list[Sent], list[Sent]],
    store: StoreName,
    code: int,
    touches: tuple[str, ...],
) -> None:
    """Whichever write fails first: a StoreError or a reason, and then a run that finishes."""
    sent, unusable = backlog
    for after in range(ENOUGH):
        trial = Home.copy(home.settings.folder, memory_disk / f"trial-{after}")
        seen = accounted_for(trial, sent)
        folder = trial.settings.folder / "stores" / store
        said = ""
        with pytest.MonkeyPatch.context() as patch:
            refused = refuse(patch, folder, code, touches, after)
            try:
                report = trial.run()
            except StoreError as error:
                said = str(error)
            else:
                said = " ".join(report.left.values())
        # A folder that stays behind empty is all that may fail without a word.
        assert os.strerror(code) in said or trial.standing() == {one.sha256 for one in unusable}
        seen = accounted_for(trial, sent, seen)
        trial.run()
        accounted_for(trial, sent, seen)
        finished(trial, sent, unusable)
        if not refused:
            assert after > 1
            return
    pytest.fail("never got through")


@pytest.mark.inv("INV-5")
@pytest.mark.parametrize("store", ["raw", "training", "log"])
def test_a_store_that_is_gone_is_no_empty_store(
    home: Home, backlog: tuple[list[Sent], list[Sent]], store: StoreName
) -> None:
    """Its folder moved away under a worker (an unmounted disk): an error, and nothing is lost."""
    sent, unusable = backlog
    bench = home.bench()
    folder = home.settings.folder / "stores" / store
    away = folder.with_name("away")
    folder.rename(away)
    with pytest.raises(StoreError):
        home.run(bench)
    away.rename(folder)
    home.run()
    finished(home, sent, unusable)
