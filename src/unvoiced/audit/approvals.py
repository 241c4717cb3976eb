"""Approvals: leave to read more features than a quota allows, signed, logged, and for a time.

    approvals/{requester}/{milliseconds}-{random}.note

One counts only if all of this holds:

1. It stands under its requester's tag, and names that requester. (Stops: one put under another's.)
2. The log's key signed it under this title. (Stops: a forged one, an edited one, a statement of
   another kind.)
3. The log has its digest, in an `approved` leaf. (Stops: one that was signed and never made
   public.)
4. It is for this purpose, and for this day. (Stops: one that is replayed.)
5. Who approved is not who reads, as far as identities tell people apart.
6. The log does not say that it was ended: an `approved` leaf with the digest that `end_of` makes of
   its own. That is in the log alone, so nobody can take it away. (Stops: one that was revoked, a
   copy of it too.)

What does not count is passed over: planted objects must not stop anybody's reading.
"""

import hashlib
import secrets
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime

from unvoiced.audit.record import LARGEST, Purpose, requester_tag, rfc3339_milliseconds
from unvoiced.audit.texts import printable
from unvoiced.errors import AccessError, InputError, NotFound, VerificationError
from unvoiced.log.accounts import Accounts
from unvoiced.log.leaves import encode_leaf
from unvoiced.log.ledger import Ledger
from unvoiced.log.note import Signer, Verifier
from unvoiced.log.statement import open_statement, sign_statement
from unvoiced.stores import Entry, Store

APPROVALS = "approvals/"
FORMAT = "unvoiced-approval/1"
_TITLE = "unvoiced approval v1"
_LONGEST_DAYS = 366
_END = "unvoiced approval ended"


@dataclass(frozen=True)
class Approval:
    """Leave for one requester to read so many objects a day for one purpose, instead of the quota.

    Raises `InputError` for one that is not to be given.
    """

    requester: str  # as records name them
    purpose: str
    objects: int  # a day (UTC), those within the quota included
    first: str  # day, as 2026-11-23
    until: str  # the last day
    because: str
    approved_by: str  # from credentials or the operating system, as requesters are
    time: str
    format: str = FORMAT

    def __post_init__(self) -> None:
        """Refuse what cannot be approved, with `InputError` saying why."""
        Purpose.of(self.purpose)
        if not self.requester or not self.because.strip():
            raise InputError("an approval says for whom it is, and why")
        if type(self.objects) is not int or self.objects < 1:
            raise InputError("an approval is for at least 1 object a day")
        first, until = _day(self.first), _day(self.until)
        if not 0 <= (until - first).days <= _LONGEST_DAYS:
            raise InputError(f"an approval ends on a day from now on, within {_LONGEST_DAYS} days")
        if same_person(self.requester, self.approved_by):
            raise AccessError(
                f"{self.approved_by} may not approve reading of their own: somebody else does"
            )

    def covers(self, requester: str, purpose: Purpose, day: str) -> bool:
        """Whether it is for this reading; days compare as texts."""
        return (self.requester, self.purpose) == (requester, purpose.value) and (
            self.first <= day <= self.until
        )


@dataclass(frozen=True)
class Found:
    """An object under `approvals/`; `approval` is None, and `why` says why, where it counts for
    nothing. `ended` is what it was, where it was revoked.
    """

    name: str
    approval: Approval | None
    why: str = ""
    ended: Approval | None = None


def _day(text: str) -> date:
    """A day in its one spelling: `covers` compares texts."""
    try:
        day = date.fromisoformat(text)
    except (ValueError, TypeError):
        day = None
    if day is None or day.isoformat() != text:
        raise InputError("an approval is until a day, as 2026-12-31")
    return day


def same_person(one: str, other: str) -> bool:
    """Whether two identities are seen to be one person's.

    They are where they are the same, and where two ARNs end in the same name: of a user, or of a
    session, which a directory names after who logs in. So are two OS users of one number, in a
    user namespace or not. Somebody with two names is not found out.
    """
    if one == other:
        return True
    if one.startswith("os-user:") and other.startswith("os-user:"):
        return one.rpartition(":")[2] == other.rpartition(":")[2]
    both = one.startswith("arn:") and other.startswith("arn:")
    return both and one.rpartition("/")[2] == other.rpartition("/")[2]


def approve(
    audit: Store, accounts: Accounts, signer: Signer, approval: Approval, now: datetime
) -> str:
    """Sign an approval, put it, and log its digest; returns its name.

    One that was put and not logged, because this died in between, counts for nothing: approve
    again. Raises `StoreError`.
    """
    note = sign_statement(_TITLE, asdict(approval), signer)
    milliseconds = int(now.timestamp() * 1000)
    folder = f"{APPROVALS}{requester_tag(approval.requester)}/"
    name = f"{folder}{milliseconds:012x}-{secrets.token_hex(8)}.note"
    audit.put_if_absent(name, note)
    digest = hashlib.sha256(note).hexdigest()
    accounts.append([encode_leaf("approved", digest, now)])
    accounts.remember()
    return name


def approvals(
    audit: Store, verifier: Verifier, ledger: Ledger, requester: str = ""
) -> Iterator[Found]:
    """Everything under `approvals/`, or under one requester's tag there, oldest first for each."""
    folder = f"{requester_tag(requester)}/" if requester else ""
    for entry in audit.list(f"{APPROVALS}{folder}"):
        try:
            approval, digest = _open(audit, entry, verifier, ledger)
        except NotFound:
            continue
        except VerificationError as error:
            yield Found(entry.name, None, str(error))
            continue
        if end_of(digest) in ledger.approved:  # (6)
            yield Found(entry.name, None, "it was revoked", approval)
        else:
            yield Found(entry.name, approval)


def end_of(digest: str) -> str:
    """What the log has once the approval of this SHA-256 was ended."""
    return hashlib.sha256(f"{_END}\n{digest}\n".encode()).hexdigest()


def revoke(audit: Store, accounts: Accounts, verifier: Verifier, name: str, now: datetime) -> Found:
    """End an approval, of which `name` is the object's or the last part of it, for good.

    Readers at work see it when they read the log next. Ending it again changes nothing. Returns it
    as it was found. Raises `InputError` where there is none of that name that counts; `StoreError`.
    """
    for found in approvals(audit, verifier, accounts.current()):
        if name not in {found.name, short_name(found.name)}:
            continue
        if found.approval is not None:
            digest = hashlib.sha256(audit.get(found.name).data).hexdigest()
            accounts.append([encode_leaf("approved", end_of(digest), now)])
            accounts.remember()
            return found
        if found.ended is not None:
            return found
    raise InputError(
        f"there is no approval {printable(name)}: `unvoiced audit approvals` has names"
    )


def short_name(name: str) -> str:
    """The part of an approval's name that tells it from others."""
    return name.rpartition("/")[2].removesuffix(".note")


def _open(audit: Store, entry: Entry, verifier: Verifier, ledger: Ledger) -> tuple[Approval, str]:
    """An approval, and the digest that the log knows it by."""
    if entry.size > LARGEST:
        raise VerificationError("it is larger than any approval")
    note = audit.get(entry.name).data
    body = open_statement(_TITLE, note, verifier)  # (2)
    try:
        approval = Approval(**body)
    except (TypeError, AttributeError, InputError, AccessError):  # (5)
        raise VerificationError("it is signed, and no approval that may be given") from None
    if not entry.name.startswith(f"{APPROVALS}{requester_tag(approval.requester)}/"):  # (1)
        raise VerificationError("it stands under another requester's tag")
    if approval.format != FORMAT:
        raise VerificationError(f"it is of another format than {FORMAT}")
    digest = hashlib.sha256(note).hexdigest()
    if digest not in ledger.approved:  # (3)
        raise VerificationError("the log does not know it")
    return approval, digest


def new_approval(
    requester: str,
    purpose: Purpose,
    objects: int,
    until: str,
    because: str,
    approved_by: str,
    now: datetime,
) -> Approval:
    """An approval from today on. Raises `InputError`; `AccessError` for one of one's own."""
    moment = now.astimezone(UTC)
    return Approval(
        requester=requester,
        purpose=purpose.value,
        objects=objects,
        first=f"{moment:%Y-%m-%d}",
        until=until,
        because=because,
        approved_by=approved_by,
        time=rfc3339_milliseconds(moment),
    )
