"""Checkpoints signed by a key in KMS: they verify like any other, and nothing else is handed out.

On ministack, which signs with real Ed25519 keys and decides by policy and key state. It does not
enforce the 4096 bytes that KMS lets one sign.
"""

import base64
from collections import Counter
from typing import Any

import pytest
from botocore.stub import Stubber
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.servers.ministack import Credentials, Ministack, allow, new_name
from unvoiced.aws.kms import KmsSigningKey, kms_client
from unvoiced.errors import AccessError, InputError, VerificationError
from unvoiced.log.note import Checkpoint, Signer, Verifier
from unvoiced.log.reader import LogReader
from unvoiced.log.writer import LogWriter
from unvoiced.stores.memory import MemoryStore

server = pytest.mark.server

NAME = "unvoiced.example/log"
CHECKPOINT = Checkpoint(NAME, 7, bytes(range(32)))
ARN = "arn:aws:kms:us-east-1:000000000000:key/1234abcd-12ab-34cd-56ef-1234567890ab"
CANARY = "canary of a server's own words"


def new_key(aws: Ministack, spec: str = "ECC_NIST_EDWARDS25519") -> str:
    """The ARN of a new key that signs, or of the kind that is said."""
    usage = "ENCRYPT_DECRYPT" if spec == "SYMMETRIC_DEFAULT" else "SIGN_VERIFY"
    made = aws.client("kms").create_key(KeySpec=spec, KeyUsage=usage)
    return str(made["KeyMetadata"]["Arn"])


def signing_key(
    aws: Ministack, patch: pytest.MonkeyPatch, arn: str, credentials: Credentials | None = None
) -> KmsSigningKey:
    """That key, in a process signed in as root or as said."""
    aws.sign_in(patch, credentials)
    return KmsSigningKey(arn, kms_client("us-east-1", attempts=1))


def signer_with(key: KmsSigningKey) -> Signer:
    """As the log takes it."""
    return Signer(NAME, key)


@server
def test_a_checkpoint_signed_in_kms_verifies(
    aws: Ministack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the verifier key that the signer hands out, and the same bytes every time."""
    signer = signer_with(signing_key(aws, monkeypatch, new_key(aws)))
    note = signer.sign(CHECKPOINT.text())
    assert Checkpoint.open(note, Verifier.parse(signer.vkey)) == CHECKPOINT
    assert signer.sign(CHECKPOINT.text()) == note


@server
def test_a_checkpoint_of_another_kms_key_does_not_verify(
    aws: Ministack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under the same name, in the same account."""
    signer = signer_with(signing_key(aws, monkeypatch, new_key(aws)))
    other = signer_with(signing_key(aws, monkeypatch, new_key(aws)))
    with pytest.raises(VerificationError, match="no signature by a known key"):
        Checkpoint.open(other.sign(CHECKPOINT.text()), signer.verifier)


@server
@pytest.mark.inv("INV-7")
def test_a_log_is_written_with_a_key_in_kms(
    aws: Ministack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Writer and reader notice no difference, and the public key is asked for once."""
    key, store = signing_key(aws, monkeypatch, new_key(aws)), MemoryStore("log")
    asked: Counter[str] = Counter()

    def count(model: Any, **_: Any) -> None:
        asked[model.name] += 1

    key._client.meta.events.register("before-call.kms", count)
    signer = signer_with(key)
    writer = LogWriter.create(store, signer)
    for entry in (b"one", b"two"):
        writer.append(lambda _, entry=entry: [entry])
    reader = LogReader(store, Verifier.parse(signer.vkey))
    assert reader.checkpoint().size == 2
    assert list(reader.entries(0, 2)) == [b"one", b"two"]
    assert asked.keys() == {"GetPublicKey", "Sign"}
    assert asked["GetPublicKey"] == 1


@server
@pytest.mark.parametrize("spec", ["ECC_NIST_P256", "RSA_2048", "SYMMETRIC_DEFAULT"])
def test_a_key_of_another_kind_is_refused(
    aws: Ministack, monkeypatch: pytest.MonkeyPatch, spec: str
) -> None:
    """Before it signs anything, and the message names the spec that is needed."""
    key = signing_key(aws, monkeypatch, new_key(aws, spec))
    for use in (key.public_key, lambda: key.sign(b"text\n")):
        with pytest.raises(InputError, match=r"another kind: .* spec ECC_NIST_EDWARDS25519$"):
            use()


@server
def test_who_may_not_sign_is_told_so(aws: Ministack, monkeypatch: pytest.MonkeyPatch) -> None:
    """A role with the public key alone verifies; a role without anything is told what it lacks."""
    arn = new_key(aws)
    reader = aws.role(new_name("reader"), allow("kms:GetPublicKey", resource=arn))
    signer = signer_with(signing_key(aws, monkeypatch, arn, reader))
    with pytest.raises(AccessError, match=rf"^KMS key {arn} may not be used for kms:Sign "):
        signer.sign(CHECKPOINT.text())
    nobody = aws.role(new_name("nobody"), allow("kms:Sign", resource=new_key(aws)))
    with pytest.raises(AccessError, match=r"may not be used for kms:GetPublicKey "):
        signing_key(aws, monkeypatch, arn, nobody).public_key()


@server
def test_a_disabled_key_signs_nothing(aws: Ministack, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where its public key is known already."""
    arn = new_key(aws)
    signer = signer_with(signing_key(aws, monkeypatch, arn))
    aws.client("kms").disable_key(KeyId=arn)
    with pytest.raises(AccessError, match=rf"^KMS key {arn} is disabled"):
        signer.sign(CHECKPOINT.text())


@server
@pytest.mark.parametrize("position", [0, 31, 32, 63])
def test_a_wrong_signature_is_never_handed_on(
    aws: Ministack, monkeypatch: pytest.MonkeyPatch, position: int
) -> None:
    """It would stand in the log for good, and nobody could verify the log any more."""
    arn = new_key(aws)
    key = signing_key(aws, monkeypatch, arn)

    def damage(parsed: dict[str, Any], **_: Any) -> None:
        signature = bytearray(parsed["Signature"])
        signature[position] ^= 1
        parsed["Signature"] = bytes(signature)

    key._client.meta.events.register("after-call.kms.Sign", damage)
    with pytest.raises(AccessError, match=rf"^KMS key {arn} gave a signature that does not verify"):
        key.sign(b"text\n")


def test_a_signature_over_another_message_is_never_handed_on(
    signed_out: pytest.MonkeyPatch,
) -> None:
    """By the right key, valid, and of the right length."""
    private = Ed25519PrivateKey.generate()
    prefix = bytes.fromhex("302a300506032b6570032100")
    client = kms_client("us-east-1", attempts=1)
    with Stubber(client) as stub:
        encoded = prefix + private.public_key().public_bytes_raw()
        stub.add_response("get_public_key", {"PublicKey": encoded})
        stub.add_response("sign", {"Signature": private.sign(b"text\n")})
        stub.add_response("sign", {"Signature": private.sign(b"another\n")})
        key = KmsSigningKey(ARN, client)
        assert key.sign(b"text\n") == private.sign(b"text\n")
        with pytest.raises(AccessError, match="gave a signature that does not verify"):
            key.sign(b"text\n")


@pytest.mark.parametrize("encoded", [b"", b"no key", bytes.fromhex("302a300506032b6570032100")])
def test_a_public_key_that_is_none_is_refused(
    signed_out: pytest.MonkeyPatch, encoded: bytes
) -> None:
    """Empty, foreign and cut short, as for a key of another kind."""
    client = kms_client("us-east-1", attempts=1)
    with Stubber(client) as stub:
        stub.add_response("get_public_key", {"PublicKey": encoded})
        with pytest.raises(InputError, match=r"another kind: .* spec ECC_NIST_EDWARDS25519$"):
            KmsSigningKey(ARN, client).public_key()


@pytest.mark.parametrize("size", [0, 4097])
def test_a_message_that_kms_does_not_sign_is_refused_before_it_is_sent(
    signed_out: pytest.MonkeyPatch, size: int
) -> None:
    """By its length alone; without credentials, a request would fail otherwise."""
    with pytest.raises(InputError, match=f"^a message of {size} bytes cannot be signed by KMS"):
        KmsSigningKey(ARN, kms_client("us-east-1", attempts=1)).sign(b"m" * size)


@pytest.mark.inv("INV-11")
@pytest.mark.parametrize("operation", ["get_public_key", "sign"])
@pytest.mark.parametrize("code", ["KMSInternalException", "NotFoundException", "Other", CANARY])
def test_no_refusal_repeats_the_server(
    signed_out: pytest.MonkeyPatch, operation: str, code: str
) -> None:
    """Nor shows what was to be signed."""
    client = kms_client("us-east-1", attempts=1)
    prefix = bytes.fromhex("302a300506032b6570032100")
    with Stubber(client) as stub:
        if operation == "sign":
            stub.add_response("get_public_key", {"PublicKey": prefix + bytes([88, *[102] * 31])})
        stub.add_client_error(operation, code, CANARY)
        with pytest.raises(AccessError) as caught:
            KmsSigningKey(ARN, client).sign(b"what was to be signed")
    said = caught.value.diagnostics()
    assert ARN in said
    assert CANARY not in said
    assert base64.b64encode(b"what was to be signed").decode() not in said
    assert "what was to be signed" not in said
    assert caught.value.__suppress_context__


def test_an_alias_is_no_signing_key(signed_out: pytest.MonkeyPatch) -> None:
    """Moved to another key, it would end the log: what it signs would verify no more."""
    with pytest.raises(InputError, match="an alias can be pointed at another key"):
        KmsSigningKey("alias/log", kms_client("us-east-1"))
