"""Where the CPU time of our path goes, by format: decode, extraction, HPKE, digests, stores, log.

    python -m benchmarks.stages            # UNVOICED_SPEECH=folder for real speech

The same path as in `benchmarks.end_to_end`, on the local disk, with `stage_clock` running in every
other round; the rounds between say what the clock itself costs. What Prefect adds is measured by
`benchmarks.prefect_share`. Goal: all that is neither decoding nor extraction is under 35 % for
batches of 256.
"""

import statistics
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.corpus import FORMATS, encoded, source, voices
from benchmarks.our_path import BATCH, OurPath
from benchmarks.results import save
from benchmarks.rounds import cpu, say
from benchmarks.stage_clock import StageClock, running

SECONDS, VOICES = 10, 16
# A decoder that takes most of the time varies little, and takes most of the time.
ROUNDS = {"WAV": 5, "FLAC": 3, "OGG": 1}
DECODE, EXTRACTION, HPKE, DIGESTS = "decode, resample", "extraction", "HPKE", "digests"
STORES, LOG, REST = "stores", "log, receipts, journal", "the rest"
STAGES = {
    DECODE: (
        "unvoiced.features.decode",
        "unvoiced.features.decode_browser",
        "unvoiced.features.containers",
        "unvoiced.features.resample",
    ),
    EXTRACTION: ("unvoiced.features.extract", "unvoiced.features.pack"),
    HPKE: ("unvoiced.sealing.hpke_sealing", "unvoiced.sealing.plaintext"),
    DIGESTS: ("hashlib:sha256", "hashlib:file_digest", "unvoiced.keys.pseudonyms:content_tag"),
    STORES: ("unvoiced.stores.file",),
    LOG: (
        "unvoiced.log",
        "unvoiced.disposal.journal",
        "unvoiced.disposal.receipt",
        "unvoiced.disposal.quarantine",
        "unvoiced.disposal.holds",
        "unvoiced.disposal.intents",
        "unvoiced.disposal.suppression",
        "unvoiced.disposal.keys_to_go",
    ),
}
# Samples are decoded while features are extracted. Nothing else counts for another stage: the
# log's files and digests are the log's cost.
LETS_IN = {EXTRACTION: frozenset({DECODE})}


def main() -> None:
    """Measure, print and save."""
    warnings.simplefilter("ignore")
    samples = voices(VOICES, SECONDS)
    formats: dict[str, Any] = {}
    for form in FORMATS:
        with tempfile.TemporaryDirectory() as folder:
            path = OurPath.create(Path(folder) / "deployment")
            recordings = [encoded(each, form) for each in samples]
            formats[form.name] = split(path, recordings, ROUNDS[form.container])
        show(form.name, formats[form.name])
        say(f"{form.name}: split")
    save("stages", {"audio": source(), "batch": BATCH, "formats": formats})


def split(path: OurPath, recordings: Sequence[bytes], rounds: int) -> dict[str, Any]:
    """CPU seconds a recording: by stage, of all with the clock, and of all without it."""
    clock = StageClock(LETS_IN)
    by_stage: dict[str, list[float]] = {stage: [] for stage in (*STAGES, REST)}
    whole: dict[bool, list[float]] = {True: [], False: []}
    for number in range(2 * rounds + 2):  # two rounds warm caches
        clocked = number % 2 == 0
        path.upload(recordings)
        with running(clock, STAGES) if clocked else nullcontext():
            before = cpu()
            path.ingest()
            spent = (cpu() - before) / BATCH
        taken = {stage: seconds / BATCH for stage, seconds in clock.take().items()}
        if number < 2:
            continue
        whole[clocked].append(spent)
        if clocked:
            for stage in STAGES:
                by_stage[stage].append(taken.get(stage, 0.0))
            by_stage[REST].append(spent - sum(taken.values()))
    return {
        "stages": {stage: statistics.median(seconds) for stage, seconds in by_stage.items()},
        "clocked": statistics.median(whole[True]),
        "unclocked": statistics.median(whole[False]),
    }


def show(title: str, measured: Mapping[str, Any]) -> None:
    """Print the stages, and what is neither decoding nor extraction."""
    stages: Mapping[str, float] = measured["stages"]
    total = sum(stages.values())
    table = Table("", title=f"{title}, {SECONDS} s, batches of {BATCH}")
    for column in ("CPU us a recording", "%"):
        table.add_column(column, justify="right")
    for stage, seconds in stages.items():
        table.add_row(stage, f"{seconds * 1e6:,.0f}", f"{seconds / total:.1%}")
    around = 1 - (stages[DECODE] + stages[EXTRACTION]) / total
    table.add_row("neither decoding nor extraction", "", f"{around:.1%}")
    own = measured["clocked"] / measured["unclocked"] - 1
    table.add_row("what the clock added", "", f"{own:.1%}")
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
