"""Destroying one recording: only with clearance, only the version that was read, then looking.

INV-3 nothing is destroyed before its features, and the key they are sealed to, were read back.
INV-4 whoever destroys also observes; what was not seen to be gone has no receipt.
"""

import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from unvoiced.disposal.journal import JournalEntry
from unvoiced.disposal.receipt import Observation
from unvoiced.errors import NotDisposed, NotFound
from unvoiced.stores.interface import Store

_POLICY: Final = object()


class Clearance:
    """Leave to destroy one version of one recording, once. Only `clear` gives it."""

    def __init__(self, policy: object, entry: JournalEntry) -> None:
        if policy is not _POLICY:
            raise TypeError("a clearance comes from disposal.clear")
        self._entry: JournalEntry | None = entry

    def use(self) -> JournalEntry:
        """The recording to destroy. Raises `NotDisposed` the second time."""
        entry, self._entry = self._entry, None
        if entry is None:
            raise NotDisposed("a clearance is good for one disposal")
        return entry


def clear(entry: JournalEntry, read_back: Mapping[str, str]) -> Clearance:
    """The policy: give leave when all that must outlive the recording was read back as journalled.

    `read_back` maps object names in the training store to the SHA-256 (hex) of the bytes that were
    read from it after they were put. Raises `NotDisposed`.
    """
    needed = {placed.name: placed.sha256 for placed in entry.features}
    needed[entry.key_name] = entry.key_sha256
    if not entry.features:
        raise NotDisposed(f"{entry.name}: no features were journalled")
    for name, digest in needed.items():
        if read_back.get(name) != digest:
            raise NotDisposed(f"{entry.name}: {name} was not read back as journalled")
    return Clearance(_POLICY, entry)


def destroy(raw: Store, clearance: Clearance, now: Callable[[], datetime]) -> Observation:
    """Delete exactly the version that was read, then look whether it is gone.

    A newer upload under the same name is another recording and stays. Delete markers that hide
    nothing any more go too.
    """
    entry = clearance.use()
    raw.delete(entry.name, entry.version)
    versions = [listed for listed in raw.versions(entry.name) if listed.name == entry.name]
    if versions and all(listed.delete_marker for listed in versions):
        for marker in versions:
            raw.delete(marker.name, marker.version)
        versions = [listed for listed in raw.versions(entry.name) if listed.name == entry.name]
    current = raw.head(entry.name)
    if current is None:
        state = "absent"
    elif current.version == entry.version or _same_bytes(raw, entry):
        state = "present"
    else:
        state = "newer"
    return Observation(
        version_readable=_readable(raw, entry),
        version_listed=any(listed.version == entry.version for listed in versions),
        current=state,
        delete_markers=sum(listed.delete_marker for listed in versions),
        time=now(),
    )


def _same_bytes(raw: Store, entry: JournalEntry) -> bool:
    """Whether the very same object stands under its name again: a restored backup, a second put."""
    try:
        return hashlib.sha256(raw.get(entry.name).data).hexdigest() == entry.sha256
    except NotFound:
        return False


def _readable(raw: Store, entry: JournalEntry) -> bool:
    """Listings may omit a version; asking for it by name does not."""
    try:
        raw.get(entry.name, entry.version)
    except NotFound:
        return False
    return True
