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
from collections.abc import Iterator
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

pytestmark = [pytest.mark.server, pytest.mark.slow, pytest.mark.timeout(900)]

PASSWORD = "password of the API"
# How each run ended; what went wrong says so, and nothing that did is called completed.
ENDS = {
}


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


def test_dbg(lived: Lived) -> None:
    """x."""
    for what, run in lived.operation.ended.items():
        print(what, run["state_type"], run["state_name"], run["state"]["message"][:150])
    print(lived.status)
    print("town", lived.in_town)
    print("prefect", lived.at_prefect)
    print("else", lived.elsewhere)
    kinds = {}
    for g in lived.given:
        k = g.place.split("?")[0]
        kinds[k] = kinds.get(k, 0) + 1
    print(kinds)
    for n, t in lived.pages.items():
        print("PAGE", n, len(t), lived.hunter.in_bytes(t.encode(), n))
    print(set().union(*(lived.hunter.in_bytes(g.text.encode(), g.place) for g in lived.given)))
    assert 0
