"""The decisions, on listings made by hand: to the second, and with nothing else looked at."""

from datetime import date, timedelta
from itertools import permutations

import pytest

from tests.ingest.home import START
from unvoiced.audit import Purpose
from unvoiced.audit.approvals import new_approval
from unvoiced.disposal import Held
from unvoiced.errors import InputError
from unvoiced.retention.inactivity import LastSeen
from unvoiced.retention.rules import (
    APPROVED_AT_MOST,
    Dated,
    Rule,
    access_records,
    after_put,
    noncurrent,
    on_day,
    owner,
    sort_out,
)
from unvoiced.stores import Entry

ANNA, BRUNO = "a" * 26, "b" * 26
NOBODY = Held(frozenset())
SECOND = timedelta(seconds=1)


def entry(name: str, day: float = 0, version: str = "1", *, marker: bool = False) -> Entry:
    """A version put on a day after the start."""
    return Entry(name, version, 10, START + timedelta(days=day), marker)


def due_after(dated: Dated) -> timedelta:
    """How long after the start something is due."""
    return dated.due - START


@pytest.mark.parametrize("days", [1, 30, 1095])
def test_an_object_is_due_to_the_second(days: int) -> None:
    """A second earlier it is not, and the report says when it will be."""
    dated = list(after_put("raw", [entry(f"{ANNA}/x.unv")], days))
    due = START + timedelta(days=days)
    before = sort_out(Rule.RAW, "raw", dated, NOBODY, due - SECOND)
    assert (before.due, before.next) == ([], due)
    at = sort_out(Rule.RAW, "raw", dated, NOBODY, due)
    assert (at.due, at.next) == (dated, None)


def test_what_is_held_is_not_due() -> None:
    """By a hold on its contributor or on everything; the count says how many that are."""
    raw = [entry(f"{whose}/{n}.unv") for whose in (ANNA, BRUNO) for n in range(3)]
    dated = list(after_put("raw", raw, 1))
    now = START + timedelta(days=2)
    one = sort_out(Rule.RAW, "raw", dated, Held(frozenset({ANNA})), now)
    assert {item.whose for item in one.due} == {BRUNO}
    assert one.held == {f"under a legal hold ({ANNA})": 3}
    every = sort_out(Rule.RAW, "raw", dated, Held(frozenset({"everything"})), now)
    assert (every.due, sum(every.held.values())) == ([], 6)


def test_a_name_of_no_store_of_ours_is_left_and_shown_harmlessly() -> None:
    """It cannot be asked for, and its letters may be anything."""
    name = "a b/\x1b[2J\nx"
    decision = sort_out(Rule.RAW, "raw", after_put("raw", [entry(name)], 1), NOBODY,
                        START + timedelta(days=2))  # fmt: skip
    assert decision.due == []
    assert list(decision.left) == [ascii(name)]


@pytest.mark.parametrize(
    ("store", "name", "whose"),
    [
        ("raw", f"{ANNA}/x.unv", ANNA),
        ("archive", f"{ANNA}/x.unv", ANNA),
        ("training", f"features/speech-16k-00000000/{ANNA}/x.unv", ANNA),
        ("training", f"keys/{ANNA}.unv", ANNA),
        ("training", "probe/conditional-put", ""),
        ("journal", f"holds/{ANNA}", ""),
        ("audit", "reads/2026-11-23/0123456789abcdef/x.json", ""),
    ],
)
def test_whose_an_object_is(store: str, name: str, whose: str) -> None:
    """As the stores' names go."""
    assert owner(store, name) == whose


def test_a_day_begins_in_utc() -> None:
    """Midnight, not the hour at which something was put."""
    (one,) = on_day("raw", [entry("x")], date(2027, 1, 1))
    assert one.due.isoformat() == "2027-01-01T00:00:00+00:00"


@pytest.mark.parametrize(
    ("folder", "put", "since"),
    [
        ("2026-11-23", 0, "2026-11-24T00:00:00"),  # written that day: the whole day counts
        ("2026-11-23", 5, "2026-11-28T08:00:00"),  # put back from a backup: not older than that
        ("2001-01-01", 0, "2026-11-23T08:00:00"),  # its writer says long ago
        ("2126-01-01", 0, "2026-11-24T08:00:00"),  # its writer says never
        ("9999-12-31", 0, "2026-11-24T00:00:00"),
        ("no-date", 0, "2026-11-24T00:00:00"),  # the day it was put
        ("2026-11-231", 0, "2026-11-24T00:00:00"),
        ("2001-02-30", 0, "2026-11-24T00:00:00"),
    ],
)
@pytest.mark.parametrize(
    "name", ["reads/{}/0123456789abcdef/x.json", "pages/{}/000001.json", "watch/{}-x", "{}/x.jsonl"]
)
def test_an_access_record_is_as_old_as_the_store_says(
    folder: str, put: int, since: str, name: str
) -> None:
    """Who writes it chooses its name, and so cannot have it destroyed sooner, nor much later."""
    (one,) = access_records([entry(name.format(folder), put)], 100)
    assert (one.due - timedelta(days=100)).isoformat() == f"{since}+00:00"


def test_a_page_does_not_go_before_the_records_it_names() -> None:
    """Those of a day's last second are tied into the log on the next; and those of its first."""
    midnight = 16 / 24  # in days after the start, at eight
    record = entry("reads/2026-11-23/0123456789abcdef/x.json", midnight - 1 / 86_400)
    page = entry("pages/2026-11-23/000288.json", midnight + 1 / 1440)
    early = entry("reads/2026-11-24/0123456789abcdef/y.json", midnight)
    first = entry("pages/2026-11-24/000000.json", midnight + 1 / 1440)
    tied, by, begun, too = (one.due for one in access_records([record, page, early, first], 10))
    assert tied <= by
    assert begun <= too


@pytest.mark.parametrize("days", [1, 100, 369, 370, 1000])
def test_an_approval_stays_while_any_may_be_in_force(days: int) -> None:
    """Whatever [retention] says: who destroys cannot read until when it is."""
    (one,) = access_records([entry("approvals/0123456789abcdef/x.note")], days)
    put = START.date()
    last = put + timedelta(days=366)
    approval = new_approval("os-user:a:1", Purpose.TRAINING, 1, f"{last}", "why", "b", START)
    assert one.due.date() > date.fromisoformat(approval.until)
    assert one.due.date() > put + timedelta(days=days)
    for over in (last + timedelta(days=1), (START + APPROVED_AT_MOST).date()):
        with pytest.raises(InputError):
            new_approval("os-user:a:1", Purpose.TRAINING, 1, f"{over}", "why", "b", START)


def test_the_last_review_stays_until_there_is_another() -> None:
    """The day on which it was made, all of it; older ones end as records do."""
    old = entry("reviews/2026-11-23-0123456789abcdef.json")
    new = [entry(f"reviews/2027-02-01-{n}.json", 70 + n / 24) for n in range(2)]
    assert list(access_records([old], 10)) == []
    (one,) = access_records([old, *new], 10)
    assert one.entry == old
    assert one.due.isoformat() == "2026-12-04T00:00:00+00:00"


def test_replaced_versions_count_from_their_replacement() -> None:
    """The current one is never due; each older one is as old as what took its place."""
    versions = [entry("x", 9, "c"), entry("x", 5, "b"), entry("x", 0, "a"), entry("y", 0)]
    found = {one.entry.version: due_after(one).days for one in noncurrent("journal", versions, 7)}
    assert found == {"b": 16, "a": 12}


def test_a_hidden_object_goes_with_its_marker() -> None:
    """All of it is due at the latest when the marker is."""
    versions = [entry("x", 9, "m", marker=True), entry("x", 0, "a")]
    found = {one.entry.version: due_after(one).days for one in noncurrent("journal", versions, 7)}
    assert found == {"m": 16, "a": 16}
    alone = list(noncurrent("raw", [entry("x", 1, "m", marker=True)], 7, markers_only=True))
    assert [due_after(one).days for one in alone] == [8]
    assert list(noncurrent("raw", versions, 7, markers_only=True)) == []


def test_the_last_that_was_seen_of_a_contributor() -> None:
    """Uploads count as they come; of what is made of one recording, the oldest counts."""
    features = f"features/set-00000000/{ANNA}"
    listings = {
        "raw": [entry(f"{BRUNO}/u.unv", 40), entry(f"{BRUNO}/u.unv", 50, "2")],
        "training": [
            entry(f"{features}/one.unv", 10),
            entry(f"features/newer-00000000/{ANNA}/one.unv", 900),  # made anew, years later
            entry(f"{features}/two.unv", 30),
            entry(f"keys/{ANNA}.unv", 10),
            entry(f"keys/{'c' * 26}.unv", 3),  # of whom nothing else is left
            entry("features/set-00000000/not a pseudonym/x.unv", 99),
        ],
        "archive": [entry(f"{ANNA}/one.unv", 11), entry(f"{ANNA}/x.unv", 60, marker=True)],
    }
    for order in permutations(listings):
        seen = LastSeen()
        for store in order:
            seen.take(store, listings[store])
        days = {whose: (when - START).days for whose, when in seen.all().items()}
        assert days == {ANNA: 30, BRUNO: 50, "c" * 26: 3}
