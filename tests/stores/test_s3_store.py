"""What only a bucket can get wrong: markers, checksums, lost answers, refusals, other servers."""

import subprocess
import sys
import urllib.request
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.awsrequest import AWSPreparedRequest
from botocore.exceptions import ClientError, ConnectionClosedError

from tests.servers.seaweed import Seaweed
from unvoiced.errors import AlreadyExists, Changed, NotFound, StoreError
from unvoiced.stores import Entry
from unvoiced.stores.s3 import S3Store
from unvoiced.stores.s3_listing import Page, Position, in_order
from unvoiced.stores.s3_url import s3_client

server = pytest.mark.server


def opened(s3_server: Seaweed, bucket: str, prefix: str = "") -> S3Store:
    """The store, with a client that gives up at once."""
    client = s3_client(s3_server.endpoint, "us-east-1", attempts=2)
    return S3Store(bucket, prefix, client=client)


@server
def test_a_delete_marker_is_seen_and_removed(s3_server: Seaweed) -> None:
    """A marker hides the object from head and list, shows in versions, and goes by its version."""
    bucket = s3_server.bucket(versioned=True)
    store = opened(s3_server, bucket)
    version = store.put_if_absent("p/one", b"1")
    marker = s3_server.client().delete_object(Bucket=bucket, Key="p/one")["VersionId"]
    assert store.head("p/one") is None
    assert list(store.list()) == []
    assert [(e.version, e.delete_marker) for e in store.versions()] == [
        (marker, True),
        (version, False),
    ]
    with pytest.raises(NotFound):
        store.get("p/one")
    with pytest.raises(NotFound):
        store.get("p/one", marker)
    assert store.get("p/one", version).data == b"1"
    store.delete("p/one", marker)
    assert store.get("p/one").version == version
    store.delete("p/one", version)
    assert list(store.versions()) == []


@server
def test_a_put_over_a_delete_marker_is_a_new_object(s3_server: Seaweed) -> None:
    """Behind a marker the name is free; what was hidden stays a version of its own."""
    bucket = s3_server.bucket(versioned=True)
    store = opened(s3_server, bucket)
    first = store.put_if_absent("p/one", b"1")
    s3_server.client().delete_object(Bucket=bucket, Key="p/one")
    with pytest.raises(Changed):
        store.replace("p/one", b"2", version=first)
    second = store.put_if_absent("p/one", b"2")
    assert [e.version for e in store.list()] == [second]
    assert len(list(store.versions())) == 3


@server
def test_damage_on_the_way_there_is_refused_by_the_server(s3_server: Seaweed) -> None:
    """Bytes that do not match the checksum sent with them are not stored."""
    store = opened(s3_server, s3_server.bucket(versioned=True))
    client = store._client

    def damage(params: dict[str, Any], **_: Any) -> None:
        params["body"] = b"damaged"

    client.meta.events.register("before-call.s3.PutObject", damage)
    with pytest.raises(StoreError, match=r"p/one: the store answered (BadDigest|XAmzContent)"):
        store.put_if_absent("p/one", b"correct")
    assert list(store.versions()) == []


@server
def test_damage_on_the_way_back_is_noticed(s3_server: Seaweed) -> None:
    """A get whose bytes do not match the checksum the server sent is an error, not data."""
    store = opened(s3_server, s3_server.bucket(versioned=False))
    store.put_if_absent("p/one", b"correct")

    class Damaged:
        def __init__(self, raw: Any) -> None:
            self._raw = raw

        def read(self, *args: Any, **named: Any) -> bytes:
            return bytes(self._raw.read(*args, **named)).replace(b"correct", b"c0rrect")

        def __getattr__(self, name: str) -> Any:
            return getattr(self._raw, name)

    def damage(response_dict: dict[str, Any], **_: Any) -> None:
        response_dict["body"]._raw_stream = Damaged(response_dict["body"]._raw_stream)

    store._client.meta.events.register("before-parse.s3.GetObject", damage)
    with pytest.raises(StoreError, match="p/one: FlexibleChecksumError"):
        store.get("p/one")


@server
@pytest.mark.parametrize("versioned", [False, True])
def test_a_put_whose_answer_got_lost_meets_itself(s3_server: Seaweed, versioned: bool) -> None:
    """Sent again after a lost answer, a put returns the version it made, not AlreadyExists."""
    store = opened(s3_server, s3_server.bucket(versioned=versioned))
    lost = []

    def lose_the_first(request: AWSPreparedRequest, **_: Any) -> None:
        if not lost:
            lost.append(request.url)
            again = urllib.request.Request(  # noqa: S310
                request.url, data=request.body, headers=dict(request.headers), method="PUT"
            )
            urllib.request.urlopen(again, timeout=10).close()  # noqa: S310
            raise ConnectionClosedError(endpoint_url=request.url)

    store._client.meta.events.register("before-send.s3.PutObject", lose_the_first)
    version = store.put_if_absent("p/one", b"first")
    assert lost
    assert store.get("p/one").version == version
    lost.clear()
    second = store.replace("p/one", b"second", version=version)
    assert lost
    assert store.get("p/one").version == second
    with pytest.raises(AlreadyExists):
        store.put_if_absent("p/one", b"first")


@server
def test_deleting_spares_what_came_between_look_and_delete(s3_server: Seaweed) -> None:
    """Without versions, an object put after delete's look is spared by the ETag condition."""
    bucket = s3_server.bucket(versioned=False)
    store = opened(s3_server, bucket)
    version = store.put_if_absent("p/one", b"old")

    def put_between(**_: Any) -> None:
        s3_server.client().put_object(Bucket=bucket, Key="p/one", Body=b"new")

    store._client.meta.events.register("before-call.s3.DeleteObject", put_between)
    store.delete("p/one", version)
    assert store.get("p/one").data == b"new"


@server
def test_a_missing_bucket_is_not_an_empty_one(s3_server: Seaweed) -> None:
    """Every method says NoSuchBucket; head above all, to which S3 answers a bare 404."""
    store = opened(s3_server, "no-such-bucket")
    for act in (
        lambda: store.head("p/one"),
        lambda: store.get("p/one"),
        lambda: store.put_if_absent("p/one", b"1"),
        lambda: store.replace("p/one", b"1", version="v"),
        lambda: list(store.list()),
        lambda: list(store.versions()),
        lambda: store.delete("p/one", "etag:x"),
    ):
        with pytest.raises(StoreError, match="NoSuchBucket") as caught:
            act()
        assert not isinstance(caught.value, NotFound)


@server
def test_a_bucket_with_suspended_versioning_is_refused(s3_server: Seaweed) -> None:
    """There a version can be overwritten, so no token could name one put."""
    bucket = s3_server.bucket(versioned=True)
    s3_server.client().put_bucket_versioning(
        Bucket=bucket, VersioningConfiguration={"Status": "Suspended"}
    )
    with pytest.raises(StoreError, match="versioning is suspended"):
        opened(s3_server, bucket).head("p/one")


@server
@pytest.mark.parametrize("credential", ["AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID"])
def test_wrong_credentials_are_said_and_not_shown(
    s3_server: Seaweed, monkeypatch: pytest.MonkeyPatch, credential: str
) -> None:
    """A refused signature or key is a StoreError with the code, and without either value."""
    bucket = s3_server.bucket(versioned=False)
    monkeypatch.setenv(credential, "wrong-hunter2")
    store = opened(s3_server, bucket)
    with pytest.raises(StoreError, match=r"p/one: the store answered [A-Z]") as caught:
        store.put_if_absent("p/one", b"1")
    said = caught.value.diagnostics()
    assert "hunter2" not in said
    assert s3_server.access_key not in said


def test_no_server_is_said_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """A refused connection is a StoreError that says what to check; no address, no cause."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
    client = s3_client("http://127.0.0.1:1", "us-east-1", connect_timeout=1, attempts=1)
    with pytest.raises(StoreError, match=r"^p/one: EndpointConnectionError: nobody ans") as caught:
        S3Store("bucket", client=client).put_if_absent("p/one", b"1")
    assert caught.value.__suppress_context__


def test_the_url_of_a_bucket_at_amazon_names_no_endpoint() -> None:
    """Amazon's endpoint follows from the region."""
    client = s3_client(region="eu-north-1")
    assert S3Store("bucket", "p/q", client=client).url == "s3://bucket/p/q?region=eu-north-1"


@pytest.mark.parametrize(("code", "calls"), [("NotImplemented", 2), ("AccessDenied", 1)])
def test_a_server_without_conditional_delete(code: str, calls: int) -> None:
    """Only where the server says it knows no condition is the object deleted without one."""
    made: list[dict[str, Any]] = []

    class Client:
        def get_bucket_versioning(self, **_: Any) -> dict[str, Any]:
            return {}

        def head_object(self, **_: Any) -> dict[str, Any]:
            return {"ETag": '"e"', "LastModified": datetime.now(UTC), "ContentLength": 1}

        def delete_object(self, **named: Any) -> dict[str, Any]:
            made.append(named)
            if "IfMatch" in named:
                raise ClientError({"Error": {"Code": code}}, "DeleteObject")
            return {}

    store = S3Store("bucket", client=Client())  # type: ignore[arg-type]
    if code == "NotImplemented":
        store.delete("p/one", "etag:e")
    else:
        with pytest.raises(StoreError, match=code):
            store.delete("p/one", "etag:e")
    assert len(made) == calls


def paged(
    names: list[str], size: int, *, repeat: int, asked: list[tuple[str, str]] | None = None
) -> Any:
    """A server that pages through names and repeats some at each page's edge."""

    def fetch(prefix: str, delimiter: str, start: Position) -> Page:
        behind = start if isinstance(start, str) else str(start["behind"])
        if asked is not None:
            asked.append((prefix, behind))
        found = sorted(n for n in names if n.startswith(prefix) and n > behind)
        if delimiter:
            cut = {
                n[: n.index("/", len(prefix)) + 1] if "/" in n[len(prefix) :] else n for n in found
            }
            found = sorted(cut)
        at = 0 if isinstance(start, str) else start["at"]
        page = found[max(0, at - repeat) if at else 0 : at + size]
        entries = tuple(Entry(n, "v", 1, datetime.now(UTC)) for n in page if not n.endswith("/"))
        following = {"at": at + size, "behind": behind} if at + size < len(found) else None
        return Page(entries, tuple(n for n in page if n.endswith("/")), following)

    return fetch


@pytest.mark.parametrize("server_keeps_order", [False, True])
@pytest.mark.parametrize("repeat", [0, 1])
@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_pages_make_one_listing(size: int, repeat: int, server_keeps_order: bool) -> None:
    """Whatever the page size, and with entries repeated at the edges, each name comes once."""
    names = ["a", "a-b/x", "a.b", "a/b/c", "a/b/d", "a/x", "a0/x", "b"]
    fetch = paged(names, size, repeat=repeat)
    listed = in_order(fetch, "", server_keeps_order=server_keeps_order)
    assert [entry.name for entry in listed] == names


@pytest.mark.parametrize("server_keeps_order", [False, True])
@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_a_resumed_listing_of_pages_is_the_tail_of_the_whole(
    size: int, server_keeps_order: bool
) -> None:
    """From every name, whatever the page size; a server that keeps order starts right there."""
    names = ["a", "a-b/x", "a.b", "a/b/c", "a/b/d", "a/x", "a0/x", "b"]
    for after in names:
        asked: list[tuple[str, str]] = []
        fetch = paged(names, size, repeat=1, asked=asked)
        listed = in_order(fetch, "", after, server_keeps_order=server_keeps_order)
        assert [entry.name for entry in listed] == names[names.index(after) + 1 :]
        if server_keeps_order:
            assert {behind for _, behind in asked} == {after}
        else:
            assert not [p for p, _ in asked if p and p < after and not after.startswith(p)]


def test_boto3_waits_until_a_bucket_is_opened() -> None:
    """Importing the stores does not import boto3, which takes most of a second."""
    code = "import sys, unvoiced.stores; sys.exit(any(m.startswith('boto') for m in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
