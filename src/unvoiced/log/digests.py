"""A set of SHA-256 digests in little memory: 60 bytes each in a million, where texts take 160.

Digests are spread evenly, whoever chose what they are of, so they are kept in as many rows as their
first two bytes say; each row is digests of 32 bytes, one behind the other.
"""

from collections.abc import Iterable

_BYTES, _ROW = 32, 2


class DigestSet:
    """Digests in lower-case hex, as the log writes them; what is no digest is never in it."""

    def __init__(self, digests: Iterable[str] = ()) -> None:
        self._rows: dict[bytes, bytearray] = {}
        self._size = 0
        self.update(digests)

    def __len__(self) -> int:
        return self._size

    def __contains__(self, digest: object) -> bool:
        raw = _raw(digest)
        return raw is not None and self._has(raw)

    def update(self, digests: Iterable[str]) -> None:
        """Take in some more."""
        for digest in digests:
            raw = _raw(digest)
            if raw is not None and not self._has(raw):
                self._rows.setdefault(raw[:_ROW], bytearray()).extend(raw)
                self._size += 1

    def _has(self, raw: bytes) -> bool:
        row = self._rows.get(raw[:_ROW])
        if row is None:
            return False
        at = row.find(raw)
        while at % _BYTES and at >= 0:  # across two that stand side by side
            at = row.find(raw, at + 1)
        return at >= 0


def _raw(digest: object) -> bytes | None:
    if not isinstance(digest, str) or len(digest) != 2 * _BYTES:
        return None
    try:
        raw = bytes.fromhex(digest)
    except ValueError:
        return None
    return raw if raw.hex() == digest else None
