"""One thing wrong at a time in facts that are right, and the name it must be found under."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from tests.posture import right_facts as right
from tests.posture.right_facts import (
    ACCOUNT,
    BACKSTOP,
    NOW,
    OLD,
    STORE_KEY,
    TOPIC,
    UPLOADS,
    Change,
    alarm,
    encryption_deny,
    key_of,
    key_policy,
    name_of,
    policy,
    role_arn,
    rule,
    tls_deny,
    trail,
    with_,
    with_bucket,
    with_key,
    with_role,
)
from unvoiced.access.policies import role_policy
from unvoiced.access.roles import Place, Role
from unvoiced.posture.facts import (
    Access,
    AccessKey,
    DiskKind,
    Encryption,
    Facts,
    Grant,
    Held,
    KeyState,
    LastReview,
    Lock,
    OnDisk,
    RolePolicy,
    Subscription,
    Upload,
    User,
)
from unvoiced.posture.statements import Policy
from unvoiced.sections import RetentionSettings

RAW, TRAINING = Place.RAW, Place.TRAINING
FOREIGN = "arn:aws:iam::999988887777:role/visitor"


def bucket_policy(place: Place, *more: dict[str, object]) -> Policy:
    """A bucket's policy with more in it."""
    name = name_of(place)
    return policy(tls_deny(name), encryption_deny(name), *more)


def allow(who: object, action: str, resource: str) -> dict[str, object]:
    """A statement that allows."""
    return {"Effect": "Allow", "Principal": who, "Action": action, "Resource": resource}


def more_of(role: Role, *statements: dict[str, object], arn: str = "") -> Change:
    """A role with one policy more than the table's."""
    table = Policy.read(role_policy(role, right.ESTATE))
    given = (RolePolicy("table", table), RolePolicy("more", policy(*statements), arn))
    return with_role(role, policies=given)


def selectors(*values: str, kind: str = "All") -> dict[str, object]:
    """What a trail records, by bucket ARNs."""
    resource = {"Type": "AWS::S3::Object", "Values": list(values)}
    return {"EventSelectors": [{"ReadWriteType": kind, "DataResources": [resource]}]}


def all_but_training(kind: str) -> dict[str, object]:
    """All buckets' events, but of the training bucket's only one kind."""
    others = [f"arn:aws:s3:::{name_of(place)}/" for place in right.PLACES if place is not TRAINING]
    (rest,) = selectors(*others)["EventSelectors"]  # type: ignore[misc]
    (one,) = selectors(f"arn:aws:s3:::{name_of(TRAINING)}/", kind=kind)["EventSelectors"]  # type: ignore[misc]
    return {"EventSelectors": [rest, one]}


def two_places(found: Facts) -> Facts:
    """The journal moved into the audit store's bucket."""
    held = (Held(Place.AUDIT, "audit/"), Held(Place.JOURNAL, "journal/"))
    shared = replace(right.bucket(Place.AUDIT), held=held)
    others = [b for b in found.buckets if b.name not in {shared.name, name_of(Place.JOURNAL)}]
    names = right.ESTATE.buckets | {  # type: ignore[operator]
        Place.AUDIT: f"{shared.name}/audit",
        Place.JOURNAL: f"{shared.name}/journal",
    }
    estate = replace(right.ESTATE, buckets=names)
    roles = tuple(
        replace(one, policies=(RolePolicy("table", Policy.read(role_policy(one.role, estate))),))
        for one in found.roles
    )
    return replace(found, buckets=(*others, shared), roles=roles)


OURS = {"Condition": {"StringEquals": {"aws:SourceAccount": ACCOUNT}}}


def on_disk(kind: DiskKind, mode: int, what: str = "raw", **more: Any) -> Change:
    """One path of this machine."""
    return with_(on_disk=(OnDisk(kind, what, "/r", mode, **more),))


WRONG: list[tuple[str, str, Change]] = [
    # encryption and keys
    ("no-customer-key-encryption", "none", with_bucket(RAW, encryption=None)),
    ("no-customer-key-encryption", "S3's own", with_bucket(RAW, encryption=Encryption("AES256"))),
    ("no-customer-key-encryption", "aws/s3", with_bucket(RAW, encryption=Encryption("aws:kms"))),
    (
        "no-customer-key-encryption",
        "aws/s3 by its alias",
        with_bucket(RAW, encryption=Encryption("aws:kms", "alias/aws/s3", True)),
    ),
    ("no-bucket-key", "off", with_bucket(RAW, encryption=Encryption("aws:kms", STORE_KEY))),
    *(
        ("customer-key-unusable", state, with_key("worker", state=KeyState(
            key_of("worker"), state, "CUSTOMER", "SYMMETRIC_DEFAULT", "AWS_KMS")))
        for state in ("Disabled", "PendingDeletion", "Unavailable")
    ),
    ("key-not-rotated", "off", with_key("worker", rotation=False)),
    (
        "key-used-beyond-the-table",
        "another role of the table",
        with_key("dataset", policy=key_policy(Role.DATA_SCIENTIST, Role.WORKER)),
    ),
    (
        "key-used-beyond-the-table",
        "everybody",
        with_key("store", policy=policy(allow("*", "kms:*", "*"))),
    ),
    (
        "key-used-beyond-the-table",
        "another account",
        with_key("worker", policy=policy(allow({"AWS": FOREIGN}, "kms:Decrypt", "*"))),
    ),
    (
        "key-used-beyond-the-table",
        "every action but one",
        with_key("worker", policy=policy({"Effect": "Allow", "Principal": {"AWS": FOREIGN},
                                          "NotAction": "kms:PutKeyPolicy", "Resource": "*"})),
    ),
    ("key-use-left-to-iam", "kms:*", with_key("worker", policy=key_policy(root="kms:*"))),
    (
        "key-granted-beyond-the-table",
        "a grant",
        with_key("worker", grants=(Grant("g-1", FOREIGN, ("Decrypt",)),)),
    ),
    *(
        (
            "key-granted-beyond-the-table",
            f"all secrets to the {one}",
            with_key("worker", grants=(Grant("g-1", role_arn(one), ("Decrypt",), context),)),
        )
        for one, context in (
            (Role.WATCHER, {}),
            (Role.ERASER, {"name": "intake/2026-11"}),
            (Role.KEY_KEEPER, {"other": "log/signing"}),
        )
    ),
    *(
        ("key-used-beyond-the-table", f"{who} of {name}", with_key(name, policy=policy(
            *key_policy(users).document["Statement"], {**allow({"Service": who}, action, "*"),
                                                       **condition})))
        for name, users, who, action, condition in (
            ("worker", Role.WORKER, "lambda.amazonaws.com", "kms:*", {}),
            ("dataset", Role.DATA_SCIENTIST, "cloudtrail.amazonaws.com", "kms:Decrypt", OURS),
            ("store", Role.WORKER, "cloudtrail.amazonaws.com", "kms:Decrypt", {}),
            ("store", Role.WORKER, "cloudtrail.amazonaws.com", "kms:CreateGrant", OURS),
        )
    ),
    (
        "vaults-share-a-key",
        "of two vaults",
        with_key("inviter", uses=("inviter key", "dataset key"),
                 policy=key_policy(Role.INVITER, Role.DATA_SCIENTIST)),
    ),
    (
        "vaults-share-a-key",
        "of a vault and a bucket",
        with_key("dataset", uses=("dataset key", f"encrypts {name_of(TRAINING)}")),
    ),
    (
        "vault-without-customer-key",
        "a key file",
        lambda found: replace(found, vaults=(replace(found.vaults[0], key=""), *found.vaults[1:])),
    ),
    (
        "fernet-keys-in-use",
        "one",
        lambda found: replace(
            found, vaults=(replace(found.vaults[0], fernet=("fernet/key-1.key",)),
                           *found.vaults[1:])
        ),
    ),
    # buckets
    ("versioning-off", "never on", with_bucket(RAW, versioning="")),
    ("versioning-off", "suspended", with_bucket(RAW, versioning="Suspended")),
    *(
        ("public-access-not-blocked", left_out, with_bucket(
            RAW, public_access_block=dict.fromkeys(
                {"BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy",
                 "RestrictPublicBuckets"} - {left_out}, True)))
        for left_out in ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy",
                         "RestrictPublicBuckets")
    ),
    (
        "public-bucket-policy",
        "in one word",
        with_bucket(RAW, policy=bucket_policy(RAW, allow("*", "s3:GetObject", "*"))),
    ),
    (
        "public-bucket-policy",
        "as AWS",
        with_bucket(RAW, policy=bucket_policy(RAW, allow({"AWS": ["*"]}, "s3:ListBucket", "*"))),
    ),
    (
        "public-bucket-policy",
        "all but somebody",
        with_bucket(RAW, policy=bucket_policy(RAW, {
            "Effect": "Allow", "NotPrincipal": {"AWS": FOREIGN}, "Action": "s3:GetObject",
            "Resource": "*"})),
    ),
    *(
        ("bucket-policy-beyond-the-table", who, with_bucket(TRAINING, policy=bucket_policy(
            TRAINING, {**allow({"Service": who}, "s3:PutObject",
                               f"arn:aws:s3:::{name_of(TRAINING)}/*"), **condition})))
        for who, condition in (
            ("lambda.amazonaws.com", {}), ("cloudtrail.amazonaws.com", OURS),
        )
    ),
    (
        "bucket-policy-beyond-the-table",
        "another account",
        with_bucket(RAW, policy=bucket_policy(RAW, allow({"AWS": FOREIGN}, "s3:GetObject", "*"))),
    ),
    (
        "bucket-policy-beyond-the-table",
        "a role of the table",
        with_bucket(RAW, policy=bucket_policy(
            RAW, allow({"AWS": role_arn(Role.DATA_SCIENTIST)}, "s3:GetObject",
                       f"arn:aws:s3:::{name_of(RAW)}/*"))),
    ),
    ("tls-not-required", "no policy", with_bucket(RAW, policy=policy(
        encryption_deny(name_of(RAW))))),
    ("tls-not-required", "objects only", with_bucket(RAW, policy=policy(
        encryption_deny(name_of(RAW)),
        {**tls_deny(name_of(RAW)), "Resource": f"arn:aws:s3:::{name_of(RAW)}/*"}))),
    ("tls-not-required", "reads only", with_bucket(RAW, policy=policy(
        encryption_deny(name_of(RAW)), {**tls_deny(name_of(RAW)), "Action": "s3:Get*"}))),
    ("tls-not-required", "for somebody", with_bucket(RAW, policy=policy(
        encryption_deny(name_of(RAW)), {**tls_deny(name_of(RAW)), "Principal": {"AWS": FOREIGN}}))),
    ("tls-not-required", "on another condition too", with_bucket(RAW, policy=policy(
        encryption_deny(name_of(RAW)),
        {**tls_deny(name_of(RAW)), "Condition": {
            "Bool": {"aws:SecureTransport": "false", "aws:ViaAWSService": "true"}}}))),
    ("tls-not-required", "the wrong way round", with_bucket(RAW, policy=policy(
        encryption_deny(name_of(RAW)),
        {**tls_deny(name_of(RAW)), "Condition": {"Bool": {"aws:SecureTransport": "true"}}}))),
    ("other-encryption-allowed", "no policy", with_bucket(RAW, policy=policy(
        tls_deny(name_of(RAW))))),
    ("other-encryption-allowed", "only where none is named", with_bucket(RAW, policy=policy(
        tls_deny(name_of(RAW)), {**encryption_deny(name_of(RAW)), "Condition": {
            "Null": {"s3:x-amz-server-side-encryption": "true"}}}))),
    ("other-encryption-allowed", "none may be named", with_bucket(RAW, policy=policy(
        tls_deny(name_of(RAW)), encryption_deny(name_of(RAW)),
        {**encryption_deny(name_of(RAW)), "Condition": {"StringNotEqualsIfExists": {
            "s3:x-amz-server-side-encryption": "aws:kms"}}}))),
    ("acls-enabled", "not set", with_bucket(RAW, ownership="")),
    ("acls-enabled", "the writer's", with_bucket(RAW, ownership="ObjectWriter")),
    ("access-logs-among-data", "itself", with_bucket(RAW, log_target=name_of(RAW))),
    ("stores-share-a-bucket", "two", two_places),
    ("endpoint-without-tls", "http", with_bucket(RAW, endpoint="http://127.0.0.1:8333")),
    ("copies-by-replication", "a copy", with_bucket(RAW, replicas=("arn:aws:s3:::elsewhere",))),
    ("copies-by-replication", "of the archive", with_bucket(
        Place.ARCHIVE, replicas=("arn:aws:s3:::elsewhere",))),
    ("copies-by-backup", "AWS Backup", with_(backups=(f"arn:aws:s3:::{name_of(TRAINING)}",))),
    ("object-lock-blocks-disposal", "a default", with_bucket(RAW, lock=Lock("GOVERNANCE", 30))),
    ("object-lock-missing", "log", with_bucket(Place.LOG, lock=None)),
    ("object-lock-missing", "archive", with_bucket(Place.ARCHIVE, lock=None)),
    ("archive-lock-too-short", "a year", with_bucket(
        Place.ARCHIVE, lock=Lock("COMPLIANCE", 365))),
    # lifecycle
    ("incomplete-uploads-not-aborted", "no rule", with_bucket(RAW, lifecycle=(OLD, BACKSTOP))),
    ("incomplete-uploads-not-aborted", "disabled", with_bucket(
        RAW, lifecycle=({**UPLOADS, "Status": "Disabled"}, OLD, BACKSTOP))),
    ("incomplete-uploads-not-aborted", "one folder", with_bucket(
        RAW, lifecycle=({**UPLOADS, "Filter": {"Prefix": "a/"}}, OLD, BACKSTOP))),
    ("incomplete-uploads-not-aborted", "late", with_bucket(RAW, lifecycle=(
        rule("late", AbortIncompleteMultipartUpload={"DaysAfterInitiation": 7}), OLD, BACKSTOP))),
    ("incomplete-uploads-left", "old", with_bucket(
        RAW, uploads=(Upload("a/b", "u-1", NOW - timedelta(days=3)),))),
    ("old-versions-kept", "no rule", with_bucket(RAW, lifecycle=(UPLOADS, BACKSTOP))),
    ("old-versions-kept", "late", with_bucket(RAW, lifecycle=(
        UPLOADS, BACKSTOP, rule("late", NoncurrentVersionExpiration={"NoncurrentDays": 30})))),
    ("old-versions-kept", "some for ever", with_bucket(RAW, lifecycle=(
        UPLOADS, BACKSTOP, rule("some", NoncurrentVersionExpiration={
            "NoncurrentDays": 1, "NewerNoncurrentVersions": 2})))),
    ("raw-backstop-missing", "no rule", with_bucket(RAW, lifecycle=(UPLOADS, OLD))),
    ("raw-backstop-missing", "by tag", with_bucket(RAW, lifecycle=(UPLOADS, OLD, {
        **BACKSTOP, "Filter": {"And": {"Prefix": "", "Tags": [{"Key": "k", "Value": "v"}]}}}))),
    ("raw-backstop-early", "sooner", with_bucket(RAW, lifecycle=(
        UPLOADS, OLD, rule("soon", Expiration={"Days": 30})))),
    ("raw-backstop-early", "when retention comes", with_bucket(RAW, lifecycle=(
        UPLOADS, OLD, rule("soon", Expiration={"Days": RetentionSettings().raw_days})))),
    ("raw-backstop-early", "sooner in a folder", with_bucket(RAW, lifecycle=(
        UPLOADS, OLD, BACKSTOP, {**rule("soon", Expiration={"Days": 30}),
                                 "Filter": {"Prefix": "a/"}}))),
    ("raw-backstop-early", "on a date", with_bucket(RAW, lifecycle=(
        UPLOADS, OLD, BACKSTOP, rule("date", Expiration={"Date": NOW})))),
    ("raw-backstop-late", "later", with_bucket(RAW, lifecycle=(
        UPLOADS, OLD, rule("late", Expiration={"Days": 365})))),
    *(
        ("lifecycle-destroys-what-must-stay", place.value, with_bucket(
            place, lifecycle=(UPLOADS, OLD, rule("tidy", Expiration={"Days": 3650}))))
        for place in (TRAINING, Place.LOG, Place.AUDIT, Place.WORKER_VAULT)
    ),
    ("archive-expires-early", "a year", with_bucket(
        Place.ARCHIVE, lifecycle=(UPLOADS, OLD, rule("tidy", Expiration={"Days": 365})))),
    # identities
    ("long-lived-access-key", "active", with_(users=(
        User("operator", (AccessKey("AKIA1", True, NOW - timedelta(days=400)),)),))),
    ("role-wider-than-table", "another place", more_of(
        Role.DATA_SCIENTIST, {"Effect": "Allow", "Action": "s3:GetObject",
                              "Resource": f"arn:aws:s3:::{name_of(RAW)}/*"})),
    ("role-wider-than-table", "another action", more_of(
        Role.WORKER, {"Effect": "Allow", "Action": "s3:DeleteBucketPolicy",
                      "Resource": f"arn:aws:s3:::{name_of(RAW)}"})),
    ("role-wider-than-table", "who makes intake keys opens them", more_of(
        Role.KEY_KEEPER, {"Effect": "Allow", "Action": "kms:Decrypt",
                          "Resource": key_of("worker"), "Condition": {
                              "StringLike": {"kms:EncryptionContext:name": "intake/*"}}})),
    ("role-wider-than-table", "who archives reads it", more_of(
        Role.WORKER, {"Effect": "Allow", "Action": "s3:GetObject",
                      "Resource": f"arn:aws:s3:::{name_of(Place.ARCHIVE)}/*"})),
    ("role-wider-than-table", "a wildcard", more_of(
        Role.WORKER, {"Effect": "Allow", "Action": "s3:Get*",
                      "Resource": f"arn:aws:s3:::{name_of(RAW)}/*"})),
    ("role-wider-than-table", "a wider resource", more_of(
        Role.WORKER, {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"})),
    ("role-wider-than-table", "without its condition", more_of(
        Role.UPLOADER, {"Effect": "Allow", "Action": "s3:PutObject",
                        "Resource": f"arn:aws:s3:::{name_of(RAW)}/*"})),
    ("role-wider-than-table", "another condition", more_of(
        Role.UPLOADER, {"Effect": "Allow", "Action": "s3:PutObject",
                        "Resource": f"arn:aws:s3:::{name_of(RAW)}/*",
                        "Condition": {"Null": {"s3:if-none-match": "true"}}})),
    ("role-wider-than-table", "all but", more_of(
        Role.AUDITOR, {"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"})),
    ("role-wider-than-table", "attached", more_of(
        Role.AUDITOR, {"Effect": "Allow", "Action": "*", "Resource": "*"},
        arn="arn:aws:iam::aws:policy/AdministratorAccess")),
    ("role-trust-too-wide", "everybody", with_role(Role.WORKER, trust=policy(
        {"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}))),
    ("role-trust-too-wide", "another account", with_role(Role.WORKER, trust=policy(
        {"Effect": "Allow", "Principal": {"AWS": FOREIGN}, "Action": "sts:AssumeRole"}))),
    *(
        ("role-trust-too-wide", f"{who} as {one}", with_role(one, trust=policy(
            {"Effect": "Allow", "Principal": {"Service": who}, "Action": "sts:AssumeRole",
             **condition})))
        for one, who, condition in (
            (Role.WORKER, "ecs-tasks.amazonaws.com", {}),
            (Role.WORKER, "lambda.amazonaws.com", OURS),
            (Role.DATA_SCIENTIST, "ec2.amazonaws.com", OURS),
            (Role.WATCHER, "ecs-tasks.amazonaws.com", {
                "Condition": {"StringEquals": {"aws:SourceAccount": "999988887777"}}}),
        )
    ),
    ("role-trust-too-wide", "all repositories of a provider", with_role(
        Role.DATA_SCIENTIST, trust=policy(
            {"Effect": "Allow", "Action": "sts:AssumeRoleWithWebIdentity",
             "Principal": {"Federated": f"arn:aws:iam::{ACCOUNT}:oidc-provider/example"},
             "Condition": {"StringEquals": {"example:aud": "sts.amazonaws.com"}}}))),
    ("role-trust-too-wide", "all of a provider", with_role(Role.WORKER, trust=policy(
        {"Effect": "Allow", "Action": "sts:AssumeRoleWithWebIdentity",
         "Principal": {"Federated": f"arn:aws:iam::{ACCOUNT}:oidc-provider/example"}}))),
    ("uploader-session-too-long", "12 hours", with_role(Role.UPLOADER, session_seconds=43200)),
    # watching
    ("no-data-events", "no trail", with_(trails=())),
    ("no-data-events", "reads not", with_(trails=(
        trail(selectors=all_but_training("WriteOnly")),))),
    ("no-data-events", "writes not", with_(trails=(
        trail(selectors=all_but_training("ReadOnly")),))),
    ("no-data-events", "a folder only", with_(trails=(
        trail(selectors=selectors(f"arn:aws:s3:::{name_of(RAW)}/a/")),))),
    ("trail-not-logging", "stopped", with_(trails=(trail(logging=False),))),
    ("trail-without-validation", "off", with_(trails=(trail(validated=False),))),
    ("bulk-read-alarm-missing", "none", with_(alarms=(alarm(RAW),))),
    ("bulk-read-alarm-missing", "on writes", with_(alarms=(
        alarm(RAW), alarm(TRAINING, metric="PutRequests")))),
    ("bulk-read-alarm-cannot-fire", "the article's", with_(alarms=(
        alarm(RAW), alarm(TRAINING, metric="NumberOfObjects")))),
    ("bulk-read-alarm-cannot-fire", "no FilterId", with_(alarms=(
        alarm(RAW), alarm(TRAINING, dimensions={"BucketName": name_of(TRAINING)})))),
    ("bulk-read-alarm-cannot-fire", "an average", with_(alarms=(
        alarm(RAW), alarm(TRAINING, statistic="Average")))),
    ("bulk-read-alarm-cannot-fire", "no such metrics", with_bucket(RAW, metrics={})),
    ("bulk-read-alarm-unheard", "switched off", with_(alarms=(
        alarm(RAW), alarm(TRAINING, enabled=False)))),
    ("bulk-read-alarm-unheard", "no action", with_(alarms=(
        alarm(RAW), alarm(TRAINING, actions=())))),
    ("bulk-read-alarm-unheard", "not confirmed", with_(topics={TOPIC: (
        Subscription("email", "a@example.org", confirmed=False),)})),
    ("bulk-read-alarm-unheard", "nobody", with_(topics={TOPIC: ()})),
    # who looks
    ("review-due", "never reviewed", with_(last_review=None)),
    ("review-due", "a day late", with_(last_review=LastReview(
        NOW - timedelta(days=90, hours=1), "os-user:anna:1000"))),
    # this machine
    ("folder-open-to-others", "readable", on_disk(DiskKind.FOLDER, 0o750)),
    ("folder-open-to-others", "a writable log", on_disk(DiskKind.FOLDER, 0o775, what="log")),
    ("folder-open-to-others", "an access list", on_disk(
        DiskKind.FOLDER, 0o740, acl=(Access("user eve", read=True, write=False),))),
    ("folder-open-to-others", "another owner", on_disk(DiskKind.FOLDER, 0o700, owner="eve")),
    ("key-file-open-to-others", "readable", on_disk(DiskKind.KEY_FILE, 0o640)),
    ("settings-open-to-others", "writable", on_disk(DiskKind.SETTINGS, 0o602)),
    ("folder-above-open-to-others", "the deployment's", on_disk(DiskKind.INSIDE, 0o1777)),
    ("folder-above-open-to-others", "by a group", on_disk(
        DiskKind.INSIDE, 0o775, members=("eve",))),
    ("folder-above-open-to-others", "further up", on_disk(DiskKind.ABOVE, 0o777, owner="root")),
    ("folder-above-open-to-others", "another's", on_disk(DiskKind.ABOVE, 0o1777, owner="eve")),
]  # fmt: skip
