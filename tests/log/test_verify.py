"""Verifying a whole log: history as in test_reader, and the accounts kept in it."""

import hashlib
from datetime import UTC, datetime
from typing import Any

import pytest
import rfc8785
from histories import numbered

from unvoiced.disposal import Observation, PlacedFeatures, Receipt
from unvoiced.errors import VerificationError
from unvoiced.log.feature_receipts import FeatureReceipts
from unvoiced.log.leaves import encode_leaf, parse_leaf
from unvoiced.log.note import Signer
from unvoiced.log.proof import TlogProof
from unvoiced.log.reader import LogReader
from unvoiced.log.verify import leaves_about, verify_log, verify_proof
from unvoiced.log.writer import LogWriter
from unvoiced.stores.memory import MemoryStore

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def digest(number: int) -> str:
    """The digest of a recording that never was."""
    return hashlib.sha256(str(number).encode()).hexdigest()


def accepted(number: int) -> bytes:
    """A leaf that takes it over."""
    return encode_leaf("accepted", digest(number), NOW, intake_key=None)


def disposed(number: int) -> bytes:
    """A proper receipt for it."""
    gone = Observation(False, False, "absent", 0, NOW)
    placed = (PlacedFeatures("name", digest(-1), digest(-2)),)
    return Receipt(digest(number), "object", placed, gone, "test").leaf()


def edited(leaf: bytes, **fields: object) -> bytes:
    """The same leaf with other fields."""
    return rfc8785.dumps({**parse_leaf(leaf).fields, **fields})


def log_of(signer: Signer, *leaves: bytes) -> MemoryStore:
    """A properly signed log of these leaves, whatever they say."""
    store = MemoryStore()
    LogWriter.create(store, signer).append(lambda _: leaves)
    return store


def test_an_honest_log_verifies_and_gives_its_accounts(signer: Signer) -> None:
    """Counts come out as they went in, and the checkpoint is the published one."""
    quarantined = encode_leaf("quarantined", digest(1), NOW, reason="truncated")
    store = log_of(signer, *(accepted(n) for n in range(4)), disposed(0), quarantined, disposed(2))
    found = verify_log(store, signer.verifier)
    assert (found.checkpoint.size, found.ledger.accepted, found.ledger.disposed) == (7, 4, 2)
    assert found.ledger.quarantined == {digest(1): "truncated"}
    assert found.ledger.backlog == {digest(3)}


def test_a_long_log_in_uneven_appends_verifies(signer: Signer) -> None:
    """Tiles that were superseded on the way are not asked for."""
    store = MemoryStore()
    writer = LogWriter.create(store, signer)
    for start in range(0, 70_000, 17_500):
        batch = [accepted(number) for number in range(start, start + 17_500)]
        writer.append(lambda _, batch=batch: batch)  # type: ignore[misc]
    assert verify_log(store, signer.verifier).ledger.accepted == 70_000


@pytest.mark.inv("INV-5")
@pytest.mark.parametrize(
    "leaves",
    [
        (disposed(0),),
        (accepted(0), disposed(0), disposed(0)),
        (accepted(0), accepted(0)),
        (accepted(0), encode_leaf("released", digest(0), NOW)),
        (encode_leaf("quarantined", digest(0), NOW, reason="truncated"),),
        (accepted(0), disposed(0), encode_leaf("quarantined", digest(0), NOW, reason="empty")),
        (encode_leaf("contributor-key", digest(0), NOW),) * 2,
    ],
    ids=[
        "receipt without acceptance",
        "second receipt",
        "accepted twice",
        "released from no quarantine",
        "quarantined without acceptance",
        "quarantined after disposal",
        "key logged twice",
    ],
)
def test_accounts_that_contradict_themselves_are_refused(
    signer: Signer, leaves: tuple[bytes, ...]
) -> None:
    """A log may be signed and whole, and still not be an account of anything."""
    with pytest.raises(VerificationError, match="contradicts"):
        verify_log(log_of(signer, *leaves), signer.verifier)


@pytest.mark.inv("INV-4")
@pytest.mark.parametrize(
    "fields",
    [
        {"observed": {}},
        {"observed": {"version_readable": False, "version_listed": True, "current": "absent"}},
        {"observed": {"version_readable": True, "version_listed": False, "current": "absent"}},
        {"observed": {"version_readable": False, "version_listed": False, "current": "present"}},
        {"cause": ""},
        {"features": []},
        {"not_checked": []},
    ],
)
def test_a_receipt_without_its_observation_is_refused(
    signer: Signer, fields: dict[str, object]
) -> None:
    """Signing a receipt does not make it one."""
    store = log_of(signer, accepted(0), edited(disposed(0), **fields))
    with pytest.raises(VerificationError, match="without the observation"):
        verify_log(store, signer.verifier)


GONE = ["intake-key-retired", "contributor-key-destroyed", "archive-destroyed", "swept", "erased"]
BEFORE = {
    "intake-key-retired": [encode_leaf("intake-key", digest(0), NOW, epoch="2026-w47")],
    "contributor-key-destroyed": [encode_leaf("contributor-key", digest(0), NOW)],
    "archive-destroyed": [
        accepted(1),
        edited(
            disposed(1),
            cause="features stored, original archived",
            archived={"sha256": digest(0), "storage_class": "GLACIER", "retain_until": "2029"},
        ),
    ],
}
SAID: dict[str, Any] = {
    "cause": "retention: archive",
    "media_type": "object in a memory store",
    "sanitization_method": "logical deletion",
    "sanitization_technique": "delete of every version",
    "verification_method": "list of all versions",
    "observed": {"versions": 0, "readable": False},
    "not_checked": ["backups"],
    "performed_by": "test",
    "tool": "test",
}


@pytest.mark.inv("INV-4")
@pytest.mark.parametrize("kind", GONE)
def test_a_leaf_that_says_something_is_gone_says_all_of_a_receipt(
    signer: Signer, kind: str
) -> None:
    """Each kind with everything verifies, and with any of it missing, empty or false does not.

    In the whole log, and in a proof file alone.
    """
    whole = encode_leaf(kind, digest(0), NOW, **SAID)
    store = log_of(signer, *BEFORE.get(kind, []), whole)
    assert verify_log(store, signer.verifier).ledger.size == len(BEFORE.get(kind, [])) + 1
    for name in SAID:
        for value in (None, "", " ", [], {}, True, 7, [""], {"versions": 1}, {"readable": True},
                      {"versions": "0"}, {"versions": None}, {"versions": []}):  # fmt: skip
            if name == "observed" or value != {"versions": 1}:
                bad = edited(whole, **{name: value})
                store = log_of(signer, *BEFORE.get(kind, []), bad)
                with pytest.raises(VerificationError, match=f"without the observation.*{name}"):
                    verify_log(store, signer.verifier)
        at = len(BEFORE.get(kind, []))
        proof = LogReader(store, signer.verifier).proof(at, bad)
        with pytest.raises(VerificationError, match="without the observation"):
            verify_proof(TlogProof.parse(proof.encode()), signer.verifier)
        left = {key: value for key, value in SAID.items() if key != name}
        store = log_of(signer, *BEFORE.get(kind, []), encode_leaf(kind, digest(0), NOW, **left))
        with pytest.raises(VerificationError, match="without the observation"):
            verify_log(store, signer.verifier)


@pytest.mark.inv("INV-4")
@pytest.mark.parametrize(
    "fields",
    [
        {"archived": {"sha256": digest(3)}},
        {"cause": "features stored, original archived"},
        {"cause": "features stored, original archived", "archived": None},
        {"cause": "features stored, original archived", "archived": digest(3)},
    ],
)
def test_a_receipt_says_archived_and_names_the_copy_or_neither(
    signer: Signer, fields: dict[str, object]
) -> None:
    """What is kept of a recording is not left open."""
    store = log_of(signer, accepted(0), edited(disposed(0), **fields))
    with pytest.raises(VerificationError, match="without the observation"):
        verify_log(store, signer.verifier)


def test_only_leaves_with_features_name_any(signer: Signer) -> None:
    """Whatever a field of that name holds, reading on does not fail on it."""
    named = {"sha256": digest(7), "feature_set": digest(8)}
    for features, found in (
        ([named], {digest(7)}),
        ([named, "x", None], {digest(7)}),
        (None, set()),
        ("x", set()),
        ({"sha256": digest(7)}, set()),
    ):
        leaf = encode_leaf("extracted", digest(0), NOW, features=features)  # type: ignore[arg-type]  # any JSON
        reader = LogReader(log_of(signer, accepted(0), leaf), signer.verifier)
        asked = [digest(7), digest(8), digest(0)]
        assert FeatureReceipts(reader).among(asked) == found


def test_leaves_about_several_objects_come_in_the_logs_order(signer: Signer) -> None:
    """All that is asked for in one reading, and nothing about others."""
    store = log_of(signer, accepted(0), accepted(1), accepted(2), disposed(1), disposed(0))
    reader = LogReader(store, signer.verifier)
    found = [(index, leaf.kind) for index, _, leaf in leaves_about(reader, digest(0), digest(1))]
    assert found == [(0, "accepted"), (1, "accepted"), (3, "disposed"), (4, "disposed")]
    assert [index for index, _, _ in leaves_about(reader, digest(2))] == [2]
    assert list(leaves_about(reader)) == []


@pytest.mark.parametrize(
    "leaf",
    [
        b"",
        b"not JSON",
        b'{"kind": "accepted"}',
        edited(accepted(0), kind="forgotten"),
        edited(accepted(0), sha256="0" * 63),
        accepted(0) + b"\n",
        b"[" * 9000,
    ],
)
def test_a_leaf_of_no_known_form_is_refused(signer: Signer, leaf: bytes) -> None:
    """One spelling of everything, and nothing unknown."""
    with pytest.raises(VerificationError, match="not one of this log's"):
        verify_log(log_of(signer, leaf), signer.verifier)


@pytest.mark.inv("INV-7")
def test_a_log_begun_anew_is_noticed_by_who_remembers(signer: Signer) -> None:
    """The right key over another history does not pass at the second visit."""
    remembered = verify_log(log_of(signer, accepted(0)), signer.verifier).checkpoint
    other = log_of(signer, accepted(1), accepted(0))
    with pytest.raises(VerificationError):
        verify_log(other, signer.verifier, remembered)


def test_a_proof_file_names_its_leaf_and_holds_only_for_it(signer: Signer) -> None:
    """What a contributor keeps is checked with the key alone; another leaf in it fails."""
    store = log_of(signer, accepted(0), accepted(1), disposed(0))
    reader = LogReader(store, signer.verifier)
    found = list(leaves_about(reader, digest(0)))
    assert [leaf.kind for _, _, leaf in found] == ["accepted", "disposed"]
    for index, data, leaf in found:
        proof = reader.proof(index, data)
        proved, checkpoint = verify_proof(TlogProof.parse(proof.encode()), signer.verifier)
        assert (proved, checkpoint.size) == (leaf, 3)
        forged = TlogProof(proof.index, proof.hashes, proof.checkpoint, disposed(1))
        with pytest.raises(VerificationError):
            verify_proof(forged, signer.verifier)
    with pytest.raises(VerificationError, match="does not carry"):
        verify_proof(reader.proof(0), signer.verifier)


def test_entries_that_are_no_leaves_are_refused(signer: Signer) -> None:
    """A tree of arbitrary entries is not this project's log."""
    with pytest.raises(VerificationError):
        verify_log(log_of(signer, *numbered("a", 3)), signer.verifier)
