"""What tests of adapters know of the features they read: digests, labels, the trail."""

import hashlib
import io
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path

import numpy as np
import soundfile

from tests.ingest.home import Home
from unvoiced.audit.record import AccessRecord
from unvoiced.audit.records import read_records
from unvoiced.config import load_settings
from unvoiced.reader import feature_names

CONTRIBUTORS, RECORDINGS = 4, 7
COUNT = CONTRIBUTORS * RECORDINGS


@dataclass(frozen=True)
class Library:
    """A deployment whose features are read."""

    home: Home

    @classmethod
    def at(cls, folder: Path) -> "Library":
        """The one in this folder."""
        return cls(Home(load_settings(folder)))

    @property
    def place(self) -> str:
        """What `unvoiced.open` is given."""
        return str(self.home.settings.folder)

    @cached_property
    def digests(self) -> dict[str, str]:
        """The digest of each sealed feature object, by pseudonym/sample."""
        training = self.home.store("training")
        return {
            short(entry.name): hashlib.sha256(training.get(entry.name).data).hexdigest()
            for entry in feature_names(training)
        }

    @property
    def once(self) -> Counter[str]:
        """Each sample once."""
        return Counter(list(self.digests))

    @property
    def recorded_once(self) -> Counter[str]:
        """Each sealed object once."""
        return Counter(self.digests.values())

    @cached_property
    def labels(self) -> list[dict[str, object]]:
        """A word and a number for every sample."""
        return [
            {"sample": name, "word": "odd" if nth % 2 else "even", "number": nth}
            for nth, name in enumerate(sorted(self.digests))
        ]

    def records(self) -> list[AccessRecord]:
        """All records of the trail."""
        now = datetime.now(UTC)
        found = read_records(
            self.home.store("audit"), now - timedelta(days=2), now + timedelta(days=1)
        )
        records = [one.record for one in found]
        assert None not in records
        return [record for record in records if record is not None]

    def recorded(self) -> Counter[str]:
        """How often each digest was recorded."""
        return Counter(digest for record in self.records() for digest in record.objects)

    def sessions(self) -> set[str]:
        """The sessions that recorded anything."""
        return {record.run for record in self.records()}

    def remove(self, sample: str) -> None:
        """What an erasure does to a feature object, as the reader meets it."""
        (name,) = (
            entry.name
            for entry in feature_names(self.home.store("training"))
            if short(entry.name) == sample
        )
        (self.home.settings.folder / "stores" / "training" / name).unlink()


def fill(home: Home) -> None:
    """Recordings of different lengths, ingested."""
    for person in range(CONTRIBUTORS):
        for nth in range(RECORDINGS):
            home.send(f"person-{person}", noise(RECORDINGS * person + nth))
    assert home.run().disposed == COUNT


def noise(seed: int) -> bytes:
    """A tenth of a second of noise, and some more with each seed."""
    samples = 0.1 * np.random.default_rng(seed).standard_normal(1600 + 160 * seed)
    file = io.BytesIO()
    soundfile.write(file, samples, 16_000, format="WAV", subtype="PCM_16")
    return file.getvalue()


def short(name: str) -> str:
    """pseudonym/sample, of an object's name."""
    return name.split("/", 2)[2].removesuffix(".unv")
