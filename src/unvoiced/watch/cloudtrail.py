"""CloudTrail's files: which S3 data events are reads of objects of ours. No I/O.

The format is Amazon's: a gzipped JSON object with a list of `Records`. A file holds the events of
everything that the trail is about, in no order; one event may stand in two files, under one id.
The fields used are `eventSource`, `eventName`, `eventTime`, `eventID`, `userIdentity`,
`sourceIPAddress`, `requestParameters`, `additionalEventData`, `errorCode` and `resources`.
"""

import json
import zlib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

from unvoiced.watch.event import Origin
from unvoiced.watch.provider import ANONYMOUS, Buckets, Parsed, ProviderRead

_MOST_BYTES = 128 * 2**20  # of one file, unpacked; CloudTrail has some megabytes in one
_SOURCES = frozenset({"s3.amazonaws.com", "s3express.amazonaws.com"})
_READS = frozenset({"GetObject", "GetObjectTorrent", "SelectObjectContent"})
_COPIES = frozenset({"CopyObject", "UploadPartCopy"})
# Events about an object that send none of its bytes. Any other that is not known here is a read.
_NO_READS = frozenset(
    {
        *("AbortMultipartUpload", "CompleteMultipartUpload", "CreateMultipartUpload"),
        *("DeleteObject", "DeleteObjects", "DeleteObjectTagging", "GetObjectAcl"),
        *("GetObjectAttributes", "GetObjectLegalHold", "GetObjectRetention", "GetObjectTagging"),
        *("HeadObject", "HeadBucket", "ListMultipartUploads", "ListObjects", "ListObjectsV2"),
        *("ListObjectVersions", "ListParts", "PostObject", "PutObject", "PutObjectAcl"),
        *("PutObjectLegalHold", "PutObjectRetention", "PutObjectTagging", "RestoreObject"),
        *("RenameObject", "UpdateObjectEncryption", "UploadPart", "WriteGetObjectResponse"),
    }
)


def parse_file(data: bytes, buckets: Buckets) -> Parsed:
    """The reads of our objects in one file, as it was delivered."""
    try:
        unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)
        text = unpacker.decompress(data, _MOST_BYTES)
        records = json.loads(text)["Records"] if unpacker.eof else None
    except (zlib.error, ValueError, KeyError, TypeError, RecursionError):
        records = None
    if not isinstance(records, list):
        return Parsed(unreadable=1)
    parsed = Parsed()
    for record in records:
        try:
            parsed.reads += _reads(record, buckets)
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
            parsed.unreadable += 1
    return parsed


def _reads(record: Mapping[str, Any], buckets: Buckets) -> Iterator[ProviderRead]:
    """Raises what a mapping of another shape raises."""
    event = record["eventName"]
    if record["eventSource"] not in _SOURCES or event in _NO_READS:
        return
    asked = record.get("requestParameters") or {}
    found = None
    if event in _COPIES:
        source = asked["x-amz-copy-source"]
        bucket, _, key = unquote(source).partition("?versionId=")[0].lstrip("/").partition("/")
        if bucket.startswith("arn:"):  # through an access point: arn:...:accesspoint/NAME/object/K
            found = _by_resources(record, buckets, key.rpartition("/object/")[2])
        else:
            found = buckets.find(bucket, key)
    elif "bucketName" in asked and "key" in asked:
        found = buckets.find(asked["bucketName"], asked["key"])
        found = found or _by_resources(record, buckets, asked["key"])
    elif event in _READS:
        raise ValueError(event)
    if found is None:
        return
    place, name = found
    who = record["userIdentity"]
    extra = record.get("additionalEventData") or {}
    sent = int(float(extra.get("bytesTransferredOut", 0)))
    if event not in _READS | _COPIES and not sent:
        return  # not known here, and nothing was sent
    yield ProviderRead(
        origin=Origin.CLOUDTRAIL,
        id=_text(record["eventID"]),
        moment=datetime.strptime(record["eventTime"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC),
        requester=_requester(who),
        credentials=str(who.get("accessKeyId") or ""),
        source=_text(record["sourceIPAddress"]),
        place=place,
        name=name,
        size=sent,
        refused=str(record.get("errorCode") or ""),
    )


def _by_resources(
    record: Mapping[str, Any], buckets: Buckets, key: str
) -> Any:  # as `Buckets.find`; of an access point the parameters name it, the resources the bucket
    for one in record.get("resources") or ():
        bucket, _, _ = str(one.get("ARN", "")).partition(":s3:::")[2].partition("/")
        if bucket and (found := buckets.find(bucket, key)):
            return found
    return None


def _requester(who: Mapping[str, Any]) -> str:
    if arn := who.get("arn"):
        return _text(arn)
    account, kind = who.get("accountId"), who["type"]
    if account in {"ANONYMOUS_PRINCIPAL", "anonymous"}:
        return ANONYMOUS
    # A service, or a principal of another account.
    return _text(who.get("invokedBy") or who.get("principalId") or f"{kind} {account}")


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError
    return value
