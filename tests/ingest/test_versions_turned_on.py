"""A raw bucket whose versioning is turned on while the pipeline is at work, as posture asks for.

What was read before has no version of its own then: it is the version "null", which a delete marker
or a newer upload hides from HEAD and from conditional requests. Hidden is not gone (INV-4).
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.ingest.buckets import home_in_buckets
from tests.ingest.home import Home, digest
from tests.ingest.hooked_store import HookedStore, once
from tests.servers.seaweed import Seaweed
from unvoiced.stores import open_store

pytestmark = pytest.mark.server


@pytest.fixture
def raw_bucket(s3_server: Seaweed) -> str:
    """A bucket without versions."""
    return s3_server.bucket(versioned=False)


@pytest.fixture
def reopened(s3_server: Seaweed, raw_bucket: str, tmp_path: Path) -> Callable[[], Home]:
    """The deployment as a process that has just started sees it; the same one each time."""
    others = s3_server.bucket(versioned=True)

    def where(name: str) -> str:
        bucket = raw_bucket if name == "raw" else others
        return s3_server.store_url(bucket, name)

    home = home_in_buckets(tmp_path / "home", where)
    return lambda: home.on(raw=open_store(where("raw")))


def hide(server: Seaweed, bucket: str, name: str, how: str) -> None:
    """Turn versions on; put something over the object."""
    client, key = server.client(), f"raw/{name}"
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    if how == "a delete marker":
        client.delete_object(Bucket=bucket, Key=key)
    elif how == "a newer object":
        client.put_object(Bucket=bucket, Key=key, Body=b"something else")


def digests_there(server: Seaweed, bucket: str) -> list[str]:
    """The SHA-256 of every version in the bucket."""
    client: Any = server.client()
    return [
        digest(
            client.get_object(Bucket=bucket, Key=one["Key"], VersionId=one["VersionId"])[
                "Body"
            ].read()
        )
        for one in client.list_object_versions(Bucket=bucket).get("Versions", [])
    ]


@pytest.mark.inv("INV-4", "INV-5")
@pytest.mark.parametrize("how", ["nothing", "a delete marker", "a newer object"])
def test_no_receipt_while_a_version_is_hidden_and_one_when_it_is_gone(
    s3_server: Seaweed,
    raw_bucket: str,
    reopened: Callable[[], Home],
    voices: list[bytes],
    how: str,
) -> None:
    """The run that read it leaves it; the next one finds the version and destroys it."""
    home = reopened()
    sent = home.send("anna", voices[0])
    turn_on = once(
        "put_if_absent",
        "features/",
        lambda: hide(s3_server, raw_bucket, sent.name, how),
        after=True,
    )
    report = home.on(training=HookedStore(home.store("training"), turn_on)).run()

    assert (report.disposed, list(report.left)) == (0, [sent.name])
    assert home.leaves("disposed") == []
    assert sent.sha256 in digests_there(s3_server, raw_bucket)

    reopened().run()
    after = reopened()
    assert [leaf.digest for leaf in after.leaves("disposed")] == [sent.sha256]
    assert sent.sha256 not in digests_there(s3_server, raw_bucket)
    assert after.status().adds_up
