"""Tying, killed for real at every touch of the disk; and on a real S3 server, several at once."""

import shutil
import threading
from itertools import count
from pathlib import Path
from typing import Literal

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.audit.test_pages import assert_all_tied, named, standing
from tests.audit.watched import Watched
from tests.ingest.killing import killed_at
from tests.servers.seaweed import Seaweed
from unvoiced.log.note import Signer
from unvoiced.log.writer import LogWriter
from unvoiced.stores import open_store


def on_disk(folder: Path, signer: Signer) -> Watched:
    """The stores in a folder."""
    audit, log = (open_store((folder / name).as_uri()) for name in ("audit", "log"))
    return Watched(signer, audit=audit, log=log)


@pytest.mark.slow
@pytest.mark.inv("INV-12")
@pytest.mark.parametrize("when", ["before", "midway"])
def test_killed_at_every_touch_of_the_disk(
    memory_disk: Path, when: Literal["before", "midway"]
) -> None:
    """Whatever is left behind, the next call ties everything, once."""
    signer = Signer("example/log", Ed25519PrivateKey.generate())
    begun = memory_disk / "begun"
    for name in ("audit", "log"):
        (begun / name).mkdir(parents=True)
    watched = on_disk(begun, signer)
    LogWriter.create(watched.log, signer)
    watched.read(1, 1)
    watched.tie()
    watched.read(2)
    for nth in count():
        place = memory_disk / "trial"
        shutil.copytree(begun, place)
        if not killed_at(nth, when, lambda place=place: on_disk(place, signer).tie()):  # type: ignore[misc]  # bound now
            break
        after = on_disk(place, signer)
        after.read(1)
        after.tie()
        assert_all_tied(after)
        shutil.rmtree(place)
    assert nth > 10


@pytest.mark.server
@pytest.mark.inv("INV-12")
@pytest.mark.parametrize("versioned", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_on_s3_several_at_once_tie_every_record_once(s3_server: Seaweed, versioned: bool) -> None:
    """Readers and watches together; then a record is hidden, and found to be."""
    bucket = s3_server.bucket(versioned=versioned)
    watched = Watched(
        Signer("example/log", Ed25519PrivateKey.generate()),
        audit=open_store(s3_server.store_url(bucket, "audit")),
        log=open_store(s3_server.store_url(bucket, "log")),
    )
    LogWriter.create(watched.log, watched.signer)
    failed: list[BaseException] = []

    def work(tie: bool) -> None:
        try:
            for _ in range(2):
                if tie:
                    watched.tie()
                else:
                    watched.read(1, 2)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(each % 2 == 0,)) for each in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    watched.tie()
    assert_all_tied(watched)

    name = watched.names("reads/")[-1]
    s3_server.client().delete_object(Bucket=bucket, Key=f"audit/{name}")
    found = {one.name: one.what for one in watched.verify().damage}
    assert found[name].startswith("deleted; its version " if versioned else "deleted")
    assert set(named(watched)) - set(standing(watched)) == {name}
