"""The key vault: wrapped secrets that open under their own name only."""

import base64
import json

import pytest

from unvoiced.errors import AccessError, AlreadyExists, InputError
from unvoiced.keys.vault import Unlock, Vault, describe_vault, how_to_unlock
from unvoiced.keys.wrapping import Argon2idParameters, LocalWrapper, wrapper_from_passphrase
from unvoiced.stores.memory import MemoryStore

SECRET = b"\xc3\xa9 thirty-two bytes of a secret.."
PARAMETERS = Argon2idParameters(salt="0a" * 16, memory_kib=72, passes=2, lanes=3)


@pytest.fixture
def store() -> MemoryStore:
    """Where the vault is kept."""
    return MemoryStore("vault")


@pytest.fixture
def vault(store: MemoryStore) -> Vault:
    """A vault with one secret."""
    vault = Vault(store, LocalWrapper(bytes(32)))
    vault.put("intake/2026-w47", SECRET)
    return vault


def overwrite(store: MemoryStore, name: str, data: bytes) -> None:
    """What an intruder with write access to the vault's folder does."""
    store.replace(name, data, version=store.get(name).version)


def test_a_secret_comes_back_under_its_name(store: MemoryStore, vault: Vault) -> None:
    """Also to another process with the same key; nothing is cached."""
    assert vault.get("intake/2026-w47") == SECRET
    assert Vault(store, LocalWrapper(bytes(32))).get("intake/2026-w47") == SECRET


@pytest.mark.inv("INV-11")
def test_no_form_of_a_secret_stands_in_the_store(store: MemoryStore, vault: Vault) -> None:
    """Neither raw nor in hex or base64."""
    vault.put("log/signing", SECRET)
    for entry in store.list():
        data = store.get(entry.name).data
        for form in (SECRET, SECRET.hex().encode(), base64.b64encode(SECRET)):
            assert form not in data


@pytest.mark.inv("INV-11")
def test_a_record_moved_to_another_name_does_not_unwrap(store: MemoryStore, vault: Vault) -> None:
    """Nor where the name inside the record is edited to fit."""
    record = store.get("intake/2026-w47.key").data
    store.put_if_absent("intake/2026-w48.key", record)
    renamed = record.replace(b"2026-w47", b"2026-w49")
    store.put_if_absent("intake/2026-w49.key", renamed)
    for name in ("intake/2026-w48", "intake/2026-w49"):
        with pytest.raises(AccessError, match="does not open with this passphrase or key file"):
            vault.get(name)


@pytest.mark.inv("INV-11")
def test_another_key_does_not_open_the_vault(store: MemoryStore, vault: Vault) -> None:
    """Holding one role's key opens nothing of another's."""
    with pytest.raises(AccessError, match="does not open with this passphrase or key file"):
        Vault(store, LocalWrapper(b"\x01" * 32)).get("intake/2026-w47")


@pytest.mark.inv("INV-11")
@pytest.mark.parametrize(
    "record",
    [
        b"",
        b"not json",
        b"\xff\xfe",
        b"[]",
        b"null",
        b"7",
        b'"text"',
        b"{}",
        b'{"wrapped":null}',
        b'{"wrapped":7}',
        b'{"wrapped":["AAAA"]}',
        b'{"wrapped":"A"}',
        b'{"wrapped":"\xc3\xa9"}',
        b'{"wrapped":""}',
        b'{"wrapped":"AAAA"}',
        b"[" * 50_000 + b"]" * 50_000,
    ],
    ids=lambda record: repr(record[:20]),
)
def test_a_damaged_record_is_an_access_error(
    store: MemoryStore, vault: Vault, record: bytes
) -> None:
    """Whatever lies there: the name is said, nothing of the content, and no other exception."""
    overwrite(store, "intake/2026-w47.key", record)
    with pytest.raises(AccessError) as caught:
        vault.get("intake/2026-w47")
    assert str(caught.value) in {
        "the vault's record of intake/2026-w47 is damaged",
        "the vault does not open with this passphrase or key file",
    }
    assert caught.value.__cause__ is None


def test_a_missing_secret_is_an_access_error(vault: Vault) -> None:
    """By name, which is no secret."""
    with pytest.raises(AccessError, match=r"^this vault holds no intake/2026-w46$"):
        vault.get("intake/2026-w46")


def test_a_secret_is_never_written_over(store: MemoryStore, vault: Vault) -> None:
    """Replacing an intake key would lose every recording sealed to it."""
    before = store.get("intake/2026-w47.key")
    with pytest.raises(AlreadyExists):
        vault.put("intake/2026-w47", b"another")
    assert store.get("intake/2026-w47.key") == before
    assert vault.get("intake/2026-w47") == SECRET


def test_names_lists_one_kind_in_order(store: MemoryStore, vault: Vault) -> None:
    """Without the kind, without the suffix, and without the secrets of other kinds."""
    describe_vault(store, Unlock())
    vault.put("intake/2026-w05", SECRET)
    vault.put("intake-old/2026-w01", SECRET)
    vault.put("log/signing", SECRET)
    assert list(vault.names("intake")) == ["2026-w05", "2026-w47"]
    assert list(vault.names("log")) == ["signing"]
    assert list(vault.names("dataset")) == []


@pytest.mark.parametrize("name", ["../x", "/x", ".hidden", "a//b", "a/../b", "a b", "a\n", ""])
def test_a_name_that_could_leave_the_vault_is_refused(vault: Vault, name: str) -> None:
    """Before anything is written or read."""
    with pytest.raises(InputError):
        vault.put(f"{name}/x", SECRET)
    with pytest.raises(InputError):
        vault.get(f"{name}/x")


@pytest.mark.inv("INV-11")
def test_a_vault_shows_nothing(vault: Vault) -> None:
    """Its `repr` is Python's own."""
    assert SECRET.hex() not in repr(vault)
    assert "object at" in repr(vault)


@pytest.mark.parametrize("parameters", [PARAMETERS, Argon2idParameters.fresh(), None])
def test_how_a_vault_is_unlocked_survives(
    store: MemoryStore, parameters: Argon2idParameters | None
) -> None:
    """Every Argon2id parameter comes back, so a vault outlives a change of the defaults."""
    describe_vault(store, Unlock(argon2id=parameters))
    assert how_to_unlock(store).argon2id == parameters


def test_a_vault_with_a_passphrase_opens_from_what_it_says_of_itself(store: MemoryStore) -> None:
    """Store and passphrase are enough, with parameters other than today's defaults."""
    describe_vault(store, Unlock(argon2id=PARAMETERS))
    Vault(store, wrapper_from_passphrase("correct horse", PARAMETERS)).put("a/b", SECRET)
    parameters = how_to_unlock(store).argon2id
    assert parameters is not None
    assert Vault(store, wrapper_from_passphrase("correct horse", parameters)).get("a/b") == SECRET


def test_a_vault_is_described_once(store: MemoryStore) -> None:
    """A second description would lock the first one's secrets away."""
    describe_vault(store, Unlock(argon2id=PARAMETERS))
    with pytest.raises(AlreadyExists):
        describe_vault(store, Unlock(argon2id=Argon2idParameters.fresh()))
    assert how_to_unlock(store).argon2id == PARAMETERS


def test_where_there_is_no_vault_it_says_so(store: MemoryStore) -> None:
    """With the place, which holds no credentials."""
    with pytest.raises(AccessError, match=r"^there is no key vault at memory://vault$"):
        how_to_unlock(store)


@pytest.mark.parametrize(
    "description",
    [
        b"",
        b"\xff",
        b"[]",
        b"null",
        b"{}",
        b'{"format":"unvoiced-vault/2","unlock":{"key-file":true}}',
        b'{"format":"unvoiced-vault/1"}',
        b'{"format":"unvoiced-vault/1","unlock":[]}',
        b'{"format":"unvoiced-vault/1","unlock":{"argon2id":7}}',
        b'{"format":"unvoiced-vault/1","unlock":{"argon2id":{"salt":"00","pepper":"00"}}}',
        b'{"format":"unvoiced-vault/1","unlock":{"argon2id":{"memory_kib":64}}}',
    ],
    ids=repr,
)
def test_a_damaged_description_is_an_access_error(store: MemoryStore, description: bytes) -> None:
    """A vault is not opened by guessing what its description meant."""
    store.put_if_absent("vault.json", description)
    with pytest.raises(AccessError, match=r"^the description of the key vault at .* is damaged$"):
        how_to_unlock(store)


def test_a_record_has_the_documented_form(store: MemoryStore, vault: Vault) -> None:
    """Canonical JSON of format, name and the wrapped bytes, so that others can read vaults."""
    record = json.loads(store.get("intake/2026-w47.key").data)
    assert record.keys() == {"format", "name", "wrapped"}
    assert (record["format"], record["name"]) == ("unvoiced-vault/1", "intake/2026-w47")
    context = {"format": "unvoiced-vault/1", "name": "intake/2026-w47"}
    assert LocalWrapper(bytes(32)).unwrap(base64.b64decode(record["wrapped"]), context) == SECRET
