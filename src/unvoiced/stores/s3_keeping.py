"""Objects that are kept: storage class, object lock, labels and restoring, in S3's words.

Labels are object tags: who may read tags may not therefore read the object, and the digest a
version was put with has to be known to those who wrote it and may not read it.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from botocore.exceptions import ClientError

from unvoiced.stores.interface import COLD_CLASSES, Entry, Keeping
from unvoiced.stores.s3_errors import code_of

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# How servers say that a version has no lock, or their bucket none.
_UNLOCKED = frozenset({"NoSuchObjectLockConfiguration", "ObjectLockConfigurationNotFoundError"})
_UNDER_WAY = frozenset({"RestoreAlreadyInProgress"})


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


def keeping_of(client: "S3Client", bucket: str, key: str, listed: Entry) -> Keeping:
    """What a listing leaves out: lock, hold and labels of one version."""
    where = {"Bucket": bucket, "Key": key}
    if not listed.version.startswith("etag:"):
        where["VersionId"] = listed.version
    until = hold = None
    try:
        retention = client.get_object_retention(**where)["Retention"]  # type: ignore[arg-type]  # optional key
        until = retention.get("RetainUntilDate")
    except ClientError as error:
        if code_of(error) not in _UNLOCKED:
            raise
    try:
        hold = client.get_object_legal_hold(**where)["LegalHold"].get("Status")  # type: ignore[arg-type]  # optional key
    except ClientError as error:
        if code_of(error) not in _UNLOCKED:
            raise
    tags = client.get_object_tagging(**where)["TagSet"]  # type: ignore[arg-type]  # optional key
    return Keeping(
        size=listed.size,
        storage_class=listed.storage_class,
        retain_until=until.astimezone(UTC) if until else None,
        legal_hold=hold == "ON",
        labels={tag["Key"]: tag["Value"] for tag in tags},
    )


def ask_for_restore(
    client: "S3Client", bucket: str, key: str, version: str, *, days: int, tier: str
) -> bool:
    """Whether a version is readable; where it is cold and nobody has asked, ask."""
    where: dict[str, Any] = {"Bucket": bucket, "Key": key}
    if not version.startswith("etag:"):
        where["VersionId"] = version
    found = client.head_object(**where)
    if found.get("StorageClass", "STANDARD") not in COLD_CLASSES:
        return True
    state = found.get("Restore", "")
    if 'ongoing-request="false"' in state:
        return True
    if not state:
        request: Any = {"Days": days, "GlacierJobParameters": {"Tier": tier}}
        try:
            client.restore_object(**where, RestoreRequest=request)
        except ClientError as error:
            if code_of(error) not in _UNDER_WAY:
                raise
    return False
