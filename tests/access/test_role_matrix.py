"""The role table on a real S3 server: every role's credentials, every store, every request.

Cells are made from the table. What it allows has to work and have its effect; all else has to be
refused as `AccessDenied` and leave every version, marker and setting of the bucket as it was.

Not proven here, as SeaweedFS 4.48 does not decide it, or decides it by another action than Amazon:

- s3:if-none-match and s3:if-match are unknown to it (hence `Estate(amazon=False)`): that who may
  create cannot replace. Versions keep what is put over, which the cells "put over" do show.
- Tags and ACLs that travel in a put's headers need s3:PutObjectTagging and s3:PutObjectAcl at
  Amazon, and here nothing beyond s3:PutObject.
- Labelling a version that is named needs s3:PutObjectVersionTagging at Amazon, which nobody has,
  and here no more than labelling the current one.
- Lock headers of a put are decided only where the bucket has object lock: in the archive.
- s3:RestoreObject, s3:GetBucketPublicAccessBlock: not implemented. s3:GetBucketOwnershipControls
  and s3:GetBucketLogging: decided by other actions. s3:ListAllMyBuckets: open to every session.
- The keys that buckets are encrypted with (`Estate.store_keys`).
"""

from functools import cache
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.access.conftest import STORES, Account
from tests.access.operations import (
    DELETES,
    LISTS,
    LISTS_BELOW,
    LOCKS,
    NEW,
    PUTS,
    READS,
    SETTINGS,
    TAGS,
    Scene,
    added,
    etag,
    may_destroy,
    may_put,
    may_read,
)
from tests.access.stage import Stage, wrong
from unvoiced.access.roles import TABLE, Place, Role

pytestmark = pytest.mark.server

# Whom most depends on; everybody else's cells are tried by the slow tests.
_QUICK = {Role.UPLOADER, Role.WORKER, Role.DATA_SCIENTIST, Role.WATCHER}
_CELLS = [
    pytest.param(role, place, marks=() if role in _QUICK else pytest.mark.slow)
    for role in Role
    for place in STORES
]
every_role_and_store = pytest.mark.parametrize(("role", "place"), _CELLS)


@cache
def names_in(place: Place) -> tuple[str, ...]:
    """Names to try: for each pattern of the table one inside, and what only looks like it."""
    patterns = {name for role in Role for right in TABLE[role] for name in _of(right, place)}
    inside = [pattern.replace("*", "some") for pattern in sorted(patterns)]
    outside = [
        # With a star at the end anything longer is inside.
        f"x{pattern.replace('*', 'some')}" if pattern.endswith("*") else f"{pattern}x"
        for pattern in sorted(patterns)
    ]
    # And with what stands between two stars left out: a full tile beside a partial one.
    outside += [
        f"{pattern.partition('*')[0]}some" for pattern in sorted(patterns) if pattern.count("*") > 1
    ]
    # What no right names, and stores hold beside what rights do name.
    beside = ("catalog/some",) if place is Place.TRAINING else ()
    return (*inside, *beside, *outside) or ("abcdefghijklmnopqrstuvwxyz/sample.unv",)


def _names_for(role: Role, place: Place) -> tuple[str, ...]:
    """All of them; three where the role has nothing at all, as then no name can matter.

    The slow tests try all of those too, on another server (test_role_estates).
    """
    has_something = any(right.place is place for right in TABLE[role])
    return names_in(place) if has_something else names_in(place)[:3]


def _of(right: Any, place: Place) -> tuple[str, ...]:
    return right.names if right.place is place else ()


@pytest.fixture(scope="module")
def stages(account: Account) -> dict[Place, Stage]:
    """The bucket of each store."""
    admin = account.server.client()
    return {place: Stage(admin, account.where(place)[0]) for place in STORES}


@every_role_and_store
def test_objects(account: Account, stages: dict[Place, Stage], role: Role, place: Place) -> None:
    """Reading, listing, putting, putting over and deleting: as the table says, name by name."""
    client = account.as_role(role)
    operations = (*READS, *LISTS, *LISTS_BELOW, *DELETES, *PUTS)
    found = [
        line
        for name in _names_for(role, place)
        for line in wrong(stages[place], client, (role, place, name), operations)
    ]
    assert found == []


@every_role_and_store
def test_settings(account: Account, stages: dict[Place, Stage], role: Role, place: Place) -> None:
    """No role changes what a bucket is set to, or who may read an object; two look."""
    stage, name = stages[place], names_in(place)[0]
    spot, _ = stage.ready(name, Scene.TWO_VERSIONS)
    before = _settings(account, spot.at)

    found = wrong(stage, account.as_role(role), (role, place, name), SETTINGS)

    spot, _ = stage.ready(name, Scene.TWO_VERSIONS)
    assert (found, _settings(account, spot.at)) == ([], before)


@every_role_and_store
def test_labels(account: Account, stages: dict[Place, Stage], role: Role, place: Place) -> None:
    """Who sees locks sees labels, who locks can label, and nobody takes labels off."""
    cell = (role, place, names_in(place)[0])
    assert wrong(stages[place], account.as_role(role), cell, TAGS) == []


@pytest.mark.parametrize("role", Role)
def test_locks_of_the_archive(account: Account, stages: dict[Place, Stage], role: Role) -> None:
    """Who archives can lock, and nobody, the eraser included, gets round what is locked."""
    place = Place.ARCHIVE
    cell = (role, place, names_in(place)[0])
    assert wrong(stages[place], account.as_role(role), cell, LOCKS) == []


@every_role_and_store
def test_copies(account: Account, stages: dict[Place, Stage], role: Role, place: Place) -> None:
    """A copy needs both: reading there and putting here; the server lends nobody its own eyes."""
    client, stage = account.as_role(role), stages[place]
    name = next((each for each in names_in(place) if may_put(role, place, each)), None)
    sources = [each for each in STORES if each is not place]
    for source in sources if name else sources[:1]:
        of = names_in(source)[0]
        at, _ = stages[source].ready(of, Scene.TWO_VERSIONS)
        spot, before = stage.ready(name or names_in(place)[0], Scene.NOTHING)
        if name is not None and may_read(role, source, of):
            client.copy_object(**spot.at, CopySource=at.at)
            assert added(etag(NEW))(spot, None, before, stage.look())
        else:
            with pytest.raises(ClientError) as refusal:
                client.copy_object(**spot.at, CopySource=at.at)
            assert refusal.value.response["Error"]["Code"] == "AccessDenied"
            assert stage.look() == before


@pytest.mark.parametrize(
    ("role", "place"),
    [
        cell
        for cell in _CELLS
        if any(may_destroy(*cell.values, name) for name in names_in(cell.values[1]))
    ],
)
def test_a_batch_is_decided_name_by_name(
    account: Account, stages: dict[Place, Stage], role: Role, place: Place
) -> None:
    """What may be destroyed does not take along what may not, nor become a marker."""
    stage = stages[place]
    name = next(each for each in names_in(place) if may_destroy(role, place, each))
    spot, before = stage.ready(name, Scene.TWO_VERSIONS)
    beside = next(at for at in before if at[0] != spot.key)
    hides = {"Key": spot.key}
    destroys = {"Key": spot.key, "VersionId": spot.old}
    other = {"Key": beside[0], "VersionId": beside[1]}

    answer = account.as_role(role).delete_objects(
        Bucket=spot.bucket, Delete={"Objects": [hides, destroys, other]}
    )

    refused = {(error["Key"], error["Code"]) for error in answer["Errors"]}
    gone = {(spot.key, spot.old)}
    expected = {(spot.key, "AccessDenied")}
    if may_destroy(role, place, beside[0]):
        gone.add(beside)
    else:
        expected.add((beside[0], "AccessDenied"))
    assert refused == expected
    assert stage.look().keys() == before.keys() - gone


def test_without_a_session_token_a_sessions_keys_open_nothing(account: Account) -> None:
    """Cells are decided by the session: its key alone is nobody's."""
    credentials = account.server.assume("auditor")
    del credentials["aws_session_token"]
    with pytest.raises(ClientError) as refusal:
        account.server.client(credentials).list_objects_v2(Bucket="log")
    assert refusal.value.response["Error"]["Code"] in {"AccessDenied", "InvalidAccessKeyId"}


def _settings(account: Account, at: dict[str, str]) -> dict[str, Any]:
    """What the administrator sees a bucket and one of its objects set to."""
    admin, bucket = account.server.client(), {"Bucket": at["Bucket"]}
    return {
        "buckets": [each["Name"] for each in admin.list_buckets()["Buckets"]],
        "policy": admin.get_bucket_policy(**bucket)["Policy"],
        "versioning": admin.get_bucket_versioning(**bucket)["Status"],
        "lifecycle": admin.get_bucket_lifecycle_configuration(**bucket)["Rules"],
        "encryption": admin.get_bucket_encryption(**bucket)["ServerSideEncryptionConfiguration"],
        "grants": admin.get_bucket_acl(**bucket)["Grants"],
        "object's grants": admin.get_object_acl(**at)["Grants"],
        "object's tags": admin.get_object_tagging(**at)["TagSet"],
    }
