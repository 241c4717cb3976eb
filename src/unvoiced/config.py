"""The settings file `unvoiced.toml`, and opening what it names.

It holds places, names and numbers: no key, passphrase or credential ever stands in it. Places
without a scheme are paths relative to the file.
"""

import getpass
import itertools
import os
import re
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, get_args
from urllib.parse import unquote, urlsplit

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from unvoiced.access import roles as access_roles
from unvoiced.access.policies import Estate, partition_of
from unvoiced.access.roles import Place
from unvoiced.errors import AccessError, InputError, StoreError, VerificationError
from unvoiced.keys.vault import Vault, how_to_unlock
from unvoiced.keys.wrapping import wrapper_from_key_file, wrapper_from_passphrase
from unvoiced.log.accounts import Accounts
from unvoiced.log.note import Signer, Verifier
from unvoiced.log.reader import LogReader
from unvoiced.log.remembered import RememberedCheckpoint
from unvoiced.log.snapshot import LedgerSnapshots
from unvoiced.log.writer import LogWriter
from unvoiced.sections import (
    DisposalSettings,
    IngestSettings,
    ReadingSettings,
    RetentionSettings,
    ReviewSettings,
    WatchSettings,
)
from unvoiced.stores import Store, open_store
from unvoiced.stores.s3_place import S3Place

FILE_NAME = "unvoiced.toml"
Role = Literal["worker", "dataset", "inviter", "archive"]
StoreName = Literal["raw", "training", "log", "journal", "audit", "archive"]


KMS_NAMES = (*get_args(Role), "log")


@dataclass(frozen=True)
class Settings:
    """All of `unvoiced.toml`."""

    path: Path
    stores: Mapping[str, str]
    vaults: Mapping[str, str]
    log_vkey: str
    ingest: IngestSettings = field(default_factory=IngestSettings)
    disposal: DisposalSettings = field(default_factory=DisposalSettings)
    retention: RetentionSettings = field(default_factory=RetentionSettings)
    reading: ReadingSettings = field(default_factory=ReadingSettings)
    watch: WatchSettings = field(default_factory=WatchSettings)
    review: ReviewSettings = field(default_factory=ReviewSettings)
    kms: Mapping[str, str] = field(default_factory=dict)  # key ARNs: by vault, and the log's own
    roles: Mapping[str, str] = field(default_factory=dict)  # role ARNs, by name in docs/roles.md
    log_url: str = ""  # where the log's copy is published, for links; without a final slash

    @property
    def folder(self) -> Path:
        """Where the settings file is; places in it are relative to this."""
        return self.path.parent

    def store_url(self, name: str) -> str:
        """Where one of the stores is."""
        return self._place(self.stores, "stores", name)

    def vault_url(self, role: str) -> str:
        """Where one of the key vaults is."""
        return self._place(self.vaults, "vaults", role)

    def store(self, name: StoreName) -> Store:
        """Open one of the stores."""
        return open_store(self.store_url(name))

    def archive(self) -> Store | None:
        """Open the archive; None where there is none."""
        return self.store("archive") if "archive" in self.stores else None

    def feature_set(self, name: str) -> str | Path:
        """What `features.load` takes: a built-in's name, or a path relative to the file."""
        return self.folder / name if name.endswith(".toml") else name

    def places(self) -> dict[Place, str]:
        """The urls of all stores and vaults."""
        return {
            **{Place(name): self.store_url(name) for name in self.stores},
            **{Place(f"{role} vault"): self.vault_url(role) for role in self.vaults},
        }

    def estate(self) -> Estate:
        """What places are called where they are in buckets; for the policies of their roles.

        Raises `InputError` where they are in several regions, or on several servers.
        """
        places = {
            place: S3Place.parse(url)
            for place, url in self.places().items()
            if url.startswith("s3://")
        }
        if len({(place.endpoint, place.region) for place in places.values()}) > 1:
            raise InputError(
                f"{self.path}: the buckets are in several regions, or on several servers"
            )
        somewhere = next(iter(places.values()), None)
        region = (somewhere.region if somewhere else None) or "us-east-1"
        return Estate(
            buckets={place: where.folder for place, where in places.items()},
            keys={Place(f"{name} key"): arn for name, arn in self.kms.items()},
            uploader_role=self.roles.get(access_roles.Role.UPLOADER.setting, ""),
            provider_logs=self.provider_logs(),
            topic=self.watch.topic,
            partition=partition_of(region),
            region=region,
            amazon=somewhere is not None and somewhere.at_amazon,
        )

    def provider_logs(self) -> dict[str, str]:
        """Where the provider puts its own logs, as an estate has it: the keys are not known."""
        urls = (self.watch.cloudtrail, self.watch.access_logs)
        return {S3Place.parse(url).folder: "" for url in urls if url.startswith("s3://")}

    def log_reader(self) -> LogReader:
        """The log, to read and verify; needs no secret."""
        return LogReader(self.store("log"), Verifier.parse(self.log_vkey))

    def signer(self, worker: Vault) -> Signer:
        """The log's signing key: the key service's that [kms] names, or else the worker vault's.

        Raises `AccessError`, and `VerificationError` where it is not the key in [log] vkey.
        """
        verifier = Verifier.parse(self.log_vkey)
        if "log" in self.kms:
            signer = kms_signer(verifier.name, self.kms["log"])
        else:
            key = Ed25519PrivateKey.from_private_bytes(worker.get("log/signing"))
            signer = Signer(verifier.name, key)
        if signer.verifier != verifier:
            raise VerificationError(f"the signing key is not the one that {self.path} names")
        return signer

    def accounts(self, worker: Vault, signer: Signer | None = None) -> Accounts:
        """The log, to write to, signed for by `signer` or else with `self.signer(worker)`.

        Raises `VerificationError` when it does not extend the checkpoint remembered in the vault:
        it was rolled back, and appending would make a second history.
        """
        store, verifier = self.store("log"), Verifier.parse(self.log_vkey)
        remembered = RememberedCheckpoint(worker.store, "log-checkpoint", verifier)
        signer = signer or self.signer(worker)
        writer = LogWriter(store, signer)
        reader = LogReader(store, verifier, remembered=remembered.load())
        reader.checkpoint()
        remembered.keep(reader.note)  # now: a vault that cannot be written is to be known at once
        return Accounts(writer, reader, remembered, snapshots=LedgerSnapshots(store, signer))

    def vault(self, role: Role) -> Vault:
        """Open the key vault of one role. Raises `AccessError`.

        A vault whose key [kms] names is unlocked by the key service. Of the others, one with a key
        file has it beside its folder, as `<vault>.kek`; a passphrase is read from the file that
        `UNVOICED_<ROLE>_PASSPHRASE_FILE` names, or asked for where there is a terminal; worker
        processes have none.
        """
        place = self.vault_url(role)
        try:
            store = open_store(place)
        except StoreError as error:
            raise AccessError(f"there is no key vault at {place}: {error}") from None
        unlock = how_to_unlock(store)
        if unlock.kms != (role in self.kms):
            there = "is" if unlock.kms else "is not"
            raise AccessError(
                f"the {role} vault {there} under a key of a key service, and "
                f"[kms] {role} in {self.path} says otherwise"
            )
        if unlock.kms:
            # Only here, as boto3 takes long to import.
            from unvoiced.aws.kms import KmsWrapper, key_arn, kms_client, region_of

            arn = key_arn(self.kms[role])
            # Bound to this log: secrets of two deployments under one key do not change places.
            origin = Verifier.parse(self.log_vkey).name
            return Vault(store, KmsWrapper(arn, kms_client(region_of(arn)), origin))
        if unlock.argon2id is not None:
            unlock.argon2id.check_price()
            return Vault(store, wrapper_from_passphrase(_passphrase(role), unlock.argon2id))
        key_file = wrapper_from_key_file(key_file_of(place))
        return Vault(store, key_file, key_file.writing)

    def _place(self, table: Mapping[str, str], section: str, name: str) -> str:
        try:
            place = table[name]
        except KeyError:
            raise InputError(f"{self.path} has no {name} under [{section}]") from None
        return place if "://" in place else (self.folder / place).resolve().as_uri()


def one_place_each(urls: Mapping[Place, str]) -> None:
    """Raises `InputError` where two places have one url, or one lies in the other.

    What one store keeps would be foreign objects in the other, and ingest would quarantine it.
    """
    places = {
        place if place.endswith("vault") else f"store {place}": url for place, url in urls.items()
    }
    folders = {what: url.partition("?")[0].rstrip("/") + "/" for what, url in places.items()}
    for (one, its), (other, others) in itertools.combinations(folders.items(), 2):
        if its.startswith(others) or others.startswith(its):
            raise InputError(f"{one} and {other} are one place: {places[one]}, {places[other]}")


def kms_signer(name: str, arn: str) -> Signer:
    """A signer whose key never leaves the key service. Raises `AccessError` or `InputError`."""
    from unvoiced.aws.kms import KmsSigningKey, key_arn, kms_client, region_of

    key = KmsSigningKey(key_arn(arn), kms_client(region_of(arn)))
    return Signer(name, key)


def key_file_of(vault_url: str) -> Path:
    """Where the key file of a vault is, beside its folder. Raises `AccessError` for a bucket's."""
    if not vault_url.startswith("file://"):
        raise AccessError(f"the vault at {vault_url} needs a passphrase, not a key file")
    folder = Path(unquote(urlsplit(vault_url).path))
    return folder.with_name(f"{folder.name}.kek")


def passphrase_from_file(role: Role, *, new: bool = False) -> str | None:
    """The passphrase in the file that `UNVOICED_<ROLE>_PASSPHRASE_FILE` names, if it names one.

    With `new`, the one a vault is moved to: `UNVOICED_<ROLE>_NEW_PASSPHRASE_FILE`.
    """
    variable = f"UNVOICED_{role.upper()}{'_NEW' if new else ''}_PASSPHRASE_FILE"
    named = os.environ.get(variable)
    if not named:
        return None
    try:
        return Path(named).read_text(encoding="utf-8").rstrip("\n")
    except OSError as error:
        raise AccessError(f"{variable}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise AccessError(f"the file that {variable} names is not text") from None


def _passphrase(role: Role) -> str:
    given = passphrase_from_file(role)
    if given is not None:
        return given
    if sys.stdin is not None and sys.stdin.isatty():
        return getpass.getpass(f"Passphrase of the {role} vault: ")
    variable = f"UNVOICED_{role.upper()}_PASSPHRASE_FILE"
    raise AccessError(f"the {role} vault has a passphrase: name its file in {variable}")


def load_settings(place: Path) -> Settings:
    """Read `unvoiced.toml`, or a folder's. Raises `InputError` for what it does not know."""
    path = place / FILE_NAME if place.is_dir() else place
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: {error.strerror} ({_how_to_name_one()})") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not TOML: {error}") from None
    known: dict[str, Mapping[str, type]] = {
        "stores": dict.fromkeys(get_args(StoreName), str),
        "vaults": dict.fromkeys(get_args(Role), str),
        "log": {"vkey": str, "url": str},
        "ingest": _types(IngestSettings),
        "disposal": _types(DisposalSettings),
        "retention": _types(RetentionSettings),
        "reading": _types(ReadingSettings),
        "watch": _types(WatchSettings),
        "review": _types(ReviewSettings),
        "kms": dict.fromkeys(KMS_NAMES, str),
        "roles": dict.fromkeys((role.setting for role in access_roles.Role), str),
    }
    if unknown := content.keys() - known.keys():
        raise InputError(f"{path} has unknown sections: {', '.join(sorted(unknown))}")
    tables = {name: _table(path, content, name, types) for name, types in known.items()}
    for section in ("stores", "vaults", "log"):
        if not tables[section]:
            raise InputError(f"{path} lacks {section!r}")
    settings = Settings(
        path=path.resolve(),
        stores=tables["stores"],
        vaults=tables["vaults"],
        log_vkey=tables["log"]["vkey"],
        log_url=_published(tables["log"].get("url", "")),
        ingest=IngestSettings(**tables["ingest"]),
        disposal=DisposalSettings(**tables["disposal"]),
        retention=RetentionSettings.given(tables["retention"]),
        reading=ReadingSettings(**tables["reading"]),
        watch=WatchSettings(**tables["watch"]),
        review=ReviewSettings(**tables["review"]),
        kms=tables["kms"],
        roles=tables["roles"],
    )
    one_place_each(settings.places())
    return settings


def _how_to_name_one() -> str:
    """What to do where there is no settings file."""
    said = "name one with -c or UNVOICED_CONFIG, or make one with `unvoiced init`"
    of_make_up = Path(".unvoiced", "deployment", FILE_NAME)
    return f"{said}; `make up` made {of_make_up}" if of_make_up.is_file() else said


def _published(url: str) -> str:
    """Where people fetch the log from. Pages link to it, so nothing but an address passes."""
    if url and not re.fullmatch(r"https?://[A-Za-z0-9.:/_~%-]+", url):
        raise InputError("[log] url is where the log's copy is published: https://...")
    return url.rstrip("/")


def _types(
    settings: type[
        IngestSettings
        | DisposalSettings
        | RetentionSettings
        | ReadingSettings
        | WatchSettings
        | ReviewSettings
    ],
) -> dict[str, type]:
    return {setting.name: type(setting.default) for setting in fields(settings)}


def _table(
    path: Path, content: dict[str, Any], section: str, types: Mapping[str, type]
) -> dict[str, Any]:
    """One section, each of its settings known and of its type; lists of names become tuples."""
    table = content.get(section, {})
    if not isinstance(table, dict):
        raise InputError(f"{path}: [{section}] is not a table")
    if unknown := table.keys() - types.keys():
        names = ", ".join(sorted(unknown))
        raise InputError(f"{path} has unknown settings under [{section}]: {names}")
    checked = {}
    for name, value in table.items():
        if types[name] is tuple:
            well_typed = isinstance(value, list) and all(isinstance(one, str) for one in value)
        else:
            well_typed = type(value) is types[name]
        if not well_typed:
            raise InputError(f"{path}: [{section}] {name} has a value of the wrong type")
        checked[name] = tuple(value) if types[name] is tuple else value
    return checked
