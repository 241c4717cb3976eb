"""Posture of an account on ministack, which keeps configuration and gives it back.

That is all it is asked for here: whether a setting is enforced is not what posture is about.
"""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from tests.posture.conftest import Stage, known, look
from tests.posture.environment import Environment
from tests.posture.seeds import SEEDS
from tests.servers.ministack import REGION, new_name
from unvoiced.access.policies import ACCOUNT_READS
from unvoiced.access.roles import Place
from unvoiced.aws.account import READS, Account, NotAnswered
from unvoiced.errors import AccessError
from unvoiced.posture.finding import Severity
from unvoiced.posture.look import take_posture

pytestmark = [pytest.mark.server, pytest.mark.slow]
# What the access review asks besides; tests/review asks it.
OF_THE_REVIEW = {
    ("iam", "get_access_key_last_used"),
    ("iam", "get_account_authorization_details"),
    ("sns", "get_topic_attributes"),
}


def test_the_account_that_the_template_makes_is_clean(account: Environment, tmp_path: Path) -> None:
    """All that the committed template promises passes every check; two things cannot be seen."""
    report = look(account, tmp_path)
    assert known(report) == set()
    assert len(report.unknown) == 2
    assert report.passed > 240


def test_looking_changes_nothing(account: Environment, tmp_path: Path) -> None:
    """All configuration, before and after, is the same to the letter."""
    before = everything(account)
    look(account, tmp_path)
    assert everything(account) == before
    assert len(before) > 100


def test_only_listed_reads_are_asked_for(
    stage: Stage, account: Environment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What goes over the wire is what the auditor's policy lists; with attached policies too."""
    stage.touched = True
    SEEDS["auditor has S3"][1](account)
    SEEDS["an access key"][1](account)
    asked: set[tuple[str, str]] = set()
    call = BaseClient._make_api_call

    def note(client: Any, operation: str, parameters: Any) -> Any:
        method = next(
            name for name, api in client.meta.method_to_api_mapping.items() if api == operation
        )
        asked.add((client.meta.service_model.service_name, method))
        return call(client, operation, parameters)

    monkeypatch.setattr(BaseClient, "_make_api_call", note)
    look(account, tmp_path)

    # The log and the signed reviews are read through the stores, as the table lets an auditor.
    of_stores = {("s3", name) for name in ("get_object", "head_object", "list_object_versions")}
    look_only = set(READS) - OF_THE_REVIEW
    assert asked - of_stores == look_only
    reading = ("Get", "List", "Describe")
    assert all(read.action.partition(":")[2].startswith(reading) for read in READS.values())
    actions = {read.action for read in READS.values()}
    # A listing of a store is a right of the table; all else is asked of the whole account.
    assert actions - {"s3:ListBucket"} == set(ACCOUNT_READS)


def test_the_auditors_policy_is_enough(
    account: Environment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Signed in with it and nothing else, the report is the one that root gets."""
    as_root = look(account, tmp_path)
    policy = account.resources["AuditorPolicy"]["PolicyDocument"]
    session = account.server.role(new_name("auditor"), policy)
    account.server.sign_in(monkeypatch, session)
    assert look(account, tmp_path) == as_root


@pytest.mark.parametrize(
    ("refused", "expected"),
    [
        ("s3:GetBucketPolicy", "tls-not-required"),
        ("s3:GetEncryptionConfiguration", "no-customer-key-encryption"),
        ("kms:GetKeyRotationStatus", "key-not-rotated"),
        ("iam:GetRolePolicy", "role-wider-than-table"),
        ("iam:ListUsers", "long-lived-access-key"),
        ("cloudtrail:DescribeTrails", "no-data-events"),
        ("sns:ListSubscriptionsByTopic", "bulk-read-alarm-unheard"),
        ("backup:ListProtectedResources", "copies-by-backup"),
    ],
)
def test_a_right_that_is_missing_leaves_things_unknown(
    account: Environment,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    refused: str,
    expected: str,
) -> None:
    """What the auditor may not read did not pass, and says which right it needs."""
    clean = look(account, tmp_path)
    document = account.resources["AuditorPolicy"]["PolicyDocument"]
    deny = {"Effect": "Deny", "Action": refused, "Resource": "*"}
    policy = {**document, "Statement": [*document["Statement"], deny]}
    session = account.server.role(new_name("auditor"), policy)
    account.server.sign_in(monkeypatch, session)

    report = look(account, tmp_path)

    new = set(report.findings) - set(clean.findings)
    assert expected in {one.name for one in new}
    assert {one.severity for one in new} == {Severity.UNKNOWN}
    assert all(f"refused: it needs {refused}" in one.what for one in new)
    assert all(one.fix.startswith("aws ") for one in new)
    assert report.passed <= clean.passed


def test_credentials_that_nobody_knows_are_one_error(
    account: Environment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not a report of two hundred unknowns."""
    nobody = {"aws_access_key_id": "AKIA0000000000000000", "aws_secret_access_key": "nobody"}
    account.server.sign_in(monkeypatch, nobody)
    with pytest.raises(AccessError):
        look(account, tmp_path)


def test_without_credentials_there_is_one_error(
    account: Environment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And it says to sign in."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    with pytest.raises(AccessError, match="sign in first"):
        look(account, tmp_path)


def test_a_bucket_that_is_not_there_is_unknown(account: Environment, tmp_path: Path) -> None:
    """A name that was mistyped passes nothing."""
    settings = account.settings(tmp_path)
    stores = {**settings.stores, "journal": "s3://no-such-journal/?region=us-east-1"}
    report = take_posture(replace(settings, stores=stores), datetime.now(UTC))
    about = [one for one in report.unknown if one.subject == "no-such-journal"]
    assert {one.what for one in about} == {"could not be checked: it is not there"}
    assert len(about) > 10


def test_listings_are_read_to_their_last_page(account: Environment, stage: Stage) -> None:
    """More than a page of uploads are all counted, and one that is too young is not."""
    stage.touched = True
    s3, bucket = account.client("s3"), account.bucket(Place.RAW)
    for number in range(1001):
        s3.create_multipart_upload(Bucket=bucket, Key=f"a/{number}")
    settings = account.settings(Path("/"))
    (found,) = known(take_posture(settings, datetime.now(UTC) + timedelta(days=3)))
    assert found.name == "incomplete-uploads-left"
    assert found.what.startswith("1,001 uploads begun and never completed")
    assert known(take_posture(settings, datetime.now(UTC))) == set()


@pytest.mark.parametrize("operation", ["put_bucket_policy", "delete_bucket", "get_object"])
def test_what_is_not_listed_as_a_read_is_not_asked(account: Environment, operation: str) -> None:
    """Neither a change nor an object's bytes: it never gets as far as a request."""
    with pytest.raises(KeyError):
        Account().ask("s3", operation, REGION, Bucket=account.bucket(Place.LOG))


def test_a_look_that_takes_too_long_leaves_the_rest_unknown(account: Environment) -> None:
    """Bounded in time, whatever the account is like."""
    answer = Account(seconds=0).ask("iam", "list_users", REGION)
    assert answer == NotAnswered("the time for the whole look was over", "aws iam list-users")


def everything(account: Environment) -> list[str]:
    """All configuration of the account, by every read that posture has, and what it has not."""
    answers = {}
    for name in sorted(one["Name"] for one in account.client("s3").list_buckets()["Buckets"]):
        for service, operation in READS:
            if service == "s3":
                answers[name, operation] = quiet(account, "s3", operation, Bucket=name)
        answers[name, "objects"] = quiet(account, "s3", "list_object_versions", Bucket=name)
    for key in account.client("kms").list_keys()["Keys"]:
        for operation in ("describe_key", "get_key_rotation_status", "list_grants"):
            answers[key["KeyId"], operation] = quiet(account, "kms", operation, KeyId=key["KeyId"])
        answers[key["KeyId"], "policy"] = quiet(
            account, "kms", "get_key_policy", KeyId=key["KeyId"], PolicyName="default"
        )
    answers["iam", "all"] = quiet(account, "iam", "get_account_authorization_details")
    for service, operation in (
        ("cloudtrail", "describe_trails"),
        ("cloudwatch", "describe_alarms"),
        ("logs", "describe_metric_filters"),
        ("sns", "list_subscriptions"),
        ("sns", "list_topics"),
    ):
        answers[service, operation] = quiet(account, service, operation)
    answers["trail", "events"] = quiet(
        account, "cloudtrail", "get_event_selectors", TrailName="unvoiced"
    )
    return [f"{key}: {answer}" for key, answer in answers.items()]


def quiet(account: Environment, service: str, operation: str, **parameters: str) -> str:
    """An answer less what differs from request to request, or the code of a refusal."""
    try:
        answer = getattr(account.client(service), operation)(**parameters)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    answer.pop("ResponseMetadata")
    return json.dumps(answer, default=str, sort_keys=True)
