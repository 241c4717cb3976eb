"""The review of an account on ministack: each excess that is made is named, nothing else is.

ministack does not say when roles were last used: that stays unknown there, and is no pass.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.posture import tls_ministack
from tests.posture.environment import Environment
from tests.posture.test_mistakes import run
from tests.posture.tls_ministack import TlsMinistack
from tests.review.excesses import EXCESSES, people, unmatched
from tests.servers.ministack import new_name
from unvoiced.review.report import Report
from unvoiced.review.take import take_review

pytestmark = pytest.mark.server


@pytest.fixture(scope="module")
def server() -> Iterator[TlsMinistack]:
    """A running ministack that is reached by https."""
    with tls_ministack.running() as running:
        yield running


@pytest.fixture
def account(server: TlsMinistack, monkeypatch: pytest.MonkeyPatch) -> Environment:
    """The account as it must be, with its people, in an environment signed in as root."""
    server.forget()
    made = Environment(server)
    people(made)
    server.sign_in(monkeypatch)
    return made


def review(account: Environment, folder: Path, *, days: int = 0) -> Report:
    """The review, some days from now."""
    return take_review(account.settings(folder), datetime.now(UTC) + timedelta(days=days))


def test_every_seeded_excess_is_named_and_nothing_else(
    account: Environment, tmp_path: Path
) -> None:
    """First nothing is found; then all excesses at once, each by principal, place and policy."""
    clean = review(account, tmp_path)
    assert clean.findings == ()
    assert {gap.what for gap in clean.gaps} == {"when roles were last used"}
    assert len(clean.reaches) > 150
    assert all(one.in_table for one in clean.reaches)
    (use,) = clean.uses
    assert (use["who"], use["objects"], use["purposes"]) == ("data scientist", 3, ["training"])

    for excess in EXCESSES.values():
        excess.make(account)
    report = review(account, tmp_path)

    assert len(EXCESSES) >= 20
    assert unmatched(report, *EXCESSES.values()) == ([], [])
    assert len(report.findings) == len(EXCESSES)
    assert all(one.fix for one in report.findings)
    assert any(one.who == "user carol" and not one.in_table for one in report.reaches)


@pytest.mark.slow
@pytest.mark.parametrize("made", EXCESSES)
def test_each_excess_alone_is_the_only_finding(
    account: Environment, tmp_path: Path, made: str
) -> None:
    """None is found only because of another."""
    EXCESSES[made].make(account)
    assert unmatched(review(account, tmp_path), EXCESSES[made]) == ([], [])


@pytest.mark.slow
def test_every_printed_command_ends_what_it_is_about(account: Environment, tmp_path: Path) -> None:
    """All excesses at once, all commands in a shell: only what words are printed for is left."""
    for excess in EXCESSES.values():
        excess.make(account)
    report = review(account, tmp_path)
    for one in report.findings:
        if not one.fix.startswith("#"):
            run(one.fix, account, tmp_path)
    left = review(account, tmp_path).findings
    in_words = {one.identity for one in report.findings if one.fix.startswith("#")}
    assert {one.identity for one in left} == in_words
    assert {one.name for one in left} == {
        "requester-unexplained", "reader-beyond-the-table", "approval-to-end",
    }  # fmt: skip


@pytest.mark.slow
def test_a_key_that_nobody_uses_for_long_is_worse(account: Environment, tmp_path: Path) -> None:
    """The same key, a hundred days on: still never used, and now of high severity."""
    EXCESSES["an access key"].make(account)
    (early,) = review(account, tmp_path).findings
    late = [f for f in review(account, tmp_path, days=100).findings if f.name == early.name]
    assert [(early.severity.value, one.severity.value) for one in late] == [("medium", "high")]


@pytest.mark.slow
@pytest.mark.parametrize("role", ["Watcher", "Auditor"])
def test_the_roles_own_policy_is_enough_to_review(
    account: Environment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, role: str
) -> None:
    """Signed in as the watcher or the auditor the report is the one that root gets."""
    EXCESSES["a user with all of S3"].make(account)
    as_root = review(account, tmp_path)
    given = account.resources[f"{role}Policy"]["PolicyDocument"]
    session = account.server.role(new_name(role.lower()), given)
    account.server.sign_in(monkeypatch, session)
    report = review(account, tmp_path)
    assert unmatched(report, EXCESSES["a user with all of S3"])[0] == []
    assert {gap.what for gap in report.gaps} == {gap.what for gap in as_root.gaps}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("refused", "unknown"),
    [
        ("iam:GetAccountAuthorizationDetails", "users, groups and roles that [roles] does not"),
        ("iam:GetAccessKeyLastUsed", "when access key"),
        ("sns:GetTopicAttributes", "policy of the alert topic"),
        ("kms:ListGrants", "grants on the worker key"),
        ("kms:GetKeyPolicy", "policy of the worker key"),
        ("s3:GetBucketPolicy", "policy of bucket unvoiced-raw"),
        ("iam:GetRole", "who may be eraser"),
        ("cloudtrail:DescribeTrails", "who may stop the trail"),
    ],
)
def test_what_may_not_be_read_is_unknown(
    account: Environment,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    refused: str,
    unknown: str,
) -> None:
    """A right that is missing is said, with the command that asks by hand; it is no pass."""
    EXCESSES["an access key"].make(account)
    given = account.resources["WatcherPolicy"]["PolicyDocument"]
    deny = {"Effect": "Deny", "Action": refused, "Resource": "*"}
    session = account.server.role(
        new_name("half"), {**given, "Statement": [*given["Statement"], deny]}
    )
    account.server.sign_in(monkeypatch, session)
    gaps = [gap for gap in review(account, tmp_path).gaps if gap.what.startswith(unknown)]
    assert gaps
    assert all(gap.command.startswith("aws ") and refused in gap.why for gap in gaps)
