"""Destroying one recording: only with clearance, only the version that was read, then looking.

INV-3 nothing is destroyed before its features, and the key they are sealed to, were read back, nor
      before its copy was seen in the archive where one is to be kept.
INV-4 whoever destroys also observes; what was not seen to be gone has no receipt.

A legal hold stops every disposal, for whatever cause.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from unvoiced.disposal.holds import Held
from unvoiced.disposal.journal import JournalEntry
from unvoiced.disposal.receipt import Cause, Observation, shows_archived
from unvoiced.errors import NotDisposed, NotFound
from unvoiced.stores.interface import Entry, Keeping, Store

_POLICY: Final = object()


@dataclass(frozen=True)
class Target:
    """One version of one sealed recording in the raw store."""

    name: str
    version: str
    sha256: str


class Clearance:
    """Leave to destroy one version of one recording, once. Only `clear...` gives it."""

    def __init__(self, policy: object, target: Target) -> None:
        if policy is not _POLICY:
            raise TypeError("a clearance comes from disposal.clear")
        self._target: Target | None = target

    def use(self) -> Target:
        """The recording to destroy. Raises `NotDisposed` the second time."""
        target, self._target = self._target, None
        if target is None:
            raise NotDisposed("a clearance is good for one disposal")
        return target


def clear(
    entry: JournalEntry,
    read_back: Mapping[str, str],
    held: Held,
    kept: Keeping | None = None,
) -> Clearance:
    """The policy: give leave when all that must outlive the recording was read back as journalled.

    `read_back` maps object names in the training store to the SHA-256 (hex) of the bytes that were
    read from it after they were put; `kept` is what the archive says of the original's copy, where
    one was to be made. Raises `NotDisposed`, and where nothing but a hold speaks against it
    `UnderHold`.
    """
    needed = {placed.name: placed.sha256 for placed in entry.features}
    needed[entry.key_name] = entry.key_sha256
    if not entry.features:
        raise NotDisposed(f"{entry.name}: no features were journalled")
    for name, digest in needed.items():
        if read_back.get(name) != digest:
            raise NotDisposed(f"{entry.name}: {name} was not read back as journalled")
    if entry.archived is not None and not shows_archived(entry.archived, kept):
        raise NotDisposed(f"{entry.name}: its archived copy was not seen as journalled")
    held.refuse(entry.name)
    return Clearance(_POLICY, Target(entry.name, entry.version, entry.sha256))


def clear_without_features(target: Target, cause: Cause, held: Held) -> Clearance:
    """The policy for recordings that end without features: by retention or erasure, never held.

    Raises `NotDisposed`, `UnderHold` for a hold.
    """
    if cause.leaves_features or cause is Cause.MISSING:
        raise NotDisposed(f"{target.name}: {cause.value!r} is no cause to destroy it by itself")
    held.refuse(target.name)
    return Clearance(_POLICY, target)


def destroy(raw: Store, clearance: Clearance, now: Callable[[], datetime]) -> Observation:
    """Delete exactly the version that was read, then look whether it is gone.

    A newer upload under the same name is another recording and stays. Delete markers that hide
    nothing any more go too.
    """
    target = clearance.use()
    raw.delete(target.name, target.version)
    versions = _versions(raw, target.name)
    if versions and all(listed.delete_marker for listed in versions):
        for marker in versions:
            raw.delete(marker.name, marker.version)
        versions = _versions(raw, target.name)
    return _observe(raw, target, versions, now)


def gone_before(
    hold: NotDisposed, raw: Store, target: Target, now: Callable[[], datetime]
) -> Observation:
    """What shows that a recording was destroyed before it was to stay: by a run that is no more,
    which could not log it. Changes nothing; raises `hold` where the recording is still there.
    """
    observed = _observe(raw, target, _versions(raw, target.name), now)
    if not observed.shows_absence:
        raise hold
    return observed


def _versions(raw: Store, name: str) -> list[Entry]:
    return [listed for listed in raw.versions(name) if listed.name == name]


def _observe(
    raw: Store, target: Target, versions: Sequence[Entry], now: Callable[[], datetime]
) -> Observation:
    current = raw.head(target.name)
    if current is None:
        state = "absent"
    elif current.version == target.version or _same_bytes(raw, target):
        state = "present"
    else:
        state = "newer"
    return Observation(
        version_readable=_readable(raw, target),
        version_listed=any(listed.version == target.version for listed in versions),
        current=state,
        delete_markers=sum(listed.delete_marker for listed in versions),
        time=now(),
    )


def _same_bytes(raw: Store, entry: Target) -> bool:
    """Whether the very same object stands under its name again: a restored backup, a second put."""
    try:
        return hashlib.sha256(raw.get(entry.name).data).hexdigest() == entry.sha256
    except NotFound:
        return False


def _readable(raw: Store, entry: Target) -> bool:
    """Listings may omit a version; asking for it by name does not."""
    try:
        raw.get(entry.name, entry.version)
    except NotFound:
        return False
    return True
