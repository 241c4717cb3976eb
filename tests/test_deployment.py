"""A new deployment: private to who made it, and with every secret inside a vault."""

import base64
import json
import os
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, get_args

import pytest

from unvoiced.announcements import announcement_name, create_intake_key
from unvoiced.config import Role, Settings, load_settings
from unvoiced.deployment import Plan, create_deployment
from unvoiced.errors import AlreadyExists, InputError
from unvoiced.keys.intake import IntakeKey, intake_digest
from unvoiced.log.note import Verifier
from unvoiced.sealing import PrivateKey
from unvoiced.sections import WatchSettings

NOW = datetime(2026, 12, 31, 23, 59, tzinfo=UTC)
PASSPHRASE = "correct horse battery"  # noqa: S105  (it is one, of nothing)
SECRETS = {
    "worker": {"log": ["signing"], "content": ["tag"], "intake": ["2026-w53"]},
    "dataset": {"dataset": ["dataset"]},
    "inviter": {"pseudonym": ["key"]},
    "archive": {"archive": ["archive"]},
}
PUBLIC = {"worker": {"recipient": ["archive", "dataset"]}}


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """One deployment, to look at and not to change, made under the widest umask."""
    umask = os.umask(0)
    try:
        return create_deployment(tmp_path_factory.mktemp("some") / "new" / "folder", NOW)
    finally:
        os.umask(umask)


def secrets_of(settings: Settings) -> Iterator[tuple[str, bytes]]:
    """Every secret of every vault, with the place it has."""
    for role in get_args(Role):
        vault = settings.vault(role)
        for kind, names in SECRETS[role].items():
            for name in names:
                yield f"{role}: {kind}/{name}", vault.get(f"{kind}/{name}")


def test_a_deployment_has_the_secrets_its_roles_need(deployment: Settings) -> None:
    """Each in one vault only, and the log's key and the intake key fit what is published."""
    for role in get_args(Role):
        vault = deployment.vault(role)
        kinds = {**SECRETS[role], **PUBLIC.get(role, {})}
        assert {kind: list(vault.names(kind)) for kind in kinds} == kinds
        others = {kind for other in SECRETS if other != role for kind in SECRETS[other]}
        assert not any(list(vault.names(kind)) for kind in others)
    signing = deployment.accounts(deployment.vault("worker"))
    intake = PrivateKey(deployment.vault("worker").get("intake/2026-w53")).public
    assert signing.current().intake_keys == {intake_digest(intake): "2026-w53"}


@pytest.mark.inv("INV-2")
@pytest.mark.parametrize("role", ["dataset", "archive"])
def test_the_worker_holds_public_halves_only(
    deployment: Settings, role: Literal["dataset", "archive"]
) -> None:
    """What it seals to the dataset's key, and the archive's, it cannot open."""
    public = deployment.vault("worker").get(f"recipient/{role}")
    private = deployment.vault(role).get(f"{role}/{role}")
    assert PrivateKey(private).public.raw == public


def test_the_first_intake_key_is_announced_in_the_log_store(deployment: Settings) -> None:
    """Signed by the key that the settings name, for the week of `now`."""
    note = deployment.store("log").get(announcement_name("2026-w53")).data
    announced = IntakeKey.from_announcement(note, Verifier.parse(deployment.log_vkey))
    private = PrivateKey(deployment.vault("worker").get("intake/2026-w53"))
    assert announced == IntakeKey("2026-w53", private.public)
    assert deployment.log_reader().checkpoint().size == 1


def test_a_week_has_one_intake_key(deployment: Settings) -> None:
    """Another one for the same week is refused before anything is announced."""
    with pytest.raises(AlreadyExists):
        create_intake_key(deployment, deployment.vault("worker"), NOW)
    assert deployment.log_reader().checkpoint().size == 1


def test_everything_is_private_to_who_made_it(deployment: Settings) -> None:
    """Folders 0700 and files 0600, whatever the umask: stores too, for names say who is there."""
    modes = {
        path: stat.S_IMODE(path.lstat().st_mode)
        for path in (deployment.folder, *deployment.folder.rglob("*"))
    }
    assert len(modes) > 20
    wide = {
        str(path.relative_to(deployment.folder)): oct(mode)
        for path, mode in modes.items()
        if mode != (0o700 if path.is_dir() else 0o600)
    }
    assert wide == {}


@pytest.mark.inv("INV-11")
def test_no_secret_stands_in_the_clear_anywhere(deployment: Settings) -> None:
    """In no file: the settings, the stores, nor the vaults; raw, hex, base64, or a private half."""
    files = {path: path.read_bytes() for path in deployment.folder.rglob("*") if path.is_file()}
    assert deployment.path in files
    for place, secret in secrets_of(deployment):
        parts = {secret, secret[:32], secret[-32:]}
        forms = {
            form
            for part in parts
            for form in (
                part,
                part.hex().encode(),
                part.hex().upper().encode(),
                base64.b64encode(part).rstrip(b"="),
                base64.urlsafe_b64encode(part).rstrip(b"="),
                base64.b32encode(part).rstrip(b"="),
            )
        }
        for path, data in files.items():
            assert not any(form in data for form in forms), f"{place} stands in {path.name}"


def test_key_files_stand_in_no_store(deployment: Settings) -> None:
    """They lie beside their vaults, and nothing else holds their bytes."""
    key_files = {path: path.read_bytes() for path in deployment.folder.rglob("*.kek")}
    assert sorted(path.name for path in key_files) == [
        f"{role}.kek" for role in sorted(get_args(Role))
    ]
    assert len(set(key_files.values())) == len(get_args(Role))
    for path in deployment.folder.rglob("*"):
        if path.is_file() and path not in key_files:
            assert not any(key in path.read_bytes() for key in key_files.values())


@pytest.mark.inv("INV-11")
def test_a_passphrase_is_written_nowhere(tmp_path: Path) -> None:
    """Its vault says how it is unlocked, and has no key file; the other vaults have one."""
    settings = create_deployment(tmp_path / "new", NOW, Plan(passphrases={"dataset": PASSPHRASE}))
    for path in settings.folder.rglob("*"):
        assert path.is_dir() or PASSPHRASE.encode() not in path.read_bytes()
    description = json.loads((settings.folder / "keys/dataset/vault.json").read_bytes())
    assert description["unlock"]["argon2id"].keys() == {"salt", "memory_kib", "passes", "lanes"}
    assert not (settings.folder / "keys" / "dataset.kek").exists()
    assert (settings.folder / "keys" / "worker.kek").exists()


def test_what_create_returns_is_what_loading_gives(deployment: Settings) -> None:
    """The settings file is complete."""
    assert load_settings(deployment.folder) == deployment


def test_two_deployments_share_nothing(deployment: Settings, tmp_path: Path) -> None:
    """No key and no log's name."""
    other = create_deployment(tmp_path / "other", NOW)
    assert other.log_vkey.partition("+")[0] != deployment.log_vkey.partition("+")[0]
    assert not {s for _, s in secrets_of(other)} & {s for _, s in secrets_of(deployment)}


@pytest.mark.parametrize("content", ["file", "folder", ".hidden", "dangling"])
def test_a_folder_that_is_not_empty_is_refused(tmp_path: Path, content: str) -> None:
    """And nothing is made in it."""
    if content == "dangling":
        (tmp_path / content).symlink_to(tmp_path / "nowhere")
    elif content == "folder":
        (tmp_path / content).mkdir()
    else:
        (tmp_path / content).write_bytes(b"")
    with pytest.raises(InputError, match="is not empty"):
        create_deployment(tmp_path, NOW)
    assert [path.name for path in tmp_path.iterdir()] == [content]


def test_an_empty_folder_is_taken(tmp_path: Path) -> None:
    """Whoever made it beforehand, with whatever mode; what is in it is private."""
    tmp_path.chmod(0o755)
    assert create_deployment(tmp_path, NOW).folder == tmp_path.resolve()
    assert {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("keys", "stores")} == {
        0o700
    }


def test_a_file_in_the_folders_place_is_an_input_error(tmp_path: Path) -> None:
    """Not a crash of the command."""
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(InputError):
        create_deployment(tmp_path / "file", NOW)


def test_a_refused_passphrase_leaves_nothing_behind(tmp_path: Path) -> None:
    """So that trying again with a longer one works."""
    with pytest.raises(InputError, match="at least 12 characters"):
        create_deployment(tmp_path / "new", NOW, Plan(passphrases={"dataset": "short"}))
    create_deployment(tmp_path / "new", NOW, Plan(passphrases={"dataset": PASSPHRASE}))


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        (Plan(passphrases={"worker": PASSPHRASE}, kms={"worker": "arn"}), "or a passphrase"),
        (Plan(kms={"worker": "arn", "dataset": "arn"}), "each has its own"),
        (Plan(roles={"uploader": "arn:aws:iam::123:role/x"}), "--role uploader"),
        (Plan(roles={"uploader": "*"}), "--role uploader"),
        (Plan(vaults={"worker": "memory://vault"}), "needs a key"),
        (Plan(watch={"topic": "alarms"}), "topic is the ARN"),
        (Plan(watch={"cloudtrail": "trail-bucket"}), "cloudtrail is the url"),
    ],
)
def test_a_plan_that_cannot_be_meant_makes_nothing(tmp_path: Path, plan: Plan, said: str) -> None:
    """Before any store, vault or key service is asked."""
    with pytest.raises(InputError, match=said):
        create_deployment(tmp_path / "new", NOW, plan)
    assert not (tmp_path / "new").exists()


def test_what_the_watch_is_told_stands_in_the_settings(tmp_path: Path) -> None:
    """As it was given, and what was not given has its default."""
    told = {"cloudtrail": "s3://trail-bucket/?region=x", "topic": "arn:aws:sns:x:1:alarms"}
    settings = create_deployment(tmp_path / "new", NOW, Plan(watch=told))
    assert settings.watch == WatchSettings(**told)
    assert create_deployment(tmp_path / "other", NOW).watch == WatchSettings()


def test_two_stores_are_not_one_place(tmp_path: Path) -> None:
    """Nor does one lie in another: ingest would quarantine what the other keeps."""
    (tmp_path / "shared" / "part").mkdir(parents=True)
    shared = (tmp_path / "shared").as_uri()
    for other in (shared, f"{shared}/", f"{shared}/part"):
        plan = Plan(stores={"raw": shared, "training": other})
        with pytest.raises(InputError, match="one place"):
            create_deployment(tmp_path / "new", NOW, plan)
    settings = create_deployment(tmp_path / "good", NOW)
    text = settings.path.read_text(encoding="utf-8")
    settings.path.write_text(text.replace("stores/training", "stores/raw"), encoding="utf-8")
    with pytest.raises(InputError, match="store raw and store training are one place"):
        load_settings(settings.path)


def test_a_plan_prints_no_passphrase() -> None:
    """Not in a traceback either."""
    assert PASSPHRASE not in repr(Plan(passphrases={"worker": PASSPHRASE}))
