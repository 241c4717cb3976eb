"""From answers to facts. Pure: what an answer does not have is none, what is no answer is unknown.

Answers are boto3's. Their fields are documented as always there; a server that only resembles
Amazon's may leave some out, and then says that it has none.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from unvoiced.aws.account import Answer, NotAnswered
from unvoiced.posture.facts import (
    AccessKey,
    Alarm,
    Encryption,
    Grant,
    KeyState,
    Lock,
    MetricFilter,
    Subscription,
    Unknown,
    Upload,
)
from unvoiced.posture.statements import NotAPolicy, Policy

T = TypeVar("T")


def read(answer: Answer | NotAnswered, parse: Callable[[Answer], T]) -> T | Unknown:
    """The fact in an answer, or why there is none."""
    if isinstance(answer, NotAnswered):
        return Unknown(answer.why, answer.command)
    try:
        return parse(answer)
    except NotAPolicy:
        return Unknown("what was read is not a policy")
    except (KeyError, TypeError, ValueError, AttributeError):
        return Unknown("the answer is not one of this service's")


def encryption(answer: Answer) -> Encryption | None:
    """A bucket's default encryption."""
    rules = answer.get("ServerSideEncryptionConfiguration", {}).get("Rules", [])
    for rule in rules:
        default = rule.get("ApplyServerSideEncryptionByDefault")
        if default:
            return Encryption(
                default["SSEAlgorithm"],
                default.get("KMSMasterKeyID", ""),
                rule.get("BucketKeyEnabled", False),
            )
    return None


def public_access_block(answer: Answer) -> Mapping[str, bool]:
    """The four settings, those that are there."""
    return dict(answer.get("PublicAccessBlockConfiguration", {}))


def policy(answer: Answer) -> Policy:
    """A bucket's or key's policy."""
    return Policy.read(answer["Policy"]) if answer.get("Policy") else Policy.none()


def ownership(answer: Answer) -> str:
    """Who owns objects; "" where nothing says so."""
    rules = answer.get("OwnershipControls", {}).get("Rules", [])
    return str(rules[0]["ObjectOwnership"]) if rules else ""


def replicas(answer: Answer) -> tuple[str, ...]:
    """The ARNs of buckets that enabled rules copy to."""
    rules = answer.get("ReplicationConfiguration", {}).get("Rules", [])
    return tuple(rule["Destination"]["Bucket"] for rule in rules if rule["Status"] == "Enabled")


def lock(answer: Answer) -> Lock | None:
    """Object lock, where it is enabled."""
    found = answer.get("ObjectLockConfiguration", {})
    if found.get("ObjectLockEnabled") != "Enabled":
        return None
    default = found.get("Rule", {}).get("DefaultRetention", {})
    return Lock(default.get("Mode", ""), default.get("Days", 0) + 365 * default.get("Years", 0))


def metrics(answer: Answer) -> Mapping[str, bool]:
    """Request metrics by id: whether each is of the whole bucket."""
    return {one["Id"]: not one.get("Filter") for one in answer.get("MetricsConfigurationList", ())}


def uploads(answer: Answer) -> tuple[Upload, ...]:
    """Multipart uploads that are still open."""
    return tuple(
        Upload(one["Key"], one["UploadId"], one["Initiated"]) for one in answer.get("Uploads", ())
    )


def key_state(answer: Answer) -> KeyState:
    """What describes a key."""
    found = answer["KeyMetadata"]
    return KeyState(
        arn=found["Arn"],
        state=found.get("KeyState", ""),
        manager=found.get("KeyManager", ""),
        spec=found.get("KeySpec", ""),
        origin=found.get("Origin", ""),
    )


def grants(answer: Answer) -> tuple[Grant, ...]:
    """A key's grants."""
    return tuple(
        Grant(
            one["GrantId"],
            one.get("GranteePrincipal", ""),
            tuple(one.get("Operations", ())),
            {name: str(value) for context in one.get("Constraints", {}).values()
             for name, value in context.items()},
        )
        for one in answer.get("Grants", ())
    )  # fmt: skip


def access_keys(answer: Answer) -> tuple[AccessKey, ...]:
    """A user's access keys."""
    return tuple(
        AccessKey(one["AccessKeyId"], one["Status"] == "Active", one["CreateDate"])
        for one in answer.get("AccessKeyMetadata", ())
    )


def alarms(answer: Answer, region: str) -> list[Alarm]:
    """Every metric that an alarm watches, also where it computes with several."""
    return [
        Alarm(
            name=one["AlarmName"],
            region=region,
            namespace=metric.get("Namespace", ""),
            metric=metric["MetricName"],
            statistic=statistic,
            dimensions={each["Name"]: each["Value"] for each in metric.get("Dimensions", ())},
            enabled=one.get("ActionsEnabled", False),
            actions=tuple(one.get("AlarmActions", ())),
        )
        for one in answer.get("MetricAlarms", ())
        for metric, statistic in _watched(one)
    ]


def _watched(alarm: Mapping[str, Any]) -> list[tuple[Mapping[str, Any], str]]:
    if alarm.get("MetricName"):
        return [(alarm, alarm.get("Statistic", ""))]
    stats = [one["MetricStat"] for one in alarm.get("Metrics", ()) if "MetricStat" in one]
    return [(one["Metric"], one.get("Stat", "")) for one in stats]


def metric_filters(answer: Answer) -> list[MetricFilter]:
    """What makes metrics out of log lines."""
    return [
        MetricFilter(
            one.get("logGroupName", ""),
            one.get("filterPattern", ""),
            made.get("metricNamespace", ""),
            made["metricName"],
        )
        for one in answer.get("metricFilters", ())
        for made in one.get("metricTransformations", ())
    ]


def subscriptions(answer: Answer) -> tuple[Subscription, ...]:
    """Who is told by a topic; who has not confirmed yet has no ARN."""
    return tuple(
        Subscription(one["Protocol"], one["Endpoint"], one["SubscriptionArn"].startswith("arn:"))
        for one in answer.get("Subscriptions", ())
    )


def event_selectors(answer: Answer) -> Mapping[str, Any]:
    """What a trail records, in CloudTrail's own words."""
    return {
        name: list(answer.get(name) or ()) for name in ("EventSelectors", "AdvancedEventSelectors")
    }
