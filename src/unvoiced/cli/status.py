"""Where every recording is, and what is missing: status, missing ls, missing settle."""

from pathlib import Path
from typing import Annotated

import typer

from unvoiced.cli.display import counted, err, out, table
from unvoiced.cli.operator import Config
from unvoiced.clock import utc_now
from unvoiced.config import FILE_NAME, load_settings
from unvoiced.errors import StoreError, VerificationError
from unvoiced.ingest.missing import settle_missing
from unvoiced.ingest.status import MOST_FOREIGN, Status, take_status

_SHOWN = 20
_NEXT = "a backup may give them back; else `unvoiced missing settle`"


def status(config: Config = Path(FILE_NAME)) -> None:
    """Say where every recording is that was ever accepted, and whether that adds up."""
    found = take_status(load_settings(config))
    table(
        f"Recordings (log of {counted(found.log_size, 'entry', 'entries')})",
        {"": "left", "count": "right", "what that is": "left"},
        _rows(found),
    )
    objects = counted(found.raw_objects, "object")
    out.print(f"Raw store: {objects}, {found.raw_bytes / 1e6:,.1f} MB")
    if found.foreign_objects:
        _show_foreign(found)
    if found.holds:
        out.print(f"Legal holds: {found.holds:,}, see `unvoiced hold ls`")
    if not found.adds_up:
        for digest in found.missing[:_SHOWN]:
            what = "not seen" if found.may_be_unread else "missing"
            err.print(f"{what}: {digest}", soft_wrap=True, highlight=False)
        if len(found.missing) > _SHOWN:
            err.print(f"and {len(found.missing) - _SHOWN:,} more: `unvoiced missing ls`")
        if found.may_be_unread:
            raise StoreError(_unread(found))
        raise VerificationError(
            f"{counted(len(found.missing), 'recording is', 'recordings are')} missing: accepted, "
            f"not disposed of, and nowhere; {_NEXT}"
        )
    out.print("[green]It adds up: every accepted recording was found or has its receipt.")


def _rows(found: Status) -> list[tuple[str, str, str]]:
    """Rows whose signs are to be taken at their word; an indented one is part of that above it."""

    def some(what: str, count: int, meaning: str) -> list[tuple[str, str, str]]:
        return [(f"  {what}", f"{count:,}", meaning)] if count else []

    finishing = "destroyed, or about to be; the next run logs it"
    nowhere = "nowhere to be found"
    missing = "of these missing"
    if found.may_be_unread:
        nowhere, missing = "may be among what could not be read", "of these not seen"
    reasons = ", ".join(f"{why} {n:,}" for why, n in sorted(found.quarantine_reasons.items()))
    passed_over = "not taken over by a run: new since the last one, or passed over by it"
    return [
        ("accepted", f"{found.accepted:,}", "taken over from the raw store, by the log"),
        ("= disposed", f"{found.disposed:,}", "receipt in the log: destroyed, seen to be gone"),
        *some("of these found missing", found.found_missing, "gone, and destroyed by nobody here"),
        ("+ quarantined", f"{found.quarantined:,}",
         reasons or "could not become features; left sealed"),
        *some("of these to be finished", found.finishing_quarantined, finishing),
        *some(missing, found.missing_quarantined, nowhere),
        ("+ backlog", f"{found.backlog:,}", "taken over, and not settled"),
        *some("of these waiting", found.waiting, "in the raw store"),
        *some("of these to be finished", found.finishing - found.finishing_quarantined, finishing),
        *some(missing, len(found.missing) - found.missing_quarantined, nowhere),
        ("not yet accepted", f"{found.not_accepted:,}",
         passed_over + (" (under a legal hold, say)" if found.held else "")),
        ("archived", f"{found.archived:,}", "originals that are kept in the archive, by the log"),
        *([("  in the archive", f"{found.in_archive:,}", "objects it lists: another number")]
          if found.in_archive != found.archived else []),
        ("held", f"{found.held:,}", "of what is in the raw store: under a legal hold; no run "
         "touches it"),
    ]  # fmt: skip


def _unread(found: Status) -> str:
    """Why it is not said that they are missing."""
    seen = counted(len(found.missing), "recording was", "recordings were")
    unread = counted(found.unread, "object")
    return (
        f"{seen} not seen, and {unread} of the raw store could not be read: not checked whether "
        "anything is missing; look with the right to read raw, and at what no run can read"
    )


def _show_foreign(found: Status) -> None:
    """Names that no upload gives, beside the digits by which Prefect's tables show them."""
    count = counted(found.foreign_objects, "object")
    out.print(f"Under names that no upload gives: {count}; see who put them there")
    for name, digits in found.foreign.items():
        out.print(f"  {digits}  {name!a}", markup=False, highlight=False, soft_wrap=True)
    if len(found.foreign) == MOST_FOREIGN:
        out.print("  these are the first")


def missing_ls(config: Config = Path(FILE_NAME)) -> None:
    """List what is missing now: the digests of recordings that the log has, and nobody else."""
    found = take_status(load_settings(config))
    if not found.missing:
        out.print("Nothing is missing.")
        return
    for digest in found.missing:
        out.print(digest, soft_wrap=True, highlight=False)
    if found.may_be_unread:
        raise StoreError(_unread(found))
    err.print(f"{counted(len(found.missing), 'recording')} missing; {_NEXT}")


def missing_settle(
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    config: Config = Path(FILE_NAME),
) -> None:
    """Say in the log of recordings that are missing for good that they were found gone.

    Such a receipt states that a recording was nowhere to be found. It does not state that anybody
    here destroyed it, nor when it went. Find out first who deleted it, and whether a backup can
    give it back: one that turns up again is accepted again. Needs the worker's vault.
    """
    settings = load_settings(config)
    missing = take_status(settings).missing
    if not missing:
        out.print("Nothing is missing.")
        return
    for digest in missing:
        out.print(digest, soft_wrap=True, highlight=False)
    if not yes:
        what = counted(len(missing), "recording")
        typer.confirm(f"Log {what} as found gone, for ever?", abort=True)
    settled = settle_missing(settings, missing, utc_now)
    out.print(f"{counted(len(settled), 'recording is', 'recordings are')} in the log as found gone")
