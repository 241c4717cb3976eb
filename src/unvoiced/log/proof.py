"""One entry's proof as a file of its own: c2sp.org/tlog-proof@v1. No I/O.

Checked offline with nothing but the log's public key. The extra bytes carry the entry itself, so
that one file is enough; they are as untrusted as the rest of the file until `verify` was given
them as the leaf and returned.
"""

from dataclasses import dataclass

from unvoiced.errors import VerificationError
from unvoiced.log.merkle import HASH_BYTES, leaf_hash, verify_inclusion
from unvoiced.log.note import (
    MAX_NOTE_BYTES,
    Checkpoint,
    Verifier,
    decode_base64,
    decode_decimal,
    encode_base64,
)

_FIRST_LINE = "c2sp.org/tlog-proof@v1"
_MAX_HASHES = 63
# An entry has 65,535 bytes at most, and base64 makes a third more of it.
_MAX_BYTES = MAX_NOTE_BYTES + (1 << 17)


@dataclass(frozen=True, slots=True)
class TlogProof:
    """Where an entry stands, the hashes that lead to the root, and the signed checkpoint."""

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: bytes
    extra: bytes | None = None

    def encode(self) -> bytes:
        """The text of a `.tlog-proof` file."""
        extra = [] if self.extra is None else [f"extra {encode_base64(self.extra)}"]
        hashes = [encode_base64(each) for each in self.hashes]
        lines = [_FIRST_LINE, *extra, f"index {self.index}", *hashes, "", ""]
        return "\n".join(lines).encode() + self.checkpoint

    @classmethod
    def parse(cls, data: bytes) -> "TlogProof":
        """Read the text; nothing in it is trusted yet. Raises `VerificationError`."""
        if len(data) > _MAX_BYTES:
            raise VerificationError(f"the proof is larger than {_MAX_BYTES} bytes")
        head, separator, checkpoint = data.partition(b"\n\n")
        try:
            first, *lines = head.decode("ascii").split("\n")
        except UnicodeDecodeError:
            raise VerificationError("the proof is not ASCII above its checkpoint") from None
        if not separator or first != _FIRST_LINE:
            raise VerificationError(f"the proof is not of the form {_FIRST_LINE}")
        extra = None
        if lines and lines[0].startswith("extra "):
            extra = decode_base64(lines.pop(0).removeprefix("extra "), "the proof's extra data")
        if not lines or not lines[0].startswith("index "):
            raise VerificationError("the proof does not say the index of its entry")
        index = decode_decimal(lines.pop(0).removeprefix("index "), "the proof's index")
        if len(lines) > _MAX_HASHES:
            raise VerificationError(f"the proof has more than {_MAX_HASHES} hashes")
        hashes = tuple(decode_base64(each, "a hash of the proof") for each in lines)
        if any(len(each) != HASH_BYTES for each in hashes):
            raise VerificationError(f"a hash of the proof is not {HASH_BYTES} bytes")
        return cls(index, hashes, checkpoint, extra)

    def verify(self, leaf: bytes, verifier: Verifier) -> Checkpoint:
        """The checkpoint under which `leaf` is in the log. Raises `VerificationError`.

        (1) hash the leaf: stops an edited entry, because only its bytes lead to the root;
        (2) open the checkpoint with the log's key, for the log of that key's name: stops a tree
            that the log never signed;
        (3) follow the hashes from the leaf to the checkpoint's root: stops an entry that the log
            never held, and one that is said to stand elsewhere.

        The caller must (a) have the key from somewhere other than the proof, (b) read the leaf
        for itself: that it is logged does not make it true, and (c) hold the checkpoint against
        others it knows, as only that shows a log with two histories.
        """
        found = leaf_hash(leaf)
        checkpoint = Checkpoint.open(self.checkpoint, verifier)
        verify_inclusion(self.index, checkpoint.size, found, self.hashes, checkpoint.root)
        return checkpoint
