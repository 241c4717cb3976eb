"""Rotation: one key for this week and one for the next, whatever happens meanwhile."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.epochs.weeks import FIRST, SECOND, THIRD, Life
from tests.ingest.home import START, Shelved
from tests.ingest.hooked_store import HookedStore, once
from unvoiced.announcements import announcement_name, current_announcement
from unvoiced.config import Role as VaultName
from unvoiced.config import Settings
from unvoiced.epochs.look import Look
from unvoiced.epochs.rotation import Rotation, open_key_keeper, rotate_keys
from unvoiced.errors import AccessError, InputError, NotAllowed, StoreError
from unvoiced.keys.intake import Epoch, IntakeKey, intake_digest
from unvoiced.keys.vault import Vault
from unvoiced.keys.wrapping import wrapper_from_key_file
from unvoiced.stores import open_store


def announced(life: Life) -> str:
    """The epoch that an invitation written now would name."""
    note = current_announcement(life.home.settings, life.calendar()).encode()
    return IntakeKey.from_announcement(note, life.home.verifier).epoch


def whole(life: Life) -> set[str]:
    """The epochs whose key is in the vault, in the log and announced: all three or none of them."""
    settings = life.home.settings
    look = Look(settings, open_store(settings.vault_url("worker")), life.calendar())
    for key in look.keys:
        if key.announced:
            secret = settings.vault("worker").get(f"intake/{key.epoch.name}")
            name = announcement_name(key.epoch.name)
            note = life.home.store("log").get(name).data
            public = IntakeKey.from_announcement(note, life.home.verifier).public
            assert intake_digest(public) == key.digest
            assert secret
    return {key.epoch.name for key in look.keys if key.announced and key.in_vault}


def test_the_next_key_is_there_ahead_of_time_and_nobody_seals_to_it_yet(life: Life) -> None:
    """The second time there is nothing to do; when its week begins it is taken up."""
    assert (life.rotate().made, whole(life)) == ([SECOND], {FIRST, SECOND})
    again = life.rotate()
    assert (again.made, again.there, again.lost) == ([], [FIRST, SECOND], [])
    assert announced(life) == life.key().epoch == FIRST
    life.calendar.week(1)
    assert announced(life) == life.key().epoch == SECOND


def test_a_rotation_that_was_late_makes_what_is_missing(life: Life) -> None:
    """After weeks without one, the present week's key and the next one's; none for the gap."""
    life.calendar.week(5)
    assert announced(life) == FIRST
    assert life.rotate().made == ["2026-w53", "2027-w01"]
    assert whole(life) == {FIRST, "2026-w53", "2027-w01"}
    assert announced(life) == "2026-w53"


def test_a_compromised_key_is_replaced_at_once(life: Life) -> None:
    """Within its week, again and again, and with it the coming week's, which lay beside it."""
    assert life.rotate(further=True).made == [f"{FIRST}-2", SECOND]
    assert announced(life) == life.key().epoch == f"{FIRST}-2"
    assert life.rotate(further=True).made == [f"{FIRST}-3", f"{SECOND}-2"]
    assert announced(life) == life.key().epoch == f"{FIRST}-3"
    assert life.rotate().there == [f"{FIRST}-3", f"{SECOND}-2"]
    life.calendar.week(1)
    assert announced(life) == life.key().epoch == f"{SECOND}-2"
    life.calendar.week(2)
    sent = life.send(0, life.key())
    assert life.home.run().disposed == 1, sent
    replaced = {FIRST, f"{FIRST}-2", f"{FIRST}-3", SECOND}
    assert set(life.retire().retired) == replaced


def test_a_week_has_nine_keys_at_most(life: Life) -> None:
    """Then it says so, and what is there stays."""
    for _ in range(8):
        life.rotate(further=True)
    with pytest.raises(InputError, match="no week has more than 9 intake keys"):
        life.rotate(further=True)
    assert announced(life) == f"{FIRST}-9"
    assert life.rotate().made == []


@pytest.mark.parametrize(
    ("day", "present", "coming"),
    [
        ((2026, 12, 27), "2026-w52", "2026-w53"),
        ((2026, 12, 28), "2026-w53", "2027-w01"),
        ((2027, 1, 3), "2026-w53", "2027-w01"),
        ((2027, 1, 4), "2027-w01", "2027-w02"),
        ((2027, 12, 31), "2027-w52", "2028-w01"),
        ((2029, 12, 31), "2030-w01", "2030-w02"),
    ],
)
def test_the_year_turns(life: Life, day: tuple[int, int, int], present: str, coming: str) -> None:
    """ISO weeks belong to the year of their Thursday; an emergency key is of its week too."""
    life.calendar.moment = datetime(*day, 23, 30, tzinfo=UTC)
    assert life.rotate(further=True).made == [present, coming]
    assert life.rotate(further=True).made == [f"{present}-2", f"{coming}-2"]
    assert announced(life) == life.key().epoch == f"{present}-2"
    life.calendar.moment += timedelta(days=7)
    assert announced(life) == f"{coming}-2"


def test_epochs_are_in_order_of_time() -> None:
    """Emergency keys between the weeks, years by weeks; every name reads back as it was written."""
    names = ["2025-w52", "2026-w01", "2026-w47", "2026-w47-2", "2026-w47-9", "2026-w48", "2026-w53",
             "2027-w01"]  # fmt: skip
    epochs = [Epoch.parse(name) for name in names]
    assert epochs == sorted(epochs)
    assert [epoch.name for epoch in epochs] == names
    assert Epoch.parse("2026-w47-2").begins == Epoch.parse("2026-w47").begins
    assert Epoch.parse("2026-w53").first_of_next_week.name == "2027-w01"


@pytest.mark.parametrize(
    "name",
    ["", "2026-w54", "2025-w53", "2026-w00", "2026-w4", "2026-47", "2026-w47-1", "2026-w47-0",
     "2026-w47-10", "2026-w47-2 ", "2026-w47\n", "2026-W47", "0000-w01", "zzz", "holds"],
)  # fmt: skip
def test_what_is_no_epoch_is_refused(name: str) -> None:
    """One spelling each, and only weeks that there are."""
    with pytest.raises(InputError, match="is not an epoch"):
        Epoch.parse(name)


def test_many_rotations_at_once_make_one_key_of_each_name(life: Life) -> None:
    """And all of them agree on which it is."""
    life.calendar.week(1)
    barrier, failures = threading.Barrier(4), []

    def rotate() -> None:
        barrier.wait()
        try:
            life.rotate()
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=rotate) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    assert whole(life) == {FIRST, SECOND, THIRD}
    epochs = [leaf.fields["epoch"] for leaf in life.home.leaves("intake-key")]
    assert sorted(epochs) == [FIRST, SECOND, THIRD]


def at_once(settings: Settings, life: Life) -> Rotation:
    """A rotation that does not wait for others."""
    keeper = open_key_keeper(settings, "run", life.calendar)
    return rotate_keys(replace(keeper, wait=lambda _: None))


def test_a_name_that_is_taken_in_the_logs_store_is_passed_over(life: Life) -> None:
    """Garbage under the next epoch's name costs a name; garbage that comes in between, an error
    and the next rotation.
    """
    log = life.home.store("log")
    log.put_if_absent(announcement_name(SECOND), b"garbage")
    plant = once("put_if_absent", announcement_name(f"{SECOND}-2"),
                 lambda: log.put_if_absent(announcement_name(f"{SECOND}-2"), b"more"))  # fmt: skip
    hooked = life.on(lambda home: home.on(log=HookedStore(log, plant))).home.settings
    with pytest.raises(StoreError, match="something else stands there"):
        at_once(hooked, life)
    assert at_once(life.home.settings, life).made == [f"{SECOND}-3"]
    life.calendar.week(1)
    assert announced(life) == f"{SECOND}-3"


def test_an_announced_key_that_the_vault_lost_is_made_up_for_and_said(life: Life) -> None:
    """Contributors would seal to it all week, and nobody could open that."""
    life.rotate()
    (life.vault_folder / "intake" / f"{FIRST}.key").unlink()
    done = life.rotate()
    assert (done.made, done.there, done.lost) == ([f"{FIRST}-2"], [SECOND], [FIRST])
    assert announced(life) == f"{FIRST}-2"


@dataclass(frozen=True)
class _WrapsOnly:
    """A key service that lets a key keeper wrap, and unwrap the log's signing key alone."""

    inner: Any

    def wrap(self, secret: bytes, context: Any) -> bytes:
        wrapped: bytes = self.inner.wrap(secret, context)
        return wrapped

    def unwrap(self, wrapped: bytes, context: Any) -> bytes:
        if context["name"] != "log/signing":
            raise AccessError("not allowed to unwrap that")
        secret: bytes = self.inner.unwrap(wrapped, context)
        return secret


@dataclass(frozen=True)
class _KeyKeepers(Shelved):
    """Settings whose worker vault is open as far as a key keeper's rights go (docs/roles.md)."""

    def vault(self, role: VaultName) -> Vault:
        """The vault, its intake keys unreadable and unlistable by their bytes."""
        store = open_store(self.vault_url(role))

        def around(operation: str, name: str, proceed: Callable[[], Any]) -> Any:
            if (operation in {"get", "head"} and name.startswith("intake/")) or operation in {
                "versions",
                "delete",
            }:
                raise NotAllowed(f"{name}: not allowed")
            return proceed()

        key_file = wrapper_from_key_file(Path(str(self.folder / "keys" / "worker.kek")))
        return Vault(HookedStore(store, around), _WrapsOnly(key_file), key_file.writing)


@pytest.mark.parametrize("further", [False, True])
def test_who_rotates_reads_and_unwraps_no_intake_key(life: Life, further: bool) -> None:
    """Wrapping, creating in vault and log, and signing are enough."""
    settings = _KeyKeepers(**vars(life.home.settings))
    keeper = open_key_keeper(settings, "run", life.calendar)
    done = rotate_keys(keeper, further)
    assert done.made == ([f"{FIRST}-2", SECOND] if further else [SECOND])
    assert whole(life) == {FIRST, *done.made}
    assert datetime.fromisoformat(str(life.home.leaves("intake-key")[-1].fields["time"])) == START
