"""The same life on a real S3 server: the spine does not know what its stores are."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ingest.home import STORES, Home
from tests.servers import seaweed
from unvoiced.log.verify import verify_log
from unvoiced.stores import open_store


@pytest.fixture(scope="module")
def server() -> Iterator[seaweed.Seaweed]:
    """A running SeaweedFS, reachable through boto3's usual credential chain."""
    with seaweed.running() as running, pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_REGION"):
            patch.delenv(name, raising=False)
        for name, value in running.environment().items():
            patch.setenv(name, value)
        yield running


@pytest.mark.server
@pytest.mark.inv("INV-4", "INV-5", "INV-6")
@pytest.mark.parametrize("versioned", [False, True], ids=["unversioned", "versioned"])
def test_recordings_become_features_and_are_gone(
    server: seaweed.Seaweed, tmp_path: Path, voices: list[bytes], versioned: bool
) -> None:
    """No version and no delete marker is left, every feature opens, the log verifies offline."""
    local = Home.create(tmp_path / "home")
    bucket = server.bucket(versioned=versioned)
    shelf = {name: open_store(server.store_url(bucket, name)) for name in STORES}
    for name, store in shelf.items():
        for entry in local.store(name).list():
            store.put_if_absent(entry.name, local.store(name).get(entry.name).data)
    home = local.on(**shelf)
    sent = [home.send(who, voice) for who in ("anna", "bruno") for voice in voices[:2]]
    broken = home.send("bruno", b"no audio")

    report = home.run()

    assert (report.disposed, report.left) == (4, {})
    assert report.quarantined == {broken.name: "not-audio"}
    assert [entry.name for entry in home.store("raw").versions()] == [broken.name]
    assert home.status().adds_up
    assert home.features().keys() == {one.feature_name for one in sent}
    verified = verify_log(home.store("log"), home.verifier)
    assert (verified.ledger.accepted, verified.ledger.disposed) == (5, 4)
    assert home.run().recordings == 0
