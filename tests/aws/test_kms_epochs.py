"""Intake keys in a vault under a key service's key: retired, and the vault moved, on ministack."""

import shutil
from pathlib import Path

import pytest

from tests.epochs.weeks import FIRST, Life
from tests.ingest.home import START, Home
from tests.servers.ministack import Ministack
from unvoiced.aws.kms import KmsWrapper, kms_client, region_of
from unvoiced.deployment import Plan, create_deployment
from unvoiced.epochs.move import Destination, move_vault
from unvoiced.errors import AccessError
from unvoiced.keys.vault import Vault
from unvoiced.stores import open_store

pytestmark = pytest.mark.server


@pytest.fixture
def life(aws: Ministack, key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Life:
    """A deployment whose worker vault is under a key of the service."""
    aws.sign_in(monkeypatch)
    return Life.begin(Home(create_deployment(tmp_path / "home", START, Plan(kms={"worker": key}))))


@pytest.mark.inv("INV-9")
def test_a_retired_key_is_gone_and_the_leaf_says_what_a_backup_still_opens_with(
    life: Life,
) -> None:
    """The rest of the vault works on; nothing in place can end an old copy of it."""
    life.send(0)
    assert life.home.run().disposed == 1
    life.through(2)
    assert life.retire().retired.keys() == {FIRST}
    (leaf,) = life.home.leaves("intake-key-retired")
    assert "opens with the key service's key, until that is destroyed" in str(
        leaf.fields["not_checked"]
    )
    life.send(1)
    assert life.home.run().disposed == 1


@pytest.mark.inv("INV-9")
def test_after_a_move_a_backup_dies_with_the_old_key(
    aws: Ministack, life: Life, key: str, tmp_path: Path
) -> None:
    """It opens until the owner schedules the old key's deletion, and from then on it does not."""
    settings = life.home.settings
    shutil.copytree(life.vault_folder, tmp_path / "stolen")
    new_key = str(aws.client("kms").create_key()["KeyMetadata"]["Arn"])
    (tmp_path / "new").mkdir()
    url = (tmp_path / "new").as_uri()

    moved = move_vault(settings, "worker", Destination(url, new_key))

    assert moved.from_kms == key
    life = life.reloaded()
    assert life.home.settings.kms["worker"] == new_key
    wrapper = KmsWrapper(key, kms_client(region_of(key), attempts=1), life.home.verifier.name)
    backup = Vault(open_store((tmp_path / "stolen").as_uri()), wrapper)
    assert len(backup.get(f"intake/{FIRST}")) == 96
    aws.client("kms").schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    with pytest.raises(AccessError, match="pending deletion"):
        backup.get(f"intake/{FIRST}")
    life.send(0)
    assert life.home.run().disposed == 1
    life.through(2)
    assert life.retire().retired.keys() == {FIRST}
