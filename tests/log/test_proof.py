"""A proof as a file: read back as written, and every tampering with it refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unvoiced.errors import VerificationError
from unvoiced.log.note import Signer
from unvoiced.log.proof import TlogProof
from unvoiced.log.reader import LogReader
from unvoiced.log.writer import LogWriter
from unvoiced.stores.memory import MemoryStore

LEAVES = [b"leaf %d" % each for each in range(300)]


@pytest.fixture(scope="module")
def reader(signer: Signer) -> LogReader:
    """A log of 300 entries."""
    store = MemoryStore()
    LogWriter.create(store, signer).append(lambda _: LEAVES)
    return LogReader(store, signer.verifier)


def test_every_entrys_proof_verifies_from_its_text_alone(reader: LogReader, signer: Signer) -> None:
    """Written, read back and checked offline, the entry coming from the extra line."""
    for index, leaf in enumerate(LEAVES):
        text = reader.proof(index, extra=leaf).encode()
        proof = TlogProof.parse(text)
        assert proof.encode() == text
        assert proof.extra == leaf
        assert proof.verify(proof.extra, signer.verifier) == reader.checkpoint()


def test_the_text_is_that_of_the_specification() -> None:
    """Line by line, with and without the extra line."""
    note = b"example.com/log\n3\n...\n\n\xe2\x80\x94 example.com/log AAAAAAA=\n"
    proof = TlogProof(73894, (bytes(32),), note, b"\x01\x02")
    hash_line = b"A" * 43 + b"=\n"
    head = b"c2sp.org/tlog-proof@v1\n"
    assert proof.encode() == head + b"extra AQI=\nindex 73894\n" + hash_line + b"\n" + note
    bare = TlogProof(0, (), note)
    assert bare.encode() == head + b"index 0\n\n" + note
    assert TlogProof.parse(bare.encode()) == bare
    empty = TlogProof(0, (), note, b"")
    assert TlogProof.parse(empty.encode()) == empty


def test_an_edited_leaf_a_moved_index_and_a_wrong_key_are_refused(
    reader: LogReader, signer: Signer, stranger: Signer
) -> None:
    """What is proved is this leaf, at this index, in the tree this key signed."""
    proof = reader.proof(17)
    with pytest.raises(VerificationError, match="entry 17 in 300 does not lead to the root"):
        proof.verify(b"leaf 18", signer.verifier)
    moved = TlogProof(18, proof.hashes, proof.checkpoint)
    with pytest.raises(VerificationError, match="entry 18"):
        moved.verify(LEAVES[17], signer.verifier)
    with pytest.raises(VerificationError, match="no signature by a known key"):
        proof.verify(LEAVES[17], stranger.verifier)


def test_the_extra_line_proves_nothing(reader: LogReader, signer: Signer) -> None:
    """It can be anything; only the leaf that is handed to `verify` is proved."""
    proof = reader.proof(17, extra=b"forged")
    proof.verify(LEAVES[17], signer.verifier)
    with pytest.raises(VerificationError):
        proof.verify(b"forged", signer.verifier)


def test_every_flipped_bit_of_a_proof_is_refused(reader: LogReader, signer: Signer) -> None:
    """No bit of the file can change; it has no extra line, which is not part of the proof."""
    text = reader.proof(299).encode()
    for bit in range(8 * len(text)):
        edited = bytearray(text)
        edited[bit // 8] ^= 1 << bit % 8
        with pytest.raises(VerificationError):
            TlogProof.parse(bytes(edited)).verify(LEAVES[299], signer.verifier)


def test_a_proof_cut_anywhere_is_refused(reader: LogReader, signer: Signer) -> None:
    """Every prefix of the file."""
    text = reader.proof(5, extra=LEAVES[5]).encode()
    for length in range(len(text)):
        with pytest.raises(VerificationError):
            TlogProof.parse(text[:length]).verify(LEAVES[5], signer.verifier)


HASH = "A" * 43 + "="


@pytest.mark.parametrize(
    "head",
    [
        "",
        "c2sp.org/tlog-proof@v2\nindex 0",
        "c2sp.org/tlog-proof@v1",
        "c2sp.org/tlog-proof@v1\nextra AA==",
        "c2sp.org/tlog-proof@v1\nindex 0\nextra AA==",
        "c2sp.org/tlog-proof@v1\nextra AA==\nextra AA==\nindex 0",
        "c2sp.org/tlog-proof@v1\nextra AB==\nindex 0",
        "c2sp.org/tlog-proof@v1\nextra A\nindex 0",
        "c2sp.org/tlog-proof@v1\nindex 00",
        "c2sp.org/tlog-proof@v1\nindex -1",
        "c2sp.org/tlog-proof@v1\nindex  1",
        "c2sp.org/tlog-proof@v1\nindex 1 ",
        "c2sp.org/tlog-proof@v1\nindex",
        "c2sp.org/tlog-proof@v1\r\nindex 0",
        "c2sp.org/tlog-proof@v1\nindex 0\nAAAA",
        f"c2sp.org/tlog-proof@v1\nindex 0\n{HASH} ",
        f"c2sp.org/tlog-proof@v1\nindex 0\n{HASH[:-1]}",
        "c2sp.org/tlog-proof@v1\nindex 0" + f"\n{HASH}" * 64,
        "c2sp.org/tlog-proof@v1\nindex 0\né",
    ],
)
def test_a_malformed_proof_is_refused(head: str) -> None:
    """One departure from the format each."""
    with pytest.raises(VerificationError, match="proof"):
        TlogProof.parse(f"{head}\n\no\n1\n{HASH}\n\n— o AAAAAAA=\n".encode())


@given(st.binary(max_size=200))
def test_bytes_of_any_kind_are_refused_in_the_same_way(data: bytes) -> None:
    """Nothing but a `VerificationError` ever comes out of the parser."""
    with pytest.raises(VerificationError):
        TlogProof.parse(data)
    with pytest.raises(VerificationError, match="larger than"):
        TlogProof.parse(data + bytes(2 << 20))
