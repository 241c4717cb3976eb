"""A reader against a store that tampers: each way to do so is one test."""

import pytest

from unvoiced.errors import InputError, VerificationError
from unvoiced.log.merkle import leaf_hash, root, verify_consistency, verify_inclusion
from unvoiced.log.note import Checkpoint, Signer
from unvoiced.log.reader import LogReader
from unvoiced.log.tiles import decode_entries, encode_entries
from unvoiced.log.writer import LogWriter
from unvoiced.stores.memory import MemoryStore

LEAVES = [b"leaf %d" % each for each in range(700)]
HASHES = [leaf_hash(each) for each in LEAVES]


@pytest.fixture
def store(signer: Signer) -> MemoryStore:
    """A log of 700 entries: two full bundles and a partial one."""
    store = MemoryStore()
    LogWriter.create(store, signer).append(lambda _: LEAVES)
    return store


@pytest.fixture
def reader(store: MemoryStore, signer: Signer) -> LogReader:
    """A reader that has seen nothing yet."""
    return LogReader(store, signer.verifier)


def tamper(store: MemoryStore, name: str, data: bytes) -> None:
    """Put other bytes under the name."""
    store.replace(name, data, version=store.get(name).version)


def remove(store: MemoryStore, name: str) -> None:
    """Take the object away."""
    store.delete(name, store.get(name).version)


def edited_bundle(store: MemoryStore, name: str, **edits: bytes) -> None:
    """Replace entries of a bundle by number (`_3=b"..."`)."""
    entries = decode_entries(store.get(name).data, name)
    for at, entry in edits.items():
        entries[int(at[1:])] = entry
    tamper(store, name, encode_entries(entries))


def flipped(data: bytes, at: int) -> bytes:
    """The bytes with one bit of one byte flipped."""
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def test_an_untouched_log_is_read_and_proved(reader: LogReader) -> None:
    """Every entry, ranges across bundles, and proofs between sizes the log never had."""
    checkpoint = reader.checkpoint()
    assert checkpoint.size == 700
    assert list(reader.entries()) == LEAVES
    for start, end in ((0, 0), (0, 1), (255, 257), (256, 512), (511, 700), (699, 700)):
        assert list(reader.entries(start, end)) == LEAVES[start:end]
    for index in range(0, 700, 13):
        proof = reader.inclusion_proof(index)
        verify_inclusion(index, 700, leaf_hash(LEAVES[index]), proof, checkpoint.root)
    for old in range(1, 700, 13):
        proof = reader.consistency_proof(old, 700)
        old_root = root(HASHES[:old])
        verify_consistency(old, old_root, 700, checkpoint.root, proof)
        verify_inclusion(0, old, leaf_hash(LEAVES[0]), reader.inclusion_proof(0, old), old_root)


def test_an_edited_leaf_is_named(store: MemoryStore, reader: LogReader) -> None:
    """The entry no longer hashes to its leaf; nothing of its bundle is given out."""
    edited_bundle(store, "tile/entries/001", _44=b"edited")
    assert list(reader.entries(0, 256)) == LEAVES[:256]
    with pytest.raises(VerificationError, match="entry 300 in tile/entries/001"):
        next(reader.entries(256, 257))


def test_a_dropped_leaf_is_noticed(store: MemoryStore, reader: LogReader) -> None:
    """A bundle with an entry less."""
    name = "tile/entries/000"
    tamper(store, name, encode_entries(LEAVES[:17] + LEAVES[18:256]))
    with pytest.raises(VerificationError, match="tile/entries/000 holds 255 entries, not 256"):
        list(reader.entries())


def test_an_added_leaf_is_noticed(store: MemoryStore, reader: LogReader) -> None:
    """A partial bundle with an entry more than the checkpoint covers."""
    name = "tile/entries/002.p/188"
    tamper(store, name, encode_entries([*LEAVES[512:], b"more"]))
    with pytest.raises(VerificationError, match="holds 189 entries, not 188"):
        list(reader.entries())


def test_swapped_leaves_are_noticed(store: MemoryStore, reader: LogReader) -> None:
    """The order of entries is part of the tree."""
    edited_bundle(store, "tile/entries/000", _1=LEAVES[2], _2=LEAVES[1])
    with pytest.raises(VerificationError, match="entry 1 in tile/entries/000"):
        list(reader.entries())


def test_a_truncated_bundle_is_noticed(store: MemoryStore, reader: LogReader) -> None:
    """Cut within an entry."""
    name = "tile/entries/002.p/188"
    tamper(store, name, store.get(name).data[:-1])
    with pytest.raises(VerificationError, match=r"tile/entries/002\.p/188 ends within an entry"):
        list(reader.entries())


def test_a_missing_bundle_is_named(store: MemoryStore, reader: LogReader) -> None:
    """Full or partial."""
    remove(store, "tile/entries/001")
    with pytest.raises(VerificationError, match="tile/entries/001: missing"):
        list(reader.entries())
    remove(store, "tile/entries/002.p/188")
    with pytest.raises(VerificationError, match=r"tile/entries/002\.p/188 and tile/entries/002: m"):
        list(reader.entries(600, 700))


def test_a_missing_tile_is_named(store: MemoryStore, reader: LogReader, signer: Signer) -> None:
    """Full ones when they are needed, the right edge at once."""
    remove(store, "tile/0/001")
    with pytest.raises(VerificationError, match="tile/0/001: missing"):
        reader.inclusion_proof(300)
    remove(store, "tile/1/000.p/2")
    with pytest.raises(VerificationError, match=r"tile/1/000\.p/2 and tile/1/000: missing"):
        LogReader(store, signer.verifier).checkpoint()


@pytest.mark.parametrize("at", [0, 31, 32, 100, 8191])
def test_an_edited_full_tile_is_named(store: MemoryStore, reader: LogReader, at: int) -> None:
    """It does not hash to what its parent tile says, whatever is asked of it."""
    tamper(store, "tile/0/001", flipped(store.get("tile/0/001").data, at))
    with pytest.raises(VerificationError, match="tile/0/001 does not hash to"):
        reader.inclusion_proof(300)
    with pytest.raises(VerificationError, match="tile/0/001 does not hash to"):
        list(reader.entries(256, 257))


@pytest.mark.parametrize("name", ["tile/0/002.p/188", "tile/1/000.p/2"])
def test_an_edited_partial_tile_is_noticed_at_once(
    store: MemoryStore, reader: LogReader, name: str
) -> None:
    """The right edge must hash to the checkpoint's root."""
    tamper(store, name, flipped(store.get(name).data, 40))
    with pytest.raises(VerificationError, match="do not hash to the root at 700"):
        reader.checkpoint()


@pytest.mark.parametrize("name", ["tile/0/001", "tile/0/002.p/188"])
def test_a_tile_of_another_size_is_noticed(
    store: MemoryStore, reader: LogReader, name: str
) -> None:
    """A hash more, a hash less, or part of one."""
    whole = store.get(name).data
    for other in (whole[:-32], whole + whole[-32:], whole[:-1], b""):
        tamper(store, name, other)
        with pytest.raises(VerificationError, match=f"{name} does not hold"):
            reader.inclusion_proof(300)


def test_an_edited_leaf_with_its_tiles_recomputed_is_noticed(
    store: MemoryStore, reader: LogReader, signer: Signer
) -> None:
    """A whole forged tree does not hash to the root that was signed."""
    forged = MemoryStore()
    LogWriter.create(forged, signer).append(lambda _: [*LEAVES[:300], b"edited", *LEAVES[301:]])
    for entry in forged.list("tile/"):
        tamper(store, entry.name, forged.get(entry.name).data)
    with pytest.raises(VerificationError, match="do not hash to the root"):
        reader.checkpoint()


@pytest.mark.inv("INV-7")
def test_a_forked_tree_signed_by_the_right_key_is_noticed_by_who_remembers(
    store: MemoryStore, reader: LogReader, signer: Signer
) -> None:
    """A second history is self-consistent, and only the remembered checkpoint shows it."""
    remembered = reader.checkpoint()
    fork = MemoryStore()
    LogWriter.create(fork, signer).append(lambda _: [*LEAVES[:300], b"other", *LEAVES[301:], b"+"])
    assert LogReader(fork, signer.verifier).checkpoint().size == 701
    with pytest.raises(VerificationError, match="consistency proof from size 700 to 701"):
        LogReader(fork, signer.verifier, remembered=remembered).checkpoint()


@pytest.mark.inv("INV-7")
def test_a_fork_of_the_same_size_is_noticed(reader: LogReader, signer: Signer) -> None:
    """One size has one root."""
    remembered = reader.checkpoint()
    fork = MemoryStore()
    LogWriter.create(fork, signer).append(lambda _: LEAVES[::-1])
    with pytest.raises(VerificationError, match="from size 700 to 700"):
        LogReader(fork, signer.verifier, remembered=remembered).checkpoint()


@pytest.mark.inv("INV-7")
def test_a_replayed_old_checkpoint_is_noticed(store: MemoryStore, signer: Signer) -> None:
    """By a reader that was open, and by one that is given what it remembered."""
    old = store.get("checkpoint").data
    reader = LogReader(store, signer.verifier)
    reader.checkpoint()
    LogWriter(store, signer).append(lambda _: [b"one more"])
    remembered = reader.checkpoint()
    tamper(store, "checkpoint", old)
    for watcher in (reader, LogReader(store, signer.verifier, remembered=remembered)):
        with pytest.raises(VerificationError, match="went back from 701 entries to 700"):
            watcher.checkpoint()
    assert LogReader(store, signer.verifier).checkpoint().size == 700


def test_a_checkpoint_signed_by_another_key_is_refused(
    store: MemoryStore, stranger: Signer
) -> None:
    """Even one of the same name."""
    with pytest.raises(VerificationError, match="no signature by a known key"):
        LogReader(store, stranger.verifier).checkpoint()


def test_a_missing_or_garbled_checkpoint_is_refused(store: MemoryStore, signer: Signer) -> None:
    """It is the first thing that is looked at."""
    tamper(store, "checkpoint", b"garbage")
    with pytest.raises(VerificationError, match="note"):
        LogReader(store, signer.verifier).checkpoint()
    remove(store, "checkpoint")
    with pytest.raises(VerificationError, match="has no checkpoint"):
        LogReader(store, signer.verifier).checkpoint()


def test_a_pending_head_is_no_checkpoint(store: MemoryStore, signer: Signer) -> None:
    """A head that lost its race proves nothing to a reader, though our key signed it."""
    tamper(store, "checkpoint", store.get("pending/head").data)
    with pytest.raises(VerificationError, match="not the three lines"):
        LogReader(store, signer.verifier).checkpoint()


def test_a_reader_falls_back_from_partial_to_full_tiles(
    store: MemoryStore, reader: LogReader, signer: Signer
) -> None:
    """An old checkpoint stays readable when its partial tiles have been cleaned up."""
    reader.checkpoint()
    LogWriter(store, signer).append(lambda _: [b"%d" % each for each in range(100)])
    assert store.head("tile/0/002.p/188") is None
    assert store.head("tile/entries/002.p/188") is None
    assert list(reader.entries(512, 700)) == LEAVES[512:]


def test_a_reader_moves_on_when_it_is_asked_for_more(
    store: MemoryStore, reader: LogReader, signer: Signer
) -> None:
    """Entries and proofs past the checkpoint at hand are looked up in a newer one."""
    reader.checkpoint()
    LogWriter(store, signer).append(lambda _: [b"one more"])
    assert list(reader.entries(700, 701)) == [b"one more"]
    assert reader.checkpoint().size == 701
    with pytest.raises(InputError, match="entries 700 to 702 are not in a log of 701"):
        list(reader.entries(700, 702))
    with pytest.raises(InputError, match="entry 701"):
        reader.inclusion_proof(701)


def test_a_co_signed_checkpoint_is_read(
    store: MemoryStore, reader: LogReader, stranger: Signer
) -> None:
    """Signatures of others under the log's own are ignored, not refused."""
    note = store.get("checkpoint").data
    text = note.decode().rpartition("\n\n")[0] + "\n"
    tamper(store, "checkpoint", note + stranger.sign(text).removeprefix(f"{text}\n".encode()))
    assert reader.checkpoint().size == 700


def test_an_empty_log_is_read(signer: Signer) -> None:
    """Size 0, no tiles, no entries."""
    store = MemoryStore()
    LogWriter.create(store, signer)
    reader = LogReader(store, signer.verifier)
    assert reader.checkpoint().size == 0
    assert list(reader.entries()) == []
    assert [entry.name for entry in store.list()] == ["checkpoint", "pending/head"]


def test_more_tiles_than_are_kept_are_read_again(
    store: MemoryStore, reader: LogReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory is bounded, and what was dropped is checked again."""
    monkeypatch.setattr("unvoiced.log.reader._CACHED_TILES", 1)
    root_hash = reader.checkpoint().root
    for index in (0, 300, 1):
        proof = reader.inclusion_proof(index)
        verify_inclusion(index, 700, HASHES[index], proof, root_hash)
    tamper(store, "tile/0/001", flipped(store.get("tile/0/001").data, 0))
    with pytest.raises(VerificationError, match="tile/0/001 does not hash to"):
        reader.inclusion_proof(300)


def test_a_subtree_is_looked_up_by_height_and_index(reader: LogReader) -> None:
    """Complete ones, within a tile and across tiles; others there are none of."""
    reader.checkpoint()
    assert reader.hash(0, 699) == HASHES[699]
    assert reader.hash(3, 40) == root(HASHES[320:328])
    assert reader.hash(8, 1) == root(HASHES[256:512])
    assert reader.hash(9, 0) == root(HASHES[:512])
    with pytest.raises(InputError, match="subtree 2 of height 8"):
        reader.hash(8, 2)


def test_a_remembered_checkpoint_of_another_log_is_refused(
    store: MemoryStore, signer: Signer
) -> None:
    """It could say nothing about this one."""
    other = Checkpoint("other.example/log", 5, bytes(32))
    with pytest.raises(InputError, match=r"unvoiced\.example/log"):
        LogReader(store, signer.verifier, remembered=other)
