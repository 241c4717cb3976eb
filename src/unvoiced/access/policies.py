"""IAM policies made from the role table. Pure: text in, text out.

An `Estate` says what each place is called in an account. Its strings may hold CloudFormation's
`${...}`: nothing here looks into them, so one generator makes both live and template policies.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from unvoiced import names
from unvoiced.access.roles import TABLE, Can, Place, Right, Role

Statement = dict[str, Any]  # as IAM's JSON: its values are texts, lists and mappings of them

OBJECT_ACTIONS: Mapping[Can, tuple[str, ...]] = {
    Can.READ: ("s3:GetObject", "s3:GetObjectVersion"),
    Can.CREATE: ("s3:PutObject",),
    Can.REPLACE: ("s3:PutObject",),
    Can.RESTORE: ("s3:RestoreObject",),
    Can.SEE_LOCK: (
        "s3:GetObjectRetention",
        "s3:GetObjectLegalHold",
        # Labels are tags; which action it takes depends on whether the request names a version.
        "s3:GetObjectTagging",
        "s3:GetObjectVersionTagging",
    ),
    Can.LOCK: ("s3:PutObjectRetention", "s3:PutObjectTagging"),
}
KEY_ACTIONS: Mapping[Can, tuple[str, ...]] = {
    Can.WRAP: ("kms:Encrypt",),
    Can.UNWRAP: ("kms:Decrypt",),
    Can.SIGN: ("kms:GetPublicKey", "kms:Sign"),
}
_BUCKET_ACTIONS = ("s3:GetBucketVersioning", "s3:ListBucket", "s3:ListBucketVersions")
_HEADER_OF = {Can.CREATE: "s3:if-none-match", Can.REPLACE: "s3:if-match"}

# What `unvoiced posture` and the review look at; the auditor's and the watcher's, on everything in
# the account. All of it is configuration: none of these returns an object's or a secret's bytes.
ACCOUNT_READS = (
    "backup:ListProtectedResources",
    "cloudtrail:DescribeTrails",
    "cloudtrail:GetEventSelectors",
    "cloudtrail:GetTrailStatus",
    "cloudwatch:DescribeAlarms",
    "iam:GetAccessKeyLastUsed",
    "iam:GetAccountAuthorizationDetails",
    "iam:GetPolicy",
    "iam:GetPolicyVersion",
    "iam:GetRole",
    "iam:GetRolePolicy",
    "iam:ListAccessKeys",
    "iam:ListAttachedRolePolicies",
    "iam:ListRolePolicies",
    "iam:ListUsers",
    "kms:DescribeKey",
    "kms:GetKeyPolicy",
    "kms:GetKeyRotationStatus",
    "kms:ListGrants",
    "logs:DescribeMetricFilters",
    "s3:GetBucketLogging",
    "s3:GetBucketObjectLockConfiguration",
    "s3:GetBucketOwnershipControls",
    "s3:GetBucketPolicy",
    "s3:GetBucketPublicAccessBlock",
    "s3:GetBucketVersioning",
    "s3:GetEncryptionConfiguration",
    "s3:GetLifecycleConfiguration",
    "s3:GetMetricsConfiguration",
    "s3:GetReplicationConfiguration",
    "s3:ListBucketMultipartUploads",
    "sns:GetTopicAttributes",
    "sns:ListSubscriptionsByTopic",
)

LOOKS_AT_THE_ACCOUNT = frozenset({Role.AUDITOR, Role.WATCHER})


@dataclass(frozen=True)
class Estate:
    """What places are called in one account.

    A right on a place that the estate does not name yields no statement.
    """

    buckets: Mapping[Place, str]  # name, or name/prefix where several places share a bucket
    keys: Mapping[Place, str] = field(default_factory=dict)  # ARNs of vault keys and the log's key
    store_keys: Mapping[Place, str] = field(default_factory=dict)  # ARNs for SSE-KMS of stores
    uploader_role: str = ""  # ARN
    # Where the provider puts its own logs, as `buckets` has places; and the key they are encrypted
    # with, "" where it is not known.
    provider_logs: Mapping[str, str] = field(default_factory=dict)
    topic: str = ""  # ARN of the topic that alerts go to
    topic_key: str = ""  # ARN of the key that it is encrypted with
    partition: str = "aws"
    region: str = "us-east-1"
    # Whether the server knows Amazon's condition keys and key service. SeaweedFS 4.48 knows
    # neither s3:if-none-match nor s3:if-match and would refuse every put; without them a put can
    # replace what stands there, and only a bucket's versions keep the rest.
    amazon: bool = True
    # In a bucket without versions, deleting is another action than deleting a version.
    versioned: bool = True


def partition_of(region: str) -> str:
    """The part of Amazon that a region belongs to, as ARNs name it."""
    if region.startswith("cn-"):
        return "aws-cn"
    return "aws-us-gov" if region.startswith("us-gov-") else "aws"


def role_policy(role: Role, estate: Estate) -> dict[str, Any]:
    """What a role's policy says: the table, in IAM's language."""
    statements = [one for right in TABLE[role] for one in _statements(right, estate)]
    statements += _through_the_store(role, estate)
    if role is Role.INVITER and estate.uploader_role:
        statements.append(_allow(("sts:AssumeRole", "sts:TagSession"), [estate.uploader_role]))
    if role in LOOKS_AT_THE_ACCOUNT:
        statements.append(_allow(ACCOUNT_READS, ["*"]))
    if role is Role.WATCHER:
        statements += _watching(estate)
    if role is Role.ERASER and (buckets := _buckets_of(TABLE[role], estate)):
        # The retention flow reports what the buckets' own rules say.
        statements.append(_allow(("s3:GetLifecycleConfiguration",), buckets))
    return _document(statements)


def grant_policy(pseudonym: str, estate: Estate) -> dict[str, Any]:
    """A session policy: of what an uploader may do, only putting into one contributor's folder.

    A session has what its role and this both allow, so the key of the raw bucket, which a grant
    need not know, is left to the role's policy. Raises `InputError` for what is no pseudonym: none
    that passes can name another folder, hold a wildcard, or end a JSON string.
    """
    folder = f"{names.pseudonym(pseudonym)}/*"
    statements = [
        statement
        for right in TABLE[Role.UPLOADER]
        for statement in _statements(Right(right.place, right.can, right.why, (folder,)), estate)
    ]
    if estate.amazon:
        statements.append(
            _allow(("kms:GenerateDataKey",), ["*"], StringEquals=_via_s3(estate.region))
        )
    return _document(statements)


def _document(statements: list[Statement]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": statements}


def _buckets_of(rights: Iterable[Right], estate: Estate) -> list[str]:
    names = {estate.buckets[one.place].partition("/")[0]
             for one in rights if one.place in estate.buckets}  # fmt: skip
    return [f"arn:{estate.partition}:s3:::{name}" for name in sorted(names)]


def _allow(
    actions: Iterable[str], resources: list[str], **condition: Mapping[str, Any]
) -> Statement:
    statement: Statement = {
        "Effect": "Allow",
        "Action": sorted(actions),
        "Resource": resources,
    }
    return {**statement, "Condition": condition} if condition else statement


def _statements(right: Right, estate: Estate) -> list[Statement]:
    if right.place.is_key:
        return _on_key(right, estate)
    if right.place not in estate.buckets:
        return []
    bucket, _, prefix = estate.buckets[right.place].partition("/")
    arn = f"arn:{estate.partition}:s3:::{bucket}"
    folder = f"{prefix}/" if prefix else ""
    objects = [f"{arn}/{folder}{name}" for name in right.names or ("*",)]
    statements = []
    plain = [
        action
        for can in right.can - _HEADER_OF.keys()
        for action in (*OBJECT_ACTIONS.get(can, ()), *_destroy(can, estate))
    ]
    if plain:
        statements.append(_allow(plain, objects))
    puts = right.can & _HEADER_OF.keys()
    if puts and not estate.amazon:
        statements.append(_allow(("s3:PutObject",), objects))
    elif puts:
        statements += [
            _allow(OBJECT_ACTIONS[can], objects, Null={_HEADER_OF[can]: "false"})
            for can in sorted(puts)
        ]
    if Can.LIST in right.can:
        statements += _listing(arn, folder)
    return statements


def _destroy(can: Can, estate: Estate) -> tuple[str, ...]:
    if can is not Can.DESTROY:
        return ()
    return ("s3:DeleteObjectVersion",) if estate.versioned else ("s3:DeleteObject",)


def _listing(arn: str, folder: str) -> list[Statement]:
    if not folder:
        return [_allow(_BUCKET_ACTIONS, [arn])]
    lists = tuple(action for action in _BUCKET_ACTIONS if "List" in action)
    return [
        _allow(lists, [arn], StringLike={"s3:prefix": [f"{folder}*"]}),
        _allow(set(_BUCKET_ACTIONS) - set(lists), [arn]),
    ]


def _on_key(right: Right, estate: Estate) -> list[Statement]:
    if right.place not in estate.keys:
        return []
    actions = tuple(action for can in right.can for action in KEY_ACTIONS[can])
    arn = estate.keys[right.place]
    if not right.names:
        return [_allow(actions, [arn])]
    return [_allow(actions, [arn], **of_secrets(right.names))]


def of_secrets(secrets: Iterable[str]) -> dict[str, Mapping[str, Any]]:
    """The condition that a key is used for these secrets alone, where "*" stands for anything."""
    return {"StringLike": {"kms:EncryptionContext:name": list(secrets)}}


def _watching(estate: Estate) -> list[Statement]:
    """Outside of the table's places: the provider's logs, to read, and the topic, to tell of it."""
    statements = []
    for where in estate.provider_logs:
        bucket, _, prefix = where.partition("/")
        arn = f"arn:{estate.partition}:s3:::{bucket}"
        folder = f"{prefix}/" if prefix else ""
        statements += [_allow(("s3:GetObject",), [f"{arn}/{folder}*"]), *_listing(arn, folder)]
    if estate.topic:
        statements.append(_allow(("sns:Publish",), [estate.topic]))
    if estate.topic and estate.topic_key:
        for_it = {"kms:EncryptionContext:aws:sns:topicArn": estate.topic}
        actions = ("kms:Decrypt", "kms:GenerateDataKey")
        statements.append(_allow(actions, [estate.topic_key], StringEquals=for_it))
    return statements


def _through_the_store(role: Role, estate: Estate) -> list[Statement]:
    """The keys that buckets are encrypted with: used by S3 for the caller, never by the caller."""
    needed: dict[str, set[str]] = {}
    if role is Role.WATCHER:
        for key in filter(None, estate.provider_logs.values()):
            needed[key] = {"kms:Decrypt"}
    for right in TABLE[role]:
        arn = estate.store_keys.get(right.place)
        if arn is None:
            continue
        if Can.READ in right.can:
            needed.setdefault(arn, set()).add("kms:Decrypt")
        if right.can & {Can.CREATE, Can.REPLACE}:
            needed.setdefault(arn, set()).add("kms:GenerateDataKey")
    return [
        _allow(actions, [arn], StringEquals=_via_s3(estate.region))
        for arn, actions in needed.items()
    ]


def _via_s3(region: str) -> dict[str, str]:
    return {"kms:ViaService": f"s3.{region}.amazonaws.com"}
