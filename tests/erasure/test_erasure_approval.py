"""Requests that await approval: what they hold back, what an approval is for, who can undo what."""

from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from pathlib import Path

import pytest
from pydantic import ValidationError

from tasks.approval import Approval
from tests.erasure.house import House, erase, eraser, furnish, hold, in_memory
from tests.ingest.dying import dies, dying
from tests.ingest.home import Home
from tests.ingest.hooked_store import HookedStore, once
from unvoiced.disposal import suppression_id
from unvoiced.eraser import Eraser
from unvoiced.erasure import (
    Erasures,
    Stage,
    approve,
    ask,
    awaiting,
    carry_out,
    code,
    go_on,
    lift,
    pending,
    preview,
    reapply,
    request,
    requests,
    withdraw,
)
from unvoiced.errors import InputError, VerificationError
from unvoiced.stores.memory import MemoryStore

pytestmark = pytest.mark.inv("INV-10")


@pytest.fixture
def house(tmp_path: Path) -> House:
    """Two contributors, in stores with versions."""
    return furnish(in_memory(Home.create(tmp_path / "home"), versioned=True))


def record_name(house: House) -> str:
    """Where Anna's record stands."""
    return f"erasures/{suppression_id(house.anna)}.json"


def put_over(house: House, data: bytes) -> None:
    """Put a copy of a record back, as who may write the journal store can."""
    journal, name = house.home.store("journal"), record_name(house)
    current = journal.head(name)
    if current is None:
        journal.put_if_absent(name, data)
    else:
        journal.replace(name, data, version=current.version)


def shown(house: House) -> str:
    """The digest of the request that stands, as who is to approve it is shown it."""
    return preview(eraser(house.home), suppression_id(house.anna)).request


def agree(house: House, to: str = "") -> None:
    """Approve what stands, or a request by its digest."""
    whose = suppression_id(house.anna)
    approve(eraser(house.home), whose, to or shown(house), "DPO-17", "a run")


def test_nothing_is_done_before_an_approval_and_all_of_it_after(house: House) -> None:
    """Neither by name nor by the daily run; uploads are ingested meanwhile; then all goes."""
    home = house.home
    whose = ask(eraser(home), house.anna).id
    theirs = house.everything_of(house.anna)

    assert (pending(eraser(home)), awaiting(eraser(home))) == ([], [whose])
    for attempt in (carry_out, go_on):
        with pytest.raises(InputError, match="awaits approval"):
            attempt(eraser(home), whose)
    with pytest.raises(InputError, match="awaits approval"):
        erase(home, house.anna)
    assert reapply(eraser(home)) == []
    assert house.everything_of(house.anna).keys() == theirs.keys()
    assert house.everything_of(house.anna)["stores"] == theirs["stores"]
    assert home.run().erased == 0

    agree(house)

    assert (pending(eraser(home)), awaiting(eraser(home))) == ([whose], [])
    assert go_on(eraser(home), whose).complete
    assert house.trace.in_stores(home) == []
    (record,) = requests(eraser(home))
    assert record.approval is not None
    assert (record.approval.reference, record.approval.run) == ("DPO-17", "a run")


def test_a_preview_says_what_there_is_and_changes_nothing(house: House) -> None:
    """By store, and what it would wait for, without a name; the stores are as they were."""
    home = house.home
    whose = ask(eraser(home), house.anna).id
    hold(home, house.anna)
    journal = home.store("journal")
    before = [(one.name, one.version) for one in journal.versions()]
    leaves = len(list(home.settings.log_reader().entries()))

    seen = preview(eraser(home), whose)

    counts = {one.what.partition(" ")[0]: one.versions for one in seen.stores if not one.shared}
    # The hold names them too, and is a record of the journal store.
    assert counts == {"raw": 2, "archive": 0, "key": 2, "features": 2, "journal": 2}
    assert seen.versions == sum(one.versions for one in seen.stores if not one.shared)
    assert seen.waits_for == ("under a legal hold; it stays until that is lifted",)
    assert house.anna not in repr(seen)
    assert [(one.name, one.version) for one in journal.versions()] == before
    assert len(list(home.settings.log_reader().entries())) == leaves


def test_an_approval_is_for_the_request_that_was_shown(house: House) -> None:
    """Withdrawn and made again meanwhile: the other request is not approved by it."""
    home = house.home
    ask(eraser(home), house.anna)
    first = shown(house)
    withdraw(eraser(home), house.anna)
    with pytest.raises(InputError, match="no request"):
        agree(house, first)
    ask(eraser(home), house.anna)

    with pytest.raises(InputError, match="withdrawn"):
        agree(house, first)

    assert pending(eraser(home)) == []
    agree(house)
    agree(house)  # twice is once
    assert pending(eraser(home)) == [suppression_id(house.anna)]
    with pytest.raises(InputError, match="no approval"):
        withdraw(eraser(home), house.anna)


def test_what_was_withdrawn_and_put_back_cannot_be_approved(house: House) -> None:
    """Somebody kept a copy of the signed record: it is refused, as awaiting and as approved."""
    home, journal = house.home, house.home.store("journal")
    ask(eraser(home), house.anna)
    old, digest = journal.get(record_name(house)).data, shown(house)
    withdraw(eraser(home), house.anna)
    assert [one.name for one in journal.versions("erasures/")] == []
    put_over(house, old)

    for refused in (pending, awaiting, requests):
        with pytest.raises(VerificationError, match="put back"):
            refused(eraser(home))
    with pytest.raises(VerificationError, match="put back"):
        agree(house, digest)
    with pytest.raises(VerificationError, match="put back"):
        preview(eraser(home), suppression_id(house.anna))
    # It does not stand in the way of a new request, which awaits its own approval.
    ask(eraser(home), house.anna)
    assert shown(house) != digest


def test_a_copy_from_before_the_approval_holds_back_and_no_more(house: House) -> None:
    """Rolled back, it awaits approval again; after the erasure it is seen to be done."""
    home, journal = house.home, house.home.store("journal")
    whose = ask(eraser(home), house.anna).id
    old = journal.get(record_name(house)).data
    agree(house)
    put_over(house, old)
    assert pending(eraser(home)) == []
    agree(house)
    assert go_on(eraser(home), whose).complete
    put_over(house, old)

    assert awaiting(eraser(home)) == []
    with pytest.raises(InputError, match="lift"):
        withdraw(eraser(home), house.anna)
    for one in pending(eraser(home)):
        assert go_on(eraser(home), one).complete
    assert house.anna.encode() not in journal.get(record_name(house)).data
    assert len(home.leaves("erased")) == 1


@pytest.mark.parametrize("kind", ["unsigned", "foreign", "approved by hand"])
def test_an_approval_that_nobody_of_ours_made_is_none(
    house: House, kind: str, tmp_path: Path
) -> None:
    """A record changed to approved, without a signature or with another log's, erases nobody."""
    home, journal = house.home, house.home.store("journal")
    whose = ask(eraser(home), house.anna).id
    genuine = journal.get(record_name(house)).data.decode()
    text, _, signature = genuine.partition("\n\n")
    changed = text.replace('"needs_approval":true', '"needs_approval":false') + "\n"
    assert changed != text + "\n"
    other = Home.create(tmp_path / "other")
    forged = {
        "unsigned": changed.encode(),
        "foreign": other.settings.signer(other.settings.vault("worker")).sign(changed),
        "approved by hand": f"{changed}\n{signature}".encode(),
    }[kind]
    put_over(house, forged)
    theirs = house.everything_of(house.anna)["stores"]

    for attempt in (pending, awaiting, lambda one: go_on(one, whose)):
        with pytest.raises(VerificationError):
            attempt(eraser(home))

    assert house.everything_of(house.anna)["stores"] == theirs


def test_who_was_erased_needs_no_second_approval_for_what_comes_back(house: House) -> None:
    """Erased with approval, something restored: the daily run destroys it, and asking changes
    nothing; once they may contribute again, the next request awaits its own.
    """
    home = house.home
    stores = [home.store("training"), home.store("raw")]
    backup = [(one.name, store, store.get(one.name).data)
              for store in stores for one in store.list() if house.anna in one.name]  # fmt: skip
    whose = ask(eraser(home), house.anna).id
    agree(house)
    assert go_on(eraser(home), whose).complete
    for again in (False, True):
        for name, store, data in backup:
            store.put_if_absent(name, data)
        if again:
            assert not ask(eraser(home), house.anna).awaits_approval
            assert [go_on(eraser(home), one).complete for one in pending(eraser(home))] == [True]
        else:
            assert [one.complete for one in reapply(eraser(home))] == [True]
        assert not any(house.everything_of(house.anna).values())

    lift(eraser(home), house.anna)
    assert ask(eraser(home), house.anna).awaits_approval


def test_a_request_without_approval_is_not_slowed_down_by_asking(house: House) -> None:
    """What is under way already stays so, and one that awaits approval is no way around it."""
    home = house.home
    request(eraser(home), house.anna)
    assert not ask(eraser(home), house.anna).awaits_approval
    assert pending(eraser(home)) == [suppression_id(house.anna)]
    ask(eraser(home), house.bruno)
    request(eraser(home), house.bruno)
    assert awaiting(eraser(home)) == [suppression_id(house.bruno)]


def between_blank_and_leaf(house: House, then: Callable[[], object]) -> Eraser:
    """An eraser in whose withdrawal something happens when its record is blank and not logged."""
    opened = eraser(house.home)
    append = opened.accounts.append

    def first_then(leaves: list[bytes]) -> object:
        then()
        return append(leaves)

    opened.accounts.append = first_then  # type: ignore[method-assign, assignment]
    return opened


@pytest.mark.parametrize("make", [ask, request], ids=["ask", "request"])
def test_asking_while_a_request_is_withdrawn_is_refused_and_not_swallowed(
    house: House, make: Callable[[Eraser, str], object]
) -> None:
    """Whoever asked in that moment is told so; afterwards a request can be made, and stands."""
    home, told = house.home, []

    def again() -> None:
        with pytest.raises(InputError, match="being withdrawn") as refused:
            make(eraser(home), house.anna)
        told.append(refused)

    ask(eraser(home), house.anna)
    withdraw(between_blank_and_leaf(house, again), house.anna)
    assert len(told) == 1
    assert [*home.store("journal").versions("erasures/")] == []
    make(eraser(home), house.anna)
    assert len(pending(eraser(home)) + awaiting(eraser(home))) == 1


def test_a_request_that_is_made_when_the_withdrawal_is_logged_is_not_removed_with_it(
    house: House,
) -> None:
    """Between the leaf and the removal: what was withdrawn goes, in all versions; this stays."""
    home = house.home
    ask(eraser(home), house.anna)
    opened = eraser(home)
    append = opened.accounts.append

    def then_ask(leaves: list[bytes]) -> object:
        appended = append(leaves)
        ask(eraser(home), house.anna)
        return appended

    opened.accounts.append = then_ask  # type: ignore[method-assign, assignment]
    withdraw(opened, house.anna)
    assert awaiting(eraser(home)) == [suppression_id(house.anna)]
    assert len([*home.store("journal").versions("erasures/")]) == 1
    agree(house)
    assert go_on(eraser(home), suppression_id(house.anna)).complete


def test_a_request_by_somebody_who_had_not_seen_the_withdrawal_is_good(house: House) -> None:
    """The log was read before the leaf, the record was looked for after: made again by the log."""
    home = house.home
    ask(eraser(home), house.anna)
    withdrawing = once("put_if_absent", "erasures/", lambda: withdraw(eraser(home), house.anna))
    slow = home.on(journal=HookedStore(home.store("journal"), withdrawing))
    ask(eraser(slow), house.anna)
    assert awaiting(eraser(home)) == [suppression_id(house.anna)]


def test_what_awaits_approval_of_who_was_erased_before_stops_nobody_elses(house: House) -> None:
    """Their finished record is gone, and they were asked for: the daily run goes on with others."""
    home = house.home
    training = home.store("training")
    for whose in (house.anna, house.bruno):
        assert erase(home, whose).complete
        training.put_if_absent(f"keys/{whose}.unv", b"back from a backup")
    Erasures(home.store("journal"), eraser(home).undertaker.signer).remove(
        suppression_id(house.anna)
    )
    assert ask(eraser(home), house.anna).awaits_approval

    (again,) = reapply(eraser(home))

    assert (again.id, again.complete) == (suppression_id(house.bruno), True)
    assert [one.name for one in training.list("keys/")] == [f"keys/{house.anna}.unv"]
    agree(house)
    assert go_on(eraser(home), suppression_id(house.anna)).complete
    assert [one.name for one in training.list("keys/")] == []


def test_the_code_is_the_requests_own(house: House) -> None:
    """Not of its id, which Prefect shows; and another one for every request."""
    codes = []
    for _ in range(2):
        record = ask(eraser(house.home), house.anna)
        codes.append(code(record.request))
        assert not record.id.startswith(codes[-1])
        assert len(codes[-1]) == 8
        withdraw(eraser(house.home), house.anna)
    assert len(set(codes)) == 2


@pytest.mark.parametrize(
    ("reference", "good"),
    [("DPO-17", True), ("#123", True), ("2026/17", True), ("INC0012345", True),
     ("anna-01", False), ("Anna-01", False), ("ANNA", False), ("contributor-7", False),
     ("a" * 26, False), ("A" * 20 + "1", False), ("DPO 17", False)],
)  # fmt: skip
def test_a_reference_is_what_tickets_are(reference: str, good: bool) -> None:
    """Most ids of contributors are none, and no pseudonym is: refused before it is kept."""
    answer = {"approve": True, "digits": "0" * 8, "reference": reference}
    with nullcontext() if good else pytest.raises(ValidationError):
        Approval.model_validate(answer)


@pytest.mark.parametrize("nth", range(4))
def test_a_death_while_withdrawing_is_mended_by_withdrawing_again(house: House, nth: int) -> None:
    """Whichever change was the last, nothing can be approved any more, and nothing stops others."""
    home = house.home
    ask(eraser(home), house.anna)
    digest = shown(house)
    died = dies(partial(withdraw, eraser(dying(home, nth, after=True)), house.anna))
    assert (pending(eraser(home)), awaiting(eraser(home))) == ([], [])
    with pytest.raises(InputError):
        agree(house, digest)
    if died and list(home.store("journal").versions("erasures/")):
        withdraw(eraser(home), house.anna)
    assert [*home.store("journal").versions("erasures/")] == []
    assert house.anna not in str(home.leaves("suppression-lifted"))


def test_a_record_of_an_earlier_version_is_read_as_it_was(house: House) -> None:
    """Without the fields of approvals it awaits none."""
    home = house.home
    opened = eraser(home)
    whose = request(opened, house.anna)
    journal = home.store("journal")
    assert isinstance(journal, MemoryStore)
    text = journal.get(record_name(house)).data.decode().partition("\n\n")[0]
    before = text.replace('"needs_approval":false,', "").replace('"approval":null,', "")
    assert "approv" not in before
    put_over(house, opened.undertaker.signer.sign(before + "\n"))

    record = Erasures(journal, opened.undertaker.signer).load(whose)

    assert record is not None
    assert (record.awaits_approval, record.stage) == (False, Stage.REQUESTED)
    assert pending(eraser(home)) == [whose]
