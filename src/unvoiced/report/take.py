"""Taking a report: the log once, verified on the way, then what the caller may read of the stores.

Reads; changes nothing, and needs no secret. The log is read in any case: a page that did not verify
it is not made. Any other store that refuses leaves its section unread, and the rest stands. Records
of runs are read before the log: it reaches at least as far as each of them says, or went back.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeVar

from unvoiced.config import Settings
from unvoiced.errors import AccessError, NotAllowed, UnvoicedError, VerificationError
from unvoiced.ingest.status import take_status
from unvoiced.leakage.result import Leakage
from unvoiced.log.note import Verifier
from unvoiced.report.access import read_access, read_alarms, read_review
from unvoiced.report.facts import Limits, Report, Runs, Unread
from unvoiced.report.roots import Roots
from unvoiced.report.story import Story
from unvoiced.report.window import Window
from unvoiced.runs import RunRecords

T = TypeVar("T")
# A run that ended in the time that is looked at began no earlier before it.
_LONGEST_RUN = timedelta(days=2)


def take_report(
    settings: Settings, now: datetime, days: int = 90, leakage: Leakage | None = None
) -> Report:
    """Read the log and the stores. Raises `VerificationError` or `StoreError` of the log."""
    window, verifier = Window(now, days), Verifier.parse(settings.log_vkey)

    def read_runs() -> Runs:
        records = RunRecords(settings.store("journal"), verifier)
        return Runs.of(records.since(window.start - _LONGEST_RUN, now), window)

    runs = _or_unread(read_runs)
    reader = settings.log_reader()
    checkpoint = reader.checkpoint()
    known = runs if isinstance(runs, Runs) else None
    roots = Roots(one.log_size for one in known.found.records) if known else Roots(())
    story = Story(window, known.log_size if known else 0)
    story.follow(roots.passing(reader.entries(0, checkpoint.size)))
    if known:
        known.hold_against(checkpoint.size, roots.of)

    return Report(
        made=now,
        window=window,
        limits=Limits(
            timedelta(hours=settings.ingest.backlog_alert_hours),
            timedelta(days=settings.retention.intake_grace_days),
        ),
        log_key=settings.log_vkey,
        log_url=settings.log_url,
        checkpoint=checkpoint,
        story=story,
        status=_or_unread(lambda: take_status(settings, reader, story.ledger)),
        runs=runs,
        access=_or_unread(lambda: read_access(settings.store("audit"), window)),
        watched=_or_unread(lambda: read_alarms(settings.store("audit"), verifier, window)),
        reviewed=_or_unread(
            lambda: read_review(settings, settings.store("audit"), settings.log_reader(), now)
        ),
        leakage=leakage,
    )


def _or_unread(read: Callable[[], T]) -> T | Unread:
    """What was read, or why not: in words of ours, as a store's may name objects."""
    try:
        return read()
    except (NotAllowed, AccessError):
        return Unread("whoever made this page may not read it")
    except VerificationError:
        return Unread("something that stands there is not as it should be; `unvoiced status` and "
                      "`unvoiced audit verify` say what", tampered=True)  # fmt: skip
    except UnvoicedError:
        return Unread("the store did not answer when this page was made")
