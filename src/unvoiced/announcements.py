"""Intake keys as contributors are told of them: announcements that stand in the log's store.

One counts when the log's key signed it for the epoch under whose name it stands. Who runs the
deployment also asks that the log knows the key, and that it was not retired. An announcement may be
published ahead of time; until its epoch has begun nobody seals to it.
"""

from collections.abc import Iterator
from datetime import datetime

from unvoiced.config import Settings
from unvoiced.errors import AlreadyExists, InputError, NotFound, StoreError, VerificationError
from unvoiced.keys.intake import Epoch, IntakeKey, intake_digest
from unvoiced.keys.vault import Vault
from unvoiced.log.leaves import encode_leaf
from unvoiced.log.ledger import Ledger
from unvoiced.log.note import Signer, Verifier
from unvoiced.sealing import PrivateKey
from unvoiced.stores import Store

_PREFIX = "intake/"


def create_intake_key(
    settings: Settings,
    worker: Vault,
    now: datetime,
    signer: Signer | None = None,
    epoch: Epoch | None = None,
) -> IntakeKey:
    """Make an epoch's intake key pair (this week's by default), log its public half and publish the
    announcement, in this order: what is announced is in the vault, and known to the log.

    With `signer`, no secret of the vault is read: who may only wrap secrets can do this. Raises
    `AlreadyExists` where the vault holds a key of that epoch, and then nothing was done. A crash in
    between leaves a key that nobody is told of; `epochs` sees to its end.
    """
    signer = signer or settings.signer(worker)
    pair = PrivateKey.generate()
    intake = IntakeKey((epoch or Epoch.of(now)).name, pair.public)
    worker.put(f"intake/{intake.epoch}", pair.secret_bytes())
    accounts = settings.accounts(worker, signer)
    digest = intake_digest(pair.public)
    accounts.append([encode_leaf("intake-key", digest, now, epoch=intake.epoch)])
    if digest not in accounts.current().intake_keys:
        raise VerificationError(f"the key of {intake.epoch} was retired before it was announced")
    _publish(settings.store("log"), intake.epoch, intake.announce(signer))
    accounts.remember()
    return intake


def announced_keys(log: Store, verifier: Verifier) -> Iterator[tuple[IntakeKey, bytes]]:
    """Every genuine announcement in a log's store and the key it announces, the newest epoch first.

    Whatever else lies among them is passed over. Raises `StoreError` where the store cannot be
    read.
    """
    epochs = {}
    for listed in log.list(_PREFIX):
        try:
            epochs[Epoch.parse(listed.name.removeprefix(_PREFIX))] = listed.name
        except InputError:
            continue
    for epoch in sorted(epochs, reverse=True):
        try:
            note = log.get(epochs[epoch]).data
            intake = IntakeKey.from_announcement(note, verifier)
        except (VerificationError, NotFound):
            continue
        if intake.when == epoch:
            yield intake, note


def current_announcement(settings: Settings, now: datetime | None = None) -> str:
    """The newest epoch's announcement, as it goes into an invitation; with `now`, of those that
    have begun: an announcement of the far future would be the newest for ever.

    Raises `InputError` when there is none.
    """
    log, reader = settings.store("log"), settings.log_reader()
    ledger = Ledger()
    ledger.follow(reader.entries, reader.checkpoint().size)
    for intake, note in announced_keys(log, Verifier.parse(settings.log_vkey)):
        begun = now is None or intake.when.begins <= now
        if begun and intake_digest(intake.public) in ledger.intake_keys:
            return note.decode()
    raise InputError(f"no intake key of this log is announced at {log.url}")


def announcement_name(epoch: str) -> str:
    """Where an epoch's announcement stands in the log's store; it is public."""
    return f"{_PREFIX}{epoch}"


def _publish(log: Store, epoch: str, note: bytes) -> None:
    try:
        log.put_if_absent(announcement_name(epoch), note)
    except AlreadyExists:
        if log.get(announcement_name(epoch)).data != note:
            raise StoreError(
                f"{announcement_name(epoch)}: something else stands there, so that this epoch's "
                "key cannot be announced; the next rotation makes another"
            ) from None
