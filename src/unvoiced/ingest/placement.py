"""Putting feature objects into the training store, at most one per sample and feature set.

INV-6 names are deterministic and puts are create-exclusive, so running again, or twice at once,
cannot duplicate. What stands under a name already counts only if the journal or the log knows its
digest: then it is one of ours, and is adopted if it was made from the same recording. Anything else
is garbage somebody planted, and is replaced, conditionally on being what was seen.

Nothing the journal knows is ever replaced, and everything is journalled before it is put: so
between reading features back and destroying the recording, no other run swaps them for its own.
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

_ATTEMPTS = 8
_IDENTITY = ("purpose", "pseudonym", "sample", "feature_set")


class NameTaken(Exception):
    """Another recording's features stand under the name; they are ours and they stay."""


def place(features: Sequence[SealedFeatures], bench: Workbench) -> tuple[PlacedFeatures, ...]:
    """Put a recording's feature objects; returns what stands there now, adopted twins included.

    Raises `NameTaken`; `NotDisposed` when the key they are sealed to is no more; `StoreError`.
    """
    if len(features) > 1:
        # Before the first put: a sample is not to be half under one name, half under another.
        for one in features:
            with suppress(NotFound):
                _adopt(bench.training.get(one.placed.name), one, bench)
    return tuple(_place(one, bench) for one in features)


def _place(features: SealedFeatures, bench: Workbench) -> PlacedFeatures:
    name = features.placed.name
    for _ in range(_ATTEMPTS):
        try:
            bench.training.put_if_absent(name, features.data)
        except AlreadyExists:
            try:
                standing = bench.training.get(name)
            except NotFound:
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
