"""Keeping a worker's memory to itself."""

import ctypes
import os
import resource
import sys
from pathlib import Path

_PR_SET_DUMPABLE = 4


def harden_process() -> None:
    """No core dumps, no attaching by the same user, no files others can read, no stray output.

    Decoders print bits of damaged streams to standard error, which ends in logs: a worker's goes
    nowhere (INV-11). Attaching is prevented on Linux only. Nothing here keeps root out.
    """
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.umask(0o077)
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
