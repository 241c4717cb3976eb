"""Keys that are the same in every run."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from unvoiced.log.note import Signer


@pytest.fixture(scope="session")
def signer() -> Signer:
    """The key of the log under test."""
    return Signer("unvoiced.example/log", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))


@pytest.fixture(scope="session")
def stranger() -> Signer:
    """Another key, that goes by the same name."""
    return Signer("unvoiced.example/log", Ed25519PrivateKey.from_private_bytes(bytes(32)))
