"""Looking at every intake key: log, announcements, vault, journal, and the raw store's headers.

Needs no secret. The log is read before the raw store: what is accepted in between is met again when
the retirement is logged, which the ledger refuses then.
"""

import hashlib
from collections import Counter
from datetime import datetime, timedelta

from unvoiced.announcements import announced_keys
from unvoiced.config import Settings
from unvoiced.disposal import LegalHolds
from unvoiced.disposal.holds import EVERYTHING
from unvoiced.epochs.history import History, read_history
from unvoiced.epochs.intents import Retirings
from unvoiced.epochs.standing import KeyFacts, RawFacts, Standing, State, judge
from unvoiced.errors import CredentialsExpired, InputError, NotFound, StoreError
from unvoiced.ingest.outcome import Item
from unvoiced.keys.intake import Epoch, intake_digest
from unvoiced.keys.vault import secrets_in
from unvoiced.log.ledger import Ledger
from unvoiced.log.note import Verifier
from unvoiced.sealing import parse_header
from unvoiced.stores import Store
from unvoiced.stores.object_name import is_object_name


class Look:
    """One look at all keys at one moment; the raw store is read when it is first asked for."""

    def __init__(self, settings: Settings, vault: Store, now: datetime) -> None:
        """`vault` is the store of the worker's vault. Raises `VerificationError`, `StoreError`."""
        self._settings = settings
        self._now = now
        self._grace = timedelta(days=settings.retention.intake_grace_days)
        verifier = Verifier.parse(settings.log_vkey)
        journal = settings.store("journal")
        self.meant = {one.digest: one for one in Retirings(journal, verifier).all()}
        # The vault before the log: a key in it that the log then does not know is half-made.
        self.held = {
            name.removeprefix("intake/") for name in secrets_in(vault) if name.startswith("intake/")
        }
        self.history: History = read_history(settings.log_reader())
        self._everything_is_held = EVERYTHING in LegalHolds(journal).held().whose
        announced = {
            intake_digest(intake.public)
            for intake, _ in announced_keys(settings.store("log"), verifier)
        }
        self.keys = [
            facts
            for retired, keys in (
                (False, self.history.ledger.intake_keys),
                (True, self.history.ledger.retired_intake_keys),
            )
            for digest, epoch in keys.items()
            if (facts := self._facts(digest, epoch, retired, announced)) is not None
        ]
        self._raw: RawFacts | None = None
        self.sealed_to: dict[str, list[Item]] = {}  # first 32 digits of a digest -> raw objects

    @property
    def half_made(self) -> set[str]:
        """Epochs whose key stands in the vault and which the log does not know."""
        ledger = self.history.ledger
        known = {*ledger.intake_keys.values(), *ledger.retired_intake_keys.values()}
        return {name for name in self.held - known if Epoch.named(name) is not None}

    def standings(self) -> list[Standing]:
        """Where each key stands, the oldest epoch first.

        The raw store is read only where nothing else holds some key back, or a key is gone.
        """
        found = [self._judged(key, None) for key in self.keys]
        gone = {State.DESTROYED, State.LOST}
        if any(one.may_be_retired or one.state in gone for one in found):
            raw = self.raw()
            found = [self._judged(key, raw) for key in self.keys]
        return sorted(found, key=lambda one: (one.facts.epoch, one.facts.digest))

    def raw(self) -> RawFacts:
        """What the raw store holds, every version of it."""
        if self._raw is None:
            self._raw = self._read_raw()
        return self._raw

    def _judged(self, key: KeyFacts, raw: RawFacts | None) -> Standing:
        return judge(
            key,
            self.keys,
            raw,
            self._now,
            self._grace,
            everything_is_held=self._everything_is_held,
        )

    def _facts(self, digest: str, name: str, retired: bool, announced: set[str]) -> KeyFacts | None:
        epoch = Epoch.named(name)
        if epoch is None:
            return None  # no announcement can name it, so nothing is sealed to it
        return KeyFacts(
            epoch=epoch,
            digest=digest,
            logged=self.history.logged[digest],
            announced=digest in announced,
            in_vault=name in self.held,
            meant=digest in self.meant,
            retired=retired,
            unsettled=self.history.ledger.unsettled_under(digest),
        )

    def _read_raw(self) -> RawFacts:
        raw, limit = self._settings.store("raw"), self._settings.ingest.max_recording_bytes
        seen: set[str] = set()
        unread = 0
        for entry in list(raw.versions()):
            if entry.delete_marker or not is_object_name(entry.name):
                continue
            if entry.size > limit:
                unread += 1
                continue
            try:
                data = raw.get(entry.name, entry.version).data
            except NotFound:
                continue
            except CredentialsExpired:
                raise
            except StoreError:
                unread += 1
                continue
            seen.add(hashlib.sha256(data).hexdigest())
            try:
                key_id = parse_header(data).key_id.hex()
            except InputError:
                continue  # no sealed object of ours, so sealed to no key of ours
            item = Item(entry.name, entry.version, entry.size)
            self.sealed_to.setdefault(key_id, []).append(item)
        waiting = Counter({key_id: len(items) for key_id, items in self.sealed_to.items()})
        return RawFacts(dict(waiting), unread, len(_without_key(self.history.ledger) - seen))


def _without_key(ledger: Ledger) -> set[str]:
    """Unsettled recordings of which the log does not say what key they are sealed to."""
    return (ledger.backlog | ledger.quarantined.keys()) - ledger.sealed_to.keys()
