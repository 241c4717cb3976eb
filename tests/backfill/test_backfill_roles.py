"""Who may: the archivist with their own credentials alone, and nobody who ingests."""

from pathlib import Path

import pytest

from tests.access.conftest import Account, account, estate, signing_key
from tests.access.office import Office
from tests.backfill.archived import archiving, backfill, complete, made, untouched
from tests.features.recordings import encoded, noise
from unvoiced.access.roles import Role
from unvoiced.errors import NotAllowed

__all__ = ["account", "estate", "signing_key"]
pytestmark = [pytest.mark.server, pytest.mark.slow]


@pytest.fixture
def office(account: Account, tmp_path: Path) -> Office:
    """A new deployment in the account's buckets."""
    return Office.open(account, tmp_path / "home")


def test_an_archivist_backfills_and_an_ingest_worker_cannot(office: Office) -> None:
    """Complete with the one's credentials; with the other's a refusal, and nothing done."""
    admin, archivist = office.administrator(), office.hire(Role.ARCHIVIST)
    voices = [encoded(noise(16000, seed)) for seed in range(2)]
    sent = [admin.send(who, data) for who, data in zip(("anna", "bruno"), voices, strict=True)]
    assert archiving(office.hire(Role.WORKER)).run().disposed == 2
    before = {name: untouched(admin.store(name)) for name in ("archive", "training", "log")}

    with pytest.raises(NotAllowed):
        backfill(office.hire(Role.WORKER))
    assert {name: untouched(admin.store(name)) for name in before} == before

    assert made(backfill(archivist)) == (2, 0, [], [])
    complete(admin, sent)
    assert untouched(admin.store("archive")) == before["archive"]
    assert made(backfill(archivist)) == (0, 2, [], [])
    assert archivist.would_be_refused_at_amazon() == []


def test_an_ingest_worker_backfills_what_is_still_in_raw(office: Office) -> None:
    """With its own credentials; an archivist cannot reach the raw store."""
    admin, worker = office.administrator(), office.hire(Role.WORKER)
    admin.send("anna", encoded(noise(16000, 1)))
    worker.run()
    waiting = admin.send("anna", encoded(noise(16000, 2)))
    with pytest.raises(NotAllowed):
        backfill(office.hire(Role.ARCHIVIST), source="raw")
    assert made(backfill(worker, source="raw")) == (1, 0, [], [])
    complete(admin, [waiting])
    assert worker.would_be_refused_at_amazon() == []
