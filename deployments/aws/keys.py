"""Customer keys, and who may do what with each.

The usual first statement of a key policy allows the account `kms:*`, and by that lets any IAM
policy grant decryption. Here the account may manage a key and not use it: using it takes a
statement of the key's own policy, and those name the roles of the table and nobody else.

Whoever may change a key's policy can still let themselves in. That is what the alarm on changed
keys is for, and a service control policy where an organisation has one.
"""

from collections.abc import Iterable, Sequence
from typing import get_args

from deployments.aws.estate import (
    BUCKET_OF,
    BUCKETS,
    LOG_GROUP_ARN,
    RECORDS_KEY,
    TOPIC_ARN,
    TRAIL,
    TRAIL_ARN,
    VAULT_KEYS,
    WATCH_KEY,
    key_resource,
    pascal,
    role_resource,
)
from deployments.aws.language import ACCOUNT, Node, Resource, Section, filled, policy, when
from unvoiced.access.policies import KEY_ACTIONS, of_secrets
from unvoiced.access.roles import TABLE, Can, Place, Right, Role
from unvoiced.config import Role as VaultName
from unvoiced.config import StoreName

# Everything that keeps a key manageable; no Encrypt, Decrypt, GenerateDataKey, Sign, ReEncrypt or
# CreateGrant, which would each be use, or a way to hand out use.
MANAGEMENT = (
    "kms:CancelKeyDeletion",
    "kms:CreateAlias",
    "kms:DeleteAlias",
    "kms:DescribeKey",
    "kms:DisableKey",
    "kms:DisableKeyRotation",
    "kms:EnableKey",
    "kms:EnableKeyRotation",
    "kms:GetKeyPolicy",
    "kms:GetKeyRotationStatus",
    "kms:ListGrants",
    "kms:ListKeyPolicies",
    "kms:ListResourceTags",
    "kms:PutKeyPolicy",
    "kms:RevokeGrant",
    "kms:ScheduleKeyDeletion",
    "kms:TagResource",
    "kms:UntagResource",
    "kms:UpdateAlias",
    "kms:UpdateKeyDescription",
)

_MANAGE: Node = {
    "Sid": "ManagedButNotUsedByTheAccount",
    "Effect": "Allow",
    "Principal": {"AWS": filled("arn:${AWS::Partition}:iam::${AWS::AccountId}:root")},
    "Action": MANAGEMENT,
    "Resource": "*",
}
_CEREMONY: Node = {"AWS": {"Ref": "CeremonyPrincipalArn"}}
_CEREMONY_VAULTS = [Place(f"{name} vault") for name in get_args(VaultName)]
# `unvoiced init` writes into every store but raw. Of what it wrote it reads the log, and vaults,
# the secrets in which stay wrapped.
_CEREMONY_WRITES = [
    *(place for place in map(Place, get_args(StoreName)) if place is not Place.RAW),
    *_CEREMONY_VAULTS,
]
_CEREMONY_READS = [Place.LOG, *_CEREMONY_VAULTS]


def _allow(
    sid: str, principal: Node, actions: Sequence[str], condition: Node | None = None
) -> Node:
    statement: dict[str, Node] = {
        "Sid": sid,
        "Effect": "Allow",
        "Principal": principal,
        "Action": actions,
        "Resource": "*",
    }
    return {**statement, "Condition": condition} if condition else statement


def _roles(roles: Iterable[Role]) -> Node:
    return {"AWS": [filled(f"${{{role_resource(role)}.Arn}}") for role in roles]}


def _through_s3(places: Iterable[Place]) -> Node:
    """S3 uses the key for one of the account's own, for what stands in these buckets.

    With a bucket key S3 names the bucket in the encryption context, without one the object: a put
    that declines the bucket key is refused here.
    """
    return {
        "StringEquals": {
            "kms:CallerAccount": ACCOUNT,
            "kms:ViaService": filled("s3.${AWS::Region}.amazonaws.com"),
            "kms:EncryptionContext:aws:s3:arn": [filled(BUCKET_OF[p].arn) for p in places],
        }
    }


def _stores_under(key: str) -> list[Place]:
    return [place for place, bucket in BUCKET_OF.items() if bucket.key == key]


def _uses_of_store_key(key: str) -> list[Node]:
    """One statement for every set of places that some roles read, or write, under this key."""
    uses: dict[tuple[str, tuple[Place, ...]], list[Role]] = {}
    for role, rights in TABLE.items():
        reads, writes = (
            tuple(
                p for p in _stores_under(key) if any(r.place is p and r.can & can for r in rights)
            )
            for can in ({Can.READ}, {Can.CREATE, Can.REPLACE})
        )
        for action, places in (("kms:Decrypt", reads), ("kms:GenerateDataKey", writes)):
            if places:
                uses.setdefault((action, places), []).append(role)
    return [
        _allow(
            ("Read" if action == "kms:Decrypt" else "Write") + "".join(pascal(p) for p in places),
            _roles(roles),
            [action],
            _through_s3(places),
        )
        for (action, places), roles in uses.items()
    ]


def _ceremony_of_store_key(key: str) -> list[Node]:
    statements = []
    for sid, action, all_places in (
        ("CeremonyWrites", "kms:GenerateDataKey", _CEREMONY_WRITES),
        ("CeremonyReads", "kms:Decrypt", _CEREMONY_READS),
    ):
        if places := [place for place in all_places if BUCKET_OF[place].key == key]:
            statement = _allow(sid, _CEREMONY, [action], _through_s3(places))
            statements.append(when("CeremonyIsOpen", statement))
    return statements


def _uses_by_the_trail() -> list[Node]:
    trail: Node = {"StringEquals": {"aws:SourceArn": filled(TRAIL_ARN)}}
    cloudtrail: Node = {"Service": "cloudtrail.amazonaws.com"}
    actions = ("kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey")
    files = [filled(TRAIL.arn), filled(f"{TRAIL.arn}/*")]
    read: Node = {
        "StringEquals": {
            "kms:CallerAccount": ACCOUNT,
            "kms:ViaService": filled("s3.${AWS::Region}.amazonaws.com"),
        },
        # CloudTrail, which wrote these, chose whether the context is the bucket or the object.
        "StringLike": {"kms:EncryptionContext:aws:s3:arn": files},
    }
    return [
        _allow("TrailIsWritten", cloudtrail, actions, trail),
        _allow("TrailIsRead", _roles([Role.AUDITOR, Role.WATCHER]), ["kms:Decrypt"], read),
    ]


def _uses_of_own_key(place: Place) -> list[Node]:
    """What the table says of the key of a vault, or of the log's."""
    statements = [
        _allow(
            f"{pascal(role)}{pascal(' '.join(sorted(right.can)))}{pascal(right.place)}",
            _roles([role]),
            _actions(right),
            _named(right),
        )
        for role, rights in TABLE.items()
        for right in rights
        if right.place is place
    ]
    makes = Can.SIGN if place is Place.LOG_KEY else Can.WRAP
    ceremony = _allow("Ceremony", _CEREMONY, sorted(KEY_ACTIONS[makes]))
    return [*statements, when("CeremonyIsOpen", ceremony)]


def _actions(right: Right) -> list[str]:
    return sorted(action for can in right.can for action in KEY_ACTIONS[can])


def _named(right: Right) -> Node | None:
    if not right.names:
        return None
    return of_secrets(right.names)


def _uses_by_the_watch() -> list[Node]:
    """CloudWatch and the watcher publish to the encrypted topic; CloudWatch Logs encrypts."""
    of_the_topic: dict[str, Node] = {"kms:EncryptionContext:aws:sns:topicArn": filled(TOPIC_ARN)}
    through_sns: dict[str, Node] = {
        "kms:CallerAccount": ACCOUNT,
        "kms:ViaService": filled("sns.${AWS::Region}.amazonaws.com"),
    }
    publishing = ["kms:Decrypt", "kms:GenerateDataKey"]
    return [
        _allow(
            "AlarmsArePublished",
            {"Service": "cloudwatch.amazonaws.com"},
            publishing,
            {"StringEquals": of_the_topic},
        ),
        _allow(
            "AlertsArePublished",
            _roles([Role.WATCHER]),
            publishing,
            {"StringEquals": {**of_the_topic, **through_sns}},
        ),
        _allow(
            "LogGroupIsEncrypted",
            {"Service": filled("logs.${AWS::Region}.amazonaws.com")},
            [
                "kms:Decrypt",
                "kms:DescribeKey",
                "kms:Encrypt",
                "kms:GenerateDataKey",
                "kms:ReEncryptFrom",
                "kms:ReEncryptTo",
            ],
            {"ArnEquals": {"kms:EncryptionContext:aws:logs:arn": filled(LOG_GROUP_ARN)}},
        ),
    ]


def _key(description: str, uses: Sequence[Node], why: str) -> Resource:
    return Resource(
        "AWS::KMS::Key",
        why,
        {
            "Description": description,
            "EnableKeyRotation": True,
            "PendingWindowInDays": {"Ref": "KeyDeletionDays"},
            "KeyPolicy": policy([_MANAGE, *uses]),
        },
        retained=True,
    )


def _alias(name: str, key: str, condition: str = "") -> Resource:
    alias = filled("alias/${NamePrefix}/" + name)
    properties: dict[str, Node] = {"AliasName": alias, "TargetKeyId": {"Ref": key}}
    return Resource("AWS::KMS::Alias", "", properties, condition=condition)


def _store_keys() -> dict[str, Resource]:
    made = {}
    for key in dict.fromkeys(bucket.key for bucket in BUCKETS):
        stores = ", ".join(bucket.subject for bucket in BUCKETS if bucket.key == key)
        uses = [*_uses_of_store_key(key), *_ceremony_of_store_key(key)]
        if key == RECORDS_KEY:
            uses += _uses_by_the_trail()
        made[key] = _key(f"unvoiced: what stands in {stores}", uses, f"Encrypts: {stores}.")
        subject = key.removesuffix("StoreKey").lower()
        made[f"{key}Alias"] = _alias(f"store/{subject}", key)
    return made


def _vault_keys() -> dict[str, Resource]:
    made = {}
    for place in VAULT_KEYS:
        key, subject = key_resource(place), place.removesuffix(" key")
        why = f"Wraps the secrets of the {subject} vault, which whoever unwraps can open."
        made[key] = _key(f"unvoiced: secrets of the {subject} vault", _uses_of_own_key(place), why)
        made[f"{key}Alias"] = _alias(f"vault/{subject}", key)
    return made


def _signing_key() -> dict[str, Resource]:
    key = key_resource(Place.LOG_KEY)
    properties: dict[str, Node] = {
        "Description": "unvoiced: signs checkpoints of the log",
        "KeySpec": "ECC_NIST_EDWARDS25519",
        "KeyUsage": "SIGN_VERIFY",
        "PendingWindowInDays": {"Ref": "KeyDeletionDays"},
        "KeyPolicy": policy([_MANAGE, *_uses_of_own_key(Place.LOG_KEY)]),
    }
    why = "Signs checkpoints. KMS rotates no signing key, and a log has one key for its life."
    return {
        key: Resource("AWS::KMS::Key", why, properties, condition="KmsSignsTheLog", retained=True),
        f"{key}Alias": _alias("log", key, "KmsSignsTheLog"),
    }


def _watch_key() -> dict[str, Resource]:
    description = "unvoiced: alarms and the log group of the trail"
    why = "Encrypts alarms, and CloudTrail's records in CloudWatch."
    return {
        WATCH_KEY: _key(description, _uses_by_the_watch(), why),
        f"{WATCH_KEY}Alias": _alias("watch", WATCH_KEY),
    }


SECTIONS = (
    Section("Keys of stores: used by S3 alone, for a role that may", _store_keys(), __doc__),
    Section(
        "Keys of vaults, and of the log: used by roles themselves",
        {**_vault_keys(), **_signing_key()},
    ),
    Section("The key of what watches", _watch_key()),
)
