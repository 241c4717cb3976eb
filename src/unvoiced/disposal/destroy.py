"""Destroying one recording: only with clearance, only the version that was read, then looking.

INV-3 nothing is destroyed before its features, and the key they are sealed to, were read back, nor
      before its copy was seen in the archive where one is to be kept.
INV-4 whoever destroys also observes; what was not seen to be gone has no receipt.

A legal hold stops every disposal, for whatever cause.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice, repeat
from typing import Final

from unvoiced.disposal.holds import Held
from unvoiced.disposal.journal import JournalEntry
from unvoiced.disposal.receipt import Cause, Observation, shows_archived
from unvoiced.disposal.versions import Listed, versions_of, versions_of_one
from unvoiced.errors import CredentialsExpired, NotDisposed, NotFound, StoreError
from unvoiced.stores.interface import Entry, Keeping, Store
from unvoiced.stores.together import try_together

_POLICY: Final = object()
# How many are deleted before they are looked for. Should the process die in between, so many are
# gone without a receipt, until the next run sees that they are.
_AT_ONCE = 256


@dataclass(frozen=True)
class Target:
    """One version of one sealed recording in the raw store."""

    name: str
    version: str
    sha256: str


Outcome = Observation | NotDisposed | StoreError


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
    nothing any more go too. Raises `NotDisposed` where the clearance was used before, `StoreError`
    where the store does not delete or does not say.
    """
    (outcome,) = destroy_all(raw, [clearance], now)
    if isinstance(outcome, Observation):
        return outcome
    raise outcome


def destroy_all(
    raw: Store, clearances: Iterable[Clearance], now: Callable[[], datetime]
) -> Iterator[Outcome]:
    """`destroy` of each, in order, with fewer requests, as many under way as the store is for.

    What `destroy` would have raised is the result in its place, and raised is nothing. Where the
    credentials run out, nothing more is asked: all that was not seen by then has
    `CredentialsExpired` as its result, and what was seen to be gone before or after it in order has
    its observation. Some hundreds are deleted before the first of them is looked for.
    """
    waiting = iter(clearances)
    expired: CredentialsExpired | None = None
    while some := list(islice(waiting, _AT_ONCE)):
        outcomes = _destroy_some(raw, some, now) if expired is None else repeat(expired, len(some))
        for outcome in outcomes:
            if isinstance(outcome, CredentialsExpired):
                expired = outcome
            yield outcome


def _destroy_some(
    raw: Store, clearances: Sequence[Clearance], now: Callable[[], datetime]
) -> Iterator[Outcome]:
    used = [_use(clearance) for clearance in clearances]
    targets = [one for one in used if isinstance(one, Target)]
    refused = raw.delete_many([(one.name, one.version) for one in targets])
    gone = [one for one, error in zip(targets, refused, strict=True) if error is None]
    listed = versions_of(raw, {one.name for one in gone})
    listed |= _without_markers(raw, listed)

    def look(target: Target) -> Observation:
        versions = listed[target.name]
        if isinstance(versions, StoreError):
            raise versions
        return _observe(raw, target, versions, now)

    seen, errors = iter(list(try_together(raw, look, gone))), iter(refused)
    for one in used:
        if isinstance(one, Target):
            yield next(errors) or next(seen)
        else:
            yield one


def _use(clearance: Clearance) -> Target | NotDisposed:
    try:
        return clearance.use()
    except NotDisposed as why:
        return why


def _without_markers(raw: Store, listed: Mapping[str, Listed]) -> dict[str, Listed]:
    """What the names have that had nothing but delete markers, which are removed."""
    markers = {
        name: [(name, one.version) for one in versions]
        for name, versions in listed.items()
        if not isinstance(versions, StoreError)
        and versions
        and all(one.delete_marker for one in versions)
    }
    refused = iter(raw.delete_many([one for some in markers.values() for one in some]))
    left: dict[str, Listed] = {}
    for name, some in markers.items():
        errors = [error for error in islice(refused, len(some)) if error is not None]
        if errors:
            left[name] = errors[0]
    return versions_of(raw, markers.keys() - left.keys()) | left


def gone_before(
    hold: NotDisposed, raw: Store, target: Target, now: Callable[[], datetime]
) -> Observation:
    """What shows that a recording was destroyed before it was to stay: by a run that is no more,
    which could not log it. Changes nothing; raises `hold` where the recording is still there.
    """
    observed = _observe(raw, target, versions_of_one(raw, target.name), now)
    if not observed.shows_absence:
        raise hold
    return observed


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
