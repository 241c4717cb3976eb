"""The role table on a real key service: every role, every key, every request; and who becomes whom.

What the table allows has to work; all else has to be refused as `AccessDenied` and leave the key
as it was.

Not proven here, as ministack 1.5.33 does not do as Amazon does:

- It finds no kms:EncryptionContext in a request, so a right that is narrowed to secrets of some
  names is refused there for every name. That the narrowing says what the table says is read from
  the policy's text instead (`test_what_is_narrowed_to_secrets_says_which`).
- kms:ViaService is unknown to it too: of the keys that buckets are encrypted with, only that they
  cannot be used directly is shown.
- A KMS ciphertext is not authenticated, so nothing here rests on what decrypts to what.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.access.conftest import STORES, server_name
from tests.servers import ministack
from unvoiced.access.policies import (
    ACCOUNT_READS,
    KEY_ACTIONS,
    LOOKS_AT_THE_ACCOUNT,
    Estate,
    role_policy,
)
from unvoiced.access.roles import TABLE, Can, Place, Role

pytestmark = pytest.mark.server

KEYS = tuple(place for place in Place if place.is_key)
TRAIL = "trail"
INSIDE, OUTSIDE = "logs/AWSLogs/one.json.gz", "AWSLogs/one.json.gz"
_NAME = "log/signing"
_CONTEXT = {"format": "unvoiced-vault/1", "name": _NAME}
_DENIED = {"AccessDenied", "AccessDeniedException", "AuthorizationError"}  # the last is SNS's


@dataclass(frozen=True)
class Account:
    """The server, its keys, and a session of every role."""

    server: ministack.Ministack
    estate: Estate
    store_key: str
    wrapped: Mapping[Place, bytes]
    sessions: Mapping[Role, ministack.Credentials]

    def as_role(self, role: Role, service: str) -> Any:
        """A client with the role's credentials alone."""
        return self.server.client(service, self.sessions[role])


@pytest.fixture(scope="module")
def account() -> Iterator[Account]:
    """A key for each key of the table, and one that buckets are encrypted with."""
    with ministack.running() as server:
        kms = server.client("kms")
        arns = {key: _create(kms, signs=key is Place.LOG_KEY) for key in KEYS}
        store_key = _create(kms, signs=False)
        topics = server.client("sns")
        topic, _ = (topics.create_topic(Name=name)["TopicArn"] for name in ("alarms", "others"))
        bucket = server.client("s3")
        bucket.create_bucket(Bucket=TRAIL)
        for name in (INSIDE, OUTSIDE):
            bucket.put_object(Bucket=TRAIL, Key=name, Body=b"what was asked for")
        estate = Estate(
            buckets={place: place.value.replace(" ", "-") for place in STORES},
            keys=arns,
            store_keys=dict.fromkeys(STORES, store_key),
            uploader_role=_role_arn(Role.UPLOADER),
            provider_logs={f"{TRAIL}/logs": store_key},
            topic=topic,
        )
        wrapped = {
            key: kms.encrypt(KeyId=arn, Plaintext=b"a secret", EncryptionContext=_CONTEXT)[
                "CiphertextBlob"
            ]
            for key, arn in arns.items()
            if key is not Place.LOG_KEY
        }
        sessions = {
            role: server.role(server_name(role), role_policy(role, estate)) for role in Role
        }
        yield Account(server, estate, store_key, wrapped, sessions)


def _create(kms: Any, *, signs: bool) -> str:
    kind = {"KeySpec": "ECC_NIST_EDWARDS25519", "KeyUsage": "SIGN_VERIFY"} if signs else {}
    return str(kms.create_key(**kind)["KeyMetadata"]["Arn"])


def _role_arn(role: Role) -> str:
    return f"arn:aws:iam::{ministack.ACCOUNT}:role/{server_name(role)}"


# (client, key, what another key wrapped or this one did) -> the answer
Ask = Callable[[Any, str, bytes], Any]

# What the table has a word for, by the name that IAM has for it.
RIGHTS: Mapping[str, tuple[Can, Ask]] = {
    "Encrypt": (
        Can.WRAP,
        lambda kms, key, _: kms.encrypt(KeyId=key, Plaintext=b"1", EncryptionContext=_CONTEXT),
    ),
    "Decrypt": (
        Can.UNWRAP,
        lambda kms, key, wrapped: kms.decrypt(
            KeyId=key, CiphertextBlob=wrapped, EncryptionContext=_CONTEXT
        ),
    ),
    "Decrypt, key not named": (
        Can.UNWRAP,
        lambda kms, _, wrapped: kms.decrypt(CiphertextBlob=wrapped, EncryptionContext=_CONTEXT),
    ),
    "Sign": (
        Can.SIGN,
        lambda kms, key, _: kms.sign(KeyId=key, Message=b"1", SigningAlgorithm="ED25519_SHA_512"),
    ),
    "GetPublicKey": (Can.SIGN, lambda kms, key, _: kms.get_public_key(KeyId=key)),
}
# On every key, for who looks at the account.
LOOKS: Mapping[str, Ask] = {
    "DescribeKey": lambda kms, key, _: kms.describe_key(KeyId=key),
    "GetKeyPolicy": lambda kms, key, _: kms.get_key_policy(KeyId=key, PolicyName="default"),
    "GetKeyRotationStatus": lambda kms, key, _: kms.get_key_rotation_status(KeyId=key),
    "ListGrants": lambda kms, key, _: kms.list_grants(KeyId=key),
}
# Nobody's. What makes, changes or ends a key is the account's administrators'.
NEVER: Mapping[str, Ask] = {
    "ScheduleKeyDeletion": lambda kms, key, _: kms.schedule_key_deletion(
        KeyId=key, PendingWindowInDays=7
    ),
    "CancelKeyDeletion": lambda kms, key, _: kms.cancel_key_deletion(KeyId=key),
    "DisableKey": lambda kms, key, _: kms.disable_key(KeyId=key),
    "EnableKey": lambda kms, key, _: kms.enable_key(KeyId=key),
    "EnableKeyRotation": lambda kms, key, _: kms.enable_key_rotation(KeyId=key),
    "CreateGrant": lambda kms, key, _: kms.create_grant(
        KeyId=key, GranteePrincipal=_role_arn(Role.DATA_SCIENTIST), Operations=["Decrypt"]
    ),
    "PutKeyPolicy": lambda kms, key, _: kms.put_key_policy(
        KeyId=key, PolicyName="default", Policy="{}"
    ),
    "CreateAlias": lambda kms, key, _: kms.create_alias(TargetKeyId=key, AliasName="alias/mine"),
    "TagResource": lambda kms, key, _: kms.tag_resource(
        KeyId=key, Tags=[{"TagKey": "a", "TagValue": "b"}]
    ),
    "UpdateKeyDescription": lambda kms, key, _: kms.update_key_description(
        KeyId=key, Description="mine"
    ),
    "GenerateDataKey": lambda kms, key, _: kms.generate_data_key(KeyId=key, KeySpec="AES_256"),
    "ReEncrypt": lambda kms, key, wrapped: kms.re_encrypt(
        CiphertextBlob=wrapped,
        SourceKeyId=key,
        SourceEncryptionContext=_CONTEXT,
        DestinationKeyId=key,
    ),
    "Verify": lambda kms, key, _: kms.verify(
        KeyId=key, Message=b"1", Signature=bytes(64), SigningAlgorithm="ED25519_SHA_512"
    ),
    "ListKeys": lambda kms, _, __: kms.list_keys(),
    "CreateKey": lambda kms, _, __: kms.create_key(),
}


def _narrowed(role: Role, key: Place) -> bool:
    """Whether all that the role may do with the key is narrowed to some secrets."""
    rights = [right for right in TABLE[role] if right.place is key]
    return bool(rights) and all(right.names for right in rights)


def _may(role: Role, can: Can, key: Place) -> bool:
    """By the table, except for what this server always refuses (see the module)."""
    return not _narrowed(role, key) and any(
        can in right.can for right in TABLE[role] if right.place is key
    )


def _outcome(ask: Callable[[], Any]) -> str:
    try:
        ask()
    except ClientError as error:
        code = str(error.response["Error"]["Code"])
        return "refused" if code in _DENIED else code
    return "allowed"


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("role", Role)
def test_keys(account: Account, role: Role, key: Place) -> None:
    """Wrapping, unwrapping and signing as the table says, looking for the two who look, no more."""
    kms, arn = account.as_role(role, "kms"), account.estate.keys[key]
    wrapped = account.wrapped.get(key, b"a ciphertext of no symmetric key")
    before = _state(account, arn)
    expected = {title: _may(role, can, key) for title, (can, _) in RIGHTS.items()}
    expected |= dict.fromkeys(LOOKS, role in LOOKS_AT_THE_ACCOUNT) | dict.fromkeys(NEVER, False)
    asks = {title: ask for title, (_, ask) in RIGHTS.items()} | {**LOOKS, **NEVER}

    found = {title: _outcome(lambda ask=ask: ask(kms, arn, wrapped)) for title, ask in asks.items()}

    assert found == {title: "allowed" if yes else "refused" for title, yes in expected.items()}
    assert _state(account, arn) == before


@pytest.mark.parametrize("role", Role)
def test_the_key_of_a_bucket_is_used_by_the_store_only(account: Account, role: Role) -> None:
    """Whoever reads or writes an encrypted bucket still has no use of its key by themselves."""
    kms, key = account.as_role(role, "kms"), account.store_key
    wrapped = account.server.client("kms").encrypt(KeyId=key, Plaintext=b"1")["CiphertextBlob"]
    asks = [ask for _, ask in RIGHTS.values()] + [NEVER["GenerateDataKey"], NEVER["CreateGrant"]]
    assert {_outcome(lambda ask=ask: ask(kms, key, wrapped)) for ask in asks} == {"refused"}


@pytest.mark.parametrize("role", Role)
def test_nobody_but_the_inviter_becomes_somebody_else(account: Account, role: Role) -> None:
    """It can become an uploader, and nobody else anybody."""
    sts = account.as_role(role, "sts")
    became = {
        other
        for other in Role
        if _outcome(
            lambda other=other: sts.assume_role(RoleArn=_role_arn(other), RoleSessionName="other")
        )
        == "allowed"
    }
    assert became == ({Role.UPLOADER} if role is Role.INVITER else set())


@pytest.mark.parametrize("role", Role)
def test_nobody_gives_themselves_more(account: Account, role: Role) -> None:
    """Policies, roles and access keys are the administrators'; two look at them."""
    iam, mine = account.as_role(role, "iam"), {"RoleName": server_name(role)}
    changes = [
        lambda: iam.put_role_policy(**mine, PolicyName="more", PolicyDocument="{}"),
        lambda: iam.attach_role_policy(**mine, PolicyArn="arn:aws:iam::aws:policy/Admin"),
        lambda: iam.update_assume_role_policy(**mine, PolicyDocument="{}"),
        lambda: iam.create_role(RoleName="mine", AssumeRolePolicyDocument="{}"),
        lambda: iam.create_user(UserName="me"),
        lambda: iam.create_access_key(UserName="me"),
        lambda: iam.delete_role_policy(**mine, PolicyName="inline"),
    ]
    looks = [
        lambda: iam.get_role(**mine),
        lambda: iam.get_role_policy(**mine, PolicyName="inline"),
        lambda: iam.list_role_policies(**mine),
        lambda: iam.list_attached_role_policies(**mine),
        lambda: iam.list_users(),
    ]
    assert [_outcome(ask) for ask in changes] == ["refused"] * len(changes)
    seen = "allowed" if role in LOOKS_AT_THE_ACCOUNT else "refused"
    assert [_outcome(ask) for ask in looks] == [seen] * len(looks)


@pytest.mark.parametrize("role", Role)
def test_only_the_watcher_tells_the_topic_and_reads_the_providers_logs(
    account: Account, role: Role
) -> None:
    """That topic and no other; below the place that settings name, and it changes nothing there."""
    topics, bucket = account.as_role(role, "sns"), account.as_role(role, "s3")
    topic = account.estate.topic
    inside = {"Bucket": TRAIL, "Key": INSIDE}
    watchers: list[Callable[[], Any]] = [
        lambda: topics.publish(TopicArn=topic, Message="an alert"),
        lambda: bucket.get_object(**inside),
        lambda: bucket.list_objects_v2(Bucket=TRAIL, Prefix="logs/AWSLogs/"),
    ]
    nobodys: list[Callable[[], Any]] = [
        lambda: topics.publish(TopicArn=topic.replace("alarms", "others"), Message="an alert"),
        lambda: topics.set_topic_attributes(
            TopicArn=topic, AttributeName="DisplayName", AttributeValue="x"
        ),
        lambda: topics.delete_topic(TopicArn=topic),
        lambda: bucket.get_object(Bucket=TRAIL, Key=OUTSIDE),
        lambda: bucket.list_objects_v2(Bucket=TRAIL),
        lambda: bucket.put_object(**inside, Body=b"nothing"),
        lambda: bucket.put_object(Bucket=TRAIL, Key=f"{INSIDE}.2", Body=b"more", IfNoneMatch="*"),
        lambda: bucket.delete_object(**inside),
    ]
    said = "allowed" if role is Role.WATCHER else "refused"
    assert [_outcome(ask) for ask in watchers] == [said] * len(watchers)
    assert [_outcome(ask) for ask in nobodys] == ["refused"] * len(nobodys)


def test_what_is_narrowed_to_secrets_says_which(account: Account) -> None:
    """A right over some secrets of a vault holds for the names that the table has, and no other."""
    found, wanted = [], []
    for role in Role:
        for right in TABLE[role]:
            if right.place.is_key and right.names:
                (action,) = (one for can in right.can for one in KEY_ACTIONS[can])
                key = account.estate.keys[right.place]
                wanted.append((role, key, action, list(right.names)))
        for statement in role_policy(role, account.estate)["Statement"]:
            match statement.get("Condition"):
                case {"StringLike": {"kms:EncryptionContext:name": names}}:
                    (action,) = statement["Action"]
                    found += [(role, key, action, names) for key in statement["Resource"]]
    assert found == wanted
    worker_key = account.estate.keys[Place.WORKER_KEY]
    assert (Role.ERASER, worker_key, "kms:Decrypt", [_NAME]) in found
    assert (Role.KEY_KEEPER, worker_key, "kms:Encrypt", ["intake/*"]) in found


def test_looks_are_who_looks_at_the_account() -> None:
    """What is tried above as a look is all that such a policy has of keys."""
    assert {f"kms:{title}" for title in LOOKS} == {
        action for action in ACCOUNT_READS if action.startswith("kms:")
    }


def _state(account: Account, key: str) -> dict[str, Any]:
    kms = account.server.client("kms")
    found = kms.describe_key(KeyId=key)["KeyMetadata"]
    return {
        "metadata": found,
        "policy": kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"],
        "grants": kms.list_grants(KeyId=key)["Grants"],
        "keys": sorted(each["KeyId"] for each in kms.list_keys()["Keys"]),
        "aliases": kms.list_aliases()["Aliases"],
    }
