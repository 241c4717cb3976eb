"""What can be seen of an archived copy by who may not read it: worker, auditor, status.

A copy of which only the journal tells, without the version it became, is known by labels that the
log's key signed for its digest and name: who reads the journal knows that digest before anything
stands there. Of several versions that bear them the oldest is taken: labels can be copied from a
version only when that is there.
"""

from collections.abc import Iterator
from dataclasses import replace

from unvoiced.disposal import ArchivedOriginal
from unvoiced.disposal.labels import genuine_labels
from unvoiced.disposal.receipt import shows_archived
from unvoiced.log.note import Verifier
from unvoiced.stores import Keeping, Store


def kept_in(archive: Store | None, original: ArchivedOriginal | None) -> Keeping | None:
    """How the archive says it keeps this copy; None where it is not there, or never was put."""
    if archive is None or original is None or not original.version:
        return None
    return archive.keeping(original.name, original.version)


def standing_copy(
    archive: Store | None, planned: ArchivedOriginal, verifier: Verifier
) -> ArchivedOriginal | None:
    """A journalled copy with the version under which it stands, kept as planned, or None."""
    if archive is None:
        return None
    if planned.version:
        return planned if shows_archived(planned, kept_in(archive, planned)) else None
    for version, kept in versions_of(archive, planned.name):
        if shows_archived(planned, kept) and genuine_labels(planned.name, kept, verifier):
            return replace(planned, version=version)
    return None


def versions_of(archive: Store, name: str) -> Iterator[tuple[str, Keeping]]:
    """All (version, how it is kept) under exactly this name, oldest first."""
    found = [one for one in archive.versions(name) if one.name == name and not one.delete_marker]
    found.reverse()  # a listing gives the newest first; clocks may not tell two apart
    for entry in sorted(found, key=lambda one: one.modified):
        kept = archive.keeping(name, entry.version)
        if kept is not None:
            yield entry.version, kept
