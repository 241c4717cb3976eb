"""All of the speech there is, through the commands and the flow, with every store in a bucket."""

import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from deployments.demo.corpus import synthesise
from tests.servers.seaweed import Seaweed
from unvoiced.announcements import current_announcement
from unvoiced.clock import utc_now
from unvoiced.config import Settings, load_settings
from unvoiced.deployment import Plan, create_deployment
from unvoiced.features import load
from unvoiced.ingest.status import take_status
from unvoiced.keys.invitation import Invitation
from unvoiced.keys.pseudonyms import pseudonym, sample_id, sample_key
from unvoiced.log.note import Verifier
from unvoiced.log.verify import verify_log
from unvoiced.upload import Outcome, Uploader, recordings_under, upload_all

SPEECH = Path(
    os.environ.get("UNVOICED_SPEECH", Path(__file__).parents[2].parent / "shared" / "speech")
)
IN_BUCKETS = ("raw", "training", "log", "journal")


@dataclass(frozen=True)
class Ingested:
    """A deployment after its run, its samples, and how long the parts took, in seconds."""

    settings: Settings
    bucket: str
    samples: list[str]
    uploading: float
    ingesting: float


@pytest.fixture(scope="module")
def ingested(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Ingested:
    """Upload everything, run the flow once by the command."""
    server: Seaweed = request.getfixturevalue("s3_server")
    folder = tmp_path_factory.mktemp("corpus")
    speech = SPEECH
    if not speech.is_dir():
        speech = folder / "synthesised"
        synthesise(speech, speakers=8, recordings=18)
    bucket = server.bucket(versioned=True)
    stores = {name: server.store_url(bucket, name) for name in IN_BUCKETS}
    settings = create_deployment(folder / "deployment", utc_now(), Plan(stores=stores))
    begin = time.monotonic()
    samples = upload(settings, speech, folder / "receipts")
    uploaded = time.monotonic()
    run = subprocess.run(
        [sys.executable, "-m", "unvoiced.cli", "ingest", "-c", str(settings.path)],
        env={**os.environ, "PREFECT_HOME": str(folder / "prefect")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert f"Completed: {len(samples):,} recordings disposed of with receipt" in run.stderr
    done = time.monotonic()
    settings = load_settings(settings.path)
    return Ingested(settings, bucket, samples, uploaded - begin, done - uploaded)


def upload(settings: Settings, speech: Path, receipts: Path) -> list[str]:
    """Send every recording as its contributor would; returns pseudonym/sample of each."""
    key = settings.vault("inviter").get("pseudonym/key")
    raw, announcement = settings.store("raw"), current_announcement(settings)
    samples: list[str] = []
    for speaker in sorted(path for path in speech.iterdir() if path.is_dir()):
        naming = sample_key(key, speaker.name)
        invitation = Invitation(
            pseudonym(key, speaker.name),
            naming.hex(),
            raw.url,
            announcement,
            settings.log_vkey,
            settings.store_url("log"),
        )
        files = recordings_under(speaker)
        uploader = Uploader(invitation, raw, receipts / speaker.name)
        assert upload_all(uploader, files, lambda *_: None) == {Outcome.UPLOADED: len(files)}
        samples += [
            f"{invitation.pseudonym}/{sample_id(naming, file.read_bytes())}" for file in files
        ]
    return samples


@pytest.mark.slow
@pytest.mark.server
@pytest.mark.timeout(900)
@pytest.mark.inv("INV-4", "INV-5", "INV-6")
def test_everything_is_disposed_of_and_accounted_for_in_buckets(
    ingested: Ingested,
    request: pytest.FixtureRequest,
    record_testsuite_property: Callable[[str, object], None],
) -> None:
    """No version and no delete marker is left, the count adds up, the log verifies, none twice."""
    settings, count = ingested.settings, len(ingested.samples)
    record_testsuite_property("recordings", count)
    record_testsuite_property("seconds to upload", round(ingested.uploading, 1))
    record_testsuite_property("seconds to ingest", round(ingested.ingesting, 1))
    server: Seaweed = request.getfixturevalue("s3_server")
    left = server.client().list_object_versions(Bucket=ingested.bucket, Prefix="raw/")
    assert not left.get("Versions")
    assert not left.get("DeleteMarkers")
    status = take_status(settings)
    assert status.adds_up
    assert (status.accepted, status.disposed, status.backlog) == (count, count, 0)
    verified = verify_log(settings.store("log"), Verifier.parse(settings.log_vkey))
    assert (verified.ledger.accepted, verified.ledger.disposed) == (count, count)
    prefix = f"features/{load('speech-16k').directory}/"
    # Every version, so that one put over another would show.
    stored = Counter(entry.name for entry in settings.store("training").versions("features/"))
    assert stored == Counter({f"{prefix}{sample}.unv": 1 for sample in ingested.samples})
    assert list(settings.store("journal").versions("pages/")) == []
