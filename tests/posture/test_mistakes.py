"""One mistake at a time in an account on ministack: found by name, mended by its command."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.posture.conftest import Stage, known, look
from tests.posture.environment import Environment
from tests.posture.seeds import SEEDS

pytestmark = pytest.mark.server
ROOT = Path(__file__).resolve().parents[2]
# Their commands run too, and more is left to do: a new key to be given to its roles, a trail to be
# given a bucket and events, a subscriber to confirm; an alarm of another name is there then.
NOT_MENDED_BY_ONE_COMMAND = {
    "S3's own key",
    "Amazon's key",
    "no trail",
    "no alarm",
    "nobody listens",
    "alarm without action",
}


@pytest.mark.parametrize("mistake", SEEDS)
def test_each_mistake_is_found_by_name_and_mended_by_its_command(
    stage: Stage, account: Environment, tmp_path: Path, mistake: str
) -> None:
    """The mistake and nothing else is found; a shell runs its fix, and all is right again."""
    name, seed = SEEDS[mistake]
    stage.touched = True
    seed(account)

    found = known(look(account, tmp_path))
    assert {one.name for one in found} == {name}

    run(sorted(found, key=str)[0].fix, account, tmp_path)
    if mistake not in NOT_MENDED_BY_ONE_COMMAND:
        assert known(look(account, tmp_path)) == set()
        stage.touched = False


def run(command: str, account: Environment, folder: Path) -> None:
    """Run a finding's command in a shell, with a stand-in for the AWS CLI on its path."""
    cli = folder / "aws"
    cli.write_text(f'#!/bin/sh\nexec {sys.executable} -m tests.posture.aws_command "$@"\n')
    cli.chmod(0o700)
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=ROOT,
        env={
            **account.server.environment(),
            "PATH": f"{folder}:{os.defpath}",
            "PYTHONPATH": str(ROOT),
            "ALERT_EMAIL": "alarms@example.org",
            "ALERT_TOPIC": "arn:aws:sns:us-east-1:000000000000:unvoiced-alarms",
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stderr}"
