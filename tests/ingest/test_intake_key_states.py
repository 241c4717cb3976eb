"""Which intake key a recording is sealed to, and what becomes of it: present, later, retired, ours.

A retired key is made here by its leaf and by deleting the secret; `unvoiced keys retire` is tested
where it lives.
"""

from pathlib import Path

import pytest

from tests.ingest.home import START, Home, Sent
from unvoiced.ingest.recording import QUARANTINE_REASONS, raw_context
from unvoiced.keys.intake import intake_digest
from unvoiced.keys.vault import Vault
from unvoiced.log.leaves import encode_leaf
from unvoiced.sealing import PrivateKey, PublicKey, seal


@pytest.fixture
def memory(home: Home) -> Home:
    """A deployment in memory."""
    return home.in_memory(versioned=True)


def worker(home: Home) -> Vault:
    """The vault with the intake keys."""
    return home.settings.vault("worker")


def announce(home: Home) -> PrivateKey:
    """Log a further intake key, as making one does first."""
    key = PrivateKey.generate()
    leaf = encode_leaf("intake-key", intake_digest(key.public), START, epoch="2026-w49")
    home.settings.accounts(worker(home)).append([leaf])
    return key


def retire(home: Home, public: PublicKey) -> None:
    """Log that a key is gone; the ledger admits it once nothing under it is open."""
    observed: dict[str, bool] = {"in_vault": False}
    accounts = home.settings.accounts(worker(home))
    leaf = encode_leaf(
        "intake-key-retired",
        intake_digest(public),
        START,
        cause="epoch over",
        observed=dict(observed),
        not_checked=["copies"],
    )
    assert accounts.append([leaf])


def delete_intake_keys(home: Home) -> None:
    """Destroy every private intake key."""
    store = worker(home).store
    for entry in list(store.list("intake/")):
        store.delete(entry.name, entry.version)


def send_to(home: Home, key: PublicKey, voice: bytes, sample: str = "late") -> Sent:
    """A recording sealed to some key."""
    whose = home.invitation("anna").pseudonym
    sealed = seal(voice, key, raw_context(whose, sample))
    return home.put(f"{whose}/{sample}.unv", sealed, voice)


@pytest.mark.inv("INV-9")
def test_what_is_sealed_to_a_retired_key_is_quarantined_as_that(
    memory: Home, voices: list[bytes]
) -> None:
    """The reason says what the contributor can do: nobody can open it any more."""
    key = announce(memory)
    retire(memory, key.public)
    sent = send_to(memory, key.public, voices[0])

    report = memory.run()

    assert report.quarantined == {sent.name: "retired-intake-key"}
    assert "upload" in QUARANTINE_REASONS["retired-intake-key"]
    assert memory.status().adds_up


@pytest.mark.inv("INV-9")
def test_a_run_that_still_holds_a_key_does_not_use_it_once_it_is_retired(
    memory: Home, voices: list[bytes]
) -> None:
    """Its process was started before; what comes in now is not opened."""
    bench = memory.bench()
    retire(memory, memory.intake().public)
    sent = memory.send("anna", voices[0])

    report = memory.run(bench)

    assert report.quarantined == {sent.name: "retired-intake-key"}
    assert memory.features() == {}


@pytest.mark.inv("INV-5")
def test_a_key_that_was_made_while_a_run_was_at_work_is_the_next_runs(
    memory: Home, voices: list[bytes]
) -> None:
    """The recording is left, not quarantined; a run that finds the key in the vault takes it."""
    bench = memory.bench()
    key = announce(memory)
    worker(memory).put("intake/2026-w49", key.secret_bytes())
    sent = send_to(memory, key.public, voices[0])
    other = memory.send("bruno", voices[1])

    report = memory.run(bench)

    assert (report.disposed, report.quarantined) == (1, {})
    assert "the next run takes it" in report.left[sent.name]
    assert other.sha256 not in memory.standing()
    assert memory.status().adds_up
    assert memory.run().disposed == 1
    assert memory.standing() == set()


@pytest.mark.inv("INV-5")
def test_a_key_that_was_lost_leaves_its_recordings_where_they_are(
    memory: Home, voices: list[bytes]
) -> None:
    """Announced, never retired, and not in the vault: every run says so, nothing is forgotten."""
    sent = memory.send("anna", voices[0])
    delete_intake_keys(memory)
    for _ in range(2):
        report = memory.run()
        assert "unless the key is lost" in report.left[sent.name]
    assert memory.standing() == {sent.sha256}
    assert memory.status().adds_up


def test_a_key_of_nobody_here_is_unknown(memory: Home, voices: list[bytes], tmp_path: Path) -> None:
    """Another deployment's, say; the accepted leaf does not name it."""
    other = Home.create(tmp_path / "other")
    sent = send_to(memory, other.intake().public, voices[0])

    report = memory.run()

    assert report.quarantined == {sent.name: "unknown-intake-key"}
    assert memory.leaves("accepted")[0].fields["intake_key"] is None
    assert "no key that this log announced" in QUARANTINE_REASONS["unknown-intake-key"]
