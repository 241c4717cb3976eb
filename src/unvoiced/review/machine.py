"""Who gets at what lies on this machine, by the rules that posture has too. Pure.

By modes, owners and access lists, as they are: a folder above that is closed today is said, and
excuses nothing. The superuser reads everything and is not listed.
"""

import shlex

from unvoiced.posture.facts import DiskKind, OnDisk, Unknown
from unvoiced.posture.finding import Severity
from unvoiced.posture.modes import OPEN, Opening, openings
from unvoiced.review.finding import Finding
from unvoiced.review.known import Found, Known, Reach
from unvoiced.review.targets import Ability

_NONE_BY_TABLE = "on one machine its one account has all roles; nobody else has any"
_ABOVE = {DiskKind.INSIDE, DiskKind.ABOVE}


def machine_found(known: Known) -> Found:
    """All that is on this machine."""
    found = Found()
    here = known.here
    if here is None:
        return found
    for path in known.seen.facts.on_disk:
        if isinstance(path.mode, Unknown):
            found.unknown(f"who gets at {_called(path)}", path.mode)
        else:
            found.take([_path(path, path.mode, known.seen.facts.operator)])
    if isinstance(here.lying_about, Unknown):
        found.unknown("key files of no vault", here.lying_about)
    else:
        found.findings += [_lying_about(path) for path in here.lying_about]
    return found


def _path(path: OnDisk, mode: int, operator: str) -> Found:
    found = Found()
    opened = openings(path, operator)
    # Whose a folder above is says nothing of who gets at what is below.
    if path.kind not in _ABOVE:
        inside = path.owner == operator
        found.reaches += _reaches(f"user {path.owner}", path, mode >> 6, inside=inside)
    for one in opened:
        # A group's members are in the finding.
        found.reaches += _reaches(one.who.partition(" (")[0], path, one.bits, inside=False)
        found.findings.append(_finding(path, mode, one))
    if isinstance(path.acl, Unknown):
        found.unknown(f"access list of {_called(path)}", path.acl)
    return found


def _called(path: OnDisk) -> str:
    return path.path if path.kind in _ABOVE else path.what


def _reaches(who: str, path: OnDisk, bits: int, *, inside: bool) -> list[Reach]:
    worst = Ability.OPEN if path.kind is DiskKind.KEY_FILE else Ability.READ
    abilities = [*([worst] if bits & 4 else []), *([Ability.WRITE] if bits & 2 else [])]
    return [Reach(who, path.what, ability, "mode", inside) for ability in abilities]


def _finding(path: OnDisk, mode: int, one: Opening) -> Finding:
    closed = f"; {path.closed_above} above keeps them out today" if path.closed_above else ""
    what = f"they {one.may}" if one.bits else "it belongs to somebody else"
    moved = ", and put something else in place of what lies there" if path.kind in _ABOVE else ""
    return Finding(
        one.name,
        OPEN,
        one.who,
        f"{path.what} ({path.path}, mode {mode:04o}): {what}{moved if one.bits else ''}{closed}",
        _NONE_BY_TABLE,
        one.fix,
        path.path,
        ((what.removeprefix("they may "), path.path),),
    )


def _lying_about(path: str) -> Finding:
    return Finding(
        "key-file-lying-about",
        Severity.HIGH,
        "who finds it",
        f"{path} is called as key files are, and no vault has it",
        "a vault has one key file, beside it",
        f"rm {shlex.quote(path)}",
        path,
        (("read", path),),
    )
