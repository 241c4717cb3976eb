"""Killing a run for real, at a chosen call that changes the disk."""

import contextlib
import os
import signal
import sys
import traceback
from collections.abc import Callable
from typing import Any, Literal, NoReturn

import pytest

When = Literal["before", "midway"]
# All that a file store, or an uploader, changes the disk with.
TOUCHES = ("write", "utime", "fsync", "link", "unlink", "rename", "replace", "mkdir", "rmdir")
SURVIVED, KILLED = 0, -signal.SIGKILL


def killed_at(nth: int, when: When, act: Callable[[], object]) -> bool:
    """Run `act` in a forked child that dies at its nth touch (from 0); whether it did die.

    "midway" lets the touch happen first, and a write get half of its bytes onto the disk. An
    exception in the child is an error of the test.
    """
    pid = os.fork()
    if not pid:
        _in_child(nth, when, act)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert status in (SURVIVED, KILLED), f"the child failed at touch {nth}: see its standard error"
    return status == KILLED


def _in_child(nth: int, when: When, act: Callable[[], object]) -> NoReturn:
    status = 1
    try:
        with pytest.MonkeyPatch.context() as patch:
            die_at(patch, nth, when)
            act()
        status = SURVIVED
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(status)


def die_at(patch: pytest.MonkeyPatch, nth: int, when: When) -> None:
    """Make the nth touch of this process its last."""
    count = iter(range(10**9))

    def fatal(name: str) -> Callable[..., Any]:
        real = getattr(os, name)

        def touch(*args: Any, **named: Any) -> Any:
            if next(count) != nth:
                return real(*args, **named)
            if when == "midway":
                with contextlib.suppress(OSError):
                    real(*(_half(args) if name == "write" else args), **named)
            return os.kill(os.getpid(), signal.SIGKILL)

        return touch

    for name in TOUCHES:
        patch.setattr(os, name, fatal(name))


def _half(args: tuple[Any, ...]) -> tuple[Any, ...]:
    file, data = args
    return file, bytes(data[: len(data) // 2])
