"""Approvals: what lets somebody read beyond the quota, and everything that does not."""

import hashlib
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.audit.test_quota import Session
from tests.audit.watched import Died, Watched
from tests.ingest.hooked_store import HookedStore, once
from unvoiced.audit import Purpose
from unvoiced.audit.approvals import (
    Approval,
    approvals,
    approve,
    new_approval,
    revoke,
    same_person,
    short_name,
)
from unvoiced.audit.record import requester_tag
from unvoiced.errors import AccessError, InputError
from unvoiced.log.leaves import encode_leaf
from unvoiced.log.ledger import Ledger
from unvoiced.log.note import Signer
from unvoiced.log.statement import sign_statement

BOSS = "os-user:boss:1"
TITLE = "unvoiced approval v1"


@pytest.fixture
def watched() -> Watched:
    """A trail, on which a quota of 100 objects was read up."""
    watched = Watched.new()
    Session(watched).read(100)
    return watched


def ledger(watched: Watched) -> Ledger:
    """The log as a reader has it."""
    return watched.accounts().current()


def me(watched: Watched) -> str:
    """Who reads here."""
    return watched.session().requester


def given(watched: Watched, **changed: Any) -> Approval:
    """What is to be approved: 150 objects a day of training, until the day after tomorrow."""
    fields: dict[str, Any] = {
        "requester": me(watched),
        "purpose": Purpose.TRAINING,
        "objects": 150,
        "until": "2026-11-25",
        "because": "a deadline",
        "approved_by": BOSS,
        "now": watched.clock(),
    }
    return new_approval(**{**fields, **changed})


def approved(watched: Watched, approval: Approval) -> str:
    """Approve it; returns its name."""
    return approve(watched.audit, watched.accounts(), watched.signer, approval, watched.clock())


def refused(watched: Watched, count: int = 1) -> bool:
    """Whether a new session may not go on."""
    try:
        Session(watched).quota.admit(count, ledger(watched))
    except AccessError:
        return True
    return False


def whys(watched: Watched) -> list[str]:
    """Why approvals count for nothing."""
    found = approvals(watched.audit, watched.signer.verifier, ledger(watched))
    return [one.why for one in found if one.approval is None]


def put(watched: Watched, note: bytes, whose: str = "") -> str:
    """Put any bytes where an approval would stand."""
    name = f"approvals/{requester_tag(whose or me(watched))}/000000000000-{'0' * 16}.note"
    watched.put(name, note)
    return name


def log(watched: Watched, note: bytes, kind: str = "approved") -> None:
    """Log a note's digest."""
    leaf = encode_leaf(kind, hashlib.sha256(note).hexdigest(), watched.clock())
    watched.accounts().append([leaf])


def test_what_is_approved_may_be_read_and_no_more(watched: Watched) -> None:
    """150 on that day, the 100 of the quota among them; and on the days it is for, no later."""
    assert refused(watched)
    approved(watched, given(watched))
    assert not refused(watched, 50)
    assert refused(watched, 51)
    for day, more in ((1, True), (2, True), (3, False)):
        watched.clock.time = watched.clock.time.replace(day=23 + day, hour=0, minute=0, second=0)
        assert refused(watched, 150) is not more


def test_a_session_that_goes_on_finds_an_approval_once_it_reads_the_log(watched: Watched) -> None:
    """Within the minute in which it was refused."""
    session = Session(watched)
    with pytest.raises(AccessError):
        session.quota.admit(1, ledger(watched))
    approved(watched, given(watched))
    session.quota.admit(50, ledger(watched))


def test_an_approval_ends_at_midnight_in_a_session_that_goes_on(watched: Watched) -> None:
    """Though it was looked for less than a minute ago."""
    approved(watched, given(watched, until="2026-11-23"))
    session = Session(watched)
    watched.clock.time = watched.clock.time.replace(hour=23, minute=59, second=50)
    session.read(50, ledger(watched))
    watched.clock.forward(seconds=10)
    session.read(100, ledger(watched))
    with pytest.raises(AccessError):
        session.read(1, ledger(watched))


def test_the_largest_of_several_holds(watched: Watched) -> None:
    """They do not add up: the same one twice is worth one."""
    for objects in (150, 120, 150):
        approved(watched, given(watched, objects=objects))
    assert not refused(watched, 50)
    assert refused(watched, 51)


def revoked(watched: Watched, name: str) -> None:
    """End it."""
    revoke(watched.audit, watched.accounts(), watched.signer.verifier, name, watched.clock())


def test_a_revoked_approval(watched: Watched) -> None:
    """Nothing more is read under it, in a session that goes on as well, and the others hold."""
    larger, smaller = (
        approved(watched, given(watched)),
        approved(watched, given(watched, objects=120)),
    )
    session = Session(watched)
    session.read(10, ledger(watched))
    revoked(watched, short_name(larger))
    session.read(10, ledger(watched))
    with pytest.raises(AccessError):
        session.read(1, ledger(watched))
    assert whys(watched) == ["it was revoked"]
    revoked(watched, smaller)
    assert refused(watched)


def test_a_revoked_approval_that_was_copied_or_revoked_again(watched: Watched) -> None:
    """Its bytes under another name are the same approval; only a new one lets anybody read."""
    name = approved(watched, given(watched))
    revoked(watched, name)
    put(watched, watched.get(name))
    assert refused(watched)
    entries = len(watched.leaves("approved"))
    revoked(watched, name)
    assert len(watched.leaves("approved")) == entries == 2
    approved(watched, given(watched))
    assert not refused(watched)


def test_what_is_no_approval_cannot_be_revoked(watched: Watched) -> None:
    """Nor does it change the log."""
    put(watched, b"x")
    for name in ("", "x", "0" * 64, f"000000000000-{'0' * 16}"):
        with pytest.raises(InputError):
            revoked(watched, name)
    assert watched.leaves("approved") == []


def test_approvals_are_not_listed_while_the_quota_suffices() -> None:
    """Nor more than once a minute when it does not."""
    watched = Watched.new()
    listed: list[str] = []

    def around(operation: str, name: str, proceed: Callable[[], Any]) -> Any:
        if operation == "list" and name.startswith("approvals/"):
            listed.append(name)
        return proceed()

    session = Session(watched, audit=HookedStore(watched.audit, around))
    session.read(100)
    assert listed == []
    for _ in range(5):
        with pytest.raises(AccessError):
            session.read(1)
    assert len(listed) == 1


def test_a_forged_approval(watched: Watched) -> None:
    """By another key of the same name; even logged, as who appends and has no key could."""
    forger = Signer(watched.signer.verifier.name, Ed25519PrivateKey.generate())
    note = sign_statement(TITLE, asdict(given(watched)), forger)
    put(watched, note)
    log(watched, note)
    assert refused(watched)
    assert len(whys(watched)) == 1


def test_an_edited_approval(watched: Watched) -> None:
    """More objects, a later day, another requester: the signature is of something else."""
    name = approved(watched, given(watched))
    note = watched.get(name)
    for old, new in (
        (b":150,", b":950,"),
        (b"2026-11-25", b"2027-11-23"),
        (b"deadline", b"dEadline"),
    ):
        edited = note.replace(old, new)
        assert edited != note
        watched.put(name, edited)
        log(watched, edited)
        assert refused(watched)


def test_an_expired_approval(watched: Watched) -> None:
    """Its last day is over."""
    approved(watched, given(watched, until="2026-11-24"))
    watched.clock.forward(days=2)
    Session(watched).read(100)
    assert refused(watched)


def test_an_approval_replayed_for_another_requester(watched: Watched) -> None:
    """A copy under their tag; and one that names them under its own."""
    other = given(watched, requester="os-user:other:7")
    note = watched.get(approved(watched, other))
    put(watched, note)
    assert refused(watched)
    assert whys(watched) == ["it stands under another requester's tag"]


def test_an_approval_replayed_for_another_purpose(watched: Watched) -> None:
    """What was approved for inspection is not for training."""
    approved(watched, given(watched, purpose=Purpose.INSPECTION, objects=1000))
    assert refused(watched)


def test_an_approval_replayed_for_an_earlier_day(watched: Watched) -> None:
    """A clock that is set back finds it not in force yet."""
    watched.clock.forward(days=1)
    approved(watched, given(watched))
    assert not refused(watched)
    watched.clock.forward(days=-1)
    assert refused(watched)


def test_an_approval_that_is_signed_and_not_in_the_log(watched: Watched) -> None:
    """Nobody can be let in by a note that was never made public."""
    note = sign_statement(TITLE, asdict(given(watched)), watched.signer)
    put(watched, note)
    assert refused(watched)
    assert whys(watched) == ["the log does not know it"]
    log(watched, note, "reviewed")  # nor by a leaf of another kind
    assert refused(watched)
    log(watched, note + b"\n")  # or of other bytes
    assert refused(watched)


def test_an_approval_whose_maker_died_before_it_was_logged(watched: Watched) -> None:
    """It counts for nothing, and approving again does."""

    def die() -> None:
        raise Died

    seen = watched.seen_through(once("put_if_absent", "approvals/", die, after=True))
    with pytest.raises(Died):
        approved(seen, given(watched))
    assert whys(watched) == ["the log does not know it"]
    assert refused(watched)
    approved(watched, given(watched))
    assert not refused(watched)


def test_a_statement_of_another_kind(watched: Watched) -> None:
    """The same key signs much; only this title is an approval."""
    note = sign_statement("unvoiced suppression v1", asdict(given(watched)), watched.signer)
    put(watched, note)
    log(watched, note)
    assert refused(watched)


@pytest.mark.parametrize("body", [{}, {"objects": 10**6}, "no-because", "text-objects", "own"])
def test_a_signed_statement_that_is_no_approval_to_be_given(watched: Watched, body: Any) -> None:
    """Signed, logged, in its place, and still not what the rules of approvals let through."""
    fields = asdict(given(watched))
    changed = {
        "no-because": {**fields, "because": " "},
        "text-objects": {**fields, "objects": "1000"},
        "own": {**fields, "approved_by": me(watched)},
    }
    note = sign_statement(TITLE, changed[body] if isinstance(body, str) else body, watched.signer)
    put(watched, note)
    log(watched, note)
    assert refused(watched)
    assert len(whys(watched)) == 1


def test_a_planted_object_stops_no_approval_that_is_there(watched: Watched) -> None:
    """Passed over, and listed with why."""
    put(watched, b"\xff not a note")
    approved(watched, given(watched))
    assert not refused(watched)
    assert len(whys(watched)) == 1


@pytest.mark.parametrize(
    ("reader", "approver", "same"),
    [
        ("os-user:anna:1", "os-user:anna:1", True),
        ("os-user:anna:1", "os-user:bruno:2", False),
        ("os-user:user namespace:1", "os-user:anna:1", True),
        (
            "arn:aws:sts::1:assumed-role/scientist/anna",
            "arn:aws:sts::1:assumed-role/watcher/anna",
            True,
        ),
        ("arn:aws:iam::1:user/anna", "arn:aws:sts::1:assumed-role/watcher/anna", True),
        (
            "arn:aws:sts::1:assumed-role/scientist/anna",
            "arn:aws:sts::1:assumed-role/watcher/bruno",
            False,
        ),
        ("arn:aws:iam::1:root", "arn:aws:iam::1:root", True),
        ("access-key:A", "access-key:B", False),
    ],
)
def test_nobody_approves_for_themselves(
    watched: Watched, reader: str, approver: str, same: bool
) -> None:
    """As far as identities tell: the same one, or the same name behind two roles."""
    assert same_person(reader, approver) is same
    if same:
        with pytest.raises(AccessError, match="somebody else"):
            given(watched, requester=reader, approved_by=approver)
    else:
        given(watched, requester=reader, approved_by=approver)


@pytest.mark.parametrize(
    "changed",
    [
        {"objects": 0},
        {"until": "2026-11-22"},
        {"until": "20261124"},
        {"until": "2026-W48-2"},
        {"until": "2028-11-23"},
        {"until": "soon"},
        {"because": ""},
        {"requester": ""},
    ],
)
def test_what_is_not_to_be_approved_is_refused(watched: Watched, changed: dict[str, Any]) -> None:
    """Nothing, yesterday, for ever, no reason, nobody."""
    with pytest.raises(InputError):
        given(watched, **changed)


def test_an_approval_covers_its_own_requester_purpose_and_days(watched: Watched) -> None:
    """All three."""
    approval = replace(given(watched), first="2026-11-23")
    assert approval.covers(me(watched), Purpose.TRAINING, "2026-11-23")
    assert not approval.covers("x", Purpose.TRAINING, "2026-11-23")
    assert not approval.covers(me(watched), Purpose.EVALUATION, "2026-11-23")
    assert not approval.covers(me(watched), Purpose.TRAINING, "2026-11-26")
