"""The role table where stores share a bucket, where there are no versions, and on a second server.

The same cells as in test_role_matrix, fewer of them: what differs is how the policies say it.

Not proven here, as ministack 1.5.33 does not do as Amazon does: it asks for s3:DeleteObject where
a batch deletes versions, does not ask for s3:PutObjectLegalHold where a put's headers hold, and
does not know s3:if-none-match and s3:if-match either.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from tests.access.conftest import STORES, Account, server_name
from tests.access.operations import (
    DELETES,
    LISTS,
    LISTS_BELOW,
    PUTS,
    READS,
    may_destroy,
)
from tests.access.stage import Stage, wrong
from tests.access.test_role_matrix import names_in
from tests.servers import ministack, seaweed
from unvoiced.access.policies import Estate, role_policy
from unvoiced.access.roles import Can, Place, Role, may

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

pytestmark = [pytest.mark.server, pytest.mark.slow]

_SHARED, _PLAIN = "shared", "plain"


def _in_one(bucket: str, *, versioned: bool) -> Estate:
    folders = {place: f"{bucket}/{place.value.replace(' ', '-')}" for place in STORES}
    return Estate(buckets=folders, amazon=False, versioned=versioned)


ESTATES = {_SHARED: _in_one(_SHARED, versioned=True), _PLAIN: _in_one(_PLAIN, versioned=False)}


@pytest.fixture(scope="module")
def accounts() -> Iterator[Mapping[str, Account]]:
    """A server with one bucket that has versions and one that never had, and roles for both."""
    policies = {
        f"{bucket}-{server_name(role)}": role_policy(role, estate)
        for bucket, estate in ESTATES.items()
        for role in Role
    }
    with seaweed.running(iam=seaweed.iam_config(policies)) as server:
        admin = server.client()
        for bucket in ESTATES:
            admin.create_bucket(Bucket=bucket)
        versions: Any = {"Status": "Enabled"}
        admin.put_bucket_versioning(Bucket=_SHARED, VersioningConfiguration=versions)
        yield {bucket: Account(server, estate) for bucket, estate in ESTATES.items()}


def _client(account: Account, bucket: str, role: Role) -> "S3Client":
    return account.server.client(account.server.assume(f"{bucket}-{server_name(role)}"))


@pytest.mark.parametrize("role", Role)
def test_stores_that_share_a_bucket_share_nothing_else(
    accounts: Mapping[str, Account], role: Role
) -> None:
    """A role reads, lists, puts and deletes below the prefixes of its own stores, and there only.

    Whoever lists a store sees whether the bucket has versions; nobody lists all of the bucket.
    """
    account = accounts[_SHARED]
    client, stage = _client(account, _SHARED, role), Stage(account.server.client(), _SHARED)
    operations = [
        *(READS[0], READS[1], PUTS[0], PUTS[1], DELETES[0], DELETES[3]),
        *(one for one in LISTS_BELOW if one.title != "get versioning"),
        *(replace(one, may=lambda *_: False) for one in LISTS),
    ]
    found = [
        line
        for place in STORES
        for name in names_in(place)[:2]
        for line in wrong(stage, client, (role, place, name), operations, account.where(place)[1])
    ]
    assert found == []


@pytest.mark.parametrize("role", Role)
def test_where_there_are_no_versions_the_same_may_destroy(
    accounts: Mapping[str, Account], role: Role
) -> None:
    """By the action that deletes for good in such a bucket, and would only hide in others."""
    account = accounts[_PLAIN]
    admin, client = account.server.client(), _client(account, _PLAIN, role)
    for place in STORES:
        for name in names_in(place):
            at = {"Bucket": _PLAIN, "Key": account.where(place)[1] + name}
            admin.put_object(**at, Body=b"1")
            code = _code(lambda at=at: client.delete_object(**at))
            left = admin.list_objects_v2(Bucket=_PLAIN, Prefix=at["Key"]).get("Contents", [])
            gone = at["Key"] not in {one["Key"] for one in left}
            expected = (None, True) if may_destroy(role, place, name) else ("AccessDenied", False)
            assert (code, gone) == expected, (place, name)


def _code(ask: Any) -> str | None:
    try:
        ask()
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return None


@dataclass(frozen=True)
class Second:
    """Another server: its administrator, each role's client, and each store's bucket."""

    root: "S3Client"
    clients: Mapping[Role, "S3Client"]
    stages: Mapping[Place, Stage]


@pytest.fixture(scope="module")
def second() -> Iterator[Second]:
    """ministack, with a bucket for each store."""
    estate = Estate(
        buckets={place: place.value.replace(" ", "-") for place in STORES}, amazon=False
    )
    with ministack.running() as server:
        root = server.client("s3")
        for bucket in estate.buckets.values():
            root.create_bucket(Bucket=bucket)
            root.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        clients = {
            role: server.client("s3", server.role(server_name(role), role_policy(role, estate)))
            for role in Role
        }
        stages = {place: Stage(root, estate.buckets[place]) for place in STORES}
        yield Second(root, clients, stages)


@pytest.mark.parametrize("role", Role)
def test_a_second_server_reads_the_policies_alike(second: Second, role: Role) -> None:
    """Another's reading of the same policy text, request by request."""
    operations = [READS[0], LISTS[2], *LISTS_BELOW[1:], DELETES[0], DELETES[3], *PUTS]
    found = [
        line
        for place in STORES
        for name in names_in(place)
        for line in wrong(
            second.stages[place], second.clients[role], (role, place, name), operations
        )
    ]
    assert found == []


@pytest.mark.parametrize("place", STORES)
@pytest.mark.parametrize("role", Role)
def test_restoring_from_cold_storage(second: Second, role: Role, place: Place) -> None:
    """An object in cold storage comes back for whom the table lets restore it, and nobody else."""
    at: Any = {"Bucket": second.stages[place].bucket, "Key": f"cold/{server_name(role)}"}
    second.root.put_object(**at, Body=b"1", StorageClass="GLACIER")
    code = _code(lambda: second.clients[role].restore_object(**at, RestoreRequest={"Days": 1}))
    restored = "Restore" in second.root.head_object(**at)
    allowed = may(role, Can.RESTORE, place, at["Key"])
    assert (code, restored) == ((None, True) if allowed else ("AccessDenied", False))
