"""Samples that cannot be read are skipped and counted; the wrong key stops everything at once."""

import os
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from tests.ingest.home import START, Home
from tests.ingest.hooked_store import HookedStore
from tests.reader.readings import (
    SAMPLES,
    log_destroyed_key,
    opened,
    overwrite,
    recorded,
    remove,
    sha256,
    voice,
)
from unvoiced.audit import AuditTrail, Purpose
from unvoiced.audit.record import READS, name_tag, parse_record
from unvoiced.catalog.build import CatalogBuilder, build_all
from unvoiced.cli import main
from unvoiced.errors import AccessError, InputError, NotFound, OpenError, VerificationError
from unvoiced.keys.contributor import key_object_name
from unvoiced.reader import FeatureOpener, Opened, Skipped, Wanted, no_quota
from unvoiced.reader.opener import FOLLOW_EVERY
from unvoiced.reader.reason import Reason
from unvoiced.sealing import PrivateKey

# Small enough that an epoch is many chunks.
LITTLE = 40_000


def whose(name: str) -> str:
    """The pseudonym in a name."""
    return name.split("/")[2]


def named(home: Home, digest: str) -> set[str]:
    """The names that the trail has for a digest, as it holds them."""
    audit = home.store("audit")
    return {
        of_one[digest]
        for entry in audit.list(READS)
        for of_one in parse_record(audit.get(entry.name).data).contributors.values()
        if digest in of_one
    }


@pytest.mark.parametrize("view", ["by name", "shuffled", "batches"])
def test_what_is_erased_in_mid_epoch_is_skipped_and_counted(library: Home, view: str) -> None:
    """The epoch goes on with everything else, each once."""
    with opened(library, prefetch_bytes=LITTLE) as features:
        order = [sample.name for sample in features.shuffle(1)]
    with opened(library, prefetch_bytes=LITTLE) as features:
        names = features.names if view == "by name" else order
        gone = names[-6:-1]
        seen = []
        if view == "batches":
            for batch in features.shuffle(1).batches(3):
                if not seen:
                    remove(library, gone)
                seen += [sample.name for sample in batch.samples]
        else:
            for sample in features if view == "by name" else features.shuffle(1):
                if not seen:
                    remove(library, gone)
                seen.append(sample.name)
        assert seen == [name for name in names if name not in gone]
        assert features.report.skipped == {Reason.GONE: 5}
        assert f"skipped 5: {Reason.GONE} (5)" in str(features.report)
        with pytest.raises(NotFound):
            features[gone[0]]
        assert [one.name for one in features.read([gone[0], seen[0]], skip=True)] == [seen[0]]


@pytest.mark.inv("INV-10")
def test_an_erased_contributor_is_out_from_the_next_epoch_on(library: Home) -> None:
    """The key is dropped when an epoch begins, though the features stand yet; others go on."""
    with opened(library) as features:
        erased = whose(features.names[0])
        assert len(list(features)) == SAMPLES
        log_destroyed_key(library, erased)
        before = len(recorded(library.store("audit")))
        second = [sample.name for sample in features.epoch(1)]
        assert second == [name for name in features.names if whose(name) != erased]
        assert features.report.skipped == {Reason.KEY_DESTROYED: 6}
        # What is refused is not asked for, and so not recorded.
        assert len(recorded(library.store("audit"))) == before + SAMPLES - 6
        remove(library, [key_object_name(erased)])
        assert len(list(features)) == SAMPLES - 6
        assert features.report.skipped[Reason.NO_KEY] == 6
        with pytest.raises(NotFound):
            features[0]


@pytest.mark.inv("INV-2")
def test_planted_and_misplaced_objects_are_skipped(library: Home) -> None:
    """Junk, another's object in somebody's place, a swapped key: each by its reason."""
    training = library.store("training")
    with opened(library) as features:
        names, by_person = features.names, {}
        for name in names:
            by_person.setdefault(whose(name), []).append(name)
    first, second, third, _ = by_person.values()
    overwrite(library, first[0], b"junk")
    overwrite(library, first[1], training.get(first[2]).data)
    overwrite(library, second[0], training.get(first[2]).data)
    overwrite(library, f"{first[0].rpartition('/')[0]}/planted.unv", training.get(first[2]).data)
    overwrite(
        library,
        key_object_name(whose(third[0])),
        training.get(key_object_name(whose(second[0]))).data,
    )
    with opened(library) as features:
        bad = {*first[:2], second[0], *third}
        assert [one.name for one in features] == [name for name in names if name not in bad]
        assert features.report.skipped == {Reason.NO_RECEIPT: 1, Reason.NOT_OPENED: 3 + 6}
        assert {sha256(library, first[0])} <= set(recorded(library.store("audit")))
        # Copies of one object, each by its name.
        tags = named(library, sha256(library, first[2]))
        copies = [*first[1:3], second[0], f"{first[0].rpartition('/')[0]}/planted.unv"]
        assert {name_tag(name) for name in copies} == tags
        with pytest.raises(VerificationError, match="no receipt"):
            features[first[0]]
        with pytest.raises(OpenError):
            features[third[0]]
    overwrite(library, key_object_name(whose(third[0])), b"no key of anybody")
    with opened(library) as features:
        assert len(list(features)) == SAMPLES - len(bad)
        assert features.report.skipped[Reason.KEY_UNKNOWN] == 6


def test_a_shard_of_which_nothing_could_be_read_raises_unless_it_was_erased(library: Home) -> None:
    """No receipts is the wrong log, or a store that somebody fills; erasure is to be expected."""
    with opened(library) as features:
        # Names are keyed by chance, so that any one shard may be empty.
        shards = [features.shuffle(1).shard(index, 12) for index in range(12)]
        shard = next(one for one in shards if one.names)
        names = shard.names
        remove(library, names)
        with pytest.warns(UserWarning, match="none of the .* could be read: no longer there"):
            assert list(shard) == []
        overwrite(library, names[-1], b"junk")
        with pytest.raises(VerificationError, match=r"no receipt of the log names it \(1\)"):
            list(shard)


@pytest.mark.inv("INV-10")
def test_who_is_erased_in_mid_epoch_is_out_within_five_minutes(library: Home) -> None:
    """The log is read again after so long, also by a clock that is set back; not before."""
    looks: list[str] = []

    def look(_operation: str, name: str, go: Callable[[], Any]) -> Any:
        looks.append(name)
        return go()

    moment = [START]
    watched = library.on(log=HookedStore(library.store("log"), look))
    opener = FeatureOpener(
        library.store("training"),
        watched.settings.log_reader(),
        library.dataset(),
        AuditTrail(library.store("audit"), "test"),
        Purpose.TRAINING,
        no_quota,
        now=lambda: moment[0],
    )
    with opened(library) as features:
        first = Wanted(features.names[0])
    (answer,) = opener.open([first])
    assert isinstance(answer, Opened)
    log_destroyed_key(library, whose(first.name))
    looks.clear()
    moment[0] += FOLLOW_EVERY - timedelta(seconds=1)
    assert isinstance(opener.open([first])[0], Opened)
    assert not looks
    moment[0] -= FOLLOW_EVERY  # a second before it began: nobody knows how long that took
    (answer,) = opener.open([first])
    assert isinstance(answer, Skipped)
    assert answer.reason is Reason.KEY_DESTROYED
    # Nothing new costs one look at the checkpoint, once in so long.
    opener.open([first])
    looks.clear()
    with opened(library) as features:
        other = Wanted(next(n for n in features.names if whose(n) != whose(first.name)))
    opener.open([other])
    looks.clear()
    for _ in range(3):
        opener.open([other])
    assert not looks
    moment[0] += FOLLOW_EVERY
    for _ in range(3):
        assert isinstance(opener.open([other])[0], Opened)
    assert looks == ["checkpoint"]


def test_files_of_terabytes_are_skipped(on_disk: Home) -> None:
    """Sparse ones cost nothing to put there; nor do they cost the reader more than a look."""
    training = on_disk.settings.folder / "stores/training"
    with opened(on_disk) as features:
        names = features.names
        whole, another = names[0], next(n for n in names if whose(n) != whose(names[0]))
        os.truncate(training / whole, 3 * 10**12)
        os.truncate(training / key_object_name(whose(another)), 3 * 10**12)
        left = [n for n in names if n != whole and whose(n) != whose(another)]
        assert [one.name for one in features] == left
        assert features.report.skipped == {Reason.TOO_LARGE: 1, Reason.KEY_UNKNOWN: 6}
        with pytest.raises(VerificationError, match="3,000,000,000,000 bytes"):
            features[whole]


def test_an_epoch_of_which_nothing_could_be_read_says_why(library: Home) -> None:
    """Not an empty epoch, which a training loop would take for a short one."""
    with opened(library) as features:
        names = features.names
        overwrite(library, names[0], b"junk")
        remove(library, names[1:])
        with pytest.raises(
            VerificationError, match=r"none of the 24 .* \(23\), no receipt .* \(1\)"
        ):
            list(features)
        remove(library, names[:1])
        with pytest.raises(NotFound, match=r"none of the 24 samples could be read: no longer"):
            list(features.shuffle(1).batches(2))
        assert list(features.where("size < 0")) == []


@pytest.mark.inv("INV-8")
def test_the_wrong_dataset_key_stops_at_the_first_chunk(
    library: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not sample by sample through everything; what was asked for is in the trail."""
    wrong = PrivateKey.generate().secret_bytes()
    monkeypatch.setattr("unvoiced.keys.vault.Vault.get", lambda *_: wrong)
    with opened(library) as features:
        with pytest.raises(OpenError) as caught:
            list(features)
        assert str(caught.value) == str(OpenError())
        assert features.report.read == 0
    assert 0 < len(recorded(library.store("audit"))) < SAMPLES


def test_an_object_that_was_replaced_is_read_as_it_is(library: Home) -> None:
    """A digest from an earlier epoch is no promise: the new one is recorded, and has a receipt."""
    with opened(library) as features:
        assert len(list(features)) == SAMPLES
        name = features.names[0]
        old = sha256(library, name)
        remove(library, [name])
        again = library.send("anna", voice(77))
        library.run()
        # Another genuine object in its place does not open there; it is named in the trail.
        overwrite(library, name, library.store("training").get(again.feature_name).data)
        assert len(list(features.epoch(1))) == SAMPLES - 1
        assert features.report.skipped == {Reason.NOT_OPENED: 1}
    assert recorded(library.store("audit")).count(old) == 2
    assert sha256(library, name) in recorded(library.store("audit"))


@pytest.mark.parametrize("known", [False, True])
def test_a_quota_that_is_used_up_ends_an_epoch(library: Home, known: bool) -> None:
    """With an error that says so, after what was admitted; the rest is not even asked for."""
    fetched: list[str] = []

    def watched(operation: str, name: str, go: Callable[[], Any]) -> Any:
        if operation == "get" and name.startswith("features/"):
            fetched.append(name)
        return go()

    home = library.on(training=HookedStore(library.store("training"), watched))
    reading = type(home.settings.reading)(training_per_day=20)
    object.__setattr__(home.settings, "reading", reading)
    if known:
        build_all(CatalogBuilder.of(library.settings))
    with opened(home) as features:
        fetched.clear()
        seen: list[Any] = []
        with pytest.raises(AccessError, match="may read 20 objects a day"):
            seen.extend(features)
        assert len(seen) == len(fetched) == 8
    with pytest.raises(InputError, match="closed"):
        list(features)


def test_looking_at_single_samples_keeps_to_the_quota(
    on_disk: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`unvoiced features show` counts with all else that was inspected on the day."""
    settings = on_disk.settings.path
    settings.write_text(settings.read_text() + "\n[reading]\ninspection_per_day = 2\n")
    with opened(on_disk) as features:
        names = features.names
    codes = []
    for name in names[:3]:
        sample = "/".join(name.split("/")[2:])
        monkeypatch.setattr(
            "sys.argv", ["unvoiced", "features", "show", sample, "-c", str(settings)]
        )
        with pytest.raises(SystemExit) as ended:
            main()
        codes.append(ended.value.code)
    assert codes == [0, 0, AccessError.exit_code]
    assert "may read 2 objects a day for inspection" in " ".join(capsys.readouterr().err.split())
    assert len(recorded(on_disk.store("audit"))) == 2
