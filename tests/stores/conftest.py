"""The stores that the contract is held against."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.servers import seaweed
from unvoiced.stores import Store, open_store
from unvoiced.stores.file import FileStore
from unvoiced.stores.memory import MemoryStore


@dataclass
class Clock:
    """What memory and disk tell the time by; a server has its own."""

    ahead: timedelta = timedelta(0)

    def __call__(self) -> datetime:
        """Now, in UTC."""
        return datetime.now(UTC) + self.ahead

    def sleep_until(self, moment: datetime) -> None:
        """Return once the moment is past, for servers too."""
        time.sleep(max(0.0, (moment - self()).total_seconds()) + 1.1)  # theirs is in seconds

    def skip_to(self, moment: datetime) -> None:
        """Make it the moment, for all but servers."""
        self.ahead += moment - self() + timedelta(seconds=1)


@pytest.fixture
def clock() -> Clock:
    """A clock that can be put forward."""
    return Clock()


def _s3(request: pytest.FixtureRequest, *, versioned: bool) -> Store:
    server: seaweed.Seaweed = request.getfixturevalue("s3_server")
    bucket = lockable(server) if versioned else server.bucket(versioned=False)
    return open_store(server.store_url(bucket, "some/prefix"))


def lockable(server: seaweed.Seaweed) -> str:
    """A new bucket with object lock, and so with versions; its name."""
    name = f"lockable-{time.monotonic_ns()}"
    server.client().create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
    return name


def _file(request: pytest.FixtureRequest) -> Store:
    folder: Path = request.getfixturevalue("tmp_path")
    return FileStore(folder / "store", now=_clock(request))


def _clock(request: pytest.FixtureRequest) -> Clock:
    clock: Clock = request.getfixturevalue("clock")
    return clock


KINDS: dict[str, Callable[[pytest.FixtureRequest], Store]] = {
    "memory": lambda request: MemoryStore(now=_clock(request)),
    "memory-versioned": lambda request: MemoryStore(versioned=True, now=_clock(request)),
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
