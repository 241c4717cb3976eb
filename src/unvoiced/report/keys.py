"""Where each intake key stands by the log alone, and what that means for copies. Pure.

Who has a copy of a sealed recording, from wherever, can open it while the private key exists. The
log says which keys were retired; whether a vault still holds one, `unvoiced keys ls` looks up.
"""

from dataclasses import dataclass
from datetime import datetime

from unvoiced.report.facts import Report
from unvoiced.report.story import Key
from unvoiced.report.words import counted


@dataclass(frozen=True)
class Standing:
    """One key, since when contributors seal to a later one, and when it could have gone."""

    key: Key
    closed: datetime | None
    may_go: datetime | None
    overdue: bool
    coming: bool  # its week has not begun

    @property
    def state(self) -> str:
        """In a word."""
        if self.key.retired:
            return "retired"
        if self.coming:
            return "coming"
        return "closed" if self.closed else "open"

    @property
    def means(self) -> str:
        """What it protects by now, or exposes."""
        if not self.key.accepted:
            return "Nothing that was taken over was sealed to it."
        sealed = counted(self.key.accepted, "recording")
        them = "it" if self.key.accepted == 1 else "them"
        if self.key.retired:
            return f"{sealed}: no copy of {them} opens any more."
        gone = self.key.disposed
        exposed = (
            f"a copy of any of the {gone:,} already destroyed here still opens with it"
            if gone
            else "none is destroyed yet"
        )
        waits = f"; {self.key.unsettled:,} still wait" if self.key.unsettled else ""
        return f"{sealed}: {exposed}{waits}."


def standings(report: Report) -> list[Standing]:
    """Every key, oldest first."""
    keys = sorted(report.story.keys.values(), key=lambda one: (one.begins, one.epoch))
    found = []
    for key in keys:
        since = [one.begins for one in keys if one.begins > key.begins]
        closed = min(since, default=None)
        closed = closed if closed is not None and closed <= report.made else None
        may_go = closed + report.limits.key_grace if closed else None
        overdue = (
            key.retired is None
            and may_go is not None
            # The flow that retires runs daily.
            and (report.made - may_go).total_seconds() > 86_400
        )
        found.append(Standing(key, closed, may_go, overdue, key.begins > report.made))
    return found
