"""A key vault behind KMS: who may open it, and when nobody can.

On ministack, which decides by IAM policy, session expiry, key state and encryption context. It does
not authenticate the ciphertext, and takes one for any key that is named: see test_kms_tampering.
Nor does it ever get to delete a key; an ARN it never gave out stands for one that is deleted.
"""

import base64
import logging
import time
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse

from tests.aws.conftest import Opened
from tests.servers.ministack import Ministack, allow, new_name
from unvoiced.aws.kms import KmsWrapper, kms_client
from unvoiced.errors import AccessError, InputError
from unvoiced.keys.vault import Vault
from unvoiced.stores.memory import MemoryStore

pytestmark = pytest.mark.server

SECRET = b"\xc3\xa9 thirty-two bytes of a secret.."
CONTEXT = {"format": "unvoiced-vault/1", "name": "intake/2026-w47"}
ARN = "arn:aws:kms:us-east-1:000000000000:key/1234abcd-12ab-34cd-56ef-1234567890ab"


def refusal(wrapper: KmsWrapper, wrapped: bytes) -> str:
    """What this wrapper says when it does not open what it is given."""
    with pytest.raises(AccessError) as caught:
        wrapper.unwrap(wrapped, CONTEXT)
    return str(caught.value)


def test_a_secret_comes_back_through_kms(opened: Opened, key: str) -> None:
    """Also to another process that may use the same key; the largest that KMS takes, too."""
    store = MemoryStore("vault")
    Vault(store, opened(key)).put("intake/2026-w47", SECRET)
    Vault(store, opened(key)).put("dataset/private", b"\x07" * 4096)
    assert Vault(store, opened(key)).get("intake/2026-w47") == SECRET
    assert Vault(store, opened(key)).get("dataset/private") == b"\x07" * 4096


@pytest.mark.inv("INV-11")
def test_a_secret_does_not_unwrap_in_another_context(opened: Opened, key: str) -> None:
    """Another name, another format, a part of the context or none of it: one text for all."""
    wrapper = opened(key)
    wrapped = wrapper.wrap(SECRET, CONTEXT)
    for context in (
        {**CONTEXT, "name": "intake/2026-w48"},
        {**CONTEXT, "format": "unvoiced-vault/2"},
        {"name": CONTEXT["name"]},
        {},
    ):
        with pytest.raises(AccessError, match=rf"^the vault does not open with KMS key {key}$"):
            wrapper.unwrap(wrapped, context)
    assert wrapper.unwrap(wrapped, dict(reversed(CONTEXT.items()))) == SECRET


def test_a_disabled_key_says_so_until_it_is_enabled(
    aws: Ministack, opened: Opened, key: str
) -> None:
    """Neither wraps nor unwraps; nothing is lost."""
    wrapper = opened(key)
    wrapped = wrapper.wrap(SECRET, CONTEXT)
    aws.client("kms").disable_key(KeyId=key)
    said = f"^KMS key {key} is disabled: enable it"
    with pytest.raises(AccessError, match=said):
        wrapper.unwrap(wrapped, CONTEXT)
    with pytest.raises(AccessError, match=said):
        wrapper.wrap(SECRET, CONTEXT)
    aws.client("kms").enable_key(KeyId=key)
    assert wrapper.unwrap(wrapped, CONTEXT) == SECRET


def test_a_key_pending_deletion_says_how_to_keep_it(
    aws: Ministack, opened: Opened, key: str
) -> None:
    """Within the waiting period the deletion can be cancelled, and the vault opens again."""
    wrapper = opened(key)
    wrapped = wrapper.wrap(SECRET, CONTEXT)
    aws.client("kms").schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    said = rf"^KMS key {key} is pending deletion.*cancel-key-deletion"
    with pytest.raises(AccessError, match=said):
        wrapper.unwrap(wrapped, CONTEXT)
    with pytest.raises(AccessError, match=said):
        wrapper.wrap(SECRET, CONTEXT)
    aws.client("kms").cancel_key_deletion(KeyId=key)
    aws.client("kms").enable_key(KeyId=key)
    assert wrapper.unwrap(wrapped, CONTEXT) == SECRET


def test_a_key_that_is_not_there_says_so(opened: Opened) -> None:
    """A deleted key looks like one that never was."""
    wrapper = opened(ARN)
    with pytest.raises(AccessError, match=rf"^KMS key {ARN} is not there.* deleted"):
        wrapper.wrap(SECRET, CONTEXT)
    assert refusal(wrapper, b"ciphertext").startswith(f"KMS key {ARN} is not there")


@pytest.mark.inv("INV-11")
def test_what_a_server_opens_with_another_key_is_not_handed_on(opened: Opened, key: str) -> None:
    """ministack takes the key that the ciphertext names where there is none of the name asked for.

    KMS does not; of a server that does, the answer says so.
    """
    wrapped = opened(key).wrap(SECRET, CONTEXT)
    assert refusal(opened(ARN), wrapped) == f"the vault does not open with KMS key {ARN}"


def test_a_key_of_another_kind_is_refused(aws: Ministack, opened: Opened) -> None:
    """A signing key wraps nothing, and the message names the spec that does."""
    signing = aws.client("kms").create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")
    with pytest.raises(InputError, match=r"another kind: kms:Encrypt here takes .*SYMM.*DEFAULT$"):
        opened(signing["KeyMetadata"]["Arn"]).wrap(SECRET, CONTEXT)


def test_a_role_opens_what_its_policy_lets_it(aws: Ministack, opened: Opened, key: str) -> None:
    """Encrypt and Decrypt on the one key are all a worker needs."""
    role = aws.role(new_name("worker"), allow("kms:Encrypt", "kms:Decrypt", resource=key))
    vault = Vault(MemoryStore("vault"), opened(key, role))
    vault.put("log/signing", SECRET)
    assert vault.get("log/signing") == SECRET


def test_a_role_that_may_only_encrypt_may_put_and_not_get(
    aws: Ministack, opened: Opened, key: str
) -> None:
    """Who makes keys for others need not be able to use them."""
    store = MemoryStore("vault")
    maker = Vault(store, opened(key, aws.role(new_name("maker"), allow("kms:Encrypt"))))
    maker.put("intake/2026-w47", SECRET)
    with pytest.raises(AccessError, match=rf"^KMS key {key} may not be used for kms:Decrypt "):
        maker.get("intake/2026-w47")
    assert Vault(store, opened(key)).get("intake/2026-w47") == SECRET


def test_a_role_opens_nothing_of_another_key(aws: Ministack, opened: Opened, key: str) -> None:
    """Its policy names a key of its own, so another role's vault stays shut; it is told no more."""
    own = aws.client("kms").create_key()["KeyMetadata"]["Arn"]
    wrapped = opened(key).wrap(SECRET, CONTEXT)
    role = aws.role(new_name("other"), allow("kms:Encrypt", "kms:Decrypt", resource=own))
    wrapper = opened(key, role)
    with pytest.raises(AccessError, match=r"may not be used for kms:Encrypt "):
        wrapper.wrap(SECRET, CONTEXT)
    said = refusal(wrapper, wrapped)
    assert "may not be used for kms:Decrypt" in said
    assert "assumed-role" not in said
    assert "identity-based" not in said


def test_expired_credentials_say_so(aws: Ministack, opened: Opened, key: str) -> None:
    """A session that did open the vault, a second later."""
    role = aws.role(new_name("short"), allow("kms:*"), seconds=2)
    wrapper = opened(key, role)
    wrapped = wrapper.wrap(SECRET, CONTEXT)
    time.sleep(2.1)
    assert refusal(wrapper, wrapped) == (
        f"KMS key {key} was not asked: the AWS credentials expired, renew them"
    )


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"aws_secret_access_key": "wrong"}, "InvalidSignatureException"),
        ({"aws_access_key_id": "AKIAUNKNOWN"}, "UnrecognizedClientException"),
        ({"aws_session_token": "wrong"}, "UnrecognizedClientException"),
    ],
)
def test_credentials_that_are_not_accepted_say_so(
    aws: Ministack, opened: Opened, key: str, wrong: dict[str, str], code: str
) -> None:
    """With the code, because the reasons differ; not with the credentials."""
    role = aws.role(new_name("worker"), allow("kms:*"))
    said = refusal(opened(key, {**role, **wrong}), b"ciphertext")
    assert said.startswith(f"KMS key {key} was not asked: AWS does not accept the credentials (")
    assert f"({code})" in said
    assert not any(value in said for value in (*role.values(), "AKIAUNKNOWN"))


def test_a_throttled_request_is_sent_again(opened: Opened, aws: Ministack, key: str) -> None:
    """Once refused and then let through, nobody notices; refused each time, it says try later.

    ministack throttles nobody: the refusals are put in before a request leaves.
    """
    wrapped = opened(key).wrap(SECRET, CONTEXT)
    client = kms_client("us-east-1", attempts=2)
    left = [1]

    class Body:
        def stream(self, **_: Any) -> Any:
            yield b'{"__type":"ThrottlingException","message":"Rate exceeded"}'

    def throttle(request: Any, **_: Any) -> AWSResponse | None:
        left[0] -= 1
        return AWSResponse(request.url, 400, {}, Body()) if left[0] >= 0 else None

    client.meta.events.register("before-send.kms.Decrypt", throttle)
    assert KmsWrapper(key, client).unwrap(wrapped, CONTEXT) == SECRET
    assert left == [-1]
    left[0] = 5
    said = refusal(KmsWrapper(key, client), wrapped)
    assert said.startswith(f"KMS key {key} did not get to it, in spite of retries")
    assert left == [3]


@pytest.mark.inv("INV-11")
def test_no_log_of_botocore_shows_a_secret(
    opened: Opened, key: str, caplog: pytest.LogCaptureFixture
) -> None:
    """With everything logged, which would be whole requests and answers."""
    caplog.set_level(logging.DEBUG)
    wrapper = opened(key)
    assert wrapper.unwrap(wrapper.wrap(SECRET, CONTEXT), CONTEXT) == SECRET
    assert "botocore" in caplog.text
    in_python = repr(SECRET)[2:-1]
    for form in (SECRET.decode(), SECRET.hex(), in_python, base64.b64encode(SECRET).decode()):
        assert form not in caplog.text
