"""From an encrypted 10 s WAV to encrypted features: our path, the usual script, librosa alone.

    make bench

Times are CPU seconds of one process, medians over interleaved rounds; read the ratios. The usual
script is what people write after reading that recordings should be encrypted: a Fernet token,
librosa for everything, `np.save`, a Fernet token again, no log, no deletion, no read-back.
"""

import hashlib
import io
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import librosa
import numpy as np
import soundfile
from cryptography.fernet import Fernet
from rich.console import Console
from rich.table import Table

from unvoiced.announcements import current_announcement
from unvoiced.deployment import create_deployment
from unvoiced.features import extract, load, pack
from unvoiced.ingest.batch import ingest_batch
from unvoiced.ingest.plan import make_plan
from unvoiced.ingest.workbench import open_workbench
from unvoiced.keys.invitation import Invitation
from unvoiced.keys.pseudonyms import pseudonym, sample_key
from unvoiced.sealing import PrivateKey, open_sealed, seal
from unvoiced.upload import seal_recording

ROUNDS, RATE, SECONDS, BATCH = 9, 16000, 10, 64


def recording(seed: int) -> bytes:
    """Ten seconds of 16-bit noise with a moving tone in it, as a WAV file."""
    random = np.random.default_rng(seed)
    t = np.arange(RATE * SECONDS) / RATE
    y = 0.3 * np.sin(2 * np.pi * (200 + 300 * t) * t) + random.normal(0, 0.05, t.size)
    file = io.BytesIO()
    soundfile.write(file, y, RATE, format="WAV", subtype="PCM_16")
    return file.getvalue()


def main() -> None:
    """Measure and print."""
    wav = recording(0)
    feature_set = load("speech-16k")
    key, fernet = PrivateKey.generate(), Fernet(Fernet.generate_key())
    context = {"purpose": "raw"}
    sealed, token = seal(wav, key.public, context), fernet.encrypt(wav)

    def usual_script() -> None:
        y, rate = librosa.load(io.BytesIO(fernet.decrypt(token)), sr=RATE)
        log_mel = librosa.power_to_db(
            librosa.feature.melspectrogram(y=y, sr=rate, n_fft=512, hop_length=160, n_mels=80)
        )
        mfcc = librosa.feature.mfcc(y=y, sr=rate, n_mfcc=20, n_fft=512, hop_length=160, n_mels=80)
        for array in (log_mel, mfcc):
            file = io.BytesIO()
            np.save(file, array)
            fernet.encrypt(file.getvalue())

    def librosa_alone() -> None:
        y, rate = soundfile.read(io.BytesIO(wav), dtype="float32")
        log_mel = librosa.power_to_db(
            librosa.feature.melspectrogram(
                y=y, sr=rate, n_fft=512, win_length=400, hop_length=160, n_mels=80
            )
        )
        librosa.feature.mfcc(S=log_mel, n_mfcc=20)

    def ours_without_stores() -> None:
        with open_sealed(sealed, key, context) as plaintext:
            features = seal(pack(extract(plaintext.data, feature_set).arrays), key.public, context)
        hashlib.sha256(features).hexdigest()

    with tempfile.TemporaryDirectory() as folder:
        upload, ingest = deployment_path(Path(folder), [recording(seed) for seed in range(BATCH)])
        # Each path: what is not measured, what is, and for how many recordings.
        paths: dict[str, tuple[Callable[[], None], Callable[[], None], int]] = {
            "the usual script": (nothing, usual_script, 1),
            "librosa alone, nothing encrypted": (nothing, librosa_alone, 1),
            "ours: open, extract, seal": (nothing, ours_without_stores, 1),
            f"ours: sealed object to receipt, batches of {BATCH}": (upload, ingest, BATCH),
        }
        times: dict[str, list[float]] = {name: [] for name in paths}
        for each in range(ROUNDS + 1):
            for name, (prepare, run, recordings) in paths.items():
                prepare()
                started = time.process_time()
                run()
                if each:  # the first round warms caches
                    times[name].append((time.process_time() - started) / recordings)
    show({name: statistics.median(measured) for name, measured in times.items()})


def nothing() -> None:
    """Nothing to prepare."""


def deployment_path(
    folder: Path, wavs: list[bytes]
) -> tuple[Callable[[], None], Callable[[], None]]:
    """Uploading a batch, and the run that takes it to its receipts, on the embedded default."""
    settings = create_deployment(folder / "deployment", datetime.now(UTC))
    secret = settings.vault("inviter").get("pseudonym/key")
    invitation = Invitation(
        pseudonym(secret, "anna"),
        sample_key(secret, "anna").hex(),
        settings.store("raw").url,
        current_announcement(settings),
        settings.log_vkey,
        settings.store("log").url,
    )
    intake = invitation.intake_key().public
    bench = open_workbench(settings, "benchmark")
    raw = settings.store("raw")
    numbers = count()

    def upload() -> None:
        for wav in wavs:
            # Trailing bytes make it another recording: the same one would only be adopted.
            distinct = wav + next(numbers).to_bytes(8, "little")
            raw.put_if_absent(*seal_recording(distinct, invitation, intake))

    def ingest() -> None:
        report = ingest_batch(bench, make_plan(bench, BATCH, 2**26, 2**30).batches[0])
        if report.disposed != BATCH:
            raise RuntimeError(f"disposed {report.disposed} of {BATCH}: {report.quarantined}")

    return upload, ingest


def show(medians: dict[str, float]) -> None:
    """Print times, and ratios to the usual script."""
    base = medians["the usual script"]
    table = Table(title=f"10 s WAV, 16 kHz, one process of {os.cpu_count()} cores")
    table.add_column("path")
    table.add_column("CPU ms a recording", justify="right")
    table.add_column("x the usual script", justify="right")
    for name, seconds in medians.items():
        table.add_row(name, f"{seconds * 1e3:.2f}", f"{base / seconds:.1f}")
    Console().print(table)


if __name__ == "__main__":
    main()
