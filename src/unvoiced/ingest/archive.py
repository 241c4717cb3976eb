"""Archiving originals: re-sealed to the archive's key, put cold and locked, seen to be there.

The worker can put into the archive and cannot read it: it seals to a public key, and by the role
table it has no right to the bytes there. What tells it that the object under a name is the one it
means are the labels that were put with it (`disposal.labels`): the digest of the sealed bytes,
which the store compared when they came, the keyed tag of what was recorded, and a signature that
ties these to the name. Without that, whoever can put into the archive could have garbage taken for
a copy, and the original destroyed for it.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from unvoiced import names
from unvoiced.config import Settings
from unvoiced.disposal.journal import ArchivedOriginal, Journal
from unvoiced.disposal.labels import Labels, genuine_labels, signed_labels
from unvoiced.errors import (
    AlreadyExists,
    CredentialsExpired,
    InputError,
    NotDisposed,
    StoreError,
)
from unvoiced.ingest.archived_copy import versions_of
from unvoiced.keys.vault import Vault
from unvoiced.log.accounts import Accounts
from unvoiced.log.leaves import rfc3339
from unvoiced.log.note import Signer
from unvoiced.sealing import Context, PublicKey, seal
from unvoiced.sections import DisposalSettings
from unvoiced.stores import Keeping, Store
from unvoiced.stores.together import together

_ATTEMPTS = 8


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
    signer: Signer
    disposal: DisposalSettings
    days: int
    journal: Journal
    accounts: Accounts
    now: Callable[[], datetime]

    def takes(self, name: str) -> bool:
        """Whether policy says that the recording under this name in raw is archived."""
        return self.disposal.archives(name)

    def seal(self, recording: bytes, identity: tuple[str, str, str], source: str) -> SealedOriginal:
        """Re-seal an opened recording; `identity` is (pseudonym, sample, content tag)."""
        pseudonym, sample, tag = identity
        data = seal(recording, self.key, archive_context(pseudonym, sample, source, tag))
        return SealedOriginal(
            ArchivedOriginal(
                name=names.sealed_name(pseudonym, sample),
                sha256=hashlib.sha256(data).hexdigest(),
                storage_class=self.disposal.storage_class,
                retain_until=rfc3339(self.now() + timedelta(days=self.days)),
            ),
            data,
            tag,
        )

    def standing(
        self, originals: Sequence[SealedOriginal]
    ) -> Iterator[ArchivedOriginal | ArchiveNameTaken | NotDisposed | None]:
        """The copy of each that stands already; None where the name is free.

        `ArchiveNameTaken` in the place of one whose name another recording's has; `NotDisposed`
        where what stands there is not to be relied on, or the archive does not say.
        """
        for original, found in zip(
            originals, together(self.store, self._found, originals), strict=True
        ):
            try:
                yield found if isinstance(found, NotDisposed) else self._copy_in(original, found)
            except (ArchiveNameTaken, NotDisposed) as why:
                yield why

    def _found(self, original: SealedOriginal) -> list[tuple[str, Keeping]] | NotDisposed:
        """All versions under its name; only asks the store, so many may be under way at once."""
        name = original.planned.name
        try:
            return list(versions_of(self.store, name))
        except CredentialsExpired:
            raise
        except StoreError as error:
            return _not_archived(name, str(error))

    def _copy_in(
        self, original: SealedOriginal, found: Sequence[tuple[str, Keeping]]
    ) -> ArchivedOriginal | None:
        name = original.planned.name
        try:
            ours = [(*one, labels) for one in found if (labels := self._ours(name, one[1]))]
        except CredentialsExpired:
            raise
        except StoreError as error:
            raise _not_archived(name, str(error)) from None
        same = [one for one in ours if one[2].content == original.tag]
        for version, kept, labels in same:
            if kept.retain_until is not None and kept.retain_until > self.now():
                until = rfc3339(kept.retain_until)
                return ArchivedOriginal(name, labels.sha256, kept.storage_class, until, version)
        if same:
            raise _not_archived(
                name,
                "the lock on the copy that stands there has ended; it is archived anew when "
                "retention has destroyed that",
            )
        if ours:
            raise ArchiveNameTaken
        if found:
            raise _not_archived(
                name,
                "something stands there that no run of this deployment put; find out who did",
            )
        return None

    def place(
        self, originals: Sequence[SealedOriginal]
    ) -> Iterator[ArchivedOriginal | ArchiveNameTaken | NotDisposed]:
        """Put originals; what stands then under the name of each, another run's included.

        `ArchiveNameTaken` in the place of one, or `NotDisposed` where it could not be put.
        """
        for original, put in zip(
            originals, together(self.store, self._put, originals), strict=True
        ):
            try:
                yield put if put is not None else self._stand(original)
            except (ArchiveNameTaken, NotDisposed) as why:
                yield why

    def _put(self, original: SealedOriginal) -> ArchivedOriginal | NotDisposed | None:
        """What was put, or None where the name is not free; only asks the store, as above."""
        planned = original.planned
        labels = signed_labels(planned.name, Labels(planned.sha256, original.tag), self.signer)
        try:
            version = self.store.put_locked(
                planned.name,
                original.data,
                until=datetime.fromisoformat(planned.retain_until),
                mode=self.disposal.lock_mode,
                storage_class=planned.storage_class,
                labels=labels,
            )
        except CredentialsExpired:
            raise
        except AlreadyExists:
            return None
        except StoreError as error:
            return _not_archived(planned.name, str(error))
        return replace(planned, version=version)

    def _stand(self, original: SealedOriginal) -> ArchivedOriginal | NotDisposed:
        """Another run's copy, or this very one, where the answer to the first try got lost."""
        for _ in range(_ATTEMPTS):
            found = self._found(original)
            if isinstance(found, NotDisposed):
                return found
            standing = self._copy_in(original, found) or self._put(original)
            if standing is not None:
                return standing
        return _not_archived(original.planned.name, "the object keeps changing")

    def _ours(self, name: str, kept: Keeping) -> Labels | None:
        """Its labels, where a worker put it there and nothing says that it was destroyed since."""
        labels = genuine_labels(name, kept, self.signer.verifier)
        known = labels is not None and (
            labels.sha256 in self.accounts.current().archived
            or self.journal.archived(labels.sha256) is not None
            # Between the two looks its receipt may have been logged and its page removed.
            or labels.sha256 in self.accounts.current().archived
        )
        return labels if known else None


def _not_archived(name: str, why: str) -> NotDisposed:
    return NotDisposed(f"not archived as {name}: {why}")


def archive_context(pseudonym: str, sample: str, source: str, tag: str) -> Context:
    """What an archived original says of itself; `source` is the digest it had in raw."""
    return {
        "purpose": "archive",
        "pseudonym": pseudonym,
        "sample": sample,
        "source_sha256": source,
        "content_tag": tag,
    }


def check_archive(settings: Settings) -> None:
    """Raises `InputError` where originals are to be archived and there is no archive."""
    if settings.disposal.archive and "archive" not in settings.stores:
        raise InputError(
            f"{settings.path}: [disposal] archives originals, and [stores] has no archive"
        )


def open_archive(
    settings: Settings,
    store: Store | None,
    worker: Vault,
    signer: Signer,
    journal: Journal,
    accounts: Accounts,
    now: Callable[[], datetime],
) -> Archive | None:
    """The archive that originals go to by the settings; None where they archive nothing.

    `store` is the settings' archive, opened.

    Raises `InputError`, `AccessError` where the vault has no key to seal to, and `StoreError` where
    the archive does not answer, or does not keep its conditions.
    """
    check_archive(settings)
    if not settings.disposal.archive or store is None:
        return None
    store.check_conditions(replacing=False)  # by the role table the worker may not
    return Archive(
        store=store,
        key=PublicKey(worker.get("recipient/archive")),
        signer=signer,
        disposal=settings.disposal,
        days=settings.retention.archive_days,
        journal=journal,
        accounts=accounts,
        now=now,
    )
