"""Replacing the key of a key-file vault, so that a copy of the vault taken before opens no more.

    1. look     every secret unwraps; the key file can be replaced
    2. begin    the key file holds the new key and the old one
    3. wrap     every secret is wrapped under the new key, and put in place of what was there
    4. verify   every secret unwraps under the new key alone
    5. end      the key file holds the new key; the old file's bytes are overwritten, best effort

A crash leaves a vault that works, at every step: the key file opens what stands in the store.
Running again finishes it, with the key that was begun with. Who reads meanwhile may meet either key
and reads on (`keys.vault`); who puts waits until it is over; two at once take turns.
"""

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from unvoiced.errors import AccessError, Changed, NotFound, SecretMissing
from unvoiced.keys.vault import object_of, secrets_in, unwrapped_record, wrapped_record
from unvoiced.keys.wrapping import KEY_BYTES, KeyFile, LocalWrapper, Wrapper, read_key_file
from unvoiced.stores.interface import Store


def check_replaceable(store: Store, key_file: KeyFile) -> None:
    """Raises `AccessError` where `replace_key` would, before anything is changed."""
    path = key_file.path
    if path.is_symlink() or not os.access(path.parent, os.W_OK):
        raise AccessError(
            f"{path} cannot be replaced (a mounted secret?): move the vault instead, with "
            "`unvoiced keys move`"
        )
    for name in secrets_in(store):
        with suppress(SecretMissing):
            _get(store, name, key_file)


def is_unfinished(key_file: KeyFile) -> bool:
    """Whether a replacement was begun and not ended."""
    return len(read_key_file(key_file.path)) > 1 or _part(key_file.path).exists()


def replace_key(store: Store, key_file: KeyFile) -> int:
    """Replace the vault's key, or finish doing so; returns how many secrets it now protects.

    `store` is a folder, which keeps no earlier versions. Raises `AccessError` where a secret does
    not unwrap; then the old key still stands.
    """
    with key_file.locked(fcntl.LOCK_EX):
        check_replaceable(store, key_file)
        _destroy_file(_part(key_file.path))
        keys = read_key_file(key_file.path)
        if len(keys) == 1:
            keys = (secrets.token_bytes(KEY_BYTES), *keys)
            _put_in_place(key_file.path, b"".join(keys))
        new, old = LocalWrapper(keys[0]), LocalWrapper(keys[1])
        for name in secrets_in(store):
            _wrap_anew(store, name, new, old)
        count = 0
        for name in secrets_in(store):
            with suppress(SecretMissing):
                _get(store, name, new)
                count += 1
        _put_in_place(key_file.path, keys[0])
        key_file.keys = keys[:1]
        return count


def _wrap_anew(store: Store, name: str, new: Wrapper, old: Wrapper) -> None:
    while True:
        try:
            stored = store.get(object_of(name))
        except NotFound:
            return  # destroyed meanwhile
        with suppress(AccessError):
            unwrapped_record(name, stored.data, new)
            return
        record = wrapped_record(name, unwrapped_record(name, stored.data, old), new)
        with suppress(Changed):
            store.replace(object_of(name), record, version=stored.version)
            return


def _get(store: Store, name: str, wrapper: Wrapper) -> bytes:
    try:
        return unwrapped_record(name, store.get(object_of(name)).data, wrapper)
    except NotFound:
        raise SecretMissing(f"this vault holds no {name}") from None
    except AccessError:
        raise AccessError(
            f"the vault's {name} does not unwrap under the key in its key file: nothing is "
            "replaced while that is so"
        ) from None


def _part(path: Path) -> Path:
    return path.with_name(f"{path.name}.part")


def _put_in_place(path: Path, content: bytes) -> None:
    """Replace the file whole, durably; then overwrite what it was."""
    part = _part(path)
    with _opened(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL) as file:
        os.write(file, content)
        os.fsync(file)
    with _opened(path, os.O_WRONLY) as before:
        part.replace(path)
        with _opened(path.parent, os.O_RDONLY | os.O_DIRECTORY) as folder:
            os.fsync(folder)
        _overwrite(before)


def destroy_key_file(path: Path) -> None:
    """Overwrite a key file, best effort, and remove it; likewise one that was being written."""
    for one in (_part(path), path):
        _destroy_file(one)


def _destroy_file(path: Path) -> None:
    with suppress(FileNotFoundError):
        with _opened(path, os.O_WRONLY) as file:
            _overwrite(file)
        path.unlink()
        with _opened(path.parent, os.O_RDONLY | os.O_DIRECTORY) as folder:
            os.fsync(folder)


def _overwrite(file: int) -> None:
    """In place: where the file system keeps a file's blocks, nothing is left in them."""
    os.pwrite(file, secrets.token_bytes(os.fstat(file).st_size), 0)
    os.fsync(file)


@contextmanager
def _opened(path: Path, flags: int) -> Iterator[int]:
    file = os.open(path, flags | os.O_NOFOLLOW, 0o600)
    try:
        yield file
    finally:
        os.close(file)
