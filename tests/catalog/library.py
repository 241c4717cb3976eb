"""A deployment whose training store has features of some contributors, and its catalog."""

from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from tests.features.recordings import encoded, noise
from tests.ingest.home import Home, Sent
from unvoiced.catalog.build import CatalogBuilder, SetReport
from unvoiced.catalog.schema import shard_name
from unvoiced.features import load
from unvoiced.stores import Store

SPEECH = load("speech-16k").directory


def voice(seed: int, samples: int = 1600) -> bytes:
    """A tenth of a second of noise."""
    return encoded(noise(samples, seed))


@dataclass
class Library:
    """A home with features, made once for each test."""

    home: Home
    sent: list[Sent]
    ids: dict[str, str] = field(default_factory=dict)  # by what tests call them

    @classmethod
    def furnish(cls, home: Home, **contributors: int) -> "Library":
        """So many recordings of each, ingested."""
        library = cls(home, [])
        library.ingest(**contributors)
        return library

    def ingest(self, **contributors: int) -> list[Sent]:
        """Some more, ingested."""
        seed = len(self.sent)
        new = [
            self.home.send(self.id_of(who), voice(seed + 10 * n, 1600 + 160 * n))
            for who, several in contributors.items()
            for n in range(several)
        ]
        assert self.home.run().disposed == len(new)
        self.sent += new
        return new

    def id_of(self, who: str) -> str:
        """A contributor's id: one whose pseudonym begins as nobody else's does."""
        if who not in self.ids:
            taken = {self.first(one) for one in self.ids.values()}
            ids = (f"{who}-{number}" for number in count())
            self.ids[who] = next(one for one in ids if self.first(one) not in taken)
        return self.ids[who]

    def first(self, contributor: str) -> str:
        """How the pseudonym of an id begins."""
        return self.home.invitation(contributor).pseudonym[0]

    @property
    def training(self) -> Store:
        """The training store."""
        return self.home.store("training")

    def builder(self, **shelf: Any) -> CatalogBuilder:
        """One that has just started, with other stores in place of these."""
        return CatalogBuilder.of(self.home.on(**shelf).settings)

    def build(self, *, anew: bool = False, **shelf: Any) -> SetReport:
        """Build the default set, as a run would."""
        return self.builder(**shelf).build(SPEECH, anew=anew)

    def shards(self) -> dict[str, bytes]:
        """The bytes of every shard."""
        return {
            one.name: self.training.get(one.name).data for one in self.training.list("catalog/")
        }

    def shard_of(self, sent: Sent) -> str:
        """The name of the shard in which a sample's row belongs."""
        return shard_name(SPEECH, sent.pseudonym[0])


def stored(tmp_path: Path, *, versioned: bool = True, **contributors: int) -> Library:
    """A new library in memory."""
    home = Home.create(tmp_path / "home").in_memory(versioned=versioned)
    return Library.furnish(home, **(contributors or {"anna": 2, "bruno": 1}))
