"""Reading ahead: within its bound, in order, and over as soon as nobody wants it any longer."""

import contextlib
import gc
import threading
import time
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import pytest

from tests.ingest.home import Home
from tests.ingest.hooked_store import HookedStore
from tests.reader.readings import SAMPLES, opened
from unvoiced.errors import StoreError
from unvoiced.reader.prefetch import Ahead, read_ahead
from unvoiced.reader.view import View


def readers() -> int:
    """How many threads are reading ahead."""
    return sum(one.name == "unvoiced-read-ahead" for one in threading.enumerate())


def soon(holds: Callable[[], bool]) -> bool:
    """Whether it does within ten seconds."""
    end = time.monotonic() + 10
    while not holds() and time.monotonic() < end:
        time.sleep(0.005)
    return holds()


@pytest.mark.parametrize("most", [1, 10, 25, 1000])
def test_never_more_than_the_bound_waits_or_is_on_its_way(most: int) -> None:
    """At every read and after it; a single answer that is larger comes alone."""
    ahead: Ahead[int] = Ahead(most)
    sizes = [7, 1, 30, 3, 3, 3, 9, 26, 1, 1]
    taken = 0
    seen = []

    def read(some: Any) -> list[tuple[int, int]]:
        held = sum(sizes[: some[0] + 1]) - sum(sizes[:taken])
        seen.append((held, sizes[some[0]]))
        return [(some[0], sizes[some[0]])]

    read_ahead(ahead, (([at], size) for at, size in enumerate(sizes)), read)
    answers = []
    for answer in ahead.take():
        taken += 1
        answers.append(answer)
        time.sleep(0.002)
    assert answers == list(range(len(sizes)))
    # What was just taken is the caller's, and may be counted by `held` a moment too long.
    assert all(held <= max(most + 30, size) for held, size in seen)
    assert most < 1000 or len(seen) == len(sizes)


def test_little_is_read_ahead_where_little_may_be(library: Home) -> None:
    """Sealed bytes fetched and not given out stay within `prefetch_bytes`."""
    fetched: list[str] = []

    def watched(operation: str, name: str, go: Callable[[], Any]) -> Any:
        if operation == "get" and name.startswith("features/"):
            fetched.append(name)
        return go()

    sizes = {entry.name: entry.size for entry in library.store("training").list("features/")}
    home = library.on(training=HookedStore(library.store("training"), watched))
    for most in (2 * max(sizes.values()), 100_000, 10**9):
        fetched.clear()
        with opened(home, prefetch_bytes=most) as features:
            given = 0
            for sample in features.shuffle(1):
                given += sizes[sample.name]
                before = -1
                while before != len(fetched):  # until it has come to rest
                    before = len(fetched)
                    time.sleep(0.01)
                assert sum(sizes[name] for name in list(fetched)) - given <= most
            assert len(fetched) == SAMPLES


def left_by_break(features: View) -> None:
    """As somebody does who looks at the first batch."""
    for _ in features.shuffle(1):
        break


def left_by_an_error(features: View) -> None:
    """As a training step that fails."""
    for _ in features.batches(2):
        raise ZeroDivisionError


def let_go_of(features: View) -> None:
    """An iterator that nobody has any longer."""
    iteration = iter(features)
    next(iteration)
    del iteration


def closed(features: View) -> None:
    """While an iterator is still there."""
    features.kept = iter(features)  # type: ignore[attr-defined]
    next(features.kept)  # type: ignore[attr-defined]
    features.close()


def read_to_its_end(features: View) -> None:
    """Nothing is left to read."""
    assert len(list(features)) == SAMPLES


@pytest.mark.parametrize(
    "leave", [left_by_break, left_by_an_error, let_go_of, closed, read_to_its_end]
)
def test_a_loop_that_is_left_stops_its_thread(library: Home, leave: Callable[[View], None]) -> None:
    """In whatever way it is left, at once and not when the process ends."""
    assert soon(lambda: readers() == 0)
    features = opened(library, prefetch_bytes=20_000)
    with contextlib.suppress(ZeroDivisionError):
        leave(features)
    gc.collect()
    assert soon(lambda: readers() == 0)


def test_errors_come_in_their_place(library: Home) -> None:
    """A store that fails in mid-epoch: what was read before is given out, then the error is."""

    def failing(operation: str, name: str, go: Callable[[], Any]) -> Any:
        if operation == "get" and name == names[15]:
            raise StoreError(f"{name}: SlowDown")
        return go()

    names = opened(library).names
    home = library.on(training=HookedStore(library.store("training"), failing))
    with opened(home) as features:
        seen: list[str] = []
        with pytest.raises(StoreError, match="SlowDown"):
            seen.extend(sample.name for sample in features)
        assert seen == names[:8]  # the chunk before
        # What was recorded and fetched of the broken chunk is given out after resuming.
        state = features.state_dict()
        with opened(library) as again:
            again.load_state_dict(state)
            assert [sample.name for sample in again] == names[8:]


def test_two_iterations_at_once_do_not_mind_each_other(library: Home) -> None:
    """In one thread by turns, and in several."""
    with opened(library, prefetch_bytes=50_000) as features:
        one, other = iter(features), iter(features.shuffle(3))
        pairs = [(a.name, b.name) for a, b in zip(one, other, strict=True)]
        assert [a for a, _ in pairs] == features.names
        assert sorted(b for _, b in pairs) == features.names
        found: dict[int, list[str]] = {}

        def run(seed: int) -> None:
            found[seed] = [sample.name for sample in features.shuffle(seed)]

        threads = [threading.Thread(target=run, args=(seed,)) for seed in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert all(sorted(names) == features.names for names in found.values())
        assert len(found) == 4
        assert features.report.read == 6 * SAMPLES


def test_the_first_sample_comes_before_much_is_read(library: Home) -> None:
    """The first chunk is a few objects, whatever may be read ahead."""
    fetched: list[str] = []
    gate = threading.Event()

    def slow(operation: str, name: str, go: Callable[[], Any]) -> Any:
        if operation == "get" and name.startswith("features/"):
            fetched.append(name)
            if len(fetched) > 8:
                gate.wait(30)
        return go()

    home = library.on(training=HookedStore(library.store("training"), slow))
    with opened(home) as features:
        iteration: Iterator[Any] = iter(features)
        assert [one.name for one in islice(iteration, 8)] == features.names[:8]
        gate.set()
        assert len(list(iteration)) == SAMPLES - 8
