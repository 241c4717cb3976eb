"""Intents: recordings that are about to be destroyed though no features were made of them.

What the journal is to ingest, intents are to retention and erasure: written down durably before
anything goes, so that a crash leaves no disposal without a receipt. Whoever finds one acts on it,
so it is signed by the log's key: who can write to the store cannot say what is to be destroyed.

    1. intend   which versions, by name and digest, and for what cause
    2. destroy  each, unless a legal hold covers it, and observe
    3. receipt  one leaf each, in order of digest
    4. remove   the intent, once the log has settled all of it but what still stands

What was due by its age may no longer be when an intent is found: an operator released it, a rule
changed. So of a run of retention that is no more, only what is gone already is finished; what still
stands, or is held, is decided anew by retention. An erasure is not taken back: its intents act.
"""

import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime

from unvoiced.disposal.destroy import Target, clear_without_features, destroy, gone_before
from unvoiced.disposal.holds import Held, LegalHolds, UnderHold
from unvoiced.disposal.receipt import Cause, Receipt
from unvoiced.errors import (
    CredentialsExpired,
    NotDisposed,
    NotFound,
    StoreError,
    VerificationError,
)
from unvoiced.log.accounts import Accounts
from unvoiced.log.note import Signer, Verifier
from unvoiced.log.statement import open_statement, sign_statement
from unvoiced.stores.interface import Store

_PREFIX = "intents/"
_TITLE = "unvoiced disposal intent v1"
_MOST = 1000  # targets in one intent: far below what a signed note may hold


@dataclass(frozen=True)
class Intent:
    """What is about to be destroyed, for one cause, and the name to remove it by."""

    name: str
    cause: Cause
    targets: tuple[Target, ...]


class _ToDecideAnew(NotDisposed):
    """It stands, and who meant to destroy it is no more."""


@dataclass
class Disposed:
    """What became of targets: how many were disposed of, and why others are still there."""

    disposed: int = 0
    left: dict[str, str] = field(default_factory=dict)  # object name -> why


class Intents:
    """Signed intents in the journal store, under `intents/`."""

    def __init__(self, store: Store, verifier: Verifier) -> None:
        self._store = store
        self._verifier = verifier

    def write(self, cause: Cause, targets: Sequence[Target], signer: Signer) -> Intent:
        """Make an intent durable; returns once it is."""
        name = f"{_PREFIX}{secrets.token_hex(12)}"
        body = {"cause": cause.value, "name": name, "targets": [asdict(one) for one in targets]}
        self._store.put_if_absent(name, sign_statement(_TITLE, body, signer))
        return Intent(name, cause, tuple(targets))

    def all(self) -> Iterator[Intent]:
        """Every intent there is. Raises `VerificationError` for one that nobody of ours signed."""
        for listed in self._store.list(_PREFIX):
            if "/" in listed.name.removeprefix(_PREFIX):  # an intent of another kind
                continue
            try:
                note = self._store.get(listed.name).data
            except NotFound:
                continue
            yield self._open(listed.name, note)

    def remove(self, intent: Intent) -> None:
        """Take a settled intent out."""
        listed = self._store.head(intent.name)
        if listed is not None:
            self._store.delete(intent.name, listed.version)

    def _open(self, name: str, note: bytes) -> Intent:
        body = open_statement(_TITLE, note, self._verifier)
        try:
            if body["name"] != name:
                raise ValueError
            targets = tuple(Target(**one) for one in body["targets"])
            return Intent(name, Cause(body["cause"]), targets)
        except (ValueError, KeyError, TypeError):
            raise VerificationError(f"{name} is not a disposal intent of its own name") from None


@dataclass(frozen=True)
class Undertaker:
    """Everything it takes to dispose of recordings that leave no features."""

    raw: Store
    intents: Intents
    holds: LegalHolds
    accounts: Accounts
    signer: Signer
    performed_by: str
    now: Callable[[], datetime]

    @classmethod
    def of(
        cls,
        raw: Store,
        journal: Store,
        accounts: Accounts,
        signer: Signer,
        performed_by: str,
        now: Callable[[], datetime],
    ) -> "Undertaker":
        """With the intents and holds that stand in the journal store."""
        intents = Intents(journal, signer.verifier)
        return cls(raw, intents, LegalHolds(journal), accounts, signer, performed_by, now)

    def dispose(self, targets: Sequence[Target], cause: Cause) -> Disposed:
        """Destroy accepted recordings, observe, receipt. What is held or locked is left.

        What is not accepted, or settled by now, is passed over.

        Raises `StoreError` where a store fails; what was begun is finished by `finish`.
        """
        outcome = Disposed()
        for start in range(0, len(targets), _MOST):
            intent = self.intents.write(cause, targets[start : start + _MOST], self.signer)
            self._carry_out(intent, outcome, decided=True)
        return outcome

    def finish(self) -> Disposed:
        """Finish what runs that are no more had begun, or for an erasure intended."""
        outcome = Disposed()
        for intent in list(self.intents.all()):
            self._carry_out(intent, outcome, decided=intent.cause is Cause.ERASURE)
        return outcome

    def _carry_out(self, intent: Intent, outcome: Disposed, *, decided: bool) -> None:
        held, ledger = self.holds.held(), self.accounts.current()
        receipts: list[bytes] = []
        uncertain = False
        expired: CredentialsExpired | None = None
        for target in sorted(set(intent.targets), key=lambda one: one.sha256):
            if not ledger.is_unsettled(target.sha256):
                continue
            released = target.sha256 not in ledger.quarantined
            due = decided and not (intent.cause is Cause.QUARANTINE_AGE and released)
            try:
                receipts.append(self._dispose(target, intent.cause, held, due=due).leaf())
            except CredentialsExpired as error:
                expired = error
                break
            except UnderHold as error:  # it was seen to stand, so nothing was begun with it
                outcome.left[target.name] = str(error)
            except _ToDecideAnew:  # as above
                continue
            except (NotDisposed, StoreError) as error:
                outcome.left[target.name] = str(error)
                uncertain = True
        outcome.disposed += len(self.accounts.append(receipts))
        if expired is not None:
            raise expired
        if not uncertain:  # else it may be gone without having been seen to be: the next run looks
            self.intents.remove(intent)

    def _dispose(self, target: Target, cause: Cause, held: Held, *, due: bool) -> Receipt:
        try:
            if not due:
                raise _ToDecideAnew(f"{target.name}: whether it is due is decided anew")
            observed = destroy(self.raw, clear_without_features(target, cause, held), self.now)
        except (UnderHold, _ToDecideAnew) as why:
            observed = gone_before(why, self.raw, target, self.now)
        return Receipt(
            sha256=target.sha256,
            media_type=f"object in a {self.raw.url.partition('://')[0]} store",
            features=(),
            observed=observed,
            performed_by=self.performed_by,
            cause=cause,
        )
