"""Objects of the raw store that cannot be read, or are a stranger's: neighbours do not wait."""

import base64
import io
import secrets
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import soundfile

from tests.ingest.claims import finished
from tests.ingest.home import Home, Sent
from tests.ingest.hooked_store import HookedStore
from unvoiced.errors import StoreError
from unvoiced.ingest.batch import ingest_batch
from unvoiced.log.leaves import Leaf, parse_leaf
from unvoiced.sealing import PrivateKey, encode_header, seal

FOREIGN = ["my voice.wav", "ümlaut.unv", "a\nb.unv", "naïve voice.unv", "50%.unv", "a:b", "~x"]
REFUSAL = "the store answered InvalidObjectState"


def voice(seed: int) -> bytes:
    """A tenth of a second of noise."""
    noise = 0.1 * np.random.default_rng(seed).standard_normal(1600)
    file = io.BytesIO()
    soundfile.write(file, noise, 16_000, format="WAV", subtype="PCM_16")
    return file.getvalue()


def refusing(home: Home, *names: str) -> Home:
    """The deployment over a raw store that lists these objects and does not give them out."""

    def around(operation: str, name: str, proceed: Callable[[], Any]) -> Any:
        if operation == "get" and name in names:
            raise StoreError(f"{name}: {REFUSAL}")
        return proceed()

    return home.on(raw=HookedStore(home.store("raw"), around))


@pytest.mark.parametrize("nth", range(3))
def test_an_unreadable_object_does_not_hold_up_its_neighbours(home: Home, nth: int) -> None:
    """First, in between or last of its batch: reported as left, and never accepted."""
    sent = sorted((home.send("anna", voice(seed)) for seed in range(3)), key=lambda one: one.name)
    stuck = sent[nth]
    others = [one for one in sent if one is not stuck]
    report = refusing(home, stuck.name).run()
    assert report.left == {stuck.name: f"{stuck.name}: {REFUSAL}"}
    assert report.disposed == 2
    assert home.standing() == {stuck.sha256}
    assert {leaf.digest for leaf in home.leaves("accepted")} == {one.sha256 for one in others}
    # Readable again (thawed, say), it is a recording like any other.
    assert home.run().disposed == 1
    finished(home, sent)


@pytest.mark.inv("INV-5")
@pytest.mark.parametrize("accepted", [False, True], ids=["never-read", "accepted-earlier"])
def test_the_count_can_be_taken_beside_an_unreadable_object(home: Home, accepted: bool) -> None:
    """One that no run has read is not accepted yet; one that was, is not found: both are said."""
    sent = sorted((home.send("anna", voice(seed)) for seed in range(3)), key=lambda one: one.name)
    stuck = sent[0]
    if accepted:
        no_training = HookedStore(home.store("training"), _refuse_puts)
        with pytest.raises(StoreError):
            home.on(training=no_training).run()
        assert len(home.leaves("accepted")) == 3
    status = refusing(home, stuck.name).status()
    assert status.raw_objects == 3
    if accepted:
        assert (status.accepted, status.backlog, status.waiting) == (3, 3, 2)
        assert not status.adds_up
    else:
        assert (status.accepted, status.not_accepted, status.adds_up) == (0, 3, True)


def _refuse_puts(operation: str, name: str, proceed: Callable[[], Any]) -> Any:
    if operation == "put_if_absent" and name.startswith("keys/"):
        raise StoreError(f"{name}: the store answered SlowDown")
    return proceed()


@pytest.mark.inv("INV-5")
def test_the_count_can_be_taken_with_a_quarantined_and_an_unreadable_object(home: Home) -> None:
    """What is in quarantine is found by its record: nothing has to be read for it."""
    early, late = sorted(("anna", "bruno"), key=lambda who: home.invitation(who).pseudonym)
    stuck, bad = home.send(early, voice(1)), home.send(late, b"no audio")
    broken = refusing(home, stuck.name)
    assert broken.run().quarantined == {bad.name: "not-audio"}
    status = broken.status()
    assert status.adds_up, status
    assert (status.quarantined, status.not_accepted) == (1, 1)


def test_where_nothing_can_be_read_the_batch_fails_as_a_store_failure(home: Home) -> None:
    """Which the flow tries again; nothing is logged or quarantined for it."""
    sent = [home.send("anna", voice(seed)) for seed in range(2)]
    broken = refusing(home, *(one.name for one in sent))
    bench = broken.bench()
    size = home.status().log_size
    with pytest.raises(StoreError, match="InvalidObjectState"):
        ingest_batch(bench, broken.plan(bench).batches[0])
    assert home.status().log_size == size
    home.run()
    finished(home, sent)


def test_an_unreadable_object_in_a_portion_of_its_own_leaves_the_rest_of_the_batch(
    home: Home,
) -> None:
    """Memory for less than one recording at a time: the unreadable one is still not the batch's."""
    sent = sorted((home.send("anna", voice(seed)) for seed in range(3)), key=lambda one: one.name)
    broken = refusing(home, sent[0].name)
    bench = replace(broken.bench(), batch_bytes=1)
    report = ingest_batch(bench, broken.plan(bench).batches[0])
    assert report.left.keys() == {sent[0].name}
    assert report.disposed == 2


@pytest.mark.parametrize("foreign", FOREIGN)
def test_a_file_under_a_foreign_name_is_reported_and_left_alone(home: Home, foreign: str) -> None:
    """Somebody saved a file into the folder: it is neither read nor moved, and nobody waits."""
    sent = [home.send("anna", voice(seed)) for seed in range(2)]
    planted = home.settings.folder / "stores" / "raw" / sent[0].pseudonym / foreign
    planted.write_bytes(b"x")
    bench = home.bench()
    plan = home.plan(bench)
    assert plan.foreign == [f"{sent[0].pseudonym}/{foreign}"]
    assert home.run().disposed == 2
    assert planted.read_bytes() == b"x"
    status = home.status()
    assert status.adds_up, status
    assert (status.accepted, status.disposed, status.not_accepted) == (2, 2, 1)


def test_the_count_can_be_taken_beside_foreign_names_while_something_waits(home: Home) -> None:
    """The raw store is read through to find the backlog; foreign files are passed over."""
    sent = home.send("anna", voice(0))
    no_training = HookedStore(home.store("training"), _refuse_puts)
    with pytest.raises(StoreError):
        home.on(training=no_training).run()
    for foreign in FOREIGN:
        (home.settings.folder / "stores" / "raw" / sent.pseudonym / foreign).write_bytes(b"x")
    status = home.status()
    assert status.adds_up, status
    assert (status.waiting, status.not_accepted) == (1, len(FOREIGN))


def anyone() -> str:
    """A pseudonym that nobody was given."""
    return base64.b32encode(secrets.token_bytes(16)).decode().rstrip("=").lower()


def context(pseudonym: str) -> dict[str, str]:
    """What the header of a first sample says."""
    return {"purpose": "raw", "pseudonym": pseudonym, "sample": "first"}


@pytest.mark.inv("INV-2")
def test_garbage_under_thirty_pseudonyms_makes_no_keys(home: Home) -> None:
    """Headers that say all the right things over nothing: keys are for who sealed something."""
    key_id = home.intake().public.key_id
    for _ in range(30):
        whose = anyone()
        home.put(f"{whose}/first.unv", encode_header(key_id, {**context(whose)}) + b"garbage" * 300)
    real = home.send("anna", voice(1))
    report = home.run()
    assert set(report.quarantined.values()) == {"does-not-open"}
    assert len(report.quarantined) == 30
    keys = [entry.name for entry in home.store("training").list("keys/")]
    assert keys == [f"keys/{real.pseudonym}.unv"]
    assert len(home.leaves("contributor-key")) == 1
    assert home.status().adds_up


def published(home: Home) -> bytes:
    """Everything that stands in the log's store, names included."""
    log = home.store("log")
    return b"".join(entry.name.encode() + log.get(entry.name).data for entry in log.list())


def spellings(data: bytes) -> list[bytes]:
    """The ways in which bytes could stand in a leaf, at any alignment of base64's."""
    forms = [data, data.hex().encode(), data.hex().upper().encode()]
    for shift in range(3):
        whole = data[shift : shift + (len(data) - shift) // 3 * 3]
        forms += [base64.b64encode(whole), base64.urlsafe_b64encode(whole)]
    return forms


@pytest.mark.inv("INV-11")
def test_bytes_that_an_uploader_chose_do_not_get_into_the_log(home: Home) -> None:
    """A header's key id and context are a stranger's words; what is logged cannot be erased."""
    chosen = b"Jane Doe, DOB 75"
    whose = anyone()
    stranger = PrivateKey.generate().public
    home.put(f"{whose}/first.unv", encode_header(chosen, {**context(whose)}) + bytes(2000))
    home.put(f"{whose}/second.unv", encode_header(chosen, {"name": chosen.decode()}) + b"x")
    home.put(f"{whose}/third.unv", seal(voice(1), stranger, {**context(whose), "sample": "third"}))
    home.put(f"{whose}/{chosen.hex()}.unv", chosen)
    report = home.run()
    assert sorted(report.quarantined.values()) == ["unknown-format"] + ["unknown-intake-key"] * 3
    everything = published(home)
    for words in (chosen, stranger.key_id, whose.encode()):
        assert not any(form in everything for form in spellings(words))
    assert {leaf.fields["intake_key"] for leaf in home.leaves("accepted")} == {None}


def mixed(home: Home) -> list[Sent]:
    """Many contributors' recordings, some of them unusable, in one batch."""
    sent = [home.send(f"person-{seed % 4}", voice(seed)) for seed in range(12)]
    sent += [home.send(f"person-{seed % 4}", b"no audio %d" % seed) for seed in range(6)]
    return [*sent, home.put("a.txt", b"nothing sealed"), home.put("z.txt", b"nor this")]


def batches(home: Home) -> dict[str, list[Leaf]]:
    """The leaves of one batch by kind, in the order in which they were logged."""
    kinds = ("contributor-key", "accepted", "quarantined", "disposed")
    return {kind: home.leaves(kind) for kind in kinds}


@pytest.mark.parametrize("kind", ["contributor-key", "accepted", "quarantined", "disposed"])
def test_the_leaves_of_a_batch_are_in_no_order_but_their_own(home: Home, kind: str) -> None:
    """By what they say themselves: a listing's order would tell which belong to one person."""
    mixed(home)
    home.run()
    leaves = batches(home)[kind]
    assert len(leaves) >= 4
    order = [(str(leaf.fields.get("reason", "")), leaf.digest) for leaf in leaves]
    assert order == sorted(order)


def values(field: object) -> list[object]:
    """A field and everything in it."""
    if isinstance(field, dict):
        return [inner for value in field.values() for inner in values(value)]
    if isinstance(field, list):
        return [inner for value in field for inner in values(value)]
    return [field]


def test_no_leaf_holds_a_size_a_version_or_a_name(home: Home) -> None:
    """Held against a listing or a server's log, any of them would say whose recording it was."""
    sent = mixed(home)
    training = home.store("training")
    home.run()
    kinds = {leaf.kind for leaf in map(parse_leaf, home.settings.log_reader().entries())}
    assert kinds == {"intake-key", "contributor-key", "accepted", "quarantined", "disposed"}
    objects = list(training.list())
    sizes = {len(one.sealed) for one in sent} | {entry.size for entry in objects}
    words = {one.version for one in sent} | {entry.version for entry in objects}
    words |= {one.name for one in sent} | {entry.name for entry in objects}
    words |= {part for name in list(words) if name.endswith(".unv") for part in name.split("/")}
    words -= {"features", "keys"}
    words |= {word.removesuffix(".unv") for word in words}
    for data in home.settings.log_reader().entries():
        fields = parse_leaf(data).fields
        assert not fields.keys() & {"size", "version", "name", "sample", "pseudonym"}
        assert not {one for one in values(dict(fields)) if type(one) is int} & sizes
        assert [word for word in words if word.encode() in data] == []
    assert [word for word in words if word.encode() in published(home)] == []
