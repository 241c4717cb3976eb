"""Buckets: encrypted under a customer key, versioned, closed, and swept by lifecycle rules."""

from deployments.aws.estate import BUCKETS, TRAIL, Bucket
from deployments.aws.language import Node, Resource, Section, filled
from unvoiced.access.roles import Place

# What it takes for S3 to count requests; the alarms on `GetRequests` name this filter.
REQUEST_METRICS = "EntireBucket"
COUNTED = (Place.RAW, Place.TRAINING)


def _rule(name: str, **what: Node) -> Node:
    return {"Id": name, "Status": "Enabled", **what}


def _lifecycle(bucket: Bucket) -> Node:
    rules = [
        _rule(
            "IncompleteUploads",
            AbortIncompleteMultipartUpload={
                "DaysAfterInitiation": {"Ref": "IncompleteUploadDays"},
            },
        ),
        _rule(
            "ReplacedVersions",
            NoncurrentVersionExpiration={"NoncurrentDays": {"Ref": "NoncurrentDays"}},
            ExpiredObjectDeleteMarker=True,
        ),
    ]
    if bucket.place is Place.RAW:
        rules.append(_rule("LeftOver", ExpirationInDays={"Ref": "RawBackstopDays"}))
    if bucket is TRAIL:
        rules.append(_rule("OldRecords", ExpirationInDays={"Ref": "TrailDays"}))
    # Nothing is moved to another class: what is archived is put into its class, and a rule that
    # moved it to another would contradict the settings, and each receipt that says which it is.
    return {"Rules": rules}


def _object_lock(bucket: Bucket) -> dict[str, Node]:
    configuration: dict[str, Node] = {"ObjectLockEnabled": "Enabled"}
    if bucket.place is Place.ARCHIVE:
        retention: Node = {"Mode": {"Ref": "ArchiveLockMode"}, "Days": {"Ref": "ArchiveDays"}}
        configuration["Rule"] = {"DefaultRetention": retention}
    elif bucket.place is not Place.LOG:
        return {}
    return {"ObjectLockEnabled": True, "ObjectLockConfiguration": configuration}


def _bucket(bucket: Bucket) -> Resource:
    encryption: Node = {
        "BucketKeyEnabled": True,
        "ServerSideEncryptionByDefault": {
            "SSEAlgorithm": "aws:kms",
            "KMSMasterKeyID": filled(f"${{{bucket.key}.Arn}}"),
        },
    }
    properties: dict[str, Node] = {
        "BucketName": filled(bucket.name),
        "BucketEncryption": {"ServerSideEncryptionConfiguration": [encryption]},
        "VersioningConfiguration": {"Status": "Enabled"},
        **_object_lock(bucket),
        "PublicAccessBlockConfiguration": {
            "BlockPublicAcls": True,
            "BlockPublicPolicy": True,
            "IgnorePublicAcls": True,
            "RestrictPublicBuckets": True,
        },
        "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
        "LifecycleConfiguration": _lifecycle(bucket),
    }
    if bucket.place in COUNTED:
        properties["MetricsConfigurations"] = [{"Id": REQUEST_METRICS}]
    return Resource("AWS::S3::Bucket", bucket.why, properties, retained=True)


SECTIONS = (
    Section(
        "Buckets. None is replicated: a copy elsewhere would survive what a receipt says is gone",
        {bucket.logical: _bucket(bucket) for bucket in BUCKETS},
    ),
)
