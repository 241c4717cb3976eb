"""Commands of the audit trail: ls, verify, export, who, approve, approvals."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from unvoiced.audit.approvals import Found, approvals, approve, new_approval
from unvoiced.audit.ocsf import event
from unvoiced.audit.record import AccessRecord, Purpose
from unvoiced.audit.records import Recorded, read_records
from unvoiced.audit.report import TrailReport
from unvoiced.audit.requester import requester_of
from unvoiced.audit.texts import printable
from unvoiced.audit.usage import touching, usage
from unvoiced.audit.verify import verify_trail
from unvoiced.cli.display import counted, err, out, table
from unvoiced.cli.files import refuse_to_replace
from unvoiced.cli.operator import Config
from unvoiced.cli.whose import HELP, pseudonym_of
from unvoiced.clock import utc_now
from unvoiced.config import FILE_NAME, load_settings
from unvoiced.errors import InputError, VerificationError
from unvoiced.keys.contributor import key_object_name
from unvoiced.log.leaves import rfc3339
from unvoiced.log.ledger import Ledger
from unvoiced.log.note import Verifier
from unvoiced.names import SUFFIX, sample_id
from unvoiced.stores import Store

_LAST_DAYS = 7
_REQUESTERS = ("arn:", "os-user:", "access-key:")
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
        for record in _records(audit, _day(since, _week_ago()), others)
        if requester in record.requester and only in {"", record.purpose}
    )
    if as_json:
        for row in rows:
            typer.echo(json.dumps(asdict(row)))
    else:
        table(
            f"Features read since {_day(since, _week_ago())}",
            {
                **dict.fromkeys(("day", "requester", "purpose"), "left"),
                **dict.fromkeys(("objects", "contributors", "MB", "records", "sessions"), "right"),
            },
            [
                (
                    row.day,
                    _shown(row.requester),
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


def audit_verify(since: Whole = "", config: Config = Path(FILE_NAME)) -> None:
    """Verify the trail against the log: nothing of what was tied was changed or removed.

    Exits 5 where something was, and names it.
    """
    settings = load_settings(config)
    report = verify_trail(
        settings.store("audit"),
        settings.log_reader(),
        audit_days=settings.retention.audit_days,
        now=utc_now(),
        since=_day(since, date.min) if since else None,
    )
    _show(report)
    for name in report.foreign:
        err.print(f"nothing of the trail's: {name!a}", markup=False, highlight=False)
    for name in report.unlogged:
        err.print(f"a page that the log does not know: {name}", markup=False, highlight=False)
    for one in (*report.damage, *report.planted, *report.gaps):
        err.print(printable(str(one)), markup=False, highlight=False, soft_wrap=True)
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
    out.print("What it does not show: a record removed before it was tied, at the end of its "
              "session, and reads by a changed reader. The watch looks for those in the "
              "provider's log.", soft_wrap=True)  # fmt: skip


def audit_export(
    ocsf: Annotated[bool, typer.Option("--ocsf", help="As events of OCSF, JSON lines.")] = False,
    since: Since = "",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A new file; else standard output.")
    ] = None,
    config: Config = Path(FILE_NAME),
) -> None:
    """Write the records as events that a collector of security events reads."""
    if not ocsf:
        raise InputError("say in which form: --ocsf is the one there is")
    refuse_to_replace(output)
    settings = load_settings(config)
    training, others = settings.store_url("training"), list[str]()
    found = _read(settings.store("audit"), _day(since, _week_ago()), others)
    lines = (
        json.dumps(event(one.record, one.sha256, training), separators=(",", ":"))
        for one in found
        if one.record is not None
    )
    if output is None:
        for line in lines:
            typer.echo(line)
    else:
        with output.open("x", encoding="utf-8") as file:
            count = sum(1 for line in lines if file.write(f"{line}\n"))
        err.print(f"{output}: {counted(count, 'event')}", highlight=False)
    _complain_about(others)


def audit_who(
    who: Annotated[str, typer.Argument(help=HELP)],
    sample: Annotated[str, typer.Option(help="Only features of this sample of theirs.")] = "",
    certificate: Annotated[
        Path | None,
        typer.Option(help="Of somebody who was erased: what `unvoiced erase` wrote."),
    ] = None,
    since: Whole = "",
    as_json: AsJson = False,
    config: Config = Path(FILE_NAME),
) -> None:
    """Which reads were of one contributor's features: for a request of access."""
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
    found = list(touching(_records(audit, _day(since, date.min), others), keys, names))
    if as_json:
        for one in found:
            typer.echo(json.dumps(asdict(one)))
    else:
        table(
            counted(len(found), "record"),
            {
                **dict.fromkeys(("time", "requester", "purpose", "from", "session"), "left"),
                "objects of theirs": "right",
            },
            [
                (
                    *map(_shown, (one.time, one.requester, one.purpose, one.source, one.run)),
                    f"{one.objects:,}",
                )
                for one in found
            ],
        )
    _complain_about(others)


def audit_approve(
    requester: Annotated[
        str, typer.Argument(help="Who may read more, as records, and the refusal, name them.")
    ],
    purpose: Annotated[str, typer.Option(help="For which purpose.")],
    objects: Annotated[int, typer.Option(help="How many objects a day, instead of the quota.")],
    until: Annotated[str, typer.Option(help="The last day (UTC), as 2026-12-31.")],
    because: Annotated[str, typer.Option(help="Why; kept with the approval.")],
    config: Config = Path(FILE_NAME),
) -> None:
    """Let somebody read more features a day than the quota; signed, and recorded in the log.

    Who approves is taken from credentials or the operating system, and is not who reads.
    """
    if not requester.startswith(_REQUESTERS):
        raise InputError(f"a requester begins with one of: {', '.join(_REQUESTERS)}")
    settings, now = load_settings(config), utc_now()
    audit = settings.store("audit")
    given = new_approval(
        requester, Purpose.of(purpose), objects, until, because, requester_of(audit.url), now
    )
    worker = settings.vault("worker")
    signer = settings.signer(worker)
    name = approve(audit, settings.accounts(worker, signer), signer, given, now)
    said = (
        f"{given.requester} may read {given.objects:,} objects a day for {given.purpose}, until "
        f"{given.until} (UTC). Approved by {given.approved_by}: {name}"
    )
    out.print(printable(said), soft_wrap=True, highlight=False, markup=False)


def audit_approvals(config: Config = Path(FILE_NAME)) -> None:
    """List approvals to read beyond a quota, and whether each is in force."""
    settings = load_settings(config)
    reader, ledger = settings.log_reader(), Ledger()
    ledger.follow(reader.entries, reader.checkpoint().size)
    verifier = Verifier.parse(settings.log_vkey)
    found = list(approvals(settings.store("audit"), verifier, ledger))
    today = f"{utc_now():%Y-%m-%d}"
    columns = ("requester", "purpose", "objects a day", "from", "until", "by", "because", "state")
    table(
        counted(len(found), "approval"),
        dict.fromkeys(columns, "left"),
        [tuple(map(_shown, _approval_row(one, today))) for one in found],
    )


def _approval_row(found: Found, today: str) -> tuple[str, ...]:
    one = found.approval
    if one is None:
        return (found.name, *[""] * 6, f"counts for nothing: {found.why}")
    state = "in force" if one.first <= today <= one.until else "over"
    return (
        one.requester,
        one.purpose,
        f"{one.objects:,}",
        one.first,
        one.until,
        one.approved_by,
        one.because,
        state,
    )


def _shown(text: str) -> str:
    """A text that somebody else chose, as a table may have it."""
    return escape(printable(text))


def _show(report: TrailReport) -> None:
    rows = [
        ("records", f"{report.records:,}"),
        ("  of these tied into the log", f"{report.tied:,}"),
        ("  not tied yet", f"{report.untied:,}"),
        ("pages in the log", f"{report.pages:,}"),
        ("sessions", f"{report.sessions:,}"),
        ("gone after their days", f"{report.over:,}"),
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


def _day(since: str, default: date) -> date:
    if not since:
        return default
    try:
        return date.fromisoformat(since)
    except ValueError:
        raise InputError(f"--since {since[:40]!r} is no day, as 2026-11-23") from None


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


def _feature_names(training: Store, whose: str, sample: str) -> Iterator[str]:
    """Where features of a sample stand, or stood, in the feature sets that there are."""
    for feature_set in training.folders("features/"):
        yield f"features/{feature_set}/{whose}/{sample_id(sample)}{SUFFIX}"
