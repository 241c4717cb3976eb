"""What `unvoiced.open` gives: samples in order, views of them, batches, and refusals that help."""

import subprocess
import sys
from collections import Counter
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

import unvoiced
from tests.ingest.home import Home, expected, same
from tests.reader.conftest import Filled
from tests.reader.readings import (
    CONTRIBUTORS,
    SAMPLES,
    opened,
    overwrite,
    recorded,
    remove,
    sha256,
)
from unvoiced.errors import InputError, NotFound
from unvoiced.keys.contributor import key_object_name


def test_the_package_is_light_to_import() -> None:
    """`import unvoiced` loads neither numpy nor anything of this library's own."""
    code = "import sys, unvoiced; print([m for m in sys.modules if m[:8] in ('numpy', 'unvoiced')])"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "['unvoiced']"


@pytest.mark.inv("INV-8")
@pytest.mark.parametrize("spelled", ["folder", "file", "url", "url of the file"])
def test_every_sample_comes_once_in_order_of_name(
    filled: Filled, on_disk: Home, spelled: str
) -> None:
    """The arrays that were extracted, to the last bit, each recorded; wherever it is opened by."""
    folder = on_disk.settings.folder
    place: Any = {
        "folder": str(folder),
        "file": folder / "unvoiced.toml",
        "url": folder.as_uri(),
        "url of the file": (folder / "unvoiced.toml").as_uri(),
    }[spelled]
    by_name = {one.feature_name: one for one in filled.sent}
    with unvoiced.open(place, purpose="training", run="test") as features:
        assert features.names == sorted(by_name)
        assert len(features) == SAMPLES
        seen = list(features)
    assert [sample.name for sample in seen] == sorted(by_name)
    for sample in seen:
        sent = by_name[sample.name]
        assert same(sample.arrays, expected(sent.data))
        assert (sample.pseudonym, sample.sample) == (sent.pseudonym, sent.sample)
        assert sample["log_mel"] is sample.arrays["log_mel"]
        assert sample.frames == sample["mfcc"].shape[1]
        assert sample.feature_set == features.feature_set
        assert sample.labels == {}
        assert sample.sha256 == sha256(on_disk, sample.name)
    assert sum(sample.duration_seconds for sample in seen) == pytest.approx(
        sum(0.1 + 0.05 * each for each in range(SAMPLES))
    )
    assert Counter(recorded(on_disk.store("audit"))) == Counter(one.sha256 for one in seen)


def test_arrays_are_the_callers_own(library: Home) -> None:
    """They may be written to, and the next read does not see it."""
    with opened(library) as features:
        sample = features[0]
        before = sample["log_mel"].copy()
        sample["log_mel"][:] = 0
        sample.arrays["mfcc"] *= 2
        assert np.array_equal(features[0]["log_mel"], before)


def test_only_the_arrays_that_are_wanted_come(library: Home) -> None:
    """The others do not stay in memory behind them; one that there is not is refused."""
    with opened(library, arrays=["mfcc"]) as features:
        sample = features[0]
        assert sample.arrays.keys() == {"mfcc"}
        assert sample["mfcc"].base is None
        assert next(iter(features.batches(4))).arrays.keys() == {"mfcc"}
    with pytest.raises(InputError, match="no array 'pitch'"):
        opened(library, arrays=["pitch"])
    with pytest.raises(InputError, match=r"no array 'mfcc_delta'; arrays are: log_mel, mfcc$"):
        opened(library, arrays=["mfcc_delta"])
    with pytest.raises(InputError, match=r"a list of names: \['mfcc'\]"):
        opened(library, arrays="mfcc")


def test_shards_of_a_shuffled_epoch_are_shared_out(library: Home) -> None:
    """By two ranks of two workers: every sample once, and another way in the next epoch."""
    with opened(library) as features:
        shuffled = features.shuffle(seed=7)
        order = [sample.name for sample in shuffled]
        assert sorted(order) == features.names
        assert order != features.names
        assert [sample.name for sample in features.shuffle(7)] == order
        assert [sample.name for sample in shuffled.epoch(1)] != order
        parts = [shuffled.shard(rank, 2).shard(worker, 2) for rank in (0, 1) for worker in (0, 1)]
        names = [[sample.name for sample in part] for part in parts]
        assert sorted(name for each in names for name in each) == features.names
        assert [len(part) for part in parts] == [len(each) for each in names]
        assert [part.names for part in parts] == [sorted(each) for each in names]
        assert [part[0].name for part in parts if len(part)] == [each[0] for each in names if each]


def test_a_sample_is_found_by_position_and_by_name(library: Home) -> None:
    """With one record each; several at once with one for all; what is not there says so."""
    audit = library.store("audit")
    with opened(library) as features:
        name = features.names[5]
        key = name.split("/", 2)[2].removesuffix(".unv")
        assert features[5].name == features[name].name == features[key].name == name
        assert features[-1].name == features.names[-1]
        assert features[np.int64(2)].name == features.names[2]
        before = len(list(audit.list()))
        assert [one.name for one in features.read([3, 3, 4])] == [
            features.names[at] for at in (3, 3, 4)
        ]
        assert len(list(audit.list())) == before + 1
        shuffled = features.shuffle(3)
        assert [shuffled[at].name for at in range(3)] == [
            sample.name for sample, _ in zip(shuffled, range(3), strict=False)
        ]
        assert key in features
        for wrong in ("nobody/nothing", key[:-1], name + "x", ""):
            assert wrong not in features
            with pytest.raises(InputError, match="not among these"):
                features[wrong]
        with pytest.raises(IndexError):
            features[SAMPLES]
        part = features.shard(0, 2)
        (other,) = {name for name in features.names if name not in part} & {
            features.shard(1, 2).names[0]
        }
        with pytest.raises(InputError, match="not among these"):
            part[other]


def test_a_sample_is_found_by_its_id_alone_where_it_is_unique(library: Home) -> None:
    """Of a view, which may have one of two; else both have to be told apart."""
    name = opened(library).names[5]
    folder, _, file = name.rpartition("/")
    other = f"{folder.rpartition('/')[0]}/{'b' * 26}/{file}"
    sample = file.removesuffix(".unv")
    with opened(library) as features:
        assert features[sample].name == name
        assert sample in features
        assert sample not in features.where(f"sample <> '{sample}'")
    overwrite(library, other, b"x")
    with opened(library) as features:
        assert sample in features
        with pytest.raises(InputError, match="say pseudonym/sample"):
            features[sample]
        assert features.where(f"pseudonym <> '{'b' * 26}'")[sample].name == name


def test_a_slice_is_a_list(library: Home) -> None:
    """Of samples in the order of iteration, with one record for all of them."""
    with opened(library) as features:
        shuffled = features.shuffle(3)
        order = [sample.name for sample in shuffled]
        before = features.report.records
        assert [one.name for one in shuffled[0:3]] == order[0:3]
        assert features.report.records == before + 1
        assert [one.name for one in shuffled[-2:]] == order[-2:]
        assert [one.name for one in shuffled[6:0:-3]] == order[6:0:-3]
        assert shuffled[SAMPLES:] == []


def test_a_sample_of_somebody_erased_says_that_the_key_is_gone(library: Home) -> None:
    """As the report does: not merely that an object of the store is missing."""
    with opened(library) as features:
        name = features.names[0]
        remove(library, [name, key_object_name(name.split("/")[2])])
        with pytest.raises(NotFound, match=r"this contributor's key is no longer there$"):
            features[0]
        assert "its contributor's key is no longer there (1)" in str(features.report)


def test_batches_are_padded_blocks(library: Home) -> None:
    """Each sample lies in its row, as it is, and behind its end what was asked for."""
    with opened(library) as features:
        batches = list(features.shuffle(1).batches(10, pad={"log_mel": -80.0}))
        assert [len(batch) for batch in batches] == [10, 10, 4]
        for batch in batches:
            longest = int(batch.frames.max())
            assert batch["log_mel"].shape == (len(batch), 80, longest)
            assert batch["mfcc"].shape == (len(batch), 20, longest)
            assert batch["log_mel"].dtype == np.float32
            for nth, sample in enumerate(batch.samples):
                frames = batch.frames[nth]
                assert sample.frames == frames
                assert np.array_equal(batch["log_mel"][nth, :, :frames], sample["log_mel"])
                assert (batch["log_mel"][nth, :, frames:] == -80).all()
                assert (batch["mfcc"][nth, :, frames:] == 0).all()
        (whole,) = features.batches(100, pad=1.5, dtype="float16")
        assert whole["mfcc"].dtype == np.float16
        assert whole["mfcc"].max() >= 1.5
        for how in ({}, {"size": 3, "frames": 3}, {"size": 0}, {"frames": 0}):
            with pytest.raises(InputError):
                features.batches(**how)
        with pytest.raises(InputError, match="floating"):
            features.batches(2, dtype="int8")


@pytest.mark.parametrize("seed", [None, 5])
def test_batches_by_frames_fit_and_are_alike(library: Home, seed: int | None) -> None:
    """With their padding they stay within the frames, and hold what is of similar length."""
    with opened(library) as features:
        view = features if seed is None else features.shuffle(seed)
        batches = list(view.batches(frames=500))
        assert sorted(one.name for batch in batches for one in batch.samples) == features.names
        for batch in batches:
            assert len(batch) * batch.frames.max() <= 500
            assert batch.frames.min() > 0.7 * batch.frames.max()
        assert max(len(batch) for batch in batches) > 3
        assert len(batches) < SAMPLES / 1.5
        tight = list(view.batches(frames=1))
        assert [len(batch) for batch in tight] == [1] * SAMPLES  # each alone, though it is longer
        if seed is None:
            longest = [int(batch.frames.max()) for batch in batches]
            assert all(one >= 0.75 * other for one, other in pairwise(longest))


def test_what_it_says_of_itself(library: Home) -> None:
    """Name, count, size and purpose; no values."""
    with opened(library) as features:
        megabytes = sum(entry.size for entry in library.store("training").list("features/")) / 1e6
        said = (
            f"<features {features.feature_set}: {SAMPLES} samples, {megabytes:.1f} MB, for training"
        )
        assert repr(features) == f"{said}>"
        shuffled = features.shuffle(3).epoch(2)
        assert repr(shuffled) == f"{said}, shuffled by 3 in epoch 2>"
        assert "shard 1 of 2" in repr(shuffled.shard(1, 2))
        sample = features[0]
        assert repr(sample) == (
            f"<sample {sample.pseudonym}/{sample.sample}: {sample.duration_seconds:.2f} s, "
            f"log_mel (80, {sample.frames}), mfcc (20, {sample.frames})>"
        )
        assert repr(features.batches(2)) == f"<batches of 2 samples, of {features!r}>"
        assert repr(features.batches(frames=2000)).startswith("<batches of 2,000 frames, of <feat")
        assert repr(next(iter(features.batches(2)))).startswith("<batch of 2: log_mel (2, 80,")
        report = features.report
        # Two were given out by name and in a batch of the first, and more was read ahead.
        assert (report.read, report.skipped) == (3, {})
        assert report.recorded >= report.read
        assert str(report).startswith("read 3 (")


def test_the_feature_set_may_be_left_out_where_there_is_one(library: Home) -> None:
    """Of several one has to be named, by name or with its digest; the refusal lists them."""
    training = library.store("training")
    with opened(library) as features:
        folder = features.feature_set
    for spelled in ("speech-16k", folder):
        with opened(library, feature_set=spelled) as features:
            assert (features.feature_set, len(features)) == (folder, SAMPLES)
    for wrong in ("speech", "mfcc-13", "speech-16k-00000000", ""):
        with pytest.raises(InputError, match=f"feature sets here: {folder}"):
            opened(library, feature_set=wrong)
    training.put_if_absent(f"features/speech-16k-0badcafe/{'a' * 26}/x.unv", b"x")
    training.put_if_absent("features/README", b"x")
    for several in (None, "speech-16k"):
        with pytest.raises(InputError, match=rf"name one of .*speech-16k-0badcafe, {folder}"):
            opened(library, feature_set=several)
    assert len(opened(library, feature_set=folder)) == SAMPLES


def test_an_empty_store_says_so(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Before anything was ingested."""
    home = Home.create(tmp_path_factory.mktemp("empty") / "home")
    with pytest.raises(InputError, match="no features yet: `unvoiced ingest`"):
        opened(home)


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"purpose": "fun"}, "a purpose is one of: .*; not 'fun'"),
        ({"names": "both"}, "from the store or from the catalog"),
        ({"prefetch_bytes": 0}, "prefetch_bytes"),
        ({"arrays": []}, "at least one"),
    ],
)
def test_what_cannot_be_is_refused_at_once(library: Home, how: dict[str, Any], said: str) -> None:
    """With what there is to choose from, and before anything is read."""
    with pytest.raises(InputError, match=said):
        opened(library, **how)
    assert recorded(library.store("audit")) == []


def test_a_url_that_is_no_place_of_settings_is_refused() -> None:
    """A store's own url is not enough: settings say which log and which key."""
    with pytest.raises(InputError, match="no place of settings"):
        unvoiced.open("s3://bucket/training", purpose="training")
    with pytest.raises(InputError, match="unvoiced init"):
        unvoiced.open("/nonexistent", purpose="training")


def test_closing_ends_all_views(library: Home) -> None:
    """Also one that is being iterated over, with an error that says so; twice does no harm."""
    features = opened(library)
    iterations = [iter(features), iter(features.shuffle(1).batches(2))]
    for each in iterations:
        next(each)
    features.shuffle(3).close()
    features.close()
    for each in iterations:
        with pytest.raises(InputError, match="were closed"):
            list(each)
    for use in (lambda: features[0], lambda: next(iter(features)), lambda: features.read([1])):
        with pytest.raises(InputError, match="were closed"):
            use()
    assert len(CONTRIBUTORS) == len({name.split("/")[2] for name in features.names})
