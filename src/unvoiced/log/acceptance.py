"""The leaf that says a sealed recording was taken over from the raw store. No I/O."""

from datetime import datetime

from unvoiced.errors import InputError
from unvoiced.log.leaves import encode_leaf
from unvoiced.log.ledger import Ledger
from unvoiced.sealing import parse_header


def intake_key_of(sealed: bytes, ledger: Ledger) -> str | None:
    """The digest of the intake key, retired or not, that sealed bytes say they are sealed to.

    None where that is no key of this log's: what else they say is the uploader's to choose.
    """
    try:
        return ledger.intake_key_of(parse_header(sealed).key_id)
    except InputError:
        return None


def accepted_leaf(digest: str, sealed_to: str | None, moment: datetime) -> bytes:
    """The leaf; `sealed_to` is what `intake_key_of` says of the bytes of this digest."""
    return encode_leaf("accepted", digest, moment, intake_key=sealed_to and sealed_to[:32])
