"""What a provider's log says of one request for an object of ours. No I/O.

Who parses such a log fails closed: a request of which it cannot be told whether it was answered
counts as a read, and what cannot be parsed at all is counted, so that it is raised and not skipped.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from unvoiced.access.roles import Place
from unvoiced.audit.record import name_tag
from unvoiced.names import FEATURES, parse_feature_name
from unvoiced.stores.s3_place import S3Place
from unvoiced.watch.event import AccessEvent, Origin

ANONYMOUS = "anonymous"
_YEARS = range(2006, 3000)  # S3 began in 2006; later than this no sum of times overflows
_MOST_BYTES = 2**60


@dataclass(frozen=True, slots=True)
class ProviderRead:
    """One request for the bytes of one object. Raises `ValueError` for what no log says."""

    origin: Origin
    id: str  # the log's own for the request
    moment: datetime
    requester: str  # an ARN; of who has none, what the log has, or `anonymous`
    credentials: str  # id of the access key, "" where the log has none
    source: str  # an IP address, or the service that asked
    place: Place
    name: str  # in the store that is at that place
    size: int  # bytes sent
    refused: str = ""  # the error's code, "" where it was answered

    def __post_init__(self) -> None:
        """Refuse what would stop whoever counts it: a time, a size or a text that cannot be."""
        if self.moment.year not in _YEARS or not 0 <= self.size <= _MOST_BYTES:
            raise ValueError
        for text in (self.id, self.requester, self.credentials, self.source, self.name):
            text.encode()  # half a surrogate pair has no bytes

    @property
    def of_features(self) -> bool:
        """Whether it is about a feature object."""
        return self.place is Place.TRAINING and self.name.startswith(FEATURES)

    def event(self) -> AccessEvent:
        """As detectors look at it."""
        said = parse_feature_name(self.name)
        return AccessEvent(
            origin=self.origin,
            moment=self.moment,
            requester=self.requester,
            source=self.source,
            object=name_tag(self.name),
            contributor=name_tag(said.pseudonym) if said else "",
            size=self.size,
            run=self.id,
        )


@dataclass
class Parsed:
    """What some of a provider's log says."""

    reads: list[ProviderRead] = field(default_factory=list)
    unreadable: int = 0  # lines or entries that could not be told; a file that is none is one

    def add(self, other: "Parsed") -> None:
        """Take in another part's."""
        self.reads += other.reads
        self.unreadable += other.unreadable


class Buckets:
    """Which place, and which name in it, a bucket and a key are."""

    def __init__(self, urls: Mapping[Place, str]) -> None:
        """`urls`: of all stores and vaults; those that are in no bucket are left out."""
        found = [
            (where.bucket, where.key_prefix, place)
            for place, url in urls.items()
            if url.startswith("s3://")
            for where in [S3Place.parse(url)]
        ]
        # A vault may lie in a folder below another store's: the longest prefix is the place.
        self._places = sorted(found, key=lambda one: -len(one[1]))

    def find(self, bucket: str, key: str) -> tuple[Place, str] | None:
        """The place and the name, or None where it is none of ours."""
        for its_bucket, prefix, place in self._places:
            if bucket == its_bucket and key.startswith(prefix):
                return place, key[len(prefix) :]
        return None
