"""An account as it must be on a ministack, made anew whenever a test did not leave it so."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.posture import tls_ministack
from tests.posture.environment import Environment
from tests.posture.tls_ministack import TlsMinistack
from unvoiced.posture.finding import Finding, Report
from unvoiced.posture.look import take_posture

# ministack takes a metrics configuration and forgets it.
NOT_ON_MINISTACK = {"bulk-read-alarm-cannot-fire"}


@pytest.fixture(scope="session")
def tls_server() -> Iterator[TlsMinistack]:
    """A running ministack that is reached by https."""
    with tls_ministack.running() as server:
        yield server


@dataclass
class Stage:
    """Where the account stands; `touched` until somebody has seen that it is right again."""

    server: TlsMinistack
    made: Environment | None = None
    touched: bool = True

    def environment(self) -> Environment:
        """The account as it must be."""
        if self.made is None or self.touched:
            self.server.forget()
            self.made, self.touched = Environment(self.server), False
        return self.made


@pytest.fixture(scope="module")
def stage(tls_server: TlsMinistack) -> Stage:
    """The account of this module's tests."""
    return Stage(tls_server)


@pytest.fixture
def account(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Environment:
    """The account as it must be, in an environment signed in as root."""
    made = stage.environment()
    stage.server.sign_in(monkeypatch)
    return made


def look(account: Environment, folder: Path) -> Report:
    """The posture of the account, now."""
    return take_posture(account.settings(folder), datetime.now(UTC))


def known(report: Report) -> set[Finding]:
    """The findings, less what the server cannot tell."""
    unknown = {(one.name, one.what) for one in report.unknown}
    lacks = {(name, "could not be checked: the server does not have this")
             for name in NOT_ON_MINISTACK}  # fmt: skip
    assert unknown <= lacks, unknown - lacks
    return set(report.findings) - set(report.unknown)
