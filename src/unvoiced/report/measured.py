"""How much of what was destroyed the records of runs measured, held against the log. Pure.

The log has a receipt for each; a run that was killed leaves no record. So a number made of records
alone flatters: what they do not have counts as longer than anything (`Exposure.quantile`).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from unvoiced.report.facts import Report, Runs
from unvoiced.report.story import WITH_FEATURES

LATELY = timedelta(days=3)
# Shares of all. Of old days a record may have been deleted to tidy up, or lost with its store.
_FEW, _MANY = 0.03, 0.05


@dataclass(frozen=True)
class Measured:
    """Recordings that left features and were destroyed in the time that is looked at."""

    receipts: int  # by the log
    recorded: int  # by records of runs, of known times or not
    not_known: int  # of those: their time is not known
    unmeasured: int  # of the receipts: in no record
    later: int  # of those: after the newest record, so of a run that is under way or was killed
    lately: int  # of those not `later`: of the last days
    excess: int  # recordings in records beyond all the receipts
    overdue: bool  # the first of `later` is older than the longest that nothing should wait

    @property
    def gap(self) -> bool:
        """Whether more is unmeasured than a run under way or some old record explains."""
        without = self.unmeasured - self.later
        return self.overdue or self.lately > 0 or without > _FEW * self.receipts

    @property
    def vague(self) -> bool:
        """Whether more than a few of those in records have no time that is known."""
        return self.not_known > _MANY * self.recorded

    @property
    def complete(self) -> bool:
        """Whether the time of each is known."""
        return not (self.unmeasured or self.not_known)


def measure(report: Report, runs: Runs) -> Measured:
    """Hold records against receipts."""
    story, window = report.story, report.window
    steps = [by_step for cause, by_step in story.receipts.items() if cause in WITH_FEATURES]
    receipts = sum(sum(by_step.values()) for by_step in steps)
    recorded = runs.exposure.count + runs.exposure.not_known
    unmeasured = max(0, receipts - recorded)
    later = min(story.later, unmeasured)
    since = max(report.made - LATELY, window.start)
    first = window.number_of(since) or 0
    of_late = sum(n for by_step in steps for step, n in by_step.items() if step >= first)
    recorded_of_late = sum(
        one.exposure.count + one.exposure.not_known
        for one in runs.shown
        if one.ended >= window.steps[first].timestamp()
    )
    waited = report.made - datetime.fromisoformat(story.later_since) if later else timedelta()
    return Measured(
        receipts,
        recorded,
        runs.exposure.not_known,
        unmeasured,
        later,
        min(max(0, of_late - recorded_of_late - later), unmeasured - later),
        # One that began before and ended within has recordings of before, too.
        max(0, recorded - runs.straddling - receipts),
        waited > report.limits.backlog,
    )
