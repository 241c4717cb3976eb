"""One writer at a time: what it logs, what it refuses, and what it finds in its way."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.log.histories import check_published, check_tidy, logged, numbered
from tests.log.troubled_stores import Crash, ForgetfulStore, WatchedStore, at, crash
from unvoiced.errors import AlreadyExists, Changed, InputError, NotFound, VerificationError
from unvoiced.log.merkle import verify_consistency
from unvoiced.log.note import Checkpoint, Signer
from unvoiced.log.pending import APPENDS, HEAD
from unvoiced.log.reader import LogReader
from unvoiced.log.writer import LogWriter
from unvoiced.stores.memory import MemoryStore


def put(store: MemoryStore, name: str, data: bytes) -> None:
    """Put these bytes under the name, whatever is there."""
    if store.head(name) is None:
        store.put_if_absent(name, data)
    else:
        store.replace(name, data, version=store.get(name).version)


def put_back(store: MemoryStore, saved: dict[str, bytes]) -> None:
    """Roll the named objects back to what they were."""
    for name, data in saved.items():
        put(store, name, data)


def saved(store: MemoryStore, *names: str) -> dict[str, bytes]:
    """The named objects as they are now."""
    return {name: store.get(name).data for name in names}


@pytest.mark.inv("INV-7")
@given(
    batches=st.lists(
        st.tuples(st.integers(0, 300) | st.integers(0, 3), st.booleans()), min_size=1, max_size=8
    )
)
def test_whatever_is_appended_is_read_and_every_checkpoint_is_consistent(
    batches: list[tuple[int, bool]], signer: Signer
) -> None:
    """Batches of any size, by a writer that stays open or is opened anew for each."""
    store = WatchedStore(MemoryStore())
    writer = LogWriter.create(store, signer)
    reader = LogReader(store, signer.verifier)
    entries: list[bytes] = []
    for number, (count, reopened) in enumerate(batches):
        if reopened:
            writer = LogWriter(store, signer)
        batch = numbered(f"batch {number}", count)
        done = writer.append(lambda _, batch=batch: batch)
        assert (done.first, list(done.entries)) == (len(entries), batch)
        entries += batch
        assert done.checkpoint == Checkpoint.open(done.note, signer.verifier)
        assert reader.checkpoint() == done.checkpoint
        assert list(reader.entries(0, len(entries))) == entries
    check_published(store, signer, store.published)
    assert list(store.list(APPENDS)) == []


def test_build_is_given_the_size_and_nothing_is_written_for_nothing(signer: Signer) -> None:
    """An empty batch leaves the store as it is and returns the current checkpoint."""
    store = MemoryStore()
    writer = LogWriter.create(store, signer)
    sizes: list[int] = []

    def build(size: int) -> list[bytes]:
        sizes.append(size)
        return [b"entry"] if len(sizes) < 3 else []

    for _ in range(2):
        writer.append(build)
    before = {entry.name: entry.version for entry in store.list()}
    done = writer.append(build)
    assert sizes == [0, 1, 2]
    assert (done.first, done.entries, done.checkpoint.size) == (2, (), 2)
    assert {entry.name: entry.version for entry in store.list()} == before


def test_an_unchanged_log_is_not_read_again(signer: Signer) -> None:
    """An append to a log that only this writer wrote to reads the head and the checkpoint."""
    store = WatchedStore(MemoryStore())
    writer = LogWriter.create(store, signer)
    writer.append(lambda _: numbered("first", 300))
    reads: list[str] = []
    get = store.get
    store.get = lambda name, version=None: reads.append(name) or get(name, version)  # type: ignore[method-assign,func-returns-value]
    writer.append(lambda _: numbered("second", 300))
    assert reads == [HEAD, "checkpoint"]


def test_an_entry_too_long_is_refused_before_anything_is_written(signer: Signer) -> None:
    """And the writer goes on."""
    store = MemoryStore()
    writer = LogWriter.create(store, signer)
    with pytest.raises(InputError, match="65535"):
        writer.append(lambda _: [bytes(65_536)])
    assert writer.append(lambda _: [bytes(65_535)]).checkpoint.size == 1


def test_a_log_is_created_once(signer: Signer) -> None:
    """Neither over a log nor over what is left of one: that would be a second history."""
    store = MemoryStore()
    LogWriter.create(store, signer).append(lambda _: [b"entry"])
    with pytest.raises(AlreadyExists):
        LogWriter.create(store, signer)
    for name in (HEAD, "checkpoint"):
        store.delete(name, store.get(name).version)
        with pytest.raises(AlreadyExists, match="what is left of one"):
            LogWriter.create(store, signer)


def test_a_store_without_a_log_and_a_log_without_its_head_are_told_apart(signer: Signer) -> None:
    """The one is to be created, the other was damaged."""
    store = MemoryStore()
    with pytest.raises(NotFound, match="holds no log"):
        LogWriter(store, signer)
    LogWriter.create(store, signer)
    store.delete(HEAD, store.get(HEAD).version)
    with pytest.raises(VerificationError, match="head is gone"):
        LogWriter(store, signer)


def test_a_log_of_another_key_is_not_written_to(signer: Signer, stranger: Signer) -> None:
    """Even where the keys have one name."""
    store = MemoryStore()
    LogWriter.create(store, signer).append(lambda _: [b"entry"])
    before = {entry.name: entry.version for entry in store.list()}
    with pytest.raises(VerificationError, match="no signature by a known key"):
        LogWriter(store, stranger)
    assert {entry.name: entry.version for entry in store.list()} == before


def test_a_checkpoint_is_not_taken_for_a_head(signer: Signer) -> None:
    """What our key signed for one purpose does not serve another."""
    store = MemoryStore()
    LogWriter.create(store, signer).append(lambda _: [b"entry"])
    put(store, HEAD, store.get("checkpoint").data)
    with pytest.raises(VerificationError, match="pending head"):
        LogWriter(store, signer)


def test_planted_tiles_and_bundles_are_replaced(signer: Signer) -> None:
    """Garbage under the names that the next append needs does not get into the log."""
    for planted in (b"", b"garbage", bytes(8192)):
        store = MemoryStore()
        writer = LogWriter.create(store, signer)
        writer.append(lambda _: numbered("first", 200))
        for name in ("0/000", "0/001.p/44", "1/000.p/1", "entries/000", "entries/001.p/44"):
            store.put_if_absent(f"tile/{name}", planted)
        writer.append(lambda _: numbered("second", 100))
        assert logged(store, signer) == numbered("first", 200) + numbered("second", 100)


def test_a_garbled_or_removed_checkpoint_is_published_again(signer: Signer) -> None:
    """The head decides; the checkpoint is only what it is shown as."""
    store = MemoryStore()
    LogWriter.create(store, signer).append(lambda _: numbered("first", 300))
    good = store.get("checkpoint").data
    put(store, "checkpoint", b"garbage")
    LogWriter(store, signer)
    assert store.get("checkpoint").data == good
    store.delete("checkpoint", store.get("checkpoint").version)
    LogWriter(store, signer)
    assert store.get("checkpoint").data == good


@pytest.mark.parametrize("name", ["tile/0/001.p/44", "tile/1/000.p/1", "tile/entries/001.p/44"])
def test_nothing_is_built_on_an_edited_right_edge(name: str, signer: Signer) -> None:
    """A writer that is opened checks that what it builds on is the tree of the head."""
    store = MemoryStore()
    LogWriter.create(store, signer).append(lambda _: numbered("first", 300))
    data = store.get(name).data
    put(store, name, data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(VerificationError):
        LogWriter(store, signer)
    store.delete(name, store.get(name).version)
    with pytest.raises(VerificationError, match="missing from the log"):
        LogWriter(store, signer)


def test_partial_tiles_go_when_they_are_full_and_not_before(signer: Signer) -> None:
    """Every width that was ever published, once the full tile is there."""
    store = MemoryStore()
    writer = LogWriter.create(store, signer)
    for _ in range(5):
        writer.append(lambda _: numbered("few", 50))
    partial = sum(".p/" in entry.name for entry in store.list())
    assert partial == 2 * 5
    writer.append(lambda _: numbered("few", 50))
    names = [entry.name for entry in store.list() if ".p/" in entry.name]
    assert names == ["tile/0/001.p/44", "tile/1/000.p/1", "tile/entries/001.p/44"]


def test_a_lost_answer_to_the_commit_logs_nothing_twice(signer: Signer) -> None:
    """The writer finds that the head which made it lose is its own."""
    store = MemoryStore()
    LogWriter.create(store, signer)
    forgetful = ForgetfulStore(store)
    writer = LogWriter(forgetful, signer)
    for number in range(3):
        done = writer.append(lambda _, number=number: [b"%d" % number])
        assert done.first == number
    assert logged(store, signer) == [b"0", b"1", b"2"]


@pytest.mark.inv("INV-7")
def test_a_head_put_back_alone_is_noticed(signer: Signer) -> None:
    """By any writer: the checkpoint is never ahead of the head."""
    store = MemoryStore()
    writer = LogWriter.create(store, signer)
    writer.append(lambda _: [b"first"])
    old = saved(store, HEAD)
    writer.append(lambda _: [b"second"])
    put_back(store, old)
    for open_writer in (lambda: LogWriter(store, signer), lambda: writer.append(lambda _: [b"x"])):
        with pytest.raises(VerificationError, match="went back"):
            open_writer()


def test_a_checkpoint_put_back_alone_is_published_again(signer: Signer) -> None:
    """By the next writer that is opened, and by the next append."""
    store = MemoryStore()
    writer = LogWriter.create(store, signer)
    old = saved(store, "checkpoint")
    writer.append(lambda _: [b"first"])
    put_back(store, old)
    LogWriter(store, signer)
    assert logged(store, signer) == [b"first"]
    put_back(store, old)
    writer.append(lambda _: [b"second"])
    assert logged(store, signer) == [b"first", b"second"]


@pytest.mark.inv("INV-7")
def test_a_rollback_under_an_open_writer_is_noticed(signer: Signer) -> None:
    """Head and checkpoint put back together, also when somebody appended to that since."""
    store = MemoryStore()
    writer = LogWriter.create(store, signer)
    writer.append(lambda _: [b"first"])
    old = saved(store, HEAD, "checkpoint")
    writer.append(lambda _: [b"second"])
    put_back(store, old)
    with pytest.raises(VerificationError, match="went back from 2 entries to 1"):
        writer.append(lambda _: [b"third"])
    LogWriter(store, signer).append(lambda _: [b"another second", b"another third"])
    with pytest.raises(VerificationError, match="consistency proof from size 2 to 3"):
        writer.append(lambda _: [b"third"])


@pytest.mark.inv("INV-7")
def test_a_rollback_before_a_writer_opens_is_noticed_by_who_remembers_and_only_by_them(
    signer: Signer,
) -> None:
    """A new writer knows nothing but the store; the remembered checkpoint tells."""
    store = MemoryStore()
    writer = LogWriter.create(store, signer)
    writer.append(lambda _: [b"first"])
    old = saved(store, HEAD, "checkpoint")
    remembered = writer.append(lambda _: [b"second"]).checkpoint
    put_back(store, old)
    forked = LogWriter(store, signer).append(lambda _: [b"another second"]).checkpoint
    assert LogReader(store, signer.verifier).checkpoint() == forked
    with pytest.raises(VerificationError):
        LogReader(store, signer.verifier, remembered=remembered).checkpoint()
    with pytest.raises(VerificationError):
        verify_consistency(2, remembered.root, 2, forked.root, [])


@pytest.mark.inv("INV-7")
def test_a_head_that_does_not_extend_the_checkpoint_is_not_built_on(signer: Signer) -> None:
    """A second history was made over a rollback, and the checkpoint of the first is back."""
    store = MemoryStore()
    writer = LogWriter.create(store, signer)
    old = saved(store, HEAD, "checkpoint")
    writer.append(lambda _: [b"first"])
    true = saved(store, "checkpoint")
    put_back(store, old)
    LogWriter(store, signer).append(lambda _: [b"another first", b"another second"])
    put_back(store, true)
    with pytest.raises(VerificationError, match="consistency proof from size 1 to 2"):
        LogWriter(store, signer)


def test_a_pending_append_that_may_yet_be_committed_is_not_swept(signer: Signer) -> None:
    """Only once the log has grown past the size it starts from."""
    store = MemoryStore()
    writer = LogWriter.create(store, signer)
    writer.append(lambda _: [b"first"])
    name = f"{APPENDS}1-2-{'0' * 32}"
    store.put_if_absent(name, b"of a writer about to commit")
    LogWriter(store, signer)
    assert store.head(name) is not None
    writer.append(lambda _: [b"second"])
    LogWriter(store, signer)
    assert store.head(name) is None


def test_a_log_that_never_stands_still_is_given_up_on(signer: Signer) -> None:
    """After many attempts, with a store error that says what was tried."""
    store = MemoryStore()
    LogWriter.create(store, signer)
    writer = LogWriter(store, signer, back_off=lambda _: None)
    rival = LogWriter(store, signer)

    def overtaken(_: int) -> list[bytes]:
        rival.append(lambda _: [b"rival"])
        return [b"mine"]

    with pytest.raises(Changed, match="1000 attempts"):
        writer.append(overtaken)
    assert set(logged(store, signer)) == {b"rival"}


@pytest.mark.parametrize("edited", [b"\x00\x06forged", b"\x00\x06secon", b"", None])
def test_a_committed_append_that_was_edited_or_removed_is_noticed(
    edited: bytes | None, signer: Signer
) -> None:
    """The head says what the entries hash to; nothing else is finished in its name."""
    store = MemoryStore()
    LogWriter.create(store, signer).append(lambda _: [b"first"])
    before = saved(store, "checkpoint")
    dying = WatchedStore(store)
    writer = LogWriter(dying, signer)
    # The head, the append and the commit: it dies before anything else.
    dying.before = at(dying.operations + 3, crash)
    with pytest.raises(Crash):
        writer.append(lambda _: [b"second"])
    [append] = store.list(APPENDS)
    if edited is None:
        store.delete(append.name, append.version)
    else:
        store.replace(append.name, edited, version=append.version)
    with pytest.raises(VerificationError):
        LogWriter(store, signer)
    assert saved(store, "checkpoint") == before


def test_names_among_the_pending_appends_that_are_not_ours_are_left_alone(signer: Signer) -> None:
    """A sweep takes what a writer names like that, and that only."""
    store = MemoryStore()
    writer = LogWriter.create(store, signer)
    store.put_if_absent(f"{APPENDS}notes.txt", b"not ours")
    store.put_if_absent(f"{APPENDS}0-5-{'0' * 32}", b"of a writer that died")
    writer.append(lambda _: [b"first"])
    LogWriter(store, signer)
    assert [entry.name for entry in store.list(APPENDS)] == [f"{APPENDS}notes.txt"]
    check_published(store, signer, [])
    store.delete(f"{APPENDS}notes.txt", store.get(f"{APPENDS}notes.txt").version)
    check_tidy(store, signer)
