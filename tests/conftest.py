"""What every test may count on."""

import os

import pytest
from hypothesis import settings

# One definition for all folders: imported into several conftests, it would be as many servers, and
# the last one started would be in everybody's environment.
from tests.servers.fixtures import s3_server, s3_trouble

__all__ = ["s3_server", "s3_trouble"]

# No test is timed: on a busy machine an example may take as long as it likes.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

_skipped: list[str] = []


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Remember what was skipped: in CI a skip is a test that silently stopped testing."""
    if report.skipped and not hasattr(report, "wasxfail"):
        _skipped.append(report.nodeid)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Fail the run on any skip where `UNVOICED_NO_SKIPS` is set."""
    if _skipped and os.environ.get("UNVOICED_NO_SKIPS") and exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name them."""
    if _skipped and os.environ.get("UNVOICED_NO_SKIPS"):
        terminalreporter.write_line(f"skipped, which fails here: {', '.join(_skipped)}", red=True)
