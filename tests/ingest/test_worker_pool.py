"""Worker processes: what kills one costs one recording, and nothing but names gets out of them."""

import pickle
import traceback
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path

import pytest

from tests.ingest import steps
from tests.ingest.claims import finished
from tests.ingest.home import Home, Sent
from unvoiced.errors import AccessError, StoreError
from unvoiced.ingest.recording import raw_context
from unvoiced.ingest.worker import WorkerFailure, WorkerPool
from unvoiced.sealing import parse_header, seal


def pool(home: Home, workers: int = 1) -> WorkerPool:
    """A pool over the deployment as its settings file on disk says."""
    path = home.settings.path
    text = path.read_text(encoding="utf-8")
    if "workers =" not in text:
        path.write_text(f"{text}workers = {workers}\n", encoding="utf-8")
    return WorkerPool(path, "test-run")


def send_named(home: Home, contributor: str, sample: str, data: bytes) -> Sent:
    """A recording under a sample id of our choice."""
    whose = home.invitation(contributor).pseudonym
    sealed = seal(data, home.intake().public, raw_context(whose, sample))
    return home.put(f"{whose}/{sample}.unv", sealed, data)


@pytest.mark.inv("INV-5")
def test_a_recording_that_kills_its_process_is_found_and_quarantined(
    home: Home, voices: list[bytes]
) -> None:
    """Bisection stops at exactly that one; the rest of its batch is disposed of."""
    sent = [home.send("anna", voices[0]), send_named(home, "anna", "deadly", voices[1])]
    sent += [home.send("bruno", voices[2])]
    with pool(home) as workers:
        plan = workers.plan()
        report = workers.ingest(plan.batches[0], steps.die_over_deadly)
        assert report.quarantined == {sent[1].name: "worker-killed"}
        assert (report.disposed, report.left) == (2, {})
        # The pool goes on working, and nothing is tried blindly again.
        assert workers.plan().batches == []
        workers.sweep()
    finished(home, sent, [sent[1]])


@pytest.mark.inv("INV-5")
def test_a_process_killed_after_its_work_loses_none_of_it(home: Home, voices: list[bytes]) -> None:
    """The second try finds everything done; nothing is quarantined for it, nothing done twice."""
    sent = [home.send("anna", voices[0]), home.send("bruno", voices[1])]
    with pool(home) as workers:
        report = workers.ingest(workers.plan().batches[0], steps.die_after_the_work)
        assert (report.quarantined, report.left) == ({}, {})
        workers.sweep()
    finished(home, sent)


def texts(error: BaseException) -> Iterator[str]:
    """Everything that somebody could show, log or store of an error."""
    yield str(error)
    yield repr(error)
    yield repr(vars(error))
    yield repr(pickle.dumps(error))
    yield "".join(traceback.format_exception(error))
    yield "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())


@pytest.mark.inv("INV-11")
@pytest.mark.parametrize(
    ("step", "kind"),
    [(steps.fail_with_a_canary, WorkerFailure), (steps.fail_over_a_canary, StoreError)],
)
def test_no_text_of_a_foreign_error_leaves_a_worker(
    home: Home, voices: list[bytes], step: Callable[..., object], kind: type[Exception]
) -> None:
    """Not in the message, a note, an attribute, the cause, the traceback or the pickled bytes."""
    home.send("anna", voices[0])
    with pool(home) as workers:
        items = workers.plan().batches[0]
        with pytest.raises(kind) as caught:
            workers.ingest(items, step)  # type: ignore[arg-type]
    for text in texts(caught.value):
        assert steps.CANARY not in text
    if kind is WorkerFailure:
        # What is said is enough to find the line.
        assert str(caught.value).startswith("RuntimeError at steps.py:")


@pytest.mark.inv("INV-11")
def test_a_vault_that_does_not_open_is_said_to_the_parent(home: Home) -> None:
    """The worker's key file is not there: an `AccessError` that names it, not a broken pool."""
    (home.settings.folder / "keys" / "worker.kek").unlink()
    with pool(home) as workers, pytest.raises(AccessError, match=r"worker\.kek"):
        workers.plan()


def payloads(value: object) -> Iterator[bytes]:
    """Every piece of bytes inside a record, at any depth."""
    if isinstance(value, bytes | bytearray | memoryview):
        yield bytes(value)
    elif is_dataclass(value):
        for field in fields(value):
            yield from payloads(getattr(value, field.name))
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from payloads(key)
            yield from payloads(inner)
    elif isinstance(value, list | tuple | set | frozenset):
        for inner in value:
            yield from payloads(inner)


@pytest.mark.inv("INV-1")
def test_what_travels_is_names_and_counts(home: Home, voices: list[bytes]) -> None:
    """Plan, items and report hold no bytes, and pickled they hold nothing of a recording."""
    sent = [home.send("anna", voices[0]), home.send("anna", b"no audio, and quite recognisable")]
    with pool(home) as workers:
        plan = workers.plan()
        report = workers.ingest(plan.batches[0])
        finishing = workers.finish_interrupted()
    assert (report.disposed, list(report.quarantined)) == (1, [sent[1].name])
    for record in (plan, plan.batches[0], report, finishing):
        assert list(payloads(record)) == []
        travelled = pickle.dumps(record)
        for one in sent:
            # The header in front of the ciphertext says the same names that the records hold.
            for secret in (one.data, one.sealed[len(parse_header(one.sealed).raw) :]):
                pieces = [secret[at : at + 16] for at in range(0, len(secret) - 15, 16)]
                assert not any(piece in travelled for piece in pieces)


def test_a_run_in_two_processes(home: Home, voices: list[bytes], tmp_path: Path) -> None:
    """Several batches over both processes: the whole life, from the settings file alone."""
    path = home.settings.path
    text = path.read_text(encoding="utf-8")
    path.write_text(f"{text}batch_samples = 2\n", encoding="utf-8")
    sent = [home.send(f"person-{nth % 3}", data) for nth, data in enumerate(voices[:6])]
    with pool(home, workers=2) as workers:
        assert workers.processes == 2
        assert workers.finish_interrupted().disposed == 0
        batches = workers.plan().batches
        assert [len(batch) for batch in batches] == [2, 2, 2]
        assert sum(workers.ingest(batch).disposed for batch in batches) == 6
        workers.sweep()
    finished(home, sent)
