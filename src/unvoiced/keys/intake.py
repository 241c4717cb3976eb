"""Intake keys: one key pair per epoch, announced in a signed statement.

An epoch is an ISO week. Contributors seal to the epoch's public key; once the epoch is closed and
its last sample disposed of, destroying the private key makes every copy of those recordings,
wherever it is, noise (INV-9).
"""

import base64
import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime

from unvoiced.errors import InputError, VerificationError
from unvoiced.log.note import Signer, Verifier, open_note
from unvoiced.sealing import PublicKey

# The first line sets these statements apart from checkpoints, whose first line is the log's origin.
_TITLE = "unvoiced intake key v1"


def epoch_of(moment: datetime) -> str:
    """The name of the epoch a moment falls in, for instance `2026-w47`."""
    year, week, _ = moment.astimezone(UTC).isocalendar()
    return f"{year}-w{week:02}"


def intake_digest(public: PublicKey) -> str:
    """The SHA-256 (hex) under which the log knows an intake public key."""
    return hashlib.sha256(public.raw).hexdigest()


@dataclass(frozen=True)
class IntakeKey:
    """An epoch's public key."""

    epoch: str
    public: PublicKey

    def announce(self, signer: Signer) -> bytes:
        """The statement, signed by the log's key, that contributors rely on."""
        key = base64.b64encode(self.public.raw).decode()
        return signer.sign(f"{_TITLE}\n{self.epoch}\n{key}\n")

    @classmethod
    def from_announcement(cls, note: bytes, verifier: Verifier) -> "IntakeKey":
        """Check the signature, then read. Raises `VerificationError`."""
        lines = open_note(note, [verifier]).splitlines()
        if len(lines) != 3 or lines[0] != _TITLE:
            raise VerificationError("the signed statement does not announce an intake key")
        try:
            return cls(lines[1], PublicKey(base64.b64decode(lines[2], validate=True)))
        except (ValueError, InputError):
            raise VerificationError("the announced intake key is damaged") from None
