"""Erasing one contributor, from the request to the certificate.

INV-10 key first, then every byte, and proof of both:

    1. request    a signed record, perhaps with an approval to wait for; then, unless a legal hold
                  is on them, they are suppressed
    2. key        every version of their key object, and a leaf of each that the log knows
    3. features   every version, in every feature set
    4. raw        with receipts, what no run has seen yet too
    5. archive    what no lock is on any more, and a leaf of each
    6. journal    all that names them, but pages: those are ingest's, and are waited for
    7. catalog    every version of the shards that may hold their rows; they are derived
    8. observe    list all versions in every store: none is left
    9. log        the digest of the certificate's body
    10. forget    the record loses their name; the suppression stays

Every step may be run again, and a run goes through all of them each time: a crash anywhere, or two
runs at once, lead to the same end. The audit trail and the log hold digests and nothing else of
anybody.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from unvoiced.disposal import lifting, suppression_id
from unvoiced.eraser import Eraser
from unvoiced.erasure.body import body_digest, body_of, erased_leaf
from unvoiced.erasure.discretion import discreet
from unvoiced.erasure.inventory import observe
from unvoiced.erasure.record import Erasure, Erasures, Stage
from unvoiced.erasure.records_of import destroy_records
from unvoiced.erasure.shards import destroy_shards, forget_replaced
from unvoiced.erasure.steps import (
    destroy_archived,
    destroy_features,
    destroy_key,
    destroy_recordings,
)
from unvoiced.erasure.work import UNDER_HOLD, FinishedElsewhere, UnderHold, Work
from unvoiced.errors import CredentialsExpired, InputError, StoreError
from unvoiced.log.leaves import encode_leaf, rfc3339
from unvoiced.sealing import Json

_ROUNDS = 4


@dataclass(frozen=True)
class Outcome:
    """How an erasure stands after a run; says nothing of whose it is, but for `body`."""

    id: str
    complete: bool
    held: bool = False
    pending: tuple[str, ...] = ()
    destroyed: Mapping[str, int] | None = None  # versions by store, in all runs
    body: Mapping[str, Json] | None = None  # of the certificate
    certificate: str = ""  # the digest of that body, as the log has it


def request(eraser: Eraser, pseudonym: str) -> str:
    """Make the request of an erasure durable; returns its id. Raises `InputError`."""
    return make_request(eraser, pseudonym).id


def make_request(eraser: Eraser, pseudonym: str, *, needs_approval: bool = False) -> Erasure:
    """Make a request durable, or find the one that is under way. Raises `InputError`."""
    records = _records(eraser)
    made = records.request(
        pseudonym, eraser.now(), eraser.accounts.current(), needs_approval=needs_approval
    )
    ledger = eraser.accounts.current()
    if ledger.is_lifted(made.lifting, made.as_of):  # meanwhile: nobody would go on with this one
        made = records.request(pseudonym, eraser.now(), ledger, needs_approval=needs_approval)
    return made


def pending(eraser: Eraser) -> list[str]:
    """The ids of all erasures to go on with; mends those that a crash left half forgotten.

    What awaits approval is none of them. Raises `VerificationError` for a record that nobody of
    ours signed, or that was put back.
    """
    records, ledger = _records(eraser), eraser.accounts.current()
    open_ones = []
    for record in list(records.all()):
        record.refuse_old(ledger)
        if record.finished:
            records.forget_older(record.id)
        elif not record.awaits_approval or record.request in ledger.requests:
            open_ones.append(record.id)
    return open_ones


def requests(eraser: Eraser) -> list[Erasure]:
    """Every request there is, finished or not. Raises `VerificationError`, as `pending`."""
    found, ledger = list(_records(eraser).all()), eraser.accounts.current()
    for record in found:
        record.refuse_old(ledger)
    return found


def find_request(eraser: Eraser, beginning: str) -> str:
    """The id of the one request whose id begins so. Raises `InputError` for none, and several."""
    found = [one.id for one in _records(eraser).all() if one.id.startswith(beginning)]
    if len(found) != 1:
        known = f"{len(found)} requests begin with" if found else "there is no request of erasure"
        raise InputError(f"{known} {beginning[:16]}")
    return found[0]


def carry_out(eraser: Eraser, erasure_id: str) -> Outcome:
    """Take an erasure as far as it will go. No error that comes out names the contributor.

    Raises `InputError` where there is no such request, or it has no approval and needs one;
    `CredentialsExpired`; `VerificationError`.
    What a store refuses is no error: the erasure is pending, and says why.
    """
    with discreet():
        records = _records(eraser)
        record = records.load(erasure_id)
        if record is None:
            raise InputError(f"there is no request of erasure {erasure_id[:16]}")
        ledger = eraser.accounts.current()
        record.refuse_old(ledger)
        if record.finished or record.request in ledger.requests:
            return _finish(eraser, records, record)
        if record.awaits_approval:
            raise InputError(f"the request of erasure {erasure_id[:16]} awaits approval")
        work = Work(eraser, records, record, record.pseudonym)
        try:
            outcome = _go_through(work)
        except FinishedElsewhere:
            outcome = Outcome(erasure_id, complete=True, destroyed=work.record.destroyed)
        eraser.accounts.remember()
        return outcome


def go_on(eraser: Eraser, erasure_id: str) -> Outcome:
    """As `carry_out`, for who must not learn whose it is: of the certificate, the digest."""
    outcome = carry_out(eraser, erasure_id)
    digest = "" if outcome.body is None else body_digest(outcome.body)
    return replace(outcome, body=None, certificate=digest)


def lift(eraser: Eraser, pseudonym: str) -> None:
    """Let somebody who was erased contribute again.

    Logged first: from then on nothing that was signed before counts, and a crash is mended by
    lifting again. Raises `InputError` for who was not, or whose erasure is not finished.
    """
    records = _records(eraser)
    record = records.load(suppression_id(pseudonym))
    if record is not None and not record.finished:
        raise InputError("their erasure is not finished; finish it first")
    eraser.suppression.require(pseudonym)
    leaf = encode_leaf(
        "suppression-lifted", lifting(pseudonym, eraser.undertaker.signer), eraser.now()
    )
    eraser.accounts.append([leaf])
    if record is not None:
        records.remove(record.id)
    eraser.suppression.remove(pseudonym)


def reapply(eraser: Eraser) -> list[Outcome]:
    """Erase again whoever was erased and of whom something has come back: a backup, a late run.

    Asks each store for its folders. Who is under a legal hold is left alone, and so is whose
    erasure is not finished: that goes on by itself, or awaits approval. What a build of the catalog
    has replaced goes.
    """
    with discreet():
        suppressed, held = eraser.suppression.now(), eraser.holds.held()
        if not len(suppressed):
            return []
        forget_replaced(eraser)
        back = sorted(
            {one for one in _contributors(eraser) if one in suppressed and not held.by(one)}
        )
        open_ones = {*pending(eraser), *_unapproved(eraser)} if back else set()
        finished = [one for one in back if suppression_id(one) not in open_ones]
        return [go_on(eraser, request(eraser, one)) for one in finished]


def _unapproved(eraser: Eraser) -> set[str]:
    """The ids of requests that are not gone on with: they await approval, or were withdrawn."""
    done = eraser.accounts.current().requests
    return {
        one.id
        for one in _records(eraser).all()
        if one.awaits_approval and not one.finished and one.request not in done
    }


def _contributors(eraser: Eraser) -> set[str]:
    """Whoever has anything in a store, by the names of folders and of key objects."""
    training = eraser.training
    found = set(eraser.raw.folders())
    found |= set(eraser.archive.folders()) if eraser.archive is not None else set()
    found |= {one.name.removeprefix("keys/")[:26] for one in training.versions("keys/")}
    for feature_set in list(training.folders("features/")):
        found |= set(training.folders(f"features/{feature_set}/"))
    return found


def _go_through(work: Work) -> Outcome:
    try:
        # A body that is not logged was given to nobody, and what it observed may be long ago.
        work.change(Erasure.unobserved)
        observed = _rounds(work)
        if observed is None:
            work.wait()
            return _pending(work)
        _write_body(work, observed)
    except UnderHold:
        work.reasons.insert(0, UNDER_HOLD)
        work.wait(held=True)
        return _pending(work)
    except CredentialsExpired:
        raise
    except StoreError as error:
        work.pending(f"a store refused: {error}")
        work.wait()
        return _pending(work)
    return _finish(work.eraser, work.records, work.record)


def _rounds(work: Work) -> dict[str, int] | None:
    """Destroy until nothing is left; what was observed then, or None where it has to wait."""
    eraser = work.eraser
    work.unless_held()
    eraser.suppression.add(work.pseudonym, rfc3339(eraser.now()), eraser.undertaker.signer)
    eraser.undertaker.finish()
    for _ in range(_ROUNDS):
        work.reasons.clear()
        if not destroy_key(work):
            return None
        destroy_features(work)
        destroy_recordings(work)
        destroy_archived(work)
        destroy_records(work)
        destroy_shards(work)
        if work.reasons:
            return None
        work.reach(Stage.BYTES_DELETED)
        observed = observe(work)
        if not any(observed.values()):
            return observed
    work.pending("something of theirs was put there again each time: a run is at work on it")
    return None


def _write_body(work: Work, observed: Mapping[str, int]) -> None:
    eraser = work.eraser

    def with_body(record: Erasure) -> Erasure:
        if record.body is not None:
            return record
        now = eraser.now()
        stated = replace(record, pending=(), held=False)
        body = body_of(stated, observed, eraser.performed_by, now)
        return replace(stated, body=body).reached(Stage.OBSERVED, now)

    work.change(with_body)


def _finish(eraser: Eraser, records: Erasures, record: Erasure) -> Outcome:
    """Log it, unless it is, and forget whose it was."""
    body = record.body
    if not record.finished and record.request not in eraser.accounts.current().requests:
        eraser.accounts.append([erased_leaf(record, eraser.now())])
    if body is not None and body_digest(body) not in eraser.accounts.current().records:
        body = None  # another run logged its own
    finished = records.finish(record.id, eraser.now())
    return Outcome(record.id, complete=True, destroyed=finished.destroyed, body=body)


def _pending(work: Work) -> Outcome:
    record = work.record
    return Outcome(
        record.id,
        complete=False,
        held=record.held,
        pending=record.pending,
        destroyed=record.destroyed,
    )


def _records(eraser: Eraser) -> Erasures:
    return Erasures(eraser.journal, eraser.undertaker.signer)
