"""An archive that was copied, restored without its locks, or taken out of the settings."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.ingest.home import START, Home, Sent
from tests.retention.calendar_home import calendar, on_calendar, recording, retain, with_retention
from unvoiced.config import StoreName, load_settings
from unvoiced.disposal.labels import CONTENT_LABEL, DIGEST_LABEL, SIGNATURE_LABEL
from unvoiced.eraser import open_eraser
from unvoiced.erasure import carry_out, request
from unvoiced.errors import InputError
from unvoiced.retention.keep import keep_rules, show

LONG_PAST = "2020-01-01"


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, Sent]:
    """A deployment on disk with an original that is locked for years, and its recording."""
    home = Home.create(tmp_path_factory.mktemp("original") / "deployment").archiving("*")
    sent = home.send("anna", recording(1))
    home.run()
    return home, sent


def copied(home: Home, folder: Path, *, without: str = "") -> Home:
    """What `cp -a` makes of it, or a restored backup; without files of this name."""
    shutil.copytree(home.settings.folder, folder / "copy", ignore=shutil.ignore_patterns(without))
    return Home(load_settings(folder / "copy"))


def names(home: Home, store: StoreName = "archive") -> list[str]:
    """What stands in a store."""
    return [entry.name for entry in home.store(store).list()]


def test_in_a_copy_of_a_deployment_originals_are_locked(
    original: tuple[Home, Sent], tmp_path: Path
) -> None:
    """Its files are other files, and the locks hold them: the purpose's end takes all the rest."""
    home, sent = original
    again = with_retention(copied(home, tmp_path), purpose_satisfied=LONG_PAST)

    report = keep_rules(open_eraser(again.settings, "run"))

    assert names(again) == [sent.name]
    assert names(again, "training") == []
    rows = [one for one in report.rows if one.store == "archive"]
    assert rows
    assert all((one.due, one.destroyed, one.left) == (0, 0, {}) for one in rows)
    assert again.leaves("archive-destroyed") == []
    (entry,) = again.store("archive").list()
    kept = again.store("archive").keeping(entry.name, entry.version)
    assert kept is not None
    assert kept.labels.keys() == {DIGEST_LABEL, CONTENT_LABEL, SIGNATURE_LABEL}


def test_restored_without_its_locks_an_original_is_not_swept(
    original: tuple[Home, Sent], tmp_path: Path
) -> None:
    """Nobody can say which it is, and the log would go on saying that it is kept."""
    home, sent = original
    again = with_retention(copied(home, tmp_path, without=".locks"), purpose_satisfied=LONG_PAST)

    report = keep_rules(open_eraser(again.settings, "run"))

    assert names(again) == [sent.name]
    (why,) = {one.left[sent.name] for one in report.rows if one.left}
    assert "nobody can say which original" in why
    assert "archive" not in {leaf.fields["store"] for leaf in again.leaves("swept")}


@pytest.mark.inv("INV-10")
def test_an_erasure_takes_what_nobody_can_name_and_logs_nothing_of_it(
    original: tuple[Home, Sent], tmp_path: Path
) -> None:
    """It stands in their folder; which original it was, the log is not told."""
    home, sent = original
    again = copied(home, tmp_path, without=".locks")
    eraser = open_eraser(again.settings, "run")

    outcome = carry_out(eraser, request(eraser, sent.pseudonym))

    assert outcome.complete
    assert names(again) == []
    assert again.leaves("archive-destroyed") == []


@pytest.mark.parametrize("kept", [True, False])
def test_what_was_put_there_unlabelled_goes_where_no_original_is_kept(
    blank: Home, *, kept: bool
) -> None:
    """While one is kept, it may be that one; by every rule that reaches the archive."""
    home = on_calendar(blank, versioned=True, archive=("*",) if kept else (), archive_days=10,
                       inactive_days=20)  # fmt: skip
    sent = home.send("anna", recording(1))
    home.run()
    home.store("archive").put_if_absent(f"{sent.pseudonym}/unknown.unv", b"x")
    calendar(home).on(days=9)
    assert retain(home).left == 0
    for days in (10, 20):
        calendar(home).on(days=days)
        report = retain(home)
        if kept and days == 10:  # the original goes by its labels, then nothing is kept
            assert report.left == 1
            assert len(home.leaves("archive-destroyed")) == 1
            assert names(home) == [f"{sent.pseudonym}/unknown.unv"]
    assert names(home) == []


def test_status_says_what_the_archive_lists(original: tuple[Home, Sent], tmp_path: Path) -> None:
    """The log's number, and beside it the store's."""
    home, sent = copied(original[0], tmp_path), original[1]
    status = home.status()
    assert (status.archived, status.in_archive) == (1, 1)
    (home.settings.folder / "stores/archive" / sent.name).unlink()
    status = home.status()
    assert (status.archived, status.in_archive) == (1, 0)


def without_archive(home: Home) -> Home:
    """The archive taken out of [stores]."""
    stores = {name: url for name, url in home.settings.stores.items() if name != "archive"}
    return replace(home, settings=replace(home.settings, stores=stores))


@pytest.mark.inv("INV-10")
@pytest.mark.parametrize(
    "act",
    [
        lambda home: open_eraser(home.settings, "erasure or retention"),
        lambda home: show(home.settings, START),
    ],
    ids=["erase", "show"],
)
def test_while_originals_are_kept_nobody_erases_without_the_archive(
    original: tuple[Home, Sent], act: Callable[[Home], object]
) -> None:
    """Who does not look there could certify that nothing is left."""
    home, _ = original
    bare = without_archive(home.archiving())
    with pytest.raises(InputError, match=r"originals are kept in an archive \(1\)"):
        act(bare)
    act(home)


def test_where_none_were_kept_no_archive_is_needed(blank: Home) -> None:
    """A deployment that never archived anything erases as it always did."""
    bare = without_archive(on_calendar(blank, versioned=False))
    assert open_eraser(bare.settings, "run").archive is None
    assert show(bare.settings, START).due == 0
