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
from datetime import date
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
from unvoiced.log.writer import LogWriter
from unvoiced.stores import Store, open_store
from unvoiced.stores.s3_place import S3Place

FILE_NAME = "unvoiced.toml"
Role = Literal["worker", "dataset", "inviter", "archive"]
StoreName = Literal["raw", "training", "log", "journal", "audit", "archive"]


KMS_NAMES = (*get_args(Role), "log")
STORAGE_CLASSES = ("STANDARD", "STANDARD_IA", "GLACIER_IR", "GLACIER", "DEEP_ARCHIVE")
# Starting points, and no more: docs/retention.md. Values in a settings file stand over these.
PRESETS: Mapping[str, Mapping[str, Any]] = {
    # 740 ILCS 14/15(a): when the purpose is satisfied, or within three years (1095 days or 1096) of
    # the last interaction, whichever is first. What is seen of an interaction here is what was made
    # of it, up to raw_days and quarantine_days later; and a week is for runs that come late.
    "bipa": {
        "raw_days": 30,
        "quarantine_days": 30,
        "inactive_days": 1028,
        "archive_days": 1028,  # a lock that lasts longer would keep the original beyond the law
    },
    # Regulation (EU) 2016/679, article 5(1)(c) and (e): no longer than is necessary. It has no
    # numbers; these put an end to everything that has one here.
    "gdpr-minimal": {
        "raw_days": 30,
        "quarantine_days": 30,
        "archive_days": 30,
        "features_days": 365,
        "inactive_days": 365,
        "audit_days": 365,
    },
}
_WITHOUT_END = frozenset({"features_days", "inactive_days"})
_ARCHIVED = re.compile(r"\*|[a-z2-7]{26}(/[a-z0-9-]*)?")
_FEATURE_DIRECTORY = re.compile(r"[a-z0-9][a-z0-9-]{0,47}-[0-9a-f]{8}")
_AT_LEAST_ONE = ("batch_samples", "batch_bytes", "max_recording_bytes", "max_recording_seconds")


@dataclass(frozen=True)
class IngestSettings:
    """How ingest runs."""

    feature_sets: tuple[str, ...] = ("speech-16k",)  # built-in names or paths of TOML files
    batch_samples: int = 256  # recordings in one Prefect task
    batch_bytes: int = 64 * 2**20  # sealed bytes, and feature bytes, held in memory at once
    max_recording_bytes: int = 2**30  # a larger sealed object is left where it is, and reported
    max_recording_seconds: int = 4 * 3600  # a longer recording is quarantined
    workers: int = 0  # worker processes; 0 is one per core

    def __post_init__(self) -> None:
        """Refuse what cannot work, with `InputError` naming the setting."""
        if not self.feature_sets:
            raise InputError("[ingest] feature_sets names at least one feature set")
        for name in _AT_LEAST_ONE:
            if getattr(self, name) < 1:
                raise InputError(f"[ingest] {name} is at least 1")
        if self.workers < 0:
            raise InputError("[ingest] workers is 0 (one per core) or more")


@dataclass(frozen=True)
class DisposalSettings:
    """What becomes of an original once its features are stored: deleted, or archived first."""

    # Whose originals are archived: "*", a pseudonym, or the beginning of object names in raw.
    archive: tuple[str, ...] = ()
    storage_class: str = "GLACIER"
    lock_mode: str = "GOVERNANCE"

    def __post_init__(self) -> None:
        """Refuse what no store knows, with `InputError` naming the setting."""
        if self.storage_class not in STORAGE_CLASSES:
            raise InputError(f"[disposal] storage_class is one of: {', '.join(STORAGE_CLASSES)}")
        if self.lock_mode not in {"GOVERNANCE", "COMPLIANCE"}:
            raise InputError("[disposal] lock_mode is GOVERNANCE or COMPLIANCE")
        for prefix in self.archive:
            if not _ARCHIVED.fullmatch(prefix):
                raise InputError(
                    f"[disposal] archive: {prefix!r} is neither '*' nor a pseudonym, nor the "
                    "beginning of a name PSEUDONYM/SAMPLE"
                )

    def archives(self, name: str) -> bool:
        """Whether the original under this name of the raw store is archived."""
        return any(
            one == "*" or (name.startswith(one) if "/" in one else name.startswith(f"{one}/"))
            for one in self.archive
        )


@dataclass(frozen=True)
class RetentionSettings:
    """How long things are kept, in days; 0 is without end where a comment says so.

    `preset` is where the values come from that the settings file does not give.
    """

    preset: str = ""
    raw_days: int = 90  # a recording that ingest never came to
    quarantine_days: int = 90  # one that could not become features
    archive_days: int = 1095  # an archived original; it is locked until then
    features_days: int = 0  # features; 0: until their purpose is satisfied
    inactive_days: int = 0  # all of a contributor's, after their last upload; 0: never for that
    purpose_satisfied: str = ""  # the day (2029-12-31) from which no features are needed
    retired_feature_sets: tuple[str, ...] = ()  # directories (name-digest8) to be destroyed
    audit_days: int = 1095  # who read what
    intake_grace_days: int = 7  # an intake key, after the next epoch began
    noncurrent_days: int = 7  # an object's version that was replaced or hidden
    incomplete_upload_days: int = 1  # parts of an upload that was never completed

    def __post_init__(self) -> None:
        """Refuse what cannot be kept to, with `InputError` naming the setting."""
        for setting in fields(self):
            value = getattr(self, setting.name)
            if type(value) is int and value < (0 if setting.name in _WITHOUT_END else 1):
                raise InputError(f"[retention] {setting.name} is at least 1")
        if self.preset and self.preset not in PRESETS:
            raise InputError(f"[retention] preset is one of: {', '.join(PRESETS)}")
        try:
            if self.purpose_satisfied:
                date.fromisoformat(self.purpose_satisfied)
        except ValueError:
            raise InputError("[retention] purpose_satisfied is a day, as 2029-12-31") from None
        for directory in self.retired_feature_sets:
            if not _FEATURE_DIRECTORY.fullmatch(directory):
                raise InputError(
                    f"[retention] retired_feature_sets: {directory!r} is not a feature set's "
                    "directory, NAME-DIGEST8, as `unvoiced features ls` shows it"
                )

    @property
    def raw_backstop_days(self) -> int:
        """When the raw bucket's own rule destroys what retention, which logs it, did not."""
        return self.raw_days + 30

    @classmethod
    def given(cls, values: Mapping[str, Any]) -> "RetentionSettings":
        """What the settings file says, over its preset, over the defaults."""
        preset = PRESETS.get(values.get("preset", ""), {})
        return cls(**{**preset, **values})


@dataclass(frozen=True)
class Settings:
    """All of `unvoiced.toml`."""

    path: Path
    stores: Mapping[str, str]
    vaults: Mapping[str, str]
    log_vkey: str
    ingest: IngestSettings = IngestSettings()
    disposal: DisposalSettings = DisposalSettings()
    retention: RetentionSettings = RetentionSettings()
    kms: Mapping[str, str] = field(default_factory=dict)  # key ARNs: by vault, and the log's own
    roles: Mapping[str, str] = field(default_factory=dict)  # role ARNs, by name in docs/roles.md

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
            partition=partition_of(region),
            region=region,
            amazon=somewhere is not None and somewhere.at_amazon,
        )

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
        writer = LogWriter(store, signer or self.signer(worker))
        reader = LogReader(store, verifier, remembered=remembered.load())
        reader.checkpoint()
        remembered.keep(reader.note)  # now: a vault that cannot be written is to be known at once
        return Accounts(writer, reader, remembered)

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
        raise InputError(f"{path}: {error.strerror} (make one with `unvoiced init`)") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not TOML: {error}") from None
    known: dict[str, Mapping[str, type]] = {
        "stores": dict.fromkeys(get_args(StoreName), str),
        "vaults": dict.fromkeys(get_args(Role), str),
        "log": {"vkey": str},
        "ingest": _types(IngestSettings),
        "disposal": _types(DisposalSettings),
        "retention": _types(RetentionSettings),
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
        ingest=IngestSettings(**tables["ingest"]),
        disposal=DisposalSettings(**tables["disposal"]),
        retention=RetentionSettings.given(tables["retention"]),
        kms=tables["kms"],
        roles=tables["roles"],
    )
    one_place_each(settings.places())
    return settings


def _types(
    settings: type[IngestSettings | DisposalSettings | RetentionSettings],
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
