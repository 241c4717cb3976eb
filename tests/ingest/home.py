"""A whole deployment to ingest into, with a clock of its own and stores that can be swapped."""

import hashlib
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, cast

import numpy as np
from cryptography.fernet import Fernet

from unvoiced.announcements import announcement_name
from unvoiced.config import Settings, StoreName, load_settings
from unvoiced.deployment import create_deployment
from unvoiced.disposal import Journal, LegalHold, LegalHolds, SuppressionList
from unvoiced.features import extract, unpack
from unvoiced.features import load as load_feature_set
from unvoiced.ingest.batch import ingest_batch
from unvoiced.ingest.interrupted import finish_interrupted, sweep_journal
from unvoiced.ingest.outcome import BatchReport
from unvoiced.ingest.plan import Plan, make_plan
from unvoiced.ingest.recording import feature_object_name
from unvoiced.ingest.status import Status, take_status
from unvoiced.ingest.workbench import Workbench, open_workbench
from unvoiced.keys.contributor import key_context, key_object_name
from unvoiced.keys.intake import IntakeKey
from unvoiced.keys.invitation import Invitation
from unvoiced.keys.pseudonyms import pseudonym, sample_key
from unvoiced.log.leaves import Leaf, parse_leaf
from unvoiced.log.note import Verifier
from unvoiced.names import parse_sealed_name
from unvoiced.reader import FeatureObject, describe, feature_names
from unvoiced.sealing import PrivateKey, open_sealed
from unvoiced.stores import Store
from unvoiced.stores.memory import MemoryStore
from unvoiced.upload import seal_recording

START = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
STORES: tuple[StoreName, ...] = ("raw", "training", "log", "journal", "audit", "archive")


class Clock:
    """A second later each time it is asked."""

    def __init__(self) -> None:
        self._now = START

    def __call__(self) -> datetime:
        """The time."""
        self._now += timedelta(seconds=1)
        return self._now

    def forward(self, days: int) -> None:
        """Let so many days pass."""
        self._now += timedelta(days=days)


@dataclass(frozen=True)
class Shelved(Settings):
    """Settings whose stores are those on the shelf, where there is one of that name."""

    shelf: Mapping[str, Store] = field(default_factory=dict)

    def store(self, name: StoreName) -> Store:
        """The store on the shelf, or the one that the settings file names."""
        return self.shelf[name] if name in self.shelf else super().store(name)


@dataclass(frozen=True)
class Sent:
    """A recording as it was put into the raw store; `data` is the recording itself."""

    name: str
    version: str
    sha256: str
    data: bytes
    sealed: bytes

    @property
    def pseudonym(self) -> str:
        """Whose it is."""
        return self.name.partition("/")[0]

    @property
    def sample(self) -> str:
        """The sample id in its name."""
        parsed = parse_sealed_name(self.name)
        assert parsed is not None
        return parsed[1]

    @property
    def feature_name(self) -> str:
        """Where its features belong in the training store."""
        return self.feature_name_in("speech-16k")

    def feature_name_in(self, feature_set: str) -> str:
        """Where its features of some set belong in the training store."""
        return feature_object_name(load_feature_set(feature_set), self.pseudonym, self.sample)


@dataclass(frozen=True)
class Home:
    """A deployment and what the people around it do with it."""

    settings: Settings
    clock: Clock = field(default_factory=Clock)

    @classmethod
    def create(cls, folder: Path) -> "Home":
        """A new deployment on the local disk."""
        return cls(create_deployment(folder, START))

    @classmethod
    def copy(cls, source: Path, folder: Path) -> "Home":
        """Another deployment's tree, keys and all, before its first run (versions change)."""
        shutil.copytree(source, folder)
        return cls(load_settings(folder))

    def on(self, **shelf: Store) -> "Home":
        """The same deployment with these stores in place of its own, their objects as they are."""
        shelf = {**getattr(self.settings, "shelf", {}), **shelf}
        return replace(self, settings=Shelved(**vars(self.settings) | {"shelf": shelf}))

    def in_memory(self, *, versioned: bool) -> "Home":
        """The same deployment with its stores copied into memory; keys stay on disk."""
        # Another log than the one the vault may remember.
        (self.settings.folder / "keys/worker/log-checkpoint").unlink(missing_ok=True)
        shelf = {name: MemoryStore(name, versioned=versioned, now=self.clock) for name in STORES}
        for name, store in shelf.items():
            for entry in self.store(name).list():
                store.put_if_absent(entry.name, self.store(name).get(entry.name).data)
        return self.on(**shelf)

    def store(self, name: StoreName) -> Store:
        """One of its stores."""
        return self.settings.store(name)

    @property
    def verifier(self) -> Verifier:
        """The log's public key."""
        return Verifier.parse(self.settings.log_vkey)

    def invitation(self, contributor: str) -> Invitation:
        """What a contributor is given."""
        key = self.settings.vault("inviter").get("pseudonym/key")
        epoch = next(iter(self.settings.vault("worker").names("intake")))
        return Invitation(
            pseudonym(key, contributor),
            sample_key(key, contributor).hex(),
            self.store("raw").url,
            self.store("log").get(announcement_name(epoch)).data.decode(),
            self.settings.log_vkey,
            self.store("log").url,
        )

    def intake(self) -> IntakeKey:
        """What contributors seal to now."""
        return self.invitation("anyone").intake_key()

    def send(self, contributor: str, data: bytes) -> Sent:
        """Seal a recording as its contributor would, and put it into the raw store."""
        invitation = self.invitation(contributor)
        name, sealed = seal_recording(data, invitation, invitation.intake_key().public)
        return self.put(name, sealed, data)

    def put(self, name: str, sealed: bytes, data: bytes = b"") -> Sent:
        """Put any bytes under any name into the raw store."""
        version = self.store("raw").put_if_absent(name, sealed)
        return Sent(name, version, digest(sealed), data, sealed)

    def send_fernet(self, contributor: str, data: bytes) -> Sent:
        """Upload as before `unvoiced`: a Fernet token; its key goes into the worker's vault."""
        vault = self.settings.vault("worker")
        if not list(vault.names("fernet")):
            vault.put("fernet/legacy", Fernet.generate_key())
        token = Fernet(vault.get("fernet/legacy")).encrypt(data)
        whose = self.invitation(contributor).pseudonym
        return self.put(f"{whose}/legacy-{digest(data)[:8]}.unv", token, data)

    def bench(self, run_id: str = "run") -> Workbench:
        """A worker that has just started."""
        return open_workbench(self.settings, run_id, self.clock)

    def plan(self, bench: Workbench, *, batch_samples: int = 256, most: int = 2**30) -> Plan:
        """What a run would do next."""
        return make_plan(
            bench, batch_samples=batch_samples, batch_bytes=2**26, max_recording_bytes=most
        )

    def run(self, bench: Workbench | None = None, *, batch_samples: int = 256) -> BatchReport:
        """One whole run in this process."""
        bench = bench or self.bench()
        report = finish_interrupted(bench)
        for batch in self.plan(bench, batch_samples=batch_samples).batches:
            report.add(ingest_batch(bench, batch))
        sweep_journal(bench)
        return report

    def status(self) -> Status:
        """The conservation count."""
        return take_status(self.settings)

    def leaves(self, kind: str) -> list[Leaf]:
        """All leaves of a kind, oldest first."""
        found = map(parse_leaf, self.settings.log_reader().entries())
        return [leaf for leaf in found if leaf.kind == kind]

    def journalled(self) -> set[str]:
        """Digests of the recordings that the journal speaks of."""
        pages = Journal(self.store("journal")).pages()
        return {entry.sha256 for page in pages for entry in page.entries}

    def standing(self) -> set[str]:
        """Digests of all there is in the raw store, in every version."""
        raw = self.store("raw")
        return {
            digest(raw.get(entry.name, entry.version).data)
            for entry in raw.versions()
            if not entry.delete_marker
        }

    def dataset(self) -> PrivateKey:
        """The key of the data scientists."""
        return PrivateKey(self.settings.vault("dataset").get("dataset/dataset"))

    def with_sets(self, *names: str) -> "Home":
        """The same deployment, its settings file naming other feature sets."""
        ingest = replace(self.settings.ingest, feature_sets=names)
        return replace(self, settings=replace(self.settings, ingest=ingest))

    def archiving(self, *policy: str, **disposal: Any) -> "Home":
        """The same deployment, its settings file naming whose originals are archived."""
        changed = replace(self.settings.disposal, archive=policy, **disposal)
        return replace(self, settings=replace(self.settings, disposal=changed))

    def archived(self) -> list[tuple[str, bytes]]:
        """(name, recording) of every version in the archive, opened as the archivist would."""
        archive = self.store("archive")
        key = PrivateKey(self.settings.vault("archive").get("archive/archive"))
        found = []
        for entry in archive.versions():
            if parsed := parse_sealed_name(entry.name):
                expect = {"purpose": "archive", "pseudonym": parsed[0], "sample": parsed[1]}
                data = archive.get(entry.name, entry.version).data
                with open_sealed(data, key, expect) as recording:
                    # A copy: what it was read from is wiped when the block ends.
                    found.append((entry.name, bytes(bytearray(recording.data))))
        return found

    def suppress(self, whose: str) -> None:
        """What an erasure does first."""
        vault = self.settings.vault("worker")
        signer = self.settings.signer(vault)
        accounts = self.settings.accounts(vault, signer)
        suppression = SuppressionList(self.store("journal"), self.verifier, accounts.current)
        suppression.add(whose, "2026-11-23T08:00:00Z", signer)

    def hold(self, whose: str) -> None:
        """What `unvoiced hold add` does."""
        hold = LegalHold(whose, "a court says so", "2026-11-23T08:00:00Z")
        LegalHolds(self.store("journal")).place(hold)

    def lift(self, whose: str) -> None:
        """What `unvoiced hold lift` does."""
        LegalHolds(self.store("journal")).lift(whose)

    def features(self, part: str = "") -> dict[str, dict[str, np.ndarray]]:
        """Feature objects by name, opened as a data scientist would; with `part`, those with it."""
        training = self.store("training")
        arrays = {}
        for listed in feature_names(training):
            feature = describe(training, listed.name)
            assert feature is not None, f"{listed.name} is no feature object"
            if part in feature.name:
                arrays[feature.name] = self._open(feature)
        return arrays

    def _open(self, feature: FeatureObject) -> dict[str, np.ndarray]:
        """Without the reader: it would refuse what has no receipt yet."""
        training = self.store("training")
        key = training.get(key_object_name(feature.pseudonym)).data
        with open_sealed(key, self.dataset(), key_context(feature.pseudonym)) as secret:
            contributor = PrivateKey(secret.data)
        expect = {
            "purpose": "features",
            "pseudonym": feature.pseudonym,
            "sample": feature.sample,
        }
        with open_sealed(training.get(feature.name).data, contributor, expect) as packed:
            return unpack(packed.data)


def digest(data: bytes) -> str:
    """SHA-256 in hex, as the log names things."""
    return hashlib.sha256(data).hexdigest()


@cache
def expected(data: bytes, feature_set: str = "speech-16k") -> dict[str, np.ndarray]:
    """The features a recording has to end up as."""
    extracted = extract(data, load_feature_set(feature_set))
    return cast("dict[str, np.ndarray]", extracted.arrays)


def same(found: Mapping[str, np.ndarray], wanted: Mapping[str, np.ndarray]) -> bool:
    """Whether two sets of arrays are the same to the last bit."""
    return found.keys() == wanted.keys() and all(
        array.dtype == wanted[name].dtype and np.array_equal(array, wanted[name])
        for name, array in found.items()
    )
