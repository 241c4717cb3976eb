"""Whether CloudTrail records who read and wrote which object."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from unvoiced.access.roles import Place
from unvoiced.posture.commands import aws
from unvoiced.posture.facts import (
    Bucket,
    EventSelectors,
    NotKnown,
    Trail,
    Unknown,
    known,
)
from unvoiced.posture.finding import Problem, Seen, Severity, check
from unvoiced.posture.subjects import VAULTS, BucketsWith

_RECORDED = (Place.RAW, Place.TRAINING, Place.ARCHIVE, *VAULTS)
NOT_AMAZONS = Unknown("its server is not Amazon's: look into what that server records itself")


def trails(seen: Seen) -> Iterable[tuple[str, Trail | Unknown]]:
    """The trails that record what happens to any object of the deployment."""
    found = seen.facts.trails
    if isinstance(found, Unknown):
        return [("trails", found)]
    return [(trail.name, trail) for trail in found if _records_any(trail, seen)]


def _records_any(trail: Trail, seen: Seen) -> bool:
    if isinstance(trail.selectors, Unknown):
        return True
    return any(records(trail.selectors, bucket, None) for bucket in seen.facts.buckets)


@check(
    "no-data-events",
    Severity.HIGH,
    of=BucketsWith(*_RECORDED),
    why="Reads of objects are not recorded unless data events are: nobody could say afterwards who "
    "read what.",
)
def data_events(bucket: Bucket, seen: Seen) -> Iterator[Problem]:
    """A trail records reads and writes of every object in it."""
    if not bucket.amazon:
        raise NotKnown(NOT_AMAZONS)
    missing = _unrecorded(bucket, seen)
    if missing:
        what = f"no trail records {' and '.join(missing)} of its objects"
        yield Problem(what, _record_all(seen))


def _unrecorded(bucket: Bucket, seen: Seen) -> list[str]:
    found = known(seen.facts.trails)
    return [
        what
        for what, read_only in (("reads", True), ("writes", False))
        if not any(records(known(trail.selectors), bucket, read_only) for trail in found)
    ]


def _record_all(seen: Seen) -> str:
    """The command that has every bucket recorded that is not: a trail's selectors are set whole."""
    trails_ = known(seen.facts.trails)
    missing = [
        bucket for _, bucket in BucketsWith(*_RECORDED)(seen)
        if bucket.amazon and _unrecorded(bucket, seen)
    ]  # fmt: skip
    if not trails_:
        return aws(
            "cloudtrail", "create-trail",
            name="unvoiced", s3_bucket_name=f"{missing[0].name}-trail",
            is_multi_region_trail=True, enable_log_file_validation=True, region=missing[0].region,
        )  # fmt: skip
    trail, objects = trails_[0], [f"{bucket.arn}/" for bucket in missing]
    selectors = known(trail.selectors)
    if advanced := selectors.get("AdvancedEventSelectors"):
        added = {
            "Name": f"objects of {', '.join(bucket.name for bucket in missing)}"[:1000],
            "FieldSelectors": [
                {"Field": "eventCategory", "Equals": ["Data"]},
                {"Field": "resources.type", "Equals": ["AWS::S3::Object"]},
                {"Field": "resources.ARN", "StartsWith": objects},
            ],
        }
        return aws(
            "cloudtrail", "put-event-selectors",
            trail_name=trail.arn, advanced_event_selectors=[*advanced, added], region=trail.region,
        )  # fmt: skip
    basic = {
        "ReadWriteType": "All",
        "IncludeManagementEvents": True,
        "DataResources": [{"Type": "AWS::S3::Object", "Values": objects}],
    }
    return aws(
        "cloudtrail", "put-event-selectors",
        trail_name=trail.arn, event_selectors=[*selectors.get("EventSelectors", ()), basic],
        region=trail.region,
    )  # fmt: skip


def records(selectors: EventSelectors, bucket: Bucket, read_only: bool | None) -> bool:
    """Whether events of all the bucket's objects are recorded: reads, writes, or either."""
    return any(
        _basic(one, bucket, read_only) for one in selectors.get("EventSelectors", ())
    ) or any(
        _advanced(one, bucket, read_only) for one in selectors.get("AdvancedEventSelectors", ())
    )


def _basic(one: Mapping[str, Any], bucket: Bucket, read_only: bool | None) -> bool:
    kinds = {None: {"All", "ReadOnly", "WriteOnly"}, True: {"All", "ReadOnly"},
             False: {"All", "WriteOnly"}}  # fmt: skip
    if one.get("ReadWriteType", "All") not in kinds[read_only]:
        return False
    # "arn:aws:s3" stands for all buckets there are.
    whole = {f"{bucket.arn}/", "arn:aws:s3", "arn:aws:s3:::"}
    return any(
        whole & set(resource.get("Values", ()))
        for resource in one.get("DataResources", ())
        if resource.get("Type") == "AWS::S3::Object"
    )


def _advanced(one: Mapping[str, Any], bucket: Bucket, read_only: bool | None) -> bool:
    fields: dict[str, Mapping[str, list[str]]] = {
        field["Field"]: field for field in one.get("FieldSelectors", ())
    }
    if fields.keys() - {"eventCategory", "resources.type", "resources.ARN", "readOnly"}:
        return False  # it leaves out some events by name or by who caused them
    plain = (
        "Data" in fields.get("eventCategory", {}).get("Equals", ())
        and "AWS::S3::Object" in fields.get("resources.type", {}).get("Equals", ())
    )  # fmt: skip
    wanted = fields.get("readOnly", {}).get("Equals")
    asked = None if read_only is None else str(read_only).lower()
    if not plain or (wanted is not None and asked is not None and asked not in wanted):
        return False
    arn = fields.get("resources.ARN")
    return arn is None or any(
        f"{bucket.arn}/".startswith(start) for start in arn.get("StartsWith", ())
    )


@check(
    "trail-not-logging",
    Severity.HIGH,
    of=trails,
    why="A trail that was stopped looks like one in every list, and records nothing.",
)
def logging(trail: Trail, seen: Seen) -> Iterator[Problem]:
    """The trail is switched on."""
    if not known(trail.logging):
        fix = aws("cloudtrail", "start-logging", name=trail.arn, region=trail.region)
        yield Problem("it is stopped", fix)


@check(
    "trail-without-validation",
    Severity.MEDIUM,
    of=trails,
    why="Without digests nobody can tell whether a line of the trail was taken out.",
)
def validation(trail: Trail, seen: Seen) -> Iterator[Problem]:
    """The trail's files are validated by digests."""
    if not trail.validated:
        fix = aws(
            "cloudtrail", "update-trail",
            name=trail.arn, enable_log_file_validation=True, region=trail.region,
        )  # fmt: skip
        yield Problem("log file validation is off", fix)
