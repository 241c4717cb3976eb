"""What stands in the training store under the names of a sample's features, and whose it is.

INV-6 at most one object per sample and feature set. An object counts when the log knows its digest
and it is this recording's, sealed to the key its contributor has now. One that only the journal
knows is being placed by an ingest run, which will log it or be finished by the next: it is left
alone. The journal is read here without its key, so whoever can write there can hold a name up, and
no more. Anything else was planted, and is replaced, conditionally on being what was seen.
"""

import hashlib
from dataclasses import dataclass
from enum import Enum

from unvoiced.backfill.bench import Bench
from unvoiced.backfill.outcome import Skipped
from unvoiced.backfill.source import Origin
from unvoiced.errors import InputError, NotFound
from unvoiced.ingest.recording import apart_sample, feature_object_name
from unvoiced.keys.contributor import ContributorKey
from unvoiced.sealing import Header, agrees, parse_header


class Verdict(Enum):
    """What is under a name, as one recording sees it."""

    NOTHING = "nothing"
    OURS = "its own features"
    ANOTHERS = "another recording's features"
    UNDER_WAY = "features that an ingest run is placing"
    PLANTED = "an object that nobody of ours put there"


@dataclass(frozen=True)
class Standing:
    """What stands under a name; `version` where it is to be replaced."""

    name: str
    sample: str
    verdict: Verdict
    version: str = ""


def place_for(origin: Origin, key: ContributorKey, bench: Bench) -> Standing | None:
    """Where a recording's features go: under its name or, where another recording's are there,
    under the name that ingest would set it apart by. None where they stand already.

    Raises `Skipped` where neither is to be had.
    """
    for sample in (origin.sample, apart_sample(origin.sample, origin.tag)):
        standing = look(origin, sample, key, bench)
        match standing.verdict:
            case Verdict.OURS:
                return None
            case Verdict.UNDER_WAY:
                raise Skipped("being-ingested")
            case Verdict.ANOTHERS:
                continue
            case _:
                return standing
    raise Skipped("name-taken")


def look(origin: Origin, sample: str, key: ContributorKey, bench: Bench) -> Standing:
    """What stands under one of a recording's names now."""
    name = feature_object_name(bench.feature_set, origin.pseudonym, sample)
    try:
        stored = bench.training.get(name)
    except NotFound:
        return Standing(name, sample, Verdict.NOTHING)
    digest = hashlib.sha256(stored.data).hexdigest()
    header = header_of(stored.data)
    # In this order: a run logs what it placed before it removes its page of the journal.
    logged = bench.accounts.has_receipt_for_features(digest)
    journalled = not logged and bench.journal.knows_features(digest)
    if not logged and not journalled:
        logged = bench.accounts.has_receipt_for_features(digest)
    verdict = judge(header, (origin, sample), key, bench, logged=logged, journalled=journalled)
    return Standing(name, sample, verdict, stored.version)


def judge(
    header: Header | None,
    whose: tuple[Origin, str],
    key: ContributorKey,
    bench: Bench,
    *,
    logged: bool,
    journalled: bool,
) -> Verdict:
    """What an object is to the recording `whose`, (origin, sample id), whose features go there."""
    origin, sample = whose
    if header is None or not (logged or journalled):
        return Verdict.PLANTED
    identity = {
        "purpose": "features",
        "pseudonym": origin.pseudonym,
        "sample": sample,
        "feature_set": bench.feature_set.digest,
    }
    if not agrees(header.context, identity):
        return Verdict.PLANTED  # a genuine object, copied here from where it belongs
    if header.context.get("content_tag") != origin.tag:
        return Verdict.ANOTHERS
    if journalled:
        return Verdict.UNDER_WAY
    # Sealed to a key that is no more, it can be opened by nobody.
    return Verdict.OURS if header.key_id == key.public.key_id else Verdict.PLANTED


def header_of(data: bytes) -> Header | None:
    """An object's header, or None where it has none."""
    try:
        return parse_header(data)
    except InputError:
        return None
