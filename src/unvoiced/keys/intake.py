"""Intake keys: one key pair per epoch, announced in a signed statement.

An epoch is an ISO week, named `2026-w47`. A further key made within a week is an epoch of its own,
`2026-w47-2` (to `-9`), which begins when its week does and counts as the later one. Contributors
seal to the newest epoch's public key; once the epoch is closed and its last sample disposed of,
destroying the private key makes every copy of those recordings, wherever it is, noise (INV-9).
"""

import base64
import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from unvoiced.errors import InputError, VerificationError
from unvoiced.log.note import Signer, Verifier, open_note
from unvoiced.sealing import PublicKey

# The first line sets these statements apart from checkpoints, whose first line is the log's origin.
_TITLE = "unvoiced intake key v1"


_NAME = re.compile(r"([0-9]{4})-w([0-9]{2})(?:-([2-9]))?")
MOST_IN_A_WEEK: Final = 9


@dataclass(frozen=True, order=True)
class Epoch:
    """One epoch; later ones compare as greater. Years are ISO years: those of the week."""

    year: int
    week: int
    number: int = 1  # of the keys made for this week

    @property
    def name(self) -> str:
        """As the log, the vault and announcements name it."""
        return f"{self.year}-w{self.week:02}" + (f"-{self.number}" if self.number > 1 else "")

    @property
    def begins(self) -> datetime:
        """Monday 00:00 UTC of its week, whichever of the week's keys it is."""
        return datetime.fromisocalendar(self.year, self.week, 1).replace(tzinfo=UTC)

    @property
    def first_of_next_week(self) -> "Epoch":
        """The epoch that is made ahead of time for the week after this one's."""
        return Epoch.of(self.begins + timedelta(days=7))

    @classmethod
    def of(cls, moment: datetime) -> "Epoch":
        """The first epoch of the week that a moment falls in."""
        year, week, _ = moment.astimezone(UTC).isocalendar()
        return cls(year, week)

    @classmethod
    def parse(cls, name: str) -> "Epoch":
        """From its name, in its one spelling. Raises `InputError`."""
        match = _NAME.fullmatch(name)
        try:
            if match is None:
                raise ValueError
            epoch = cls(int(match[1]), int(match[2]), int(match[3] or 1))
            _ = epoch.begins  # no year has a week 54, and not every one a week 53
        except ValueError:
            raise InputError(f"{name[:40]!r} is not an epoch, as 2026-w47 or 2026-w47-2") from None
        return epoch

    @classmethod
    def named(cls, name: str) -> "Epoch | None":
        """The epoch of this name, or None where it is no epoch's."""
        try:
            return cls.parse(name)
        except InputError:
            return None


def epoch_of(moment: datetime) -> str:
    """The name of the epoch a moment falls in, for instance `2026-w47`."""
    return Epoch.of(moment).name


def intake_digest(public: PublicKey) -> str:
    """The SHA-256 (hex) under which the log knows an intake public key."""
    return hashlib.sha256(public.raw).hexdigest()


@dataclass(frozen=True)
class IntakeKey:
    """An epoch's public key."""

    epoch: str
    public: PublicKey

    @property
    def when(self) -> Epoch:
        """The epoch, to be compared. Raises `InputError` for a name that is none."""
        return Epoch.parse(self.epoch)

    def announce(self, signer: Signer) -> bytes:
        """The statement, signed by the log's key, that contributors rely on."""
        key = base64.b64encode(self.public.raw).decode()
        return signer.sign(f"{_TITLE}\n{self.epoch}\n{key}\n")

    @classmethod
    def from_announcement(cls, note: bytes, verifier: Verifier) -> "IntakeKey":
        """Check the signature, then read. Raises `VerificationError`.

        What it returns names an epoch: its `when` does not raise.
        """
        lines = open_note(note, [verifier]).splitlines()
        if len(lines) != 3 or lines[0] != _TITLE:
            raise VerificationError("the signed statement does not announce an intake key")
        try:
            announced = cls(lines[1], PublicKey(base64.b64decode(lines[2], validate=True)))
            _ = announced.when
        except (ValueError, InputError):
            raise VerificationError("the announced intake key is damaged") from None
        return announced
