"""The record of one run. No I/O.

Ids and numbers only: no name of an object, no pseudonym, no digest of a recording. So an erasure
has nothing to take out of it. Of a run that disposed of one recording it says how long that one
stood, hence about when it was uploaded: a record is not for publication.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Self

from unvoiced.ingest.exposure import Exposure

# Counts of what a run finds and leaves as it is, and so does the next.
STANDING = frozenset({"quarantined earlier", "held", "oversized", "foreign", "planted"})
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9 _-]{0,63}")
_ROOT = re.compile(r"(?:[0-9a-f]{64})?")


@dataclass(frozen=True)
class RunRecord:
    """What one run did, as far as numbers say."""

    run_id: str
    flow: str
    begun: float  # POSIX seconds
    ended: float
    state: str  # the end state's name, as Prefect shows it
    counts: Mapping[str, int] = field(default_factory=dict)  # `tasks/report.py` names them
    sealed_bytes: int = 0
    feature_bytes: int = 0
    exposure: Exposure = field(default_factory=Exposure)
    oldest_found: float | None = None  # when the first it was to ingest was uploaded
    left: int = 0  # recordings that were to be ingested and still stand in the raw store
    oldest_left: float | None = None  # when the first of those was uploaded, where known
    log_size: int = 0  # the log's checkpoint when the record was kept
    log_root: str = ""  # hex

    @property
    def day(self) -> str:
        """The day it began, in UTC."""
        return f"{datetime.fromtimestamp(self.begun, UTC):%Y-%m-%d}"

    @property
    def idle(self) -> bool:
        """Whether nothing was done and nothing failed: what stands there, stood there before."""
        done = (number for name, number in self.counts.items() if name not in STANDING)
        return self.state == "Completed" and not any(done)

    def as_json(self) -> dict[str, Any]:
        """It as JSON; `of_json` reads it."""
        return {**asdict(self), "counts": dict(self.counts), "exposure": self.exposure.as_json()}

    @classmethod
    def of_json(cls, value: Mapping[str, Any]) -> Self:
        """What `as_json` wrote. Raises `ValueError` for anything else."""
        try:
            record = cls(
                **{
                    **value,
                    "exposure": Exposure.of_json(value["exposure"]),
                    "counts": {str(name): int(n) for name, n in value["counts"].items()},
                }
            )
            well_formed = (
                _ID.fullmatch(record.run_id)
                and all(map(_WORD.fullmatch, (record.flow, record.state, *record.counts)))
                and _ROOT.fullmatch(record.log_root)
                and all(
                    map(
                        _is_number,
                        (
                            record.begun,
                            record.ended,
                            record.oldest_left or 0,
                            record.oldest_found or 0,
                        ),
                    )
                )
                and all(type(one) is int for one in (record.left, record.log_size))
                and type(record.sealed_bytes) is type(record.feature_bytes) is int
                and record.day  # a time there is
            )
        except (KeyError, TypeError, AttributeError, ValueError, OverflowError, OSError):
            well_formed = None
        if not well_formed:
            raise ValueError("no record of a run")
        return record


def _is_number(value: object) -> bool:
    return type(value) in (int, float) and math.isfinite(value)  # type: ignore[arg-type]  # just seen
