"""What travels between the processes of a backfill: names, versions, sizes, counts (INV-1)."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from unvoiced.features import REASONS
from unvoiced.ingest.recording import OPENING_REASONS
from unvoiced.stores.interface import COLD_CLASSES

# Why an original has no new features, and what to do. It stays where it is, as it is.
SKIPS: Mapping[str, str] = {
    **OPENING_REASONS,
    **REASONS,
    "contributor-erased": "the contributor was erased; what still stands is for the eraser",
    "no-contributor-key": "the log knows no key of this contributor that still stands: they were "
    "erased, or no run has ingested anything of theirs yet",
    "not-in-log": "no receipt names these bytes: changed, cut short, or put there by somebody else",
    "too-large": "over [ingest] max_recording_bytes",
    "in-quarantine": "no run could ingest it; see `unvoiced quarantine ls`",
    "intake-key-not-here": "sealed to an intake key that this run did not find in the vault",
    "being-ingested": "an ingest run is making these features now; run the backfill again after it",
    "name-taken": "features of two other recordings stand under both its names",
    "gone": "it was destroyed, or ingested, while this ran",
    "worker-killed": "processing it killed a worker process twice (a decoder crash, or memory)",
}


@dataclass(frozen=True, slots=True)
class Original:
    """One version of an archived or raw object, as it was listed."""

    name: str
    version: str
    size: int
    storage_class: str

    @property
    def cold(self) -> bool:
        """Whether it has to be restored before it can be read."""
        return self.storage_class in COLD_CLASSES


@dataclass
class Backfilled:
    """What became of originals: names, counts and reasons, nothing else (INV-1)."""

    objects: int = 0
    made: int = 0  # feature objects that were put, and read back
    already: int = 0  # stood there already
    read_bytes: int = 0
    feature_bytes: int = 0
    skipped: list[tuple[str, str]] = field(default_factory=list)  # (name, reason of `SKIPS`)
    left: list[tuple[str, str]] = field(default_factory=list)  # (name, why): worth another run

    def add(self, other: "Backfilled") -> None:
        """Take in another batch's."""
        self.objects += other.objects
        self.made += other.made
        self.already += other.already
        self.read_bytes += other.read_bytes
        self.feature_bytes += other.feature_bytes
        self.skipped += other.skipped
        self.left += other.left


class Skipped(Exception):
    """This original gets no features, for a reason of `SKIPS`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
