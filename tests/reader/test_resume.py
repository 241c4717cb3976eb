"""An epoch that was interrupted goes on where it was: nothing twice, nothing lost."""

import json
from collections.abc import Iterable
from itertools import islice
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.ingest.home import Home
from tests.reader.readings import SAMPLES, opened, remove
from unvoiced.errors import InputError
from unvoiced.reader.batches import Batches
from unvoiced.reader.view import View


def made(features: View, kind: str) -> View | Batches:
    """Something that is iterated over and can be resumed."""
    return {
        "by name": features,
        "shuffled": features.shuffle(5).epoch(2),
        "shard": features.shuffle(5).shard(1, 2),
        "batches": features.shuffle(5).batches(5),
        "by frames": features.shuffle(5).batches(frames=150),
        "longest first": features.batches(frames=150),
    }[kind]


KINDS = ("by name", "shuffled", "shard", "batches", "by frames", "longest first")


def names_of(given: Iterable[Any]) -> list[str]:
    """The names of samples, or of those of batches."""
    return [one.name for each in given for one in getattr(each, "samples", [each])]


def through_a_file(state: dict[str, Any]) -> dict[str, Any]:
    """As it would be saved and loaded."""
    loaded: dict[str, Any] = json.loads(json.dumps(state))
    return loaded


@pytest.mark.parametrize("kind", KINDS)
def test_an_epoch_goes_on_after_what_was_given_out(library: Home, kind: str) -> None:
    """At every point; what was read ahead and not given out comes after resuming."""
    with opened(library) as features:
        whole = list(made(features, kind))
    for cut in range(len(whole) + 1):
        with opened(library) as features:
            view = made(features, kind)
            before = list(islice(view, cut))
            state = through_a_file(view.state_dict())
        with opened(library) as features:
            other = made(features, kind)
            other.load_state_dict(state)
            assert other.state_dict() == state
            after = list(other)
            assert names_of(before) + names_of(after) == names_of(whole)
            if kind in KINDS[3:]:
                assert [len(each) for each in before + after] == [len(each) for each in whole]
            assert len(names_of(other)) == len(names_of(whole))  # and then from the beginning


@pytest.mark.parametrize("kind", KINDS)
def test_resuming_survives_erasures(library: Home, kind: str) -> None:
    """Of the sample given out last, of earlier and of later ones: none else is lost or repeated."""
    with opened(library) as features:
        whole = names_of(made(features, kind))
        view = made(features, kind)
        iteration = iter(view)
        before = names_of([next(iteration), next(iteration)])
        state = view.state_dict()
        del iteration
    gone = {before[-1], before[0], *whole[len(before) :: 3]}
    remove(library, gone)
    with opened(library) as features:
        other = made(features, kind)
        other.load_state_dict(state)
        assert sorted(names_of(other)) == sorted(set(whole) - set(before) - gone)


@given(st.integers(1, 5), st.integers(0, 100), st.integers(1, 30_000), st.integers(0, SAMPLES))
@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_shards_resumed_anywhere_are_together_all(
    library: Home, shards: int, seed: int, most: int, cut: int
) -> None:
    """However many ranks, and however little is read ahead."""
    with opened(library, prefetch_bytes=most) as features:
        seen = []
        for shard in range(shards):
            view = features.shuffle(seed).shard(shard, shards)
            seen += [sample.name for sample in islice(view, cut)]
            rest = features.shuffle(seed).shard(shard, shards)
            rest.load_state_dict(view.state_dict())
            seen += [sample.name for sample in rest]
        assert sorted(seen) == features.names


def test_the_state_of_something_else_is_refused(library: Home) -> None:
    """Another seed, shard, kind or feature set; nothing is resumed in the wrong place."""
    with opened(library) as features:
        views = [made(features, kind) for kind in KINDS]
        states = [view.state_dict() for view in views]
        assert len({json.dumps(state) for state in states}) == 6
        for at, view in enumerate(views):
            for number, state in enumerate(states):
                if number == at or {number, at} == {1, 3}:  # batches of 5 resume samples, and back
                    view.load_state_dict(state)
                else:
                    with pytest.raises(InputError):
                        view.load_state_dict(state)
        for wrong in ({}, {"format": 1}, {**states[0], "after": 3}):
            with pytest.raises(InputError):
                views[0].load_state_dict(wrong)
