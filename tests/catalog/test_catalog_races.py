"""Builds at the same time as other builds, and as erasures; at every moment between two calls."""

from collections.abc import Callable
from pathlib import Path
from threading import Barrier, Thread
from typing import Any

import pytest

from tests.catalog.library import SPEECH, Library, stored
from tests.erasure.house import erase, eraser
from tests.ingest.dying import Died
from tests.ingest.hooked_store import HookedStore
from unvoiced.catalog.build import SetReport
from unvoiced.catalog.table import load
from unvoiced.erasure import reapply


@pytest.fixture
def library(tmp_path: Path) -> Library:
    """Anna and Bruno, in stores that keep versions."""
    return stored(tmp_path)


def at_call(nth: int, act: Callable[[], object]) -> tuple[Callable[..., Any], list[str]]:
    """Do something before the nth call of a store; what was called is listed."""
    calls: list[str] = []

    def around(operation: str, name: str, proceed: Callable[[], Any]) -> Any:
        calls.append(f"{operation} {name}")
        if len(calls) == nth + 1:
            act()
        return proceed()

    return around, calls


def names_in(library: Library) -> set[str]:
    """Who is in any version of any shard, as a search through bytes finds them."""
    versions = [one for one in library.training.versions("catalog/") if not one.delete_marker]
    held = [library.training.get(one.name, one.version).data for one in versions]
    whose = {one.pseudonym for one in library.sent}
    return {one for one in whose if any(one.encode() in data for data in held)}


@pytest.mark.inv("INV-10")
@pytest.mark.parametrize("begun", [False, True], ids=["first-build", "later-build"])
def test_an_erasure_at_any_moment_of_a_build(tmp_path: Path, begun: bool) -> None:
    """Before each call that a build makes: no shard that stands names them when it is through, and
    none of any version once erasures were gone on with; the others are all there.
    """
    for nth in range(200):
        library = stored(tmp_path / str(nth), anna=1, bruno=1)
        if begun:
            library.build()
            library.ingest(anna=1)
        anna, bruno = library.sent[0].pseudonym, library.sent[1].pseudonym
        done: list[bool] = []

        def act(library: Library = library, done: list[bool] = done) -> None:
            done.append(erase(library.home, library.sent[0].pseudonym).complete)

        around, calls = at_call(nth, act)
        library.build(training=HookedStore(library.training, around))
        if len(calls) <= nth:
            assert nth > 8
            break
        assert done == [True], calls[nth]
        assert set(load(library.training, SPEECH)["pseudonym"].to_pylist()) == {bruno}, calls[nth]
        assert reapply(eraser(library.home)) == []
        assert names_in(library) == {bruno}, calls[nth]
        assert anna.encode() not in b"".join(library.shards().values())
    else:
        pytest.fail("a build that never ends")


@pytest.mark.inv("INV-10")
def test_a_build_that_dies_after_its_put_is_mended_by_the_next(library: Library) -> None:
    """The worst moment: everybody of the shard was there when it asked, and nobody looks again."""
    anna = library.sent[0].pseudonym

    def around(operation: str, name: str, proceed: Callable[[], Any]) -> Any:
        if operation == "put_if_absent" and name == library.shard_of(library.sent[0]):
            assert erase(library.home, anna).complete
            proceed()
            raise Died
        return proceed()

    with pytest.raises(Died):
        library.build(training=HookedStore(library.training, around))
    assert names_in(library) >= {anna}

    library.build()

    assert anna not in load(library.training, SPEECH)["pseudonym"].to_pylist()
    assert reapply(eraser(library.home)) == []
    assert names_in(library) == {library.sent[2].pseudonym}


def test_what_goes_during_a_build_has_no_row(library: Library) -> None:
    """By retention, say, which suppresses nobody: the shard is looked at after its put."""
    gone = library.sent[0].feature_name

    def around(operation: str, name: str, proceed: Callable[[], Any]) -> Any:
        if operation == "put_if_absent" and (held := library.training.head(gone)) is not None:
            library.training.delete(gone, held.version)
        return proceed()

    assert library.build(training=HookedStore(library.training, around)).rows == 2
    assert gone not in load(library.training, SPEECH)["name"].to_pylist()


def test_two_builds_at_once_end_as_one(library: Library) -> None:
    """Whichever puts first: all rows, once, and the same bytes as one alone makes."""
    library.build()
    alone = library.shards()
    for one in list(library.training.versions("catalog/")):
        library.training.delete(one.name, one.version)
    start = Barrier(4)
    reports: list[SetReport] = []

    def build() -> None:
        builder = library.builder()
        start.wait()
        reports.append(builder.build(SPEECH))

    threads = [Thread(target=build) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [one.rows for one in reports] == [3] * 4
    assert library.shards() == alone


def test_an_older_listing_never_overwrites_a_newer_shard(library: Library) -> None:
    """A whole other build between any two calls of one: what it added stays."""
    for nth in range(200):
        new = library.ingest(bruno=1)
        around, calls = at_call(nth, library.build)
        library.build(training=HookedStore(library.training, around))
        assert len(load(library.training, SPEECH)) == len(library.sent), calls[nth : nth + 1]
        assert new[0].feature_name in load(library.training, SPEECH)["name"].to_pylist()
        if len(calls) <= nth:
            break
    else:
        pytest.fail("a build that never ends")


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_build_that_dies_anywhere_is_finished_by_the_next(library: Library, after: bool) -> None:
    """Before or after any put: the same shards."""
    library.build()
    whole = library.shards()
    for nth in range(3):
        for one in list(library.training.versions("catalog/")):
            library.training.delete(one.name, one.version)
        puts = [nth]

        def around(
            operation: str, name: str, proceed: Callable[[], Any], puts: list[int] = puts
        ) -> Any:
            mine = operation in {"put_if_absent", "replace"}
            if not mine:
                return proceed()
            puts[0] -= 1
            if puts[0] < 0 and not after:
                raise Died
            result = proceed()
            if puts[0] < 0:
                raise Died
            return result

        try:
            library.build(training=HookedStore(library.training, around))
        except Died:
            assert nth < 2
        library.build()
        assert library.shards() == whole
