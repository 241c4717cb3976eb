"""Keeping the rules: one step a rule, each safe to run again, in whatever order they die.

What travels between processes is what `Row` holds: rules, stores, counts, object names and reasons.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from unvoiced.config import Settings
from unvoiced.eraser import Eraser, check_originals
from unvoiced.erasure import reapply
from unvoiced.errors import VerificationError
from unvoiced.retention.look import Deployment, check_settings, decide
from unvoiced.retention.recordings import clear_records, dispose_due
from unvoiced.retention.rules import Decision, Rule
from unvoiced.retention.sweeps import Swept, finish_sweeps, sweep_due


@dataclass
class Row:
    """What became of what a rule made due in one store."""

    rule: str
    store: str
    due: int = 0  # objects; delete markers are none
    destroyed: int = 0
    held: dict[str, int] = field(default_factory=dict)  # why -> objects that stay for that
    left: dict[str, str] = field(default_factory=dict)  # object name -> why it is still there
    next: datetime | None = None  # when the next one is due, of those that are there

    @classmethod
    def of(cls, decision: Decision, swept: Swept | None = None) -> "Row":
        """Of a decision, and of what was done about it."""
        return cls(
            rule=decision.rule.value,
            store=decision.store,
            due=decision.objects,
            destroyed=swept.destroyed if swept else 0,
            held=dict(decision.held),
            left=dict(swept.left if swept else decision.left),
            next=decision.next,
        )


@dataclass
class Report:
    """What became of everything, in one run."""

    rows: list[Row] = field(default_factory=list)

    def add(self, rows: Iterable[Row]) -> None:
        """Take in some rows."""
        self.rows += rows

    @property
    def destroyed(self) -> int:
        """How many objects were destroyed."""
        return sum(row.destroyed for row in self.rows)

    @property
    def due(self) -> int:
        """How many were due."""
        return sum(row.due for row in self.rows)

    @property
    def held(self) -> int:
        """How many stay for a legal hold."""
        return sum(sum(row.held.values()) for row in self.rows)

    @property
    def left(self) -> int:
        """How many objects are due and still there."""
        return sum(len(row.left) for row in self.rows)


def finish_interrupted(eraser: Eraser) -> list[Row]:
    """Finish what runs that are no more had begun to destroy."""
    try:
        intended = eraser.undertaker.finish()
        disposed = Swept(intended.disposed, intended.left)
    except VerificationError as error:  # somebody's who is not of ours: not acted upon
        disposed = Swept(left={"intents": str(error)})
    swept = finish_sweeps(eraser)
    swept.left |= clear_records(eraser)
    eraser.accounts.remember()
    return [
        Row("finished for an interrupted run", store, one.destroyed, one.destroyed, left=one.left)
        for store, one in (("raw", disposed), ("others", swept))
        if one.destroyed or one.left
    ]


def reapply_suppressions(eraser: Eraser) -> list[Row]:
    """Erase again what has come back of contributors who were erased: a backup, a late run."""
    outcomes = reapply(eraser)
    if not outcomes:
        return []
    row = Row("erased contributors", "all", due=len(outcomes))
    row.destroyed = sum(one.complete for one in outcomes)
    for one in outcomes:
        why = ", ".join(one.pending)
        if one.held:
            row.held["under a legal hold"] = row.held.get("under a legal hold", 0) + 1
        elif not one.complete:
            row.left[f"erasure {one.id[:16]}"] = why
    return [row]


def keep_rule(eraser: Eraser, rule: Rule, dry_run: bool = False) -> list[Row]:
    """Destroy what a rule makes due now, and say what became of it; or only say what is due."""
    deployment = Deployment.of(eraser.settings)
    rows = []
    for decision in decide(deployment, rule, eraser.now()):
        if dry_run:
            rows.append(Row.of(decision))
        elif decision.store == "raw" and rule is not Rule.NONCURRENT:
            swept = dispose_due(eraser, decision)
            if swept.destroyed:
                swept.left |= clear_records(eraser)
            rows.append(Row.of(decision, swept))
        else:
            rows.append(Row.of(decision, sweep_due(eraser, decision)))
    if not dry_run:
        eraser.accounts.remember()
    return rows


def keep_rules(eraser: Eraser) -> Report:
    """All of it, in one process."""
    check_settings(eraser.settings)
    report = Report(finish_interrupted(eraser))
    report.add(reapply_suppressions(eraser))
    for rule in Rule:
        report.add(keep_rule(eraser, rule))
    return report


def show(settings: Settings, now: datetime) -> Report:
    """What is due now, and when the next is; needs no secret, changes nothing."""
    deployment = Deployment.of(settings)
    check_originals(settings, lambda: deployment.ledger)
    return Report([Row.of(one) for rule in Rule for one in decide(deployment, rule, now)])
