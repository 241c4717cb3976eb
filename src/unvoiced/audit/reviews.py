"""Reviews of who can reach what, as they are kept: signed by the log's key, and named in the log.

    reviews/{date}-{first 16 digits of the file's SHA-256}.json

A file is canonical JSON: the report, what its reviewer says of it, and a signature of the log's key
over the latter, which has the report's digest. It stands under its own digest, and counts only
while a `reviewed` leaf of the log has that digest: an old one put back under a new name is still of
its old day, and one that was taken away or changed is missed by who knows the leaf. One that is
dated after now, after its leaf, or after what the log holds next counts for nothing.

What the signature says is that somebody with the right to sign for the log signed as this reviewer.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import rfc8785

from unvoiced.errors import AlreadyExists, NotFound, VerificationError
from unvoiced.log.accounts import Accounts
from unvoiced.log.leaves import Leaf, encode_leaf, parse_leaf, rfc3339
from unvoiced.log.note import Signer, Verifier
from unvoiced.log.reader import LogReader
from unvoiced.log.statement import check_apart, sign_apart
from unvoiced.stores import Store

FORMAT = "unvoiced-signed-review/1"
REVIEWS = "reviews/"
_TITLE = "unvoiced access review v1"
_SKEW = timedelta(minutes=5)  # of two machines' clocks
# Leaves that are dated as they are logged, the first every five minutes; others are of what was
# done before. So many entries after a review's leaf are looked through for them.
_WITNESSES, _WINDOW = frozenset({"audited", "approved", "reviewed"}), 4096


@dataclass(frozen=True)
class Review:
    """What a reviewer signs."""

    reviewer: str  # as `audit.requester` has it: an ARN, an access key's id, or an OS user
    source: str  # user@host
    time: str  # RFC 3339, UTC
    report: str  # SHA-256 of the report's canonical JSON
    as_of: int  # how many entries the log had: the leaf comes after them
    findings: int  # how many the report has
    note: str = ""
    kept: Mapping[str, str] = field(default_factory=dict)  # identity of a finding -> why it stays

    @property
    def moment(self) -> datetime:
        """When it was signed."""
        return datetime.fromisoformat(self.time)


@dataclass(frozen=True)
class SignedReview:
    """A file that held: its bytes, the report in it, and what its reviewer says."""

    data: bytes
    report: Mapping[str, Any]
    review: Review

    @property
    def digest(self) -> str:
        """SHA-256 of the file; the log's leaf has it."""
        return hashlib.sha256(self.data).hexdigest()

    @property
    def name(self) -> str:
        """Where it stands in the audit store."""
        return f"{REVIEWS}{self.review.time[:10]}-{self.digest[:16]}.json"


def report_digest(report: Mapping[str, Any]) -> str:
    """SHA-256 of a report's canonical JSON."""
    return hashlib.sha256(rfc8785.dumps(dict(report))).hexdigest()


def sign_review(report: Mapping[str, Any], review: Review, signer: Signer) -> SignedReview:
    """Sign what a reviewer says of a report. Raises `VerificationError` where it is of another."""
    if review.report != report_digest(report):
        raise VerificationError("the review is of another report")
    body = asdict(review)
    whole: dict[str, Any] = {
        "format": FORMAT,
        "report": dict(report),
        "review": body,
        "signature": sign_apart(_TITLE, body, signer),
    }
    return SignedReview(rfc8785.dumps(whole) + b"\n", report, review)


def open_review(data: bytes, verifier: Verifier) -> SignedReview:
    """Read a file, strictly. Raises `VerificationError` unless this log's key signed it so."""
    try:
        whole = json.loads(data)
        report, body, signature = whole["report"], whole["review"], whole["signature"]
        review = Review(**body)
        well_formed = (
            whole.keys() == {"format", "report", "review", "signature"}
            and whole["format"] == FORMAT
            and rfc8785.dumps(whole) + b"\n" == data
            and isinstance(report, dict)
            and all(isinstance(body[name], str) for name in _TEXTS)
            and all(type(body[name]) is int for name in ("as_of", "findings"))
            and isinstance(review.kept, dict)
            and isinstance(signature, str)
            and review.moment.tzinfo is not None
        )
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        well_formed = False
    if not well_formed:
        raise VerificationError(f"no signed review ({FORMAT})")
    check_apart(_TITLE, body, signature, verifier)
    if review.report != report_digest(report):
        raise VerificationError("the report is not the one that was signed")
    return SignedReview(data, report, review)


_TEXTS = ("reviewer", "source", "time", "report", "note")


def record_review(audit: Store, accounts: Accounts, signed: SignedReview, now: datetime) -> None:
    """Put the file, then log its digest. Broken off between the two, it counts as not made.

    Raises `StoreError`.
    """
    try:
        audit.put_if_absent(signed.name, signed.data)
    except AlreadyExists:
        if audit.get(signed.name).data != signed.data:
            raise
    accounts.append([encode_leaf("reviewed", signed.digest, now)])
    accounts.remember()


def why_it_does_not_count(reader: LogReader, signed: SignedReview, now: datetime) -> str:
    """What is wrong with the review's leaf, or with its date; "" where it counts.

    The leaf stands soon after the entries there were then. Whoever signs for the log dates both,
    so what was logged next has a say too: none of the leaves after it is dated before it.
    """
    moment, size = signed.review.moment, reader.checkpoint().size
    if moment > now + _SKEW:
        return "it is dated after now"
    entries = reader.entries(min(signed.review.as_of, size), size)
    for data in entries:
        if signed.digest.encode() in data:
            leaf = parse_leaf(data)
            if (leaf.kind, leaf.digest) == ("reviewed", signed.digest):
                break
    else:
        return "the log does not name it"
    if moment > _moment(leaf) + _SKEW:
        return "it is dated after its leaf"
    after = (parse_leaf(data) for data in islice(entries, _WINDOW))
    if any(moment > _moment(one) + _SKEW for one in after if one.kind in _WITNESSES):
        return "it is dated after what the log holds next"
    return ""


def _moment(leaf: Leaf) -> datetime:
    try:
        moment = datetime.fromisoformat(str(leaf.fields["time"]))
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    except ValueError:
        raise VerificationError("a leaf of the log has no time") from None


@dataclass(frozen=True)
class Kept:
    """An object under `reviews/`: the review, or why it counts for nothing."""

    name: str
    signed: SignedReview | None
    why: str = ""


def kept_reviews(
    audit: Store, reader: LogReader, verifier: Verifier, now: datetime
) -> Iterator[Kept]:
    """What stands under `reviews/`, the newest names first. Raises `StoreError`."""
    for name in sorted((entry.name for entry in audit.list(REVIEWS)), reverse=True):
        try:
            signed = open_review(audit.get(name).data, verifier)
        except NotFound:
            continue
        except VerificationError as error:
            yield Kept(name, None, str(error))
            continue
        if signed.name != name:
            yield Kept(name, None, "it stands under another name than its own")
        elif why := why_it_does_not_count(reader, signed, now):
            yield Kept(name, None, why)
        else:
            yield Kept(name, signed)


def last_review(
    audit: Store, reader: LogReader, verifier: Verifier, now: datetime
) -> SignedReview | None:
    """The newest review that counts. Raises `StoreError`, `VerificationError` of the log.

    Names begin with the day that was signed, so the first that counts is of the newest day.
    """
    newest: SignedReview | None = None
    for kept in kept_reviews(audit, reader, verifier, now):
        if (
            newest is not None
            and kept.name[: len(REVIEWS) + 10] != newest.name[: len(REVIEWS) + 10]
        ):
            break
        if kept.signed is not None and (
            newest is None or kept.signed.review.moment > newest.review.moment
        ):
            newest = kept.signed
    return newest


def new_review(
    report: Mapping[str, Any],
    reviewer: tuple[str, str],
    now: datetime,
    as_of: int,
    findings: int,
    note: str = "",
    kept: Mapping[str, str] | None = None,
) -> Review:
    """What `reviewer` (who, and from where) says of a report at a moment."""
    who, source = reviewer
    return Review(
        who, source, rfc3339(now), report_digest(report), as_of, findings, note, dict(kept or {})
    )
