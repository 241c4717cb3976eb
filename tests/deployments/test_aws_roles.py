"""Roles of the template: the policies that the table generates, assumed by whom it was said."""

from typing import Any

import pytest
from parsed_template import ACCOUNT, PEOPLE, REGION, RESOURCES, Stack, decides, of_type

from unvoiced.access.policies import Estate, role_policy
from unvoiced.access.roles import Place, Role

STACK = Stack()
PSEUDONYM = "abcdefghijklmnopqrstuvwxyz"
KEY_OF = {
    place: "LogSigningKey" if place is Place.LOG_KEY else place.split()[0].capitalize() + "VaultKey"
    for place in Place
    if place.is_key
}
BUCKET_OF = {
    place: f"{place.title().replace(' ', '')}Bucket" for place in Place if not place.is_key
}
every_role = pytest.mark.parametrize("role", Role)


def _role(role: Role) -> str:
    return f"{role.title().replace(' ', '')}Role"


def _store_key(place: Place) -> str:
    """The ARN of the key that a bucket is encrypted with."""
    encryption = STACK.resources[BUCKET_OF[place]]["BucketEncryption"]
    (rule,) = encryption["ServerSideEncryptionConfiguration"]
    return rule["ServerSideEncryptionByDefault"]["KMSMasterKeyID"]


@every_role
def test_a_role_may_exactly_what_the_table_generates(role: Role) -> None:
    """One policy a role, and in it the generator's own words with this account's names."""
    estate = Estate(
        buckets={place: STACK.resources[name]["BucketName"] for place, name in BUCKET_OF.items()},
        keys={place: STACK.arn(name) for place, name in KEY_OF.items()},
        store_keys={place: _store_key(place) for place in BUCKET_OF},
        uploader_role=STACK.arn("UploaderRole"),
        provider_logs={STACK.resources["TrailBucket"]["BucketName"]: STACK.arn("RecordsStoreKey")},
        topic=STACK.arn("AlarmTopic"),
        topic_key=STACK.arn("WatchKey"),
        region=REGION,
    )
    attached = [
        STACK.resources[name]
        for name, one in of_type("AWS::IAM::RolePolicy").items()
        if one["Properties"]["RoleName"] == {"Ref": _role(role)}
    ]
    assert [one["PolicyDocument"] for one in attached] == [role_policy(role, estate)]
    assert "Policies" not in STACK.resources[_role(role)]
    assert "ManagedPolicyArns" not in STACK.resources[_role(role)]


@every_role
def test_without_a_signing_key_nothing_speaks_of_one(role: Role) -> None:
    """Only the statements about that key go, and none besides."""
    with_key, without = (
        stack.resources[f"{_role(role).removesuffix('Role')}Policy"]["PolicyDocument"]["Statement"]
        for stack in (STACK, Stack(KmsLogSigning="false"))
    )
    log_key = STACK.arn("LogSigningKey")
    assert without == [one for one in with_key if one["Resource"] != [log_key]]


def test_there_are_no_other_policies_users_groups_or_keys_that_last() -> None:
    """Nothing can be done with this stack by a credential that does not end."""
    kinds = {one["Type"] for one in RESOURCES.values() if one["Type"].startswith("AWS::IAM::")}
    assert kinds == {"AWS::IAM::Role", "AWS::IAM::RolePolicy", "AWS::IAM::InstanceProfile"}
    roles = {_role(role) for role in Role}
    assert set(of_type("AWS::IAM::Role")) == {*roles, "TrailToLogsRole"}
    assert len(of_type("AWS::IAM::RolePolicy")) == len(roles)


@every_role
def test_a_session_lasts_an_hour_at_most(role: Role) -> None:
    """The article asks for one hour, and gets it from IAM."""
    assert STACK.resources[_role(role)]["MaxSessionDuration"] == 3600


def _trust(role: Role, stack: Stack = STACK) -> list[dict[str, Any]]:
    return stack.resources[_role(role)]["AssumeRolePolicyDocument"]["Statement"]


@pytest.mark.parametrize("who", PEOPLE)
def test_people_assume_a_role_with_mfa_and_only_the_one_they_were_named_for(who: str) -> None:
    """Deployed with RequireMfa=false, the condition goes and the principal stays."""
    named = f"arn:aws:iam::{ACCOUNT}:role/{who.lower()}s"
    role = next(one for one in Role if _role(one) == f"{who}Role")
    (one,) = _trust(role, Stack(WatchTrust="nothing"))
    assert (one["Principal"], one["Action"]) == ({"AWS": named}, "sts:AssumeRole")
    assert one["Condition"] == {"Bool": {"aws:MultiFactorAuthPresent": "true"}}
    (one,) = _trust(role, Stack(RequireMfa="false", WatchTrust="nothing"))
    assert one["Principal"] == {"AWS": named}
    assert "Condition" not in one


@pytest.mark.parametrize("service", ["ecs-tasks.amazonaws.com", "ec2.amazonaws.com"])
def test_the_watch_is_run_by_a_service_for_this_account_besides_people(service: str) -> None:
    """People keep their MFA; the service is the one that was chosen, and no other account's."""
    stack = Stack(WatchTrust=service)
    people, runs = _trust(Role.WATCHER, stack)
    assert people["Condition"] == {"Bool": {"aws:MultiFactorAuthPresent": "true"}}
    assert (runs["Principal"], runs["Action"]) == ({"Service": service}, "sts:AssumeRole")
    request = {"action": "sts:AssumeRole", "resource": "*"}
    asked = {**runs, "Resource": "*"}
    assert decides(asked, request)
    assert not decides(asked, {**request, "aws:SourceAccount": "444455556666"})
    assert ("WatcherProfile" in stack.resources) == service.startswith("ec2")


@pytest.mark.parametrize("service", ["ecs-tasks.amazonaws.com", "ec2.amazonaws.com"])
def test_the_worker_is_assumed_by_a_service_for_this_account(service: str) -> None:
    """ECS says for which account it asks; EC2 says nothing, and has an instance profile."""
    stack = Stack(WorkerTrust=service)
    (one,) = _trust(Role.WORKER, stack)
    assert one["Principal"] == {"Service": service}
    request = {"action": "sts:AssumeRole", "resource": "*"}
    asked = {**one, "Resource": "*"}
    assert decides(asked, request)
    assert decides(asked, {**request, "aws:SourceAccount": ACCOUNT})
    assert not decides(asked, {**request, "aws:SourceAccount": "444455556666"})
    assert ("WorkerProfile" in stack.resources) == service.startswith("ec2")


def test_the_worker_can_be_one_named_role_instead() -> None:
    """A cluster's or another account's, and then no service."""
    cluster = f"arn:aws:iam::{ACCOUNT}:role/cluster"
    (one,) = _trust(Role.WORKER, Stack(WorkerTrust="principal", IngestWorkerPrincipalArn=cluster))
    assert one["Principal"] == {"AWS": cluster}


def _uploader(action: str, **asked: Any) -> bool:
    request = {
        "action": action,
        "resource": "*",
        "sts:RoleSessionName": PSEUDONYM,
        "aws:RequestTag/contributor": PSEUDONYM,
        "aws:TagKeys": ["contributor"],
        **asked,
    }
    there = {key: value for key, value in request.items() if value is not None}
    return any(decides({**one, "Resource": "*"}, there) for one in _trust(Role.UPLOADER))


def test_only_the_inviter_makes_sessions_of_the_uploader() -> None:
    """Whose policy in turn lets it assume no other role."""
    inviter = STACK.arn("InviterRole")
    assert all(one["Principal"] == {"AWS": inviter} for one in _trust(Role.UPLOADER))
    statements = STACK.resources["InviterPolicy"]["PolicyDocument"]["Statement"]
    assumes = [one for one in statements if "sts:AssumeRole" in one["Action"]]
    assert [one["Resource"] for one in assumes] == [[STACK.arn("UploaderRole")]]


def test_a_session_of_the_uploader_bears_its_pseudonym_as_name_and_only_tag() -> None:
    """Name and tag stand in CloudTrail, and the raw bucket's policy goes by the tag."""
    assert _uploader("sts:AssumeRole")
    assert _uploader("sts:TagSession")
    assert not _uploader("sts:AssumeRole", **{"sts:RoleSessionName": "somebody-else"})
    assert not _uploader("sts:AssumeRole", **{"aws:RequestTag/contributor": "short"})
    for action in ("sts:AssumeRole", "sts:TagSession"):
        assert not _uploader(action, **{"aws:RequestTag/contributor": None})
    assert not _uploader("sts:TagSession", **{"aws:TagKeys": ["contributor", "department"]})
