"""A deployment full of features, opened as data scientists open it."""

import hashlib
import io
from collections.abc import Iterable
from typing import Any

import numpy as np
import soundfile

from tests.ingest.home import Home, Sent
from unvoiced.audit.record import READS, parse_record
from unvoiced.keys.contributor import key_object_name
from unvoiced.log.leaves import encode_leaf
from unvoiced.reader.opening import open_view
from unvoiced.reader.view import View
from unvoiced.stores import Store

CONTRIBUTORS = ("anna", "bruno", "carla", "dora")
SAMPLES = 24


def voice(seed: int, seconds: float = 0.1) -> bytes:
    """So much noise."""
    noise = 0.1 * np.random.default_rng(seed).standard_normal(int(16_000 * seconds))
    file = io.BytesIO()
    soundfile.write(file, noise, 16_000, format="WAV", subtype="PCM_16")
    return file.getvalue()


def fill(home: Home, samples: int = SAMPLES) -> list[Sent]:
    """Features of four people, six recordings each, of 0.1 to 1.25 seconds."""
    sent = [
        home.send(CONTRIBUTORS[each % 4], voice(each, 0.1 + 0.05 * each)) for each in range(samples)
    ]
    assert home.run().disposed == samples
    return sent


def opened(home: Home, purpose: str = "training", **how: Any) -> View:
    """What `unvoiced.open` returns."""
    return open_view(home.settings, purpose, **how)


def recorded(audit: Store) -> list[str]:
    """The digests that the trail names, record by record."""
    return [
        digest
        for entry in audit.list(READS)
        for digest in parse_record(audit.get(entry.name).data).objects
    ]


def sha256(home: Home, name: str) -> str:
    """The digest of an object of the training store."""
    return hashlib.sha256(home.store("training").get(name).data).hexdigest()


def remove(home: Home, names: Iterable[str]) -> None:
    """What an erasure, or retention, does to objects of the training store."""
    training = home.store("training")
    for name in names:
        training.delete(name, training.get(name).version)


def overwrite(home: Home, name: str, data: bytes) -> None:
    """Put bytes under a name, whatever stood there."""
    training = home.store("training")
    current = training.head(name)
    if current is None:
        training.put_if_absent(name, data)
    else:
        training.replace(name, data, version=current.version)


def log_destroyed_key(home: Home, pseudonym: str) -> None:
    """Log what an erasure logs of a contributor's key."""
    digest = sha256(home, key_object_name(pseudonym))
    leaf = encode_leaf(
        "contributor-key-destroyed",
        digest,
        home.clock(),
        cause="erasure",
        media_type="object in a file store",
        sanitization_method="logical deletion",
        sanitization_technique="delete of every version",
        verification_method="list of versions",
        observed={"versions_listed": 0},
        not_checked=["backups"],
        performed_by="test",
        tool="test",
    )
    home.settings.accounts(home.settings.vault("worker")).append([leaf])
