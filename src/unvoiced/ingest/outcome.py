"""What travels between the processes of a run: names, versions, sizes, digests, counts (INV-1)."""

from dataclasses import dataclass, field

from unvoiced.ingest.exposure import Exposure


@dataclass(frozen=True)
class Item:
    """One version of one object of the raw store, as it was listed."""

    name: str
    version: str
    size: int
    uploaded: float = 0.0  # when the store got it, POSIX seconds; 0.0: unknown


@dataclass
class BatchReport:
    """What became of a batch: names, digests and counts, nothing else (INV-1)."""

    recordings: int = 0
    disposed: int = 0
    sealed_bytes: int = 0
    feature_bytes: int = 0
    archived: int = 0  # of those disposed of: their original is kept in the archive
    erased: int = 0  # sent by contributors who have been erased; destroyed unopened
    gone: int = 0  # another run was faster, or the uploader took it back
    quarantined: dict[str, str] = field(default_factory=dict)  # object name -> reason
    left: dict[str, str] = field(default_factory=dict)  # object name -> why it is still there
    lost: list[str] = field(default_factory=list)  # object names: neither it nor its features
    tried: list[tuple[str, str]] = field(default_factory=list)  # (name, version) of some left
    exposure: Exposure = field(default_factory=Exposure)  # of those disposed of with features
    oldest_left: float | None = None  # when the first of those left was uploaded, POSIX seconds
    seconds: float = 0.0  # how long this batch took, with its wait for a process; not added up

    def add(self, other: "BatchReport") -> None:
        """Take in another batch's report."""
        self.count(other)
        self.quarantined |= other.quarantined
        self.left |= other.left
        self.lost += other.lost

    def count(self, other: "BatchReport") -> None:
        """Take in the numbers of another batch's report, and none of its names."""
        self.recordings += other.recordings
        self.disposed += other.disposed
        self.sealed_bytes += other.sealed_bytes
        self.feature_bytes += other.feature_bytes
        self.archived += other.archived
        self.erased += other.erased
        self.gone += other.gone
        self.exposure.merge(other.exposure)
        self.oldest_left = oldest(self.oldest_left, other.oldest_left)


def oldest(*uploaded: float | None) -> float | None:
    """The first of these upload times; None where none is known."""
    return min((one for one in uploaded if one), default=None)
