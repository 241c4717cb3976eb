"""Archiving into a bucket with object lock, on a real S3 server."""

import secrets
from pathlib import Path

import pytest

from tests.ingest.buckets import home_in_buckets
from tests.ingest.claims import finished
from tests.servers.seaweed import Seaweed
from unvoiced.errors import Locked
from unvoiced.log.verify import verify_log

pytestmark = pytest.mark.server


@pytest.mark.inv("INV-3", "INV-4", "INV-6")
def test_an_original_is_kept_in_a_locked_bucket(
    s3_server: Seaweed, tmp_path: Path, voices: list[bytes]
) -> None:
    """Cold by name, locked so that the server refuses to delete it, one copy however often sent."""
    bucket, archive = s3_server.bucket(versioned=True), f"archive-{secrets.token_hex(4)}"
    s3_server.client().create_bucket(Bucket=archive, ObjectLockEnabledForBucket=True)
    home = home_in_buckets(
        tmp_path / "home",
        lambda name: (
            s3_server.store_url(archive) if name == "archive" else s3_server.store_url(bucket, name)
        ),
    ).archiving("*")
    sent = [home.send("anna", voices[0]), home.send("bruno", voices[1])]

    report = home.run()

    assert (report.disposed, report.archived, report.left) == (2, 2, {})
    finished(home, sent)
    assert sorted(home.archived()) == sorted((one.name, one.data) for one in sent)
    store = home.store("archive")
    for entry in list(store.versions(sent[0].pseudonym)):
        assert entry.storage_class == "GLACIER"
        with pytest.raises(Locked):
            store.delete(entry.name, entry.version)
    home.send("anna", voices[0])
    assert home.run().archived == 1
    assert len(home.archived()) == 2
    ledger = verify_log(home.store("log"), home.verifier).ledger
    assert (ledger.disposed, len(ledger.archived)) == (3, 2)


@pytest.mark.inv("INV-3", "INV-5")
def test_a_bucket_without_object_lock_keeps_nothing_and_nothing_is_destroyed(
    s3_server: Seaweed, tmp_path: Path, voices: list[bytes]
) -> None:
    """Each recording is left, with what the store said."""
    bucket = s3_server.bucket(versioned=True)
    home = home_in_buckets(tmp_path / "home", lambda name: s3_server.store_url(bucket, name))
    home = home.archiving("*")
    sent = home.send("anna", voices[0])

    report = home.run()

    assert "not archived as" in report.left[sent.name]
    assert home.standing() == {sent.sha256}
    assert home.status().adds_up
    assert home.archiving().run().disposed == 1
