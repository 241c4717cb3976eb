"""All of the speech there is, through the commands and the flow, compared with librosa."""

import io
import os
import random
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import librosa
import numpy as np
import pytest
import soundfile

from deployments.demo.corpus import synthesise
from unvoiced.announcements import current_announcement
from unvoiced.audit import AuditTrail, Purpose
from unvoiced.clock import utc_now
from unvoiced.config import Settings, load_settings
from unvoiced.deployment import create_deployment
from unvoiced.features import load
from unvoiced.ingest.status import take_status
from unvoiced.keys.invitation import Invitation
from unvoiced.keys.pseudonyms import pseudonym, sample_id, sample_key
from unvoiced.log.note import Verifier
from unvoiced.log.verify import verify_log
from unvoiced.reader import FeatureReader, find_features, no_quota
from unvoiced.sealing import PrivateKey
from unvoiced.upload import Outcome, Uploader, recordings_under, upload_all

SPEECH = Path(
    os.environ.get("UNVOICED_SPEECH", Path(__file__).parents[2].parent / "shared" / "speech")
)
SETS = ("speech-16k", "speech-16k-float32")


@dataclass(frozen=True)
class Ingested:
    """A deployment after its run, and where each sample came from."""

    settings: Settings
    sources: dict[str, Path]


@pytest.fixture(scope="module")
def ingested(tmp_path_factory: pytest.TempPathFactory) -> Ingested:
    """Upload everything, run the flow once by the command."""
    folder = tmp_path_factory.mktemp("corpus")
    speech = SPEECH
    if not speech.is_dir():
        speech = folder / "synthesised"
        synthesise(speech, speakers=8, recordings=18)
    settings = create_deployment(folder / "deployment", utc_now())
    text = settings.path.read_text()
    settings.path.write_text(text.replace('["speech-16k"]', str(list(SETS)).replace("'", '"')))
    key = settings.vault("inviter").get("pseudonym/key")
    sources: dict[str, Path] = {}
    for speaker in sorted(path for path in speech.iterdir() if path.is_dir()):
        invitation = Invitation(
            pseudonym(key, speaker.name),
            sample_key(key, speaker.name).hex(),
            settings.store("raw").url,
            current_announcement(settings),
            settings.log_vkey,
            settings.store("log").url,
        )
        uploader = Uploader(invitation, settings.store("raw"), folder / "receipts" / speaker.name)
        files = recordings_under(speaker)
        assert upload_all(uploader, files, lambda *_: None) == {Outcome.UPLOADED: len(files)}
        naming = sample_key(key, speaker.name)
        sources |= {
            f"{invitation.pseudonym}/{sample_id(naming, file.read_bytes())}": file for file in files
        }
    run = subprocess.run(
        [sys.executable, "-m", "unvoiced.cli", "ingest", "-c", str(settings.path)],
        env={**os.environ, "PREFECT_HOME": str(folder / "prefect")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert f"Completed: {len(sources):,} recordings disposed of with receipt" in run.stderr
    return Ingested(load_settings(settings.path), sources)


@pytest.mark.slow
@pytest.mark.server
@pytest.mark.timeout(900)
@pytest.mark.inv("INV-5", "INV-6")
def test_everything_is_disposed_of_and_accounted_for(ingested: Ingested) -> None:
    """The count adds up, the raw store is empty, the log verifies, one object a sample and set."""
    settings, count = ingested.settings, len(ingested.sources)
    status = take_status(settings)
    assert status.adds_up
    assert (status.accepted, status.disposed, status.backlog) == (count, count, 0)
    assert list(settings.store("raw").versions()) == []
    verified = verify_log(settings.store("log"), Verifier.parse(settings.log_vkey))
    assert verified.ledger.disposed == count
    for name in SETS:
        prefix = f"features/{load(name).directory}/"
        stored = [entry.name for entry in settings.store("training").list(prefix)]
        assert sorted(stored) == sorted(f"{prefix}{sample}.unv" for sample in ingested.sources)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_hundred_random_samples_equal_librosa(ingested: Ingested) -> None:
    """Decrypted features are librosa's to 1e-4 dB; in float16, to its rounding as well."""
    settings = ingested.settings
    training = settings.store("training")
    reader = FeatureReader(
        training,
        settings.log_reader(),
        PrivateKey(settings.vault("dataset").get("dataset/dataset")),
        AuditTrail(settings.store("audit"), run="test"),
        Purpose.EVALUATION,
        no_quota,
    )
    # MP3 decoders differ among themselves by more than this tolerance; extraction does not.
    comparable = sorted(name for name, file in ingested.sources.items() if file.suffix != ".mp3")
    chosen = random.Random(0).sample(comparable, 100)  # noqa: S311  (a fixed choice)
    for sample in chosen:
        wanted = librosa_features(ingested.sources[sample].read_bytes())
        for feature in find_features(training, sample):
            for name, array in reader.open(feature.name).arrays.items():
                half = array.dtype == np.float16
                rounding = np.spacing(np.abs(array)).astype(np.float64) if half else 0.0
                off = np.abs(array.astype(np.float64) - wanted[name])
                assert array.shape == wanted[name].shape
                assert (off <= 1e-4 + rounding / 2).all(), (sample, name, off.max())


def librosa_features(recording: bytes) -> dict[str, np.ndarray]:
    """What librosa makes of the same bytes, in float64."""
    y, rate = soundfile.read(io.BytesIO(recording), dtype="float64", always_2d=True)
    mono = librosa.to_mono(y.T)
    if rate != 16000:
        mono = librosa.resample(mono, orig_sr=rate, target_sr=16000, res_type="soxr_hq")
    power = librosa.feature.melspectrogram(
        y=mono, sr=16000, n_fft=512, win_length=400, hop_length=160, n_mels=80, power=2.0
    )
    log_mel = librosa.power_to_db(power, ref=1.0, amin=1e-10, top_db=80.0)
    return {"log_mel": log_mel, "mfcc": librosa.feature.mfcc(S=log_mel, n_mfcc=20)}
