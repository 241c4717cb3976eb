"""Objects that are kept: storage class, object lock, labels and restoring, in S3's words.

Labels are object tags: who may read tags may not therefore read the object, and the digest a
version was put with has to be known to those who wrote it and may not read it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from botocore.exceptions import BotoCoreError, ClientError

from unvoiced.errors import InputError
from unvoiced.stores.interface import COLD_CLASSES, STANDARD, Entry, Keeping
from unvoiced.stores.s3_errors import code_of

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import HeadObjectOutputTypeDef

# A version as requests name it: bucket, key and, where there are versions, its id.
Where = Mapping[str, Any]

_TIERS = frozenset({"Bulk", "Standard", "Expedited"})
# How servers say that a version has no lock or hold, or that its bucket has no object lock.
_UNLOCKED = frozenset(
    {
        "NoSuchObjectLockConfiguration",
        "ObjectLockConfigurationNotFoundError",
        "NoSuchObjectLegalHold",
        "InvalidRequest",
    }
)
_UNDER_WAY = frozenset({"RestoreAlreadyInProgress"})
# How servers say that they restore nothing: there a cold class is a name, and objects are read.
_NO_RESTORING = frozenset({"MethodNotAllowed", "NotImplemented", "405", "501"})
_RESTORED_BEFORE = 200  # where it has just been asked for, S3 answers 202
_STILL_COLD = frozenset({"InvalidObjectState"})


@dataclass(frozen=True)
class _Lock:
    mode: str
    until: datetime | None
    hold: bool


def lock_request(
    until: datetime, mode: str, storage_class: str, labels: Mapping[str, str]
) -> dict[str, Any]:
    """What a put says besides its bytes."""
    return {
        "StorageClass": storage_class,
        "ObjectLockMode": mode,
        "ObjectLockRetainUntilDate": until.astimezone(UTC),
        "Tagging": urlencode(labels),
    }


def keeping_of(client: "S3Client", where: Where, listed: Entry) -> Keeping:
    """What a listing leaves out: lock, hold and labels of one version."""
    lock = _lock_of(client, where)
    tags = client.get_object_tagging(**where)["TagSet"]
    return Keeping(
        size=listed.size,
        storage_class=listed.storage_class,
        retain_until=lock.until,
        legal_hold=lock.hold,
        labels={tag["Key"]: tag["Value"] for tag in tags},
    )


def what_locks(client: "S3Client", where: Where) -> str:
    """What keeps a version from being deleted, as far as these credentials may know; or ""."""
    try:
        lock = _lock_of(client, where)
    except (ClientError, BotoCoreError):
        return ""
    if lock.hold:
        return "under a legal hold"
    if lock.until is None or lock.mode not in {"GOVERNANCE", "COMPLIANCE"}:
        return ""
    return f"under object lock ({lock.mode}) until {lock.until:%F %R} UTC"


def ask_for_restore(
    client: "S3Client", where: Where, found: "HeadObjectOutputTypeDef", *, days: int, tier: str
) -> bool:
    """Whether a version is readable; where it is cold and nobody has asked, ask.

    `found` is what HEAD says of it. Raises `InputError` for a tier its class does not have.
    """
    storage_class = str(found.get("StorageClass") or STANDARD)
    if tier not in _TIERS or (tier == "Expedited" and storage_class == "DEEP_ARCHIVE"):
        raise InputError(
            f"{tier!r} is no way to restore from {storage_class}: Bulk, Standard or, of GLACIER "
            "alone, Expedited"
        )
    if storage_class not in COLD_CLASSES:
        return True
    state = found.get("Restore", "")
    if state:
        return 'ongoing-request="false"' in state
    request: Any = {"Days": days, "GlacierJobParameters": {"Tier": tier}}
    try:
        answer = client.restore_object(**where, RestoreRequest=request)
    except ClientError as error:
        if code_of(error) in _NO_RESTORING:
            return _is_readable(client, where)
        if code_of(error) not in _UNDER_WAY:
            raise
        return False
    return answer["ResponseMetadata"]["HTTPStatusCode"] == _RESTORED_BEFORE


def _is_readable(client: "S3Client", where: Where) -> bool:
    try:
        client.get_object(**where, Range="bytes=0-0")["Body"].close()
    except ClientError as error:
        if code_of(error) in _STILL_COLD:
            return False
        raise
    return True


def _lock_of(client: "S3Client", where: Where) -> _Lock:
    mode, until, hold = "", None, ""
    try:
        retention = client.get_object_retention(**where)["Retention"]
        mode, until = retention.get("Mode", ""), retention.get("RetainUntilDate")
    except ClientError as error:
        if code_of(error) not in _UNLOCKED:
            raise
    try:
        hold = client.get_object_legal_hold(**where)["LegalHold"].get("Status", "")
    except ClientError as error:
        if code_of(error) not in _UNLOCKED:
            raise
    return _Lock(mode, until.astimezone(UTC) if until else None, hold == "ON")
