"""Archiving originals: re-sealed to the archive's key, put cold and locked, seen to be there.

The worker can put into the archive and cannot read it: it seals to a public key, and by the role
table it has no right to the bytes there. What tells it that the object under a name is the one it
means are the labels that were put with it: the digest of the sealed bytes, which the store compared
when they came, and the keyed tag of what was recorded.
"""

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from unvoiced import names
from unvoiced.config import DisposalSettings, Settings
from unvoiced.disposal.journal import ArchivedOriginal, Journal
from unvoiced.errors import AlreadyExists, InputError, NotDisposed, StoreError
from unvoiced.keys.vault import Vault
from unvoiced.log.accounts import Accounts
from unvoiced.log.leaves import rfc3339
from unvoiced.sealing import Context, PublicKey, seal
from unvoiced.stores import Keeping, Store

_ATTEMPTS = 8
DIGEST_LABEL, CONTENT_LABEL = "sha256", "content"


class ArchiveNameTaken(Exception):
    """Another recording's original stands under the name; it is ours and it stays."""


@dataclass(frozen=True)
class SealedOriginal:
    """A recording re-sealed to the archive's key, ready to be put."""

    planned: ArchivedOriginal
    data: bytes
    tag: str


@dataclass(frozen=True)
class Archive:
    """Where originals go that are kept, and the public key they are sealed to."""

    store: Store
    key: PublicKey
    disposal: DisposalSettings
    days: int

    def takes(self, name: str) -> bool:
        """Whether policy says that the recording under this name in raw is archived."""
        return self.disposal.archives(name)

    def seal(
        self, recording: bytes, identity: tuple[str, str, str], source: str, now: datetime
    ) -> SealedOriginal:
        """Re-seal an opened recording; `identity` is (pseudonym, sample, content tag)."""
        pseudonym, sample, tag = identity
        data = seal(recording, self.key, archive_context(pseudonym, sample, source, tag))
        return SealedOriginal(
            ArchivedOriginal(
                name=names.sealed_name(pseudonym, sample),
                sha256=hashlib.sha256(data).hexdigest(),
                storage_class=self.disposal.storage_class,
                retain_until=rfc3339(now + timedelta(days=self.days)),
            ),
            data,
            tag,
        )

    def place(
        self, original: SealedOriginal, journal: Journal, accounts: Accounts
    ) -> ArchivedOriginal:
        """Put an original; returns what stands there now, an earlier run's included.

        Raises `ArchiveNameTaken`; `NotDisposed` where something stands there that nobody of ours
        put; `StoreError`.
        """
        planned = original.planned
        for _ in range(_ATTEMPTS):
            try:
                version = self.store.put_locked(
                    planned.name,
                    original.data,
                    until=datetime.fromisoformat(planned.retain_until),
                    mode=self.disposal.lock_mode,
                    storage_class=planned.storage_class,
                    labels={DIGEST_LABEL: planned.sha256, CONTENT_LABEL: original.tag},
                )
            except AlreadyExists:
                standing = self._standing(planned.name)
                if standing is None:
                    continue
                return _adopted(planned.name, *standing, original.tag, journal, accounts)
            return replace(planned, version=version)
        raise StoreError(f"{planned.name} keeps changing in the archive")

    def kept(self, original: ArchivedOriginal) -> Keeping | None:
        """How the archive says it keeps this version."""
        return self.store.keeping(original.name, original.version)

    def _standing(self, name: str) -> tuple[str, Keeping] | None:
        for listed in self.store.list(name):
            if listed.name == name:
                kept = self.store.keeping(name, listed.version)
                return (listed.version, kept) if kept is not None else None
        return None


def _adopted(
    name: str, version: str, kept: Keeping, tag: str, journal: Journal, accounts: Accounts
) -> ArchivedOriginal:
    digest = kept.labels.get(DIGEST_LABEL, "")
    # In this order: a run logs its receipts before it removes its page of the journal.
    known = journal.archived(digest) is not None or digest in accounts.current().archived
    if not known or kept.retain_until is None:
        raise NotDisposed(f"{name}: what stands in the archive was put there by nobody known here")
    if kept.labels.get(CONTENT_LABEL) != tag:
        raise ArchiveNameTaken
    return ArchivedOriginal(name, digest, kept.storage_class, rfc3339(kept.retain_until), version)


def archive_context(pseudonym: str, sample: str, source: str, tag: str) -> Context:
    """What an archived original says of itself; `source` is the digest it had in raw."""
    return {
        "purpose": "archive",
        "pseudonym": pseudonym,
        "sample": sample,
        "source_sha256": source,
        "content_tag": tag,
    }


def open_archive(settings: Settings, worker: Vault) -> Archive | None:
    """The archive that the settings name; None where nothing is archived.

    Raises `InputError` where something is to be archived and there is no archive.
    """
    if not settings.disposal.archive:
        return None
    if "archive" not in settings.stores:
        raise InputError(
            f"{settings.path}: [disposal] archives originals, and [stores] has no archive"
        )
    return Archive(
        store=settings.store("archive"),
        key=PublicKey(worker.get("recipient/archive")),
        disposal=settings.disposal,
        days=settings.retention.archive_days,
    )
