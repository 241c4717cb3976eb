"""A store in an S3 bucket, at Amazon or any server that keeps its conditional requests.

- A put carries its SHA-256, which the server compares; a get compares it with what it received.
- In a versioned bucket a version is S3's own. Use one where anything is disposed of.
- In a bucket without versions the token is "etag:" and the ETag, which is a digest of the bytes:
  there, and only there, the same bytes put again are the same version.
- `replace` asks the server to put only over the ETag that the wanted version has. Should another
  put of the very same bytes come between, it is replaced: in a versioned bucket it stays as a
  noncurrent version.
- `delete` in a bucket without versions looks first and then deletes on condition of the ETag. A
  server that ignores that condition leaves the moment between the two open.
- A put whose answer got lost is sent again, meets itself, and is recognised by the mark it left.

Needs s3:GetBucketVersioning, except to put and to get.
"""

# ruff: noqa: D102 - what the methods promise stands once, at `Store`

import contextlib
import functools
import secrets
import time
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from botocore.exceptions import ClientError

from unvoiced.errors import AlreadyExists, Changed, NotFound, StoreError
from unvoiced.stores.interface import Entry, Stored
from unvoiced.stores.object_name import name_prefix, object_name
from unvoiced.stores.s3_errors import CONFLICT, MISSING, UNMET, code_of, refusals
from unvoiced.stores.s3_listing import Fetch, Page, Position, in_order

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import HeadObjectOutputTypeDef

_ETAG = "etag:"
_QUOTE = '"'
_MARK = "put"
_CONFLICT_PAUSES = (0.05, 0.1, 0.2, 0.4, 0.8)


class S3Store:
    """`Store` in a bucket, below a prefix; see the module for its promises."""

    def __init__(self, bucket: str, prefix: str = "", *, client: "S3Client") -> None:
        self._bucket = bucket
        self._prefix = f"{object_name(prefix.rstrip('/'))}/" if prefix else ""
        self._client = client

    @property
    def url(self) -> str:
        where = {"region": self._client.meta.region_name}
        if not self._at_amazon:
            where["endpoint"] = self._client.meta.endpoint_url
        path = self._prefix.rstrip("/")
        return f"s3://{self._bucket}/{path}?{urlencode(where, safe=':/')}"

    def put_if_absent(self, name: str, data: bytes) -> str:
        return self._put(name, data, {"IfNoneMatch": "*"}, AlreadyExists)

    def replace(self, name: str, data: bytes, *, version: str) -> str:
        current = self._look(name)
        if current is None or _version(current) != version:
            raise Changed(f"{name}: the current version is not {version}")
        return self._put(name, data, {"IfMatch": current["ETag"]}, Changed)

    def get(self, name: str, version: str | None = None) -> Stored:
        wanted: dict[str, Any] = {}
        if version is not None and version.startswith(_ETAG):
            wanted["IfMatch"] = f'"{version.removeprefix(_ETAG)}"'
        elif version is not None:
            wanted["VersionId"] = version
        meaning = {**MISSING, **dict.fromkeys(UNMET, NotFound)}
        with refusals(name, meaning):
            answer = self._client.get_object(
                Bucket=self._bucket, Key=self._key(name), ChecksumMode="ENABLED", **wanted
            )
            # botocore compares the checksum while it reads, and raises at the end of the body.
            data = answer["Body"].read()
        return Stored(name, _version(answer), data)

    def head(self, name: str) -> Entry | None:
        current = self._look(name)
        if current is None:
            return None
        modified = current["LastModified"].astimezone(UTC)
        return Entry(name, _version(current), current["ContentLength"], modified)

    def list(self, prefix: str = "") -> Iterator[Entry]:
        # Only a listing of versions says which version is the current one, so in a versioned
        # bucket this costs what `versions` costs.
        name_prefix(prefix)
        return self._entries(prefix, current_only=True)

    def versions(self, prefix: str = "") -> Iterator[Entry]:
        name_prefix(prefix)
        return self._entries(prefix, current_only=False)

    def delete(self, name: str, version: str) -> None:
        key = self._key(name)
        if version.startswith(_ETAG):
            self._delete_unversioned(name, version)
            return
        with contextlib.suppress(NotFound), refusals(name, MISSING):
            self._client.delete_object(Bucket=self._bucket, Key=key, VersionId=version)

    def _delete_unversioned(self, name: str, version: str) -> None:
        current = self._look(name)
        if current is None or _version(current) != version:
            return
        if self._versioned:
            raise StoreError(f"{name}: {version} names no version in a versioned bucket")
        gone = {**MISSING, **dict.fromkeys(UNMET, NotFound)}
        where: dict[str, Any] = {"Bucket": self._bucket, "Key": self._key(name)}
        with contextlib.suppress(NotFound), refusals(name, gone):
            try:
                self._client.delete_object(**where, IfMatch=current["ETag"])
            except ClientError as error:
                if code_of(error) != "NotImplemented":
                    raise
                self._client.delete_object(**where)

    @functools.cached_property
    def _versioned(self) -> bool:
        with refusals(self._bucket):
            status = self._client.get_bucket_versioning(Bucket=self._bucket).get("Status")
        if status == "Suspended":
            raise StoreError(
                f"{self._bucket}: versioning is suspended, so a version there can be overwritten; "
                "turn it on, or use a bucket that never had it"
            )
        return status == "Enabled"

    @property
    def _at_amazon(self) -> bool:
        host = urlsplit(self._client.meta.endpoint_url).hostname or ""
        return host.endswith((".amazonaws.com", ".amazonaws.com.cn"))

    def _key(self, name: str) -> str:
        return self._prefix + object_name(name)

    def _look(self, name: str) -> "HeadObjectOutputTypeDef | None":
        key = self._key(name)
        # HEAD answers 404 for a missing bucket too, which must not pass for a missing object.
        _ = self._versioned
        try:
            with refusals(name, MISSING):
                return self._client.head_object(Bucket=self._bucket, Key=key)
        except NotFound:
            return None

    def _put(
        self, name: str, data: bytes, condition: dict[str, str], unmet: type[StoreError]
    ) -> str:
        mark = secrets.token_hex(8)
        request: dict[str, Any] = {
            "Bucket": self._bucket,
            "Key": self._key(name),
            "Body": data,
            "ChecksumSHA256": b64encode(sha256(data).digest()).decode(),
            "ContentType": "application/octet-stream",
            "Metadata": {_MARK: mark},
            **condition,
        }
        with refusals(name, dict.fromkeys((*UNMET, "NoSuchKey"), unmet)):
            for pause in _CONFLICT_PAUSES:
                try:
                    return _version(self._client.put_object(**request))
                except ClientError as error:
                    if code_of(error) not in CONFLICT:
                        if version := self._arrived_before(name, mark, error):
                            return version
                        raise
                time.sleep(pause)
        raise StoreError(f"{name}: other writers kept the store from deciding")

    def _arrived_before(self, name: str, mark: str, error: ClientError) -> str | None:
        """The version this put made when it was first sent and the answer got lost."""
        if code_of(error) in UNMET and error.response["ResponseMetadata"].get("RetryAttempts"):
            # Who may only put is not told; to them the object is simply there.
            with contextlib.suppress(StoreError):
                found = self._look(name)
                if found is not None and found["Metadata"].get(_MARK) == mark:
                    return _version(found)
        return None

    def _entries(self, prefix: str, *, current_only: bool) -> Iterator[Entry]:
        with refusals(f"{self._bucket}/{self._prefix}{prefix}"):
            if self._versioned:
                fetch: Fetch = functools.partial(self._page_of_versions, current_only)
            else:
                fetch = self._page_of_objects
            yield from in_order(fetch, prefix, server_keeps_order=self._at_amazon)

    def _page_of_objects(self, prefix: str, delimiter: str, start: Position) -> Page:
        answer = self._client.list_objects_v2(
            Bucket=self._bucket, Prefix=self._prefix + prefix, Delimiter=delimiter, **start
        )
        entries = (
            self._entry(found, f"{_ETAG}{found['ETag'].strip(_QUOTE)}")
            for found in answer.get("Contents", ())
        )
        following: Position | None = None
        if answer["IsTruncated"]:
            following = {"ContinuationToken": answer["NextContinuationToken"]}
        return self._page(entries, answer, following)

    def _page_of_versions(
        self, current_only: bool, prefix: str, delimiter: str, start: Position
    ) -> Page:
        answer = self._client.list_object_versions(
            Bucket=self._bucket, Prefix=self._prefix + prefix, Delimiter=delimiter, **start
        )
        found: list[tuple[Mapping[str, Any], bool]] = [
            (version, False)
            for version in answer.get("Versions", ())
            if version["IsLatest"] or not current_only
        ]
        if not current_only:
            found += [(marker, True) for marker in answer.get("DeleteMarkers", ())]
            # The two came apart in one answer; newest first is how S3 orders a name's versions.
            found.sort(key=lambda of: (of[0]["IsLatest"], of[0]["LastModified"]), reverse=True)
        entries = (self._entry(of, of["VersionId"], delete_marker=m) for of, m in found)
        following: Position | None = None
        if answer["IsTruncated"]:
            following = {"KeyMarker": answer["NextKeyMarker"]}
            if "NextVersionIdMarker" in answer:
                following["VersionIdMarker"] = answer["NextVersionIdMarker"]
        return self._page(entries, answer, following)

    def _page(
        self, entries: Iterable[Entry], answer: Mapping[str, Any], following: Position | None
    ) -> Page:
        folders = (f["Prefix"].removeprefix(self._prefix) for f in answer.get("CommonPrefixes", ()))
        # The prefix itself may be an object: consoles make one to show an empty folder.
        return Page(tuple(e for e in entries if e.name), tuple(folders), following)

    def _entry(
        self, found: Mapping[str, Any], version: str, *, delete_marker: bool = False
    ) -> Entry:
        name = found["Key"].removeprefix(self._prefix)
        modified = found["LastModified"].astimezone(UTC)
        return Entry(name, version, found.get("Size", 0), modified, delete_marker)


def _version(answer: Mapping[str, Any]) -> str:
    return answer.get("VersionId") or f"{_ETAG}{answer['ETag'].strip(_QUOTE)}"
