"""Commands of the audit trail: ls, verify, export, who."""

import hashlib
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import asdict, astuple
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from unvoiced.audit.ocsf import event
from unvoiced.audit.record import AccessRecord, Purpose
from unvoiced.audit.records import Recorded, read_records
from unvoiced.audit.report import TrailReport
from unvoiced.audit.texts import printable
from unvoiced.audit.usage import Touch, Visit, touching, usage, visits
from unvoiced.audit.verify import verify_trail
from unvoiced.cli.display import counted, err, out, table
from unvoiced.cli.files import refuse_to_replace
from unvoiced.cli.operator import Config
from unvoiced.cli.since import day_of
from unvoiced.cli.whose import HELP, pseudonym_of
from unvoiced.clock import utc_now
from unvoiced.config import FILE_NAME, load_settings
from unvoiced.errors import InputError, VerificationError
from unvoiced.keys.contributor import key_object_name
from unvoiced.log.leaves import rfc3339
from unvoiced.names import SUFFIX, sample_id
from unvoiced.stores import Store

_LAST_DAYS = 7
_DAY = timedelta(days=1)
Since = Annotated[
    str, typer.Option(help="The first day (UTC), as 2026-11-23.", show_default="a week ago")
]
Whole = Annotated[
    str, typer.Option("--since", help="The first day (UTC), as 2026-11-23.", show_default="all")
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object a line instead.")]


def audit_ls(
    since: Since = "",
    requester: Annotated[str, typer.Option(help="Only this one's, or whose name has this.")] = "",
    purpose: Annotated[str, typer.Option(help="Only for this purpose.")] = "",
    as_json: AsJson = False,
    config: Config = Path(FILE_NAME),
) -> None:
    """Who read how many features, for what, on which day (UTC)."""
    only = Purpose.of(purpose).value if purpose else ""
    audit = load_settings(config).store("audit")
    others: list[str] = []
    rows = usage(
        record
        for record in _records(audit, day_of(since, _week_ago()), others)
        if requester in record.requester and only in {"", record.purpose}
    )
    if as_json:
        for row in rows:
            typer.echo(json.dumps(asdict(row)))
    else:
        table(
            f"Features read since {day_of(since, _week_ago())}",
            {
                **dict.fromkeys(("day", "requester", "purpose"), "left"),
                **dict.fromkeys(("objects", "contributors", "MB", "records", "sessions"), "right"),
            },
            [
                (
                    row.day,
                    shown(row.requester),
                    row.purpose,
                    f"{row.objects:,}",
                    f"{row.contributors:,}",
                    f"{row.bytes / 1e6:,.1f}",
                    f"{row.records:,}",
                    f"{row.sessions:,}",
                )
                for row in rows
            ],
        )
    _complain_about(others)


def audit_verify(
    since: Whole = "",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead.")] = False,
    config: Config = Path(FILE_NAME),
) -> None:
    """Verify the trail against the log: nothing of what was tied was changed or removed.

    Exits 5 where something was, and names it.
    """
    settings = load_settings(config)
    report = verify_trail(
        settings.store("audit"),
        settings.log_reader(),
        audit_days=settings.retention.audit_days,
        now=utc_now(),
        since=day_of(since, date.min) if since else None,
    )
    if as_json:
        typer.echo(json.dumps(report.as_json()))
    else:
        _show(report)
    if report.damage:
        raise VerificationError(
            f"the audit trail is not what was tied into the log ({len(report.damage)} findings)"
        )
    if report.planted or report.gaps:
        raise VerificationError(
            "what was tied into the log stands, and beside it there are "
            f"{counted(len(report.planted), 'object')} that are no records or pages, and "
            f"{counted(len(report.gaps), 'gap')} in sessions: records removed before they were "
            "tied, or sessions that somebody made up"
        )
    if report.unaccounted:
        raise VerificationError(
            f"{counted(report.unaccounted, 'object')} of the trail, old enough for retention, "
            "went beyond what the log says was swept; if retention is at work, verify again after"
        )
    if not as_json:
        out.print("What it does not show: a record removed before it was tied, at the end of its "
                  "session, and reads by a changed reader. The watch looks for those in the "
                  "provider's log.", soft_wrap=True)  # fmt: skip


def audit_export(
    ocsf: Annotated[
        bool, typer.Option("--ocsf", help="As events of OCSF, JSON lines: the one form there is.")
    ] = True,
    since: Since = "",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A new file; else standard output.")
    ] = None,
    config: Config = Path(FILE_NAME),
) -> None:
    """Write the records as events that a collector of security events reads: OCSF, JSON lines."""
    refuse_to_replace(output)
    settings = load_settings(config)
    training, others = settings.store_url("training"), list[str]()
    day = day_of(since, _week_ago())
    found = _read(settings.store("audit"), day, others)
    lines = (
        json.dumps(event(one.record, one.sha256, training), separators=(",", ":"))
        for one in found
        if one.record is not None
    )
    with nullcontext(sys.stdout) if output is None else output.open("x", encoding="utf-8") as file:
        count = sum(1 for line in lines if file.write(f"{line}\n"))
    where = "" if output is None else f"{output}: "
    said = f"{where}{counted(count, 'event')}, one a record, since {day} (UTC)"
    err.print(said, markup=False, highlight=False, soft_wrap=True)
    _complain_about(others)


def audit_who(
    who: Annotated[str, typer.Argument(help=HELP)],
    sample: Annotated[str, typer.Option(help="Only features of this sample of theirs.")] = "",
    certificate: Annotated[
        Path | None,
        typer.Option(help="Of somebody who was erased: what `unvoiced erase` wrote."),
    ] = None,
    since: Whole = "",
    records: Annotated[
        bool, typer.Option("--records", help="Every record, instead of one row a session.")
    ] = False,
    as_json: AsJson = False,
    config: Config = Path(FILE_NAME),
) -> None:
    """Which reads were of one contributor's features, by session: for a request of access."""
    settings = load_settings(config)
    whose, audit = pseudonym_of(settings, who), settings.store("audit")
    training = settings.store("training")
    keys = _key_objects(training, whose)
    if certificate is not None:
        keys |= _keys_of_erased(certificate, whose)
    if not keys:
        raise InputError(
            f"the training store has no key of {whose}: of somebody who was erased, give the "
            "certificate (--certificate) that names it"
        )
    names = frozenset(_feature_names(training, whose, sample)) if sample else None
    others: list[str] = []
    touches = sorted(
        touching(_records(audit, day_of(since, date.min), others), keys, names), key=astuple
    )
    _complain_about(others)
    if names is not None and not touches and not _stands(training, names):
        raise InputError(
            f"no feature set has a sample {sample!r} of {whose}, and no record "
            f"{f'since {since} ' if since else ''}names one: it may have been destroyed"
        )
    sessions = visits(touches)
    rows: Sequence[Touch | Visit] = touches if records else sessions
    if as_json:
        for row in rows:
            typer.echo(json.dumps(asdict(row)))
        return
    who_why = ("requester", "purpose", "from", "session")
    columns = ("time", *who_why) if records else ("first", "last", *who_why, "records")
    reads = sum(one.objects for one in touches)
    table(
        f"{counted(reads, 'read')} of their objects, in {counted(len(touches), 'record')} of "
        f"{counted(len(sessions), 'session')}",
        {
            **{each: "right" if each == "records" else "left" for each in columns},
            "reads of theirs": "right",
        },
        [tuple(map(_cell, astuple(row))) for row in rows],
    )


def shown(text: str) -> str:
    """A text that somebody else chose, as a table may have it."""
    return escape(printable(text))


def _cell(value: str | int) -> str:
    return f"{value:,}" if isinstance(value, int) else shown(value)


def _show(report: TrailReport) -> None:
    rows = [
        ("records", f"{report.records:,}"),
        ("  of these tied into the log", f"{report.tied:,}"),
        ("  not tied yet", f"{report.untied:,}"),
        ("pages in the log", f"{report.pages:,}"),
        ("sessions", f"{report.sessions:,}"),
        ("gone after their days", f"{report.over:,}"),
        ("changed, moved or removed", f"{len(report.damage):,}"),
        ("no records or pages, where those stand", f"{len(report.planted):,}"),
        ("gaps in sessions", f"{len(report.gaps):,}"),
        ("pages that the log does not know", f"{len(report.unlogged):,}"),
        ("stray objects: nothing of the trail's", f"{len(report.foreign):,}"),
    ]
    table(
        f"The trail, against a log of {counted(report.log_size, 'entry', 'entries')}",
        {"": "left", "count": "right"},
        rows,
    )
    if report.oldest_untied is not None:
        out.print(
            f"The oldest record that is not tied was put at {rfc3339(report.oldest_untied)}: "
            "the flow `watch` ties."
        )
    if report.last_tied is not None:
        out.print(f"A page was last logged at {rfc3339(report.last_tied)}.")
    for name in report.foreign:
        err.print(f"nothing of the trail's: {name!a}", markup=False, highlight=False)
    for name in report.unlogged:
        err.print(f"a page that the log does not know: {name}", markup=False, highlight=False)
    for one in (*report.damage, *report.planted, *report.gaps):
        err.print(printable(str(one)), markup=False, highlight=False, soft_wrap=True)


def _read(audit: Store, since: date, others: list[str]) -> Iterator[Recorded]:
    """What was read from some day on; names of what is no record go to `others`."""
    start = datetime.combine(since, time(), UTC)
    for found in read_records(audit, start, datetime.max.replace(tzinfo=UTC)):
        if found.record is None:
            others.append(found.entry.name)
        yield found


def _records(audit: Store, since: date, others: list[str]) -> Iterator[AccessRecord]:
    return (one.record for one in _read(audit, since, others) if one.record is not None)


def _complain_about(others: list[str]) -> None:
    if others:
        err.print(
            f"left out: {counted(len(others), 'object')} that are no records "
            "(`unvoiced audit verify` names them)"
        )


def _week_ago() -> date:
    return (utc_now() - _LAST_DAYS * _DAY).date()


def _key_objects(training: Store, whose: str) -> frozenset[str]:
    """The digests of all versions of a contributor's key object."""
    name = key_object_name(whose)
    return frozenset(
        hashlib.sha256(training.get(name, entry.version).data).hexdigest()
        for entry in training.versions(name)
        if entry.name == name and not entry.delete_marker
    )


def _keys_of_erased(certificate: Path, whose: str) -> frozenset[str]:
    """The digests that a certificate of erasure, or its body, has of somebody's keys."""
    try:
        read = json.loads(certificate.read_bytes())
        body = read.get("body") or read
        theirs, keys = body.get("pseudonym") == whose, body["key_objects"]
    except OSError as error:
        raise InputError(f"{certificate}: {error.strerror}") from None
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError):
        raise InputError(f"{certificate} is no certificate of an erasure") from None
    if not theirs:
        raise InputError(f"{certificate} is of somebody else's erasure")
    return frozenset(map(str, keys))


def _stands(training: Store, names: frozenset[str]) -> bool:
    """Whether any of these is listed: who asks may not read features."""
    return any(entry.name in names for name in names for entry in training.list(name))


def _feature_names(training: Store, whose: str, sample: str) -> Iterator[str]:
    """Where features of a sample stand, or stood, in the feature sets that there are."""
    for feature_set in training.folders("features/"):
        yield f"features/{feature_set}/{whose}/{sample_id(sample)}{SUFFIX}"
