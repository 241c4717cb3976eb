"""The report for machines. Pure.

Where a store could not be read, what it would have said is null and `unread` has the reason. So is
a time that is not known.
"""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from unvoiced.ingest.status import Status
from unvoiced.log.leaves import rfc3339
from unvoiced.report.access import Access
from unvoiced.report.facts import Report, Runs, Unread
from unvoiced.report.keys import standings
from unvoiced.report.measured import measure
from unvoiced.report.verdict import judge

FORMAT = "unvoiced-report/1"


def as_json(report: Report) -> dict[str, Any]:
    """All that the page shows, as JSON."""
    verdict, story, ledger = judge(report), report.story, report.story.ledger
    parts = {
        name: getattr(report, name) for name in ("status", "runs", "access", "watched", "reviewed")
    }
    return {
        "format": FORMAT,
        "made": rfc3339(report.made),
        "since": rfc3339(report.window.start),
        "log": report.checkpoint.origin,
        "log_size": report.checkpoint.size,
        "log_root": report.checkpoint.root.hex(),
        "verdict": verdict.level,
        "headline": verdict.headline,
        "findings": [asdict(one) for one in verdict.findings],
        "accepted": ledger.accepted,
        "disposed": ledger.disposed,
        "quarantined": len(ledger.quarantined),
        "backlog": len(ledger.backlog),
        "steps": [rfc3339(step) for step in report.window.steps],
        "backlog_by_step": [asdict(point) if point else None for point in story.points],
        "receipts": dict(story.causes),
        "receipts_by_step": {cause: dict(steps) for cause, steps in story.receipts.items()},
        "leaves": dict(story.kinds),
        "swept": [
            {"rule": rule, "store": store, "objects": n}
            for (rule, store), n in sorted(story.swept.items())
        ],
        "keys": [
            {
                "epoch": one.key.epoch,
                "state": one.state,
                "begins": rfc3339(one.key.begins),
                "closed": _moment(one.closed),
                "retired": _moment(one.key.retired),
                "accepted": one.key.accepted,
                "disposed": one.key.disposed,
                "unsettled": one.key.unsettled,
                "overdue": one.overdue,
            }
            for one in standings(report)
        ],
        **{
            name: None if isinstance(part, Unread) else _part(report, part)
            for name, part in parts.items()
        },
        "unread": {name: part.why for name, part in parts.items() if isinstance(part, Unread)},
        "leakage": asdict(report.leakage) if report.leakage else None,
    }


def _part(report: Report, part: Any) -> dict[str, Any]:
    if isinstance(part, Status):
        # `missing` holds digests, and so does what is in quarantine; `foreign` holds names.
        hidden = {"in_quarantine": None, "foreign": None}
        return _plain_fields(part) | {"missing": len(part.missing)} | hidden
    if isinstance(part, Runs):
        exposure, measured = part.exposure, measure(report, part)
        return {
            "exposure": {
                **exposure.as_json(),
                "half_within": exposure.quantile(0.5, measured.unmeasured),
                "95_percent_within": exposure.quantile(0.95, measured.unmeasured),
                "receipts": measured.receipts,
                "unmeasured": measured.unmeasured,
                "excess": measured.excess,
            },
            "records": [record.as_json() for record in part.shown],
            "not_believed": part.found.not_believed,
            "not_read": part.found.unread,
            "repeated": part.found.repeated,
            "log_size_beyond": part.beyond,
            "log_roots_other": part.forked,
        }
    if isinstance(part, Access):
        # By hand: `asdict` counts the items of a Counter anew.
        return {
            "by_step": {purpose: dict(steps) for purpose, steps in part.by_step.items()},
            "readers": [
                {**vars(one), "days": len(one.days), "purposes": dict(one.purposes)}
                for one in part.readers
            ],
        }
    return _plain_fields(part)


def _plain_fields(part: Any) -> dict[str, Any]:
    return {name: _plain(value) for name, value in asdict(part).items()}


def _plain(value: Any) -> Any:
    """Moments as texts, all the way down."""
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, frozenset | list | tuple):
        return [_plain(each) for each in value]
    return value


def _moment(moment: datetime | None) -> str | None:
    return rfc3339(moment) if moment else None
