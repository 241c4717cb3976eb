"""Retirement: what holds a key back, what a loss is, and races with everything that goes on."""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.epochs.weeks import FIRST, SECOND, Life, voice
from tests.ingest.home import START
from tests.ingest.hooked_store import HookedStore, once
from unvoiced.disposal import LegalHold, LegalHolds
from unvoiced.disposal.holds import EVERYTHING
from unvoiced.epochs.receipt import KeyObservation, RetirementReceipt
from unvoiced.epochs.report import loss
from unvoiced.epochs.retirement import open_retirer, retire_keys
from unvoiced.epochs.standing import KeyFacts, RawFacts, State, judge
from unvoiced.errors import NotDisposed, StoreError, VerificationError
from unvoiced.ingest.accepting import accept
from unvoiced.ingest.outcome import BatchReport, Item
from unvoiced.keys.intake import Epoch, intake_digest
from unvoiced.keys.vault import Unlock
from unvoiced.log.leaves import encode_leaf
from unvoiced.log.verify import verify_log
from unvoiced.sealing import PrivateKey
from unvoiced.upload import Outcome, Uploader, came_too_late, receipts_in, seal_recording

OVER = 2  # the week in which nothing but what is left of it holds the first epoch's key back


def over(life: Life) -> Life:
    """The same life two weeks on, its first epoch over and its grace passed."""
    life.through(OVER)
    return life


def first_key(life: Life) -> Any:
    """What was sealed to in the first week."""
    return life.home.invitation("anna").intake_key()


def retired(life: Life) -> set[str]:
    """What the log says is."""
    verified = verify_log(life.home.store("log"), life.home.verifier)
    return set(verified.ledger.retired_intake_keys.values())


# What holds a key back.


def test_nothing_is_retired_before_its_time(life: Life) -> None:
    """Not the open one, not the coming one, and a closed one not within its grace."""
    assert life.retire().held_back == {}
    life.through(1)
    assert {name: one.state for name, one in life.standings().items()} == {
        FIRST: State.CLOSED, SECOND: State.OPEN, "2026-w50": State.COMING,
    }  # fmt: skip
    (hold,) = life.retire().held_back[FIRST]
    assert hold == "until 2026-12-07 00:00 UTC: 7 days after the next epoch's key took over"
    life.calendar.moment += timedelta(days=6, hours=15, minutes=59)
    assert life.retire().retired == {}
    life.calendar.moment += timedelta(minutes=1)
    assert life.retire().retired.keys() == {FIRST}
    assert retired(life) == {FIRST}


def test_the_grace_of_a_replaced_key_begins_when_its_replacement_was_made(life: Life) -> None:
    """An emergency key's week began before it: that is not when contributors went over to it."""
    life.calendar.moment += timedelta(days=5)
    life.rotate(further=True)
    life.calendar.moment += timedelta(days=6)
    assert life.retire().retired == {}
    life.calendar.moment += timedelta(days=1)
    assert life.retire().retired.keys() == {FIRST}


def test_without_a_later_key_the_old_one_stays_however_old(life: Life) -> None:
    """Nobody rotated: contributors still seal to it."""
    life.calendar.week(30)
    assert life.retire().retired == {}
    assert life.standings()[FIRST].holds == ("no later epoch has begun whose key is announced",)


@pytest.mark.inv("INV-9")
@pytest.mark.parametrize("versioned", [False, True])
def test_what_stands_in_the_raw_store_holds_its_key_back(life: Life, versioned: bool) -> None:
    """Whether it was accepted, is older than what hides it, or is quarantined."""
    life = life.on(lambda home: home.in_memory(versioned=versioned))
    sent = life.send(0)
    over(life)
    assert life.retire().held_back[FIRST] == ("1 objects of the raw store are sealed to it",)
    raw = life.home.store("raw")
    if versioned:
        raw.hide(sent.name)  # type: ignore[attr-defined]  # a memory store's
        assert life.retire().held_back[FIRST] == ("1 objects of the raw store are sealed to it",)
    bench = life.home.bench()
    assert accept([Item(sent.name, sent.version, 1)], bench, BatchReport())
    assert life.retire().held_back[FIRST] == (
        "1 recordings sealed to it are in the backlog or quarantine",
    )
    assert life.home.run().disposed == 1
    assert life.retire().retired.keys() == {FIRST}


@pytest.mark.inv("INV-9")
def test_a_quarantined_recording_holds_its_key_back_until_it_is_settled(life: Life) -> None:
    """An operator may still release it, and have it tried again."""
    invitation = life.home.invitation("anna")
    name, sealed = seal_recording(b"no audio", invitation, first_key(life).public)
    life.home.put(name, sealed)
    assert life.home.run().quarantined == {name: "not-audio"}
    over(life)
    assert life.retire().held_back[FIRST] == (
        "1 recordings sealed to it are in the backlog or quarantine",
    )


def test_what_cannot_be_read_holds_keys_back(life: Life) -> None:
    """It may be sealed to any of them: too large to be read, or refused."""
    sent = over(life).send(0, first_key(life))
    settings = life.home.settings
    small = replace(settings, ingest=replace(settings.ingest, max_recording_bytes=100))
    hold = ("1 objects of the raw store could not be read",)
    narrow = Life(replace(life.home, settings=small), life.calendar)
    assert narrow.retire().held_back[FIRST] == hold

    def refuse(operation: str, name: str, proceed: Callable[[], Any]) -> Any:
        if operation == "get" and name == sent.name:
            raise StoreError(f"{name}: InvalidObjectState")
        return proceed()

    raw = HookedStore(life.home.store("raw"), refuse)
    assert life.on(lambda home: home.on(raw=raw)).retire().held_back[FIRST] == hold


def test_a_recording_that_is_nowhere_holds_keys_back(life: Life) -> None:
    """The log says it waits, not what it is sealed to, and it stands in no store."""
    over(life)
    bench = life.home.bench()
    bench.accounts.append([encode_leaf("accepted", "ab" * 32, life.calendar(), intake_key=None)])
    (hold,) = life.retire().held_back[FIRST]
    assert hold.startswith("1 recordings are not settled, and it is not known to which key")


def test_a_legal_hold_on_everything_holds_keys_back(life: Life) -> None:
    """A backup of what is held may be all that a court gets; one person's hold is their own."""
    over(life)
    holds = LegalHolds(life.home.store("journal"))
    holds.place(LegalHold(EVERYTHING, "a court", "2026-11-23"))
    assert life.retire().held_back[FIRST] == ("a legal hold is on everything",)
    holds.lift(EVERYTHING)
    holds.place(LegalHold(life.home.invitation("bruno").pseudonym, "a court", "2026-11-23"))
    assert life.retire().retired.keys() == {FIRST}


@pytest.mark.parametrize(
    ("change", "raw", "kept"),
    [
        ({}, RawFacts({}, 0, 0), False),
        ({}, RawFacts({"cd" * 16: 5}, 0, 0), False),
        ({}, RawFacts({"ab" * 16: 1}, 0, 0), True),
        ({}, RawFacts({}, 1, 0), True),
        ({}, RawFacts({}, 0, 1), True),
        ({"unsettled": 1}, RawFacts({}, 0, 0), True),
        ({"epoch": Epoch(2026, 50)}, RawFacts({}, 0, 0), True),
    ],
)
def test_the_decision_is_a_pure_function(
    life: Life, change: dict[str, Any], raw: RawFacts, kept: bool
) -> None:
    """Every fact that is to hold a key back does, by itself."""
    now = life.calendar() + timedelta(days=21)
    facts = KeyFacts(Epoch(2026, 48), "ab" * 32, life.calendar(), True, True, False, False, 0)
    later = replace(facts, epoch=Epoch(2026, 49), digest="cd" * 32)
    key = replace(facts, **change)
    assert bool(judge(key, [key, later], raw, now, timedelta(days=7)).holds) == kept
    assert judge(key, [key], raw, now, timedelta(days=7)).holds
    unannounced = replace(later, announced=False)
    assert judge(key, [key, unannounced], raw, now, timedelta(days=7)).holds


# Losses.


@pytest.mark.inv("INV-9")
def test_a_lost_key_is_not_called_retired_while_its_recordings_wait(life: Life) -> None:
    """It is said loudly, with counts; once it is restored, all goes on."""
    life.send(0)
    over(life)
    path = life.vault_folder / "intake" / f"{FIRST}.key"
    content = path.read_bytes()
    path.unlink()
    report = life.retire()
    assert (report.retired, set(report.lost)) == ({}, {FIRST})
    assert "1 objects of the raw store are sealed to it" in str(loss(report))
    assert life.home.run().left
    report = life.retire()
    assert "1 recordings sealed to it are in the backlog" in str(loss(report))
    assert retired(life) == set()
    path.write_bytes(content)
    path.chmod(0o600)
    assert life.home.run().disposed == 1
    assert life.retire().retired.keys() == {FIRST}


def test_a_key_that_is_gone_with_nothing_left_sealed_to_it_is_retired_as_found(life: Life) -> None:
    """The leaf does not claim that this pipeline destroyed it."""
    over(life)
    (life.vault_folder / "intake" / f"{FIRST}.key").unlink()
    assert life.retire().retired.keys() == {FIRST}
    (leaf,) = life.home.leaves("intake-key-retired")
    assert leaf.fields["cause"] == "found missing"
    assert str(leaf.fields["sanitization_technique"]).startswith("none by this pipeline")


def test_a_loss_cannot_be_passed_off_as_a_retirement(life: Life) -> None:
    """Who may write to the journal store plants an intention: it is not signed, or another's."""
    life.send(0)
    over(life)
    journal = life.home.store("journal")
    journal.put_if_absent(f"retiring/{FIRST}-{'0' * 16}", b"unvoiced intake key retirement v1\n{}")
    with pytest.raises(VerificationError):
        life.retire()
    listed = journal.head(f"retiring/{FIRST}-{'0' * 16}")
    assert listed is not None
    journal.delete(listed.name, listed.version)
    announcement = life.home.store("log").get(f"intake/{FIRST}").data
    journal.put_if_absent(f"retiring/{FIRST}-{'0' * 16}", announcement)
    with pytest.raises(VerificationError, match="no statement of the kind"):
        life.retire()


def test_another_key_under_an_epochs_name_is_not_destroyed_for_it(life: Life) -> None:
    """The leaf would be about a key that is still somewhere."""
    over(life)
    vault = life.home.settings.vault("worker")
    (life.vault_folder / "intake" / f"{FIRST}.key").unlink()
    vault.put(f"intake/{FIRST}", PrivateKey.generate().secret_bytes())
    report = life.retire()
    assert "is not the one that the log names" in report.blocked[FIRST]
    assert FIRST in set(vault.names("intake"))
    assert retired(life) == set()


def test_no_receipt_without_the_observation() -> None:
    """By construction."""
    for seen in ((True, 0, 0), (False, 1, 0), (False, 0, 1)):
        observed = KeyObservation(*seen, time=START)
        with pytest.raises(NotDisposed):
            RetirementReceipt("ab" * 32, FIRST, observed, Unlock(), "x", 0, 0, "test")


def test_a_vault_that_only_hides_the_key_gets_no_receipt(life: Life) -> None:
    """A delete that destroys nothing: said, not logged, and done by the next run."""
    over(life)
    store = life.home.settings.vault("worker").store

    def keep(operation: str, name: str, proceed: Callable[[], Any]) -> Any:
        return None if operation == "delete" else proceed()

    retirer = open_retirer(life.home.settings, "run", life.calendar)
    retirer.vault.store = HookedStore(store, keep)
    report = retire_keys(retirer)
    assert report.retired == {}
    assert "was not seen to be gone" in report.blocked[FIRST]
    assert life.retire().retired.keys() == {FIRST}


# Races.


@pytest.mark.inv("INV-9")
def test_two_retirements_at_once_make_one_receipt(life: Life) -> None:
    """Whoever is first; both say that it is retired, and the vault still opens."""
    over(life)
    barrier, reports, failures = threading.Barrier(3), [], []

    def act() -> None:
        barrier.wait()
        try:
            reports.append(life.retire())
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=act) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(life.home.leaves("intake-key-retired")) == 1
    assert any(FIRST in report.retired for report in reports)
    assert list(life.home.store("journal").list("retiring/")) == []
    life.send(0)
    assert life.home.run().disposed == 1


def between_look_and_destroy(life: Life, act: Callable[[], object]) -> Life:
    """The deployment in which something happens just as the intention has been written down."""
    journal = HookedStore(
        life.home.store("journal"), once("put_if_absent", "retiring/", act, after=True)
    )
    return life.on(lambda home: home.on(journal=journal))


@pytest.mark.inv("INV-9", "INV-5")
def test_what_is_accepted_in_the_last_moment_is_quarantined_and_counted(
    life: Life, tmp_path: Path
) -> None:
    """A run accepts it and dies: the ledger refuses the receipt, the next run quarantines it, its
    contributor sends it again, and it becomes features.
    """
    folder, invitation = tmp_path / "receipts", life.home.invitation("anna")
    file = tmp_path / "take.wav"
    file.write_bytes(voice(7))
    over(life)

    def upload_and_accept() -> None:
        assert Uploader(invitation, life.home.store("raw"), folder).upload(file) == "uploaded"
        (entry,) = life.home.store("raw").list()
        assert accept([Item(entry.name, entry.version, 1)], life.home.bench(), BatchReport())

    report = between_look_and_destroy(life, upload_and_accept).retire()

    assert (report.retired, set(report.destroyed)) == ({}, {FIRST})
    assert "1 recordings sealed to it were accepted meanwhile" in report.destroyed[FIRST]
    assert retired(life) == set()
    assert life.home.run().left  # neither lost nor opened: nobody has the key

    (name,) = life.retire().quarantined
    assert life.home.status().quarantine_reasons == {"retired-intake-key": 1}
    assert life.home.status().adds_up
    assert life.home.leaves("quarantined")[0].fields["reason"] == "retired-intake-key"
    assert set(life.retire().destroyed) == {FIRST}  # held back until that is settled

    log = life.home.store("log")
    uploader = Uploader(
        invitation,
        life.home.store("raw"),
        folder,
        intake=life.key(),
        again=came_too_late(log, invitation.log_vkey),
    )
    assert uploader.upload(file) is Outcome.UPLOADED
    assert life.home.run().disposed == 1
    first, second = sorted(receipts_in(folder), key=lambda one: one.sample)
    assert (second.sample, first.sha256 in life.home.standing()) == (f"{first.sample}-2", True)
    assert name.endswith(f"{first.sample}.unv")
    assert life.home.status().adds_up


@pytest.mark.inv("INV-9", "INV-5")
def test_what_is_uploaded_in_the_last_moment_is_quarantined_by_ingest(life: Life) -> None:
    """Nobody has accepted it: the receipt stands, and ingest says what to do."""
    key = first_key(life)
    over(life)
    report = between_look_and_destroy(life, lambda: life.send(3, key)).retire()
    assert report.retired.keys() == {FIRST}
    assert set(life.home.run().quarantined.values()) == {"retired-intake-key"}
    assert life.home.status().adds_up
    verify_log(life.home.store("log"), life.home.verifier)


@pytest.mark.inv("INV-9", "INV-5")
def test_a_run_that_still_has_the_key_in_memory_opens_nothing_with_it(life: Life) -> None:
    """It began before the retirement; what arrives after is quarantined by it as by any other."""
    key = first_key(life)
    over(life)
    bench = life.home.bench()
    assert life.retire().retired.keys() == {FIRST}
    sent = life.send(3, key)
    assert life.home.run(bench).quarantined == {sent.name: "retired-intake-key"}
    assert life.home.features() == {}
    assert life.home.status().adds_up
    verify_log(life.home.store("log"), life.home.verifier)


def test_the_ledger_refuses_a_receipt_while_anything_sealed_to_the_key_is_unsettled(
    life: Life,
) -> None:
    """Also where whoever writes it did not look."""
    sent = life.send(0)
    over(life)
    digest = intake_digest(first_key(life).public)
    bench = life.home.bench()
    accept([Item(sent.name, sent.version, 1)], bench, BatchReport())
    observed = KeyObservation(False, 0, 0, life.calendar())
    leaf = RetirementReceipt(digest, FIRST, observed, Unlock(), "x", 0, 0, "test").leaf()
    assert bench.accounts.append([leaf]) == set()
    life.home.run(bench)
    assert bench.accounts.append([leaf]) == {digest}


def test_a_key_that_comes_back_from_a_backup_is_destroyed_again(life: Life) -> None:
    """Of a vault whose old copies still unwrap; the log does not say it twice."""
    over(life)
    vault = life.home.settings.vault("worker")
    secret = vault.get(f"intake/{FIRST}")
    life.retire()
    vault.put(f"intake/{FIRST}", secret)
    life.retire()
    assert FIRST not in set(vault.names("intake"))
    assert len(life.home.leaves("intake-key-retired")) == 1


def test_an_intention_that_is_overtaken_by_events_is_given_up(life: Life) -> None:
    """Written down, and the run died; then a recording came: the key stays until it is settled."""
    key = first_key(life)
    over(life)

    def die() -> None:
        life.send(4, key)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        between_look_and_destroy(life, die).retire()
    assert len(list(life.home.store("journal").list("retiring/"))) == 1
    assert FIRST in life.retire().held_back
    assert list(life.home.store("journal").list("retiring/")) == []
    assert life.home.run().disposed == 1
    assert life.retire().retired.keys() == {FIRST}


def test_an_abandoned_key_is_adopted_and_retired(life: Life) -> None:
    """A rotation died between vault and log: nobody was told of the key, and it goes as well."""
    abandoned = PrivateKey.generate()
    life.home.settings.vault("worker").put("intake/2026-w48-2", abandoned.secret_bytes())
    report = life.retire()
    assert report.adopted == ["2026-w48-2"]
    assert life.standings()["2026-w48-2"].facts.digest == intake_digest(abandoned.public)
    over(life)
    assert life.retire().retired.keys() == {FIRST, "2026-w48-2"}
