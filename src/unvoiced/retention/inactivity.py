"""When a contributor last did anything here, as far as the stores show it.

An upload is what is seen of a contributor: while it waits, in the raw store; after that, in the
features and the archived original made of it. Features that are made anew of the same recording
years later are no act of the contributor's, so of everything that came of one recording the oldest
counts. That it was ingested some time after it was sent makes the day later, never earlier.
"""

from collections.abc import Iterable
from datetime import datetime

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


def _is_pseudonym(value: str) -> bool:
    try:
        checked(value)
    except InputError:
        return False
    return True
