"""What a backfill is expected to take and cost: an estimate, from list prices and measured speed.

Pure. Prices are Amazon's list prices for us-east-1, in US dollars, without tax, discounts, data
transfer or Amazon's own minimums, as they were quoted in mid-2026:

- per GB, and time a restore takes: https://docs.aws.amazon.com/AmazonS3/latest/userguide/
  restoring-objects-retrieval-options.html, and the table at
  https://www.usage.ai/blogs/aws/storage-cost/glacier-deep-archive-pricing/ (5 June 2026)
- per 1,000 restore requests, GLACIER: https://repost.aws/knowledge-center/s3-manage-data-retrieval
- per 1,000 restore requests, DEEP_ARCHIVE, and per 1,000 GETs: older listings of 2023; not checked
  against the price list since
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from unvoiced.backfill.plan import Amount
from unvoiced.backfill.request import Tier
from unvoiced.errors import InputError
from unvoiced.stores.interface import COLD_CLASSES, STANDARD

PRICES_OF = "June 2026"
_GB = 2**30
_STANDARD_PER_GB_MONTH = 0.023  # what a restored copy costs while it stands
_DAYS_A_MONTH = 30

# docs/performance.md, on one noisy core: 7.1 ms of CPU from sealed object to receipt for 10 s of
# 16-bit WAV at 16 kHz (320 kB), and about 4 ms for a get, a put and a read-back on S3. Compressed
# audio holds more sound a byte and takes longer; a network's round trips come on top.
_SECONDS_PER_BYTE = 7.1e-3 / 320e3
_SECONDS_PER_OBJECT = 4e-3


@dataclass(frozen=True)
class Rate:
    """Dollars per GB and per 1,000 requests; for restores also the hours until it is done."""

    per_gb: float
    per_1000: float
    hours: float = 0.0


RESTORING: Mapping[tuple[str, Tier], Rate] = {
    ("GLACIER", "Expedited"): Rate(0.03, 10.0, 0.1),
    ("GLACIER", "Standard"): Rate(0.01, 0.05, 5),
    ("GLACIER", "Bulk"): Rate(0.0, 0.0, 12),
    ("DEEP_ARCHIVE", "Standard"): Rate(0.02, 0.10, 12),
    ("DEEP_ARCHIVE", "Bulk"): Rate(0.0025, 0.025, 48),
}
READING: Mapping[str, Rate] = {
    STANDARD: Rate(0.0, 0.0004),
    "STANDARD_IA": Rate(0.01, 0.001),
    "GLACIER_IR": Rate(0.03, 0.01),
}


@dataclass(frozen=True)
class Estimate:
    """Dollars and times of one backfill."""

    restoring: float
    reading: float
    copies: float  # restored copies in S3 Standard, for as long as they are kept
    restore_hours: float
    work_seconds: float

    @property
    def dollars(self) -> float:
        """All of it."""
        return self.restoring + self.reading + self.copies


def estimate(
    amounts: Mapping[str, Amount], tier: Tier, restore_days: int, processes: int
) -> Estimate:
    """What reading these, by storage class, comes to. An unknown class costs what STANDARD does.

    Raises `InputError` where the tier does not restore a class.
    """
    restoring = reading = copies = seconds = 0.0
    for kind, amount in amounts.items():
        size = amount.size / _GB
        seconds += amount.objects * _SECONDS_PER_OBJECT + amount.size * _SECONDS_PER_BYTE
        rate = READING.get(kind, READING[STANDARD])
        reading += size * rate.per_gb + amount.objects / 1000 * rate.per_1000
        if kind in COLD_CLASSES:
            rate = _restoring(kind, tier)
            restoring += size * rate.per_gb + amount.objects / 1000 * rate.per_1000
            copies += size * _STANDARD_PER_GB_MONTH * restore_days / _DAYS_A_MONTH
    hours = restore_hours(amounts, tier)
    return Estimate(restoring, reading, copies, hours, seconds / processes)


def restore_hours(kinds: Iterable[str], tier: Tier) -> float:
    """How long the slowest of these storage classes takes; 0 where none is cold.

    Raises `InputError` where the tier does not restore one of them.
    """
    cold = COLD_CLASSES.intersection(kinds)
    return max((_restoring(kind, tier).hours for kind in cold), default=0.0)


def _restoring(kind: str, tier: Tier) -> Rate:
    try:
        return RESTORING[kind, tier]
    except KeyError:
        raise InputError(f"originals in {kind} cannot be restored with tier {tier}") from None
