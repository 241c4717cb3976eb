"""`python -m flows.NAME`: mistakes end with status 2 and a sentence, before Prefect starts."""

import runpy
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from unvoiced.clock import utc_now
from unvoiced.deployment import create_deployment

Ended = Callable[..., tuple[object, str]]
FLOWS = ("backfill", "epochs", "erasure", "ingest", "posture", "retention")


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Ended:
    """Run a flow's module as a shell does, with a Prefect that is nowhere; status and words."""
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    monkeypatch.delenv("UNVOICED_CONFIG", raising=False)

    def run(flow: str, *arguments: str) -> tuple[object, str]:
        monkeypatch.setattr(sys, "argv", [f"flows/{flow}.py", *arguments])
        monkeypatch.delitem(sys.modules, f"flows.{flow}", raising=False)
        with pytest.raises(SystemExit) as caught:
            runpy.run_module(f"flows.{flow}", run_name="__main__")
        printed = capsys.readouterr()
        return caught.value.code, " ".join((printed.out + printed.err).split())

    return run


@pytest.mark.parametrize("flow", FLOWS)
def test_each_has_help_and_wants_settings_that_are_there(ended: Ended, flow: str) -> None:
    """The help names the settings; settings that are nowhere are said to be."""
    status, said = ended(flow, "--help")
    assert status == 0
    assert "UNVOICED_CONFIG" in said
    first = ['{"feature_set": "mfcc-13"}'] if flow == "backfill" else []
    status, said = ended(flow, *first, "/nowhere/unvoiced.toml")
    assert status == 2
    assert "/nowhere/unvoiced.toml: No such file" in said


def test_what_cannot_be_meant_is_said_in_a_sentence(
    ended: Ended, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No traceback of an index or of pydantic; settings are found by the environment too."""
    create_deployment(tmp_path / "deployment", utc_now())
    monkeypatch.setenv("UNVOICED_CONFIG", str(tmp_path / "deployment"))
    for flow, arguments, why in (
        ("backfill", (), "required: what"),
        ("backfill", ("{",), "JSON"),
        ("backfill", ('{"feature_set": "mfcc-13", "sauce": "raw"}',), "sauce: Extra inputs"),
        ("backfill", ('{"feature_set": "mfcc-13", "contributors": ["anna"]}',), "contributors.0: "),
        ("erasure", (str(tmp_path / "deployment"), "anna-01"), "never by a name"),
        ("retention", ("--dry",), "unrecognized"),
    ):
        status, said = ended(flow, *arguments)
        assert (status, why in said) == (2, True), said
