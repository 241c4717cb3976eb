"""Disposal: journal, destroy, observe, receipt - in that order, whatever happens in between."""

from unvoiced.disposal.destroy import Clearance, clear, destroy
from unvoiced.disposal.journal import Journal, JournalEntry, Page, PlacedFeatures
from unvoiced.disposal.quarantine import Quarantine, QuarantineRecord
from unvoiced.disposal.receipt import NOT_CHECKED, Observation, Receipt

__all__ = [
    "NOT_CHECKED",
    "Clearance",
    "Journal",
    "JournalEntry",
    "Observation",
    "Page",
    "PlacedFeatures",
    "Quarantine",
    "QuarantineRecord",
    "Receipt",
    "clear",
    "destroy",
]
