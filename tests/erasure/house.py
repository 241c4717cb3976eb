"""A deployment with two contributors in every place there is, and a search for one of them."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np

from tests.features.recordings import encoded, noise
from tests.ingest.home import STORES, Home, Sent, digest, same
from unvoiced.catalog.build import CatalogBuilder, build_all
from unvoiced.disposal import LegalHold, LegalHolds
from unvoiced.eraser import Eraser, open_eraser
from unvoiced.erasure import Outcome, carry_out, request
from unvoiced.keys.contributor import key_object_name
from unvoiced.sections import DisposalSettings, RetentionSettings
from unvoiced.stores.memory import MemoryStore

ARCHIVE_DAYS = 30
# What is public and only ever holds digests, and what holds digests of sealed features.
_DIGESTS_BELONG = ("log", "audit")


def voice(seed: int) -> bytes:
    """A tenth of a second of noise."""
    return encoded(noise(1600, seed))


def in_memory(home: Home, *, versioned: bool) -> Home:
    """The deployment with its stores in memory, under its own clock."""
    (home.settings.folder / "keys/worker/log-checkpoint").unlink(missing_ok=True)
    shelf = {name: MemoryStore(name, versioned=versioned, now=home.clock) for name in STORES}
    for name, store in shelf.items():
        for entry in home.store(name).list():
            store.put_if_absent(entry.name, home.store(name).get(entry.name).data)
    return home.on(**shelf)


def archiving(home: Home, *whose: str) -> Home:
    """The deployment with a policy that archives the originals of these, or of all."""
    settings = replace(
        home.settings,
        disposal=DisposalSettings(archive=whose or ("*",)),
        retention=RetentionSettings(archive_days=ARCHIVE_DAYS),
    )
    return replace(home, settings=settings)


def later(home: Home, days: float) -> None:
    """Let time pass."""
    home.clock._now += timedelta(days=days)


def eraser(home: Home, run_id: str = "run") -> Eraser:
    """An eraser that has just started."""
    return open_eraser(home.settings, run_id, home.clock)


def erase(home: Home, whose: str) -> Outcome:
    """What `unvoiced erase` does."""
    opened = eraser(home)
    return carry_out(opened, request(opened, whose))


def hold(home: Home, whose: str) -> None:
    """Place a legal hold."""
    LegalHolds(home.store("journal")).place(LegalHold(whose, "a court", "2026-11-23T08:00:00Z"))


def unhold(home: Home, whose: str) -> None:
    """Lift it."""
    LegalHolds(home.store("journal")).lift(whose)


@dataclass(frozen=True)
class Trace:
    """Everything by which one contributor could be found again: taken before their erasure."""

    pseudonym: str
    contributor: str
    pieces: tuple[bytes, ...]  # from the middle of every sealed object of theirs
    digests: tuple[bytes, ...]

    @classmethod
    def of(cls, home: Home, contributor: str) -> "Trace":
        """Of all that is theirs now, in every version."""
        whose = home.invitation(contributor).pseudonym
        held = [
            home.store(name).get(entry.name, entry.version).data
            for name in ("raw", "training", "archive")
            for entry in home.store(name).versions()  # type: ignore[arg-type]
            if whose in entry.name and not entry.delete_marker
        ]
        pieces = tuple(data[len(data) // 2 :][:24] for data in held)
        return cls(whose, contributor, pieces, tuple(digest(data).encode() for data in held))

    def in_stores(self, home: Home) -> list[str]:
        """Where any of it stands in any version of any object, or in a name."""
        return [
            f"{name}: {entry.name}"
            for name in STORES
            for entry in home.store(name).versions()
            if self._is_in(
                entry.name.encode()
                + b"\n"
                + (
                    b""
                    if entry.delete_marker
                    else home.store(name).get(entry.name, entry.version).data
                ),
                digests=name not in _DIGESTS_BELONG and not entry.name.startswith("erasures/"),
            )
        ]

    def on_disk(self, folder: Path) -> list[str]:
        """The same, in every file of a deployment's folder, hidden ones and names too."""
        return [
            str(file.relative_to(folder))
            for file in walk(folder)
            if self._is_in(
                str(file.relative_to(folder)).encode() + b"\n" + file.read_bytes(),
                digests=not {*_DIGESTS_BELONG, "erasures"} & set(file.relative_to(folder).parts),
            )
        ]

    def _is_in(self, data: bytes, *, digests: bool) -> bool:
        sought = [self.pseudonym.encode(), self.contributor.encode(), *self.pieces]
        return any(one in data for one in (*sought, *(self.digests if digests else ())))


def walk(folder: Path) -> Iterator[Path]:
    """Every file below a folder."""
    return (path for path in folder.rglob("*") if path.is_file())


@dataclass(frozen=True)
class House:
    """A deployment in which Anna and Bruno have something everywhere."""

    home: Home
    anna: str  # pseudonyms
    bruno: str
    sent: tuple[Sent, ...]

    @property
    def trace(self) -> Trace:
        """Of Anna."""
        return Trace.of(self.home, "contributor-anna")

    def everything_of(self, whose: str) -> dict[str, Any]:
        """All that there is of one of them, as bytes and as arrays."""
        stores = {
            f"{name} {entry.name} {entry.version}": self.home.store(name)
            .get(entry.name, entry.version)
            .data
            for name in ("raw", "training", "archive")
            for entry in self.home.store(name).versions()  # type: ignore[arg-type]
            if whose in entry.name and not entry.delete_marker
        }
        return {"stores": stores, "features": self.home.features(f"/{whose}/")}


def unchanged(before: dict[str, Any], after: dict[str, Any]) -> bool:
    """Whether all that there was of somebody is there, to the last bit."""
    features: dict[str, dict[str, np.ndarray]] = before["features"]
    return (
        before["stores"] == after["stores"]
        and features.keys() == after["features"].keys()
        and all(same(found, after["features"][name]) for name, found in features.items())
    )


def furnish(home: Home) -> House:
    """Of each: features in two sets, what no run has seen, a quarantined one, a second version."""
    home = home.with_sets("speech-16k", "mfcc-13")
    sent = []
    for place, who in enumerate(("contributor-anna", "contributor-bruno")):
        sent += [home.send(who, voice(10 * place + seed)) for seed in (1, 2)]
        sent.append(home.send(who, b"no audio of " + who.encode()))
    home.run()
    build_all(CatalogBuilder.of(home.settings))
    sent += [home.send(who, voice(7)) for who in ("contributor-anna", "contributor-bruno")]
    anna, bruno = sent[0].pseudonym, sent[-1].pseudonym
    training = home.store("training")
    for whose in (anna, bruno):
        current = training.get(key_object_name(whose))
        training.replace(current.name, current.data, version=current.version)
    return House(home, anna, bruno, tuple(sent))
