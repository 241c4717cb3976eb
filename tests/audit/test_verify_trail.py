"""Every way to tamper with the audit trail, each found and named; and what is no tampering."""

import hashlib
import json
from datetime import timedelta

import pytest

from tests.audit.watched import AUDIT_DAYS, Watched, reads
from unvoiced.audit import Purpose
from unvoiced.audit.page import parse_page
from unvoiced.audit.record import canonical
from unvoiced.audit.verify import verify_trail
from unvoiced.errors import VerificationError
from unvoiced.log.leaves import encode_leaf
from unvoiced.log.reader import LogReader

pytestmark = pytest.mark.inv("INV-12")


@pytest.fixture
def watched() -> Watched:
    """Two sessions of three records on two days, tied as they came: three pages."""
    watched = Watched.new()
    first, second = watched.session("first"), watched.session("second")
    for day in range(2):
        for trail in (first, second):
            trail.record(reads(2), Purpose.TRAINING)
            if trail is first or not day:
                trail.record(reads(1), Purpose.TRAINING)
            if day:
                watched.tie()
        watched.tie()
        watched.clock.forward(days=1)
    assert_intact(watched)
    return watched


def assert_intact(watched: Watched) -> None:
    """Nothing is wrong and nothing is loose."""
    report = watched.verify()
    assert (report.damage, report.foreign, report.unlogged) == ([], [], [])
    assert report.intact
    assert report.untied == 0
    assert report.records == report.tied


def damage(watched: Watched) -> dict[str, str]:
    """What of that which was tied is not so any more, by name."""
    report = watched.verify()
    assert not (report.damage and report.intact)
    return {one.name: one.what for one in report.damage}


def beside(watched: Watched) -> dict[str, str]:
    """What an auditor is told where nothing of that which was tied is damaged."""
    report = watched.verify()
    assert report.damage == []
    assert report.intact == (not (report.planted or report.gaps))
    return {one.name: one.what for one in (*report.planted, *report.gaps)}


def record_of(watched: Watched, run: str, sequence: int) -> str:
    """The name of one record."""
    (name,) = (
        name
        for name in watched.names("reads/")
        if (said := json.loads(watched.get(name)))["run"].startswith(run)
        and said["sequence"] == sequence
    )
    return name


def test_an_untouched_trail_is_intact(watched: Watched) -> None:
    """All of it is tied, and the report counts it."""
    report = watched.verify()
    assert (report.records, report.sessions, report.pages) == (7, 2, 3)
    assert report.last_tied is not None


def test_a_deleted_record(watched: Watched) -> None:
    """The last of its session: only its page shows it."""
    name = record_of(watched, "second", 2)
    watched.delete(name)
    assert damage(watched) == {name: "deleted"}


def test_a_hidden_record(watched: Watched) -> None:
    """A delete marker on it, as a plain DELETE leaves in a bucket: what it hides is found."""
    name = record_of(watched, "second", 2)
    watched.audit.hide(name)  # type: ignore[attr-defined]  # a memory store's
    found = damage(watched)
    assert list(found) == [name]
    assert found[name].startswith("deleted; its version ")


def test_an_edited_record(watched: Watched) -> None:
    """It says that fewer bytes were read; everything else is as it was."""
    name = record_of(watched, "second", 2)
    data = watched.get(name)
    edited = data.replace(b'"size":20', b'"size":10')
    assert edited != data
    watched.delete(name)
    watched.put(name, edited)
    assert damage(watched) == {name: "not what was tied: edited, or replaced"}


def test_a_replaced_record(watched: Watched) -> None:
    """By another true record: neither name nor bytes are what was tied."""
    name, other = record_of(watched, "first", 0), record_of(watched, "first", 1)
    watched.put(name, watched.get(other))
    assert damage(watched)[name].startswith("not what was tied: edited, or replaced; its version ")


@pytest.mark.parametrize("made", [b"x", b'{"size":1}\n', "smaller"])
@pytest.mark.parametrize("sequence", [0, 1])
def test_an_edit_is_told_of_once(watched: Watched, sequence: int, made: bytes | str) -> None:
    """Not as what is no record, nor as a gap of its session: as what was tied and is so no more."""
    name = record_of(watched, "first", sequence)
    data = watched.get(name)
    watched.delete(name)
    watched.put(name, made if isinstance(made, bytes) else data.replace(b'"size":', b'"size":1'))
    assert damage(watched) == {name: "not what was tied: edited, or replaced"}
    report = watched.verify()
    assert (report.planted, report.gaps, report.foreign) == ([], [], [])


def test_several_records_deleted_from_a_session_are_told_of_once_each(watched: Watched) -> None:
    """And one more that was removed before it was tied, in between them, is a gap still."""
    trail, before = watched.session("long"), set(watched.names("reads/"))
    for _ in range(5):
        trail.record(reads(1), Purpose.TRAINING)
    names = sorted(
        (name for name in watched.names("reads/") if name not in before),
        key=lambda name: name.rpartition("/")[2],
    )
    kept = watched.get(names[1])
    watched.delete(names[1])
    watched.tie()
    (untied,) = watched.verify().gaps
    watched.delete(names[2])
    report = watched.verify()
    assert {one.name for one in report.damage} == {names[2]}
    assert [one.what for one in report.gaps] == ["record(s) 1 to 2 are missing"]
    watched.put(names[1], kept)
    watched.tie()
    for name in names[1:3]:
        watched.delete(name)
    report = watched.verify()
    assert untied.what == "record(s) 1 to 1 are missing"
    assert {one.name for one in report.damage} == set(names[1:3])
    assert report.gaps == []


def test_a_record_moved_to_where_none_stands_is_told_of_once(watched: Watched) -> None:
    """Where it went to is no finding of its own."""
    name = record_of(watched, "second", 1)
    wrong = name.replace("/training/", "/inspection/")
    watched.put(wrong, watched.get(name))
    watched.delete(name)
    assert damage(watched) == {name: f"moved to {wrong}"}
    report = watched.verify()
    assert (report.planted, report.gaps) == ([], [])


def test_a_moved_record(watched: Watched) -> None:
    """To another name that it would have been put under just as well."""
    name = record_of(watched, "second", 2)
    moved = name.rpartition("-")[0][:-16] + "0" * 16 + "-" + name.rpartition("-")[2]
    watched.put(moved, watched.get(name))
    watched.delete(name)
    assert damage(watched) == {name: f"moved to {moved}"}


def test_two_records_swapped(watched: Watched) -> None:
    """Each stands under the other's name."""
    names = record_of(watched, "first", 0), record_of(watched, "second", 0)
    one, other = map(watched.get, names)
    for name, data in zip(names, (other, one), strict=True):
        watched.delete(name)
        watched.put(name, data)
    assert set(damage(watched)) >= set(names)


@pytest.mark.parametrize("part", ["day", "requester", "purpose", "time", "objects"])
def test_a_record_whose_name_says_something_else(watched: Watched, part: str) -> None:
    """To count for another day, requester or purpose, or for fewer objects, in a listing."""
    _, day, requester, purpose, last = record_of(watched, "second", 2).split("/")
    time, random, objects = last.removesuffix(".json").split("-")
    said = {
        "day": "2026-11-20" if part == "day" else day,
        "requester": "0" * 16 if part == "requester" else requester,
        "purpose": "inspection" if part == "purpose" else purpose,
        "time": f"{int(time, 16) + 1:012x}" if part == "time" else time,
        "objects": "1" if part == "objects" else objects,
    }
    wrong = (
        f"reads/{said['day']}/{said['requester']}/{said['purpose']}/"
        f"{said['time']}-{random}-{said['objects']}.json"
    )
    watched.put(wrong, watched.get(record_of(watched, "second", 2)))
    said = {wrong: "no record, or not one that belongs under this name"}
    assert beside(watched) == said
    watched.tie()  # that it was tied makes it no damage: it is what was tied
    assert beside(watched) == said


def test_a_deleted_page(watched: Watched) -> None:
    """The log has its digest, and no page has that."""
    page = watched.names("pages/")[0]
    gone = hashlib.sha256(watched.get(page)).hexdigest()
    watched.delete(page)
    found = damage(watched)
    assert list(found) == [gone]
    assert found[gone].startswith("the page that was logged on 2026-11-23")


def test_the_last_page_deleted_with_all_that_it_names(watched: Watched) -> None:
    """As if it had never been: the log's leaf cannot be taken back."""
    page = watched.names("pages/")[-1]
    for one in parse_page(page, watched.get(page)).records:
        watched.delete(one.name)
    gone = hashlib.sha256(watched.get(page)).hexdigest()
    watched.delete(page)
    assert gone in damage(watched)


def test_everything_deleted(watched: Watched) -> None:
    """All pages are missed."""
    for name in watched.names():
        watched.delete(name)
    assert set(damage(watched)) == {leaf.digest for leaf in watched.leaves()}


def test_an_edited_page(watched: Watched) -> None:
    """A record less, all else as this format has it: it is not the log's, and one of the log's is
    missing.
    """
    name = watched.names("pages/")[0]
    data = watched.get(name)
    fields = json.loads(data)
    fields["records"].popitem()
    watched.delete(name)
    watched.put(name, canonical(fields) + b"\n")
    assert list(damage(watched)) == [hashlib.sha256(data).hexdigest()]
    assert watched.verify().unlogged == [name]


def test_pages_reordered(watched: Watched) -> None:
    """The two of a day under each other's numbers."""
    names = watched.names("pages/")[-2:]
    one, other = map(watched.get, names)
    for name, data in zip(names, (other, one), strict=True):
        watched.delete(name)
        watched.put(name, data)
    found = damage(watched)
    assert all("moved here" in found[name] for name in names)


def test_a_page_moved_to_another_day(watched: Watched) -> None:
    """What it says it is about does not go by where it stands."""
    name = watched.names("pages/")[0]
    data = watched.get(name)
    watched.delete(name)
    watched.put("pages/2026-11-30/000000.json", data)
    assert list(damage(watched)) == ["pages/2026-11-30/000000.json"]
    assert "moved here" in damage(watched)["pages/2026-11-30/000000.json"]


def test_a_page_that_is_none(watched: Watched) -> None:
    """Bytes under a page's name."""
    watched.put("pages/2026-11-30/000000.json", b"{}")
    assert "no page" in beside(watched)["pages/2026-11-30/000000.json"]


def test_a_page_that_does_not_follow_on(watched: Watched) -> None:
    """Logged by who has the log's key: two pages that name the same one before them."""
    last = watched.names("pages/")[-1]
    page = parse_page(last, watched.get(last))
    fields = {**page.__dict__, "number": page.number + 1, "previous": "0" * 64}
    data = canonical({**fields, "records": {}, "format": "unvoiced-audit-page/1"}) + b"\n"
    name = f"pages/{page.day}/{page.number + 1:06d}.json"
    watched.put(name, data)
    leaf = encode_leaf("audited", hashlib.sha256(data).hexdigest(), watched.clock())
    watched.accounts().append([leaf])
    assert damage(watched) == {name: "does not follow on the page before it"}


@pytest.mark.parametrize("sequence", [0, 1])
def test_a_record_deleted_before_it_was_tied(sequence: int) -> None:
    """The first of a session, or from between others: the next one says that it was there."""
    watched = Watched.new()
    names = watched.read(1, 1, 1)
    watched.delete(names[sequence])
    watched.tie()
    (what,) = beside(watched).values()
    assert what == f"record(s) {sequence} to {sequence} are missing"


def test_a_record_replaced_before_it_was_tied() -> None:
    """By one that says something else: the next one has the digest of what was there."""
    watched = Watched.new()
    names = watched.read(2, 2, 2)
    edited = watched.get(names[1]).replace(b'"size":20', b'"size":10')
    watched.delete(names[1])
    watched.put(names[1], edited)
    watched.tie()
    (what,) = beside(watched).values()
    assert what == "record 2 follows on another record than the one before it"


def test_what_does_not_show_the_last_record_of_a_session_deleted_before_it_was_tied() -> None:
    """The limit that docs/audit.md states: here only the provider's own log helps."""
    watched = Watched.new()
    names = watched.read(1, 1)
    watched.delete(names[1])
    watched.tie()
    assert_intact(watched)


def test_a_put_that_was_made_twice_is_no_damage(watched: Watched) -> None:
    """Its answer was lost, so the session put the record again under another name."""
    trail = watched.session("third")
    trail.record(reads(1), Purpose.TRAINING)
    state = trail.__dict__.copy()
    trail.record(reads(1), Purpose.TRAINING)
    trail.__dict__.update(state)
    trail.record(reads(1), Purpose.TRAINING)
    trail.record(reads(1), Purpose.TRAINING)
    watched.tie()
    assert_intact(watched)


def test_records_that_are_not_tied_yet_are_counted(watched: Watched) -> None:
    """With when the oldest of them was put: no damage, but they should not grow old."""
    watched.read(1, 1)
    since = watched.clock.time
    watched.clock.forward(hours=1)
    report = watched.verify()
    assert report.intact
    assert report.untied == 2
    assert report.oldest_untied is not None
    assert timedelta() <= since - report.oldest_untied < timedelta(seconds=10)


@pytest.mark.parametrize(
    "name", ["reads/x", "reads/2026-11-23/x.json", "2026-11-23/0.jsonl", "x", "other/x"]
)
def test_a_foreign_object(watched: Watched, name: str) -> None:
    """What is nothing of the trail's is named; approvals, reviews and the watch's are not."""
    watched.put(name, b"x")
    for other in ("approvals/x", "reviews/x", "watch/x", "probe/conditional-put"):
        watched.put(other, b"x")
    assert watched.verify().foreign == [name]


def test_another_log_is_refused(watched: Watched) -> None:
    """One that this log's key did not sign says nothing about the trail."""
    other = Watched.new()
    with pytest.raises(VerificationError):
        verify_trail(
            watched.audit,
            LogReader(other.log, watched.signer.verifier),
            audit_days=1,
            now=watched.clock(),
        )


def test_what_retention_destroyed_is_no_damage(watched: Watched) -> None:
    """Records and pages whose days are over, as many as the log says were swept."""
    watched.clock.forward(days=AUDIT_DAYS)
    watched.read(1)
    watched.tie()
    old = [name for name in watched.names() if "/2026-11-" in name]
    watched.sweep(old)
    report = watched.verify()
    assert report.intact
    assert report.damage == []
    assert report.swept == len(old)


def test_a_session_across_the_edge_of_retention_is_no_damage(watched: Watched) -> None:
    """Its first records are gone with their days, and the rest follow on."""
    watched.clock.forward(days=AUDIT_DAYS - 2)
    first = watched.verify().records
    old = [name for name in watched.names() if "/2026-11-23/" in name]
    watched.clock.forward(hours=2)
    watched.sweep(old)
    report = watched.verify()
    assert 0 < report.records < first
    assert report.intact


def test_more_gone_than_was_swept(watched: Watched) -> None:
    """Days are over, and the log knows no sweep that was so large: said, not as damage by name."""
    watched.clock.forward(days=AUDIT_DAYS + 1)
    watched.sweep([record_of(watched, "second", 2)], logged=False)
    report = watched.verify()
    assert (report.damage, report.unaccounted, report.intact) == ([], 1, False)


def test_a_record_deleted_a_day_before_its_days_are_over(watched: Watched) -> None:
    """Retention would not have."""
    watched.clock.forward(days=AUDIT_DAYS - 2)
    name = record_of(watched, "second", 2)
    watched.sweep([name])
    assert damage(watched) == {name: "deleted"}


def test_since_some_day_only_what_is_newer_is_read(watched: Watched) -> None:
    """Damage from before is not found then; damage since is."""
    old, new = record_of(watched, "first", 0), record_of(watched, "second", 2)
    for name in (old, new):
        watched.delete(name)
    report = verify_trail(
        watched.audit,
        watched.reader,
        audit_days=AUDIT_DAYS,
        now=watched.clock.time,
        since=(watched.clock.time - timedelta(days=1)).date(),
    )
    assert [one.name for one in report.damage] == [new]
