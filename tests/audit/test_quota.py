"""The quota: shared by all sessions of one requester, cheap to keep, overshot by so much only."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from tests.audit.watched import Watched, reads
from tests.ingest.hooked_store import HookedStore
from unvoiced.audit import Purpose
from unvoiced.audit.quota import ReadQuota
from unvoiced.audit.record import READS, Read
from unvoiced.audit.trail import AuditTrail
from unvoiced.errors import AccessError, InputError
from unvoiced.log.ledger import Ledger
from unvoiced.sections import ReadingSettings
from unvoiced.stores import Store

SETTINGS = ReadingSettings(training_per_day=100, evaluation_per_day=0, inspection_per_day=10)
_EMPTY = Ledger()


class Session:
    """A reader that keeps to its quota."""

    def __init__(
        self, watched: Watched, purpose: Purpose = Purpose.TRAINING, audit: Store | None = None
    ) -> None:
        self.trail: AuditTrail = watched.session()
        self.purpose = purpose
        self.quota = ReadQuota(
            audit or watched.audit,
            self.trail.requester,
            purpose,
            SETTINGS,
            watched.signer.verifier,
            watched.clock,
        )

    def read(self, count: int, ledger: Ledger = _EMPTY) -> None:
        """As the opener does."""
        self.quota.admit(count, ledger)
        self.trail.record(reads(count), self.purpose)


def read_in_all(watched: Watched) -> int:
    """What the trail says."""
    return sum(int(name[:-5].rpartition("-")[2]) for name in watched.names(READS))


def test_what_is_within_the_quota_is_read_and_no_more() -> None:
    """To the last object; the refusal says how much was read and what to do."""
    watched = Watched.new()
    session = Session(watched)
    for _ in range(4):
        session.read(25)
    with pytest.raises(AccessError) as refused:
        session.read(1)
    assert read_in_all(watched) == 100
    said = str(refused.value)
    assert "100 objects a day for training" in said
    assert "has read 100 on 2026-11-23 (UTC)" in said
    assert f"unvoiced audit approve '{session.trail.requester}' --purpose training" in said


def test_a_refusal_does_not_ask_for_the_next_chunk_alone() -> None:
    """It knows no more than that chunk, so how many are to be approved is left to a person: its
    command, pasted as it is, approves nothing.
    """
    watched = Watched.new()
    session = Session(watched)
    session.read(90)
    with pytest.raises(AccessError) as refused:
        session.read(40)
    said = str(refused.value)
    assert "--objects N --until 2026-11-23" in said
    assert "N is the 90 of today plus all that is still wanted" in said
    assert "130" not in said
    assert "resume" in said


def test_a_chunk_that_does_not_fit_is_not_read_in_part() -> None:
    """Nothing of it is recorded, and what fits still is."""
    watched = Watched.new()
    session = Session(watched)
    session.read(90)
    with pytest.raises(AccessError):
        session.read(11)
    session.read(10)
    assert read_in_all(watched) == 100


def test_a_new_session_begins_where_the_others_are() -> None:
    """Starting the program again gives nobody a new quota."""
    watched = Watched.new()
    Session(watched).read(60)
    with pytest.raises(AccessError):
        Session(watched).read(41)
    Session(watched).read(40)


def test_purposes_have_quotas_of_their_own() -> None:
    """And what is read for one does not count for another."""
    watched = Watched.new()
    Session(watched).read(100)
    Session(watched, Purpose.INSPECTION).read(10)
    with pytest.raises(AccessError):
        Session(watched, Purpose.INSPECTION).read(1)


def test_without_a_quota_nothing_is_counted_or_listed() -> None:
    """0 is any number, and costs nothing."""
    watched = Watched.new()

    def around(operation: str, name: str, _: Callable[[], Any]) -> Any:
        pytest.fail(f"{operation} {name}")

    audit = HookedStore(watched.audit, around)
    Session(watched, Purpose.EVALUATION, audit).read(1_000)


def test_midnight_in_utc_begins_a_new_day() -> None:
    """In a session that goes on as well."""
    watched = Watched.new()
    session = Session(watched)
    session.read(100)
    watched.clock.forward(hours=15, minutes=59)
    with pytest.raises(AccessError):
        session.read(1)
    watched.clock.forward(minutes=1)
    session.read(100)


def test_what_another_requester_read_does_not_count() -> None:
    """The folder of a day has one for each requester."""
    watched = Watched.new()
    other = watched.session()
    other._requester = "os-user:other:7"
    other.record(reads(100), Purpose.TRAINING)
    Session(watched).read(100)


def test_the_day_is_listed_once_a_minute_at_most() -> None:
    """However many chunks are read; what this session reads meanwhile is known to it."""
    watched = Watched.new()
    listed: list[str] = []

    def around(operation: str, name: str, proceed: Callable[[], Any]) -> Any:
        if operation == "list":
            listed.append(name)
        return proceed()

    session = Session(watched, audit=HookedStore(watched.audit, around))
    began = watched.clock.time
    for _ in range(90):
        session.read(1)
    minutes = (watched.clock.time - began) / timedelta(minutes=1)
    assert 2 <= len(listed) <= minutes + 1
    assert all(name.endswith("/training/") for name in listed)


def test_several_at_once_overshoot_by_what_the_others_read_in_a_minute() -> None:
    """The bound that is stated: each knows of the others what was listed a minute ago at most."""
    watched = Watched.new()
    sessions = [Session(watched) for _ in range(4)]
    stopped, most_in_a_minute = set(), 0
    window: list[tuple[Any, int]] = []
    while len(stopped) < len(sessions):
        for session in sessions:
            try:
                session.read(5)
            except AccessError:
                stopped.add(id(session))
                continue
            window.append((watched.clock.time, 5))
            since = watched.clock.time - timedelta(minutes=1)
            recent = sum(count for when, count in window if when >= since)
            most_in_a_minute = max(most_in_a_minute, recent)
        watched.clock.forward(seconds=10)
    total = read_in_all(watched)
    assert 100 <= total <= 100 + most_in_a_minute
    watched.clock.forward(minutes=1)
    for session in sessions:
        with pytest.raises(AccessError):
            session.read(1)


def test_a_clock_that_is_set_back_is_listed_anew() -> None:
    """A day that was over is the day again, with what was read on it."""
    watched = Watched.new()
    session = Session(watched)
    session.read(100)
    watched.clock.forward(days=1)
    session.read(1)
    watched.clock.forward(days=-1)
    with pytest.raises(AccessError):
        session.read(1)


def test_planted_names_in_the_folder_stop_nobody() -> None:
    """What bears no record's name counts nothing."""
    watched = Watched.new()
    session = Session(watched)
    session.read(1)
    folder = watched.names(READS)[0].rpartition("/")[0]
    for name in ("x", "99999999999-1-1.json"):
        watched.put(f"{folder}/{name}", b"x")
    watched.clock.forward(minutes=2)
    session.read(99)


@pytest.mark.parametrize("name", ["training_per_day", "inspection_per_day"])
def test_a_negative_quota_is_refused(name: str) -> None:
    """It would be a number that nobody meant."""
    with pytest.raises(InputError, match=name):
        ReadingSettings(**{name: -1})


def test_a_record_has_the_objects_it_names() -> None:
    """A quota is counted in objects: reading one twice in a record is one object, as it names."""
    watched = Watched.new()
    same: list[Read] = reads(1) * 3
    record = watched.session().record(same, Purpose.TRAINING)
    assert len(record.objects) == 1
    assert watched.names(READS)[0].endswith("-1.json")
