"""Commands of a contributor: seal and upload."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from unvoiced.access.grant import Grant
from unvoiced.cli.display import err, out
from unvoiced.clock import utc_now
from unvoiced.errors import CredentialsExpired, InputError, StoreError, VerificationError
from unvoiced.keys.intake import IntakeKey
from unvoiced.keys.invitation import Invitation
from unvoiced.stores import Store, open_store
from unvoiced.upload import (
    Outcome,
    Uploader,
    UploadReceipt,
    came_too_late,
    newest_intake_key,
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
    name, sealed = seal_recording(data, invited, _intake_key(invited, log_key).public)
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
    again: Annotated[
        bool,
        typer.Option(
            "--again",
            help="Seal and send once more what was uploaded under an earlier intake key. Not "
            "needed where the log can be read: it says which recordings came too late.",
        ),
    ] = False,
) -> None:
    """Seal recordings on this machine and upload them; safe to interrupt and to repeat."""
    invited = Invitation.read(invitation)
    files = recordings_under(path)
    raw = _raw_store(url or invited.upload_url, grant)
    intake = _intake_key(invited, log_key)
    once_more = (lambda _: True) if again else _came_too_late(invited, log_key)
    uploader = Uploader(invited, raw, receipts, intake=intake, again=once_more)
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
    for receipt in uploader.sent_again:
        why = "sealed to an earlier key" if again else "came after its key was retired"
        out.print(f"{receipt.file_name}: {why}: sealed and sent again as {receipt.sample}",
                  soft_wrap=True, markup=False, highlight=False)  # fmt: skip
    for outcome, count in counts.items():
        out.print(f"{count:,} {outcome}")
    if Outcome.WITHOUT_RECEIPT in counts:
        out.print(
            f"Their receipts are where they were first sent from, in that folder's {receipts.name}/"
            ": without them the log cannot be asked what became of these recordings.",
            soft_wrap=True,
        )
    if path.is_dir() and (others := other_files_under(path, files, receipts)):
        out.print(f"{others:,} files of other kinds not sent (audio is told by its ending)")
    if {Outcome.UPLOADED, Outcome.ALREADY} & counts.keys():
        out.print(f"Receipts: {receipts}/  (what became of one: unvoiced log proof RECEIPT)")
    elif not any(receipts.iterdir()):
        receipts.rmdir()


def _intake_key(invited: Invitation, log_key: str | None) -> IntakeKey:
    """The newest that the log announces, or the invitation's where the log cannot be read."""
    intake = invited.intake_key(log_key)
    try:
        return newest_intake_key(invited, open_store(invited.log_url), utc_now(), log_key)
    except StoreError as error:
        err.print(
            f"The log cannot be read, so the key is your invitation's, of {intake.epoch} ({error})",
            soft_wrap=True,
        )
        return intake


def _came_too_late(invited: Invitation, log_key: str | None) -> Callable[[UploadReceipt], bool]:
    """As the log says; nothing came too late where it cannot be read."""
    try:
        asked = came_too_late(open_store(invited.log_url), log_key or invited.log_vkey)
    except StoreError:
        return lambda _: False

    def told(receipt: UploadReceipt) -> bool:
        try:
            return asked(receipt)
        except (StoreError, VerificationError) as error:
            err.print(f"{receipt.file_name}: not known whether it came too late ({error})",
                      soft_wrap=True)  # fmt: skip
            return False

    return told


def _raw_store(url: str, grant: Path | None) -> Store:
    if grant is None:
        return open_store(url)
    given = Grant.read(grant)
    if given.expires <= datetime.now(UTC):
        raise CredentialsExpired(f"{grant.name} ended at {given.expires:%Y-%m-%d %H:%M} UTC")
    from unvoiced.aws.sts import grant_session
    from unvoiced.stores.s3_url import open_s3

    return open_s3(url, grant_session(given))
