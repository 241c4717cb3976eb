"""What one can ask of a bucket: who may by the table, and how to see that it happened."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING, Any

from unvoiced.access.policies import ACCOUNT_READS, LOOKS_AT_THE_ACCOUNT
from unvoiced.access.roles import TABLE, Can, Place, Role, may

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

OLD, NEW, PUT = b"the older version", b"the newer version", b"what the role put"

# (key, version) -> (digest, whether it is the current one, whether it is a delete marker)
Picture = dict[tuple[str, str], tuple[str, bool, bool]]
May = Callable[[Role, Place, str], bool]
Worked = Callable[["Spot", Any, Picture, Picture], bool]


class Scene(Enum):
    """What stands under the name that is asked about."""

    NOTHING = "nothing"
    TWO_VERSIONS = "two versions"
    LOCKED = "two versions, the newer one locked"


@dataclass(frozen=True)
class Spot:
    """A name in the account, and the versions that stand under it."""

    bucket: str
    key: str
    old: str = ""
    new: str = ""

    @property
    def at(self) -> dict[str, str]:
        """As boto3 has it."""
        return {"Bucket": self.bucket, "Key": self.key}


@dataclass(frozen=True)
class Operation:
    """A request, who may make it, and whether it did what it is for.

    `worked` is given the answer and what stood in the bucket before and after.
    """

    title: str
    ask: Callable[["S3Client", Spot], Any]
    may: May
    worked: Worked
    scene: Scene = Scene.TWO_VERSIONS

    @property
    def only_looks(self) -> bool:
        """Whether it is a request that reads."""
        return self.title.startswith(("get", "head", "list"))


def picture(admin: "S3Client", bucket: str) -> Picture:
    """Every version and marker of a small bucket."""
    listed = admin.list_object_versions(Bucket=bucket)
    assert not listed["IsTruncated"]
    found: Picture = {
        (one["Key"], one["VersionId"]): (one["ETag"].strip('"'), one["IsLatest"], False)
        for one in listed.get("Versions", ())
    }
    markers = listed.get("DeleteMarkers", ())
    return found | {(one["Key"], one["VersionId"]): ("", one["IsLatest"], True) for one in markers}


def etag(body: bytes) -> str:
    """What the server says of an object that was put in one piece."""
    return hashlib.md5(body, usedforsecurity=False).hexdigest()


def _nobody(_: Role, __: Place, ___: str) -> bool:
    """The table has no word for it."""
    return False


def _never(*_: Any) -> bool:
    return False


def who_can(*wanted: Can) -> May:
    """Whoever the table lets do one of these there."""
    return lambda role, place, name: any(may(role, can, place, name) for can in wanted)


def _who_looks(action: str) -> May:
    """The auditor and the watcher, at an account's configuration."""
    assert action in ACCOUNT_READS
    return lambda role, _, __: role in LOOKS_AT_THE_ACCOUNT


def _may_read_rules(role: Role, place: Place, _: str) -> bool:
    """Who looks at the account, and the eraser of its buckets: it reports what their rules say."""
    erasers = {right.place for right in TABLE[Role.ERASER]}
    return role in LOOKS_AT_THE_ACCOUNT or (role is Role.ERASER and place in erasers)


may_read = who_can(Can.READ)
may_list = who_can(Can.LIST)
may_destroy = who_can(Can.DESTROY)
# Without Amazon's conditions whoever may create may replace, and the reverse.
may_put = who_can(Can.CREATE, Can.REPLACE)


def _may_put_locked(role: Role, place: Place, name: str) -> bool:
    return may_put(role, place, name) and may(role, Can.LOCK, place, name)


def _may_see_versioning(role: Role, place: Place, name: str) -> bool:
    return may_list(role, place, name) or role in LOOKS_AT_THE_ACCOUNT


def _read(wanted: bytes) -> Worked:
    return lambda spot, got, before, after: got == wanted and before == after


def _told(_: Spot, answer: Any, before: Picture, after: Picture) -> bool:
    return bool(answer) and before == after


def _lists(field: str) -> Worked:
    """The object is among what was listed."""
    return lambda spot, answer, before, after: (
        spot.key in {one["Key"] for one in answer.get(field, ())} and before == after
    )


def added(digest: str | None) -> Worked:
    """One version more under the name, the current one; all that stood there still does."""

    def worked(spot: Spot, _: Any, before: Picture, after: Picture) -> bool:
        if any(after.get(place, ("", False, False))[0] != before[place][0] for place in before):
            return False
        more = [(place[0], after[place]) for place in after.keys() - before.keys()]
        return [(key, seen[1:]) for key, seen in more] == [(spot.key, (True, False))] and (
            digest is None or more[0][1][0] == digest
        )

    return worked


def _removed(version: Callable[[Spot], str]) -> Worked:
    """Exactly that version is gone."""

    def worked(spot: Spot, _: Any, before: Picture, after: Picture) -> bool:
        gone = (spot.key, version(spot))
        return gone in before and after.keys() == before.keys() - {gone}

    return worked


def _multipart(client: "S3Client", spot: Spot) -> None:
    upload = client.create_multipart_upload(**spot.at)["UploadId"]
    part = client.upload_part(**spot.at, UploadId=upload, PartNumber=1, Body=PUT)
    parts = {"Parts": [{"ETag": part["ETag"], "PartNumber": 1}]}
    client.complete_multipart_upload(**spot.at, UploadId=upload, MultipartUpload=parts)


def _delete_in_a_batch(client: "S3Client", spot: Spot, **version: str) -> None:
    """The answer to a batch is always 200: what it says of its only name becomes the refusal."""
    wanted = {"Objects": [{"Key": spot.key, **version}]}
    for error in client.delete_objects(Bucket=spot.bucket, Delete=wanted).get("Errors", ()):
        raise client.exceptions.ClientError({"Error": error}, "DeleteObjects")


def _put_locked(client: "S3Client", spot: Spot) -> None:
    client.put_object(
        **spot.at, Body=PUT, ObjectLockMode="GOVERNANCE", ObjectLockRetainUntilDate=tomorrow()
    )


def _lock(client: "S3Client", spot: Spot) -> bool:
    later = tomorrow() + timedelta(days=1)
    client.put_object_retention(
        **spot.at, Retention={"Mode": "GOVERNANCE", "RetainUntilDate": later}
    )
    kept = client.get_object_retention(**spot.at)["Retention"]["RetainUntilDate"]
    return abs(kept - later) < timedelta(seconds=2)


def tomorrow() -> datetime:
    """A day from now."""
    return datetime.now(UTC) + timedelta(days=1)


_TAGGING: Any = {"TagSet": [{"Key": "a", "Value": "b"}]}


def _in_an_hour() -> datetime:
    return datetime.now(UTC) + timedelta(hours=1)


def _lock_configuration(client: "S3Client", spot: Spot) -> bool:
    """Whether the server said what it is, be it that there is none."""
    try:
        return bool(client.get_object_lock_configuration(Bucket=spot.bucket))
    except client.exceptions.ClientError as error:
        if error.response["Error"]["Code"] == "ObjectLockConfigurationNotFoundError":
            return True
        raise


def _open_to_all(bucket: str) -> str:
    statement = {
        "Effect": "Allow",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [f"arn:aws:s3:::{bucket}/*"],
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


# Tuples are (title, how to ask, ...): a table reads best with a line each.
# fmt: off
READS = (
    Operation("get", lambda c, s: c.get_object(**s.at)["Body"].read(), may_read, _read(NEW)),
    Operation("get a version", lambda c, s: c.get_object(**s.at, VersionId=s.old)["Body"].read(),
              may_read, _read(OLD)),
    Operation("head", lambda c, s: c.head_object(**s.at), may_read, _told),
    Operation("head a version", lambda c, s: c.head_object(**s.at, VersionId=s.old),
              may_read, _told),
    Operation("get acl", lambda c, s: c.get_object_acl(**s.at), _nobody, _never),
)
# An object's labels, in the words of stores.
TAGS = (
    Operation("get tags", lambda c, s: c.get_object_tagging(**s.at),
              who_can(Can.SEE_LOCK), _told),
    Operation("get tags of a version",
              lambda c, s: c.get_object_tagging(**s.at, VersionId=s.old),
              who_can(Can.SEE_LOCK), _told),
    Operation("put tags", lambda c, s: c.put_object_tagging(**s.at, Tagging=_TAGGING),
              who_can(Can.LOCK), _told),
    Operation("delete tags", lambda c, s: c.delete_object_tagging(**s.at), _nobody, _never),
)
LISTS = (
    Operation("list", lambda c, s: c.list_objects_v2(Bucket=s.bucket),
              may_list, _lists("Contents")),
    Operation("list as of old", lambda c, s: c.list_objects(Bucket=s.bucket),
              may_list, _lists("Contents")),
    Operation("list versions", lambda c, s: c.list_object_versions(Bucket=s.bucket),
              may_list, _lists("Versions")),
)
LISTS_BELOW = (
    Operation("list a prefix", lambda c, s: c.list_objects_v2(Bucket=s.bucket, Prefix=s.key[:-1]),
              may_list, _lists("Contents")),
    Operation("list versions of a prefix",
              lambda c, s: c.list_object_versions(Bucket=s.bucket, Prefix=s.key[:-1]),
              may_list, _lists("Versions")),
    Operation("get versioning",
              lambda c, s: c.get_bucket_versioning(Bucket=s.bucket)["Status"] == "Enabled",
              _may_see_versioning, _told),
)
PUTS = (
    Operation("put over", lambda c, s: c.put_object(**s.at, Body=PUT), may_put, added(etag(PUT))),
    Operation("put", lambda c, s: c.put_object(**s.at, Body=PUT),
              may_put, added(etag(PUT)), Scene.NOTHING),
    Operation("put in parts", _multipart, may_put, added(None), Scene.NOTHING),
)
DELETES = (
    Operation("delete an old version", lambda c, s: c.delete_object(**s.at, VersionId=s.old),
              may_destroy, _removed(lambda s: s.old)),
    Operation("delete the current version", lambda c, s: c.delete_object(**s.at, VersionId=s.new),
              may_destroy, _removed(lambda s: s.new)),
    Operation("delete a version in a batch",
              lambda c, s: _delete_in_a_batch(c, s, VersionId=s.new),
              may_destroy, _removed(lambda s: s.new)),
    Operation("hide", lambda c, s: c.delete_object(**s.at), _nobody, _never),
    Operation("hide in a batch", _delete_in_a_batch, _nobody, _never),
)
LOCKS = (
    Operation("see the lock", lambda c, s: c.get_object_retention(**s.at)["Retention"]["Mode"],
              who_can(Can.SEE_LOCK), _told, Scene.LOCKED),
    Operation("see the legal hold",
              lambda c, s: c.get_object_legal_hold(**s.at)["LegalHold"]["Status"] == "OFF",
              who_can(Can.SEE_LOCK), _told, Scene.LOCKED),
    Operation("delete what is locked", lambda c, s: c.delete_object(**s.at, VersionId=s.new),
              _nobody, _never, Scene.LOCKED),
    Operation("delete what is locked all the same",
              lambda c, s: c.delete_object(
                  **s.at, VersionId=s.new, BypassGovernanceRetention=True),
              _nobody, _never, Scene.LOCKED),
    Operation("shorten the lock",
              lambda c, s: c.put_object_retention(
                  **s.at, BypassGovernanceRetention=True,
                  Retention={"Mode": "GOVERNANCE", "RetainUntilDate": _in_an_hour()}),
              _nobody, _never, Scene.LOCKED),
    Operation("put locked", _put_locked, _may_put_locked, added(etag(PUT)), Scene.NOTHING),
    Operation("lock", _lock, who_can(Can.LOCK), _told, Scene.LOCKED),
    Operation("put with a legal hold",
              lambda c, s: c.put_object(**s.at, Body=PUT, ObjectLockLegalHoldStatus="ON"),
              _nobody, _never, Scene.NOTHING),
    Operation("hold", lambda c, s: c.put_object_legal_hold(**s.at, LegalHold={"Status": "ON"}),
              _nobody, _never),
)
# What the buckets are set to: nobody's of the table to change, for who looks at the account to see.
SETTINGS = (
    Operation("get policy", lambda c, s: c.get_bucket_policy(Bucket=s.bucket),
              _who_looks("s3:GetBucketPolicy"), _told),
    Operation("get encryption", lambda c, s: c.get_bucket_encryption(Bucket=s.bucket),
              _who_looks("s3:GetEncryptionConfiguration"), _told),
    Operation("get lifecycle", lambda c, s: c.get_bucket_lifecycle_configuration(Bucket=s.bucket),
              _may_read_rules, _told),
    Operation("get object lock configuration", _lock_configuration,
              _who_looks("s3:GetBucketObjectLockConfiguration"), _told),
    Operation("list uploads", lambda c, s: c.list_multipart_uploads(Bucket=s.bucket),
              _who_looks("s3:ListBucketMultipartUploads"), _told),
    Operation("get bucket acl", lambda c, s: c.get_bucket_acl(Bucket=s.bucket), _nobody, _never),
    Operation("put policy",
              lambda c, s: c.put_bucket_policy(Bucket=s.bucket, Policy=_open_to_all(s.bucket)),
              _nobody, _never),
    Operation("delete policy", lambda c, s: c.delete_bucket_policy(Bucket=s.bucket),
              _nobody, _never),
    Operation("suspend versioning",
              lambda c, s: c.put_bucket_versioning(
                  Bucket=s.bucket, VersioningConfiguration={"Status": "Suspended"}),
              _nobody, _never),
    Operation("delete bucket", lambda c, s: c.delete_bucket(Bucket=s.bucket), _nobody, _never),
    Operation("create bucket", lambda c, s: c.create_bucket(Bucket=f"{s.bucket}-2"),
              _nobody, _never),
    Operation("put acl", lambda c, s: c.put_object_acl(**s.at, ACL="public-read"),
              _nobody, _never),
    Operation("put bucket acl", lambda c, s: c.put_bucket_acl(Bucket=s.bucket, ACL="public-read"),
              _nobody, _never),
    Operation("put lifecycle",
              lambda c, s: c.put_bucket_lifecycle_configuration(
                  Bucket=s.bucket, LifecycleConfiguration=lifecycle(1)),
              _nobody, _never),
    Operation("delete lifecycle", lambda c, s: c.delete_bucket_lifecycle(Bucket=s.bucket),
              _nobody, _never),
    Operation("delete encryption", lambda c, s: c.delete_bucket_encryption(Bucket=s.bucket),
              _nobody, _never),
    Operation("put object lock configuration",
              lambda c, s: c.put_object_lock_configuration(
                  Bucket=s.bucket, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled"}),
              _nobody, _never),
    Operation("put notification",
              lambda c, s: c.put_bucket_notification_configuration(
                  Bucket=s.bucket, NotificationConfiguration={}),
              _nobody, _never),
    Operation("put replication",
              lambda c, s: c.put_bucket_replication(
                  Bucket=s.bucket, ReplicationConfiguration={"Role": "x", "Rules": []}),
              _nobody, _never),
)
# fmt: on


def lifecycle(days: int) -> dict[str, Any]:
    """Older versions go after some days."""
    rule = {
        "ID": "noncurrent",
        "Status": "Enabled",
        "Filter": {"Prefix": ""},
        "NoncurrentVersionExpiration": {"NoncurrentDays": days},
    }
    return {"Rules": [rule]}
