"""The estimate and the words about a run: pure, so tried by numbers."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.ingest.home import Home
from unvoiced.backfill.cost import READING, RESTORING, estimate
from unvoiced.backfill.nothing import why_none
from unvoiced.backfill.outcome import SKIPS, Backfilled, Original
from unvoiced.backfill.plan import Amount, Plan, cut
from unvoiced.backfill.request import Request, Selection
from unvoiced.backfill.restore import Asked
from unvoiced.backfill.summary import (
    Run,
    dry_ending,
    ending,
    exceptions,
    go_on,
    next_run,
    plan_rows,
    result_rows,
)
from unvoiced.errors import InputError
from unvoiced.sections import STORAGE_CLASSES
from unvoiced.stores.interface import COLD_CLASSES

GB = 2**30
NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


def original(name: str, size: int = 1, storage_class: str = "STANDARD") -> Original:
    """One of that name."""
    return Original(name, "1", size, storage_class)


def test_amazons_own_example_of_a_restore() -> None:
    """15,000,000 objects and 102,400 GB from GLACIER: $750 of requests and $1,024 of bytes.

    https://repost.aws/knowledge-center/s3-manage-data-retrieval
    """
    amounts = {"GLACIER": Amount(15_000_000, 102_400 * GB)}
    assert estimate(amounts, "Standard", 7, 1).restoring == pytest.approx(1774)
    assert estimate(amounts, "Expedited", 7, 1).restoring == pytest.approx(150_000 + 3072)
    assert estimate(amounts, "Bulk", 7, 1).restoring == 0


def test_copies_are_paid_by_the_day_and_warm_classes_by_the_read() -> None:
    """A copy costs what S3 Standard does; what is not cold is neither restored nor copied."""
    cold = estimate({"DEEP_ARCHIVE": Amount(1000, 30 * GB)}, "Bulk", 10, 1)
    assert cold.copies == pytest.approx(30 * 0.023 / 3)
    assert (cold.restoring, cold.restore_hours) == (pytest.approx(0.025 + 30 * 0.0025), 48)
    warm = estimate({"GLACIER_IR": Amount(1000, 10 * GB)}, "Bulk", 10, 1)
    assert (warm.restoring, warm.copies, warm.restore_hours) == (0, 0, 0)
    assert warm.dollars == warm.reading == pytest.approx(0.01 + 0.3)


def test_every_class_that_originals_are_archived_in_has_its_prices() -> None:
    """And each of the cold ones can be restored in bulk."""
    assert set(STORAGE_CLASSES) == READING.keys() | COLD_CLASSES
    assert {kind for kind, _ in RESTORING} == COLD_CLASSES
    assert all((kind, "Bulk") in RESTORING for kind in COLD_CLASSES)


def test_more_processes_take_less_time() -> None:
    """In proportion; the restore takes as long as ever."""
    amounts = {"GLACIER": Amount(1000, GB)}
    one, two = (estimate(amounts, "Bulk", 7, processes) for processes in (1, 2))
    assert one.work_seconds == pytest.approx(2 * two.work_seconds)
    assert one.restore_hours == two.restore_hours


def test_a_tier_that_a_class_does_not_have_is_refused() -> None:
    """Before anything is asked of the store."""
    plan = Plan(cold=[original("a", storage_class="DEEP_ARCHIVE")])
    with pytest.raises(InputError, match="DEEP_ARCHIVE cannot be restored with tier Expedited"):
        plan_rows(Request("mfcc-13", tier="Expedited"), plan, 1)
    assert plan_rows(Request("mfcc-13", tier="Expedited"), Plan(todo=[original("a")]), 1)


def test_batches_are_bounded_by_count_and_by_bytes() -> None:
    """One that is too large for any batch is one by itself."""
    originals = [original(str(n), size) for n, size in enumerate((4, 4, 4, 99, 1, 1, 1))]
    sizes = [[one.size for one in batch] for batch in cut(originals, 2, 9)]
    assert sizes == [[4, 4], [4], [99], [1, 1], [1]]
    assert cut([], 2, 9) == []


def test_requests_that_cannot_work_are_refused() -> None:
    """A copy that is gone before the next run comes would be restored for ever."""
    for wrong in ({"restore_days": 2}, {"batch_samples": 0}):
        with pytest.raises(InputError):
            Request("mfcc-13", **wrong)  # type: ignore[arg-type]
    with pytest.raises(InputError):
        Request("mfcc-13", selection=Selection(("anna",)))


def test_how_runs_end() -> None:
    """Named after the worst thing that can be said of them, with counts."""

    def end(run: Run, *, scheduled: bool = False) -> tuple[str, bool, str]:
        found = ending(run, next_run(run, NOW), scheduled=scheduled)
        return found.name, found.failed, found.message

    request = Request("mfcc-13")
    done = Backfilled(objects=2, made=2)
    assert end(Run(request, done=done)) == ("Completed", False, "2 feature objects made")
    skipped = Plan(skipped=[("a", "not-in-log")])
    assert end(Run(request, skipped, done=done))[:2] == ("CompletedWithSkips", False)
    waiting = Asked(waiting=[original("a", storage_class="DEEP_ARCHIVE")])
    name, failed, message = end(Run(request, skipped, waiting, done))
    assert (name, failed) == ("WaitingForRestore", False)
    assert message.endswith("1 are being restored: run it again after 2026-11-25 08:00 UTC")
    scheduled = end(Run(request, skipped, waiting, done), scheduled=True)[2]
    assert scheduled.endswith("the next run is scheduled for 2026-11-25 08:00 UTC")
    left = Backfilled(left=[("a", "the store was away")])
    assert end(Run(request, skipped, waiting, left))[:2] == ("Failed", True)
    assert end(Run(request, failures=["a vault is locked"]))[1]
    assert dry_ending(Plan(selected=3, todo=[original("a")])).name == "DryRun"


def test_a_form_is_told_why_there_is_nothing_to_do(tmp_path: Path) -> None:
    """Of an archive that nobody told ingest to fill: that such recordings are gone, too."""
    settings = Home.create(tmp_path / "deployment").settings
    request = Request("mfcc-13")
    said = " ".join(go_on(Plan(), request, why_none(settings, request)))
    assert said.startswith("There is nothing to do. The archive is empty ([disposal] archive is")
    assert "no new feature set can ever be made from them" in said
    assert go_on(Plan(selected=1, already=1), request) == ["There is nothing to do."]


def test_every_row_adds_up_and_every_exception_says_what_to_do() -> None:
    """Counts by reason; a table row for each skip, each one left, and each batch that failed."""
    plan = Plan(in_buckets=True, selected=4, todo=[original("a"), original("b")], already=1,
                skipped=[("c", "gone")])  # fmt: skip
    run = Run(Request("mfcc-13"), plan, Asked(), Backfilled(2, 1, 0, 10, 5, [("b", "too-short")]))
    run.failures.append("a vault is locked")
    rows = dict(result_rows(run))
    assert (rows["skipped"], rows["skipped: gone"], rows["skipped: too-short"]) == ("2", "1", "1")
    assert len(exceptions(run)) == 3
    assert all(row["what to do"] for row in exceptions(run))
    assert all(SKIPS.values())
    shown = dict(plan_rows(run.request, plan, 2))
    assert (shown["to do"], shown["originals selected"]) == ("2", "4")
    assert "June 2026" in shown["estimate: all"]
    plan.in_buckets = False
    assert not any("$" in value for _, value in plan_rows(run.request, plan, 2))
