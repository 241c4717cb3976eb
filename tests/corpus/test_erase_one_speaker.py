"""All of the speech there is ingested, then one speaker erased: what is left, what it cost."""

import hashlib
import os
import sys
import time
from pathlib import Path

import pytest

from deployments.demo.corpus import synthesise
from tests.erasure.house import Trace, walk
from tests.ingest.buckets import home_in_buckets
from tests.ingest.home import STORES, Home
from tests.servers.seaweed import Seaweed
from unvoiced.audit import AuditTrail, Purpose
from unvoiced.certificates.document import Issuer, verify_certificate
from unvoiced.certificates.issue import issue
from unvoiced.certificates.subject import Subject
from unvoiced.eraser import open_eraser
from unvoiced.erasure import carry_out, request
from unvoiced.ingest.worker import WorkerPool
from unvoiced.log.verify import verify_log
from unvoiced.reader import FeatureReader, describe, feature_names, no_quota

SPEECH = Path(
    os.environ.get("UNVOICED_SPEECH", Path(__file__).parents[2].parent / "shared" / "speech")
)


@pytest.fixture(scope="module")
def speakers(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A folder per speaker."""
    speech = SPEECH
    if not speech.is_dir():
        speech = tmp_path_factory.mktemp("synthesised")
        synthesise(speech, speakers=8, recordings=18)
    return sorted(path for path in speech.iterdir() if path.is_dir())


def most_recorded(speakers: list[Path]) -> str:
    """The contributor id of whoever sent most."""
    return max(speakers, key=lambda folder: (len(list(folder.iterdir())), folder.name)).name


def ingest_all(home: Home, speakers: list[Path]) -> int:
    """Upload and ingest everything, in worker processes; returns how many recordings."""
    sent = set()
    for speaker in speakers:
        for file in sorted(path for path in speaker.iterdir() if path.is_file()):
            data = file.read_bytes()
            if (speaker, data) not in sent:
                home.send(speaker.name, data)
                sent.add((speaker, data))
    with WorkerPool(home.settings.path, "corpus") as workers:
        workers.finish_interrupted()
        for batch in workers.plan().batches:
            report = workers.ingest(batch)
            assert not report.left
        workers.sweep()
    return len(sent)


def read_all(home: Home, besides: str) -> dict[str, str]:
    """The arrays of all features of all others, through the reader, as digests."""
    training = home.store("training")
    reader = FeatureReader(
        training,
        home.settings.log_reader(),
        home.dataset(),
        AuditTrail(home.store("audit"), run="test"),
        Purpose.EVALUATION,
        no_quota,
    )
    digests = {}
    for listed in feature_names(training):
        feature = describe(training, listed.name)
        assert feature is not None
        if feature.pseudonym != besides:
            arrays = reader.read(feature)
            joined = b"".join(arrays[name].tobytes() for name in sorted(arrays))
            digests[listed.name] = hashlib.sha256(joined).hexdigest()
    return digests


def files_of(home: Home, besides: str) -> dict[str, tuple[int, int, int]]:
    """Every file of the deployment that is not theirs, and what would change if it was written."""
    return {
        str(path): ((status := path.stat()).st_ino, status.st_mtime_ns, status.st_size)
        for path in walk(home.settings.folder / "stores")
        if besides not in str(path)
    }


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.inv("INV-10")
def test_one_speaker_goes_and_all_others_stay(
    speakers: list[Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """No file holds anything of theirs, and of the others' not one was written again."""
    home = Home.create(tmp_path / "deployment")
    count = ingest_all(home, speakers)
    trace = Trace.of(home, most_recorded(speakers))
    theirs = sum(
        entry.size for entry in home.store("training").versions() if trace.pseudonym in entry.name
    )
    before, files = read_all(home, trace.pseudonym), files_of(home, trace.pseudonym)
    started = time.monotonic()
    eraser = open_eraser(home.settings, "corpus")
    outcome = carry_out(eraser, request(eraser, trace.pseudonym))
    seconds = time.monotonic() - started

    assert outcome.complete
    assert trace.in_stores(home) == []
    assert trace.on_disk(home.settings.folder) == []
    now = files_of(home, trace.pseudonym)
    log = str(home.settings.folder / "stores" / "log")
    audit = str(home.settings.folder / "stores" / "audit")
    changed = {name for name in files | now if files.get(name) != now.get(name)}
    beside_the_log = {name for name in changed if not name.startswith((log, audit))}
    assert {Path(name).parent.name for name in beside_the_log} == {"erasures", "suppressed"}
    assert read_all(home, trace.pseudonym) == before
    status = home.status()
    assert status.adds_up
    assert status.disposed + status.quarantined == count
    verified = verify_log(home.store("log"), home.verifier)
    assert len(verified.ledger.destroyed_contributor_keys) == 1
    assert outcome.body is not None
    issued = issue(
        Subject.of_body(outcome.body),
        home.settings.log_reader(),
        home.verifier,
        Issuer(issued="2026-11-23T00:00:00Z"),
    )
    assert verify_certificate(issued.encode(), home.verifier).subject.body == outcome.body
    written = sum(now[name][2] for name in changed if name in now and name not in beside_the_log)
    with capfd.disabled():
        print(  # noqa: T201
            f"\n{len(speakers)} speakers, {count} recordings: one erased in {seconds:.2f} s; "
            f"{sum((outcome.destroyed or {}).values())} objects, {theirs:,} bytes destroyed; "
            f"of others' objects 0 bytes rewritten, of the log's {written:,}; "
            f"certificate {len(issued.encode()):,} bytes",
            file=sys.stderr,
        )


@pytest.fixture
def bucket_home(s3_server: Seaweed, tmp_path: Path) -> Home:
    """A deployment in versioned buckets."""
    bucket = s3_server.bucket(versioned=True)
    return home_in_buckets(tmp_path / "home", lambda name: s3_server.store_url(bucket, name))


@pytest.mark.slow
@pytest.mark.server
@pytest.mark.timeout(1800)
@pytest.mark.inv("INV-10")
def test_the_same_in_versioned_buckets(
    bucket_home: Home, speakers: list[Path], capfd: pytest.CaptureFixture[str]
) -> None:
    """A third of the speakers: no version of any object holds anything of the one erased."""
    home, some = bucket_home, speakers[::3]
    count = ingest_all(home, some)
    trace = Trace.of(home, most_recorded(some))
    before = read_all(home, trace.pseudonym)
    versions = {
        (entry.name, entry.version)
        for entry in home.store("training").versions()
        if trace.pseudonym not in entry.name
    }
    started = time.monotonic()
    eraser = open_eraser(home.settings, "corpus")
    outcome = carry_out(eraser, request(eraser, trace.pseudonym))
    seconds = time.monotonic() - started

    assert outcome.complete
    assert trace.in_stores(home) == []
    assert {(one.name, one.version) for one in home.store("training").versions()} == versions
    assert read_all(home, trace.pseudonym) == before
    assert all(home.store(name).url.startswith("s3://") for name in STORES)
    assert home.status().adds_up
    with capfd.disabled():
        print(  # noqa: T201
            f"\n{len(some)} speakers, {count} recordings in buckets: one erased in {seconds:.2f} s",
            file=sys.stderr,
        )
