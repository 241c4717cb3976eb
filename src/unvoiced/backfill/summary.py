"""What a backfill says of itself, in a terminal and in Prefect alike.

Pure: names and counts only.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from unvoiced.backfill.cost import PRICES_OF, Estimate, estimate, restore_hours
from unvoiced.backfill.outcome import SKIPS, Backfilled, Original
from unvoiced.backfill.plan import Plan
from unvoiced.backfill.request import Request
from unvoiced.backfill.restore import Asked

Row = tuple[str, str]


@dataclass
class Run:
    """What is known of a run so far."""

    request: Request
    plan: Plan = field(default_factory=Plan)
    asked: Asked = field(default_factory=Asked)
    done: Backfilled = field(default_factory=Backfilled)
    failures: list[str] = field(default_factory=list)  # batches that failed, and why

    @property
    def skipped(self) -> list[tuple[str, str]]:
        """All that got no features, with the reason of `SKIPS`."""
        return [*self.plan.skipped, *self.asked.skipped, *self.done.skipped]

    @property
    def left(self) -> list[tuple[str, str]]:
        """All that another run may do, and why this one did not."""
        return [*self.asked.left, *self.done.left]


@dataclass(frozen=True)
class Ending:
    """How a run ended: the name of its state, one sentence, and whether it failed."""

    name: str
    message: str
    failed: bool = False


def plan_rows(request: Request, plan: Plan, processes: int) -> list[Row]:
    """The plan as rows of a table. Raises `InputError` where the tier does not restore a class."""
    amounts = plan.amounts()
    rows = [
        ("originals selected", f"{plan.selected:,}"),
        ("their features stand already", f"{plan.already:,}"),
        ("to do", f"{len(plan.todo) + len(plan.cold):,}"),
        ("of these in cold storage", f"{len(plan.cold):,}"),
        ("skipped", f"{len(plan.skipped):,}"),
        *((f"skipped: {reason}", f"{count:,}") for reason, count in _counted(plan.skipped)),
        *(
            (f"to read from {kind}", f"{one.objects:,} objects, {one.size / 1e6:,.1f} MB")
            for kind, one in sorted(amounts.items())
        ),
    ]
    expected = estimate(amounts, request.tier, request.restore_days, processes)
    rows.append(
        ("expected work", f"{_duration(expected.work_seconds)} in {processes} processes, "
         "without the network's round trips")
    )  # fmt: skip
    return rows + (_costs(request, expected) if plan.in_buckets else [])


def _costs(request: Request, expected: Estimate) -> list[Row]:
    rows = [
        ("expected restore time", f"up to {expected.restore_hours:g} h ({request.tier})"),
        ("estimate: restoring", f"${expected.restoring:,.2f}"),
        (f"estimate: copies for {request.restore_days} days", f"${expected.copies:,.2f}"),
        ("estimate: reading", f"${expected.reading:,.2f}"),
    ]
    if not expected.restore_hours:
        rows = rows[-1:]
    said = f"${expected.dollars:,.2f} at list prices of {PRICES_OF}, us-east-1, without transfer"
    return [*rows, ("estimate: all", said)]


def result_rows(run: Run) -> list[Row]:
    """What became of a run's originals, as rows of a table."""
    done = run.done
    return [
        ("originals selected", f"{run.plan.selected:,}"),
        ("features made", f"{done.made:,}"),
        ("their features stood already", f"{run.plan.already + done.already:,}"),
        ("being restored", f"{len(run.asked.waiting):,}"),
        ("skipped", f"{len(run.skipped):,}"),
        *((f"skipped: {reason}", f"{count:,}") for reason, count in _counted(run.skipped)),
        ("left for another run", f"{len(run.left):,}"),
        ("batches failed", f"{len(run.failures):,}"),
        ("originals read", f"{done.read_bytes / 1e6:,.1f} MB"),
        ("features put, sealed", f"{done.feature_bytes / 1e6:,.1f} MB"),
    ]


def exceptions(run: Run) -> list[Mapping[str, str]]:
    """One row for each original that got no features, and each batch that failed."""
    return [
        *({"object": name, "outcome": "skipped", "reason": reason, "what to do": SKIPS[reason]}
          for name, reason in sorted(run.skipped)),
        *({"object": name, "outcome": "left", "reason": why, "what to do": "run it again"}
          for name, why in sorted(run.left)),
        *({"object": "a batch", "outcome": "failed", "reason": why, "what to do": "run it again"}
          for why in run.failures),
    ]  # fmt: skip


def next_run(run: Run, now: datetime) -> datetime:
    """When what is being restored can be expected to be readable."""
    return now + timedelta(hours=restore_hours(_kinds(run.asked.waiting), run.request.tier))


def ending(run: Run, again_at: datetime, *, scheduled: bool) -> Ending:
    """How the run ended; `again_at` is when to run again where originals are being restored."""
    message = f"{run.done.made:,} feature objects made"
    if run.skipped:
        message += f", {len(run.skipped):,} originals skipped"
    waiting = len(run.asked.waiting)
    if waiting and (run.failures or run.left):
        message += f", {waiting:,} being restored"
    if run.failures:
        failed = f"{message}; {len(run.failures)} batches failed: {run.failures[0]}"
        return Ending("Failed", failed, failed=True)
    if run.left:
        left = f"{message}, {len(run.left):,} left: {run.left[0][1]}"
        return Ending("Failed", left, failed=True)
    if waiting:
        when = f"{again_at:%Y-%m-%d %H:%M} UTC"
        how = f"the next run is scheduled for {when}" if scheduled else f"run it again after {when}"
        return Ending("WaitingForRestore", f"{message}; {waiting:,} are being restored: {how}")
    return Ending("CompletedWithSkips" if run.skipped else "Completed", message)


def dry_ending(plan: Plan) -> Ending:
    """How a dry run ended."""
    count = len(plan.todo) + len(plan.cold)
    return Ending(
        "DryRun", f"{count:,} of {plan.selected:,} originals to do; nothing was changed or restored"
    )


def go_on(plan: Plan, request: Request, why_none: str = "") -> list[str]:
    """What to know before doing what a dry run showed, and how to have it done; a paragraph each.

    As told to who started it by Prefect's form. `why_none` says why nothing is selected.
    """
    if not (plan.todo or plan.cold):
        return ["There is nothing to do.", *([why_none] if why_none else [])]
    said = []
    if plan.cold and plan.in_buckets:
        said.append(
            f"{len(plan.cold):,} originals are in cold storage. What is asked for is paid for, "
            f"whatever becomes of the backfill; copies stand for {request.restore_days} days. The "
            "run ends as WaitingForRestore, and schedules the next."
        )
    if plan.skipped:
        reasons = ", ".join(reason for reason, _ in _counted(plan.skipped))
        said.append(f"{len(plan.skipped):,} originals would get no features: {reasons}.")
    said.append(
        "To do it: run this deployment again with the same parameters and `dry_run` off (in the "
        "run's menu, ⋮, *Copy to new run*). Originals stay as they are, and a run that is killed "
        "is finished by running it again."
    )
    return said


def _counted(skipped: Sequence[tuple[str, str]]) -> list[tuple[str, int]]:
    return sorted(Counter(reason for _, reason in skipped).items())


def _kinds(originals: Sequence[Original]) -> dict[str, None]:
    return dict.fromkeys(one.storage_class for one in originals)


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:,.1f} s"
    return f"{seconds / 60:,.0f} min" if seconds < 5400 else f"{seconds / 3600:,.1f} h"
