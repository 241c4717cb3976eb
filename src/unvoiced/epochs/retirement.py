"""Retirement: the private key of an epoch that is over is destroyed, and seen to be gone.

INV-9 once an intake key is retired, nothing sealed to it can be opened by anyone.

    1. adopt    a key that a rotation left half-made becomes known to the log, to be retired too
    2. judge    which keys nothing holds back (`epochs.standing`)
    3. intend   durably and signed: from here on the key's absence is no loss
    4. destroy  every version of it in the vault
    5. ratchet  where the vault has a key file: the key that wrapped it is replaced
    6. observe, and log the leaf; the ledger refuses it while a recording sealed to it is unsettled
    7. remove   the intention

A crash is finished by the next run. A recording accepted between 2 and 4 may still be opened by who
had the key in memory; what is not is quarantined by the next run, as `retired-intake-key`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from unvoiced.clock import utc_now
from unvoiced.config import Settings, key_file_of
from unvoiced.epochs.intents import Retiring, Retirings
from unvoiced.epochs.look import Look
from unvoiced.epochs.receipt import RetirementReceipt, observe
from unvoiced.epochs.standing import Standing, State
from unvoiced.errors import (
    AccessError,
    CredentialsExpired,
    NotDisposed,
    SecretMissing,
    StoreError,
    VerificationError,
)
from unvoiced.ingest.batch import quarantine_unopened
from unvoiced.ingest.workbench import Workbench, open_workbench
from unvoiced.keys.intake import intake_digest
from unvoiced.keys.ratchet import check_replaceable, is_unfinished, replace_key
from unvoiced.keys.vault import Unlock, Vault, how_to_unlock, object_of
from unvoiced.keys.wrapping import KeyFile, wrapper_from_key_file
from unvoiced.log.leaves import encode_leaf
from unvoiced.log.note import Signer
from unvoiced.sealing import PrivateKey


@dataclass(frozen=True)
class Retirer:
    """What who retires holds: all that an ingest worker does, and its vault."""

    settings: Settings
    vault: Vault
    unlock: Unlock
    key_file: KeyFile | None
    bench: Workbench
    signer: Signer
    retirings: Retirings
    now: Callable[[], datetime]

    def look(self) -> Look:
        """A new look at all keys."""
        return Look(self.settings, self.vault.store, self.now())


def open_retirer(settings: Settings, run_id: str, now: Callable[[], datetime] = utc_now) -> Retirer:
    """Open what `unvoiced.toml` names. Raises `AccessError` or `StoreError`."""
    vault = settings.vault("worker")
    unlock = how_to_unlock(vault.store)
    in_a_file = not unlock.kms and unlock.argon2id is None
    signer = settings.signer(vault)
    return Retirer(
        settings=settings,
        vault=vault,
        unlock=unlock,
        key_file=(
            wrapper_from_key_file(key_file_of(settings.vault_url("worker"))) if in_a_file else None
        ),
        bench=open_workbench(settings, run_id, now),
        signer=signer,
        retirings=Retirings(settings.store("journal"), signer.verifier),
        now=now,
    )


@dataclass
class Retirements:
    """What a run did: epochs by name, counts and reasons."""

    retired: dict[str, str] = field(default_factory=dict)  # epoch -> digest of its public key
    held_back: dict[str, tuple[str, ...]] = field(default_factory=dict)  # closed, and why kept
    destroyed: dict[str, str] = field(default_factory=dict)  # key gone, leaf not logged yet: why
    lost: dict[str, tuple[str, ...]] = field(default_factory=dict)  # gone, and not on purpose
    blocked: dict[str, str] = field(default_factory=dict)  # could not be destroyed
    adopted: list[str] = field(default_factory=list)  # half-made keys that the log now knows
    quarantined: list[str] = field(default_factory=list)  # object names: sealed to a key now gone


def retire_keys(retirer: Retirer) -> Retirements:
    """Retire what may be retired, and finish what runs that are no more had begun.

    Raises `AccessError`, `StoreError` or `VerificationError`; nothing that is half-done is lost.
    """
    report = Retirements()
    look = retirer.look()
    if half_made := look.half_made:
        _adopt(retirer, sorted(half_made), report)
        look = retirer.look()
    _forget_finished(retirer, look)
    gone: list[Standing] = []
    due: list[Standing] = []
    for key in look.standings():
        if key.state is State.DESTROYED:
            gone.append(key)
            _quarantine_sealed_to(retirer, look, key, report)
        elif key.may_be_retired:
            due.append(key)
        elif key.state is State.LOST:
            report.lost[key.facts.epoch.name] = key.holds
        elif key.state is State.RETIRED and key.facts.in_vault:
            _destroy(retirer, key, report)  # a backup of the vault was restored
        elif key.state is State.CLOSED:
            report.held_back[key.facts.epoch.name] = key.holds
            _give_up(retirer, key)
    if due and retirer.key_file is not None:
        check_replaceable(retirer.vault.store, retirer.key_file)
    gone += [key for key in due if _destroy(retirer, key, report)]
    _ratchet(retirer, needed=bool(gone))
    _log(retirer, look, gone, report)
    retirer.bench.accounts.remember()
    return report


def _adopt(retirer: Retirer, names: list[str], report: Retirements) -> None:
    for name in names:
        try:
            public = PrivateKey(retirer.vault.get(f"intake/{name}")).public
        except SecretMissing:
            continue
        leaf = encode_leaf("intake-key", intake_digest(public), retirer.now(), epoch=name)
        if retirer.bench.accounts.append([leaf]):
            report.adopted.append(name)


def _forget_finished(retirer: Retirer, look: Look) -> None:
    """Intentions that were carried out and logged, by a run that did not get to remove them."""
    for digest in look.meant.keys() & look.history.ledger.retired_intake_keys.keys():
        retirer.retirings.remove(look.meant[digest])


def _give_up(retirer: Retirer, key: Standing) -> None:
    """Of a key that still stands and is needed after all, nobody means to destroy it any more."""
    if key.facts.meant:
        retirer.retirings.remove(_retiring(key))


def _quarantine_sealed_to(retirer: Retirer, look: Look, key: Standing, report: Retirements) -> None:
    """Nobody can open these any more; an operator, and the contributor, is to see so."""
    bench = retirer.bench
    quarantined, held = bench.quarantine.holds(), bench.holds.held()
    for item in look.sealed_to.get(key.facts.digest[:32], []):
        if (item.name, item.version) not in quarantined and not held.by(item.name):
            done = quarantine_unopened(bench, item, "retired-intake-key")
            report.quarantined += sorted(done.quarantined)


def _destroy(retirer: Retirer, key: Standing, report: Retirements) -> bool:
    """Whether every version was destroyed; the observation comes later."""
    secret, store = f"intake/{key.facts.epoch.name}", retirer.vault.store
    try:
        _check_is_the_logged_one(retirer, key)
        if key.state is State.CLOSED:
            retirer.retirings.write(_retiring(key), retirer.signer)
        for entry in list(store.versions(object_of(secret))):
            if entry.name == object_of(secret):
                store.delete(entry.name, entry.version)
    except CredentialsExpired:
        raise
    except (StoreError, VerificationError) as error:
        report.blocked[key.facts.epoch.name] = str(error)
        return False
    return True


def _check_is_the_logged_one(retirer: Retirer, key: Standing) -> None:
    """Else the leaf would be about a key that is not the one destroyed."""
    name = key.facts.epoch.name
    try:
        public = PrivateKey(retirer.vault.get(f"intake/{name}")).public
    except SecretMissing:
        return  # gone: lost, or another run is at the same
    if intake_digest(public) != key.facts.digest:
        raise VerificationError(f"the vault's key of {name} is not the one that the log names")


def _ratchet(retirer: Retirer, *, needed: bool) -> None:
    if retirer.key_file is not None and (needed or is_unfinished(retirer.key_file)):
        replace_key(retirer.vault.store, retirer.key_file)


def _log(retirer: Retirer, look: Look, gone: list[Standing], report: Retirements) -> None:
    accounts, leaves = retirer.bench.accounts, []
    for key in sorted(gone, key=lambda one: one.facts.digest):
        epoch, digest = key.facts.epoch.name, key.facts.digest
        try:
            receipt = RetirementReceipt(
                digest=digest,
                epoch=epoch,
                observed=observe(retirer.vault.store, f"intake/{epoch}", retirer.now()),
                unlock=retirer.unlock,
                media_type=f"key vault in a {retirer.vault.store.url.partition('://')[0]} store",
                accepted=look.history.accepted[digest],
                disposed=look.history.disposed[digest],
                performed_by=retirer.bench.performed_by,
                found_gone=key.state is State.LOST,
            )
        except CredentialsExpired:
            raise
        except (NotDisposed, StoreError) as error:
            report.blocked[epoch] = str(error)
        else:
            leaves.append(receipt.leaf())
    accounts.append(leaves)
    ledger = accounts.current()
    for key in gone:
        epoch, digest = key.facts.epoch.name, key.facts.digest
        if digest in ledger.retired_intake_keys:
            report.retired[epoch] = digest
            retirer.retirings.remove(_retiring(key))
        elif epoch not in report.blocked:
            report.destroyed[epoch] = (
                f"{ledger.unsettled_under(digest):,} recordings sealed to it were accepted "
                "meanwhile, or are in quarantine; its receipt follows once they are settled"
            )


def _retiring(key: Standing) -> Retiring:
    return Retiring(key.facts.epoch.name, key.facts.digest)


def loss(report: Retirements) -> AccessError | None:
    """What is to be said of keys that are gone and were not meant to be."""
    if not report.lost:
        return None
    what = "; ".join(f"{epoch}: {', '.join(holds)}" for epoch, holds in sorted(report.lost.items()))
    return AccessError(
        "intake keys are missing from the worker's vault, and nobody retired them: restore them "
        f"from a backup, or what is sealed to them is lost. {what}"
    )
