"""What can be reached: stores, keys, roles, rights, and what the watch sees by; by which actions.

The actions are those that matter to what this project promises, in a few kinds, one table for each
kind of target. What an action does that is not here (tagging a bucket, say) is no reach.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from unvoiced.access.roles import TABLE, Can, Place, Role
from unvoiced.posture.estate import estate, own_account, users_of, users_of_store
from unvoiced.posture.facts import Key, Trail, Unknown
from unvoiced.posture.finding import Seen
from unvoiced.stores.s3_place import S3Place


class Ability(StrEnum):
    """What somebody can do with a target, the worst first."""

    MANAGE = "manage"  # change who may, or what is kept, recorded or told
    OPEN = "open"  # decrypt with a key
    SIGN = "sign"
    BECOME = "become"  # take a role on, or have a machine take it on
    READ = "read"
    DESTROY = "destroy"
    WRITE = "write"
    LIST = "list"


class Kind(StrEnum):
    """What a target is."""

    STORE = "store"
    RECORDS = "records"  # a bucket that the provider puts its own logs into
    KEY = "key"
    SIGNING_KEY = "signing key"
    ROLE = "role"
    USER = "user"
    IAM = "IAM"  # who may do what, in the whole account
    TRAIL = "trail"
    LOG_GROUP = "log group"
    ALARM = "alarm"
    TOPIC = "topic"


Actions = Mapping[Ability, tuple[str, ...]]
# On what stands in a bucket; on the bucket; and on ways into it, each with a policy of its own.
_OBJECTS: Actions = {
    Ability.READ: (
        *("s3:GetObject", "s3:GetObjectVersion", "s3:GetObjectTorrent"),
        *("s3:GetObjectVersionTorrent", "s3:GetObjectVersionForReplication"),
    ),
    Ability.WRITE: (
        *("s3:PutObject", "s3:ReplicateObject", "s3:RestoreObject", "s3:PutObjectTagging"),
        *("s3:PutObjectRetention", "s3:PutObjectLegalHold"),
    ),
    Ability.DESTROY: ("s3:DeleteObject", "s3:DeleteObjectVersion", "s3:ReplicateDelete"),
    Ability.MANAGE: ("s3:PutObjectAcl", "s3:PutObjectVersionAcl", "s3:BypassGovernanceRetention"),
}
_BUCKET: Actions = {
    Ability.LIST: ("s3:ListBucket", "s3:ListBucketVersions"),
    Ability.DESTROY: ("s3:DeleteBucket", "s3:PutLifecycleConfiguration"),
    Ability.MANAGE: (
        *("s3:PutBucketPolicy", "s3:DeleteBucketPolicy", "s3:PutBucketAcl"),
        *("s3:PutBucketPublicAccessBlock", "s3:PutBucketOwnershipControls"),
        *("s3:PutReplicationConfiguration", "s3:PutEncryptionConfiguration"),
        *("s3:PutInventoryConfiguration", "s3:PutAnalyticsConfiguration"),
        *("s3:PutBucketVersioning", "s3:PutBucketLogging", "s3:PutMetricsConfiguration"),
        *("s3:PutBucketNotification", "s3:PutBucketObjectLockConfiguration"),
    ),
}
_ACCESS_POINTS: Actions = {
    Ability.MANAGE: (
        *("s3:CreateAccessPoint", "s3:PutAccessPointPolicy", "s3:DeleteAccessPointPolicy"),
        *("s3:CreateMultiRegionAccessPoint", "s3:PutMultiRegionAccessPointPolicy"),
        *("s3:CreateAccessPointForObjectLambda", "s3:PutAccessPointPolicyForObjectLambda"),
    ),
}
_OF_ANY_KEY: Actions = {
    Ability.DESTROY: ("kms:ScheduleKeyDeletion", "kms:DisableKey", "kms:DeleteImportedKeyMaterial"),
    Ability.MANAGE: ("kms:PutKeyPolicy", "kms:CreateGrant"),
}
_KEY: Actions = {
    Ability.OPEN: ("kms:Decrypt", "kms:ReEncryptFrom"),
    Ability.WRITE: ("kms:Encrypt", "kms:ReEncryptTo", "kms:GenerateDataKey"),
    **_OF_ANY_KEY,
}
_SIGNING_KEY: Actions = {Ability.SIGN: ("kms:Sign",), **_OF_ANY_KEY}
_ROLE: Actions = {
    Ability.BECOME: ("sts:AssumeRole", "iam:PassRole"),
    Ability.MANAGE: (
        *("iam:PutRolePolicy", "iam:AttachRolePolicy", "iam:UpdateAssumeRolePolicy"),
        *("iam:DeleteRolePolicy", "iam:DetachRolePolicy", "iam:DeleteRole", "iam:UpdateRole"),
        *("iam:PutRolePermissionsBoundary", "iam:DeleteRolePermissionsBoundary"),
    ),
}
# Of somebody who may take a role of the table on: who can sign in as them has what they have.
_USER: Actions = {
    Ability.BECOME: (
        *("iam:CreateAccessKey", "iam:UpdateAccessKey", "iam:CreateLoginProfile"),
        *("iam:UpdateLoginProfile", "iam:DeactivateMFADevice", "iam:DeleteVirtualMFADevice"),
    ),
}
# Who can change anybody's rights, their own too, has whatever IAM can give.
_IAM: Actions = {
    Ability.MANAGE: (
        *("iam:CreatePolicyVersion", "iam:SetDefaultPolicyVersion", "iam:AddUserToGroup"),
        *("iam:AttachUserPolicy", "iam:AttachGroupPolicy", "iam:AttachRolePolicy"),
        *("iam:PutUserPolicy", "iam:PutGroupPolicy", "iam:PutRolePolicy"),
        *("iam:PutUserPermissionsBoundary", "iam:DeleteUserPermissionsBoundary"),
        *("iam:PutRolePermissionsBoundary", "iam:DeleteRolePermissionsBoundary"),
        "iam:UpdateAssumeRolePolicy",
    ),
}
_TRAIL: Actions = {
    Ability.MANAGE: (
        *("cloudtrail:StopLogging", "cloudtrail:DeleteTrail", "cloudtrail:UpdateTrail"),
        "cloudtrail:PutEventSelectors",
    ),
}
# What is put there is no reach: CloudTrail's own role puts, and a false line only raises alarms.
_LOG_GROUP: Actions = {
    Ability.READ: (
        *("logs:GetLogEvents", "logs:FilterLogEvents", "logs:StartQuery", "logs:StartLiveTail"),
        "logs:CreateExportTask",
    ),
    Ability.DESTROY: ("logs:DeleteLogGroup", "logs:DeleteLogStream", "logs:PutRetentionPolicy"),
    Ability.MANAGE: (
        *("logs:PutMetricFilter", "logs:DeleteMetricFilter", "logs:PutSubscriptionFilter"),
        *("logs:PutResourcePolicy", "logs:AssociateKmsKey", "logs:DisassociateKmsKey"),
    ),
}
_ALARM: Actions = {
    Ability.MANAGE: (
        *("cloudwatch:DeleteAlarms", "cloudwatch:DisableAlarmActions"),
        *("cloudwatch:PutMetricAlarm", "cloudwatch:SetAlarmState"),
    ),
}
_TOPIC: Actions = {
    Ability.WRITE: ("sns:Publish",),
    Ability.READ: ("sns:Subscribe",),
    Ability.MANAGE: (
        *("sns:SetTopicAttributes", "sns:AddPermission", "sns:DeleteTopic"),
        *("sns:Unsubscribe", "sns:SetSubscriptionAttributes"),
    ),
}
_SUBSCRIPTION: Actions = {Ability.MANAGE: ("sns:Unsubscribe", "sns:SetSubscriptionAttributes")}
# Of each kind: the actions on the target itself, and those on what is in it.
_TABLE: Mapping[Kind, tuple[Actions, Actions]] = {
    Kind.STORE: (_BUCKET, _OBJECTS),
    Kind.RECORDS: (_BUCKET, _OBJECTS),
    Kind.KEY: (_KEY, {}),
    Kind.SIGNING_KEY: (_SIGNING_KEY, {}),
    Kind.ROLE: (_ROLE, {}),
    Kind.USER: (_USER, {}),
    Kind.IAM: ({}, _IAM),
    Kind.TRAIL: (_TRAIL, {}),
    Kind.LOG_GROUP: (_LOG_GROUP, _LOG_GROUP),  # its ARN is written with and without ":*"
    Kind.ALARM: (_ALARM, {}),
    Kind.TOPIC: (_TOPIC, _SUBSCRIPTION),
}
_BUCKETS = frozenset({Kind.STORE, Kind.RECORDS})
# What lets use a key, and what lets change it, by the key's own policy.
KEY_USES = ("kms:Decrypt", "kms:ReEncryptFrom", "kms:Sign", "kms:CreateGrant")
KEY_WRAPS = _KEY[Ability.WRITE]
KEY_CHANGES = ("kms:PutKeyPolicy", *_OF_ANY_KEY[Ability.DESTROY])
_OF_THE_TABLE: Mapping[Ability, frozenset[Can]] = {
    Ability.OPEN: frozenset({Can.UNWRAP}),
    Ability.SIGN: frozenset({Can.SIGN}),
    Ability.READ: frozenset({Can.READ}),
    Ability.DESTROY: frozenset({Can.DESTROY}),
    Ability.WRITE: frozenset({Can.CREATE, Can.REPLACE, Can.LOCK, Can.RESTORE, Can.WRAP}),
    Ability.LIST: frozenset({Can.LIST}),
}


@dataclass(frozen=True)
class Target:
    """One thing that can be reached; `places` are those of the role table that it is or serves.

    Several may have one label: a report then speaks of them as one.
    """

    label: str
    kind: Kind
    arn: str
    places: tuple[Place, ...] = ()
    inside: str = ""  # the pattern of what is in it: objects, subscriptions
    access_points: str = ""  # of a bucket: the pattern of those that may lead into it

    def actions(self) -> Iterator[tuple[Ability, str, str]]:
        """(ability, action, resource) of all that matters here."""
        own, inside = _TABLE[self.kind]
        tables = [(own, self.arn), (inside, self.inside)]
        if self.access_points:
            # Which leads where is not seen from here: each may lead into any.
            tables += [
                (_ACCESS_POINTS, self.access_points),
                (own, self.access_points),
                (inside, f"{self.access_points}/object/*"),
            ]
        for table, resource in tables:
            for ability, actions in table.items():
                for action in actions:
                    yield ability, action, resource

    def roles_with(self, ability: Ability) -> tuple[Role, ...]:
        """The roles that the table lets do this here."""
        if self.kind is Kind.RECORDS and ability in {Ability.READ, Ability.LIST}:
            return (Role.WATCHER,)
        wanted = _OF_THE_TABLE.get(ability, frozenset())
        return tuple(
            role
            for role, rights in TABLE.items()
            if any(right.place in self.places and right.can & wanted for right in rights)
        )


def targets(seen: Seen, topic: str) -> tuple[Target, ...]:
    """All there is of a deployment in an account, and what the watch sees by."""
    facts = seen.facts
    stores = [
        Target(held.place.value, Kind.STORE, bucket.arn, (held.place,),
               f"{bucket.arn}/{held.prefix}*", _access_points(bucket.arn, bucket.region))
        for bucket in facts.buckets
        if bucket.amazon
        for held in bucket.held
    ]  # fmt: skip
    keys = [
        Target(key_label(key), Kind.SIGNING_KEY if Place.LOG_KEY in key.places else Kind.KEY,
               key_arn(key), key.places)
        for key in facts.keys
        if isinstance(key.state, Unknown) or key.state.manager != "AWS"
    ]  # fmt: skip
    roles = [Target(f"role {one.role}", Kind.ROLE, one.arn) for one in facts.roles]
    account, partition = own_account(seen), estate(seen).partition
    everybody = f"arn:{partition}:iam::{account}:"
    iam = [Target("rights by IAM", Kind.IAM, everybody, inside=f"{everybody}*")] if account else []
    told = [Target("alert topic", Kind.TOPIC, topic, inside=f"{topic}:*")] if topic else []
    return (*stores, *keys, *roles, *iam, *_records(seen), *_trails(seen), *_alarms(seen), *told)


def _access_points(bucket: str, region: str) -> str:
    return f"arn:{bucket.split(':')[1]}:s3:{region}:*:accesspoint/*" if region else ""


def provider_buckets(seen: Seen) -> Iterator[tuple[str, str, S3Place]]:
    """(label, ARN, where) of the buckets at Amazon that [watch] looks for the provider's logs."""
    watch, partition = seen.settings.watch, estate(seen).partition
    urls = {"CloudTrail's files": watch.cloudtrail, "access logs": watch.access_logs}
    for label, url in urls.items():
        if url.startswith("s3://") and (place := S3Place.parse(url)).at_amazon:
            yield label, f"arn:{partition}:s3:::{place.bucket}", place


def _records(seen: Seen) -> list[Target]:
    regions = [one.region for one in seen.facts.buckets if one.amazon]
    return [
        Target(label, Kind.RECORDS, arn, (), f"{arn}/{place.key_prefix}*",
               _access_points(arn, place.region or (regions or [""])[0]))
        for label, arn, place in provider_buckets(seen)
    ]  # fmt: skip


def _trails(seen: Seen) -> Iterator[Target]:
    trails: tuple[Trail, ...] = () if isinstance(seen.facts.trails, Unknown) else seen.facts.trails
    for one in trails:
        yield Target(f"trail {one.name}", Kind.TRAIL, one.arn)
        if group := one.log_group.removesuffix(":*"):
            yield Target(f"log group of {one.name}", Kind.LOG_GROUP, group, inside=f"{group}:*")


def _alarms(seen: Seen) -> Iterator[Target]:
    """Those that tell the topic, or count what is done with a bucket of ours."""
    facts = seen.facts
    ours, account = {one.name for one in facts.buckets}, own_account(seen)
    for one in () if isinstance(facts.alarms, Unknown) else facts.alarms:
        if seen.settings.watch.topic in one.actions or one.dimensions.get("BucketName") in ours:
            arn = f"arn:{estate(seen).partition}:cloudwatch:{one.region}:{account}:alarm:{one.name}"
            yield Target("alarms", Kind.ALARM, arn)


def key_arn(key: Key) -> str:
    """A key's ARN, or the name it goes by where it could not be read."""
    return key.name if isinstance(key.state, Unknown) else key.state.arn


def key_label(key: Key) -> str:
    """What reports call a key."""
    if key.places:
        return key.places[0].value
    return "key of " + ", ".join(use.removeprefix("encrypts ") for use in key.uses)


def roles_of_key(key: Key, seen: Seen) -> set[Role]:
    """The roles that the table lets use a key: in a vault, or through a store."""
    roles: set[Role] = {role for place in key.places for role in users_of(place)}
    for bucket in seen.facts.buckets:
        if f"encrypts {bucket.name}" in key.uses:
            roles |= {role for held in bucket.held for role in users_of_store(held.place)}
    return roles
