"""What was not used, on facts: ministack does not say when a role was last used."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from tests.posture import right_facts as right
from tests.posture.right_facts import NOW, facts, role_arn, settings
from unvoiced.access.roles import Role
from unvoiced.posture.facts import AccessKey, Unknown
from unvoiced.posture.finding import Seen, Severity
from unvoiced.posture.statements import Policy
from unvoiced.review.identities import Identity, KeyUse
from unvoiced.review.known import Known
from unvoiced.review.use import explained, use_found

LONG_AGO, LATELY = NOW - timedelta(days=91), NOW - timedelta(days=89)


def known(*identities: Identity) -> Known:
    """An account with these in it."""
    return Known(Seen(facts(), settings()), identities)


def a_role(which: Role, created: datetime, used: datetime | Unknown | None) -> Identity:
    """A role of the table."""
    return Identity(role_arn(which), created, (), trust=Policy.none(), last_used=used)


@pytest.mark.parametrize(
    ("created", "used", "names"),
    [
        (LONG_AGO, LONG_AGO, ["role-not-used"]),
        (LONG_AGO, None, ["role-not-used"]),
        (LONG_AGO, LATELY, []),
        (LATELY, None, []),
    ],
    ids=["long ago", "never", "lately", "never, and new"],
)
def test_a_role_that_nobody_used_for_long_is_named(
    created: datetime, used: datetime | None, names: list[str]
) -> None:
    """By when it was last used, or else by when it was made."""
    found = use_found(known(a_role(Role.ARCHIVIST, created, used)))
    assert [one.name for one in found.findings] == names
    assert found.gaps == []
    for one in found.findings:
        assert one.who == "archivist"
        assert one.fix.startswith("aws iam update-assume-role-policy --role-name archivist")


def test_what_the_server_does_not_say_is_no_pass() -> None:
    """One gap for all roles, with the command that asks by hand."""
    roles = [a_role(one, LONG_AGO, Unknown("not said", "aws iam get-role")) for one in Role]
    found = use_found(known(*roles))
    assert found.findings == []
    assert [(gap.what, gap.command) for gap in found.gaps] == [
        ("when roles were last used", "aws iam get-role")
    ]


@pytest.mark.parametrize(
    ("used", "severity"),
    [(LATELY, Severity.MEDIUM), (LONG_AGO, Severity.HIGH), (None, Severity.HIGH),
     (Unknown("not said", "aws"), Severity.MEDIUM)],
)  # fmt: skip
def test_an_access_key_should_end_the_sooner_the_less_it_is_used(
    used: datetime | Unknown | None, severity: Severity
) -> None:
    """One that was switched off is none."""
    arn = f"arn:aws:iam::{right.ACCOUNT}:user/dora"
    on, off = AccessKey("AKIA1", True, LONG_AGO), AccessKey("AKIA2", False, LONG_AGO)
    found = use_found(
        known(Identity(arn, LONG_AGO, (), keys=(KeyUse(on, used), KeyUse(off, None))))
    )
    (finding,) = found.findings
    assert (finding.severity, finding.at) == (severity, "AKIA1")
    later = replace(known(), seen=Seen(replace(facts(), now=NOW + timedelta(days=1)), settings()))
    again = use_found(replace(later, identities=known(
        Identity(arn, LONG_AGO, (), keys=(KeyUse(on, used),))).identities))  # fmt: skip
    assert again.findings[0].identity == finding.identity


def test_a_reader_is_explained_by_who_is_in_the_account() -> None:
    """A session by its role, a user by its ARN, a key by its id; a namesake elsewhere is not."""
    key = KeyUse(AccessKey("AKIA1", True, NOW), None)
    user = Identity(f"arn:aws:iam::{right.ACCOUNT}:user/team/dora", NOW, (), keys=(key,))
    role = Identity(f"arn:aws:iam::{right.ACCOUNT}:role/ml/reader", NOW, ())
    there = known(user, role)
    assert explained(f"arn:aws:sts::{right.ACCOUNT}:assumed-role/reader/anna", there) == role
    assert explained(user.arn, there) == user
    assert explained("access-key:AKIA1", there) == user
    for nobody in (
        "arn:aws:sts::999988887777:assumed-role/reader/anna",
        f"arn:aws:sts::{right.ACCOUNT}:assumed-role/dora/anna",
        f"arn:aws:iam::{right.ACCOUNT}:user/dora",
        "access-key:AKIA2",
    ):
        assert explained(nobody, there) is None
    assert isinstance(explained("os-user:anna:1000", there), Unknown)
