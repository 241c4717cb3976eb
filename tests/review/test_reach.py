"""What reaches and what does not, on facts: where one word more or less decides."""

from dataclasses import replace
from typing import Any

import pytest

from tests.posture.right_facts import (
    ACCOUNT,
    NOW,
    REGION,
    facts,
    key_of,
    name_of,
    policy,
    role_arn,
    settings,
    trail,
    with_,
    with_bucket,
    with_key,
    with_role,
)
from unvoiced.access.roles import Place, Role
from unvoiced.posture.facts import Facts, Grant, Unknown
from unvoiced.posture.finding import Seen
from unvoiced.posture.statements import Policy
from unvoiced.review.identities import Given, Held, Identity
from unvoiced.review.keys import keys_found
from unvoiced.review.known import Found, Known
from unvoiced.review.policies import identities_found
from unvoiced.review.resources import resources_found
from unvoiced.review.targets import targets
from unvoiced.review.trust import stand_ins, trust_found

GROUP = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/unvoiced/trail"


def known(found: Facts, *people: Identity, **changes: Any) -> Known:
    """All that there is, with who may take roles on."""
    seen = Seen(found, settings())
    read = Known(seen, people, targets=targets(seen, seen.settings.watch.topic), **changes)
    return replace(read, targets=(*read.targets, *stand_ins(read)))


def user(name: str, action: Any, resource: Any) -> Identity:
    """A user with a policy of one statement."""
    one = {"Effect": "Allow", "Action": action, "Resource": resource}
    given = Given("own", Held.INLINE, policy(one))
    return Identity(f"arn:aws:iam::{ACCOUNT}:user/{name}", NOW, (given,))


def added(change: Facts) -> list[str]:
    """What keys let in that they did not before."""
    before = {(one.who, one.what) for one in keys_found(known(facts())).findings}
    found = keys_found(known(change)).findings
    return [one.who for one in found if (one.who, one.what) not in before]


@pytest.mark.parametrize(
    ("role", "operation", "context", "found"),
    [
        (Role.WORKER, "Decrypt", {}, []),
        (Role.WATCHER, "Decrypt", {"name": "log/signing"}, []),
        (Role.WATCHER, "Decrypt", {}, ["watcher"]),
        (Role.WATCHER, "Decrypt", {"name": "intake/2026-11"}, ["watcher"]),
        (Role.KEY_KEEPER, "Encrypt", {"name": "intake/2026-11"}, []),
        (Role.KEY_KEEPER, "Encrypt", {"vault": "worker"}, ["key keeper"]),
        (Role.KEY_KEEPER, "Decrypt", {"name": "intake/2026-11"}, ["key keeper"]),
        (Role.WORKER, "Encrypt", {}, ["ingest worker"]),
        (Role.DATA_SCIENTIST, "Decrypt", {"name": "log/signing"}, ["data scientist"]),
    ],
)
def test_a_grant_gives_no_more_than_the_table(
    role: Role, operation: str, context: dict[str, str], found: list[str]
) -> None:
    """What it asks of the encryption context is compared with the names that the table gives."""
    grant = Grant("g-1", role_arn(role), (operation,), context)
    assert added(with_key("worker", grants=(grant,))(facts())) == found


def test_a_grant_for_a_stores_key_goes_past_the_store() -> None:
    """The worker's right to it is through S3 alone."""
    grant = Grant("g-1", role_arn(Role.WORKER), ("Decrypt",))
    assert added(with_key("store", grants=(grant,))(facts())) == ["ingest worker"]


OWN = f"arn:aws:iam::{ACCOUNT}:user/${{aws:username}}"
ANNA = f"arn:aws:iam::{ACCOUNT}:user/anna"


@pytest.mark.parametrize(
    ("person", "reached"),
    [
        (user("anna", "iam:CreateAccessKey", OWN), ""),
        (user("bert", "iam:CreateAccessKey", OWN), ""),
        (user("bert", "iam:CreateAccessKey", f"arn:aws:iam::{ACCOUNT}:user/intern-*"), ""),
        (user("bert", "iam:CreateAccessKey", ANNA), "become user anna"),
        (user("bert", "iam:UpdateLoginProfile", "*"), "become user anna"),
        (user("bert", "iam:PutUserPolicy", OWN), "manage rights by IAM"),
        (user("bert", "iam:GetUser", "*"), ""),
        (user("bert", "logs:FilterLogEvents", f"{GROUP}:*"), "read log group"),
        (user("bert", "logs:DeleteLogGroup", GROUP), "destroy log group"),
        (user("bert", "logs:FilterLogEvents", f"{GROUP}-other:*"), ""),
        (user("bert", "logs:PutLogEvents", f"{GROUP}:*"), ""),
        (user("bert", "cloudwatch:DeleteAlarms",
              f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:reads-raw"), "manage alarms"),
        (user("bert", "cloudwatch:DeleteAlarms",
              f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:others-*"), ""),
        (user("bert", "s3:GetObject", "arn:aws:s3:::b-trail/AWSLogs/*"), "read CloudTrail's files"),
        (user("bert", "s3:GetObject", "arn:aws:s3:::b-trailer/*"), ""),
        (user("bert", "s3:GetObject",
              f"arn:aws:s3:{REGION}:{ACCOUNT}:accesspoint/ap/object/*"), "read raw"),
        (user("bert", "s3:GetObject", f"arn:aws:s3:us-east-1:{ACCOUNT}:accesspoint/*"), ""),
        (user("bert", "s3:GetObject", "arn:aws:s3:::somebody-elses/*"), ""),
        # The key's own policy does not leave wrapping to IAM.
        (user("bert", "kms:Encrypt", key_of("worker")), ""),
    ],
)  # fmt: skip
def test_what_a_user_reaches(person: Identity, reached: str) -> None:
    """By action and resource, with their own name for the variable that stands for it."""
    named = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": ANNA}}
    trusted = with_role(Role.DATA_SCIENTIST, trust=policy(named))(facts())
    account = with_(trails=(trail(log_group=f"{GROUP}:*"),))(trusted)
    anna = Identity(ANNA, NOW, ())
    people = [person] if person.arn == ANNA else [person, anna]
    found = identities_found(known(account, *people)).findings
    assert [reached in one.what for one in found] == ([True] if reached else [])


def test_wrapping_reaches_where_the_key_leaves_it_to_iam() -> None:
    """A secret of somebody's own may then be put in place of ours."""
    root = {"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "kms:*", "Resource": "*"}
    account = with_key("worker", policy=policy(root))(facts())
    (one,) = identities_found(known(account, user("bert", "kms:Encrypt", "*"))).findings
    assert "write worker key" in one.what


def records_policy(*statements: dict[str, Any]) -> Found:
    """What is found in the policy of CloudTrail's bucket."""
    by_name = {"b-trail": policy(*statements)}
    names = {"bucket-policy-beyond-the-table"}
    found = resources_found(known(facts(), provider_policies=by_name))
    return Found([one for one in found.findings if one.name in names], [], found.reaches)


def let(who: dict[str, str], action: str, **condition: str) -> dict[str, Any]:
    """A statement of that policy."""
    files = "arn:aws:s3:::b-trail/*" if "Object" in action else "arn:aws:s3:::b-trail"
    one: dict[str, Any] = {"Effect": "Allow", "Principal": who, "Action": action}
    equals = {name.replace("_", ":"): value for name, value in condition.items()}
    return {**one, "Resource": files, "Condition": {"StringEquals": equals}}


CLOUDTRAIL = {"Service": "cloudtrail.amazonaws.com"}


@pytest.mark.parametrize(
    ("statement", "beyond"),
    [
        (let(CLOUDTRAIL, "s3:PutObject", aws_SourceAccount=ACCOUNT), False),
        (let(CLOUDTRAIL, "s3:GetBucketAcl",
             aws_SourceArn=f"arn:aws:cloudtrail:{REGION}:{ACCOUNT}:trail/x"), False),
        (let(CLOUDTRAIL, "s3:PutObject", aws_SourceAccount="999988887777"), True),
        (let(CLOUDTRAIL, "s3:PutObject",
             aws_SourceArn=f"arn:aws:cloudtrail:{REGION}:*:trail/x"), True),
        (let(CLOUDTRAIL, "s3:DeleteObject", aws_SourceAccount=ACCOUNT), True),
        (let(CLOUDTRAIL, "s3:PutObject"), True),
        (let({"Service": "lambda.amazonaws.com"}, "s3:PutObject", aws_SourceAccount=ACCOUNT), True),
        (let({"AWS": role_arn(Role.AUDITOR)}, "s3:GetObject"), False),
        (let({"AWS": role_arn(Role.WATCHER)}, "s3:ListBucket"), False),
        (let({"AWS": role_arn(Role.DATA_SCIENTIST)}, "s3:GetObject"), True),
        (let({"AWS": role_arn(Role.WATCHER)}, "s3:DeleteObject"), True),
    ],
)  # fmt: skip
def test_who_is_let_into_cloudtrails_bucket(statement: dict[str, Any], beyond: bool) -> None:
    """CloudTrail for this account, to put; the watcher and the auditor, to read."""
    found = records_policy(statement)
    assert [one.at for one in found.findings] == (["b-trail"] if beyond else [])
    for one in found.findings:
        assert one.fix.startswith("aws s3api delete-bucket-policy --bucket b-trail")


def test_access_lists_are_a_gap_where_they_are_not_switched_off() -> None:
    """They are not read: what they give is not known."""
    found = resources_found(known(with_bucket(Place.RAW, ownership="ObjectWriter")(facts())))
    assert f"access lists of bucket {name_of(Place.RAW)}" in {gap.what for gap in found.gaps}
    refused = with_bucket(Place.RAW, policy=Unknown("no", "aws"))(facts())
    gaps = {gap.what for gap in resources_found(known(refused)).gaps}
    assert gaps == {f"policy of bucket {name_of(Place.RAW)}"}


@pytest.mark.parametrize("role", [Role.WORKER, Role.WATCHER])
def test_the_fix_for_a_machines_trust_leaves_it_to_this_account(role: Role) -> None:
    """A worker that runs is not shut out by the command: what comes of it is right."""
    wide = {"Effect": "Allow", "Action": "sts:AssumeRole",
            "Principal": {"Service": "ecs-tasks.amazonaws.com"}}  # fmt: skip
    (one,) = trust_found(known(with_role(role, trust=policy(wide))(facts()))).findings
    document = one.fix.partition("--policy-document '")[2].rstrip("'")
    mended = Policy.read(document)
    assert len(mended.statements) == 1
    assert trust_found(known(with_role(role, trust=mended)(facts()))).findings == []
