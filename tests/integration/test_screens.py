"""What a platform engineer sees: a folder is uploaded, a scheduled run takes it, the UI shows it.

Each page is opened in a real browser. UNVOICED_SCREENS=folder keeps the pictures, to be looked at:

    UNVOICED_SCREENS=screens .venv/bin/pytest -m slow tests/integration/test_screens.py
"""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.features.recordings import encoded, noise
from tests.integration.browser import Screens, screens
from tests.integration.local_server import LocalServer

pytestmark = [pytest.mark.server, pytest.mark.slow, pytest.mark.operation, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    """`make up`, with schedules that come soon; and a folder that was uploaded."""
    folder = tmp_path_factory.mktemp("screens")
    recordings = folder / "recordings"
    recordings.mkdir()
    for number in range(6):
        (recordings / f"{number}.wav").write_bytes(encoded(noise(32_000, number)))
    (recordings / "broken.wav").write_bytes(b"no recording at all " * 99)
    server = LocalServer.start(folder / "server")
    invitation = folder / "anna.invitation"
    server.unvoiced("invite", "anna-01", "-o", invitation)
    server.unvoiced("upload", recordings, "-i", invitation, "--receipts", folder / "receipts")
    yield server
    server.stop()


@pytest.fixture(scope="module")
def taken(server: LocalServer) -> dict[str, Any]:
    """The scheduled run that took the folder; nobody asked for it."""
    deployment = server.deployment("ingest/ingest")
    (schedule,) = deployment["schedules"]
    path = f"/deployments/{deployment['id']}/schedules/{schedule['id']}"
    server.api.patch(path, {"schedule": {"interval": 15}})
    limit = time.monotonic() + 240
    while time.monotonic() < limit:
        for run in server.find("flow_runs"):
            if run["state_name"] == "CompletedWithQuarantine":
                assert run["auto_scheduled"]
                return run
        time.sleep(1)
    raise AssertionError(server.find("flow_runs"))


@pytest.fixture(scope="module")
def shown(server: LocalServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Screens]:
    """A browser that is logged in."""
    with screens(server, tmp_path_factory.mktemp("pictures")) as browser:
        yield browser


def artifact(server: LocalServer, run: dict[str, Any], key: str) -> str:
    """The page of what a run left under a key."""
    (found,) = [
        one["id"] for one in server.find("artifacts")
        if (one["key"], one["flow_run_id"]) == (key, run["id"])
    ]  # fmt: skip
    return f"artifacts/artifact/{found}"


def test_the_run_shows_how_it_ended(shown: Screens, taken: dict[str, Any]) -> None:
    """Its short name, its tags, its steps, and the named state."""
    text = shown.show(f"runs/flow-run/{taken['id']}", "run", "CompletedWithQuarantine")
    for part in (taken["name"], "ingest-worker", "auto-scheduled", "Work Pool"):
        assert part in text
    assert taken["name"].startswith("ingest ")


def test_the_report_says_what_became_of_the_folder(
    server: LocalServer, shown: Screens, taken: dict[str, Any]
) -> None:
    """Counts that add up, the exposure window, the checkpoint."""
    text = shown.show(artifact(server, taken, "ingest-report"), "report", "The sum holds")
    assert "found in the raw store\t7" in text
    assert "disposed of, with receipt\t6" in text
    assert "Time from upload to disposal" in text
    assert "root hash" in text


def test_the_exceptions_are_only_what_needs_a_look(
    server: LocalServer, shown: Screens, taken: dict[str, Any]
) -> None:
    """One row, with its reason and what to do."""
    text = shown.show(artifact(server, taken, "ingest-exceptions"), "exceptions", "quarantined")
    assert "not-audio" in text


@pytest.mark.parametrize(
    ("deployment", "texts"),
    [
        ("backfill/backfill", ("Feature set", "Dry run", "Originals from")),
        ("erasure/erasure", ("Request", "Dry run")),
    ],
    ids=["backfill", "erasure"],
)
def test_a_form_guides_and_begins_with_a_dry_run(
    server: LocalServer, shown: Screens, deployment: str, texts: tuple[str, ...]
) -> None:
    """Titles and descriptions are there, and the switch for a dry run is on."""
    found = server.deployment(deployment)
    name = f"form-{found['name']}"
    shown.show(f"deployments/deployment/{found['id']}/run", name, *texts)
    assert shown.page.get_by_role("switch").first.is_checked()


def test_every_automation_is_there_and_on(shown: Screens) -> None:
    """What cures a zombie is named, with what it does."""
    text = shown.show("automations", "automations", "unvoiced: zombie runs")
    assert "Crashed" in text
    assert all(switch.is_checked() for switch in shown.page.get_by_role("switch").all())


def test_the_report_page_shows_the_exposure_window(
    server: LocalServer, shown: Screens, taken: dict[str, Any], tmp_path: Path
) -> None:
    """`unvoiced report` writes a page that needs nothing else, narrow or wide."""
    page = tmp_path / "report.html"
    server.unvoiced("report", "-o", page)
    text = shown.show(page.as_uri(), "report-page", "How long a recording stands")
    assert "anna" not in text
    shown.page.set_viewport_size({"width": 400, "height": 900})
    shown.show(page.as_uri(), "report-page-narrow", "How long a recording stands")
    wide = shown.page.evaluate("document.documentElement.scrollWidth")
    shown.page.set_viewport_size({"width": 1400, "height": 1000})
    assert wide <= 400


def test_no_page_says_who_it_was(shown: Screens) -> None:
    """After all of the above: neither an id nor a file name stood on any page."""
    assert len(shown.shown) > 5
    for text in shown.shown:
        assert "anna" not in text
        assert "broken" not in text
