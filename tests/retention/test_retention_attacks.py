"""Who can only write to a store gets nothing destroyed before its day, and no false receipt."""

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.ingest.home import START, Home
from tests.ingest.hooked_store import HookedStore
from tests.retention.calendar_home import calendar, eraser, on_calendar, recording, retain
from unvoiced.disposal import Quarantine, QuarantineRecord
from unvoiced.disposal.labels import DIGEST_LABEL
from unvoiced.keys.contributor import key_object_name
from unvoiced.log.leaves import rfc3339
from unvoiced.log.note import Signer
from unvoiced.log.verify import verify_log
from unvoiced.retention.intents import Item, SweepIntents
from unvoiced.retention.keep import keep_rule
from unvoiced.retention.rules import Rule
from unvoiced.stores.memory import MemoryStore

LONG_AGO = rfc3339(START - timedelta(days=5000))


def standing(home: Home) -> dict[str, list[str]]:
    """All that stands in the stores that hold anything of contributors."""
    return {
        name: [entry.name for entry in home.store(name).versions()]
        for name in ("raw", "training", "archive", "audit")
    }


def plant_record(home: Home, name: str, version: str, sha256: str) -> None:
    """A quarantine record in the journal store, by somebody who is no worker, from long ago."""
    record = QuarantineRecord(name, version, sha256, 10, "not-audio", LONG_AGO, 0)
    signer = Signer(home.verifier.name, Ed25519PrivateKey.generate())
    Quarantine(home.store("journal"), home.verifier).add(record, signer)


def test_a_planted_record_does_not_bring_a_days_end_on(blank: Home) -> None:
    """Neither of a recording that is not in quarantine, nor of one that is: the log says when."""
    home = on_calendar(blank, versioned=True, raw_days=50, quarantine_days=50)
    waits, broken = home.send("anna", recording(1)), home.send("anna", b"no audio")
    home.put("garbage", b"x")
    home.run()
    again = home.send("anna", recording(2))
    plant_record(home, again.name, again.version, again.sha256)
    plant_record(home, waits.name, "no version", waits.sha256)
    journal = home.store("journal")
    for listed in list(journal.list("quarantine/")):
        note = journal.get(listed.name).data
        if broken.name.encode() in note:
            older = re.sub(rb'"time":"[^"]+"', b'"time":"%s"' % LONG_AGO.encode(), note)
            journal.replace(listed.name, older, version=listed.version)
    before = standing(home)
    calendar(home).on(days=49)

    report = retain(home)

    assert standing(home) == before
    planted = {name for one in report.rows for name in one.left}
    assert len(planted) == 3
    assert all(name.startswith("quarantine/") for name in planted)
    calendar(home).on(days=50)
    assert retain(home).destroyed == 3


@pytest.mark.inv("INV-4")
def test_a_record_of_another_recordings_digest_gets_no_receipt(blank: Home) -> None:
    """What is destroyed is read first: a genuine record too cannot make one's end another's."""
    home = on_calendar(blank, versioned=True, raw_days=10, quarantine_days=10)
    broken = home.send("anna", b"no audio")
    home.run()
    home.store("raw").delete(broken.name, broken.version)  # missing now, which must be seen
    other = home.send("bruno", recording(1))
    record = QuarantineRecord(
        other.name, other.version, broken.sha256, 10, "not-audio", LONG_AGO, 0
    )
    opened = eraser(home)
    opened.quarantine.add(record, opened.undertaker.signer)
    calendar(home).on(days=20)

    report = retain(home)

    assert {name for one in report.rows for name in one.left} == {other.name}
    assert other.sha256 in home.standing()
    assert home.leaves("disposed") == []


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff" * 40, b"[1]"])
def test_a_damaged_record_blocks_nothing(blank: Home, content: bytes) -> None:
    """The recording's own age counts; others go on their day."""
    home = on_calendar(blank, versioned=False, raw_days=30, quarantine_days=10)
    broken = home.send("anna", b"no audio")
    other = home.send("bruno", b"no audio either")
    home.run()
    journal = home.store("journal")
    for listed in list(journal.list("quarantine/")):
        if broken.name.encode() in journal.get(listed.name).data:
            journal.replace(listed.name, content, version=listed.version)
    calendar(home).on(days=10)
    retain(home)
    assert home.standing() == {broken.sha256}
    calendar(home).on(days=30)
    report = retain(home)
    assert home.standing() == set()
    assert {leaf.digest for leaf in home.leaves("disposed")} == {broken.sha256, other.sha256}
    (left,) = {name for one in report.rows for name in one.left}
    assert left.startswith("quarantine/")


def test_without_its_record_too_what_is_in_quarantine_has_its_days(blank: Home) -> None:
    """Who deletes a record does not have `raw_days`, which are fewer, count instead."""
    home = on_calendar(blank, versioned=True, raw_days=10, quarantine_days=20)
    broken = home.send("anna", b"no audio")
    home.run()
    journal = home.store("journal")
    for entry in list(journal.versions("quarantine/")):
        journal.delete(entry.name, entry.version)
    calendar(home).on(days=19)

    report = retain(home)

    assert {name for one in report.rows for name in one.left} == {broken.name}
    assert home.standing() == {broken.sha256}
    calendar(home).on(days=20)
    assert retain(home).destroyed == 1


def test_an_access_record_under_an_old_date_stays(blank: Home) -> None:
    """A reader who names its records itself hides no read."""
    home = on_calendar(blank, versioned=True, audit_days=100)
    home.store("audit").put_if_absent("reads/1999-01-01/x.json", b"{}\n")
    calendar(home).on(days=99)
    assert retain(home).destroyed == 0
    assert standing(home)["audit"] == ["reads/1999-01-01/x.json"]


def test_a_planted_intent_is_not_acted_upon(blank: Home, tmp_path: Path) -> None:
    """Signed by another log's key, for another name, or not at all: shown, and nothing goes."""
    home = on_calendar(blank, versioned=True)
    sent = home.send("anna", recording(1))
    home.run()
    entry = home.store("training").head(sent.feature_name)
    assert entry is not None
    stranger = Home.create(tmp_path / "stranger")
    worker = stranger.settings.vault("worker")
    signer = stranger.settings.signer(worker)
    key = Ed25519PrivateKey.from_private_bytes(worker.get("log/signing"))
    forged = Signer(home.verifier.name, key)
    journal = home.store("journal")
    intents = SweepIntents(journal, home.verifier)
    items = [Item(entry.name, entry.version)]
    for by in (signer, forged):
        intents.write(Rule.FEATURES, "training", items, by)
    own = intents.write(Rule.FEATURES, "training", items, eraser(home).undertaker.signer)
    journal.put_if_absent("intents/sweeps/another-name", journal.get(own.name).data)
    journal.put_if_absent("intents/sweeps/garbage", b"x")
    intents.remove(own)
    before = standing(home)

    report = retain(home)

    assert (report.destroyed, len(report.rows[0].left)) == (0, 4)
    assert standing(home) == before
    assert home.leaves("swept") == []


def test_an_intent_of_ours_destroys_nothing_either(blank: Home) -> None:
    """What a dead run had not destroyed is decided anew: the settings may be others by now."""
    home = on_calendar(blank, versioned=True)
    sent = home.send("anna", recording(1))
    home.run()
    entry = home.store("training").head(sent.feature_name)
    assert entry is not None
    dead = eraser(home)
    SweepIntents(home.store("journal"), home.verifier).write(
        Rule.FEATURES, "training", [Item(entry.name, entry.version)], dead.undertaker.signer
    )
    before = standing(home)
    assert retain(home).destroyed == 0
    assert standing(home) == before
    assert list(home.store("journal").list("intents/")) == []
    assert home.leaves("swept") == []


def test_a_copy_of_a_key_under_another_name_gets_no_leaf(blank: Home) -> None:
    """The log would say of a key that still opens features that it is gone."""
    home = on_calendar(blank, versioned=True, features_days=10)
    sent = home.send("anna", recording(1))
    home.run()
    training = home.store("training")
    key = training.get(key_object_name(sent.pseudonym)).data
    nobody = "b" * 26
    training.put_if_absent(key_object_name(nobody), key)
    calendar(home).on(days=9)
    home.send("anna", recording(2))
    home.run()
    calendar(home).on(days=10)

    retain(home)

    assert [one.name for one in training.list("keys/")] == [key_object_name(sent.pseudonym)]
    assert home.leaves("contributor-key-destroyed") == []
    assert len(home.features()) == 1
    verify_log(home.store("log"), home.verifier)


def test_a_copy_of_an_original_gets_no_leaf_while_that_one_stays(blank: Home) -> None:
    """Somebody who can put into the archive labels an object with another's digest."""
    home = on_calendar(blank, versioned=True, archive=("*",), archive_days=100)
    home.send("anna", recording(1))
    home.run()
    archive = home.store("archive")
    assert isinstance(archive, MemoryStore)
    (original,) = archive.list()
    kept = archive.keeping(original.name, original.version)
    assert kept is not None
    digest = kept.labels[DIGEST_LABEL]
    archive.put_locked(
        f"{'b' * 26}/copy.unv", b"x", until=START + timedelta(days=1), mode="GOVERNANCE",
        storage_class="GLACIER", labels={DIGEST_LABEL: digest},
    )  # fmt: skip
    longer = on_longer_lock(home)
    calendar(home).on(days=100)

    rows = keep_rule(eraser(longer), Rule.ARCHIVE)

    copy = f"{'b' * 26}/copy.unv"
    assert [(one.destroyed, list(one.left)) for one in rows] == [(0, [copy])]
    assert {one.name for one in archive.list()} == {original.name, copy}
    assert home.leaves("archive-destroyed") == []
    assert home.leaves("swept") == []


def on_longer_lock(home: Home) -> Home:
    """The same, its one original locked for a year more."""
    archive = home.store("archive")

    def longer(operation: str, name: str, proceed: Any) -> Any:
        found = proceed()
        if operation == "keeping" and not name.endswith("copy.unv"):
            return replace(found, retain_until=found.retain_until + timedelta(days=365))
        return found

    hooked: Any = HookedStore(archive, longer)
    return home.on(archive=hooked)
