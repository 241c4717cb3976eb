"""What a report is made of: counts, times, digests of the log, and who read. No I/O.

No name of an object, no pseudonym, no digest of a recording. A store that could not be read leaves
its section unread, with a reason from a closed list: what a store says may name objects.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from unvoiced.ingest.exposure import Exposure
from unvoiced.ingest.status import Status
from unvoiced.leakage.result import Leakage
from unvoiced.log.note import Checkpoint
from unvoiced.report.access import Access, Reviewed, Watched
from unvoiced.report.story import Story
from unvoiced.report.window import Window
from unvoiced.runs import Found, RunRecord


@dataclass(frozen=True)
class Unread:
    """A section that could not be made."""

    why: str
    tampered: bool = False  # something stands there that does not verify


@dataclass(frozen=True)
class Limits:
    """What the settings promise, as far as the page holds it against them."""

    backlog: timedelta  # nothing should wait longer
    key_grace: timedelta  # an intake key goes so long after the next took over


@dataclass
class Runs:
    """Records of runs in the time that is looked at, added up by its steps."""

    found: Found
    shown: list[RunRecord] = field(default_factory=list)  # of runs that ended in the time
    straddling: int = 0  # recordings of runs among them that began before it
    beyond: int = 0  # the most entries that a record says the log had, where it has fewer
    forked: int = 0  # records that say another root hash than the log has at that size
    exposure: Exposure = field(default_factory=Exposure)
    exposures: dict[int, Exposure] = field(default_factory=dict)  # step -> of runs that ended in it
    states: dict[str, dict[int, int]] = field(default_factory=dict)  # state -> step -> runs
    most_found: dict[int, int] = field(default_factory=dict)  # step -> found by one run, at most
    oldest_found: dict[int, float] = field(default_factory=dict)  # step -> age of the oldest found

    @classmethod
    def of(cls, found: Found, window: Window) -> "Runs":
        """Added up."""
        runs = cls(found)
        for record in found.records:
            # A worker's clock may be ahead: no run ended after the page was made.
            step = window.number_of(min(record.ended, window.end.timestamp()))
            if step is None:
                continue
            runs.shown.append(record)
            runs.exposure.merge(record.exposure)
            if record.begun < window.start.timestamp():
                runs.straddling += record.exposure.count + record.exposure.not_known
            runs.exposures.setdefault(step, Exposure()).merge(record.exposure)
            by_step = runs.states.setdefault(record.state, {})
            by_step[step] = by_step.get(step, 0) + 1
            waiting = record.counts.get("found", 0)
            runs.most_found[step] = max(runs.most_found.get(step, 0), waiting)
            if record.oldest_found is not None:
                age = max(0.0, record.begun - record.oldest_found)
                runs.oldest_found[step] = max(runs.oldest_found.get(step, 0.0), age)
        return runs

    @property
    def last(self) -> RunRecord | None:
        """The one that ended last."""
        return max(self.shown, key=lambda one: one.ended, default=None)

    @property
    def log_size(self) -> int:
        """The most entries that a record says the log had."""
        return max((one.log_size for one in self.found.records), default=0)

    def hold_against(self, log_size: int, roots: Mapping[int, bytes]) -> None:
        """Hold what records say of the log against it: its size, and its roots at their sizes."""
        self.beyond = self.log_size if self.log_size > log_size else 0
        self.forked = sum(
            bool(one.log_root)
            and one.log_size <= log_size
            and roots[one.log_size].hex() != one.log_root
            for one in self.found.records
        )


@dataclass(frozen=True)
class Report:
    """All that the page shows."""

    made: datetime
    window: Window
    limits: Limits
    log_key: str
    log_url: str  # where a copy of the log is published, "" where the settings do not say
    checkpoint: Checkpoint
    story: Story
    status: Status | Unread
    runs: Runs | Unread
    access: Access | Unread
    watched: Watched | Unread
    reviewed: Reviewed | Unread
    leakage: Leakage | None
