"""From upload to observed disposal: what a run measures, of which recordings, and who learns it."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.ingest.hooked_store import HookedStore
from tests.report.lived import Lived
from unvoiced.disposal.journal import JournalEntry
from unvoiced.errors import StoreError
from unvoiced.ingest import portion
from unvoiced.ingest.batch import ingest_batch
from unvoiced.ingest.interrupted import finish_interrupted
from unvoiced.log.leaves import rfc3339
from unvoiced.sections import DisposalSettings


def test_it_is_the_time_from_the_stores_word_to_the_receipts(lived: Lived) -> None:
    """To the second, of each recording, by the store's modification time and the observation."""
    for seed, hours in enumerate((1, 2, 5)):
        lived.at(hours=hours).upload("anna", seed)
    lived.at(hours=6)
    report = lived.home.run()
    assert report.disposed == report.exposure.count == 3
    assert report.exposure.total == 3600 * (5 + 4 + 1)
    assert report.exposure.longest == 5 * 3600
    assert report.exposure.skewed == report.exposure.unknown == 0


@pytest.mark.parametrize("written_by", ["this version", "an earlier one"])
def test_one_finished_for_a_killed_run_counts_from_its_upload(
    lived: Lived, monkeypatch: pytest.MonkeyPatch, written_by: str
) -> None:
    """By the journal, as nothing lists it any more; what an earlier version wrote is unknown."""
    lived.at(hours=1).upload("anna", 1)
    lived.at(hours=2)

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    bench = lived.home.bench()
    with monkeypatch.context() as patch:
        patch.setattr(portion, "settle", die)
        with pytest.raises(KeyboardInterrupt):
            ingest_batch(bench, lived.home.plan(bench).batches[0])
    (page,) = bench.journal.pages()
    if written_by == "an earlier one":
        bench.journal.remove(page)
        bench.journal.write([replace(one, uploaded=0.0) for one in page.entries])
    # It destroyed it, too, before it died.
    (entry,) = page.entries
    lived.home.store("raw").delete(entry.name, entry.version)

    lived.at(hours=9)
    report = finish_interrupted(lived.home.bench())
    assert report.disposed == 1
    known = written_by == "this version"
    assert (report.exposure.count, report.exposure.unknown) == (known, not known)
    assert report.exposure.longest == (8 * 3600 if known else 0)


def test_archived_ones_count_and_erased_ones_do_not(lived: Lived) -> None:
    """What was uploaded is gone with the copy in the archive; nobody hurried with the erased."""
    lived.upload("anna", 1)
    lived.at(hours=1).upload("bruno", 2)
    home = replace(
        lived.home,
        settings=replace(lived.home.settings, disposal=DisposalSettings(archive=("*",))),
    )
    home.suppress(home.invitation("bruno").pseudonym)
    lived.at(hours=3)
    report = home.run()
    assert (report.disposed, report.archived, report.erased) == (1, 1, 1)
    assert (report.exposure.count, report.exposure.total) == (1, 3 * 3600)


def test_a_planned_backlog_has_the_age_of_its_oldest(lived: Lived) -> None:
    """Of what is to be ingested: neither what is held nor what is in quarantine makes it older."""
    home = lived.home
    whose = home.invitation("carla").pseudonym
    home.put(f"{whose}/no-audio.unv", b"nothing that opens")
    lived.at(hours=1)
    assert home.run().quarantined
    lived.at(hours=2).upload("bruno", 1)
    home.hold(home.invitation("bruno").pseudonym)
    assert home.plan(home.bench()).oldest is None
    lived.at(hours=5).upload("anna", 2)
    uploaded = lived.now.timestamp()
    lived.at(hours=4).upload("dora", 3)  # a later one, by a clock that was set back
    first = lived.now.timestamp()
    lived.at(hours=8)
    assert home.plan(home.bench()).oldest == first < uploaded


def test_what_is_left_says_since_when_it_has_stood(lived: Lived) -> None:
    """The run that could not destroy it reports it, with its upload."""
    lived.at(hours=1).upload("anna", 1)
    uploaded = lived.now.timestamp()
    lived.at(hours=3)

    def refuse(operation: str, name: str, do: object) -> object:
        if operation == "delete":
            raise StoreError(f"{name}: refused")
        return do()  # type: ignore[operator]

    home = lived.home.on(raw=HookedStore(lived.home.store("raw"), refuse))
    report = home.run()
    assert list(report.left)
    assert report.oldest_left == uploaded
    assert report.exposure.count == 0


def test_when_something_was_uploaded_is_in_no_public_place(lived: Lived) -> None:
    """The log's whole store has neither the time nor how long it stood, in no form that we use."""
    lived.at(hours=1, seconds=1234)
    lived.upload("anna", 1)
    moment = lived.now
    lived.at(hours=7)
    report = lived.home.run()
    assert report.exposure.longest == (lived.now - moment).total_seconds()
    sought = {
        rfc3339(moment).encode(),
        str(int(moment.timestamp())).encode(),
        str(int((lived.now - moment) / timedelta(seconds=1))).encode(),
    }
    for entry in lived.home.store("log").versions():
        data = lived.home.store("log").get(entry.name, entry.version).data
        assert [one for one in sought if one in data] == []


def test_a_journal_page_says_when_each_was_uploaded(lived: Lived) -> None:
    """As a whole number of seconds where it is one: canonical JSON knows no 10.0."""
    bench = lived.home.bench()
    entry = JournalEntry("p/s.unv", "v", "a" * 64, (), "k", "")
    whole, fraction = replace(entry, uploaded=1e9), replace(entry, uploaded=1e9 + 0.25)
    page = bench.journal.write([whole, fraction])
    assert list(bench.journal.pages()) == [page]
    written = json.loads(lived.home.store("journal").get(page.name).data)["entries"]
    assert [one["uploaded"] for one in written] == [1_000_000_000, 1_000_000_000.25]
