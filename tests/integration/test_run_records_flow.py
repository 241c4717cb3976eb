"""The ingest flow, on a real Prefect server, leaves its record, and `report` shows it."""

from datetime import timedelta
from pathlib import Path

import pytest

from tests.ingest.home import Home
from tests.integration.prefect_server import PrefectServer, run_ingest
from unvoiced.clock import utc_now
from unvoiced.report import as_json, take_report
from unvoiced.runs import RUNS, RunRecords

pytestmark = [pytest.mark.server, pytest.mark.slow]


def test_each_run_leaves_a_record_and_a_run_that_cannot_says_so(
    server: PrefectServer, home: Home, recordings: Path, tmp_path: Path
) -> None:
    """With its id, end state, counts and exposure; one whose record fails ends as it would."""
    files = sorted(recordings.glob("*/*"))[:3]
    sent = [home.send(file.parent.name, file.read_bytes()) for file in files[:2]]
    home.put(f"{sent[0].pseudonym}/no-audio.unv", b"nothing that opens")
    before = utc_now()
    run = run_ingest(server, home.settings.path, tmp_path)
    assert run.state == ("COMPLETED", "CompletedWithQuarantine")

    store = home.store("journal")
    found = RunRecords(store, home.verifier).since(before - timedelta(days=1), utc_now())
    (record,) = found.records
    assert (record.state, record.flow) == (run.state[1], "ingest")
    assert record.run_id == str(run.record["id"])
    assert record.counts == {"found": 3, "disposed": 2, "quarantined": 1}
    assert record.exposure.count == 2
    assert 0 < record.exposure.longest < (utc_now() - before).total_seconds() + 60
    # Of the leaves that were logged by then, and none after.
    assert record.log_size == home.settings.log_reader().checkpoint().size
    shown = as_json(take_report(home.settings, utc_now(), 1))
    assert shown["runs"]["records"] == [record.as_json()]
    assert shown["verdict"] == "look"  # nobody reviewed who can reach what

    # A file stands where the records' folder was: it went with the last record.
    (entry,) = store.list(RUNS)
    store.delete(entry.name, entry.version)
    folder = home.settings.folder / "stores" / "journal" / "runs"
    folder.write_text("in the way")
    home.send(files[2].parent.name, files[2].read_bytes())
    blocked = run_ingest(server, home.settings.path, tmp_path)
    assert blocked.state == ("COMPLETED", "Completed")
    assert blocked.message.startswith("1 recording disposed of with receipt")
    folder.unlink()
