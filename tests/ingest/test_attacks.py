"""Whoever can write to a store gets nothing destroyed in vain, and nothing sealed to them."""

import base64

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke

from tests.ingest.claims import accounted_for, finished
from tests.ingest.dying import Died, dies
from tests.ingest.home import Home, Sent, expected, same
from tests.ingest.hooked_store import HookedStore, once
from unvoiced.errors import AccessError
from unvoiced.keys.contributor import key_context, key_object_name
from unvoiced.keys.vault import Vault
from unvoiced.keys.wrapping import wrapper_from_key_file
from unvoiced.sealing import PrivateKey, parse_header, seal
from unvoiced.stores import Store, open_store

_SUITE = hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)


def overwrite(store: Store, name: str, data: bytes) -> None:
    """What somebody who may write to the store does."""
    entry = store.head(name)
    if entry is None:
        store.put_if_absent(name, data)
    else:
        store.replace(name, data, version=entry.version)


def sealed_to(home: Home) -> set[bytes]:
    """The key ids that feature objects are sealed to."""
    training = home.store("training")
    return {
        parse_header(training.get(entry.name).data).key_id for entry in training.list("features/")
    }


@pytest.mark.inv("INV-3")
@pytest.mark.parametrize("garbage", [b"", b"garbage", b"UNV1" + bytes(200)])
def test_garbage_under_a_feature_objects_name_is_replaced(
    home: Home, voices: list[bytes], garbage: bytes
) -> None:
    """A name that is taken does not mean that features are there: the recording is not lost."""
    sent = home.send("anna", voices[0])
    overwrite(home.store("training"), sent.feature_name, garbage)
    assert home.run().disposed == 1
    finished(home, [sent])


@pytest.mark.inv("INV-3")
def test_features_sealed_by_somebody_else_are_replaced(home: Home, voices: list[bytes]) -> None:
    """A well-formed object that says all the right things, and that no worker made."""
    first = home.send("anna", voices[0])
    home.run()
    genuine = home.store("training").get(first.feature_name).data
    second = home.send("anna", voices[1])
    context = {**parse_header(genuine).context, "sample": second.sample}
    forged = seal(b"nothing of value", PrivateKey.generate().public, context)
    overwrite(home.store("training"), second.feature_name, forged)
    home.run()
    finished(home, [first, second])


@pytest.mark.inv("INV-3")
@pytest.mark.parametrize("other", ["bruno", "anna"])
def test_genuine_features_of_another_recording_are_replaced(
    home: Home, voices: list[bytes], other: str
) -> None:
    """An object that a worker did make and the log knows, copied under another's name."""
    first = home.send(other, voices[0])
    home.run()
    training = home.store("training")
    second = home.send("anna", voices[1])
    overwrite(training, second.feature_name, training.get(first.feature_name).data)
    home.run()
    assert list(home.features()) == sorted([first.feature_name, second.feature_name])
    finished(home, [first, second])


def attackers_key(home: Home, whose: str) -> tuple[PrivateKey, bytes]:
    """A key pair of the attacker's in an object that looks like a contributor's."""
    pair = PrivateKey.generate()
    public = base64.b64encode(pair.public.raw).decode()
    context = {**key_context(whose), "public_key": public}
    return pair, seal(pair.secret_bytes(), home.dataset().public, context)


@pytest.mark.inv("INV-2")
@pytest.mark.inv("INV-3")
@pytest.mark.parametrize("when", ["before", "between"])
def test_nothing_is_sealed_to_a_key_that_no_worker_made(
    home: Home, voices: list[bytes], when: str
) -> None:
    """A contributor's key object swapped for the attacker's: replaced, and features still open."""
    early = [home.send("anna", voices[0])]
    if when == "between":
        home.run()
    pair, planted = attackers_key(home, early[0].pseudonym)
    name = key_object_name(early[0].pseudonym)
    overwrite(home.store("training"), name, planted)
    late = home.send("anna", voices[1])
    assert home.run().disposed == (2 if when == "before" else 1)
    assert pair.public.key_id not in sealed_to(home)
    assert home.store("training").get(name).data != planted
    # What was sealed to the key that the attacker destroyed is as lost as if deleted; no more is.
    safe = [*early, late] if when == "before" else [late]
    for one in safe:
        features = home.features(one.sample)
        assert same(features[one.feature_name], expected(one.data))
    assert home.status().adds_up


@pytest.mark.inv("INV-3")
@pytest.mark.parametrize("moment", ["features", "after"])
def test_a_key_swapped_during_a_run_keeps_the_recordings_where_they_are(
    home: Home, voices: list[bytes], moment: str
) -> None:
    """Features that nobody could read any more are no reason to destroy; the next run mends it."""
    sent = [home.send("anna", data) for data in voices[:2]]
    _, planted = attackers_key(home, sent[0].pseudonym)
    training = home.store("training")

    def swap() -> None:
        overwrite(training, key_object_name(sent[0].pseudonym), planted)

    around = once("put_if_absent", "features/", swap, after=moment == "after")
    report = home.on(training=HookedStore(training, around)).run()
    assert report.disposed == 0
    assert report.left.keys() == {one.name for one in sent}
    assert home.standing() == {one.sha256 for one in sent}
    accounted_for(home, sent)
    assert home.run().disposed == 2
    finished(home, sent)


@pytest.mark.inv("INV-3")
def test_another_contributors_key_is_not_taken_for_this_ones(
    home: Home, voices: list[bytes]
) -> None:
    """B's genuine key object put in A's place, before A's first recording: A gets A's own."""
    bruno = home.send("bruno", voices[0])
    home.run()
    anna = home.send("anna", voices[1])
    training = home.store("training")
    copied = training.get(key_object_name(bruno.pseudonym)).data
    overwrite(training, key_object_name(anna.pseudonym), copied)
    home.run()
    assert len(sealed_to(home)) == 2
    finished(home, [bruno, anna])


@pytest.mark.inv("INV-3")
def test_features_damaged_after_the_put_do_not_cost_the_recording(
    home: Home, voices: list[bytes]
) -> None:
    """What is read back is not what was put: nothing is destroyed, the next run puts it right."""
    sent = home.send("anna", voices[0])
    training = home.store("training")

    def damage() -> None:
        data = bytearray(training.get(sent.feature_name).data)
        data[-1] ^= 1
        overwrite(training, sent.feature_name, bytes(data))

    around = once("put_if_absent", "features/", damage, after=True)
    report = home.on(training=HookedStore(training, around)).run()
    assert report.disposed == 0
    assert "was not read back as journalled" in report.left[sent.name]
    assert home.standing() == {sent.sha256}
    home.run()
    finished(home, [sent])


@pytest.mark.inv("INV-5")
def test_a_copy_under_another_prefix_is_quarantined_and_the_original_unharmed(
    home: Home, voices: list[bytes]
) -> None:
    """The same sealed bytes twice: in their place they are a recording, elsewhere they are not."""
    sent = home.send("anna", voices[0])
    bruno = home.invitation("bruno").pseudonym
    copy = home.put(f"{bruno}/{sent.sample}.unv", sent.sealed)
    report = home.run()
    assert report.quarantined == {copy.name: "context-mismatch"}
    assert report.disposed == 1
    accounted_for(home, [])
    home.run()
    assert_only_the_copy_is_left(home, sent)


def assert_only_the_copy_is_left(home: Home, sent: Sent) -> None:
    """One receipt for the original, whose features open; the copy quarantined and counted."""
    assert [leaf.digest for leaf in home.leaves("disposed")] == [sent.sha256]
    assert same(home.features()[sent.feature_name], expected(sent.data))
    status = home.status()
    assert status.adds_up, status
    assert (status.accepted, status.disposed, status.quarantined) == (2, 1, 1)
    assert status.raw_objects == 1


@pytest.mark.inv("INV-5")
@pytest.mark.parametrize("operation", ["versions", "head"])
def test_a_copy_under_another_prefix_does_not_cost_the_original_its_receipt(
    home: Home, voices: list[bytes], operation: str
) -> None:
    """As before, and the run dies having destroyed the original: the receipt still follows."""
    sent = home.send("anna", voices[0])
    bruno = home.invitation("bruno").pseudonym
    home.put(f"{bruno}/{sent.sample}.unv", sent.sealed)

    def die() -> None:
        raise Died

    raw = HookedStore(home.store("raw"), once(operation, sent.name, die))
    assert dies(home.on(raw=raw).run)
    assert home.store("raw").head(sent.name) is None
    home.run()
    home.run()
    assert_only_the_copy_is_left(home, sent)


def test_a_moved_object_is_quarantined_under_its_reason(home: Home, voices: list[bytes]) -> None:
    """Only the copy is there: accepted, quarantined as `context-mismatch`, and never opened."""
    sent = home.send("anna", voices[0])
    home.store("raw").delete(sent.name, sent.version)
    moved = home.put(f"{home.invitation('bruno').pseudonym}/{sent.sample}.unv", sent.sealed)
    assert home.run().quarantined == {moved.name: "context-mismatch"}
    finished(home, [moved], [moved])


def worker_secrets(home: Home) -> list[bytes]:
    """Every secret that the worker's vault holds, whatever its kind."""
    vault = home.settings.vault("worker")
    folder = home.settings.folder / "keys" / "worker"
    names = [path.relative_to(folder).with_suffix("") for path in folder.rglob("*.key")]
    assert len(names) >= 4
    return [vault.get(str(name)) for name in names]


@pytest.mark.inv("INV-2")
def test_the_worker_opens_nothing_of_what_it_writes(home: Home, voices: list[bytes]) -> None:
    """Each private key in its vault is tried on each object of the training store, by force."""
    home.send("anna", voices[0])
    home.send_fernet("bruno", voices[1])
    assert home.run().disposed == 2
    keys = [PrivateKey(secret) for secret in worker_secrets(home) if len(secret) == 96]
    assert keys
    training = home.store("training")
    objects = [training.get(entry.name).data for entry in training.list()]
    assert len(objects) == 4
    for sealed in objects:
        header = parse_header(sealed)
        for key in keys:
            with pytest.raises(InvalidTag):
                _SUITE.decrypt(sealed[len(header.raw) :], key.hpke_key, info=header.raw)


@pytest.mark.inv("INV-2")
def test_the_worker_opens_no_other_vault(home: Home) -> None:
    """The key file of the worker's vault unwraps nothing of the dataset's or the inviter's."""
    keys = home.settings.folder / "keys"
    wrapper = wrapper_from_key_file(keys / "worker.kek")
    for role, name in (("dataset", "dataset/dataset"), ("inviter", "pseudonym/key")):
        vault = Vault(open_store((keys / role).as_uri()), wrapper)
        with pytest.raises(AccessError):
            vault.get(name)
