"""Samples that cannot be read are skipped and counted; the wrong key stops everything at once."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.ingest.home import Home
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
from unvoiced.catalog.build import CatalogBuilder, build_all
from unvoiced.errors import AccessError, InputError, NotFound, OpenError, VerificationError
from unvoiced.keys.contributor import key_object_name
from unvoiced.reader.reason import Reason
from unvoiced.sealing import PrivateKey

# Small enough that an epoch is many chunks.
LITTLE = 40_000


def whose(name: str) -> str:
    """The pseudonym in a name."""
    return name.split("/")[2]


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
        with pytest.raises(VerificationError, match="no receipt"):
            features[first[0]]
        with pytest.raises(OpenError):
            features[third[0]]
    overwrite(library, key_object_name(whose(third[0])), b"no key of anybody")
    with opened(library) as features:
        assert len(list(features)) == SAMPLES - len(bad)
        assert features.report.skipped[Reason.KEY_UNKNOWN] == 6


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


def test_a_quota_that_is_used_up_ends_an_epoch(library: Home) -> None:
    """With an error that says so, after what was admitted; the rest is not even asked for."""
    fetched: list[str] = []

    def watched(operation: str, name: str, go: Callable[[], Any]) -> Any:
        if operation == "get" and name.startswith("features/"):
            fetched.append(name)
        return go()

    home = library.on(training=HookedStore(library.store("training"), watched))
    reading = type(home.settings.reading)(training_per_day=20)
    object.__setattr__(home.settings, "reading", reading)
    build_all(CatalogBuilder.of(library.settings))  # so that digests are known beforehand
    with opened(home) as features:
        fetched.clear()
        seen: list[Any] = []
        with pytest.raises(AccessError, match="may read 20 objects a day"):
            seen.extend(features)
        assert len(seen) == len(fetched) == 8
    with pytest.raises(InputError, match="closed"):
        list(features)
