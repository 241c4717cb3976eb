"""When a contributor last did anything here, as far as the stores show it.

An upload is what is seen of a contributor: while it waits, in the raw store; after that, in the
features and the archived original made of it. Features that are made anew of the same recording
years later are no act of the contributor's, so of everything that came of one recording the oldest
counts. That it was ingested some time after it was sent makes the day later, never earlier.
"""

import heapq
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import groupby

from unvoiced.errors import InputError
from unvoiced.names import parse_sealed_name
from unvoiced.names import pseudonym as checked
from unvoiced.retention.rules import owner
from unvoiced.stores import Entry


class LastSeen:
    """Takes in listings, store by store; answers when each contributor was last seen."""

    def __init__(self) -> None:
        self._sent: dict[str, datetime] = {}
        self._made: dict[tuple[str, str], datetime] = {}
        self._keys: dict[str, datetime] = {}

    def take(self, store: str, entries: Iterable[Entry]) -> None:
        """Take in versions of the raw store, of features and keys, or of the archive."""
        for entry in entries:
            whose = owner(store, entry.name)
            if entry.delete_marker or not _is_pseudonym(whose):
                continue
            if store == "raw":
                self._sent[whose] = max(self._sent.get(whose, entry.modified), entry.modified)
            elif parsed := parse_sealed_name("/".join(entry.name.split("/")[-2:])):
                self._made[parsed] = min(self._made.get(parsed, entry.modified), entry.modified)
            else:
                self._keys[whose] = entry.modified

    def all(self) -> dict[str, datetime]:
        """By pseudonym. Of whom only a key is left, that is the time it was put."""
        seen: dict[str, datetime] = {}
        made = ((whose, when) for (whose, _), when in self._made.items())
        for whose, when in (*self._sent.items(), *made):
            seen[whose] = max(seen.get(whose, when), when)
        return {**self._keys, **seen}


def last_seen(
    places: Iterable[tuple[str, Iterable[Entry]]],
) -> Iterator[tuple[str, datetime]]:
    """When each contributor was last seen, in order of pseudonym; holds one of them at a time.

    `places` are listings in order of name, each with its store's name, which are gone through side
    by side: what moves from one to another meanwhile may be missed in both, so whoever is to lose
    something is looked at again alone.
    """
    merged = heapq.merge(*(_owned(store, entries) for store, entries in places), key=_whose)
    for whose, found in groupby(merged, key=_whose):
        seen = LastSeen()
        for _, store, entry in found:
            seen.take(store, (entry,))
        for when in seen.all().values():  # none where there are only delete markers
            yield whose, when


def _owned(store: str, entries: Iterable[Entry]) -> Iterator[tuple[str, str, Entry]]:
    """What is a contributor's; all pseudonyms are of one length, so these are in order too."""
    for entry in entries:
        if _is_pseudonym(whose := owner(store, entry.name)):
            yield whose, store, entry


def _whose(owned: tuple[str, str, Entry]) -> str:
    return owned[0]


def _is_pseudonym(value: str) -> bool:
    try:
        checked(value)
    except InputError:
        return False
    return True
