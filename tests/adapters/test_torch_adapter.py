"""Real DataLoaders over real features: each sample once, each read recorded, no key on its way."""

import multiprocessing
import pickle
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils.data import DataLoader, RandomSampler
from torchdata.stateful_dataloader import StatefulDataLoader

import unvoiced
from tests.adapters.shelves import COUNT, Library, short
from unvoiced.errors import InputError
from unvoiced.keys.contributor import key_context, key_object_name
from unvoiced.reader.torch import collate, indexed, iterable
from unvoiced.sealing import open_sealed

IN_PROCESS: dict[str, Any] = {"num_workers": 0}
FORK: dict[str, Any] = {"num_workers": 2, "multiprocessing_context": "fork"}
SPAWN: dict[str, Any] = {"num_workers": 2, "multiprocessing_context": "spawn"}


def names(batches: Any) -> list[str]:
    """The samples in some batches, in order."""
    return [name for batch in batches for name in batch["samples"]]


@pytest.mark.parametrize(
    "workers",
    [
        pytest.param(IN_PROCESS, id="in process"),
        pytest.param(FORK, id="fork"),
        pytest.param(SPAWN, id="spawn", marks=pytest.mark.slow),
    ],
)
@pytest.mark.inv("INV-8")
def test_every_sample_comes_once_and_every_read_is_recorded(
    library: Library, workers: dict[str, Any]
) -> None:
    """However the workers were started, and by each of them; a batch holds what the reader gives.

    The session is at work before they start: what it has open is not theirs.
    """
    with unvoiced.open(library.place, "training", labels=library.labels) as features:
        wanted = {f"{one.pseudonym}/{one.sample}": one for one in features}
        before = library.recorded()
        loader = DataLoader(iterable(features.shuffle(1)), 4, collate_fn=collate, **workers)
        batches = list(loader)
    assert Counter(names(batches)) == library.once
    assert library.recorded() - before == library.recorded_once
    assert len(library.sessions()) == 1 + workers["num_workers"]
    for batch in batches:
        longest = int(batch["frames"].max())
        for nth, name in enumerate(batch["samples"]):
            frames = int(batch["frames"][nth])
            assert frames == wanted[name].frames
            assert batch["labels"]["number"][nth] == wanted[name].labels["number"]
            assert batch["labels"]["word"][nth] == wanted[name].labels["word"]
            for array in ("log_mel", "mfcc"):
                padded = batch[array][nth]
                assert padded.dtype == torch.float32
                assert padded.shape[1] == longest
                expected = torch.from_numpy(wanted[name][array]).float()
                assert torch.equal(padded[:, :frames], expected)
                assert not padded[:, frames:].any()


@pytest.mark.parametrize(
    "workers", [IN_PROCESS, FORK, pytest.param(SPAWN, marks=pytest.mark.slow)], ids=str
)
@pytest.mark.inv("INV-8")
def test_a_sampler_reads_by_position(library: Library, workers: dict[str, Any]) -> None:
    """Map-style: every sample once, and one record a batch."""
    with unvoiced.open(library.place, "training") as features:
        data = indexed(features)
        loader = DataLoader(data, 4, sampler=RandomSampler(data), collate_fn=collate, **workers)
        assert Counter(names(loader)) == library.once
        assert len(data) == COUNT
    assert library.recorded() == library.recorded_once
    assert len(library.records()) == COUNT / 4


@pytest.mark.parametrize("style", [iterable, indexed])
def test_what_is_erased_in_mid_epoch_is_left_out(library: Library, style: Any) -> None:
    """The epoch goes on: all others come, once."""
    with unvoiced.open(library.place, "training") as features:
        loader = DataLoader(style(features), 2, collate_fn=collate, num_workers=2)
        gone = [short(features.names[at]) for at in (20, 24, 25)]
        for name in gone:
            library.remove(name)
        found = names(loader)
    assert Counter(found) == Counter(library.digests.keys() - set(gone))


def test_a_worker_with_nothing_left_to_read_ends_no_epoch(library: Library) -> None:
    """All of one worker's samples are erased: it warns, and the other's come."""
    with unvoiced.open(library.place, "training") as features:
        loader = DataLoader(iterable(features), 4, collate_fn=collate, num_workers=2)
        gone, left = ([short(name) for name in features.shard(at, 2).names] for at in (0, 1))
        for name in gone:
            library.remove(name)
        assert Counter(names(loader)) == Counter(left)
        with pytest.warns(UserWarning, match=f"none of the {len(gone)} samples could be read"):
            assert list(features.shard(0, 2)) == []


def test_each_epoch_has_its_order_also_for_workers_that_persist(library: Library) -> None:
    """`set_epoch` reaches workers that are at work already; the same epoch is the same order."""
    with unvoiced.open(library.place, "training") as features:
        data = iterable(features.shuffle(3))
        loader = DataLoader(data, 4, collate_fn=collate, num_workers=1, persistent_workers=True)
        orders = []
        for epoch in (0, 1, 0):
            data.set_epoch(epoch)
            orders.append(names(loader))
        expected = [f"{one.pseudonym}/{one.sample}" for one in features.shuffle(3).epoch(1)]
    assert orders[0] == orders[2] != orders[1] == expected
    assert Counter(orders[0]) == Counter(orders[1]) == library.once


def stateful(features: Any, epoch: int, **workers: Any) -> Any:
    """A loader of torchdata's over one epoch."""
    data = iterable(features.shuffle(5))
    data.set_epoch(epoch)
    return StatefulDataLoader(data, 3, collate_fn=collate, **workers)


def interrupted(library: Library, after: int, **workers: Any) -> tuple[list[str], bytes]:
    """What came before the interruption, and the state by then, as it would be saved."""
    with unvoiced.open(library.place, "training") as features:
        loader, found = stateful(features, 2, **workers), []
        for nth, batch in enumerate(loader, 1):
            found += batch["samples"]
            if nth == after:
                break
        return found, pickle.dumps(loader.state_dict())


@pytest.mark.parametrize(
    ("workers", "after"),
    [
        *((IN_PROCESS, after) for after in (1, 4)),
        *((FORK, after) for after in (1, 5)),
        pytest.param(SPAWN, 3, marks=pytest.mark.slow),
    ],
    ids=str,
)
def test_an_interrupted_epoch_is_resumed(
    library: Library, workers: dict[str, Any], after: int
) -> None:
    """By another loader from its saved state: each sample once, and the next epoch is whole.

    The state holds no key.
    """
    found, state = interrupted(library, after, **workers)
    assert 0 < len(found) < COUNT
    assert library.home.dataset().secret_bytes() not in state
    with unvoiced.open(library.place, "training") as features:
        loader = stateful(features, 2, **workers)
        loader.load_state_dict(pickle.loads(state))  # noqa: S301
        found += names(loader)
        assert Counter(found) == library.once
        assert Counter(names(loader)) == library.once


def test_an_epoch_is_resumed_after_an_erasure(library: Library) -> None:
    """What was erased in between moves no other: each that is left comes once."""
    found, state = interrupted(library, 4, num_workers=2)
    gone = sorted(library.digests.keys() - set(found))[::3] + found[:2]
    for name in gone:
        library.remove(name)
    with unvoiced.open(library.place, "training") as features:
        loader = stateful(features, 2, num_workers=2)
        loader.load_state_dict(pickle.loads(state))  # noqa: S301
        found += names(loader)
    assert Counter(found) == Counter(library.digests.keys() - set(gone) | set(found))


def test_a_state_of_another_part_is_refused(library: Library) -> None:
    """With other ranks or workers the parts are others: samples would come twice, or never."""
    with unvoiced.open(library.place, "training") as features:
        state = iter(iterable(features.shuffle(5))).state_dict()
        of_half = iter(iterable(features.shuffle(5).shard(0, 2)))
        with pytest.raises(InputError, match="shards"):
            of_half.load_state_dict(state)


def test_batches_of_similar_length_are_resumed(library: Library) -> None:
    """By frames, over two workers: none is fuller than it may be, each sample comes once."""
    most = 200

    def loader(features: Any) -> Any:
        data = iterable(features.shuffle(5), frames=most)
        return StatefulDataLoader(data, None, collate_fn=collate, num_workers=2)

    with unvoiced.open(library.place, "training") as features:
        first, batches = loader(features), []
        for batch in first:
            batches.append(batch)
            if len(batches) == 3:
                break
        state = first.state_dict()
    with unvoiced.open(library.place, "training") as features:
        second = loader(features)
        second.load_state_dict(state)
        batches += list(second)
    assert Counter(names(batches)) == library.once
    assert all(batch["log_mel"].shape[0] * batch["log_mel"].shape[2] <= most for batch in batches)


def test_workers_are_forked_while_their_parent_reads(library: Library) -> None:
    """What it has under way goes on, and they begin anew."""
    with unvoiced.open(library.place, "training", prefetch_bytes=1) as features:
        going = iter(features)
        next(going)
        loader = DataLoader(iterable(features), 4, collate_fn=collate, num_workers=2)
        assert Counter(names(loader)) == library.once
        assert len(list(going)) == COUNT - 1


def read_as_rank(rank: int, place: str, meeting: Path, out: Any) -> None:
    """One of two trainers that share an epoch."""
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{meeting}", rank=rank, world_size=2
    )
    with unvoiced.open(place, "training") as features:
        loader = DataLoader(iterable(features.shuffle(1)), 4, collate_fn=collate, num_workers=2)
        out.put(names(loader))
    torch.distributed.destroy_process_group()


@pytest.mark.inv("INV-8")
def test_ranks_and_their_workers_share_an_epoch(library: Library, tmp_path: Path) -> None:
    """Two ranks with two workers each: every sample once, in four sessions."""
    context = multiprocessing.get_context("fork")
    out = context.Queue()
    ranks = [
        context.Process(target=read_as_rank, args=(rank, library.place, tmp_path / "meeting", out))
        for rank in range(2)
    ]
    for each in ranks:
        each.start()
    found = [out.get(timeout=60) for _ in ranks]
    for each in ranks:
        each.join(60)
    assert all(found)
    assert Counter(found[0] + found[1]) == library.once
    assert library.recorded() == library.recorded_once
    assert len(library.sessions()) == 4


@pytest.mark.parametrize("style", [iterable, indexed])
def test_no_key_travels_to_workers(library: Library, style: Any) -> None:
    """Pickled while its session has keys open, a data set holds neither the dataset's nor a
    contributor's, nor anything that was opened; its copy reads all the same.
    """
    with unvoiced.open(library.place, "training") as features:
        opened = list(features)
        pickled = pickle.dumps(style(features))
        assert library.home.dataset().secret_bytes() not in pickled
        for secret in contributor_keys(library):
            assert secret not in pickled
        assert not any(sample["mfcc"].tobytes()[:64] in pickled for sample in opened)
        loader = DataLoader(pickle.loads(pickled), 4, collate_fn=collate)  # noqa: S301
        assert Counter(names(loader)) == library.once


def contributor_keys(library: Library) -> list[bytes]:
    """The private keys of all contributors, as the reader holds them when it reads."""
    training = library.home.store("training")
    found = []
    for pseudonym in {name.partition("/")[0] for name in library.digests}:
        sealed = training.get(key_object_name(pseudonym)).data
        with open_sealed(sealed, library.home.dataset(), key_context(pseudonym)) as secret:
            found.append(bytes(bytearray(secret.data)))
    return found


def test_a_batch_of_nothing_is_empty() -> None:
    """Where all of a map-style batch was erased: no arrays, no samples, and no error."""
    batch = collate([])
    assert batch["samples"] == []
    assert batch["frames"].shape == (0,)
    assert batch["labels"] == {}


def test_labels_keep_one_type_over_all_batches(library: Library) -> None:
    """Numbers are a tensor where each sample of the view has one, and else never."""
    labels = library.labels[:-1]
    with unvoiced.open(library.place, "training", labels=labels) as features:
        loaders = [
            DataLoader(iterable(view), 4, collate_fn=collate, num_workers=2)
            for view in (features, features.where("number is not null"))
        ]
        some, whole = ([batch["labels"] for batch in loader] for loader in loaders)
    assert {type(each["number"]) for each in some} == {list}
    assert {each["number"].dtype for each in whole} == {torch.int64}
    assert {type(each["word"]) for each in some + whole} == {list}
    assert sum(len(each["number"]) for each in whole) == COUNT - 1


def test_a_list_of_batches_is_refused(library: Library) -> None:
    """What a loader makes of batches where it is not told to leave them as they are."""
    with unvoiced.open(library.place, "training") as features:
        loader = DataLoader(iterable(features, frames=200), collate_fn=collate)
        with pytest.raises(InputError, match="batch_size=None, collate_fn=collate"):
            next(iter(loader))
