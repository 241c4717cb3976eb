"""Ingest into stores that take many requests at once: the same end as one after the other."""

import ctypes
from collections import Counter
from collections.abc import Callable
from threading import Barrier, BrokenBarrierError
from typing import Any

import pytest

from tests.ingest.claims import finished
from tests.ingest.dying import Died, dies
from tests.ingest.home import STORES, Home, Sent, expected, same
from tests.ingest.hooked_store import CHANGES, HookedStore
from tests.ingest.test_twins import voice
from unvoiced.errors import CredentialsExpired
from unvoiced.ingest.recording import raw_context
from unvoiced.sealing import parse_header, seal

AT_ONCE = 8
SETS = ("speech-16k", "mfcc-13")


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A deployment that is copied into memory for each trial."""
    return Home.create(tmp_path_factory.mktemp("side-by-side") / "home")


@pytest.fixture
def home(deployed: Home) -> Home:
    """An empty deployment in memory, with versions."""
    return deployed.in_memory(versioned=True)


def at_once(home: Home, around: Callable[[str, str, Callable[[], Any]], Any] | None = None) -> Home:
    """The deployment as a run sees it to which all its stores are worth many requests at once."""
    shelf = {
        name: HookedStore(home.store(name), around or (lambda *call: call[2]())) for name in STORES
    }
    for store in shelf.values():
        store.together = AT_ONCE
    return home.on(**shelf)


def sent_by_many(home: Home, recordings: int = 12) -> list[Sent]:
    """So many recordings by three contributors."""
    return [home.send(f"contributor-{seed % 3}", voice(seed)) for seed in range(recordings)]


def under_one_name(home: Home, recordings: int) -> list[Sent]:
    """So many different recordings, each a version of one name."""
    first = home.send("anna", voice(0))
    sent = [first]
    for seed in range(1, recordings):
        sealed = seal(voice(seed), home.intake().public, raw_context(first.pseudonym, first.sample))
        home.store("raw").replace(first.name, sealed, version=sent[-1].version)
        version = home.store("raw").get(first.name).version
        sent.append(Sent(first.name, version, "", voice(seed), sealed))
    return sent


@pytest.mark.inv("INV-3", "INV-5", "INV-6")
def test_many_at_once_end_as_one_after_the_other(home: Home) -> None:
    """One receipt and one feature object each, equal to what the recording gives; requests of
    every kind that wait for nothing but the store really are under way together.
    """
    sent = sent_by_many(home)
    meeting = {"get": Barrier(2), "put_if_absent": Barrier(2)}
    met: Counter[str] = Counter()

    def around(operation: str, name: str, proceed: Callable[[], Any]) -> Any:
        if operation in meeting and name.startswith(("features/", sent[0].pseudonym)):
            try:
                meeting[operation].wait(timeout=0.2)
                met[operation] += 1
            except BrokenBarrierError:
                pass
        return proceed()

    assert at_once(home, around).run().disposed == len(sent)
    assert met["get"] >= 2
    assert met["put_if_absent"] >= 2
    finished(home, sent)


@pytest.mark.inv("INV-6")
@pytest.mark.parametrize("at", [1, AT_ONCE])
def test_no_sample_is_made_of_two_recordings_that_are_placed_together(home: Home, at: int) -> None:
    """Four recordings under one name, in one batch: whoever wins it has the objects of both
    feature sets, the others become samples of their own, and no object lacks its receipt.
    """
    sent = under_one_name(home, 4)
    run = at_once(home.with_sets(*SETS))
    for name in STORES:
        run.store(name).together = at  # type: ignore[misc]
    report = run.run()
    assert report.disposed == len(sent)
    tags: dict[str, set[object]] = {}
    found: Counter[str] = Counter()
    for entry in home.store("training").list("features/"):
        context = parse_header(home.store("training").get(entry.name).data).context
        tags.setdefault(str(context["sample"]), set()).add(context["content_tag"])
        found[str(context["sample"])] += 1
    assert set(found.values()) == {len(SETS)}
    assert len(found) == len(sent)
    assert all(len(recordings) == 1 for recordings in tags.values())
    named = {one["sha256"] for leaf in home.leaves("disposed") for one in leaf.fields["features"]}
    assert len(named) == len(SETS) * len(sent)


@pytest.mark.inv("INV-3", "INV-5")
@pytest.mark.parametrize("nth", range(2, 50, 5))
def test_a_run_that_dies_with_many_under_way_loses_nothing(home: Home, nth: int) -> None:
    """At its nth change to any store, from whichever thread; what others had under way is done, or
    not. All is accounted for, and the next run finishes it.
    """
    sent = sent_by_many(home)
    changes: list[str] = []

    def around(operation: str, name: str, proceed: Callable[[], Any]) -> Any:
        if operation in CHANGES:
            changes.append(name)
            if len(changes) > nth:
                raise Died
        return proceed()

    assert dies(at_once(home, around).run)
    status = home.status()
    assert status.adds_up, status.missing
    at_once(home).run()
    finished(home, sent)


@pytest.mark.inv("INV-4", "INV-5")
def test_credentials_that_end_while_many_are_destroyed(home: Home) -> None:
    """What was seen to be gone has its receipt, the rest stays journalled for the next run."""
    sent = sent_by_many(home)
    looks: list[str] = []

    def around(operation: str, name: str, proceed: Callable[[], Any]) -> Any:
        recording = name in {one.name for one in sent}
        if operation == "head" and recording:
            looks.append(name)
            if len(looks) > 5:
                raise CredentialsExpired("expired")
        return proceed()

    with pytest.raises(CredentialsExpired):
        at_once(home, around).run()
    receipts = len(home.leaves("disposed"))
    assert 5 <= receipts < len(sent)
    assert home.status().adds_up
    at_once(home).run()
    finished(home, sent)


@pytest.mark.inv("INV-3")
@pytest.mark.parametrize(
    "damage",
    [
        lambda data: bytes([data[0] ^ 1]) + data[1:],
        lambda data: data[:-1] + bytes([data[-1] ^ 0x80]),
        lambda data: data[:-1],
        lambda data: data + b"\0",
        lambda _: b"",
    ],
    ids=["first bit", "last bit", "a byte less", "a byte more", "nothing"],
)
@pytest.mark.parametrize("at", [1, AT_ONCE])
def test_what_is_read_back_differently_destroys_nothing(
    home: Home, damage: Callable[[bytes], bytes], at: int
) -> None:
    """One object of twelve comes back changed: its recording stays, the others go."""
    sent = sent_by_many(home)

    class Damaging(HookedStore):
        def get(self, name: str, version: str | None = None) -> Any:
            stored = super().get(name, version)
            if name == sent[4].feature_name:
                return type(stored)(stored.name, stored.version, damage(stored.data))
            return stored

    training = Damaging(home.store("training"), lambda *call: call[2]())
    training.together = at
    report = home.on(training=training).run()
    assert report.disposed == len(sent) - 1
    assert "was not read back as journalled" in report.left[sent[4].name]
    assert home.standing() == {sent[4].sha256}
    assert home.run().disposed == 1
    assert same(home.features()[sent[4].feature_name], expected(sent[4].data))


@pytest.mark.inv("INV-3")
@pytest.mark.parametrize("at", [1, AT_ONCE])
def test_what_changed_in_memory_before_it_was_put_destroys_nothing(home: Home, at: int) -> None:
    """A bit of sealed features flips between hashing and putting, so that the store returns exactly
    what it was given and no journal names: the recording stays.
    """
    sent = sent_by_many(home)

    class Flipping(HookedStore):
        def put_if_absent(self, name: str, data: bytes) -> str:
            if name == sent[4].feature_name:
                in_memory = ctypes.string_at  # the very bytes that the process holds
                address = id(data) + bytes.__basicsize__ - 1
                assert in_memory(address, len(data)) == data
                ctypes.memset(address + len(data) - 20, data[-20] ^ 1, 1)
            return super().put_if_absent(name, data)

    training = Flipping(home.store("training"), lambda *call: call[2]())
    training.together = at
    report = home.on(training=training).run()
    assert report.disposed == len(sent) - 1
    assert "was not read back as journalled" in report.left[sent[4].name]
    assert home.standing() == {sent[4].sha256}
