"""`tests/vectors/formats.json`: each format by example, for whoever writes another implementation.

It was made once and changes only with a format: who has to change it to pass has broken one.
"""

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from tests.docs.pages import ROOT, fenced, text
from tests.docs.worked_examples import INTAKE, RECORDING, SEED, made
from unvoiced.audit.page import parse_page
from unvoiced.audit.record import agrees, parse_record
from unvoiced.disposal.journal import Journal
from unvoiced.disposal.labels import genuine_labels
from unvoiced.errors import VerificationError
from unvoiced.keys.intake import IntakeKey
from unvoiced.keys.invitation import Invitation
from unvoiced.keys.wrapping import LocalWrapper
from unvoiced.log.leaves import parse_leaf
from unvoiced.log.ledger import Ledger
from unvoiced.log.ledger_state import decode_ledger
from unvoiced.log.merkle import leaf_hash, root
from unvoiced.log.note import Checkpoint, Verifier
from unvoiced.log.proof import TlogProof
from unvoiced.log.snapshot import Snapshot
from unvoiced.log.statement import open_statement
from unvoiced.sealing import encode_header
from unvoiced.stores.interface import Keeping
from unvoiced.stores.memory import MemoryStore
from unvoiced.upload import UploadReceipt

VECTORS: dict[str, Any] = json.loads(text("tests/vectors/formats.json"))
LOG = Verifier.parse(VECTORS["log-key"]["vkey"])


def test_every_example_is_what_this_library_makes(tmp_path: Path) -> None:
    """Byte for byte, from the same keys and texts."""
    here = made(tmp_path)
    assert {name: VECTORS[name] for name in here} == here


def test_the_log_of_the_examples_verifies() -> None:
    """Leaves hash to the root that is signed, the proof leads there, the snapshot says the same."""
    leaves = [leaf["text"].encode() for leaf in VECTORS["leaves"]]
    assert [leaf_hash(leaf).hex() for leaf in leaves] == [one["hash"] for one in VECTORS["leaves"]]
    checkpoint = Checkpoint.open(VECTORS["checkpoint"]["text"].encode(), LOG)
    assert checkpoint.root == root([leaf_hash(leaf) for leaf in leaves])
    proof = TlogProof.parse(VECTORS["tlog-proof"].encode())
    assert proof.extra == leaves[3]
    assert proof.verify(leaves[3], LOG) == checkpoint
    snapshot = Snapshot.open(bytes.fromhex(VECTORS["ledger-snapshot"]), LOG)
    folded = Ledger()
    for leaf in leaves:
        folded.enter(leaf)
    assert snapshot.checkpoint == checkpoint
    assert decode_ledger(snapshot.state, parse_leaf).disposed == folded.disposed == 1


def test_the_statements_of_the_examples_are_the_logs() -> None:
    """Announcement, quarantine record, approval and labels open with the log's public key."""
    said = VECTORS["statements"]
    announced = IntakeKey.from_announcement(said["intake-announcement"].encode(), LOG)
    assert announced.public == INTAKE.public
    record = open_statement(
        "unvoiced quarantine record v1", said["quarantine-record"]["text"].encode(), LOG
    )
    place = hashlib.sha256(f"{record['name']}\n{record['version']}".encode()).hexdigest()
    assert said["quarantine-record"]["name"] == f"quarantine/{place}.json"
    assert open_statement("unvoiced approval v1", said["approval"].encode(), LOG)["objects"]
    kept = Keeping(0, "STANDARD", None, legal_hold=False, labels=said["archive-labels"]["labels"])
    assert genuine_labels(said["archive-labels"]["name"], kept, LOG)
    assert genuine_labels("x" + said["archive-labels"]["name"], kept, LOG) is None


def test_the_trail_of_the_examples_is_read_as_one() -> None:
    """The record stands where its content says, and the page names it."""
    record = parse_record(VECTORS["access-record"]["text"].encode())
    assert agrees(VECTORS["access-record"]["name"], record)
    page = parse_page(VECTORS["audit-page"]["name"], VECTORS["audit-page"]["text"].encode())
    assert [one.sha256 for one in page.records] == [VECTORS["access-record"]["sha256"]]


def test_what_is_random_in_the_examples_opens() -> None:
    """A journal's page by its key and under its name, a wrapped secret by its key."""
    page, store, elsewhere = VECTORS["journal-page"], MemoryStore("here"), MemoryStore("there")
    store.put_if_absent(page["name"], page["text"].encode())
    elsewhere.put_if_absent("pages/" + "0" * 32 + ".json", page["text"].encode())
    (found,) = Journal(store, SEED).pages()
    assert len(found.entries) == 1
    with pytest.raises(VerificationError):
        list(Journal(elsewhere, SEED).pages())
    wrapped = VECTORS["wrapped-secret"]
    secret = LocalWrapper(bytes.fromhex(wrapped["key"])).unwrap(
        base64.b64decode(wrapped["wrapped"]), wrapped["context"]
    )
    assert secret.hex() == wrapped["secret"]


def test_what_a_contributor_holds_is_read(tmp_path: Path) -> None:
    """The invitation and an upload receipt of the examples, as files."""
    invitation, receipt = tmp_path / "invitation", tmp_path / "receipt.json"
    invitation.write_text(VECTORS["invitation"], encoding="utf-8")
    receipt.write_text(json.dumps(VECTORS["upload-receipt"]), encoding="utf-8")
    assert Invitation.read(invitation).intake_key().public == INTAKE.public
    assert UploadReceipt.read(receipt).sample == VECTORS["names"]["sample"]


def test_the_header_of_the_examples_is_built_as_the_page_says() -> None:
    """Magic, three identifiers, key id, length, context; no function of ours involved."""
    header = VECTORS["unv1-header"]
    context = json.dumps(header["context"], sort_keys=True, separators=(",", ":")).encode()
    built = b"UNV1" + bytes.fromhex("647a00010002" + header["key_id"])
    built += len(context).to_bytes(2, "big") + context
    assert built.hex() == header["hex"]
    assert encode_header(bytes.fromhex(header["key_id"]), header["context"]) == built
    assert VECTORS["names"]["recording"] == RECORDING.hex()


@pytest.mark.parametrize("nth", range(4))
def test_what_the_page_shows_stands_in_the_vectors(nth: int) -> None:
    """The worked examples of docs/formats.md are these, to the byte."""
    shown = [block for kind, block in fenced(ROOT / "docs/formats.md") if kind == "text"]
    assert len(shown) == 4
    every = [VECTORS["unv1-header"]["hex"], VECTORS["leaves"][2]["text"],
             VECTORS["checkpoint"]["text"], VECTORS["access-record"]["text"]]  # fmt: skip
    assert "".join(shown[nth].split()) == "".join(every[nth].split())
