"""What was read of an account and of this machine; nothing here decides whether it is right.

Whatever could not be read is `Unknown` in place of the value.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar

from unvoiced.access.policies import partition_of
from unvoiced.access.roles import Place, Role
from unvoiced.posture.statements import Policy

T = TypeVar("T")
LifecycleRule = Mapping[str, Any]  # as S3's JSON has it: it goes back into the command that fixes
EventSelectors = Mapping[str, Any]  # as CloudTrail's JSON has them, basic or advanced


@dataclass(frozen=True)
class Unknown:
    """In place of a fact: why it could not be read, and the command that reads it by hand."""

    why: str
    command: str = ""


class NotKnown(Exception):
    """A check came upon a fact that could not be read."""

    def __init__(self, unknown: Unknown) -> None:
        super().__init__(unknown.why)
        self.unknown = unknown


def known(fact: T | Unknown) -> T:
    """The fact. Raises `NotKnown` where it could not be read, which ends the check."""
    if isinstance(fact, Unknown):
        raise NotKnown(fact)
    return fact


@dataclass(frozen=True)
class Held:
    """A place that a bucket holds, below a prefix ("" or one that ends in a slash)."""

    place: Place
    prefix: str = ""


@dataclass(frozen=True)
class Encryption:
    """How a bucket encrypts what says nothing else; the key as the bucket names it."""

    algorithm: str
    key: str = ""
    bucket_key: bool = False


@dataclass(frozen=True)
class Lock:
    """Object lock: enabled, with a default retention where `mode` says so."""

    mode: str = ""
    days: int = 0


@dataclass(frozen=True)
class Upload:
    """A multipart upload that was begun and never completed."""

    key: str
    upload_id: str
    begun: datetime


@dataclass(frozen=True)
class Bucket:
    """A bucket that `unvoiced.toml` names, with all that it holds of the deployment."""

    name: str
    held: tuple[Held, ...]
    endpoint: str  # where its requests go
    amazon: bool  # whether it is Amazon's own, by the store's url
    region: str
    encryption: Encryption | Unknown | None
    versioning: str | Unknown  # "Enabled", "Suspended" or ""
    public_access_block: Mapping[str, bool] | Unknown
    policy: Policy | Unknown
    ownership: str | Unknown
    lifecycle: tuple[LifecycleRule, ...] | Unknown
    replicas: tuple[str, ...] | Unknown  # ARNs of the buckets that get copies
    lock: Lock | Unknown | None
    metrics: Mapping[str, bool] | Unknown  # request metrics, by id: whether of the whole bucket
    uploads: tuple[Upload, ...] | Unknown
    log_target: str | Unknown  # where its access logs go, or ""

    def holds(self, *places: Place) -> bool:
        """Whether any of these is in it."""
        return any(held.place in places for held in self.held)

    @property
    def arn(self) -> str:
        """Its ARN."""
        return f"arn:{partition_of(self.region)}:s3:::{self.name}"


@dataclass(frozen=True)
class Grant:
    """A grant on a key."""

    grant_id: str
    grantee: str
    operations: tuple[str, ...]
    # What the encryption context has to say, by name; of what a grant says to equal too.
    context: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class KeyState:
    """What the key service says of a key."""

    arn: str
    state: str
    manager: str
    spec: str
    origin: str


@dataclass(frozen=True)
class Key:
    """A key that a vault, the log or a bucket is set to use, by the name they have for it."""

    name: str
    region: str
    uses: tuple[str, ...]  # "worker key", or "encrypts BUCKET"
    state: KeyState | Unknown
    rotation: bool | Unknown
    policy: Policy | Unknown
    grants: tuple[Grant, ...] | Unknown

    @property
    def places(self) -> tuple[Place, ...]:
        """Which of the table's keys it is."""
        return tuple(Place(use) for use in self.uses if use in set(Place))


@dataclass(frozen=True)
class RolePolicy:
    """A policy of a role: inline by its name, attached by its ARN."""

    name: str
    policy: Policy
    arn: str = ""


@dataclass(frozen=True)
class RoleFacts:
    """A role that [roles] names."""

    role: Role
    arn: str
    trust: Policy | Unknown
    session_seconds: int | Unknown
    policies: tuple[RolePolicy, ...] | Unknown

    @property
    def name(self) -> str:
        """Its name, without account and path."""
        return self.arn.rpartition("/")[2]


@dataclass(frozen=True)
class AccessKey:
    """A user's access key; the id is no secret."""

    key_id: str
    active: bool
    created: datetime


@dataclass(frozen=True)
class User:
    """An IAM user and its access keys."""

    name: str
    keys: tuple[AccessKey, ...] | Unknown


@dataclass(frozen=True)
class Trail:
    """A CloudTrail trail."""

    name: str
    arn: str
    region: str
    validated: bool
    log_group: str  # ARN, or ""
    logging: bool | Unknown
    selectors: EventSelectors | Unknown


@dataclass(frozen=True)
class Alarm:
    """One metric that an alarm watches."""

    name: str
    region: str
    namespace: str
    metric: str
    statistic: str
    dimensions: Mapping[str, str]
    enabled: bool
    actions: tuple[str, ...]


@dataclass(frozen=True)
class MetricFilter:
    """What makes a metric out of a log group's lines."""

    log_group: str
    pattern: str
    namespace: str
    metric: str


@dataclass(frozen=True)
class Subscription:
    """Who is told by a topic."""

    protocol: str
    endpoint: str
    confirmed: bool


@dataclass(frozen=True)
class Vault:
    """A role's key vault; `fernet` are the names of Fernet keys in it, where it is the worker's."""

    role: str
    url: str
    key: str  # ARN of the KMS key it is under, or ""
    fernet: tuple[str, ...] | Unknown = ()

    @property
    def local(self) -> bool:
        """Whether it is a folder of this machine."""
        return self.url.startswith("file://")


class DiskKind(StrEnum):
    """What a path on this machine is to the deployment."""

    FOLDER = "folder"  # of a store or a vault
    KEY_FILE = "key file"
    SETTINGS = "settings"
    INSIDE = "inside"  # a folder above a place, of the deployment's own; its own folder too
    ABOVE = "above"  # any other folder above a place


@dataclass(frozen=True)
class Access:
    """Somebody besides the owner who is let in by an access list: "user anna", "group lab"."""

    who: str
    read: bool
    write: bool


@dataclass(frozen=True)
class OnDisk:
    """A folder or file on this machine, and who may do what with it."""

    kind: DiskKind
    what: str  # "raw", "worker vault", "key file of the worker vault"
    path: str
    mode: int | Unknown
    owner: str = ""  # name, or number where there is none of that number
    group: str = ""
    members: tuple[str, ...] = ()  # of the group
    acl: tuple[Access, ...] | Unknown = ()
    closed_above: str = ""  # a folder above that keeps everybody else out, as long as it does


@dataclass(frozen=True)
class LastReview:
    """The newest access review that its reviewer signed and the log names."""

    moment: datetime
    reviewer: str


@dataclass(frozen=True)
class Facts:
    """All that was read, and when."""

    now: datetime
    buckets: tuple[Bucket, ...] = ()
    keys: tuple[Key, ...] = ()
    roles: tuple[RoleFacts, ...] = ()
    users: tuple[User, ...] | Unknown = ()
    trails: tuple[Trail, ...] | Unknown = ()
    alarms: tuple[Alarm, ...] | Unknown = ()
    filters: tuple[MetricFilter, ...] | Unknown = ()
    topics: Mapping[str, tuple[Subscription, ...] | Unknown] = field(default_factory=dict)
    backups: tuple[str, ...] | Unknown = ()  # ARNs of what AWS Backup keeps copies of
    vaults: tuple[Vault, ...] = ()
    on_disk: tuple[OnDisk, ...] = ()
    operator: str = ""  # who owns the settings file, where anything is on this machine
    last_review: LastReview | Unknown | None = None

    def key(self, name: str) -> Key | None:
        """The key that is called so in a setting or by a bucket."""
        return next((key for key in self.keys if key.name == name), None)
