"""What can be reached: stores, vaults, keys, roles, the trail and the topic, and by which actions.

The actions are those that matter to what this project promises, in a few kinds. What an action of
IAM does that is not here (tagging a bucket, say) is no reach.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from unvoiced.access.roles import TABLE, Can, Place, Role
from unvoiced.posture.estate import users_of, users_of_store
from unvoiced.posture.facts import Key, Trail, Unknown
from unvoiced.posture.finding import Seen


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
    KEY = "key"
    ROLE = "role"
    TRAIL = "trail"
    TOPIC = "topic"


# Actions on a store's bucket; those of `_OBJECTS` are on what stands in it.
_OBJECTS: Mapping[Ability, tuple[str, ...]] = {
    Ability.READ: ("s3:GetObject", "s3:GetObjectVersion"),
    Ability.WRITE: (
        *("s3:PutObject", "s3:ReplicateObject", "s3:RestoreObject", "s3:PutObjectTagging"),
        *("s3:PutObjectRetention", "s3:PutObjectLegalHold"),
    ),
    Ability.DESTROY: ("s3:DeleteObject", "s3:DeleteObjectVersion"),
    Ability.MANAGE: ("s3:PutObjectAcl", "s3:PutObjectVersionAcl", "s3:BypassGovernanceRetention"),
}
_BUCKET: Mapping[Ability, tuple[str, ...]] = {
    Ability.LIST: ("s3:ListBucket", "s3:ListBucketVersions"),
    Ability.DESTROY: ("s3:DeleteBucket", "s3:PutLifecycleConfiguration"),
    Ability.MANAGE: (
        *("s3:PutBucketPolicy", "s3:DeleteBucketPolicy", "s3:PutBucketAcl"),
        *("s3:PutBucketPublicAccessBlock", "s3:PutBucketOwnershipControls"),
        *("s3:PutReplicationConfiguration", "s3:PutEncryptionConfiguration"),
        *("s3:PutBucketVersioning", "s3:PutBucketLogging", "s3:PutMetricsConfiguration"),
        "s3:PutBucketObjectLockConfiguration",
    ),
}
_KEY: Mapping[Ability, tuple[str, ...]] = {
    Ability.OPEN: ("kms:Decrypt", "kms:ReEncryptFrom"),
    Ability.SIGN: ("kms:Sign",),
    Ability.DESTROY: ("kms:ScheduleKeyDeletion", "kms:DisableKey", "kms:DeleteImportedKeyMaterial"),
    Ability.MANAGE: ("kms:PutKeyPolicy", "kms:CreateGrant"),
}
_ROLE: Mapping[Ability, tuple[str, ...]] = {
    Ability.BECOME: ("sts:AssumeRole", "iam:PassRole"),
    Ability.MANAGE: (
        *("iam:PutRolePolicy", "iam:AttachRolePolicy", "iam:UpdateAssumeRolePolicy"),
        *("iam:DeleteRolePolicy", "iam:DetachRolePolicy", "iam:DeleteRole", "iam:UpdateRole"),
    ),
}
_TRAIL: Mapping[Ability, tuple[str, ...]] = {
    Ability.MANAGE: (
        *("cloudtrail:StopLogging", "cloudtrail:DeleteTrail", "cloudtrail:UpdateTrail"),
        "cloudtrail:PutEventSelectors",
    ),
}
_TOPIC: Mapping[Ability, tuple[str, ...]] = {
    Ability.WRITE: ("sns:Publish",),
    Ability.READ: ("sns:Subscribe",),
    Ability.MANAGE: (
        *("sns:SetTopicAttributes", "sns:AddPermission", "sns:DeleteTopic", "sns:Unsubscribe"),
    ),
}
_OF_THE_TABLE: Mapping[Ability, frozenset[Can]] = {
    Ability.OPEN: frozenset({Can.UNWRAP}),
    Ability.SIGN: frozenset({Can.SIGN}),
    Ability.READ: frozenset({Can.READ}),
    Ability.DESTROY: frozenset({Can.DESTROY}),
    Ability.WRITE: frozenset({Can.CREATE, Can.REPLACE, Can.LOCK, Can.RESTORE}),
    Ability.LIST: frozenset({Can.LIST}),
}


@dataclass(frozen=True)
class Target:
    """One thing that can be reached; `places` are those of the role table that it is or serves."""

    label: str
    kind: Kind
    arn: str
    places: tuple[Place, ...] = ()
    objects: str = ""  # of a store: the pattern of what stands in it
    role: Role | None = None  # of a role

    def actions(self) -> Iterator[tuple[Ability, str, str]]:
        """(ability, action, resource) of all that matters here."""
        tables: tuple[tuple[Mapping[Ability, tuple[str, ...]], str], ...]
        match self.kind:
            case Kind.STORE:
                tables = ((_OBJECTS, self.objects), (_BUCKET, self.arn))
            case Kind.KEY:
                tables = ((_KEY, self.arn),)
            case Kind.ROLE:
                tables = ((_ROLE, self.arn),)
            case Kind.TRAIL:
                tables = ((_TRAIL, self.arn),)
            case Kind.TOPIC:
                tables = ((_TOPIC, self.arn),)
        for table, resource in tables:
            for ability, actions in table.items():
                if self.kind is Kind.KEY and ability is self._not_of_this_key:
                    continue
                for action in actions:
                    yield ability, action, resource

    @property
    def _not_of_this_key(self) -> Ability:
        """The log's key signs and decrypts nothing; of the others it is the other way round."""
        return Ability.OPEN if Place.LOG_KEY in self.places else Ability.SIGN

    def roles_with(self, ability: Ability) -> tuple[Role, ...]:
        """The roles that the table lets do this here."""
        wanted = _OF_THE_TABLE.get(ability, frozenset())
        return tuple(
            role
            for role, rights in TABLE.items()
            if any(right.place in self.places and right.can & wanted for right in rights)
        )


def targets(seen: Seen, topic: str) -> tuple[Target, ...]:
    """All there is of a deployment in an account."""
    facts = seen.facts
    stores = [
        Target(
            held.place.value, Kind.STORE, bucket.arn, (held.place,), f"{bucket.arn}/{held.prefix}*"
        )
        for bucket in facts.buckets
        if bucket.amazon
        for held in bucket.held
    ]
    keys = [
        Target(key_label(key), Kind.KEY, key_arn(key), key.places)
        for key in facts.keys
        if isinstance(key.state, Unknown) or key.state.manager != "AWS"
    ]
    roles = [
        Target(f"role {one.role}", Kind.ROLE, one.arn, role=one.role)
        for one in facts.roles
    ]  # fmt: skip
    trails: tuple[Trail, ...] = () if isinstance(facts.trails, Unknown) else facts.trails
    records = [Target(f"trail {one.name}", Kind.TRAIL, one.arn) for one in trails]
    told = [Target("alert topic", Kind.TOPIC, topic)] if topic else []
    return (*stores, *keys, *roles, *records, *told)


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
