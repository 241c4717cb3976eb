"""What lies on this machine: who owns it, who may read or write it by mode or access list.

Only names, modes, owners, sizes and access lists are looked at; no key file is read.
"""

import contextlib
import grp
import os
import pwd
import stat
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from unvoiced.access.roles import Place
from unvoiced.config import Settings
from unvoiced.posture.facts import Unknown

_ACL = "system.posix_acl_access"
_NAMED_USER, _NAMED_GROUP, _MASK = 0x02, 0x08, 0x10
_MOST_FILES = 20_000
_SUFFIX = ".kek"


@dataclass(frozen=True)
class Access:
    """Somebody besides the owner who is let in by an access list: "user anna", "group lab"."""

    who: str
    read: bool
    write: bool


@dataclass(frozen=True)
class OnPath:
    """One folder, vault or key file."""

    what: str  # "raw", "worker vault", "key file of the worker vault"
    path: str
    mode: int
    owner: str  # name, or number where there is none of that number
    group: str
    members: tuple[str, ...]  # of the group, besides the owner
    acl: tuple[Access, ...] | Unknown
    closed_above: str = ""  # a folder above that keeps everybody else out, as long as it does

    @property
    def is_key_file(self) -> bool:
        """Whether it is a vault's key file."""
        return self.what.startswith("key file")


@dataclass(frozen=True)
class OnThisMachine:
    """All of a deployment that is here."""

    operator: str  # who owns the settings file
    accounts: frozenset[str]  # "name:uid" of all there are
    paths: tuple[OnPath, ...]
    unknown: Mapping[str, Unknown]  # paths that could not be looked at
    lying_about: tuple[str, ...] | Unknown  # key files of no vault


def look_at_disk(settings: Settings) -> OnThisMachine | None:
    """What of the deployment is on this machine; None where nothing is."""
    places = {
        place: Path(unquote(urlsplit(url).path))
        for place, url in settings.places().items()
        if url.startswith("file://")
    }
    if not places:
        return None
    wanted = {place.value: path for place, path in places.items()}
    key_files = {
        f"key file of the {place}": path.with_name(path.name + _SUFFIX)
        for place, path in places.items()
        if place.value.endswith("vault")
    }
    wanted |= {what: path for what, path in key_files.items() if os.path.lexists(path)}
    wanted["settings"] = settings.path
    paths, unknown = [], {}
    for what, path in wanted.items():
        try:
            paths.append(_look(what, path))
        except OSError as error:
            unknown[what] = Unknown(str(error.strerror), f"ls -ld {path}")
    return OnThisMachine(
        operator=_user(settings.path.stat().st_uid),
        accounts=frozenset(f"{one.pw_name}:{one.pw_uid}" for one in pwd.getpwall()),
        paths=tuple(paths),
        unknown=unknown,
        lying_about=_lying_about(settings, places, set(key_files.values())),
    )


def _look(what: str, path: Path) -> OnPath:
    found = path.stat()
    owner = _user(found.st_uid)
    group, members = _group(found.st_gid)
    return OnPath(
        what=what,
        path=str(path),
        mode=stat.S_IMODE(found.st_mode),
        owner=owner,
        group=group,
        members=tuple(sorted(members - {owner})),
        acl=_acl(path),
        closed_above=_closed_above(path),
    )


def _user(uid: int) -> str:
    with contextlib.suppress(KeyError):
        return pwd.getpwuid(uid).pw_name
    return str(uid)


def _group(gid: int) -> tuple[str, set[str]]:
    """A group's name, and all who are in it: its list, and those whose own group it is."""
    own = {one.pw_name for one in pwd.getpwall() if one.pw_gid == gid}
    with contextlib.suppress(KeyError):
        found = grp.getgrgid(gid)
        return found.gr_name, own | set(found.gr_mem)
    return str(gid), own


def _closed_above(path: Path) -> str:
    """The folder nearest to the root that nobody but its owner may enter; "" where there is none.

    Root's own folders count as closed where others may not enter them.
    """
    for above in reversed(path.parents):
        with contextlib.suppress(OSError):
            if not above.stat().st_mode & 0o011:
                return str(above)
    return ""


def _acl(path: Path) -> tuple[Access, ...] | Unknown:
    """The entries of an access list that name somebody, as the mask leaves them.

    Its layout: a version, 2, then for each entry tag, permissions and id, little-endian
    (linux/posix_acl_xattr.h).
    """
    if not hasattr(os, "getxattr"):
        return Unknown("this system's access lists cannot be read", f"ls -lde {path}")
    try:
        data = os.getxattr(path, _ACL)
    except OSError:  # there is none, or the file system has none
        return ()
    entries = list(struct.iter_unpack("<HHI", data[4:]))
    mask = next((permissions for tag, permissions, _ in entries if tag == _MASK), 0o7)
    return tuple(
        Access(_entry(tag, number), bool(allowed & 4), bool(allowed & 2))
        for tag, permissions, number in entries
        if tag in (_NAMED_USER, _NAMED_GROUP) and (allowed := permissions & mask)
    )


def _entry(tag: int, number: int) -> str:
    return f"user {_user(number)}" if tag == _NAMED_USER else f"group {_group(number)[0]}"


def _lying_about(
    settings: Settings, places: Mapping[Place, Path], known: set[Path]
) -> tuple[str, ...] | Unknown:
    """Files called as key files are, in the deployment's folder and beside vaults, of no vault.

    The stores' own folders are left out: what is in them is sealed, and there may be millions.
    """
    roots = {settings.folder, *(p.parent for what, p in places.items() if "vault" in what)}
    stores = {path for place, path in places.items() if not place.value.endswith("vault")}
    found: set[str] = set()
    seen = 0
    for root in roots:
        for path in _files(root, stores):
            seen += 1
            if seen > _MOST_FILES:
                return Unknown(
                    f"there are more than {_MOST_FILES:,} files", f"find {root} -name '*{_SUFFIX}*'"
                )
            if _SUFFIX in path.name and path not in known:
                found.add(str(path))
    return tuple(sorted(found))


def _files(root: Path, left_out: set[Path]) -> Iterator[Path]:
    for folder, folders, files in os.walk(root):
        here = Path(folder)
        folders[:] = [name for name in folders if here / name not in left_out]
        yield from (here / name for name in files)
