"""The order of an epoch: each sample once, by whoever, resumed or not, erased between or not."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unvoiced.errors import InputError
from unvoiced.reader.order import Mark, Order, length_classes
from unvoiced.reader.position import Position

sizes_by_name = st.dictionaries(
    st.text("abcdef/0", min_size=1, max_size=6), st.integers(0, 2**40), max_size=60
)
orders = st.builds(
    Order,
    seed=st.none() | st.integers(-(2**70), 2**70),
    epoch=st.integers(0, 5),
    windows=st.sampled_from([0, 1, 2, 8]),
)


def arranged(order: Order, sizes: dict[str, int], after: Mark | None = None) -> list[str]:
    """Names in order."""
    names = sorted(sizes)
    rows = order.arrange(names, np.array([sizes[name] for name in names], np.int64), after)
    return [names[row] for row in rows]


@given(orders, sizes_by_name, st.integers(1, 5), st.integers(1, 4))
def test_shards_of_shards_are_disjoint_and_together_all(
    order: Order, sizes: dict[str, int], ranks: int, workers: int
) -> None:
    """Every sample is in exactly one, in the same order as in the whole."""
    whole = arranged(order, sizes)
    assert sorted(whole) == sorted(sizes)
    parts = [
        arranged(order.part(rank, ranks).part(worker, workers), sizes)
        for rank in range(ranks)
        for worker in range(workers)
    ]
    assert sorted(name for part in parts for name in part) == sorted(sizes)
    place = {name: at for at, name in enumerate(whole)}
    assert all(part == sorted(part, key=place.__getitem__) for part in parts)


@given(orders, sizes_by_name, st.data(), st.integers(1, 3))
def test_a_resumed_epoch_is_what_was_left_of_it(
    order: Order, sizes: dict[str, int], data: st.DataObject, shards: int
) -> None:
    """Whatever was erased meanwhile, the last sample too, and whatever was added: none twice."""
    order = order.part(data.draw(st.integers(0, shards - 1)), shards)
    whole = arranged(order, sizes)
    if not whole:
        return
    cut = data.draw(st.integers(0, len(whole) - 1))
    mark = Mark(whole[cut], sizes[whole[cut]])
    erased = data.draw(st.sets(st.sampled_from(sorted(sizes))))
    added = {f"new{name}": size for name, size in data.draw(sizes_by_name).items()}
    left = {name: size for name, size in sizes.items() if name not in erased} | added
    resumed = [name for name in arranged(order, left, mark) if name not in added]
    assert resumed == [name for name in whole[cut + 1 :] if name not in erased]
    assert arranged(order, left)[-len(arranged(order, left, mark)) or len(left) :] == arranged(
        order, left, mark
    )


@given(orders, sizes_by_name, st.data())
def test_what_is_erased_moves_nothing_else(
    order: Order, sizes: dict[str, int], data: st.DataObject
) -> None:
    """Neither in the order nor to another shard, so readers of different listings agree."""
    erased = data.draw(st.sets(st.sampled_from(sorted(sizes)))) if sizes else set()
    left = {name: size for name, size in sizes.items() if name not in erased}
    for part in (order, order.part(1, 3)):
        assert arranged(part, left) == [name for name in arranged(part, sizes) if name in left]


def test_seed_and_epoch_decide_on_the_order() -> None:
    """Another seed, another epoch: another order of the same, and another part."""
    sizes = {f"{each:04}": 1 for each in range(200)}
    orders = [Order(1), Order(2), Order(1, epoch=1), Order()]
    found = [tuple(arranged(order, sizes)) for order in orders]
    assert len(set(found)) == 4
    assert found[0] == tuple(arranged(Order(1), sizes))
    assert found[3] == tuple(sorted(sizes))
    parts = [frozenset(arranged(order.part(0, 2), sizes)) for order in orders]
    assert len(set(parts)) == 4


def test_the_order_is_the_same_in_every_version() -> None:
    """A state that was saved before an update goes on after it."""
    sizes = {name: 100 * len(name) for name in ("a", "bb", "ccc", "dddd", "eeeee")}
    assert arranged(Order(7), sizes) == ["eeeee", "bb", "a", "ccc", "dddd"]
    assert arranged(Order(7, epoch=3), sizes) == ["ccc", "bb", "a", "dddd", "eeeee"]
    assert arranged(Order(7, windows=2), sizes) == ["eeeee", "dddd", "bb", "a", "ccc"]
    assert arranged(Order(windows=1), sizes) == ["eeeee", "dddd", "ccc", "bb", "a"]
    assert arranged(Order(7, shard=1, shards=2), sizes) == ["eeeee", "a", "ccc"]


def test_shards_are_of_about_the_same_size() -> None:
    """Within four standard deviations of a fair share."""
    sizes = {f"{each:05}": 1 for each in range(8000)}
    for order in (Order(), Order(3)):
        counts = [len(arranged(order.part(shard, 8), sizes)) for shard in range(8)]
        assert max(abs(count - 1000) for count in counts) < 4 * np.sqrt(8000 * 7 / 64)


@pytest.mark.parametrize(("shard", "shards"), [(-1, 2), (2, 2), (0, 0)])
def test_a_shard_that_there_is_not_is_refused(shard: int, shards: int) -> None:
    """They count from 0."""
    with pytest.raises(InputError, match="no shard"):
        Order().part(shard, shards)


def test_an_order_by_length_has_what_is_alike_together() -> None:
    """In each window every length comes once, in an order of its own; and still it is shuffled."""
    random = np.random.default_rng(0)
    sizes = {
        f"{each:05}": int(size) for each, size in enumerate(random.integers(2**14, 2**18, 9000))
    }
    order = Order(1).by_length(len(sizes))
    assert order.windows == 4
    names = arranged(order, sizes)
    assert sorted(names) == sorted(sizes)
    classes = length_classes(np.array([sizes[name] for name in names]))
    changes = int((np.diff(classes) != 0).sum())
    assert 16 * 4 - 4 <= changes + 1 <= 16 * 4
    firsts = [tuple(dict.fromkeys(part)) for part in np.array_split(classes, 4)]
    assert len(set(firsts)) > 1
    assert names != arranged(replace(order, epoch=1), sizes)


@given(st.lists(st.integers(1, 2**50), min_size=2, max_size=20))
def test_sizes_of_one_class_differ_by_a_quarter_at_most(sizes: list[int]) -> None:
    """And a larger one is never in a smaller class."""
    ordered = np.array(sorted(sizes))
    classes = length_classes(ordered)
    assert (np.diff(classes) >= 0).all()
    for one in set(classes.tolist()):
        alike = ordered[classes == one]
        assert alike.max() < alike.min() * 1.25 + 1e-9


@given(orders, st.none() | st.text("ab", min_size=1), st.integers(0, 3))
def test_a_state_is_what_it_was_made_of(order: Order, name: str | None, shard: int) -> None:
    """Through a file and back; the state of another order is refused."""
    order = order.part(shard, 4)
    after = None if name is None else Mark(name, 5)
    state = Position(order, after).state("set-12345678")
    assert Position.of_state(state, "set-12345678", replace(order, epoch=9)) == Position(
        order, after
    )
    others = [
        replace(order, seed=1234567),
        replace(order, shard=order.shard + 1),
        replace(order, shards=5),
        replace(order, windows=0 if order.windows else 1),
    ]
    for other in others:
        with pytest.raises(InputError):
            Position.of_state(state, "set-12345678", other)
    for wrong in ({}, {**state, "epoch": "1"}, {**state, "after": 7}, {**state, "format": "x"}):
        with pytest.raises(InputError):
            Position.of_state(wrong, "set-12345678", order)
    with pytest.raises(InputError, match="feature_set"):
        Position.of_state(state, "other-12345678", order)
