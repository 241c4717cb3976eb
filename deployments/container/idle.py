"""Wait until no run is under way here, for so many seconds at most: `idle.py SECONDS`.

Prefect's worker kills its runs as soon as it is told to stop (docs/automations.md). So whoever
stops a container or unit asks this first. The worker goes on meanwhile: a run that begins is waited
for too. Status 0 in any case, as one that is not done in time is finished by the next.

A run is a process of ours with a flow run's id in its environment; those of other containers and
units, which have other control groups, are not ours. Standard library only (`python -I -S`).
"""

import sys
import time
from pathlib import Path

_PROC = Path("/proc")
_MARK = b"PREFECT__FLOW_RUN_ID="


def runs() -> list[int]:
    """The processes of runs."""
    own = (_PROC / "self" / "cgroup").read_bytes()
    found = []
    for folder in _PROC.glob("[0-9]*"):
        try:
            variables = (folder / "environ").read_bytes().split(b"\0")
            ours = (folder / "cgroup").read_bytes() == own
            if ours and any(one.startswith(_MARK) for one in variables):
                found.append(int(folder.name))
        except OSError:  # gone meanwhile, or another user's
            continue
    return found


def main() -> None:
    """Wait."""
    limit = time.monotonic() + float(sys.argv[1])
    while runs() and time.monotonic() < limit:
        time.sleep(0.5)


if __name__ == "__main__":
    main()
