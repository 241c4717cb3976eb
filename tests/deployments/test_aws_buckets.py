"""Every bucket of the template has every protection; a new bucket cannot forget one."""

import fnmatch
from typing import Any

import pytest
from parsed_template import ACCOUNT, REGION, RESOURCES, Stack, decides, nodes, of_type

from unvoiced.access.roles import TABLE, Can, Place
from unvoiced.sections import STORAGE_CLASSES, DisposalSettings, RetentionSettings

STACK = Stack()
BUCKETS = list(of_type("AWS::S3::Bucket"))
PLACES = {place.title().replace(" ", "") + "Bucket": place for place in Place if not place.is_key}
UPLOADER = STACK.arn("UploaderRole")
PSEUDONYM = "abcdefghijklmnopqrstuvwxyz"
ALGORITHM = "s3:x-amz-server-side-encryption"
KEY = "s3:x-amz-server-side-encryption-aws-kms-key-id"
CLIENT_KEY = "s3:x-amz-server-side-encryption-customer-algorithm"

every_bucket = pytest.mark.parametrize("name", BUCKETS)


def _rules(name: str) -> dict[str, Any]:
    rules = STACK.resources[name]["LifecycleConfiguration"]["Rules"]
    assert all(rule["Status"] == "Enabled" for rule in rules)
    assert all("Prefix" not in rule and "TagFilters" not in rule for rule in rules)
    return {rule["Id"]: rule for rule in rules}


def _key_of(name: str) -> str:
    encryption = STACK.resources[name]["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    return encryption[0]["ServerSideEncryptionByDefault"]["KMSMasterKeyID"]


def _refusals(name: str, **request: Any) -> set[str]:
    """The Sids of a bucket's Deny statements that a request meets."""
    usual = {
        "action": "s3:PutObject",
        "resource": f"{STACK.arn(name)}/{PSEUDONYM}/one.unv",
        "aws:SecureTransport": "true",
        "s3:TlsVersion": "1.3",
        "aws:PrincipalIsAWSService": "false",
        "aws:PrincipalArn": f"arn:aws:iam::{ACCOUNT}:role/somebody",
        "s3:ObjectCreationOperation": "true",
        "s3:if-none-match": "*",
    }
    met = {**usual, **request}
    asked = {key: value for key, value in met.items() if value is not None}
    document = STACK.resources[f"{name}Policy"]["PolicyDocument"]
    denials = [one for one in document["Statement"] if one["Effect"] == "Deny"]
    assert all(one["Principal"] == "*" for one in denials)
    return {one["Sid"] for one in denials if decides(one, asked)}


def test_every_place_of_the_table_has_a_bucket_and_so_has_the_trail() -> None:
    """Neither a place without a bucket, nor a bucket nobody thought of."""
    assert sorted(BUCKETS) == sorted([*PLACES, "TrailBucket"])


@every_bucket
def test_bucket_is_encrypted_under_a_customer_key_with_a_bucket_key(name: str) -> None:
    """SSE-KMS by default, under a key that this template makes."""
    (rule,) = STACK.resources[name]["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
    assert rule["BucketKeyEnabled"] is True
    assert _key_of(name) in {STACK.arn(key) for key in of_type("AWS::KMS::Key")}


def test_raw_training_and_archive_have_a_key_each() -> None:
    """Who reads one of them can decrypt nothing of another."""
    keys = {_key_of(name) for name in ("RawBucket", "TrainingBucket", "ArchiveBucket", "LogBucket")}
    assert len(keys) == 4


@every_bucket
def test_bucket_is_versioned(name: str) -> None:
    """A version is what disposal names."""
    assert STACK.resources[name]["VersioningConfiguration"] == {"Status": "Enabled"}


@every_bucket
def test_bucket_cannot_become_public(name: str) -> None:
    """All four of PublicAccessBlock."""
    assert STACK.resources[name]["PublicAccessBlockConfiguration"] == {
        "BlockPublicAcls": True,
        "BlockPublicPolicy": True,
        "IgnorePublicAcls": True,
        "RestrictPublicBuckets": True,
    }


@every_bucket
def test_bucket_knows_no_acl(name: str) -> None:
    """Whoever uploads, the bucket's owner owns."""
    rules = STACK.resources[name]["OwnershipControls"]["Rules"]
    assert rules == [{"ObjectOwnership": "BucketOwnerEnforced"}]


@every_bucket
def test_bucket_sweeps_incomplete_uploads_replaced_versions_and_markers(name: str) -> None:
    """What no listing of current objects shows does not stay, for as long as settings say."""
    rules = _rules(name)
    assert rules["IncompleteUploads"]["AbortIncompleteMultipartUpload"] == {
        "DaysAfterInitiation": 1
    }
    days = RetentionSettings().noncurrent_days
    assert rules["ReplacedVersions"]["NoncurrentVersionExpiration"] == {"NoncurrentDays": days}
    assert rules["ReplacedVersions"]["ExpiredObjectDeleteMarker"] is True


@every_bucket
def test_lifecycle_days_are_the_parameters(name: str) -> None:
    """Another answer at deployment reaches every bucket."""
    stack = Stack(IncompleteUploadDays="3", NoncurrentDays="4", RawBackstopDays="5", TrailDays="90")
    found = str(stack.resources[name]["LifecycleConfiguration"])
    assert "'DaysAfterInitiation': '3'" in found
    assert "'NoncurrentDays': '4'" in found
    days = {"RawBucket": "5", "TrailBucket": "90"}.get(name)
    assert ("ExpirationInDays" in found) == (days is not None)
    assert days is None or f"'ExpirationInDays': '{days}'" in found


def test_only_raw_and_the_trail_lose_current_objects_by_lifecycle() -> None:
    """Raw as a backstop behind retention, the trail after TrailDays; nothing else by a rule."""
    expiring = {name: _rules(name) for name in BUCKETS}
    days = {
        name: rule["ExpirationInDays"]
        for name, rules in expiring.items()
        for rule in rules.values()
        if "ExpirationInDays" in rule
    }
    assert days == {"RawBucket": RetentionSettings().raw_backstop_days, "TrailBucket": 365}
    assert days["RawBucket"] > RetentionSettings().raw_days


def test_nothing_is_moved_to_another_class() -> None:
    """What is read every day stays readable; what is archived is put into its class."""
    assert [name for name in BUCKETS if "Transition" in str(_rules(name))] == []


def test_nothing_refuses_an_original_of_any_class_that_settings_know() -> None:
    """Locked as the stack locks, and where nothing stands."""
    for storage_class in STORAGE_CLASSES:
        named = {"s3:x-amz-storage-class": storage_class}
        assert _refusals("ArchiveBucket", **named) == set()


def test_the_stack_locks_as_settings_do_where_nobody_says_otherwise() -> None:
    """Another mode than the stack's would be refused, put by put."""
    assert Stack().parameters["ArchiveLockMode"] == DisposalSettings().lock_mode


@pytest.mark.parametrize("mode", ["GOVERNANCE", "COMPLIANCE"])
def test_archive_is_locked_by_default_for_the_days_that_settings_say(mode: str) -> None:
    """Whoever puts there without a lock gets one."""
    archive = Stack(ArchiveLockMode=mode).resources["ArchiveBucket"]
    assert archive["ObjectLockEnabled"] is True
    assert archive["ObjectLockConfiguration"]["Rule"] == {
        "DefaultRetention": {"Mode": mode, "Days": RetentionSettings().archive_days}
    }


def test_log_can_be_locked_and_is_not_by_default() -> None:
    """Appending removes partial tiles; a default lock would keep them."""
    log = STACK.resources["LogBucket"]
    assert log["ObjectLockEnabled"] is True
    assert log["ObjectLockConfiguration"] == {"ObjectLockEnabled": "Enabled"}


def test_nobody_can_destroy_a_full_tile_of_the_log() -> None:
    """What a default lock would have protected is protected by the table."""
    reach = [
        name
        for rights in TABLE.values()
        for right in rights
        if right.place is Place.LOG and Can.DESTROY in right.can
        for name in right.names or ("*",)
    ]
    assert set(reach) == {"pending/append/*", "tile/*.p/*"}


def test_nobody_locks_longer_or_harder_than_the_archive_itself() -> None:
    """The ingest worker locks what it archives; a lock of a century would outlive every erasure."""
    days = RetentionSettings().archive_days
    remaining, mode = "s3:object-lock-remaining-retention-days", "s3:object-lock-mode"
    put = {"action": "s3:PutObjectRetention"}
    as_usual = _refusals("ArchiveBucket", **put, **{remaining: str(days), mode: "GOVERNANCE"})
    longer = _refusals("ArchiveBucket", **put, **{remaining: str(days + 1), mode: "GOVERNANCE"})
    harder = _refusals("ArchiveBucket", **put, **{remaining: str(days), mode: "COMPLIANCE"})
    assert (as_usual, longer, harder) == (set(), {"LongerLock"}, {"OtherLock"})


@pytest.mark.parametrize("cold", ["DEEP_ARCHIVE", "GLACIER", "STANDARD_IA"])
def test_nothing_comes_into_raw_that_ingest_cannot_read_at_once(cold: str) -> None:
    """A contributor's put names its class: one such recording would stop a run, again and again."""
    assert _refusals("RawBucket", **{"s3:x-amz-storage-class": cold}) == {"ColdClass"}
    assert _refusals("RawBucket", **{"s3:x-amz-storage-class": "STANDARD"}) == set()


def test_nothing_that_has_to_be_disposed_of_can_be_locked() -> None:
    """A lock on raw, training or journal would make a receipt impossible."""
    lockable = [name for name in BUCKETS if "ObjectLockEnabled" in STACK.resources[name]]
    assert sorted(lockable) == ["ArchiveBucket", "LogBucket"]


def test_nothing_is_replicated_or_backed_up() -> None:
    """A copy elsewhere would survive what a receipt says is gone."""
    properties = {key for one in nodes(RESOURCES) if isinstance(one, dict) for key in one}
    assert not {key for key in properties if "Replica" in key}
    assert not any("s3:Replicate" in str(one) for one in nodes(RESOURCES))
    assert not any(one["Type"].startswith("AWS::Backup") for one in RESOURCES.values())


@every_bucket
def test_bucket_and_its_policy_outlive_the_stack(name: str) -> None:
    """Deleting the stack, or renaming in it, destroys no data and opens none."""
    for kept in (name, f"{name}Policy"):
        assert RESOURCES[kept]["DeletionPolicy"] == "Retain"
        assert RESOURCES[kept]["UpdateReplacePolicy"] == "Retain"


@every_bucket
def test_bucket_refuses_plain_http_and_old_tls(name: str) -> None:
    """For every action, on the bucket and on what is in it."""
    for resource in (STACK.arn(name), f"{STACK.arn(name)}/anything"):
        for action in ("s3:GetObject", "s3:ListBucket", "s3:DeleteObjectVersion"):
            what = {"action": action, "resource": resource}
            plain = _refusals(
                name, **what, **{"aws:SecureTransport": "false", "s3:TlsVersion": None}
            )
            assert plain == {"WithoutTls"}
            assert _refusals(name, **what, **{"s3:TlsVersion": "1.1"}) == {"OldTls"}
            assert _refusals(name, **what, **{"s3:TlsVersion": "1.2"}) == set()


OURS, OTHERS = "ours", f"arn:aws:kms:{REGION}:444455556666:key/another"


# What a put names, and what refuses it.
FORMS: list[tuple[dict[str, str], set[str]]] = [
    ({}, set()),  # the bucket's default, which is ours
    ({ALGORITHM: "aws:kms", KEY: OURS}, set()),
    ({ALGORITHM: "aws:kms"}, {"AnotherKey"}),  # S3 would take aws/s3
    ({ALGORITHM: "aws:kms", KEY: OTHERS}, {"AnotherKey", "KeyAlone"}),
    ({ALGORITHM: "AES256"}, {"AnotherEncryption", "AnotherKey"}),
    ({ALGORITHM: "aws:kms:dsse", KEY: OURS}, {"AnotherEncryption"}),
    ({KEY: OTHERS}, {"KeyAlone"}),
    ({KEY: OURS}, set()),
    ({CLIENT_KEY: "AES256"}, {"KeyOfTheClient"}),
]


@every_bucket
def test_a_put_is_decided_by_the_encryption_it_names(name: str) -> None:
    """What names nothing is taken, as the default is ours; what names another key is not."""
    for named, refused in FORMS:
        request = {key: _key_of(name) if value == OURS else value for key, value in named.items()}
        assert _refusals(name, **request) == refused, named


@pytest.mark.parametrize("place", PLACES)
def test_only_in_the_trail_do_services_of_amazon_name_keys_in_their_own_way(place: str) -> None:
    """CloudTrail does; everywhere else a service is refused what people are."""
    service = {ALGORITHM: "aws:kms", KEY: OTHERS, "aws:PrincipalIsAWSService": "true"}
    assert _refusals(place, **service) == {"AnotherKey", "KeyAlone"}
    assert _refusals("TrailBucket", **service) == set()


@every_bucket
def test_a_put_that_looks_at_nothing_is_refused(name: str) -> None:
    """Without a condition a put would hide what stands there, whatever its role says."""
    blind = _refusals(name, **{"s3:if-none-match": None})
    assert bool(blind) == (name != "TrailBucket")
    for named in ("checkpoint", "log-checkpoint", "erasures/one"):
        at = f"{STACK.arn(name)}/{named}"
        assert bool(_refusals(name, resource=at, **{"s3:if-none-match": None})) == bool(blind)


@every_bucket
def test_a_put_over_what_was_seen_is_let_through_only_where_the_table_replaces(name: str) -> None:
    """Name by name: of the log its checkpoint and not a full tile, of the journal no hold."""
    replaced = [
        pattern
        for rights in TABLE.values()
        for right in rights
        if right.place is PLACES.get(name) and Can.REPLACE in right.can
        for pattern in right.names or ("*",)
    ]
    for named in (
        *("tile/0/000", "checkpoint", "pending/head", "intake/2026-w47", "log-checkpoint"),
        *("holds/everything", "erasures/one", "pages/one.json", "any/sample.unv", "vault.json"),
        *("reads/one.json", "approvals/one.json", "reviews/one.json", "watch/state.json"),
    ):
        request = {"s3:if-none-match": None, "s3:if-match": "etag"}
        over = _refusals(name, resource=f"{STACK.arn(name)}/{named}", **request)
        free = any(fnmatch.fnmatchcase(named, pattern) for pattern in replaced)
        assert over == (set() if free or name == "TrailBucket" else {"Replacing"}), named


def test_raw_is_create_only_for_every_object() -> None:
    """And the audit trail, but for what the watch keeps and what proves a store's conditions."""
    over = {"s3:if-none-match": None, "s3:if-match": "etag"}
    names = ("probe/conditional-put", "watch/state.json", "reads/one.json", "pages/one.json")
    refused = {
        bucket: [_refusals(bucket, resource=f"{STACK.arn(bucket)}/{one}", **over) for one in names]
        for bucket in ("RawBucket", "AuditBucket")
    }
    assert refused["RawBucket"] == [{"Replacing"}] * 4
    assert refused["AuditBucket"] == [set(), set(), {"Replacing"}, {"Replacing"}]


@every_bucket
def test_parts_of_a_multipart_upload_need_no_condition_and_its_completion_does(name: str) -> None:
    """S3 takes conditions where an object comes to be, and says of the rest that none does."""
    part = _refusals(name, **{"s3:ObjectCreationOperation": "false", "s3:if-none-match": None})
    assert part == set()


def test_an_uploader_cannot_leave_the_folder_its_session_is_tagged_with() -> None:
    """Even when whoever made the grant forgot the session policy."""
    session = {"aws:PrincipalArn": UPLOADER, "aws:PrincipalTag/contributor": PSEUDONYM}
    foreign = f"{STACK.arn('RawBucket')}/{PSEUDONYM[::-1]}/one.unv"
    assert _refusals("RawBucket", **session) == set()
    assert _refusals("RawBucket", resource=foreign, **session) == {"ForeignFolder"}


def test_trail_bucket_is_written_by_this_trail_alone_and_its_policy_lets_the_auditor_read() -> None:
    """Another account's trail, made to write here, is refused."""
    statements = STACK.resources["TrailBucketPolicy"]["PolicyDocument"]["Statement"]
    allowed = {one["Sid"]: one for one in statements if one["Effect"] == "Allow"}
    trail = f"arn:aws:cloudtrail:{REGION}:{ACCOUNT}:trail/unvoiced"
    for sid in ("TrailLooks", "TrailWrites"):
        assert allowed[sid]["Principal"] == {"Service": "cloudtrail.amazonaws.com"}
        assert allowed[sid]["Condition"]["StringEquals"]["aws:SourceArn"] == trail
    assert allowed["TrailWrites"]["Action"] == ["s3:PutObject"]
    readers = {one["Principal"]["AWS"] for sid, one in allowed.items() if sid.startswith("Auditor")}
    assert readers == {STACK.arn("AuditorRole")}
    assert len(allowed) == 4


def test_no_other_bucket_policy_allows_anything() -> None:
    """Who may do what stands in the roles' policies; buckets only refuse."""
    for name in BUCKETS:
        statements = STACK.resources[f"{name}Policy"]["PolicyDocument"]["Statement"]
        if name != "TrailBucket":
            assert all(one["Effect"] == "Deny" for one in statements)


@pytest.mark.parametrize("name", ["RawBucket", "TrainingBucket"])
def test_requests_are_counted_where_an_alarm_counts_on_it(name: str) -> None:
    """S3 publishes `GetRequests` only for a bucket with a metrics configuration."""
    assert STACK.resources[name]["MetricsConfigurations"] == [{"Id": "EntireBucket"}]
