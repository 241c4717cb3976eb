"""What the page says where records, stores or the log are in doubt: never that all is well."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.report.lived import Lived
from tests.report.test_report_page import Page, fine, lose
from unvoiced.cli.report import exposure_line
from unvoiced.ingest.exposure import Exposure
from unvoiced.ingest.status import Status
from unvoiced.log.merkle import leaf_hash, root
from unvoiced.report import Report, as_html, as_json, judge
from unvoiced.report.charts import Spread, spreads
from unvoiced.report.facts import Runs, Unread
from unvoiced.report.measured import measure
from unvoiced.report.roots import Roots
from unvoiced.runs import RUNS
from unvoiced.stores.memory import MemoryStore
from unvoiced.watch.state import NAME


def found_in(report: Report, level: str, says: str) -> bool:
    """Whether there is a finding of this level that says it."""
    return any(one.level == level and says in one.what for one in judge(report).findings)


def big(report: Report) -> str:
    """The section with the big numbers."""
    return Page(as_html(report)).section("exposure")


def runs_of(report: Report) -> Runs:
    """The records of runs, which were read."""
    assert isinstance(report.runs, Runs)
    return report.runs


def with_exposure(report: Report, exposure: Exposure) -> Report:
    """As if its one record had measured this."""
    found = runs_of(report).found
    record = replace(found.records[0], exposure=exposure)
    return replace(report, runs=Runs.of(replace(found, records=[record]), report.window))


def killed(lived: Lived) -> None:
    """Three stand for 20 hours; the run that destroys them is killed before it keeps a record."""
    for seed in (11, 12, 13):
        lived.upload("anna", seed)
    lived.at(hours=20, minutes=10)
    lived.home.run(lived.home.bench("killed"))


def test_what_a_killed_run_destroyed_is_unmeasured_and_said(lived: Lived) -> None:
    """By the log's receipts: a fast run after it does not make the numbers those of its own."""
    killed(fine(lived))
    lived.upload("anna", 14)
    lived.at(hours=20, minutes=13).ingest("fast")
    report = lived.report()
    assert found_in(report, "look", "How long 3 of 5 recordings stood is not known")
    assert measure(report, runs_of(report)).unmeasured == 3
    section = big(report)
    assert "not known</b><small>half of them" in section
    assert "at least 5 min</b><small>the longest" in section
    assert "3 recordings stood is unmeasured" in section
    line = exposure_line(report, 90)
    assert line.startswith("Exposure: half within not known, 95 % within not known, longest at ")
    assert "3 unmeasured" in line
    machine = as_json(report)["runs"]["exposure"]
    assert (machine["half_within"], machine["unmeasured"]) == (None, 3)


def test_what_came_after_the_last_record_may_be_of_a_run_under_way(lived: Lived) -> None:
    """It makes no finding at once, and the numbers do not count on it; a day later it makes one."""
    killed(fine(lived))
    report = lived.report()
    assert not found_in(report, "look", "How long")
    assert "not known" in exposure_line(report, 90)
    assert "a run under way, or killed" in big(report)
    assert found_in(lived.at(hours=45).report(), "look", "How long 3 of 4 recordings stood")


def test_a_record_that_is_taken_away_is_missed(lived: Lived) -> None:
    """Of a slow run: its receipts are in the log still."""
    fine(lived).upload("anna", 2)
    lived.at(hours=10).ingest("slow")
    lived.upload("anna", 3)
    lived.at(hours=10, minutes=1).ingest("fast")
    report = lived.report()
    assert not found_in(report, "look", "How long")
    assert "longest 9.8 h (3 recordings" in exposure_line(report, 90)
    journal = lived.home.store("journal")
    for entry in list(journal.versions(f"{RUNS}2026-11-23/slow")):
        journal.delete(entry.name, entry.version)
    assert found_in(lived.report(), "look", "How long 1 of 3 recordings stood")


def test_records_of_more_than_the_log_has_are_a_finding(lived: Lived) -> None:
    """Whoever adds to them, adds to no log."""
    report = fine(lived).report()
    more = Exposure()
    for _ in range(4):
        more.add(60)
    assert found_in(with_exposure(report, more), "look", "3 recordings more than the log has")


def test_a_log_that_was_put_back_contradicts_the_records_of_runs(lived: Lived) -> None:
    """They say how far it had come, signed by its own key."""
    fine(lived)
    log = lived.home.store("log")
    earlier = {entry.name: log.get(entry.name).data for entry in log.list()}
    lived.upload("anna", 2)
    lived.at(hours=2).ingest("run-2")
    assert judge(lived.report()).level == "good"
    old = MemoryStore("log", versioned=True, now=lived.calendar)
    for name, data in earlier.items():
        old.put_if_absent(name, data)
    report = replace(lived, home=lived.home.on(log=old)).report()
    assert found_in(report, "bad", "by a run’s record, which its key signed, it had")
    assert judge(report).headline == "Evidence does not hold"


def test_a_log_of_another_history_contradicts_the_records_of_runs(lived: Lived) -> None:
    """The root hash at the size that a record names is another one."""
    bench = fine(lived).home.bench()
    (record,) = runs_of(lived.report()).found.records
    forked = replace(record, run_id="forked", log_size=record.log_size - 1)
    bench.runs.keep(forked, bench.signer)  # the root is of one entry more
    report = lived.report()
    assert found_in(report, "bad", "1 record of runs that the log’s key signed know another log")
    assert judge(report).headline == "Evidence does not hold"


@pytest.mark.parametrize(
    "where", ["holds/x.json", "intents/x.json", "pages/x.json", "suppressed/x"]
)
def test_junk_in_the_journal_does_not_hide_that_a_recording_is_missing(
    lived: Lived, where: str
) -> None:
    """Where what stands there does not verify, nothing says that all is there, or quietly less."""
    lose(fine(lived))
    lived.home.store("journal").put_if_absent(where, b"{}")
    report = lived.report()
    verdict = judge(report)
    assert verdict.level == "bad"
    assert isinstance(report.status, Unread)
    assert verdict.headline == "Evidence does not hold; not checked whether anything is missing"
    assert found_in(report, "bad", "Not checked whether anything is missing.")
    assert "Not checked whether anything is missing" in as_html(report)


def test_what_may_stand_unread_is_not_called_missing(lived: Lived) -> None:
    """Nor is all said to be accounted for: it was not checked."""
    report = fine(lived).report()
    status = report.status
    assert isinstance(status, Status)
    unsure = replace(report, status=replace(status, missing=["0" * 64], unread=1))
    verdict = judge(unsure)
    assert verdict.level == "look"
    unchecked = "not checked whether anything is missing"
    assert verdict.headline == f"The log’s accounts hold; {unchecked}"
    broken = judge(replace(unsure, watched=Unread("why", tampered=True)))
    assert (broken.level, broken.headline) == ("bad", f"Evidence does not hold; {unchecked}")
    assert found_in(unsure, "look", "1 recording was not seen, and 1 object of the raw store")
    assert "1 recording of these not seen; not checked whether missing" in as_html(unsure)
    sure = replace(report, status=replace(status, missing=["0" * 64, "1" * 64], unread=1))
    assert judge(sure).headline == "2 recordings are missing"


def test_whatever_was_not_read_is_in_the_verdict(lived: Lived) -> None:
    """Each section by itself: to be looked at, or bad where something there does not verify."""
    report = fine(lived).report()
    assert judge(report).level == "good"
    for part in ("status", "runs", "access", "watched", "reviewed"):
        unread = replace(report, **{part: Unread("why")})
        assert found_in(unread, "look", ": not read, as why"), part
        damaged = replace(report, **{part: Unread("why", tampered=True)})
        assert found_in(damaged, "bad", ": not read, as why"), part
        assert "Evidence does not hold" in judge(damaged).headline
    assert "not checked whether" in judge(replace(report, status=Unread("why"))).headline
    found = replace(runs_of(report).found, unread=1, repeated=2)
    doubtful = replace(report, runs=Runs.of(found, report.window))
    assert found_in(doubtful, "look", "1 record of runs could not be read")
    assert found_in(doubtful, "look", "2 objects among the records of runs only repeat")


def never_looked(lived: Lived) -> None:
    """The watch has no state, nor ever had one."""
    audit = lived.home.store("audit")
    for entry in list(audit.versions(NAME)):
        audit.delete(entry.name, entry.version)


def long_ago(lived: Lived) -> None:
    """It looked seven hours ago."""
    lived.at(hours=7)


def planted(lived: Lived) -> None:
    """Somebody put another state over it."""
    audit = lived.home.store("audit")
    entry = audit.head(NAME)
    assert entry is not None
    audit.replace(NAME, b"{}", version=entry.version)


@pytest.mark.parametrize(
    ("happens", "level", "says"),
    [(never_looked, "look", "The watch never looked"), (long_ago, "look", "looked last on 2026-11"),
     (planted, "bad", "is not one that this deployment")],
    ids=["never", "long ago", "planted"],
)  # fmt: skip
def test_a_watch_that_does_not_look_is_a_finding(
    lived: Lived, happens: Callable[[Lived], None], level: str, says: str
) -> None:
    """Once anything was taken over: until then there is nothing to look at."""
    happens(fine(lived))
    report = lived.report()
    assert found_in(report, level, says)
    assert judge(report).level == level


@pytest.mark.parametrize(
    ("skewed", "unknown", "says"),
    [(9, 0, "0 of unknown upload, 9 gone before they came"), (0, 9, "9 of unknown upload, 0 gone")],
    ids=["skewed", "unknown"],
)
def test_times_that_are_not_known_make_no_short_ones(
    lived: Lived, skewed: int, unknown: int, says: str
) -> None:
    """Nor does a clock that is ahead: where most are not known, no number is."""
    report = fine(lived).report()
    exposure = Exposure()
    exposure.add(5)
    for _ in range(skewed):
        exposure.observe(1e9 + 7200, 1e9)
    for _ in range(unknown):
        exposure.observe(0.0, 1e9)
    doubtful = with_exposure(report, exposure)
    assert found_in(doubtful, "look", says)
    assert "not known</b><small>half of them" in big(doubtful)
    assert exposure_line(doubtful, 90).startswith("Exposure: half within not known, 95 % within ")
    few = Exposure(skewed=1)
    for _ in range(99):
        few.add(5)
    assert not found_in(with_exposure(report, few), "look", "gone before they came")


def test_a_record_of_a_clock_ahead_does_not_put_the_last_run_into_the_future(lived: Lived) -> None:
    """It counts as of now, and the page has it."""
    report = fine(lived).report()
    found = runs_of(report).found
    ahead = replace(found.records[0], ended=report.made.timestamp() + 1800)
    runs = Runs.of(replace(found, records=[ahead]), report.window)
    assert runs.shown == [ahead]
    later = replace(report, runs=runs, made=report.made + timedelta(days=2))
    assert found_in(later, "look", "ended 48 h ago")


@pytest.mark.parametrize("seconds", [1.0, 60.0, 3600.0, 3650 * 86_400.0, 4e8])
def test_times_that_are_all_one_mark_have_a_scale(lived: Lived, seconds: float) -> None:
    """An hour to the second, of all there are, made no page."""
    window = lived.report().window
    one = Spread(seconds, seconds, seconds, 1)
    assert "<svg" in str(spreads(window, {3: one}, 86_400, 350, "title", "described"))


@given(st.lists(st.binary(max_size=3), max_size=40), st.sets(st.integers(0, 45), max_size=8))
def test_roots_on_the_way_are_those_of_the_tree(entries: list[bytes], sizes: set[int]) -> None:
    """At each size that was asked for and reached; nothing is taken from what goes by."""
    roots = Roots(sizes)
    assert list(roots.passing(iter(entries))) == entries
    hashes = [leaf_hash(entry) for entry in entries]
    assert roots.of == {size: root(hashes[:size]) for size in sizes if size <= len(entries)}
