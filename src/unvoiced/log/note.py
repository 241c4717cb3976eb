"""Signed notes and checkpoints: c2sp.org/signed-note and c2sp.org/tlog-checkpoint. No I/O.

- A note's text is returned only after a known key's signature over it verified.
- A signature by an unknown key is ignored; a bad one by a known key refuses the whole note.
- There is one spelling of everything: base64 and numbers that do not re-encode to themselves
  are refused, so no second note says what a first one said.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from unvoiced.errors import InputError, VerificationError
from unvoiced.log.merkle import EMPTY_ROOT, HASH_BYTES

ED25519 = b"\x01"
KEY_BYTES = 32
KEY_ID_BYTES = 4
# The specification asks for 16 at least; a post-quantum signature is 5 kB at most.
MAX_SIGNATURES = 64
MAX_NOTE_BYTES = 1 << 20

_SIGNATURE_LINE = re.compile(r"— ([^ ]+) ([A-Za-z0-9+/=]+)")
_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}")


def decode_base64(text: str, what: str) -> bytes:
    """Bytes of standard base64, only in the one spelling that encoding gives back."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise VerificationError(f"{what} is not base64") from None
    if encode_base64(data) != text:
        raise VerificationError(f"{what} is not in canonical base64")
    return data


def encode_base64(data: bytes) -> str:
    """Standard base64 of RFC 4648 section 4."""
    return base64.b64encode(data).decode("ascii")


def decode_decimal(text: str, what: str) -> int:
    """A non-negative integer below 2**63 in ASCII digits without leading zeroes."""
    if not _DECIMAL.fullmatch(text) or int(text) >= 1 << 63:
        raise VerificationError(f"{what} is not a decimal number as the format writes it")
    return int(text)


def _usable_name(name: str) -> bool:
    return bool(name) and not any(each.isspace() or each == "+" or each < " " for each in name)


def _key_id(name: str, material: bytes) -> bytes:
    digest = hashlib.sha256(name.encode() + b"\n" + ED25519 + material)
    return digest.digest()[:KEY_ID_BYTES]


@dataclass(frozen=True, slots=True)
class Verifier:
    """A key that notes are checked with: its name and its 32-byte Ed25519 public key."""

    name: str
    public_key: bytes

    def __post_init__(self) -> None:
        if not _usable_name(self.name):
            raise VerificationError("a key name is empty, or has a space or a plus in it")
        if len(self.public_key) != KEY_BYTES:
            raise VerificationError(f"the public key of {self.name} is not {KEY_BYTES} bytes")

    @classmethod
    def parse(cls, vkey: str) -> "Verifier":
        """From `name+key id+base64(type || key)`. Raises `VerificationError`."""
        name, key_id, material = ([*vkey.split("+", 2), "", ""])[:3]
        key = decode_base64(material, "the key in the verifier key")
        if key[:1] != ED25519:
            raise VerificationError("the verifier key is not an Ed25519 key")
        verifier = cls(name, key[1:])
        if verifier.key_id.hex() != key_id:
            raise VerificationError(f"the key id in the verifier key of {name} is not that key's")
        return verifier

    @property
    def key_id(self) -> bytes:
        """The first four bytes of SHA-256(name || newline || type || key)."""
        return _key_id(self.name, self.public_key)

    @property
    def vkey(self) -> str:
        """The verifier key as one line of text, the form in which it is given to verifiers."""
        return f"{self.name}+{self.key_id.hex()}+{encode_base64(ED25519 + self.public_key)}"

    def verify(self, text: str, signature: bytes) -> None:
        """Raises `VerificationError` unless this key signed exactly this text (RFC 8032)."""
        key = Ed25519PublicKey.from_public_bytes(self.public_key)
        try:
            key.verify(signature, text.encode())
        except InvalidSignature:
            raise VerificationError(f"the signature by {self.name} does not verify") from None


class SigningKey(Protocol):
    """An Ed25519 private key, in this process or at a key service."""

    def public_key(self) -> Ed25519PublicKey:
        """The public half."""

    def sign(self, data: bytes, /) -> bytes:
        """The 64-byte signature of RFC 8032."""


class Signer:
    """A named Ed25519 key that signs notes; signing is deterministic (RFC 8032)."""

    def __init__(self, name: str, private_key: SigningKey) -> None:
        if not _usable_name(name):
            raise InputError("a key name is empty, or has a space or a plus in it")
        self.name = name
        self.verifier = Verifier(name, private_key.public_key().public_bytes_raw())
        self._private_key = private_key

    @property
    def vkey(self) -> str:
        """The verifier key, the public half that is handed out."""
        return self.verifier.vkey

    def sign(self, text: str) -> bytes:
        """The text as a note with this key's signature. Raises `InputError` for unfit text."""
        if not text.endswith("\n") or any(each < " " and each != "\n" for each in text):
            raise InputError("a note's text ends in a newline and has no control characters")
        signature = self.verifier.key_id + self._private_key.sign(text.encode())
        return f"{text}\n— {self.name} {encode_base64(signature)}\n".encode()


def _signatures(lines: Iterable[str]) -> list[tuple[str, bytes]]:
    found = []
    for line in lines:
        match = _SIGNATURE_LINE.fullmatch(line)
        if match is None or not _usable_name(match[1]):
            raise VerificationError("the note has a malformed signature line")
        signature = decode_base64(match[2], f"the note's signature by {match[1]}")
        if len(signature) <= KEY_ID_BYTES:
            raise VerificationError(f"the note's signature by {match[1]} is too short")
        found.append((match[1], signature))
    return found


def open_note(note: bytes, verifiers: Iterable[Verifier]) -> str:
    """The text of a note that at least one of the keys signed. Raises `VerificationError`.

    (1) bounded, UTF-8, no control characters: what is shown to a person is what was signed;
    (2) text and signatures are told apart by the last empty line;
    (3) a signature line by (name, key id) that is not known is ignored, so keys can rotate and
        witnesses can co-sign; every one that is known must verify;
    (4) at least one did.
    """
    if len(note) > MAX_NOTE_BYTES:
        raise VerificationError(f"the note is larger than {MAX_NOTE_BYTES} bytes")
    try:
        whole = note.decode()
    except UnicodeDecodeError:
        raise VerificationError("the note is not UTF-8") from None
    if any(each < " " and each != "\n" for each in whole):
        raise VerificationError("the note has a control character in it")

    head, separator, tail = whole.rpartition("\n\n")
    if not separator or not tail.endswith("\n"):
        raise VerificationError("the note does not end in an empty line and signature lines")
    text, lines = head + "\n", tail[:-1].split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise VerificationError(f"the note has more than {MAX_SIGNATURES} signatures")

    known = {(each.name, each.key_id): each for each in verifiers}
    verified = False
    for name, signature in _signatures(lines):
        verifier = known.get((name, signature[:KEY_ID_BYTES]))
        if verifier is not None:
            verifier.verify(text, signature[KEY_ID_BYTES:])
            verified = True

    if not verified:
        wanted = ", ".join(sorted(each.name for each in known.values()))
        raise VerificationError(f"the note has no signature by a known key ({wanted})")
    return text


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log says its tree is: `size` entries with this `root`."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """The note text: origin, size and root on a line each."""
        return f"{self.origin}\n{self.size}\n{encode_base64(self.root)}\n"

    @classmethod
    def parse(cls, text: str) -> "Checkpoint":
        """From the text of an opened note. Raises `VerificationError`.

        Extension lines are refused: this log signs none, and what nobody audits has no place
        under its signature.
        """
        lines = text.split("\n")
        if len(lines) != 4 or lines[3] or not lines[0]:
            raise VerificationError("the checkpoint is not the three lines origin, size and root")
        size = decode_decimal(lines[1], "the checkpoint's size")
        root = decode_base64(lines[2], "the checkpoint's root")
        if len(root) != HASH_BYTES:
            raise VerificationError(f"the checkpoint's root is not {HASH_BYTES} bytes")
        if size == 0 and root != EMPTY_ROOT:
            raise VerificationError("the checkpoint's root is not that of an empty tree")
        return cls(lines[0], size, root)

    @classmethod
    def open(cls, note: bytes, verifier: Verifier) -> "Checkpoint":
        """From a note that this key signed under its own name. Raises `VerificationError`."""
        checkpoint = cls.parse(open_note(note, [verifier]))
        if checkpoint.origin != verifier.name:
            raise VerificationError(
                f"the checkpoint is of the log {checkpoint.origin}, not of {verifier.name}"
            )
        return checkpoint
