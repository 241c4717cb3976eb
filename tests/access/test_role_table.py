"""What holds of the role table and of every policy made from it, whatever the account."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.access.conftest import STORES
from tests.access.evaluator import allows
from unvoiced.access.policies import (
    ACCOUNT_READS,
    LOOKS_AT_THE_ACCOUNT,
    Estate,
    grant_policy,
    role_policy,
)
from unvoiced.access.roles import TABLE, Can, Place, Role, may
from unvoiced.errors import InputError
from unvoiced.log.merkle import EMPTY_ROOT
from unvoiced.log.note import Checkpoint
from unvoiced.log.pending import Head
from unvoiced.log.tiles import Bundle, Tile

KEYS = tuple(place for place in Place if place.is_key)
PSEUDONYM = "abcdefghijklmnopqrstuvwxyz"
APPENDERS = {Role.WORKER, Role.ARCHIVIST, Role.ERASER, Role.KEY_KEEPER, Role.WATCHER}
TOPIC = "arn:aws-us-gov:sns:us-gov-east-1:123456789012:unvoiced-alarms"
_INLINE_LIMIT, _SESSION_LIMIT = 10_240, 2_048  # characters, white space not counted

# What the stores hold, and names that only look as if they were inside a narrowed right.
NAMES = (
    f"{PSEUDONYM}/sample.unv",
    f"features/speech-16k-01234567/{PSEUDONYM}/sample.unv",
    f"keys/{PSEUDONYM}.unv",
    "pages/0123456789abcdef01234567.json",
    "quarantine/0123.json",
    "checkpoint",
    "intake/2026-w47",
    "intake/2026-w47.key",
    "probe/conditional-put",
    *("ledger/snapshot", "ledger/snapshot2", "ledger", "ledger/", "xledger/snapshot"),
    *("pending/head", "pending/append", "pending/append/", "pending/append/0-3-0123"),
    *("pending/appendix/0-3-0123", "xpending/append/0-3-0123", "pending/append/../head"),
    *(
        "tile/0/000",
        "tile/0/x001/234",
        "tile/entries/000",
        "tile/0/000.p/5",
        "tile/entries/000.p/5",
    ),
    *("tile/.p/", "tile/0/000.p", "tile/0/000.P/5", "tile/0/000xp/5", "tiles/0/000.p/5", "tile/.p"),
    *("log-checkpoint", "log-checkpoint.key", "log-checkpoint/x", "x/log-checkpoint"),
    *("vault.json", "vault_json", "vault.json.bak", "log/signing.key", "log/signing-key"),
    *("log/signing", "log/signing2", "content/tag", "recipient/dataset", "dataset/dataset"),
    *("holds/everything", "suppressed/0123", "erasures/0123", "intents/0123", "retiring/0123"),
    *("intake/", "intake", "intakes/2026-w47", "keys/", "xkeys/a.unv", "pages", "intents"),
    *("reads/2026-11-22/0123456789abcdef/0-0-1.json", "reads/x", "reads", "xreads/x", "read/x"),
    *("approvals/x.json", "approvals", "reviews/x", "watch/x", "watch", "watch/../reads/x"),
    "catalog/speech-16k-01234567/a.parquet",
    *("", "*", "?", "a", "/", "${aws:username}", "a\nb"),
)


def _key_arn(place: Place) -> str:
    number = f"{list(Place).index(place):08d}"
    return f"arn:aws-us-gov:kms:us-gov-east-1:123456789012:key/{number}-0000-0000-0000-0123456789ab"


def _estate(*, amazon: bool = True, one_bucket: bool = False) -> Estate:
    """With names as long as Amazon lets them be."""
    buckets = {place: f"{place.value.replace(' ', '-')}-bucket".ljust(63, "0") for place in STORES}
    if one_bucket:
        shared = "shared-bucket".ljust(63, "0")
        buckets = {place: f"{shared}/{place.value.replace(' ', '-')}" for place in STORES}
    return Estate(
        buckets=buckets,
        keys={place: _key_arn(place) for place in KEYS},
        store_keys={place: _key_arn(place) for place in STORES},
        uploader_role=f"arn:aws-us-gov:iam::123456789012:role/{'u' * 64}",
        provider_logs={
            "trail-bucket".ljust(63, "0"): _key_arn(Place.LOG),
            f"{'access-log-bucket'.ljust(63, '0')}/training": "",
        },
        topic=TOPIC,
        topic_key=_key_arn(Place.LOG_KEY),
        partition="aws-us-gov",
        region="us-gov-east-1",
        amazon=amazon,
    )


ESTATES = {
    "a bucket each": _estate(),
    "one bucket": _estate(one_bucket=True),
    "not Amazon": _estate(amazon=False),
}


def _policies() -> Iterator[tuple[Role, Estate, dict[str, Any]]]:
    for estate in ESTATES.values():
        for role in Role:
            yield role, estate, role_policy(role, estate)


def _arn(estate: Estate, place: Place, name: str) -> str:
    return f"arn:aws-us-gov:s3:::{estate.buckets[place]}/{name}"


def _bucket_arn(estate: Estate, place: Place) -> str:
    return f"arn:aws-us-gov:s3:::{estate.buckets[place].partition('/')[0]}"


def _requests(
    estate: Estate, can: Can, place: Place, name: str
) -> list[tuple[str, str, Mapping[str, str]]]:
    """(action, resource, condition keys) of all that doing this takes; nothing where it is no word
    for such a place."""
    if place.is_key:
        context = {"kms__EncryptionContext__name": name}
        actions = {
            Can.WRAP: [("kms:Encrypt", context)],
            Can.UNWRAP: [("kms:Decrypt", context)],
            Can.SIGN: [("kms:Sign", {}), ("kms:GetPublicKey", {})],
        }.get(can, [])
        return [(action, estate.keys[place], keys) for action, keys in actions]
    if can is Can.LIST:
        _, _, prefix = estate.buckets[place].partition("/")
        below = {"s3__prefix": f"{prefix}/{name}"} if prefix else {}
        bucket = _bucket_arn(estate, place)
        return [
            ("s3:ListBucket", bucket, below),
            ("s3:ListBucketVersions", bucket, below),
            ("s3:GetBucketVersioning", bucket, {}),
        ]
    creates, replaces = {"s3__if_none_match": "*"}, {"s3__if_match": '"0123"'}
    of_an_object: dict[Can, list[tuple[str, dict[str, str]]]] = {
        Can.READ: [("s3:GetObject", {}), ("s3:GetObjectVersion", {})],
        Can.CREATE: [("s3:PutObject", creates)],
        Can.REPLACE: [("s3:PutObject", replaces)],
        Can.DESTROY: [("s3:DeleteObjectVersion", {})],
        Can.RESTORE: [("s3:RestoreObject", {})],
        Can.SEE_LOCK: [
            ("s3:GetObjectRetention", {}),
            ("s3:GetObjectLegalHold", {}),
            ("s3:GetObjectTagging", {}),
            ("s3:GetObjectVersionTagging", {}),
        ],
        Can.LOCK: [("s3:PutObjectRetention", {}), ("s3:PutObjectTagging", {})],
    }
    at = _arn(estate, place, name)
    return [(action, at, keys) for action, keys in of_an_object.get(can, [])]


@pytest.mark.parametrize("estate", ["a bucket each", "one bucket"])
@pytest.mark.parametrize("role", Role)
def test_policies_say_what_the_table_says(role: Role, estate: str) -> None:
    """For each place, each thing to do and each name, request by request."""
    where = ESTATES[estate]
    policy = role_policy(role, where)
    # What has no name in it cannot be told apart by name: who looks at the account sees it of all
    # buckets, and whoever lists one store of a bucket sees it of that bucket.
    of_buckets = role in LOOKS_AT_THE_ACCOUNT or (
        estate == "one bucket" and any(may(role, Can.LIST, place, "") for place in STORES)
    )
    different = [
        (can, place, name, action)
        for place in Place
        for can in Can
        for name in NAMES
        for action, resource, context in _requests(where, can, place, name)
        if allows(policy, action, resource, **context)
        != (may(role, can, place, name) or (action == "s3:GetBucketVersioning" and of_buckets))
    ]
    assert different == []


@settings(deadline=None)
@given(
    st.sampled_from(Role),
    st.sampled_from(Place),
    st.sampled_from([can for can in Can if can is not Can.LIST]),
    st.text(st.sampled_from("ab./-*p\n") | st.characters(), max_size=12),
    st.sampled_from(["", "pending/append/", "tile/", "tile/.p/", "log-checkpoint", "log/signing"]),
)
def test_they_agree_on_any_name(role: Role, place: Place, can: Can, rest: str, start: str) -> None:
    """Also on names that nobody thought of."""
    estate, name = ESTATES["one bucket"], start + rest
    policy = role_policy(role, estate)
    for action, resource, context in _requests(estate, can, place, name):
        assert allows(policy, action, resource, **context) == may(role, can, place, name)


@pytest.mark.parametrize("role", Role)
def test_at_amazon_a_put_says_over_what(role: Role) -> None:
    """A put that names neither absence nor a version is refused, as is a create that replaces."""
    estate = ESTATES["a bucket each"]
    policy = role_policy(role, estate)
    for place in STORES:
        for name in NAMES:
            at = _arn(estate, place, name)
            assert not allows(policy, "s3:PutObject", at)
            if not may(role, Can.REPLACE, place, name):
                assert not allows(policy, "s3:PutObject", at, s3__if_match='"0123"')


def test_elsewhere_a_put_is_a_put() -> None:
    """Without Amazon's condition keys, who may create or replace may put, and nobody else."""
    estate = ESTATES["not Amazon"]
    for role in Role:
        policy = role_policy(role, estate)
        for place in STORES:
            for name in NAMES:
                put = may(role, Can.CREATE, place, name) or may(role, Can.REPLACE, place, name)
                assert allows(policy, "s3:PutObject", _arn(estate, place, name)) == put


def test_nobody_may_do_what_the_table_has_no_word_for() -> None:
    """Of S3, KMS, IAM and STS the policies hold these actions, and no wildcard among them."""
    words = {
        *("s3:GetObject", "s3:GetObjectVersion", "s3:PutObject", "s3:DeleteObjectVersion"),
        *("s3:ListBucket", "s3:ListBucketVersions", "s3:GetBucketVersioning"),
        *("s3:RestoreObject", "s3:GetObjectRetention", "s3:GetObjectLegalHold"),
        *("s3:GetObjectTagging", "s3:GetObjectVersionTagging", "s3:PutObjectTagging"),
        *("s3:PutObjectRetention", "kms:Encrypt", "kms:Decrypt", "kms:Sign", "kms:GetPublicKey"),
        *("kms:GenerateDataKey", "sts:AssumeRole", "sts:TagSession"),
    }
    for role, _, policy in _policies():
        actions = {action for one in policy["Statement"] for action in one["Action"]}
        more = {
            Role.AUDITOR: set(ACCOUNT_READS),
            Role.WATCHER: {*ACCOUNT_READS, "sns:Publish"},
            Role.ERASER: {"s3:GetLifecycleConfiguration"},
        }
        assert actions <= words | more.get(role, set())
        assert not any("*" in action for action in actions)


def test_only_who_audits_and_who_watches_look_at_a_whole_account() -> None:
    """And it only looks: no other resource is "*", and no action on "*" changes anything."""
    for role, _, policy in _policies():
        everywhere = [
            one for one in policy["Statement"] if any(r in {"*", "arn:*"} for r in one["Resource"])
        ]
        assert [one["Action"] for one in everywhere] == (
            [sorted(ACCOUNT_READS)] if role in {Role.AUDITOR, Role.WATCHER} else []
        )
    assert all(
        action.partition(":")[2].startswith(("Get", "List", "Describe")) for action in ACCOUNT_READS
    )
    # None of these returns what somebody stored, or makes a secret.
    assert not {"s3:GetObject", "s3:GetObjectVersion", "kms:GetPublicKey"} & set(ACCOUNT_READS)


def test_keys_of_buckets_are_for_the_store_alone() -> None:
    """Every use of such a key is on condition that it is S3 that uses it."""
    for _, estate, policy in _policies():
        for one in policy["Statement"]:
            if set(one["Resource"]) & set(estate.store_keys.values()):
                via = {"kms:ViaService": f"s3.{estate.region}.amazonaws.com"}
                assert one["Condition"] == {"StringEquals": via}
                assert set(one["Action"]) <= {"kms:Decrypt", "kms:GenerateDataKey"}


@pytest.mark.parametrize("estate", ["a bucket each", "not Amazon"])
@pytest.mark.parametrize("role", Role)
def test_only_the_watcher_reads_the_providers_logs_and_tells_the_topic(
    role: Role, estate: str
) -> None:
    """It reads and lists them, below their prefix, puts and destroys nothing there, and publishes
    to that topic alone, using the topic's key for it alone."""
    where, watches = ESTATES[estate], role is Role.WATCHER
    policy = role_policy(role, where)
    for place in where.provider_logs:
        bucket, _, prefix = place.partition("/")
        arn, folder = f"arn:aws-us-gov:s3:::{bucket}", f"{prefix}/" if prefix else ""
        record = f"{arn}/{folder}AWSLogs/one.json.gz"
        assert allows(policy, "s3:GetObject", record) == watches
        assert allows(policy, "s3:ListBucket", arn, s3__prefix=f"{folder}AWSLogs/") == watches
        if folder:
            assert not allows(policy, "s3:GetObject", f"{arn}/AWSLogs/one.json.gz")
            assert not allows(policy, "s3:ListBucket", arn, s3__prefix="AWSLogs/")
        for action in ("s3:PutObject", "s3:DeleteObject", "s3:DeleteObjectVersion"):
            conditions = {"s3__if_none_match": "*", "s3__if_match": '"0123"'}
            assert not allows(policy, action, record, **conditions)
    assert allows(policy, "sns:Publish", TOPIC) == watches
    assert not allows(policy, "sns:Publish", f"{TOPIC}-2")
    for topic, its in ((TOPIC, watches), (f"{TOPIC}-2", False), (None, False)):
        context = {"kms__EncryptionContext__aws__sns__topicArn": topic}
        for action in ("kms:Decrypt", "kms:GenerateDataKey"):
            assert allows(policy, action, where.topic_key, **context) == its


@pytest.mark.parametrize("name", NAMES)
def test_nobody_sees_both_voices_and_features(name: str) -> None:
    """Who reads recordings unwraps no key that opens features, and the reverse; nor archives."""
    opens = {
        "recordings": (Place.RAW, Place.WORKER_KEY),
        "features": (Place.TRAINING, Place.DATASET_KEY),
        "originals": (Place.ARCHIVE, Place.ARCHIVE_KEY),
    }
    for role in Role:
        opened = {
            what
            for what, (store, key) in opens.items()
            if may(role, Can.READ, store, name) and may(role, Can.UNWRAP, key, name)
        }
        assert len(opened) <= 1
        if may(role, Can.READ, Place.RAW, name):
            assert not may(role, Can.UNWRAP, Place.DATASET_KEY, name)
            assert not may(role, Can.UNWRAP, Place.ARCHIVE_KEY, name)


def test_only_the_worker_unwraps_what_opens_recordings() -> None:
    """Others who use its key are narrowed to secrets that open none: the log's signing key."""
    users = {
        role: {
            name for right in TABLE[role] if right.place is Place.WORKER_KEY for name in _of(right)
        }
        for role in Role
        if any(right.place is Place.WORKER_KEY for right in TABLE[role])
    }
    assert users == {
        Role.WORKER: {"*"},
        Role.ARCHIVIST: {"log/signing"},
        Role.ERASER: {"log/signing"},
        Role.KEY_KEEPER: {"log/signing", "intake/*"},
        Role.WATCHER: {"log/signing"},
    }
    assert not any(
        may(role, Can.UNWRAP, Place.WORKER_KEY, secret)
        for role in set(Role) - {Role.WORKER}
        for secret in ("intake/2026-w47", "fernet/legacy", "content/tag")
    )


def _of(right: Any) -> tuple[str, ...]:
    return right.names or ("*",)


def test_nobody_wraps_secrets_but_intake_keys() -> None:
    """The rest are made by the ceremony; whoever could wrap could put theirs in place of others."""
    wraps = {
        (role, key, name)
        for role in Role
        for key in KEYS
        for name in NAMES
        if may(role, Can.WRAP, key, name)
    }
    assert {(role, key) for role, key, _ in wraps} == {(Role.KEY_KEEPER, Place.WORKER_KEY)}
    assert all(name.startswith("intake/") for _, _, name in wraps)


@pytest.mark.parametrize("name", NAMES)
def test_who_makes_intake_keys_gets_at_none_and_at_no_recording(name: str) -> None:
    """It puts new ones where none stand; unwrapped they are by the worker, destroyed too."""
    keeper = Role.KEY_KEEPER
    stores = {right.place for right in TABLE[keeper] if not right.place.is_key}
    assert stores == {Place.LOG, Place.WORKER_VAULT}
    if name.startswith("intake/"):
        assert not may(keeper, Can.UNWRAP, Place.WORKER_KEY, name)
        for can in (Can.READ, Can.REPLACE, Can.DESTROY):
            assert not may(keeper, can, Place.WORKER_VAULT, name)
    elif may(keeper, Can.CREATE, Place.WORKER_VAULT, name):
        assert name == "log-checkpoint"


@pytest.mark.parametrize("name", NAMES)
def test_who_erases_opens_nothing(name: str) -> None:
    """Of what is sealed it reads recordings and keys' objects, for their digests; it puts none."""
    eraser = Role.ERASER
    assert not may(eraser, Can.READ, Place.ARCHIVE, name)
    assert not may(eraser, Can.READ, Place.AUDIT, name)
    assert may(eraser, Can.READ, Place.TRAINING, name) == name.startswith("keys/")
    for store in (Place.RAW, Place.TRAINING, Place.ARCHIVE, Place.AUDIT):
        for can in (Can.CREATE, Can.REPLACE, Can.LOCK, Can.RESTORE):
            assert not may(eraser, can, store, name)
        assert may(eraser, Can.DESTROY, store, name)
    unwraps = [key for key in KEYS if may(eraser, Can.UNWRAP, key, name)]
    assert unwraps == ([Place.WORKER_KEY] if name == "log/signing" else [])
    assert not may(eraser, Can.CREATE, Place.JOURNAL, "pages/x")  # a page comes from the worker


def test_who_reads_what_contributors_send() -> None:
    """Who opens it, and who destroys it unopened and says by its digest what it was."""
    readers = {role for role in Role for name in NAMES if may(role, Can.READ, Place.RAW, name)}
    assert readers == {Role.WORKER, Role.ERASER}
    assert not any(right.place is Place.RAW for right in TABLE[Role.INVITER])


@pytest.mark.parametrize("name", NAMES)
def test_the_archive_is_written_read_and_destroyed_by_three(name: str) -> None:
    """Who puts originals there cannot read them, who reads them cannot destroy one, and nobody
    replaces one."""
    who = {can: {role for role in Role if may(role, can, Place.ARCHIVE, name)} for can in Can}
    assert who[Can.CREATE] == who[Can.LOCK] == {Role.WORKER}
    assert who[Can.READ] == who[Can.RESTORE] == {Role.ARCHIVIST}
    assert who[Can.DESTROY] == {Role.ERASER}
    assert who[Can.REPLACE] == set()
    opens = {role for role in Role if may(role, Can.UNWRAP, Place.ARCHIVE_KEY, name)}
    assert opens == {Role.ARCHIVIST}


def test_the_worker_destroys_no_hold_and_nobody_it_was_told_was_erased() -> None:
    """Of the journal it writes its own intentions, pages and quarantine; of its vault, keys go."""
    for name in ("holds/everything", f"holds/{PSEUDONYM}", "suppressed/0123", "erasures/0123"):
        for can in (Can.CREATE, Can.REPLACE, Can.DESTROY):
            assert not may(Role.WORKER, can, Place.JOURNAL, name)
    gone = {name for name in NAMES if may(Role.WORKER, Can.DESTROY, Place.WORKER_VAULT, name)}
    assert gone == {name for name in NAMES if name.startswith("intake/")}


def test_records_of_runs_are_added_by_the_worker_alone_and_changed_by_nobody() -> None:
    """They are kept beside the journal, read by who looks, and ended by who erases."""
    who = {can: {role for role in Role if may(role, can, Place.JOURNAL, "runs/x")} for can in Can}
    assert who[Can.CREATE] == {Role.WORKER}
    assert who[Can.REPLACE] == set()
    assert who[Can.DESTROY] == {Role.ERASER}
    assert {Role.WORKER, Role.AUDITOR} <= who[Can.READ]


# What each part of the audit store is to each role that has anything there; none to the others.
_LOOKS = {Can.READ, Can.LIST}
AUDIT_STORE = {
    "reads/x": {
        Role.DATA_SCIENTIST: {Can.CREATE, Can.LIST},
        Role.WATCHER: _LOOKS,
    },
    "pages/x": {Role.DATA_SCIENTIST: {Can.LIST}, Role.WATCHER: {*_LOOKS, Can.CREATE}},
    "approvals/x": {Role.DATA_SCIENTIST: _LOOKS, Role.WATCHER: {*_LOOKS, Can.CREATE}},
    "reviews/x": {Role.DATA_SCIENTIST: {Can.LIST}, Role.WATCHER: {*_LOOKS, Can.CREATE}},
    "watch/x": {Role.DATA_SCIENTIST: {Can.LIST}, Role.WATCHER: {*_LOOKS, Can.CREATE, Can.REPLACE}},
    "2026-11-22/x": {Role.DATA_SCIENTIST: {Can.LIST}, Role.WATCHER: _LOOKS},
}


@pytest.mark.parametrize("name", AUDIT_STORE)
def test_the_audit_trail_is_added_to_and_ended_by_who_erases(name: str) -> None:
    """Nobody replaces a record, page, approval or review; who writes records reads none, makes no
    page and approves nothing; who ends them reads none; and who watches writes no record."""
    of_all = {Role.AUDITOR: _LOOKS, Role.ERASER: {Can.LIST, Can.DESTROY}}
    for role in Role:
        cans = {can for can in Can if may(role, can, Place.AUDIT, name)}
        assert cans == {**of_all, **AUDIT_STORE[name]}.get(role, set()), role


def test_who_approves_reads_cannot_read() -> None:
    """Neither features nor what opens them: nobody approves their own reading under one role."""
    approve = {role for role in Role if may(role, Can.CREATE, Place.AUDIT, "approvals/x")}
    read = {
        role
        for role in Role
        for name in NAMES
        if may(role, Can.UNWRAP, Place.DATASET_KEY, name)
        or may(role, Can.READ, Place.DATASET_VAULT, name)
    }
    assert (approve, read) == ({Role.WATCHER}, {Role.DATA_SCIENTIST})
    features = f"features/speech-16k-01234567/{PSEUDONYM}/sample.unv"
    assert not may(Role.WATCHER, Can.READ, Place.TRAINING, features)


def test_the_catalog_is_built_by_the_worker_and_ended_by_who_erases() -> None:
    """Who reads it cannot change it; the archivist, who puts features too, puts none of it."""
    name = "catalog/speech-16k-01234567/a.parquet"
    who = {can: {role for role in Role if may(role, can, Place.TRAINING, name)} for can in Can}
    assert who[Can.CREATE] == who[Can.REPLACE] == {Role.WORKER}
    assert who[Can.DESTROY] == {Role.ERASER}
    assert who[Can.READ] == {Role.WORKER, Role.ARCHIVIST, Role.DATA_SCIENTIST}


@settings(deadline=None)
@given(st.integers(0, 9), st.integers(0, 10**9), st.integers(1, 255))
@example(0, 0, 1)
def test_what_a_log_has_filled_nobody_destroys(level: int, index: int, width: int) -> None:
    """Full tiles and bundles stay; what is partial goes once it is full, by those who append."""
    for full in (Tile(level, index), Bundle(index)):
        assert not any(may(role, Can.DESTROY, Place.LOG, full.path) for role in Role)
    for part in (Tile(level, index, width), Bundle(index, width)):
        who = {role for role in Role if may(role, Can.DESTROY, Place.LOG, part.path)}
        assert who == APPENDERS


@pytest.mark.parametrize(
    "name", ["checkpoint", "pending/head", "ledger/snapshot", "intake/2026-w47"]
)
def test_what_a_log_stands_on_nobody_destroys(name: str) -> None:
    """Its checkpoint, its head, and the announcements of intake keys."""
    assert not any(may(role, Can.DESTROY, Place.LOG, name) for role in Role)


def test_who_appends_removes_appends() -> None:
    """By the name they really bear."""
    base, tip = (Checkpoint("log", size, EMPTY_ROOT) for size in (3, 5))
    name = Head(base, tip, "0" * 32).append_name
    assert {role for role in Role if may(role, Can.DESTROY, Place.LOG, name)} == APPENDERS


def test_who_replaces_reads() -> None:
    """Amazon asks for s3:GetObject too where a put has If-Match: it tells what stands there."""
    for role in Role:
        for place in STORES:
            for name in NAMES:
                if may(role, Can.REPLACE, place, name):
                    assert may(role, Can.READ, place, name)


def test_names_narrow_only_what_names_can_narrow() -> None:
    """A listing shows all of a store, and only wrapping and unwrapping say which secret."""
    for rights in TABLE.values():
        for right in rights:
            if right.names:
                assert Can.LIST not in right.can
                assert not right.place.is_key or right.can <= {Can.WRAP, Can.UNWRAP}


def test_words_are_for_their_kind_of_place() -> None:
    """Keys are not listed and stores do not sign; every right says why."""
    for rights in TABLE.values():
        for right in rights:
            of_keys = right.can <= {Can.WRAP, Can.UNWRAP, Can.SIGN}
            assert right.place.is_key == of_keys
            assert right.can
            assert right.why


def test_policies_fit_what_amazon_takes() -> None:
    """Inline in a role, and as a session policy, with names as long as they get."""
    for role, _, policy in _policies():
        assert _length(policy) <= _INLINE_LIMIT, role
    for estate in ESTATES.values():
        assert _length(grant_policy(PSEUDONYM, estate)) <= _SESSION_LIMIT


def _length(policy: Mapping[str, Any]) -> int:
    return len("".join(json.dumps(policy).split()))


def test_what_an_estate_calls_things_ends_up_as_it_is() -> None:
    """CloudFormation's own placeholders pass through, wherever they stand."""
    estate = Estate(
        buckets={place: f"${{Bucket{n}}}/${{Prefix{n}}}" for n, place in enumerate(STORES)},
        keys={place: f"${{Key{n}.Arn}}" for n, place in enumerate(KEYS)},
        store_keys={place: f"${{StoreKey{n}.Arn}}" for n, place in enumerate(STORES)},
        uploader_role="${UploaderRole.Arn}",
        provider_logs={"${TrailBucket}": "${TrailKey.Arn}"},
        topic="${Topic}",
        topic_key="${TopicKey.Arn}",
        partition="${AWS::Partition}",
        region="${AWS::Region}",
    )
    text = json.dumps([role_policy(role, estate) for role in Role])
    for n, _ in enumerate(STORES):
        assert f'"arn:${{AWS::Partition}}:s3:::${{Bucket{n}}}"' in text
        assert f"arn:${{AWS::Partition}}:s3:::${{Bucket{n}}}/${{Prefix{n}}}/" in text
        assert f'"${{StoreKey{n}.Arn}}"' in text
    for n, _ in enumerate(KEYS):
        assert f'"${{Key{n}.Arn}}"' in text
    assert '"${UploaderRole.Arn}"' in text
    assert '"arn:${AWS::Partition}:s3:::${TrailBucket}/*"' in text
    assert all(f'"${{{name}}}"' in text for name in ("TrailKey.Arn", "Topic", "TopicKey.Arn"))
    assert '"s3.${AWS::Region}.amazonaws.com"' in text


def test_what_an_estate_does_not_name_nobody_reaches() -> None:
    """Without buckets and keys there is nothing but a look at the account."""
    for role in Role:
        statements = role_policy(role, Estate(buckets={}))["Statement"]
        assert len(statements) == (1 if role in LOOKS_AT_THE_ACCOUNT else 0)


_NASTY = (
    *("", "*", "?", "a", "../other", "a/b", PSEUDONYM[:-1], f"{PSEUDONYM}a", PSEUDONYM.upper()),
    *(f"{PSEUDONYM}/", f"/{PSEUDONYM}", f"{PSEUDONYM}\n", f"\n{PSEUDONYM}", f"{PSEUDONYM} "),
    *(f"{PSEUDONYM[:-1]}*", f"{PSEUDONYM[:-1]}?", f"{PSEUDONYM[:-1]}/", f"{PSEUDONYM[:-1]}1"),
    *(f'{PSEUDONYM}"', f'{PSEUDONYM}"],"Action":["s3:*"', f"{PSEUDONYM}\\", f"{PSEUDONYM}\0"),
    *("${aws:username}", "${*}", "${s3:prefix}/aaaaaaaaaaaaaaa", "..", ".", "%2e%2e%2f"),
    *(
        "ａｂｃｄｅｆｇｈｉｊｋｌｍｎｏｐｑｒｓｔｕｖｗｘｙｚ",
        "аbcdefghijklmnopqrstuvwxyz",
        "ſbcdefghijklmnopqrstuvwxyz",
    ),
    *("a" * 10_000, "abcdefghijklmnopqrstuvwxy\u0661", "abcdefghijklmnopqrstuvwxy²"),
)


@pytest.mark.parametrize("value", _NASTY, ids=lambda value: repr(value[:30]))
def test_a_grant_is_for_a_pseudonym_and_nothing_else(value: str) -> None:
    """What could name another folder, all folders, or more JSON, is refused before any is made."""
    with pytest.raises(InputError):
        grant_policy(value, ESTATES["a bucket each"])


@settings(deadline=None)
@given(st.text(max_size=40) | st.from_regex(r"[a-z2-7]{26}[\n/*\"]?", fullmatch=True))
def test_a_grant_reaches_one_folder_whatever_it_was_asked_for(value: str) -> None:
    """Either it is refused, or it holds one folder of 26 plain characters."""
    try:
        policy = grant_policy(value, ESTATES["not Amazon"])
    except InputError:
        return
    (statement,) = policy["Statement"]
    assert len(value) == 26
    assert statement == {
        "Effect": "Allow",
        "Action": ["s3:PutObject"],
        "Resource": [_arn(ESTATES["not Amazon"], Place.RAW, f"{value}/*")],
    }


@pytest.mark.parametrize("estate", ESTATES.values(), ids=ESTATES.keys())
@pytest.mark.parametrize(
    "name",
    [
        *("x.unv", f"{PSEUDONYM}", f"{PSEUDONYM}2/x.unv", f"{PSEUDONYM[:-1]}/x.unv"),
        *(f"/{PSEUDONYM}/x.unv", f"other/{PSEUDONYM}/x.unv", f"{PSEUDONYM.upper()}/x.unv"),
        *(f"{PSEUDONYM}%2fx.unv", "b" * 26 + "/x.unv", ""),
    ],
)
def test_a_grant_puts_nowhere_else(estate: Estate, name: str) -> None:
    """Not at the root, not for others, and not under names that resemble the folder's."""
    policy = grant_policy(PSEUDONYM, estate)
    at, inside = (_arn(estate, Place.RAW, n) for n in (name, f"{PSEUDONYM}/x.unv"))
    assert allows(policy, "s3:PutObject", inside, s3__if_none_match="*")
    assert not allows(policy, "s3:PutObject", at, s3__if_none_match="*")
    other = _arn(estate, Place.TRAINING, f"{PSEUDONYM}/x.unv")
    assert not allows(policy, "s3:PutObject", other, s3__if_none_match="*")


def test_at_amazon_a_grant_never_replaces() -> None:
    """Not even the contributor's own recordings: a put says that nothing stands there."""
    policy = grant_policy(PSEUDONYM, ESTATES["a bucket each"])
    at = _arn(ESTATES["a bucket each"], Place.RAW, f"{PSEUDONYM}/x.unv")
    assert not allows(policy, "s3:PutObject", at)
    assert not allows(policy, "s3:PutObject", at, s3__if_match='"0123"')


def test_at_amazon_a_grant_uses_keys_only_through_the_store() -> None:
    """Its statement about any key holds for S3 of the region, and only for sealing a new object."""
    statements = grant_policy(PSEUDONYM, ESTATES["a bucket each"])["Statement"]
    (of_keys,) = [one for one in statements if one["Resource"] == ["*"]]
    assert of_keys["Action"] == ["kms:GenerateDataKey"]
    assert of_keys["Condition"] == {
        "StringEquals": {"kms:ViaService": "s3.us-gov-east-1.amazonaws.com"}
    }
