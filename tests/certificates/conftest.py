"""One log for all tests of certificates; nobody changes it."""

import pytest

from tests.certificates.logged import whole_life
from unvoiced.stores.memory import MemoryStore


@pytest.fixture(scope="session")
def life() -> MemoryStore:
    """The log of `logged.whole_life`."""
    return whole_life().store()
