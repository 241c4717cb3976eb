"""What lies on this machine: who owns it, who may read or write it by mode or access list.

Only names, modes, owners and access lists are looked at; no file is read. The folders above are
looked at as they are called and as they are behind links: who may write either puts another
folder in place of the one below.
"""

import contextlib
import grp
import os
import pwd
import stat
import struct
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import unquote, urlsplit

from unvoiced.access.roles import Place
from unvoiced.config import Settings
from unvoiced.posture.facts import Access, DiskKind, OnDisk, Unknown

_ACL = "system.posix_acl_access"
_NAMED_USER, _OWN_GROUP, _NAMED_GROUP, _MASK = 0x02, 0x04, 0x08, 0x10
KEY_FILE_SUFFIX = ".kek"


def local_places(settings: Settings) -> dict[Place, Path]:
    """The folders of stores and vaults that are on this machine."""
    return {
        place: Path(unquote(urlsplit(url).path))
        for place, url in settings.places().items()
        if url.startswith("file://")
    }


def key_files(places: dict[Place, Path]) -> dict[Place, Path]:
    """Where the key files of these vaults are, whether or not they exist."""
    return {
        place: path.with_name(path.name + KEY_FILE_SUFFIX)
        for place, path in places.items()
        if place.value.endswith("vault")
    }


def operator(settings: Settings) -> str:
    """Who owns the settings file."""
    return user_name(settings.path.stat().st_uid)


def on_this_machine(settings: Settings) -> tuple[OnDisk, ...]:
    """All of the deployment that is here, and the folders above; () where no place is."""
    places = local_places(settings)
    if not places:
        return ()
    files = {place: path for place, path in key_files(places).items() if os.path.lexists(path)}
    own, below = settings.folder.resolve(), {path.resolve() for path in places.values()}
    above = [path for path in _above([*places.values(), settings.path]) if path not in below]
    return (
        *(_look(DiskKind.FOLDER, place.value, path) for place, path in places.items()),
        *(_look(DiskKind.KEY_FILE, f"key file of the {one}", path) for one, path in files.items()),
        _look(DiskKind.SETTINGS, "settings", settings.path),
        *(_look(_kind(path, own), "a folder above", path) for path in above),
    )


def _kind(path: Path, own: Path) -> DiskKind:
    return DiskKind.INSIDE if path.is_relative_to(own) else DiskKind.ABOVE


def _above(paths: Iterable[Path]) -> list[Path]:
    """Every folder above these, as they are called and behind links; each once, without links."""
    found = {
        parent.resolve()
        for path in paths
        for parent in (*path.absolute().parents, *path.resolve().parents)
    }
    return sorted(found)


def _look(kind: DiskKind, what: str, path: Path) -> OnDisk:
    try:
        found = path.stat()
    except OSError as error:
        return OnDisk(kind, what, str(path), Unknown(str(error.strerror), f"ls -ld {path}"))
    owner = user_name(found.st_uid)
    group, members = _group(found.st_gid)
    return OnDisk(
        kind=kind,
        what=what,
        path=str(path),
        mode=stat.S_IMODE(found.st_mode),
        owner=owner,
        group=group,
        members=tuple(sorted(members)),
        acl=_acl(path, found.st_gid),
        closed_above=_closed_above(path),
    )


def user_name(uid: int) -> str:
    """A user's name, or the number where there is none of that number."""
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


def _acl(path: Path, own_group: int) -> tuple[Access, ...] | Unknown:
    """The entries of an access list for groups and named users, as the mask leaves them.

    Where there is one, the mode has the mask in place of what the file's own group may do, so that
    is here too.

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
        Access(
            _entry(tag, own_group if tag == _OWN_GROUP else number), bool(may & 4), bool(may & 2)
        )
        for tag, permissions, number in entries
        if tag in (_NAMED_USER, _OWN_GROUP, _NAMED_GROUP)
        for may in (permissions & mask,)
    )


def _entry(tag: int, number: int) -> str:
    return f"user {user_name(number)}" if tag == _NAMED_USER else f"group {_group(number)[0]}"
