"""Who can write to the journal's store cannot say what is to be destroyed."""

import json
import secrets
from typing import Any

import pytest
import rfc8785

from tests.ingest.home import Home, digest
from unvoiced.disposal import Journal, JournalEntry, PlacedFeatures
from unvoiced.errors import AccessError, VerificationError


def plant(home: Home, content: object) -> None:
    """Put a page into the journal's store."""
    name = f"pages/{secrets.token_hex(12)}.json"
    home.store("journal").put_if_absent(name, rfc8785.dumps(content))  # type: ignore[arg-type]


def entry_about(home: Home, name: str, version: str, sha256: str) -> dict[str, Any]:
    """An entry that names features and a key which are there, of somebody else."""
    training = home.store("training")
    features = next(iter(training.list("features/"))).name
    key = next(iter(training.list("keys/"))).name
    return {
        "name": name,
        "version": version,
        "sha256": sha256,
        "features": [
            {
                "name": features,
                "feature_set": "0" * 64,
                "sha256": digest(training.get(features).data),
            }
        ],
        "key_name": key,
        "key_sha256": digest(training.get(key).data),
    }


@pytest.mark.inv("INV-3", "INV-4")
@pytest.mark.parametrize("mac", [None, "", "0" * 64, 7, ["a"]])
def test_a_planted_page_destroys_nothing_and_makes_no_receipt(
    home: Home, voices: list[bytes], mac: object
) -> None:
    """It stops the run, which says which page it is."""
    home.send("anna", voices[0])
    home.run()
    still_there = home.send("bruno", b"no audio")
    home.run()
    victim = home.send("carla", voices[1])
    receipts = home.leaves("disposed")
    entries = [entry_about(home, victim.name, victim.version, still_there.sha256)]
    plant(home, entries if mac is None else {"entries": entries, "mac": mac})

    with pytest.raises(VerificationError, match="journal page pages/"):
        home.run()

    assert {victim.sha256, still_there.sha256} <= home.standing()
    assert home.leaves("disposed") == receipts


@pytest.mark.inv("INV-3", "INV-4")
def test_a_genuine_page_is_good_under_its_own_name_and_unchanged_only(
    home: Home, voices: list[bytes]
) -> None:
    """Put back under another name, or with one digest changed, a worker refuses it."""
    sent = home.send("anna", voices[0])
    home.run()
    fields = entry_about(home, sent.name, sent.version, sent.sha256)
    placed = tuple(PlacedFeatures(**each) for each in fields["features"])
    journal, store = home.bench().journal, home.store("journal")
    page = journal.write([JournalEntry(**{**fields, "features": placed})])
    assert [one.name for one in journal.pages()] == [page.name]

    content = json.loads(store.get(page.name).data)
    journal.remove(page)
    for changed in (content, {**content, "entries": [{**fields, "sha256": "f" * 64}]}):
        plant(home, changed)
        with pytest.raises(VerificationError, match="not written by a worker"):
            list(journal.pages())
        for planted in list(store.list("pages/")):
            store.delete(planted.name, planted.version)


def test_without_the_workers_secret_pages_are_counted_and_never_written(home: Home) -> None:
    """What `status` does needs no vault."""
    journal = Journal(home.store("journal"))
    assert list(journal.pages()) == []
    with pytest.raises(AccessError):
        journal.write([])
