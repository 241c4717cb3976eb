"""Key pairs that are the same in every run."""

import pytest

from unvoiced.sealing import PrivateKey


@pytest.fixture(scope="session")
def key() -> PrivateKey:
    """The recipient of what is sealed here."""
    return PrivateKey(bytes(range(96)))


@pytest.fixture(scope="session")
def stranger() -> PrivateKey:
    """Somebody else's key."""
    return PrivateKey(bytes(range(96, 192)))
