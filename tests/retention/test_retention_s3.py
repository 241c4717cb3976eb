"""Retention on a real S3 server, by an eraser who lives later than its objects."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.ingest.buckets import home_in_buckets
from tests.ingest.home import Home
from tests.retention.calendar_home import recording, with_retention
from tests.servers.seaweed import Seaweed
from unvoiced.clock import utc_now
from unvoiced.eraser import open_eraser
from unvoiced.keys.contributor import key_object_name
from unvoiced.log.verify import verify_log
from unvoiced.retention.keep import Report, keep_rules

pytestmark = pytest.mark.server


def retain(home: Home, days: int) -> Report:
    """A run so many days from now."""
    return keep_rules(open_eraser(home.settings, "later", lambda: utc_now() + timedelta(days=days)))


@pytest.mark.inv("INV-4", "INV-5")
@pytest.mark.parametrize(
    "versioned",
    [pytest.param(False, marks=pytest.mark.slow), True],
    ids=["unversioned", "versioned"],
)
def test_what_is_due_goes_in_every_version(
    s3_server: Seaweed, tmp_path: Path, versioned: bool
) -> None:
    """What waits, what is in quarantine, features and keys; a day earlier nothing."""
    bucket = s3_server.bucket(versioned=versioned)
    home = home_in_buckets(tmp_path / "home", lambda name: s3_server.store_url(bucket, name))
    home = with_retention(
        home, raw_days=20, quarantine_days=20, features_days=20, noncurrent_days=5
    )
    clock: Any = utc_now  # as the server's
    home = replace(home, clock=clock)
    sent = home.send("anna", recording(1))
    home.send("bruno", b"no audio")
    home.run()
    waiting = home.send("carla", recording(2))
    if versioned:
        s3_server.client().delete_object(Bucket=bucket, Key=f"training/{sent.feature_name}")
    early = retain(home, 4)
    assert (early.destroyed, early.left) == (0, 0)

    report = retain(home, 21)

    assert report.left == 0
    assert [entry.name for entry in home.store("raw").versions()] == []
    left = {entry.name for entry in home.store("training").versions()}
    assert left == {"probe/conditional-put"}
    assert {entry.name for entry in home.store("journal").versions()} == {"probe/conditional-put"}
    assert waiting.sha256 in {leaf.digest for leaf in home.leaves("disposed")}
    assert key_object_name(sent.pseudonym) not in left
    assert len(home.leaves("contributor-key-destroyed")) == 2
    assert home.status().adds_up
    verify_log(home.store("log"), home.verifier)
