"""Findings, the checks that make them, and the report of all of them."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Generic, TypeVar

from unvoiced.config import Settings
from unvoiced.errors import InputError
from unvoiced.posture.facts import Facts, NotKnown, Unknown

S = TypeVar("S")
FORMAT = "unvoiced-posture/1"


class Severity(StrEnum):
    """How bad it is; `unknown` is what could not be checked."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    UNKNOWN = "unknown"


_ORDER = list(Severity)


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it must be, or that could not be checked."""

    name: str
    severity: Severity
    subject: str
    what: str
    why: str
    fix: str  # one command; or words behind a #, where none would do


@dataclass(frozen=True)
class Problem:
    """What a check says of its subject."""

    what: str
    fix: str


@dataclass(frozen=True)
class Seen:
    """What checks look at."""

    facts: Facts
    settings: Settings


Subjects = Callable[[Seen], Iterable[tuple[str, S | Unknown]]]


@dataclass(frozen=True)
class Check(Generic[S]):
    """A rule, looked at for every subject that it is about."""

    name: str
    severity: Severity
    why: str
    subjects: Subjects[S]
    look: Callable[[S, Seen], Iterable[Problem]]

    def run(self, seen: Seen) -> Iterator[list[Finding]]:
        """For each subject, what is wrong with it."""
        for label, subject in self.subjects(seen):
            try:
                if isinstance(subject, Unknown):
                    raise NotKnown(subject)
                problems = list(self.look(subject, seen))
            except NotKnown as gap:
                yield [self._unknown(label, gap.unknown)]
            else:
                yield [self._finding(label, problem) for problem in problems]

    def _finding(self, label: str, problem: Problem) -> Finding:
        return Finding(self.name, self.severity, label, problem.what, self.why, problem.fix)

    def _unknown(self, label: str, unknown: Unknown) -> Finding:
        what = f"could not be checked: {unknown.why}"
        return Finding(self.name, Severity.UNKNOWN, label, what, self.why, unknown.command)


CHECKS: dict[str, Check[object]] = {}


def check(
    name: str, severity: Severity, *, of: Subjects[S], why: str
) -> Callable[[Callable[[S, Seen], Iterable[Problem]]], Callable[[S, Seen], Iterable[Problem]]]:
    """Register a check under a name that stays."""

    def register(
        look: Callable[[S, Seen], Iterable[Problem]],
    ) -> Callable[[S, Seen], Iterable[Problem]]:
        assert name not in CHECKS, name  # noqa: S101 - two checks of one name are a mistake here
        CHECKS[name] = Check(name, severity, why, of, look)  # type: ignore[arg-type]  # of any subject
        return look

    return register


@dataclass(frozen=True)
class Report:
    """What came of all checks."""

    findings: tuple[Finding, ...]
    passed: int  # a check on one subject that found nothing counts once
    notes: tuple[str, ...] = ()  # what is to be known besides, and is no finding

    @property
    def unknown(self) -> tuple[Finding, ...]:
        """What could not be checked."""
        return tuple(one for one in self.findings if one.severity is Severity.UNKNOWN)

    def of(self, severity: Severity) -> tuple[Finding, ...]:
        """The findings of one severity."""
        return tuple(one for one in self.findings if one.severity is severity)

    def at_least(self, threshold: Severity) -> tuple[Finding, ...]:
        """The findings at or above a threshold, and whatever could not be checked."""
        if threshold is Severity.UNKNOWN:
            raise InputError("a threshold is high, medium or low")
        counted = {*_ORDER[: _ORDER.index(threshold) + 1], Severity.UNKNOWN}
        return tuple(one for one in self.findings if one.severity in counted)

    def counts(self) -> dict[str, int]:
        """How many findings there are, by severity, and how many checks passed."""
        counts = {severity.value: len(self.of(severity)) for severity in Severity}
        return {**counts, "passed": self.passed}

    def as_json(self) -> Mapping[str, object]:
        """For machines; names and fields stay."""
        return {
            "format": FORMAT,
            "counts": self.counts(),
            "findings": [asdict(finding) for finding in self.findings],
            "notes": list(self.notes),
        }


def run_checks(seen: Seen, checks: Iterable[Check[object]]) -> Report:
    """Run all checks: worst first, then by name and subject."""
    outcomes = [outcome for check_ in checks for outcome in check_.run(seen)]
    findings = [finding for outcome in outcomes for finding in outcome]
    findings.sort(key=lambda one: (_ORDER.index(one.severity), one.name, one.subject, one.what))
    return Report(tuple(findings), sum(1 for outcome in outcomes if not outcome))
