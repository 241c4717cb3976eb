"""No leaf says of a key, or of an archived original, that it is gone while the same bytes stand."""

from datetime import timedelta

import pytest

from tests.ingest.home import Home, digest
from tests.retention.calendar_home import (
    calendar,
    eraser,
    on_calendar,
    recording,
    retain,
    with_retention,
)
from unvoiced.disposal.labels import DIGEST_LABEL
from unvoiced.keys.contributor import key_object_name
from unvoiced.log.verify import verify_log
from unvoiced.retention.keep import keep_rule
from unvoiced.retention.look import Deployment, decide
from unvoiced.retention.rules import Rule
from unvoiced.stores import Entry, Keeping
from unvoiced.stores.interface import CONDITIONS_PROBE
from unvoiced.stores.memory import MemoryStore

UNLOCKED_SOON = {"mode": "GOVERNANCE", "storage_class": "GLACIER"}


def archive_of(home: Home) -> MemoryStore:
    """The archive, in memory."""
    archive = home.store("archive")
    assert isinstance(archive, MemoryStore)
    return archive


def original(home: Home, whose: str) -> tuple[Entry, Keeping]:
    """The one that a contributor has in the archive, and how it is kept."""
    archive = archive_of(home)
    (entry,) = archive.versions(f"{whose}/")
    kept = archive.keeping(entry.name, entry.version)
    assert kept is not None
    return entry, kept


def plant(home: Home, name: str, data: bytes, labels: dict[str, str], *, days: float = 0.01) -> str:
    """What somebody puts on top who can put into the archive."""
    archive, until = archive_of(home), home.clock() + timedelta(days=days)
    if archive.head(name) is not None:
        archive.hide(name)
    return archive.put_locked(name, data, until=until, labels=labels, **UNLOCKED_SOON)


def said_destroyed(home: Home) -> list[str]:
    """The digests of archived originals and keys that the log says are gone; the log verifies."""
    verify_log(home.store("log"), home.verifier)
    kinds = ("archive-destroyed", "contributor-key-destroyed")
    return [leaf.digest for kind in kinds for leaf in home.leaves(kind)]


@pytest.mark.inv("INV-4")
def test_a_key_that_was_put_over_itself_is_not_called_destroyed(blank: Home) -> None:
    """A backup put back leaves an old version of the same bytes: it goes without a leaf of its own,
    and the key has one when its last version is gone."""
    home = on_calendar(blank, versioned=True)
    sent = home.send("anna", recording(1))
    home.run()
    training, name = home.store("training"), key_object_name(sent.pseudonym)
    key = training.get(name)
    training.replace(name, key.data, version=key.version)
    calendar(home).on(days=8)

    retain(home)

    assert len(list(training.versions(name))) == 1
    assert said_destroyed(home) == []
    assert [leaf.fields["objects"] for leaf in home.leaves("swept")] == [1]
    assert len(home.features()) == 1
    retain(with_retention(home, inactive_days=8))
    assert said_destroyed(home) == [digest(key.data)]


@pytest.mark.inv("INV-4")
def test_an_original_labelled_by_somebody_else_gets_nobodys_leaf(blank: Home) -> None:
    """Junk in one contributor's folder that bears the digest, or all labels, of another's."""
    home = on_calendar(blank, versioned=True, archive=("*",), archive_days=2000, inactive_days=100)
    bruno = home.send("bruno", recording(2))
    home.run()
    calendar(home).on(days=50)
    anna = home.send("anna", recording(1))
    home.run()
    entry, kept = original(home, anna.pseudonym)
    plant(home, f"{bruno.pseudonym}/digest", b"junk", {DIGEST_LABEL: kept.labels[DIGEST_LABEL]})
    plant(home, f"{bruno.pseudonym}/all", b"junk", dict(kept.labels))
    calendar(home).on(days=110)

    retain(home)

    assert kept.labels[DIGEST_LABEL] not in said_destroyed(home)
    assert original(home, anna.pseudonym) == (entry, kept)


@pytest.mark.inv("INV-4")
@pytest.mark.parametrize("labels", ["all of them", "none", "another digest, unsigned"])
def test_an_original_that_was_put_back_is_not_called_destroyed(blank: Home, labels: str) -> None:
    """The old version goes while the same bytes stand on top, however those are labelled."""
    home = on_calendar(blank, versioned=True, archive=("*",), archive_days=30)
    sent = home.send("anna", recording(1))
    home.run()
    entry, kept = original(home, sent.pseudonym)
    data = archive_of(home).get(entry.name).data
    calendar(home).on(days=10)
    chosen = {
        "all of them": dict(kept.labels),
        "none": {},
        "another digest, unsigned": {**kept.labels, DIGEST_LABEL: "0" * 64},
    }[labels]
    version = plant(home, entry.name, data, chosen, days=30)
    calendar(home).on(days=31)

    retain(home)

    standing = [one.version for one in archive_of(home).versions() if not one.delete_marker]
    assert standing == [version]
    assert said_destroyed(home) == []
    assert sum(int(str(leaf.fields["objects"])) for leaf in home.leaves("swept")) == 1
    calendar(home).on(days=41)
    report = retain(home)
    if labels == "all of them":
        assert list(archive_of(home).versions()) == []
        assert said_destroyed(home) == [kept.labels[DIGEST_LABEL]]
    else:  # nobody can say what it is, so it is left, and reported
        assert {name for row in report.rows for name in row.left} == {entry.name}
        assert said_destroyed(home) == []


@pytest.mark.inv("INV-4")
def test_a_copy_of_the_labels_brings_no_originals_end_on(blank: Home) -> None:
    """Junk under an original's own name, with its genuine labels and a shorter lock, goes first."""
    home = on_calendar(blank, versioned=True, archive=("*",), archive_days=30)
    sent = home.send("anna", recording(1))
    home.run()
    entry, kept = original(home, sent.pseudonym)
    plant(home, entry.name, b"junk", dict(kept.labels))
    shorter = with_retention(home, archive_days=5)
    calendar(home).on(days=6)
    (decision,) = decide(Deployment.of(shorter.settings), Rule.ARCHIVE, home.clock())
    assert [one.sha256 for one in decision.due] == [kept.labels[DIGEST_LABEL]]

    retain(shorter)

    assert [one.version for one in archive_of(home).versions() if not one.delete_marker] == [
        entry.version
    ]
    assert said_destroyed(home) == []
    calendar(home).on(days=31)
    retain(home)
    assert said_destroyed(home) == [kept.labels[DIGEST_LABEL]]


@pytest.mark.parametrize("rule", [Rule.ARCHIVE, Rule.PURPOSE])
def test_the_probe_of_an_archive_is_nobodys_original(blank: Home, rule: Rule) -> None:
    """What is left of asking whether a store keeps its conditions stays where it is."""
    home = on_calendar(blank, versioned=True, archive_days=1, purpose_satisfied="2026-11-25")
    home.store("archive").put_if_absent(CONDITIONS_PROBE, b"")
    calendar(home).on(days=9)
    assert sum(row.due for row in keep_rule(eraser(home), rule)) == 0
    assert [one.name for one in home.store("archive").list()] == [CONDITIONS_PROBE]
