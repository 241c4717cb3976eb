"""Archiving, reading and ending archived originals, and making intake keys: each by its own role.

On a real S3 server with each role's credentials alone. What Amazon would refuse besides, by the
role's policy with its conditions on puts, is listed and has to be nothing.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.access.conftest import Account
from tests.access.office import Office, Person
from tests.access.operations import tomorrow
from tests.features.recordings import encoded, noise
from tests.servers import trouble
from unvoiced.access.roles import Role
from unvoiced.announcements import create_intake_key, current_announcement
from unvoiced.disposal.labels import CONTENT_LABEL, DIGEST_LABEL
from unvoiced.errors import AlreadyExists, Locked, NotAllowed, NotFound, StoreError
from unvoiced.keys.intake import Epoch
from unvoiced.sealing import PrivateKey, open_sealed, parse_header
from unvoiced.sections import DisposalSettings
from unvoiced.stores import Store
from unvoiced.stores.interface import CONDITIONS_PROBE
from unvoiced.stores.s3 import S3Store

pytestmark = pytest.mark.server

VOICE = encoded(noise(1600, 1))


@pytest.fixture
def office(account: Account, tmp_path: Path) -> Office:
    """A new deployment in the account's buckets, whose originals are archived."""
    office = Office.open(account, tmp_path / "home")
    return replace(office, disposal=DisposalSettings(archive=("*",)))


@pytest.fixture
def worker(office: Office) -> Person:
    """A worker that has archived one recording, and could with its own rights."""
    office.administrator().send("anna", VOICE)
    worker = office.hire(Role.WORKER)
    report = worker.run()
    assert (report.disposed, report.left) == (1, {})
    assert worker.would_be_refused_at_amazon() == []
    return worker


def only(store: Store) -> tuple[str, str]:
    """Name and version of the one object there, beside what proves the store's conditions."""
    (entry,) = (entry for entry in store.versions() if entry.name != CONDITIONS_PROBE)
    return entry.name, entry.version


def refused(act: Callable[[], Any]) -> None:
    """These credentials may not."""
    with pytest.raises(NotAllowed):
        act()


def test_a_worker_archives_and_cannot_read_what_it_archived(office: Office, worker: Person) -> None:
    """Not the object, its version or its HEAD, not by restoring it, and it destroys nothing."""
    archive = worker.store("archive")
    name, version = only(archive)
    kept = archive.keeping(name, version)
    assert kept is not None
    assert kept.retain_until is not None
    assert kept.labels.keys() >= {DIGEST_LABEL, CONTENT_LABEL}
    assert (kept.storage_class, kept.legal_hold) == ("GLACIER", False)

    refused(lambda: archive.get(name))
    refused(lambda: archive.get(name, version))
    refused(lambda: archive.head(name))
    refused(lambda: archive.restore(name, version, days=1, tier="Bulk"))
    with pytest.raises(Locked):
        archive.delete(name, version)
    admin = office.administrator().store("archive")
    other = admin.put_if_absent("unlocked/sample.unv", b"1")
    refused(lambda: archive.delete("unlocked/sample.unv", other))
    assert {version, other} <= {entry.version for entry in admin.versions()}


def test_a_worker_finds_its_own_put_by_its_labels(office: Office, worker: Person) -> None:
    """A put whose answer got lost meets itself; who may not read is told by labels whose it is."""
    labels = {DIGEST_LABEL: "a" * 64, CONTENT_LABEL: "b" * 64}
    credentials = office.account.assume(Role.WORKER)
    with trouble.in_front_of(office.account.server) as proxy:
        server = replace(office.account.server, endpoint=proxy.endpoint)
        archive = S3Store("archive", client=server.client(credentials))
        name = f"{'a' * 26}/sample.unv"
        proxy.next(trouble.hang_up_after, method="PUT", part=name)
        with pytest.raises(AlreadyExists):
            archive.put_locked(
                name,
                b"sealed",
                until=tomorrow(),
                mode="GOVERNANCE",
                storage_class="GLACIER",
                labels=labels,
            )
        (entry,) = archive.versions(name)
        kept = archive.keeping(name, entry.version)
    assert kept is not None
    assert kept.labels == labels


def test_an_archivist_opens_what_a_worker_archived(office: Office, worker: Person) -> None:
    """With the key of the archive's own vault; it destroys none of it."""
    archivist = office.hire(Role.ARCHIVIST)
    archive = archivist.store("archive")
    name, version = only(archive)
    assert archive.restore(name, version, days=1, tier="Bulk")  # a class is but a name here
    sealed = archive.get(name, version).data
    key = PrivateKey(archivist.settings.vault("archive").get("archive/archive"))
    context = parse_header(sealed).context
    assert context["purpose"] == "archive"
    with open_sealed(sealed, key, context) as recording:
        assert bytes(recording.data) == VOICE
    assert archivist.would_be_refused_at_amazon() == []

    refused(lambda: archivist.store("raw").get(name))
    refused(lambda: archivist.settings.vault("worker").get("content/tag"))
    features = next(iter(archivist.store("training").list("features/")))
    refused(lambda: archivist.store("training").delete(features.name, features.version))
    with pytest.raises(StoreError):
        archive.delete(name, version)
    assert only(office.administrator().store("archive")) == (name, version)


def test_an_eraser_sees_what_an_archived_original_is_and_until_when(
    office: Office, worker: Person
) -> None:
    """By its labels and its lock, which it cannot lift; not by its bytes, nor by features'."""
    eraser = office.hire(Role.ERASER)
    archive = eraser.store("archive")
    name, version = only(archive)
    kept = archive.keeping(name, version)
    assert kept is not None
    assert len(kept.labels[DIGEST_LABEL]) == 64
    with pytest.raises(Locked, match="GOVERNANCE"):
        archive.delete(name, version)
    assert eraser.would_be_refused_at_amazon() == []
    refused(lambda: archive.get(name))
    refused(lambda: archive.get(name, version))
    training = eraser.store("training")
    for entry in training.list("features/"):
        refused(lambda name=entry.name: training.get(name))
    for entry in training.list("keys/"):
        assert training.get(entry.name).data
    refused(lambda: eraser.store("log").put_if_absent("intake/2026-w50", b"announced"))
    refused(lambda: eraser.store("raw").put_if_absent(name, b"planted"))


def test_a_worker_lifts_no_hold_and_forgets_nobody(office: Office) -> None:
    """In the journal it destroys its own, and neither holds nor who was erased."""
    admin, worker = office.administrator(), office.hire(Role.WORKER)
    journal = admin.store("journal")
    for name in ("holds/everything", "suppressed/0123", "erasures/0123"):
        version = journal.put_if_absent(name, b"{}")
        refused(lambda n=name, v=version: worker.store("journal").delete(n, v))
        refused(lambda n=name: worker.store("journal").put_if_absent(f"{n}4", b"{}"))
        assert worker.store("journal").get(name).data == b"{}"
    for name in ("pages/0123", "intents/0123", "quarantine/0123", "retiring/0123"):
        own = worker.store("journal").put_if_absent(name, b"{}")
        worker.store("journal").delete(name, own)


def test_a_key_keeper_makes_the_next_intake_key_and_cannot_get_at_it(office: Office) -> None:
    """Wrapped for the worker, known to the log, announced; the worker can open what comes to it."""
    admin, keeper = office.administrator(), office.hire(Role.KEY_KEEPER)
    sent = admin.send("anna", VOICE)
    vault = keeper.settings.vault("worker")
    week = Epoch.of(keeper.clock()).first_of_next_week
    made = create_intake_key(
        keeper.settings, vault, keeper.clock(), keeper.settings.signer(vault), epoch=week
    )
    assert keeper.would_be_refused_at_amazon() == []
    assert made.epoch == week.name
    assert made.epoch in current_announcement(admin.settings)
    worker = office.hire(Role.WORKER)
    opened = PrivateKey(worker.settings.vault("worker").get(f"intake/{made.epoch}"))
    assert opened.public == made.public

    first = Epoch.of(keeper.clock()).name
    for secret in (f"intake/{made.epoch}", f"intake/{first}", "content/tag"):
        refused(lambda secret=secret: vault.get(secret))
    with pytest.raises(AlreadyExists):
        create_intake_key(keeper.settings, vault, keeper.clock(), epoch=week)
    refused(lambda: keeper.store("raw").get(sent.name, sent.version))
    refused(lambda: list(keeper.store("raw").versions()))
    of_worker = admin.settings.vault("worker").store
    entry = of_worker.head(f"intake/{first}.key")
    assert entry is not None
    refused(lambda: vault.store.delete(entry.name, entry.version))


def test_a_worker_destroys_intake_keys_and_no_other_secret(office: Office) -> None:
    """Its own at the end of an epoch; what signs and what tags content stays."""
    admin, worker = office.administrator(), office.hire(Role.WORKER)
    mine = worker.settings.vault("worker").store
    for entry in list(admin.settings.vault("worker").store.list()):
        if entry.name.startswith("intake/"):
            mine.delete(entry.name, entry.version)
            with pytest.raises(NotFound):
                mine.get(entry.name, entry.version)
        else:
            refused(lambda e=entry: mine.delete(e.name, e.version))
