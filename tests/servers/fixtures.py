"""Servers as fixtures, one a test worker; tests/conftest.py makes them known to all tests."""

from collections.abc import Iterator

import pytest

from tests.servers import seaweed, trouble

_NOT_OF_THE_CALLER = (
    "AWS_PROFILE",
    "AWS_SESSION_TOKEN",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_S3",
    "AWS_REGION",
)


@pytest.fixture(scope="session")
def s3_server() -> Iterator[seaweed.Seaweed]:
    """A running SeaweedFS, reachable through boto3's usual credential chain."""
    with seaweed.running() as server, pytest.MonkeyPatch.context() as patch:
        for name in _NOT_OF_THE_CALLER:
            patch.delenv(name, raising=False)
        for name, value in server.environment().items():
            patch.setenv(name, value)
        yield server


@pytest.fixture
def s3_trouble(s3_server: seaweed.Seaweed) -> Iterator[trouble.Trouble]:
    """A proxy in front of that server, which does nothing until it is told to."""
    with trouble.in_front_of(s3_server) as proxy:
        yield proxy
