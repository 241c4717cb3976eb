"""The same sealed bytes more than once: nothing is counted twice, and no copy is forgotten."""

import io
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import soundfile

from tests.ingest.claims import finished
from tests.ingest.dying import Died, dies, dying
from tests.ingest.home import STORES, Home, Sent, expected, same
from tests.ingest.hooked_store import CHANGES, HookedStore, once
from unvoiced.ingest.batch import ingest_batch, quarantine_unopened
from unvoiced.log.leaves import parse_leaf
from unvoiced.log.verify import verify_log

Copies = Callable[[Home, Sent], None]


def voice(seed: int) -> bytes:
    """A tenth of a second of noise."""
    noise = 0.1 * np.random.default_rng(seed).standard_normal(1600)
    file = io.BytesIO()
    soundfile.write(file, noise, 16_000, format="WAV", subtype="PCM_16")
    return file.getvalue()


def another_version(home: Home, sent: Sent) -> None:
    """The same bytes put over themselves: two versions of one name."""
    raw = home.store("raw")
    stored = raw.head(sent.name)
    if stored is None:
        raw.put_if_absent(sent.name, sent.sealed)
    else:
        raw.replace(sent.name, sent.sealed, version=stored.version)


def name_before(home: Home, sent: Sent) -> None:
    """The same bytes under another name that is listed before the one they were sealed for."""
    home.store("raw").put_if_absent(f"{sent.pseudonym}/000.unv", sent.sealed)


def name_after(home: Home, sent: Sent) -> None:
    """The same bytes under another name that is listed after."""
    home.store("raw").put_if_absent(f"{sent.pseudonym}/zzz.unv", sent.sealed)


def foreign_prefix(home: Home, sent: Sent) -> None:
    """The same bytes under another contributor's prefix."""
    home.store("raw").put_if_absent(f"{'a' * 26}/{sent.sample}.unv", sent.sealed)


# What is made, and how many of the copies stand under a name they were not sealed for.
COPIES: dict[str, tuple[list[Copies], int]] = {
    "version": ([another_version], 0),
    "three versions": ([another_version, another_version], 0),
    "name before": ([name_before], 1),
    "name after": ([name_after], 1),
    "prefix": ([foreign_prefix], 1),
    "both names": ([name_before, name_after], 2),
    "version and names": ([another_version, name_before, foreign_prefix, another_version], 2),
}


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A deployment that is copied into memory for each trial."""
    return Home.create(tmp_path_factory.mktemp("twins") / "home")


def fresh(deployed: Home) -> Home:
    """An empty deployment in memory, with versions."""
    return deployed.in_memory(versioned=True)


def watched(home: Home) -> Home:
    """The deployment as a run sees it that is looked at after each of its changes to a store."""

    def around(operation: str, _: str, proceed: Callable[[], Any]) -> Any:
        result = proceed()
        if operation in CHANGES:
            adds_up(home)
        return result

    return home.on(**{name: HookedStore(home.store(name), around) for name in STORES})


def adds_up(home: Home) -> None:
    """INV-5 at this moment, and never more receipts for a digest than acceptances."""
    status = home.status()
    assert status.adds_up, status
    accepted: Counter[str] = Counter()
    for leaf in map(parse_leaf, home.settings.log_reader().entries()):
        accepted[leaf.digest] += {"accepted": 1, "disposed": -1}.get(leaf.kind, 0)
        assert accepted[leaf.digest] >= 0


def settled(home: Home, sent: Sent, misplaced: int) -> None:
    """After as many runs as it takes: copies in their place destroyed, the others quarantined."""
    for _ in range(4):
        home.run(batch_samples=1)
    adds_up(home)
    listed = [entry.name for entry in home.store("raw").versions() if not entry.delete_marker]
    assert sent.name not in listed
    assert len(listed) == misplaced
    held = home.bench().quarantine
    assert {record.sha256 for record in held.records()} <= {sent.sha256}
    assert len(held.records()) == misplaced
    status = home.status()
    # A digest is quarantined or it is not, however many objects have it.
    assert (status.quarantined, status.backlog) == (min(misplaced, 1), 0)
    assert status.disposed >= 1
    assert home.journalled() == set()
    features = home.features()
    assert list(features) == [sent.feature_name]
    assert same(features[sent.feature_name], expected(sent.data))
    verify_log(home.store("log"), home.verifier)
    # And then there is rest: another run says nothing new.
    home.run()
    assert home.status().log_size == status.log_size


@pytest.mark.inv("INV-5")
@pytest.mark.inv("INV-6")
@pytest.mark.parametrize("batch_samples", [1, 256], ids=["batches", "one-batch"])
@pytest.mark.parametrize("copies", COPIES)
def test_twins_add_up_at_every_moment(deployed: Home, copies: str, batch_samples: int) -> None:
    """After each single change to any store; in one batch, or each copy in a batch of its own."""
    home = fresh(deployed)
    sent = home.send("anna", voice(1))
    makers, misplaced = COPIES[copies]
    for make in makers:
        make(home, sent)
    watched(home).run(batch_samples=batch_samples)
    watched(home).run(batch_samples=batch_samples)
    settled(home, sent, misplaced)


@pytest.mark.inv("INV-5")
@pytest.mark.parametrize("copies", COPIES)
def test_twins_restored_after_disposal_are_accepted_and_disposed_of_again(
    deployed: Home, copies: str
) -> None:
    """A backup puts the copies back, the original too: each is taken as it comes."""
    home = fresh(deployed)
    sent = home.send("anna", voice(1))
    home.run()
    finished(home, [sent])
    makers, misplaced = COPIES[copies]
    for make in (another_version, *makers):
        make(home, sent)
    watched(home).run()
    settled(home, sent, misplaced)
    assert len(home.leaves("accepted")) >= 2
    assert len(home.leaves("disposed")) >= 2


@pytest.mark.inv("INV-5")
def test_the_same_object_restored_again_and_again(deployed: Home) -> None:
    """Each time one acceptance and one receipt more, each with its own observation."""
    home = fresh(deployed)
    sent = home.send("anna", voice(1))
    for times in range(1, 5):
        watched(home).run()
        kinds = [len(home.leaves(kind)) for kind in ("accepted", "disposed")]
        assert kinds == [times, times]
        assert home.standing() == set()
        home.store("raw").put_if_absent(sent.name, sent.sealed)
    settled(home, sent, 0)


@pytest.mark.inv("INV-5")
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("copies", COPIES)
def test_a_run_over_twins_dies_at_any_change(deployed: Home, copies: str, after: bool) -> None:
    """Whichever change was its last, it adds up at that moment, and later runs finish it."""
    makers, misplaced = COPIES[copies]
    nth = 0
    while True:
        home = fresh(deployed)
        sent = home.send("anna", voice(1))
        for make in makers:
            make(home, sent)
        died = dies(dying(home, nth, after=after).run)
        adds_up(home)
        settled(home, sent, misplaced)
        if not died:
            break
        nth += 1
    assert nth > 10


@pytest.mark.inv("INV-5")
@pytest.mark.parametrize("first", [0, 1])
def test_two_workers_with_a_twin_each(deployed: Home, first: int) -> None:
    """Both listed both; one takes its copy through its life in the middle of the other's."""
    home = fresh(deployed)
    sent = home.send("anna", voice(1))
    another_version(home, sent)
    other = home.bench("B")
    batches = home.plan(other, batch_samples=1).batches
    act = once("put_if_absent", "features/", lambda: ingest_batch(other, batches[first]))
    hooked = home.on(training=HookedStore(home.store("training"), act))
    ingest_batch(hooked.bench("A"), batches[1 - first])
    adds_up(home)
    settled(home, sent, 0)


def assert_a_receipt_follows(home: Home, sent: Sent) -> None:
    """The recording is gone: the next run says so, with nothing missing before or after."""
    assert home.standing() == set()
    adds_up(home)
    home.run(home.bench("C"))
    adds_up(home)
    assert [leaf.digest for leaf in home.leaves("disposed")] == [sent.sha256]
    status = home.status()
    assert (status.accepted, status.disposed, status.quarantined) == (1, 1, 0)
    assert home.journalled() == set()
    assert same(home.features()[sent.feature_name], expected(sent.data))


@pytest.mark.inv("INV-5")
@pytest.mark.parametrize("operation", ["versions", "head"])
def test_quarantined_by_another_run_then_a_crash_after_destroying(
    deployed: Home, operation: str
) -> None:
    """B quarantines what A works on (out of memory); A destroys it and dies without a receipt."""
    home = fresh(deployed)
    sent = home.send("anna", voice(1))
    other = home.bench("B")
    (items,) = home.plan(other).batches

    def quarantine() -> None:
        report = quarantine_unopened(other, items[0], "worker-killed")
        assert report.quarantined == {sent.name: "worker-killed"}

    def die() -> None:
        raise Died

    training = HookedStore(home.store("training"), once("put_if_absent", "features/", quarantine))
    raw = HookedStore(home.store("raw"), once(operation, sent.name, die))
    dead = home.on(training=training, raw=raw)
    bench = dead.bench("A")
    assert dies(lambda: ingest_batch(bench, items))
    assert [leaf.digest for leaf in home.leaves("quarantined")] == [sent.sha256]
    assert_a_receipt_follows(home, sent)
    home.run()
    assert len(home.bench().quarantine.records()) == 0


@pytest.mark.inv("INV-5")
def test_a_quarantined_twin_does_not_cost_the_original_its_receipt(deployed: Home) -> None:
    """The copy is quarantined by an earlier run; the original's run dies having destroyed it."""
    home = fresh(deployed)
    sent = home.send("anna", voice(1))
    name_before(home, sent)
    first, second = home.plan(home.bench(), batch_samples=1).batches
    ingest_batch(home.bench("B"), first)
    adds_up(home)

    def die() -> None:
        raise Died

    raw = HookedStore(home.store("raw"), once("versions", sent.name, die))
    dead = home.on(raw=raw)
    bench = dead.bench("A")
    assert dies(lambda: ingest_batch(bench, second))
    assert home.store("raw").head(sent.name) is None
    adds_up(home)
    settled(home, sent, 1)
    assert len(home.leaves("disposed")) == 1


@pytest.mark.inv("INV-5")
def test_a_stale_quarantine_record_accepts_nothing_that_is_gone(deployed: Home) -> None:
    """B's record outlives the recording A disposed of; a new upload under the name is its own."""
    home = fresh(deployed)
    sent = home.send("anna", voice(1))
    late, other = home.bench("A"), home.bench("B")
    (items,) = home.plan(late).batches
    quarantine_unopened(other, items[0], "worker-killed")
    adds_up(home)
    assert ingest_batch(late, items).disposed == 1
    adds_up(home)
    again = home.send("anna", voice(1))
    assert (again.name, again.sha256 != sent.sha256) == (sent.name, True)
    for _ in range(3):
        watched(home).run()
    finished(home, [sent, again])
