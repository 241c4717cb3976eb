"""One S3 server per test file on which every role of the table exists, and an estate on it."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from tests.access.contributors import ANNA, MINE, ON_MINISTACK, RAW, THEIRS
from tests.access.operations import lifecycle
from tests.access.stage import Stage
from tests.servers import ministack, seaweed
from unvoiced.access.policies import Estate, grant_policy, role_policy
from unvoiced.access.roles import Place, Role

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

STORES = tuple(place for place in Place if not place.is_key)


@dataclass(frozen=True)
class Account:
    """A server, an estate on it, and what each role's credentials open there."""

    server: seaweed.Seaweed
    estate: Estate
    _clients: "dict[Role, S3Client]" = field(default_factory=dict)

    def where(self, place: Place) -> tuple[str, str]:
        """The bucket of a place, and what its names start with there."""
        bucket, _, prefix = self.estate.buckets[place].partition("/")
        return bucket, f"{prefix}/" if prefix else ""

    def assume(self, role: Role, **narrowed: Any) -> seaweed.Credentials:
        """The credentials of a new session of the role."""
        return self.server.assume(server_name(role), **narrowed)

    def as_role(self, role: Role) -> "S3Client":
        """A client with the credentials of one session of the role, and no others."""
        if role not in self._clients:
            self._clients[role] = self.server.client(self.assume(role))
        return self._clients[role]


def server_name(role: Role) -> str:
    """What a role is called on a server: a name without a space."""
    return role.value.replace(" ", "-")


@pytest.fixture(scope="module")
def signing_key() -> bytes:
    """What the server signs session tokens with."""
    return b"a key for tests, of 32 bytes ..."


@pytest.fixture(scope="module")
def estate() -> Estate:
    """A bucket for each store, on a server that does not know Amazon's condition keys."""
    return Estate(buckets={place: place.value.replace(" ", "-") for place in STORES}, amazon=False)


@pytest.fixture(scope="module")
def account(estate: Estate, signing_key: bytes) -> Iterator[Account]:
    """A server with the estate's buckets, versioned, and the table's roles."""
    policies = {server_name(role): role_policy(role, estate) for role in Role}
    iam = seaweed.iam_config(policies, signing_key=signing_key)
    with seaweed.running(iam=iam) as server:
        account = Account(server, estate)
        admin = server.client()
        for bucket in {account.where(place)[0] for place in STORES}:
            _make(admin, bucket)
        yield account


def _make(admin: "S3Client", bucket: str) -> None:
    """A bucket with something under each of the settings that roles must not change."""
    # An archive is locked; object lock comes with versions.
    admin.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=bucket == "archive")
    admin.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    admin.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration=lifecycle(30))
    by_default: Any = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    admin.put_bucket_encryption(
        Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [by_default]}
    )
    # It decides nothing, as nobody is called that.
    statement = {
        "Effect": "Deny",
        "Principal": {"AWS": "arn:aws:iam::000000000000:user/no-one"},
        "Action": "s3:DeleteBucket",
        "Resource": f"arn:aws:s3:::{bucket}",
    }
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    admin.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))


@pytest.fixture
def admin(account: Account) -> "S3Client":
    """The administrator, with one recording of each contributor in an otherwise empty account."""
    client = account.server.client()
    for place in STORES:
        Stage(client, account.where(place)[0]).clear()
    for key in (MINE, THEIRS):
        client.put_object(Bucket=RAW, Key=key, Body=b"sent earlier")
    return client


@pytest.fixture
def credentials(account: Account, admin: "S3Client") -> dict[str, str]:
    """A grant for Anna."""
    return account.assume(Role.UPLOADER, policy=grant_policy(ANNA, account.estate))


@pytest.fixture
def anna(account: Account, credentials: dict[str, str]) -> "S3Client":
    """Anna, with her grant and nothing else."""
    return account.server.client(credentials)


@pytest.fixture
def sign_in(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Role], seaweed.Credentials]:
    """Makes a new session of a role what boto3 finds in this process, and returns its credentials.

    The audit trail asks there who is reading.
    """

    def as_role(role: Role) -> seaweed.Credentials:
        credentials = account.assume(role)
        for name, value in account.server.environment().items():
            monkeypatch.setenv(name, value)
        for name, value in credentials.items():
            monkeypatch.setenv(name.upper(), value)
        return credentials

    return as_role


@pytest.fixture(scope="module")
def second_server() -> Iterator[ministack.Ministack]:
    """Another server, with the raw bucket and the uploader role: it gives sessions of seconds."""
    with ministack.running() as server:
        root = server.client("s3")
        root.create_bucket(Bucket=RAW)
        root.put_bucket_versioning(Bucket=RAW, VersioningConfiguration={"Status": "Enabled"})
        server.role(Role.UPLOADER.value, role_policy(Role.UPLOADER, ON_MINISTACK))
        yield server
