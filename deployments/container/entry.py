"""What every container of the image starts with: `entry.py COMMAND ARGUMENT...`.

It makes the process safe, and becomes the command: no shell and no process stands between, so that
SIGTERM reaches a worker as it was sent. What is set here holds for all that the command starts,
also where the platform has no setting for it (Fargate knows neither core limits nor
no-new-privileges, Kubernetes no core limits):

- no core dumps: memory of a worker never reaches a disk that way (INV-1);
- nothing gains rights by being executed;
- files are the user's own;
- the folders that programs expect stand, in what may be empty and is gone with the container.

Standard library only, so that it can run with `python -I -S` in some milliseconds.
"""

import ctypes
import os
import resource
import sys
from pathlib import Path

_PR_SET_NO_NEW_PRIVS = 38
FOLDERS = ("HOME", "TMPDIR", "PREFECT_HOME", "MPLCONFIGDIR", "XDG_CACHE_HOME")


def harden() -> None:
    """No core dumps, no new rights, files closed to others. Raises OSError."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.umask(0o077)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "no_new_privs cannot be set")


def make_folders() -> None:
    """The folders that the environment names, private where they are made here."""
    for name in FOLDERS:
        if folder := os.environ.get(name):
            Path(folder).mkdir(mode=0o700, parents=True, exist_ok=True)


def main() -> None:
    """Become the command."""
    if len(sys.argv) < 2:
        sys.exit("entry: say what to run, e.g. unvoiced --help")
    try:
        harden()
        make_folders()
    except OSError as error:
        sys.exit(f"entry: {error.strerror}: {error.filename or 'hardening'}")
    try:
        os.execvp(sys.argv[1], sys.argv[1:])  # noqa: S606  # no shell is the point
    except OSError as error:
        sys.exit(f"entry: {sys.argv[1]}: {error.strerror}")


if __name__ == "__main__":
    main()
