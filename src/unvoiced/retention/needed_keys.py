"""Whether a contributor's key that was to go is needed after all, asked directly before it goes.

A rule decides for everybody from listings that take a while, and a contributor may send something
meanwhile. Ingest looks for what is about to go before it destroys a recording, so that whatever is
not seen here is seen there (`disposal.keys_to_go`).
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from unvoiced.retention.inactivity import LastSeen
from unvoiced.retention.look import as_ingest_moves, belongings
from unvoiced.retention.rules import Rule
from unvoiced.sections import RetentionSettings
from unvoiced.stores import Store


def needed_after_all(
    stores: Mapping[str, Store], rule: Rule, kept: RetentionSettings, whose: str, now: datetime
) -> bool:
    """Whether anything of theirs has come that is not due by the rule, too.

    When a purpose is satisfied all of everybody's is due, and an old version of a key opens nothing
    that is made now.
    """
    if rule is Rule.INACTIVE:
        return _is_back(stores, kept.inactive_days, whose, now)
    if rule is Rule.FEATURES:
        return _has_something_to_open(stores, kept.features_days, whose, now)
    return False


def _is_back(stores: Mapping[str, Store], days: int, whose: str, now: datetime) -> bool:
    seen = LastSeen()
    for store in as_ingest_moves(stores):
        seen.take(store, belongings(stores, store, whose))
    last = seen.all().get(whose)
    return last is not None and last + timedelta(days=days) > now


def _has_something_to_open(
    stores: Mapping[str, Store], days: int, whose: str, now: datetime
) -> bool:
    for store in ("raw", "archive"):
        if store in stores and any(belongings(stores, store, whose)):
            return True
    return any(
        entry.modified + timedelta(days=days) > now
        for entry in belongings(stores, "training", whose)
        if entry.name.startswith("features/")
    )
