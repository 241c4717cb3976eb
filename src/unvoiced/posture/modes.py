"""Who besides its owner gets at what lies on this machine, and the command that ends it. Pure.

Posture and review both decide by this. Modes and access lists count as they are: a folder above
that is closed today excuses nothing. The superuser reads everything and is not listed.
"""

import shlex
from dataclasses import dataclass

from unvoiced.posture.commands import in_words
from unvoiced.posture.facts import DiskKind, OnDisk, Unknown, known
from unvoiced.posture.finding import Severity

OPEN = Severity.HIGH  # how bad each of these is
OTHERS = "other users"
_READ, _WRITE, _STICKY = 0o4, 0o2, 0o1000
_SUPERUSER = "root"


@dataclass(frozen=True)
class Opening:
    """Somebody who gets at a path."""

    name: str  # of the review's finding
    who: str
    bits: int  # 4 to read it, 2 to write it; 0 where it is theirs
    fix: str

    @property
    def may(self) -> str:
        """What they may do: "may read and write it"."""
        if not self.bits:
            return "owns it"
        names = [
            *(["read"] if self.bits & _READ else []),
            *(["write"] if self.bits & _WRITE else []),
        ]
        return f"may {' and '.join(names)} it"


def openings(one: OnDisk, operator: str) -> list[Opening]:
    """Everybody who gets at it and should not. Raises `NotKnown` where its mode is not known.

    A store, a vault and a key file are for nobody else. The log may be read, as all of it may be
    published; the settings hold no secret; of a folder above it matters who may put something else
    in place of what lies there. Above the deployment's own folders the sticky bit keeps them from
    that. An access list that could not be read is passed over.
    """
    mode = known(one.mode)
    counted = _WRITE if _is_public(one) else _READ | _WRITE
    if one.kind is DiskKind.ABOVE and mode & _STICKY:
        counted = 0
    above = one.kind in {DiskKind.INSIDE, DiskKind.ABOVE}
    found = []
    if one.owner != operator and not (above and one.owner == _SUPERUSER):
        found.append(Opening("of-another-owner", f"user {one.owner}", 0, _give(one, operator)))
    if others := mode & counted:
        found.append(Opening("open-to-others", OTHERS, others, _close(one)))
    listed = () if isinstance(one.acl, Unknown) else one.acl
    # With an access list the mode has its mask there, and what the group may do is in the list.
    group = 0 if listed else mode >> 3 & counted
    members = [name for name in one.members if name not in {one.owner, operator, _SUPERUSER}]
    # Who is put tomorrow into a group without members would get in, if others do not already.
    if group and (members or (_is_private(one) and group & ~others)):
        who = f"group {one.group} ({', '.join(members) or 'nobody today'})"
        found.append(Opening("open-to-a-group", who, group, _close(one)))
    unlisted = _close(one) if one.kind is DiskKind.ABOVE else f"setfacl -b {shlex.quote(one.path)}"
    found += [
        Opening("open-by-acl", each.who, bits, unlisted)
        for each in listed
        if (bits := (_READ * each.read + _WRITE * each.write) & counted)
        and each.who not in _own(one, operator, members)
    ]
    return found


def _own(one: OnDisk, operator: str, members: list[str]) -> set[str]:
    """Whom a list may name and let in nobody else."""
    own = {f"user {one.owner}", f"user {operator}", f"user {_SUPERUSER}"}
    return own if members or _is_private(one) else own | {f"group {one.group}"}


def _is_private(one: OnDisk) -> bool:
    """Whether it is for nobody else, be they in a group or put into it."""
    return one.kind in {DiskKind.FOLDER, DiskKind.KEY_FILE}


def _is_public(one: OnDisk) -> bool:
    return not _is_private(one) or one.what == "log"


def _close(one: OnDisk) -> str:
    how = "go-w"
    if one.kind is DiskKind.ABOVE:
        how = "+t"
    elif not _is_public(one):
        how = "600" if one.kind is DiskKind.KEY_FILE else "700"
    return f"chmod {how} {shlex.quote(one.path)}"


def _give(one: OnDisk, operator: str) -> str:
    if one.kind is DiskKind.ABOVE:
        return in_words(f"move the deployment to where only root and {operator} own what is above")
    return f"chown {shlex.quote(operator)} {shlex.quote(one.path)}"
