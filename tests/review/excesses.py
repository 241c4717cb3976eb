"""Excesses, each made in an account by the API, and how the review has to name each."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.posture.environment import TOPIC, Environment
from tests.posture.seeds import FOREIGN, allowing, attached, granted, inline, key_policy, policy
from tests.servers.ministack import ACCOUNT, REGION
from unvoiced.access.roles import Place, Role
from unvoiced.audit.approvals import approve, new_approval
from unvoiced.audit.record import AccessRecord, Purpose, Read, by_contributor, rfc3339_milliseconds
from unvoiced.review.report import Report

STAR = "arn:aws:s3:::*"
OUTSIDE = "arn:aws:iam::999988887777:role/visitor"


@dataclass(frozen=True)
class Excess:
    """What is made, and the name, the principal and words of the finding that it must be."""

    make: Callable[[Environment], None]
    name: str
    who: str
    words: tuple[str, ...] = ()


def iam(account: Environment, call: str, **parameters: Any) -> Any:
    """A call to IAM."""
    return getattr(account.client("iam"), call)(**parameters)


def document(action: Any, resource: Any = "*", **more: Any) -> str:
    """A policy of one statement; `NotAction` and `NotResource` take the place of the others."""
    one = {"Effect": "Allow", "Action": action, "Resource": resource, **more}
    if "NotAction" in one:
        del one["Action"]
    if "NotResource" in one:
        del one["Resource"]
    return json.dumps({"Version": "2012-10-17", "Statement": [one]})


def arn(kind: str, name: str) -> str:
    """The ARN of a user or role."""
    return f"arn:aws:iam::{ACCOUNT}:{kind}/{name}"


def user(name: str, text: str = "") -> Callable[[Environment], None]:
    """A user, with an inline policy where one is given."""

    def make(account: Environment) -> None:
        iam(account, "create_user", UserName=name)
        if text:
            iam(account, "put_user_policy", UserName=name, PolicyName="own", PolicyDocument=text)

    return make


def user_on(name: str, action: str, place: Place) -> Callable[[Environment], None]:
    """A user who may do something with all of one place."""
    return lambda account: user(name, document(action, f"arn:aws:s3:::{account.bucket(place)}/*"))(
        account
    )


def trusted_by(who: Any) -> str:
    """A role's trust in somebody."""
    one = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": who}
    return json.dumps({"Version": "2012-10-17", "Statement": [one]})


def role(name: str, text: str) -> Callable[[Environment], None]:
    """A role that [roles] does not name."""

    def make(account: Environment) -> None:
        trust = trusted_by({"Service": "lambda.amazonaws.com"})
        iam(account, "create_role", RoleName=name, AssumeRolePolicyDocument=trust)
        iam(account, "put_role_policy", RoleName=name, PolicyName="own", PolicyDocument=text)

    return make


def group(account: Environment) -> None:
    """A group that opens features, and somebody in it."""
    iam(account, "create_group", GroupName="analysts")
    text = document(["s3:GetObject", "kms:Decrypt"])
    iam(account, "put_group_policy", GroupName="analysts", PolicyName="read", PolicyDocument=text)
    iam(account, "create_user", UserName="carol")
    iam(account, "add_user_to_group", GroupName="analysts", UserName="carol")


def managed(account: Environment) -> None:
    """A role with a managed policy of the account's own, full of wildcards."""
    text = document(["s3:Get*", "s3:List*"], STAR)
    made = iam(account, "create_policy", PolicyName="read-all", PolicyDocument=text)
    role("batch", document("logs:PutLogEvents"))(account)
    iam(account, "attach_role_policy", RoleName="batch", PolicyArn=made["Policy"]["Arn"])


def access_key(account: Environment) -> None:
    """A user who may do nothing here, with a key that nobody ended."""
    user("dora")(account)
    iam(account, "create_access_key", UserName="dora")


def trusting(whose: Role, who: Any) -> Callable[[Environment], None]:
    """A role that trusts somebody more."""

    def make(account: Environment) -> None:
        found = iam(account, "get_role", RoleName=account.role(whose))["Role"]
        trust = dict(found["AssumeRolePolicyDocument"])
        one = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": who}
        trust["Statement"] = [*trust["Statement"], one]
        iam(account, "update_assume_role_policy", RoleName=account.role(whose),
            PolicyDocument=json.dumps(trust))  # fmt: skip

    return make


def by_its_account(account: Environment) -> None:
    """A role that is left to IAM, and a user whose policy takes on whatever there is."""
    trusting(Role.INVITER, {"AWS": f"arn:aws:iam::{ACCOUNT}:root"})(account)
    user("jan", document("sts:*"))(account)


def store_key_policy(place: Place, statement: dict[str, Any]) -> Callable[[Environment], None]:
    """The policy of a bucket's own key, with one statement more."""

    def make(account: Environment) -> None:
        (rule,) = account.client("s3").get_bucket_encryption(Bucket=account.bucket(place))[
            "ServerSideEncryptionConfiguration"
        ]["Rules"]
        key = rule["ApplyServerSideEncryptionByDefault"]["KMSMasterKeyID"]
        client = account.client("kms")
        text = client.get_key_policy(KeyId=key, PolicyName="default")["Policy"]
        found = json.loads(text)
        found["Statement"].append({**statement, "Resource": "*"})
        client.put_key_policy(KeyId=key, PolicyName="default", Policy=json.dumps(found))

    return make


def of_key(place: Place, action: str, whose: Role) -> Callable[[Environment], None]:
    """The policy of a vault's key, with a role more."""
    return lambda account: key_policy(
        place,
        {"Effect": "Allow", "Action": action, "Resource": "*",
         "Principal": {"AWS": account.role_arn(whose)}},
    )(account)  # fmt: skip


def topic(who: Any, action: str) -> Callable[[Environment], None]:
    """Somebody more in the topic's policy."""

    def make(account: Environment) -> None:
        sns = account.client("sns")
        text = sns.get_topic_attributes(TopicArn=TOPIC)["Attributes"]["Policy"]
        found = json.loads(text)
        found["Statement"].append(
            {"Effect": "Allow", "Principal": who, "Action": action, "Resource": TOPIC}
        )
        sns.set_topic_attributes(TopicArn=TOPIC, AttributeName="Policy",
                                 AttributeValue=json.dumps(found))  # fmt: skip

    return make


def trail_bucket(account: Environment) -> str:
    """Where CloudTrail puts its files."""
    return str(account.resources["TrailBucket"]["BucketName"])


def in_trail_bucket(who: Any, action: str) -> Callable[[Environment], None]:
    """Somebody more in the policy of CloudTrail's bucket, or a service without a condition."""

    def make(account: Environment) -> None:
        client, bucket = account.client("s3"), trail_bucket(account)
        found = json.loads(client.get_bucket_policy(Bucket=bucket)["Policy"])
        found["Statement"] = allowing(who, action)(found["Statement"], bucket)
        client.put_bucket_policy(Bucket=bucket, Policy=json.dumps(found))

    return make


def user_on_trail(name: str, action: str) -> Callable[[Environment], None]:
    """A user who may do something with CloudTrail's files."""
    return lambda account: user(name, document(action, f"arn:aws:s3:::{trail_bucket(account)}/*"))(
        account
    )


def granted_all_secrets(account: Environment) -> None:
    """A grant on the worker's key, to who may open one secret of it."""
    account.client("kms").create_grant(
        KeyId=account.key(Place.WORKER_KEY), Operations=["Decrypt"],
        GranteePrincipal=account.role_arn(Role.WATCHER),
    )  # fmt: skip


def keys_of_a_scientist(account: Environment) -> None:
    """A user who is trusted as data scientist, and another who may make them access keys."""
    user("paul")(account)
    trusting(Role.DATA_SCIENTIST, {"AWS": arn("user", "paul")})(account)
    user("quinn", document(["iam:CreateAccessKey", "iam:CreateLoginProfile"]))(account)


def every_repository(account: Environment) -> None:
    """Whoever GitHub signs in for us, from whatever repository, may be the auditor."""
    provider = f"arn:aws:iam::{ACCOUNT}:oidc-provider/token.actions.githubusercontent.com"
    found = iam(account, "get_role", RoleName=account.role(Role.AUDITOR))["Role"]
    trust = dict(found["AssumeRolePolicyDocument"])
    audience = {"token.actions.githubusercontent.com:aud": "sts.amazonaws.com"}
    trust["Statement"] = [
        *trust["Statement"],
        {"Effect": "Allow", "Action": "sts:AssumeRoleWithWebIdentity",
         "Principal": {"Federated": provider}, "Condition": {"StringEquals": audience}},
    ]  # fmt: skip
    iam(account, "update_assume_role_policy", RoleName=account.role(Role.AUDITOR),
        PolicyDocument=json.dumps(trust))  # fmt: skip


def read_by(requester: str) -> Callable[[Environment], None]:
    """A record of the trail, of yesterday."""

    def make(account: Environment) -> None:
        moment = datetime.now(UTC) - timedelta(days=1)
        digest = hashlib.sha256(requester.encode()).hexdigest()
        reads = [Read(f"features/x/{n}", digest[:63] + str(n), digest, 10) for n in range(3)]
        record = AccessRecord(
            requester, "training", rfc3339_milliseconds(moment), "someone@desk", "run-1", 0, None,
            30, by_contributor(reads),
        )  # fmt: skip
        account.client("s3").put_object(
            Bucket=account.bucket(Place.AUDIT), Key=f"{record.name}{digest[:16]}-3.json",
            Body=record.encode(),
        )  # fmt: skip

    return make


GONE = f"arn:aws:sts::{ACCOUNT}:assumed-role/left-last-year/eve"


def approved(account: Environment) -> None:
    """Somebody who is gone may read without end for weeks yet."""
    now = datetime.now(UTC)
    until = f"{now + timedelta(days=40):%Y-%m-%d}"
    approval = new_approval(
        f"{GONE}-too", Purpose.TRAINING, 10**6, until, "all of it", "somebody", now
    )
    approve(account.audit, account.accounts(), account.signer, approval, now)
    account.put(Place.LOG, account.log)
    account.put(Place.AUDIT, account.audit)


def all_secrets(account: Environment) -> None:
    """The watcher signs for the log, and opens everything else of the worker's vault too."""
    inline(Role.WATCHER, "kms:Decrypt", account.key(Place.WORKER_KEY))(account)


def more_of(whose: Role, action: str, place: Place) -> Callable[[Environment], None]:
    """A role of the table with one more right."""
    return lambda account: inline(whose, action, f"arn:aws:s3:::{account.bucket(place)}/*")(account)


def named_in_bucket(account: Environment) -> None:
    """A user whom the training bucket's own policy lets in."""
    user("gerd")(account)
    policy(Place.TRAINING, allowing({"AWS": arn("user", "gerd")}, "s3:GetObject"))(account)


BUCKET_OF_RAW = f"arn:aws:s3:::unvoiced-raw-{ACCOUNT}-{REGION}"
IDENTITY, ROLE, TRUST = (
    "identity-beyond-the-table", "role-beyond-the-table", "trust-beyond-the-table",
)  # fmt: skip
BUCKET, KEY = "bucket-policy-beyond-the-table", "key-policy-beyond-the-table"

EXCESSES: dict[str, Excess] = {
    "a user with all of S3": Excess(
        user("bob", document("s3:*")), IDENTITY, "user bob",
        ("manage raw", "read", "policy own (inline)")),
    "a user who may do anything": Excess(
        user("admin", document("*")), IDENTITY, "user admin", ("manage", "destroy")),
    "a group, and who is in it": Excess(
        group, IDENTITY, "group analysts", ("its members (carol)", "read raw", "policy read")),
    "a user who lists": Excess(
        user("fred", document("s3:ListBucket", BUCKET_OF_RAW)), IDENTITY, "user fred",
        ("may list raw",)),
    "all but some actions": Excess(
        user("hans", document("", NotAction=["iam:*", "kms:*", "sns:*", "cloudtrail:*"])),
        IDENTITY, "user hans", ("read raw",)),
    "all but some resources": Excess(
        user("iris", document("s3:GetObject", NotResource=f"{BUCKET_OF_RAW}/*")),
        IDENTITY, "user iris", ("training, log",)),
    "a part of a bucket": Excess(
        user("olga", document("s3:GetObject", f"{BUCKET_OF_RAW}/a*/b?.unv")),
        IDENTITY, "user olga", ("may read raw",)),
    "a managed policy of wildcards": Excess(
        managed, IDENTITY, "role batch", ("policy read-all (attached)", "read raw")),
    "a user who takes roles on": Excess(
        by_its_account, IDENTITY, "user jan", ("become role inviter",)),
    "a role that changes roles": Excess(
        role("ops", document("iam:PutRolePolicy", f"arn:aws:iam::{ACCOUNT}:role/voice-*")),
        IDENTITY, "role ops", ("manage role",)),
    "a role that runs the worker": Excess(
        role("ci", document("iam:PassRole")), IDENTITY, "role ci", ("role ingest worker",)),
    "a user who stops the trail": Excess(
        user("kai", document("cloudtrail:StopLogging")), IDENTITY, "user kai",
        ("manage trail unvoiced",)),
    "a user who gives keys away": Excess(
        user("lena", document("kms:PutKeyPolicy")), IDENTITY, "user lena", ("manage worker key",)),
    "a user who destroys features": Excess(
        user_on("mia", "s3:DeleteObject*", Place.TRAINING), IDENTITY, "user mia",
        ("destroy training", )),
    "a data scientist who reads raw": Excess(
        more_of(Role.DATA_SCIENTIST, "s3:GetObject", Place.RAW), ROLE, "data scientist",
        ("s3:GetObject on", "raw")),
    "an auditor with all of S3": Excess(
        attached, ROLE, "auditor", ("AmazonS3FullAccess",)),
    "a watcher with all secrets": Excess(
        all_secrets, ROLE, "watcher", ("kms:Decrypt",)),
    "an eraser who reads features": Excess(
        more_of(Role.ERASER, "s3:GetObject", Place.TRAINING), ROLE, "eraser", ("training",)),
    "an access key": Excess(access_key, "access-key-to-end", "user dora", ("never used",)),
    "another account may be the eraser": Excess(
        trusting(Role.ERASER, {"AWS": FOREIGN}), TRUST, FOREIGN, ("role eraser",)),
    "everybody may be the key keeper": Excess(
        trusting(Role.KEY_KEEPER, "*"), TRUST, "everybody", ("role key keeper",)),
    "a data scientist may be the archivist": Excess(
        lambda account: trusting(
            Role.ARCHIVIST, {"AWS": account.role_arn(Role.DATA_SCIENTIST)})(account),
        TRUST, "voice-DataScientistRole", ("role archivist",)),
    "an identity provider's people": Excess(
        trusting(Role.WATCHER, {"Federated": f"arn:aws:iam::{ACCOUNT}:saml-provider/staff"}),
        TRUST, "saml-provider/staff", ("role watcher",)),
    "somebody who is gone is trusted": Excess(
        trusting(Role.DATA_SCIENTIST, {"AWS": arn("role", "left-last-year")}),
        "trust-names-nobody", "left-last-year", ("role data scientist",)),
    "one hand with two roles": Excess(
        trusting(Role.AUDITOR, {"AWS": arn("role", "erasers")}),
        "several-roles-in-one-hand", "role erasers", ("auditor, eraser",)),
    "a grant": Excess(
        granted, "key-granted-beyond-the-table", "ingest worker", ("dataset key", "Decrypt")),
    "the worker opens features": Excess(
        of_key(Place.DATASET_KEY, "kms:Decrypt", Role.WORKER), KEY, "ingest worker",
        ("dataset key", "kms:Decrypt")),
    "the key keeper opens recordings": Excess(
        of_key(Place.WORKER_KEY, "kms:Decrypt", Role.KEY_KEEPER), KEY, "key keeper",
        ("worker key", "kms:Decrypt")),
    "the auditor gives a key away": Excess(
        of_key(Place.ARCHIVE_KEY, "kms:PutKeyPolicy", Role.AUDITOR), KEY, "auditor",
        ("archive key", "kms:PutKeyPolicy")),
    "another account decrypts a store": Excess(
        store_key_policy(Place.TRAINING, {"Effect": "Allow", "Principal": {"AWS": OUTSIDE},
                                          "Action": "kms:Decrypt"}),
        KEY, OUTSIDE, ("training", "kms:Decrypt")),
    "a key left to IAM": Excess(
        key_policy(Place.INVITER_KEY, {
            "Effect": "Allow", "Action": "kms:*", "Resource": "*",
            "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}}),
        "key-left-to-iam", f"arn:aws:iam::{ACCOUNT}:root", ("inviter key",)),
    "another account reads raw": Excess(
        policy(Place.RAW, allowing({"AWS": FOREIGN}, "s3:GetObject")), BUCKET, FOREIGN,
        ("unvoiced-raw",)),
    "a user named by a bucket": Excess(
        named_in_bucket, BUCKET, "user gerd", ("unvoiced-training",)),
    "everybody, from one network": Excess(
        # BlockPublicPolicy refuses one without a condition.
        policy(Place.LOG, allowing("*", "s3:GetObject",
                                   StringEquals={"aws:SourceVpc": "vpc-0a1b2c3d"})),
        BUCKET, "everybody", ("unvoiced-log",)),
    "another account hears alerts": Excess(
        topic({"AWS": FOREIGN}, "sns:Subscribe"), "topic-policy-beyond-the-account", FOREIGN,
        ("sns:Subscribe",)),
    "a service raises alarms for any account": Excess(
        topic({"Service": "events.amazonaws.com"}, "sns:Publish"),
        "topic-policy-beyond-the-account", "events.amazonaws.com", ("sns:Publish",)),
    "a grant of all secrets": Excess(
        granted_all_secrets, "key-granted-beyond-the-table", "watcher",
        ("worker key", "Decrypt, of any secret")),
    "a service reads features": Excess(
        policy(Place.TRAINING, allowing({"Service": "lambda.amazonaws.com"}, "s3:GetObject")),
        BUCKET, "lambda.amazonaws.com", ("unvoiced-training",)),
    "a service has a vault's key": Excess(
        key_policy(Place.DATASET_KEY, {"Effect": "Allow", "Action": "kms:*", "Resource": "*",
                                       "Principal": {"Service": "lambda.amazonaws.com"}}),
        KEY, "lambda.amazonaws.com", ("dataset key", "kms:Decrypt")),
    "CloudTrail uses a store's key for any account": Excess(
        store_key_policy(Place.RAW, {"Effect": "Allow", "Action": "kms:Decrypt",
                                     "Principal": {"Service": "cloudtrail.amazonaws.com"}}),
        KEY, "cloudtrail.amazonaws.com", ("raw", "kms:Decrypt")),
    "CloudTrail writes records for any account": Excess(
        in_trail_bucket({"Service": "cloudtrail.amazonaws.com"}, "s3:PutObject"),
        BUCKET, "cloudtrail.amazonaws.com", ("unvoiced-trail",)),
    "another account reads CloudTrail's files": Excess(
        in_trail_bucket({"AWS": FOREIGN}, "s3:GetObject"), BUCKET, FOREIGN, ("unvoiced-trail",)),
    "a service may be the inviter": Excess(
        trusting(Role.INVITER, {"Service": "lambda.amazonaws.com"}), TRUST,
        "lambda.amazonaws.com", ("role inviter",)),
    "machines of any account may be the worker": Excess(
        trusting(Role.WORKER, {"Service": "ecs-tasks.amazonaws.com"}), TRUST,
        "ecs-tasks.amazonaws.com", ("role ingest worker",)),
    "every repository may be the auditor": Excess(
        every_repository, TRUST, "token.actions.githubusercontent.com", ("role auditor",)),
    "a user who destroys CloudTrail's files": Excess(
        user_on_trail("nils", "s3:DeleteObject"), IDENTITY, "user nils",
        ("destroy CloudTrail's files",)),
    "a user who reads the log group": Excess(
        user("oona", document("logs:FilterLogEvents")), IDENTITY, "user oona",
        ("read log group of unvoiced",)),
    "a user who deletes the log group": Excess(
        user("pia", document("logs:DeleteLogGroup",
                             f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:*:*")),
        IDENTITY, "user pia", ("destroy log group of unvoiced",)),
    "a user who silences alarms": Excess(
        user("rosa", document(["cloudwatch:DisableAlarmActions", "cloudwatch:DeleteAlarms"])),
        IDENTITY, "user rosa", ("manage alarms",)),
    "a user who ends subscriptions": Excess(
        user("sven", document("sns:Unsubscribe", f"{TOPIC}:*")), IDENTITY, "user sven",
        ("manage alert topic",)),
    "a user who makes access points": Excess(
        user("tina", document(["s3:CreateAccessPoint", "s3:PutAccessPointPolicy"])), IDENTITY,
        "user tina", ("manage raw",)),
    "a user who reads through an access point": Excess(
        user("udo", document(
            "s3:GetObject", f"arn:aws:s3:{REGION}:{ACCOUNT}:accesspoint/ap/object/*")),
        IDENTITY, "user udo", ("read raw",)),
    "a user who has names sent elsewhere": Excess(
        user("vera", document("s3:PutInventoryConfiguration", BUCKET_OF_RAW)), IDENTITY,
        "user vera", ("manage raw",)),
    "a user who has objects copied elsewhere": Excess(
        user("walt", document("s3:PutReplicationConfiguration", BUCKET_OF_RAW)), IDENTITY,
        "user walt", ("manage raw",)),
    "a user who gives access by lists": Excess(
        user("xenia", document("s3:PutBucketAcl", BUCKET_OF_RAW)), IDENTITY, "user xenia",
        ("manage raw",)),
    "the auditor wraps a secret": Excess(
        of_key(Place.ARCHIVE_KEY, "kms:Encrypt", Role.AUDITOR), KEY, "auditor",
        ("archive key", "kms:Encrypt")),
    "the watcher wraps secrets anew": Excess(
        of_key(Place.ARCHIVE_KEY, "kms:ReEncrypt*", Role.WATCHER), KEY, "watcher",
        ("archive key", "kms:ReEncryptFrom", "kms:ReEncryptTo")),
    "a user who changes policies": Excess(
        user("yann", document(["iam:CreatePolicyVersion", "iam:SetDefaultPolicyVersion"])),
        IDENTITY, "user yann", ("manage rights by IAM",)),
    "a user who gives themselves policies": Excess(
        user("zoe", document("iam:AttachUserPolicy",
                             f"arn:aws:iam::{ACCOUNT}:user/${{aws:username}}")),
        IDENTITY, "user zoe", ("manage rights by IAM",)),
    "access keys of somebody who is a data scientist": Excess(
        keys_of_a_scientist, IDENTITY, "user quinn", ("become user paul",)),
    "a user who lets others be who may be data scientist": Excess(
        user("ada", document("iam:UpdateAssumeRolePolicy", arn("role", "datascientists"))),
        IDENTITY, "user ada", ("role datascientists",)),
    "somebody who is gone read": Excess(
        read_by(GONE), "requester-unexplained", GONE, ("read 3 objects", "for training")),
    "the auditor read": Excess(
        lambda account: read_by(
            f"arn:aws:sts::{ACCOUNT}:assumed-role/{account.role(Role.AUDITOR)}/nina")(account),
        "reader-beyond-the-table", "auditor", ("read 3 objects",)),
    "an approval for nobody": Excess(
        approved, "approval-to-end", f"{GONE}-too", ("1,000,000 objects a day",)),
}  # fmt: skip


def people(account: Environment) -> None:
    """The people whom the template lets take roles on, as roles that may do nothing else."""
    trust = trusted_by({"AWS": f"arn:aws:iam::{ACCOUNT}:root"})
    for name in (
        *("inviters", "archivists", "datascientists", "auditors", "erasers", "keykeepers"),
        "watchers",
    ):
        iam(account, "create_role", RoleName=name, AssumeRolePolicyDocument=trust)
    read_by(f"arn:aws:sts::{ACCOUNT}:assumed-role/{account.role(Role.DATA_SCIENTIST)}/anna")(
        account
    )


def unmatched(report: Report, *wanted: Excess) -> tuple[list[str], list[str]]:
    """What was seeded and not named, and what was named and not seeded."""
    left = list(report.findings)
    missing = []
    for excess in wanted:
        found = [
            one for one in left
            if one.name == excess.name and excess.who in one.who
            and all(words in f"{one.what} {one.who}" for words in excess.words)
        ]  # fmt: skip
        if not found:
            missing.append(f"{excess.name} of {excess.who}: {excess.words}")
        for one in found[:1]:
            left.remove(one)
    return missing, [f"{one.name} of {one.who}: {one.what}" for one in left]
