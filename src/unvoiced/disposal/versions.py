"""What a store lists under many names, with fewer listings than there are names.

A listing of a folder shows every name in it. Where several of the names asked about are in one
folder, it is listed once, from the first of them to the last. A folder may hold far more than that:
after a page's worth, the names that are left are asked about one by one.
"""

from collections.abc import Iterable, Sequence

from unvoiced.errors import StoreError
from unvoiced.stores.interface import Entry, Store
from unvoiced.stores.together import try_together

# Every version and delete marker of one name, newest first; or why that is not known.
Listed = list[Entry] | StoreError

# From how many names on a folder is listed. A full page costs us as much as thirty listings of one
# name; but of most folders all recordings are disposed of together, and none is left.
_WORTH = 4
_PAGE = 1000  # how many entries S3 gives at once


def versions_of(raw: Store, names: Iterable[str]) -> dict[str, Listed]:
    """What each of the names has."""
    folders: dict[str, list[str]] = {}
    for name in sorted(names):
        folders.setdefault(name[: name.rfind("/") + 1], []).append(name)
    listings: list[list[str]] = []
    for some in folders.values():
        listings += [some] if len(some) >= _WORTH else [[name] for name in some]
    found: dict[str, Listed] = {}
    answers = try_together(raw, lambda some: _list(raw, some), listings)
    for some, listed in zip(listings, answers, strict=True):
        found |= dict.fromkeys(some, listed) if isinstance(listed, StoreError) else listed
    return found


def versions_of_one(raw: Store, name: str) -> list[Entry]:
    """What one name has. Raises `StoreError`."""
    return [listed for listed in raw.versions(name) if listed.name == name]


def _list(raw: Store, names: Sequence[str]) -> dict[str, list[Entry]]:
    """What names of one folder have, in order; it is listed unless it is one."""
    if len(names) == 1:
        return {names[0]: versions_of_one(raw, names[0])}
    first, last = names[0], names[-1]
    found: dict[str, list[Entry]] = {name: [] for name in names}
    # The longest text that is less than the first name and starts it.
    listing = raw.versions(first[: first.rfind("/") + 1], first[:-1])
    for number, entry in enumerate(listing):
        if entry.name > last:
            break
        if number == _PAGE:
            left = [name for name in names if name >= entry.name]
            return found | {name: versions_of_one(raw, name) for name in left}
        if entry.name in found:
            found[entry.name].append(entry)
    return found
