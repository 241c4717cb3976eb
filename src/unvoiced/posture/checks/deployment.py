"""What lies on this machine: who gets at folders and key files, and how much is in one place."""

import shlex
from collections.abc import Iterable, Iterator

from unvoiced.posture.facts import DiskKind, OnDisk, known
from unvoiced.posture.finding import Problem, Seen, Severity, check
from unvoiced.posture.modes import OPEN, openings


def folders(seen: Seen) -> Iterable[tuple[str, OnDisk]]:
    """The folders of stores and vaults."""
    return _of(seen, DiskKind.FOLDER)


def key_files(seen: Seen) -> Iterable[tuple[str, OnDisk]]:
    """The key files beside vaults."""
    return _of(seen, DiskKind.KEY_FILE)


def settings_file(seen: Seen) -> Iterable[tuple[str, OnDisk]]:
    """The settings file."""
    return _of(seen, DiskKind.SETTINGS)


def above(seen: Seen) -> Iterable[tuple[str, OnDisk]]:
    """The folders above stores, vaults and the settings."""
    return [
        (one.path, one)
        for one in seen.facts.on_disk
        if one.kind in {DiskKind.INSIDE, DiskKind.ABOVE}
    ]


def _of(seen: Seen, kind: DiskKind) -> list[tuple[str, OnDisk]]:
    return [(one.what, one) for one in seen.facts.on_disk if one.kind is kind]


def machine(seen: Seen) -> Iterable[tuple[str, None]]:
    """This machine, where any vault is on it."""
    return [("this machine", None)] if any(vault.local for vault in seen.facts.vaults) else []


@check(
    "folder-open-to-others",
    OPEN,
    of=folders,
    why="Other users of the machine read, plant or delete what lies there; the log's folder may be "
    "read, as all of it may be published.",
)
def folder_mode(folder: OnDisk, seen: Seen) -> Iterator[Problem]:
    """Nobody but the operator gets at the folder."""
    yield from _opened(folder, seen)


@check(
    "key-file-open-to-others",
    OPEN,
    of=key_files,
    why="Whoever reads a vault's key file opens the vault.",
)
def key_file_mode(file: OnDisk, seen: Seen) -> Iterator[Problem]:
    """Nobody but the operator gets at the key file."""
    yield from _opened(file, seen)


@check(
    "settings-open-to-others",
    OPEN,
    of=settings_file,
    why="Whoever may write the settings says where stores and vaults are, and whose log counts.",
)
def settings_mode(file: OnDisk, seen: Seen) -> Iterator[Problem]:
    """Nobody but the operator writes the settings."""
    yield from _opened(file, seen)


@check(
    "folder-above-open-to-others",
    OPEN,
    of=above,
    why="Whoever may write a folder above can move a vault, a store or the log away, and put "
    "another in its place.",
)
def above_mode(folder: OnDisk, seen: Seen) -> Iterator[Problem]:
    """Nobody but root and the operator puts anything in place of what lies there."""
    yield from _opened(folder, seen)


def _opened(one: OnDisk, seen: Seen) -> Iterator[Problem]:
    """One problem for each command that mends it."""
    by_fix: dict[str, list[str]] = {}
    for opening in openings(one, seen.facts.operator):
        by_fix.setdefault(opening.fix, []).append(f"{opening.who} {opening.may}")
    for fix, who in by_fix.items():
        yield Problem(f"its mode is {known(one.mode):04o}: {'; '.join(who)}", fix)


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
