"""One worked example of each format, made by this library from fixed keys and texts."""

import hashlib
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from unvoiced.audit.approvals import Approval, end_of
from unvoiced.audit.page import Named, Page, digest_of_names
from unvoiced.audit.record import AccessRecord, Read, by_contributor
from unvoiced.disposal import Observation, PlacedFeatures, Receipt
from unvoiced.disposal.labels import Labels, signed_labels
from unvoiced.disposal.quarantine import Quarantine, QuarantineRecord
from unvoiced.disposal.suppression import lifting, suppression_id
from unvoiced.keys.intake import IntakeKey, intake_digest
from unvoiced.keys.invitation import Invitation
from unvoiced.keys.pseudonyms import content_tag, pseudonym, sample_id, sample_key
from unvoiced.log.leaves import encode_leaf, parse_leaf
from unvoiced.log.ledger import Ledger
from unvoiced.log.merkle import inclusion_proof, leaf_hash, root, subtrees
from unvoiced.log.note import Checkpoint, Signer
from unvoiced.log.proof import TlogProof
from unvoiced.log.snapshot import Snapshot
from unvoiced.log.statement import sign_statement
from unvoiced.sealing import PrivateKey, encode_header
from unvoiced.stores.memory import MemoryStore

SEED = bytes(range(32))  # of the log's key, of pseudonyms and of content tags
SIGNER = Signer("unvoiced.example/log", Ed25519PrivateKey.from_private_bytes(SEED))
INTAKE = PrivateKey(hashlib.shake_256(SEED).digest(96))  # the key `first` of unv1.json
RECORDING = b"not a recording, but as good as one here"
NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
_TIME = "2026-11-23T12:00:00Z"
_SEALED, _FEATURES, _KEY_OBJECT = (
    hashlib.sha256(what.encode()).hexdigest() for what in ("sealed", "features", "key object")
)


def made(folder: Path) -> dict[str, Any]:
    """Every example by name; `folder` is for the one that is a file."""
    return {
        "names": _names(),
        "unv1-header": _header(),
        **_log(),
        "statements": _statements(),
        "access-record": _access_record(),
        "audit-page": _audit_page(),
        "invitation": _invitation(folder / "anna-01.invitation"),
    }


def _names() -> dict[str, str]:
    key = sample_key(SEED, "anna-01")
    return {
        "key": SEED.hex(),
        "contributor": "anna-01",
        "recording": RECORDING.hex(),
        "pseudonym": pseudonym(SEED, "anna-01"),
        "sample_key": key.hex(),
        "sample": sample_id(key, RECORDING),
        "content_tag": content_tag(SEED, RECORDING),
    }


def _whose() -> tuple[str, str]:
    names = _names()
    return names["pseudonym"], names["sample"]


def _header() -> dict[str, Any]:
    whose, sample = _whose()
    context = {"purpose": "raw", "pseudonym": whose, "sample": sample}
    key_id = INTAKE.public.key_id
    return {"key_id": key_id.hex(), "context": context, "hex": encode_header(key_id, context).hex()}


def _receipt() -> bytes:
    observed = Observation(False, False, "absent", 0, NOON)
    placed = PlacedFeatures("features/x", "ab" * 32, _FEATURES)
    leaf = Receipt(_SEALED, "object in a file store", (placed,), observed, "an example").leaf()
    said = {**parse_leaf(leaf).fields, "tool": "unvoiced 0.1.0"}  # whichever this one is
    kind, digest, _ = said.pop("kind"), said.pop("sha256"), said.pop("time")
    return encode_leaf(str(kind), str(digest), NOON, **said)


def _leaves() -> list[bytes]:
    key_id = INTAKE.public.key_id.hex()
    return [
        encode_leaf("intake-key", intake_digest(INTAKE.public), NOON, epoch="2026-w48"),
        encode_leaf("contributor-key", _KEY_OBJECT, NOON),
        encode_leaf("accepted", _SEALED, NOON, intake_key=key_id),
        _receipt(),
        encode_leaf("audited", _audit_page()["sha256"], NOON),
    ]


def _log() -> dict[str, Any]:
    leaves = _leaves()
    hashes = [leaf_hash(leaf) for leaf in leaves]
    checkpoint = Checkpoint(SIGNER.name, len(leaves), root(hashes))
    note = SIGNER.sign(checkpoint.text())
    proof = inclusion_proof(3, len(leaves), subtrees(hashes))
    ledger = Ledger(parse_leaf)
    for leaf in leaves:
        ledger.enter(leaf)
    return {
        "log-key": {"seed": SEED.hex(), "vkey": SIGNER.vkey},
        "leaves": [
            {"text": leaf.decode(), "hash": one.hex()}
            for leaf, one in zip(leaves, hashes, strict=True)
        ],
        "checkpoint": {"root": checkpoint.root.hex(), "text": note.decode()},
        "tlog-proof": TlogProof(3, tuple(proof), note, leaves[3]).encode().decode(),
        "ledger-snapshot": Snapshot.sign(checkpoint, ledger, SIGNER).hex(),
    }


def _statements() -> dict[str, Any]:
    whose, sample = _whose()
    name = f"{whose}/{sample}.unv"
    record = QuarantineRecord(name, "1", _SEALED, 1136, "not-audio", _TIME, 3)
    approval = Approval(
        "os-user:anna:1001", "training", 100_000, "2026-11-23", "2026-12-31", "a first training",
        "os-user:ben:1002", _TIME,
    )  # fmt: skip
    approved = sign_statement("unvoiced approval v1", asdict(approval), SIGNER)
    store = MemoryStore("journal")
    Quarantine(store, SIGNER.verifier).add(record, SIGNER)
    (quarantined,) = store.list("quarantine/")
    labels = Labels(_SEALED, _names()["content_tag"])
    return {
        "intake-announcement": IntakeKey("2026-w48", INTAKE.public).announce(SIGNER).decode(),
        "quarantine-record": {
            "name": quarantined.name,
            "text": store.get(quarantined.name).data.decode(),
        },
        "approval": approved.decode(),
        "approval-ended": end_of(hashlib.sha256(approved).hexdigest()),
        "archive-labels": {"name": name, "labels": signed_labels(name, labels, SIGNER)},
        "suppression-id": suppression_id(whose),
        "suppression-lifted": lifting(whose, SIGNER),
    }


def _access_record() -> dict[str, str]:
    whose, sample = _whose()
    name = f"features/speech-16k-abababab/{whose}/{sample}.unv"
    reads = [Read(name, _FEATURES, _KEY_OBJECT, 65_536)]
    record = AccessRecord(
        "os-user:anna:1001", "training", "2026-11-23T12:00:00.000Z", "anna:1001@laptop",
        "read-00000001", 0, None, 65_536, by_contributor(reads),
    )  # fmt: skip
    data = record.encode()
    name = f"{record.name}{'0' * 16}-1.json"
    return {"name": name, "text": data.decode(), "sha256": hashlib.sha256(data).hexdigest()}


def _audit_page() -> dict[str, str]:
    record = _access_record()
    named = Named(record["name"], record["sha256"], NOON)
    names = digest_of_names([named.name])
    page = Page("2026-11-23", 0, None, "2026-11-23T12:05:00.000Z", True, 1, names, (named,))
    data = page.encode()
    return {
        "name": page.name, "text": data.decode(), "sha256": hashlib.sha256(data).hexdigest()
    }  # fmt: skip


def _invitation(path: Path) -> str:
    names = _names()
    announced = IntakeKey("2026-w48", INTAKE.public).announce(SIGNER).decode()
    Invitation(
        names["pseudonym"], names["sample_key"], "s3://raw?region=eu-central-1", announced,
        SIGNER.vkey, "https://log.unvoiced.example",
    ).write(path)  # fmt: skip
    return path.read_text(encoding="utf-8")
