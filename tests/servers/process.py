"""Server processes of tests: on ports nobody has, gone with whoever started them."""

import contextlib
import ctypes
import os
import secrets
import signal
import socket
import subprocess
from typing import Any

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)


def free_ports(count: int) -> list[int]:
    """Ports that were free together a moment ago, below the range the kernel hands out.

    Two test workers may draw the same one: the server then dies at once and the test run says so.
    """
    found: list[int] = []
    with contextlib.ExitStack() as held:
        while len(found) < count:
            port = 10_000 + secrets.randbelow(22_000)
            listener = held.enter_context(socket.socket())
            try:
                listener.bind(("127.0.0.1", port))
            except OSError:
                continue
            found.append(port)
    return found


def die_with(parent: int) -> Any:
    """Let the kernel kill the server when its starter dies, however it dies.

    The signal follows the *thread* that forked: start the server from one that lives as long as it.
    """

    def before_exec() -> None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)

    return before_exec


def stop(process: subprocess.Popen[bytes]) -> None:
    """Kill the whole group: a graceful stop takes more than three seconds and saves nothing."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(timeout=30)
