"""What of this machine the review alone looks at: its accounts, and key files of no vault.

Only names are looked at; no key file is read.
"""

import os
import pwd
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from unvoiced.access.roles import Place
from unvoiced.config import Settings
from unvoiced.posture.disk import KEY_FILE_SUFFIX, key_files, local_places
from unvoiced.posture.facts import Unknown

_MOST_FILES = 20_000


@dataclass(frozen=True)
class OnThisMachine:
    """The accounts of this machine, and what lies about on it."""

    accounts: frozenset[str]  # "name:uid" of all there are
    lying_about: tuple[str, ...] | Unknown  # key files of no vault


def look_at_disk(settings: Settings) -> OnThisMachine | None:
    """This machine, where anything of the deployment is on it; else None."""
    places = local_places(settings)
    if not places:
        return None
    return OnThisMachine(
        accounts=frozenset(f"{one.pw_name}:{one.pw_uid}" for one in pwd.getpwall()),
        lying_about=_lying_about(settings, places, set(key_files(places).values())),
    )


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
                    f"there are more than {_MOST_FILES:,} files",
                    f"find {root} -name '*{KEY_FILE_SUFFIX}*'",
                )
            if KEY_FILE_SUFFIX in path.name and path not in known:
                found.add(str(path))
    return tuple(sorted(found))


def _files(root: Path, left_out: set[Path]) -> Iterator[Path]:
    for folder, folders, files in os.walk(root):
        here = Path(folder)
        folders[:] = [name for name in folders if here / name not in left_out]
        yield from (here / name for name in files)
