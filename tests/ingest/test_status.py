"""The conservation count: right in every state, loud when something is missing, and keyless."""

import shutil
from typing import Any

import pytest

from tests.ingest.claims import finished
from tests.ingest.dying import Died, dies
from tests.ingest.home import Home, Sent
from tests.ingest.hooked_store import HookedStore, once
from unvoiced.disposal import QuarantineRecord
from unvoiced.ingest.status import Status


def counts(status: Status) -> tuple[int, int, int, int]:
    """Accepted, disposed, quarantined, backlog."""
    return status.accepted, status.disposed, status.quarantined, status.backlog


def stopped(home: Home, store: str, operation: str, prefix: str, *, after: bool = False) -> None:
    """A run that dies around its first such call."""

    def die() -> None:
        raise Died

    around = once(operation, prefix, die, after=after)
    hooked: dict[str, Any] = {store: HookedStore(home.store(store), around)}
    assert dies(home.on(**hooked).run)


@pytest.fixture
def sent(home: Home, voices: list[bytes]) -> Sent:
    """One recording in the raw store."""
    return home.send("anna", voices[0])


@pytest.mark.inv("INV-5")
def test_uploaded(home: Home, sent: Sent) -> None:
    """In the raw store, and no run has seen it yet."""
    status = home.status()
    assert status.adds_up
    assert counts(status) == (0, 0, 0, 0)
    assert (status.not_accepted, status.raw_objects) == (1, 1)
    assert status.raw_bytes == len(sent.sealed)


@pytest.mark.inv("INV-5")
def test_accepted_and_not_processed(home: Home, sent: Sent) -> None:
    """In the log, and still in the raw store."""
    stopped(home, "journal", "put_if_absent", "pages/")
    status = home.status()
    assert status.adds_up
    assert counts(status) == (1, 0, 0, 1)
    assert (status.waiting, status.finishing, status.not_accepted) == (1, 0, 0)


@pytest.mark.inv("INV-5")
def test_journalled_and_destroyed(home: Home, sent: Sent) -> None:
    """Gone from the raw store, no receipt yet: the next run finishes it."""
    stopped(home, "raw", "delete", sent.name, after=True)
    status = home.status()
    assert status.adds_up
    assert counts(status) == (1, 0, 0, 1)
    assert (status.waiting, status.finishing, status.raw_objects) == (0, 1, 0)
    home.run()
    finished(home, [sent])


@pytest.mark.inv("INV-5")
def test_quarantined_and_disposed(home: Home, sent: Sent) -> None:
    """One of each, with the reasons counted."""
    home.send("anna", b"no audio")
    home.put("x.txt", b"no sealed object")
    home.run()
    status = home.status()
    assert status.adds_up
    assert counts(status) == (3, 1, 2, 0)
    assert status.quarantine_reasons == {"not-audio": 1, "name-not-recognised": 1}
    assert (status.raw_objects, status.not_accepted) == (2, 0)


@pytest.mark.inv("INV-5")
@pytest.mark.parametrize("where", ["backlog", "quarantine"])
def test_what_an_outsider_removes_is_missing(home: Home, sent: Sent, where: str) -> None:
    """Taken from the raw store while the log says it waits there: named, and it does not add up."""
    if where == "backlog":
        stopped(home, "journal", "put_if_absent", "pages/")
    else:
        home.store("raw").delete(sent.name, sent.version)
        sent = home.send("anna", b"no audio")
        home.run()
        sent = Sent(sent.name, home.store("raw").get(sent.name).version, sent.sha256, b"", b"")
    assert home.status().adds_up
    home.store("raw").delete(sent.name, sent.version)
    status = home.status()
    assert status.missing == [sent.sha256]
    assert not status.adds_up


@pytest.mark.inv("INV-5")
def test_another_object_in_the_place_of_one_that_waits_does_not_hide_it(
    home: Home, sent: Sent, voices: list[bytes]
) -> None:
    """A recording is found by its digest, not by its name."""
    stopped(home, "journal", "put_if_absent", "pages/")
    home.store("raw").delete(sent.name, sent.version)
    home.put(sent.name, b"something else")
    status = home.status()
    assert status.missing == [sent.sha256]
    assert status.not_accepted == 1


def test_no_key_is_needed(home: Home, sent: Sent) -> None:
    """Whoever may list the stores can count: the keys folder is not even there."""
    home.run()
    before = home.status()
    shutil.rmtree(home.settings.folder / "keys")
    assert home.status() == before
    assert before.adds_up


@pytest.mark.inv("INV-5")
@pytest.mark.parametrize(
    ("store", "operation", "after"),
    [
        ("raw", "versions", True),
        ("journal", "list", False),
        ("journal", "list", True),
        ("log", "get", False),
    ],
)
def test_a_whole_run_in_the_middle_of_a_look_raises_no_alarm(
    home: Home, sent: Sent, store: str, operation: str, after: bool
) -> None:
    """All of a run happens between two of the looker's calls: nothing is called missing."""
    around = once(operation, "", home.run, after=after)
    hooked: dict[str, Any] = {store: HookedStore(home.store(store), around)}
    assert home.on(**hooked).status().adds_up
    finished(home, [sent])


@pytest.mark.inv("INV-5")
def test_a_run_that_destroys_in_the_middle_of_a_look_raises_no_alarm(
    home: Home, sent: Sent
) -> None:
    """Journal read before the page was written, raw store read after the object went."""

    def run_to_the_destruction() -> None:
        stopped(home, "raw", "delete", sent.name, after=True)

    # The log is read after the journal and before the objects of the raw store.
    around = once("get", "checkpoint", run_to_the_destruction)
    looked = home.on(log=HookedStore(home.store("log"), around)).status()
    assert looked.adds_up, looked


@pytest.mark.inv("INV-5")
def test_an_upload_in_the_middle_of_a_look_raises_no_alarm(home: Home, voices: list[bytes]) -> None:
    """Uploaded and accepted after the raw store was listed, and counted before it is looked for."""

    def upload_and_accept() -> None:
        home.send("anna", voices[1])
        stopped(home, "journal", "put_if_absent", "pages/")

    around = once("get", "checkpoint", upload_and_accept)
    looked = home.on(log=HookedStore(home.store("log"), around)).status()
    assert looked.adds_up, looked


@pytest.mark.inv("INV-5")
def test_a_quarantine_record_of_an_object_that_is_gone_accepts_nothing(
    home: Home, voices: list[bytes]
) -> None:
    """Two workers differ over a recording: one disposed of it, the other had written a record.

    The record, still there when something new stands under the name, must not log an acceptance
    of what is no more.
    """
    sent = home.send("anna", voices[0])
    slow = home.bench("slow")
    items = home.plan(slow).batches[0]
    home.run()
    slow.quarantine.add(
        QuarantineRecord(
            sent.name,
            sent.version,
            sent.sha256,
            items[0].size,
            "worker-killed",
            "2026-11-23",
            log_size=slow.accounts.current().size,
        ),
        slow.signer,
    )
    home.send("anna", voices[0])
    home.run()
    status = home.status()
    assert status.adds_up, status
    assert counts(status) == (2, 2, 0, 0)
