"""Certificates of sanitization: made from the log, verified with its public key alone."""

import json
import re
import textwrap
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from unvoiced.certificates.document import (
    FORMAT,
    MAX_BYTES,
    Certificate,
    Issuer,
    verify_certificate,
)
from unvoiced.certificates.issue import check_nothing_left_out, issue
from unvoiced.certificates.page import as_html
from unvoiced.certificates.subject import Kind, Subject
from unvoiced.certificates.wording import Section, proven, sections
from unvoiced.cli.display import out
from unvoiced.cli.files import refuse_to_replace, write_new
from unvoiced.cli.log import LogKey, LogUrl, digests_of, log_key, log_of, open_log
from unvoiced.cli.operator import Config
from unvoiced.clock import utc_now
from unvoiced.config import FILE_NAME
from unvoiced.errors import InputError, NotDisposed, VerificationError
from unvoiced.log.leaves import rfc3339
from unvoiced.log.note import Checkpoint
from unvoiced.log.reader import LogReader
from unvoiced.log.verify import leaves_about
from unvoiced.sealing import Json
from unvoiced.stores import open_store

Output = Annotated[Path, typer.Option("--output", "-o", help="The certificate's file (JSON).")]
Page = Annotated[
    Path | None, typer.Option("--html", help="A page of it for people, which prints on A4.")
]
_WIDTH = 100  # columns, at most
_FORMS = re.compile(r"[0-9a-f]{64}|[a-z2-7]{26}/[a-z0-9][a-z0-9-]*(\.unv)?")
Organization = Annotated[str, typer.Option(help="Who issues it; stated, not proven.")]
Person = Annotated[str, typer.Option(help="Who stands for it; stated, not proven.")]
Title = Annotated[str, typer.Option(help="That person's position; stated, not proven.")]
Recording = Annotated[
    str,
    typer.Argument(
        help="An upload receipt, the SHA-256 of a sealed recording, or PSEUDONYM/SAMPLE."
    ),
]


def sample(
    recording: Recording,
    output: Output,
    html: Page = None,
    organization: Organization = "",
    person: Person = "",
    title: Title = "",
    log: LogUrl = None,
    key: LogKey = None,
    config: Config = Path(FILE_NAME),
) -> None:
    """Certify that one sealed recording was destroyed, and say what is kept of it."""
    refuse_to_replace(output, html)
    _check_form(recording)
    log, key = log_of(recording, log, key)
    store, verifier = open_log(log, key, config)
    digests = digests_of(recording, config)
    known = [leaf.digest for _, _, leaf in leaves_about(LogReader(store, verifier), *digests)]
    subject = Subject(Kind.SAMPLE, known[-1] if known else digests[0])
    issuer = Issuer(rfc3339(utc_now()), organization, person, title)
    _write(_issue(subject, issuer, log, key, config), output, html)


def epoch(
    name: Annotated[str, typer.Argument(metavar="EPOCH", help="As 2026-w47.")],
    output: Output,
    html: Page = None,
    organization: Organization = "",
    person: Person = "",
    title: Title = "",
    log: LogUrl = None,
    key: LogKey = None,
    config: Config = Path(FILE_NAME),
) -> None:
    """Certify that an epoch's intake key was destroyed: nothing sealed to it opens any more."""
    refuse_to_replace(output, html)
    issuer = Issuer(rfc3339(utc_now()), organization, person, title)
    _write(_issue(Subject(Kind.EPOCH, name), issuer, log, key, config), output, html)


def contributor(
    body: Annotated[
        Path, typer.Argument(help="The certificate that `unvoiced erase` wrote, or its body.")
    ],
    output: Output,
    html: Page = None,
    organization: Organization = "",
    person: Person = "",
    title: Title = "",
    log: LogUrl = None,
    key: LogKey = None,
    config: Config = Path(FILE_NAME),
) -> None:
    """Certify the erasure of all that was kept of one contributor, as the log stands now."""
    refuse_to_replace(output, html)
    issuer = Issuer(rfc3339(utc_now()), organization, person, title)
    _write(_issue(Subject.of_body(_read_body(body)), issuer, log, key, config), output, html)


def archived(
    recording: Recording,
    output: Output,
    html: Page = None,
    organization: Organization = "",
    person: Person = "",
    title: Title = "",
    log: LogUrl = None,
    key: LogKey = None,
    config: Config = Path(FILE_NAME),
) -> None:
    """Certify that the archived original of a recording was destroyed.

    It is named as the recording is, or by the SHA-256 of the archived object.
    """
    refuse_to_replace(output, html)
    _check_form(recording)
    log, key = log_of(recording, log, key)
    store, verifier = open_log(log, key, config)
    digests = digests_of(recording, config)
    digest = digests[0]
    for _, _, leaf in leaves_about(LogReader(store, verifier), *digests):
        copy = leaf.fields.get("archived")
        if leaf.kind == "disposed" and isinstance(copy, dict):
            digest = str(copy.get("sha256"))
    issuer = Issuer(rfc3339(utc_now()), organization, person, title)
    _write(_issue(Subject(Kind.ARCHIVED, digest), issuer, log, key, config), output, html)


def verify(
    certificates: Annotated[list[Path], typer.Argument(help="One or more certificates (JSON).")],
    key: LogKey = None,
    log: Annotated[
        str | None,
        typer.Option(
            help="The log's folder or store url: also verify that nothing it says is left out."
        ),
    ] = None,
    config: Config = Path(FILE_NAME),
) -> None:
    """Verify certificates offline, with the log's public key and nothing else."""
    verifier = log_key(key, config)
    seen: dict[int, Checkpoint] = {}
    for file in certificates:
        try:
            certificate = verify_certificate(_read_certificate(file), verifier)
            if log is not None:
                store = open_store(log if "://" in log else Path(log).resolve().as_uri())
                reader = LogReader(store, verifier, remembered=certificate.checkpoint)
                check_nothing_left_out(certificate, reader)
        except VerificationError as error:
            raise VerificationError(f"{file}: {error}") from None
        checkpoint = certificate.checkpoint
        if seen.setdefault(checkpoint.size, checkpoint) != checkpoint:
            raise VerificationError(
                f"{file}: the log signed two histories of {checkpoint.size:,} entries"
            )
        out.print(Text(f"{file} holds.", style="green"), soft_wrap=True)
        for section in sections(certificate):
            _show(section)
        if log is not None:
            out.print("Nothing that the log says about it is left out.")


def _issue(
    subject: Subject, issuer: Issuer, log: str | None, key: str | None, config: Path
) -> Certificate:
    store, verifier = open_log(log, key, config)
    try:
        return issue(subject, LogReader(store, verifier), verifier, issuer)
    except NotDisposed as error:
        raise NotDisposed(f"there is no certificate of this: {error}") from None


def _write(certificate: Certificate, output: Path, html: Path | None) -> None:
    write_new(output, certificate.encode())
    out.print(f"{output}: written, and verified", soft_wrap=True, highlight=False, markup=False)
    if html is not None:
        write_new(html, as_html(certificate).encode())
        out.print(f"{html}: the same for people", soft_wrap=True, highlight=False, markup=False)
    _show(proven(certificate))
    out.print("What is not: `unvoiced verify` shows all of it.")


def _show(section: Section) -> None:
    """The heading, and what is said under it as a list, wrapped between words."""
    out.print(Text(f"\n{section.heading}:", style="bold"), soft_wrap=True)
    for one in section.said:
        lines = textwrap.wrap(
            one,
            min(out.width, _WIDTH),
            initial_indent="  - ",
            subsequent_indent="    ",
            break_long_words=False,
            break_on_hyphens=False,
        )
        out.print("\n".join(lines), soft_wrap=True, highlight=False, markup=False)


def _check_form(recording: str) -> None:
    """Raises `InputError` for what names no recording, before any settings are asked for."""
    if Path(recording).is_dir():
        raise InputError(f"{recording} is a folder: give one of the receipts in it")
    if not Path(recording).is_file() and not _FORMS.fullmatch(recording):
        raise InputError(
            f"{recording[:80]!r} is neither a file (an upload receipt), nor 64 hex digits (the "
            "SHA-256 of a sealed recording), nor PSEUDONYM/SAMPLE"
        )


def _read_certificate(file: Path) -> bytes:
    """Raises `InputError` for a file that is something else; a broken certificate is returned."""
    data = _read(file)
    if FORMAT.encode() not in data and len(data) <= MAX_BYTES:
        raise InputError(f"{file} is no certificate ({FORMAT})")
    return data


def _read(file: Path) -> bytes:
    with file.open("rb") as opened:
        return opened.read(MAX_BYTES + 1)


def _read_body(file: Path) -> dict[str, Json]:
    """The body, from a file of its own or from a certificate that has it."""
    try:
        read = json.loads(_read(file))
    except (ValueError, RecursionError):
        read = None
    body = read.get("body") if isinstance(read, dict) and read.get("format") == FORMAT else read
    if not isinstance(body, dict):
        raise InputError(
            f"{file} is neither the body of an erasure nor a contributor's certificate"
        )
    return body
