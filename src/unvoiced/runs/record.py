"""The record of one run. No I/O.

Ids and numbers only: no name of an object, no pseudonym, no digest of a recording. So an erasure
has nothing to take out of it. Of a run that disposed of one recording it says how long that one
stood, hence about when it was uploaded: a record is not for publication.
"""

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
_LATEST = 2.0**33  # POSIX seconds, in the year 2242
_MOST = 2**63


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
                    "counts": dict(value["counts"]),
                }
            )
            well_formed = (
                _ID.fullmatch(record.run_id)
                and all(map(_WORD.fullmatch, (record.flow, record.state, *record.counts)))
                and _ROOT.fullmatch(record.log_root)
                and all(map(_is_time, (record.begun, record.ended)))
                and record.begun <= record.ended
                and all(
                    one is None or _is_time(one)
                    for one in (record.oldest_left, record.oldest_found)
                )
                and all(
                    type(one) is int and 0 <= one < _MOST
                    for one in (
                        record.left,
                        record.log_size,
                        record.sealed_bytes,
                        record.feature_bytes,
                        *record.counts.values(),
                    )
                )
            )
        except (KeyError, TypeError, AttributeError, ValueError):
            well_formed = None
        if not well_formed:
            raise ValueError("no record of a run")
        return record


def _is_time(value: object) -> bool:
    return type(value) in (int, float) and 0 <= value < _LATEST  # type: ignore[operator]  # just seen
