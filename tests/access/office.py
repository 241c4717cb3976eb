"""A deployment whose stores and vaults are buckets, and the people who work with it by role."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from tests.access.conftest import Account
from tests.access.evaluator import allows
from tests.access.stage import Stage
from tests.ingest.home import STORES, Home, Shelved
from tests.servers.seaweed import Credentials
from unvoiced.access.policies import Estate, role_policy
from unvoiced.access.roles import Place, Role
from unvoiced.config import Role as VaultName
from unvoiced.keys.vault import Vault
from unvoiced.keys.wrapping import Wrapper, wrapper_from_key_file
from unvoiced.sections import DisposalSettings
from unvoiced.stores.s3 import S3Store

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

VAULTS: tuple[VaultName, ...] = get_args(VaultName)

# (action, what it is asked of, and the condition keys that Amazon would see)
Request = tuple[str, str, Mapping[str, str | None]]


@dataclass(frozen=True)
class AtWork(Shelved):
    """Settings whose vaults are opened with one person's credentials, as their stores are."""

    safes: Mapping[str, Vault] = field(default_factory=dict)

    def vault(self, role: VaultName) -> Vault:
        """The vault of that name, in its bucket."""
        return self.safes[role]


@dataclass(frozen=True)
class Person(Home):
    """Somebody with the credentials of one role, and every request they made."""

    role: Role = Role.WORKER
    client: "S3Client | None" = None
    asked: list[Request] = field(default_factory=list)

    def would_be_refused_at_amazon(self) -> list[Request]:
        """What the role's policy, with Amazon's conditions, has no statement for."""
        amazon = Estate(buckets={place: place.value.replace(" ", "-") for place in Place})
        policy = role_policy(self.role, amazon)
        assert self.asked
        return [
            (action, of, context)
            for action, of, context in self.asked
            if not allows(policy, action, of, **context)
        ]


@dataclass(frozen=True)
class Office:
    """The deployment: kept on disk by whoever made it, copied into the account's buckets."""

    account: Account
    founder: Home
    disposal: DisposalSettings = field(default_factory=DisposalSettings)

    @classmethod
    def open(cls, account: Account, folder: Path) -> "Office":
        """In buckets that hold nothing else."""
        founder = Home.create(folder)
        admin = account.server.client()
        for place in account.estate.buckets:
            Stage(admin, account.where(place)[0]).clear()
        stores: dict[Place, Any] = {Place(name): founder.store(name) for name in STORES}
        stores |= {_vault_place(name): founder.settings.vault(name).store for name in VAULTS}
        for place, store in stores.items():
            for entry in store.list():
                data = store.get(entry.name).data
                S3Store(account.where(place)[0], client=admin).put_if_absent(entry.name, data)
        return cls(account, founder)

    def administrator(self) -> Home:
        """Somebody who may do everything: to bring things about, and to look."""
        return self._person(Role.WORKER, self.account.server.client())

    def hire(self, role: Role, **narrowed: Any) -> Person:
        """Somebody with that role's credentials and no others."""
        return self.seat(role, self.account.assume(role, **narrowed))

    def seat(self, role: Role, credentials: Credentials) -> Person:
        """Somebody with these credentials and no others."""
        return self._person(role, self.account.server.client(credentials))

    def _person(self, role: Role, client: "S3Client") -> Person:
        asked: list[Request] = []
        client.meta.events.register("before-parameter-build.s3.*", _recorder(asked))

        def bucket(place: Place) -> S3Store:
            return S3Store(self.account.where(place)[0], client=client)

        settings = AtWork(
            **vars(self.founder.settings) | {"disposal": self.disposal},
            shelf={name: bucket(Place(name)) for name in STORES},
            safes={name: Vault(bucket(_vault_place(name)), self._wrapper(name)) for name in VAULTS},
        )
        return Person(settings, self.founder.clock, role, client, asked)

    def _wrapper(self, name: VaultName) -> Wrapper:
        # In place of a key service: what a role may do with keys is tried in test_role_keys.
        return wrapper_from_key_file(self.founder.settings.folder / "keys" / f"{name}.kek")


def _vault_place(name: VaultName) -> Place:
    return Place(f"{name} vault")


# What Amazon decides each request by.
_ACTIONS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "GetObject": lambda p: "s3:GetObjectVersion" if "VersionId" in p else "s3:GetObject",
    "HeadObject": lambda p: "s3:GetObjectVersion" if "VersionId" in p else "s3:GetObject",
    "PutObject": lambda _: "s3:PutObject",
    "DeleteObject": lambda p: "s3:DeleteObjectVersion" if "VersionId" in p else "s3:DeleteObject",
    "ListObjectsV2": lambda _: "s3:ListBucket",
    "ListObjectVersions": lambda _: "s3:ListBucketVersions",
    "GetObjectRetention": lambda _: "s3:GetObjectRetention",
    "GetObjectLegalHold": lambda _: "s3:GetObjectLegalHold",
    "GetObjectTagging": lambda p: (
        "s3:GetObjectVersionTagging" if "VersionId" in p else "s3:GetObjectTagging"
    ),
    "RestoreObject": lambda _: "s3:RestoreObject",
    "GetBucketVersioning": lambda _: "s3:GetBucketVersioning",
}


def _recorder(asked: list[Request]) -> Callable[..., None]:
    def record(params: Mapping[str, Any], model: Any, **_: Any) -> None:
        if model.name == "DeleteObjects":  # each object is decided by itself
            for one in params["Delete"]["Objects"]:
                of = f"arn:aws:s3:::{params['Bucket']}/{one['Key']}"
                asked.append((_ACTIONS["DeleteObject"](one), of, {}))
            return
        action = _ACTIONS[model.name](params)
        of = f"arn:aws:s3:::{params['Bucket']}" + (f"/{params['Key']}" if "Key" in params else "")
        context = {
            "s3__if_none_match": params.get("IfNoneMatch"),
            "s3__if_match": params.get("IfMatch"),
            "s3__prefix": params.get("Prefix"),
        }
        asked.append((action, of, context))
        if "ObjectLockMode" in params:
            asked.append(("s3:PutObjectRetention", of, {}))
        if "Tagging" in params:
            asked.append(("s3:PutObjectTagging", of, {}))

    return record
