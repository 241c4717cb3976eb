"""The same life on a real S3 server: the spine does not know what its stores are."""

from pathlib import Path

import pytest

from tests.ingest.buckets import home_in_buckets
from tests.servers.seaweed import Seaweed
from unvoiced.log.verify import verify_log

pytestmark = pytest.mark.server


@pytest.mark.inv("INV-4", "INV-5", "INV-6")
@pytest.mark.parametrize("versioned", [False, True], ids=["unversioned", "versioned"])
def test_recordings_become_features_and_are_gone(
    s3_server: Seaweed, tmp_path: Path, voices: list[bytes], versioned: bool
) -> None:
    """No version and no delete marker is left, every feature opens, the log verifies offline."""
    bucket = s3_server.bucket(versioned=versioned)
    home = home_in_buckets(tmp_path / "home", lambda name: s3_server.store_url(bucket, name))
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
