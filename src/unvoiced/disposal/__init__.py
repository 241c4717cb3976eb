"""Disposal: journal, destroy, observe, receipt - in that order, whatever happens in between."""

from unvoiced.disposal.destroy import (
    Clearance,
    Target,
    clear,
    clear_without_features,
    destroy,
    destroy_all,
    gone_before,
)
from unvoiced.disposal.holds import Held, LegalHold, LegalHolds, UnderHold
from unvoiced.disposal.intents import Disposed, Intent, Intents, Undertaker
from unvoiced.disposal.journal import (
    ArchivedOriginal,
    Journal,
    JournalEntry,
    Page,
    PlacedFeatures,
)
from unvoiced.disposal.quarantine import Quarantine, QuarantineRecord
from unvoiced.disposal.receipt import NOT_CHECKED, Cause, Observation, Receipt
from unvoiced.disposal.suppression import Suppressed, SuppressionList, lifting, suppression_id
from unvoiced.disposal.sweep import Sweep, sweep

__all__ = [
    "NOT_CHECKED",
    "ArchivedOriginal",
    "Cause",
    "Clearance",
    "Disposed",
    "Held",
    "Intent",
    "Intents",
    "Journal",
    "JournalEntry",
    "LegalHold",
    "LegalHolds",
    "Observation",
    "Page",
    "PlacedFeatures",
    "Quarantine",
    "QuarantineRecord",
    "Receipt",
    "Suppressed",
    "SuppressionList",
    "Sweep",
    "Target",
    "UnderHold",
    "Undertaker",
    "clear",
    "clear_without_features",
    "destroy",
    "destroy_all",
    "gone_before",
    "lifting",
    "suppression_id",
    "sweep",
]
