"""What a bucket refuses, whatever the policy of whoever asks allows.

How a put is decided by what it says of encryption (a condition key is absent where the request
does not name it; `StringNotEquals` is met by an absent key, so `Null` says which case is meant):

    names nothing                        allowed: the bucket's default applies, which is our key
    names aws:kms and our key's ARN      allowed
    names aws:kms and no key             refused by AnotherKey: S3 would take its own, aws/s3
    names aws:kms and another key        refused by AnotherKey; an alias or bare id of ours too
    names AES256 or aws:kms:dsse         refused by AnotherEncryption
    names a key and no algorithm         refused by KeyAlone, unless the key is ours
    brings its own key (SSE-C)           refused by KeyOfTheClient

And by what it says of the object that may stand there. Beginning a multipart upload, and its parts,
say nothing and create nothing (`s3:ObjectCreationOperation` is false): completing it does, and is
decided like a put. S3 knows no conditional copy, so nothing is copied into these buckets. A name
that the table lets nobody replace may only be put where nothing stands; `unvoiced init` proves that
a store keeps conditions with one object, `probe/conditional-put`, which is left out.
"""

from collections.abc import Sequence

from deployments.aws.estate import BUCKETS, TRAIL, TRAIL_ARN, Bucket, role_resource
from deployments.aws.language import Node, Resource, Section, filled, policy
from unvoiced.access.roles import TABLE, Can, Place, Role
from unvoiced.stores.interface import CONDITIONS_PROBE

ALGORITHM = "s3:x-amz-server-side-encryption"
KEY = "s3:x-amz-server-side-encryption-aws-kms-key-id"
CLIENT_KEY = "s3:x-amz-server-side-encryption-customer-algorithm"
_IS_ABSENT, _IS_NAMED = "true", "false"  # in IAM's words: the key is null, or it is not


def replaceable(place: Place) -> list[str]:
    """The names that the table lets somebody replace there; "*" where it is all of them."""
    found = {
        name
        for rights in TABLE.values()
        for right in rights
        if right.place is place and Can.REPLACE in right.can
        for name in right.names or ("*",)
    }
    return ["*"] if "*" in found else sorted(found)


def _objects(bucket: Bucket) -> Node:
    return filled(f"${{{bucket.logical}.Arn}}/*")


def _deny(sid: str, action: str, where: dict[str, Node], **condition: Node) -> Node:
    statement: dict[str, Node] = {"Sid": sid, "Effect": "Deny", "Principal": "*", "Action": action}
    return {**statement, **where, "Condition": condition}


def _in_transit(bucket: Bucket) -> list[Node]:
    everything: dict[str, Node] = {
        "Resource": [filled(f"${{{bucket.logical}.Arn}}"), _objects(bucket)]
    }
    return [
        _deny("WithoutTls", "s3:*", everything, Bool={"aws:SecureTransport": "false"}),
        _deny("OldTls", "s3:*", everything, NumericLessThan={"s3:TlsVersion": "1.2"}),
    ]


def _at_rest(bucket: Bucket) -> list[Node]:
    where: dict[str, Node] = {"Resource": _objects(bucket)}
    # CloudTrail names the trail's key in its own way, and writes the trail alone.
    by_people: dict[str, Node] = (
        {"Bool": {"aws:PrincipalIsAWSService": "false"}} if bucket is TRAIL else {}
    )
    another_key: Node = {KEY: filled(f"${{{bucket.key}.Arn}}")}

    def deny(sid: str, **condition: Node) -> Node:
        return _deny(sid, "s3:PutObject", where, **condition, **by_people)

    return [
        deny(
            "AnotherEncryption", StringNotEquals={ALGORITHM: "aws:kms"}, Null={ALGORITHM: _IS_NAMED}
        ),
        deny("AnotherKey", StringNotEquals=another_key, Null={ALGORITHM: _IS_NAMED}),
        deny("KeyAlone", StringNotEquals=another_key, Null={KEY: _IS_NAMED}),
        deny("KeyOfTheClient", Null={CLIENT_KEY: _IS_NAMED}),
    ]


def _conditional(bucket: Bucket, place: Place) -> list[Node]:
    creating: Node = {"s3:ObjectCreationOperation": "true"}
    spared, statements = replaceable(place), list[Node]()
    if spared:
        absent: Node = {"s3:if-none-match": _IS_ABSENT, "s3:if-match": _IS_ABSENT}
        where: dict[str, Node] = {"Resource": _objects(bucket)}
        statements.append(_deny("BlindPut", "s3:PutObject", where, Null=absent, Bool=creating))
    if spared == ["*"]:
        return statements
    if place is not Place.RAW:
        spared = sorted({*spared, CONDITIONS_PROBE})
    named = [filled(f"${{{bucket.logical}.Arn}}/{name}") for name in spared]
    where = {"NotResource": named} if named else {"Resource": _objects(bucket)}
    absent = {"s3:if-none-match": _IS_ABSENT}
    statements.append(_deny("Replacing", "s3:PutObject", where, Null=absent, Bool=creating))
    return statements


def _foreign_folder(bucket: Bucket) -> Node:
    """Of the uploader role's sessions, all bear the contributor's pseudonym as a tag."""
    own = filled(f"${{{bucket.logical}.Arn}}/${{!aws:PrincipalTag/contributor}}/*")
    uploader: Node = {"aws:PrincipalArn": filled(f"${{{role_resource(Role.UPLOADER)}.Arn}}")}
    return _deny("ForeignFolder", "s3:PutObject", {"NotResource": own}, ArnEquals=uploader)


def _cold_class(bucket: Bucket) -> Node:
    """A recording in a cold class cannot be read: it could neither be ingested nor be refused."""
    cold: Node = {"s3:x-amz-storage-class": "STANDARD"}
    named: Node = {"s3:x-amz-storage-class": _IS_NAMED}
    where: dict[str, Node] = {"Resource": _objects(bucket)}
    return _deny("ColdClass", "s3:PutObject", where, StringNotEquals=cold, Null=named)


def _locks(bucket: Bucket) -> list[Node]:
    """Nobody locks anything longer, or harder, than the archive's own default."""
    where: dict[str, Node] = {"Resource": _objects(bucket)}
    longer: Node = {"s3:object-lock-remaining-retention-days": {"Ref": "ArchiveDays"}}
    mode: Node = {"s3:object-lock-mode": {"Ref": "ArchiveLockMode"}}
    named: Node = {"s3:object-lock-mode": _IS_NAMED}
    return [
        _deny("LongerLock", "s3:PutObjectRetention", where, NumericGreaterThan=longer),
        _deny("OtherLock", "s3:PutObjectRetention", where, StringNotEquals=mode, Null=named),
    ]


def _allow(sid: str, principal: Node, actions: Sequence[str], where: Node) -> dict[str, Node]:
    return {
        "Sid": sid,
        "Effect": "Allow",
        "Principal": principal,
        "Action": actions,
        "Resource": where,
    }


def _trail(bucket: Bucket) -> list[Node]:
    cloudtrail: Node = {"Service": "cloudtrail.amazonaws.com"}
    arn = f"${{{bucket.logical}.Arn}}"
    own: dict[str, Node] = {"aws:SourceArn": filled(TRAIL_ARN)}
    full: Node = {**own, "s3:x-amz-acl": "bucket-owner-full-control"}
    records = filled(f"{arn}/AWSLogs/${{AWS::AccountId}}/*")
    auditor: Node = {"AWS": filled(f"${{{role_resource(Role.AUDITOR)}.Arn}}")}
    return [
        {
            **_allow("TrailLooks", cloudtrail, ["s3:GetBucketAcl"], filled(arn)),
            "Condition": {"StringEquals": own},
        },
        {
            **_allow("TrailWrites", cloudtrail, ["s3:PutObject"], records),
            "Condition": {"StringEquals": full},
        },
        _allow("AuditorLists", auditor, ["s3:ListBucket"], filled(arn)),
        _allow("AuditorReads", auditor, ["s3:GetObject"], records),
    ]


def _policy(bucket: Bucket) -> Resource:
    statements = [*_in_transit(bucket), *_at_rest(bucket)]
    if bucket.place is not None:
        statements += _conditional(bucket, bucket.place)
    if bucket.place is Place.RAW:
        statements += [_foreign_folder(bucket), _cold_class(bucket)]
    if bucket.place is Place.ARCHIVE:
        statements += _locks(bucket)
    if bucket is TRAIL:
        statements += _trail(bucket)
    return Resource(
        "AWS::S3::BucketPolicy",
        "",
        {"Bucket": {"Ref": bucket.logical}, "PolicyDocument": policy(statements)},
        retained=True,
    )


SECTIONS = (
    Section(
        "Policies of buckets",
        {f"{bucket.logical}Policy": _policy(bucket) for bucket in BUCKETS},
        __doc__,
    ),
)
