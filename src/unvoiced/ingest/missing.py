"""Settling what is missing for good: saying in the log that it was found gone.

Such a receipt states that a recording was nowhere to be found, not that anybody here destroyed it.
Without one the accounts would never add up again, and an epoch whose recording is missing could
never be retired.
"""

from collections.abc import Callable, Collection
from datetime import datetime

from unvoiced.config import Settings
from unvoiced.disposal import Cause, Observation, Receipt
from unvoiced.errors import VerificationError
from unvoiced.ingest.status import take_status


def settle_missing(
    settings: Settings, confirmed: Collection[str], now: Callable[[], datetime]
) -> set[str]:
    """Log those of the `confirmed` digests that are still missing as found gone; returns them.

    Looks again first. Raises `VerificationError` while an object of the raw store cannot be read:
    a missing recording may be that one.
    """
    status = take_status(settings)
    if status.missing and status.unread:
        raise VerificationError(
            f"{status.unread:,} objects of the raw store could not be read, and what is missing "
            "may be among them: restore them from their storage class, or raise [ingest] "
            "max_recording_bytes"
        )
    moment = now()
    accounts = settings.accounts(settings.vault("worker"))
    receipts = [
        Receipt(
            sha256=digest,
            media_type=f"object in a {settings.store('raw').url.partition('://')[0]} store",
            features=(),
            observed=Observation(
                version_readable=False,
                version_listed=False,
                current="absent",
                delete_markers=0,
                time=moment,
            ),
            performed_by="operator, `unvoiced missing settle`",
            cause=Cause.MISSING,
        )
        for digest in sorted(set(confirmed).intersection(status.missing))
    ]
    logged = accounts.append([receipt.leaf() for receipt in receipts])
    accounts.remember()
    return logged
