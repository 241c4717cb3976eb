"""Keys that are the same in every run, and a log in memory."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.ingest.conftest import memory_disk
from unvoiced.log.accounts import Accounts
from unvoiced.log.note import Signer
from unvoiced.log.reader import LogReader
from unvoiced.log.writer import LogWriter
from unvoiced.sealing import PrivateKey
from unvoiced.stores.memory import MemoryStore

__all__ = ["memory_disk"]
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.fixture(scope="session")
def signer() -> Signer:
    """The key of the log under test."""
    return Signer("unvoiced.example/log", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))


@pytest.fixture(scope="session")
def stranger() -> Signer:
    """Another key, that goes by the same name."""
    return Signer("unvoiced.example/log", Ed25519PrivateKey.from_private_bytes(bytes(32)))


@pytest.fixture(scope="session")
def intake() -> PrivateKey:
    """An intake key pair."""
    return PrivateKey(bytes(range(96)))


@pytest.fixture(scope="session")
def dataset() -> PrivateKey:
    """The dataset key pair."""
    return PrivateKey(bytes(range(96, 192)))


@pytest.fixture
def open_accounts(signer: Signer) -> Callable[[], Accounts]:
    """Opens one new log again and again, as several workers would."""
    store = MemoryStore("log")
    LogWriter.create(store, signer)
    return lambda: Accounts(LogWriter(store, signer), LogReader(store, signer.verifier))
