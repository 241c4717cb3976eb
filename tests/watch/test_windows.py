"""Adding reads up, and counting different things in a few kilobytes."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from unvoiced.watch.event import AccessEvent, Origin
from unvoiced.watch.sketch import Sketch
from unvoiced.watch.windows import gather, keyed, start_of, window_of

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
SALT = bytes(16)
LATER = NOON + timedelta(days=1)
EVENT = AccessEvent(
    Origin.TRAIL, NOON, "os-user:anna:1000", "anna@desk", "o1", "c1", 1000, "training"
)


def numbers(count: int, seed: int = 0) -> np.ndarray:
    """Hashes, as good as random."""
    return np.random.default_rng(seed).integers(0, 2**32, count, dtype=np.uint32)


def test_reads_are_added_up_by_window_requester_purpose_and_source() -> None:
    """Each read counts once, in one group, whatever order they come in."""
    events = [
        EVENT,
        replace(EVENT, object="o2", contributor="c2"),
        replace(EVENT, moment=NOON + timedelta(minutes=4, seconds=59)),  # o1 again
        replace(EVENT, moment=NOON + timedelta(minutes=5)),
        replace(EVENT, purpose="evaluation"),
        replace(EVENT, source="anna@laptop"),
        replace(EVENT, requester="os-user:bela:1001"),
    ]
    readings = gather(events, SALT, LATER)
    assert [reading.count for reading in readings] == [1, 3, 1, 1, 1]
    (largest,) = [reading for reading in readings if reading.count == 3]
    assert (largest.objects.size, largest.contributors.size) == (2, 2)
    assert start_of(largest.window) == NOON
    assert largest.objects.tolist() == sorted(keyed(SALT, each) for each in ("o1", "o2"))
    again = gather(events[::-1], SALT, LATER)
    assert [(r.window, r.requester, r.purpose, r.source, r.count) for r in readings] == [
        (r.window, r.requester, r.purpose, r.source, r.count) for r in again
    ]


def test_an_address_counts_as_its_network_and_a_missing_contributor_as_nobody() -> None:
    """A new lease in the same office is the same place; another network is another."""
    logged = replace(EVENT, origin=Origin.CLOUDTRAIL, purpose="", contributor="")
    sources = ["192.0.2.7", "192.0.2.250", "198.51.100.7", "2001:db8::1", "2001:db8:0:5::9"]
    readings = gather([replace(logged, source=source) for source in sources], SALT, LATER)
    assert sorted(reading.count for reading in readings) == [1, 2, 2]
    assert all(reading.contributors.size == 0 for reading in readings)


def test_a_clock_that_is_ahead_gains_nothing() -> None:
    """What says that it is of next year counts for now."""
    (reading,) = gather([replace(EVENT, moment=NOON + timedelta(days=365))], SALT, NOON)
    assert start_of(reading.window) == NOON


def test_hashes_depend_on_the_key() -> None:
    """Who does not know it cannot choose objects that no sketch holds."""
    assert keyed(SALT, "o1") != keyed(b"1" * 16, "o1")
    assert window_of(NOON) == int(NOON.timestamp()) // 300


def test_counts_are_exact_until_a_sketch_is_full_and_close_afterwards() -> None:
    """Off by a few percent at ten thousand times the memory of one hash."""
    sketch = Sketch(2048)
    for part in np.array_split(numbers(2000), 7):
        sketch = sketch.add(part).add(part[::-1])
    assert sketch.count == np.unique(numbers(2000)).size
    for seed in range(5):
        full = Sketch(2048).add(numbers(100_000, seed))
        assert full.hashes.size <= 2048
        assert full.count == pytest.approx(100_000, rel=0.1)


@pytest.mark.parametrize(("read", "known"), [(500, 500), (50_000, 500), (500, 50_000)])
def test_what_was_seen_is_never_new(read: int, known: int) -> None:
    """However coarse either sketch is; and what is new is counted, within its error."""
    before, after = numbers(known, 1), numbers(read, 2)
    seen = Sketch(2048).add(before)
    assert Sketch(1024).add(before[: min(read, known)]).new(seen) == 0
    assert Sketch(1024).add(after).new(seen) == pytest.approx(read, rel=0.45)


def test_a_union_is_what_adding_everything_gives() -> None:
    """Whichever is added to which, and however full they are."""
    one, other = numbers(3000, 1), numbers(9000, 2)
    everything = Sketch(1024).add(np.concatenate([one, other]))
    for first, second in ((one, other), (other, one)):
        union = Sketch(1024).add(first).union(Sketch(1024).add(second))
        assert (union.level, union.hashes.tolist()) == (
            everything.level,
            everything.hashes.tolist(),
        )
