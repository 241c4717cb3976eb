"""What appending to the log does not include, for whichever role may append."""

import pytest

from unvoiced.access.roles import Can, Place, Role, may
from unvoiced.log.snapshot import SNAPSHOT


@pytest.mark.parametrize("role", Role)
def test_nobody_but_who_makes_intake_keys_announces_one(role: Role) -> None:
    """Whoever signs the log could else have every later recording sealed to a key of theirs."""
    for name in ("intake/2026-w48", "intake/9999-w52"):
        assert may(role, Can.CREATE, Place.LOG, name) == (role is Role.KEY_KEEPER)
        assert not may(role, Can.REPLACE, Place.LOG, name)
        assert not may(role, Can.DESTROY, Place.LOG, name)


@pytest.mark.parametrize("role", Role)
def test_nobody_replaces_or_destroys_a_full_tile(role: Role) -> None:
    """History stays; a replaced version would go a few days later."""
    for name in ("tile/0/000", "tile/entries/x001/234"):
        assert not may(role, Can.REPLACE, Place.LOG, name)
        assert not may(role, Can.DESTROY, Place.LOG, name)


def test_the_worker_appends() -> None:
    """It makes tiles, and moves head, checkpoint and the snapshot of the ledger on."""
    for name in ("tile/0/000.p/5", "tile/0/000", "pending/append/0-1-a"):
        assert may(Role.WORKER, Can.CREATE, Place.LOG, name)
    assert may(Role.WORKER, Can.CREATE, Place.LOG, SNAPSHOT)
    for name in ("checkpoint", "pending/head", SNAPSHOT):
        assert may(Role.WORKER, Can.REPLACE, Place.LOG, name)


@pytest.mark.parametrize("role", Role)
def test_who_states_the_accounts_is_who_appends(role: Role) -> None:
    """A snapshot is put and replaced by those who sign for the log, and destroyed by nobody."""
    appends = may(role, Can.CREATE, Place.LOG, "tile/0/000")
    assert may(role, Can.CREATE, Place.LOG, SNAPSHOT) == appends
    assert may(role, Can.REPLACE, Place.LOG, SNAPSHOT) == appends
    assert not may(role, Can.DESTROY, Place.LOG, SNAPSHOT)
