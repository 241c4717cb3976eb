"""The life of an original in a backfill, for a batch of them, in one worker process.

    read -> open -> extract -> seal -> log `extracted` -> put if absent -> read back

The log comes before the put: what stands is then known to be ours, and is never replaced. Every
step may be the last one this process takes; the next run finds what stands and makes the rest.
The original is read, and nothing else is done with it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from unvoiced import __version__
from unvoiced.backfill.bench import Bench
from unvoiced.backfill.outcome import Backfilled, Original, Skipped
from unvoiced.backfill.source import Origin
from unvoiced.backfill.standing import Standing, Verdict, look, place_for
from unvoiced.errors import (
    AlreadyExists,
    Changed,
    CredentialsExpired,
    NotAllowed,
    NotFound,
    StoreError,
    UndecodableError,
    UnvoicedError,
)
from unvoiced.features import make_ready
from unvoiced.ingest.recording import SealedFeatures, SealedRecording, seal_features
from unvoiced.keys.contributor import ContributorKey
from unvoiced.log.leaves import encode_leaf

_ATTEMPTS = 8


@dataclass(frozen=True)
class _Made:
    """Features of one original, sealed and in memory."""

    original: SealedRecording
    origin: Origin
    standing: Standing  # what was seen where they go
    features: SealedFeatures


@dataclass
class _Portion:
    """What is sealed and not yet put: bounded in bytes, and no name twice."""

    made: list[_Made] = field(default_factory=list)
    size: int = 0

    def add(self, made: _Made) -> None:
        self.made.append(made)
        self.size += len(made.features.data)

    def speaks_of(self, recording: SealedRecording) -> bool:
        return any(
            one.original.name == recording.name or one.original.sha256 == recording.sha256
            for one in self.made
        )


def backfill_batch(bench: Bench, originals: Sequence[Original]) -> Backfilled:
    """Make the features of a batch. Raises `StoreError` when a store fails; no original was touched
    and what was put stands.
    """
    make_ready([bench.feature_set])
    report = Backfilled(objects=len(originals))
    portion = _Portion()
    for recording in _with_keys(bench.source.read(originals, report), bench, report):
        if portion.speaks_of(recording):  # a second version: it has to see what the first put
            _put(portion, bench, report)
            portion = _Portion()
        made = _make(recording, bench, report)
        if made is not None:
            portion.add(made)
        if portion.size > bench.batch_bytes:
            _put(portion, bench, report)
            portion = _Portion()
    _put(portion, bench, report)
    if originals and len(report.left) == len(originals) and not report.read_bytes:
        raise StoreError(f"nothing of this batch could be read: {report.left[0][1]}")
    bench.accounts.remember()
    return report


def report_killed(_: Bench, original: Original) -> Backfilled:
    """Say of an original that it killed whoever opened it; it stays as it is."""
    return Backfilled(objects=1, skipped=[(original.name, "worker-killed")])


def _with_keys(
    recordings: Iterator[SealedRecording], bench: Bench, report: Backfilled
) -> Iterator[SealedRecording]:
    """Those of contributors who are not erased and have a key that the log trusts."""
    suppressed = bench.suppression.now()
    looked_up: dict[str, bool] = {}
    for recording in recordings:
        whose = recording.name.partition("/")[0]
        if whose in suppressed:
            report.skipped.append((recording.name, "contributor-erased"))
            continue
        if whose not in looked_up:
            looked_up[whose] = not bench.contributor_keys.find([whose])
        if looked_up[whose]:
            yield recording
        else:
            report.skipped.append((recording.name, "no-contributor-key"))


def _make(recording: SealedRecording, bench: Bench, report: Backfilled) -> _Made | None:
    key = bench.contributor_keys[recording.name.partition("/")[0]]
    try:
        with bench.source.opened(recording) as (plaintext, origin):
            standing = place_for(origin, key, bench)
            if standing is None:
                report.already += 1
                return None
            features = seal_features(
                plaintext,
                bench.feature_set,
                origin.source_sha256,
                (origin.pseudonym, standing.sample, origin.tag),
                key,
                bench.max_recording_seconds,
            )
            return _Made(recording, origin, standing, features)
    except Skipped as skipped:
        report.skipped.append((recording.name, skipped.reason))
    except UndecodableError as error:
        report.skipped.append((recording.name, error.reason))
    except UnvoicedError:
        raise
    except Exception:
        # One recording must never stop a batch, and the error's text could carry samples.
        report.skipped.append((recording.name, "extraction-failed"))
    return None


def _put(portion: _Portion, bench: Bench, report: Backfilled) -> None:
    """Log, put, read back. What cannot be put is left, with the reason."""
    made = sorted(portion.made, key=lambda one: one.original.sha256)
    admitted = bench.accounts.append([_leaf(one, bench) for one in made])
    put: list[_Made] = []
    for one in _of_contributors_still_there(made, bench, report):
        name = one.original.name
        if one.original.sha256 not in admitted:
            report.skipped.append((name, "gone"))
            continue
        try:
            if _place(one, bench):
                put.append(one)
            else:
                report.already += 1
        except Skipped as skipped:
            report.skipped.append((name, skipped.reason))
        except (CredentialsExpired, NotAllowed):
            raise
        except StoreError as error:
            report.left.append((name, str(error)))
    # A key that was destroyed meanwhile makes what was put noise; it is to be known.
    for one in _of_contributors_still_there(put, bench, report):
        report.made += 1
        report.feature_bytes += len(one.features.data)


def _leaf(made: _Made, bench: Bench) -> bytes:
    placed = made.features.placed
    return encode_leaf(
        "extracted",
        made.original.sha256,
        bench.now(),
        features=[{"feature_set": placed.feature_set, "sha256": placed.sha256}],
        performed_by=bench.performed_by,
        tool=f"unvoiced {__version__}",
    )


def _of_contributors_still_there(
    made: Sequence[_Made], bench: Bench, report: Backfilled
) -> list[_Made]:
    """Less those whose contributor was erased, or whose key is no more, since it was looked up."""
    suppressed = bench.suppression.now() if made else ()
    keys: dict[str, ContributorKey] = {one.features.key.object_digest: one.features.key
                                       for one in made}  # fmt: skip
    standing = {digest for digest, key in keys.items() if bench.contributor_keys.still_stands(key)}
    kept = []
    for one in made:
        if one.origin.pseudonym in suppressed:
            report.skipped.append((one.original.name, "contributor-erased"))
        elif one.features.key.object_digest not in standing:
            report.skipped.append((one.original.name, "no-contributor-key"))
        else:
            kept.append(one)
    return kept


def _place(made: _Made, bench: Bench) -> bool:
    """Put one object and read it back; False where its like was put meanwhile.

    Raises `Skipped` and `StoreError`.
    """
    placed, data = made.features.placed, made.features.data
    standing = made.standing
    for _ in range(_ATTEMPTS):
        try:
            if standing.verdict is Verdict.NOTHING:
                bench.training.put_if_absent(placed.name, data)
            else:
                bench.training.replace(placed.name, data, version=standing.version)
        except (AlreadyExists, Changed):
            standing = look(made.origin, standing.sample, made.features.key, bench)
            match standing.verdict:
                case Verdict.OURS:
                    return False
                case Verdict.UNDER_WAY:
                    raise Skipped("being-ingested") from None
                case Verdict.ANOTHERS:
                    # It goes under its other name, which is sealed into it: the next run does.
                    raise StoreError(f"{placed.name}: taken meanwhile; run again") from None
                case _:
                    continue
        try:
            read_back = bench.training.get(placed.name).data
        except NotFound:
            read_back = b""
        if read_back != data:
            raise StoreError(f"{placed.name} was not read back as it was put; run again")
        return True
    raise StoreError(f"{placed.name} keeps changing; run again")
