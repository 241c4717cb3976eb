"""Reading features for training: sealed and recorded, against the same arrays in the clear.

    python -m benchmarks.reading

The same arrays (80 log-mel bands and 20 MFCCs, float16) as our sealed objects and as what people
read them from in the clear: a folder of `.npy`, of `.npz`, of safetensors; WebDataset's tar shards;
Lhotse's storage. On disk, and from a real S3 server (SeaweedFS, loopback, no TLS). Ours is all of
it: the log's receipts checked, each chunk recorded durably before it is opened, HPKE, arrays.

CPU seconds of this process and its children (WebDataset fetches by `curl`), all threads; medians
over interleaved rounds. More samples a CPU second is better; the ratio is ours to theirs.
"""

import io
import os
import resource
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import lhotse
import numpy as np
import safetensors.numpy
import soundfile
import webdataset
from lhotse.features.io import LilcomChunkyWriter, NumpyFilesWriter
from rich.console import Console
from rich.table import Table

import unvoiced
from benchmarks.results import save
from tests.servers import seaweed
from unvoiced.announcements import current_announcement
from unvoiced.catalog.build import CatalogBuilder, build_all
from unvoiced.config import Settings
from unvoiced.deployment import Plan, create_deployment
from unvoiced.ingest.batch import ingest_batch
from unvoiced.ingest.plan import make_plan
from unvoiced.ingest.workbench import open_workbench
from unvoiced.keys.invitation import Invitation
from unvoiced.keys.pseudonyms import pseudonym, sample_key
from unvoiced.upload import seal_recording

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ROUNDS, RATE, SPEAKERS, SHARD = 3, 16000, 16, 256
# Seconds of a recording, and how many there are of them.
CORPORA = {"10 s": (10.0, 384), "1 s": (1.0, 1536)}

Arrays = dict[str, np.ndarray]
Path_ = Callable[[], Iterable[object]]


@dataclass(frozen=True)
class Corpus:
    """A deployment with features in it, and the same arrays."""

    settings: Settings
    arrays: dict[str, Arrays]  # by pseudonym-sample


def main() -> None:
    """Measure and print."""
    warnings.simplefilter("ignore")
    results: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        for label, (seconds, count) in CORPORA.items():
            folder = Path(scratch) / label.replace(" ", "")
            corpus = make_corpus(folder, seconds, count)
            paths = {**ours(corpus.settings), **in_the_clear(folder / "clear", corpus.arrays)}
            results[f"{label}, on disk"] = measured(paths, count)
            show(f"{count:,} samples of {label}, on disk", results[f"{label}, on disk"])
        with seaweed.running() as server:
            os.environ.update(server.environment())
            for label, (seconds, count) in CORPORA.items():
                folder = Path(scratch) / f"{label.replace(' ', '')}-s3"
                corpus = make_corpus(folder, seconds, count // 4, server)
                paths = {
                    **ours(corpus.settings),
                    **in_a_bucket(server, folder / "clear", corpus.arrays),
                }
                results[f"{label}, SeaweedFS"] = measured(paths, count // 4)
                title = f"{count // 4:,} samples of {label}, SeaweedFS"
                show(title, results[f"{label}, SeaweedFS"])
    save("reading", results)


def measured(paths: dict[str, Path_], count: int) -> dict[str, float]:
    """CPU seconds a sample, by path."""
    times: dict[str, list[float]] = {name: [] for name in paths}
    for each in range(ROUNDS + 1):
        for name, run in paths.items():
            started = cpu()
            read = sum(1 for _ in run())
            if each:  # the first round warms caches
                times[name].append((cpu() - started) / count)
            if read != count:
                raise RuntimeError(f"{name}: {read} of {count} samples")
    return {name: statistics.median(each) for name, each in times.items()}


def cpu() -> float:
    """CPU seconds so far, of this process and of children that have ended."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def make_corpus(
    folder: Path, seconds: float, count: int, server: seaweed.Seaweed | None = None
) -> Corpus:
    """Upload and ingest noise of some length; what was made of it, in the clear too."""
    stores: dict[str, str] = {}
    if server is not None:
        bucket = server.bucket(versioned=True)
        url = f"s3://{bucket}/training?endpoint={server.endpoint}&region={seaweed.REGION}"
        audit = f"s3://{bucket}/audit?endpoint={server.endpoint}&region={seaweed.REGION}"
        stores = {"training": url, "audit": audit}
    settings = create_deployment(folder / "deployment", datetime.now(UTC), Plan(stores=stores))
    secret = settings.vault("inviter").get("pseudonym/key")
    raw, random = settings.store("raw"), np.random.default_rng(0)
    for speaker in range(SPEAKERS):
        who = f"speaker-{speaker}"
        invitation = Invitation(
            pseudonym(secret, who),
            sample_key(secret, who).hex(),
            raw.url,
            current_announcement(settings),
            settings.log_vkey,
            settings.store("log").url,
        )
        for _ in range(count // SPEAKERS):
            file = io.BytesIO()
            noise = random.normal(0, 0.05, round(RATE * seconds))
            soundfile.write(file, noise, RATE, format="WAV", subtype="PCM_16")
            sealed = seal_recording(file.getvalue(), invitation, invitation.intake_key().public)
            raw.put_if_absent(*sealed)
    bench = open_workbench(settings, "benchmark")
    for batch in make_plan(bench, 256, 2**26, 2**30).batches:
        ingest_batch(bench, batch)
    build_all(CatalogBuilder.of(settings))
    with unvoiced.open(settings.folder, purpose="evaluation") as features:
        arrays = {f"{sample.pseudonym}-{sample.sample}": dict(sample.arrays) for sample in features}
    return Corpus(settings, arrays)


def ours(settings: Settings) -> dict[str, Path_]:
    """Through the reader; opened once, as training does, and read epoch after epoch."""
    opened = {
        "unvoiced": unvoiced.open(settings.folder, purpose="training"),
        "unvoiced, shuffled": unvoiced.open(settings.folder, purpose="training").shuffle(seed=1),
    }
    return {name: lambda features=features: features for name, features in opened.items()}


def in_the_clear(folder: Path, corpus: dict[str, Arrays]) -> dict[str, Path_]:
    """What people read arrays from on a disk."""
    folder.mkdir()
    for name, arrays in corpus.items():
        np.savez(folder / f"{name}.npz", **arrays)
        safetensors.numpy.save_file(arrays, folder / f"{name}.safetensors")
        for array, values in arrays.items():
            np.save(folder / f"{name}.{array}.npy", values)
    shards = write_shards(folder, corpus)
    return {
        "files: .npy, one an array": lambda: (
            {array: np.load(folder / f"{name}.{array}.npy") for array in ("log_mel", "mfcc")}
            for name in corpus
        ),
        "files: .npz": lambda: (dict(np.load(folder / f"{name}.npz")) for name in corpus),
        "files: safetensors": lambda: (
            safetensors.numpy.load_file(folder / f"{name}.safetensors") for name in corpus
        ),
        "WebDataset": lambda: webdataset.WebDataset(shards, shardshuffle=False).decode(),
        "WebDataset, shuffle buffer": lambda: (
            webdataset.WebDataset(shards, shardshuffle=False).shuffle(SHARD).decode()
        ),
        **lhotse_paths(folder, corpus),
    }


def write_shards(folder: Path, corpus: dict[str, Arrays]) -> list[str]:
    """WebDataset's tar files, its own writer's."""
    with webdataset.ShardWriter(str(folder / "%06d.tar"), maxcount=SHARD, verbose=0) as writer:
        for name, arrays in corpus.items():
            writer.write(
                {"__key__": name, **{f"{array}.npy": value for array, value in arrays.items()}}
            )
    return sorted(str(path) for path in folder.glob("*.tar"))


def lhotse_paths(folder: Path, corpus: dict[str, Arrays]) -> dict[str, Path_]:
    """Lhotse has one matrix (frames, features) for a recording: here log-mel and MFCC together."""
    paths: dict[str, Path_] = {}
    for label, storage in (
        ("Lhotse, numpy files", NumpyFilesWriter),
        ("Lhotse, lilcom (lossy)", LilcomChunkyWriter),
    ):
        with storage(folder / storage.name) as writer:
            manifest = [
                stored(writer, name, np.concatenate([arrays["log_mel"], arrays["mfcc"]]).T)
                for name, arrays in corpus.items()
            ]
        paths[label] = lambda manifest=manifest: (features.load() for features in manifest)
    return paths


def stored(
    writer: NumpyFilesWriter | LilcomChunkyWriter, name: str, matrix: np.ndarray
) -> lhotse.Features:
    """One recording's matrix, written, and what describes it."""
    return lhotse.Features(
        type="fbank",
        num_frames=matrix.shape[0],
        num_features=matrix.shape[1],
        frame_shift=0.01,
        sampling_rate=RATE,
        start=0.0,
        duration=matrix.shape[0] / 100,
        storage_type=writer.name,
        storage_path=str(writer.storage_path),
        storage_key=writer.write(name, matrix.astype(np.float32)),
        recording_id=name,
        channels=0,
    )


def in_a_bucket(
    server: seaweed.Seaweed, folder: Path, corpus: dict[str, Arrays]
) -> dict[str, Path_]:
    """The same from a bucket: an object a sample through boto3; WebDataset's shards by curl."""
    folder.mkdir()
    bucket, client = server.bucket(versioned=False), server.client()
    for name, arrays in corpus.items():
        client.put_object(Bucket=bucket, Key=name, Body=safetensors.numpy.save(arrays))
    urls = []
    for shard in write_shards(folder, corpus):
        key = Path(shard).name
        client.upload_file(shard, bucket, key)
        where = {"Bucket": bucket, "Key": key}
        urls.append(client.generate_presigned_url("get_object", Params=where, ExpiresIn=3600))
    pipes = [f"pipe:curl -s '{url}'" for url in urls]
    return {
        "boto3, an object a sample, safetensors": lambda: objects(client, bucket, corpus),
        "WebDataset, curl": lambda: webdataset.WebDataset(pipes, shardshuffle=False).decode(),
    }


def objects(client: "S3Client", bucket: str, names: Iterable[str]) -> Iterator[Arrays]:
    """One get for a sample, one after the other."""
    for name in names:
        body = client.get_object(Bucket=bucket, Key=name)["Body"].read()
        yield safetensors.numpy.load(body)


def show(title: str, seconds: dict[str, float]) -> None:
    """Print times, and the ratio of our throughput to each."""
    table = Table(title=title)
    table.add_column("read by")
    table.add_column("CPU us a sample", justify="right")
    table.add_column("unvoiced's throughput to it", justify="right")
    for name, each in seconds.items():
        ratio = each / seconds["unvoiced"]
        table.add_row(name, f"{each * 1e6:,.0f}", f"{ratio:.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()
