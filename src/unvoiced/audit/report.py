"""What a trail was found to be. No I/O.

What was tied and is not so any more is damage. What anybody who may create records can bring about
is told apart from it: objects that are no records, and sessions of which records are missing that
no page ever named.
"""

from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from unvoiced.log.leaves import rfc3339


@dataclass(frozen=True)
class Damage:
    """One thing that is not as it should be; `name` is an object's, a session's or a digest."""

    name: str
    what: str

    def __str__(self) -> str:
        return f"{self.name}: {self.what}"


@dataclass
class TrailReport:
    """What a trail was found to be."""

    log_size: int  # entries of the log that it was held against
    records: int = 0  # that stand
    tied: int = 0  # of these, by a page that the log has
    pages: int = 0  # that stand and that the log has
    sessions: int = 0
    last_tied: datetime | None = None  # when the last page was logged
    untied: int = 0  # records that stand and that no page names yet
    oldest_untied: datetime | None = None  # when the first of them was put
    unlogged: list[str] = field(default_factory=list)  # pages that are not in the log
    records_over: int = 0  # that a page names, that are gone, and whose days were over
    pages_over: int = 0  # of the log, gone, whose days were over
    records_swept: int = 0  # that the log says retention destroyed
    pages_swept: int = 0
    foreign: list[str] = field(default_factory=list)  # objects that are nothing of the trail's
    # What stands where records and pages do and is none, and was not tied as anything else.
    planted: list[Damage] = field(default_factory=list)
    # Sessions of which something is missing that no page ever named: removed before it was tied; or
    # whoever may create records made up the session.
    gaps: list[Damage] = field(default_factory=list)
    damage: list[Damage] = field(default_factory=list)  # what was tied, and is not so any more

    @property
    def over(self) -> int:
        """Records and pages that are gone and whose days were over."""
        return self.records_over + self.pages_over

    @property
    def swept(self) -> int:
        """Records and pages that the log says retention destroyed."""
        return self.records_swept + self.pages_swept

    @property
    def unaccounted(self) -> int:
        """Of these, those beyond what the log says was swept; records and pages apart.

        While retention is at work, what it has destroyed and not yet logged.
        """
        return max(0, self.records_over - self.records_swept) + max(
            0, self.pages_over - self.pages_swept
        )

    def as_json(self) -> dict[str, Any]:
        """All of it, for machines."""
        moments = {
            name: rfc3339(moment) if moment else None
            for name, moment in (
                ("last_tied", self.last_tied),
                ("oldest_untied", self.oldest_untied),
            )
        }
        return {
            "intact": self.intact,
            **asdict(self),
            **moments,
            "unaccounted": self.unaccounted,
        }

    @property
    def intact(self) -> bool:
        """Whether nothing is wrong that cannot be told from what is right."""
        return not (self.damage or self.planted or self.gaps or self.unaccounted)
