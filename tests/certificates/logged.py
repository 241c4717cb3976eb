"""A log in which everything has happened that can have a certificate, and much that cannot."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from unvoiced.certificates.document import Certificate, Issuer
from unvoiced.certificates.issue import issue
from unvoiced.certificates.subject import Kind, Subject, body_digest
from unvoiced.certificates.wording import sections
from unvoiced.disposal import ArchivedOriginal, Cause, Observation, PlacedFeatures, Receipt
from unvoiced.log.leaves import encode_leaf
from unvoiced.log.note import Signer
from unvoiced.log.reader import LogReader
from unvoiced.log.writer import LogWriter
from unvoiced.sealing import Json
from unvoiced.stores.interface import Keeping
from unvoiced.stores.memory import MemoryStore

START = datetime(2026, 11, 22, 12, tzinfo=UTC)
ISSUER = Issuer("2026-12-01T09:30:00Z", "Voices Ltd", "Ada Byron", "Data protection officer")
SIGNER = Signer("unvoiced.example/log", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
STRANGER = Signer("unvoiced.example/log", Ed25519PrivateKey.from_private_bytes(bytes(32)))


def digest(what: str) -> str:
    """The digest of an object that never was."""
    return hashlib.sha256(what.encode()).hexdigest()


def paragraph(certificate: Certificate) -> str:
    """All that is said of a certificate, in one."""
    return " ".join(f"{one.heading}: {' '.join(one.said)}" for one in sections(certificate))


def gone(kind: str, what: str, moment: datetime = START, **fields: Json) -> bytes:
    """A leaf that says something is gone, as retention and erasure write it."""
    said: dict[str, Json] = {
        "cause": "erasure",
        "media_type": "object in a memory store",
        "sanitization_method": "logical deletion",
        "sanitization_technique": "delete of every version through the store's interface",
        "verification_method": "list of all versions through the store's interface",
        "observed": {"versions": 0},
        "not_checked": [f"backups of {kind}", "blocks of the storage device"],
        "performed_by": "eraser, run test",
        "tool": "unvoiced 0.1.0",
    }
    return encode_leaf(kind, digest(what), moment, **{**said, **fields})


def body_of(whose: str, keys: Sequence[str], **fields: Json) -> dict[str, Json]:
    """The body of an erasure that was completed."""
    said: dict[str, Json] = {
        "format": "unvoiced-erasure/1",
        "pseudonym": whose * 26,
        "nonce": digest(f"nonce {whose}"),
        "requested": "2026-11-20T10:00:00Z",
        "completed": "2026-11-22T11:59:00Z",
        "stages": {"requested": "2026-11-20T10:00:00Z", "observed": "2026-11-22T11:59:00Z"},
        "destroyed": {"raw": 2, "training": 5},
        "key_objects": [digest(one) for one in keys],
        "observed": {"raw": 0, "training": 0},
        "pending": [],
        "not_checked": ["models that were trained", "blocks of the storage device"],
        "performed_by": "eraser, run test",
        "tool": "unvoiced 0.1.0",
    }
    return {**said, **fields}


@dataclass
class Logged:
    """Leaves as they come, then a log of them."""

    leaves: list[bytes] = field(default_factory=list)

    def now(self) -> datetime:
        """A minute after the last leaf."""
        return START + timedelta(minutes=len(self.leaves))

    def say(self, kind: str, what: str, **fields: Json) -> None:
        """Any leaf."""
        self.leaves.append(encode_leaf(kind, digest(what), self.now(), **fields))

    def gone(self, kind: str, what: str, **fields: Json) -> None:
        """A leaf that says something is gone."""
        self.leaves.append(gone(kind, what, self.now(), **fields))

    def erase(self, body: dict[str, Json]) -> None:
        """An erasure was completed."""
        leaf = gone("erased", "", self.now())
        self.leaves.append(leaf.replace(digest("").encode(), body_digest(body).encode()))

    def accept(self, what: str, key: str | None) -> None:
        """A recording was taken over, sealed to an intake key."""
        self.say("accepted", what, intake_key=digest(key)[:32] if key else None)

    def dispose(
        self, what: str, cause: Cause = Cause.FEATURES, current: str = "absent", archived: str = ""
    ) -> None:
        """A proper receipt for a recording."""
        until = datetime(2029, 11, 22, tzinfo=UTC)
        copy = ArchivedOriginal("name", digest(archived), "GLACIER", "2029-11-22T00:00:00Z", "v")
        kept = Keeping(1, "GLACIER", until, labels={"sha256": digest(archived)})
        features = (PlacedFeatures("name", digest("speech-16k"), digest(f"features {what}")),)
        self.leaves.append(
            Receipt(
                digest(what),
                "object in a memory store",
                features if cause.leaves_features else (),
                Observation(False, False, current, 0, self.now()),
                "worker, run test",
                cause,
                copy if archived else None,
                kept if archived else None,
            ).leaf()
        )

    def store(self, signer: Signer = SIGNER) -> MemoryStore:
        """A signed log of all of it."""
        store = MemoryStore("log")
        writer = LogWriter.create(store, signer)
        for start in range(0, len(self.leaves), 7):
            batch = self.leaves[start : start + 7]
            writer.append(lambda _, batch=batch: batch)  # type: ignore[misc]
        return store


BODIES = {
    "anna": body_of("a", ["key anna", "second key anna"]),
    "bruno": body_of("b", ["key bruno"], pending=["archive: locked until 2029-11-22"]),
}


def whole_life() -> Logged:
    """The log that the tests are about."""
    log = Logged()
    for epoch in ("2026-w47", "2026-w48"):
        log.say("intake-key", epoch, epoch=epoch)
    for key in ("key anna", "second key anna", "key bruno", "key carla"):
        log.say("contributor-key", key)
    log.accept("plain", "2026-w47")
    log.dispose("plain")
    log.accept("twice", "2026-w47")
    log.dispose("twice", current="newer")
    log.accept("twice", "2026-w47")
    log.say("quarantined", "twice", reason="truncated")
    log.say("released", "twice")
    log.dispose("twice", Cause.BACKLOG_AGE)
    log.accept("kept", "2026-w48")
    log.dispose("kept", Cause.ARCHIVED, archived="copy of kept")
    log.accept("unkept", "2026-w48")
    log.dispose("unkept", Cause.ARCHIVED, archived="copy of unkept")
    log.say("extracted", "copy of unkept", features=[{"feature_set": "0", "sha256": digest("x")}])
    log.gone("archive-destroyed", "copy of unkept", cause="retention: archive")
    log.accept("fernet", None)
    log.dispose("fernet")
    log.accept("only accepted", "2026-w48")
    log.accept("quarantined", "2026-w48")
    log.say("quarantined", "quarantined", reason="not-audio")
    log.accept("back again", "2026-w48")
    log.dispose("back again")
    log.accept("back again", "2026-w48")
    log.accept("missing", "2026-w48")
    log.dispose("missing", Cause.MISSING)
    log.gone("intake-key-retired", "2026-w47", cause="epoch over", epoch="2026-w47")
    for key in ("key anna", "second key anna", "key bruno"):
        log.gone("contributor-key-destroyed", key)
    for body in BODIES.values():
        log.erase(body)
    log.say("suppression-lifted", "anna")
    for kind in ("audited", "approved", "reviewed"):
        log.say(kind, f"what was {kind}")
    log.gone("swept", "record", rule="retention: features", store="training", objects=3)
    return log


def subject(name: str) -> Subject:
    """What the tests call things by."""
    if name in BODIES:
        return Subject.of_body(BODIES[name])
    if name.startswith("2026-"):
        return Subject(Kind.EPOCH, name)
    kind = Kind.ARCHIVED if name.startswith("copy of ") else Kind.SAMPLE
    return Subject(kind, digest(name))


def certify(store: MemoryStore, about: Subject, issuer: Issuer = ISSUER) -> Certificate:
    """A certificate from a log of `SIGNER`."""
    reader = LogReader(store, SIGNER.verifier)
    return issue(about, reader, SIGNER.verifier, issuer)
