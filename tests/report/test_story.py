"""What the log tells over time is what the ledger says, whatever the order of leaves and clocks."""

import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unvoiced.errors import VerificationError
from unvoiced.log.leaves import encode_leaf
from unvoiced.log.ledger import Ledger
from unvoiced.report.story import Point, Story
from unvoiced.report.window import Window

NOW = datetime(2026, 11, 23, 12, 34, 56, tzinfo=UTC)
KEYS = [hashlib.sha256(bytes([n])).hexdigest() for n in range(2)]
# What may be said of one of six recordings, a time in minutes before now, and a key's number.
said = st.tuples(
    st.sampled_from(["accepted", "disposed", "quarantined", "released"]),
    st.integers(0, 5),
    st.integers(-30, 20_000),
    st.integers(0, 2),
)


def log_of(sayings: list[tuple[str, int, int, int]]) -> list[bytes]:
    """A log that holds: what may not follow is not logged, as the accounts see to it."""
    ledger, leaves = Ledger(), []
    start = NOW - timedelta(minutes=20_000)
    wanted = [encode_leaf("intake-key", key, start, epoch="2026-w45") for key in KEYS]
    for kind, which, minutes, key in sayings:
        more: dict[str, str] = {}
        if kind == "accepted" and key < len(KEYS):
            more = {"intake_key": KEYS[key][:32]}
        elif kind == "disposed":
            more = {"cause": "erasure" if key else "features stored"}
        elif kind == "quarantined":
            more = {"reason": "unknown-format"}
        digest = hashlib.sha256(f"recording {which}".encode()).hexdigest()
        wanted.append(encode_leaf(kind, digest, NOW - timedelta(minutes=minutes), **more))
    for data in wanted:
        for admitted in ledger.admissible([data]):
            ledger.enter(admitted)
            leaves.append(admitted)
    return leaves


def told(leaves: list[bytes], days: int = 10) -> Story:
    """The story."""
    story = Story(Window(NOW, days))
    story.follow(iter(leaves))
    return story


@settings(max_examples=60, deadline=None)
@given(st.lists(said, max_size=40), st.sampled_from([2, 10]))
def test_the_backlog_ends_as_the_ledgers_and_the_receipts_add_up(
    sayings: list[tuple[str, int, int, int]], days: int
) -> None:
    """The last point, all causes, and what is sealed to keys: each is what the ledger has."""
    leaves = log_of(sayings)
    story = told(leaves, days)
    ledger = Ledger()
    for data in leaves:
        ledger.enter(data)
    assert len(story.points) == len(story.window.steps)
    last = story.points[-1]
    assert last is not None
    assert (last.backlog, last.quarantined) == (len(ledger.backlog), len(ledger.quarantined))
    assert (last.oldest is None) == (not ledger.backlog)
    assert sum(story.causes.values()) == ledger.disposed
    assert story.ledger.size == len(leaves)
    for key in KEYS:
        mine = story.keys[key]
        assert mine.unsettled == ledger.unsettled_under(key) == mine.accepted - mine.disposed
    assert story.unsettled_under_no_key == len(
        (ledger.backlog | ledger.quarantined.keys()) - ledger.sealed_to.keys()
    )
    for cause, steps in story.receipts.items():
        assert sum(steps.values()) <= story.causes[cause]


@settings(max_examples=40, deadline=None)
@given(st.lists(said, max_size=30))
def test_each_point_is_what_the_log_had_said_by_then(
    sayings: list[tuple[str, int, int, int]],
) -> None:
    """Against folding the log anew up to each step's end, time going forward only."""
    leaves = log_of(sayings)
    story = told(leaves)
    window, reached = story.window, ""
    ends = [step + window.step for step in window.steps]
    for step, end in zip(range(len(ends)), ends, strict=True):
        ledger, reached = Ledger(), ""
        for data in leaves:
            time = data.split(b'"time":"')[1][:20].decode()
            reached = max(reached, min(time, f"{NOW:%Y-%m-%dT%H:%M:%SZ}"))
            if reached >= f"{end:%Y-%m-%dT%H:%M:%SZ}":
                break
            ledger.enter(data)
        point = story.points[step]
        if ledger.size == 0:
            assert point is None
        else:
            assert point is not None
            assert (point.backlog, point.quarantined) == (
                len(ledger.backlog), len(ledger.quarantined)
            )  # fmt: skip


def test_a_log_older_than_the_window_has_a_point_for_every_step() -> None:
    """What was taken over long ago and still waits is there from the first day on."""
    long_ago = NOW - timedelta(days=400)
    story = told([encode_leaf("accepted", "a" * 64, long_ago)], 10)
    since = long_ago.timestamp() // 1
    assert story.points == [Point(1, 0, since)] * 10
    assert story.accepted == {}


def test_what_is_said_at_midnight_is_of_the_new_day() -> None:
    """The point of the day that ended has none of it."""
    midnight = NOW.replace(hour=0, minute=0, second=0)
    before = encode_leaf("accepted", "a" * 64, midnight - timedelta(hours=1))
    story = told([before, encode_leaf("accepted", "b" * 64, midnight)], 10)
    assert [point.backlog for point in story.points[-2:] if point] == [1, 2]
    assert story.accepted == {8: 1, 9: 1}


def test_a_leaf_without_a_time_is_no_leaf_of_this_log() -> None:
    """It could be held for any day."""
    leaf = encode_leaf("accepted", "a" * 64, NOW).replace(b"2026-11-23T12:34:56Z", b"yesterday")
    with pytest.raises(VerificationError, match="has no time"):
        told([leaf])


@pytest.mark.parametrize(
    ("days", "steps", "first"),
    [(1, 24, "2026-11-22 13:00"), (7, 168, "2026-11-16 13:00"), (8, 8, "2026-11-16 00:00"),
     (90, 90, "2026-08-26 00:00")],
    ids=["a day", "a week", "over a week", "a quarter"],
)  # fmt: skip
def test_a_window_ends_with_the_step_that_now_is_in(days: int, steps: int, first: str) -> None:
    """By the hour up to a week, by the day beyond."""
    window = Window(NOW, days)
    assert len(window.steps) == steps
    assert f"{window.start:%Y-%m-%d %H:%M}" == first
    assert window.number_of(NOW) == steps - 1
    assert window.number_of(window.start.timestamp()) == 0
    assert window.number_of(window.start - timedelta(seconds=1)) is None
