"""The report of an ingest run: sums, sentences, what it says of the backlog; without a server."""

import shlex
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tasks import backlog
from tasks.counts import read_table
from tasks.ingest import StepFailed
from tasks.ingest_summary import duration
from tasks.object_names import shown, shown_quoted
from tasks.receipts import LogAfter
from tasks.report import MOST_NAMED, RunReport
from tests.ingest.home import Home
from unvoiced.cli.app import app
from unvoiced.ingest.exposure import Exposure
from unvoiced.ingest.outcome import BatchReport
from unvoiced.ingest.part import WHOLE
from unvoiced.ingest.plan import Plan

NOW = 1_800_000_000.0
HOUR = 3_600.0


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    """Those that were emitted."""
    found: list[tuple[str, dict[str, Any]]] = []
    monkeypatch.setattr(
        backlog,
        "emit_event",
        lambda event, resource, payload: found.append((event, {**resource, **payload})),
    )
    return found


def batch(**given: Any) -> BatchReport:
    """What became of a batch."""
    return BatchReport(**given)


def run(
    *outcomes: BatchReport | StepFailed, interrupted: BatchReport | None = None, **plan: Any
) -> RunReport:
    """A run of one window, whose steps came to this."""
    gathered = RunReport(WHOLE)
    gathered.finished(interrupted or BatchReport())
    gathered.take(Plan(**plan))
    for outcome in outcomes:
        gathered.take(outcome)
    return gathered


def lines(gathered: RunReport) -> list[str]:
    """The report's lines."""
    return gathered._summary().splitlines()


@pytest.mark.usefixtures("made")
@pytest.mark.parametrize(
    ("gathered", "said"),
    [
        (lambda: run(), "The sum holds: 0 found = 0."),
        (
            lambda: run(
                batch(recordings=6, disposed=2, erased=1, gone=1, quarantined={"a/1": "x"},
                      left={"a/2": "y"}),
                recordings=6,
            ),
            "The sum holds: 6 found = 2 disposed of, with receipt + 1 of erased contributors, "
            "destroyed unopened + 1 quarantined now + 1 taken by another run + 1 left.",
        ),
        (  # the next run tries what the last one left; what is to go without features is in no plan
            lambda: run(
                batch(recordings=1, disposed=1),
                interrupted=batch(disposed=3, erased=2, left={"a/1": "x", "a/2": "y"},
                                  tried=[("a/1", "v")]),
                recordings=1, tried=1,
            ),
            "The sum holds: 3 found = 1 disposed of, with receipt + 2 left.",
        ),
        (
            lambda: run(batch(recordings=4, disposed=4), StepFailed(False, "why"), recordings=9),
            "The sum holds: 9 found = 4 disposed of, with receipt + 5 in batches that failed.",
        ),
    ],
    ids=["nothing", "everything", "interrupted", "failed"],
)  # fmt: skip
def test_what_was_found_is_what_became_of_it(gathered: Any, said: str) -> None:
    """Every recording of a plan is in one row, whatever became of its batch."""
    assert said in lines(gathered())


@pytest.mark.usefixtures("made")
def test_a_sum_that_does_not_hold_is_said() -> None:
    """Two versions of one name are one name; the report does not pretend otherwise."""
    text = run(batch(recordings=2, left={"a/1": "y"}), recordings=2)._summary()
    assert "**The sum does not hold**: 2 found, and 1 = 1 left." in text
    assert "`unvoiced status`" in text


@pytest.mark.usefixtures("made")
@pytest.mark.parametrize(
    ("gathered", "begins", "next_step"),
    [
        (lambda: run(), "**Nothing was to be done**", ""),
        (lambda: run(batch(recordings=2, disposed=2), recordings=2),
         "**2 recordings are gone from the raw store, each with a receipt.**", "Nothing is to be"),
        (lambda: run(batch(recordings=1, quarantined={"a/1": "not-audio"}), recordings=1),
         "**1 recording could not become features**", "what to do stands below"),
        (lambda: run(batch(recordings=1, left={"a/1": "y"}), recordings=1),
         "**1 recording still in the raw store**", "The next run tries again"),
        (lambda: run(StepFailed(False, "why"), recordings=3),
         "**1 of the batches failed**, with 3 recordings", "Nothing is lost"),
        (lambda: run(StepFailed(True, "no answer")),
         "**The raw store was not listed to its end**: no answer", "the next run takes the rest"),
        (lambda: run(interrupted=batch(lost=["a/1"])), "**1 recording lost", "Find out who"),
    ],
    ids=["nothing", "good", "quarantine", "left", "failed", "unlisted", "lost"],
)  # fmt: skip
def test_the_first_line_says_what_happened_and_what_to_do(
    gathered: Any, begins: str, next_step: str
) -> None:
    """Whoever reads no further knows whether something is to be done."""
    first = lines(gathered())[0]
    assert first.startswith(begins)
    assert next_step in first


@pytest.mark.usefixtures("made")
def test_quarantine_is_grouped_by_reason_with_what_to_do() -> None:
    """Every one is counted, also beyond the names that are kept."""
    many = {f"a/{n}": "not-audio" for n in range(MOST_NAMED + 5)}
    text = run(batch(quarantined=many), batch(quarantined={"b/1": "does-not-open"}))._summary()
    rows = [line for line in text.splitlines() if line.startswith(("| not-audio", "| does-not"))]
    assert [row.split(" | ")[1] for row in rows] == [f"{MOST_NAMED + 5:,}", "1"]
    assert "the object was changed or damaged" in rows[1]
    # Only the counts are rows of two cells: those of parts are summed.
    assert set(read_table(text)) <= set(run()._rows())


@pytest.mark.usefixtures("made")
def test_the_exposure_window_is_shown() -> None:
    """Median, 95 %, longest; and how many are not in it."""
    exposure = Exposure(unknown=2)
    for seconds in (60.0,) * 98 + (HOUR,) * 2:
        exposure.add(seconds)
    text = run(batch(disposed=100, exposure=exposure))._summary()
    row = next(line for line in text.splitlines() if line.startswith("| 100 recordings"))
    assert row.split(" | ")[1:] == ["64 s", "64 s", "at least 60.0 min |"]
    assert "2 not in it" in text
    assert "Nothing was disposed of." in run()._summary()


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0.0 s"), (8.25, "8.2 s"), (89, "89 s"), (90, "1.5 min"), (7_200, "2.0 h"),
     (4 * 86_400, "4.0 days"), (None, "?")],
)  # fmt: skip
def test_times_are_said_as_people_say_them(seconds: float | None, said: str) -> None:
    """Two figures are enough."""
    assert duration(seconds) == said


@pytest.mark.usefixtures("made")
@pytest.mark.parametrize(
    ("gathered", "recordings", "oldest"),
    [
        (lambda: run(batch(recordings=1, disposed=1), recordings=1, oldest=NOW), 0, None),
        (lambda: run(batch(recordings=1, left={"a/1": "y"}, oldest_left=NOW + 5),
                     recordings=1, oldest=NOW), 1, NOW + 5),
        (lambda: run(StepFailed(False, "why"), recordings=7, oldest=NOW), 7, NOW),
        (lambda: run(oversized=["a/1"], oldest=NOW), 1, NOW),
        (lambda: run(batch(recordings=1, left={"a/1": "y"}), recordings=1), 1, None),
        (lambda: run(held={"a": 5}, quarantined=9, foreign=["x y"]), 0, None),
    ],
    ids=["nothing", "left", "failed", "too-large", "unknown", "meant-to-stay"],
)  # fmt: skip
def test_the_backlog_is_what_is_left_of_what_was_planned(
    gathered: Any, recordings: int, oldest: float | None
) -> None:
    """Nothing that is meant to stay counts; where the age is not known, it is not too young."""
    left = gathered().backlog()
    assert (left.recordings, left.oldest) == (recordings, oldest)


@pytest.mark.parametrize(
    ("hours", "emitted"),
    [(1.9, ["unvoiced.backlog"]), (2.1, ["unvoiced.backlog", "unvoiced.backlog-old"])],
)
def test_a_backlog_over_its_limit_is_an_event_of_its_own(
    made: dict[str, Any], events: list[tuple[str, dict[str, Any]]], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, hours: float, emitted: list[str],
) -> None:  # fmt: skip
    """By the setting; with numbers alone, the same in both."""
    home = Home.create(tmp_path / "home")
    with home.settings.path.open("a") as settings:
        settings.write("backlog_alert_hours = 2\n")
    monkeypatch.setattr("tasks.report.time.time", lambda: NOW)
    left = batch(recordings=1, left={"a/1": "y"}, oldest_left=NOW - hours * HOUR)
    run(left, recordings=1).publish(str(home.settings.path))
    assert [name for name, _ in events] == emitted
    for _, said in events:
        assert said == {
            "prefect.resource.id": "unvoiced.backlog",
            "prefect.resource.name": "backlog",
            "recordings": 1,
            "oldest_seconds": round(hours * HOUR),
            "limit_seconds": 2 * 3_600,
            "part": 1,
            "of": 1,
        }


def test_a_run_that_leaves_nothing_says_so_too(
    made: dict[str, Any], events: list[tuple[str, dict[str, Any]]], tmp_path: Path
) -> None:
    """The silence of a pipeline that does not run is to be told from an empty backlog."""
    home = Home.create(tmp_path / "home")
    run().publish(str(home.settings.path))
    ((name, said),) = events
    assert (name, said["recordings"], said["oldest_seconds"]) == ("unvoiced.backlog", 0, None)
    assert said["limit_seconds"] == 24 * 3_600


def test_a_clean_run_leaves_no_table_and_says_so(
    made: dict[str, dict[str, Any]], events: list[Any], tmp_path: Path
) -> None:
    """And a table says which run it is of: the page of its key shows it until there is another."""
    config = str(Home.create(tmp_path / "home").settings.path)
    run(batch(recordings=1, disposed=1), recordings=1).publish(config)
    assert made.keys() == {"ingest-report"}
    assert made["ingest-report"]["markdown"].endswith("\n\nNo exceptions in this run.\n")
    left = f"{'a' * 26}/1.unv"
    run(batch(recordings=1, left={left: "y"}), recordings=1).publish(config)
    assert "1 exception: table `ingest-exceptions`" in made["ingest-report"]["markdown"]
    assert [row["object"] for row in made["ingest-exceptions"]["table"]] == [left]
    assert "of the run `" in made["ingest-exceptions"]["description"]
    assert "A later run without any leaves no table" in made["ingest-exceptions"]["description"]


def test_a_name_that_somebody_made_up_is_shown_by_its_digest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever becomes of such an object; `unvoiced status` tells by the digits which one it is."""
    ours, theirs = f"{'a' * 26}/one.unv", ("anna smith.wav", "Anna-Smith/diagnosis.unv")
    gathered = run(
        batch(quarantined={theirs[1]: "does-not-open", ours: "not-audio"}, lost=[theirs[1]],
              left={theirs[1]: f"the store says no to {theirs[1]}"}),
        foreign=[theirs[0]], oversized=[theirs[1]], planted=("quarantine/Anna-Smith",),
    )  # fmt: skip
    rows = list(gathered._exceptions())
    assert len(rows) == 7
    assert "smith" not in str(rows).lower()
    assert [row["object"] for row in rows].count(ours) == 1

    home = Home.create(tmp_path / "home")
    monkeypatch.setenv("UNVOICED_CONFIG", str(home.settings.path))
    folder = home.settings.folder / "stores" / "raw"
    for name in (*theirs, ours):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")
    listed = CliRunner().invoke(app, ["status"]).output
    for name in theirs:
        assert f"  {shown(name)[-12:]}  '{name}'" in listed
        assert shown(name) in [row["object"] for row in rows]
        assert shown_quoted(ascii(name)) == shown(name)
    assert "no upload gives: 2 objects" in listed
    assert ours not in listed
    assert shown_quoted(ours) == ours


def test_the_command_that_a_report_gives_verifies_the_log(tmp_path: Path) -> None:
    """Copied from the report, with the folder put in, it runs and finds as much."""
    home = Home.create(tmp_path / "home")
    after = LogAfter.look(str(home.settings.path))
    checkpoint = home.settings.log_reader().checkpoint()
    assert after.size == checkpoint.size > 0
    text = after.markdown()
    command = text.split("```")[1].strip().replace("LOG_FOLDER", home.store("log").url)
    program, *arguments = shlex.split(command)
    arguments[-1] = str(tmp_path / "last-visit")
    done = CliRunner().invoke(app, arguments)
    assert (program, done.exit_code) == ("unvoiced", 0), done.output
    assert f"{after.size:,} entries" in text
    assert after.root in (tmp_path / "last-visit").read_text()
    assert "](http" not in text


def test_a_report_links_to_the_published_checkpoint(tmp_path: Path) -> None:
    """Where the settings say that the log is published."""
    home = Home.create(tmp_path / "home")
    path = home.settings.path
    url = "https://log.example.org/voices"
    path.write_text(path.read_text().replace("[log]\n", f'[log]\nurl = "{url}/"\n'))
    assert f"its [published copy]({url}/checkpoint)" in LogAfter.look(str(path)).markdown()


def test_a_log_that_cannot_be_read_does_not_end_the_report(tmp_path: Path) -> None:
    """It is said in its place: the run's end state is about recordings."""
    home = Home.create(tmp_path / "home")
    log = home.store("log")
    note = log.get("checkpoint")
    log.replace("checkpoint", note.data[:-10] + b"AAAAAAAAA\n", version=note.version)
    assert "**The log could not be read**: " in LogAfter.look(str(home.settings.path)).markdown()
