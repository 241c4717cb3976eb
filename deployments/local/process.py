"""Processes that outlive the command that starts them, and are known again.

A process is its number, the moment it began, and the boot it began in: a number alone may be
another program's by now, after a reboot or long enough.
"""

import json
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from deployments.local.place import write_private

_PROC = Path("/proc")
# A log that has grown beyond this is set aside when its process is started again.
_LOG_BYTES = 10_000_000
_ASKED_EVERY = 0.1
_LISTEN = "0A"  # a socket's state, in the kernel's table


@dataclass(frozen=True)
class Process:
    """A process of this machine."""

    pid: int
    began: str

    @classmethod
    def now(cls, pid: int) -> "Process | None":
        """The process that has this number now."""
        began = _began(pid)
        return cls(pid, began) if began else None

    @property
    def runs(self) -> bool:
        """Whether it is still there, and still the same."""
        return _began(self.pid) == self.began

    def descendants(self) -> "list[Process]":
        """All that it started, and what those started; nothing once it has ended.

        Its number may be another's by then, with children of their own.
        """
        if not self.runs:
            return []
        table = _table()
        found, parents = [], {self.pid}
        while parents:
            children = [pid for pid, (parent, _) in table.items() if parent in parents]
            found += [Process(pid, table[pid][1]) for pid in children]
            parents = set(children)
        return found

    def listens(self, port: int) -> bool:
        """Whether what listens on this port of the loopback interface is it, or what it started.

        Where there is no /proc: whether it runs.
        """
        table = _PROC / "net" / "tcp"
        if not table.exists():
            return self.runs
        family = [self, *self.descendants()] if self.runs else []
        ours = {number for one in family for number in _sockets(one.pid)}
        there = _listening(table.read_text(), port)
        return bool(there) and there <= ours

    def send(self, number: int) -> None:
        """Send it a signal, where it is still there."""
        if self.runs:
            with suppress(ProcessLookupError):  # it has just ended
                os.kill(self.pid, number)

    def wait(self, seconds: float) -> bool:
        """Wait for its end; returns whether it came."""
        limit = time.monotonic() + seconds
        while self.runs:
            _reap(self.pid)
            if time.monotonic() > limit:
                return False
            time.sleep(_ASKED_EVERY)
        return True

    def stop(self, seconds: float) -> None:
        """End it and all that it started: asked to, given so long, and then made to."""
        family = [self, *self.descendants()]
        self.send(signal.SIGTERM)
        self.wait(seconds)
        family += [late for one in family for late in one.descendants()]
        for one in family:
            one.send(signal.SIGKILL)
        for one in family:
            one.wait(5)


def start(
    command: Sequence[str], variables: Mapping[str, str], cwd: Path, log: Path, record: Path
) -> Process:
    """Start a process without a terminal, which leaves no core dump and no file others can read.

    What it prints goes to `log`; `record` says which it is.
    """
    if log.exists() and log.stat().st_size > _LOG_BYTES:
        log.replace(log.with_suffix(".old.log"))
    with os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "wb") as output:
        # Inherited by what is started, and right for this command too.
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        child = subprocess.Popen(  # noqa: S603
            command,
            env=dict(variables),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            umask=0o077,
        )
    process = Process(child.pid, _began(child.pid) or "")
    write_private(record, json.dumps(asdict(process)) + "\n")
    return process


def recorded(record: Path) -> Process | None:
    """The process that was started last, where it still runs."""
    try:
        process = Process(**json.loads(record.read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return None
    return process if process.runs else None


def marked(name: str, value: str) -> list[Process]:
    """All processes of ours but this one that have this variable, oldest first; on Linux only.

    Whoever is started inherits it: by this what is on no record is found.
    """
    found: list[tuple[int, Process]] = []
    for entry in _PROC.glob("[0-9]*"):
        with suppress(OSError):
            if f"{name}={value}".encode() in (entry / "environ").read_bytes().split(b"\0"):
                one = Process.now(int(entry.name))
                if one and one.pid != os.getpid():
                    found.append((int(one.began.partition(" ")[0]), one))
    return [one for _, one in sorted(found, key=lambda each: (each[0], each[1].pid))]


def _sockets(pid: int) -> Iterator[str]:
    """The sockets that a process has open, by number."""
    with suppress(OSError):  # it has ended
        for descriptor in _PROC.joinpath(str(pid), "fd").iterdir():
            with suppress(OSError):  # closed meanwhile
                yield str(descriptor.readlink()).removeprefix("socket:[").removesuffix("]")


def _listening(table: str, port: int) -> set[str]:
    """The sockets that get what is sent to this port of 127.0.0.1, by number."""
    here = int.from_bytes(socket.inet_aton("127.0.0.1"), sys.byteorder)
    rows = [line.split() for line in table.splitlines()[1:]]
    return {row[9] for row in rows if row[1] == f"{here:08X}:{port:04X}" and row[3] == _LISTEN}


def _reap(pid: int) -> None:
    """Take note of the end of a child of ours, which else stays in the table of processes."""
    with suppress(ChildProcessError):  # it is not ours
        os.waitpid(pid, os.WNOHANG)


def _began(pid: int) -> str | None:
    """When a process began; None where there is none, or only what is left of one."""
    if not _PROC.joinpath("self/stat").exists():
        found = _listed("-o", "pid=,ppid=,lstart=", "-p", str(pid))
        return found[pid][1] if pid in found else None
    try:
        fields = _PROC.joinpath(str(pid), "stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    boot = _PROC.joinpath("sys/kernel/random/boot_id").read_text().strip()
    return None if fields[0] in "ZX" else f"{fields[19]} {boot}"


def _table() -> dict[int, tuple[int, str]]:
    """Every process: its parent and when it began."""
    if not _PROC.joinpath("self/stat").exists():
        return _listed("-A", "-o", "pid=,ppid=,lstart=")
    found = {}
    for entry in _PROC.iterdir():
        if entry.name.isdigit() and (began := _began(int(entry.name))):
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            found[int(entry.name)] = int(fields[1]), began
    return found


def _listed(*arguments: str) -> dict[int, tuple[int, str]]:
    """The same, as `ps` of systems without /proc says it."""
    done = subprocess.run(  # noqa: S603
        ["/bin/ps", *arguments], capture_output=True, text=True, check=False
    )
    lines = [line.split(maxsplit=2) for line in done.stdout.splitlines()]
    return {int(pid): (int(parent), began) for pid, parent, began in lines}
