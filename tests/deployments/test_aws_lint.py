"""cfn-lint finds nothing in the template, for every kind of region it may be deployed to."""

import socket

import pytest
from cfnlint.api import ManualArgs, lint
from parsed_template import FILE


@pytest.fixture
def _offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever tries to connect fails the test: the specifications come with cfn-lint."""

    def refuse(*_: object) -> None:
        raise AssertionError("cfn-lint went to the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def _found(text: str) -> list[str]:
    regions = ["us-east-1", "eu-central-1", "us-gov-west-1"]
    # "I" is advice; it is asked for as well, and so is what is off by default but for what follows.
    matches = lint(text, config=ManualArgs(regions=regions, include_checks=["I"]))
    return [f"{match.rule.id} line {match.linenumber}: {match.message}" for match in matches]


@pytest.mark.usefixtures("_offline")
def test_template_has_no_error_no_warning_and_no_advice() -> None:
    """Types, values, references and policies are as the specifications of all regions say."""
    assert _found(FILE.read_text(encoding="utf-8")) == []


@pytest.mark.usefixtures("_offline")
@pytest.mark.parametrize(
    ("right", "wrong", "rule"),
    [
        ("EnableKeyRotation: true", "EnableKeyRotation: maybe", "E3012"),
        ("!Ref KeyDeletionDays", "!Ref KeyDeletionWeeks", "E1020"),
        ("kms:GenerateDataKey", "kms:GenerateDateKey", "W3037"),
    ],
)
def test_the_linter_looks_that_closely(right: str, wrong: str, rule: str) -> None:
    """A wrong type, reference or action is found: an empty list above means something."""
    text = FILE.read_text(encoding="utf-8")
    assert right in text
    assert any(found.startswith(rule) for found in _found(text.replace(right, wrong)))
