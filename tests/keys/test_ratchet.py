"""Replacing the key of a key-file vault: whatever happens meanwhile, nothing is stranded."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.ingest.killing import When, killed_at
from unvoiced.errors import AccessError
from unvoiced.keys.ratchet import destroy_key_file, is_unfinished, replace_key
from unvoiced.keys.vault import Vault
from unvoiced.keys.wrapping import KeyFile, LocalWrapper, create_key_file
from unvoiced.stores.file import FileStore

SECRETS = {f"kind/{name}": f"secret {name}".encode() for name in ("one", "two", "three")}


def made(folder: Path) -> Path:
    """A vault with three secrets; its key file."""
    folder.mkdir()
    wrapper = create_key_file(folder / "vault.kek")
    vault = Vault(FileStore(folder / "vault"), wrapper)
    for name, secret in SECRETS.items():
        vault.put(name, secret)
    return folder / "vault.kek"


def opened(path: Path) -> Vault:
    """The vault as a process opens it that starts now."""
    key_file = KeyFile(path)
    return Vault(FileStore(path.with_suffix("")), key_file, key_file.writing)


def ratchet(path: Path) -> int:
    """Replace the key, as a process of its own."""
    return replace_key(FileStore(path.with_suffix("")), KeyFile(path))


def contents(vault: Vault) -> dict[str, bytes]:
    """All of it, unwrapped."""
    return {f"kind/{name}": vault.get(f"kind/{name}") for name in vault.names("kind")}


def test_every_secret_is_under_the_new_key_and_none_under_the_old(tmp_path: Path) -> None:
    """The old key opens nothing that stands there; the file holds the new one alone, 0600."""
    path = made(tmp_path / "home")
    old = path.read_bytes()
    reader = opened(path)
    assert ratchet(path) == 3
    assert contents(opened(path)) == contents(reader) == SECRETS
    stale = Vault(FileStore(path.with_suffix("")), LocalWrapper(old))
    for name in SECRETS:
        with pytest.raises(AccessError):
            stale.get(name)
    assert path.read_bytes() != old
    assert (len(path.read_bytes()), path.stat().st_mode & 0o777) == (32, 0o600)
    assert [each.name for each in sorted(path.parent.iterdir())] == ["vault", "vault.kek"]
    assert not is_unfinished(KeyFile(path))


def test_the_old_key_files_bytes_are_overwritten(tmp_path: Path) -> None:
    """Whoever held the old file open, or a second name of it, finds the key no more."""
    path = made(tmp_path / "home")
    old = path.read_bytes()
    (tmp_path / "second name").hardlink_to(path)
    with path.open("rb") as held:
        ratchet(path)
        assert held.read() != old
    assert (tmp_path / "second name").read_bytes() != old


@pytest.mark.parametrize("when", ["before", "midway"])
def test_killed_at_any_step_the_vault_works_and_the_next_finishes(
    memory_disk: Path, when: When
) -> None:
    """Readers who were there before, and who come after, read all; putting works too."""
    for nth in range(300):
        path = made(memory_disk / f"home-{nth}")
        old, before = path.read_bytes(), opened(path)
        died = killed_at(nth, when, lambda path=path: ratchet(path))
        assert contents(before) == contents(opened(path)) == SECRETS
        opened(path).put("kind/later", b"later")
        wanted = {**SECRETS, "kind/later": b"later"}
        assert contents(before) == contents(opened(path)) == wanted
        if is_unfinished(KeyFile(path)):
            assert died
            assert ratchet(path) == 4
        assert not is_unfinished(KeyFile(path))
        assert contents(before) == contents(opened(path)) == wanted
        stale = Vault(FileStore(path.with_suffix("")), LocalWrapper(old))
        if path.read_bytes() != old:
            with pytest.raises(AccessError):
                stale.get("kind/one")
        left = [each for each in path.parent.rglob("*") if each.is_file()]
        assert path.read_bytes() == old or not any(old in each.read_bytes() for each in left)
        if not died:
            assert nth > 20
            return
    pytest.fail("never got through")


class Watched(threading.Thread):
    """A thread that repeats an act until it is stopped or fails, and keeps what it failed with."""

    def __init__(self, act: Callable[[int], object], times: int = 100_000) -> None:
        super().__init__()
        self._act, self._times, self._stopped = act, times, threading.Event()
        self.failure: BaseException | None = None
        self.done = 0

    def run(self) -> None:
        """Repeat the act."""
        try:
            while self.done < self._times and not self._stopped.is_set():
                self._act(self.done)
                self.done += 1
        except BaseException as error:
            self.failure = error

    def end(self) -> None:
        """Stop it and wait for it."""
        self._stopped.set()
        self.join()


def test_readers_and_writers_go_on_while_keys_are_replaced(memory_disk: Path) -> None:
    """Twelve ratchets, two at a time; nobody fails, nothing is stranded."""
    path = made(memory_disk / "home")
    old, writer = opened(path), opened(path)

    def read(_: int) -> None:
        for vault in (old, opened(path)):
            assert SECRETS.items() <= contents(vault).items()

    others = [
        Watched(read),
        Watched(read),
        Watched(lambda nth: writer.put(f"kind/put-{nth}", b"put")),
    ]
    ratchets = [Watched(lambda _: ratchet(path), times=6) for _ in range(2)]
    for thread in (*others, *ratchets):
        thread.start()
    for thread in ratchets:
        thread.join()
    for thread in others:
        thread.end()

    assert [thread.failure for thread in (*others, *ratchets)] == [None] * 5
    put = {f"kind/put-{nth}" for nth in range(others[2].done)}
    assert put
    assert contents(opened(path)).keys() == {*SECRETS, *put}


def test_a_record_that_does_not_unwrap_stops_it_before_anything_changed(tmp_path: Path) -> None:
    """The old key may be all that a damaged record's backup opens with."""
    path = made(tmp_path / "home")
    before = path.read_bytes()
    (path.with_suffix("") / "kind" / "two.key").write_bytes(b"damaged")
    with pytest.raises(AccessError, match="kind/two does not unwrap"):
        ratchet(path)
    assert path.read_bytes() == before


def test_a_mounted_key_file_is_not_replaced(tmp_path: Path) -> None:
    """As Kubernetes mounts secrets: a symlink. The message says what to do instead."""
    path = made(tmp_path / "home")
    path.rename(tmp_path / "mounted")
    path.symlink_to(tmp_path / "mounted")
    with pytest.raises(AccessError, match="unvoiced keys move"):
        ratchet(path)
    assert contents(opened(path)) == SECRETS


def test_a_destroyed_key_file_leaves_no_bytes(tmp_path: Path) -> None:
    """Nor does one that was never there."""
    path = made(tmp_path / "home")
    key = path.read_bytes()
    (tmp_path / "second name").hardlink_to(path)
    destroy_key_file(path)
    destroy_key_file(path)
    assert not path.exists()
    assert (tmp_path / "second name").read_bytes() != key
