"""In worker processes: what kills one costs one original its features, and nothing else."""

import pickle
from pathlib import Path

import pytest

from tests.backfill import steps
from tests.backfill.archived import NEW, archiving, complete, untouched
from tests.ingest.home import Home, Sent
from tests.ingest.test_worker_pool import payloads
from unvoiced.backfill.batch import backfill_batch, report_killed
from unvoiced.backfill.plan import make_plan
from unvoiced.backfill.request import Request, Selection
from unvoiced.backfill.workers import start_workers
from unvoiced.errors import AccessError, InputError
from unvoiced.ingest.recording import raw_context
from unvoiced.sealing import parse_header, seal


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A deployment on disk whose settings file archives every original."""
    home = Home.create(tmp_path / "home")
    text = home.settings.path.read_text(encoding="utf-8")
    archive = 'workers = 1\n\n[disposal]\narchive = ["*"]\n'
    home.settings.path.write_text(text + archive, encoding="utf-8")
    return archiving(home)


def send_named(home: Home, sample: str, data: bytes) -> Sent:
    """A recording under a sample id of our choice."""
    whose = home.invitation("anna").pseudonym
    sealed = seal(data, home.intake().public, raw_context(whose, sample))
    return home.put(f"{whose}/{sample}.unv", sealed, data)


@pytest.mark.slow
@pytest.mark.inv("INV-1")
def test_one_that_kills_its_process_is_reported_and_stays(home: Home, voices: list[bytes]) -> None:
    """Found by bisection; nothing is quarantined; what travels is names and counts."""
    names = ("a", "deadly", "b")
    sent = [send_named(home, name, data) for name, data in zip(names, voices, strict=False)]
    assert home.run().disposed == 3
    before = untouched(home.store("archive"))
    with start_workers(home.settings.path, "test", Request(NEW)) as workers:
        plan = workers.call(make_plan, Selection())
        done = workers.batch(plan.todo, steps.die_over_deadly, report_killed)
        assert (done.made, done.skipped) == (2, [(sent[1].name, "worker-killed")])
        complete(home, [sent[0], sent[2]])
        assert untouched(home.store("archive")) == before
        assert list(home.store("journal").list("quarantine/")) == []
        again = workers.call(make_plan, Selection())
        last = workers.batch(again.todo, backfill_batch, report_killed)
    assert (again.already, last.made) == (2, 1)
    complete(home, sent)
    for record in (plan, done, again, last):
        assert list(payloads(record)) == []
        travelled = pickle.dumps(record)
        for one in sent:
            for secret in (one.data, one.sealed[len(parse_header(one.sealed).raw) :]):
                pieces = [secret[at : at + 16] for at in range(0, len(secret) - 15, 16)]
                assert not any(piece in travelled for piece in pieces)


def test_what_cannot_be_opened_is_said(home: Home) -> None:
    """A feature set that is not there, and an archive vault without its key file."""
    with (
        start_workers(home.settings.path, "test", Request("nothing")) as workers,
        pytest.raises(InputError, match="nothing"),
    ):
        workers.call(make_plan, Selection())
    (home.settings.folder / "keys" / "archive.kek").unlink()
    with (
        start_workers(home.settings.path, "test", Request(NEW)) as workers,
        pytest.raises(AccessError, match=r"archive\.kek"),
    ):
        workers.call(make_plan, Selection())
