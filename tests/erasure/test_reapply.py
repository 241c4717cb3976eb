"""What comes back of who was erased, from a backup, is found and destroyed again."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import rfc8785

from tests.erasure.house import (
    ARCHIVE_DAYS,
    House,
    archiving,
    erase,
    eraser,
    furnish,
    hold,
    in_memory,
    later,
    unchanged,
)
from tests.ingest.dying import Died, dies
from tests.ingest.home import Home, digest
from tests.ingest.hooked_store import HookedStore, once
from unvoiced.audit import AuditTrail, Purpose
from unvoiced.erasure import carry_out, pending, reapply, requests
from unvoiced.errors import VerificationError
from unvoiced.log.verify import verify_log
from unvoiced.reader import FeatureReader, describe, no_quota


@dataclass(frozen=True)
class Backup:
    """Every object of one contributor, as it was before."""

    objects: dict[str, dict[str, bytes]]

    @classmethod
    def of(cls, home: Home, whose: str) -> "Backup":
        """The current versions."""
        return cls(
            {
                name: {
                    one.name: home.store(name).get(one.name).data  # type: ignore[arg-type]
                    for one in home.store(name).list()  # type: ignore[arg-type]
                    if whose in one.name
                }
                for name in ("raw", "training", "archive")
            }
        )

    def restore(self, home: Home, *stores: str) -> None:
        """Put it back, of all stores or of some."""
        for name, objects in self.objects.items():
            for one, data in objects.items():
                if not stores or name in stores:
                    home.store(name).put_if_absent(one, data)  # type: ignore[arg-type]


@pytest.fixture(params=["files", "versions"])
def house(request: pytest.FixtureRequest, tmp_path: Path) -> House:
    """Two contributors; on disk without an archive, as its locks last as long as the real clock."""
    home = Home.create(tmp_path / "home")
    if request.param == "files":
        return furnish(home)
    house = furnish(archiving(in_memory(home, versioned=True)))
    later(house.home, ARCHIVE_DAYS + 1)
    return house


@pytest.mark.inv("INV-10")
def test_a_restored_backup_is_destroyed_again(house: House) -> None:
    """Key object, features, recordings and archived originals: gone, logged, and the rest stays."""
    home, trace = house.home, house.trace
    backup = Backup.of(home, house.anna)
    bruno = house.everything_of(house.bruno)
    erase(home, house.anna)
    assert reapply(eraser(home)) == []
    backup.restore(home)
    assert trace.in_stores(home)

    (again,) = reapply(eraser(home))

    assert (again.complete, again.body) == (True, None)
    assert trace.in_stores(home) == []
    assert len(home.leaves("erased")) == 2
    assert len(home.leaves("contributor-key-destroyed")) == 1
    assert unchanged(bruno, house.everything_of(house.bruno))
    assert home.status().adds_up
    verify_log(home.store("log"), home.verifier)
    assert reapply(eraser(home)) == []


@pytest.mark.inv("INV-10")
def test_what_comes_back_before_the_erasure_is_logged_is_destroyed_too(house: House) -> None:
    """A run died when all was seen to be gone, and had not said so: the next one looks again."""
    home, trace = house.home, house.trace
    backup = Backup.of(home, house.anna)

    def die() -> None:
        raise Died

    # The first append after the certificate's body is written is the one of its leaf.
    observed = once("replace", "pending/", die)
    seen: list[str] = []

    def around(operation: str, name: str, proceed: Callable[[], Any]) -> Any:
        (record,) = requests(eraser(home)) or (None,)
        if record is not None and record.body is not None:
            seen.append(name)
            return observed(operation, name, proceed)
        return proceed()

    log = HookedStore(home.store("log"), around)
    assert dies(partial(erase, home.on(log=log), house.anna))
    assert seen
    assert home.leaves("erased") == []
    later(home, 30)
    backup.restore(home)

    (open_one,) = pending(eraser(home))
    outcome = carry_out(eraser(home), open_one)

    assert outcome.complete
    assert trace.in_stores(home) == []
    (leaf,) = home.leaves("erased")
    assert outcome.body is not None
    assert leaf.digest == digest(rfc8785.dumps(dict(outcome.body)))
    stages = outcome.body["stages"]
    assert isinstance(stages, dict)
    assert stages["observed"] == outcome.body["completed"] > "2026-12-23"


@pytest.mark.inv("INV-10")
@pytest.mark.parametrize("store", ["raw", "training"])
def test_one_store_put_back_is_enough_to_be_found(house: House, store: str) -> None:
    """Whichever store holds something of theirs."""
    home, trace = house.home, house.trace
    backup = Backup.of(home, house.anna)
    erase(home, house.anna)
    backup.restore(home, store)
    assert [one.complete for one in reapply(eraser(home))] == [True]
    assert trace.in_stores(home) == []


@pytest.mark.inv("INV-10")
def test_restored_features_are_refused_until_they_are_gone(house: House) -> None:
    """A key that the log says is destroyed opens nothing, though the dataset key would open it."""
    home = house.home
    backup = Backup.of(home, house.anna)
    erase(home, house.anna)
    backup.restore(home, "training")
    training = home.store("training")
    reader = FeatureReader(
        training,
        home.settings.log_reader(),
        home.dataset(),
        AuditTrail(home.store("audit"), "test"),
        Purpose.TRAINING,
        no_quota,
    )
    names = [one.name for one in training.list("features/") if house.anna in one.name]
    assert len(names) == 4
    for name in names:
        feature = describe(training, name)
        assert feature is not None
        with pytest.raises(VerificationError):
            reader.read(feature)


@pytest.mark.inv("INV-10")
def test_who_is_under_a_hold_is_left_alone(house: House) -> None:
    """What came back stays until the hold is lifted."""
    home = house.home
    backup = Backup.of(home, house.anna)
    erase(home, house.anna)
    backup.restore(home)
    before = house.everything_of(house.anna)
    hold(home, house.anna)
    assert reapply(eraser(home)) == []
    assert unchanged(before, house.everything_of(house.anna))


def test_nobody_erased_asks_for_nothing(house: House) -> None:
    """Without a suppression no store is listed."""
    assert reapply(eraser(house.home)) == []
