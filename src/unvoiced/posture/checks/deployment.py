"""What lies on this machine: modes of folders and key files, and how much is in one place."""

import shlex
from collections.abc import Iterable, Iterator

from unvoiced.posture.facts import OnDisk, known
from unvoiced.posture.finding import Problem, Seen, Severity, check

_OTHERS, _OTHERS_WRITE = 0o077, 0o022


def folders(seen: Seen) -> Iterable[tuple[str, OnDisk]]:
    """The folders of stores and vaults."""
    return [(folder.what, folder) for folder in seen.facts.folders]


def key_files(seen: Seen) -> Iterable[tuple[str, OnDisk]]:
    """The key files beside vaults."""
    return [(file.what, file) for file in seen.facts.key_files]


def machine(seen: Seen) -> Iterable[tuple[str, None]]:
    """This machine, where any vault is on it."""
    return [("this machine", None)] if any(vault.local for vault in seen.facts.vaults) else []


@check(
    "folder-open-to-others",
    Severity.HIGH,
    of=folders,
    why="Other users of the machine read, plant or delete what lies there; the log's folder may be "
    "read, as all of it may be published.",
)
def folder_mode(folder: OnDisk, seen: Seen) -> Iterator[Problem]:
    """Nobody but the owner gets at the folder."""
    forbidden = _OTHERS_WRITE if folder.what == "log" else _OTHERS
    mode = known(folder.mode)
    if mode & forbidden:
        yield Problem(f"its mode is {mode & 0o777:04o}", f"chmod 700 {shlex.quote(folder.path)}")


@check(
    "key-file-open-to-others",
    Severity.HIGH,
    of=key_files,
    why="Whoever reads a vault's key file opens the vault.",
)
def key_file_mode(file: OnDisk, seen: Seen) -> Iterator[Problem]:
    """Nobody but the owner gets at the key file."""
    mode = known(file.mode)
    if mode & _OTHERS:
        yield Problem(f"its mode is {mode & 0o777:04o}", f"chmod 600 {shlex.quote(file.path)}")


@check(
    "vaults-on-one-machine",
    Severity.LOW,
    of=machine,
    why="Who takes over the machine has every role at once: nothing keeps the ingest worker from "
    "reading features, or a data scientist from opening recordings.",
)
def one_machine(subject: None, seen: Seen) -> Iterator[Problem]:
    """No two roles' vaults lie on one machine."""
    local = [vault for vault in seen.facts.vaults if vault.local]
    if len(local) > 1:
        roles = ", ".join(vault.role for vault in local)
        moved = local[-1]
        vault = shlex.quote(moved.url.removeprefix("file://"))
        fix = f'scp -rp {vault} {vault}.kek "${{OTHER_MACHINE:?}}:"'
        yield Problem(f"the vaults of {roles} lie here together", fix)
