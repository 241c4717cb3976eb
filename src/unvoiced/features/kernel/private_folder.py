"""A folder whose content nobody but this user can have written.

Compiled code is kept as pickles, and whoever can write one runs code in the process that opens
recordings. So the folder is this user's alone, and nobody but this user and root can put another
one in its place.
"""

import os
import stat
from pathlib import Path


def private_folder() -> Path | None:
    """`unvoiced` in the user's cache folder (XDG Base Directory), made if need be; else None.

    None where it cannot be made, is not ours, is open to others, or could be swapped by them.
    """
    base = os.environ.get("XDG_CACHE_HOME", "")
    folder = (Path(base) if base.startswith("/") else _home() / ".cache") / "unvoiced"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder = folder.parent.resolve(strict=True) / folder.name
        return folder if is_private(folder) else None
    except (OSError, RuntimeError):
        return None


def private_files(folder: Path) -> list[Path] | None:
    """The files in a folder that `is_private` and in the folders in it, each of them ours.

    None where it is not private, or where anything in it is another user's, a link, or neither file
    nor folder. Raises OSError where it cannot be looked at.
    """
    if not is_private(folder):
        return None
    files, folders = [], [folder]
    while folders:
        for path in folders.pop().iterdir():
            try:
                status = os.lstat(path)
            except FileNotFoundError:  # another process of ours has renamed it meanwhile
                continue
            if status.st_uid != os.geteuid():
                return None
            if stat.S_ISDIR(status.st_mode):
                folders.append(path)
            elif stat.S_ISREG(status.st_mode):
                files.append(path)
            else:
                return None
    return files


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError:
        return Path("/nonexistent")


def is_private(folder: Path) -> bool:
    """Whether a folder is a real one, ours, closed to others, and safe from being swapped.

    `folder` is absolute and goes through no link. Raises OSError where it cannot be looked at.
    """
    own = os.lstat(folder)
    if not stat.S_ISDIR(own.st_mode) or own.st_uid != os.geteuid() or own.st_mode & 0o077:
        return False
    for above in folder.parents:
        status = os.lstat(above)
        if not stat.S_ISDIR(status.st_mode) or status.st_uid not in (0, os.geteuid()):
            return False
        # In a sticky folder, as /tmp is, others may add names but not take ours.
        if status.st_mode & 0o022 and not status.st_mode & stat.S_ISVTX:
            return False
    return True
