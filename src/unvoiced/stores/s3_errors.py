"""What a server's refusal, or the want of an answer, means to a store and to whoever runs it.

The only text kept of an answer is its error code. Behind the code stands one line of ours that says
what to check: a server's own words may repeat a key, a signature or part of an object.
"""

import contextlib
import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from botocore import exceptions as boto
from botocore.parsers import ResponseParserError

from unvoiced.errors import (
    CredentialsExpired,
    NotAllowed,
    NotFound,
    StoreError,
    StoreRefused,
)

_CODE = re.compile(r"[A-Za-z0-9.]{1,64}")
_AS_USUAL: Mapping[str, type[StoreError]] = MappingProxyType({})

# Asking for a delete marker by its version is "not allowed": it has no bytes to give.
MISSING = MappingProxyType(
    dict.fromkeys(("NoSuchKey", "NoSuchVersion", "MethodNotAllowed"), NotFound)
)
# HEAD has no body to carry a code, so the status stands in for it. Elsewhere a bare status says
# that whoever answered is no S3 server: its 404 is not to pass for an object that is gone.
MISSING_TO_HEAD = MappingProxyType({**MISSING, "404": NotFound, "405": NotFound})
UNNAMED = frozenset({"400", "403", "301"})
# How servers refuse to delete a version that is locked, among other things.
FORBIDDEN = frozenset({"AccessDenied", "ObjectLocked", "InvalidRequest", "403"})
UNMET = frozenset({"PreconditionFailed", "412"})
CONFLICT = frozenset({"ConditionalRequestConflict", "OperationAborted", "409"})

EXPIRED_CODES = frozenset(
    {"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "RequestExpired"}
)
_EXPIRED_HERE = (boto.UnauthorizedSSOTokenError, boto.LoginRefreshRequired)

_RAN_OUT = "the credentials have run out"
_WHERE_BOTO3_LOOKS = (
    "boto3 looks in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, in the profile that AWS_PROFILE "
    "names under ~/.aws, and then asks for the role of the container or machine"
)
_REGION = (
    "the bucket is in another region, or behind another endpoint, than the one asked: name it in "
    "the store's url (?region= or &endpoint=)"
)
_NO_S3 = (
    "no S3 server gave this answer: check the endpoint in the store's url (http or https, host, "
    "port), and any proxy on the way"
)
_IN_TROUBLE = "the store is overloaded or in trouble: run the same command again later"
_NOT_ALLOWED = (
    "these credentials may not do this: check the policies of the role, of the bucket and of its "
    "encryption key, and whether the object is under retention or a legal hold"
)
_KEY = "the key that the bucket is encrypted with cannot be used: check its state and its policy"
_FULL = "the store has no room left: free some, or raise its quota"
_DAMAGED = "the bytes were changed on the way: check proxies and the network, and run again"

# What to check, by the server's code; a bare number is a status that came without one.
_CHECK: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(
            (
                "AuthorizationHeaderMalformed",
                "PermanentRedirect",
                "TemporaryRedirect",
                "IllegalLocationConstraintException",
                "301",
            ),
            _REGION,
        ),
        **dict.fromkeys(("302", "303", "307", "308", "400", "401", "404", "405", "411"), _NO_S3),
        **dict.fromkeys(("AccessDenied", "AllAccessDisabled", "403"), _NOT_ALLOWED),
        **dict.fromkeys(
            (
                "InternalError",
                "ServiceUnavailable",
                "SlowDown",
                "RequestTimeout",
                "RequestLimitExceeded",
                "Throttling",
                "ThrottlingException",
                "429",
            ),
            _IN_TROUBLE,
        ),
        **dict.fromkeys(("500", "502", "503", "504"), f"{_IN_TROUBLE}, or {_NO_S3}"),
        **dict.fromkeys(("BadDigest", "XAmzContentSHA256Mismatch", "InvalidDigest"), _DAMAGED),
        **dict.fromkeys(
            ("QuotaExceeded", "XMinioStorageFull", "InsufficientCapacity", "507"), _FULL
        ),
        "NoSuchBucket": "no bucket of this name there: check the name, the endpoint and the region "
        "in the store's url",
        "InvalidAccessKeyId": "the server does not know this access key: check which credentials "
        "are used, and that the endpoint is the one they are for",
        "InvalidTokenId": "the session token is not accepted: it has run out, or is another "
        "account's",
        "InvalidToken": "the session token is not accepted: it is damaged, or belongs to another "
        "account or key",
        "SignatureDoesNotMatch": "the secret key is not this access key's, or a proxy changed the "
        "request on the way",
        "RequestTimeTooSkewed": "the clock of this machine, or of the server, is wrong: set it",
        "InvalidObjectState": "the object is in a cold storage class: restore it first",
        "InvalidRequest": "the server does not take such a request: a locked object needs a bucket "
        "with object lock, and a day that lies ahead",
        "GlacierExpeditedRetrievalNotAvailable": "no such fast restore to be had now: ask for "
        "Standard or Bulk",
        "NotImplemented": "the server lacks this part of S3",
        "501": "the server lacks this part of S3",
        "ObjectLocked": "the object is under retention or a legal hold",
    }
)

# What another try does not change.
_REFUSALS: Mapping[str, type[StoreError]] = MappingProxyType(
    {
        **dict.fromkeys(
            (
                *("AccessDenied", "AllAccessDisabled", "403", "InvalidAccessKeyId"),
                *("InvalidToken", "InvalidTokenId", "SignatureDoesNotMatch"),
            ),
            NotAllowed,
        ),
        "NoSuchBucket": StoreRefused,
    }
)
_NO_CREDENTIALS = (
    boto.NoCredentialsError,
    boto.PartialCredentialsError,
    boto.ProfileNotFound,
    boto.UnknownCredentialError,
)

# What to check where no answer came; the first that fits.
_CHECK_HERE: tuple[tuple[type[Exception], str], ...] = (
    (boto.NoCredentialsError, f"no credentials were found: {_WHERE_BOTO3_LOOKS}"),
    (boto.PartialCredentialsError, f"the credentials are incomplete: {_WHERE_BOTO3_LOOKS}"),
    (boto.ProfileNotFound, f"there is no such profile: {_WHERE_BOTO3_LOOKS}"),
    *(
        (kind, f"no credentials could be fetched: {_WHERE_BOTO3_LOOKS}")
        for kind in (
            boto.CredentialRetrievalError,
            boto.TokenRetrievalError,
            boto.MetadataRetrievalError,
            boto.SSOError,
            boto.LoginError,
            boto.NoAuthTokenError,
            boto.UnknownCredentialError,
        )
    ),
    (boto.SSLError, "no TLS: check http or https in the endpoint, and the server's certificate"),
    (boto.ProxyConnectionError, "the proxy that this machine is set to use does not answer"),
    *(
        (kind, "nobody answers at the endpoint: check its host and port, and the network")
        for kind in (boto.EndpointConnectionError, boto.ConnectTimeoutError)
    ),
    (boto.ReadTimeoutError, "no answer in time: the store is overloaded, or the network is"),
    (
        boto.ConnectionClosedError,
        "hung up without an answer: the store is in trouble, or is no S3 server at this port",
    ),
    *(
        (kind, "the answer broke off: run the same command again")
        for kind in (boto.ResponseStreamingError, boto.IncompleteReadError)
    ),
    (boto.FlexibleChecksumError, _DAMAGED),
    (boto.HTTPClientError, _NO_S3),
    (ResponseParserError, _NO_S3),
)


def code_of(error: boto.ClientError) -> str:
    """The server's error code, or the HTTP status as text; nothing else of the answer."""
    code = str(error.response.get("Error", {}).get("Code", ""))
    return code if _CODE.fullmatch(code) else "an unreadable error code"


def no_s3_answer(what: str) -> StoreError:
    """For an answer that says yes and lacks what every S3 server says with it."""
    return StoreError(f"{what}: {_NO_S3}")


@contextlib.contextmanager
def refusals(what: str, meaning: Mapping[str, type[StoreError]] = _AS_USUAL) -> Iterator[None]:
    """Raise what the error code means: by `meaning`, else `CredentialsExpired` or `StoreError`."""
    try:
        yield
    except boto.ClientError as error:
        raise _answered(what, error, meaning) from None
    except (boto.BotoCoreError, ResponseParserError) as error:
        raise _unanswered(what, error) from None
    except RuntimeError as error:
        # All that botocore has to say of a provider that goes on giving what has run out.
        if "expired" not in str(error):
            raise
        raise CredentialsExpired(f"{what}: {_RAN_OUT}") from None


def refusal(what: str, error: Exception) -> StoreError:
    """What `refusals` raises for this error of botocore's."""
    try:
        with refusals(what):
            raise error
    except StoreError as said:
        return said


def _answered(
    what: str, error: boto.ClientError, meaning: Mapping[str, type[StoreError]]
) -> StoreError:
    code = code_of(error)
    said = f"{what}: the store answered {code}"
    if code in meaning:
        return meaning[code](said)
    if code in EXPIRED_CODES or (code == "InvalidToken" and _says_expired(error)):
        return CredentialsExpired(f"{said}: {_RAN_OUT}")
    check = _KEY if code.startswith("KMS.") else _CHECK.get(code)
    kind = _REFUSALS.get(code, StoreError)
    return kind(f"{said}: {check}" if check else said)


def _says_expired(error: boto.ClientError) -> bool:
    return "expired" in str(error.response.get("Error", {}).get("Message", "")).lower()


def _unanswered(what: str, error: Exception) -> StoreError:
    said = f"{what}: {type(error).__name__}"
    if isinstance(error, _EXPIRED_HERE):
        return CredentialsExpired(f"{said}: {_RAN_OUT}")
    check = next((check for kind, check in _CHECK_HERE if isinstance(error, kind)), None)
    refused = NotAllowed if isinstance(error, _NO_CREDENTIALS) else StoreError
    return refused(f"{said}: {check}" if check else said)
