"""A deployment in memory whose stores and people live by one clock, which a test moves on."""

import io
import itertools
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from tests.ingest.home import START, STORES, Clock, Home
from unvoiced.eraser import Eraser, open_eraser
from unvoiced.retention.keep import Report, keep_rules
from unvoiced.sections import DisposalSettings, RetentionSettings
from unvoiced.stores.memory import MemoryStore


class Calendar(Clock):
    """Stands still until it is moved."""

    def __init__(self, now: datetime = START) -> None:
        super().__init__()
        self._now = now

    def __call__(self) -> datetime:
        """The time."""
        return self._now

    def on(self, **since_start: float) -> None:
        """Go to a moment after the start: `days=3, hours=2`."""
        self._now = START + timedelta(**since_start)

    def forward(self, **by: float) -> None:
        """Move on."""
        self._now += timedelta(**by)


def recording(seed: int, seconds: float = 0.05) -> bytes:
    """A short WAV of noise, another one for every seed."""
    noise = np.random.default_rng(seed).normal(0, 0.1, int(16000 * seconds))
    file = io.BytesIO()
    soundfile.write(file, noise, 16000, format="WAV", subtype="PCM_16")
    return file.getvalue()


def on_calendar(home: Home, *, versioned: bool, archive: tuple[str, ...] = (), **days: Any) -> Home:
    """The deployment in memory, by a calendar; `days` are settings of [retention]."""
    (home.settings.folder / "keys/worker/log-checkpoint").unlink(missing_ok=True)
    calendar = Calendar()
    shelf = {name: MemoryStore(name, versioned=versioned, now=calendar) for name in STORES}
    for name, store in shelf.items():
        for entry in home.store(name).list():
            store.put_if_absent(entry.name, home.store(name).get(entry.name).data)
    moved = replace(home.on(**shelf), clock=calendar)
    return with_retention(moved, archive=archive, **days)


def copied(home: Home) -> Home:
    """The same deployment in memory once more, by a calendar of its own that says the same day."""
    again = Calendar(home.clock())
    shelf = {}
    for name in STORES:
        old = home.store(name)
        assert isinstance(old, MemoryStore)
        shelf[name] = MemoryStore(name, versioned=old._versioned, now=again)
        shelf[name]._objects = dict(old._objects)
        shelf[name]._tokens = itertools.count(1 << 20)
    (home.settings.folder / "keys/worker/log-checkpoint").unlink(missing_ok=True)
    return replace(home.on(**shelf), clock=again)


def with_retention(home: Home, *, archive: tuple[str, ...] = (), **days: Any) -> Home:
    """The deployment with other settings; a `preset` gives those that are not named."""
    settings = replace(
        home.settings,
        retention=RetentionSettings.given(days),
        disposal=DisposalSettings(archive=archive),
    )
    return replace(home, settings=settings)


def eraser(home: Home) -> Eraser:
    """Who erases, just started."""
    return open_eraser(home.settings, "retention", home.clock)


def retain(home: Home) -> Report:
    """One whole run of retention, in this process."""
    return keep_rules(eraser(home))


def calendar(home: Home) -> Calendar:
    """The clock of a deployment made here."""
    assert isinstance(home.clock, Calendar)
    return home.clock


def create(folder: Path) -> Home:
    """A new deployment on disk, to be put on a calendar."""
    return Home.create(folder)
