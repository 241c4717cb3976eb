"""Intents to sweep: what is about to be destroyed that is no recording of the backlog.

Written down durably before anything goes, so that a crash leaves no destruction unlogged. Whoever
finds one logs what is gone of it by then and destroys nothing: what still stands is decided anew.
Each is signed by the log's key: who can write to the store cannot have a sweep logged.

A sweep's leaf bears the digest of the record in its intent, which has a random nonce: it commits to
the names that went, and tells them to nobody.
"""

import hashlib
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import rfc8785

from unvoiced.disposal.keys_to_go import SWEEP_TITLE, SWEEPS
from unvoiced.errors import NotFound, VerificationError
from unvoiced.log.note import Signer, Verifier
from unvoiced.log.statement import open_statement, sign_statement
from unvoiced.retention.rules import Rule
from unvoiced.stores import Store

_MOST_BYTES = 500_000  # of names in one intent: half of what a signed note may hold


@dataclass(frozen=True)
class Item:
    """One version that is to go; `kind` and `sha256` where it has a leaf of its own."""

    name: str
    version: str
    delete_marker: bool = False
    kind: str = ""
    sha256: str = ""


@dataclass(frozen=True)
class SweepIntent:
    """What one rule is about to destroy in one store."""

    name: str
    rule: Rule
    store: str
    items: tuple[Item, ...]
    digest: str  # of the record: what the leaf bears


class SweepIntents:
    """Signed intents in the journal store, under `intents/sweeps/`."""

    def __init__(self, store: Store, verifier: Verifier) -> None:
        self._store = store
        self._verifier = verifier

    def write(self, rule: Rule, store: str, items: Sequence[Item], signer: Signer) -> SweepIntent:
        """Make an intent durable; returns once it is."""
        name = f"{SWEEPS}{secrets.token_hex(12)}"
        record: dict[str, Any] = {
            "items": [asdict(one) for one in items],
            "name": name,
            "nonce": secrets.token_hex(32),
            "rule": rule.value,
            "store": store,
        }
        self._store.put_if_absent(name, sign_statement(SWEEP_TITLE, record, signer))
        return SweepIntent(name, rule, store, tuple(items), _digest(record))

    def names(self) -> list[str]:
        """The names of all intents there are."""
        return [listed.name for listed in self._store.list(SWEEPS)]

    def read(self, name: str) -> SweepIntent | None:
        """One intent; None where it is gone. Raises `VerificationError` for one not of ours."""
        try:
            note = self._store.get(name).data
        except NotFound:
            return None
        record = open_statement(SWEEP_TITLE, note, self._verifier)
        try:
            if record["name"] != name:
                raise ValueError
            return SweepIntent(
                name,
                Rule(record["rule"]),
                record["store"],
                tuple(Item(**one) for one in record["items"]),
                _digest(record),
            )
        except (ValueError, KeyError, TypeError):
            raise VerificationError(f"{name} is not a sweep intent of its own name") from None

    def remove(self, intent: SweepIntent) -> None:
        """Take an intent out, with every version of it: it names names."""
        for entry in list(self._store.versions(intent.name)):
            self._store.delete(entry.name, entry.version)


def _digest(record: dict[str, Any]) -> str:
    return hashlib.sha256(rfc8785.dumps(record)).hexdigest()


def portions(items: Sequence[Item]) -> Iterator[list[Item]]:
    """The items in order, as many at a time as an intent holds."""
    portion: list[Item] = []
    size = 0
    for item in items:
        portion.append(item)
        size += len(item.name) + len(item.version) + 200
        if size > _MOST_BYTES:
            yield portion
            portion, size = [], 0
    if portion:
        yield portion
