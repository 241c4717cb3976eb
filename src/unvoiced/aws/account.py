"""What posture and the access review ask of an account. They can only read: what `READS` does not
list is refused here, before it gets anywhere.

A question that is not answered is an answer too (`NotAnswered`): with the reason, never with the
server's own words, and with the command that asks the same by hand. The whole look is bounded in
time; who does not answer once is not asked again.
"""

import contextlib
import re
import shlex
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import boto3
from botocore import exceptions as boto
from botocore.config import Config
from botocore.parsers import ResponseParserError

from unvoiced.errors import AccessError, CredentialsExpired
from unvoiced.stores.s3_errors import code_of

Answer = Mapping[str, Any]  # as boto3 gives it: JSON values and times


@dataclass(frozen=True)
class NotAnswered:
    """Why there is no answer, and the command that asks by hand."""

    why: str
    command: str


@dataclass(frozen=True)
class Read:
    """A call that only reads: what IAM calls it, and what its answer must look like."""

    action: str
    none: tuple[str, ...] = ()  # error codes that say that there is none
    # The root of S3's XML: a server that does not know a sub-resource answers with what it takes
    # the request for, such as the list of objects, and botocore reads that as an empty answer.
    root: str = ""


READS: Mapping[tuple[str, str], Read] = MappingProxyType(
    {
        ("backup", "list_protected_resources"): Read("backup:ListProtectedResources"),
        ("cloudtrail", "describe_trails"): Read("cloudtrail:DescribeTrails"),
        ("cloudtrail", "get_event_selectors"): Read("cloudtrail:GetEventSelectors"),
        ("cloudtrail", "get_trail_status"): Read("cloudtrail:GetTrailStatus"),
        ("cloudwatch", "describe_alarms"): Read("cloudwatch:DescribeAlarms"),
        ("iam", "get_access_key_last_used"): Read("iam:GetAccessKeyLastUsed"),
        ("iam", "get_account_authorization_details"): Read("iam:GetAccountAuthorizationDetails"),
        ("iam", "get_policy"): Read("iam:GetPolicy"),
        ("iam", "get_policy_version"): Read("iam:GetPolicyVersion"),
        ("iam", "get_role"): Read("iam:GetRole"),
        ("iam", "get_role_policy"): Read("iam:GetRolePolicy"),
        ("iam", "list_access_keys"): Read("iam:ListAccessKeys"),
        ("iam", "list_attached_role_policies"): Read("iam:ListAttachedRolePolicies"),
        ("iam", "list_role_policies"): Read("iam:ListRolePolicies"),
        ("iam", "list_users"): Read("iam:ListUsers"),
        ("kms", "describe_key"): Read("kms:DescribeKey"),
        ("kms", "get_key_policy"): Read("kms:GetKeyPolicy"),
        ("kms", "get_key_rotation_status"): Read("kms:GetKeyRotationStatus"),
        ("kms", "list_grants"): Read("kms:ListGrants"),
        ("logs", "describe_metric_filters"): Read("logs:DescribeMetricFilters"),
        ("s3", "get_bucket_encryption"): Read(
            "s3:GetEncryptionConfiguration",
            ("ServerSideEncryptionConfigurationNotFoundError",),
            "ServerSideEncryptionConfiguration",
        ),
        ("s3", "get_bucket_lifecycle_configuration"): Read(
            "s3:GetLifecycleConfiguration",
            ("NoSuchLifecycleConfiguration",),
            "LifecycleConfiguration",
        ),
        ("s3", "get_bucket_logging"): Read("s3:GetBucketLogging", (), "BucketLoggingStatus"),
        ("s3", "get_bucket_ownership_controls"): Read(
            "s3:GetBucketOwnershipControls",
            ("OwnershipControlsNotFoundError",),
            "OwnershipControls",
        ),
        ("s3", "get_bucket_policy"): Read("s3:GetBucketPolicy", ("NoSuchBucketPolicy",)),
        ("s3", "get_bucket_replication"): Read(
            "s3:GetReplicationConfiguration",
            ("ReplicationConfigurationNotFoundError",),
            "ReplicationConfiguration",
        ),
        ("s3", "get_bucket_versioning"): Read(
            "s3:GetBucketVersioning", (), "VersioningConfiguration"
        ),
        ("s3", "get_object_lock_configuration"): Read(
            "s3:GetBucketObjectLockConfiguration",
            ("ObjectLockConfigurationNotFoundError",),
            "ObjectLockConfiguration",
        ),
        ("s3", "get_public_access_block"): Read(
            "s3:GetBucketPublicAccessBlock",
            ("NoSuchPublicAccessBlockConfiguration",),
            "PublicAccessBlockConfiguration",
        ),
        ("s3", "list_bucket_metrics_configurations"): Read(
            "s3:GetMetricsConfiguration", (), "ListMetricsConfigurationsResult"
        ),
        # Only the names of a vault's secrets: whether Fernet keys are among them.
        ("s3", "list_objects_v2"): Read("s3:ListBucket", (), "ListBucketResult"),
        ("s3", "list_multipart_uploads"): Read(
            "s3:ListBucketMultipartUploads", (), "ListMultipartUploadsResult"
        ),
        ("sns", "get_topic_attributes"): Read("sns:GetTopicAttributes"),
        ("sns", "list_subscriptions_by_topic"): Read("sns:ListSubscriptionsByTopic"),
    }
)

_MOST = 10_000  # entries of one listing that are read
_REFUSED = frozenset(
    {
        *("AccessDenied", "AccessDeniedException", "AllAccessDisabled", "AuthorizationError"),
        *("AuthorizationErrorException", "UnauthorizedOperation", "403"),
    }
)  # fmt: skip
_EXPIRED = frozenset(
    {"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"}
)
_NOBODY = frozenset(
    {
        *("InvalidAccessKeyId", "InvalidClientTokenId", "InvalidSignatureException"),
        *("MissingAuthenticationToken", "SignatureDoesNotMatch", "UnrecognizedClientException"),
    }
)
_LACKS = frozenset(
    {
        *("NotImplemented", "MethodNotAllowed", "UnknownOperationException", "InvalidAction"),
        *("UnsupportedOperation", "UnknownOperation", "501", "405"),
    }
)
_GONE = MappingProxyType(
    {
        **dict.fromkeys(("NoSuchBucket", "NoSuchEntity", "NotFound"), "it is not there"),
        **dict.fromkeys(
            ("NotFoundException", "TrailNotFoundException", "404"),
            "it is not there, or is in another region",
        ),
        **dict.fromkeys(
            ("AuthorizationHeaderMalformed", "PermanentRedirect", "301"),
            "it is in another region: name that one in the store's url (?region=)",
        ),
    }
)
_NOT_SIGNED_IN = (
    boto.NoCredentialsError,
    boto.PartialCredentialsError,
    boto.CredentialRetrievalError,
    boto.ProfileNotFound,
    boto.TokenRetrievalError,
    boto.SSOError,
)
_SERVICE_OF_COMMAND = {"s3": "s3api"}


class _AnotherAnswer(Exception):
    """A server answered something else than what it was asked."""


class Account:
    """Asks, and gives up within `seconds` for all questions together.

    Credentials come from where boto3 always looks. Raises `AccessError` where there are none.
    """

    def __init__(self, *, seconds: float = 180) -> None:
        self._until = time.monotonic() + seconds
        self._clients: dict[tuple[str, str, str | None], Any] = {}  # boto3's clients have no base
        self._silent: dict[tuple[str, str, str | None], str] = {}
        with _signing_in():
            self._session = boto3.Session()
            if self._session.get_credentials() is None:
                raise AccessError("posture found no AWS credentials: sign in first")
        self.region: str = self._session.region_name or "us-east-1"

    def endpoint(self, service: str, region: str, endpoint: str | None = None) -> str:
        """Where a service's requests go."""
        return str(self._client((service, region, endpoint)).meta.endpoint_url)

    def ask(
        self,
        service: str,
        operation: str,
        region: str,
        endpoint: str | None = None,
        **parameters: str | bool,
    ) -> Answer | NotAnswered:
        """The whole answer, all pages of it; empty where there is none of what is asked for.

        Raises `AccessError` or `CredentialsExpired` where nobody would get an answer.
        """
        read = READS[service, operation]
        asked = (service, region, endpoint)
        command = _command(service, operation, region, endpoint, parameters)
        if asked in self._silent:
            return NotAnswered(self._silent[asked], command)
        if time.monotonic() > self._until:
            return NotAnswered("the time for the whole look was over", command)
        try:
            with _signing_in():
                answer = self._answer(asked, operation, parameters)
        except boto.ClientError as error:
            code = code_of(error)
            return {} if code in read.none else NotAnswered(_meaning(code, read), command)
        except (_AnotherAnswer, ResponseParserError, boto.ParamValidationError):
            return NotAnswered("the server does not have this", command)
        except boto.BotoCoreError as error:
            self._silent[asked] = f"{service} does not answer ({type(error).__name__})"
            return NotAnswered(self._silent[asked], command)
        if answer is None:
            return NotAnswered(f"there are more than {_MOST:,}", command)
        return answer

    def _answer(
        self, asked: tuple[str, str, str | None], operation: str, parameters: Mapping[str, Any]
    ) -> Answer | None:
        client = self._client(asked)
        if client.can_paginate(operation):
            pages = client.get_paginator(operation).paginate(
                **parameters, PaginationConfig={"MaxItems": _MOST}
            )
            whole: Answer = pages.build_full_result()
            return None if "NextToken" in whole else whole
        return _by_hand(getattr(client, operation), parameters)

    def _client(self, asked: tuple[str, str, str | None]) -> Any:
        if asked not in self._clients:
            service, region, endpoint = asked
            client = self._session.client(
                service,  # type: ignore[call-overload]  # any service, by its name
                region_name=region,
                endpoint_url=endpoint,
                config=Config(
                    connect_timeout=3,
                    read_timeout=10,
                    retries={"mode": "standard", "total_max_attempts": 3},
                    s3={"addressing_style": "path" if endpoint else "auto"},
                ),
            )
            if service == "s3":
                client.meta.events.register("before-parse.s3", _same_answer)
            self._clients[asked] = client
        return self._clients[asked]


def _by_hand(call: Callable[..., Answer], parameters: Mapping[str, Any]) -> Answer | None:
    """What botocore has no paginator for: one page, or several by continuation token."""
    answer = dict(call(**parameters))
    while answer.get("NextContinuationToken"):
        more = call(**parameters, ContinuationToken=answer.pop("NextContinuationToken"))
        for name, value in more.items():
            answer[name] = answer[name] + value if isinstance(value, list) else value
            if isinstance(value, list) and len(answer[name]) > _MOST:
                return None
    return answer


def _same_answer(operation_model: Any, response_dict: Mapping[str, Any], **_: object) -> None:
    """Called by botocore before it reads an answer: refuse one of another kind."""
    snake = re.sub(r"(?<!^)(?=[A-Z])", "_", operation_model.name).lower()
    read = READS.get(("s3", snake))
    if read is None or not read.root or response_dict["status_code"] >= 300:
        return
    found = re.search(rb"<(?:\w+:)?([A-Za-z]\w*)", response_dict["body"])
    if found is None or found[1].decode() != read.root:
        raise _AnotherAnswer


def _meaning(code: str, read: Read) -> str:
    if code in _EXPIRED:
        raise CredentialsExpired("the credentials that posture looks with have run out") from None
    if code in _NOBODY:
        raise AccessError(f"AWS does not accept the credentials ({code})") from None
    if code in _REFUSED:
        return f"refused: it needs {read.action}"
    if code in _LACKS:
        return "the server does not have this"
    return _GONE.get(code, f"the answer was {code}")


@contextlib.contextmanager
def _signing_in() -> Iterator[None]:
    """Turn what botocore says of missing credentials into `AccessError`."""
    try:
        yield
    except _NOT_SIGNED_IN as error:
        raise AccessError(
            f"posture found no AWS credentials ({type(error).__name__}): sign in first"
        ) from None


def _command(
    service: str,
    operation: str,
    region: str,
    endpoint: str | None,
    parameters: Mapping[str, str | bool],
) -> str:
    words = ["aws", _SERVICE_OF_COMMAND.get(service, service), operation.replace("_", "-")]
    for name, value in parameters.items():
        option = "--" + re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower()
        if isinstance(value, bool):
            words.append(option if value else option.replace("--", "--no-", 1))
        else:
            words += [option, value]
    if service != "iam":
        words += ["--region", region]
    if endpoint:
        words += ["--endpoint-url", endpoint]
    return shlex.join(words)
