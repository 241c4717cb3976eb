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
- `check_conditions` keeps one tiny object under `probe/conditional-put`. It is never removed: then
  two requests suffice, both refused by a server that keeps its word, and any number of processes
  may ask at once.

Needs s3:GetBucketVersioning, except to put, to get and to check conditions.
"""

# ruff: noqa: D102 - what the methods promise stands once, at `Store`

import contextlib
import functools
import itertools
import secrets
import time
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from botocore.exceptions import (
    ClientError,
    IncompleteReadError,
    ReadTimeoutError,
    ResponseStreamingError,
)

from unvoiced.errors import (
    AlreadyExists,
    Changed,
    CredentialsExpired,
    Locked,
    NotFound,
    StoreError,
    StoreRefused,
)
from unvoiced.stores.deleting import delete_each
from unvoiced.stores.interface import CONDITIONS_PROBE, STANDARD, Entry, Keeping, Stored
from unvoiced.stores.object_name import folder_prefix, name_prefix, object_name
from unvoiced.stores.quick_read import quick_place
from unvoiced.stores.s3_deleting import delete_at_once
from unvoiced.stores.s3_errors import (
    CONFLICT,
    FORBIDDEN,
    MISSING,
    MISSING_TO_HEAD,
    UNMET,
    UNNAMED,
    code_of,
    no_s3_answer,
    refusals,
)
from unvoiced.stores.s3_keeping import ask_for_restore, keeping_of, lock_request, what_locks
from unvoiced.stores.s3_listing import (
    ETAG,
    Fetch,
    Pages,
    etag_version,
    folders_below,
    in_order,
)
from unvoiced.stores.s3_place import is_amazon

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import GetObjectOutputTypeDef, HeadObjectOutputTypeDef

_MARK = "put"
_CONFLICT_PAUSES = (0.05, 0.1, 0.2, 0.4, 0.8)
_PROBE_DATA = b"see unvoiced.stores.s3: this object proves conditional puts; leave it here\n"
_NOBODYS_ETAG = f'"{"0" * 32}"'
_BODY_ATTEMPTS = 4
# Measured on loopback, where 32 bring nothing more, and with 20 ms added to each answer. The client
# keeps more connections open than that (`s3_url`).
_TOGETHER = 16
_random = secrets.SystemRandom()
_MISSING_TO_GET = {**MISSING, **dict.fromkeys(UNMET, NotFound)}
_NO_SUCH_RANGE = frozenset({"InvalidRange", "416"})


class S3Store:
    """`Store` in a bucket, below a prefix; see the module for its promises."""

    def __init__(
        self, bucket: str, prefix: str = "", *, client: "S3Client", credentials: Any = None
    ) -> None:
        """`credentials` are those of the client, in botocore's form, where they are known."""
        self._bucket = bucket
        self._credentials = credentials
        self._prefix = f"{object_name(prefix.rstrip('/'))}/" if prefix else ""
        self._client = client

    @property
    def url(self) -> str:
        where = {"region": self._client.meta.region_name}
        if not self._at_amazon:
            where["endpoint"] = self._client.meta.endpoint_url
        path = self._prefix.rstrip("/")
        return f"s3://{self._bucket}/{path}?{urlencode(where, safe=':/')}"

    @property
    def together(self) -> int:
        return _TOGETHER

    @property
    def quick_place(self) -> dict[str, Any] | None:
        """Where `quick_read` reads; None where the credentials are not known."""
        if self._credentials is None:
            return None
        return quick_place(self._client, self._bucket, self._prefix, self._credentials)

    def check_conditions(self, *, replacing: bool = True) -> None:
        # Put only over nothing: the first put here ever creates the probe, any other is refused.
        if self._probe(IfNoneMatch="*") and self._probe(IfNoneMatch="*"):
            raise self._lacks("If-None-Match", "a put that must not overwrite did")
        # Not by `replace`, which looks for itself first: the server is to refuse.
        if replacing and self._probe(IfMatch=_NOBODYS_ETAG):
            raise self._lacks("If-Match", "a put meant for another version overwrote this one")

    def put_if_absent(self, name: str, data: bytes) -> str:
        return self._put(name, data, {"IfNoneMatch": "*"}, AlreadyExists)

    def replace(self, name: str, data: bytes, *, version: str) -> str:
        current = self._look(name)
        if current is None or _version(name, current) != version:
            raise Changed(f"{name}: the current version is not {version}")
        return self._put(name, data, {"IfMatch": current["ETag"]}, Changed)

    def get(self, name: str, version: str | None = None) -> Stored:
        where = self._to_read(name, version)
        with refusals(name, _MISSING_TO_GET):
            # The checksum is compared while reading, and at the end of the body it raises.
            answer, data = self._read(where | {"ChecksumMode": "ENABLED"})
        return Stored(name, _version(name, answer), data)

    def get_start(self, name: str, version: str, length: int) -> bytes:
        where = self._to_read(name, version)
        with refusals(name, _MISSING_TO_GET):
            try:
                answer, data = self._read(where | {"Range": f"bytes=0-{length - 1}"})
            except ClientError as error:
                if code_of(error) in _NO_SUCH_RANGE:
                    return b""  # nothing lies before its end only where there is nothing
                raise
        _version(name, answer)
        return data[:length]

    def _to_read(self, name: str, version: str | None) -> dict[str, Any]:
        where: dict[str, Any] = {"Bucket": self._bucket, "Key": self._key(name)}
        if version is not None and version.startswith(ETAG):
            where["IfMatch"] = f'"{version.removeprefix(ETAG)}"'
        elif version is not None:
            where["VersionId"] = version
        return where

    def _read(self, request: Mapping[str, Any]) -> "tuple[GetObjectOutputTypeDef, bytes]":
        for attempt in itertools.count(1):
            answer = self._client.get_object(**request)
            try:
                return answer, answer["Body"].read()
            except (IncompleteReadError, ReadTimeoutError, ResponseStreamingError):
                # boto3 tries again until a body begins, and not when one breaks off.
                if attempt == _BODY_ATTEMPTS:
                    raise
                time.sleep(_random.uniform(0, 0.25 * 2**attempt))
        raise AssertionError  # it has no end

    def head(self, name: str) -> Entry | None:
        current = self._look(name)
        if current is None:
            return None
        return Entry(
            name,
            _version(name, current),
            current["ContentLength"],
            current["LastModified"].astimezone(UTC),
            storage_class=current.get("StorageClass") or STANDARD,
        )

    def list(self, prefix: str = "") -> Iterator[Entry]:
        # Only a listing of versions says which version is the current one, so in a versioned
        # bucket this costs what `versions` costs.
        name_prefix(prefix)
        return self._entries(prefix, "", current_only=True)

    def versions(self, prefix: str = "", after: str = "") -> Iterator[Entry]:
        name_prefix(prefix)
        return self._entries(prefix, after, current_only=False)

    def folders(self, prefix: str = "") -> Iterator[str]:
        return self._folders(folder_prefix(prefix))

    def put_locked(
        self,
        name: str,
        data: bytes,
        *,
        until: datetime,
        mode: str,
        storage_class: str,
        labels: Mapping[str, str],
    ) -> str:
        kept = lock_request(until, mode, storage_class, labels)
        return self._put(name, data, {"IfNoneMatch": "*", **kept}, AlreadyExists)

    def keeping(self, name: str, version: str) -> Keeping | None:
        where = self._where(name, version)
        # Listed, and not asked for by HEAD, which takes the right to read.
        of_this_name = itertools.takewhile(lambda one: one.name == name, self.versions(name))
        listed = next((one for one in of_this_name if one.version == version), None)
        if listed is None or listed.delete_marker:
            return None
        try:
            with refusals(name, MISSING):
                return keeping_of(self._client, where, listed)
        except NotFound:
            return None

    def restore(self, name: str, version: str, *, days: int, tier: str) -> bool:
        where = self._where(name, version)
        _ = self._versioned  # as in _look
        with refusals(name, MISSING_TO_HEAD):
            found = self._client.head_object(**where)
        with refusals(name, {"NoSuchKey": NotFound, "NoSuchVersion": NotFound}):
            return ask_for_restore(self._client, where, found, days=days, tier=tier)

    def delete(self, name: str, version: str) -> None:
        key = self._key(name)
        if version.startswith(ETAG):
            self._delete_unversioned(name, version)
            return
        with contextlib.suppress(NotFound), refusals(name, MISSING):
            try:
                self._client.delete_object(Bucket=self._bucket, Key=key, VersionId=version)
            except ClientError as error:
                where = self._where(name, version)
                if code_of(error) in FORBIDDEN and (lock := what_locks(self._client, where)):
                    said = f"{name}: the store answered {code_of(error)}: the version is {lock}"
                    raise Locked(said) from None
                raise

    def delete_many(self, versions: Sequence[tuple[str, str]]) -> Sequence[StoreError | None]:
        keys = {one: self._key(one[0]) for one in versions}
        with_id = {one: key for one, key in keys.items() if not one[1].startswith(ETAG)}
        outcome = delete_at_once(self._client, self._bucket, with_id)
        alone = [one for one in keys if one not in outcome]
        expired = [error for error in outcome.values() if isinstance(error, CredentialsExpired)]
        if expired:
            outcome |= dict.fromkeys(alone, expired[0])
        else:
            outcome |= zip(alone, delete_each(self, alone), strict=True)
        return [outcome[one] for one in versions]

    def _delete_unversioned(self, name: str, version: str) -> None:
        # Asked anew, and first: where versioning was turned on since it was read, the object is the
        # version "null", and behind a newer one or a marker neither HEAD nor If-Match sees it.
        self._versioned = self._ask_versioned()
        if self._versioned:
            raise StoreError(
                f"{name}: versions were turned on since this was read; the next run finds it again"
            )
        current = self._look(name)
        if current is None or _version(name, current) != version:
            return
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
        return self._ask_versioned()

    def _ask_versioned(self) -> bool:
        with refusals(self._bucket):
            status = self._client.get_bucket_versioning(Bucket=self._bucket).get("Status")
        if status == "Suspended":
            raise StoreRefused(
                f"{self._bucket}: versioning is suspended, so a version there can be overwritten; "
                "turn it on, or use a bucket that never had it"
            )
        return status == "Enabled"

    @property
    def _at_amazon(self) -> bool:
        return is_amazon(self._client.meta.endpoint_url)

    def _where(self, name: str, version: str) -> dict[str, Any]:
        """A version as requests name it."""
        where = {"Bucket": self._bucket, "Key": self._key(name)}
        return where if version.startswith(ETAG) else {**where, "VersionId": version}

    def _key(self, name: str) -> str:
        return self._prefix + object_name(name)

    def _look(self, name: str) -> "HeadObjectOutputTypeDef | None":
        key = self._key(name)
        # HEAD answers 404 for a missing bucket too, which must not pass for a missing object.
        _ = self._versioned
        try:
            with refusals(name, MISSING_TO_HEAD):
                try:
                    found = self._client.head_object(Bucket=self._bucket, Key=key)
                except ClientError as error:
                    if code_of(error) in UNNAMED:
                        # An answer to HEAD cannot say why; to this question the same refusal can.
                        self._client.get_bucket_versioning(Bucket=self._bucket)
                    raise
        except NotFound:
            return None
        if not {"ETag", "LastModified", "ContentLength"} <= found.keys():
            raise no_s3_answer(name)
        return found

    def _put(
        self, name: str, data: bytes, condition: Mapping[str, Any], unmet: type[StoreError]
    ) -> str:
        mark = secrets.token_hex(8)
        sent_before = False
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
                    return _version(name, self._client.put_object(**request))
                except ClientError as error:
                    # That of an earlier turn counts too: its first try may have arrived unheard.
                    sent_before |= bool(error.response["ResponseMetadata"].get("RetryAttempts"))
                    if code_of(error) not in CONFLICT:
                        if sent_before and (version := self._arrived_before(name, mark, error)):
                            return version
                        raise
                    sent_before = True
                time.sleep(pause)
        raise StoreError(f"{name}: other writers kept the store from deciding")

    def _arrived_before(self, name: str, mark: str, error: ClientError) -> str | None:
        """The version this put made when it was first sent and the answer got lost."""
        if code_of(error) in UNMET:
            # Who may only put is not told; to them the object is simply there.
            try:
                found = self._look(name)
            except CredentialsExpired:
                raise
            except StoreError:
                return None
            if found is not None and found["Metadata"].get(_MARK) == mark:
                return _version(name, found)
        return None

    def _probe(self, **condition: str) -> bool:
        """Put the probe on this condition; whether the server did."""
        request: dict[str, Any] = {
            "Bucket": self._bucket,
            "Key": self._key(CONDITIONS_PROBE),
            **condition,
        }
        with refusals(CONDITIONS_PROBE):
            for pause in _CONFLICT_PAUSES:
                try:
                    _version(CONDITIONS_PROBE, self._client.put_object(**request, Body=_PROBE_DATA))
                except ClientError as error:
                    if code_of(error) in UNMET:
                        return False
                    if code_of(error) not in CONFLICT:
                        raise
                else:
                    return True
                time.sleep(pause)
        raise StoreError(f"{CONDITIONS_PROBE}: other writers kept the store from deciding")

    def _lacks(self, promise: str, what: str) -> StoreError:
        return StoreError(
            f"{self.url}: the server does not honour {promise} on a put ({what}), so two runs at "
            "once could destroy each other's work: this store cannot be used"
        )

    def _folders(self, prefix: str) -> Iterator[str]:
        with refusals(f"{self._bucket}/{self._prefix}{prefix}"):
            pages = Pages(self._client, self._bucket, self._prefix)
            fetch = pages.of_versions if self._versioned else pages.of_objects
            yield from folders_below(fetch, prefix, server_forgets=self._at_amazon)

    def _entries(self, prefix: str, after: str, *, current_only: bool) -> Iterator[Entry]:
        with refusals(f"{self._bucket}/{self._prefix}{prefix}"):
            pages = Pages(self._client, self._bucket, self._prefix)
            fetch: Fetch = pages.of_objects
            if self._versioned:
                fetch = pages.of_current_versions if current_only else pages.of_versions
            yield from in_order(fetch, prefix, after, server_keeps_order=self._at_amazon)


def _version(name: str, answer: Mapping[str, Any]) -> str:
    if version := answer.get("VersionId"):
        return str(version)
    if etag := answer.get("ETag"):
        return etag_version(etag)
    raise no_s3_answer(name)
