"""Moving a vault: everything goes along, the old one is destroyed, nothing is lost on the way."""

import json
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.epochs.weeks import FIRST, Life
from tests.ingest.home import Home
from tests.ingest.killing import When, killed_at
from unvoiced.config import load_settings
from unvoiced.epochs.move import Destination, move_vault
from unvoiced.epochs.settings_file import change_settings
from unvoiced.errors import AccessError, InputError
from unvoiced.keys.vault import Unlock, Vault, describe_vault
from unvoiced.keys.wrapping import create_key_file
from unvoiced.stores import open_store

PASSPHRASE = "correct horse battery"  # noqa: S105  (a test's)


def destination(folder: Path, passphrase: str | None = None) -> Destination:
    """A new vault in a folder, which is made."""
    folder.mkdir(exist_ok=True)
    return Destination(folder.resolve().as_uri(), passphrase=passphrase)


def contents(vault: Vault) -> dict[str, bytes]:
    """All its secrets, but a note of where it came from."""
    kinds = ("intake", "log", "content", "recipient", "dataset", "pseudonym")
    return {f"{kind}/{name}": vault.get(f"{kind}/{name}") for kind in kinds for name in
            vault.names(kind)}  # fmt: skip


def emptied(folder: Path) -> bool:
    """Whether nothing is left of an old vault: no object, no key file."""
    return not [path for path in folder.rglob("*") if path.is_file()] and not list(
        folder.parent.glob(f"{folder.name}.kek*")
    )


@pytest.mark.parametrize("passphrase", [None, PASSPHRASE], ids=["key file", "passphrase"])
def test_a_moved_vault_works_and_the_old_one_is_gone(
    life: Life, tmp_path: Path, passphrase: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Recordings sealed before are opened, keys are made and retired; settings keep the rest."""
    settings, steps = life.home.settings, list[str]()
    (tmp_path / "secret").write_text(PASSPHRASE)
    sent, old = life.send(0), contents(settings.vault("worker"))
    life.home.run(life.home.bench())  # so that a checkpoint is remembered
    late = life.send(1)
    before = settings.path.read_text()

    moved = move_vault(settings, "worker", destination(tmp_path / "new", passphrase), steps.append)

    assert (moved.secrets, moved.from_kms, moved.from_passphrase) == (len(old), "", False)
    assert steps == [
        "copy and verify every secret", "switch the settings", "destroy the old vault",
    ]  # fmt: skip
    assert emptied(life.vault_folder)
    if passphrase:
        monkeypatch.setenv("UNVOICED_WORKER_PASSPHRASE_FILE", str(tmp_path / "secret"))
    life = life.reloaded()
    vault = life.home.settings.vault("worker")
    assert contents(vault) == old
    assert list(vault.names("move")) == []
    assert vault.store.head("log-checkpoint") is not None
    wanted = before.replace('worker = "keys/worker"', f'worker = "{vault.store.url}"')
    assert sorted(settings.path.read_text().split("\n")) == sorted(wanted.split("\n"))
    assert life.home.run().disposed == 1
    assert life.home.features().keys() == {sent.feature_name, late.feature_name}
    life.through(2)
    assert life.retire().retired.keys() == {FIRST}
    (leaf,) = life.home.leaves("intake-key-retired")
    assert ("opens with the passphrase" in str(leaf.fields["not_checked"])) == bool(passphrase)
    with pytest.raises(InputError, match="nothing is left to do"):
        move_vault(life.home.settings, "worker", destination(tmp_path / "new", passphrase))


@pytest.mark.parametrize("when", ["before", "midway"])
@pytest.mark.parametrize(
    "stride", [pytest.param(11, id="some"), pytest.param(1, id="all", marks=pytest.mark.slow)]
)
def test_a_move_killed_at_any_step_goes_on_where_it_was(
    memory_disk: Path, when: When, stride: int
) -> None:
    """In between, the settings always name a vault that holds everything."""
    template = Home.create(memory_disk / "template").settings.folder
    for nth in range(0, 600, stride):
        home = Home.copy(template, memory_disk / f"home-{nth}")
        to, path = destination(memory_disk / f"new-{nth}"), home.settings.path
        old = contents(home.settings.vault("inviter")), contents(home.settings.vault("worker"))
        died = killed_at(
            nth, when, lambda home=home, to=to: move_vault(home.settings, "worker", to)
        )
        assert contents(load_settings(path).vault("worker")) == old[1]
        with suppress(InputError):  # nothing was left to do
            move_vault(load_settings(path), "worker", to)
        settings = load_settings(path)
        assert settings.vault_url("worker") == to.url
        assert (contents(settings.vault("inviter")), contents(settings.vault("worker"))) == old
        assert list(settings.vault("worker").names("move")) == []
        assert emptied(home.settings.folder / "keys" / "worker")
        if not died:
            assert nth > 50
            return
    pytest.fail("never got through")


def test_a_secret_that_was_put_meanwhile_is_not_destroyed(life: Life, tmp_path: Path) -> None:
    """By a process that still ran with the old settings: refused, with what to do about it."""
    settings, to = life.home.settings, destination(tmp_path / "new")

    def put(step: str) -> None:
        if step == "destroy the old vault":
            settings.vault("worker").put("intake/2026-w49", b"0" * 96)

    before = settings.path.read_text()
    with pytest.raises(AccessError, match=r"holds intake/2026-w49, which the new one lacks"):
        move_vault(settings, "worker", to, put)
    assert FIRST in set(settings.vault("worker").names("intake"))
    settings.path.write_text(before)
    move_vault(load_settings(settings.path), "worker", to)
    vault = load_settings(settings.path).vault("worker")
    assert vault.get("intake/2026-w49") == b"0" * 96
    assert emptied(life.vault_folder)


def test_only_an_empty_store_is_moved_to(life: Life, tmp_path: Path) -> None:
    """Nothing of anybody else's is taken over, and nothing of ours is destroyed."""
    settings = life.home.settings
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "letter.txt").write_text("dear")
    with pytest.raises(InputError, match="is not empty"):
        move_vault(settings, "worker", destination(tmp_path / "taken"))
    theirs = destination(tmp_path / "theirs")
    vault = Vault(open_store(theirs.url), create_key_file(tmp_path / "theirs.kek"))
    describe_vault(vault.store, Unlock())
    vault.put("intake/theirs", b"x")
    with pytest.raises(InputError, match="which the worker vault lacks"):
        move_vault(settings, "worker", theirs)
    assert contents(settings.vault("worker"))


def test_a_vault_is_not_moved_into_another_place_of_the_deployment(life: Life) -> None:
    """The settings could not be read afterwards."""
    settings = life.home.settings
    for place in (
        settings.store_url("journal"), settings.vault_url("inviter"),
        f"{settings.vault_url('worker')}/inner",
    ):  # fmt: skip
        Path(urlsplit(place).path).mkdir(exist_ok=True)
        with pytest.raises(InputError):
            move_vault(settings, "worker", Destination(place))
    assert contents(settings.vault("worker"))


@pytest.mark.parametrize(
    ("to", "message"),
    [
        (Destination("s3://bucket"), "needs a key of a key service, or a passphrase"),
        (Destination("s3://bucket", "arn", PASSPHRASE), "or under a passphrase"),
        (Destination("file:///x", "", "short"), "at least 12 characters"),
    ],
)
def test_what_cannot_be_meant_is_refused_first(life: Life, to: Destination, message: str) -> None:
    """Before anything is opened."""
    with pytest.raises(InputError, match=message):
        move_vault(life.home.settings, "worker", to)


def test_who_writes_to_the_new_store_cannot_say_what_is_destroyed(
    life: Life, tmp_path: Path
) -> None:
    """The note of where the old vault was is wrapped and authenticated like any secret."""
    settings, to = life.home.settings, destination(tmp_path / "new")
    move_vault(settings, "worker", to)
    planted = {"format": "unvoiced-vault/1", "name": "move/from", "wrapped": "AAAA"}
    store = open_store(to.url)
    store.put_if_absent("move/from.key", json.dumps(planted).encode())
    with pytest.raises(AccessError):
        move_vault(load_settings(settings.path), "worker", to)
    assert load_settings(settings.path).vault("inviter").get("pseudonym/key")


def test_settings_that_cannot_be_changed_line_by_line_are_left_alone(tmp_path: Path) -> None:
    """It says what to set instead."""
    path = tmp_path / "unvoiced.toml"
    text = 'vaults = { worker = "keys/worker" } # one line\n'
    path.write_text(text)
    with pytest.raises(InputError, match=r"set \[vaults\] worker = 'file:///x'"):
        change_settings(path, {("vaults", "worker"): "file:///x"})
    assert path.read_text() == text


def test_settings_are_changed_in_place(tmp_path: Path) -> None:
    """Comments and everything else stay; a section is added where there is none."""
    path = tmp_path / "unvoiced.toml"
    path.write_text('# mine\n[vaults] # here\nworker = "a"\nworkers = "b"\n\n[log]\nworker = "c"\n')
    change_settings(path, {("vaults", "worker"): "new", ("kms", "worker"): "arn"})
    assert path.read_text() == (
        '# mine\n[vaults] # here\nworker = "new"\nworkers = "b"\n\n[log]\nworker = "c"\n'
        '\n[kms]\nworker = "arn"\n'
    )
    change_settings(path, {("kms", "worker"): None})
    assert path.read_text().endswith('worker = "c"\n\n[kms]\n')
