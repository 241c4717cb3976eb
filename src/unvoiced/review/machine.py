"""Who gets at what lies on this machine. Pure.

By modes, owners and access lists, as they are: a folder above that is closed today is said, and
excuses nothing. The superuser reads everything and is not listed.
"""

import shlex

from unvoiced.posture.facts import Unknown
from unvoiced.posture.finding import Severity
from unvoiced.review.disk import OnPath, OnThisMachine
from unvoiced.review.finding import Finding
from unvoiced.review.known import Found, Known, Reach
from unvoiced.review.targets import Ability

_NONE_BY_TABLE = "on one machine its one account has all roles; nobody else has any"
OTHERS = "other users"


def machine_found(known: Known) -> Found:
    """All that is on this machine."""
    found = Found()
    here = known.here
    if here is None:
        return found
    for what, unknown in here.unknown.items():
        found.unknown(f"who gets at {what}", unknown)
    for path in here.paths:
        found.take([_path(path, here)])
    if isinstance(here.lying_about, Unknown):
        found.unknown("key files of no vault", here.lying_about)
    else:
        found.findings += [_lying_about(path) for path in here.lying_about]
    return found


def _path(path: OnPath, here: OnThisMachine) -> Found:
    found = Found()
    found.reaches += _reaches(f"user {path.owner}", path, 0o7 & path.mode >> 6, inside=True)
    others, group = path.mode & 0o7, path.mode >> 3 & 0o7
    if path.what in {"log", "settings"}:  # public, or no secret: to be read, and not written
        others, group = others & 0o2, group & 0o2
    if path.owner != here.operator:
        found.reaches = [
            Reach(one.who, one.target, one.ability, one.by, False) for one in found.reaches
        ]
        found.findings.append(
            _finding("of-another-owner", path, f"user {path.owner}", "it belongs to somebody else",
                     f"chown {shlex.quote(here.operator)} {shlex.quote(path.path)}")
        )  # fmt: skip
    if others & 0o6:
        found.reaches += _reaches(OTHERS, path, others, inside=False)
        found.findings.append(
            _finding("open-to-others", path, OTHERS, _may(others), _close(path, "o"))
        )
    if group & 0o6 and path.members:
        who = f"group {path.group}"
        found.reaches += _reaches(who, path, group, inside=False)
        found.findings.append(
            _finding("open-to-a-group", path, f"{who} ({', '.join(path.members)})", _may(group),
                     _close(path, "g"))
        )  # fmt: skip
    if isinstance(path.acl, Unknown):
        found.unknown(f"access list of {path.what}", path.acl)
        return found
    for one in path.acl:
        bits = 4 * one.read + 2 * one.write
        if path.what in {"log", "settings"}:
            bits &= 0o2
        if bits:
            found.reaches += _reaches(one.who, path, bits, inside=False)
            found.findings.append(
                _finding("open-by-acl", path, one.who, _may(bits),
                         f"setfacl -b {shlex.quote(path.path)}")
            )  # fmt: skip
    return found


def _reaches(who: str, path: OnPath, bits: int, *, inside: bool) -> list[Reach]:
    worst = Ability.OPEN if path.is_key_file else Ability.READ
    abilities = [*([worst] if bits & 4 else []), *([Ability.WRITE] if bits & 2 else [])]
    return [Reach(who, path.what, ability, "mode", inside) for ability in abilities]


def _may(bits: int) -> str:
    names = [*(["read"] if bits & 4 else []), *(["write"] if bits & 2 else [])]
    return f"they may {' and '.join(names)} it"


def _close(path: OnPath, whose: str) -> str:
    left = "w" if path.what in {"log", "settings"} else "rwx"
    return f"chmod {whose}-{left} {shlex.quote(path.path)}"


def _finding(name: str, path: OnPath, who: str, what: str, fix: str) -> Finding:
    closed = f"; {path.closed_above} above keeps them out today" if path.closed_above else ""
    return Finding(
        name,
        Severity.MEDIUM if closed and not path.is_key_file else Severity.HIGH,
        who,
        f"{path.what} ({path.path}, mode {path.mode:04o}): {what}{closed}",
        _NONE_BY_TABLE,
        fix,
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
