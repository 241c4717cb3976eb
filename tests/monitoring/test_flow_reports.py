"""The reports of the other flows: one sentence, one table of exceptions; without a server."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tasks import catalog, posture, spread, watch
from tasks.epochs import EpochsReport
from tasks.object_names import shown
from tasks.retention import RetentionReport
from tests.ingest.home import Home
from unvoiced.catalog.build import ERASED, FOREIGN, FOREIGN_NAME, NO_RECEIPT, SetReport
from unvoiced.epochs.report import Retirements
from unvoiced.ingest.part import Part
from unvoiced.posture.finding import Finding, Severity
from unvoiced.posture.finding import Report as Posture
from unvoiced.retention.keep import Row
from unvoiced.retention.lifecycle import BucketRules
from unvoiced.watch.alert import Alert, Kind, Level
from unvoiced.watch.report import Report as Watched

NAME = f"{'a' * 26}/1.unv"
Made = dict[str, dict[str, Any]]
DAY = datetime(2026, 11, 23, 9, tzinfo=UTC)
EVIL = "<b>|x|</b>\x1b[2J\u202e"


class Step:
    """A step that has ended."""

    def __init__(self, outcome: object) -> None:
        self._outcome = outcome

    def result(self, raise_on_failure: bool) -> object:
        """What it came to."""
        return self._outcome


@pytest.fixture
def config(tmp_path: Path) -> str:
    """Where the settings of a new deployment are."""
    return str(Home.create(tmp_path / "home").settings.path)


def first_line(made: Made, flow: str) -> str:
    """Of its report."""
    return str(made[f"{flow}-report"]["markdown"].splitlines()[0])


def test_retention_has_one_table_of_all_that_is_not_as_it_must_be(made: Made, config: str) -> None:
    """What is left, a step that failed, a bucket's own rules; each with what to do."""
    report = RetentionReport(dry_run=False)
    left = Row("raw_days", "raw", due=3, destroyed=1, left={NAME: "it is locked", "'b c'": "x"})
    report.take(Step([left]))  # type: ignore[arg-type]  # of a future
    report.take(Step(OSError("no answer")))  # type: ignore[arg-type]
    rules = BucketRules("bucket", ("raw",), None, "", drift=("30 days, not 90",))
    report.drift(Step([rules]))  # type: ignore[arg-type]
    assert report.publish(config).name == "Failed"
    rows = made["retention-exceptions"]["table"]
    assert [row["object"] for row in rows] == [shown("b c"), NAME, "a step", "bucket"]
    assert all(len(row) == 4 and all(row.values()) for row in rows)
    assert "2 are due and still there, 1 steps failed" in first_line(made, "retention")
    assert "unvoiced log verify" in made["retention-report"]["markdown"]


def test_retention_that_did_all_has_no_table(made: Made, config: str) -> None:
    """And says that nothing is to be done."""
    report = RetentionReport(dry_run=False)
    report.take(Step([Row("raw_days", "raw", due=2, destroyed=2)]))  # type: ignore[arg-type]
    report.drift(Step([]))  # type: ignore[arg-type]
    assert report.publish(config).name == "Completed"
    assert made.keys() == {"retention-report"}
    assert first_line(made, "retention").endswith("Nothing is to be done.")


def test_epochs_tells_what_is_to_be_done_from_what_is_waited_for(made: Made, config: str) -> None:
    """A key that is held back is no exception; one that is lost is."""
    held = EpochsReport(retirements=Retirements(held_back={"2026-w40": ("a hold",)}))
    held.publish(config)
    assert made.keys() == {"epochs-report"}
    assert first_line(made, "epochs").endswith("Nothing is to be done.")
    lost = EpochsReport(retirements=Retirements(lost={"2026-w40": ("2 objects",)},
                                                quarantined=[NAME]))  # fmt: skip
    lost.publish(config)
    rows = made["epochs-exceptions"]["table"]
    assert [(row["object"], row["outcome"]) for row in rows] == [
        ("2026-w40", "lost"), (NAME, "quarantined"),
    ]  # fmt: skip
    assert all(row["what to do"] for row in rows)


def test_the_catalog_says_what_to_do_of_all_that_it_leaves_out(made: Made) -> None:
    """For every reason that there is."""
    left_out = Counter([ERASED, FOREIGN, FOREIGN_NAME, NO_RECEIPT])
    catalog.publish([SetReport("set", rows=5, left_out=left_out, damaged=["catalog/set/a"])])
    rows = made["catalog-exceptions"]["table"]
    assert len(rows) == 5
    assert all(row["what to do"] for row in rows)
    made.clear()
    catalog.publish([SetReport("set", rows=5)])
    assert made.keys() == {"catalog-report"}


def test_posture_without_findings_has_no_table(made: Made) -> None:
    """With one, its command stands in it."""
    posture.publish.fn(Posture(findings=(), passed=9, notes=()))
    assert made.keys() == {"posture-report"}
    found = Finding("open", Severity.HIGH, "bucket", "is open", "anyone reads it", "close it")
    posture.publish.fn(Posture(findings=(found,), passed=8, notes=()))
    assert made["posture-exceptions"]["table"][0]["fix"] == "close it"
    assert first_line(made, "posture").startswith("**Findings of high severity: 1.**")


def test_alerts_are_the_exceptions_of_the_watch(made: Made) -> None:
    """With what to do; a requester's name, which is anyone's to choose, moves no cursor."""
    watch.publish.fn(Watched())
    assert made.keys() == {"watch-report"}
    alert = Alert(Kind.VOLUME, Level.HIGH, EVIL, "many reads", DAY, DAY)
    blind = replace(alert, kind=Kind.BLIND, requester="")
    watch.publish.fn(Watched(alerts=(alert,)))
    (row,) = made["watch-exceptions"]["table"]
    assert row["what to do"].startswith("ask the requester")
    assert all(value.isprintable() for value in row.values())
    assert first_line(made, "watch").startswith("**1 alerts")
    watch.publish.fn(Watched(alerts=(blind,)))
    assert first_line(made, "watch").startswith("**The watch could not see everything**")


def test_a_spread_run_names_the_parts_that_did_not_go_well(made: Made) -> None:
    """Sums and whether they hold; what a part said is no markup of the whole's report."""
    counts = Counter({"found in the raw store": 5, "disposed of, with receipt": 5})
    good = spread.PartRun(Part(1, 2), "Completed", True, "5 disposed of", counts)
    bad = replace(good, part=Part(2, 2), state="DisposalBlocked", completed=False, message="a|b",
                  counts=Counter({"found in the raw store": 2, "left": 2}))  # fmt: skip
    assert spread.publish([good, bad]).name == "DisposalBlocked"
    text = made["ingest-spread-report"]["markdown"]
    assert "The sum holds: 7 found = 5 disposed of, with receipt + 2 left." in text
    assert "a|b" not in text
    (row,) = made["ingest-spread-exceptions"]["table"]
    assert row["object"] == "part 2"
