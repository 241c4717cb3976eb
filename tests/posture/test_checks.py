"""Every check, on facts: what is wrong is found by its name and nothing else is; right is quiet."""

import shlex
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.posture import right_facts as right
from tests.posture.right_facts import (
    ACCOUNT,
    BACKSTOP,
    NOW,
    OLD,
    REGION,
    STORE_KEY,
    TOPIC,
    UPLOADS,
    Change,
    alarm,
    facts,
    key_policy,
    name_of,
    policy,
    role_arn,
    rule,
    settings,
    trail,
    with_,
    with_bucket,
    with_key,
    with_role,
)
from tests.posture.wrong_facts import FOREIGN, RAW, TRAINING, WRONG, allow, more_of
from unvoiced.access.roles import Place, Role
from unvoiced.posture.checks import CHECKS
from unvoiced.posture.facts import (
    AccessKey,
    DiskKind,
    Encryption,
    Facts,
    Grant,
    Lock,
    MetricFilter,
    OnDisk,
    Unknown,
    Upload,
    User,
    Vault,
)
from unvoiced.posture.finding import Finding, Report, Seen, Severity, run_checks
from unvoiced.posture.statements import Policy
from unvoiced.sections import WatchSettings


def report(found: Facts, **changes: object) -> Report:
    """What the checks say."""
    return run_checks(Seen(found, settings(**changes)), CHECKS.values())


def names(findings: tuple[Finding, ...]) -> set[str]:
    """Their names."""
    return {finding.name for finding in findings}


def test_facts_that_are_right_give_no_finding() -> None:
    """Nothing is wrong, nothing is unknown, and the checks did look."""
    clean = report(facts())
    assert clean.findings == ()
    assert clean.passed > 200


@pytest.mark.parametrize(
    ("name", "change"), [(name, c) for name, _, c in WRONG], ids=[f"{n}: {w}" for n, w, _ in WRONG]
)
def test_each_thing_that_is_wrong_is_found_by_name_and_nothing_else(
    name: str, change: Change
) -> None:
    """One thing wrong, one name; with its severity, its reason and a command."""
    found = report(change(facts())).findings

    assert names(found) == {name}
    for finding in found:
        assert finding.severity is CHECKS[name].severity
        assert finding.what
        assert finding.why == CHECKS[name].why
        assert finding.fix


def test_roles_that_settings_do_not_name_are_a_finding() -> None:
    """A role nobody named is not taken for one that is right."""
    named = {role.setting: role_arn(role) for role in Role if role is not Role.ERASER}
    without = replace(facts(), roles=tuple(r for r in facts().roles if r.role is not Role.ERASER))
    without = with_key("worker", policy=key_policy(Role.WORKER))(without)
    assert names(report(without, roles=named).findings) == {"role-not-named"}


def test_vaults_on_one_machine_are_a_low_finding() -> None:
    """The embedded default separates nobody, and says so; it asks for no key service."""
    vaults = tuple(Vault(name, f"file:///d/keys/{name}", "") for name in right.VAULTS)
    local = Facts(NOW, vaults=vaults, last_review=facts().last_review)
    found = report(local, kms={}, roles={}).findings
    assert [(one.name, one.severity) for one in found] == [("vaults-on-one-machine", Severity.LOW)]


def test_a_watch_that_is_given_nothing_to_look_at_is_found() -> None:
    """Either of the provider's logs is enough; the topic is a finding of its own."""
    for watch, wrong in (
        (WatchSettings(), {"watch-without-provider-log", "watch-without-topic"}),
        (WatchSettings(topic=TOPIC), {"watch-without-provider-log"}),
        (WatchSettings(cloudtrail="s3://b-trail/"), {"watch-without-topic"}),
        (WatchSettings(topic=TOPIC, access_logs="s3://b-logs/"), set()),
    ):
        assert names(report(facts(), watch=watch).findings) == wrong


def test_every_check_was_seen_to_find_something() -> None:
    """No check is left without a case in which it speaks."""
    alone = {
        *("role-not-named", "vaults-on-one-machine"),
        *("watch-without-provider-log", "watch-without-topic"),
    }
    assert {name for name, _, _ in WRONG} | alone == set(CHECKS)


@pytest.mark.parametrize(
    "change",
    [
        with_bucket(RAW, lifecycle=(UPLOADS, OLD, BACKSTOP, {
            **rule("off", Expiration={"Days": 1}), "Status": "Disabled"})),
        with_bucket(TRAINING, lifecycle=(UPLOADS, rule(
            "old", NoncurrentVersionExpiration={"NoncurrentDays": 1},
            Expiration={"ExpiredObjectDeleteMarker": True}))),
        with_bucket(RAW, uploads=(Upload("a/b", "u", NOW - timedelta(hours=30)),)),
        with_(users=(User("gone", (AccessKey("AKIA1", False, NOW),)),)),
        more_of(Role.WORKER, {"Effect": "Deny", "Action": "*", "Resource": "*"}),
        more_of(Role.WORKER, {"Effect": "Allow", "Action": "S3:getobject",
                              "Resource": f"arn:aws:s3:::{name_of(RAW)}/a/*"}),
        with_role(Role.WORKER, trust=policy(
            {"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"},
             "Action": "sts:AssumeRole",
             "Condition": {"StringEqualsIfExists": {"aws:SourceAccount": right.ACCOUNT}}})),
        with_key("dataset", grants=(Grant("g", role_arn(Role.DATA_SCIENTIST), ("Decrypt",)),)),
        with_key("worker", grants=(Grant(
            "g", role_arn(Role.WATCHER), ("Decrypt",), {"name": "log/signing"}),)),
        with_(alarms=(alarm(RAW), alarm(TRAINING), alarm(TRAINING, metric="NumberOfObjects"))),
        with_key("worker", policy=policy(
            {"Effect": "Allow", "Principal": {"AWS": FOREIGN}, "Action": "kms:Encrypt",
             "Resource": "*"})),
        with_bucket(Place.LOG, lock=Lock("GOVERNANCE", 1)),
    ],
    ids=["a disabled rule", "markers only", "an upload of yesterday", "a key that is off",
         "a deny", "less than the table", "a service", "a grant",
         "a grant of one secret", "an alarm besides", "who may only wrap",
         "a lock on the log"],
)  # fmt: skip
def test_what_only_looks_wrong_is_not_a_finding(change: Change) -> None:
    """Near misses that nobody should be sent after."""
    assert report(change(facts())).findings == ()


def test_an_alarm_on_the_trails_own_lines_counts() -> None:
    """Who reads is in data events; an alarm on a metric made of those is one on bulk reads."""
    group = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/trail:*"
    pattern = f'{{ ($.eventName = "GetObject") && ($.bucketName = "{name_of(TRAINING)}") }}'
    watched = replace(
        facts(),
        trails=(trail(log_group=group),),
        filters=(MetricFilter("/trail", pattern, "Unvoiced", "Reads"),),
        alarms=(alarm(RAW), alarm(TRAINING, namespace="Unvoiced", metric="Reads", dimensions={})),
    )
    assert report(watched).findings == ()
    unfed = replace(watched, trails=(trail(),))
    assert names(report(unfed).findings) == {"bulk-read-alarm-missing"}


UNKNOWN = Unknown("refused: it needs something", "aws something")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (with_bucket(RAW, policy=UNKNOWN),
         {"public-bucket-policy", "bucket-policy-beyond-the-table", "tls-not-required",
          "other-encryption-allowed"}),
        (with_bucket(RAW, encryption=UNKNOWN), {"no-customer-key-encryption", "no-bucket-key"}),
        (with_bucket(RAW, versioning=UNKNOWN), {"versioning-off"}),
        (with_bucket(RAW, public_access_block=UNKNOWN), {"public-access-not-blocked"}),
        (with_bucket(RAW, ownership=UNKNOWN), {"acls-enabled"}),
        (with_bucket(RAW, lifecycle=UNKNOWN),
         {"incomplete-uploads-not-aborted", "old-versions-kept", "raw-backstop-missing",
          "raw-backstop-early", "raw-backstop-late"}),
        (with_bucket(Place.LOG, lock=UNKNOWN), {"object-lock-missing"}),
        (with_bucket(RAW, lock=UNKNOWN), {"object-lock-blocks-disposal"}),
        (with_bucket(RAW, replicas=UNKNOWN), {"copies-by-replication"}),
        (with_bucket(RAW, uploads=UNKNOWN), {"incomplete-uploads-left"}),
        (with_bucket(RAW, log_target=UNKNOWN), {"access-logs-among-data"}),
        (with_bucket(RAW, metrics=UNKNOWN), {"bulk-read-alarm-cannot-fire"}),
        (with_key("worker", state=UNKNOWN), {"customer-key-unusable", "key-not-rotated"}),
        (with_key("worker", rotation=UNKNOWN), {"key-not-rotated"}),
        (with_key("worker", grants=UNKNOWN), {"key-granted-beyond-the-table"}),
        (with_key("worker", policy=UNKNOWN), {"key-used-beyond-the-table", "key-use-left-to-iam"}),
        (with_role(Role.WORKER, policies=UNKNOWN), {"role-wider-than-table"}),
        (with_role(Role.WORKER, trust=UNKNOWN), {"role-trust-too-wide"}),
        (with_role(Role.UPLOADER, session_seconds=UNKNOWN), {"uploader-session-too-long"}),
        (with_(users=UNKNOWN), {"long-lived-access-key"}),
        (with_(users=(User("one", UNKNOWN),)), {"long-lived-access-key"}),
        (with_(backups=UNKNOWN), {"copies-by-backup"}),
        (with_(last_review=UNKNOWN), {"review-due"}),
        (with_(topics={TOPIC: UNKNOWN}), {"bulk-read-alarm-unheard"}),
        (with_(alarms=UNKNOWN),
         {"bulk-read-alarm-missing", "bulk-read-alarm-cannot-fire", "bulk-read-alarm-unheard"}),
        (with_(trails=(trail(logging=UNKNOWN),)), {"trail-not-logging"}),
        *(
            (with_(on_disk=(OnDisk(kind, "raw", "/r", UNKNOWN),)), {f"{name}-open-to-others"})
            for kind, name in (
                (DiskKind.FOLDER, "folder"), (DiskKind.KEY_FILE, "key-file"),
                (DiskKind.SETTINGS, "settings"), (DiskKind.ABOVE, "folder-above"),
            )
        ),
    ],
)  # fmt: skip
def test_what_could_not_be_read_is_unknown_and_never_a_pass(
    change: Change, expected: set[str]
) -> None:
    """Each check that rests on the fact says so, with the reason and the command to ask by hand."""
    clean, found = report(facts()), report(change(facts()))
    assert names(found.unknown) == expected
    assert found.findings == found.unknown
    assert found.passed <= clean.passed - len(expected) + 1
    for finding in found.unknown:
        assert "refused: it needs something" in finding.what
        assert finding.fix == "aws something"
        assert finding in found.at_least(Severity.HIGH)


def test_without_trails_nothing_that_needs_them_passes() -> None:
    """A list of trails that is refused leaves all that rests on it unknown."""
    found = report(replace(facts(), trails=UNKNOWN))
    assert {"no-data-events", "trail-not-logging", "trail-without-validation"} <= names(
        found.unknown
    )
    assert found.findings == found.unknown


def test_a_threshold_leaves_out_what_is_below_it_and_nothing_unknown() -> None:
    """--fail-on high still fails on what could not be checked."""
    change = with_bucket(RAW, versioning="", encryption=Encryption("aws:kms", STORE_KEY))
    found = report(with_bucket(TRAINING, uploads=UNKNOWN)(change(facts())))
    assert names(found.at_least(Severity.LOW)) == {
        "versioning-off", "no-bucket-key", "incomplete-uploads-left",
    }  # fmt: skip
    assert names(found.at_least(Severity.HIGH)) == {"versioning-off", "incomplete-uploads-left"}
    assert found.counts() == {
        "high": 1, "medium": 0, "low": 1, "unknown": 1, "passed": found.passed,
    }  # fmt: skip


@pytest.mark.parametrize(
    "given",
    [
        policy(allow("*", "kms:*", "*")),
        key_policy(Role.DATA_SCIENTIST, Role.WORKER),
        key_policy(root="kms:*"),
    ],
    ids=["everybody", "two roles in one statement", "the account"],
)
def test_the_fix_of_a_key_policy_keeps_the_table_and_its_administration(given: Policy) -> None:
    """Nobody is locked out of a key by the command that narrows it, and nobody else stays."""
    found = report(with_key("dataset", policy=given)(facts())).findings
    words = shlex.split(found[0].fix)
    fixed = Policy.read(words[words.index("--policy") + 1])

    assert report(with_key("dataset", policy=fixed)(facts())).findings == ()
    allowed = [(one.principals, one.actions) for one in fixed.statements]
    assert any(("AWS", right.ROOT) in who and "kms:PutKeyPolicy" in actions
               for who, actions in allowed)  # fmt: skip
    assert any(("AWS", role_arn(Role.DATA_SCIENTIST)) in who and "kms:Decrypt" in actions
               for who, actions in allowed)  # fmt: skip
    assert not any(("AWS", role_arn(Role.WORKER)) in who for who, _ in allowed)
