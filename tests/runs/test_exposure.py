"""The exposure window as numbers: bounds, sums, and what is refused."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unvoiced.ingest.exposure import Exposure

seconds = st.floats(0, 1e8, allow_nan=False)


def of(*times: float) -> Exposure:
    """Of these."""
    exposure = Exposure()
    for one in times:
        exposure.add(one)
    return exposure


@given(st.lists(seconds, min_size=1), st.floats(0.01, 1))
def test_a_quantile_never_flatters_and_is_off_by_a_fifth_at_most(
    times: list[float], share: float
) -> None:
    """It is no less than the true one, no more than 19 % above it or a second, nor the longest."""
    exact = sorted(times)[max(0, math.ceil(share * len(times) - 1e-9) - 1)]
    found = of(*times).quantile(share)
    assert found is not None
    assert exact <= found * (1 + 1e-6)
    assert found <= min(max(exact * 1.1893, 1.0), max(times)) * (1 + 1e-6)


@given(st.lists(st.floats(-100, 1e8)), st.lists(st.floats(-100, 1e8)))
def test_two_that_are_merged_are_what_one_would_be(one: list[float], other: list[float]) -> None:
    """However recordings are spread over batches and runs, and through JSON."""
    both = of(*one)
    both.merge(Exposure.of_json(of(*other).as_json()))
    whole = of(*one, *other)
    assert both.total == pytest.approx(whole.total)
    both.total = whole.total
    assert both == whole
    assert sum(whole.buckets.values()) == whole.count


def test_a_clock_that_is_behind_makes_no_time_and_no_flattering_number() -> None:
    """What was gone before it came has no time that is known: it counts as longer than any."""
    exposure = of(-5, 10, 20, 30)
    assert (exposure.count, exposure.skewed, exposure.not_known) == (3, 1, 1)
    assert (exposure.total, exposure.longest) == (60, 30)
    assert exposure.quantile(0.5) == of(10, 20, 30).quantile(2 / 3)
    assert exposure.quantile(0.95) is None
    assert of(*[10] * 19, -5).quantile(0.95) == 10
    assert of(10, 20).quantile(0.5, others=3) is None


def test_what_was_uploaded_nobody_knows_when_is_counted_apart() -> None:
    """It is neither none nor the time since 1970."""
    exposure = Exposure()
    exposure.observe(0.0, 1e9)
    assert (exposure.count, exposure.unknown, exposure.quantile(0.5)) == (0, 1, None)


@pytest.mark.parametrize(
    "change",
    [{"count": 3}, {"longest": math.inf}, {"buckets": {"x": 1}}, {"buckets": []}, {"total": "x"},
     {"total": math.nan}, {"total": 1e9}, {"total": 1}, {"longest": 0}, {"unknown": -99},
     {"skewed": True}, {"buckets": {"0": 3, "4": -1}}, {"buckets": {"0": 1, "-4": 1}}],
    ids=["count", "longest", "bucket", "buckets", "total", "no number", "long", "short", "bound",
         "negative", "truth", "fewer than none", "below"],
)  # fmt: skip
def test_what_does_not_add_up_is_not_read(change: dict[str, Any]) -> None:
    """A record that somebody made up does not put nonsense on the page."""
    with pytest.raises((ValueError, TypeError, KeyError, AttributeError)):
        Exposure.of_json(of(1, 2).as_json() | change)
