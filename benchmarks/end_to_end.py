"""From a stored recording to stored features, by format: ours, the usual script, Lhotse.

    python -m benchmarks.end_to_end        # UNVOICED_SPEECH=folder for real speech

CPU of one process with all its threads, on one core; ten seconds a recording; medians of
interleaved rounds. Read the ratios.

- *ours*: from the sealed object in the raw store to disposed, observed and receipted, batches of
  256: list, read, accept in the log, open, extract `speech-16k` (80 log-mel bands and 20 MFCCs as
  float16), seal, journal, put, read back, destroy, observe, receipt. Not Prefect: that is
  `benchmarks.prefect_share`.
- *the article's script* (`article_script.py`): the same arrays as float32 by librosa, Fernet on
  both sides, deleted and not looked after.
- *Lhotse*: nothing encrypted, nothing deleted: `compute_and_store_features` over audio files on
  disk, 80 filter banks and no MFCCs; as lilcom (lossy, its documentation's choice) and as numpy
  files (its default). Manifests are made beforehand, unmeasured.

On SeaweedFS all four of our stores are in a bucket, and CPU is that of our side alone.
"""

import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import count, cycle, islice
from pathlib import Path
from typing import Any

import torch
from cryptography.fernet import Fernet
from rich.console import Console
from rich.table import Table

from benchmarks import article_script
from benchmarks.corpus import FORMATS, RATE, Format, encoded, source, voices
from benchmarks.our_path import BATCH, OurPath
from benchmarks.results import save
from benchmarks.rounds import Way, measured
from benchmarks.torchaudio_cpu import import_torchaudio
from tests.servers import seaweed

import_torchaudio()
from lhotse import CutSet, Recording  # noqa: E402
from lhotse.features.io import FeaturesWriter, LilcomChunkyWriter, NumpyFilesWriter  # noqa: E402
from lhotse.features.kaldi.extractors import Fbank, FbankConfig  # noqa: E402

SECONDS, VOICES, SCRIPTED, CUTS = 10, 16, 32, 32
# A decoder that takes most of the time varies little, and takes most of the time.
ROUNDS = {"WAV": 5, "FLAC": 5, "OGG": 2}
ON_SEAWEEDFS, ROUNDS_ON_SEAWEEDFS = ("WAV 16 kHz", "FLAC 16 kHz"), 3
OURS, SCRIPT = "unvoiced, sealed object to receipt", "the article's script"


def main() -> None:
    """Measure, print and save."""
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    samples = voices(VOICES, SECONDS)
    results: dict[str, Any] = {"audio": source(), "batch": BATCH, "disk": {}, "seaweedfs": {}}
    for form in FORMATS:
        recordings = [encoded(each, form) for each in samples]
        with tempfile.TemporaryDirectory() as folder:
            ways = ways_on_disk(Path(folder), form, recordings)
            taken = measured(ways, ROUNDS[form.container], f"{form.name}, on disk")
        results["disk"][form.name] = taken
        show(f"{form.name}, {SECONDS} s, on disk", taken)
    with seaweed.running() as server, tempfile.TemporaryDirectory() as folder, environment(server):
        for form in FORMATS:
            if form.name not in ON_SEAWEEDFS:
                continue
            recordings = [encoded(each, form) for each in samples]
            ways = ways_in_a_bucket(Path(folder) / form.suffix / str(form.rate), server, recordings)
            taken = measured(ways, ROUNDS_ON_SEAWEEDFS, f"{form.name}, on SeaweedFS")
            results["seaweedfs"][form.name] = taken
            show(f"{form.name}, {SECONDS} s, on SeaweedFS", taken)
    save("end_to_end", results)


def ways_on_disk(folder: Path, form: Format, recordings: Sequence[bytes]) -> dict[str, Way]:
    """All of them, on the local disk."""
    ways = {
        OURS: our_way(OurPath.create(folder / "deployment"), recordings),
        SCRIPT: script_way(article_script.on_disk(folder / "script"), recordings),
        **lhotse_ways(folder / "lhotse", form, recordings),
    }
    if form is FORMATS[0]:
        exact = OurPath.create(folder / "exact", feature_set="speech-16k-float32")
        ways["unvoiced, arrays as float32"] = our_way(exact, recordings)
        bands = OurPath.create(folder / "bands", feature_set="log-mel-80")
        ways["unvoiced, log-mel alone"] = our_way(bands, recordings)
    return ways


def ways_in_a_bucket(
    folder: Path, server: seaweed.Seaweed, recordings: Sequence[bytes]
) -> dict[str, Way]:
    """Ours and the script on a real S3 server, through boto3 both."""
    bucket = server.bucket(versioned=True)
    query = f"?endpoint={server.endpoint}&region={seaweed.REGION}"
    names = ("raw", "training", "log", "journal")
    stores = {name: f"s3://{bucket}/{name}{query}" for name in names}
    place = article_script.in_a_bucket(server.client(), server.bucket(versioned=False))
    return {
        OURS: our_way(OurPath.create(folder, stores), recordings),
        SCRIPT: script_way(place, recordings),
    }


def our_way(path: OurPath, recordings: Sequence[bytes]) -> Way:
    """A batch of 256."""
    return Way(path.ingest, BATCH, lambda: path.upload(recordings))


def script_way(place: article_script.Place, recordings: Sequence[bytes]) -> Way:
    """The article's script over tokens that were put there before."""
    fernet = Fernet(Fernet.generate_key())
    tokens = [fernet.encrypt(recording) for recording in recordings]
    names = [f"{number:03}" for number in range(SCRIPTED)]

    def prepare() -> None:
        for name, token in zip(names, cycle(tokens), strict=False):
            place.send(name, token)

    def run() -> None:
        for name in names:
            article_script.process(name, place, fernet)

    return Way(run, SCRIPTED, prepare)


def lhotse_ways(folder: Path, form: Format, recordings: Sequence[bytes]) -> dict[str, Way]:
    """Lhotse's extraction over files as they are, into both of its usual kinds of storage."""
    folder.mkdir()
    found = []
    for number, recording in enumerate(islice(cycle(recordings), CUTS)):
        path = folder / f"{number:03}{form.suffix}"
        path.write_bytes(recording)
        found.append(Recording.from_file(path, recording_id=path.stem))
    cuts = CutSet.from_items(recording.to_cut() for recording in found)
    if found[0].sampling_rate != RATE:
        cuts = cuts.resample(RATE)
    cuts = cuts.to_eager()
    fbank, numbers = Fbank(FbankConfig(num_filters=80)), count()
    kinds: dict[str, type[FeaturesWriter]] = {
        "Lhotse, lilcom": LilcomChunkyWriter,
        "Lhotse, numpy files": NumpyFilesWriter,
    }

    def way(kind: type[FeaturesWriter]) -> Way:
        def run() -> None:
            where = folder / f"features-{next(numbers)}"
            stored = cuts.compute_and_store_features(
                fbank, where, storage_type=kind, progress_bar=False
            )
            if len(stored) != CUTS:
                raise RuntimeError(f"Lhotse stored {len(stored)} of {CUTS}")

        def prepare() -> None:
            for old in folder.glob("features-*"):
                shutil.rmtree(old) if old.is_dir() else old.unlink()

        return Way(run, CUTS, prepare)

    return {name: way(kind) for name, kind in kinds.items()}


@contextmanager
def environment(server: seaweed.Seaweed) -> Iterator[None]:
    """The server's credentials in this process's environment, and nothing left of them after."""
    before = dict(os.environ)
    os.environ.update(server.environment())
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def show(title: str, taken: Mapping[str, float]) -> None:
    """Print times, and how many times less CPU ours takes."""
    table = Table("", title=title)
    for column in ("CPU ms a recording", "x ours"):
        table.add_column(column, justify="right")
    for name, seconds in taken.items():
        table.add_row(name, f"{seconds * 1e3:.2f}", f"{seconds / taken[OURS]:.2f}")
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
