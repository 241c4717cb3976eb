"""One request that deletes many versions: what its answer says, and what it does not."""

import secrets
from collections.abc import Callable
from typing import Any

import pytest

from tests.servers import trouble
from tests.servers.seaweed import Seaweed
from tests.servers.trouble import Answer, Forward, Trouble
from tests.stores.conftest import lockable
from tests.stores.test_locked_contract import put as put_locked
from unvoiced.errors import CredentialsExpired, Locked, NotAllowed, StoreError
from unvoiced.stores.s3 import S3Store
from unvoiced.stores.s3_url import s3_client

pytestmark = pytest.mark.server

Named = list[tuple[str, str]]


@pytest.fixture(scope="module")
def bucket(s3_server: Seaweed) -> str:
    """A versioned bucket; each store has a prefix of its own."""
    return s3_server.bucket(versioned=True)


@pytest.fixture
def store(s3_trouble: Trouble, bucket: str) -> S3Store:
    """Seen through the proxy, by a client that does not ask again."""
    client = s3_client(s3_trouble.endpoint, "us-east-1", read_timeout=2, attempts=1)
    return S3Store(bucket, secrets.token_hex(4), client=client)


def put(store: S3Store, trouble: Trouble, count: int = 5) -> Named:
    """So many objects in two folders; nothing counts as seen by then."""
    names = [f"p{n % 2}/{n}" for n in range(count)]
    made = [(name, store.put_if_absent(name, b"1")) for name in names]
    trouble.behave()
    return made


def left(store: S3Store) -> set[tuple[str, str]]:
    """What the store lists."""
    return {(entry.name, entry.version) for entry in store.versions()}


def asked(s3_trouble: Trouble) -> list[str]:
    """The methods of what was asked for, in order."""
    return [one.method for one in s3_trouble.seen]


def not_deleted(store: S3Store, code: str, *which: tuple[str, str]) -> Callable[[Forward], Answer]:
    """Say of some versions that they met an error, and of no other version anything."""
    said = "".join(
        f"<Error><Key>{store._key(name)}</Key><VersionId>{version}</VersionId>"
        f"<Code>{code}</Code><Message>hunter2 says no</Message></Error>"
        for name, version in which
    )
    return trouble.say(200, f"<DeleteResult>{said}</DeleteResult>".encode(), "application/xml")


def test_many_are_one_request(store: S3Store, s3_trouble: Trouble) -> None:
    """Up to a thousand versions; one alone is a plain DELETE."""
    some = put(store, s3_trouble, 6)
    assert list(store.delete_many(some[:5])) == [None] * 5
    assert list(store.delete_many(some[5:])) == [None]
    assert asked(s3_trouble) == ["POST", "DELETE"]
    assert left(store) == set()


def test_more_than_a_request_takes(store: S3Store, s3_trouble: Trouble) -> None:
    """2001 are two requests and a plain DELETE; that most of them never were is no error."""
    some = put(store, s3_trouble, 3)
    none = [(f"none/{n}", some[0][1]) for n in range(1998)]
    said = list(store.delete_many([some[0], *none[:1000], some[1], *none[1000:], some[2]]))
    assert said == [None] * 2001
    assert asked(s3_trouble) == ["POST", "POST", "DELETE"]
    assert left(store) == set()


@pytest.mark.parametrize("code", ["SlowDown", "InternalError", "AccessDenied", "NoSuchThing"])
def test_what_was_not_deleted_with_the_others_is_deleted_alone(
    store: S3Store, s3_trouble: Trouble, code: str
) -> None:
    """A refusal of one, and silence about the rest: each is asked for by itself, and goes."""
    some = put(store, s3_trouble)
    s3_trouble.next(not_deleted(store, code, some[1], some[3]), method="POST")
    assert list(store.delete_many(some)) == [None] * 5
    assert asked(s3_trouble) == ["POST", *["DELETE"] * 5]
    assert left(store) == set()


def test_a_version_said_to_be_missing_is_gone(store: S3Store, s3_trouble: Trouble) -> None:
    """As for a plain DELETE: whoever needs to know looks."""
    some = put(store, s3_trouble)
    s3_trouble.next(not_deleted(store, "NoSuchVersion", *some), method="POST")
    assert list(store.delete_many(some)) == [None] * 5
    assert asked(s3_trouble) == ["POST"]


def test_what_the_server_goes_on_refusing_is_left_with_its_reason(
    store: S3Store, s3_trouble: Trouble
) -> None:
    """Throttled in the answer to all and again alone: its error, and only its."""
    some = put(store, s3_trouble)
    (name, _) = some[2]

    def all_but_one(forward: Forward) -> Answer:
        answer = forward()
        key = f"<Deleted><Key>{store._key(name)}</Key>".encode()
        return Answer(
            answer.status, answer.headers, answer.body.replace(key, b"<Deleted><Key>?</Key>")
        )

    s3_trouble.next(all_but_one, method="POST")
    s3_trouble.next(trouble.refuse(503, "SlowDown"), method="DELETE")
    said = list(store.delete_many(some))
    assert [one is None for one in said] == [True, True, False, True, True]
    assert str(said[2]).startswith(f"{name}: the store answered SlowDown: ")
    assert asked(s3_trouble) == ["POST", "DELETE"]


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (403, "AccessDenied"),
        (501, "NotImplemented"),
        (405, "MethodNotAllowed"),
        (400, "MalformedXML"),
    ],
)
def test_a_server_that_takes_no_such_request_is_asked_one_by_one(
    store: S3Store, s3_trouble: Trouble, status: int, code: str
) -> None:
    """Or a role that may not make it and may delete a version."""
    some = put(store, s3_trouble)
    s3_trouble.always(trouble.refuse(status, code), method="POST")
    assert list(store.delete_many(some)) == [None] * 5
    assert asked(s3_trouble) == ["POST", *["DELETE"] * 5]
    assert left(store) == set()


def test_a_role_that_may_not_delete_is_told_so_for_each(
    store: S3Store, s3_trouble: Trouble
) -> None:
    """Nothing goes."""
    some = put(store, s3_trouble)
    for method in ("POST", "DELETE"):
        s3_trouble.always(trouble.refuse(403, "AccessDenied"), method=method)
    said = list(store.delete_many(some))
    assert {type(one) for one in said} == {NotAllowed}
    assert [str(one).partition(":")[0] for one in said] == [name for name, _ in some]
    s3_trouble.behave()
    assert left(store) == set(some)


@pytest.mark.parametrize(
    "act",
    [trouble.refuse(503, "SlowDown"), trouble.refuse(500, "InternalError"), trouble.hang_up_before],
    ids=["throttled", "internal", "closed"],
)
def test_a_store_in_trouble_is_not_asked_once_for_each(
    store: S3Store, s3_trouble: Trouble, act: trouble.Act
) -> None:
    """The error is that of every version; none of ours hides the server's text behind it."""
    some = put(store, s3_trouble)
    s3_trouble.always(act)
    said = list(store.delete_many(some))
    assert asked(s3_trouble) == ["POST"]
    for (name, _), one in zip(some, said, strict=True):
        assert type(one) is StoreError
        assert str(one).startswith(f"{name}: ")
        assert "hunter2" not in str(one)
    s3_trouble.behave()
    assert left(store) == set(some)


def test_a_lost_answer_is_asked_for_again(s3_trouble: Trouble, bucket: str) -> None:
    """Done, not heard, sent again: all is gone and nobody is told otherwise."""
    client = s3_client(s3_trouble.endpoint, "us-east-1", attempts=3)
    store = S3Store(bucket, secrets.token_hex(4), client=client)
    some = put(store, s3_trouble)
    s3_trouble.next(trouble.hang_up_after, method="POST")
    assert list(store.delete_many(some)) == [None] * 5
    assert asked(s3_trouble) == ["POST", "POST"]
    assert left(store) == set()


@pytest.mark.parametrize("where", ["request", "answer"])
def test_credentials_that_run_out_are_the_end(
    store: S3Store, s3_trouble: Trouble, where: str
) -> None:
    """Of the request, or of one version in its answer: all that was not deleted says so."""
    some = put(store, s3_trouble)
    expired = trouble.refuse(400, "ExpiredToken")
    if where == "request":
        s3_trouble.always(expired)
    else:
        s3_trouble.next(not_deleted(store, "ExpiredToken", *some), method="POST")
        s3_trouble.always(expired, method="DELETE")
    assert {type(one) for one in store.delete_many(some)} == {CredentialsExpired}
    s3_trouble.behave()
    assert left(store) == set(some)


def test_what_a_server_that_is_none_says_deletes_nothing(
    store: S3Store, s3_trouble: Trouble
) -> None:
    """A page that says 200, or names other keys: each version is asked for by itself."""
    for n, body in enumerate((b"<html>fine</html>", b"<DeleteResult/>", b"")):
        some = put(store, s3_trouble)
        s3_trouble.next(trouble.say(200, body, "application/xml"), method="POST")
        assert list(store.delete_many(some)) == [None] * 5, n
        assert left(store) == set()


def test_locks_and_holds_are_named(s3_server: Seaweed) -> None:
    """A real server's refusals inside of its answer: who reads the report learns what keeps it."""
    bucket = lockable(s3_server)
    store = S3Store(bucket, client=s3_client(s3_server.endpoint, "us-east-1"))
    locked = ("p/locked", put_locked(store, name="p/locked"))
    held = ("p/held", store.put_if_absent("p/held", b"1"))
    free = ("p/free", store.put_if_absent("p/free", b"1"))
    where: dict[str, Any] = {"Bucket": bucket, "Key": held[0], "VersionId": held[1]}
    s3_server.client().put_object_legal_hold(**where, LegalHold={"Status": "ON"})
    said = list(store.delete_many([locked, held, free]))
    assert [type(one) for one in said] == [Locked, Locked, type(None)]
    assert "under object lock (GOVERNANCE) until " in str(said[0])
    assert "under a legal hold" in str(said[1])
    assert left(store) == {locked, held}


def test_a_bucket_without_versions_is_asked_one_by_one(
    s3_trouble: Trouble, s3_server: Seaweed
) -> None:
    """There only a DELETE can have the condition that the object is still that one."""
    client = s3_client(s3_trouble.endpoint, "us-east-1")
    store = S3Store(s3_server.bucket(versioned=False), client=client)
    some = put(store, s3_trouble)
    store.replace(some[0][0], b"another", version=some[0][1])
    s3_trouble.behave()
    assert list(store.delete_many(some)) == [None] * 5
    assert "POST" not in asked(s3_trouble)
    assert {name for name, _ in left(store)} == {some[0][0]}


def test_a_marker_is_deleted_like_a_version(store: S3Store, s3_trouble: Trouble) -> None:
    """And no new one is left behind."""
    some = put(store, s3_trouble)
    for name, _ in some:
        store._client.delete_object(Bucket=store._bucket, Key=store._key(name))
    listed = [(entry.name, entry.version) for entry in store.versions()]
    assert len(listed) == 10
    assert list(store.delete_many(listed)) == [None] * 10
    assert left(store) == set()
