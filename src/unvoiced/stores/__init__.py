"""Stores: where sealed objects and public files are kept, opened by url."""

import threading
from pathlib import Path
from urllib.parse import unquote, urlsplit

from unvoiced.errors import InputError, StoreError
from unvoiced.stores.interface import COLD_CLASSES, STANDARD, Entry, Keeping, Store, Stored
from unvoiced.stores.memory import MemoryStore

__all__ = ["COLD_CLASSES", "STANDARD", "Entry", "Keeping", "Store", "Stored", "open_store"]

_KINDS = "file:///FOLDER or s3://BUCKET/PREFIX"
_in_memory: dict[str, MemoryStore] = {}
_in_memory_lock = threading.Lock()


def open_store(url: str) -> Store:
    """Open the store at this url; raises `InputError` where it is no store's url.

    `file:///folder` (made where it is missing), `s3://bucket/prefix?endpoint=...&region=...` (see
    `s3_url`), and for tests `memory://name`, the same one for the whole process.
    """
    parts = urlsplit(url)
    if parts.scheme == "file":
        if parts.netloc not in {"", "localhost"} or parts.query or parts.fragment:
            raise InputError(f"{url!r} names no folder: file:///FOLDER, with three slashes")
        if not parts.path.startswith("/"):
            raise InputError(f"{url!r} names no folder: a store's folder is given in full")
        # Not needed by those who only ever speak to a bucket, and not there on Windows.
        from unvoiced.stores.file import FileStore

        folder = Path(unquote(parts.path))
        if not folder.is_dir():
            # Never made on the way: a moved deployment or a disk that is not mounted would take
            # uploads to a place where nobody looks.
            raise StoreError(f"there is no store at {folder}")
        return FileStore(folder)
    if parts.scheme == "s3":
        # boto3 takes longer to import than everything else here together.
        from unvoiced.stores.s3_url import open_s3

        return open_s3(url)
    if parts.scheme == "memory":
        with _in_memory_lock:
            return _in_memory.setdefault(parts.netloc, MemoryStore(parts.netloc))
    if parts.scheme:
        raise InputError(f"{parts.scheme}:// is no kind of store: use {_KINDS}")
    raise InputError(f"{url!r} is a path; as a store it is {Path(url).absolute().as_uri()}")
