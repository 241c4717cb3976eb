"""Erasure on a real server, with the eraser's credentials and no others."""

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.access.conftest import Account, account, estate, signing_key
from tests.access.office import Office
from tests.erasure.house import House, Trace, eraser, unchanged, voice
from tests.ingest.home import Clock, Home
from unvoiced.access.roles import Role
from unvoiced.catalog.build import CatalogBuilder, build_all
from unvoiced.erasure import carry_out, pending, reapply, request, take_inventory
from unvoiced.log.verify import verify_log
from unvoiced.sections import DisposalSettings, RetentionSettings

__all__ = ["account", "estate", "signing_key"]
pytestmark = pytest.mark.server


class ShiftedClock(Clock):
    """The real time, and some days to it."""

    def __init__(self, shift: timedelta) -> None:
        self._shift = shift

    def __call__(self) -> datetime:
        """The time."""
        return datetime.now(UTC) + self._shift


def furnished(office: Office, until: timedelta) -> House:
    """Two contributors; Anna's originals are archived and locked for so long from now."""
    admin = office.administrator()
    anna = admin.invitation("contributor-anna").pseudonym
    admin = replace(
        admin,
        settings=replace(
            admin.settings,
            disposal=DisposalSettings(archive=(anna,), storage_class="STANDARD"),
            retention=RetentionSettings(archive_days=1),
        ),
        clock=ShiftedClock(until - timedelta(days=1)),
    )
    sent = [
        admin.send(who, voice(seed))
        for seed, who in enumerate(("contributor-anna", "contributor-anna", "contributor-bruno"))
    ]
    sent.append(admin.send("contributor-anna", b"no audio"))
    admin.run()
    build_all(CatalogBuilder.of(admin.settings))
    sent += [admin.send(who, voice(9)) for who in ("contributor-anna", "contributor-bruno")]
    # What a plain delete hides, and what is put over it: versions and markers.
    client = office.account.server.client()
    client.delete_object(Bucket="raw", Key=sent[-2].name)
    sent.append(admin.put(sent[-2].name, sent[-2].sealed + b"x"))
    return House(admin, anna, sent[2].pseudonym, tuple(sent))


@pytest.fixture
def office(account: Account, tmp_path: Path) -> Office:
    """A new deployment in the account's buckets."""
    return Office.open(account, tmp_path / "home")


@pytest.mark.inv("INV-10")
def test_the_erasers_rights_suffice_and_a_locked_original_is_pending(office: Office) -> None:
    """All but what is locked goes; no request is made that its policy at Amazon would refuse."""
    house = furnished(office, timedelta(days=2))
    home, trace = house.home, house.trace
    bruno = house.everything_of(house.bruno)
    person = office.hire(Role.ERASER)
    opened = eraser(replace(person, clock=ShiftedClock(timedelta())))
    found = take_inventory(opened, house.anna)
    assert {one.what: one.locked for one in found.stores}["archive"] == 2

    outcome = carry_out(opened, request(opened, house.anna))

    (reason,) = outcome.pending
    assert reason.startswith("archive: 2 objects locked until ")
    places = {one.partition(":")[0] for one in trace.in_stores(home)}
    assert places == {"archive", "journal"}
    assert unchanged(bruno, house.everything_of(house.bruno))
    assert len(home.leaves("contributor-key-destroyed")) == 1
    assert home.status().adds_up
    assert person.would_be_refused_at_amazon() == []


@pytest.mark.inv("INV-10")
@pytest.mark.slow
def test_it_is_finished_when_the_locks_are_over(office: Office) -> None:
    """Then nothing is left in any version of any bucket, and what is put back goes again."""
    house = furnished(office, timedelta(seconds=20))
    locked_until = datetime.now(UTC) + timedelta(seconds=20)
    home, trace = house.home, house.trace
    bruno = house.everything_of(house.bruno)
    person = office.hire(Role.ERASER)

    def hired() -> Home:
        return replace(person, clock=ShiftedClock(timedelta()))

    asked = request(eraser(hired()), house.anna)
    assert not carry_out(eraser(hired()), asked).complete
    time.sleep(max(0.0, (locked_until - datetime.now(UTC)).total_seconds()) + 1)

    outcome = carry_out(eraser(hired()), asked)

    assert (outcome.complete, outcome.pending) == (True, ())
    assert outcome.body is not None
    assert outcome.body["destroyed"]["archive"] == 2  # type: ignore[index, call-overload]
    assert trace.in_stores(home) == []
    assert unchanged(bruno, house.everything_of(house.bruno))
    assert len(home.leaves("archive-destroyed")) == 2
    assert pending(eraser(hired())) == []
    home.put(house.sent[0].name, house.sent[0].sealed)
    assert [one.complete for one in reapply(eraser(hired()))] == [True]
    assert Trace.of(home, "contributor-anna").pieces == ()
    verify_log(home.store("log"), home.verifier)
    assert person.would_be_refused_at_amazon() == []
