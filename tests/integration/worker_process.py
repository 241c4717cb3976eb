"""What the system tells of a worker process while it runs."""

import os
import subprocess
import sys
from pathlib import Path

from tests.integration.hunter import Find, Hunter
from tests.integration.prefect_server import without_roots_powers

_ATTACH = "import sys; open(f'/proc/{sys.argv[1]}/mem', 'rb').close()"


def shown_by(pid: int, hunter: Hunter) -> set[Find]:
    """The needles in a process's command line, environment and open files.

    What /proc does not let this user read, no other process of this user can read either.
    """
    process = Path("/proc", str(pid))
    found = hunter.in_bytes((process / "cmdline").read_bytes(), "a command line")
    try:
        found |= hunter.in_bytes((process / "environ").read_bytes(), "an environment")
        for descriptor in (process / "fd").iterdir():
            # Temporary files that have no name any more are found here, and only here.
            if descriptor.is_file():
                found |= hunter.in_file(descriptor)
    except PermissionError:
        assert os.geteuid() != 0
    return found


def may_be_attached_to(pid: int) -> bool:
    """Whether another process of the same user, with no power of root, may read its memory."""
    attempt = subprocess.run(
        [sys.executable, "-c", _ATTACH, str(pid)],
        preexec_fn=without_roots_powers,
        capture_output=True,
        text=True,
        check=False,
    )
    assert attempt.returncode == 0 or "PermissionError" in attempt.stderr, attempt.stderr
    return attempt.returncode == 0


def core_limit(pid: int) -> list[str]:
    """Soft and hard limit of a core dump's size."""
    lines = Path("/proc", str(pid), "limits").read_text().splitlines()
    (line,) = [line for line in lines if line.startswith("Max core file size")]
    return line.split()[4:6]
