"""Signed statements: what the log's key says besides checkpoints. No I/O.

A statement is canonical JSON (RFC 8785) below a title, in a signed note. The title sets one kind of
statement apart from every other that the same key signs, checkpoints included: their first line is
the log's origin, which has no spaces.

Where the reader knows the body anyway and room is short, the signature is kept alone.

Whoever keeps statements in a store binds each to its name there: a signature does not say where a
statement belongs, or that it is the latest.
"""

import json
from collections.abc import Mapping
from typing import Any

from unvoiced.errors import VerificationError
from unvoiced.log.note import (
    KEY_ID_BYTES,
    Signer,
    Verifier,
    decode_base64,
    open_note,
)
from unvoiced.sealing import canonical


def sign_statement(title: str, body: Mapping[str, Any], signer: Signer) -> bytes:
    """The note."""
    return signer.sign(_text(title, body))


def sign_apart(title: str, body: Mapping[str, Any], signer: Signer) -> str:
    """The signature of a statement's note alone: 92 characters of base64, key id included."""
    return sign_statement(title, body, signer).decode().rpartition(" ")[2].rstrip()


def check_apart(title: str, body: Mapping[str, Any], signature: str, verifier: Verifier) -> None:
    """Raises `VerificationError` unless this key signed this body under this title."""
    data = decode_base64(signature, "the signature")
    if data[:KEY_ID_BYTES] != verifier.key_id:
        raise VerificationError(f"the signature is not by {verifier.name}")
    verifier.verify(_text(title, body), data[KEY_ID_BYTES:])


def open_statement(title: str, note: bytes, verifier: Verifier) -> dict[str, Any]:
    """The body. Raises `VerificationError` unless this key signed it under this title."""
    first, _, text = open_note(note, [verifier]).partition("\n")
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        body = None
    if first != title or not isinstance(body, dict):
        raise VerificationError(f"the signed note is no statement of the kind {title!r}")
    return body


def _text(title: str, body: Mapping[str, Any]) -> str:
    return f"{title}\n{canonical.dumps(dict(body)).decode()}\n"
