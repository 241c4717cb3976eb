"""What would survive disposal: copies elsewhere, and locks; and locks where things must stay."""

from collections.abc import Iterator

from unvoiced.access.roles import Place
from unvoiced.posture import commands
from unvoiced.posture.facts import Bucket, NotKnown, Unknown, known
from unvoiced.posture.finding import Problem, Seen, Severity, check
from unvoiced.posture.subjects import BucketsWith

# What is destroyed on purpose here, with a receipt or for an erasure.
DISPOSED_OF = (Place.RAW, Place.TRAINING, Place.JOURNAL, Place.WORKER_VAULT)
# An archived original too, when its time is over; until then its lock is meant.
_IN_THE_END = (*DISPOSED_OF, Place.ARCHIVE)
KEPT_LOCKED = (Place.ARCHIVE, Place.LOG)


@check(
    "copies-by-replication",
    Severity.MEDIUM,
    of=BucketsWith(*_IN_THE_END),
    why="A copy in another bucket survives disposal and erasure, and no receipt says so.",
)
def replication(bucket: Bucket, seen: Seen) -> Iterator[Problem]:
    """Nothing that is disposed of is replicated."""
    replicas = known(bucket.replicas)
    if replicas:
        fix = commands.s3("delete-bucket-replication", bucket)
        yield Problem(f"it is replicated to {', '.join(sorted(set(replicas)))}", fix)


@check(
    "copies-by-backup",
    Severity.MEDIUM,
    of=BucketsWith(*_IN_THE_END),
    why="A recovery point of AWS Backup survives disposal and erasure, and no receipt says so.",
)
def backup(bucket: Bucket, seen: Seen) -> Iterator[Problem]:
    """AWS Backup holds nothing of what is disposed of."""
    if not bucket.amazon:
        raise NotKnown(Unknown("whether that server's disks are backed up is not to be seen here"))
    if bucket.arn in known(seen.facts.backups):
        fix = commands.aws(
            "backup", "list-recovery-points-by-resource",
            resource_arn=bucket.arn, region=bucket.region,
        )  # fmt: skip
        yield Problem("AWS Backup holds recovery points of it: delete each, and end its plan", fix)


@check(
    "object-lock-blocks-disposal",
    Severity.HIGH,
    of=BucketsWith(*DISPOSED_OF),
    why="What is locked cannot be destroyed before its time: disposal and erasure are blocked.",
)
def lock_blocks(bucket: Bucket, seen: Seen) -> Iterator[Problem]:
    """Nothing that is disposed of is locked by default."""
    lock = known(bucket.lock)
    if lock is not None and lock.mode:
        fix = commands.s3(
            "put-object-lock-configuration",
            bucket,
            object_lock_configuration={"ObjectLockEnabled": "Enabled"},
        )
        yield Problem(f"every new object is locked for {lock.days} days ({lock.mode})", fix)


@check(
    "object-lock-missing",
    Severity.HIGH,
    of=BucketsWith(*KEPT_LOCKED),
    why="Without object lock, whoever gets the right credentials ends the history, or what has to "
    "be kept by law.",
)
def lock_missing(bucket: Bucket, seen: Seen) -> Iterator[Problem]:
    """Object lock is enabled where things must stay."""
    if known(bucket.lock) is None:
        fix = commands.s3(
            "put-object-lock-configuration",
            bucket,
            object_lock_configuration={"ObjectLockEnabled": "Enabled"},
        )
        yield Problem("object lock is not enabled", fix)


@check(
    "archive-lock-too-short",
    Severity.MEDIUM,
    of=BucketsWith(Place.ARCHIVE),
    why="Originals must stay for as long as [retention] archive_days says.",
)
def archive_lock(bucket: Bucket, seen: Seen) -> Iterator[Problem]:
    """A default retention of the archive is no shorter than the retention that is set."""
    lock, days = known(bucket.lock), seen.settings.retention.archive_days
    if lock is not None and lock.mode and lock.days < days:
        retention = {"Mode": lock.mode, "Days": days}
        fix = commands.s3(
            "put-object-lock-configuration",
            bucket,
            object_lock_configuration={
                "ObjectLockEnabled": "Enabled",
                "Rule": {"DefaultRetention": retention},
            },
        )
        yield Problem(f"locked for {lock.days} days, not for {days}", fix)
