"""A receipt: the leaf that says a recording was destroyed, and what was seen to say so.

INV-4 a receipt cannot be constructed without the observation that the version is gone.

Fields follow the certificate of sanitization of NIST SP 800-88 Rev. 2, section 4.6. Deleting an
object through a storage interface is neither Clear nor Purge in that document's sense, and the
receipt does not say so; cryptographic erase comes when the intake key is retired. What was not
checked is listed, never left out.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from unvoiced import __version__
from unvoiced.disposal.journal import ArchivedOriginal, PlacedFeatures
from unvoiced.errors import NotDisposed
from unvoiced.log.leaves import FOUND_MISSING, encode_leaf, rfc3339
from unvoiced.sealing import Json
from unvoiced.stores.interface import Keeping

# What nobody can see through a storage interface.
NOT_CHECKED = (
    "replicas and snapshots kept by the store's operator",
    "backups and copies made outside this pipeline",
    "blocks of the storage device",
    "the same sealed bytes under another name of the raw store, or in an older version",
    "whether the intake private key still exists, so whether such a copy could be opened",
)
ARCHIVE_NOT_CHECKED = (
    "the bytes of the archived copy: the store compared their digest when they were put, and who "
    "archives may not read them",
    "whether the archive's private key still exists, so whether that copy could be opened",
    "who may lift the lock on the archived copy before its day",
)
MISSING_NOT_CHECKED = ("when it went, who destroyed it, and whether features were made of it",)


@dataclass(frozen=True)
class Observation:
    """What was seen after the delete: by GET of the version, by HEAD, and in a list of versions."""

    version_readable: bool
    version_listed: bool
    current: str  # "absent", "newer" (another recording stands under the name), or "present"
    delete_markers: int
    time: datetime

    @property
    def shows_absence(self) -> bool:
        """Whether exactly the version that was to go is gone."""
        return not (self.version_readable or self.version_listed) and self.current in {
            "absent",
            "newer",
        }


class Cause(StrEnum):
    """Why a recording was destroyed."""

    FEATURES = "features stored"
    ARCHIVED = "features stored, original archived"
    BACKLOG_AGE = "retention: never ingested"
    QUARANTINE_AGE = "retention: quarantined"
    INACTIVE = "retention: contributor inactive"
    PURPOSE = "retention: purpose satisfied"
    ERASURE = "erasure"
    MISSING = FOUND_MISSING

    @property
    def leaves_features(self) -> bool:
        """Whether features had to be durable before."""
        return self in {Cause.FEATURES, Cause.ARCHIVED}


@dataclass(frozen=True)
class Receipt:
    """An observed disposal of one sealed recording. Raises `NotDisposed` when not observed.

    The log gets its digest and no more: a size or a store's version token could be held against
    listings and server logs, and name in the end whose it was.

    `archived` and `kept` come together: the copy, and how the archive says it keeps it.
    """

    sha256: str
    media_type: str
    features: tuple[PlacedFeatures, ...]
    observed: Observation
    performed_by: str
    cause: Cause = Cause.FEATURES
    archived: ArchivedOriginal | None = None
    kept: Keeping | None = None

    def __post_init__(self) -> None:
        """Refuse to exist without the observation (INV-4)."""
        if not isinstance(self.observed, Observation) or not self.observed.shows_absence:
            raise NotDisposed(f"recording {self.sha256[:16]} was not seen to be gone: no receipt")
        if self.cause.leaves_features and not self.features:
            raise NotDisposed(f"recording {self.sha256[:16]} has no durable features: no receipt")
        if (self.cause is Cause.ARCHIVED) != (self.archived is not None):
            raise NotDisposed(f"recording {self.sha256[:16]}: archived or not? No receipt")
        if self.archived is not None and not shows_archived(self.archived, self.kept):
            raise NotDisposed(
                f"recording {self.sha256[:16]}: its archived copy was not seen: no receipt"
            )

    def leaf(self) -> bytes:
        """The leaf as it is logged; features by digest only, no names."""
        found_gone = self.cause is Cause.MISSING
        archived: dict[str, Json] = {}
        not_checked = [*NOT_CHECKED]
        if self.archived is not None and self.kept is not None:
            archived["archived"] = {
                "sha256": self.archived.sha256,
                "storage_class": self.kept.storage_class,
                "retain_until": rfc3339(self.kept.retain_until) if self.kept.retain_until else None,
            }
            not_checked += ARCHIVE_NOT_CHECKED
        if found_gone:
            not_checked += MISSING_NOT_CHECKED
        return encode_leaf(
            "disposed",
            self.sha256,
            self.observed.time,
            cause=self.cause.value,
            media_type=self.media_type,
            sanitization_method="none: found gone" if found_gone else "logical deletion",
            sanitization_technique=(
                "none by this pipeline" if found_gone else "delete through the store's interface"
            ),
            verification_method=(
                "list of all versions in the store, and the digest of each that it returns"
                if found_gone
                else "get, head and list of versions through the store's interface"
            ),
            observed={
                "version_readable": self.observed.version_readable,
                "current": self.observed.current,
                "version_listed": self.observed.version_listed,
                "delete_markers": self.observed.delete_markers,
            },
            not_checked=list(not_checked),
            features=[
                {"feature_set": placed.feature_set, "sha256": placed.sha256}
                for placed in self.features
            ],
            performed_by=self.performed_by,
            tool=f"unvoiced {__version__}",
            **archived,
        )


def shows_archived(archived: ArchivedOriginal, kept: Keeping | None) -> bool:
    """Whether what is kept in the archive is this copy, locked for as long as was asked."""
    return (
        kept is not None
        and kept.labels.get("sha256") == archived.sha256
        and kept.retain_until is not None
        and rfc3339(kept.retain_until) >= archived.retain_until
    )
