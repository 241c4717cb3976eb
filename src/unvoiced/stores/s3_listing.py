"""Every entry under a prefix, in order of name, from a server that lists in pages.

Amazon promises the order of the name's bytes. Others do not keep it: SeaweedFS 4.48 walks folders
("a/" before "a-b/") and, where a page ends between two such folders, leaves names out of a listing
of versions without a word. What no server gets wrong is a listing that fits one page. So elsewhere
than at Amazon a prefix with more than one page is listed folder by folder and put in order here. A
single folder that needs several pages and holds folders whose names differ only after a common
start ("a", "a-b") at a page's edge may still lose one there; this project's names have none such.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING, Any

from unvoiced.stores.interface import STANDARD, Entry
from unvoiced.stores.s3_errors import no_s3_answer

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# What a version token starts with in a bucket that has no versions.
ETAG = "etag:"

# Where a page begins: behind a name, or with the parameters that fetch the following page; Any,
# because each operation types its own.
Position = str | dict[str, Any]


@dataclass(frozen=True, slots=True)
class Page:
    """One answer: entries, folders (only when asked for), and where the next page begins."""

    entries: tuple[Entry, ...]
    folders: tuple[str, ...]
    following: dict[str, Any] | None


# (prefix, delimiter, where to begin) -> page
Fetch = Callable[[str, str, Position], Page]


def etag_version(etag: str) -> str:
    """The version token that stands for an ETag as the server writes it."""
    return ETAG + etag.strip('"')


@dataclass(frozen=True)
class Pages:
    """Fetches a bucket's pages; names in them are those below the store's own prefix."""

    client: "S3Client"
    bucket: str
    store_prefix: str

    def of_objects(self, prefix: str, delimiter: str, start: Position) -> Page:
        """Objects of a bucket that has no versions."""
        answer = self.client.list_objects_v2(
            Bucket=self.bucket,
            Prefix=self.store_prefix + prefix,
            Delimiter=delimiter,
            **self._behind(start, "StartAfter"),
        )
        entries = (
            self._entry(found, etag_version(found["ETag"])) for found in answer.get("Contents", ())
        )
        following: dict[str, Any] | None = None
        if _goes_on(answer):
            following = {"ContinuationToken": answer["NextContinuationToken"]}
        return self._page(entries, answer, following)

    def of_versions(self, prefix: str, delimiter: str, start: Position) -> Page:
        """All versions and delete markers."""
        return self._of_versions(prefix, delimiter, start, current_only=False)

    def of_current_versions(self, prefix: str, delimiter: str, start: Position) -> Page:
        """The current versions alone."""
        return self._of_versions(prefix, delimiter, start, current_only=True)

    def _of_versions(
        self, prefix: str, delimiter: str, start: Position, *, current_only: bool
    ) -> Page:
        answer = self.client.list_object_versions(
            Bucket=self.bucket,
            Prefix=self.store_prefix + prefix,
            Delimiter=delimiter,
            **self._behind(start, "KeyMarker"),
        )
        found: list[tuple[Mapping[str, Any], bool]] = [
            (version, False)
            for version in answer.get("Versions", ())
            if version["IsLatest"] or not current_only
        ]
        if not current_only:
            found += [(marker, True) for marker in answer.get("DeleteMarkers", ())]
            # The two came apart in one answer; newest first is how S3 orders a name's versions.
            found.sort(key=lambda of: (of[0]["IsLatest"], of[0]["LastModified"]), reverse=True)
        entries = (self._entry(of, of["VersionId"], delete_marker=m) for of, m in found)
        following: dict[str, Any] | None = None
        if _goes_on(answer):
            following = {"KeyMarker": answer["NextKeyMarker"]}
            if "NextVersionIdMarker" in answer:
                following["VersionIdMarker"] = answer["NextVersionIdMarker"]
        return self._page(entries, answer, following)

    def _behind(self, start: Position, parameter: str) -> dict[str, Any]:
        if not isinstance(start, str):
            return start
        return {parameter: self.store_prefix + start} if start else {}

    def _page(
        self, entries: Iterable[Entry], answer: Mapping[str, Any], following: dict[str, Any] | None
    ) -> Page:
        prefix = self.store_prefix
        folders = (f["Prefix"].removeprefix(prefix) for f in answer.get("CommonPrefixes", ()))
        # The prefix itself may be an object: consoles make one to show an empty folder.
        return Page(tuple(e for e in entries if e.name), tuple(folders), following)

    def _entry(
        self, found: Mapping[str, Any], version: str, *, delete_marker: bool = False
    ) -> Entry:
        name = found["Key"].removeprefix(self.store_prefix)
        modified = found["LastModified"].astimezone(UTC)
        storage_class = found.get("StorageClass") or STANDARD
        return Entry(name, version, found.get("Size", 0), modified, delete_marker, storage_class)


def _goes_on(answer: Mapping[str, Any]) -> bool:
    # What something else than an S3 server sent is not to pass for an empty listing.
    if "IsTruncated" not in answer:
        raise no_s3_answer("listing")
    return bool(answer["IsTruncated"])


def in_order(
    fetch: Fetch, prefix: str, after: str = "", *, server_keeps_order: bool
) -> Iterator[Entry]:
    """Yield each version once, in order of name and, within a name, in the server's order.

    Of names greater than `after` alone. A server that keeps no order is not asked to begin behind
    a name; of the folders before it none is asked about.
    """
    if after > prefix and not after.startswith(prefix):
        return  # all that starts with the prefix comes before
    begin = after if server_keeps_order and after.startswith(prefix) else ""
    page = fetch(prefix, "", begin)
    if page.following is None:
        yield from _fresh(page.entries, after, set())
    elif server_keeps_order:
        yield from _page_by_page(fetch, prefix, after, page)
    else:
        yield from _folder_by_folder(fetch, prefix, after)


def folders_below(fetch: Fetch, prefix: str, *, server_forgets: bool) -> Iterator[str]:
    """The names of the folders right below a prefix, in order.

    Where the server does not forget a folder when its last object goes, as SeaweedFS does not, each
    is asked for one entry.
    """
    found: set[str] = set()
    start: Position | None = ""
    while start is not None:
        page = fetch(prefix, "/", start)
        found.update(folder.rstrip("/") for folder in page.folders)
        start = page.following
    for folder in sorted(found):
        if server_forgets or fetch(f"{folder}/", "", {"MaxKeys": 1}).entries:
            yield folder.removeprefix(prefix)


def _page_by_page(fetch: Fetch, prefix: str, after: str, page: Page) -> Iterator[Entry]:
    seen: set[tuple[str, str]] = set()
    while True:
        yield from _fresh(page.entries, after, seen)
        if page.following is None:
            return
        # Some servers repeat what stood at the edge, never what stood a page earlier.
        seen = {(entry.name, entry.version) for entry in page.entries}
        page = fetch(prefix, "", page.following)


def _folder_by_folder(fetch: Fetch, prefix: str, after: str) -> Iterator[Entry]:
    entries: dict[str, list[Entry]] = {}
    folders: set[str] = set()
    seen: set[tuple[str, str]] = set()
    start: Position | None = ""
    while start is not None:
        page = fetch(prefix, "/", start)
        for entry in _fresh(page.entries, after, seen):
            entries.setdefault(entry.name, []).append(entry)
        folders.update(page.folders)
        start = page.following
    for name in sorted({*entries, *folders}):
        if name in folders:
            yield from in_order(fetch, name, after, server_keeps_order=False)
        else:
            yield from entries[name]


def _fresh(entries: Iterable[Entry], after: str, seen: set[tuple[str, str]]) -> Iterator[Entry]:
    # The sort is stable: the versions of one name stay as the server gave them.
    for entry in sorted(entries, key=lambda entry: entry.name):
        if entry.name > after and (entry.name, entry.version) not in seen:
            seen.add((entry.name, entry.version))
            yield entry
