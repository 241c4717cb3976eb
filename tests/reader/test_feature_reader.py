"""Reading features back: what no receipt names is not opened, and nothing is without a record."""

import base64
import hashlib
import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.ingest.dying import Died, dies
from tests.ingest.home import Home, Sent, expected, same
from tests.ingest.hooked_store import HookedStore, once
from tests.reader.readings import log_destroyed_key, overwrite, recorded, voice
from unvoiced.audit import AuditTrail, Purpose
from unvoiced.errors import InputError, NotFound, OpenError, StoreError, VerificationError
from unvoiced.features import pack
from unvoiced.ingest.accepting import accept
from unvoiced.ingest.outcome import BatchReport
from unvoiced.keys.contributor import key_object_name
from unvoiced.log.leaves import encode_leaf
from unvoiced.reader import (
    FeatureObject,
    FeatureOpener,
    FeatureReader,
    describe,
    feature_names,
    find_features,
    key_cache,
    no_quota,
    opener,
)
from unvoiced.sealing import (
    Header,
    Json,
    Plaintext,
    PrivateKey,
    PublicKey,
    encode_header,
    open_parsed,
    open_sealed,
    parse_header,
    seal,
)
from unvoiced.stores import Store
from unvoiced.stores.memory import MemoryStore


class FailingStore(MemoryStore):
    """An audit store that is full, gone, or not writable for this role."""

    def put_if_absent(self, name: str, data: bytes) -> str:
        """Refuse."""
        raise StoreError(f"{name}: AccessDenied")


@pytest.fixture(scope="module")
def ingested(tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, Sent, Sent]:
    """A deployment with the features of two people; nobody changes it."""
    home = Home.create(tmp_path_factory.mktemp("reader") / "home")
    sent = home.send("anna", voice(1)), home.send("bruno", voice(2))
    assert home.run().disposed == 2
    return home, *sent


@pytest.fixture
def anna(ingested: tuple[Home, Sent, Sent]) -> Sent:
    """One recording that became features."""
    return ingested[1]


@pytest.fixture
def bruno(ingested: tuple[Home, Sent, Sent]) -> Sent:
    """Another person's."""
    return ingested[2]


@pytest.fixture
def home(ingested: tuple[Home, Sent, Sent]) -> Home:
    """The deployment, with a training store in memory that may be changed."""
    source, training = ingested[0].store("training"), MemoryStore("training")
    for entry in source.list():
        training.put_if_absent(entry.name, source.get(entry.name).data)
    return ingested[0].on(training=training)


@pytest.fixture
def audit() -> MemoryStore:
    """The audit store."""
    return MemoryStore("audit")


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The purposes of all that the reader opens, or tries to."""
    seen: list[str] = []

    def key(sealed: bytes, keys: PrivateKey, expect: Mapping[str, Json]) -> Plaintext:
        seen.append(str(expect["purpose"]))
        return open_sealed(sealed, keys, expect)

    def features(sealed: bytes, header: Header, key: PrivateKey) -> Plaintext:
        seen.append(str(header.context["purpose"]))
        return open_parsed(sealed, header, key)

    monkeypatch.setattr(key_cache, "open_sealed", key)
    monkeypatch.setattr(opener, "open_parsed", features)
    return seen


def reader(home: Home, audit: Store, dataset: PrivateKey | None = None) -> FeatureReader:
    """A data scientist's reader."""
    return FeatureReader(
        home.store("training"),
        home.settings.log_reader(),
        dataset or home.dataset(),
        AuditTrail(audit, "run"),
        Purpose.TRAINING,
        no_quota,
    )


def described(home: Home, name: str) -> FeatureObject:
    """A feature object that is one by its header."""
    found = describe(home.store("training"), name)
    assert found is not None
    return found


@pytest.mark.inv("INV-8")
def test_genuine_features_are_read_and_recorded_first(
    home: Home, anna: Sent, audit: MemoryStore, opened: list[str]
) -> None:
    """The arrays that were extracted; the trail names the very bytes that were opened."""
    arrays = reader(home, audit).read(described(home, anna.feature_name))
    assert same(arrays, expected(anna.data))
    sealed = home.store("training").get(anna.feature_name).data
    assert recorded(audit) == [hashlib.sha256(sealed).hexdigest()]
    assert opened == ["contributor-key", "features"]


def forged(home: Home, sent: Sent) -> bytes:
    """Arrays of an attacker's own, sealed to the contributor's public key under a true header."""
    training = home.store("training")
    key = parse_header(training.get(key_object_name(sent.pseudonym)).data).context
    public = PublicKey(base64.b64decode(str(key["public_key"])))
    context = parse_header(training.get(sent.feature_name).data).context
    return seal(pack({"log_mel": np.zeros((80, 5), np.float16)}), public, context)


@pytest.mark.inv("INV-2")
@pytest.mark.parametrize("where", ["in its place", "as a sample of its own"])
def test_features_that_no_receipt_names_are_not_opened(
    home: Home, anna: Sent, audit: MemoryStore, opened: list[str], where: str
) -> None:
    """Who may write the training store can seal to a public key; only the worker gets receipts."""
    sealed = forged(home, anna)
    assert (
        parse_header(sealed).key_id
        == parse_header(home.store("training").get(anna.feature_name).data).key_id
    )
    name = anna.feature_name
    if where != "in its place":
        name = name.replace(anna.sample, "planted")
    overwrite(home, name, sealed)
    with pytest.raises(VerificationError, match="no receipt of the log names this object"):
        reader(home, audit).read(described(home, name))
    assert opened == []
    # It was fetched, and so the store's own log shows that it was: the trail says so too.
    assert recorded(audit) == [hashlib.sha256(sealed).hexdigest()]


@pytest.mark.inv("INV-2")
def test_features_without_a_receipt_yet_wait_for_it(tmp_path: Path, audit: MemoryStore) -> None:
    """Genuine, and put by a run that died before it logged so: readable once the next one has."""
    home = Home.create(tmp_path / "home")
    sent = home.send("anna", voice(1))

    def die() -> None:
        raise Died

    assert dies(home.on(raw=HookedStore(home.store("raw"), once("delete", sent.name, die))).run)
    feature = described(home, sent.feature_name)
    with pytest.raises(VerificationError):
        reader(home, audit).read(feature)
    home.run()
    assert same(reader(home, audit).read(feature), expected(sent.data))


@pytest.mark.parametrize("bit", [0, 60, 400, -1])
def test_a_changed_object_is_not_opened(
    home: Home, anna: Sent, audit: MemoryStore, opened: list[str], bit: int
) -> None:
    """Its digest is another one, whichever byte was changed; also between listing and reading."""
    feature = described(home, anna.feature_name)
    data = bytearray(home.store("training").get(anna.feature_name).data)
    data[bit] ^= 1
    overwrite(home, anna.feature_name, bytes(data))
    with pytest.raises(VerificationError):
        reader(home, audit).read(feature)
    assert opened == []


def test_an_object_that_is_gone_by_then_is_not_found(
    home: Home, anna: Sent, audit: MemoryStore
) -> None:
    """Erased between listing and reading: said so, and no read is recorded."""
    feature = described(home, anna.feature_name)
    training = home.store("training")
    training.delete(feature.name, training.get(feature.name).version)
    with pytest.raises(NotFound):
        reader(home, audit).read(feature)
    assert recorded(audit) == []


@pytest.mark.parametrize("to", ["contributor", "sample"])
def test_a_genuine_object_in_anothers_place_does_not_open(
    home: Home, anna: Sent, bruno: Sent, audit: MemoryStore, to: str
) -> None:
    """A receipt names it, and the context it was sealed in does not fit the place."""
    sealed = home.store("training").get(anna.feature_name).data
    name = (
        bruno.feature_name if to == "contributor" else anna.feature_name.replace(anna.sample, "x")
    )
    overwrite(home, name, sealed)
    with pytest.raises(OpenError):
        reader(home, audit).read(described(home, name))
    assert recorded(audit) == [hashlib.sha256(sealed).hexdigest()]


@pytest.mark.parametrize("folder", ["mfcc-20-deltas-00000000", "speech-16k-00000000"])
def test_an_object_in_another_feature_sets_folder_is_none_of_it(
    home: Home, anna: Sent, audit: MemoryStore, folder: str
) -> None:
    """Its header names the set it is of: it is not described, and does not open as the other."""
    _, _, rest = anna.feature_name.removeprefix("features/").partition("/")
    name = f"features/{folder}/{rest}"
    overwrite(home, name, home.store("training").get(anna.feature_name).data)
    assert describe(home.store("training"), name) is None
    assert name in [one.name for one in find_features(home.store("training"), anna.sample)]
    with pytest.raises(OpenError):
        reader(home, audit).open(name)


def test_a_description_that_was_tampered_with_does_not_open(
    home: Home, anna: Sent, audit: MemoryStore
) -> None:
    """Whatever a caller says about an object is checked against what it was sealed as."""
    feature = described(home, anna.feature_name)
    reads = reader(home, audit)
    for changed in (
        replace(feature, sample="another"),
        replace(feature, context={**feature.context, "feature_set": "0" * 64}),
        replace(feature, context={}),
    ):
        with pytest.raises(OpenError) as caught:
            reads.read(changed)
        assert str(caught.value) == str(OpenError())


def junk(anna: Sent, key_id: bytes) -> Iterator[tuple[str, bytes]]:
    """Objects that somebody put among the features."""
    folder, _, sample = anna.feature_name.rpartition("/")
    name = f"{folder}/{{}}.unv"
    yield "features/aaa/junk.unv", b"x"
    yield "features/junk", b""
    yield f"{folder}/{sample}/deeper.unv", b"x"
    yield f"{folder}/README.md", b"# features"
    yield name.format("empty"), b""
    yield name.format("text"), b"no sealed object"
    yield name.format("magic"), b"UNV1"
    yield name.format("no-context"), encode_header(key_id, {}) + b"x"
    for nth, value in enumerate([None, 7, [], {"a": []}, "", "0" * 64]):
        yield name.format(f"set-{nth}"), encode_header(key_id, {"feature_set": value}) + b"x"


def test_junk_among_the_features_hinders_nobody(home: Home, anna: Sent, audit: MemoryStore) -> None:
    """Listing, describing and finding go on, what is genuine is read, and the rest is refused."""
    training = home.store("training")
    genuine = {entry.name for entry in feature_names(training)}
    planted = dict(junk(anna, PrivateKey.generate().public.key_id))
    for name, data in planted.items():
        overwrite(home, name, data)
    listed = {entry.name for entry in feature_names(training)}
    assert listed >= genuine
    assert {name for name in listed if describe(training, name) is not None} == genuine
    assert all(describe(training, name) is None for name in planted)
    assert [one.name for one in find_features(training, anna.sample)] == [anna.feature_name]
    reads = reader(home, audit)
    for sample in ("text", "empty", "set-3", "no-context"):
        (found,) = find_features(training, sample)
        with pytest.raises(VerificationError, match="no receipt"):
            reads.open(found.name)
    for sample in ("junk", "deeper"):
        with pytest.raises(InputError, match="no features"):
            find_features(training, sample)
    assert same(reader(home, audit).read(described(home, anna.feature_name)), expected(anna.data))


def test_files_under_foreign_names_hinder_nobody(tmp_path: Path) -> None:
    """On a local disk anybody can save anything under any name."""
    home = Home.create(tmp_path / "home")
    sent = home.send("anna", voice(1))
    home.run()
    training = home.store("training")
    folder = (home.settings.folder / "stores" / "training" / sent.feature_name).parent
    for foreign in ("my voice.unv", "ä.unv", "a\nb.unv", ".hidden.unv"):
        (folder / foreign).write_bytes(b"x")
        assert describe(training, f"{folder}/{foreign}") is None
    assert [entry.name for entry in feature_names(training)] == [sent.feature_name]
    assert [one.name for one in find_features(training, sent.sample)] == [sent.feature_name]


def test_a_feature_set_is_named_whole() -> None:
    """By its name, then of any digest, or by its folder; what only begins alike is another set."""
    training = MemoryStore()
    folders = (
        *("speech-16k-0badcafe", "speech-16k-12345678", "speech-16k-float32-0badcafe"),
        *("mfcc-13-0badcafe", "mfcc-1-deadbeef-0badcafe"),
    )
    for folder in folders:
        training.put_if_absent(f"features/{folder}/{'a' * 26}/sample.unv", b"x")

    def listed(feature_set: str = "") -> list[str]:
        return [one.name.split("/")[1] for one in feature_names(training, feature_set)]

    assert listed() == sorted(folders)
    assert listed("speech-16k") == ["speech-16k-0badcafe", "speech-16k-12345678"]
    assert listed("speech-16k-12345678") == ["speech-16k-12345678"]
    assert listed("speech-16k-float32") == ["speech-16k-float32-0badcafe"]
    assert listed("mfcc-1-deadbeef") == ["mfcc-1-deadbeef-0badcafe"]
    for unknown in ("mfcc-1", "speech", "speech-16k-1234567", "mfcc-13-", "mfcc-13-0badcafe/"):
        with pytest.raises(InputError, match="no features of the set"):
            listed(unknown)
    assert list(feature_names(MemoryStore())) == []


@pytest.mark.parametrize("spelled", ["sample", "pseudonym/sample", "name", "sample.unv"])
def test_features_are_found_by_every_name_a_sample_has(
    home: Home, anna: Sent, spelled: str
) -> None:
    """As a receipt, a listing or a report would spell it."""
    wanted = {
        "sample": anna.sample,
        "pseudonym/sample": f"{anna.pseudonym}/{anna.sample}",
        "name": anna.feature_name,
        "sample.unv": f"{anna.sample}.unv",
    }[spelled]
    found = find_features(home.store("training"), wanted)
    assert [one.name for one in found] == [anna.feature_name]


@pytest.mark.parametrize("sample", ["", "..", "a b", "*", "nobodys", "/", "x" * 2000])
def test_what_is_no_sample_is_an_input_error(home: Home, sample: str) -> None:
    """And not the first object that ends alike."""
    with pytest.raises(InputError):
        find_features(home.store("training"), sample)


@pytest.mark.inv("INV-8")
def test_where_the_record_cannot_be_written_nothing_is_opened(
    home: Home, anna: Sent, opened: list[str]
) -> None:
    """The store's own error comes out, and no key was used on anything, the second time neither."""
    reads = reader(home, FailingStore("audit"))
    for _ in range(2):
        with pytest.raises(StoreError, match="AccessDenied"):
            reads.read(described(home, anna.feature_name))
    assert opened == []


@pytest.mark.inv("INV-8")
def test_the_wrong_dataset_key_opens_nothing_and_leaves_a_trace(
    home: Home, anna: Sent, audit: MemoryStore, opened: list[str]
) -> None:
    """An `OpenError` that says no more than any other; who tried is in the trail."""
    stranger = PrivateKey.generate()
    with pytest.raises(OpenError) as caught:
        reader(home, audit, stranger).read(described(home, anna.feature_name))
    assert str(caught.value) == str(OpenError())
    assert len(recorded(audit)) == 1
    assert opened == ["contributor-key"]


@pytest.mark.inv("INV-2")
def test_a_key_object_swapped_for_another_opens_nothing(
    home: Home, anna: Sent, bruno: Sent, audit: MemoryStore, opened: list[str]
) -> None:
    """Another contributor's does not fit its place; one that no worker made is not even tried."""
    training = home.store("training")
    context = {"purpose": "contributor-key", "pseudonym": anna.pseudonym}
    made = seal(PrivateKey.generate().secret_bytes(), home.dataset().public, {**context})
    overwrite(
        home, key_object_name(anna.pseudonym), training.get(key_object_name(bruno.pseudonym)).data
    )
    with pytest.raises(OpenError):
        reader(home, audit).read(described(home, anna.feature_name))
    tried = len(opened)
    for planted in (made, b"junk"):
        overwrite(home, key_object_name(anna.pseudonym), planted)
        with pytest.raises(VerificationError, match="knows no such key object"):
            reader(home, audit).read(described(home, anna.feature_name))
    assert len(opened) == tried


@pytest.fixture
def erasable(tmp_path: Path) -> tuple[Home, Sent, Sent]:
    """A deployment of its own, whose log may be written."""
    home = Home.create(tmp_path / "home")
    sent = home.send("anna", voice(1)), home.send("anna", voice(3))
    home.run()
    return home, *sent


@pytest.mark.inv("INV-8", "INV-10")
def test_a_key_that_was_put_back_after_its_destruction_opens_nothing(
    erasable: tuple[Home, Sent, Sent], audit: MemoryStore, opened: list[str]
) -> None:
    """A restored backup has the features, their receipt and the key; the log says it is destroyed.

    Also for a reader that was at work before and had not needed that key. The features are not even
    fetched, so there is no read to record.
    """
    home, anna, _ = erasable
    other = home.send("bruno", voice(2))
    home.run()
    feature = described(home, anna.feature_name)
    fetched: list[str] = []

    def watched(operation: str, name: str, go: Callable[[], object]) -> object:
        if operation == "get":
            fetched.append(name)
        return go()

    home = home.on(training=HookedStore(home.store("training"), watched))
    before = reader(home, audit)
    before.read(described(home, other.feature_name))  # it has read the log, and needed another key
    log_destroyed_key(home, anna.pseudonym)
    for reads in (before, reader(home, audit)):
        with pytest.raises(VerificationError, match="says that this key was destroyed"):
            reads.read(feature)
    assert opened == ["contributor-key", "features"]  # the other's
    assert len(recorded(audit)) == 1
    assert anna.feature_name not in fetched


def test_the_log_is_read_once_and_then_followed(
    erasable: tuple[Home, Sent, Sent], audit: MemoryStore
) -> None:
    """Reading many objects of one contributor costs one look at the log, not one an object."""
    home, anna, second = erasable
    looks: list[str] = []

    def look(_operation: str, name: str, go: Callable[[], object]) -> object:
        looks.append(name)
        return go()

    watched = HookedStore(home.store("log"), look)
    reads = reader(home.on(log=watched), audit)
    reads.read(described(home, anna.feature_name))
    once_read = len(looks)
    for sent in (anna, second, anna):
        reads.read(described(home, sent.feature_name))
    assert len(looks) == once_read


@pytest.mark.inv("INV-2")
def test_features_that_an_extracted_leaf_names_are_read(
    erasable: tuple[Home, Sent, Sent], audit: MemoryStore
) -> None:
    """Features made later, of a waiting or an archived recording, have a leaf of their own.

    Here of a recording that waits; until the leaf is there, the object is nobody's.
    """
    home, anna, _ = erasable
    training = home.store("training")
    waiting = home.send("anna", voice(9))
    bench = home.bench()
    accept(list(home.plan(bench).batches[0]), bench, BatchReport())
    key = parse_header(training.get(key_object_name(anna.pseudonym)).data).context
    context = dict(parse_header(training.get(anna.feature_name).data).context)
    name = anna.feature_name.replace(anna.sample, "backfilled")
    arrays = expected(waiting.data)
    sealed = seal(
        pack(arrays),
        PublicKey(base64.b64decode(str(key["public_key"]))),
        {**context, "sample": "backfilled"},
    )
    training.put_if_absent(name, sealed)
    reads = reader(home, audit)
    with pytest.raises(VerificationError, match="no receipt"):
        reads.read(described(home, name))
    leaf = encode_leaf(
        "extracted",
        waiting.sha256,
        home.clock(),
        features=[{"feature_set": "0" * 64, "sha256": hashlib.sha256(sealed).hexdigest()}],
    )
    assert home.settings.accounts(home.settings.vault("worker")).append([leaf])
    assert same(reads.read(described(home, name)), arrays)


@pytest.mark.parametrize("kind", [FeatureReader, FeatureOpener])
def test_nobody_reads_without_saying_which_quota(kind: type[object]) -> None:
    """Whoever leaves it out has an error, not a reader that nobody counts."""
    assert inspect.signature(kind).parameters["admit"].default is inspect.Parameter.empty
