"""Putting feature objects into the training store, at most one per sample and feature set.

INV-6 names are deterministic and puts are create-exclusive, so running again, or twice at once,
cannot duplicate. What stands under a name already counts only if the journal or the log knows its
digest: then it is one of ours, and is adopted if it was made from the same recording. Anything else
is garbage somebody planted, and is replaced, conditionally on being what was seen.

Nothing the journal knows is ever replaced, and everything is journalled before it is put: so
between reading features back and destroying the recording, no other run swaps them for its own.

First puts of different recordings may be under way at once; everything that has to be decided is
decided in the caller's thread.
"""

import hashlib
from collections.abc import Sequence
from contextlib import suppress

from unvoiced.disposal import PlacedFeatures
from unvoiced.errors import (
    AlreadyExists,
    Changed,
    InputError,
    NotDisposed,
    NotFound,
    StoreError,
)
from unvoiced.ingest.recording import SealedFeatures
from unvoiced.ingest.workbench import Workbench
from unvoiced.sealing import agrees, parse_header
from unvoiced.stores import Stored
from unvoiced.stores.together import together

_ATTEMPTS = 8
_IDENTITY = ("purpose", "pseudonym", "sample", "feature_set")


class NameTaken(Exception):
    """Another recording's features stand under the name; they are ours and they stay."""


Placed = tuple[PlacedFeatures, ...]


def place(
    recordings: Sequence[Sequence[SealedFeatures]], bench: Workbench
) -> list[Placed | NameTaken | NotDisposed]:
    """Put the feature objects of each recording; returns what stands now, adopted twins included.

    In the place of a recording's there is `NameTaken`, or `NotDisposed` where the key they are
    sealed to is no more. Raises `StoreError`.
    """
    placed: list[Placed | NameTaken | NotDisposed] = list(_looked_at(recordings, bench))
    # One object of each at a time: whoever loses the first name to another recording of this batch
    # does not try for the second.
    for nth in range(max(map(len, recordings), default=0)):
        due = [
            (index, features[nth])
            for index, features in enumerate(recordings)
            if nth < len(features) and isinstance(placed[index], tuple)
        ]
        first_there = together(bench.training, lambda one: _put(one[1], bench), due)
        for (index, one), put in zip(due, first_there, strict=True):
            so_far = placed[index]
            if isinstance(so_far, tuple):
                try:
                    placed[index] = (*so_far, one.placed if put else _stand(one, bench))
                except (NameTaken, NotDisposed) as why:
                    placed[index] = why
    return placed


def _looked_at(
    recordings: Sequence[Sequence[SealedFeatures]], bench: Workbench
) -> list[Placed | NameTaken | NotDisposed]:
    """Nothing placed, or why nothing may be, of those recordings that have several objects.

    Before the first put: a sample is not to be half under one name, half under another.
    """
    found: list[Placed | NameTaken | NotDisposed] = [()] * len(recordings)
    several = [
        (index, one)
        for index, features in enumerate(recordings)
        if len(features) > 1
        for one in features
    ]
    standing = together(bench.training, lambda one: _standing(one[1], bench), several)
    for (index, one), stored in zip(several, standing, strict=True):
        if stored is not None and isinstance(found[index], tuple):
            try:
                _adopt(stored, one, bench)
            except (NameTaken, NotDisposed) as why:
                found[index] = why
    return found


def _standing(features: SealedFeatures, bench: Workbench) -> Stored | None:
    with suppress(NotFound):
        return bench.training.get(features.placed.name)
    return None


def _put(features: SealedFeatures, bench: Workbench) -> bool:
    """Whether the name was free."""
    try:
        bench.training.put_if_absent(features.placed.name, features.data)
    except AlreadyExists:
        return False
    return True


def _stand(features: SealedFeatures, bench: Workbench) -> PlacedFeatures:
    """See to a name that was not free: what stands there afterwards."""
    name = features.placed.name
    for _ in range(_ATTEMPTS):
        standing = _standing(features, bench)
        if standing is None:
            if _put(features, bench):
                return features.placed
            continue
        adopted = _adopt(standing, features, bench)
        if adopted is not None:
            return adopted
        try:
            bench.training.replace(name, features.data, version=standing.version)
        except Changed:
            continue
        return features.placed
    raise StoreError(f"{name} keeps changing under the worker's hands")


def _adopt(standing: Stored, features: SealedFeatures, bench: Workbench) -> PlacedFeatures | None:
    digest = hashlib.sha256(standing.data).hexdigest()
    # In this order: a run logs its receipts before it removes its page of the journal.
    if not (
        bench.journal.knows_features(digest) or bench.accounts.has_receipt_for_features(digest)
    ):
        return None
    ours = parse_header(features.data)
    try:
        header = parse_header(standing.data)
    except InputError:
        return None
    if not agrees(header.context, {name: ours.context[name] for name in _IDENTITY}):
        return None  # a genuine object, copied here from where it belongs
    if header.context.get("content_tag") != features.tag:
        raise NameTaken
    if header.key_id != ours.key_id:
        # One of the two keys is no more. If it is ours, another run is ahead of this one.
        if not bench.contributor_keys.still_stands(features.key):
            raise NotDisposed(f"{features.placed.name}: the contributor's key was replaced")
        return None
    return PlacedFeatures(standing.name, features.placed.feature_set, digest)
