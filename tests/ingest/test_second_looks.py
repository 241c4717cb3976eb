"""What a run must look at once more, because the world moved between its look and its act."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.ingest.home import Home, Sent
from tests.ingest.hooked_store import HookedStore, once
from unvoiced.config import load_settings
from unvoiced.errors import StoreError, VerificationError
from unvoiced.ingest import plan, portion, refusals
from unvoiced.ingest.batch import ingest_batch, quarantine_unopened
from unvoiced.ingest.interrupted import finish_interrupted
from unvoiced.ingest.plan import make_plan
from unvoiced.log.leaves import encode_leaf


class Died(BaseException):
    """The process ended here."""


def dies(*_: object, **__: object) -> None:
    """Stands in for a step that a run does not live to take."""
    raise Died


def killed(monkeypatch: pytest.MonkeyPatch, step: str, run: Callable[[], object]) -> None:
    """Run something that dies at a step of `ingest.portion`."""
    with monkeypatch.context() as patch:
        patch.setattr(portion, step, dies)
        with pytest.raises(Died):
            run()


@pytest.fixture
def sent(home: Home, voices: list[bytes]) -> Sent:
    """A recording in the raw store."""
    return home.send("anna", voices[0])


@pytest.mark.inv("INV-5")
def test_a_quarantine_record_is_not_mended_over_a_disposal(
    home: Home, sent: Sent, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between seeing that it stands and accepting it, another run disposed of it."""
    first = home.bench("first")
    items = home.plan(first).batches[0]
    killed(monkeypatch, "settle", lambda: ingest_batch(first, items))
    with monkeypatch.context() as patch:
        patch.setattr(refusals, "encode_leaf", dies)
        with pytest.raises(Died):
            quarantine_unopened(home.bench("second"), items[0], "worker-killed")
    looked, other = plan._stands, home.bench("other")

    def stands(*arguments: object) -> bool:
        seen = looked(*arguments)  # type: ignore[arg-type]
        finish_interrupted(other)
        return seen

    with monkeypatch.context() as patch:
        patch.setattr(plan, "_stands", stands)
        home.plan(home.bench("planner"))
    home.run()
    status = home.status()
    assert status.adds_up, status.missing
    assert status.accepted == status.disposed == 1


@pytest.mark.inv("INV-7")
def test_a_log_that_goes_back_while_it_is_opened_is_not_appended_to(
    home: Home, sent: Sent, tmp_path: Path
) -> None:
    """The head is put back after the vault's memory was asked: nothing is signed over it."""
    junk = home.put("x.txt", b"no sealed object")
    home.run()
    store = home.settings.folder / "stores" / "log"
    shutil.copytree(store, tmp_path / "earlier")
    home.send("anna", b"no audio")
    home.run()
    before = home.settings.log_reader().checkpoint()

    def put_back() -> None:
        shutil.copytree(tmp_path / "earlier", store, dirs_exist_ok=True)

    hooked = home.on(log=HookedStore(home.store("log"), once("get", "pending/head", put_back)))
    released = encode_leaf("released", junk.sha256, home.clock())
    with pytest.raises(VerificationError):
        hooked.settings.accounts(hooked.settings.vault("worker")).append([released])
    assert home.settings.log_reader().checkpoint().size < before.size


@pytest.mark.inv("INV-5")
def test_a_recording_sent_again_is_not_held_up_by_the_one_that_was_lost(
    home: Home, sent: Sent, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Journalled, never placed, taken away by its uploader, sent anew: the new one is ingested."""
    first = home.bench("first")
    killed(monkeypatch, "place", lambda: ingest_batch(first, home.plan(first).batches[0]))
    home.store("raw").delete(sent.name, sent.version)
    assert home.send("anna", sent.data).name == sent.name
    bench = home.bench("next")
    finished = finish_interrupted(bench)
    assert (finished.lost, finished.tried) == ([sent.name], [])
    planned = make_plan(bench, 256, 2**26, 2**30, finished.tried)
    assert ingest_batch(bench, planned.batches[0]).disposed == 1
    assert home.status().missing == [sent.sha256]


def test_a_journalled_recording_that_cannot_be_read_stops_no_run(
    home: Home, sent: Sent, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is in another storage class, say: it is neither lost nor in the way."""
    first = home.bench("first")
    killed(monkeypatch, "place", lambda: ingest_batch(first, home.plan(first).batches[0]))

    def refuse() -> None:
        raise StoreError("InvalidObjectState")

    hooked = home.on(raw=HookedStore(home.store("raw"), once("get", sent.name, refuse)))
    report = finish_interrupted(hooked.bench("next"))
    assert (report.lost, report.left, report.disposed) == ([], {}, 0)
    assert home.run().disposed == 1


@pytest.mark.inv("INV-4")
def test_no_receipt_while_the_same_object_stands_under_its_name_again(
    home: Home, sent: Sent, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A raw store restored between the runs has the bytes under another version."""
    first = home.bench("first")
    killed(monkeypatch, "settle", lambda: ingest_batch(first, home.plan(first).batches[0]))
    raw = home.store("raw")
    raw.delete(sent.name, sent.version)
    raw.put_if_absent(sent.name, sent.sealed)
    assert finish_interrupted(home.bench("next")).disposed == 0
    assert home.leaves("disposed") == []
    assert home.run().disposed == 1
    assert raw.head(sent.name) is None
    assert home.status().adds_up


@pytest.mark.inv("INV-5")
def test_what_another_run_finishes_meanwhile_is_not_called_lost(
    home: Home, sent: Sent, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen in the journal before its features were placed, and gone when it is looked for."""
    first, other = home.bench("first"), home.bench("other")
    items = home.plan(first).batches[0]
    killed(monkeypatch, "place", lambda: ingest_batch(first, items))
    finishes = once("get", sent.name, lambda: ingest_batch(other, items))
    hooked = home.on(raw=HookedStore(home.store("raw"), finishes))
    assert finish_interrupted(hooked.bench("next")).lost == []
    assert len(home.leaves("disposed")) == 1
    assert home.status().adds_up


def test_settings_under_another_name_are_the_ones_that_are_used(home: Home) -> None:
    """`-c other.toml` is not another way to say `unvoiced.toml`."""
    other = home.settings.path.with_name("other.toml")
    shutil.copy(home.settings.path, other)
    assert load_settings(other).path == other.resolve()
