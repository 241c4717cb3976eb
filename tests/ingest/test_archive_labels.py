"""Labels of archived originals: only the log's key makes them, and only for one name."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from tests.ingest.claims import finished
from tests.ingest.dying import Died, dies
from tests.ingest.home import START, Home, Sent
from tests.ingest.hooked_store import HookedStore, once
from unvoiced.disposal import Journal
from unvoiced.disposal.journal import ArchivedOriginal
from unvoiced.disposal.labels import (
    CONTENT_LABEL,
    DIGEST_LABEL,
    SIGNATURE_LABEL,
    Labels,
    genuine_labels,
    signed_labels,
)
from unvoiced.log.note import Signer
from unvoiced.log.statement import sign_apart
from unvoiced.stores import Keeping

NAME = f"{'a' * 26}/sample.unv"
LABELS = Labels("a" * 64, "b" * 64)


def signer(home: Home) -> Signer:
    """The log's key."""
    return home.settings.signer(home.settings.vault("worker"))


def kept(labels: Mapping[str, str]) -> Keeping:
    """An object with these labels."""
    return Keeping(1, "GLACIER", None, labels=labels)


def test_labels_are_believed_under_the_one_name_they_were_signed_for(
    home: Home, tmp_path: Path
) -> None:
    """Not with a character changed, under another name, by another key, or from another title."""
    ours = signer(home)
    labels = signed_labels(NAME, LABELS, ours)
    assert genuine_labels(NAME, kept(labels), home.verifier) == LABELS
    assert all(len(value) <= 256 for value in labels.values())  # S3's most
    other = signer(Home.create(tmp_path / "other"))
    body = {"name": NAME, "sha256": LABELS.sha256, "content": LABELS.content}
    refused = [
        {},
        {one: text for one, text in labels.items() if one != SIGNATURE_LABEL},
        *({**labels, one: text} for one in labels for text in ("", "0" * 64, "é", "AAAA")),
        {**labels, DIGEST_LABEL: LABELS.content, CONTENT_LABEL: LABELS.sha256},
        signed_labels(NAME, LABELS, other),
        {**labels, SIGNATURE_LABEL: sign_apart("unvoiced suppression v1", body, ours)},
    ]
    for found in refused:
        assert genuine_labels(NAME, kept(found), home.verifier) is None, found
    for name in ("", NAME + "x", "\ud800"):
        assert genuine_labels(name, kept(labels), home.verifier) is None


@pytest.mark.inv("INV-3", "INV-4")
@pytest.mark.parametrize("kind", ["digest", "unsigned", "borrowed"])
def test_garbage_is_not_taken_for_the_copy_that_a_dead_run_had_journalled(
    home: Home, voices: list[bytes], kind: str
) -> None:
    """Its digest stands in the journal before anything stands in the archive; the recording is held
    up, and archived when that is removed."""
    home = home.in_memory(versioned=True).archiving("*")
    bruno = home.send("bruno", voices[1])
    home.run()
    archive = home.store("archive")
    genuine = archive.keeping(*_place(home, bruno))
    assert genuine is not None

    def die() -> None:
        raise Died

    sent = home.send("anna", voices[0])
    assert dies(home.on(archive=HookedStore(archive, once("put_locked", "", die))).run)
    planned = _journalled(home)
    labels = {
        "digest": {DIGEST_LABEL: planned.sha256},
        "unsigned": {**signed_labels(planned.name, LABELS, signer(home)),
                     DIGEST_LABEL: planned.sha256},
        "borrowed": {**genuine.labels, DIGEST_LABEL: planned.sha256},
    }[kind]  # fmt: skip
    until = START + timedelta(days=9000)
    version = archive.put_locked(
        planned.name, b"garbage", until=until, mode="GOVERNANCE", storage_class="GLACIER",
        labels=labels,
    )  # fmt: skip

    report = home.run()

    assert home.standing() == {sent.sha256}
    assert sent.name in report.left
    assert len(home.leaves("disposed")) == 1
    assert home.status().adds_up
    home.clock.forward(9001)
    archive.delete(planned.name, version)
    assert home.run().archived == 1
    assert (planned.name, voices[0]) in home.archived()
    finished(home, [bruno, sent])


def _place(home: Home, sent: Sent) -> tuple[str, str]:
    (entry,) = home.store("archive").versions(f"{sent.pseudonym}/")
    return entry.name, entry.version


def _journalled(home: Home) -> ArchivedOriginal:
    (entry,) = (one for page in Journal(home.store("journal")).pages() for one in page.entries)
    assert entry.archived is not None
    return entry.archived
