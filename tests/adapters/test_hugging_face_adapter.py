"""Streaming through `datasets`: each sample once, recorded, and nothing of it on a disk."""

import os
import pickle
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

import unvoiced
from tests.adapters.shelves import COUNT, Library
from unvoiced.errors import InputError
from unvoiced.reader.hugging_face import IGNORED, SpeechCollator, streaming


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`datasets` keeps what it keeps here."""
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "hugging-face")


def test_rows_are_what_the_reader_gives(library: Library) -> None:
    """Names, arrays and labels, each sample once, in the order of its shards."""
    with unvoiced.open(library.place, "training", labels=library.labels) as features:
        wanted = {f"{one.pseudonym}/{one.sample}": one for one in features}
        rows = list(streaming(features.shuffle(1), shards=3))
    assert Counter(row["name"] for row in rows) == library.once
    for row in rows:
        sample = wanted[row["name"]]
        assert row["word"] == sample.labels["word"]
        assert row["duration_seconds"] == sample.duration_seconds
        assert row["log_mel"].dtype == np.float16
        assert np.array_equal(row["log_mel"], sample["log_mel"])


@pytest.mark.parametrize("context", [None, "fork", pytest.param("spawn", marks=pytest.mark.slow)])
@pytest.mark.inv("INV-8")
def test_workers_share_the_shards(library: Library, context: str | None) -> None:
    """Two workers, or none: each sample once, each read recorded."""
    workers = {} if context is None else {"num_workers": 2, "multiprocessing_context": context}
    with unvoiced.open(library.place, "training") as features:
        data = streaming(features, shards=4)
        loader = DataLoader(data, 4, collate_fn=SpeechCollator("mfcc"), **workers)
        assert sum(len(batch["input_features"]) for batch in loader) == COUNT
    assert library.recorded() == library.recorded_once


def test_a_stream_is_resumed(library: Library) -> None:
    """From its own state: each sample once."""
    found: list[str] = []
    with unvoiced.open(library.place, "training") as features:
        first = streaming(features.shuffle(2), shards=5)
        for row in first:
            found.append(row["name"])
            if len(found) == 11:
                break
        state = pickle.dumps(first.state_dict())
    with unvoiced.open(library.place, "training") as features:
        second = streaming(features.shuffle(2), shards=5)
        second.load_state_dict(pickle.loads(state))  # noqa: S301
        found += [row["name"] for row in second]
    assert Counter(found) == library.once


@pytest.mark.filterwarnings("ignore:none of the")
def test_shards_of_which_all_was_erased_are_passed_over(library: Library) -> None:
    """There may be less samples in a shard than were erased: the others come all the same."""
    gone = sorted(library.digests)[::3]
    with unvoiced.open(library.place, "training") as features:
        data = streaming(features, shards=64)
        for name in gone:
            library.remove(name)
        found = [row["name"] for row in data]
    assert Counter(found) == Counter(library.digests.keys() - set(gone))


def test_no_key_travels_with_a_stream(library: Library) -> None:
    """Pickled while its session has keys open; its copy reads all the same."""
    with unvoiced.open(library.place, "training") as features:
        features.read([0, 1, 2])
        pickled = pickle.dumps(streaming(features, shards=2))
        assert library.home.dataset().secret_bytes() not in pickled
        again = pickle.loads(pickled)  # noqa: S301
        assert Counter(row["name"] for row in again) == library.once


HUNT = """
import pathlib, sys, unvoiced
from unvoiced.reader.hugging_face import streaming
with unvoiced.open(sys.argv[1], "training") as features:
    data = streaming(features, shards=2).map(lambda row: {**row, "more": 1}).shuffle(seed=1)
    assert len(list(data)) == len(features)
"""


@pytest.mark.slow
def test_nothing_that_was_opened_is_written(library: Library, tmp_path: Path) -> None:
    """With a home of its own, after a map and a shuffle: no file there, nor under TMPDIR, has an
    array in it, and none is larger than a lock.
    """
    places = {name: str(tmp_path / name) for name in ("HF_HOME", "HOME", "TMPDIR")}
    for place in places.values():
        Path(place).mkdir()
    subprocess.run(
        [sys.executable, "-c", HUNT, library.place], env={**os.environ, **places}, check=True
    )
    files = [file for place in places.values() for file in Path(place).rglob("*")]
    assert [file for file in files if file.is_file() and file.stat().st_size] == []


def test_a_label_that_would_hide_a_column_is_refused(library: Library) -> None:
    """It would stand in the place of the features."""
    labels = [{"sample": name, "duration_seconds": "x"} for name in library.digests]
    with (
        pytest.raises(InputError, match="duration_seconds"),
        unvoiced.open(library.place, "training", labels=labels) as features,
    ):
        list(streaming(features))


def row(frames: int, word: Any) -> dict[str, Any]:
    """A row of a data set."""
    return {"log_mel": np.full((80, frames), frames, np.float16), "word": word}


def test_the_collator_pads_as_speech_models_expect() -> None:
    """Frames first, a mask of what is inside, and labels that losses ignore behind their end."""
    collator = SpeechCollator(label="word", encode=lambda word: [ord(one) for one in word])
    batch = collator([row(3, "ab"), row(5, "c")])
    assert batch["input_features"].shape == (2, 5, 80)
    assert batch["input_features"].dtype == torch.float32
    assert batch["input_features"][0, :3].eq(3).all()
    assert not batch["input_features"][0, 3:].any()
    assert batch["attention_mask"].tolist() == [[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]]
    assert batch["labels"].tolist() == [[97, 98], [99, IGNORED]]


def test_the_collator_takes_classes() -> None:
    """Whole numbers as they are; without a label there are none."""
    assert SpeechCollator(label="word")([row(3, 7), row(2, 1)])["labels"].tolist() == [7, 1]
    assert "labels" not in SpeechCollator()([row(3, 7)])


def test_a_row_without_a_label_is_named() -> None:
    """And how to leave such rows out, where a number would only be guessed."""
    rows = [row(3, 7), {**row(2, None), "name": "somebody/something"}]
    with pytest.raises(InputError, match="somebody/something has no word"):
        SpeechCollator(label="word")(rows)
