"""The ledger's snapshot: a shortcut that nobody can turn into a lie, each attempt one test."""

import base64
import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from test_reader import flipped, remove, tamper
from test_verify import NOW, digest, disposed
from troubled_stores import Crash, WatchedStore, at, crash

from unvoiced.errors import AccessError, CredentialsExpired, StoreError, VerificationError
from unvoiced.log import snapshot
from unvoiced.log.accounts import Accounts
from unvoiced.log.leaves import encode_leaf
from unvoiced.log.ledger import Ledger
from unvoiced.log.ledger_state import encode_ledger
from unvoiced.log.note import Checkpoint, Signer
from unvoiced.log.reader import CHECKPOINT, LogReader
from unvoiced.log.remembered import RememberedCheckpoint
from unvoiced.log.snapshot import SNAPSHOT, LedgerSnapshots, Snapshot
from unvoiced.log.statement import sign_statement
from unvoiced.log.verify import verify_log
from unvoiced.log.writer import LogWriter
from unvoiced.sealing import canonical
from unvoiced.stores.file import FileStore
from unvoiced.stores.interface import Entry, Store, Stored
from unvoiced.stores.memory import MemoryStore

pytestmark = pytest.mark.inv("INV-5")
EVERY = 300
FIRST_BUNDLE = "tile/entries/000"


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """A snapshot is due sooner than in a deployment."""
    monkeypatch.setattr(snapshot, "EVERY", EVERY)


def accepted(*numbers: int) -> list[bytes]:
    """Leaves that take these over."""
    return [encode_leaf("accepted", digest(number), NOW, intake_key=None) for number in numbers]


@dataclass
class Deployed:
    """A log in a store, and those who append to it."""

    store: MemoryStore
    signer: Signer

    def open(self, store: Store | None = None, signer: Signer | None = None) -> Accounts:
        """A worker that has just started."""
        store, signer = store or self.store, signer or self.signer
        return Accounts(
            LogWriter(store, signer),
            LogReader(store, self.signer.verifier),
            snapshots=LedgerSnapshots(store, signer),
        )

    def folded(self) -> Ledger:
        """What the leaves say."""
        reader, ledger = LogReader(self.store, self.signer.verifier), Ledger()
        ledger.follow(reader.entries, reader.checkpoint().size)
        return ledger

    def stated(self) -> bytes:
        """The snapshot as it is."""
        return self.store.get(SNAPSHOT).data

    def put(self, data: bytes) -> None:
        """Another one in its place."""
        tamper(self.store, SNAPSHOT, data)

    def is_believed(self) -> bool:
        """Whether a worker that starts goes by the snapshot: it needs none of the first entries."""
        store = MemoryStore()
        for entry in self.store.list():
            if entry.name != FIRST_BUNDLE:
                store.put_if_absent(entry.name, self.store.get(entry.name).data)
        try:
            Deployed(store, self.signer).open().current()
        except VerificationError as error:
            if FIRST_BUNDLE not in str(error):
                raise
            return False
        return True

    def check_unmoved(self) -> None:
        """The snapshot counts for nothing, and the accounts are what the leaves say."""
        assert not self.is_believed()
        assert encode_ledger(self.open().current()) == encode_ledger(self.folded())


def lie(checkpoint: Checkpoint, signer: Signer) -> bytes:
    """A snapshot, signed, by which nothing was ever accepted."""
    ledger = Ledger()
    ledger.size = checkpoint.size
    return Snapshot.sign(checkpoint, ledger, signer)


@pytest.fixture
def log(signer: Signer) -> Deployed:
    """300 acceptances, stated; then 20 receipts that came after."""
    log = Deployed(MemoryStore("log"), signer)
    LogWriter.create(log.store, signer)
    accounts = log.open()
    accounts.append(accepted(*range(EVERY)))
    accounts.append([disposed(number) for number in range(20)])
    assert Snapshot.open(log.stated(), signer.verifier).checkpoint.size == EVERY
    return log


def published(log: Deployed) -> Checkpoint:
    """The log's checkpoint."""
    return LogReader(log.store, log.signer.verifier).checkpoint()


def test_a_worker_that_starts_goes_on_from_the_snapshot(log: Deployed) -> None:
    """It reads only what followed, and knows all the same what every leaf said."""
    assert log.is_believed()
    assert encode_ledger(log.open().current()) == encode_ledger(log.folded())
    assert log.open().append(accepted(0, 50)) == {digest(0)}


def test_no_snapshot_is_no_loss(log: Deployed) -> None:
    """It is folded, and the next append states it again."""
    remove(log.store, SNAPSHOT)
    assert encode_ledger(log.open().current()) == encode_ledger(log.folded())
    log.open().append(accepted(0))
    assert Snapshot.open(log.stated(), log.signer.verifier).state == encode_ledger(log.folded())


def test_a_forged_snapshot(log: Deployed, stranger: Signer) -> None:
    """Signed by another key, under the log's name."""
    log.put(lie(published(log), stranger))
    log.check_unmoved()


def test_an_unsigned_snapshot(log: Deployed) -> None:
    """The genuine one's signature line, with what it signed taken away."""
    *_, signature = log.stated().split(b"\n", 4)[:4]
    log.put(b"\n\n" + signature + b"\n" + encode_ledger(log.folded()))
    log.check_unmoved()


def test_an_edited_snapshot(log: Deployed) -> None:
    """One bit, anywhere in it."""
    genuine = log.stated()
    for place in (0, 30, 60, genuine.index(b"\n\n") + 5, -EVERY * 16, -1):
        log.put(flipped(genuine, place % len(genuine)))
        log.check_unmoved()


def test_a_snapshot_with_another_ones_state(log: Deployed, signer: Signer) -> None:
    """Note and state were both signed, and not together."""
    note = b"\n".join(log.stated().split(b"\n", 4)[:4]) + b"\n"
    log.put(note + Snapshot.open(lie(published(log), signer), signer.verifier).state)
    log.check_unmoved()


def test_a_truncated_snapshot(log: Deployed) -> None:
    """At every length that ends in another part of it."""
    genuine = log.stated()
    for length in (0, 10, 200, 320, len(genuine) // 2, len(genuine) - 1):
        log.put(genuine[:length])
        log.check_unmoved()


def test_a_snapshot_of_another_log(log: Deployed) -> None:
    """Signed by the same key under another name, and relabelled as that of this log."""
    key = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    other = Signer("unvoiced.example/other", key)
    tree = published(log)
    foreign = lie(Checkpoint(other.name, tree.size, tree.root), other)
    log.put(foreign)
    log.check_unmoved()
    head, _, rest = foreign.partition("— ".encode())
    line, _, state = rest.partition(b"\n")
    signature = base64.b64decode(line.split(b" ")[1])[4:]
    own = base64.b64encode(log.signer.verifier.key_id + signature)
    log.put(head + f"— {log.signer.name} {own.decode()}\n".encode() + state)
    log.check_unmoved()


def test_a_snapshot_of_the_future(log: Deployed, signer: Signer) -> None:
    """It says more entries than there are; whatever their root, nobody published them."""
    tree = published(log)
    for size in (tree.size + 1, 2**53 - 1):
        log.put(lie(Checkpoint(tree.origin, size, tree.root), signer))
        log.check_unmoved()


def test_a_snapshot_of_a_forked_history(log: Deployed, signer: Signer) -> None:
    """Signed for a tree of the same size that is not this log's."""
    log.put(lie(Checkpoint(signer.name, EVERY, hashlib.sha256(b"fork").digest()), signer))
    log.check_unmoved()


def test_a_snapshot_whose_state_is_of_another_size(log: Deployed, signer: Signer) -> None:
    """The statement's tree is this log's, the state beneath it says it ends elsewhere."""
    tree = published(log)
    ledger = log.folded()
    ledger.size -= 1
    log.put(Snapshot.sign(tree, ledger, signer))
    log.check_unmoved()


def test_another_statement_of_the_logs_key(log: Deployed, signer: Signer) -> None:
    """The same body under another title is a statement of another kind."""
    body = json.loads(log.stated().split(b"\n")[1])
    state = log.stated().split(b"\n", 4)[4]
    log.put(sign_statement("unvoiced ledger snapshot v2", body, signer) + state)
    log.check_unmoved()


@pytest.mark.parametrize(
    "change",
    [{"size": -1}, {"size": "300"}, {"size": 300.5}, {"size": None}, {"root": "AA=="}, {"root": 1},
     {"root": "?"}, {"log": "x"}, {"state": None}],
    ids=str,
)  # fmt: skip
def test_a_statement_that_is_not_well_formed(
    log: Deployed, signer: Signer, change: dict[str, object]
) -> None:
    """Signed all the same: nothing but a fold comes of it."""
    *_, state = log.stated().split(b"\n", 4)
    body = {**json.loads(log.stated().split(b"\n")[1]), **change}
    log.put(sign_statement("unvoiced ledger snapshot v1", body, signer) + state)
    log.check_unmoved()


def test_a_replayed_older_snapshot_is_only_slower(log: Deployed) -> None:
    """What followed it is folded, all of it."""
    older = log.stated()
    log.open().append(accepted(*range(1000, 1000 + EVERY)))
    assert log.stated() != older
    log.put(older)
    assert encode_ledger(log.open().current()) == encode_ledger(log.folded())
    assert verify_log(log.store, log.signer.verifier).ledger.accepted == 2 * EVERY


@pytest.mark.inv("INV-7")
def test_a_worker_that_remembers_refuses_a_rolled_back_log_with_its_snapshot(
    log: Deployed, signer: Signer
) -> None:
    """A whole older store, snapshot and all, is consistent in itself: the vault knows better."""
    backup = MemoryStore("backup")
    for entry in log.store.list():
        backup.put_if_absent(entry.name, log.store.get(entry.name).data)
    log.open().append(accepted(0))
    vault = MemoryStore("vault")
    remembered = RememberedCheckpoint(vault, "log-checkpoint", signer.verifier)
    remembered.keep(log.store.get(CHECKPOINT).data)
    reader = LogReader(backup, signer.verifier, remembered=remembered.load())
    accounts = Accounts(
        LogWriter(backup, signer), reader, remembered, snapshots=LedgerSnapshots(backup, signer)
    )
    with pytest.raises(VerificationError, match="went back"):
        accounts.current()
    with pytest.raises(VerificationError, match="went back"):
        accounts.append(accepted(1))


def test_a_snapshot_that_outlived_a_rollback(log: Deployed) -> None:
    """Who remembers nothing reads the shorter log, and goes by that."""
    backup = MemoryStore("backup")
    for entry in log.store.list():
        backup.put_if_absent(entry.name, log.store.get(entry.name).data)
    log.open().append(accepted(*range(1000, 1000 + EVERY)))
    rolled_back = Deployed(backup, log.signer)
    rolled_back.put(log.stated())
    rolled_back.check_unmoved()


def test_verifying_refuses_a_snapshot_that_contradicts_the_leaves(
    log: Deployed, signer: Signer
) -> None:
    """The log's own key states accounts: whoever verifies holds it to them."""
    log.put(lie(published(log), signer))
    with pytest.raises(VerificationError, match="states other accounts"):
        verify_log(log.store, signer.verifier)


def test_verifying_refuses_an_older_snapshot_that_contradicts_the_leaves(
    log: Deployed, signer: Signer
) -> None:
    """Of one number, at the size that it was stated for."""
    reader, ledger = LogReader(log.store, signer.verifier), Ledger()
    ledger.follow(reader.entries, EVERY)
    ledger.disposed += 1
    tree = Snapshot.open(log.stated(), signer.verifier).checkpoint
    log.put(Snapshot.sign(tree, ledger, signer))
    with pytest.raises(VerificationError, match="states other accounts"):
        verify_log(log.store, signer.verifier)


def test_verifying_refuses_a_snapshot_of_another_history(log: Deployed, signer: Signer) -> None:
    """It is evidence of a fork, under the log's own signature."""
    log.put(lie(Checkpoint(signer.name, EVERY, hashlib.sha256(b"fork").digest()), signer))
    with pytest.raises(VerificationError, match="another history"):
        verify_log(log.store, signer.verifier)


def test_verifying_goes_by_leaves_alone(log: Deployed, stranger: Signer) -> None:
    """One that is missing, forged or ahead of the checkpoint neither helps nor harms."""
    expected = encode_ledger(log.folded())
    genuine, tree = log.stated(), published(log)
    for data in (
        genuine,
        lie(tree, stranger),
        b"",
        lie(Checkpoint(tree.origin, tree.size + 1, tree.root), log.signer),
    ):
        log.put(data)
        assert encode_ledger(verify_log(log.store, log.signer.verifier).ledger) == expected
    remove(log.store, SNAPSHOT)
    assert encode_ledger(verify_log(log.store, log.signer.verifier).ledger) == expected
    log.store.put_if_absent(SNAPSHOT, genuine)
    remove(log.store, FIRST_BUNDLE)
    with pytest.raises(VerificationError, match=FIRST_BUNDLE):
        verify_log(log.store, log.signer.verifier)


def crashes(happens: Callable[[WatchedStore], None], make: Callable[[], Deployed]) -> int:
    """Do it again and again, dying at each operation; what is there afterwards must hold."""
    number = 0
    while True:
        log = make()
        store = WatchedStore(log.store, at(number, crash))
        try:
            happens(store)
        except Crash:
            log.open().append(accepted(5000))
            assert encode_ledger(log.open().current()) == encode_ledger(log.folded())
            verify_log(log.store, log.signer.verifier)
            number += 1
        else:
            return number


def test_a_crash_between_append_and_snapshot(signer: Signer) -> None:
    """Or anywhere in an append by which one is due: the next worker knows what the log says."""

    def make() -> Deployed:
        store = MemoryStore("log")
        LogWriter.create(store, signer)
        log = Deployed(store, signer)
        log.open().append(accepted(*range(EVERY - 1)))
        return log

    def appended(store: WatchedStore) -> None:
        Deployed(MemoryStore(), signer).open(store).append(accepted(2000, 2001))
        assert [entry.name for entry in store.list("ledger/")] == [SNAPSHOT]

    assert crashes(appended, make) > 20


class _RefusesSnapshots(WatchedStore):
    def put_if_absent(self, name: str, data: bytes) -> str:
        """Refuse."""
        if name == SNAPSHOT:
            raise StoreError("no room")
        return super().put_if_absent(name, data)


def test_a_store_that_takes_no_snapshot_stops_no_append(signer: Signer) -> None:
    """What was appended is logged, and the call says so."""
    store = MemoryStore("log")
    LogWriter.create(store, signer)
    log = Deployed(store, signer)
    accounts = log.open(_RefusesSnapshots(store))
    assert len(accounts.append(accepted(*range(EVERY)))) == EVERY
    assert accounts.append(accepted(2000)) == {digest(2000)}
    assert log.folded().accepted == EVERY + 1
    assert store.head(SNAPSHOT) is None


def test_a_key_out_of_reach_stops_no_append(signer: Signer) -> None:
    """A key service that refuses just then: the leaves are there, the snapshot is not."""

    class Refuses(Signer):
        def sign(self, text: str) -> bytes:
            if text.startswith("unvoiced ledger snapshot"):
                raise AccessError("not now")
            return super().sign(text)

    store = MemoryStore("log")
    LogWriter.create(store, signer)
    key = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    log = Deployed(store, signer)
    assert len(log.open(signer=Refuses(signer.name, key)).append(accepted(*range(EVERY)))) == EVERY
    assert store.head(SNAPSHOT) is None
    assert log.folded().accepted == EVERY


@pytest.mark.parametrize("there", [True, False], ids=["one is there", "none is there"])
def test_two_writers_racing_to_write_a_snapshot(log: Deployed, there: bool) -> None:
    """Between one's look and its put the other puts a newer one: that one stays."""
    slow, fast = log.open(), log.open()
    for accounts in (slow, fast):
        accounts.current()
    if not there:
        remove(log.store, SNAPSHOT)
    raced: list[bytes] = []

    class Raced(WatchedStore):
        def _race(self, name: str) -> None:
            if name == SNAPSHOT and not raced:
                raced.append(b"")
                fast.append(accepted(*range(3000, 3000 + EVERY)))
                raced.append(log.stated())

        def head(self, name: str) -> Entry | None:
            found = super().head(name)
            if found is None:
                self._race(name)
            return found

        def get_start(self, name: str, version: str, length: int) -> bytes:
            data = super().get_start(name, version, length)
            self._race(name)
            return data

    reader = LogReader(log.store, log.signer.verifier)
    snapshots = LedgerSnapshots(Raced(log.store), log.signer)
    snapshots.keep(reader, published(log), slow.current())
    assert log.stated() == raced[-1]
    assert Snapshot.open(log.stated(), log.signer.verifier).checkpoint.size == 320 + EVERY


def test_an_older_snapshot_does_not_take_a_newer_ones_place(log: Deployed) -> None:
    """A slow writer that comes late leaves what is there."""
    slow = log.open()
    ledger, tree = slow.current(), published(log)
    slow_reader = LogReader(log.store, log.signer.verifier)
    slow_reader.checkpoint()
    log.open().append(accepted(*range(3000, 3000 + EVERY)))
    newer = log.stated()
    for reader in (LogReader(log.store, log.signer.verifier), slow_reader):
        LedgerSnapshots(log.store, log.signer).keep(reader, tree, ledger)
        assert log.stated() == newer


@pytest.mark.parametrize("ahead", [True, False], ids=["longer", "as long"])
def test_a_snapshot_of_an_abandoned_history_gives_way(log: Deployed, ahead: bool) -> None:
    """The log was put back to a backup and went another way: verifying never fails for it."""
    backup = MemoryStore("backup")
    for entry in log.store.list():
        backup.put_if_absent(entry.name, log.store.get(entry.name).data)
    log.open().append(accepted(*range(1000, 1000 + EVERY)))
    restored = Deployed(backup, log.signer)
    restored.put(log.stated())
    restored.open().append(accepted(*range(2000, 2010 if ahead else 2000 + EVERY)))
    assert Snapshot.open(restored.stated(), log.signer.verifier).checkpoint == published(restored)
    assert restored.is_believed()
    restored.open().append(accepted(*range(4000, 4000 + EVERY - 1)))
    verified = verify_log(backup, log.signer.verifier)
    assert encode_ledger(verified.ledger) == encode_ledger(restored.folded())


def test_what_is_larger_than_any_snapshot_is_not_read(
    log: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By workers and verifiers: it counts for nothing, and the next snapshot takes its place."""
    genuine = log.stated()
    monkeypatch.setattr(snapshot, "MOST_BYTES", len(genuine))
    assert log.is_believed()
    log.put(genuine + b"x" * 100_000)
    looked: list[int] = []

    class Looked(WatchedStore):
        def get(self, name: str, version: str | None = None) -> Stored:
            assert name != SNAPSHOT
            return super().get(name, version)

        def get_start(self, name: str, version: str, length: int) -> bytes:
            looked.append(length)
            return super().get_start(name, version, length)

    log.check_unmoved()
    accounts = log.open(Looked(log.store))
    verify_log(Looked(log.store), log.signer.verifier)
    monkeypatch.setattr(snapshot, "MOST_BYTES", 2 * len(genuine))
    accounts.append(accepted(5000))
    assert looked == []
    assert log.is_believed()
    verify_log(Looked(log.store), log.signer.verifier)
    assert looked == [len(log.stated())]


def test_a_snapshot_that_nobody_would_read_is_not_written(
    log: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one that is there stays, and what followed it is folded."""
    stated = log.stated()
    monkeypatch.setattr(snapshot, "MOST_BYTES", len(stated))
    log.open().append(accepted(*range(3000, 3000 + EVERY)))
    assert log.stated() == stated
    assert log.is_believed()


@pytest.mark.parametrize("planted", ["pipe", "link", "link to /dev/zero", "folder", "link above"])
def test_what_is_planted_and_not_signed_is_no_statement(
    tmp_path: Path, signer: Signer, planted: str
) -> None:
    """Whatever stands there: the log verifies, and whoever appends folds it."""
    store = FileStore(tmp_path / "log")
    LogWriter.create(store, signer)
    place = tmp_path / "log" / SNAPSHOT
    if planted == "link above":
        place.parent.symlink_to(tmp_path)
    else:
        place.parent.mkdir()
    match planted:
        case "pipe":
            os.mkfifo(place)
        case "link":
            place.symlink_to("nowhere")
        case "link to /dev/zero":
            place.symlink_to("/dev/zero")
        case "folder":
            place.mkdir()
    snapshots = LedgerSnapshots(store, signer)
    reader = LogReader(store, signer.verifier)
    accounts = Accounts(LogWriter(store, signer), reader, snapshots=snapshots)
    assert len(accounts.append(accepted(*range(EVERY)))) == EVERY
    assert verify_log(store, signer.verifier).ledger.accepted == EVERY


def test_verifying_says_that_credentials_ran_out(log: Deployed) -> None:
    """That is about who asks, and does not pass for a log without a statement."""

    class RunsOut(WatchedStore):
        def head(self, name: str) -> Entry | None:
            raise CredentialsExpired(name)

    with pytest.raises(CredentialsExpired):
        verify_log(RunsOut(log.store), log.signer.verifier)


@pytest.mark.parametrize("others", [[], "x", {"requests": [1]}], ids=str)
def test_a_signed_state_of_other_types_is_folded_past(
    log: Deployed, signer: Signer, monkeypatch: pytest.MonkeyPatch, others: object
) -> None:
    """The log's key states something that is no state: a worker folds, verifying refuses it."""
    line, _, rest = encode_ledger(log.folded()).partition(b"\n")
    state = canonical.dumps({**json.loads(line), "others": others}) + b"\n" + rest
    with monkeypatch.context() as patched:
        patched.setattr(snapshot, "encode_ledger", lambda _: state)
        log.put(Snapshot.sign(published(log), log.folded(), signer))
    log.check_unmoved()
    with pytest.raises(VerificationError, match="states other accounts"):
        verify_log(log.store, signer.verifier)


def test_a_snapshot_is_not_written_for_every_append(log: Deployed) -> None:
    """Once so many leaves were logged since, and by a worker that started in between as well."""
    stated = log.stated()
    for number in range(2000, 2005):
        log.open().append(accepted(number))
        assert log.stated() == stated


def test_large_accounts_are_written_less_often(
    log: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not more bytes of snapshots than of leaves, in the long run."""
    monkeypatch.setattr(snapshot, "_BYTES_A_LEAF", 10)
    stated = log.stated()
    accounts = log.open()
    accounts.append(accepted(*range(3000, 3000 + EVERY)))
    assert log.stated() == stated
    accounts.append(accepted(*range(4000, 4000 + len(stated) // 10 - EVERY)))
    assert log.stated() != stated
