"""Retirement: the private key of an epoch that is over is destroyed, and seen to be gone.

INV-9 once an intake key is retired, nothing sealed to it can be opened by anyone.

    1. adopt    a key that a rotation left half-made becomes known to the log, to be retired too
    2. judge    which keys nothing holds back (`epochs.standing`)
    3. intend   durably and signed: from here on the key's absence is no loss
    4. destroy  every version of it in the vault
    5. ratchet  where the vault has a key file: the key that wrapped it is replaced
    6. observe, and log the leaf; the ledger refuses it while a recording sealed to it is unsettled
    7. remove   the intention

A key that stands in the vault though the log calls it retired is judged like any other: where
nothing holds it, it is destroyed again, and 3 to 5 and 7 are done; else it stays, loudly.

A crash is finished by the next run. A recording accepted between 2 and 4 may still be opened by who
had the key in memory; what is not is quarantined by the next run, as `retired-intake-key`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from unvoiced.clock import utc_now
from unvoiced.config import Settings, key_file_of
from unvoiced.epochs.intents import Retiring, Retirings
from unvoiced.epochs.look import Look
from unvoiced.epochs.receipt import Deletion, RetirementReceipt, observe
from unvoiced.epochs.report import Retirements
from unvoiced.epochs.standing import Standing, State
from unvoiced.errors import (
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


@dataclass(frozen=True)
class _Gone:
    """A key that is to be looked for, and whether this run deleted a version of it."""

    key: Standing
    deleted: bool

    @property
    def deletion(self) -> Deletion:
        """What the receipt may say."""
        if self.key.state is State.LOST:
            return Deletion.NONE
        return Deletion.SEEN if self.deleted else Deletion.INTENDED


def retire_keys(retirer: Retirer) -> Retirements:
    """Retire what may be retired, and finish what runs that are no more had begun.

    Raises `AccessError`, `StoreError` or `VerificationError`; nothing that is half-done is lost.
    """
    report = Retirements()
    look = retirer.look()
    if half_made := look.half_made:
        _adopt(retirer, sorted(half_made), report)
        look = retirer.look()
    gone, due, finished = _sort(retirer, look, report)
    if due and retirer.key_file is not None:
        check_replaceable(retirer.vault.store, retirer.key_file)
    gone += [done for key in due if (done := _destroy(retirer, key, report)) is not None]
    _ratchet(retirer, needed=bool(gone or finished))
    for key in finished:  # by a run that did not get to say so
        retirer.retirings.remove(_retiring(key))
    restored = [one for one in gone if one.key.state is State.RESTORED]
    _see_restored_gone(retirer, restored, report)
    _log(retirer, look, [one for one in gone if one not in restored], report)
    retirer.bench.accounts.remember()
    return report


def _sort(
    retirer: Retirer, look: Look, report: Retirements
) -> tuple[list[_Gone], list[Standing], list[Standing]]:
    """Keys that are gone, those to be destroyed, and those that only their intention is left of."""
    gone: list[_Gone] = []
    due: list[Standing] = []
    finished: list[Standing] = []
    for key in look.standings():
        if key.state is State.DESTROYED:
            gone.append(_Gone(key, deleted=False))
            _quarantine_sealed_to(retirer, look, key, report)
        elif key.may_be_retired:
            due.append(key)
        elif key.state is State.LOST:
            report.lost[key.facts.epoch.name] = key.holds
        elif key.state is State.RETIRED and key.facts.meant:
            finished.append(key)
        elif key.state is State.RESTORED:
            _dispute(retirer, key, report)
            _give_up(retirer, key)
        elif key.state is State.CLOSED:
            report.held_back[key.facts.epoch.name] = key.holds
            _give_up(retirer, key)
    return gone, due, finished


def _adopt(retirer: Retirer, names: list[str], report: Retirements) -> None:
    for name in names:
        try:
            public = PrivateKey(retirer.vault.get(f"intake/{name}")).public
        except SecretMissing:
            continue
        leaf = encode_leaf("intake-key", intake_digest(public), retirer.now(), epoch=name)
        if retirer.bench.accounts.append([leaf]):
            report.adopted.append(name)


def _give_up(retirer: Retirer, key: Standing) -> None:
    """Of a key that still stands and is needed after all, nobody means to destroy it any more."""
    if key.facts.meant:
        retirer.retirings.remove(_retiring(key))


def _dispute(retirer: Retirer, key: Standing, report: Retirements) -> None:
    epoch = key.facts.epoch.name
    # Asked again: a retirement at the same time may have destroyed it since it was listed.
    if not observe(retirer.vault.store, f"intake/{epoch}", retirer.now()).shows_absence:
        report.disputed[epoch] = key.holds


def _quarantine_sealed_to(retirer: Retirer, look: Look, key: Standing, report: Retirements) -> None:
    """Nobody can open these any more; an operator, and the contributor, is to see so."""
    bench = retirer.bench
    in_log, held = bench.accounts.current().quarantined, bench.holds.held()
    quarantined = bench.quarantine.records().in_quarantine(in_log)
    for item in look.sealed_to.get(key.facts.digest[:32], []):
        if not quarantined.of(item.name, item.version) and not held.by(item.name):
            done = quarantine_unopened(bench, item, "retired-intake-key")
            report.quarantined += sorted(done.quarantined)


def _destroy(retirer: Retirer, key: Standing, report: Retirements) -> _Gone | None:
    """Destroy every version; the observation comes later. None where that failed."""
    secret, store = f"intake/{key.facts.epoch.name}", retirer.vault.store
    deleted = False
    try:
        seen = _is_the_logged_one(retirer, key)
        if key.state is not State.LOST:
            retirer.retirings.write(_retiring(key), retirer.signer)
        for entry in list(store.versions(object_of(secret))):
            if entry.name == object_of(secret):
                store.delete(entry.name, entry.version)
                deleted = seen
    except CredentialsExpired:
        raise
    except (StoreError, VerificationError) as error:
        report.blocked[key.facts.epoch.name] = str(error)
        return None
    return _Gone(key, deleted)


def _is_the_logged_one(retirer: Retirer, key: Standing) -> bool:
    """Whether the key was seen there. Raises `VerificationError` for another under its name: the
    leaf would be about a key that is not the one destroyed.
    """
    name = key.facts.epoch.name
    try:
        public = PrivateKey(retirer.vault.get(f"intake/{name}")).public
    except SecretMissing:
        return False  # gone: lost, or another run is at the same
    if intake_digest(public) != key.facts.digest:
        raise VerificationError(f"the vault's key of {name} is not the one that the log names")
    return True


def _ratchet(retirer: Retirer, *, needed: bool) -> None:
    if retirer.key_file is not None and (needed or is_unfinished(retirer.key_file)):
        replace_key(retirer.vault.store, retirer.key_file)


def _see_restored_gone(retirer: Retirer, restored: list[_Gone], report: Retirements) -> None:
    """The log has their leaves already; that they are gone again is seen all the same."""
    for one in restored:
        epoch = one.key.facts.epoch.name
        if observe(retirer.vault.store, f"intake/{epoch}", retirer.now()).shows_absence:
            report.again += [epoch] if one.deleted else []
            retirer.retirings.remove(_retiring(one.key))
        else:
            report.blocked[epoch] = f"the key of {epoch} was not seen to be gone"


def _log(retirer: Retirer, look: Look, gone: list[_Gone], report: Retirements) -> None:
    accounts, leaves = retirer.bench.accounts, []
    for one in sorted(gone, key=lambda one: one.key.facts.digest):
        epoch, digest = one.key.facts.epoch.name, one.key.facts.digest
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
                deletion=one.deletion,
            )
        except CredentialsExpired:
            raise
        except (NotDisposed, StoreError) as error:
            report.blocked[epoch] = str(error)
        else:
            leaves.append(receipt.leaf())
    accounts.append(leaves)
    ledger = accounts.current()
    for one in gone:
        epoch, digest = one.key.facts.epoch.name, one.key.facts.digest
        if digest in ledger.retired_intake_keys:
            report.retired[epoch] = digest
            retirer.retirings.remove(_retiring(one.key))
        elif epoch not in report.blocked:
            report.destroyed[epoch] = (
                f"{ledger.unsettled_under(digest):,} recordings sealed to it were accepted "
                "meanwhile, or are in quarantine; its receipt follows once they are settled"
            )


def _retiring(key: Standing) -> Retiring:
    return Retiring(key.facts.epoch.name, key.facts.digest)
