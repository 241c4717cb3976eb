"""What one record of the audit trail says, and where it stands. No I/O.

    reads/{date}/{requester}/{purpose}/{milliseconds}-{random}-{objects}.json

A record names what was read by digests alone: of the sealed object, of its name, and of the object
that holds its contributor's key. It cannot be erased for one person's sake, and so holds nothing
that says who a person is. The requester in a name is a digest too; with purpose and number of
objects, a listing is enough to add up what somebody read on a day for a purpose.

The records of one session are a chain (`audit.sessions`): each has a number and the digest of the
one before, so that one that was taken out from between others is missed. What ties the trail as a
whole, so that its end cannot be cut off either, is `audit.pages`.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from unvoiced.audit.texts import is_text
from unvoiced.errors import InputError, VerificationError

FORMAT = "unvoiced-access/1"
READS = "reads/"
# Bytes: of thousands of objects. Nobody reads what is larger, as any size can be put.
LARGEST = 1_000_000
_DIGEST, _TAG = re.compile(r"[0-9a-f]{64}"), re.compile(r"[0-9a-f]{16}")
_NAME = re.compile(
    r"reads/(?P<day>\d{4}-\d\d-\d\d)/(?P<requester>[0-9a-f]{16})/(?P<purpose>[a-z]{1,20})"
    r"/(?P<milliseconds>[0-9a-f]{12})-[0-9a-f]{16}-(?P<objects>\d{1,9})\.json"
)


class Purpose(StrEnum):
    """The closed list of reasons for reading features."""

    TRAINING = "training"
    EVALUATION = "evaluation"
    INSPECTION = "inspection"
    ERASURE = "erasure"

    @classmethod
    def of(cls, value: str) -> "Purpose":
        """The purpose by name. Raises `InputError` with the list."""
        try:
            return cls(value)
        except ValueError:
            raise InputError(f"a purpose is one of: {', '.join(cls)}; not {value!r}") from None


@dataclass(frozen=True, slots=True)
class Read:
    """One feature object that is about to be read."""

    name: str  # in the training store
    sha256: str  # of the sealed object
    contributor: str  # SHA-256 of the object that holds its contributor's key; the log knows it
    size: int  # bytes of the sealed object


@dataclass(frozen=True)
class AccessRecord:
    """One record: some objects, read by one requester for one purpose."""

    requester: str
    purpose: str
    time: str  # RFC 3339, UTC, milliseconds; by the reader's own clock
    source: str  # user@host
    run: str  # the session
    sequence: int  # of the record in its session, from 0
    previous: str | None  # SHA-256 of the record before it
    size: int  # bytes of all its sealed objects together
    # Digest of the contributor's key object -> digest of the object -> `name_tag` of its name.
    contributors: Mapping[str, Mapping[str, str]]
    format: str = FORMAT

    @property
    def objects(self) -> tuple[str, ...]:
        """The digests of all sealed objects that it names."""
        return tuple(digest for of_one in self.contributors.values() for digest in of_one)

    @property
    def moment(self) -> datetime:
        """Its time."""
        return datetime.fromisoformat(self.time)

    def encode(self) -> bytes:
        """Its bytes: canonical JSON (RFC 8785) on one line."""
        return canonical(self.__dict__) + b"\n"

    @property
    def name(self) -> str:
        """Where it stands, but for the random part: everything up to it."""
        milliseconds = round(self.moment.timestamp() * 1000)
        purpose = Purpose(self.purpose)
        return f"{reads_folder(self.time[:10], self.requester, purpose)}{milliseconds:012x}-"


@dataclass(frozen=True, slots=True)
class RecordName:
    """What the name of a record says: not more than its writer chose to say."""

    name: str
    day: str
    requester: str  # `requester_tag`
    moment: datetime
    objects: int
    purpose: str


def canonical(value: Mapping[str, object]) -> bytes:
    """Canonical JSON (RFC 8785) of texts, whole numbers below 2**53, lists and objects of these
    whose names are ASCII; several times as fast as a library that takes everything.
    """
    text = json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    return text.encode()


def reads_folder(day: str, requester: str, purpose: Purpose) -> str:
    """Where the records of a requester's reading on a day, for a purpose, stand."""
    return f"{READS}{day}/{requester_tag(requester)}/{purpose.value}/"


def name_tag(name: str) -> str:
    """An object's name as a record holds it: what a provider's log shows can be compared to it."""
    return hashlib.sha256(f"unvoiced object name\n{name}".encode()).hexdigest()[:16]


def requester_tag(requester: str) -> str:
    """A requester as names of records hold it."""
    return hashlib.sha256(f"unvoiced requester\n{requester}".encode()).hexdigest()[:16]


def by_contributor(reads: Iterable[Read]) -> dict[str, dict[str, str]]:
    """What `AccessRecord.contributors` holds of these.

    Raises `ValueError` where one digest is to stand for two names, or for two contributors: the
    record would name less than is read.
    """
    found: dict[str, dict[str, str]] = {}
    known: dict[str, tuple[str, str]] = {}
    for read in sorted(reads, key=lambda read: read.contributor):
        tag = name_tag(read.name)
        if known.setdefault(read.sha256, (read.contributor, tag)) != (read.contributor, tag):
            raise ValueError(f"the digest {read.sha256} is of two objects")
        found.setdefault(read.contributor, {})[read.sha256] = tag
    return found


def rfc3339_milliseconds(moment: datetime) -> str:
    """A moment as records write it."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


def parse_record(data: bytes) -> AccessRecord:
    """Read a record strictly. Raises `VerificationError` for anything that is none."""
    try:
        fields = json.loads(data if len(data) <= LARGEST else b"")
        record = AccessRecord(**fields)
        well_formed = (
            record.format == FORMAT
            and record.encode() == data
            and all(is_text(record.__dict__[name]) for name in _TEXTS)
            and all(_is_count(record.__dict__[name]) for name in ("sequence", "size"))
            and (record.previous is None or _DIGEST.fullmatch(record.previous))
            and all(_are_digests(*pair) for pair in record.contributors.items())
            and record.purpose in Purpose.__members__.values()
            and rfc3339_milliseconds(record.moment) == record.time
        )
    except (ValueError, TypeError, AttributeError, RecursionError):
        well_formed = False
    if not well_formed:
        raise VerificationError(f"no record of the audit trail ({FORMAT})")
    return record


def parse_name(name: str) -> RecordName | None:
    """What a record's name says, or None for a name that is none of a record."""
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    try:
        moment = datetime.fromtimestamp(int(match["milliseconds"], 16) / 1000, UTC)
    except (ValueError, OverflowError, OSError):  # after the year 9999
        return None
    return RecordName(
        name, match["day"], match["requester"], moment, int(match["objects"]), match["purpose"]
    )


def agrees(name: str, record: AccessRecord) -> bool:
    """Whether a record stands where a record of its content has to stand."""
    said = parse_name(name)
    return said is not None and name.startswith(record.name) and said.objects == len(record.objects)


_TEXTS = ("requester", "purpose", "time", "source", "run", "format")


def _is_count(value: object) -> bool:
    return type(value) is int and value >= 0


def _are_digests(contributor: str, objects: Mapping[str, str]) -> bool:
    return _DIGEST.fullmatch(contributor) is not None and all(
        _DIGEST.fullmatch(digest) and _TAG.fullmatch(tag) for digest, tag in objects.items()
    )
