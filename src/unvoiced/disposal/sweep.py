"""Destroying everything under a prefix, every version of it, and looking whether it is gone.

For what is no recording of the backlog: features, keys' objects, archived originals, records. A
sweep needs no right to read what it destroys. It says what it saw and what it had to leave; what is
left under a lock has its day.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from unvoiced.errors import CredentialsExpired, InputError, Locked, StoreError
from unvoiced.stores.interface import Entry, Keeping, Store


@dataclass
class Sweep:
    """What became of the versions under some prefixes, delete markers not counted."""

    destroyed: int = 0
    bytes: int = 0
    left: dict[str, str] = field(default_factory=dict)  # object name -> why
    locked_until: dict[str, datetime | None] = field(default_factory=dict)  # of those left

    @property
    def complete(self) -> bool:
        """Whether nothing was left."""
        return not self.left

    def add(self, other: "Sweep") -> None:
        """Take in what became of others."""
        self.destroyed += other.destroyed
        self.bytes += other.bytes
        self.left |= other.left
        self.locked_until |= other.locked_until


def sweep(store: Store, prefix: str, due: Callable[[Entry], bool] = lambda _: True) -> Sweep:
    """Destroy every version and marker under `prefix` that is due, then list again.

    The caller sees to legal holds. Raises `StoreError` where the store cannot be listed, and
    `CredentialsExpired`; any other refusal leaves its object, and the rest goes. So does a name
    that no store of ours gives out.
    """
    found = Sweep()
    # A listing in pages and deletes meanwhile do not go together everywhere.
    tried = {(one.name, one.version): one for one in store.versions(prefix) if due(one)}
    for entry in tried.values():
        try:
            store.delete(entry.name, entry.version)
        except CredentialsExpired:
            raise
        except (StoreError, InputError) as error:
            found.left[entry.name] = str(error)
            kept = None if isinstance(error, InputError) else _keeping(store, entry)
            until = kept.retain_until if kept else None
            if isinstance(error, Locked) or until or (kept and kept.legal_hold):
                found.locked_until[entry.name] = until
        else:
            if not entry.delete_marker:
                found.destroyed += 1
                found.bytes += entry.size
    for entry in store.versions(prefix):
        if not due(entry) or entry.name in found.left:
            continue
        if (entry.name, entry.version) in tried:
            found.left[entry.name] = "still listed after it was destroyed"
            found.destroyed -= not entry.delete_marker
            found.bytes -= entry.size
        else:
            found.left[entry.name] = "put there while the others were destroyed"
    return found


def _keeping(store: Store, entry: Entry) -> Keeping | None:
    """What keeps a version, as far as these credentials may know."""
    try:
        return store.keeping(entry.name, entry.version)
    except CredentialsExpired:
        raise
    except StoreError:
        return None
