"""Alarms on bulk reads: that there is one, that it can fire, and that somebody hears it."""

from collections.abc import Iterator

from unvoiced.access.roles import Place
from unvoiced.posture import commands
from unvoiced.posture.checks.trails import NOT_AMAZONS, records
from unvoiced.posture.commands import aws
from unvoiced.posture.facts import Alarm, Bucket, NotKnown, Subscription, known
from unvoiced.posture.finding import Problem, Seen, Severity, check
from unvoiced.posture.statements import covers
from unvoiced.posture.subjects import BucketsWith

_WATCHED = (Place.RAW, Place.TRAINING)  # an archive in cold storage is not read in bulk unseen
_S3_METRICS = "AWS/S3"
_READS = "GetRequests"
_OBJECTS = "NumberOfObjects"


@check(
    "bulk-read-alarm-missing",
    Severity.HIGH,
    of=BucketsWith(*_WATCHED),
    why="Somebody who copies the whole store is noticed by nobody.",
)
def alarm_missing(bucket: Bucket, seen: Seen) -> Iterator[Problem]:
    """Some alarm is about reads of the bucket, whether it can fire or not."""
    if not bucket.amazon:
        raise NotKnown(NOT_AMAZONS)
    if not _meant_for(bucket, seen) and not _on_data_events(bucket, seen):
        yield Problem("no alarm watches how much is read from it", _put_alarm(bucket))


@check(
    "bulk-read-alarm-cannot-fire",
    Severity.HIGH,
    of=BucketsWith(*_WATCHED),
    why="An alarm on a metric that never comes, or comes once a day, is worse than none: it is "
    "relied on.",
)
def alarm_cannot_fire(bucket: Bucket, seen: Seen) -> Iterator[Problem]:
    """Alarms that are meant for the bucket watch a metric that it sends."""
    if not bucket.amazon:
        raise NotKnown(NOT_AMAZONS)
    reasons = [(alarm, _cannot_fire(alarm, bucket)) for alarm in _meant_for(bucket, seen)]
    one_fires = any(not reason for _, reason in reasons)
    for alarm, reason in reasons:
        # Beside one that fires, how many objects there are may be of interest.
        if reason and not (one_fires and alarm.metric == _OBJECTS):
            yield Problem(f"alarm {alarm.name} {reason}", _mend(alarm, bucket))


@check(
    "bulk-read-alarm-unheard",
    Severity.HIGH,
    of=BucketsWith(*_WATCHED),
    why="The alarm goes off, and nobody is told.",
)
def alarm_unheard(bucket: Bucket, seen: Seen) -> Iterator[Problem]:
    """Some alarm about the bucket's reads tells somebody who confirmed that they listen."""
    if not bucket.amazon:
        raise NotKnown(NOT_AMAZONS)
    about = [*_meant_for(bucket, seen), *_on_data_events(bucket, seen)]
    reasons = {alarm.name: _unheard(alarm, seen) for alarm in about}
    if reasons and all(reasons.values()):
        for alarm in about:
            what, fix = reasons[alarm.name] or ("", "")
            yield Problem(f"alarm {alarm.name} {what}", fix)


def _meant_for(bucket: Bucket, seen: Seen) -> list[Alarm]:
    """The alarms on S3's own metrics of a bucket that somebody may take for a watch on reads."""
    return [
        alarm
        for alarm in known(seen.facts.alarms)
        if alarm.namespace == _S3_METRICS
        and alarm.metric in {_READS, _OBJECTS, "AllRequests", "BytesDownloaded"}
        and alarm.dimensions.get("BucketName") == bucket.name
    ]


def _on_data_events(bucket: Bucket, seen: Seen) -> list[Alarm]:
    """The alarms on a metric made of a trail's lines about reads of the bucket."""
    groups = [
        trail.log_group.removesuffix(":*").rpartition(":")[2]
        for trail in known(seen.facts.trails)
        if trail.log_group and records(known(trail.selectors), bucket, read_only=True)
    ]
    metrics = {
        (one.namespace, one.metric)
        for one in known(seen.facts.filters)
        if one.log_group in groups
        and "GetObject" in one.pattern
        and ("bucketName" not in one.pattern or covers(f"*{bucket.name}*", one.pattern))
    }
    return [
        alarm for alarm in known(seen.facts.alarms) if (alarm.namespace, alarm.metric) in metrics
    ]


def _cannot_fire(alarm: Alarm, bucket: Bucket) -> str:
    if alarm.metric == _OBJECTS:
        return "watches NumberOfObjects, which says once a day how many objects there are"
    filter_id = alarm.dimensions.get("FilterId")
    if filter_id is None:
        return f"watches {alarm.metric} without a FilterId: request metrics always have one"
    if filter_id not in known(bucket.metrics):
        return f"watches request metrics {filter_id}, which the bucket does not send"
    if alarm.statistic != "Sum":
        return f"takes the {alarm.statistic} of {alarm.metric}: only the Sum says how many"
    return ""


def _unheard(alarm: Alarm, seen: Seen) -> tuple[str, str] | None:
    if not alarm.enabled:
        fix = aws("cloudwatch", "enable-alarm-actions", alarm_names=alarm.name, region=alarm.region)
        return "has its actions switched off", fix
    if not alarm.actions:
        return "has no action", aws("sns", "create-topic", name=alarm.name, region=alarm.region)
    topics = [arn for arn in alarm.actions if ":sns:" in arn]
    if len(topics) < len(alarm.actions):
        return None  # it does something else too
    listeners: list[Subscription] = []
    for arn in topics:
        listeners += known(seen.facts.topics.get(arn, ()))
    if any(one.confirmed for one in listeners):
        return None
    waiting = next(iter(listeners), None)
    if waiting:
        fix = aws(
            "sns", "subscribe",
            topic_arn=topics[0], protocol=waiting.protocol,
            notification_endpoint=waiting.endpoint, region=alarm.region,
        )  # fmt: skip
        return f"tells {topics[0]}, whose only subscribers have not confirmed", fix
    fix = aws("sns", "subscribe", topic_arn=topics[0], protocol="email", region=alarm.region)
    asks = '--notification-endpoint "${ALERT_EMAIL:?who is to be told}"'
    return f"tells {topics[0]}, to which nobody subscribes", f"{fix} {asks}"


def _put_alarm(bucket: Bucket) -> str:
    metrics = commands.s3(
        "put-bucket-metrics-configuration",
        bucket,
        id="unvoiced",
        metrics_configuration={"Id": "unvoiced"},
    )
    return f"{metrics} && {_alarm(f'unvoiced-reads-{bucket.name}', bucket, 'unvoiced', ())}"


def _mend(alarm: Alarm, bucket: Bucket) -> str:
    filter_id = alarm.dimensions.get("FilterId", "unvoiced")
    put = _alarm(alarm.name, bucket, filter_id, alarm.actions)
    metrics = commands.s3(
        "put-bucket-metrics-configuration",
        bucket,
        id=filter_id,
        metrics_configuration={"Id": filter_id},
    )
    return f"{metrics} && {put}"


def _alarm(name: str, bucket: Bucket, filter_id: str, actions: tuple[str, ...]) -> str:
    put = aws(
        "cloudwatch", "put-metric-alarm",
        alarm_name=name,
        namespace=_S3_METRICS,
        metric_name=_READS,
        dimensions=[
            {"Name": "BucketName", "Value": bucket.name},
            {"Name": "FilterId", "Value": filter_id},
        ],
        statistic="Sum",
        period="300",
        evaluation_periods="1",
        threshold="1000",
        comparison_operator="GreaterThanThreshold",
        treat_missing_data="notBreaching",
        region=bucket.region,
    )  # fmt: skip
    if actions:
        return f"{put} --alarm-actions {' '.join(actions)}"
    return f'{put} --alarm-actions "${{ALERT_TOPIC:?the ARN of an SNS topic}}"'
