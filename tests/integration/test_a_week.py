"""The canary hunt over a week of operation: every flow, and what can go wrong with each.

A real `make up`, real commands of contributors, operators and a data scientist. A day here is what
is done on one, in a minute; nothing changes the clock. Where age matters it is made: the deployment
is three weeks old, by its log and its first intake key, and recordings that nobody ingested have a
time of upload of a hundred days ago. Runs are asked for, by the API; schedules are off, so that
the failures come when they are wanted. Runs log at level DEBUG.

Hunted are the contributors' ids, file names, tags and recordings, all keys and passphrases, the
reason of a legal hold, and the API's password. Searched are all files of the town and of `make up`
(Prefect's database, cell by cell, its logs and storage), every other file of this machine that
changed meanwhile, all that the API gives out, and pages of the UI as Chromium shows them.

Not shown: time that really passes (a vacuum of Prefect's database, a quarter's review), PostgreSQL,
and what Prefect keeps of a parameter that somebody types an id into, where no pattern refuses it.
"""

import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from tests.integration.canaries import Needle, of_text
from tests.integration.given_out import Given, all_given
from tests.integration.hunter import Find, Hunter, changed_since
from tests.integration.town import Operation, Town
from tests.integration.week import (
    friday,
    monday,
    saturday,
    sunday,
    thursday,
    tuesday,
    wednesday,
)
from unvoiced.ingest.status import Status, take_status

pytestmark = [
    pytest.mark.server,
    pytest.mark.slow,
    pytest.mark.operation,
    pytest.mark.timeout(1200),
]

PASSWORD = "password of the API"  # noqa: S105  # what it is called in a find
# How each run ended, by the name of its state.
ENDS = {
    "first": "Completed", "rotate": "Completed",
    "refused": "CompletedWithQuarantine", "catalog": "Completed",
    "killed": "Crashed", "retention": "Completed", "retire": "Completed",
    "broken": "Failed", "foreign": "Failed", "passphrase": "Failed", "wrong_types": "Failed",
    "spread": "Completed", "watch": "CompletedWithAlerts",
    "lost_key": "DisposalBlocked", "lost_to_retire": "IntakeKeyLost",
    "again": "Completed", "dry": "DryRun", "backfill": "CompletedWithSkips",
    "cancelled": "Cancelled", "erased": "Completed", "refused_erasure": "NotApproved",
    "last": "Completed", "catalog_again": "Completed", "watch_again": "CompletedWithAlerts",
}  # fmt: skip


@dataclass(frozen=True)
class Lived:
    """The week, and what was found after it."""

    operation: Operation
    status: Status
    hunter: Hunter
    given: list[Given]
    pages: dict[str, str]
    in_town: set[Find]
    at_prefect: set[Find]
    elsewhere: set[Find]


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lived]:
    """Seven days, then the hunt: what tests do later cannot be found by it."""
    folder = tmp_path_factory.mktemp("week")
    stamp = folder / "stamp"
    stamp.touch()
    noise = np.random.default_rng(1).integers(-2000, 2000, 16_000).astype(np.int16)
    town = Town(folder / "town", noise)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in town.variables.items():
            patch.setenv(name, value)
        town.create()
        operation = Operation.start(town, folder / "operator")
        try:
            monday(operation)
            needles = list(town.needles())  # keys that will be gone by Sunday, too
            for day in (tuesday, wednesday, thursday, friday, saturday):
                day(operation)
            needles += town.needles()
            shown = sunday(operation, folder / "pictures")
            needles += [*of_text(PASSWORD, operation.server.auth.partition(":")[2])]
            yield hunt(operation, stamp, needles, shown)
        finally:
            operation.server.stop()


def hunt(week: Operation, stamp: Path, needles: list[Needle], pages: dict[str, str]) -> Lived:
    """Look everywhere."""
    town, server, hunter = week.town, week.server, Hunter(needles)
    roots = ("/", str(stamp.parent), tempfile.gettempdir(), "/var/tmp", "/dev/shm")  # noqa: S108
    changed = changed_since(stamp, map(Path, roots))
    assert town.config in changed
    ours = (town.folder, server.folder)
    others = [path for path in changed if not any(map(path.is_relative_to, ours))]
    elsewhere = hunter.in_names(others)
    for path in others:
        elsewhere |= hunter.in_file(path)
    return Lived(
        week,
        take_status(town.settings),
        hunter,
        all_given(server.api),
        pages,
        hunter.in_tree(town.folder),
        hunter.in_tree(server.folder),
        elsewhere,
    )


def test_the_week_went_as_badly_as_planned(lived: Lived) -> None:
    """The hunt is worth something only then; each run ended in a true state without hand work."""
    ended = {what: run["state_name"] for what, run in lived.operation.ended.items()}
    # What these say is about the machine.
    assert {ended.pop(what) for what in ("posture", "review")} <= {
        "Completed", "CompletedWithFindings", "Failed",
    }  # fmt: skip
    assert ended == ENDS
    runs = lived.operation.server.find("flow_runs")
    assert len(runs) >= len(ENDS) + 4  # the parts of the spread one, too
    states = {run["name"]: run["state_type"] for run in runs}
    assert set(states.values()) <= {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}, states


@pytest.mark.inv("INV-5")
def test_the_count_holds_after_it(lived: Lived) -> None:
    """Nothing is lost: three wait in quarantine, one is under the hold, all others are gone."""
    status = lived.status
    assert status.adds_up
    assert (status.quarantined, status.backlog, status.raw_objects) == (3, 0, 4)
    assert set(status.quarantine_reasons) == {"not-audio", "truncated", "worker-killed"}


@pytest.mark.inv("INV-1", "INV-11")
def test_nothing_is_in_the_town(lived: Lived) -> None:
    """Stores, journals, what commands printed, the report page."""
    assert {find.what for find in lived.in_town} >= {"samples", "file name", "passphrase"}
    town = lived.operation.town
    assert {one for one in lived.in_town if not town.is_allowed(one.place, one.what)} == set()


@pytest.mark.inv("INV-1", "INV-11")
def test_nothing_is_in_prefects_database_logs_or_storage(lived: Lived) -> None:
    """All files of server and worker. The API's password stands in its own file alone."""
    place = lived.operation.server.place
    database = place.prefect / "prefect.db"
    assert Hunter(of_text("a state", "IntakeKeyLost")).in_database(database)  # it does look
    own = Find(str(place.password_file), PASSWORD, "raw")
    assert lived.at_prefect == {own}


@pytest.mark.inv("INV-1")
def test_nothing_is_elsewhere_on_this_machine(lived: Lived) -> None:
    """Every other regular file that changed, and the names of all of them."""
    assert lived.elsewhere == set()


@pytest.mark.inv("INV-1", "INV-11")
def test_the_api_gives_nothing_of_it_out(lived: Lived) -> None:
    """Runs, tasks, states, logs, artifacts, events, parameters, inputs, blocks, automations."""
    kinds = {one.place for one in lived.given}
    for kind in ("flow_runs", "task_runs", "logs", "artifacts", "events", "automations",
                 "deployments", "block_types", "work_pools"):  # fmt: skip
        assert f"/{kind}/filter" in kinds
    assert found_in(lived.hunter, lived.given) == set()


@pytest.mark.inv("INV-1", "INV-11")
def test_the_ui_shows_nothing_of_it(lived: Lived) -> None:
    """Runs that failed, with logs, parameters and variables; the approval's form; all else."""
    assert "Code of the request" in lived.pages["the form"]
    assert "IntakeKeyLost" in lived.pages["runs"]
    assert len(lived.pages) > 30
    pages = [Given(name, text) for name, text in lived.pages.items()]
    assert found_in(lived.hunter, pages) == set()


@pytest.mark.inv("INV-10")
def test_what_the_erasure_wrote_does_not_say_whose(lived: Lived) -> None:
    """Its runs, steps, logs, artifacts, events, forms and answers, and what its worker printed."""
    week = lived.operation
    runs = [week.ended[what]["id"] for what in ("erased", "refused_erasure")]
    printed = week.server.place.log("worker").read_text().splitlines()
    told = [*lived.given, *(Given("what the worker printed", line) for line in printed)]
    theirs = [one for one in told if any(run in one.text or run in one.place for run in runs)]
    assert {one.place for one in theirs} >= {
        "/flow_runs/filter", "/task_runs/filter", "/logs/filter", "/artifacts/filter",
        "/events/filter", "what the worker printed",
    }  # fmt: skip
    whose = [of_text(f"contributor {number}", week.town.pseudonym(number)) for number in (2, 3)]
    hunter = Hunter(needle for needles in whose for needle in needles)
    assert found_in(hunter, theirs) == set()
    assert found_in(hunter, told)  # ingest, which says names, did say these


def test_the_hunt_finds_what_is_planted(lived: Lived) -> None:
    """A contributor's id in a variable: in the database, and through the API."""
    week = lived.operation
    planted = {"name": "planted", "value": week.town.contributor(2)}
    week.server.api.post("/variables/", planted)
    given = found_in(lived.hunter, all_given(week.server.api))
    assert "/variables/filter" in {find.place for find in given}
    assert {find.what for find in given} == {"person"}
    assert lived.hunter.in_database(week.server.place.prefect / "prefect.db")


def found_in(hunter: Hunter, given: Iterable[Given]) -> set[Find]:
    """The needles in what was given out or shown."""
    return set().union(*(hunter.in_bytes(one.text.encode(), one.place) for one in given))
