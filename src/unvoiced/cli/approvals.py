"""Commands of leave to read beyond a quota: audit approve, approvals, revoke."""

import json
from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path
from typing import Annotated

import typer

from unvoiced.audit.approvals import (
    Approval,
    Found,
    approvals,
    approve,
    new_approval,
    revoke,
    short_name,
)
from unvoiced.audit.record import Purpose
from unvoiced.audit.requester import requester_of
from unvoiced.audit.texts import printable
from unvoiced.cli.audit import AsJson, shown
from unvoiced.cli.display import counted, err, out, table
from unvoiced.cli.operator import Config
from unvoiced.clock import utc_now
from unvoiced.config import FILE_NAME, load_settings
from unvoiced.errors import InputError
from unvoiced.log.ledger import Ledger
from unvoiced.log.note import Verifier

_REQUESTERS = ("arn:", "os-user:", "access-key:")


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
    accounts = settings.accounts(worker, signer)
    name = approve(audit, accounts, signer, given, now)
    said = (
        f"{given.requester} may read {given.objects:,} objects a day for {given.purpose}, until "
        f"{given.until} (UTC). Approved by {given.approved_by}: {name}"
    )
    out.print(printable(said), soft_wrap=True, highlight=False, markup=False)
    beside = approvals(audit, signer.verifier, accounts.current(), given.requester)
    _tell_of_larger(beside, given, given.objects, given.first)


def audit_revoke(
    name: Annotated[str, typer.Argument(help="As `unvoiced audit approvals` names it.")],
    config: Config = Path(FILE_NAME),
) -> None:
    """End an approval before its last day, for good; recorded in the log."""
    settings, now = load_settings(config), utc_now()
    audit, worker = settings.store("audit"), settings.vault("worker")
    signer = settings.signer(worker)
    accounts = settings.accounts(worker, signer)
    found = revoke(audit, accounts, signer.verifier, name, now)
    one = found.approval or found.ended
    if one is None:  # `revoke` returns no other
        return
    said = (
        f"{one.requester} may no longer read {one.objects:,} objects a day for {one.purpose} under "
        f"{short_name(found.name)}. Readers at work stop once they read the log again, within "
        "five minutes"
    )
    out.print(printable(said), soft_wrap=True, highlight=False, markup=False)
    beside = approvals(audit, signer.verifier, accounts.current(), one.requester)
    _tell_of_larger(beside, one, 0, f"{now:%Y-%m-%d}")


def _tell_of_larger(found: Iterable[Found], given: Approval, objects: int, day: str) -> None:
    """Say which approvals for the same let more than so many objects be read: the largest holds."""
    for one in found:
        other = one.approval
        if (
            other is not None
            and other.covers(given.requester, Purpose(given.purpose), day)
            and other.objects > objects
        ):
            said = (
                f"in force still, and the largest holds: {short_name(one.name)}, "
                f"{other.objects:,} objects a day until {other.until}"
            )
            err.print(said, soft_wrap=True, highlight=False, markup=False)


def audit_approvals(as_json: AsJson = False, config: Config = Path(FILE_NAME)) -> None:
    """List approvals to read beyond a quota, and whether each is in force."""
    settings = load_settings(config)
    reader, ledger = settings.log_reader(), Ledger()
    ledger.follow(reader.entries, reader.checkpoint().size)
    verifier = Verifier.parse(settings.log_vkey)
    found = list(approvals(settings.store("audit"), verifier, ledger))
    today = f"{utc_now():%Y-%m-%d}"
    if as_json:
        for one in found:
            said = one.approval or one.ended
            approval = {each.name: getattr(said, each.name, None) for each in fields(Approval)}
            state = {"name": one.name, "state": _state(one, today), "why": one.why}
            typer.echo(json.dumps({**state, **approval}))
        return
    columns = ("name", "requester", "purpose", "objects a day", "from", "until", "by", "because",
               "state")  # fmt: skip
    table(
        counted(len(found), "approval"),
        dict.fromkeys(columns, "left"),
        [tuple(map(shown, _approval_row(one, today))) for one in found],
    )


def _approval_row(found: Found, today: str) -> tuple[str, ...]:
    one = found.approval or found.ended
    if one is None:
        return (found.name, *[""] * 7, f"{_state(found, today)}: {found.why}")
    return (
        short_name(found.name),
        one.requester,
        one.purpose,
        f"{one.objects:,}",
        one.first,
        one.until,
        one.approved_by,
        one.because,
        _state(found, today),
    )


def _state(found: Found, today: str) -> str:
    if found.approval is None:
        return "revoked" if found.ended else "counts for nothing"
    return "in force" if found.approval.first <= today <= found.approval.until else "over"
