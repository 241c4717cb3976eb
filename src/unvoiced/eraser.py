"""Everything the eraser holds: who destroys by retention and erasure, and opens nothing.

Of secrets that is the log's signing key, where no key service holds it, and no other.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from unvoiced.clock import utc_now
from unvoiced.config import Settings
from unvoiced.disposal import (
    LegalHolds,
    Quarantine,
    SuppressionList,
    Undertaker,
)
from unvoiced.errors import InputError
from unvoiced.log.accounts import Accounts
from unvoiced.log.ledger import Ledger
from unvoiced.stores import Store


@dataclass(frozen=True)
class Eraser:
    """Opened stores and the log, for one process that erases."""

    settings: Settings
    raw: Store
    training: Store
    archive: Store | None  # None where the deployment has none
    journal: Store
    audit: Store
    accounts: Accounts
    holds: LegalHolds
    suppression: SuppressionList
    quarantine: Quarantine
    undertaker: Undertaker
    performed_by: str
    now: Callable[[], datetime]


def open_eraser(settings: Settings, run_id: str, now: Callable[[], datetime] = utc_now) -> Eraser:
    """Open what `unvoiced.toml` names. Raises `AccessError`, `StoreError` or `InputError`."""
    vault = settings.vault("worker")
    signer = settings.signer(vault)
    accounts = settings.accounts(vault, signer)
    check_originals(settings, accounts.current)
    raw, journal = settings.store("raw"), settings.store("journal")
    performed_by = f"eraser, run {run_id}"
    return Eraser(
        settings=settings,
        raw=raw,
        training=settings.store("training"),
        archive=settings.archive(),
        journal=journal,
        audit=settings.store("audit"),
        accounts=accounts,
        holds=LegalHolds(journal),
        suppression=SuppressionList(journal, signer.verifier, accounts.current),
        quarantine=Quarantine(journal, signer.verifier),
        undertaker=Undertaker.of(raw, journal, accounts, signer, performed_by, now),
        performed_by=performed_by,
        now=now,
    )


def check_originals(settings: Settings, ledger: Callable[[], Ledger]) -> None:
    """Raises `InputError` where originals are kept, by the log, in an archive that is not named.

    Who does not look there cannot say that nothing is left.
    """
    if "archive" not in settings.stores and (kept := len(ledger().archived)):
        raise InputError(
            f"{settings.path}: the log says that originals are kept in an archive ({kept:,}), and "
            "[stores] has none: put it back"
        )
