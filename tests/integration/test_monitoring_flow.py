"""What a run shows on a real server: tags, event, metrics and log lines, none of them a name."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.ingest.home import Home
from tests.integration.prefect_server import FlowRun, PrefectServer, run_ingest, until
from tests.monitoring.receiver import receiving

pytestmark = [pytest.mark.server, pytest.mark.slow]
LOGGING = Path(__file__).parents[2] / "deployments" / "logging.yaml"


def events_of(server: PrefectServer, run: FlowRun, name: str) -> list[dict[str, Any]]:
    """The events of a name that a run emitted."""
    query = {"filter": {"event": {"name": [name]}}}
    found = httpx.post(f"{server.url}/events/filter", json=query).raise_for_status().json()
    whose = f"prefect.flow-run.{run.record['id']}"
    return [
        one
        for one in found["events"]
        if any(related["prefect.resource.id"] == whose for related in one["related"])
    ]


@pytest.mark.inv("INV-1")
def test_a_run_says_the_same_by_report_event_metrics_and_log_lines(
    server: PrefectServer, home: Home, recordings: Path, tmp_path: Path
) -> None:
    """Two recordings of one contributor cannot go, one is no recording, the others are done."""
    files = sorted(recordings.glob("*/*"))[:4]
    sent = [home.send("anna", file.read_bytes()) for file in files[:2]]
    sent += [home.send(f"bruno-{n}", file.read_bytes()) for n, file in enumerate(files[2:])]
    bad = home.send("carla", b"no recording at all")
    folder = home.settings.folder / "stores" / "raw" / sent[0].pseudonym
    folder.chmod(0o500)
    with home.settings.path.open("a") as settings:
        settings.write("backlog_alert_hours = 1\n")

    with receiving() as receiver:
        variables = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url,
            "PREFECT_LOGGING_SETTINGS_PATH": str(LOGGING),
        }
        run = run_ingest(server, home.settings.path, tmp_path, **variables)
    folder.chmod(0o700)

    assert run.state == ("FAILED", "DisposalBlocked"), run.output
    assert set(run.record["tags"]) == {"unvoiced", "ingest"}
    report = run.artifact("ingest-report")
    assert "The sum holds: 5 found = 2 disposed of, with receipt + 1 quarantined now + 2 left." in (
        report
    )
    assert "| 2 recordings | " in report  # the exposure window
    assert f"The log has {home.settings.log_reader().checkpoint().size:,} entries" in report
    assert len(run.exceptions) == 3

    found = receiver.values("unvoiced.recordings")
    assert {what: count for (_, what), count in found.items() if count} == {
        "disposed": 2, "quarantined": 1, "left": 2,
    }  # fmt: skip
    assert receiver.values("unvoiced.backlog") == {("1 of 1",): 2}
    (took,) = receiver.metrics["unvoiced.run.duration"].histogram.data_points
    assert 0 < took.sum < 300
    assert [one.value.string_value for one in took.attributes] == ["ingest", "DisposalBlocked"]
    (waited,) = receiver.metrics["unvoiced.exposure"].histogram.data_points
    assert waited.count == 2

    (event,) = until(lambda: events_of(server, run, "unvoiced.backlog"), "the event arrives")
    assert event["payload"]["recordings"] == 2
    assert 0 <= event["payload"]["oldest_seconds"] < 600
    assert event["payload"]["limit_seconds"] == 3_600
    assert events_of(server, run, "unvoiced.backlog-old") == []

    lines = [json.loads(one) for one in run.output.splitlines() if one.startswith("{")]
    ours = [one for one in lines if one.get("flow_run_id") == run.record["id"]]
    assert {one["flow_run_name"] for one in ours} == {run.record["name"]}
    assert any(one["message"].startswith("quarantined") and "task_run_id" in one for one in ours)

    sent_out = b"".join(receiver.bodies)
    for one in (*sent, bad):
        for name in (one.pseudonym, one.sample, one.sha256[:16]):
            assert name.encode() not in sent_out
    for who in ("anna", "bruno", "carla"):
        assert who.encode() not in sent_out
        assert who not in run.output
    assert str(home.settings.folder).encode() not in sent_out


def test_a_receiver_that_hangs_changes_no_run(
    server: PrefectServer, home: Home, tmp_path: Path
) -> None:
    """It ends as it would have; its log says that no metrics were sent."""
    with receiving(hangs=True) as receiver:
        run = run_ingest(
            server, home.settings.path, tmp_path, OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url
        )
        assert receiver.requests
    assert (run.exit_code, run.state) == (0, ("COMPLETED", "Completed"))
    assert "no metrics were sent: no answer within 5 s" in run.output
