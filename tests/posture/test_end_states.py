"""How a run of the posture flow ends, by what it found."""

import pytest

from tasks.posture import end_state
from unvoiced.posture.finding import Finding, Report, Severity


def report(*severities: Severity) -> Report:
    """A report with one finding of each severity."""
    found = [Finding("name", one, "subject", "what", "why", "fix") for one in severities]
    return Report(tuple(found), passed=10)


@pytest.mark.parametrize(
    ("found", "name", "message"),
    [
        (report(), "Completed", "no findings; 10 checks passed"),
        (report(Severity.LOW), "CompletedWithFindings", "1 low; 10 checks passed"),
        (report(Severity.UNKNOWN), "CompletedWithFindings", "1 unknown; 10 checks passed"),
        (
            report(Severity.HIGH, Severity.MEDIUM, Severity.UNKNOWN),
            "Failed",
            "1 high, 1 medium, 1 unknown; 10 checks passed",
        ),
    ],
)
def test_the_end_state_is_the_worst_of_the_findings(found: Report, name: str, message: str) -> None:
    """High fails; anything else, what could not be checked too, is said in the state's name."""
    state = end_state(found)
    assert (state.name, state.message) == (name, message)
