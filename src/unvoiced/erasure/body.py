"""What a certificate of erasure says, and the leaf that fixes it in the log. Pure.

The body names the contributor, so it is given to whoever asked and kept nowhere here; the log has
its digest, which the nonce makes a digest of nothing that can be guessed.
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime

import rfc8785

from unvoiced import __version__
from unvoiced.disposal import Cause
from unvoiced.erasure.record import Erasure, Stage
from unvoiced.log.leaves import encode_leaf, rfc3339
from unvoiced.sealing import Json

FORMAT = "unvoiced-erasure/1"
# The stages that lie before the certificate.
_STATED = (Stage.REQUESTED, Stage.KEY_DESTROYED, Stage.BYTES_DELETED, Stage.OBSERVED)
NOT_CHECKED = (
    "replicas, snapshots and backups of the stores, and copies made outside this pipeline",
    "whether who holds the dataset key can open a copy of the contributor's key object that was "
    "taken before it was destroyed",
    "blocks of the storage device",
    "copies of their objects under names that are not theirs",
    "parts of uploads that were never completed",
    "a shard of the catalog that a build was putting at that very moment",
    "access logs of the store's provider, which may hold object names",
    "the orchestrator's database and logs, where reports of ingest, retention and backfill show "
    "object names",
    "what was made of their features outside the training store: models, exports, caches",
    "invitations and upload receipts, at the contributor and at whoever invited them",
    "the log and the audit trail: they keep digests of sealed objects, times and counts, for ever",
)


def body_of(
    record: Erasure, observed: Mapping[str, int], performed_by: str, now: datetime
) -> dict[str, Json]:
    """The body of a certificate; `observed` counts what is still listed, by store."""
    completed = record.reached(Stage.OBSERVED, now)
    return {
        "format": FORMAT,
        "pseudonym": record.pseudonym,
        "nonce": record.nonce,
        "requested": completed.stages[Stage.REQUESTED.value],
        "completed": rfc3339(now),
        "stages": {stage.value: completed.stages[stage.value] for stage in _STATED},
        "destroyed": dict(record.destroyed),
        "key_objects": [*sorted(record.key_objects)],
        "observed": dict(observed),
        "pending": list(record.pending),
        "not_checked": list(NOT_CHECKED),
        "performed_by": performed_by,
        "tool": f"unvoiced {__version__}",
    }


def body_digest(body: Mapping[str, Json]) -> str:
    """The SHA-256 (hex) under which the log knows a certificate."""
    return hashlib.sha256(rfc8785.dumps(dict(body))).hexdigest()


def erased_leaf(record: Erasure, now: datetime) -> bytes:
    """The leaf of a record that has its body: counts and digests, nothing that says whose."""
    body = record.body or {}
    return encode_leaf(
        "erased",
        body_digest(body),
        now,
        request=record.request,
        cause=Cause.ERASURE.value,
        media_type="objects in the stores of a deployment",
        sanitization_method="logical deletion, after the key that opens the features",
        sanitization_technique="delete of every version through the store's interface",
        verification_method="list of all versions through the store's interface",
        observed=body.get("observed"),
        destroyed=body.get("destroyed"),
        not_checked=body.get("not_checked"),
        performed_by=body.get("performed_by"),
        tool=body.get("tool"),
    )


def gone_leaf(kind: str, digest: str, media_type: str, performed_by: str, now: datetime) -> bytes:
    """The leaf of one key object, or archived original, of which every version is gone."""
    return encode_leaf(
        kind,
        digest,
        now,
        cause=Cause.ERASURE.value,
        media_type=media_type,
        sanitization_method="logical deletion",
        sanitization_technique="delete of every version through the store's interface",
        verification_method="list of all versions through the store's interface",
        observed={"versions": 0},
        not_checked=list(_NOT_CHECKED_OF_ONE[kind]),
        performed_by=performed_by,
        tool=f"unvoiced {__version__}",
    )


_NOT_CHECKED_OF_ONE: Mapping[str, tuple[str, ...]] = {
    "contributor-key-destroyed": NOT_CHECKED[:4],
    "archive-destroyed": (
        NOT_CHECKED[0],
        *NOT_CHECKED[2:4],
        "the bytes: the digest is the one the object was labelled with when it was put",
    ),
}
