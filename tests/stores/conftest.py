"""The stores that the contract is held against."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.servers import seaweed
from unvoiced.stores import Store, open_store
from unvoiced.stores.file import FileStore
from unvoiced.stores.memory import MemoryStore


def _s3(request: pytest.FixtureRequest, *, versioned: bool) -> Store:
    server: seaweed.Seaweed = request.getfixturevalue("s3_server")
    return open_store(server.store_url(server.bucket(versioned=versioned), "some/prefix"))


def _file(request: pytest.FixtureRequest) -> Store:
    folder: Path = request.getfixturevalue("tmp_path")
    return FileStore(folder / "store")


KINDS: dict[str, Callable[[pytest.FixtureRequest], Store]] = {
    "memory": lambda _: MemoryStore(),
    "memory-versioned": lambda _: MemoryStore(versioned=True),
    "file": _file,
    "s3-unversioned": lambda request: _s3(request, versioned=False),
    "s3-versioned": lambda request: _s3(request, versioned=True),
}


@pytest.fixture(
    params=[
        pytest.param(kind, marks=pytest.mark.server if kind.startswith("s3") else ())
        for kind in KINDS
    ]
)
def kind(request: pytest.FixtureRequest) -> str:
    """Which store this run of a contract test is about."""
    return str(request.param)


@pytest.fixture
def store(kind: str, request: pytest.FixtureRequest) -> Store:
    """An empty store of that kind."""
    return KINDS[kind](request)
