"""Recordings of contributors who were erased: destroyed unopened, with a receipt that says why."""

from collections.abc import Callable

import pytest

from tests.ingest.dying import Died, dies, dying
from tests.ingest.home import Home, Sent
from tests.ingest.hooked_store import HookedStore, once
from unvoiced.disposal import Cause
from unvoiced.errors import CredentialsExpired, VerificationError
from unvoiced.stores import Store
from unvoiced.stores.memory import MemoryStore

ENOUGH = 1000


@pytest.fixture
def memory(home: Home) -> Home:
    """A deployment in memory, with versions, that archives everything."""
    return home.in_memory(versioned=True).archiving("*")


def erased(home: Home, sent: Sent) -> None:
    """It ended as erased, once, and no receipt names features of it."""
    receipts = [leaf for leaf in home.leaves("disposed") if leaf.digest == sent.sha256]
    assert [leaf.fields["cause"] for leaf in receipts] == [Cause.ERASURE.value]
    assert receipts[0].fields["features"] == []
    assert sent.sha256 not in home.standing()
    status = home.status()
    assert status.adds_up
    assert status.backlog == 0


@pytest.mark.inv("INV-10")
def test_a_late_upload_is_destroyed_unopened(memory: Home, voices: list[bytes]) -> None:
    """Accepted, disposed of, counted; no key is made, nothing placed. Neighbours go their way."""
    late, other = memory.send("anna", voices[0]), memory.send("bruno", voices[1])
    broken = memory.put(f"{late.pseudonym}/broken.unv", b"no sealed object")
    memory.suppress(late.pseudonym)

    report = memory.run()

    assert (report.erased, report.disposed, report.quarantined) == (2, 1, {})
    erased(memory, late)
    erased(memory, broken)
    assert memory.features().keys() == {other.feature_name}
    assert memory.archived() == [(other.name, voices[1])]
    training = memory.store("training")
    assert [e.name for e in training.versions("keys/")] == [f"keys/{other.pseudonym}.unv"]
    assert len(memory.leaves("contributor-key")) == 1


@pytest.mark.inv("INV-10")
@pytest.mark.parametrize(
    ("store", "operation", "prefix"),
    [
        ("raw", "get", ""),
        ("log", "replace", ""),
        ("training", "put_if_absent", "keys/"),
        ("journal", "put_if_absent", "pages/"),
        ("training", "put_if_absent", "features/"),
        ("archive", "put_locked", ""),
        ("training", "get", "features/"),
    ],
)
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_contributor_who_is_erased_while_a_run_is_at_work(
    memory: Home, voices: list[bytes], store: str, operation: str, prefix: str, after: bool
) -> None:
    """Whenever the suppression comes, until all is placed and read back, it ends as erased."""
    sent = memory.send("anna", voices[0])
    suppress = once(operation, prefix, lambda: memory.suppress(sent.pseudonym), after=after)
    hooked: dict[str, Store] = {store: HookedStore(memory.store(store), suppress)}  # type: ignore[arg-type]  # one of these

    report = memory.on(**hooked).run()

    assert (report.erased, report.disposed, report.left) == (1, 0, {})
    erased(memory, sent)
    assert memory.journalled() == set()
    early = {("raw", "get", ""), ("log", "replace", "")}
    if (store, operation, prefix) in early:
        assert memory.leaves("contributor-key") == []
    if (store, operation, prefix) in early | {("journal", "put_if_absent", "pages/")}:
        assert list(memory.store("training").versions("features/")) == []
        assert memory.archived() == []


@pytest.mark.inv("INV-5")
@pytest.mark.inv("INV-10")
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_death_while_late_uploads_are_destroyed_loses_nothing(
    home: Home, voices: list[bytes], after: bool
) -> None:
    """Whichever change to a store was the last, the count adds up and the next run finishes it."""
    aside = home.in_memory(versioned=True)
    sent = [aside.send("anna", voice) for voice in voices[:2]]
    for nth in range(ENOUGH):
        memory = home.in_memory(versioned=True)
        for one in sent:
            memory.store("raw").put_if_absent(one.name, one.sealed)
        memory.suppress(sent[0].pseudonym)
        died = dies(dying(memory, nth, after=after).run)
        assert memory.status().adds_up
        if died:
            memory.run()
        for one in sent:
            erased(memory, one)
        assert list(memory.store("journal").list("intents/")) == []
        if not died:
            assert nth > 5
            return
    pytest.fail("never got through")


@pytest.mark.inv("INV-5")
@pytest.mark.parametrize("operation", ["delete", "put_if_absent"])
def test_an_erasure_after_a_run_died_with_features_placed(
    memory: Home, voices: list[bytes], operation: str
) -> None:
    """The features are swept, the recording is gone or not: it ends as erased, and is not lost."""
    sent = memory.send("anna", voices[0])

    def die() -> None:
        raise Died

    store, prefix = ("raw", sent.name) if operation == "delete" else ("training", "features/")
    around = once(operation, prefix, die, after=True)
    hooked: dict[str, Store] = {store: HookedStore(memory.store(store), around)}  # type: ignore[arg-type]  # one of these
    assert dies(memory.on(**hooked).run)
    memory.suppress(sent.pseudonym)
    training = memory.store("training")
    for entry in [*training.versions("features/"), *training.versions("keys/")]:
        training.delete(entry.name, entry.version)
    assert memory.status().adds_up

    report = memory.run()

    assert report.lost == []
    erased(memory, sent)
    assert memory.journalled() == set()


@pytest.mark.inv("INV-10")
def test_no_key_is_made_for_who_is_erased_while_their_recording_is_tried(
    memory: Home, voices: list[bytes]
) -> None:
    """It opened, and so deserved a key; that is asked once more before one is made."""
    sent = memory.send("anna", voices[0])
    suppress = once("get", "keys/", lambda: memory.suppress(sent.pseudonym))
    training = HookedStore(memory.store("training"), suppress)

    assert memory.on(training=training).run().erased == 1

    assert memory.leaves("contributor-key") == []
    erased(memory, sent)


def test_an_erased_contributor_under_a_hold_is_left_alone(
    memory: Home, voices: list[bytes]
) -> None:
    """Until the hold is lifted; then the upload is destroyed unopened."""
    sent = memory.send("anna", voices[0])
    memory.suppress(sent.pseudonym)
    memory.hold(sent.pseudonym)
    assert memory.run().erased == 0
    assert memory.standing() == {sent.sha256}
    memory.lift(sent.pseudonym)
    assert memory.run().erased == 1
    erased(memory, sent)


@pytest.mark.inv("INV-3")
@pytest.mark.parametrize("prefix", ["intents/", "suppressed/"])
def test_who_can_write_to_the_journals_store_has_nothing_destroyed(
    memory: Home, voices: list[bytes], prefix: str
) -> None:
    """A planted intent or suppression stops the run, which names it; nothing goes."""
    sent = memory.send("anna", voices[0])
    memory.store("journal").put_if_absent(f"{prefix}{'0' * 64}", b"made up\n\n- a b\n")
    with pytest.raises(VerificationError):
        memory.run()
    assert memory.standing() == {sent.sha256}
    assert memory.leaves("disposed") == []


@pytest.mark.inv("INV-5")
def test_credentials_that_run_out_in_the_middle_leave_an_intent(
    memory: Home, voices: list[bytes]
) -> None:
    """What is gone has its receipt, the rest is finished by the next run."""
    sent = [memory.send("anna", voice) for voice in voices[:3]]
    memory.suppress(sent[0].pseudonym)
    deletes = iter(range(99))

    def around(operation: str, name: str, proceed: Callable[[], object]) -> object:
        if operation == "delete" and next(deletes) == 1:
            raise CredentialsExpired(f"{name}: expired")
        return proceed()

    raw = memory.store("raw")
    assert isinstance(raw, MemoryStore)
    with pytest.raises(CredentialsExpired):
        memory.on(raw=HookedStore(raw, around)).run()
    assert len(memory.leaves("disposed")) == 1
    assert memory.status().adds_up
    memory.run()
    for one in sent:
        erased(memory, one)
