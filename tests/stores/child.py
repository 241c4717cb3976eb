"""Runs one act in a forked child, so that it can be killed, or lose its rights, for real."""

import os
import sys
import traceback
from collections.abc import Callable
from typing import Any

import pytest

# What a store does to its file system; each call is a place where it may fail or die.
TOUCHES = ("open", "write", "utime", "fsync", "link", "unlink", "rename", "mkdir", "rmdir")


def exit_status(act: Callable[[], None]) -> int:
    """0, 1 after an exception, or minus the signal that killed it."""
    return wait(start(act))


def start(act: Callable[[], None]) -> int:
    """The child's process id."""
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        act()
        status = 0
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(status)


def wait(pid: int) -> int:
    """The child's exit status, once it has one."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def before_touch(patch: pytest.MonkeyPatch, nth: int, act: Callable[[], None]) -> None:
    """Call `act` just before the nth touch (from 0); long writes are made to come in several."""
    count = iter(range(10**9))

    def touching(name: str) -> Callable[..., Any]:
        real = getattr(os, name)

        def call(*args: Any, **named: Any) -> Any:
            if next(count) == nth:
                act()
            if name == "write":
                return real(args[0], bytes(args[1][:1000]))
            return real(*args, **named)

        return call

    for name in TOUCHES:
        patch.setattr(os, name, touching(name))
