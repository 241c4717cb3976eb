"""Commands of a contributor: seal and upload."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from unvoiced.access.grant import Grant
from unvoiced.cli.display import err, out
from unvoiced.errors import CredentialsExpired, InputError
from unvoiced.keys.invitation import Invitation
from unvoiced.stores import Store, open_store
from unvoiced.upload import (
    Outcome,
    Uploader,
    other_files_under,
    recordings_under,
    seal_recording,
    upload_all,
)

InvitationFile = Annotated[
    Path, typer.Option("--invitation", "-i", help="The invitation you were given.")
]
TrustedKey = Annotated[
    str | None,
    typer.Option(help="The log's public key, if you have it from elsewhere than the invitation."),
]


def seal(
    recording: Annotated[Path, typer.Argument(help="An audio file.")],
    invitation: InvitationFile,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The folder to write the sealed object into.")
    ] = Path(),
    log_key: TrustedKey = None,
) -> None:
    """Seal one recording without uploading it; prints where it was written."""
    invited = Invitation.read(invitation)
    try:
        data = recording.read_bytes()
    except OSError as error:
        raise InputError(f"{recording}: {error.strerror}") from None
    if not data:
        raise InputError(f"{recording} is empty")
    name, sealed = seal_recording(data, invited, invited.intake_key(log_key).public)
    path = output / name
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("xb") as file:
            file.write(sealed)
    except FileExistsError:
        raise InputError(f"{path} is there already: this recording was sealed before") from None
    out.print(str(path), soft_wrap=True)


def upload(
    path: Annotated[Path, typer.Argument(help="An audio file, or a folder of them.")],
    invitation: InvitationFile,
    receipts: Annotated[Path, typer.Option(help="Your own folder for receipts; keep it.")] = Path(
        "unvoiced-receipts"
    ),
    url: Annotated[
        str | None, typer.Option(help="Upload here instead of where the invitation says.")
    ] = None,
    grant: Annotated[
        Path | None,
        typer.Option(help="The grant you were given: a file of credential_process JSON."),
    ] = None,
    log_key: TrustedKey = None,
) -> None:
    """Seal recordings on this machine and upload them; safe to interrupt and to repeat."""
    invited = Invitation.read(invitation)
    files = recordings_under(path)
    raw = _raw_store(url or invited.upload_url, grant)
    uploader = Uploader(invited, raw, receipts, log_key)
    bar = Progress(
        TextColumn("[bold]upload"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=err,
    )
    with bar:
        task = bar.add_task("upload", total=len(files))

        def progress(file: Path, outcome: Outcome) -> None:
            bar.advance(task)
            if outcome in {Outcome.EMPTY, Outcome.WITHOUT_RECEIPT}:
                bar.console.print(f"{file.name}: {outcome}")

        counts = upload_all(uploader, files, progress)
    for outcome, count in counts.items():
        out.print(f"{count:,} {outcome}")
    if path.is_dir() and (others := other_files_under(path, files, receipts)):
        out.print(f"{others:,} files of other kinds not sent (audio is told by its ending)")
    out.print(f"Receipts: {receipts}/  (what became of one: unvoiced log proof RECEIPT)")


def _raw_store(url: str, grant: Path | None) -> Store:
    if grant is None:
        return open_store(url)
    given = Grant.read(grant)
    if given.expires <= datetime.now(UTC):
        raise CredentialsExpired(f"{grant.name} ended at {given.expires:%Y-%m-%d %H:%M} UTC")
    from unvoiced.aws.sts import grant_session
    from unvoiced.stores.s3_url import open_s3

    return open_s3(url, grant_session(given))
