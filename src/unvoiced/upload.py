"""What a contributor does: seal recordings on their own machine, upload them, keep receipts.

The recording is read, named by a keyed hash of its content, sealed to the intake public key and put
create-exclusive. The sealed bytes and the receipt are written to the contributor's disk before the
upload, so that an interrupted upload goes on with the same object and its digest is never in doubt.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from unvoiced import names
from unvoiced.errors import AlreadyExists, InputError, NotFound, StoreError
from unvoiced.keys.invitation import Invitation
from unvoiced.keys.pseudonyms import sample_id
from unvoiced.sealing import MAGIC, PublicKey, seal
from unvoiced.stores import Store

# By name only, so that a folder's letters and pictures stay at home.
AUDIO_SUFFIXES = frozenset(
    {".wav", ".wave", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".aifc", ".caf"}
    | {".w64", ".rf64", ".m4a", ".mp4", ".aac", ".webm", ".mka", ".weba"}
)
_RECEIPT_FORMAT = "unvoiced-upload-receipt/1"


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


def seal_recording(data: bytes, invitation: Invitation, intake: PublicKey) -> tuple[str, bytes]:
    """The object name a recording is uploaded under, and its sealed bytes."""
    sample = sample_id(bytes.fromhex(invitation.sample_key), data)
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
    """Uploads recordings under one invitation; `receipts` is a folder of the contributor's."""

    def __init__(
        self,
        invitation: Invitation,
        raw: Store,
        receipts: Path,
        trusted_vkey: str | None = None,
    ) -> None:
        self._invitation = invitation
        self._intake = invitation.intake_key(trusted_vkey).public
        self._raw = raw
        self._receipts = receipts
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
        receipt_path = self._receipts / f"{sample}.json"
        outbox = self._receipts / f"{sample}{names.SUFFIX}"
        if receipt_path.exists():
            receipt = UploadReceipt.read(receipt_path)
            if receipt.uploaded:
                outbox.unlink(missing_ok=True)  # an earlier call may have ended just before this
                return Outcome.ALREADY
            begun = outbox.exists() and _digest(outbox.read_bytes()) == receipt.sha256
        else:
            begun = False
        if not begun:
            receipt = self._begin(file, data, receipt_path, outbox)
        outcome = self._put(receipt, outbox.read_bytes())
        if outcome is Outcome.UPLOADED:
            _write(receipt_path, _receipt_text(receipt, uploaded=True))
        else:
            receipt_path.unlink()
        outbox.unlink()
        return outcome

    def _begin(self, file: Path, data: bytes, receipt_path: Path, outbox: Path) -> UploadReceipt:
        name, sealed = seal_recording(data, self._invitation, self._intake)
        receipt = UploadReceipt(
            sample=names.parse_sealed_name(name)[1],  # type: ignore[index]  # made just above
            pseudonym=self._invitation.pseudonym,
            sha256=_digest(sealed),
            size=len(sealed),
            file_name=file.name,
            sealed_at=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            log_vkey=self._invitation.log_vkey,
            log_url=self._invitation.log_url,
        )
        _write(outbox, sealed)
        _write(receipt_path, _receipt_text(receipt, uploaded=False))
        return receipt

    def _put(self, receipt: UploadReceipt, sealed: bytes) -> Outcome:
        name = names.sealed_name(receipt.pseudonym, receipt.sample)
        while True:
            try:
                self._raw.put_if_absent(name, sealed)
            except AlreadyExists:
                # Ours, if the answer to an earlier put was lost. Where a grant does not let us
                # look, the receipt is kept: the log will know its digest, or not.
                try:
                    if _digest(self._raw.get(name).data) != receipt.sha256:
                        return Outcome.WITHOUT_RECEIPT
                except NotFound:
                    continue  # ingested in between
                except StoreError:
                    return Outcome.UPLOADED
            return Outcome.UPLOADED


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
