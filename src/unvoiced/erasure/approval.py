"""Erasures that somebody else has to agree to before anything is destroyed.

- Asking destroys nothing and suppresses nobody: until it is approved, or carried out by who may do
  so without, the contributor's uploads are taken in like anybody's.
- An approval is for one request, known by the digest the log will know it by: it does not carry
  over to another request of the same contributor.
- Withdrawing and approving replace the same version of the record, so one of them comes first, and
  the other is refused. What was withdrawn cannot be put back: the log knows of the withdrawal.
- Asking again is refused until that is in the log; what was asked for since stays.
- Who approves gives the first digits of the request's digest (`code`), which only commands of who
  makes requests show.
"""

from dataclasses import dataclass, replace

from unvoiced.disposal import lifting, suppression_id
from unvoiced.eraser import Eraser
from unvoiced.erasure.discretion import discreet
from unvoiced.erasure.inventory import Held, take_inventory, versions_of
from unvoiced.erasure.record import Approval, Erasure, Erasures, Stage
from unvoiced.erasure.run import make_request
from unvoiced.errors import InputError
from unvoiced.log.leaves import encode_leaf, rfc3339

_CODE = 8  # digits


def code(request: str) -> str:
    """What who approves a request is told by who made it, of the request's digest."""
    return request[:_CODE]


@dataclass(frozen=True)
class Preview:
    """What an erasure would do if it went on now; says nothing of whose it is."""

    id: str  # of the contributor's requests
    request: str  # of this one
    stage: str
    requested: str  # RFC 3339
    awaits_approval: bool
    stores: tuple[Held, ...] = ()
    waits_for: tuple[str, ...] = ()

    @property
    def versions(self) -> int:
        """How many versions it would destroy of what is one contributor's alone."""
        return versions_of(self.stores)


def ask(eraser: Eraser, pseudonym: str) -> Erasure:
    """Make durable a request that awaits approval. What is under way already is returned as it is,
    and so is an erasure that was done: what has come back of it needs no second approval.
    """
    return make_request(eraser, pseudonym, needs_approval=True)


def awaiting(eraser: Eraser) -> list[str]:
    """The ids of all requests that await approval. Raises `VerificationError`, as `pending`."""
    found, ledger = list(_records(eraser).all()), eraser.accounts.current()
    for record in found:
        record.refuse_old(ledger)
    return [
        one.id
        for one in found
        if one.awaits_approval and not one.withdrawn and one.request not in ledger.requests
    ]


def preview(eraser: Eraser, erasure_id: str) -> Preview:
    """What there is to destroy; changes nothing. No error that comes out names the contributor.

    Raises `InputError` where there is no such request; `StoreError`; `VerificationError`.
    """
    with discreet():
        record, ledger = _load(eraser, erasure_id), eraser.accounts.current()
        record.refuse_old(ledger)
        over = record.finished or record.withdrawn or record.request in ledger.requests
        shown = Preview(
            id=record.id,
            request=record.request,
            stage=stage_of(record),
            requested=record.stages[Stage.REQUESTED.value],
            awaits_approval=record.awaits_approval and not over,
        )
        if over:
            return shown
        found = take_inventory(eraser, record.pseudonym)
        return replace(shown, stores=found.stores, waits_for=found.waits_for)


def approve(eraser: Eraser, erasure_id: str, request: str, reference: str, run: str) -> None:
    """Let an erasure go on. Approving what is approved already changes nothing.

    Raises `InputError` where the contributor's request is not the one that was shown, or was
    withdrawn; `VerificationError`.
    """
    _load(eraser, erasure_id).refuse_old(eraser.accounts.current())
    approval = Approval(rfc3339(eraser.now()), reference, run)

    def approved(record: Erasure) -> Erasure:
        if record.withdrawn or (not record.finished and record.request != request):
            raise InputError(
                f"the request of erasure {erasure_id[:16]} that was shown was withdrawn"
            )
        return replace(record, approval=approval) if record.awaits_approval else record

    _records(eraser).change(erasure_id, approved)


def withdraw(eraser: Eraser, pseudonym: str) -> None:
    """Take back a request that awaits approval. A crash is mended by withdrawing again.

    Raises `InputError` where there is none.
    """
    records, whose = _records(eraser), suppression_id(pseudonym)

    def blank(record: Erasure) -> Erasure:
        if not record.awaits_approval:
            raise InputError("their erasure awaits no approval: it was begun, or is done")
        return replace(record, pseudonym="", nonce="")

    if pseudonym in eraser.suppression.now():  # and the leaf below would lift that
        raise InputError("they were erased; `unvoiced erasure lift` lets them contribute again")
    records.change(whose, blank)
    leaf = encode_leaf(
        "suppression-lifted", lifting(pseudonym, eraser.undertaker.signer), eraser.now()
    )
    eraser.accounts.append([leaf])
    records.remove_withdrawn(whose)


def stage_of(record: Erasure) -> str:
    """How far a request has come, in a word or two."""
    if record.finished:
        return "complete"
    if record.withdrawn:
        return "withdrawn"
    return "awaits approval" if record.awaits_approval else record.stage.value


def _load(eraser: Eraser, erasure_id: str) -> Erasure:
    record = _records(eraser).load(erasure_id)
    if record is None:
        raise InputError(f"there is no request of erasure {erasure_id[:16]}")
    return record


def _records(eraser: Eraser) -> Erasures:
    return Erasures(eraser.journal, eraser.undertaker.signer)
