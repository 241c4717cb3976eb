"""Intake keys as contributors are told of them: announcements that stand in the log's store.

One counts when the log's key signed it for its epoch and the log knows the key that it names.
"""

from datetime import datetime

from unvoiced.config import Settings
from unvoiced.errors import InputError, NotFound, VerificationError
from unvoiced.keys.intake import IntakeKey, epoch_of, intake_digest
from unvoiced.keys.vault import Vault
from unvoiced.log.leaves import encode_leaf
from unvoiced.log.ledger import Ledger
from unvoiced.log.note import Signer, Verifier
from unvoiced.sealing import PrivateKey


def create_intake_key(
    settings: Settings, worker: Vault, now: datetime, signer: Signer | None = None
) -> IntakeKey:
    """Make this epoch's intake key pair, log its public half and publish the announcement.

    With `signer`, no secret of the vault is read: who may only wrap secrets can do this.
    """
    signer = signer or settings.signer(worker)
    pair = PrivateKey.generate()
    intake = IntakeKey(epoch_of(now), pair.public)
    worker.put(f"intake/{intake.epoch}", pair.secret_bytes())
    leaf = encode_leaf("intake-key", intake_digest(pair.public), now, epoch=intake.epoch)
    settings.accounts(worker, signer).append([leaf])
    settings.store("log").put_if_absent(announcement_name(intake.epoch), intake.announce(signer))
    return intake


def current_announcement(settings: Settings, now: datetime | None = None) -> str:
    """The newest epoch's announcement, as it goes into an invitation; with `now`, of those that
    have begun: an announcement of the far future would be the newest for ever.

    Whatever else lies among the announcements is passed over. Raises `InputError` when there is
    none.
    """
    log, reader = settings.store("log"), settings.log_reader()
    ledger = Ledger()
    ledger.follow(reader.entries, reader.checkpoint().size)
    for listed in sorted(log.list("intake/"), key=lambda entry: entry.name, reverse=True):
        try:
            note = log.get(listed.name).data
            intake = IntakeKey.from_announcement(note, Verifier.parse(settings.log_vkey))
        except (VerificationError, NotFound, InputError):
            continue
        if now is not None and intake.epoch > epoch_of(now):
            continue
        named = listed.name == announcement_name(intake.epoch)
        if named and intake_digest(intake.public) in ledger.intake_keys:
            return note.decode()
    raise InputError(f"no intake key of this log is announced at {log.url}")


def announcement_name(epoch: str) -> str:
    """Where an epoch's announcement stands in the log's store; it is public."""
    return f"intake/{epoch}"
