"""What a contributor does: seal recordings on their own machine, upload them, keep receipts.

The recording is read, named by a keyed hash of its content, sealed to the intake public key and put
create-exclusive. The sealed bytes and the receipt are written to the contributor's disk before the
upload, so that an interrupted upload goes on with the same object and its digest is never in doubt.

The public key is that of the newest epoch that has begun, as the log announces it, and never older
than the invitation's: who writes to the log's store can at most hold a newer one back. An upload
that was interrupted until a newer key came is sealed anew. One that came too late, so that it was
quarantined because its key had been retired, is sealed and sent again as `{sample}-2` (`-3`, ...),
with a receipt of its own: its first object still stands under the first name, and who may only
create can neither replace it nor look.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from unvoiced import names
from unvoiced.announcements import announced_keys
from unvoiced.errors import AlreadyExists, InputError, NotFound, StoreError
from unvoiced.keys.intake import IntakeKey
from unvoiced.keys.invitation import Invitation
from unvoiced.keys.pseudonyms import sample_id
from unvoiced.log.ledger import Ledger
from unvoiced.log.note import Verifier
from unvoiced.log.reader import LogReader
from unvoiced.sealing import MAGIC, PublicKey, parse_header, seal
from unvoiced.stores import Store

# By name only, so that a folder's letters and pictures stay at home.
AUDIO_SUFFIXES = frozenset(
    {".wav", ".wave", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".aifc", ".caf"}
    | {".w64", ".rf64", ".m4a", ".mp4", ".aac", ".webm", ".mka", ".weba"}
)
_RECEIPT_FORMAT = "unvoiced-upload-receipt/1"
# What quarantine says of a recording whose key is no more.
_TOO_LATE = "retired-intake-key"


class Outcome(StrEnum):
    """What became of one file."""

    UPLOADED = "uploaded"
    ALREADY = "already uploaded"
    WITHOUT_RECEIPT = "already in the store, uploaded without a receipt here"
    EMPTY = "empty file, not uploaded"


@dataclass(frozen=True)
class UploadReceipt:
    """What lets a contributor ask, and check, what became of a recording."""

    sample: str
    pseudonym: str
    sha256: str
    size: int
    file_name: str  # on the contributor's machine only; it is not part of what was uploaded
    sealed_at: str
    log_vkey: str
    log_url: str
    uploaded: bool = False
    epoch: str = ""  # of the intake key it is sealed to
    replaces: str = ""  # digest of an object sealed before, of which it is not known if it was sent

    @property
    def digests(self) -> tuple[str, ...]:
        """What the log may know the recording by."""
        return (self.sha256, self.replaces) if self.replaces else (self.sha256,)

    @classmethod
    def read(cls, path: Path) -> "UploadReceipt":
        """Read a receipt file. Raises `InputError`."""
        try:
            fields = json.loads(path.read_text(encoding="utf-8"))
            if fields.pop("format") != _RECEIPT_FORMAT:
                raise InputError(f"{path.name} is not an upload receipt of a format known here")
            return cls(**fields)
        except OSError as error:
            raise InputError(f"{path}: {error.strerror}") from None
        except (ValueError, KeyError, TypeError, AttributeError):
            raise InputError(f"{path.name} is not an upload receipt") from None


def newest_intake_key(
    invitation: Invitation, log: Store, now: datetime, trusted_vkey: str | None = None
) -> IntakeKey:
    """The key to seal to: of the newest epoch that has begun, and not older than the invitation's.

    Its signature is checked; whether the log knows it is for the operator to keep to. Raises
    `StoreError` where the log's store cannot be read, and `VerificationError`.
    """
    invited = invitation.intake_key(trusted_vkey)
    verifier = Verifier.parse(trusted_vkey or invitation.log_vkey)
    for intake, _ in announced_keys(log, verifier):
        if intake.when.begins <= now:
            return max(invited, intake, key=lambda one: one.when)
    return invited


def came_too_late(log: Store, log_vkey: str) -> Callable[[UploadReceipt], bool]:
    """Whether the log says that a recording is in quarantine because its intake key was retired.

    The log is read, and verified, when that is first asked. Raises `StoreError` and
    `VerificationError` then.
    """
    quarantined: dict[str, str] | None = None

    def asked(receipt: UploadReceipt) -> bool:
        nonlocal quarantined
        if quarantined is None:
            reader, ledger = LogReader(log, Verifier.parse(log_vkey)), Ledger()
            ledger.follow(reader.entries, reader.checkpoint().size)
            quarantined = ledger.quarantined
        return any(quarantined.get(digest) == _TOO_LATE for digest in receipt.digests)

    return asked


def seal_recording(
    data: bytes, invitation: Invitation, intake: PublicKey, sample: str | None = None
) -> tuple[str, bytes]:
    """The object name a recording is uploaded under, and its sealed bytes.

    `sample` is the recording's own id, the default, or that with a number behind it.
    """
    sample = sample or sample_id(bytes.fromhex(invitation.sample_key), data)
    context: dict[str, str] = {
        "purpose": "raw",
        "pseudonym": invitation.pseudonym,
        "sample": sample,
    }
    return names.sealed_name(invitation.pseudonym, sample), seal(data, intake, {**context})


def recordings_under(path: Path) -> list[Path]:
    """The files to upload: the file itself, or a folder's visible audio files, in order."""
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise InputError(f"{path} is neither a file nor a folder")
    found = sorted(
        file
        for file in path.rglob("*")
        if file.suffix.lower() in AUDIO_SUFFIXES
        and file.is_file()
        and not file.is_symlink()
        and not any(part.startswith(".") for part in file.relative_to(path).parts)
    )
    if not found:
        raise InputError(f"{path} holds no audio files ({', '.join(sorted(AUDIO_SUFFIXES))})")
    return found


def other_files_under(folder: Path, recordings: Sequence[Path], receipts: Path) -> int:
    """How many visible files of a folder are neither recordings nor receipts."""
    visible = (
        file
        for file in folder.rglob("*")
        if file.is_file()
        and not any(part.startswith(".") for part in file.relative_to(folder).parts)
        and not file.resolve().is_relative_to(receipts.resolve())
    )
    return sum(1 for _ in visible) - len(recordings)


class Uploader:
    """Uploads recordings under one invitation; `receipts` is a folder of the contributor's.

    `intake` is the key to seal to, the invitation's by default. `again` says whether a recording
    that was uploaded under an older key is to be sealed and sent once more.
    """

    def __init__(
        self,
        invitation: Invitation,
        raw: Store,
        receipts: Path,
        trusted_vkey: str | None = None,
        *,
        intake: IntakeKey | None = None,
        again: Callable[[UploadReceipt], bool] = lambda _: False,
    ) -> None:
        self._invitation = invitation
        self._intake = intake or invitation.intake_key(trusted_vkey)
        self._raw = raw
        self._receipts = receipts
        self._again = again
        self.sent_again: list[UploadReceipt] = []  # by this object, under another name than before
        receipts.mkdir(mode=0o700, parents=True, exist_ok=True)

    def upload(self, file: Path) -> Outcome:
        """Seal and upload one file, or find that it was. Safe to interrupt and repeat."""
        try:
            data = file.read_bytes()
        except OSError as error:
            raise InputError(f"{file}: {error.strerror}") from None
        if not data:
            return Outcome.EMPTY
        if data.startswith(MAGIC):
            raise InputError(f"{file} is sealed already: carry it to the raw store as it is")
        sample = sample_id(bytes.fromhex(self._invitation.sample_key), data)
        number = self._last(sample)
        path, outbox = self._places(_numbered(sample, number))
        receipt = UploadReceipt.read(path) if path.exists() else None
        if receipt is not None and receipt.uploaded:
            outbox.unlink(missing_ok=True)  # an earlier call may have ended just before this
            if receipt.epoch == self._intake.epoch or not self._again(receipt):
                return Outcome.ALREADY
            sample, receipt = _numbered(sample, number + 1), None
            path, outbox = self._places(sample)
        elif receipt is not None:
            sample = receipt.sample
        if receipt is None or not self._is_begun(receipt, outbox):
            receipt = self._begin(file, data, sample, receipt)
        return self._finish(receipt, path, outbox)

    def _finish(self, receipt: UploadReceipt, path: Path, outbox: Path) -> Outcome:
        outcome, receipt = self._put(receipt, outbox.read_bytes())
        if outcome is Outcome.UPLOADED:
            _write(path, _receipt_text(receipt, uploaded=True))
            if receipt.sample != _first(receipt.sample):
                self.sent_again.append(receipt)
        else:
            path.unlink()
        outbox.unlink()
        return outcome

    def _last(self, sample: str) -> int:
        """The number of the newest attempt at this recording that there is a receipt of."""
        number = 1
        while self._places(_numbered(sample, number + 1))[0].exists():
            number += 1
        return number

    def _places(self, sample: str) -> tuple[Path, Path]:
        return self._receipts / f"{sample}.json", self._receipts / f"{sample}{names.SUFFIX}"

    def _is_begun(self, receipt: UploadReceipt, outbox: Path) -> bool:
        """Whether what was sealed before the interruption is there, and sealed to this key."""
        if not outbox.exists():
            return False
        sealed = outbox.read_bytes()
        return (
            _digest(sealed) == receipt.sha256
            and parse_header(sealed).key_id == self._intake.public.key_id
        )

    def _begin(
        self, file: Path, data: bytes, sample: str, earlier: UploadReceipt | None
    ) -> UploadReceipt:
        path, outbox = self._places(sample)
        _, sealed = seal_recording(data, self._invitation, self._intake.public, sample)
        receipt = UploadReceipt(
            sample=sample,
            pseudonym=self._invitation.pseudonym,
            sha256=_digest(sealed),
            size=len(sealed),
            file_name=file.name,
            sealed_at=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            log_vkey=self._invitation.log_vkey,
            log_url=self._invitation.log_url,
            epoch=self._intake.epoch,
            replaces=(earlier.replaces or earlier.sha256) if earlier else "",
        )
        _write(outbox, sealed)
        _write(path, _receipt_text(receipt, uploaded=False))
        return receipt

    def _put(self, receipt: UploadReceipt, sealed: bytes) -> tuple[Outcome, UploadReceipt]:
        name = names.sealed_name(receipt.pseudonym, receipt.sample)
        while True:
            try:
                self._raw.put_if_absent(name, sealed)
            except AlreadyExists:
                # Ours, if the answer to an earlier put was lost. Where a grant does not let us
                # look, the receipt is kept: the log will know its digest, or not.
                try:
                    stands = _digest(self._raw.get(name).data)
                except NotFound:
                    continue  # ingested in between
                except StoreError:
                    return Outcome.UPLOADED, receipt
                if stands == receipt.replaces:
                    return Outcome.UPLOADED, replace(receipt, sha256=stands, replaces="", epoch="")
                if stands != receipt.sha256:
                    return Outcome.WITHOUT_RECEIPT, receipt
            return Outcome.UPLOADED, receipt


def _numbered(sample: str, number: int) -> str:
    return sample if number == 1 else f"{sample}-{number}"


def _first(sample: str) -> str:
    return sample.partition("-")[0]  # the id of a recording is base32


def upload_all(
    uploader: Uploader, files: list[Path], progress: Callable[[Path, Outcome], None]
) -> dict[Outcome, int]:
    """Upload files in order, reporting each; returns how many had which outcome."""
    counts: dict[Outcome, int] = {}
    for file in files:
        outcome = uploader.upload(file)
        counts[outcome] = counts.get(outcome, 0) + 1
        progress(file, outcome)
    return counts


def receipts_in(folder: Path) -> Iterator[UploadReceipt]:
    """Every receipt of a folder."""
    for path in sorted(folder.glob("*.json")):
        yield UploadReceipt.read(path)


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _receipt_text(receipt: UploadReceipt, *, uploaded: bool) -> bytes:
    fields = {"format": _RECEIPT_FORMAT, **asdict(receipt), "uploaded": uploaded}
    return (json.dumps(fields, indent=2) + "\n").encode()


def _write(path: Path, data: bytes) -> None:
    """Whole or not at all, and durable before the next step."""
    part = path.with_name(f".{path.name}.part")
    with part.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
