"""Who can write to the journal's store hides no recording behind a quarantine record."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

import pytest
import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.ingest.dying import Died, dies
from tests.ingest.home import Home, Sent
from tests.ingest.hooked_store import HookedStore, once
from unvoiced.disposal import QuarantineRecord
from unvoiced.errors import StoreError
from unvoiced.ingest.accepting import accept
from unvoiced.ingest.batch import quarantine_unopened
from unvoiced.ingest.missing import settle_missing
from unvoiced.ingest.outcome import BatchReport
from unvoiced.log.leaves import encode_leaf
from unvoiced.log.note import Signer
from unvoiced.log.statement import sign_statement

TITLE = "unvoiced quarantine record v1"
TIME = "2026-11-23T08:00:00Z"


def place_of(sent: Sent) -> str:
    """Where the record of this object version belongs."""
    place = hashlib.sha256(f"{sent.name}\n{sent.version}".encode()).hexdigest()
    return f"quarantine/{place}.json"


def about(sent: Sent, sha256: str = "") -> QuarantineRecord:
    """A record that says this recording does not open."""
    digest = sha256 or sent.sha256
    return QuarantineRecord(sent.name, sent.version, digest, 1, "does-not-open", TIME, 0)


def unsigned(sent: Sent, sha256: str = "") -> bytes:
    """The same, as earlier versions wrote it and as anybody can."""
    body = asdict(about(sent, sha256))
    del body["log_size"]
    return rfc8785.dumps(body)


def worker_signer(home: Home) -> Signer:
    """Who signs for the log."""
    return home.settings.signer(home.settings.vault("worker"))


def forged(home: Home, sent: Sent) -> bytes:
    """Signed by a key of somebody's own, under the log's name."""
    stranger = Signer(home.verifier.name, Ed25519PrivateKey.generate())
    return sign_statement(TITLE, asdict(about(sent)), stranger)


def of_another_kind(home: Home, sent: Sent) -> bytes:
    """Signed by the log's key as something else."""
    return sign_statement("unvoiced suppression v1", asdict(about(sent)), worker_signer(home))


def of_another_object(home: Home, sent: Sent) -> bytes:
    """A genuine record, under the name of another object's."""
    other = replace(about(sent), version="another")
    return sign_statement(TITLE, asdict(other), worker_signer(home))


def of_other_fields(home: Home, sent: Sent) -> bytes:
    """Genuine, and not what this version writes."""
    return sign_statement(TITLE, {"name": sent.name}, worker_signer(home))


PLANTED: dict[str, Callable[[Home, Sent], bytes]] = {
    "unsigned": lambda _, sent: unsigned(sent),
    "of another digest": lambda _, sent: unsigned(sent, "0" * 64),
    "forged": forged,
    "of another kind": of_another_kind,
    "of another object": of_another_object,
    "of other fields": of_other_fields,
    "empty": lambda *_: b"",
    "no text": lambda *_: b"\xff" * 40,
    "no record": lambda *_: b"[1]",
    "too large": lambda *_: b"x" * ((1 << 20) + 1),
}


def accepted_only(home: Home, *sent: Sent) -> None:
    """A run that dies once it has accepted them."""
    bench = home.bench()
    items = [item for batch in home.plan(bench).batches for item in batch]
    wanted = {one.name for one in sent}
    accept([item for item in items if item.name in wanted], bench, BatchReport())
    bench.accounts.remember()


@pytest.mark.inv("INV-5")
@pytest.mark.parametrize("kind", PLANTED)
def test_a_planted_record_neither_hides_nor_quarantines_nor_stops_anything(
    home: Home, voices: list[bytes], kind: str
) -> None:
    """The recording becomes features as if the record were not there, and the plan names it."""
    sent = home.send("anna", voices[0])
    home.store("journal").put_if_absent(place_of(sent), PLANTED[kind](home, sent))

    plan = home.plan(home.bench())
    assert (plan.planted, plan.recordings, plan.quarantined) == ((place_of(sent),), 1, 0)
    report = home.run()

    assert (report.disposed, report.quarantined) == (1, {})
    assert home.leaves("quarantined") == []
    assert home.leaves("disposed")[0].fields["cause"] == "features stored"
    assert home.status().adds_up


@pytest.mark.inv("INV-5")
def test_a_record_that_cannot_be_read_stops_nothing(home: Home, voices: list[bytes]) -> None:
    """Put in a cold storage class, or under a key that the worker may not use."""
    sent = home.send("anna", voices[0])
    home.store("journal").put_if_absent(place_of(sent), b"x")

    def around(operation: str, name: str, proceed: Callable[[], Any]) -> Any:
        if operation == "get" and name == place_of(sent):
            raise StoreError(f"{name}: InvalidObjectState")
        return proceed()

    cold = home.on(journal=HookedStore(home.store("journal"), around))
    assert cold.run().disposed == 1
    assert cold.status().adds_up


@pytest.mark.inv("INV-5")
@pytest.mark.parametrize("versioned", [True, False])
def test_a_genuine_record_takes_the_place_of_a_planted_one(home: Home, versioned: bool) -> None:
    """What an earlier version wrote too: read again, and quarantined anew, once in the log."""
    home = home.in_memory(versioned=versioned)
    bad = home.send("anna", b"no audio")
    home.run()
    journal = home.store("journal")
    listed = journal.head(place_of(bad))
    assert listed is not None
    journal.replace(listed.name, unsigned(bad), version=listed.version)
    assert home.plan(home.bench()).quarantined == 0

    assert home.run().quarantined == {bad.name: "not-audio"}

    plan = home.plan(home.bench())
    assert (plan.quarantined, plan.recordings, plan.planted) == (1, 0, ())
    assert len(home.leaves("quarantined")) == 1
    assert home.status().adds_up


@pytest.mark.inv("INV-5")
def test_a_record_put_back_after_a_release_does_not_quarantine_again(
    home: Home, voices: list[bytes]
) -> None:
    """It is genuine, and older than what the log says: the recording becomes features."""
    sent = home.send("anna", voices[0])
    bench = home.bench()
    (item,) = home.plan(bench).batches[0]
    quarantine_unopened(bench, item, "worker-killed")
    journal = home.store("journal")
    kept = journal.get(place_of(sent)).data
    bench.accounts.append([encode_leaf("released", sent.sha256, home.clock())])
    (record,) = bench.quarantine.records()
    bench.quarantine.remove(record)
    journal.put_if_absent(place_of(sent), kept)

    report = home.run()

    assert (report.disposed, report.quarantined) == (1, {})
    assert len(home.leaves("quarantined")) == 1
    assert list(journal.list("quarantine/")) == []
    assert home.status().adds_up


@pytest.mark.inv("INV-5")
def test_a_record_without_its_leaf_is_believed_of_the_bytes_it_is_about(
    home: Home, voices: list[bytes]
) -> None:
    """A killed run's is logged by the next; one of another digest accepts nothing."""
    bad, good = home.send("anna", b"no audio"), home.send("bruno", voices[0])
    log = HookedStore(home.store("log"), once("put_if_absent", "pending/append/", _die))
    accepted_only(home, bad)
    dying = home.on(log=log)
    (item,) = (one for one in dying.plan(dying.bench()).batches[0] if one.name == bad.name)
    assert dies(lambda: quarantine_unopened(dying.bench(), item, "worker-killed"))
    assert home.leaves("quarantined") == []
    bench = home.bench()
    bench.quarantine.add(about(good, "0" * 64), bench.signer)

    report = home.run()

    assert (report.disposed, report.quarantined) == (1, {})
    assert [leaf.digest for leaf in home.leaves("quarantined")] == [bad.sha256]
    assert {leaf.digest for leaf in home.leaves("accepted")} == {bad.sha256, good.sha256}


def _die() -> None:
    raise Died


@pytest.mark.inv("INV-4", "INV-5")
@pytest.mark.parametrize("genuine", [True, False])
def test_nothing_that_stands_is_called_missing_for_what_a_record_says(
    home: Home, voices: list[bytes], genuine: bool
) -> None:
    """Its bytes are read whatever record it has; no receipt says that it was not readable."""
    sent = home.send("anna", voices[0])
    accepted_only(home, sent)
    record = about(sent, "0" * 64)
    note = sign_statement(TITLE, asdict(record), worker_signer(home))
    home.store("journal").put_if_absent(
        place_of(sent), note if genuine else unsigned(sent, "0" * 64)
    )

    status = home.status()
    assert (status.missing, status.waiting) == ([], 1)
    assert settle_missing(home.settings, [sent.sha256], home.clock) == set()
    assert home.leaves("disposed") == []


@pytest.mark.inv("INV-4", "INV-5")
def test_a_quarantined_recording_stands_though_its_record_was_changed(home: Home) -> None:
    """One digest in the signed text: then it counts as no record, and the bytes are read."""
    bad = home.send("anna", b"no audio")
    home.run()
    journal = home.store("journal")
    stored = journal.get(place_of(bad))
    changed = stored.data.replace(bad.sha256.encode(), b"0" * 64)
    assert changed != stored.data
    assert json.loads(stored.data.split(b"\n")[1])["sha256"] == bad.sha256
    journal.replace(stored.name, changed, version=stored.version)

    assert home.status().missing == []
    assert settle_missing(home.settings, [bad.sha256], home.clock) == set()
    assert home.standing() == {bad.sha256}


@pytest.mark.inv("INV-5")
def test_a_planted_record_does_not_hide_that_a_recording_is_missing(
    home: Home, voices: list[bytes]
) -> None:
    """It stands for another object, and names the digest of the one that somebody deleted."""
    gone, stands = home.send("anna", voices[0]), home.send("bruno", voices[1])
    accepted_only(home, gone, stands)
    home.store("raw").delete(gone.name, gone.version)
    home.store("journal").put_if_absent(place_of(stands), unsigned(stands, gone.sha256))

    assert home.status().missing == [gone.sha256]
