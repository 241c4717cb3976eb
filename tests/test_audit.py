"""INV-8: a read is in the audit trail before anything is opened, or nothing is opened at all."""

import getpass
import hashlib
import json
import os
import pwd
import re
import socket
from collections.abc import Mapping
from datetime import UTC, datetime

import numpy as np
import pytest
import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from unvoiced import reader
from unvoiced.audit import AccessRecord, AuditTrail, Purpose
from unvoiced.disposal import Observation, PlacedFeatures, Receipt
from unvoiced.errors import InputError, OpenError, StoreError
from unvoiced.features import pack
from unvoiced.keys.contributor import key_context, key_object_name
from unvoiced.log.leaves import encode_leaf
from unvoiced.log.note import Signer
from unvoiced.log.reader import LogReader
from unvoiced.log.writer import LogWriter
from unvoiced.reader import FeatureObject, FeatureReader, describe, feature_names
from unvoiced.sealing import Json, Keyring, Plaintext, PrivateKey, open_sealed, seal
from unvoiced.stores.memory import MemoryStore

ALICE, SAMPLE, DIGEST = "a" * 26, "one", "1234abcd" * 8
ARRAYS = {
    "log_mel": np.zeros((80, 3), np.float32),
    "mfcc": np.ones((20, 3), np.float32),
}


class FailingStore(MemoryStore):
    """An audit store that is full, gone, or not writable for this role."""

    def put_if_absent(self, name: str, data: bytes) -> str:
        """Refuse."""
        raise StoreError(f"{name}: AccessDenied")


@pytest.fixture(scope="module")
def dataset() -> PrivateKey:
    """The dataset key pair."""
    return PrivateKey(bytes(range(96)))


@pytest.fixture
def training(dataset: PrivateKey) -> MemoryStore:
    """A training store with one contributor's key and one feature object."""
    contributor, store = PrivateKey.generate(), MemoryStore("training")
    sealed_key = seal(contributor.secret_bytes(), dataset.public, key_context(ALICE))
    store.put_if_absent(key_object_name(ALICE), sealed_key)
    context: dict[str, Json] = {
        "purpose": "features",
        "pseudonym": ALICE,
        "sample": SAMPLE,
        "feature_set": DIGEST,
    }
    sealed = seal(pack(ARRAYS), contributor.public, context)
    store.put_if_absent(f"features/speech-16k-1234abcd/{ALICE}/{SAMPLE}.unv", sealed)
    return store


@pytest.fixture
def feature(training: MemoryStore) -> FeatureObject:
    """The one feature object as listed."""
    (listed,) = feature_names(training)
    feature = describe(training, listed.name)
    assert feature is not None
    return feature


@pytest.fixture
def log(training: MemoryStore, feature: FeatureObject) -> LogReader:
    """A log with a receipt that names the object."""
    now = datetime(2026, 11, 22, tzinfo=UTC)
    digest = hashlib.sha256(training.get(feature.name).data).hexdigest()
    placed = (PlacedFeatures(feature.name, DIGEST, digest),)
    gone = Observation(False, False, "absent", 0, now)
    receipt = Receipt("0" * 64, "object", placed, gone, "test").leaf()
    store, signer = MemoryStore(), Signer("example/log", Ed25519PrivateKey.generate())
    accepted = encode_leaf("accepted", "0" * 64, now, intake_key=None)
    sealed_key = training.get(key_object_name(ALICE)).data
    key = encode_leaf("contributor-key", hashlib.sha256(sealed_key).hexdigest(), now)
    LogWriter.create(store, signer).append(lambda _: [key, accepted, receipt])
    return LogReader(store, signer.verifier)


def records(audit: MemoryStore) -> list[dict[str, Json]]:
    """What the trail holds, in order."""
    return [
        json.loads(line)
        for entry in audit.list()
        for line in audit.get(entry.name).data.splitlines()
    ]


@pytest.mark.inv("INV-8")
def test_the_record_is_stored_before_anything_is_opened(
    training: MemoryStore,
    feature: FeatureObject,
    log: LogReader,
    dataset: PrivateKey,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """At each opening, of the contributor's key too, the trail already names these very bytes."""
    audit = MemoryStore("audit")
    seen: list[list[dict[str, Json]]] = []

    def watched(sealed: bytes, keys: Keyring | PrivateKey, expect: Mapping[str, Json]) -> Plaintext:
        seen.append(records(audit))
        return open_sealed(sealed, keys, expect)

    monkeypatch.setattr(reader, "open_sealed", watched)
    arrays = FeatureReader(training, log, dataset, AuditTrail(audit, "run"), Purpose.TRAINING).read(
        feature
    )
    assert np.array_equal(arrays["log_mel"], ARRAYS["log_mel"])
    digest = hashlib.sha256(training.get(feature.name).data).hexdigest()
    assert [[record["objects"] for record in trail] for trail in seen] == [[[digest]], [[digest]]]


@pytest.mark.inv("INV-8")
def test_a_failing_audit_store_means_that_nothing_is_opened(
    training: MemoryStore,
    feature: FeatureObject,
    log: LogReader,
    dataset: PrivateKey,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The store's own error comes out, and no key was used on anything."""

    def opened(*_: object) -> Plaintext:
        pytest.fail("something was opened without a record")

    monkeypatch.setattr(reader, "open_sealed", opened)
    trail = AuditTrail(FailingStore("audit"), "run")
    with pytest.raises(StoreError, match="AccessDenied"):
        FeatureReader(training, log, dataset, trail, Purpose.TRAINING).read(feature)


@pytest.mark.inv("INV-8")
def test_every_read_has_a_record_of_its_own(
    training: MemoryStore, feature: FeatureObject, log: LogReader, dataset: PrivateKey
) -> None:
    """Reading the same object again is recorded again, though its key is known by then."""
    audit = MemoryStore("audit")
    features = FeatureReader(training, log, dataset, AuditTrail(audit, "run"), Purpose.EVALUATION)
    for _ in range(3):
        features.read(feature)
    assert len(records(audit)) == 3


@pytest.mark.inv("INV-8")
def test_an_attempt_that_fails_is_recorded_too(
    training: MemoryStore, feature: FeatureObject, log: LogReader
) -> None:
    """Who tries with the wrong key leaves a trace of having tried."""
    audit = MemoryStore("audit")
    trail = AuditTrail(audit, "run")
    with pytest.raises(OpenError):
        FeatureReader(training, log, PrivateKey(bytes(96)), trail, Purpose.INSPECTION).read(feature)
    assert len(records(audit)) == 1


@pytest.mark.inv("INV-8")
def test_listing_opens_nothing_and_needs_no_record(training: MemoryStore) -> None:
    """Headers are public to whoever may list: no key is at hand here at all."""
    (listed,) = feature_names(training)
    feature = describe(training, listed.name)
    assert feature is not None
    assert (feature.pseudonym, feature.sample) == (ALICE, SAMPLE)


@pytest.mark.inv("INV-8")
def test_a_record_says_who_what_why_when_and_from_where() -> None:
    """Canonical JSON on one line, exactly what the call returned."""
    audit = MemoryStore("audit")
    record = AuditTrail(audit, "run-7").record(["ab" * 32, "cd" * 32], Purpose.TRAINING)
    (entry,) = audit.list()
    data = audit.get(entry.name).data
    assert data == rfc8785.dumps(json.loads(data)) + b"\n"
    stored = json.loads(data)
    assert AccessRecord(**{**stored, "objects": tuple(stored["objects"])}) == record
    assert record.objects == ("ab" * 32, "cd" * 32)
    assert (record.purpose, record.run) == ("training", "run-7")
    assert record.source == socket.gethostname()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", record.time)
    assert entry.name.startswith(f"{record.time[:10]}/")


def test_records_list_in_order_of_time() -> None:
    """Names begin with date and milliseconds, so a listing is a history."""
    audit = MemoryStore("audit")
    trail = AuditTrail(audit, "run")
    times = [trail.record([f"{each:064x}"], Purpose.TRAINING).time for each in range(20)]
    names = [entry.name for entry in audit.list()]
    pattern = r"\d{4}-\d\d-\d\d/[0-9a-f]{12}-[0-9a-f]{16}\.jsonl"
    assert all(re.fullmatch(pattern, name) for name in names)
    assert sorted(times) == [str(record["time"]) for record in records(audit)]
    assert len(set(names)) == 20


@pytest.mark.inv("INV-8")
def test_the_requester_is_not_taken_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """`LOGNAME=somebody-else python train.py` does not read in somebody else's name."""
    for variable in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(variable, "somebody-else")
    record = AuditTrail(MemoryStore("audit"), "run").record(["ab" * 32], Purpose.TRAINING)
    assert record.requester == f"os-user:{pwd.getpwuid(os.getuid()).pw_name}:{os.getuid()}"


@pytest.mark.inv("INV-8")
def test_a_user_without_a_name_is_recorded_by_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """Containers run under numbers that no passwd file knows; reading there is logged as well."""
    for variable in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(variable, raising=False)

    def nobody(uid: int) -> pwd.struct_passwd:
        raise KeyError(f"getpwuid(): uid not found: {uid}")

    monkeypatch.setattr(pwd, "getpwuid", nobody)
    with pytest.raises((KeyError, OSError)):
        getpass.getuser()
    record = AuditTrail(MemoryStore("audit"), "run").record(["ab" * 32], Purpose.TRAINING)
    assert record.requester.endswith(f":{os.getuid()}")


@pytest.mark.parametrize("purpose", Purpose)
def test_a_purpose_is_known_by_its_name(purpose: Purpose) -> None:
    """The closed list."""
    assert Purpose.of(purpose.value) is purpose


@pytest.mark.parametrize("value", ["", "Training", "training ", "fun", "TRAINING"])
def test_another_purpose_is_refused_with_the_list(value: str) -> None:
    """So that whoever asks learns what there is to choose from."""
    with pytest.raises(
        InputError,
        match=r"^a purpose is one of: training, evaluation, inspection, erasure$",
    ):
        Purpose.of(value)
