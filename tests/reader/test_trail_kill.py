"""INV-8 for a reader that dies at any moment: what it gave out is in the trail, and what it got."""

import os
import resource
import signal
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.ingest import killing
from tests.ingest.dying import Died, dies
from tests.ingest.home import Home
from tests.ingest.hooked_store import HookedStore
from tests.ingest.killing import When, killed_at
from tests.reader.conftest import Filled
from tests.reader.readings import SAMPLES, opened, recorded
from unvoiced.audit.record import READS, name_tag, parse_record
from unvoiced.catalog.build import CatalogBuilder, build_all
from unvoiced.errors import StoreError
from unvoiced.stores import Store
from unvoiced.stores.file import FileStore
from unvoiced.stores.memory import MemoryStore

# Every seventh moment in `make test`; the others with the slow tests.
PARTS = 7
FEW = [pytest.param(0), *(pytest.param(n, marks=pytest.mark.slow) for n in range(1, PARTS))]
# An epoch of many chunks, so that it dies between them as well.
LITTLE = 150_000
ENOUGH = 20_000


@pytest.fixture(params=["digests known", "digests new"])
def known(request: pytest.FixtureRequest) -> bool:
    """Whether a catalog says beforehand what will be read, or each record waits for the bytes."""
    return bool(request.param == "digests known")


@pytest.fixture
def home(filled: Filled, tmp_path: Path, known: bool) -> Home:
    """The deployment on disk, with a catalog or without."""
    home = Home.copy(filled.folder, tmp_path / "home")
    if known:
        build_all(CatalogBuilder.of(home.settings))
    return home


def name_tags(audit: Store) -> set[str]:
    """The names in the trail, as it holds them."""
    return {
        tag
        for entry in audit.list(READS)
        for of_one in parse_record(audit.get(entry.name).data).contributors.values()
        for tag in of_one.values()
    }


def holds(audit: Store, reported: list[str], *, known: bool) -> None:
    """What was given out is in the trail, and what was asked for where it was known beforehand.

    Every record is whole: a write that was cut off is no record.
    """
    given = {line[2:] for line in reported if line.startswith("S ")}
    asked = {line[2:] for line in reported if line.startswith("G ")}
    assert given <= set(recorded(audit))
    if known:
        assert {name_tag(name) for name in asked} <= name_tags(audit)


def reporting(home: Home, report: Callable[[str], object]) -> Home:
    """The deployment, whose training store says which features it is asked for, before it is."""

    def around(operation: str, name: str, go: Callable[[], Any]) -> Any:
        if operation == "get" and name.startswith("features/"):
            report(f"G {name}")
        return go()

    return home.on(training=HookedStore(home.store("training"), around))


def read_all(home: Home, report: Callable[[str], object]) -> None:
    """An epoch, each sample reported as it is given out."""
    with opened(home, prefetch_bytes=LITTLE) as features:
        for sample in features.shuffle(1):
            report(f"S {sample.sha256}")


def report_to(file: int) -> Callable[[str], object]:
    """What reports into a file, by the call to write that does not kill."""
    write = os.write
    return lambda line: write(file, f"{line}\n".encode())


def trial(home: Home, said: Path, nth: int, when: When) -> tuple[bool, list[str]]:
    """Whether a reader was killed at its nth touch, and what it had reported by then."""
    file = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    report = report_to(file)
    died = killed_at(nth, when, lambda: read_all(reporting(home, report), report))
    os.close(file)
    return died, said.read_text().splitlines()


@pytest.mark.inv("INV-8")
@pytest.mark.parametrize("when", ["before", "midway"])
@pytest.mark.parametrize("part", FEW)
def test_a_killed_reader_gave_nothing_out_without_a_record(
    home: Home, memory_disk: Path, known: bool, part: int, when: When
) -> None:
    """SIGKILL at every call that changes the disk, and at every opening and closing of a file."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(killing, "TOUCHES", (*killing.TOUCHES, "open", "close"))
        for nth in range(part, ENOUGH, PARTS * (1 if part else 5)):
            audit = FileStore(memory_disk / str(nth) / "audit")
            died, reported = trial(home.on(audit=audit), memory_disk / f"{nth}.said", nth, when)
            holds(audit, reported, known=known)
            if not died:
                assert nth > 200
                assert len(recorded(audit)) == SAMPLES
                assert sum(line.startswith("S ") for line in reported) == SAMPLES
                return
    pytest.fail("never got through")


@pytest.mark.inv("INV-8")
def test_a_reader_killed_from_outside_gave_nothing_out_without_a_record(
    home: Home, memory_disk: Path, known: bool
) -> None:
    """SIGKILL after so many samples, whatever its threads are doing by then."""
    for number in range(0, SAMPLES, 4):
        audit = FileStore(memory_disk / str(number) / "audit")
        listen, say = os.pipe()
        pid = os.fork()
        if not pid:
            try:
                read_all(reporting(home.on(audit=audit), report_to(say)), report_to(say))
            finally:
                os._exit(1)
        os.close(say)
        reported: list[str] = []
        with os.fdopen(listen) as lines:
            for line in lines:
                reported.append(line.rstrip("\n"))
                if sum(one.startswith("S ") for one in reported) > number:
                    os.kill(pid, signal.SIGKILL)
                    break
            reported += [line.rstrip("\n") for line in lines if line.endswith("\n")]
        os.waitpid(pid, 0)
        assert reported
        holds(audit, reported, known=known)


@pytest.fixture
def in_memory(filled: Filled, tmp_path: Path, known: bool) -> Home:
    """The deployment with its stores in memory, with a catalog or without."""
    home = Home.copy(filled.folder, tmp_path / "home").in_memory(versioned=False)
    if known:
        build_all(CatalogBuilder.of(home.settings))
    return home


def around_all(home: Home, around: Callable[..., Any]) -> Home:
    """The deployment with something around every call to the stores that reading uses."""
    stores = ("training", "audit", "log")
    return home.on(**{name: HookedStore(home.store(name), around) for name in stores})


def trials(home: Home) -> Iterator[tuple[Home, MemoryStore]]:
    """The deployment with an empty trail, again and again."""
    while True:
        audit = MemoryStore("audit")
        yield home.on(audit=audit), audit


@pytest.mark.inv("INV-8")
@pytest.mark.parametrize("after", [False, True])
def test_a_reader_that_dies_at_any_call_to_a_store_leaves_its_records(
    in_memory: Home, known: bool, after: bool
) -> None:
    """At every get, list and put, before it is done or when it is done."""
    for nth, (home, audit) in enumerate(trials(in_memory)):
        calls, reported = count(), []

        def dying(operation: str, name: str, go: Callable[[], Any]) -> Any:
            if operation == "get" and name.startswith("features/"):
                reported.append(f"G {name}")  # noqa: B023
            mine = next(calls) == nth  # noqa: B023
            if mine and not after:
                raise Died
            result = go()
            if mine:
                raise Died
            return result

        died = dies(lambda: read_all(around_all(home, dying), reported.append))  # noqa: B023
        holds(audit, reported, known=known)
        if not died:
            assert nth > 1.5 * SAMPLES
            return


@pytest.mark.inv("INV-8")
@pytest.mark.parametrize("kind", ["refused", "answer lost"])
def test_an_audit_store_that_fails_in_mid_epoch_ends_it(
    in_memory: Home, known: bool, kind: str
) -> None:
    """What has a record is given out, nothing else is, and the store's own error comes out."""
    for number, (home, audit) in zip(range(6), trials(in_memory), strict=False):
        puts, reported = count(), []

        def failing(operation: str, name: str, go: Callable[[], Any]) -> Any:
            if operation == "put_if_absent" and next(puts) >= number:  # noqa: B023
                if kind == "answer lost":
                    go()
                raise StoreError(f"{name}: no space left on device")
            return go()

        broken = home.on(audit=HookedStore(audit, failing))
        with pytest.raises(StoreError, match="no space left on device"):
            read_all(reporting(broken, reported.append), reported.append)
        holds(audit, [line for line in reported if line.startswith("S ")], known=known)
        given = sum(line.startswith("S ") for line in reported)
        assert given < SAMPLES
        assert (given == 0) == (number == 0)
        if known and kind == "refused":  # not even asked for
            holds(audit, reported, known=True)


@pytest.mark.inv("INV-8")
def test_a_disk_that_fills_up_in_mid_epoch_ends_it(
    home: Home, memory_disk: Path, known: bool
) -> None:
    """A record of which half could be written is none, and nothing of it is given out."""
    audit = FileStore(memory_disk / "audit")
    listen, say = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            report = report_to(say)
            with opened(home.on(audit=audit), prefetch_bytes=LITTLE) as features:
                for nth, sample in enumerate(features):
                    report(f"S {sample.sha256}")
                    if nth == 2:
                        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
        except StoreError as error:
            report(f"E {error}")
        finally:
            os._exit(0)
    os.close(say)
    with os.fdopen(listen) as lines:
        reported = [line.rstrip("\n") for line in lines]
    os.waitpid(pid, 0)
    assert reported[-1].startswith("E ")
    assert 3 <= len(reported) - 1 < SAMPLES
    holds(audit, reported, known=known)
