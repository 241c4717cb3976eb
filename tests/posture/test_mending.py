"""Commands that mend, as they are printed: they shut nobody out, and one mends a place's all."""

import json
import shlex
from dataclasses import replace
from typing import Any

import pytest

from tests.deployments.parsed_template import decides
from tests.posture.right_facts import (
    BACKSTOP,
    OLD,
    REGION,
    UPLOADS,
    Change,
    encryption_deny,
    facts,
    key_of,
    key_policy,
    name_of,
    policy,
    role_arn,
    rule,
    settings,
    tls_deny,
    with_bucket,
    with_key,
)
from tests.posture.wrong_facts import FOREIGN, allow
from unvoiced.access.roles import Place, Role
from unvoiced.posture.checks import CHECKS
from unvoiced.posture.facts import Encryption, Facts, Grant, Held
from unvoiced.posture.finding import Finding, Seen, run_checks
from unvoiced.posture.statements import Policy

RAW, TRAINING = Place.RAW, Place.TRAINING
SSE = "s3:x-amz-server-side-encryption"


def findings(found: Facts, **changes: Any) -> tuple[Finding, ...]:
    """What the checks say."""
    return run_checks(Seen(found, settings(**changes)), CHECKS.values()).findings


def option(command: str, name: str) -> Any:
    """The JSON that a printed command gives for an option."""
    words = shlex.split(command)
    return json.loads(words[words.index(name) + 1])


def refused(document: Any, **names: str) -> bool:
    """Whether some statement denies a put over TLS, by what it names of encryption."""
    request = {
        "action": "s3:PutObject",
        "resource": f"arn:aws:s3:::{name_of(RAW)}/a/b",
        "aws:SecureTransport": "true",
        **names,
    }
    return any(one["Effect"] == "Deny" and decides(one, request) for one in document["Statement"])


WITHOUT_ENCRYPTION = with_bucket(RAW, policy=policy(tls_deny(name_of(RAW))))
IF_EXISTS = {"StringNotEqualsIfExists": {SSE: "aws:kms"}}
BREAKING = with_bucket(
    RAW,
    policy=policy(
        tls_deny(name_of(RAW)), {**encryption_deny(name_of(RAW)), "Condition": IF_EXISTS}
    ),
)


@pytest.mark.parametrize("change", [WITHOUT_ENCRYPTION, BREAKING], ids=["none", "IfExists"])
def test_the_printed_policy_refuses_other_encryption_and_no_put_of_ours(change: Change) -> None:
    """A put that names nothing gets the bucket's default; AES256 and the double one are refused."""
    (found,) = findings(change(facts()))
    document = option(found.fix, "--policy")

    assert not refused(document)
    assert not refused(document, **{SSE: "aws:kms"})
    assert refused(document, **{SSE: "AES256"})
    assert refused(document, **{SSE: "aws:kms:dsse"})
    assert findings(with_bucket(RAW, policy=Policy.read(document))(facts())) == ()


@pytest.mark.parametrize(
    "condition",
    [IF_EXISTS, {"StringNotEquals": {SSE: "aws:kms"}}, {"Null": {SSE: "true"}}],
    ids=["IfExists", "an absent key", "must be named"],
)
def test_a_policy_that_refuses_puts_without_encryption_is_found_as_that(condition: Any) -> None:
    """It looks like a protection, and stops every put of ours: told apart from one that lacks."""
    breaking = {**encryption_deny(name_of(RAW)), "Condition": condition}
    given = policy(tls_deny(name_of(RAW)), encryption_deny(name_of(RAW)), breaking)
    assert refused(given.document)

    (found,) = findings(with_bucket(RAW, policy=given)(facts()))
    assert found.name == "other-encryption-allowed"
    assert found.what == "its policy refuses puts that name no encryption, as all of ours do"


def test_tls_is_not_required_of_ourselves_where_we_come_without_it() -> None:
    """No command for the bucket's policy asks for TLS before the endpoint has it."""
    bare = with_bucket(RAW, policy=policy(), endpoint="http://127.0.0.1:8333")(facts())
    found = {one.name: one for one in findings(bare)}

    assert found.keys() == {"endpoint-without-tls", "other-encryption-allowed"}
    assert not any("SecureTransport" in one.fix for one in found.values())

    with_tls = with_bucket(RAW, policy=policy())(facts())
    assert {one.name for one in findings(with_tls)} == {
        "tls-not-required", "other-encryption-allowed",
    }  # fmt: skip


ALL_BUT_ERASER = {role.setting: role_arn(role) for role in Role if role is not Role.ERASER}


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("key-use-left-to-iam", with_key("worker", policy=key_policy(root="kms:*"))),
        ("key-used-beyond-the-table",
         with_key("worker", policy=key_policy(Role.WORKER, Role.ERASER))),
        ("key-granted-beyond-the-table",
         with_key("worker", policy=key_policy(Role.WORKER),
                  grants=(Grant("g-1", role_arn(Role.ERASER), ("Decrypt",)),))),
    ],
)  # fmt: skip
def test_no_use_of_a_key_is_taken_before_all_its_roles_are_named(name: str, change: Change) -> None:
    """The eraser, who [roles] does not name, would lose its key: words say to name it first."""
    without = replace(facts(), roles=tuple(r for r in facts().roles if r.role is not Role.ERASER))
    found = {one.name: one for one in findings(change(without), roles=ALL_BUT_ERASER)}

    assert found.keys() == {name, "role-not-named"}
    assert found[name].fix.startswith("# first name eraser in [roles] of /deployment/unvoiced.toml")


@pytest.mark.parametrize(
    ("name", "encryption"),
    [
        ("no-customer-key-encryption", None),
        ("no-bucket-key", Encryption("aws:kms", "key-of-that-server")),
    ],
)
def test_another_servers_encryption_is_not_set_by_a_command(
    name: str, encryption: Encryption | None
) -> None:
    """A server without a key service refuses every put once a bucket asks for one."""
    elsewhere = with_bucket(
        RAW, amazon=False, endpoint="https://s3.example.org", encryption=encryption
    )
    (found,) = (one for one in findings(elsewhere(facts())) if one.name == name)
    assert found.fix.startswith("# at https://s3.example.org: ")


def test_a_key_that_a_bucket_is_to_get_is_made_in_its_region() -> None:
    """A bucket takes no key of another region."""
    (found,) = findings(with_bucket(RAW, encryption=None)(facts()))
    assert f"kms create-key --region {REGION}" in found.fix


def test_the_bucket_keys_command_does_not_bring_amazons_key_back() -> None:
    """Run after the command that gives the bucket a key of its own, it changes nothing."""
    amazons = Encryption("aws:kms", "alias/aws/s3", bucket_key=False)
    found = {one.name: one for one in findings(with_bucket(RAW, encryption=amazons)(facts()))}
    assert found.keys() == {"no-customer-key-encryption", "no-bucket-key"}
    assert found["no-bucket-key"].fix.startswith("# ")


SOON = rule("soon", Expiration={"Days": 7})
TAKEN = rule("unvoiced-uploads-raw", AbortIncompleteMultipartUpload={"DaysAfterInitiation": 9})
EVERYTHING = {**UPLOADS, **OLD, **SOON, "ID": "all in one"}


@pytest.mark.parametrize(
    ("rules", "names"),
    [
        ((), {"incomplete-uploads-not-aborted", "old-versions-kept", "raw-backstop-missing"}),
        ((SOON,), {"incomplete-uploads-not-aborted", "old-versions-kept", "raw-backstop-early"}),
        ((TAKEN, OLD, rule("late", Expiration={"Days": 365})),
         {"incomplete-uploads-not-aborted", "raw-backstop-late"}),
        ((EVERYTHING,), {"raw-backstop-early"}),
    ],
    ids=["no rules", "early alone", "a name that is taken", "one rule for all"],
)  # fmt: skip
def test_each_command_for_a_lifecycle_mends_all_of_it(rules: Any, names: set[str]) -> None:
    """The same command under each finding; after it nothing is found, and no rule's name twice."""
    found = findings(with_bucket(RAW, lifecycle=rules)(facts()))
    assert {one.name for one in found} == names
    (command,) = {one.fix for one in found}

    mended = tuple(option(command, "--lifecycle-configuration")["Rules"])
    assert findings(with_bucket(RAW, lifecycle=mended)(facts())) == ()
    assert len({one["ID"] for one in mended}) == len(mended)


def test_a_rule_that_expires_too_early_keeps_what_else_it_does() -> None:
    """Only its expiry goes; with it, moves to other storage classes and the like would be lost."""
    moves = [{"Days": 30, "StorageClass": "GLACIER"}]
    both = rule("tidy", Expiration={"Days": 400}, Transitions=moves)
    change = with_bucket(TRAINING, lifecycle=(UPLOADS, OLD, both))
    (found,) = findings(change(facts()))
    rules = option(found.fix, "--lifecycle-configuration")["Rules"]
    assert rules == [UPLOADS, OLD, rule("tidy", Transitions=moves)]


def test_a_backstop_that_would_expire_other_things_is_not_printed() -> None:
    """Raw around the features: they have to be apart before anything may expire recordings."""
    held = (Held(RAW), Held(TRAINING, "training/"))
    around = with_bucket(RAW, held=held, lifecycle=(UPLOADS, OLD, BACKSTOP))(facts())
    found = {one.name: one for one in findings(around)}
    rules = option(found["lifecycle-destroys-what-must-stay"].fix, "--lifecycle-configuration")
    assert rules == {"Rules": [UPLOADS, OLD]}

    bare = with_bucket(RAW, held=held, lifecycle=(UPLOADS, OLD))(facts())
    found = {one.name: one for one in findings(bare)}
    assert found["raw-backstop-missing"].fix.startswith("# first give raw a bucket of its own")


def test_each_command_for_a_bucket_policy_mends_all_of_it() -> None:
    """Everybody, a stranger, no TLS, any encryption: one command, the same under each finding."""
    arn = f"arn:aws:s3:::{name_of(RAW)}/*"
    own = allow({"AWS": role_arn(Role.WORKER)}, "s3:GetObject", arn)
    wrong = policy(
        allow("*", "s3:GetObject", arn), allow({"AWS": FOREIGN}, "s3:GetObject", arn), own,
        allow({"Service": "lambda.amazonaws.com"}, "s3:GetObject", arn),
    )  # fmt: skip
    found = findings(with_bucket(RAW, policy=wrong)(facts()))
    assert {one.name for one in found} == {
        "public-bucket-policy", "bucket-policy-beyond-the-table",
        "tls-not-required", "other-encryption-allowed",
    }  # fmt: skip
    (command,) = {one.fix for one in found}

    document = option(command, "--policy")
    assert findings(with_bucket(RAW, policy=Policy.read(document))(facts())) == ()
    assert own in document["Statement"]


def test_one_narrowed_key_policy_serves_every_finding_about_it() -> None:
    """A stranger and the whole account named on one key: one command."""
    both = policy(
        *key_policy(Role.INVITER, root="kms:*").document["Statement"],
        allow({"AWS": FOREIGN}, "kms:Decrypt", "*"),
    )
    found = findings(with_key("inviter", policy=both)(facts()))
    assert {one.name for one in found} == {"key-used-beyond-the-table", "key-use-left-to-iam"}
    (command,) = {one.fix for one in found}
    assert key_of("inviter") in command
