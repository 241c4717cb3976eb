"""Certificates of sanitization: made from the log, verified with its public key alone."""

import json
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
from unvoiced.certificates.issue import issue
from unvoiced.certificates.page import as_html
from unvoiced.certificates.subject import Kind, Subject
from unvoiced.certificates.wording import paragraph
from unvoiced.cli.display import out
from unvoiced.cli.log import LogKey, LogUrl, digests_of, log_of, open_log
from unvoiced.cli.operator import Config
from unvoiced.clock import utc_now
from unvoiced.config import FILE_NAME, load_settings
from unvoiced.errors import InputError, NotDisposed, VerificationError
from unvoiced.log.leaves import rfc3339
from unvoiced.log.note import Checkpoint, Verifier
from unvoiced.log.reader import LogReader
from unvoiced.log.verify import leaves_about
from unvoiced.sealing import Json

Output = Annotated[Path, typer.Option("--output", "-o", help="The certificate's file (JSON).")]
Page = Annotated[
    Path | None, typer.Option("--html", help="A page of it for people, which prints on A4.")
]
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
    config: Config = Path(FILE_NAME),
) -> None:
    """Verify certificates offline, with the log's public key and nothing else."""
    verifier = Verifier.parse(key or load_settings(config).log_vkey)
    seen: dict[int, Checkpoint] = {}
    for file in certificates:
        try:
            certificate = verify_certificate(_read(file), verifier)
        except VerificationError as error:
            raise VerificationError(f"{file}: {error}") from None
        checkpoint = certificate.checkpoint
        if seen.setdefault(checkpoint.size, checkpoint) != checkpoint:
            raise VerificationError(
                f"{file}: the log signed two histories of {checkpoint.size:,} entries"
            )
        out.print(Text(f"{file} holds.", style="green"), soft_wrap=True)
        out.print(paragraph(certificate), soft_wrap=True, highlight=False, markup=False)


def _issue(
    subject: Subject, issuer: Issuer, log: str | None, key: str | None, config: Path
) -> Certificate:
    store, verifier = open_log(log, key, config)
    try:
        return issue(subject, LogReader(store, verifier), verifier, issuer)
    except NotDisposed as error:
        raise NotDisposed(f"there is no certificate of this: {error}") from None


def _write(certificate: Certificate, output: Path, html: Path | None) -> None:
    output.write_bytes(certificate.encode())
    out.print(f"{output}: it holds", soft_wrap=True, highlight=False, markup=False)
    if html is not None:
        html.write_text(as_html(certificate), encoding="utf-8")
        out.print(f"{html}: the same for people", soft_wrap=True, highlight=False, markup=False)
    out.print(paragraph(certificate), soft_wrap=True, highlight=False, markup=False)


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
