"""The task that keeps a run's record: however the run ends, and without ending it itself."""

import logging
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from tasks import ingest
from tasks.ingest import keeping_record
from tasks.report import RunReport
from unvoiced.errors import StoreError
from unvoiced.ingest.outcome import BatchReport
from unvoiced.ingest.part import Part
from unvoiced.runs import RunRecord

WORKERS: Any = object()


@dataclass
class Kept:
    """Stands where the task is: what it was given, and what becomes of it."""

    outcome: object = None
    records: list[RunRecord] = field(default_factory=list)

    def submit(self, workers: object, record: RunRecord) -> Any:
        """As a task's."""
        assert workers is WORKERS
        self.records.append(record)
        return SimpleNamespace(result=lambda raise_on_failure: self.outcome)


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> Kept:
    """In the place of the task."""
    kept = Kept()
    monkeypatch.setattr(ingest, "keep_record", kept)
    monkeypatch.setattr(ingest, "flow_run", SimpleNamespace(id="run-7"))
    monkeypatch.setattr(ingest, "get_run_logger", lambda: logging.getLogger("run"))
    return kept


def report_of(batch: BatchReport) -> RunReport:
    """A run's, which finished this for another one."""
    report = RunReport(Part(1, 1))
    report.finished(batch)
    return report


def test_a_run_that_did_its_work_is_kept_with_its_end_state_and_numbers(kept: Kept) -> None:
    """Numbers, and none of the names that its report has."""
    batch = BatchReport(disposed=3, quarantined={"p/s.unv": "not-audio"}, left={"p/t.unv": "why"})
    batch.exposure.add(60)
    batch.oldest_left = 1e9
    with keeping_record(WORKERS, report_of(batch)):
        pass
    (record,) = kept.records
    assert (record.run_id, record.flow, record.state) == ("run-7", "ingest", "DisposalBlocked")
    assert (record.counts["finished"], record.counts["quarantined"]) == (3, 1)
    assert (record.left, record.oldest_left, record.exposure.count) == (1, 1e9, 1)
    assert record.begun <= record.ended
    assert not record.idle
    assert "p/" not in str(record)


def test_a_run_that_found_nothing_is_idle(kept: Kept) -> None:
    """So one an hour is kept."""
    with keeping_record(WORKERS, report_of(BatchReport())):
        pass
    assert kept.records[0].idle


def test_a_run_that_failed_is_kept_as_failed_and_fails(kept: Kept) -> None:
    """With what it had come to by then."""
    with (
        pytest.raises(StoreError),
        keeping_record(WORKERS, report_of(BatchReport(disposed=2))),
    ):
        raise StoreError("the store is gone")
    (record,) = kept.records
    assert (record.state, record.counts["finished"]) == ("Failed", 2)


def test_a_run_that_is_killed_keeps_nobody_waiting(kept: Kept) -> None:
    """What ends it is no error of a step: there is no time for a record."""
    with pytest.raises(KeyboardInterrupt), keeping_record(WORKERS, report_of(BatchReport())):
        raise KeyboardInterrupt
    assert kept.records == []


def test_a_record_that_cannot_be_kept_fails_no_run(
    kept: Kept, caplog: pytest.LogCaptureFixture
) -> None:
    """The run's log says so."""
    kept.outcome = StoreError("no room")
    with keeping_record(WORKERS, report_of(BatchReport(disposed=1))):
        pass
    assert "the run's record was not kept: no room" in caplog.text
