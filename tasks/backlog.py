"""What a run of ingest leaves in the raw store, and the events that say so.

`unvoiced.backlog` is emitted at the end of every run, so that an empty backlog can be told from a
pipeline that does not run; `unvoiced.backlog-old` besides, where the oldest is over the limit. Both
hold numbers alone.
"""

from dataclasses import dataclass

from prefect.events import emit_event

from unvoiced.ingest.part import Part

BACKLOG_EVENT, OLD_EVENT = "unvoiced.backlog", "unvoiced.backlog-old"


@dataclass(frozen=True)
class Backlog:
    """What a run left in the raw store of what is to be ingested.

    Not in it: what is in quarantine, under a legal hold, or under a name that no upload gives.
    """

    recordings: int
    oldest: float | None  # when the first was uploaded, POSIX seconds; at the latest

    def age(self, now: float) -> float | None:
        """How long the oldest has stood, in seconds; None where there is none, or nobody knows."""
        return None if self.oldest is None else max(0.0, now - self.oldest)


def tell_of_backlog(backlog: Backlog, part: Part, now: float, limit: int) -> None:
    """Emit the event, or both; `limit` is in seconds."""
    age = backlog.age(now)
    payload = {
        "recordings": backlog.recordings,
        "oldest_seconds": None if age is None else round(age),
        "limit_seconds": limit,
        "part": part.number,
        "of": part.of,
    }
    for event in [BACKLOG_EVENT, *([OLD_EVENT] if age is not None and age > limit else [])]:
        emit_event(
            event=event,
            resource={"prefect.resource.id": BACKLOG_EVENT, "prefect.resource.name": "backlog"},
            payload=payload,
        )
