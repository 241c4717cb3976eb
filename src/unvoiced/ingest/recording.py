"""One recording, in memory: open, extract, seal.

INV-1 plaintext exists between `open` and the end of one `with` block, in this process only.
INV-2 what leaves the block is sealed to the contributor's public key.
INV-11 a refusal is a code from a closed list: no message of a decoder or cipher gets out. Codes
       that say more than "does not open" are computed from the public header alone.
"""

import hashlib
from dataclasses import dataclass
from functools import cached_property

from unvoiced import names
from unvoiced.disposal import PlacedFeatures
from unvoiced.errors import InputError, OpenError, UndecodableError
from unvoiced.features import REASONS, FeatureSet, extract, pack
from unvoiced.ingest.archive import SealedOriginal
from unvoiced.ingest.workbench import Workbench
from unvoiced.keys.contributor import ContributorKey
from unvoiced.keys.pseudonyms import content_tag
from unvoiced.sealing import (
    Context,
    Header,
    Plaintext,
    is_fernet,
    open_fernet,
    open_parsed,
    parse_header,
    seal,
)

OPENING_REASONS = {
    "name-not-recognised": "the object's name is not {pseudonym}/{sample}.unv; upload it anew",
    "unknown-format": "neither a UNV1 object nor a Fernet token; seal it with `unvoiced seal`",
    "fernet-not-accepted": "a Fernet token, and the worker's vault holds no Fernet key",
    "retired-intake-key": "sealed to the key of an epoch that is retired, so nobody can open it; "
    "the contributor runs `unvoiced upload` again, which fetches the present key",
    "unknown-intake-key": "sealed to no key that this log announced: another deployment's, or a "
    "lost one's; the contributor needs a new invitation",
    "context-mismatch": "sealed for another name or purpose than the one it stands under",
    "does-not-open": "the right key is there, but the object was changed or damaged",
    "extraction-failed": "an error in extraction itself; keep the recording and report it",
    "worker-killed": "processing it killed a worker process twice (a decoder crash, or memory)",
}
_SAMPLE_STEM = 55  # of a sample id's 64 characters, before a hyphen and 8 digits of the tag
QUARANTINE_REASONS = OPENING_REASONS | REASONS


@dataclass(frozen=True)
class SealedRecording:
    """A sealed object as it was read from the raw store."""

    name: str
    version: str
    data: bytes
    sha256: str
    uploaded: float = 0.0  # when the store got it, POSIX seconds; 0.0: unknown

    @classmethod
    def of(cls, name: str, version: str, data: bytes, uploaded: float = 0.0) -> "SealedRecording":
        """Read, so hashed: the digest is what everything else knows it by."""
        return cls(name, version, data, hashlib.sha256(data).hexdigest(), uploaded)

    @cached_property
    def header(self) -> Header | None:
        """What it says of itself, read once; None where it is no UNV1 object."""
        try:
            return parse_header(self.data)
        except InputError:
            return None


@dataclass(frozen=True)
class SealedFeatures:
    """A feature object ready to be put; `tag` tells recordings under one name apart."""

    placed: PlacedFeatures
    data: bytes
    tag: str
    key: ContributorKey


@dataclass(frozen=True)
class Extracted:
    """All that is made of one recording, sealed: features, and the original where it is kept."""

    features: tuple[SealedFeatures, ...]
    original: SealedOriginal | None

    @property
    def size(self) -> int:
        """Bytes held in memory."""
        original = len(self.original.data) if self.original else 0
        return original + sum(len(one.data) for one in self.features)


class Refused(Exception):
    """The recording goes to quarantine, for a reason of `QUARANTINE_REASONS`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class KeyNotHere(Exception):
    """The recording is sealed to an intake key of ours that this process does not hold."""

    def __init__(self) -> None:
        super().__init__(
            "sealed to an intake key that this run did not find in the worker's vault; the next "
            "run takes it, unless the key is lost"
        )


def feature_object_name(feature_set: FeatureSet, pseudonym: str, sample: str) -> str:
    """Where a sample's features stand in the training store."""
    return f"features/{feature_set.directory}/{pseudonym}/{sample}{names.SUFFIX}"


def identify(recording: SealedRecording, bench: Workbench) -> tuple[str, str]:
    """The (pseudonym, sample) of an object that is worth opening; everything public is checked.

    Raises `Refused`, or `KeyNotHere`.
    """
    parsed = names.parse_sealed_name(recording.name)
    if parsed is None:
        raise Refused("name-not-recognised")
    if is_fernet(recording.data):
        if bench.fernet is None:
            raise Refused("fernet-not-accepted")
        return parsed
    header = recording.header
    if header is None:
        raise Refused("unknown-format")
    if header.key_id not in bench.intake:
        ledger = bench.accounts.current()
        known = ledger.intake_key_of(header.key_id)
        if known in ledger.intake_keys:
            raise KeyNotHere
        raise Refused("retired-intake-key" if known else "unknown-intake-key")
    if dict(header.context) != raw_context(*parsed):
        raise Refused("context-mismatch")
    return parsed


def raw_context(pseudonym: str, sample: str) -> Context:
    """What a recording's sealed object has to say of itself."""
    return {"purpose": "raw", "pseudonym": pseudonym, "sample": sample}


def to_sealed_features(
    recording: SealedRecording, key: ContributorKey, bench: Workbench, *, apart: bool = False
) -> Extracted:
    """Open a recording, extract every configured feature set, seal each; re-seal it for the archive
    where policy says so.

    With `apart`, the sample id is extended by the content tag: that is how a second, different
    recording under one name becomes a sample of its own. Raises `Refused`.
    """
    pseudonym, sample = identify(recording, bench)
    try:
        with open_upload(recording, pseudonym, sample, bench) as plaintext:
            tag = content_tag(bench.content_key, plaintext.data)
            if apart:
                sample = apart_sample(sample, tag)
            identity, limit = (pseudonym, sample, tag), bench.max_recording_seconds
            features = tuple(
                seal_features(plaintext, feature_set, recording.sha256, identity, key, limit)
                for feature_set in bench.feature_sets
            )
            original = None
            if bench.archive is not None and bench.archive.takes(recording.name):
                original = bench.archive.seal(plaintext.data, identity, recording.sha256)
            return Extracted(features, original)
    except OpenError:
        raise Refused("does-not-open") from None
    except UndecodableError as error:
        raise Refused(error.reason) from None
    except Exception:
        # One recording must never stop a batch, and the error's text could carry samples.
        raise Refused("extraction-failed") from None


def check_opens(recording: SealedRecording, bench: Workbench) -> None:
    """Open a recording and forget it: what its header says is true then. Raises `Refused`."""
    pseudonym, sample = identify(recording, bench)
    try:
        with open_upload(recording, pseudonym, sample, bench):
            pass
    except OpenError:
        raise Refused("does-not-open") from None


def apart_sample(sample: str, tag: str) -> str:
    """The sample id of a second, different recording under one name."""
    return f"{sample[:_SAMPLE_STEM]}-{tag[:8]}"


def open_upload(
    recording: SealedRecording, pseudonym: str, sample: str, bench: Workbench
) -> Plaintext:
    """Open what `identify` found worth opening. Raises `OpenError`."""
    if bench.fernet is not None and is_fernet(recording.data):
        return open_fernet(recording.data, bench.fernet)
    header = recording.header
    if (
        header is None
        or header.key_id not in bench.intake
        or dict(header.context) != raw_context(pseudonym, sample)
    ):
        raise OpenError
    return open_parsed(recording.data, header, bench.intake[header.key_id])


def seal_features(
    plaintext: Plaintext,
    feature_set: FeatureSet,
    source: str,
    identity: tuple[str, str, str],
    key: ContributorKey,
    max_seconds: int,
) -> SealedFeatures:
    """Extract one feature set and seal it to its contributor's key.

    `source` is the digest the recording had in raw; `identity` is (pseudonym, sample, content tag).
    Raises `UndecodableError`.
    """
    pseudonym, sample, tag = identity
    extracted = extract(plaintext.data, feature_set, max_seconds=max_seconds)
    seconds = extracted.duration_seconds
    context: Context = {
        "purpose": "features",
        "pseudonym": pseudonym,
        "sample": sample,
        "feature_set": feature_set.digest,
        "arrays": {name: list(array.shape) for name, array in extracted.arrays.items()},
        "dtype": feature_set.dtype,
        # RFC 8785 writes 10.0 as 10; of a whole number Python's own encoder knows that.
        "duration_seconds": int(seconds) if seconds.is_integer() else seconds,
        "source_sample_rate": extracted.source_sample_rate,
        "source_channels": extracted.source_channels,
        "source_format": extracted.source_format,
        "source_sha256": source,
        "content_tag": tag,
    }
    data = seal(pack(extracted.arrays), key.public, context)
    name = feature_object_name(feature_set, pseudonym, sample)
    digest = hashlib.sha256(data).hexdigest()
    return SealedFeatures(PlacedFeatures(name, feature_set.digest, digest), data, tag, key)
