"""Parts of a run: every name is in one of them, and together they do what one run does."""

import base64
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ingest.claims import finished
from tests.ingest.home import START, Home, Sent
from tests.ingest.test_second_looks import killed
from unvoiced.disposal import QuarantineRecord
from unvoiced.errors import InputError
from unvoiced.ingest.batch import ingest_batch
from unvoiced.ingest.interrupted import finish_interrupted
from unvoiced.ingest.outcome import BatchReport
from unvoiced.ingest.part import MOST_PARTS, WHOLE, Part
from unvoiced.ingest.plan import Plan, make_plan
from unvoiced.ingest.workbench import Workbench
from unvoiced.stores import Entry

LIMITS = (2, 2**26, 2**30)


def parts(of: int) -> list[Part]:
    """All parts of so many."""
    return [Part(number, of) for number in range(1, of + 1)]


@given(st.text(min_size=1), st.integers(1, 40))
def test_every_name_is_in_one_part_whoever_gave_it(name: str, of: int) -> None:
    """What is in two parts is counted twice; what is in none is never ingested."""
    assert [part.has(name) for part in parts(of)].count(True) == 1
    assert WHOLE.has(name)


def test_parts_meet_however_many_there_are() -> None:
    """Each begins behind the last name of the one before."""
    every = parts(MOST_PARTS)
    assert (every[0].after, every[-1].until) == ("", None)
    assert all(one.until == other.after > one.after for one, other in pairwise(every))


@pytest.mark.parametrize("of", [2, 3, 5, 32, 33, 100])
def test_parts_have_pseudonyms_in_even_numbers(of: int) -> None:
    """Of names that are spread as hashes are, no part has a tenth more than another's."""
    step = 2**80 // 8_000
    names = [
        base64.b32encode((step * n).to_bytes(10, "big")).decode().lower() for n in range(8_000)
    ]
    counts = [sum(map(part.has, names)) for part in parts(of)]
    assert sum(counts) == len(names)
    assert max(counts) - min(counts) <= len(names) / of / 10 + 1


@pytest.mark.parametrize(("number", "of"), [(0, 2), (3, 2), (1, 0), (-1, -1), (1, MOST_PARTS + 1)])
def test_there_is_no_such_part(number: int, of: int) -> None:
    """A wrong number ends the run before it begins, not with recordings that nobody takes."""
    with pytest.raises(InputError, match=f"part {number} of {of}"):
        Part(number, of)


def windows(home: Home, part: Part, window: int) -> list[Plan]:
    """All plans of a part."""
    bench = home.bench()
    plans = [make_plan(bench, *LIMITS, (), part, "", window)]
    while plans[-1].after is not None:
        plans.append(make_plan(bench, *LIMITS, (), part, plans[-1].after, window))
    return plans


def found(plans: list[Plan]) -> list[tuple[str, str]]:
    """(name, version) of everything that they have in batches."""
    batches = [batch for plan in plans for batch in plan.batches]
    return [(item.name, item.version) for batch in batches for item in batch]


@pytest.fixture
def crowd(home: Home) -> Home:
    """Thirty recordings of fifteen people in a versioned store, some names with three versions."""
    memory = home.in_memory(versioned=True)
    raw = memory.store("raw")
    for number in range(30):
        sent = memory.send(f"person-{number % 15}", b"recording %d" % number)
        for again in range(2 if number % 7 == 0 else 0):
            raw.replace(sent.name, b"again %d" % again, version=raw.head(sent.name).version)  # type: ignore[union-attr]
    for name in ("0-first.txt", "README", "zzz-last"):
        memory.put(name, b"no upload put this here")
    return memory


@pytest.mark.parametrize("of", [1, 2, 7])
@pytest.mark.parametrize("window", [1, 3])
def test_windows_of_parts_have_everything_once_and_in_order(
    crowd: Home, of: int, window: int
) -> None:
    """Whatever the cut: as one plan of the whole has it, each name's versions in one window."""
    whole = make_plan(crowd.bench(), *LIMITS)
    assert (whole.after, whole.recordings) == (None, 43)
    cut = [windows(crowd, part, window) for part in parts(of)]
    plans = [plan for of_part in cut for plan in of_part]
    assert found(plans) == found([whole])
    assert [name for plan in plans for name in plan.foreign] == whole.foreign
    names = [{item.name for batch in plan.batches for item in batch} for plan in plans]
    assert sum(map(len, names)) == len(set().union(*names))
    # Two a batch, and the versions of a last name on top.
    assert max(plan.recordings for plan in plans) <= 2 * window + 2
    assert sum(plan.recordings for plan in plans) == whole.recordings


def test_a_window_ends_though_nothing_is_to_do_in_it(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names of what is left out do not pile up in one plan, however many stand in a row."""
    memory = home.in_memory(versioned=True)
    monkeypatch.setattr("unvoiced.ingest.plan.MOST_LISTED", 4)
    for number in range(10):
        memory.put(f"large-{number}", b"larger than the limit")
    bench = memory.bench()
    plans = [make_plan(bench, 2, 2**26, 10, (), WHOLE, "", 1)]
    while plans[-1].after is not None:
        plans.append(make_plan(bench, 2, 2**26, 10, (), WHOLE, plans[-1].after, 1))
    assert [len(plan.oversized) for plan in plans] == [4, 4, 2]


@pytest.mark.inv("INV-5")
def test_parts_finish_what_was_interrupted_each_its_own(
    home: Home, voices: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run died before it disposed; of its journal, each part takes the names it has."""
    memory = home.in_memory(versioned=True)
    sent = [memory.send(f"person-{n}", voices[n % 3]) for n in range(8)]
    first = memory.bench("first")
    (batch,) = memory.plan(first).batches
    killed(monkeypatch, "settle", lambda: ingest_batch(first, batch))
    for part in parts(3):
        report = finish_interrupted(memory.bench(f"part {part.number}"), part)
        assert report.disposed == sum(part.has(one.name) for one in sent)
    memory.run()
    finished(memory, sent)


@pytest.mark.inv("INV-5")
def test_parts_that_run_at_once_do_what_one_run_does(home: Home, voices: list[bytes]) -> None:
    """Windows of three parts in turn: all is disposed of once, and a planted record named once."""
    memory = home.in_memory(versioned=True)
    sent = [memory.send(f"person-{n}", voices[n % 4]) for n in range(9)]
    bad = memory.send("person-9", b"no audio")
    memory.store("journal").put_if_absent("quarantine/planted.json", b"{}")
    benches = {part: memory.bench(f"part {part.number}") for part in parts(3)}
    where: dict[Part, str | None] = dict.fromkeys(benches, "")
    total, planted = BatchReport(), 0
    while going := [part for part, after in where.items() if after is not None]:
        for part in going:
            plan = make_plan(benches[part], *LIMITS, (), part, where[part] or "", 1)
            where[part] = plan.after
            planted += len(plan.planted)
            for items in plan.batches:
                total.add(ingest_batch(benches[part], items))
    assert (total.disposed, list(total.quarantined), planted) == (9, [bad.name], 1)
    memory.run()
    finished(memory, [*sent, bad], [bad])


def test_windows_of_one_run_look_at_the_quarantine_once(
    home: Home, voices: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Listing all records at every window would cost backlog times quarantine."""
    memory = home.in_memory(versioned=True)
    bad: list[Sent] = [memory.send(f"person-{n}", b"no audio %d" % n) for n in range(6)]
    memory.run()
    looks: list[int] = []
    bench = memory.bench("counted")
    records = bench.quarantine.records
    monkeypatch.setattr(bench.quarantine, "records", lambda: (looks.append(1), records())[1])
    monkeypatch.setattr("unvoiced.ingest.plan.MOST_LISTED", 2)
    plans = [make_plan(bench, *LIMITS, (), WHOLE, "", 1)]
    while plans[-1].after is not None:
        plans.append(make_plan(bench, *LIMITS, (), WHOLE, plans[-1].after, 1))
    assert [plan.quarantined for plan in plans] == [2, 2, 2]
    assert len(looks) == 1
    # The next run on this workbench looks again.
    record = next(iter(bench.quarantine.records()))
    assert isinstance(record, QuarantineRecord)
    assert make_plan(bench, *LIMITS).quarantined == len(bad)
    assert len(looks) == 3


class Endless:
    """A raw store that lists so many names and holds nothing: what a listing needs, no more."""

    def __init__(self, count: int) -> None:
        self._count = count

    def versions(self, prefix: str = "", after: str = "") -> Iterator[Entry]:
        """One version of each, in order."""
        first = int(after.partition("/")[2].partition(".")[0]) + 1 if after else 0
        for number in range(first, self._count):
            yield Entry(f"{'a' * 26}/{number:026}.unv", f"{number}-version", 7_000, START)


def peak_of_planning(bench: Workbench, recordings: int) -> int:
    """The most bytes that were allocated while so many were planned, window by window."""
    endless = replace(bench, raw=Endless(recordings))  # type: ignore[arg-type]  # of a Store
    planned, after = 0, ""
    tracemalloc.start()
    try:
        while True:
            plan = make_plan(endless, 256, 2**26, 2**30, (), WHOLE, after, 8)
            planned += plan.recordings
            if plan.after is None:
                assert planned == recordings
                return tracemalloc.get_traced_memory()[1]
            after = plan.after
    finally:
        tracemalloc.stop()


def test_planning_takes_the_same_memory_however_long_the_backlog(home: Home) -> None:
    """Ten times as many recordings, and no more of them in memory at once."""
    bench = home.bench()
    peak_of_planning(bench, 4_000)  # what is made once
    short, long = (peak_of_planning(bench, count) for count in (4_000, 40_000))
    assert long < 1.2 * short
