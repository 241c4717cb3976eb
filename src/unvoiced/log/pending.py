"""The head of the log as writers agree on it, before the public sees it. No I/O.

A writer that loses a race has signed a head that never comes to be. Were that head a checkpoint,
whoever copied it from the store could show it as proof of a forked log. So the claim that writers
race for is another text, which no reader takes for a checkpoint (its first line has spaces in it,
which no origin has); the checkpoint itself is signed only once its head is committed (INV-7).
"""

import re
from dataclasses import dataclass

from unvoiced.errors import VerificationError
from unvoiced.log.note import Checkpoint, Signer, Verifier, open_note

HEAD = "pending/head"
APPENDS = "pending/append/"
_FIRST_LINE = "unvoiced pending log head v1"
_ATTEMPT = re.compile(r"[0-9a-f]{32}")
_APPEND = re.compile(re.escape(APPENDS) + r"([0-9]{1,19})-([0-9]{1,19})-[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Head:
    """The committed tree, the one it was grown from, and which attempt at it won.

    The attempt is random: it tells two writers that append the same entries at the same size
    apart, and a writer whose answer got lost finds its own attempt again.
    """

    base: Checkpoint
    tip: Checkpoint
    attempt: str

    @property
    def append_name(self) -> str:
        """Where the entries between base and tip stand until they are in bundles."""
        return f"{APPENDS}{self.base.size}-{self.tip.size}-{self.attempt}"

    def sign(self, signer: Signer) -> bytes:
        """The note that `pending/head` holds."""
        return signer.sign(f"{_FIRST_LINE}\n{self.base.text()}{self.tip.text()}{self.attempt}\n")

    @classmethod
    def open(cls, note: bytes, verifier: Verifier) -> "Head":
        """Raises `VerificationError` unless this key signed it for the log of its own name."""
        lines = open_note(note, [verifier]).split("\n")
        if len(lines) != 9 or lines[0] != _FIRST_LINE or lines[8]:
            raise VerificationError("the pending head is not in the form this version writes")
        base = Checkpoint.parse("\n".join([*lines[1:4], ""]))
        tip = Checkpoint.parse("\n".join([*lines[4:7], ""]))
        if {base.origin, tip.origin} != {verifier.name}:
            raise VerificationError(f"the pending head is not of the log {verifier.name}")
        if base.size > tip.size or not _ATTEMPT.fullmatch(lines[7]):
            raise VerificationError("the pending head does not grow its tree")
        return cls(base, tip, lines[7])


def append_sizes(name: str) -> tuple[int, int] | None:
    """The sizes of base and tip that the name of a pending append says; None for other names."""
    match = _APPEND.fullmatch(name)
    return (int(match[1]), int(match[2])) if match else None
