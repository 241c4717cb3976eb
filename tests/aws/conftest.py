"""One ministack per test worker, KMS keys on it, and an environment without any account."""

from collections.abc import Callable, Iterator

import pytest

from tests.servers import ministack
from tests.servers.ministack import Credentials, Ministack
from unvoiced.aws.kms import KmsWrapper, kms_client, region_of

Opened = Callable[..., KmsWrapper]


@pytest.fixture(scope="session")
def aws() -> Iterator[Ministack]:
    """A running ministack."""
    with ministack.running() as server:
        yield server


@pytest.fixture
def key(aws: Ministack) -> str:
    """The ARN of a new symmetric key; the policies of its account decide who may use it."""
    return str(aws.client("kms").create_key()["KeyMetadata"]["Arn"])


@pytest.fixture
def opened(aws: Ministack, monkeypatch: pytest.MonkeyPatch) -> Opened:
    """Makes the wrapper of a key in a process that is signed in as root, or as said."""

    def make(arn: str, credentials: Credentials | None = None) -> KmsWrapper:
        aws.sign_in(monkeypatch, credentials)
        return KmsWrapper(arn, kms_client(region_of(arn), attempts=1))

    return make


@pytest.fixture
def signed_out(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """No account in the environment, and none to be found elsewhere."""
    ministack.sign_out(monkeypatch)
    return monkeypatch
