"""What is said when KMS is out of reach, refuses, or is asked for what it cannot do.

No server is asked: the refusals are made up by botocore's stubber, so that there is one of every
kind, each with text in it that must go no further.
"""

import base64
import traceback
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError
from botocore.stub import Stubber

from tests.servers.ministack import ROOT
from unvoiced.aws.kms import KmsWrapper, key_arn, kms_client, region_of
from unvoiced.errors import AccessError, InputError

SECRET = b"\xc3\xa9 thirty-two bytes of a secret.."
CONTEXT = {"format": "unvoiced-vault/1", "name": "intake/2026-w47"}
ARN = "arn:aws:kms:us-east-1:000000000000:key/1234abcd-12ab-34cd-56ef-1234567890ab"
CANARY = "canary of a server's own words"


def forms(secret: bytes) -> tuple[str, ...]:
    """How a secret would look in a text: itself, in hex, in base64, in Python's spelling."""
    plain = (secret.decode(errors="replace"), secret.hex(), repr(secret)[2:-1])
    return (*plain, base64.b64encode(secret).decode())


def stubbed(arn: str = ARN) -> tuple[KmsWrapper, Stubber]:
    """A wrapper whose client answers what the test says."""
    client = kms_client("us-east-1", attempts=1)
    return KmsWrapper(arn, client), Stubber(client)


def refusal(wrapper: KmsWrapper) -> AccessError:
    """How this wrapper does not open a ciphertext."""
    with pytest.raises(AccessError) as caught:
        wrapper.unwrap(b"ciphertext", CONTEXT)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    return caught.value


def test_no_credentials_say_so(signed_out: pytest.MonkeyPatch) -> None:
    """Before anything is sent."""
    said = refusal(KmsWrapper(ARN, kms_client("us-east-1", attempts=1)))
    assert str(said).startswith(f"KMS key {ARN} was not asked (NoCredentialsError): sign in to AWS")


def test_no_server_is_said_soon(signed_out: pytest.MonkeyPatch) -> None:
    """With botocore's word for it and what to look at, and no address."""
    signed_out.setenv("AWS_ENDPOINT_URL_KMS", "http://127.0.0.1:1")
    for name, value in ROOT.items():
        signed_out.setenv(name.upper(), value)
    said = refusal(KmsWrapper(ARN, kms_client("us-east-1", attempts=1)))
    assert str(said).startswith(f"KMS key {ARN} cannot be reached (EndpointConnectionError)")
    assert "127.0.0.1" not in said.diagnostics()


@pytest.mark.inv("INV-11")
@pytest.mark.parametrize(
    "code",
    [
        "AccessDeniedException",
        "DependencyTimeoutException",
        "DisabledException",
        "ExpiredToken",
        "ExpiredTokenException",
        "IncorrectKeyException",
        "InvalidCiphertextException",
        "InvalidSignatureException",
        "KMSInternalException",
        "KMSInvalidStateException",
        "KeyUnavailableException",
        "NotFoundException",
        "RequestExpired",
        "ThrottlingException",
        "UnrecognizedClientException",
        "ValidationException",
        "403",
        CANARY,
    ],
)
def test_no_refusal_repeats_the_server_or_the_secret(
    signed_out: pytest.MonkeyPatch, code: str
) -> None:
    """Whatever its code, known or not: an AccessError that names the key and quotes nothing."""
    wrapper, stub = stubbed()
    stub.add_client_error("decrypt", code, CANARY, http_status_code=400)
    stub.add_client_error("encrypt", code, CANARY, http_status_code=400)
    with stub:
        said = refusal(wrapper)
        with pytest.raises(AccessError) as caught:
            wrapper.wrap(SECRET, CONTEXT)
    for error in (said, caught.value):
        assert type(error) is AccessError
        assert ARN in str(error)
        shown = "".join(traceback.format_exception(error)) + error.diagnostics()
        assert not any(form in shown for form in (CANARY, *forms(SECRET)))


@pytest.mark.inv("INV-11")
def test_a_wrong_key_reads_like_a_changed_byte(signed_out: pytest.MonkeyPatch) -> None:
    """KMS tells them apart, and so would whoever is probing."""
    wrapper, stub = stubbed()
    for code in ("IncorrectKeyException", "InvalidCiphertextException"):
        stub.add_client_error("decrypt", code, CANARY)
    with stub:
        assert str(refusal(wrapper)) == f"the vault does not open with KMS key {ARN}"
        assert str(refusal(wrapper)) == f"the vault does not open with KMS key {ARN}"


def test_an_unknown_refusal_is_told_by_its_code(signed_out: pytest.MonkeyPatch) -> None:
    """So that it can be looked up."""
    wrapper, stub = stubbed()
    stub.add_client_error("decrypt", "DryRunOperationException", CANARY)
    with stub:
        assert str(refusal(wrapper)) == f"KMS key {ARN} was refused: DryRunOperationException"


def test_a_refusal_of_sts_is_not_taken_for_one_of_kms(signed_out: pytest.MonkeyPatch) -> None:
    """boto3 fetches a role's credentials on the way, and what STS denies is not kms:Decrypt."""
    client = kms_client("us-east-1", attempts=1)

    def sign_in_fails(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "AccessDenied"}}, "AssumeRoleWithWebIdentity")

    client.meta.events.register("before-call.kms.Decrypt", sign_in_fails)
    said = str(refusal(KmsWrapper(ARN, client)))
    assert said == f"KMS key {ARN} was not asked: signing in to AWS failed with AccessDenied"


def test_what_is_not_kms_is_said(signed_out: pytest.MonkeyPatch) -> None:
    """An answer without what was asked for, as from a proxy that says 200 to everything."""
    wrapper, stub = stubbed()
    stub.add_response("decrypt", {})
    with stub:
        assert str(refusal(wrapper)) == f"KMS key {ARN}: what answered is not KMS"


def test_a_time_out_is_said(signed_out: pytest.MonkeyPatch) -> None:
    """As no server is."""
    client = kms_client("us-east-1", attempts=1)

    def time_out(**_: Any) -> None:
        raise ConnectTimeoutError(endpoint_url=CANARY)

    client.meta.events.register("before-call.kms.Decrypt", time_out)
    said = str(refusal(KmsWrapper(ARN, client)))
    assert said.startswith(f"KMS key {ARN} cannot be reached (ConnectTimeoutError)")
    assert CANARY not in said


@pytest.mark.parametrize("size", [0, 4097])
def test_a_secret_that_kms_does_not_take_is_refused_before_it_is_sent(
    signed_out: pytest.MonkeyPatch, size: int
) -> None:
    """By its length alone; without credentials, a request would fail otherwise."""
    wrapper = KmsWrapper(ARN, kms_client("us-east-1", attempts=1))
    with pytest.raises(InputError, match=f"^a secret of {size} bytes cannot be wrapped by KMS"):
        wrapper.wrap(b"s" * size, CONTEXT)


@pytest.mark.inv("INV-11")
@pytest.mark.parametrize("size", [0, 6145])
def test_a_ciphertext_that_kms_does_not_take_does_not_open(
    signed_out: pytest.MonkeyPatch, size: int
) -> None:
    """It reads like any other damage, and is not sent: without credentials that would fail."""
    wrapper = KmsWrapper(ARN, kms_client("us-east-1", attempts=1))
    with pytest.raises(AccessError, match=rf"^the vault does not open with KMS key {ARN}$"):
        wrapper.unwrap(b"c" * size, CONTEXT)


def test_a_client_gives_up_in_reasonable_time(signed_out: pytest.MonkeyPatch) -> None:
    """Five attempts with jitter between them, 5 seconds to connect and 10 to answer."""
    config = kms_client("eu-north-1").meta.config
    assert config.retries == {"mode": "standard", "total_max_attempts": 5}
    assert (config.connect_timeout, config.read_timeout) == (5, 10)


def test_only_the_environment_says_another_endpoint(signed_out: pytest.MonkeyPatch) -> None:
    """Amazon's of the region by default."""
    assert kms_client("eu-north-1").meta.endpoint_url == "https://kms.eu-north-1.amazonaws.com"
    signed_out.setenv("AWS_ENDPOINT_URL", "https://all.example")
    assert kms_client("eu-north-1").meta.endpoint_url == "https://all.example"
    signed_out.setenv("AWS_ENDPOINT_URL_KMS", "https://kms.example")
    assert kms_client("eu-north-1").meta.endpoint_url == "https://kms.example"


@pytest.mark.parametrize("endpoint", ["http://kms.example", "http://127.0.0.1.example:8000"])
def test_no_secret_crosses_a_network_unencrypted(
    signed_out: pytest.MonkeyPatch, endpoint: str
) -> None:
    """KMS is handed the secret itself, so http is for servers on this very machine."""
    signed_out.setenv("AWS_ENDPOINT_URL_KMS", endpoint)
    with pytest.raises(InputError, match=r"has to be an https url$"):
        kms_client("us-east-1")


def test_an_endpoint_that_is_no_url_is_said(signed_out: pytest.MonkeyPatch) -> None:
    """Without the value, which may hold a password."""
    signed_out.setenv("AWS_ENDPOINT_URL_KMS", "hunter2")
    with pytest.raises(AccessError, match=r"^KMS in us-east-1: ValueError$"):
        kms_client("us-east-1")


@pytest.mark.parametrize(
    ("arn", "region"),
    [
        (ARN, "us-east-1"),
        ("arn:aws:kms:ap-southeast-12:123456789012:key/mrk-" + "0a" * 16, "ap-southeast-12"),
        (ARN.replace("aws:kms:us-east-1", "aws-cn:kms:cn-north-1"), "cn-north-1"),
        (ARN.replace("aws:kms:us-east-1", "aws-us-gov:kms:us-gov-west-1"), "us-gov-west-1"),
    ],
)
def test_the_arn_of_a_key_names_its_region(arn: str, region: str) -> None:
    """In each partition, for a key of one region and of several."""
    assert key_arn(arn) == arn
    assert region_of(arn) == region


@pytest.mark.parametrize(
    "value",
    [
        "",
        "1234abcd-12ab-34cd-56ef-1234567890ab",
        f"{ARN}\n",
        f" {ARN}",
        f"{ARN}0",
        ARN.upper(),
        ARN.replace("key/", "key/mrk-"),
        ARN.replace("1234abcd-", ""),
        ARN.replace("kms", "s3"),
        ARN.replace("000000000000", "00000000000"),
        ARN.replace("us-east-1", ""),
        ARN.replace("us-east-1", "us-east-1.evil.example/"),
        ARN.replace("us-east-1", "us-east-\u0661"),
        ARN.replace("us-east-1", "us-gov-west-1"),
        ARN.replace("us-east-1", "cn-north-1"),
        ARN.replace("aws", "aws-cn"),
        ARN.replace("aws", "aws-iso"),
    ],
)
def test_what_is_no_arn_of_a_key_is_refused(value: str) -> None:
    """Before a region is made of it, or a request."""
    with pytest.raises(InputError, match=r"^this is not the ARN of a KMS key"):
        key_arn(value)
    with pytest.raises(InputError):
        region_of(value)
    with pytest.raises(InputError):
        KmsWrapper(value, object())  # type: ignore[arg-type]


@pytest.mark.parametrize("alias", ["alias/vault", "arn:aws:kms:us-east-1:000000000000:alias/vault"])
def test_an_alias_is_refused_with_the_reason(alias: str) -> None:
    """Whoever may move it could lock the vault, or have new secrets wrapped for themselves."""
    with pytest.raises(InputError, match=r"^an alias can be pointed at another key"):
        key_arn(alias)
