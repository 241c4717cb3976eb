"""INV-9 against a thief: a recording and a vault copied before are noise after retirement."""

import json
import shutil
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.epochs.weeks import FIRST, SECOND, THIRD, Life, voice
from tests.ingest.buckets import home_in_buckets
from tests.ingest.home import START, Home, Sent
from tests.servers.seaweed import Seaweed
from unvoiced.deployment import Plan, create_deployment
from unvoiced.errors import AccessError, NotFound, OpenError
from unvoiced.ingest.recording import raw_context
from unvoiced.keys.wrapping import KEY_BYTES, LocalWrapper
from unvoiced.log.verify import verify_log
from unvoiced.sealing import PrivateKey, open_sealed


@dataclass(frozen=True)
class Stolen:
    """A copy of a sealed recording, and of the worker's vault without its key file."""

    recording: Sent
    vault: Path

    def opens_with(self, folder: Path) -> bool:
        """Whether it can be opened with anything that lies under a folder, or in the loot."""
        keys = set(_intake_keys(self.vault, folder)) | set(_intake_keys(folder, folder))
        return any(self._opens(PrivateKey(key)) for key in keys)

    def _opens(self, key: PrivateKey) -> bool:
        context = raw_context(self.recording.pseudonym, self.recording.sample)
        try:
            with open_sealed(self.recording.sealed, key, context) as plaintext:
                return bytes(plaintext.data) == self.recording.data
        except OpenError:
            return False


def steal(life: Life, recording: Sent, folder: Path) -> Stolen:
    """Copy them."""
    shutil.copytree(life.vault_folder, folder)
    return Stolen(recording, folder)


def _wrapping_keys(folder: Path) -> Iterator[bytes]:
    """Every run of 32 bytes at a multiple of 32 in every key file, of whatever name and role."""
    for path in folder.rglob("*.kek*"):
        content = path.read_bytes()
        for at in range(0, len(content), KEY_BYTES):
            yield content[at : at + KEY_BYTES]


def _intake_keys(vault: Path, folder: Path) -> Iterator[bytes]:
    """All that unwraps among what a vault holds, hidden files too, with any key there is."""
    for path in vault.rglob("*"):
        if not path.is_file() or b'"wrapped"' not in path.read_bytes():
            continue
        record = json.loads(path.read_bytes())
        context = {"format": record["format"], "name": record["name"]}
        for key in _wrapping_keys(folder):
            try:
                secret = LocalWrapper(key).unwrap(b64decode(record["wrapped"]), context)
            except AccessError:
                continue
            if len(secret) == 96:
                yield secret


def a_life_and_a_theft(life: Life, tmp_path: Path) -> None:
    """Rotate, upload, theft, ingest, rotate, retire: the loot opens before and not after."""
    folder = life.home.settings.folder
    sent = [life.send(nth) for nth in range(2)]
    loot = steal(life, sent[0], tmp_path / "loot")
    assert loot.opens_with(folder)
    assert life.home.run().disposed == 2

    life.through(1)
    assert life.retire().retired == {}
    late = life.send(2)
    life.calendar.week(2)
    life.rotate()
    early = steal(life, late, tmp_path / "more loot")
    assert loot.opens_with(folder)

    report = life.retire()

    assert report.retired.keys() == {FIRST}
    assert not loot.opens_with(folder)
    assert not Stolen(sent[0], early.vault).opens_with(folder)
    assert early.opens_with(folder)  # its epoch is not over
    (leaf,) = life.home.leaves("intake-key-retired")
    assert leaf.fields["recordings"] == {"accepted": 2, "disposed": 2}
    assert leaf.fields["epoch"] == FIRST
    assert life.home.run().disposed == 1
    life.through(3)
    assert life.retire().retired.keys() == {SECOND}
    assert not early.opens_with(folder)
    assert life.standings().keys() >= {FIRST, SECOND, THIRD}
    assert life.home.status().adds_up
    verified = verify_log(life.home.store("log"), life.home.verifier)
    assert list(verified.ledger.retired_intake_keys.values()) == [FIRST, SECOND]


@pytest.mark.inv("INV-9")
@pytest.mark.parametrize("versioned", [False, True], ids=["folders", "versions"])
def test_after_retirement_a_stolen_copy_is_noise(
    life: Life, tmp_path: Path, versioned: bool
) -> None:
    """With every key, key file and vault backup there is; the recording next to it still opens."""
    if versioned:
        life = life.on(lambda home: home.in_memory(versioned=True))
    a_life_and_a_theft(life, tmp_path)


@pytest.mark.inv("INV-9")
@pytest.mark.server
def test_after_retirement_a_stolen_copy_is_noise_on_s3(s3_server: Seaweed, tmp_path: Path) -> None:
    """The same with every store in a versioned bucket of a real server."""
    bucket = s3_server.bucket(versioned=True)
    home = home_in_buckets(tmp_path / "home", lambda name: s3_server.store_url(bucket, name))
    a_life_and_a_theft(Life.begin(home), tmp_path)


@pytest.mark.inv("INV-9")
@pytest.mark.server
def test_every_version_of_the_key_goes_from_a_vault_in_a_bucket(
    s3_server: Seaweed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Older ones too; what opens a backup of such a vault is said in the leaf."""
    (tmp_path / "passphrase").write_text("correct horse battery")
    monkeypatch.setenv("UNVOICED_WORKER_PASSPHRASE_FILE", str(tmp_path / "passphrase"))
    url = s3_server.store_url(s3_server.bucket(versioned=True), "worker")
    plan = Plan(vaults={"worker": url}, passphrases={"worker": "correct horse battery"})
    life = Life.begin(Home(create_deployment(tmp_path / "home", START, plan)))
    store = life.home.settings.vault("worker").store
    name = f"intake/{FIRST}.key"
    stored = store.get(name)
    store.replace(name, stored.data, version=stored.version)
    life.through(2)
    assert len([one for one in store.versions(name) if one.name == name]) == 2
    assert life.retire().retired.keys() == {FIRST}
    assert [one.name for one in store.versions("intake/")] == [
        f"intake/{SECOND}.key",
        f"intake/{THIRD}.key",
        "intake/2026-w51.key",
    ]
    with pytest.raises(NotFound):
        store.get(name, stored.version)
    (leaf,) = life.home.leaves("intake-key-retired")
    assert "opens with the passphrase" in str(leaf.fields["not_checked"])
    assert leaf.fields["media_type"] == "key vault in a s3 store"


@pytest.mark.inv("INV-9")
def test_features_outlive_the_key_of_their_recording(life: Life) -> None:
    """Retiring an intake key takes nothing from the data set."""
    sent = life.send(0)
    life.home.run()
    life.through(2)
    assert life.retire().retired.keys() == {FIRST}
    assert life.home.features().keys() == {sent.feature_name}
    assert sent.data == voice(0)


@pytest.mark.inv("INV-9")
def test_no_bytes_of_the_wrapped_key_are_left_in_the_vaults_folder(life: Life) -> None:
    """Not in hidden files either: a writer that died between the two names of a file left one."""
    path = life.vault_folder / "intake" / f"{FIRST}.key"
    (life.vault_folder / ".tmp").mkdir(exist_ok=True)
    (life.vault_folder / ".tmp" / "dead").hardlink_to(path)
    wrapped = path.read_bytes()
    life.through(2)
    life.retire()
    left = [file for file in life.vault_folder.rglob("*") if file.is_file()]
    assert left
    assert not any(wrapped == file.read_bytes() for file in left)


def test_a_copy_of_vault_and_key_file_together_still_opens(life: Life) -> None:
    """What retirement cannot reach, as its leaf says; and that the test above can fail."""
    sent = life.send(0)
    key_file = life.vault_folder.with_name("worker.kek")
    before = key_file.read_bytes()
    loot = steal(life, sent, life.home.settings.folder.parent / "loot")
    life.home.run()
    life.through(2)
    life.retire()
    assert key_file.read_bytes() != before
    kept = life.home.settings.folder.parent / "kept"
    kept.mkdir()
    (kept / "old.kek").write_bytes(before)
    assert loot.opens_with(kept)
    (leaf,) = life.home.leaves("intake-key-retired")
    assert "copies of the vault taken earlier together with its key file" in str(leaf.fields)


def test_another_deployments_keys_do_not_open_the_loot(life: Life, tmp_path: Path) -> None:
    """Having some keys is not having these."""
    loot = steal(life, life.send(0), tmp_path / "loot")
    assert not loot.opens_with(Home.create(tmp_path / "other").settings.folder)
