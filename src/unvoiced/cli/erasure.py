"""Commands of who answers a request of erasure: erase, erasure ls, withdraw, lift, pseudonym."""

import secrets
from pathlib import Path
from typing import Annotated

import typer

from unvoiced.certificates.document import Issuer
from unvoiced.certificates.issue import issue
from unvoiced.certificates.subject import Subject
from unvoiced.cli.display import counted, err, out, table
from unvoiced.cli.files import refuse_to_replace, write_new
from unvoiced.cli.operator import Config
from unvoiced.cli.whose import HELP, pseudonym_of
from unvoiced.clock import utc_now
from unvoiced.config import FILE_NAME, Settings, load_settings
from unvoiced.eraser import open_eraser
from unvoiced.erasure import (
    Erasure,
    Inventory,
    Outcome,
    ask,
    carry_out,
    code,
    request,
    requests,
    stage_of,
    take_inventory,
)
from unvoiced.erasure import lift as lift_suppression
from unvoiced.erasure import withdraw as withdraw_request
from unvoiced.errors import InputError, NotDisposed
from unvoiced.ingest.worker import WorkerPool
from unvoiced.keys import pseudonyms
from unvoiced.log.leaves import rfc3339
from unvoiced.log.note import Verifier

_TYPED = 6  # characters of a pseudonym that confirm
_SHOWN = 12  # digits of a request's id
_AWAITS = "awaits approval"
Who = Annotated[str, typer.Argument(help=HELP)]


def erase(
    who: Who,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what there is of them; change nothing.")
    ] = False,
    await_approval: Annotated[
        bool,
        typer.Option(
            "--ask",
            help="Only make the request; nothing is destroyed before somebody approves it in "
            "Prefect.",
        ),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    even_if_nothing: Annotated[
        bool,
        typer.Option("--even-if-nothing", help="Also where nothing is known of this contributor."),
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Write the certificate here; it is kept nowhere else."),
    ] = None,
    config: Config = Path(FILE_NAME),
) -> None:
    """Destroy everything of one contributor, their key first, and prove it.

    Exit status 0 when all of it was seen to be gone, 6 while something is pending: a lock, a legal
    hold, a run at work. The same command, or the flow `flows/erasure.py`, goes on with it. For who
    was erased before, it looks again, and a new certificate can be written.
    """
    if await_approval and output is not None:
        raise InputError("--ask destroys nothing, so there is nothing to certify with -o")
    settings = load_settings(config)
    whose = pseudonym_of(settings, who)
    refuse_to_replace(output)
    with _worker(settings) as worker:
        found = worker.call(take_inventory, whose)
        _show(whose, found)
        if not even_if_nothing and not _is_known(found):
            raise InputError(
                "nothing is known of this contributor; check the id, or say --even-if-nothing"
            )
        if dry_run:
            return
        if await_approval:
            _say_asked(worker.call(ask, whose))
            return
        if found.record is not None and stage_of(found.record) == _AWAITS:
            raise InputError(
                f"request {found.record.id[:_SHOWN]} awaits approval, in Prefect (docs/erasure.md);"
                " to erase without, take it back first: `unvoiced erasure withdraw WHO`"
            )
        if not yes:
            _confirm(whose)
        asked = worker.call(request, whose)
        out.print(f"Request {asked[:_SHOWN]}, as `unvoiced erasure ls` shows it", highlight=False)
        outcome = worker.call(carry_out, asked)
    if not outcome.complete:
        for reason in outcome.pending:
            err.print(f"pending: {reason}", markup=False, highlight=False)
        raise NotDisposed("the erasure is not finished; the same command goes on with it")
    destroyed = sum((outcome.destroyed or {}).values())
    key_first = "; the key went first" if _had_key(found, outcome) else ""
    out.print(f"Erased: {counted(destroyed, 'version')} destroyed in all, none left{key_first}.")
    if output is not None:
        _write_certificate(settings, outcome, output)


def erasure_ls(
    beginning: Annotated[
        str, typer.Argument(metavar="REQUEST", help="Only those that begin with these digits.")
    ] = "",
    config: Config = Path(FILE_NAME),
) -> None:
    """List requests of erasure: how far each has come, and what it waits for.

    Each is named by the first digits of its id, which the flow takes too. What awaits approval has
    a code, for who approves it.
    """
    records = [
        one
        for one in requests(open_eraser(load_settings(config), "erasure ls"))
        if one.id.startswith(beginning)
    ]
    table(
        counted(len(records), "request of erasure", "requests of erasure"),
        dict.fromkeys(
            ("request", "stage", "requested", "code", "approved", "versions destroyed", "pending"),
            "left",
        ),
        [
            (
                one.id[:_SHOWN],
                stage_of(one),
                one.stages["requested"],
                code(one.request) if stage_of(one) == _AWAITS else "",
                one.approval.reference if one.approval else "",
                ", ".join(f"{store} {count:,}" for store, count in sorted(one.destroyed.items())),
                "; ".join(one.pending),
            )
            for one in records
        ],
    )


def erasure_withdraw(who: Who, config: Config = Path(FILE_NAME)) -> None:
    """Take back a request that awaits approval (`erase --ask`); nothing was destroyed for it."""
    settings = load_settings(config)
    withdraw_request(open_eraser(settings, "erasure withdraw"), pseudonym_of(settings, who))
    out.print("The request is withdrawn; nothing was destroyed.")


def erasure_lift(who: Who, config: Config = Path(FILE_NAME)) -> None:
    """Let somebody who was erased contribute again; until then their uploads are destroyed."""
    settings = load_settings(config)
    whose = pseudonym_of(settings, who)
    lift_suppression(open_eraser(settings, "erasure lift"), whose)
    out.print(f"{whose} may contribute again.")


def pseudonym(
    contributor: Annotated[str, typer.Argument(help="The id you know the contributor by.")],
    config: Config = Path(FILE_NAME),
) -> None:
    """Print a contributor's pseudonym: for who may open the inviter's vault."""
    key = load_settings(config).vault("inviter").get("pseudonym/key")
    out.print(pseudonyms.pseudonym(key, contributor), highlight=False)


def _say_asked(asked: Erasure) -> None:
    stage = stage_of(asked)
    if stage == _AWAITS:
        said = "awaits approval; nothing was destroyed, and uploads are taken in until then."
    else:
        said = f"needs none: it was made before, {stage}. The same command without --ask goes on."
    out.print(f"Request {asked.id[:_SHOWN]} {said}", highlight=False, soft_wrap=True)
    if stage == _AWAITS:
        out.print("Approve it in Prefect: Deployments, erasure, Run, Custom run (docs/erasure.md).")
        out.print(
            f"Its code, to tell who approves it, and not by Prefect: {code(asked.request)}",
            highlight=False,
            soft_wrap=True,
        )


def _is_known(found: Inventory) -> bool:
    """Whether anything is there of them, or was: else it is most likely somebody mistyped."""
    return bool(found.versions or found.record is not None or found.suppressed)


def _had_key(found: Inventory, outcome: Outcome) -> bool:
    logged = (outcome.body or {}).get("key_objects")
    return bool(logged) or any(one.what == "key object" and one.versions for one in found.stores)


def _worker(settings: Settings) -> WorkerPool:
    """A process of its own, hardened, for what destroys."""
    return WorkerPool(settings.path, f"erase-{secrets.token_hex(4)}", open_eraser, processes=1)


def _show(whose: str, found: Inventory) -> None:
    rows = [
        (
            held.what,
            f"{held.objects:,}",
            f"{held.versions:,}",
            f"{held.bytes:,}",
            f"{held.locked:,} until {rfc3339(held.locked_until)}" if held.locked_until else "",
        )
        for held in found.stores
    ]
    columns = {"": "left", "objects": "right", "versions": "right", "bytes": "right"}
    table(f"What there is of {whose}", {**columns, "locked": "left"}, rows)
    if found.legal_hold:
        out.print("Under a legal hold: nothing is destroyed until that is lifted.")
    if found.record is not None:
        asked = found.record.stages["requested"]
        out.print(f"Erasure requested {asked}: {stage_of(found.record)}.")
    if found.suppressed:
        out.print("Suppressed: what they send is destroyed unopened.")
    for reason in found.waits_for[bool(found.legal_hold) :]:
        out.print(f"An erasure would wait for: {reason}.", markup=False, highlight=False)


def _confirm(whose: str) -> None:
    typed = typer.prompt(
        f"This cannot be undone. Type the first {_TYPED} characters of the pseudonym", err=True
    )
    if typed != whose[:_TYPED]:
        raise InputError("that is not how the pseudonym begins; nothing was done")


def _write_certificate(settings: Settings, outcome: Outcome, output: Path) -> None:
    if outcome.body is None:
        raise NotDisposed(
            "another run finished this erasure; run the command again for a certificate"
        )
    verifier = Verifier.parse(settings.log_vkey)
    subject = Subject.of_body(outcome.body)
    certificate = issue(subject, settings.log_reader(), verifier, Issuer(issued=rfc3339(utc_now())))
    write_new(output, certificate.encode())
    out.print(f"{output}: the certificate. It names them, and no copy of it is kept here.")
