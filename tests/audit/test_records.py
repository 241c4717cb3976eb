"""INV-8: a read is in the audit trail before anything is opened, or nothing is opened at all."""

import getpass
import hashlib
import json
import os
import pwd
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.audit.watched import reads
from unvoiced.audit import AuditTrail, Purpose, requester
from unvoiced.audit.record import (
    AccessRecord,
    agrees,
    by_contributor,
    canonical,
    name_tag,
    parse_name,
    parse_record,
)
from unvoiced.disposal import Observation, PlacedFeatures, Receipt
from unvoiced.errors import AccessError, InputError, OpenError, StoreError, VerificationError
from unvoiced.features import pack
from unvoiced.keys.contributor import key_context, key_object_name
from unvoiced.log.leaves import encode_leaf
from unvoiced.log.note import Signer
from unvoiced.log.reader import LogReader
from unvoiced.log.writer import LogWriter
from unvoiced.reader import FeatureObject, FeatureReader, describe, feature_names, no_quota
from unvoiced.sealing import Json, PrivateKey, hpke_sealing, seal
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


class Watching:
    """What opens every sealed object of this library, with something done just before."""

    suite = hpke_sealing._SUITE

    def __init__(self, before: Callable[[], object]) -> None:
        self._before = before

    def decrypt(self, *sealed: Any, **info: Any) -> Any:
        """As the suite does."""
        self._before()
        return self.suite.decrypt(*sealed, **info)


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


def records(audit: MemoryStore) -> list[AccessRecord]:
    """What the trail holds, in order."""
    return [parse_record(audit.get(entry.name).data) for entry in audit.list()]


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
    seen: list[list[AccessRecord]] = []

    monkeypatch.setattr(hpke_sealing, "_SUITE", Watching(lambda: seen.append(records(audit))))
    trail = AuditTrail(audit, "run")
    arrays = FeatureReader(training, log, dataset, trail, Purpose.TRAINING, no_quota).read(feature)
    assert np.array_equal(arrays["log_mel"], ARRAYS["log_mel"])
    digest = hashlib.sha256(training.get(feature.name).data).hexdigest()
    assert [[record.objects for record in trail] for trail in seen] == [[(digest,)], [(digest,)]]


@pytest.mark.inv("INV-8")
def test_a_failing_audit_store_means_that_nothing_is_opened(
    training: MemoryStore,
    feature: FeatureObject,
    log: LogReader,
    dataset: PrivateKey,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The store's own error comes out, and no key was used on anything."""

    def opened() -> None:
        pytest.fail("something was opened without a record")

    monkeypatch.setattr(hpke_sealing, "_SUITE", Watching(opened))
    trail = AuditTrail(FailingStore("audit"), "run")
    with pytest.raises(StoreError, match="AccessDenied"):
        FeatureReader(training, log, dataset, trail, Purpose.TRAINING, no_quota).read(feature)


@pytest.mark.inv("INV-8")
def test_every_read_has_a_record_of_its_own(
    training: MemoryStore, feature: FeatureObject, log: LogReader, dataset: PrivateKey
) -> None:
    """Reading the same object again is recorded again, though its key is known by then."""
    audit = MemoryStore("audit")
    trail = AuditTrail(audit, "run")
    features = FeatureReader(training, log, dataset, trail, Purpose.EVALUATION, no_quota)
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
    wrong = PrivateKey(bytes(96))
    with pytest.raises(OpenError):
        FeatureReader(training, log, wrong, trail, Purpose.INSPECTION, no_quota).read(feature)
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
    """Canonical JSON on one line, what the call returned, under a name that says as much."""
    audit = MemoryStore("audit")
    record = AuditTrail(audit, "run-7").record(reads(2), Purpose.TRAINING)
    (entry,) = audit.list()
    data = audit.get(entry.name).data
    assert data == rfc8785.dumps(json.loads(data)) + b"\n"
    assert parse_record(data) == record
    assert set(record.objects) == {read.sha256 for read in reads(2)}
    assert list(record.contributors) == [reads(1)[0].contributor]
    tags = {tag for of_one in record.contributors.values() for tag in of_one.values()}
    assert tags == {name_tag(read.name) for read in reads(2)}
    assert (record.purpose, record.size) == ("training", 20)
    assert record.run.startswith("run-7-")
    assert record.source.endswith(f"@{socket.gethostname()}")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", record.time)
    assert agrees(entry.name, record)
    said = parse_name(entry.name)
    assert said is not None
    assert (said.day, said.objects, said.purpose) == (record.time[:10], 2, "training")
    assert said.moment == record.moment


@pytest.mark.inv("INV-8")
def test_a_record_names_nobody_who_was_recorded() -> None:
    """No pseudonym, sample or object name is in it: it cannot be erased for one person's sake."""
    audit = MemoryStore("audit")
    AuditTrail(audit, "run").record(reads(3, "secret-sample"), Purpose.TRAINING)
    (entry,) = audit.list()
    stored = entry.name.encode() + audit.get(entry.name).data
    assert b"a" * 26 not in stored
    assert b"secret-sample" not in stored


def test_records_list_in_order_of_time() -> None:
    """What one requester read on a day, for one purpose, is listed as a history."""
    audit, now = MemoryStore("audit"), datetime(2026, 11, 22, tzinfo=UTC)
    moments = iter(now + timedelta(milliseconds=7 * each) for each in range(20))
    trail = AuditTrail(audit, "run", lambda: next(moments))
    times = [trail.record(reads(1), Purpose.TRAINING).time for _ in range(20)]
    names = [entry.name for entry in audit.list()]
    pattern = r"reads/2026-11-22/[0-9a-f]{16}/training/[0-9a-f]{12}-[0-9a-f]{16}-1\.json"
    assert all(re.fullmatch(pattern, name) for name in names)
    assert times == [record.time for record in records(audit)]
    assert len(set(names)) == 20


def test_the_records_of_a_session_are_a_chain() -> None:
    """Each has the next number and the digest of the one before; another session begins anew."""
    audit = MemoryStore("audit")
    first, second = AuditTrail(audit, "run"), AuditTrail(audit, "run")
    assert first.run != second.run
    made = [first.record(reads(1), Purpose.TRAINING) for _ in range(3)]
    assert [record.sequence for record in made] == [0, 1, 2]
    digests = [hashlib.sha256(record.encode()).hexdigest() for record in made]
    assert [record.previous for record in made] == [None, *digests[:2]]
    assert second.record(reads(1), Purpose.TRAINING).previous is None


def test_after_a_put_that_failed_the_chain_goes_on_from_what_was_put() -> None:
    """The number is used again, so nothing seems to be missing."""
    audit, full = MemoryStore("audit"), FailingStore("audit")
    trail = AuditTrail(audit, "run")
    first = trail.record(reads(1), Purpose.TRAINING)
    trail._store = full
    with pytest.raises(StoreError):
        trail.record(reads(1), Purpose.TRAINING)
    trail._store = audit
    record = trail.record(reads(1), Purpose.TRAINING)
    assert record.sequence == 1
    assert record.previous == hashlib.sha256(first.encode()).hexdigest()


def test_records_are_canonical_as_rfc_8785_has_it() -> None:
    """The faster encoder writes the same bytes, whatever a user or a machine is called."""
    for text in ("anna", "jürgen@büro", 'a"\\b', "\x00\x1f\x7f\u2028 é 𝄞", "/</script>"):
        values = {"b": text, "a": [1, 0, -5, 2**53 - 1], "c": {"z": None, "y": True, "ab": text}}
        assert canonical(values) == rfc8785.dumps(values)  # type: ignore[arg-type]  # is JSON
    record = AuditTrail(MemoryStore("audit"), "run").record(reads(50), Purpose.TRAINING)
    assert record.encode() == rfc8785.dumps(json.loads(record.encode())) + b"\n"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"purpose":"training"', b'"purpose":"fun"'),
        (b'"sequence":0', b'"sequence":"0"'),
        (b'"sequence":0', b'"sequence":0.0'),
        (b'"size":10', b'"size":true'),
        (b'"previous":null', b'"previous":7'),
        (b'"previous":null', b'"previous": null'),
        (b'"previous":null', b'"previous":"%s"' % (b"A" * 64)),
        (b'"sequence":0', b'"sequence":-1'),
        (b'"source":"', b'"source":"\\u001b[2K'),
        (b'"source":"', b'"source":"\\n'),
        (b'"source":"', '"source":"\u202e'.encode()),
        (b'"run":"', b'"run":"' + b"x" * 512),
        (b'":10,', b'":10, '),
        (b'"format":"unvoiced-access/1"', b'"format":"unvoiced-access/2"'),
        (b'"run":', b'"more":1,"run":'),
        (b"{", b"["),
        (b"}\n", b"}"),
        (b"Z", b"+01:00"),
    ],
)
def test_what_is_no_record_is_refused(old: bytes, new: bytes) -> None:
    """One spelling of everything, and nothing that this format does not know."""
    audit = MemoryStore("audit")
    data = AuditTrail(audit, "run").record(reads(1), Purpose.TRAINING).encode()
    assert old in data
    with pytest.raises(VerificationError, match="no record of the audit trail"):
        parse_record(data.replace(old, new, 1))


@pytest.mark.parametrize("day", ["reads/2026-11-22/", "reads/9999-12-31/"])
@pytest.mark.parametrize("time", ["ffffffffffff", "00000000000", "g00000000000"])
def test_a_planted_name_that_says_no_time_is_no_records(day: str, time: str) -> None:
    """Nothing that lists the trail trips over it."""
    assert parse_name(f"{day}{'0' * 16}/training/{time}-{'0' * 16}-1.json") is None


@pytest.mark.inv("INV-8")
def test_the_requester_is_not_taken_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """`LOGNAME=somebody-else python train.py` does not read in somebody else's name."""
    for variable in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(variable, "somebody-else")
    record = AuditTrail(MemoryStore("audit"), "run").record(reads(1), Purpose.TRAINING)
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
    record = AuditTrail(MemoryStore("audit"), "run").record(reads(1), Purpose.TRAINING)
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
        match=rf"^a purpose is one of: training, evaluation, inspection, erasure; not {value!r}$",
    ):
        Purpose.of(value)


@pytest.mark.inv("INV-8")
def test_a_machine_whose_name_is_not_printable_is_recorded_escaped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What reads the record back takes printable texts alone."""
    monkeypatch.setattr(socket, "gethostname", lambda: "ho\x1b[2Kst\udcff")
    audit = MemoryStore("audit")
    AuditTrail(audit, "run\n" + "x" * 600).record(reads(1), Purpose.TRAINING)
    (record,) = records(audit)
    assert record.source.endswith(r"@ho\x1b[2Kst\udcff")
    assert record.run.startswith(r"run\n")


@pytest.mark.parametrize(
    "other", [{"name": "features/x-00000000/other"}, {"contributor": "1" * 64}]
)
def test_one_digest_of_two_objects_is_refused(other: dict[str, str]) -> None:
    """The record would name one of them: less than is read."""
    read = reads(1)[0]
    assert by_contributor([read, read]) == by_contributor([read])
    audit = MemoryStore("audit")
    with pytest.raises(ValueError, match="of two objects"):
        AuditTrail(audit, "run").record([read, replace(read, **other)], Purpose.TRAINING)
    assert list(audit.list()) == []


def test_more_than_a_record_holds_is_refused() -> None:
    """Nobody would read it."""
    audit = MemoryStore("audit")
    with pytest.raises(ValueError, match="larger than"):
        AuditTrail(audit, "run").record(reads(12_000), Purpose.TRAINING)
    assert list(audit.list()) == []


def mapped(monkeypatch: pytest.MonkeyPatch, path: Path, *lines: str) -> None:
    """A user namespace as /proc shows it; the kernel's own is tried by hand (docs/audit.md)."""
    path.write_text("".join(f"{line}\n" for line in lines))
    monkeypatch.setattr(requester, "_UID_MAP", path)


@pytest.mark.inv("INV-8")
@pytest.mark.parametrize("inside", [0, 1, 1000])
def test_in_a_user_namespace_it_is_the_number_outside(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, inside: int
) -> None:
    """`unshare -U --map-user=1000` makes nobody another: neither by number nor by name."""
    mapped(monkeypatch, tmp_path / "map", f"{inside} 1234 1", "5000 100000 65536")
    monkeypatch.setattr(os, "getuid", lambda: inside)
    assert requester.requester_of("file:///x") == "os-user:user namespace:1234"
    monkeypatch.setattr(os, "getuid", lambda: 5007)
    assert requester.requester_of("file:///x") == "os-user:user namespace:100007"


@pytest.mark.inv("INV-8")
@pytest.mark.parametrize("lines", [[], ["1000 0 1"], ["what"]])
def test_who_is_nobody_outside_does_not_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, lines: list[str]
) -> None:
    """The kernel shows everybody without a number as the same nobody."""
    mapped(monkeypatch, tmp_path / "map", *lines)
    monkeypatch.setattr(os, "getuid", lambda: 65534)
    with pytest.raises(AccessError):
        AuditTrail(MemoryStore("audit"), "run")
    assert requester.source()  # beside credentials, which say who reads


@pytest.mark.inv("INV-8")
@pytest.mark.skipif(shutil.which("unshare") is None, reason="no unshare here")
def test_a_real_user_namespace_is_seen_to_be_one() -> None:
    """Root in there is who opened it."""
    words = ["unshare", "-Ur", sys.executable, "-c"]
    program = "from unvoiced.audit.requester import requester_of as r; print(r('file:///x'))"
    made = subprocess.run([*words, program], capture_output=True, text=True, check=False)
    if "unshare failed" in made.stderr or "Operation not permitted" in made.stderr:
        pytest.skip("no user namespaces here")
    assert made.stdout.strip() == f"os-user:user namespace:{os.getuid()}"
