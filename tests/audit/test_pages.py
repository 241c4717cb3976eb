"""Tying the trail into the log: everything once, whatever comes late, races or dies."""

import hashlib
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import count
from typing import Any

import pytest

from tests.audit.watched import START, Died, Watched, deaths, dying, reads
from tests.ingest.hooked_store import CHANGES, once
from unvoiced.audit import AuditTrail, Purpose
from unvoiced.audit import pages as pages_module
from unvoiced.audit.page import parse_page, read_pages
from unvoiced.audit.record import canonical, parse_record
from unvoiced.stores.memory import MemoryStore


def named(watched: Watched) -> dict[str, str]:
    """What all pages of the log name; no record twice."""
    known = {leaf.digest for leaf in watched.leaves()}
    found: dict[str, str] = {}
    for standing in read_pages(watched.audit, watched.audit.list("pages/")):
        if standing.page is not None and standing.sha256 in known:
            for one in standing.page.records:
                assert one.name not in found
                found[one.name] = one.sha256
    return found


def standing(watched: Watched) -> dict[str, str]:
    """What stands under `reads/`."""
    return {name: hashlib.sha256(watched.get(name)).hexdigest() for name in watched.names("reads/")}


def assert_all_tied(watched: Watched) -> None:
    """Every record that stands is in just one page, and the auditor sees nothing wrong."""
    assert named(watched) == standing(watched)
    report = watched.verify()
    assert report.damage == []
    assert (report.untied, report.unlogged, report.foreign) == (0, [], [])


@pytest.mark.inv("INV-12")
def test_every_record_is_in_a_page_that_the_log_has() -> None:
    """With its name and the digest of its bytes, and the leaf says nothing but the page's."""
    watched = Watched.new()
    watched.read(3, 1, 2)
    tied = watched.tie()
    assert (tied.records, len(tied.pages)) == (3, 1)
    assert_all_tied(watched)
    (leaf,) = watched.leaves()
    assert leaf.digest == hashlib.sha256(watched.get(tied.pages[0])).hexdigest()
    assert leaf.fields.keys() == {"kind", "sha256", "time"}


def test_what_was_tied_is_not_tied_again() -> None:
    """A second look adds no page; more records add one with these alone."""
    watched = Watched.new()
    watched.read(1)
    watched.tie()
    assert watched.tie().pages == []
    watched.read(1)
    assert watched.tie().records == 1
    assert_all_tied(watched)


def test_a_day_without_reads_has_one_page_all_the_same() -> None:
    """So a day that has none is one on which nobody tied."""
    watched = Watched.new()
    assert len(watched.tie().pages) == 1
    assert watched.tie().pages == []
    watched.clock.forward(days=1)
    assert len(watched.tie().pages) == 1


def test_more_records_than_a_page_takes_go_into_several(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each names the one before it."""
    monkeypatch.setattr(pages_module, "RECORDS", 2)
    watched = Watched.new()
    watched.read(*[1] * 5)
    pages = watched.tie().pages
    assert len(pages) == len(watched.leaves()) == 3
    previous = None
    for name in pages:
        page = parse_page(name, watched.get(name))
        assert page.previous == previous
        previous = hashlib.sha256(watched.get(name)).hexdigest()
    assert_all_tied(watched)


@pytest.mark.inv("INV-12")
@pytest.mark.parametrize("days", [-400, -30, -2, -1, 0, 1, 3])
def test_a_record_from_a_machine_whose_clock_is_wrong_is_tied_within_a_day(days: int) -> None:
    """Under whatever day it stands; the store's own times play no part."""
    watched = Watched.new()
    for _ in range(4):  # days in between, which are tied by then
        watched.read(1)
        watched.tie()
        watched.clock.forward(days=1)
    watched.read(1)
    watched.tie()
    trail = AuditTrail(watched.audit, "skewed", lambda: watched.clock() + timedelta(days=days))
    trail.record(reads(1), Purpose.TRAINING)
    if days >= -1:  # at once
        assert watched.tie().records == 1
    watched.clock.forward(days=1)
    watched.tie()
    assert_all_tied(watched)


@pytest.mark.inv("INV-12")
@pytest.mark.parametrize("days", [-400, -3, 3, 400])
def test_a_watch_whose_clock_is_wrong_ties_all_the_same(days: int) -> None:
    """Then, and when its clock is right again."""
    watched = Watched.new()
    for _ in range(3):
        watched.read(1)
        watched.tie()
        watched.clock.forward(days=1)
    right = watched.clock.time
    watched.clock.forward(days=days)
    trail = AuditTrail(watched.audit, "right", lambda: right)
    for each in range(2):  # the first look of its wrong day, and another
        trail.record(reads(1, f"wrong{each}"), Purpose.TRAINING)
        watched.tie()
        assert named(watched) == standing(watched)
    watched.clock.time = right
    watched.read(1)
    watched.tie()
    assert_all_tied(watched)


@pytest.mark.inv("INV-12")
def test_a_record_put_while_a_page_is_made_goes_into_the_next() -> None:
    """Whichever step of tying it comes after, none is left out for good."""
    for nth in count():
        watched = Watched.new()
        watched.read(1)
        steps, done = count(), []

        def around(
            _: str,
            __: str,
            proceed: Callable[[], Any],
            nth: int = nth,
            steps: Any = steps,
            done: list[int] = done,
            watched: Watched = watched,
        ) -> Any:
            result = proceed()
            if next(steps) == nth:
                done.append(nth)
                watched.read(1, run="meanwhile")
            return result

        watched.seen_through(around).tie()
        if not done:
            break
        watched.tie()
        assert_all_tied(watched)
    assert nth > 10


@pytest.mark.inv("INV-12")
def test_stopped_at_any_moment_the_next_call_goes_on() -> None:
    """At each change to either store, before it and after: what was put and not logged is."""
    for nth, after in deaths():
        watched = Watched.new()
        watched.read(1)
        watched.tie()
        watched.read(2, 2)
        try:
            watched.seen_through(dying(nth, after=after)).tie()
            break
        except Died:
            pass
        watched.read(1)
        watched.tie()
        assert_all_tied(watched)
    assert nth > 3


@pytest.mark.inv("INV-12")
def test_two_at_once_tie_every_record_once() -> None:
    """Whichever change of the one the other comes in at, with all that it does."""
    for nth in count():
        watched = Watched.new()
        watched.read(1)
        watched.tie()
        watched.read(1, 1)
        changes, done = count(), []

        def around(
            operation: str,
            _: str,
            proceed: Callable[[], Any],
            nth: int = nth,
            changes: Any = changes,
            done: list[int] = done,
            watched: Watched = watched,
        ) -> Any:
            if operation in CHANGES and next(changes) == nth:
                done.append(nth)
                watched.read(1, run="meanwhile")
                watched.tie()
            return proceed()

        watched.seen_through(around).tie()
        if not done:
            break
        watched.tie()
        assert_all_tied(watched)
    assert nth > 2


@pytest.mark.inv("INV-12")
def test_many_at_once_tie_every_record_once() -> None:
    """Threads, while others read."""
    watched = Watched.new()
    failed: list[BaseException] = []

    def work(act: Callable[[], object]) -> None:
        try:
            for _ in range(4):
                act()
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(watched.tie,)) for _ in range(3)]
    threads += [threading.Thread(target=work, args=(lambda: watched.read(1),)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    watched.tie()
    assert_all_tied(watched)


def test_a_planted_page_is_not_logged() -> None:
    """It names what is not so: the log says nothing, and records are tied by one of ours."""
    watched = Watched.new()
    (name,) = watched.read(1)
    pretended = watched.seen_through(
        once("put_if_absent", "tile/", lambda: (_ for _ in ()).throw(Died()))
    )
    with pytest.raises(Died):
        pretended.tie()
    (page,) = watched.names("pages/")
    true = watched.get(page)
    false = true.replace(hashlib.sha256(watched.get(name)).hexdigest().encode(), b"0" * 64)
    watched.put(page, false)
    tied = watched.tie()
    assert tied.foreign == [page]
    assert named(watched) == standing(watched)
    assert watched.verify().unlogged == [page]


@pytest.mark.parametrize("changed", [{"previous": "0" * 64}, {"named": 7}, {"names": "0" * 64}])
def test_a_planted_page_that_does_not_follow_on_is_not_logged(changed: dict[str, Any]) -> None:
    """What it names is there; what it says of the pages before it is not so."""
    watched = Watched.new()
    watched.read(1)
    watched.tie()
    watched.read(1)
    before = set(watched.names("pages/"))
    other = Watched(watched.signer, watched.clock, MemoryStore("copy"), MemoryStore("other"))
    for name in watched.names():
        other.put(name, watched.get(name))
    for entry in watched.log.list():
        other.log.put_if_absent(entry.name, watched.log.get(entry.name).data)
    (name,) = other.tie().pages
    page = parse_page(name, other.get(name))
    assert name not in before
    watched.put(name, replace(page, **changed).encode())
    assert watched.tie().foreign == [name]
    assert named(watched) == standing(watched)


@pytest.mark.inv("INV-12")
def test_a_record_that_took_the_place_of_another_is_tied() -> None:
    """As many stand as were named: the digest of their names says that they are others."""
    watched = Watched.new()
    gone, _ = watched.read(1, 1)
    watched.tie()
    watched.delete(gone)
    watched.read(1)
    tied = watched.tie()
    assert [one.name for one in tied.missing] == [gone]
    assert tied.records == 1


def test_numbers_that_somebody_took_stop_nothing() -> None:
    """Not even the last number there is, nor names that are none."""
    watched = Watched.new()
    day = f"{START:%Y-%m-%d}"
    planted = [f"pages/{day}/{n}.json" for n in ("000000", "000001", "999999", "x")]
    for name in planted:
        watched.put(name, b"{}")
    watched.read(1)
    assert sorted(watched.tie().foreign) == planted
    watched.read(1)
    watched.tie()
    assert named(watched) == standing(watched)


def test_a_page_that_says_all_days_were_looked_at_before_that_day_came_is_not_logged() -> None:
    """Else a day's look through all of them could be put off by planting one."""
    watched = Watched.new()
    name = watched.tie().pages[0]
    page = parse_page(name, watched.get(name))
    tomorrow = f"{START + timedelta(days=1):%Y-%m-%d}"
    forged = canonical(
        {**page.__dict__, "day": tomorrow, "records": {}, "format": "unvoiced-audit-page/1"}
    )
    watched.put(f"pages/{tomorrow}/000000.json", forged + b"\n")
    trail = AuditTrail(watched.audit, "ahead", lambda: watched.clock() + timedelta(days=1))
    trail.record(reads(1), Purpose.TRAINING)
    assert watched.tie().foreign == [f"pages/{tomorrow}/000000.json"]
    watched.clock.forward(days=1)
    assert watched.tie().whole


@pytest.mark.inv("INV-12")
def test_a_page_that_was_deleted_loses_no_record_that_stands() -> None:
    """They are tied again; that the page is gone is the auditor's to say."""
    watched = Watched.new()
    watched.read(1)
    (page,) = watched.tie().pages
    watched.read(1)
    watched.delete(page)
    watched.tie()
    assert named(watched) == standing(watched)
    assert [one.name for one in watched.verify().damage] == [watched.leaves()[0].digest]


def test_a_tied_record_that_is_missing_is_said_at_once() -> None:
    """The watch need not wait for an auditor."""
    watched = Watched.new()
    gone, _ = watched.read(1, 1)
    watched.tie()
    watched.delete(gone)
    assert [one.name for one in watched.tie().missing] == [gone]


def test_a_record_that_goes_while_it_is_read_is_said() -> None:
    """It was listed, and was not there to be tied."""
    watched = Watched.new()
    gone, _ = watched.read(1, 1)
    seen = watched.seen_through(once("get", gone, lambda: watched.delete(gone)))
    tied = seen.tie()
    assert (tied.vanished, tied.records) == ([gone], 1)


def test_a_look_at_an_unchanged_trail_reads_no_record() -> None:
    """Nor more than a page a day: what five minutes without reads cost."""
    watched = Watched.new()
    for _ in range(5):
        for _ in range(3):
            watched.read(1)
            watched.tie()
        watched.clock.forward(days=1)
    watched.tie()
    fetched: list[str] = []

    def around(operation: str, name: str, proceed: Callable[[], Any]) -> Any:
        if operation == "get" and name.startswith(("reads/", "pages/")):
            fetched.append(name)
        return proceed()

    assert watched.seen_through(around).tie().pages == []
    assert len(fetched) <= 5
    assert not any(name.startswith("reads/") for name in fetched)


def test_a_page_is_as_this_format_writes_it() -> None:
    """Canonical JSON; every record's name leads back to a record that agrees."""
    watched = Watched.new()
    watched.read(2)
    name = watched.tie().pages[0]
    page = parse_page(name, watched.get(name))
    assert page.encode() == watched.get(name)
    (one,) = page.records
    assert parse_record(watched.get(one.name)).sequence == 0
