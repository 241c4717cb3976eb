"""The leaves of the log: what is said for ever about recordings, and nothing about people.

A leaf is RFC 8785 JSON. It names a recording only by the SHA-256 of its sealed object, which is
random to anyone who has neither the object nor its uploader's receipt: what is in a log cannot be
erased, so nothing that may have to be erased goes in.

    intake-key                 an intake epoch's public key was announced
    intake-key-retired         its private key was destroyed, and seen to be gone
    contributor-key            the worker made a contributor's key pair; its object may be trusted
    contributor-key-destroyed  it may no more: every version of it was destroyed
    accepted                   a sealed recording was taken over from the raw store
    disposed                   it was destroyed, and seen to be gone (`disposal.Receipt`)
    quarantined                it could not be opened or decoded; it stays sealed where it is
    released                   an operator put it back into the backlog
    extracted                  more features were made of a recording or of an archived original
    archive-destroyed          an archived original was destroyed, and seen to be gone
    swept                      what a retention rule made due in one store was destroyed
    erased                     all of a contributor's was; the digest is of the certificate's body
    suppression-lifted         somebody who was erased may contribute again
    audited                    a page of the audit trail's records; what it names cannot go unseen
    approved                   somebody may read more features than the quota allows, or no longer
    reviewed                   who can reach what was reviewed; the digest is of the report
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from unvoiced.errors import VerificationError
from unvoiced.sealing import Json, canonical

KINDS = frozenset(
    {
        "intake-key",
        "intake-key-retired",
        "contributor-key",
        "contributor-key-destroyed",
        "accepted",
        "disposed",
        "quarantined",
        "released",
        "extracted",
        "archive-destroyed",
        "swept",
        "erased",
        "suppression-lifted",
        "audited",
        "approved",
        "reviewed",
    }
)
# The cause of a receipt for what was found gone: nobody who logs it claims to have destroyed it.
FOUND_MISSING = "found missing"
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Leaf:
    """One parsed leaf: its kind, the SHA-256 it is about (hex), and all its fields."""

    kind: str
    digest: str
    fields: Mapping[str, Json]


def rfc3339(moment: datetime) -> str:
    """A moment as the log writes it: UTC, whole seconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def encode_leaf(kind: str, digest: str, moment: datetime, **fields: Json) -> bytes:
    """A leaf's bytes; `digest` is of the sealed object, or of the key object, it is about."""
    return canonical.dumps({"kind": kind, "sha256": digest, "time": rfc3339(moment), **fields})


def parse_leaf(data: bytes) -> Leaf:
    """Read a leaf strictly. Raises `VerificationError` for anything this format does not know."""
    try:
        fields = canonical.loads(data)
    except (ValueError, RecursionError):
        fields = None
    if isinstance(fields, dict):
        kind, digest = fields.get("kind"), fields.get("sha256")
        if (
            isinstance(kind, str)
            and kind in KINDS
            and isinstance(digest, str)
            and _DIGEST.fullmatch(digest)
            and isinstance(fields.get("time"), str)
        ):
            return Leaf(kind, digest, fields)
    raise VerificationError("a leaf is not one of this log's: not canonical or unknown kind")
