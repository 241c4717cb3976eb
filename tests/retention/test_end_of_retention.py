"""How a run of the retention flow ends, by what the buckets' own rules are."""

from dataclasses import dataclass
from typing import Any

import pytest

from tasks.retention import RetentionReport
from unvoiced.retention.lifecycle import BucketRules


@dataclass
class Done:
    """A step that has ended."""

    value: list[BucketRules]

    def result(self, *, raise_on_failure: bool) -> list[BucketRules]:
        """What it returned."""
        return self.value


def bucket(**found: Any) -> BucketRules:
    """A bucket of which this was found."""
    return BucketRules("raw", ("raw",), None, "eu-west-1", **found)


@pytest.mark.parametrize(
    ("found", "name", "said"),
    [
        ([bucket()], "Completed", ""),
        ([bucket(drift=("no rule",))], "CompletedWithDrift", "; 1 buckets have other rules"),
        ([bucket(unknown="refused")], "CompletedWithDrift", "1 buckets could not be read"),
    ],
)
def test_rules_that_could_not_be_read_are_not_taken_for_right(
    found: list[BucketRules], name: str, said: str
) -> None:
    """A run that could not look ends as one that found other rules, and says which it was."""
    report = RetentionReport(dry_run=False)
    report.drift(Done(found))  # type: ignore[arg-type]  # of a future no more is asked
    state = report._end_state()
    assert state.name == name
    assert said in (state.message or "")
