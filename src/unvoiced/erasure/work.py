"""One erasure at work: what its steps share.

Before anything is destroyed, and between any two objects' folders, it is asked whether the
contributor is under a legal hold by now: then it stops where it is.
"""

from dataclasses import dataclass, field, replace

from unvoiced.disposal import Sweep, sweep
from unvoiced.eraser import Eraser
from unvoiced.erasure.discretion import scrubbed
from unvoiced.erasure.record import Change, Erasure, Erasures, Stage
from unvoiced.log.leaves import rfc3339
from unvoiced.log.ledger import Ledger
from unvoiced.stores import Store

UNDER_HOLD = "under a legal hold; it stays until that is lifted"


class UnderHold(Exception):
    """A legal hold is on the contributor, or on everything."""


class FinishedElsewhere(Exception):
    """Another run has finished the erasure meanwhile."""


@dataclass
class Work:
    """The eraser, the record, and why what is left is left."""

    eraser: Eraser
    records: Erasures
    record: Erasure
    pseudonym: str
    reasons: list[str] = field(default_factory=list)
    # (name, version) of an object of the journal store -> whether it names them; such a version
    # never changes, so others' records are read once, however often it is looked.
    names_them: dict[tuple[str, str], bool] = field(default_factory=dict)

    @property
    def ledger(self) -> Ledger:
        """What the log says now."""
        return self.eraser.accounts.current()

    def unless_held(self) -> None:
        """Raises `UnderHold`."""
        if self.eraser.holds.held().by(self.pseudonym):
            raise UnderHold

    def change(self, change: Change) -> None:
        """Write down how far it has come. Raises `FinishedElsewhere`."""

        def unless_finished(record: Erasure) -> Erasure:
            return record if not record.pseudonym else change(record)

        self.record = self.records.change(self.record.id, unless_finished)
        if not self.record.pseudonym:
            raise FinishedElsewhere

    def reach(self, stage: Stage) -> None:
        """Write down that a stage is reached."""
        self.change(lambda record: record.reached(stage, self.eraser.now()))

    def count(self, store: str, versions: int) -> None:
        """Write down that versions were destroyed."""
        if versions:
            self.change(lambda record: record.counting(store, versions))

    def sweep(self, what: str, store: Store, prefix: str) -> bool:
        """Destroy all under a prefix, unless it is held; whether nothing was left."""
        self.unless_held()
        done = sweep(store, prefix)
        self.count(what, done.destroyed)
        self.leave(what, done)
        return done.complete

    def leave(self, what: str, done: Sweep) -> None:
        """Note why a sweep left things: how many, until when, and the store's words."""
        locks = done.locked_until
        if locks:
            days = [until for until in locks.values() if until is not None]
            until = f"locked until {rfc3339(max(days))}" if days else "locked"
            self.pending(f"{what}: {len(locks)} objects {until}")
        for name, why in done.left.items():
            if name not in locks:
                self.pending(f"{what}: {why.replace(name, 'an object')}")

    def pending(self, reason: str) -> None:
        """Note a reason why it is not finished, once."""
        if (said := scrubbed(reason)) not in self.reasons:
            self.reasons.append(said)

    def wait(self, *, held: bool = False) -> None:
        """Write down what it waits for."""
        reasons = tuple(self.reasons)
        self.change(lambda record: replace(record, pending=reasons, held=held))
