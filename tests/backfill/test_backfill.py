"""New features from archived originals: complete, right, once, and the originals as they were."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from tests.backfill.archived import (
    NEW,
    archived,
    archiving,
    backfill,
    bench,
    complete,
    everything,
    made,
    plan,
    untouched,
)
from tests.features.recordings import encoded, noise
from tests.ingest.home import Home, Sent, digest
from tests.ingest.hooked_store import HookedStore, once
from unvoiced.backfill.batch import backfill_batch
from unvoiced.backfill.request import Selection
from unvoiced.disposal import Journal, JournalEntry, PlacedFeatures
from unvoiced.errors import InputError
from unvoiced.ingest.archive import archive_context
from unvoiced.ingest.recording import apart_sample, raw_context
from unvoiced.keys.pseudonyms import content_tag
from unvoiced.keys.vault import Vault
from unvoiced.log.leaves import encode_leaf
from unvoiced.sealing import PublicKey, seal
from unvoiced.stores import Store


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """One deployment on disk; each test copies its stores into memory."""
    return Home.create(tmp_path_factory.mktemp("source") / "home")


@pytest.fixture
def home(source: Home) -> Home:
    """Stores in memory, with versions."""
    return source.in_memory(versioned=True)


@pytest.mark.inv("INV-6")
def test_a_backfill_is_complete_and_leaves_the_originals(home: Home, voices: list[bytes]) -> None:
    """Each original has the new features, bit-equal to the recording's; nothing else changed."""
    home, sent = archived(home, voices, "anna", "bruno", "anna")
    before, old = untouched(home.store("archive")), home.features("speech-16k")

    run = backfill(home, batch_samples=2)

    assert made(run) == (3, 0, [], [])
    complete(home, sent)
    assert untouched(home.store("archive")) == before
    assert home.features("speech-16k").keys() == old.keys()
    assert home.status().adds_up
    again = backfill(home)
    assert made(again) == (0, 3, [], [])
    assert again.plan.todo == again.plan.cold == []


def test_what_is_logged_names_source_and_features_and_nobody(
    home: Home, voices: list[bytes]
) -> None:
    """One `extracted` leaf an original, of the archived object's digest, in order of digest."""
    home, sent = archived(home, voices, "anna", "bruno", "anna")
    backfill(home)
    leaves = home.leaves("extracted")
    assert {leaf.digest for leaf in leaves} == {
        digest(data) for _, data, _ in untouched(home.store("archive"))
    }
    assert [leaf.digest for leaf in leaves] == sorted(leaf.digest for leaf in leaves)
    training = home.store("training")
    put = {digest(training.get(one.feature_name_in(NEW)).data) for one in sent}
    assert {leaf.fields["features"][0]["sha256"] for leaf in leaves} == put  # type: ignore[call-overload,index]
    for leaf in leaves:
        assert leaf.fields.keys() == {
            *("kind", "sha256", "time", "features", "performed_by", "tool")
        }
        assert not any(one.pseudonym in str(leaf.fields) for one in sent)


def test_planning_changes_nothing(home: Home, voices: list[bytes]) -> None:
    """Neither a store's versions nor the log, and nobody is asked to restore anything."""
    home, _ = archived(home, voices, "anna", "bruno")
    opened = bench(home)
    before = everything(home)
    asked: list[str] = []

    def watch(operation: str, name: str, proceed: Callable[[], Any]) -> Any:
        if operation == "restore":
            asked.append(name)
        return proceed()

    on = home.on(archive=HookedStore(home.store("archive"), watch))
    found = plan(on)
    assert (found.selected, len(found.todo), found.already, found.skipped) == (2, 2, 0, [])
    assert everything(home) == before
    assert asked == []
    assert opened.accounts.current().size == len(list(home.settings.log_reader().entries()))


def test_only_what_is_selected(home: Home, voices: list[bytes]) -> None:
    """By pseudonym, and by day of archiving, both days included."""
    home, sent = archived(home, voices, "anna", "bruno", "anna")
    whose = sent[1].pseudonym
    day = next(iter(home.store("archive").list())).modified.date()
    assert plan(home, Selection((whose,))).selected == 1
    assert plan(home, Selection(since=day, until=day)).selected == 3
    assert plan(home, Selection(until=date(2020, 1, 1))).selected == 0
    assert plan(home, Selection(since=date(2099, 1, 1))).selected == 0
    assert made(backfill(home, Selection((whose, whose)))) == (1, 0, [], [])
    complete(home, [sent[1]])
    with pytest.raises(InputError):
        Selection(("../log",))
    with pytest.raises(InputError):
        Selection(since=date(2026, 2, 1), until=date(2026, 1, 1))


@pytest.mark.inv("INV-10")
def test_erased_contributors_are_skipped(home: Home, voices: list[bytes]) -> None:
    """One is suppressed, the key of one is gone: nothing of theirs is made, no key either."""
    home, sent = archived(home, voices, "anna", "bruno", "carla")
    opened = home.bench()
    opened.suppression.add(sent[0].pseudonym, "2026-11-23", home.settings.signer(worker(home)))
    key = home.store("training").head(f"keys/{sent[1].pseudonym}.unv")
    assert key is not None
    home.store("training").delete(key.name, key.version)

    run = backfill(home)

    assert made(run) == (1, 0, ["contributor-erased", "no-contributor-key"], [])
    assert len(home.leaves("contributor-key")) == 3
    names = [one.name for one in home.store("training").list(f"features/{NEW}")]
    assert names == [sent[2].feature_name_in(NEW)]


@pytest.mark.inv("INV-10")
def test_an_erasure_between_plan_and_batch_counts(home: Home, voices: list[bytes]) -> None:
    """Who is suppressed by then is skipped, though their key still stands."""
    home, sent = archived(home, voices, "anna")
    found = plan(home)
    home.bench().suppression.add(
        sent[0].pseudonym, "2026-11-23", home.settings.signer(worker(home))
    )
    done = backfill_batch(bench(home), found.todo)
    assert (done.made, done.skipped) == (0, [(sent[0].name, "contributor-erased")])
    assert home.leaves("extracted") == []
    assert plan(home).skipped == done.skipped


@pytest.mark.inv("INV-6")
def test_features_sealed_to_a_key_that_is_no_more_are_made_anew(
    home: Home, voices: list[bytes]
) -> None:
    """They could be opened by nobody; the new ones stand in their place."""
    home, sent = archived(home, voices, "anna")
    backfill(home)
    training = home.store("training")
    for entry in list(training.versions("keys/")):
        training.delete(entry.name, entry.version)
    home.bench().contributor_keys.ensure([sent[0].pseudonym])
    assert made(backfill(home)) == (1, 0, [], [])
    assert list(home.features(NEW)) == [sent[0].feature_name_in(NEW)]


def worker(home: Home) -> Vault:
    """The worker's vault."""
    return home.settings.vault("worker")


@pytest.mark.inv("INV-10")
@pytest.mark.parametrize("when", ["before", "after"])
def test_an_erasure_meanwhile_is_noticed(home: Home, voices: list[bytes], when: str) -> None:
    """A key destroyed just before or after the put: not counted as made, and said."""
    home, sent = archived(home, voices, "anna")
    training = home.store("training")

    def destroy() -> None:
        for entry in list(training.versions("keys/")):
            training.delete(entry.name, entry.version)

    point = ("put_if_absent", "pending/") if when == "before" else ("put_if_absent", "features/")
    hook = once(*point, destroy, after=when == "after")
    on = home.on(training=HookedStore(training, hook), log=HookedStore(home.store("log"), hook))
    run = backfill(on)
    assert (run.done.made, run.skipped) == (0, [(sent[0].name, "no-contributor-key")])
    put = list(training.list(f"features/{NEW}"))
    assert len(put) == (when == "after")


def test_what_the_log_does_not_know_is_refused(home: Home, voices: list[bytes]) -> None:
    """Cut short, moved to another name, sealed by somebody else, oddly named: each is reported."""
    home, sent = archived(home, voices, "anna", "bruno")
    archive = home.store("archive")
    whose = sent[0].pseudonym
    genuine = archive.get(sent[0].name).data
    current = archive.head(sent[1].name)
    assert current is not None
    archive.replace(sent[1].name, archive.get(sent[1].name).data[:-1], version=current.version)
    archive.put_if_absent(f"{whose}/moved.unv", genuine)
    key = PublicKey(home.settings.vault("worker").get("recipient/archive"))
    forged = seal(voices[2], key, archive_context(whose, "forged", "0" * 64, "0" * 32))
    archive.put_if_absent(f"{whose}/forged.unv", forged)
    archive.put_if_absent("notes.txt", b"?")
    before = untouched(archive)

    run = backfill(home)

    found = dict(run.skipped)
    assert found == {
        f"{whose}/moved.unv": "context-mismatch",
        f"{whose}/forged.unv": "not-in-log",
        sent[1].name: "not-in-log",
        "'notes.txt'": "name-not-recognised",
    }
    # The cut copy hides a genuine version, which is an original of its own.
    assert run.done.made == 2
    complete(home, sent)
    assert untouched(archive) == before


def test_too_short_for_the_new_set(home: Home) -> None:
    """A recording that the new set cannot be made of is reported; nothing is quarantined."""
    home, sent = archived(home, [encoded(noise(1000, 1)), encoded(noise(16000, 2))], "anna", "anna")
    run = backfill(home, feature_set="mfcc-20-deltas")
    assert (run.done.made, run.skipped) == (1, [(sent[0].name, "too-short")])
    complete(home, sent[1:], "mfcc-20-deltas")
    assert list(home.store("journal").list("quarantine/")) == []


@pytest.mark.inv("INV-6")
def test_planted_objects_are_replaced(home: Home, voices: list[bytes]) -> None:
    """Garbage, and a genuine object copied from another sample, give way on what was seen."""
    home, sent = archived(home, voices, "anna", "anna", "bruno")
    training = home.store("training")
    training.put_if_absent(sent[0].feature_name_in(NEW), b"garbage")
    training.put_if_absent(sent[1].feature_name_in(NEW), training.get(sent[2].feature_name).data)
    assert made(backfill(home)) == (3, 0, [], [])
    for planted in sent[:2]:
        assert len(list(training.versions(planted.feature_name_in(NEW)))) == 2
        for entry in list(training.versions(planted.feature_name_in(NEW)))[1:]:
            training.delete(entry.name, entry.version)
    complete(home, sent)


def test_what_ingest_is_placing_is_left_alone(home: Home, voices: list[bytes]) -> None:
    """An object that the journal knows and the log does not is for the ingest run that put it."""
    home, sent = archived(home, voices, "anna")
    name, content_key = sent[0].feature_name_in(NEW), worker(home).get("content/tag")
    opened = bench(home)
    opened.contributor_keys.find([sent[0].pseudonym])
    header = {
        "purpose": "features",
        "pseudonym": sent[0].pseudonym,
        "sample": sent[0].sample,
        "feature_set": opened.feature_set.digest,
        "content_tag": content_tag(content_key, sent[0].data),
    }
    data = seal(b"arrays", opened.contributor_keys[sent[0].pseudonym].public, header)
    home.store("training").put_if_absent(name, data)
    placed = PlacedFeatures(name, "0" * 64, digest(data))
    page = Journal(home.store("journal"), content_key).write(
        [JournalEntry(sent[0].name, "v", "0" * 64, (placed,), "keys/x.unv", "0" * 64)]
    )
    run = backfill(home)
    assert (run.done.made, run.skipped) == (0, [(sent[0].name, "being-ingested")])
    assert home.store("training").get(name).data == data
    Journal(home.store("journal"), content_key).remove(page)
    # Nobody ever logged it: now it is only an object that somebody put there.
    assert made(backfill(home)) == (1, 0, [], [])


@pytest.mark.inv("INV-6")
def test_another_recording_under_the_same_name_keeps_it(home: Home, voices: list[bytes]) -> None:
    """Its features stay; the archived one's are set apart as ingest would, and only once."""
    home, sent = archived(home, voices, "anna")
    later = same_name(home, sent[0], voices[1])
    archiving(home, "a" * 26).with_sets(NEW).run()  # and its original is not kept
    taken = home.store("training").get(later.feature_name_in(NEW)).data
    assert made(backfill(home)) == (1, 0, [], [])
    tag = content_tag(home.settings.vault("worker").get("content/tag"), voices[0])
    apart = f"{sent[0].pseudonym}/{apart_sample(sent[0].sample, tag)}.unv"
    assert home.store("training").get(later.feature_name_in(NEW)).data == taken
    assert any(name.endswith(apart) for name in home.features(NEW))
    again = backfill(home)
    assert (again.done.made, again.skipped, again.left) == (0, [], [])
    assert len(home.features(NEW)) == 2


def same_name(home: Home, first: Sent, data: bytes) -> Sent:
    """Another recording under a name that was used before."""
    sealed = seal(data, home.intake().public, raw_context(first.pseudonym, first.sample))
    return home.put(first.name, sealed, data)


@pytest.mark.inv("INV-6")
def test_two_backfills_at_once_make_one_object_each(home: Home, voices: list[bytes]) -> None:
    """The second comes whole between the first one's log and its put."""
    home, sent = archived(home, voices, "anna", "bruno")
    others = []

    def other() -> None:
        others.append(made(backfill(home)))

    training: Store = HookedStore(home.store("training"), once("put_if_absent", "features/", other))
    first = backfill(home.on(training=training))
    assert others == [(2, 0, [], [])]
    assert made(first) == (0, 2, [], [])
    complete(home, sent)
    assert len(home.leaves("extracted")) == 4


@pytest.mark.inv("INV-6")
def test_what_is_not_read_back_as_it_was_put_does_not_count(
    home: Home, voices: list[bytes]
) -> None:
    """Somebody writes over it at once: it is left, and the next run mends it."""
    home, sent = archived(home, voices, "anna")
    training, name = home.store("training"), sent[0].feature_name_in(NEW)

    def spoil() -> None:
        current = training.head(name)
        assert current is not None
        training.replace(name, b"garbage", version=current.version)

    hook = once("put_if_absent", "features/", spoil, after=True)
    run = backfill(home.on(training=HookedStore(training, hook)))
    assert (run.done.made, [one for one, _ in run.left]) == (0, [sent[0].name])
    assert made(backfill(home)) == (1, 0, [], [])
    assert list(home.features(NEW)) == [name]


def test_an_original_destroyed_meanwhile_is_reported(home: Home, voices: list[bytes]) -> None:
    """Retention takes one between plan and read, and one between read and log."""
    home, sent = archived(home, voices, "anna", "bruno")
    archive = home.store("archive")
    opened = bench(home)
    found = plan(home)

    def destroyed() -> None:
        data = archive.get(sent[0].name).data
        leaf = encode_leaf(
            "archive-destroyed", digest(data), home.clock(),
            cause="retention: archived", observed={"versions": 0}, not_checked=["backups"],
        )  # fmt: skip
        opened.accounts.append([leaf])

    hook = once("get", "keys/", destroyed)
    watching = home.on(training=HookedStore(home.store("training"), hook))
    gone = [one for one in found.todo if one.name == sent[0].name]
    late = backfill_batch(bench(watching), gone)
    assert (late.made, late.skipped) == (0, [(sent[0].name, "gone")])
    missing = [type(one)(one.name, "no such version", 1, "STANDARD") for one in found.todo]
    lost = backfill_batch(opened, missing)
    assert sorted(lost.skipped) == sorted((one.name, "gone") for one in found.todo)


def test_a_feature_set_of_ones_own(home: Home, voices: list[bytes], source: Home) -> None:
    """A TOML file beside the settings; one that is not there is refused before anything is read."""
    text = Path("src/unvoiced/features/sets/mfcc-13.toml").read_text(encoding="utf-8")
    (source.settings.folder / "mine.toml").write_text(text.replace("mfcc-13", "mine"))
    home, _ = archived(home, voices, "anna")
    assert made(backfill(home, feature_set="mine.toml")) == (1, 0, [], [])
    assert len(home.features("features/mine-")) == 1
    for absent in ("nobodys.toml", "nothing"):
        with pytest.raises(InputError):
            bench(home, feature_set=absent)
