"""Deployments of any size to measure in: real ones, and simulated ones.

A real one has recordings of 0.2 s, sealed as contributors seal them. A simulated one has as many
objects as it says, each of its own bytes, name and digest, and a log that has a leaf of each: what
lists, counts, compares digests and reads headers cannot tell it from a real one. What is not so:

- behind the header of an object stand some bytes that no key opens;
- contributors' key objects differ in their headers alone;
- files are written without fsync, which would take the longest of all.
"""

import base64
import hashlib
import io
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from urllib.parse import unquote, urlsplit

import numpy as np
import soundfile

from unvoiced.announcements import current_announcement
from unvoiced.audit.pages import tie
from unvoiced.audit.record import AccessRecord, Purpose, name_tag, rfc3339_milliseconds
from unvoiced.config import Settings, StoreName
from unvoiced.deployment import create_deployment
from unvoiced.disposal import Observation, PlacedFeatures, Quarantine, QuarantineRecord, Receipt
from unvoiced.features import load as load_feature_set
from unvoiced.ingest.recording import feature_object_name
from unvoiced.keys.contributor import key_context, key_object_name
from unvoiced.keys.invitation import Invitation
from unvoiced.keys.pseudonyms import pseudonym, sample_key
from unvoiced.log.leaves import encode_leaf, rfc3339
from unvoiced.log.note import Verifier
from unvoiced.log.writer import LogWriter
from unvoiced.sealing import PrivateKey, encode_header
from unvoiced.upload import seal_recording

EACH, FEWEST = 40, 10  # samples of a contributor; contributors there are at least
RATE, SECONDS = 16000, 0.2
QUARANTINED, BACKLOG = 1000, 256  # one of so many samples; recordings a run has accepted
START = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
_PORTION = 1 << 15  # leaves that are appended at once
_BEHIND = bytes(300)  # what stands behind a simulated header
# What stands in templates where a digest, a pseudonym and a sample's name go.
_PLACE = "0" * 64, "1" * 64
_OF, _SAMPLE = "p" * 26, "sample-" + "9" * 12


@dataclass(frozen=True)
class Sample:
    """One simulated sample: number, whose, its name among theirs, and its recording's digest."""

    number: int
    pseudonym: str
    name: str
    sha256: str


def samples_of(count: int) -> Iterator[Sample]:
    """So many simulated samples, contributor after contributor."""
    each = min(EACH, -(-count // FEWEST))
    for number in range(count):
        digest = hashlib.sha256(f"recording {number}".encode()).hexdigest()
        yield Sample(number, contributor(number // each), f"sample-{number:012d}", digest)


def contributor(number: int) -> str:
    """A simulated contributor's pseudonym."""
    return pseudonym(b"estate", f"contributor-{number}")


def make_real(folder: Path, count: int) -> Settings:
    """A deployment with so many recordings waiting to be ingested."""
    settings = create_deployment(folder, datetime.now(UTC))
    secret, raw = settings.vault("inviter").get("pseudonym/key"), settings.store("raw")
    announcement, random = current_announcement(settings), np.random.default_rng(0)
    who = max(FEWEST, count // EACH)
    with _without_fsync():
        for speaker in range(who):
            name = f"speaker-{speaker}"
            key = sample_key(secret, name).hex()
            whose = pseudonym(secret, name)
            log = settings.store("log").url
            invitation = Invitation(whose, key, raw.url, announcement, settings.log_vkey, log)
            public = invitation.intake_key().public
            for _ in range(count * (speaker + 1) // who - count * speaker // who):
                file = io.BytesIO()
                noise = random.normal(0, 0.05, round(RATE * SECONDS))
                soundfile.write(file, noise, RATE, format="WAV", subtype="PCM_16")
                raw.put_if_absent(*seal_recording(file.getvalue(), invitation, public))
    return settings


def make_simulated(folder: Path, count: int) -> Settings:
    """A deployment that has ingested so many samples, with as many uploads waiting.

    One in a thousand is in quarantine instead, with its record. Of the uploads a run has accepted
    the first 256 by name, or a quarter, and has not come to the end of.
    """
    settings = create_deployment(folder, START)
    with _without_fsync():
        whose = sorted({one.pseudonym for one in samples_of(count)})
        leaves = _add_keys(settings, whose)
        _log(settings, leaves)
        add_samples(settings, samples_of(count))
        _add_waiting(settings, count)
    return settings


def add_samples(settings: Settings, samples: Iterator[Sample]) -> None:
    """Have some more samples ingested, of contributors that there are."""
    feature_set = load_feature_set("speech-16k")
    root = _root(settings, "training")
    context = {
        "purpose": "features",
        "pseudonym": _OF,
        "sample": _SAMPLE,
        "feature_set": feature_set.digest,
        "arrays": {"log_mel": [80, 5], "mfcc": [20, 5]},
        "dtype": feature_set.dtype,
        "duration_seconds": 0.2,
        "source_sample_rate": RATE,
        "source_channels": 1,
        "source_format": "WAV/PCM_16",
        "source_sha256": _PLACE[0],
        "content_tag": _PLACE[1][:32],
    }
    header = encode_header(bytes(16), context)
    accepted = encode_leaf("accepted", _PLACE[0], START, intake_key=None)
    disposed = _receipt_template(feature_set.digest)

    def made() -> Iterator[bytes]:
        for one in samples:
            data = header.replace(_PLACE[0].encode(), one.sha256.encode())
            data = data.replace(_OF.encode(), one.pseudonym.encode())
            data = data.replace(_SAMPLE.encode(), one.name.encode()) + _BEHIND
            _write(root, feature_object_name(feature_set, one.pseudonym, one.name), data)
            features = hashlib.sha256(data).hexdigest()
            yield accepted.replace(_PLACE[0].encode(), one.sha256.encode())
            yield disposed.replace(_PLACE[0].encode(), one.sha256.encode()).replace(
                _PLACE[1].encode(), features.encode()
            )

    _log(settings, made())


def add_more(settings: Settings, there: int, more: int) -> None:
    """Have some more samples ingested than there are, of contributors that there are."""
    with _without_fsync():
        add_samples(
            settings,
            (
                Sample(one.number, one.pseudonym, f"second-{one.number:012d}", _other(one.sha256))
                for one in islice(samples_of(there), more)
            ),
        )


def _other(digest: str) -> str:
    return hashlib.sha256(f"another than {digest}".encode()).hexdigest()


def make_trail(folder: Path, days: int, requesters: int, a_day: int) -> Settings:
    """A deployment whose features were read: so many records a day of each requester, tied."""
    settings = create_deployment(folder, START)
    audit, root = settings.store("audit"), _root(settings, "audit")
    accounts = settings.accounts(settings.vault("worker"))
    first = datetime.now(UTC) - timedelta(days=days)
    with _without_fsync():
        for day in range(days):
            for requester in range(requesters):
                _add_session(root, first + timedelta(days=day), requester, a_day)
        tie(audit, accounts, lambda: datetime.now(UTC))
    return settings


def with_retention(settings: Settings) -> Settings:
    """The same with every rule in force that is about age, and nothing due."""
    kept = replace(settings.retention, features_days=3650, inactive_days=3650)
    return replace(settings, retention=kept)


def _add_session(root: Path, day: datetime, requester: int, count: int) -> None:
    who, previous = f"reader-{requester}", None
    for sequence in range(count):
        moment = day + timedelta(seconds=sequence)
        digests = [hashlib.sha256(f"{moment} {who} {each}".encode()).hexdigest() for each in "abcd"]
        record = AccessRecord(
            requester=who,
            purpose=Purpose.TRAINING.value,
            time=rfc3339_milliseconds(moment),
            source="benchmark",
            run=f"run-{day:%Y%m%d}-{requester}",
            sequence=sequence,
            previous=previous,
            size=4000,
            contributors={digests[0]: {one: name_tag(one) for one in digests}},
        )
        data = record.encode()
        previous = hashlib.sha256(data).hexdigest()
        _write(root, f"{record.name}{sequence:016x}-4.json", data)


def _add_keys(settings: Settings, whose: Sequence[str]) -> list[bytes]:
    """Key objects of contributors; the leaves that make them known."""
    dataset = PrivateKey(settings.vault("dataset").get("dataset/dataset")).public
    public = PrivateKey.generate().public.raw
    text, root, leaves = base64.b64encode(public).decode(), _root(settings, "training"), []
    for one in whose:
        data = encode_header(dataset.key_id, {**key_context(one), "public_key": text}) + _BEHIND
        _write(root, key_object_name(one), data)
        leaves.append(encode_leaf("contributor-key", hashlib.sha256(data).hexdigest(), START))
    return leaves


def _add_waiting(settings: Settings, count: int) -> None:
    """Uploads; some accepted, some quarantined."""
    root, raw = _root(settings, "raw"), settings.store("raw")
    signer = settings.signer(settings.vault("worker"))
    quarantine = Quarantine(settings.store("journal"), Verifier.parse(settings.log_vkey))
    header = encode_header(bytes(16), {"purpose": "raw", "sample": _PLACE[0]})
    names = {}
    for one in samples_of(count):
        data = header.replace(_PLACE[0].encode(), one.sha256.encode()) + _BEHIND
        name = f"{one.pseudonym}/upload-{one.number:012d}.unv"
        _write(root, name, data)
        names[name] = hashlib.sha256(data).hexdigest()
    ordered = sorted(names)
    first, last = ordered[: min(BACKLOG, count // 4)], ordered[-max(1, count // QUARANTINED) :]
    _log(settings, [encode_leaf("accepted", names[one], START) for one in sorted({*first, *last})])
    # As ingest does it, which keeps a snapshot of the accounts.
    settings.accounts(settings.vault("worker")).append(
        [encode_leaf("quarantined", names[one], START, reason="does-not-open") for one in last]
    )
    for name in last:
        entry = raw.head(name)
        assert entry is not None
        record = QuarantineRecord(
            name, entry.version, names[name], entry.size, "does-not-open", rfc3339(START), 0
        )
        quarantine.add(record, signer)


def _receipt_template(feature_set: str) -> bytes:
    observed = Observation(False, False, "absent", 0, START)
    placed = PlacedFeatures("", feature_set, _PLACE[1])
    return Receipt(_PLACE[0], "WAV", (placed,), observed, "benchmark").leaf()


def _log(settings: Settings, leaves: Iterator[bytes] | list[bytes]) -> None:
    writer = LogWriter(settings.store("log"), settings.signer(settings.vault("worker")))
    portion: list[bytes] = []
    for leaf in leaves:
        portion.append(leaf)
        if len(portion) == _PORTION:
            writer.append(lambda _size, portion=portion: portion)  # type: ignore[misc]
            portion = []
    writer.append(lambda _size: portion)


def _root(settings: Settings, store: StoreName) -> Path:
    return Path(unquote(urlsplit(settings.store_url(store)).path))


_folders: set[Path] = set()


def _write(root: Path, name: str, data: bytes) -> None:
    path = root / name
    if path.parent not in _folders:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _folders.add(path.parent)
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    os.write(file, data)
    os.close(file)


class _without_fsync:  # noqa: N801  (a context manager that reads as a phrase)
    def __enter__(self) -> None:
        self._fsync, os.fsync = os.fsync, lambda _file: None

    def __exit__(self, *_: object) -> None:
        os.fsync = self._fsync
