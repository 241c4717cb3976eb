"""The ingest flow on a real Prefect server: how runs end, what they show, what they survive."""

import fcntl
import subprocess
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.ingest.claims import accounted_for, finished
from tests.ingest.home import Home, Sent
from tests.integration.prefect_server import (
    BIN,
    FlowProcess,
    FlowRun,
    PrefectServer,
    environment,
    run_ingest,
    until,
)

pytestmark = pytest.mark.server
TROUBLEMAKERS = {"upload cut short.wav", "notes renamed.wav", "pressed stop at once.wav"}


def send_all(home: Home, recordings: Path) -> dict[str, list[Sent]]:
    """Every file of the folder, sealed and uploaded; what was sent, by file name."""
    sent: dict[str, list[Sent]] = {}
    for file in sorted(recordings.glob("*/*")):
        sent.setdefault(file.name, []).append(home.send(file.parent.name, file.read_bytes()))
    return sent


def everything(sent: dict[str, list[Sent]]) -> list[Sent]:
    """All that was sent."""
    return [one for same_name in sent.values() for one in same_name]


def reported(run: FlowRun) -> dict[str, int]:
    """The rows of the run's report, which has to add up in itself."""
    rows = [line.strip("| ").split(" | ") for line in run.artifact("ingest-report").splitlines()]
    counts = Counter({row[0]: int(row[1]) for row in rows if len(row) == 2 and row[1].isdigit()})
    assert counts["found in the raw store"] == (
        counts["disposed of, with receipt"]
        + counts["of erased contributors, destroyed unopened"]
        + counts["quarantined now"]
        + counts["taken by another run"]
        + counts["left"]
        + counts["in batches that failed"]
    )
    assert "The sum holds: " in run.artifact("ingest-report")
    return {what: count for what, count in counts.items() if count}


@pytest.mark.inv("INV-5")
def test_a_run_with_troublemakers_says_so_and_a_second_run_finds_nothing(
    server: PrefectServer, home: Home, with_troublemakers: Path, tmp_path: Path
) -> None:
    """Badge, message, report, table of exceptions and the conservation count agree."""
    sent = send_all(home, with_troublemakers)
    bad = [one for name in TROUBLEMAKERS for one in sent[name]]
    good = len(everything(sent)) - len(bad)

    run = run_ingest(server, home.settings.path, tmp_path)

    assert (run.exit_code, run.state) == (0, ("COMPLETED", "CompletedWithQuarantine"))
    assert run.message == f"{good} recordings disposed of with receipt, {len(bad)} quarantined"
    assert reported(run) == {
        "found in the raw store": len(everything(sent)),
        "disposed of, with receipt": good,
        "quarantined now": len(bad),
    }
    table = run.exceptions
    assert {row["object"] for row in table} == {one.name for one in bad}
    assert {row["outcome"] for row in table} == {"quarantined"}
    assert all(row["reason"] and row["what to do"] for row in table)
    assert run.artifact("ingest-progress") == 100
    finished(home, everything(sent), bad)

    again = run_ingest(server, home.settings.path, tmp_path)

    assert (again.exit_code, again.state) == (0, ("COMPLETED", "Completed"))
    assert again.message == "0 recordings disposed of with receipt"
    assert reported(again) == {"quarantined earlier": len(bad)}
    assert again.exceptions == []
    finished(home, everything(sent), bad)


def test_a_run_says_what_was_held_archived_and_erased(
    server: PrefectServer, home: Home, recordings: Path, tmp_path: Path
) -> None:
    """Rows of the report, and exceptions; of who was erased no name goes to Prefect."""
    data = next(recordings.glob("*/*")).read_bytes()
    kept, held, late = (home.send(who, data) for who in ("anna", "bruno", "carla"))
    with home.settings.path.open("a") as settings:
        settings.write(f"\n[disposal]\narchive = ['{kept.pseudonym}']\n")
    home.hold(held.pseudonym)
    home.suppress(late.pseudonym)

    run = run_ingest(server, home.settings.path, tmp_path)

    assert (run.exit_code, run.state) == (0, ("COMPLETED", "Completed"))
    assert run.message == (
        "1 recording disposed of with receipt, 1 of erased contributors, 1 under a legal hold"
    )
    assert reported(run) == {
        "found in the raw store": 2,
        "disposed of, with receipt": 1,
        "of these, original archived": 1,
        "of erased contributors, destroyed unopened": 1,
        "under a legal hold, not touched": 1,
    }
    assert {row["object"]: row["outcome"] for row in run.exceptions} == {
        held.pseudonym: "held",
        "of erased contributors": "erased",
    }
    assert late.pseudonym not in run.output + run.message + str(run.exceptions)
    assert home.standing() == {held.sha256}


@pytest.mark.inv("INV-11")
def test_a_missing_vault_key_fails_the_run_with_a_short_message(
    server: PrefectServer, home: Home, recordings: Path, tmp_path: Path
) -> None:
    """The state names the key that is missing; nothing was touched and nothing retried."""
    sent = send_all(home, recordings)
    (home.settings.folder / "keys" / "worker" / "recipient" / "dataset.key").unlink()

    run = run_ingest(server, home.settings.path, tmp_path)

    assert (run.exit_code, run.state) == (1, ("FAILED", "Failed"))
    assert run.message == "this vault holds no recipient/dataset"
    assert "AwaitingRetry" not in run.output
    assert "Retry 1/" not in run.output
    assert home.standing() == {one.sha256 for one in everything(sent)}


@pytest.mark.slow
@pytest.mark.inv("INV-4", "INV-5")
def test_a_refused_delete_blocks_disposal_and_the_next_run_finishes_it(
    server: PrefectServer, home: Home, recordings: Path, tmp_path: Path
) -> None:
    """A folder nobody may delete from: its recordings are left and listed, without receipts."""
    sent = everything(send_all(home, recordings))
    locked = home.settings.folder / "stores" / "raw" / sent[0].pseudonym
    blocked = [one for one in sent if one.pseudonym == sent[0].pseudonym]
    locked.chmod(0o500)

    run = run_ingest(server, home.settings.path, tmp_path)

    assert (run.exit_code, run.state) == (1, ("FAILED", "DisposalBlocked"))
    disposed = len(sent) - len(blocked)
    assert run.message == f"{disposed} recordings disposed of with receipt, {len(blocked)} left"
    assert reported(run) == {
        "found in the raw store": len(sent),
        "disposed of, with receipt": disposed,
        "left": len(blocked),
    }
    table = {row["object"]: row["reason"] for row in run.exceptions}
    assert table == {one.name: f"{one.name}: Permission denied" for one in blocked}
    assert home.standing() == {one.sha256 for one in blocked}
    status = home.status()
    assert (status.disposed, status.waiting) == (disposed, len(blocked))
    accounted_for(home, sent)

    locked.chmod(0o700)
    run = run_ingest(server, home.settings.path, tmp_path)

    assert (run.exit_code, run.state) == (0, ("COMPLETED", "Completed"))
    assert run.message == f"{len(blocked)} recordings disposed of with receipt"
    finished(home, sent)
    assert reported(run) == {"finished for an interrupted run": len(blocked)}


@pytest.mark.slow
@pytest.mark.inv("INV-5")
def test_a_store_that_fails_for_a_while_is_tried_again_and_loses_nothing(
    server: PrefectServer, home: Home, recordings: Path, tmp_path: Path
) -> None:
    """The training store refuses every write until the first retry is announced."""
    sent = everything(send_all(home, recordings))
    training = home.settings.folder / "stores" / "training"
    training.chmod(0o500)

    running = FlowProcess(server, home.settings.path, tmp_path)
    running.until_printed("Retry 1/3")
    assert home.standing() == {one.sha256 for one in sent}
    training.chmod(0o700)
    run = running.finish()

    assert (run.exit_code, run.state) == (0, ("COMPLETED", "Completed"))
    assert reported(run) == {
        "found in the raw store": len(sent),
        "disposed of, with receipt": len(sent),
    }
    finished(home, sent)


def waiting_for_lock(path: Path) -> set[int]:
    """The processes that wait for a lock on a file."""
    inode = str(path.stat().st_ino)
    lines = [line.split() for line in Path("/proc/locks").read_text().splitlines()]
    return {
        int(line[5])
        for line in lines
        if line[1] == "->" and line[6].rpartition(":")[2] == inode
    }  # fmt: skip


@pytest.mark.slow
@pytest.mark.inv("INV-5", "INV-6")
def test_two_runs_at_once_dispose_of_everything_once(
    server: PrefectServer, home: Home, recordings: Path, tmp_path: Path
) -> None:
    """Both stand before the same delete when they are let go, so each has sealed the same batch."""
    sent = everything(send_all(home, recordings))
    first = home.settings.folder / "stores" / "raw" / min(one.name for one in sent)

    with ExitStack() as held:
        lock = held.enter_context(first.open("rb"))
        fcntl.flock(lock, fcntl.LOCK_EX)
        two = [
            FlowProcess(server, home.settings.path, tmp_path / name) for name in ("one", "other")
        ]
        until(lambda: len(waiting_for_lock(first)) == 2, "both runs stand before the delete")
    runs = [process.finish() for process in two]

    assert {run.state for run in runs} == {("COMPLETED", "Completed")}
    # The one that came second may have met the other's journal and finished it.
    counted = [reported(run) for run in runs]
    rows = ("disposed of, with receipt", "finished for an interrupted run")
    assert sum(counts.get(row, 0) for counts in counted for row in rows) == len(sent)
    finished(home, sent)


@pytest.mark.inv("INV-5")
@pytest.mark.slow
def test_the_command_runs_the_flow_on_a_temporary_server(
    home: Home, recordings: Path, tmp_path: Path
) -> None:
    """`unvoiced ingest`, outside of a checkout's folder and with no server set up."""
    sent = everything(send_all(home, recordings))

    done = subprocess.run(
        [BIN / "unvoiced", "ingest", "-c", home.settings.folder],
        env=environment(tmp_path / "operator"),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert f"Completed: {len(sent)} recordings disposed of with receipt" in done.stderr
    assert not list(tmp_path.glob("operator/prefect/storage/*"))
    finished(home, sent)
