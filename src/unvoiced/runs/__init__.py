"""What runs of ingest leave behind of themselves: counts, times and where the log stood."""

from unvoiced.runs.kept import RUNS, Found, RunRecords
from unvoiced.runs.record import RunRecord

__all__ = ["RUNS", "Found", "RunRecord", "RunRecords"]
