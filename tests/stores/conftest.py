"""The stores that the contract is held against, and one real S3 server per test worker."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.servers import seaweed
from unvoiced.stores import Store, open_store
from unvoiced.stores.file import FileStore
from unvoiced.stores.memory import MemoryStore


@pytest.fixture(scope="session")
def s3_server() -> Iterator[seaweed.Seaweed]:
    """A running SeaweedFS, reachable through boto3's usual credential chain."""
    with seaweed.running() as server, pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_REGION"):
            patch.delenv(name, raising=False)
        for name, value in server.environment().items():
            patch.setenv(name, value)
        yield server


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
