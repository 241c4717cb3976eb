"""Private keys wrapped, and checkpoints signed, by keys that never leave AWS KMS.

- Every request names one key by its full ARN: no alias, and no key that a ciphertext names itself.
- The context of a wrapped secret is KMS's encryption context. KMS authenticates it, and CloudTrail
  keeps it in plain text: it holds names only.
- The secret itself goes to KMS and back, over TLS, and into no log of botocore's.
- Whatever means that wrapped bytes do not open is told in one text (INV-11). What a server wrote is
  never repeated; of an answer that is not foreseen here its error code is.
- A signature is handed on only after it verified with the public key that KMS showed first.

Needs kms:Encrypt to wrap, kms:Decrypt to unwrap, kms:GetPublicKey and kms:Sign to sign.
"""

import contextlib
import functools
import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

import boto3
import botocore.exceptions
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from unvoiced.aws.transport import encrypted_only, hide_bodies
from unvoiced.errors import AccessError, InputError, UnvoicedError
from unvoiced.stores.s3_errors import EXPIRED_CODES, code_of

if TYPE_CHECKING:
    from mypy_boto3_kms import KMSClient

# Limits of the Encrypt, Decrypt and Sign requests.
MAX_SECRET_BYTES = 4096
MAX_MESSAGE_BYTES = 4096
_MAX_WRAPPED_BYTES = 6144

_KEY_ID = r"(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|mrk-[0-9a-f]{32})"
# A region becomes part of a host name, so each partition's are spelt out.
_REGION = r"(?:aws:kms:(?!cn-)[a-z]{2}|aws-cn:kms:cn|aws-us-gov:kms:us-gov)-[a-z]+-[0-9]{1,2}"
_KEY_ARN = re.compile(rf"arn:{_REGION}:[0-9]{{12}}:key/{_KEY_ID}")


_NEEDED_SPEC = MappingProxyType(
    {
        "Encrypt": "SYMMETRIC_DEFAULT",
        "Decrypt": "SYMMETRIC_DEFAULT",
        "GetPublicKey": "ECC_NIST_EDWARDS25519",
        "Sign": "ECC_NIST_EDWARDS25519",
    }
)
_DOES_NOT_OPEN = frozenset({"InvalidCiphertextException", "IncorrectKeyException"})
_ANOTHER_SPEC = frozenset({"InvalidKeyUsageException", "UnsupportedOperationException"})
_NOT_ACCEPTED = frozenset(
    {
        "IncompleteSignature",
        "IncompleteSignatureException",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
_BUSY = "did not get to it, in spite of retries: run this again later"
_SAID = MappingProxyType(
    {
        "DisabledException": "is disabled: enable it (aws kms enable-key)",
        "KMSInvalidStateException": (
            "is pending deletion, or in another state in which it cannot be used: look at it (aws "
            "kms describe-key); a pending deletion can still be cancelled (aws kms "
            "cancel-key-deletion)"
        ),
        "KeyUnavailableException": "is not available at the moment: run this again later",
        "NotFoundException": (
            "is not there: its ARN names the wrong account or region, or it was deleted, and what "
            "a deleted key wrapped stays closed for ever"
        ),
        "DependencyTimeoutException": _BUSY,
        "KMSInternalException": _BUSY,
        "LimitExceededException": _BUSY,
        "RequestLimitExceeded": _BUSY,
        "ThrottlingException": _BUSY,
    }
)


def key_arn(value: str) -> str:
    """The ARN of a KMS key, as it is. Raises `InputError` for anything else, an alias too."""
    if _KEY_ARN.fullmatch(value):
        return value
    if ":alias/" in value or value.startswith("alias/"):
        raise InputError(
            "an alias can be pointed at another key, and what was wrapped would not open any more: "
            "give the ARN of the key itself"
        )
    raise InputError(
        "this is not the ARN of a KMS key, which looks like "
        "arn:aws:kms:REGION:ACCOUNT:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    )


def region_of(arn: str) -> str:
    """The region that a key's ARN names. Raises `InputError` for what is no key's ARN."""
    return key_arn(arn).split(":")[3]


def kms_client(region: str, *, attempts: int = 5) -> "KMSClient":
    """A client that gives up within a minute or two; safe between threads.

    Raises `InputError` for an endpoint of the environment that would have secrets cross a network
    unencrypted.
    """
    config = Config(
        connect_timeout=5,
        read_timeout=10,
        # Waits a random time below 1, 2, 4 ... seconds, so that workers do not come back together.
        retries={"mode": "standard", "total_max_attempts": attempts},
        max_pool_connections=32,
        tcp_keepalive=True,
    )
    try:
        # Never an endpoint from a vault, a configuration in a store or a url: whoever can write
        # there would have every secret sent to themselves. boto3's own AWS_ENDPOINT_URL_KMS, in
        # the environment of who runs this, is the only way to say one.
        client = boto3.Session().client("kms", region_name=region, config=config)
    except (BotoCoreError, ValueError) as error:
        # ValueError is botocore's word for an endpoint that is no url.
        raise AccessError(f"KMS in {region}: {type(error).__name__}") from None
    encrypted_only("KMS", client.meta.endpoint_url)
    return client


class KmsWrapper:
    """Encrypts secrets under a symmetric KMS key; see the module for its promises."""

    def __init__(self, arn: str, client: "KMSClient", log: str | None = None) -> None:
        """With `log`, the name of a deployment's log, secrets are bound to that deployment too."""
        self._arn = key_arn(arn)
        self._client = client
        self._bound_to = {} if log is None else {"log": log}
        hide_bodies()

    def wrap(self, secret: bytes, context: Mapping[str, str]) -> bytes:
        """KMS's ciphertext of the secret. Raises `InputError` for one that is too long."""
        if not 1 <= len(secret) <= MAX_SECRET_BYTES:
            raise InputError(
                f"a secret of {len(secret)} bytes cannot be wrapped by KMS, which takes 1 to "
                f"{MAX_SECRET_BYTES}"
            )
        with _refusals(self._arn, "Encrypt"):
            return self._client.encrypt(
                KeyId=self._arn,
                Plaintext=secret,
                EncryptionContext={**context, **self._bound_to},
            )["CiphertextBlob"]

    def unwrap(self, wrapped: bytes, context: Mapping[str, str]) -> bytes:
        """The secret. Raises `AccessError` for a wrong key, context or byte alike."""
        if not 1 <= len(wrapped) <= _MAX_WRAPPED_BYTES:
            raise _does_not_open(self._arn)
        with _refusals(self._arn, "Decrypt"):
            # Without KeyId, KMS would use whatever key the ciphertext names: an intruder's own, in
            # an account of theirs, opens just as well.
            answer = self._client.decrypt(
                KeyId=self._arn,
                CiphertextBlob=wrapped,
                EncryptionContext={**context, **self._bound_to},
            )
            used, secret = answer["KeyId"], answer["Plaintext"]
        # Servers that only look like KMS may do so all the same, but say which one they used.
        if used != self._arn:
            raise _does_not_open(self._arn)
        return secret


class KmsSigningKey:
    """An Ed25519 key in KMS that signs as a private key in memory would; RFC 8032, no prehash."""

    def __init__(self, arn: str, client: "KMSClient") -> None:
        self._arn = key_arn(arn)
        self._client = client

    def public_key(self) -> Ed25519PublicKey:
        """The public half, asked for once. Raises `InputError` for a key of another kind."""
        return self._public_key

    @functools.cached_property
    def _public_key(self) -> Ed25519PublicKey:
        with _refusals(self._arn, "GetPublicKey"):
            encoded = self._client.get_public_key(KeyId=self._arn)["PublicKey"]
        try:
            key = load_der_public_key(encoded)
        except (ValueError, UnsupportedAlgorithm):
            key = None
        if not isinstance(key, Ed25519PublicKey):
            raise _of_another_spec(self._arn, "GetPublicKey")
        return key

    def sign(self, message: bytes) -> bytes:
        """The signature, 64 bytes, over at most 4096. Raises `InputError` or `AccessError`."""
        if not 1 <= len(message) <= MAX_MESSAGE_BYTES:
            raise InputError(
                f"a message of {len(message)} bytes cannot be signed by KMS, which takes 1 to "
                f"{MAX_MESSAGE_BYTES}"
            )
        public_key = self.public_key()
        with _refusals(self._arn, "Sign"):
            signature = self._client.sign(
                KeyId=self._arn,
                Message=message,
                MessageType="RAW",
                SigningAlgorithm="ED25519_SHA_512",
            )["Signature"]
        try:
            public_key.verify(signature, message)
        except InvalidSignature:
            raise AccessError(
                f"KMS key {self._arn} gave a signature that does not verify, and that is not used"
            ) from None
        return signature


@contextlib.contextmanager
def _refusals(arn: str, operation: str) -> Iterator[None]:
    """Raise what a refusal means, without the text that came with it."""
    try:
        yield
    except ClientError as error:
        raise _meaning(arn, operation, error.operation_name, code_of(error)) from None
    except (
        botocore.exceptions.ConnectionError,
        botocore.exceptions.HTTPClientError,
    ) as error:
        raise AccessError(
            f"KMS key {arn} cannot be reached ({type(error).__name__}): check the network, and "
            "AWS_ENDPOINT_URL_KMS where it is set"
        ) from None
    except (ResponseParserError, KeyError):
        raise AccessError(f"KMS key {arn}: what answered is not KMS") from None
    except BotoCoreError as error:
        # What is left are credentials that were not found, or a profile that is not as it should.
        raise AccessError(
            f"KMS key {arn} was not asked ({type(error).__name__}): sign in to AWS, or see that "
            "this machine has a role"
        ) from None


def _meaning(arn: str, operation: str, asked: str, code: str) -> UnvoicedError:
    if asked != operation:
        # Credentials that boto3 fetches on the way come from STS, which may refuse them.
        return AccessError(f"KMS key {arn} was not asked: signing in to AWS failed with {code}")
    if code in _DOES_NOT_OPEN:
        return _does_not_open(arn)
    if code in _ANOTHER_SPEC:
        return _of_another_spec(arn, operation)
    if code in EXPIRED_CODES:
        return AccessError(f"KMS key {arn} was not asked: the AWS credentials expired, renew them")
    if code in _NOT_ACCEPTED:
        return AccessError(
            f"KMS key {arn} was not asked: AWS does not accept the credentials ({code}); check "
            "them, and this machine's clock"
        )
    if code == "AccessDeniedException":
        return AccessError(
            f"KMS key {arn} may not be used for kms:{operation} with these credentials: the role's "
            "policy has to allow it, and so has the key's"
        )
    return AccessError(f"KMS key {arn} {_SAID.get(code, f'was refused: {code}')}")


def _does_not_open(arn: str) -> AccessError:
    return AccessError(f"the vault does not open with KMS key {arn}")


def _of_another_spec(arn: str, operation: str) -> InputError:
    return InputError(
        f"KMS key {arn} is of another kind: kms:{operation} here takes one of the key spec "
        f"{_NEEDED_SPEC[operation]}"
    )
