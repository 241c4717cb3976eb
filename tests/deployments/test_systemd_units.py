"""The systemd units: accepted by systemd, as closed as they say, and with no secret in them."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.deployments.contained import ROOT

_FOLDER = ROOT / "deployments" / "systemd"
_UNITS = ("unvoiced-server.service", "unvoiced-worker@eraser.service", "unvoiced-apply.service")
# As `systemd-analyze security` counts, from 0 (closed) to 10; the network alone makes 0.8.
_EXPOSED_AT_MOST = 1.5


@pytest.fixture(scope="module")
def units(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The units in a folder of their own, as systemd finds them, their programs on this machine."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    folder = tmp_path_factory.mktemp("units")
    for unit in _UNITS:
        text = (_FOLDER / re.sub("@.*[.]", "@.", unit)).read_text()
        (folder / unit).write_text(re.sub(r"=/opt/unvoiced/\.venv/bin/\w+", "=/bin/true", text))
    return folder


def _analyze(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["systemd-analyze", "--no-pager", *arguments],
        cwd=folder, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_systemd_accepts_the_units(units: Path) -> None:
    """No directive is unknown, misspelt or out of place."""
    asked = ("verify", "--man=no", "--recursive-errors=no")
    assert _analyze(units, *asked, *(f"./{unit}" for unit in _UNITS)) == ""


@pytest.mark.parametrize("unit", _UNITS)
def test_each_unit_is_closed(units: Path, unit: str) -> None:
    """By systemd's own count, and by what matters here that it does not count."""
    said = _analyze(units, "security", "--offline=true", f"./{unit}")
    exposed = re.search(r"Overall exposure level for \S+: ([0-9.]+)", said)
    assert exposed, said
    assert float(exposed[1]) <= _EXPOSED_AT_MOST
    lines = (units / unit).read_text().splitlines()
    wanted = {"LimitCORE=0", "NoNewPrivileges=yes", "ProtectSystem=strict", "UMask=0077",
              "CapabilityBoundingSet=", "SystemCallFilter=@system-service",
              "ProtectProc=invisible", "PrivateTmp=yes"}  # fmt: skip
    assert wanted <= set(lines)
    # The kernel is compiled while a worker runs; nothing else may make code.
    assert ("MemoryDenyWriteExecute=yes" in lines) == ("worker" not in unit)


@pytest.mark.parametrize("unit", _UNITS)
def test_secrets_come_as_credentials(units: Path, unit: str) -> None:
    """No unit has one in its environment, and each is given its own profile alone."""
    text = (units / unit).read_text()
    profile = "server" if "server" in unit else "client"
    assert re.findall("^LoadCredential=(.*)$", text, re.MULTILINE) == [
        f"profiles.toml:/etc/unvoiced/{profile}.toml"
    ]
    assert "Environment=PREFECT_PROFILES_PATH=%d/profiles.toml" in text
    assert f"EnvironmentFile=/etc/unvoiced/{profile}.env" in text
    assert not re.search("PASSWORD|AUTH_STRING|CONNECTION_URL", text)
