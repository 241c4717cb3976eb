"""What an intruder who can write to the vault gets out of it behind KMS: nothing, and one text.

On moto, in this process, and only this: it encrypts with AES-GCM under a key per KMS key, as KMS
does, where ministack neither authenticates a ciphertext nor ties it to its key. moto is evidence
for no permission, and it says AccessDenied where KMS says IncorrectKey: that code is in
test_kms_refusals. Its ciphertext is 36 bytes of key id, 12 of nonce, 16 of tag, then the secret's.
"""

import base64
import json
from collections.abc import Iterator

import pytest
from moto import mock_aws

from unvoiced.aws.kms import KmsWrapper, kms_client
from unvoiced.errors import AccessError
from unvoiced.keys.vault import Vault
from unvoiced.stores.memory import MemoryStore

pytestmark = pytest.mark.inv("INV-11")

SECRET = b"\xc3\xa9 thirty-two bytes of a secret.."
CONTEXT = {"format": "unvoiced-vault/1", "name": "intake/2026-w47"}


@pytest.fixture(autouse=True)
def kms(signed_out: pytest.MonkeyPatch) -> Iterator[None]:
    """A KMS in memory, empty."""
    with mock_aws():
        yield


def new_key() -> str:
    """The ARN of a new symmetric key."""
    return str(kms_client("us-east-1").create_key()["KeyMetadata"]["Arn"])


def wrapper_of(arn: str) -> KmsWrapper:
    """As the vault gets it."""
    return KmsWrapper(arn, kms_client("us-east-1", attempts=1))


def check_shut(arn: str, wrapped: bytes) -> None:
    """It does not open, and no more is said than with which key."""
    with pytest.raises(AccessError) as caught:
        wrapper_of(arn).unwrap(wrapped, CONTEXT)
    assert str(caught.value) == f"the vault does not open with KMS key {arn}"


@pytest.mark.parametrize(
    "position",
    [36, 47, 48, 63, 64, 80, -1],
    ids=["nonce", "end of nonce", "tag", "end of tag", "secret", "within secret", "end of secret"],
)
def test_a_flipped_byte_does_not_open(position: int) -> None:
    """In nonce, tag or ciphertext; the unchanged bytes do."""
    arn = new_key()
    wrapped = bytearray(wrapper_of(arn).wrap(SECRET, CONTEXT))
    assert wrapper_of(arn).unwrap(bytes(wrapped), CONTEXT) == SECRET
    wrapped[position] ^= 1
    check_shut(arn, bytes(wrapped))


@pytest.mark.parametrize("position", [0, 35])
def test_a_flipped_byte_in_the_key_id_does_not_open(position: int) -> None:
    """moto looks for a key of that name, which is why this one text differs."""
    arn = new_key()
    wrapped = bytearray(wrapper_of(arn).wrap(SECRET, CONTEXT))
    wrapped[position] ^= 1
    with pytest.raises(AccessError, match=f"^KMS key {arn} may not be used for kms:Decrypt "):
        wrapper_of(arn).unwrap(bytes(wrapped), CONTEXT)


def test_cut_lengthened_or_foreign_bytes_do_not_open() -> None:
    """Nor none at all, nor more than KMS takes."""
    arn = new_key()
    wrapped = wrapper_of(arn).wrap(SECRET, CONTEXT)
    for changed in (b"", b"x", wrapped[:-1], wrapped[:64], wrapped + b"x", wrapped * 60):
        check_shut(arn, changed)


def test_a_secret_of_another_kms_key_does_not_open() -> None:
    """Although these credentials may use both keys, and KMS alone would open it.

    Without the key in the request, whoever can write to the vault would put a secret there that
    they wrapped themselves, under a key of their own that the worker may use.
    """
    theirs, ours = new_key(), new_key()
    planted = wrapper_of(theirs).wrap(b"a log key that they know", CONTEXT)
    opened = kms_client("us-east-1").decrypt(CiphertextBlob=planted, EncryptionContext=CONTEXT)
    assert opened["Plaintext"] == b"a log key that they know"
    with pytest.raises(AccessError, match=f"^KMS key {ours} may not be used for kms:Decrypt "):
        wrapper_of(ours).unwrap(planted, CONTEXT)


def test_a_secret_moved_to_another_name_does_not_open() -> None:
    """Nor where the name inside the record is edited to fit; under its own name it does."""
    arn, store = new_key(), MemoryStore("vault")
    vault = Vault(store, wrapper_of(arn))
    vault.put("intake/2026-w47", SECRET)
    record = store.get("intake/2026-w47.key").data
    store.put_if_absent("intake/2026-w48.key", record)
    store.put_if_absent("intake/2026-w49.key", record.replace(b"2026-w47", b"2026-w49"))
    for name in ("intake/2026-w48", "intake/2026-w49"):
        with pytest.raises(AccessError, match=f"^the vault does not open with KMS key {arn}$"):
            vault.get(name)
    assert vault.get("intake/2026-w47") == SECRET


def test_a_record_of_the_vault_with_one_bit_changed_does_not_open() -> None:
    """By the way the vault reads it."""
    arn, store = new_key(), MemoryStore("vault")
    vault = Vault(store, wrapper_of(arn))
    vault.put("intake/2026-w47", SECRET)
    found = store.get("intake/2026-w47.key")
    record = json.loads(found.data)
    wrapped = bytearray(base64.b64decode(record["wrapped"]))
    wrapped[-1] ^= 1
    record["wrapped"] = base64.b64encode(wrapped).decode()
    store.replace("intake/2026-w47.key", json.dumps(record).encode(), version=found.version)
    with pytest.raises(AccessError, match=f"^the vault does not open with KMS key {arn}$"):
        vault.get("intake/2026-w47")


def test_no_form_of_a_secret_stands_in_the_vault() -> None:
    """Neither raw nor in hex or base64."""
    store = MemoryStore("vault")
    Vault(store, wrapper_of(new_key())).put("log/signing", SECRET)
    data = store.get("log/signing.key").data
    wrapped = base64.b64decode(json.loads(data)["wrapped"])
    for form in (SECRET, SECRET.hex().encode(), base64.b64encode(SECRET)):
        assert form not in data
        assert form not in wrapped


def test_a_secret_of_another_deployment_under_the_same_key_does_not_open() -> None:
    """Or whoever can write to the vault would have a worker seal to a test's dataset key."""
    arn, client = new_key(), kms_client("us-east-1", attempts=1)
    theirs = KmsWrapper(arn, client, "test.example/log").wrap(SECRET, CONTEXT)
    assert KmsWrapper(arn, client, "test.example/log").unwrap(theirs, CONTEXT) == SECRET
    for other in (None, "real.example/log"):
        with pytest.raises(AccessError):
            KmsWrapper(arn, client, other).unwrap(theirs, CONTEXT)
