"""Facts in which every check finds everything right, to put one thing wrong at a time."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args

from unvoiced.access.policies import Estate, role_policy
from unvoiced.access.roles import Place, Role
from unvoiced.config import Role as VaultName
from unvoiced.config import Settings
from unvoiced.posture.facts import (
    Alarm,
    Bucket,
    DiskKind,
    Encryption,
    Facts,
    Held,
    Key,
    KeyState,
    LastReview,
    Lock,
    OnDisk,
    RoleFacts,
    RolePolicy,
    Subscription,
    Trail,
    User,
    Vault,
)
from unvoiced.posture.statements import Policy
from unvoiced.sections import RetentionSettings, WatchSettings

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
ACCOUNT, REGION = "111122223333", "eu-central-1"
ROOT = f"arn:aws:iam::{ACCOUNT}:root"
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:alarms"
TRAIL = f"arn:aws:cloudtrail:{REGION}:{ACCOUNT}:trail/unvoiced"
VAULTS = get_args(VaultName)
STORES = ("raw", "training", "log", "journal", "audit", "archive")
PLACES = (*(Place(name) for name in STORES), *(Place(f"{name} vault") for name in VAULTS))
STORE_KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/store"

Change = Callable[[Facts], Facts]


def name_of(place: Place) -> str:
    """A place's bucket."""
    return f"b-{place.value.replace(' ', '-')}"


def key_of(name: str) -> str:
    """The ARN of a vault's key, or of the log's."""
    return f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{name}"


def role_arn(role: Role) -> str:
    """A role's ARN."""
    return f"arn:aws:iam::{ACCOUNT}:role/{role.setting}"


def settings(**changes: Any) -> Settings:
    """Settings that name all of it."""
    made = Settings(
        path=Path("/deployment/unvoiced.toml"),
        stores={name: f"s3://{name_of(Place(name))}/?region={REGION}" for name in STORES},
        vaults={name: f"s3://{name_of(Place(f'{name} vault'))}" for name in VAULTS},
        log_vkey="",
        kms={name: key_of(name) for name in (*VAULTS, "log")},
        roles={role.setting: role_arn(role) for role in Role},
        watch=WatchSettings(topic=TOPIC, cloudtrail="s3://b-trail/"),
    )
    return replace(made, **changes)


ESTATE = Estate(
    buckets={place: name_of(place) for place in PLACES},
    keys={Place(f"{name} key"): key_of(name) for name in (*VAULTS, "log")},
    store_keys=dict.fromkeys(PLACES, STORE_KEY),
    uploader_role=role_arn(Role.UPLOADER),
    region=REGION,
)


def policy(*statements: dict[str, Any]) -> Policy:
    """A policy of these statements."""
    return Policy.read({"Version": "2012-10-17", "Statement": list(statements)})


def tls_deny(bucket: str) -> dict[str, Any]:
    """What refuses requests without TLS."""
    return {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def encryption_deny(bucket: str) -> dict[str, Any]:
    """What refuses puts that name another encryption."""
    algorithm = "s3:x-amz-server-side-encryption"
    return {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:PutObject",
        "Resource": f"arn:aws:s3:::{bucket}/*",
        "Condition": {"StringNotEquals": {algorithm: "aws:kms"}, "Null": {algorithm: "false"}},
    }


def rule(name: str, **does: Any) -> dict[str, Any]:
    """An enabled lifecycle rule for the whole bucket."""
    return {"ID": name, "Status": "Enabled", "Filter": {"Prefix": ""}, **does}


UPLOADS = rule("uploads", AbortIncompleteMultipartUpload={"DaysAfterInitiation": 1})
OLD = rule("old", NoncurrentVersionExpiration={"NoncurrentDays": 1})
BACKSTOP = rule("backstop", Expiration={"Days": RetentionSettings().raw_backstop_days})


def bucket(place: Place) -> Bucket:
    """A bucket as it must be."""
    name = name_of(place)
    lock = {Place.ARCHIVE: Lock("GOVERNANCE", 1095), Place.LOG: Lock()}
    return Bucket(
        name=name,
        held=(Held(place),),
        endpoint=f"https://s3.{REGION}.amazonaws.com",
        amazon=True,
        region=REGION,
        encryption=Encryption("aws:kms", STORE_KEY, bucket_key=True),
        versioning="Enabled",
        public_access_block=dict.fromkeys(
            ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"),
            True,
        ),
        policy=policy(tls_deny(name), encryption_deny(name)),
        ownership="BucketOwnerEnforced",
        lifecycle=(UPLOADS, OLD, *([BACKSTOP] if place is Place.RAW else [])),
        replicas=(),
        lock=lock.get(place),
        metrics={"all": True},
        uploads=(),
        log_target="",
    )


def key_policy(*roles: Role, use: str = "kms:Decrypt", root: str = "kms:Describe*") -> Policy:
    """The account administers, the roles use."""
    return policy(
        {"Effect": "Allow", "Principal": {"AWS": ROOT}, "Action": root, "Resource": "*"},
        {
            "Effect": "Allow",
            "Principal": {"AWS": [role_arn(role) for role in roles]},
            "Action": use,
            "Resource": "*",
        },
    )


def key(arn: str, uses: tuple[str, ...], *roles: Role, spec: str = "SYMMETRIC_DEFAULT") -> Key:
    """A key as it must be."""
    return Key(
        name=arn,
        region=REGION,
        uses=uses,
        state=KeyState(arn, "Enabled", "CUSTOMER", spec, "AWS_KMS"),
        rotation=spec == "SYMMETRIC_DEFAULT",
        policy=key_policy(*roles),
        grants=(),
    )


def role(one: Role) -> RoleFacts:
    """A role with the table's policy, trusted by its own account."""
    trust = {"Effect": "Allow", "Principal": {"AWS": ROOT}, "Action": "sts:AssumeRole"}
    table = Policy.read(role_policy(one, ESTATE))
    return RoleFacts(one, role_arn(one), policy(trust), 3600, (RolePolicy("table", table),))


def alarm(place: Place, **changes: Any) -> Alarm:
    """An alarm on a bucket's reads that fires and is heard."""
    made = Alarm(
        name=f"reads-{place.value}",
        region=REGION,
        namespace="AWS/S3",
        metric="GetRequests",
        statistic="Sum",
        dimensions={"BucketName": name_of(place), "FilterId": "all"},
        enabled=True,
        actions=(TOPIC,),
    )
    return replace(made, **changes)


def trail(**changes: Any) -> Trail:
    """A trail that records every object."""
    everything = {"Type": "AWS::S3::Object", "Values": ["arn:aws:s3"]}
    basic = {"ReadWriteType": "All", "DataResources": [everything]}
    made = Trail(
        name="unvoiced",
        arn=TRAIL,
        region=REGION,
        validated=True,
        log_group="",
        logging=True,
        selectors={"EventSelectors": [basic], "AdvancedEventSelectors": []},
    )
    return replace(made, **changes)


def facts() -> Facts:
    """All of it."""
    everything = tuple(f"encrypts {name_of(place)}" for place in PLACES)
    return Facts(
        now=NOW,
        buckets=tuple(bucket(place) for place in PLACES),
        keys=(
            key(STORE_KEY, everything, Role.WORKER, Role.AUDITOR, Role.DATA_SCIENTIST),
            key(key_of("worker"), ("worker key",), Role.WORKER, Role.ERASER, Role.KEY_KEEPER),
            key(key_of("dataset"), ("dataset key",), Role.DATA_SCIENTIST),
            key(key_of("inviter"), ("inviter key",), Role.INVITER),
            key(key_of("archive"), ("archive key",), Role.ARCHIVIST),
            key(key_of("log"), ("log key",), Role.WORKER, spec="ECC_NIST_EDWARDS25519"),
        ),
        roles=tuple(role(one) for one in Role),
        users=(User("operator", ()),),
        trails=(trail(),),
        alarms=(alarm(Place.RAW), alarm(Place.TRAINING)),
        filters=(),
        topics={TOPIC: (Subscription("email", "alarms@example.org", confirmed=True),)},
        backups=(),
        vaults=tuple(
            Vault(name, f"s3://{name_of(Place(f'{name} vault'))}", key_of(name)) for name in VAULTS
        ),
        on_disk=(
            OnDisk(DiskKind.FOLDER, "log", "/deployment/log", 0o755),
            OnDisk(DiskKind.FOLDER, "raw", "/deployment/raw", 0o700),
            OnDisk(DiskKind.KEY_FILE, "key file of the worker vault", "/deployment/w.kek", 0o600),
            OnDisk(DiskKind.SETTINGS, "settings", "/deployment/unvoiced.toml", 0o644),
            OnDisk(DiskKind.INSIDE, "a folder above", "/deployment", 0o755),
            # Whoever is in a group with no others in it is let in by nobody; nor does a sticky bit.
            OnDisk(DiskKind.ABOVE, "a folder above", "/home", 0o775, "root"),
            OnDisk(DiskKind.ABOVE, "a folder above", "/tmp", 0o1777, "root"),  # noqa: S108
        ),
        last_review=LastReview(NOW - timedelta(days=90), "arn:aws:iam::111122223333:user/anna"),
    )


def with_bucket(place: Place, **changes: Any) -> Change:
    """Change one bucket."""

    def change(found: Facts) -> Facts:
        changed = tuple(
            replace(one, **changes) if one.name == name_of(place) else one for one in found.buckets
        )
        return replace(found, buckets=changed)

    return change


def with_key(name: str, **changes: Any) -> Change:
    """Change one key."""

    def change(found: Facts) -> Facts:
        arn = STORE_KEY if name == "store" else key_of(name)
        changed = tuple(replace(one, **changes) if one.name == arn else one for one in found.keys)
        return replace(found, keys=changed)

    return change


def with_role(which: Role, **changes: Any) -> Change:
    """Change one role."""

    def change(found: Facts) -> Facts:
        changed = tuple(
            replace(one, **changes) if one.role is which else one for one in found.roles
        )
        return replace(found, roles=changed)

    return change


def with_(**changes: Any) -> Change:
    """Change the account."""
    return lambda found: replace(found, **changes)
