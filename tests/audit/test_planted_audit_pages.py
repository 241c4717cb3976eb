"""Pages put by who can write to the trail's store, and has not the log's key: none is believed."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.audit.watched import AUDIT_DAYS, START, Died, Watched, dying, reads
from unvoiced.audit import AuditTrail, Purpose
from unvoiced.audit import pages as pages_module
from unvoiced.audit.known import Known
from unvoiced.audit.page import Named, Page, parse_page
from unvoiced.audit.record import LARGEST
from unvoiced.audit.verify import verify_trail
from unvoiced.errors import StoreError
from unvoiced.log.leaves import encode_leaf
from unvoiced.watch.state import State
from unvoiced.watch.trail import new_records

pytestmark = pytest.mark.inv("INV-12")

DAY = f"{START:%Y-%m-%d}"
OLD = datetime(2000, 1, 1, tzinfo=UTC)


def sha256(watched: Watched, name: str) -> str:
    """Of what stands there."""
    return hashlib.sha256(watched.get(name)).hexdigest()


def known_of(watched: Watched, day: str) -> Known:
    """What the pages of a day name, as anybody can read there."""
    known = Known()
    for name in watched.names(f"pages/{day}/"):
        data = watched.get(name)
        known.take(parse_page(name, data), hashlib.sha256(data).hexdigest())
    return known


def follow_on(watched: Watched, *records: Named, **changed: Any) -> Page:
    """The page that would name these next on their day, as somebody makes it who wants it taken."""
    day = records[0].name.split("/")[1] if records else DAY
    known = known_of(watched, day)
    page = known.following(day, records, whole=True, time=watched.clock.time)
    return replace(page, **changed)


def plant(watched: Watched, page: Page) -> str:
    """Put it; returns its name."""
    watched.put(page.name, page.encode())
    return page.name


def test_an_edited_record_is_not_tied_again_as_it_is_now() -> None:
    """A planted page names it with its new digest, and follows on all others."""
    watched = Watched.new()
    name, _ = watched.read(2, 1)
    watched.tie()
    edited = watched.get(name).replace(b'"size":20', b'"size":10')
    watched.delete(name)
    watched.put(name, edited)
    page = follow_on(watched, Named(name, sha256(watched, name), watched.clock.time))
    plant(watched, page)
    tied = watched.tie()
    assert (tied.pages, tied.foreign) == ([], [page.name])
    assert [one.name for one in watched.verify().damage] == [name]


def test_a_record_is_not_tied_again_as_an_older_one() -> None:
    """Else it could be deleted and counted with what retention swept long ago."""
    watched = Watched.new()
    watched.read(1, 1)
    watched.tie()
    watched.clock.forward(days=AUDIT_DAYS + 1)
    watched.sweep(watched.names("reads/"))
    watched.sweep(watched.names("pages/"))
    (name,) = watched.read(1)
    watched.tie()
    page = plant(watched, follow_on(watched, Named(name, sha256(watched, name), OLD)))
    assert watched.tie().foreign == [page]
    watched.delete(name)
    watched.tie()
    report = watched.verify()
    assert [(one.name, one.what) for one in report.damage] == [(name, "deleted")]


def test_a_record_that_no_page_names_yet_is_not_tied_as_an_older_one() -> None:
    """The page is not logged; one of our own names the record, with when it was put."""
    watched = Watched.new()
    watched.tie()
    (name,) = watched.read(1)
    planted = plant(watched, follow_on(watched, Named(name, sha256(watched, name), OLD)))
    tied = watched.tie()
    assert (tied.foreign, len(tied.pages), tied.records) == ([planted], 1, 1)
    watched.delete(name)
    assert [one.name for one in watched.verify().damage] == [name]


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"number": 999_999}, "no number would be left"),
        ({"number": 7}, "numbers before it are free"),
        ({"records": ()}, "it names nothing: each would be a leaf for ever"),
        ({"whole": False}, "the day has been looked through"),
    ],
)
def test_a_page_that_nobody_would_have_made_is_not_logged(
    changed: dict[str, Any], why: str
) -> None:
    """Though all that it names is there and it follows on."""
    watched = Watched.new()
    watched.tie()
    (name,) = watched.read(1)
    entry = watched.audit.head(name)
    assert entry is not None
    page = follow_on(watched, Named(name, sha256(watched, name), entry.modified))
    if "records" in changed:
        page = follow_on(watched)
    planted = plant(watched, replace(page, **changed))
    tied = watched.tie()
    assert tied.foreign == [planted], why
    assert tied.records == 1
    assert watched.verify().damage == []


def test_one_that_is_all_so_is_logged_but_not_days_later() -> None:
    """Somebody died before they logged it: soon after it is logged, and never as an old page."""
    for days in (0, 2):
        watched = Watched.new()
        watched.read(1)
        with pytest.raises(Died):
            watched.seen_through(dying(0, after=True)).tie()
        (page,) = watched.names("pages/")
        watched.clock.forward(days=days)
        tied = watched.tie()
        assert (page in tied.pages) == (days == 0)
        assert tied.foreign == ([] if days == 0 else [page])
        assert watched.verify().damage == []
        assert watched.verify().untied == 0


def log(watched: Watched, page: Page) -> None:
    """Who has the log's key does this."""
    plant(watched, page)
    digest = hashlib.sha256(page.encode()).hexdigest()
    watched.accounts().append([encode_leaf("audited", digest, watched.clock())])


@pytest.mark.parametrize("changed", [{"sha256": "0" * 64}, {"put": OLD}])
def test_a_page_of_the_log_that_says_otherwise_of_a_record_is_damage(
    changed: dict[str, Any],
) -> None:
    """The first page that names it holds, and that there is another is said."""
    watched = Watched.new()
    (name,) = watched.read(1)
    watched.tie()
    first = known_of(watched, DAY).records[name]
    log(watched, follow_on(watched, replace(first, **changed)))
    report = watched.verify()
    (one,) = report.damage
    assert one.name == name
    assert one.what.startswith("tied twice, as two things")
    assert report.tied == 1


def test_a_page_of_the_log_that_counts_other_records_is_damage() -> None:
    """What the pages of a day name together is counted again."""
    watched = Watched.new()
    watched.read(1)
    watched.tie()
    page = follow_on(watched, named=7)
    log(watched, page)
    (one,) = watched.verify().damage
    assert (one.name, one.what.split()[0]) == (page.name, "counts")


def test_what_a_page_follows_on_is_looked_for_across_numbers() -> None:
    """Numbers were skipped, and the page before it is one that the log never had."""
    watched = Watched.new()
    watched.read(1)
    watched.tie()
    page = follow_on(watched, number=5, previous="0" * 64)
    log(watched, page)
    assert [(one.name, one.what) for one in watched.verify().damage] == [
        (page.name, "does not follow on the page before it")
    ]


def test_numbers_that_others_took_are_no_damage() -> None:
    """Ours go around them, and each follows on the one of ours before it."""
    watched = Watched.new()
    watched.read(1)
    watched.tie()
    for number in (1, 2):
        watched.put(f"pages/{DAY}/{number:06d}.json", b"{}")
    watched.read(1)
    assert watched.tie().pages == [f"pages/{DAY}/000003.json"]
    report = watched.verify()
    assert (report.damage, len(report.planted)) == ([], 2)


def test_without_a_number_left_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page whose name could not be read again would be of no use."""
    monkeypatch.setattr(pages_module, "_LAST_NUMBER", 1)
    watched = Watched.new()
    for number in (0, 1):
        watched.put(f"pages/{DAY}/{number:06d}.json", b"{}")
    with pytest.raises(StoreError, match="no number is left"):
        watched.tie()


def test_an_object_too_large_for_a_record_is_never_read() -> None:
    """Anybody who may create records may put any size; a page as large is none either."""
    watched = Watched.new()
    (name,) = watched.read(1)
    large = f"{name.rpartition('/')[0]}/{0:012x}-{'0' * 16}-1.json"
    page = f"pages/{DAY}/000000.json"
    for each in (large, page):
        watched.put(each, b" " * (LARGEST + 1))
    fetched: list[str] = []

    def around(operation: str, name: str, proceed: Callable[[], Any]) -> Any:
        if operation == "get":
            fetched.append(name)
        return proceed()

    seen = watched.seen_through(around)
    tied = seen.tie()
    assert sorted(tied.foreign) == [page, large]
    assert tied.records == 1
    report = seen.verify()
    assert report.damage == []
    assert {one.name for one in report.planted} == {page, large}
    assert not {page, large} & set(fetched)
    assert seen.tie().foreign == [large]  # it is said each time; of the page, `verify` says it


def test_many_days_to_come_are_looked_at_by_turns() -> None:
    """Planted by somebody, they cost a bounded number of requests, and are all tied in the end."""
    watched = Watched.new()
    for each in range(150):
        ahead = watched.clock.time + timedelta(days=100 + each)
        trail = AuditTrail(watched.audit, "x", lambda ahead=ahead: ahead)  # type: ignore[misc]  # bound now
        trail.record(reads(1), Purpose.TRAINING)
    watched.tie()
    assert len(watched.tie().ahead) == 150
    for _ in range(10):
        watched.tie()
    asked: list[str] = []

    def around(operation: str, name: str, proceed: Callable[[], Any]) -> Any:
        asked.append(f"{operation} {name}")
        return proceed()

    (last,) = watched.read(1)
    assert watched.seen_through(around).tie().records == 1
    assert watched.verify().untied == 0
    assert len(asked) < 80
    gone = watched.names("reads/")[5]
    assert gone != last
    watched.delete(gone)
    missing: list[str] = []
    for _ in range(3):
        watched.clock.forward(days=1)
        missing += [one.name for one in watched.tie().missing]
    assert gone in missing


def test_pages_that_are_gone_are_not_counted_with_records_that_were_swept() -> None:
    """The log says how many of each retention destroyed."""
    watched = Watched.new()
    watched.read(1, 1, 1)
    watched.tie()
    watched.clock.forward(days=AUDIT_DAYS + 2)
    watched.sweep(watched.names("reads/"))
    assert watched.verify().intact
    watched.sweep(watched.names("pages/"), logged=False)
    report = watched.verify()
    assert (report.damage, report.unaccounted, report.intact) == ([], 1, False)


def test_a_record_deleted_hours_before_retention_would_have() -> None:
    """Its days are over when its day is, and not a year after the hour it was put."""
    watched = Watched.new()
    (name,) = watched.read(1)
    watched.tie()
    day_ends = START.replace(hour=0) + timedelta(days=AUDIT_DAYS + 1)
    watched.sweep([name])

    def at(moment: datetime) -> bool:
        report = verify_trail(watched.audit, watched.reader, audit_days=AUDIT_DAYS, now=moment)
        return report.intact

    assert not at(day_ends - timedelta(hours=2))
    assert at(day_ends)


def test_a_tied_record_that_was_replaced_by_something_huge_is_not_read_by_the_watch() -> None:
    """Whoever holds the store cannot have it take in any number of bytes: it is found changed."""
    watched = Watched.new()
    name, other = watched.read(1, 1)
    tied = watched.tie()
    watched.put(name, bytes(LARGEST + 1))

    def around(operation: str, on: str, proceed: Callable[[], Any]) -> Any:
        assert (operation, on) != ("get", name)
        return proceed()

    seen = watched.seen_through(around).audit
    audited = {leaf.digest for leaf in watched.leaves()}
    found = new_records(seen, audited, tied, State.first(), watched.clock.time)
    assert [one.name for one in found.changed] == [name]
    assert [one.entry.name for one in found.records] == [other]
