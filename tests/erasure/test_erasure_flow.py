"""The erasure flow on a real Prefect server: end states, what is shown, and what is not."""

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.erasure.house import Trace, eraser, furnish, hold, unhold
from tests.ingest.home import Home
from tests.integration.canaries import Needle
from tests.integration.hunter import Hunter
from tests.integration.prefect_server import (
    ROOT,
    PrefectServer,
    environment,
    without_roots_powers,
)
from unvoiced.erasure import request
from unvoiced.stores import Store

pytestmark = [pytest.mark.server, pytest.mark.slow]


@pytest.fixture(scope="module")
def prefect(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrefectServer]:
    """A Prefect server of this module's own."""
    home = tmp_path_factory.mktemp("prefect-server")
    server = PrefectServer.start(home, PREFECT_LOGGING_SERVER_LEVEL="DEBUG")
    yield server
    server.stop()


@dataclass(frozen=True)
class Run:
    """A flow run that has ended."""

    exit_code: int
    state: dict[str, Any]
    report: str
    output: str


def run(prefect: PrefectServer, home: Path, *arguments: str) -> Run:
    """Run the flow as an operator does, with everything logged."""
    done = subprocess.run(
        [sys.executable, "-m", "flows.erasure", *arguments],
        cwd=ROOT,
        env=environment(home) | {"PREFECT_API_URL": prefect.url, "PREFECT_LOGGING_LEVEL": "DEBUG"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        preexec_fn=without_roots_powers,
    )
    output = done.stdout + done.stderr
    named = re.search(r"/runs/flow-run/([0-9a-f-]{36})", output)
    assert named, output
    (record,) = [one for one in prefect.find("flow_runs") if one["id"] == named[1]]
    reports = [
        one["data"]
        for one in prefect.find("artifacts")
        if (one["key"], one["flow_run_id"]) == ("erasure-report", record["id"])
    ]
    return Run(done.returncode, record["state"], "\n".join(reports), output)


def refuse_deletes(store: Store, folder: str, *, refuse: bool) -> None:
    """Nobody may delete from a folder of a store on disk."""
    place = Path(store.url.removeprefix("file://")) / folder
    place.chmod(0o500 if refuse else 0o700)


@pytest.mark.inv("INV-10")
@pytest.mark.inv("INV-11")
def test_the_flow_from_a_hold_to_the_end_and_what_prefect_knows_of_it(
    prefect: PrefectServer, tmp_path: Path
) -> None:
    """Held, then refused by a store, then complete; neither server nor flow ever learns the name.

    Searched are all files of both, the database cell by cell, and what was printed.
    """
    house = furnish(Home.create(tmp_path / "deployment"))
    home, trace = house.home, house.trace
    config, work = str(home.settings.path), tmp_path / "operator"
    asked = request(eraser(home), house.anna)

    dry = run(prefect, work, config, "--dry-run")
    assert dry.state["name"] == "DryRun"
    assert dry.state["message"] == (
        "8 versions of 1 request would be destroyed; nothing was changed"
    )
    assert "| key object | 1 | 1 |" in dry.report
    assert "| in all | 8 | 8 |" in dry.report
    hold(home, house.anna)
    held = run(prefect, work, config, asked)
    assert (held.exit_code, held.state["type"], held.state["name"]) == (0, "COMPLETED", "LegalHold")
    assert held.state["message"] == "0 of 1 erasures complete, 1 under a legal hold"
    assert "| under a legal hold | 1 |" in held.report
    assert len(trace.in_stores(home)) >= 8
    unhold(home, house.anna)

    refuse_deletes(home.store("raw"), house.anna, refuse=True)
    refused = run(prefect, work, config)
    refuse_deletes(home.store("raw"), house.anna, refuse=False)
    assert (refused.state["type"], refused.state["name"]) == ("COMPLETED", "ErasurePending")
    assert refused.state["message"] == "0 of 1 erasures complete"
    assert "| raw: a recording: Permission denied | 1 |" in refused.report

    done = run(prefect, work, config)
    assert (done.state["type"], done.state["name"]) == ("COMPLETED", "Completed")
    assert done.state["message"] == "1 of 1 erasures complete"
    assert "| complete | 1 |" in done.report
    (leaf,) = home.leaves("erased")
    assert f"| {asked[:12]} | {leaf.digest} |" in done.report
    assert trace.in_stores(home) == []
    assert trace.on_disk(home.settings.folder) == []

    again = run(prefect, work, config)
    assert again.state["message"] == "0 of 0 erasures complete"
    wrong = run(prefect, work, config, "0" * 64)
    assert (wrong.exit_code, wrong.state["name"]) == (1, "Failed")

    hunter = Hunter(
        [
            Needle("pseudonym", "text", house.anna.encode()),
            Needle("contributor", "text", trace.contributor.encode()),
        ]
    )
    shown = "".join(one.output for one in (dry, held, refused, done, again, wrong))
    assert hunter.in_bytes(shown.encode(), "output") == set()
    assert hunter.in_tree(prefect.home) == set()
    assert hunter.in_tree(work) == set()
    # The hunter would have found it: the request's id is there.
    assert Hunter([Needle("id", "text", asked.encode())]).in_tree(prefect.home)
    assert Trace.of(home, "contributor-anna").pieces == ()
