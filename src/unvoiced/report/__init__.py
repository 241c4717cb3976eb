"""The state of a deployment as a page for a minute's look: counts, times, digests of the log."""

from unvoiced.report.facts import Report
from unvoiced.report.machine import as_json
from unvoiced.report.page import as_html
from unvoiced.report.take import take_report
from unvoiced.report.verdict import judge

__all__ = ["Report", "as_html", "as_json", "judge", "take_report"]
