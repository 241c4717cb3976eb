"""Every entry under a prefix, in order of name, from a server that lists in pages.

Amazon promises the order of the name's bytes. Others do not keep it: SeaweedFS 4.48 walks folders
("a/" before "a-b/") and, where a page ends between two such folders, leaves names out of a listing
of versions without a word. What no server gets wrong is a listing that fits one page. So elsewhere
than at Amazon a prefix with more than one page is listed folder by folder and put in order here. A
single folder that needs several pages and holds folders whose names differ only after a common
start ("a", "a-b") at a page's edge may still lose one there; this project's names have none such.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from unvoiced.stores.interface import Entry

# The parameters that fetch the following page; Any, because each operation types its own.
Position = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Page:
    """One answer: entries, folders (only when asked for), and where the next page begins."""

    entries: tuple[Entry, ...]
    folders: tuple[str, ...]
    following: Position | None


# (prefix, delimiter, where to begin) -> page
Fetch = Callable[[str, str, Position], Page]


def in_order(fetch: Fetch, prefix: str, *, server_keeps_order: bool) -> Iterator[Entry]:
    """Yield each version once, in order of name and, within a name, in the server's order."""
    page = fetch(prefix, "", {})
    if page.following is None:
        yield from _fresh(page.entries, set())
    elif server_keeps_order:
        yield from _page_by_page(fetch, prefix, page)
    else:
        yield from _folder_by_folder(fetch, prefix)


def _page_by_page(fetch: Fetch, prefix: str, page: Page) -> Iterator[Entry]:
    seen: set[tuple[str, str]] = set()
    while True:
        yield from _fresh(page.entries, seen)
        if page.following is None:
            return
        # Some servers repeat what stood at the edge, never what stood a page earlier.
        seen = {(entry.name, entry.version) for entry in page.entries}
        page = fetch(prefix, "", page.following)


def _folder_by_folder(fetch: Fetch, prefix: str) -> Iterator[Entry]:
    entries: dict[str, list[Entry]] = {}
    folders: set[str] = set()
    seen: set[tuple[str, str]] = set()
    start: Position | None = {}
    while start is not None:
        page = fetch(prefix, "/", start)
        for entry in _fresh(page.entries, seen):
            entries.setdefault(entry.name, []).append(entry)
        folders.update(page.folders)
        start = page.following
    for name in sorted({*entries, *folders}):
        if name in folders:
            yield from in_order(fetch, name, server_keeps_order=False)
        else:
            yield from entries[name]


def _fresh(entries: Iterable[Entry], seen: set[tuple[str, str]]) -> Iterator[Entry]:
    # The sort is stable: the versions of one name stay as the server gave them.
    for entry in sorted(entries, key=lambda entry: entry.name):
        if (entry.name, entry.version) not in seen:
            seen.add((entry.name, entry.version))
            yield entry
