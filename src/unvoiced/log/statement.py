"""Signed statements: what the log's key says besides checkpoints. No I/O.

A statement is canonical JSON (RFC 8785) below a title, in a signed note. The title sets one kind of
statement apart from every other that the same key signs, checkpoints included: their first line is
the log's origin, which has no spaces.

Whoever keeps statements in a store binds each to its name there: a signature does not say where a
statement belongs, or that it is the latest.
"""

import json
from collections.abc import Mapping
from typing import Any

import rfc8785

from unvoiced.errors import VerificationError
from unvoiced.log.note import Signer, Verifier, open_note


def sign_statement(title: str, body: Mapping[str, Any], signer: Signer) -> bytes:
    """The note."""
    return signer.sign(f"{title}\n{rfc8785.dumps(dict(body)).decode()}\n")


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
