"""Contributor keys: made once, known by the log, and never taken from who merely wrote the store.

The private half of a contributor's key opens with the dataset key alone, which the worker that
makes it does not hold.
"""

import base64
import hashlib
from collections.abc import Callable
from datetime import datetime

import pytest

from tests.sealing.refusal import refuses_to_open
from unvoiced.errors import StoreError, VerificationError
from unvoiced.keys import contributor
from unvoiced.keys.contributor import ContributorKey, ContributorKeys, key_context, key_object_name
from unvoiced.log.accounts import Accounts
from unvoiced.log.leaves import encode_leaf
from unvoiced.sealing import Json, Keyring, PrivateKey, open_sealed, parse_header, seal
from unvoiced.stores.interface import Stored
from unvoiced.stores.memory import MemoryStore

ALICE, BOB = "a" * 26, "b" * 26
NOW = datetime.fromisoformat("2026-11-22T12:00:00Z")
Workers = Callable[[], ContributorKeys]


@pytest.fixture
def training() -> MemoryStore:
    """The training store that workers and intruders write to."""
    return MemoryStore("training")


@pytest.fixture
def workers(
    training: MemoryStore, open_accounts: Callable[[], Accounts], dataset: PrivateKey
) -> Workers:
    """Opens one more worker on the same store and log."""
    return lambda: ContributorKeys(training, open_accounts(), dataset.public, lambda: NOW)


def made(workers: Workers, pseudonym: str = ALICE) -> ContributorKey:
    """The key that a fresh worker ends up with."""
    keys = workers()
    keys.ensure([pseudonym])
    return keys[pseudonym]


def planted(training: MemoryStore, data: bytes, pseudonym: str = ALICE) -> None:
    """What an intruder with write access to the training store does."""
    name = key_object_name(pseudonym)
    if training.head(name):
        training.replace(name, data, version=training.get(name).version)
    else:
        training.put_if_absent(name, data)


def key_object(pair: PrivateKey, dataset: PrivateKey, pseudonym: str) -> bytes:
    """A key object exactly as a worker makes it."""
    public = base64.b64encode(pair.public.raw).decode()
    context: dict[str, Json] = {**key_context(pseudonym), "public_key": public}
    return seal(pair.secret_bytes(), dataset.public, context)


def test_at_first_sight_a_key_is_made_logged_and_stored(
    workers: Workers, training: MemoryStore, open_accounts: Callable[[], Accounts]
) -> None:
    """The log knows the digest of the very object that stands in the store."""
    key = made(workers)
    data = training.get(f"keys/{ALICE}.unv").data
    assert key.object_name == f"keys/{ALICE}.unv"
    assert key.object_digest == hashlib.sha256(data).hexdigest()
    assert open_accounts().current().contributor_keys == {key.object_digest}
    assert parse_header(data).context["public_key"] == base64.b64encode(key.public.raw).decode()


def test_a_known_key_is_adopted(
    workers: Workers, open_accounts: Callable[[], Accounts], training: MemoryStore
) -> None:
    """By every later worker, without another leaf or another put."""
    key = made(workers)
    version = training.get(key.object_name).version
    assert made(workers) == made(workers) == key
    assert training.get(key.object_name).version == version
    assert len(open_accounts().current().contributor_keys) == 1


def test_contributors_have_keys_of_their_own(workers: Workers) -> None:
    """So that one can be erased without the others."""
    keys = workers()
    keys.ensure([ALICE, BOB, ALICE])
    assert keys[ALICE].public != keys[BOB].public


@pytest.mark.inv("INV-2")
def test_the_private_half_opens_with_the_dataset_key_only(
    workers: Workers, training: MemoryStore, dataset: PrivateKey, intake: PrivateKey
) -> None:
    """The worker that made it holds the intake keys, and those do not open it."""
    key = made(workers)
    sealed = training.get(key.object_name).data
    for held in (intake, PrivateKey.generate(), Keyring([])):
        refuses_to_open(lambda held=held: open_sealed(sealed, held, key_context(ALICE)))
    with open_sealed(sealed, dataset, key_context(ALICE)) as secret:
        assert PrivateKey(secret.data).public == key.public
        assert secret.data not in sealed


@pytest.mark.inv("INV-2")
def test_what_is_sealed_to_a_contributor_opens_through_the_dataset_key(
    workers: Workers, training: MemoryStore, dataset: PrivateKey
) -> None:
    """The dataset key itself does not open features; it opens the key that does."""
    key = made(workers)
    features = seal(b"arrays", key.public, {"purpose": "features"})
    refuses_to_open(lambda: open_sealed(features, dataset, {}))
    with open_sealed(training.get(key.object_name).data, dataset, key_context(ALICE)) as secret:
        private = PrivateKey(secret.data)
    with open_sealed(features, private, {"purpose": "features"}) as plaintext:
        assert plaintext.data == b"arrays"


@pytest.mark.parametrize("garbage", [b"", b"garbage", b"UNV1" + bytes(40)], ids=repr)
def test_unknown_garbage_is_replaced(
    workers: Workers, training: MemoryStore, garbage: bytes
) -> None:
    """Who plants it neither stops the ingest nor gets anything used."""
    planted(training, garbage)
    key = made(workers)
    data = training.get(key.object_name).data
    assert hashlib.sha256(data).hexdigest() == key.object_digest
    assert made(workers) == key


def test_a_swapped_key_that_the_log_does_not_know_is_never_used(
    workers: Workers, training: MemoryStore, dataset: PrivateKey
) -> None:
    """An intruder's key pair in a perfect object would let them read all features from then on."""
    mine = PrivateKey.generate()
    planted(training, key_object(mine, dataset, ALICE))
    assert made(workers).public != mine.public
    planted(training, key_object(mine, dataset, ALICE))
    key = made(workers)
    assert key.public != mine.public
    assert parse_header(training.get(key.object_name).data).context["public_key"] != (
        base64.b64encode(mine.public.raw).decode()
    )


def test_a_public_half_swapped_in_the_header_is_never_used(
    workers: Workers, training: MemoryStore
) -> None:
    """The header is readable by anyone, but the digest is of the whole object."""
    mine = base64.b64encode(PrivateKey.generate().public.raw)
    key = made(workers)
    data = training.get(key.object_name).data
    planted(training, data.replace(base64.b64encode(key.public.raw), mine))
    assert base64.b64encode(made(workers).public.raw) != mine


def test_another_contributors_object_is_refused(workers: Workers, training: MemoryStore) -> None:
    """The log knows it, but it is Bob's: Alice's features must not survive her erasure in it."""
    bob = made(workers, BOB)
    planted(training, training.get(bob.object_name).data, ALICE)
    alice = made(workers, ALICE)
    assert alice.public != bob.public
    assert parse_header(training.get(alice.object_name).data).context["pseudonym"] == ALICE
    assert made(workers, BOB) == bob


@pytest.mark.parametrize(
    "change",
    [{"purpose": "raw"}, {"public_key": "AAAA"}, {"public_key": "é"}, {"public_key": 7}],
    ids=str,
)
def test_a_logged_object_that_is_no_key_object_is_replaced(
    workers: Workers,
    training: MemoryStore,
    open_accounts: Callable[[], Accounts],
    dataset: PrivateKey,
    change: dict[str, Json],
) -> None:
    """Being known to the log does not make it a key: its header is read as strictly as any."""
    public = base64.b64encode(dataset.public.raw).decode()
    context: dict[str, Json] = {**key_context(ALICE), "public_key": public, **change}
    data = seal(b"no key", dataset.public, context)
    leaf = encode_leaf("contributor-key", hashlib.sha256(data).hexdigest(), NOW)
    open_accounts().append([leaf])
    planted(training, data)
    assert made(workers).object_digest != hashlib.sha256(data).hexdigest()


def test_two_workers_at_once_end_up_with_one_key(workers: Workers, training: MemoryStore) -> None:
    """Both log a key; the one whose object stands is the one that both use."""
    rival_key: list[ContributorKey] = []
    put = training.put_if_absent

    def slower(name: str, data: bytes) -> str:
        training.put_if_absent = put  # type: ignore[method-assign]
        rival_key.append(made(workers))
        return put(name, data)

    training.put_if_absent = slower  # type: ignore[method-assign]
    assert made(workers) == rival_key[0]
    assert made(workers) == rival_key[0]


def test_a_key_that_was_replaced_no_longer_stands(
    workers: Workers, training: MemoryStore, dataset: PrivateKey
) -> None:
    """Features sealed to it could not be read, so whoever disposes has to ask first."""
    keys = workers()
    keys.ensure([ALICE])
    key = keys[ALICE]
    assert keys.still_stands(key)
    planted(training, key_object(PrivateKey.generate(), dataset, ALICE))
    assert not keys.still_stands(key)
    keys.ensure([ALICE])
    assert keys.still_stands(keys[ALICE])
    training.delete(key.object_name, training.get(key.object_name).version)
    assert not keys.still_stands(keys[ALICE])


def test_a_key_counts_only_once_its_object_was_read_back(
    workers: Workers, training: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store that says it stored, and did not, is a store error and gives no key."""
    get = training.get

    def corrupted(name: str, version: str | None = None) -> Stored:
        stored = get(name, version)
        return Stored(stored.name, stored.version, stored.data[:-1] + b"\0\0")

    monkeypatch.setattr(training, "get", corrupted)
    keys = workers()
    with pytest.raises(StoreError, match="keeps changing"):
        keys.ensure([ALICE])
    with pytest.raises(KeyError):
        _ = keys[ALICE]


def test_the_leaf_is_logged_before_the_object_is_put(
    workers: Workers,
    training: MemoryStore,
    open_accounts: Callable[[], Accounts],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A crash in between leaves a leaf without an object, never an object nobody knows."""
    seen: list[bool] = []
    put = training.put_if_absent

    def watched(name: str, data: bytes) -> str:
        digest = hashlib.sha256(data).hexdigest()
        seen.append(digest in open_accounts().current().contributor_keys)
        return put(name, data)

    monkeypatch.setattr(training, "put_if_absent", watched)
    made(workers)
    assert seen == [True]


@pytest.mark.inv("INV-4", "INV-10")
def test_a_key_that_the_log_calls_destroyed_is_not_replaced_while_it_stands(
    workers: Workers, training: MemoryStore, open_accounts: Callable[[], Accounts]
) -> None:
    """The leaf may be false, and the key all that opens somebody's features; once somebody has
    deleted the object, as the error says, a new one is made.
    """
    key = made(workers)
    stored = training.get(key.object_name)
    leaf = encode_leaf("contributor-key-destroyed", key.object_digest, NOW)
    assert open_accounts().append([leaf]) == {key.object_digest}
    keys = workers()
    assert keys.contradicted([ALICE, BOB]) == {ALICE}
    with pytest.raises(VerificationError, match="Once it is deleted"):
        keys.ensure([ALICE])
    assert training.get(key.object_name) == stored
    training.delete(stored.name, stored.version)
    assert made(workers).object_digest != key.object_digest


@pytest.mark.parametrize("swapped", ["another key's", "a bit of it", "gone"])
def test_a_key_that_was_verified_before_is_looked_up_anew(
    workers: Workers, training: MemoryStore, dataset: PrivateKey, swapped: str
) -> None:
    """What a worker remembers saves it the verifying and not the looking."""
    keys = workers()
    keys.ensure([ALICE])
    name = key_object_name(ALICE)
    stored = training.get(name)
    assert not keys.find([ALICE])
    if swapped == "gone":
        training.delete(name, stored.version)
    elif swapped == "a bit of it":
        planted(training, stored.data[:-1] + bytes([stored.data[-1] ^ 1]))
    else:
        planted(training, key_object(PrivateKey.generate(), dataset, ALICE))
    assert keys.find([ALICE]) == {ALICE}
    with pytest.raises(KeyError):
        keys[ALICE]


def test_the_keys_in_memory_do_not_grow_with_the_contributors(
    workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those asked for last are kept, all of one call at least; any other is found again."""
    monkeypatch.setattr(contributor, "_REMEMBERED", 3)
    keys = workers()
    many = [letter * 26 for letter in "abcdefgh"]
    keys.ensure(many)
    assert not keys.find(many)
    assert len({keys[one].object_digest for one in many}) == len(many)
    assert not keys.find(many[:1])
    assert keys[many[0]].object_name == key_object_name(many[0])
    with pytest.raises(KeyError):
        keys[many[4]]
    assert not keys.find(many[4:5])
    assert keys[many[4]].object_name == key_object_name(many[4])
