"""Keys of the template: managed by the account, used by whom the role table names alone."""

import fnmatch
import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from parsed_template import (
    ACCOUNT,
    REGION,
    RESOURCES,
    Stack,
    as_list,
    decides,
    nodes,
    of_type,
)

from unvoiced.access.policies import KEY_ACTIONS
from unvoiced.access.roles import TABLE, Can, Place, Role

CEREMONY = f"arn:aws:iam::{ACCOUNT}:role/ceremony"
ROOT = f"arn:aws:iam::{ACCOUNT}:root"
STACK = Stack(CeremonyPrincipalArn=CEREMONY)
KEYS = list(of_type("AWS::KMS::Key"))
KEY_OF = {
    place: "LogSigningKey" if place is Place.LOG_KEY else place.split()[0].capitalize() + "VaultKey"
    for place in Place
    if place.is_key
}
BUCKET_OF = {
    place: f"{place.title().replace(' ', '')}Bucket" for place in Place if not place.is_key
}
# Using a key: what opens, makes, signs, or hands any of that to somebody else.
USES = {
    *("kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey", "kms:Sign", "kms:CreateGrant"),
    *("kms:ReEncryptFrom", "kms:ReEncryptTo", "kms:GenerateDataKeyWithoutPlaintext"),
    *("kms:GenerateDataKeyPair", "kms:GenerateMac", "kms:DeriveSharedSecret", "kms:GetPublicKey"),
}
every_key = pytest.mark.parametrize("name", KEYS)
every_role = pytest.mark.parametrize("role", Role)


def _role(role: Role) -> str:
    return f"{role.title().replace(' ', '')}Role"


def _key_policy(name: str, stack: Stack = STACK) -> list[dict[str, Any]]:
    return stack.resources[name]["KeyPolicy"]["Statement"]


def _principals(statement: dict[str, Any]) -> Iterator[str]:
    for value in statement["Principal"].values():
        yield from as_list(value)


def _may(name: str, principal: str, action: str, stack: Stack = STACK, **context: str) -> bool:
    """Whether a key's policy lets a principal do this; kms:CallerAccount is always known."""
    request = {
        "action": action,
        "resource": "*",
        "kms:CallerAccount": ACCOUNT,
        **{f"kms:{key}": value for key, value in context.items()},
    }
    return any(
        principal in _principals(one) and decides(one, request)
        for one in _key_policy(name, stack)
        if one["Effect"] == "Allow"
    )


def _in_bucket(place: Place) -> dict[str, str]:
    return {
        "ViaService": f"s3.{REGION}.amazonaws.com",
        "EncryptionContext:aws:s3:arn": STACK.arn(BUCKET_OF[place]),
    }


def _store_key(place: Place) -> str:
    encryption = RESOURCES[BUCKET_OF[place]]["Properties"]["BucketEncryption"]
    (rule,) = encryption["ServerSideEncryptionConfiguration"]
    return rule["ServerSideEncryptionByDefault"]["KMSMasterKeyID"]["Fn::GetAtt"][0]


def test_there_is_a_key_for_every_kind_of_store_every_vault_the_log_and_the_watch() -> None:
    """Ten, and no more than are meant."""
    stores = {_store_key(place) for place in BUCKET_OF}
    assert len(stores) == 4
    assert set(KEYS) == {*stores, *KEY_OF.values(), "WatchKey"}


@every_key
def test_every_symmetric_key_rotates(name: str) -> None:
    """The log's key signs, and KMS rotates no such key."""
    key = STACK.resources[name]
    if name == "LogSigningKey":
        assert (key["KeySpec"], key["KeyUsage"]) == ("ECC_NIST_EDWARDS25519", "SIGN_VERIFY")
        assert "EnableKeyRotation" not in key
    else:
        assert key["EnableKeyRotation"] is True
        assert "KeySpec" not in key


@every_key
def test_deletion_of_a_key_can_be_cancelled_for_as_long_as_was_asked_for(name: str) -> None:
    """And removing it from the stack does not schedule it."""
    assert RESOURCES[name]["Properties"]["PendingWindowInDays"] == {"Ref": "KeyDeletionDays"}
    assert RESOURCES[name]["DeletionPolicy"] == "Retain"
    assert RESOURCES[name]["UpdateReplacePolicy"] == "Retain"


def test_days_of_pending_deletion_are_what_kms_takes() -> None:
    """7 to 30, and 30 when nobody says."""
    parameter = Stack().parameters["KeyDeletionDays"]
    assert parameter == 30


@every_key
def test_every_key_has_an_alias_of_its_own(name: str) -> None:
    """For people who look; nothing here uses a key by its alias."""
    aliases = [STACK.resources[one] for one in of_type("AWS::KMS::Alias")]
    mine = [one["AliasName"] for one in aliases if STACK.arn(name).endswith(one["TargetKeyId"])]
    assert len(mine) == 1
    assert mine[0].startswith("alias/unvoiced/")
    assert len({one["AliasName"] for one in aliases}) == len(aliases) == len(KEYS)


@every_key
def test_the_account_can_manage_every_key(name: str) -> None:
    """A key that nobody can manage could never be disabled, deleted or given another policy."""
    for action in ("PutKeyPolicy", "GetKeyPolicy", "DescribeKey", "EnableKey", "DisableKey"):
        assert _may(name, ROOT, f"kms:{action}")
    for action in ("ScheduleKeyDeletion", "CancelKeyDeletion", "EnableKeyRotation", "RevokeGrant"):
        assert _may(name, ROOT, f"kms:{action}")


@every_key
def test_the_account_cannot_use_a_key_nor_let_its_iam_policies_grant_that(name: str) -> None:
    """The usual `kms:*` for the account's root would."""
    managed = [one for one in _key_policy(name) if ROOT in _principals(one)]
    assert len(managed) == 1
    assert not USES & set(as_list(managed[0]["Action"]))
    assert not any(_may(name, ROOT, action) for action in USES)


@every_key
def test_a_key_is_used_by_roles_of_the_table_the_ceremony_and_services_alone(name: str) -> None:
    """No other principal stands in any key's policy."""
    roles = {STACK.arn(_role(role)) for role in Role}
    services = {
        "RecordsStoreKey": {"cloudtrail.amazonaws.com"},
        "WatchKey": {"cloudwatch.amazonaws.com", f"logs.{REGION}.amazonaws.com"},
    }
    for one in _key_policy(name):
        assert one["Effect"] == "Allow"
        assert set(_principals(one)) <= {ROOT, CEREMONY, *roles, *services.get(name, set())}


@every_key
def test_nobody_can_hand_on_the_use_of_a_key(name: str) -> None:
    """A grant would stand beside the policy, where no one looks."""
    assert not any("kms:CreateGrant" in as_list(one["Action"]) for one in _key_policy(name))


@every_role
def test_a_store_key_opens_for_a_role_what_the_table_lets_it_read(role: Role) -> None:
    """Through S3, for that bucket: the same cell of the table decides."""
    who = STACK.arn(_role(role))
    for place in BUCKET_OF:
        cans = {can for right in TABLE[role] if right.place is place for can in right.can}
        key, where = _store_key(place), _in_bucket(place)
        assert _may(key, who, "kms:Decrypt", **where) == (Can.READ in cans), place
        writes = bool(cans & {Can.CREATE, Can.REPLACE})
        assert _may(key, who, "kms:GenerateDataKey", **where) == writes, place
        assert not _may(key, who, "kms:Encrypt", **where), place


@pytest.mark.parametrize("place", BUCKET_OF)
def test_a_store_key_opens_nothing_for_a_role_itself(place: Place) -> None:
    """Only S3 uses it, in this region, for this account, under the bucket's context."""
    key, right = _store_key(place), _in_bucket(place)
    wrong = [
        {},
        {**right, "ViaService": f"ec2.{REGION}.amazonaws.com"},
        {**right, "ViaService": "s3.us-east-1.amazonaws.com"},
        {**right, "CallerAccount": "444455556666"},
        {**right, "EncryptionContext:aws:s3:arn": "arn:aws:s3:::another-bucket"},
        {**right, "EncryptionContext:aws:s3:arn": f"{STACK.arn(BUCKET_OF[place])}/one-object"},
    ]
    for role, context in itertools.product(Role, wrong):
        for action in ("kms:Decrypt", "kms:GenerateDataKey"):
            assert not _may(key, STACK.arn(_role(role)), action, **context)


@pytest.mark.parametrize("place", KEY_OF)
@pytest.mark.parametrize("name", ["log/signing", "intake/2026-w47", "content/tag"])
def test_a_vault_key_opens_for_a_role_what_the_table_says(place: Place, name: str) -> None:
    """Where the table names secrets, the encryption context has to bear their name."""
    for role, (can, actions) in itertools.product(Role, KEY_ACTIONS.items()):
        wanted = any(
            right.place is place
            and can in right.can
            and any(fnmatch.fnmatchcase(name, pattern) for pattern in right.names or ("*",))
            for right in TABLE[role]
        )
        for action in actions:
            context = {"EncryptionContext:name": name}
            assert _may(KEY_OF[place], STACK.arn(_role(role)), action, **context) == wanted


def test_who_makes_intake_keys_unwraps_none() -> None:
    """It wraps what is called so and nothing else, and unwraps what signs."""
    key, who = KEY_OF[Place.WORKER_KEY], STACK.arn(_role(Role.KEY_KEEPER))
    wraps = {"intake/2026-w47": True, "content/tag": False, "fernet/x": False, "log/signing": False}
    for name, wanted in wraps.items():
        assert _may(key, who, "kms:Encrypt", **{"EncryptionContext:name": name}) == wanted
        unwraps = _may(key, who, "kms:Decrypt", **{"EncryptionContext:name": name})
        assert unwraps == (name == "log/signing")
    assert not any(_may(key, who, action) for action in USES)


@every_key
def test_statements_of_a_key_are_told_apart(name: str) -> None:
    """By a name of their own, also where a role has two."""
    names = [one["Sid"] for one in _key_policy(name)]
    assert len(set(names)) == len(names)


def test_the_ceremony_can_wrap_and_sign_and_never_unwrap() -> None:
    """Who makes a deployment cannot open what it made."""
    for place, key in KEY_OF.items():
        makes = KEY_ACTIONS[Can.SIGN if place is Place.LOG_KEY else Can.WRAP]
        for action in USES:
            assert _may(key, CEREMONY, action) == (action in makes)


@pytest.mark.parametrize("place", BUCKET_OF)
def test_the_ceremony_writes_what_init_writes_and_reads_the_log_and_vaults(place: Place) -> None:
    """It has no way to a recording or a feature; `unvoiced init` writes nothing into raw."""
    vaults = {place for place in BUCKET_OF if place.value.endswith(" vault")}
    reads = {Place.LOG, *vaults}
    writes = {*reads, Place.TRAINING, Place.JOURNAL, Place.AUDIT, Place.ARCHIVE}
    key, where = _store_key(place), _in_bucket(place)
    assert _may(key, CEREMONY, "kms:Decrypt", **where) == (place in reads)
    assert _may(key, CEREMONY, "kms:GenerateDataKey", **where) == (place in writes)
    assert not _may(key, CEREMONY, "kms:GenerateDataKey")


def test_no_key_knows_a_ceremony_that_is_over() -> None:
    """Deployed again without the parameter, the leave is gone."""
    assert "eremony" not in str(Stack().resources)
    assert "ceremony" in str(STACK.resources)


def test_cloudtrail_uses_the_records_key_for_this_trail_alone() -> None:
    """`aws:SourceArn` says whose trail it is."""
    (one,) = [
        one
        for one in _key_policy("RecordsStoreKey")
        if "cloudtrail.amazonaws.com" in _principals(one)
    ]
    assert one["Condition"] == {
        "StringEquals": {"aws:SourceArn": f"arn:aws:cloudtrail:{REGION}:{ACCOUNT}:trail/unvoiced"}
    }


def test_the_watch_key_is_used_for_this_topic_and_this_log_group() -> None:
    """By the two services, and through SNS by the watcher, who tells of alerts; by nobody else."""
    topic, group = STACK.arn("AlarmTopic"), STACK.arn("TrailLogGroup").removesuffix(":*")
    alarms = {"EncryptionContext:aws:sns:topicArn": topic}
    records = {"EncryptionContext:aws:logs:arn": group}
    assert _may("WatchKey", "cloudwatch.amazonaws.com", "kms:GenerateDataKey", **alarms)
    assert _may("WatchKey", "cloudwatch.amazonaws.com", "kms:Decrypt", **alarms)
    assert not _may("WatchKey", "cloudwatch.amazonaws.com", "kms:GenerateDataKey", **records)
    assert _may("WatchKey", f"logs.{REGION}.amazonaws.com", "kms:GenerateDataKey", **records)
    assert not _may("WatchKey", f"logs.{REGION}.amazonaws.com", "kms:Decrypt", **alarms)
    through_sns = {**alarms, "ViaService": f"sns.{REGION}.amazonaws.com"}
    for role, action in itertools.product(Role, ("kms:GenerateDataKey", "kms:Decrypt")):
        who = STACK.arn(_role(role))
        assert _may("WatchKey", who, action, **through_sns) == (role is Role.WATCHER)
        assert not _may("WatchKey", who, action, **alarms)
        another = {**through_sns, "EncryptionContext:aws:sns:topicArn": f"{topic}-2"}
        assert not _may("WatchKey", who, action, **another)


def test_the_auditor_and_the_watcher_open_files_of_the_trail() -> None:
    """With or without a bucket key, as CloudTrail wrote them; the table knows no such place."""
    trail = STACK.arn("TrailBucket")
    via = {"ViaService": f"s3.{REGION}.amazonaws.com"}
    for context in (trail, f"{trail}/AWSLogs/{ACCOUNT}/CloudTrail/one.json.gz"):
        where = {**via, "EncryptionContext:aws:s3:arn": context}
        for role in Role:
            opens = _may("RecordsStoreKey", STACK.arn(_role(role)), "kms:Decrypt", **where)
            assert opens == (role in {Role.AUDITOR, Role.WATCHER})


def test_no_key_policy_speaks_of_another_account() -> None:
    """Every ARN in the template is of the account it is deployed in."""
    for node in nodes(STACK.resources):
        if isinstance(node, str) and node.startswith("arn:aws:") and ":s3:::" not in node:
            assert f":{ACCOUNT}:" in node, node
