"""Leaves and notes that say of a key what is not so: nothing that is needed goes on their word."""

import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from tests.epochs.test_retirement import first_key, over, retired
from tests.epochs.test_stolen_backups import steal
from tests.epochs.weeks import FIRST, SECOND, Life
from tests.ingest.hooked_store import HookedStore, once
from unvoiced.certificates.document import Certificate, Issuer
from unvoiced.certificates.issue import issue
from unvoiced.certificates.subject import Kind, Subject
from unvoiced.certificates.wording import findings, still_there
from unvoiced.epochs.receipt import KeyObservation, RetirementReceipt
from unvoiced.epochs.report import dispute
from unvoiced.epochs.retirement import open_retirer, retire_keys
from unvoiced.epochs.standing import State
from unvoiced.errors import VerificationError
from unvoiced.ingest.recording import raw_context
from unvoiced.keys.intake import IntakeKey, intake_digest
from unvoiced.keys.vault import Unlock
from unvoiced.sealing import PrivateKey, open_sealed


def held(life: Life) -> set[str]:
    """The intake keys in the worker's vault."""
    return set(life.home.settings.vault("worker").names("intake"))


def say_retired(life: Life, epoch: str, key: IntakeKey | PrivateKey) -> None:
    """What whoever may sign and append can do, without any right to the vault."""
    accounts = life.home.settings.accounts(life.home.settings.vault("worker"))
    observed = KeyObservation(False, 0, 0, life.calendar())
    digest = intake_digest(key.public)
    leaf = RetirementReceipt(digest, epoch, observed, Unlock(), "x", 0, 0, "x").leaf()
    assert accounts.append([leaf]) == {digest}
    accounts.remember()


def certificate(life: Life, kind: Kind, name: str) -> Certificate:
    """Of what the log says by now."""
    reader = life.home.settings.log_reader()
    return issue(Subject(kind, name), reader, life.home.verifier, Issuer("2026-11-23T08:00:00Z"))


def told(of: Certificate) -> str:
    """What it says happened, and is still there."""
    return " ".join(one.text for one in [*findings(of), *still_there(of)])


@pytest.mark.inv("INV-4", "INV-9")
def test_a_leaf_that_calls_the_open_key_retired_does_not_get_it_destroyed(life: Life) -> None:
    """Under a hold on everything or not: it is kept and named until nothing is sealed to it."""
    life.through(1)
    life.calendar.moment += timedelta(days=1)
    waiting, key = life.send(1), life.key()
    life.home.hold("everything")
    say_retired(life, SECOND, key)
    report = life.retire()
    assert SECOND in held(life)
    assert "a legal hold is on everything" in report.disputed[SECOND]
    assert "stand in the worker's vault and may still be needed" in str(dispute(report))
    assert life.standings()[SECOND].state is State.RESTORED
    life.home.lift("everything")
    report = life.retire()
    assert (set(report.disputed), report.again) == ({SECOND}, [])
    assert life.home.run().quarantined == {waiting.name: "retired-intake-key"}
    life.through(5)
    report = life.retire()
    assert "1 recordings sealed to it are in the backlog or quarantine" in report.disputed[SECOND]
    assert SECOND in held(life)
    secret = life.home.settings.vault("worker").get(f"intake/{SECOND}")
    context = raw_context(waiting.pseudonym, waiting.sample)
    with open_sealed(waiting.sealed, PrivateKey(secret), context) as opened:
        assert bytes(opened.data) == waiting.data


@pytest.mark.inv("INV-9")
def test_a_restored_vault_is_ratcheted_when_its_retired_keys_go_again(
    life: Life, tmp_path: Path
) -> None:
    """With its key file restored as well, a copy of it opens with nothing that is left."""
    sent = life.send(0)
    life.home.run()
    loot = steal(life, sent, tmp_path / "loot")
    life.through(1)
    keys = life.vault_folder.parent
    shutil.copytree(keys, tmp_path / "backup")
    life.through(2)
    assert life.retire().retired.keys() == {FIRST}
    assert not loot.opens_with(life.home.settings.folder)
    shutil.rmtree(keys)
    shutil.move(tmp_path / "backup", keys)
    assert loot.opens_with(life.home.settings.folder)
    report = life.retire()
    assert (report.again, report.retired, report.disputed) == ([FIRST], {}, {})
    assert not loot.opens_with(life.home.settings.folder)
    assert list(life.home.store("journal").list("retiring/")) == []


@pytest.mark.inv("INV-9")
def test_a_run_that_dies_before_it_ratchets_a_restored_vault_is_made_up_for(
    life: Life, tmp_path: Path
) -> None:
    """The key is gone again by then; its intention says what is left to do."""
    loot = steal(life, life.send(0), tmp_path / "loot")
    life.home.run()
    keys = life.vault_folder.parent
    over(life)
    shutil.copytree(keys, tmp_path / "backup")
    life.retire()
    shutil.rmtree(keys)
    shutil.move(tmp_path / "backup", keys)

    def die() -> None:
        raise KeyboardInterrupt

    retirer = open_retirer(life.home.settings, "run", life.calendar)
    hook = once("delete", f"intake/{FIRST}.key", die, after=True)
    retirer.vault.store = HookedStore(retirer.vault.store, hook)
    with pytest.raises(KeyboardInterrupt):
        retire_keys(retirer)
    assert FIRST not in held(life)
    assert loot.opens_with(life.home.settings.folder)
    life.retire()
    assert not loot.opens_with(life.home.settings.folder)
    assert list(life.home.store("journal").list("retiring/")) == []


def dying_at(life: Life, operation: str, name: str, store: str) -> Callable[[], object]:
    """A retirement that is killed just after it has done this."""

    def die() -> None:
        raise KeyboardInterrupt

    def retire() -> object:
        hook = once(operation, name, die, after=True)  # type: ignore[arg-type]
        if store == "journal":
            journal = HookedStore(life.home.store("journal"), hook)
            return life.on(lambda home: home.on(journal=journal)).retire()
        retirer = open_retirer(life.home.settings, "run", life.calendar)
        retirer.vault.store = HookedStore(retirer.vault.store, hook)
        return retire_keys(retirer)

    return retire


@pytest.mark.inv("INV-4", "INV-9")
def test_an_intention_that_is_put_back_does_not_call_a_taken_key_destroyed(life: Life) -> None:
    """A copy of a note that was given up, kept by who writes the journal's store, is all there is:
    the leaf and the certificates say that nobody logged having destroyed the key.
    """
    sent = life.send(0)
    life.home.run()
    over(life)
    journal = life.home.store("journal")
    with pytest.raises(KeyboardInterrupt):
        dying_at(life, "put_if_absent", "retiring/", "journal")()
    (note,) = [journal.get(entry.name) for entry in journal.list("retiring/")]
    life.home.hold("everything")
    life.retire()
    assert not list(journal.list("retiring/"))
    life.home.lift("everything")
    (life.vault_folder / "intake" / f"{FIRST}.key").unlink()
    journal.put_if_absent(note.name, note.data)

    assert life.retire().retired.keys() == {FIRST}

    (leaf,) = life.home.leaves("intake-key-retired")
    said = leaf.fields
    assert said["deletion"] == "intended"
    assert said["sanitization_method"] == (
        "cryptographic erase, if the signed intention was carried out"
    )
    assert "was gone when looked at" in str(said["sanitization_technique"])
    for kind, name in ((Kind.EPOCH, FIRST), (Kind.SAMPLE, sent.sha256)):
        text = told(certificate(life, kind, name))
        assert "Nobody logged having carried that out. By the log, if it was carried out" in text
        assert "was destroyed, and looked for on 07 December" not in text


@pytest.mark.inv("INV-9")
def test_a_retirement_that_died_after_destroying_ends_as_one_all_the_same(life: Life) -> None:
    """Its cause is the end of the epoch; what the run that logs it did not see, it does not say."""
    over(life)
    with pytest.raises(KeyboardInterrupt):
        dying_at(life, "delete", f"intake/{FIRST}.key", "vault")()
    assert life.retire().retired.keys() == {FIRST}
    (leaf,) = life.home.leaves("intake-key-retired")
    assert (leaf.fields["cause"], leaf.fields["deletion"]) == ("epoch over", "intended")
    assert certificate(life, Kind.EPOCH, FIRST)


def test_a_retirement_that_did_it_all_says_that_it_saw_the_deletion(life: Life) -> None:
    """The ordinary case."""
    over(life)
    life.retire()
    (leaf,) = life.home.leaves("intake-key-retired")
    assert (leaf.fields["cause"], leaf.fields["deletion"]) == ("epoch over", "seen")
    assert leaf.fields["sanitization_method"] == "cryptographic erase"
    assert "was destroyed, and looked for" in told(certificate(life, Kind.EPOCH, FIRST))


@pytest.mark.inv("INV-4", "INV-9")
def test_a_samples_certificate_does_not_claim_that_a_taken_key_opens_nothing(life: Life) -> None:
    """Who took the key out of the vault opens a copy: the key stands under what is kept."""
    sent = life.send(0)
    life.home.run()
    key = first_key(life)
    stolen = PrivateKey(life.home.settings.vault("worker").get(f"intake/{FIRST}"))
    (life.vault_folder / "intake" / f"{FIRST}.key").unlink()
    life.through(2)
    assert FIRST in life.retire().retired
    (leaf,) = [
        one for one in life.home.leaves("intake-key-retired") if one.fields["epoch"] == FIRST
    ]
    assert leaf.fields["sanitization_method"] == "none: found gone"
    shown = certificate(life, Kind.SAMPLE, sent.sha256)
    kept = {one.what.value: one.name for one in shown.kept}
    assert kept["intake key found missing"] == intake_digest(key.public)
    assert "can be opened any more" not in told(shown)
    with open_sealed(
        sent.sealed, stolen, raw_context(sent.pseudonym, sent.sample)
    ) as opened:  # what the certificate must not deny
        assert bytes(opened.data) == sent.data


def test_a_truly_retired_key_that_is_restored_is_not_disputed(life: Life) -> None:
    """Nothing is sealed to it, so it goes at once, and nobody is alarmed."""
    over(life)
    vault = life.home.settings.vault("worker")
    secret = vault.get(f"intake/{FIRST}")
    life.retire()
    vault.put(f"intake/{FIRST}", secret)
    report = life.retire()
    assert (report.again, dispute(report)) == ([FIRST], None)
    assert retired(life) == {FIRST}
    assert isinstance(dispute(type(report)(disputed={FIRST: ("x",)})), VerificationError)
