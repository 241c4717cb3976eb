"""The trail records what alarms look for, and every alarm of the template can fire.

Records are written as CloudTrail documents them, cut down to what a pattern can look at. That
CloudWatch delivers is not shown here.
"""

from typing import Any

import pytest
from parsed_template import ACCOUNT, REGION, RESOURCES, Stack, nodes, of_type, pattern_matches

STACK = Stack()
ALARMS = list(of_type("AWS::CloudWatch::Alarm"))
FILTERS = list(of_type("AWS::Logs::MetricFilter"))
WORKER = STACK.arn("IngestWorkerRole")
RAW = STACK.resources["RawBucket"]["BucketName"]

every_alarm = pytest.mark.parametrize("name", ALARMS)
every_filter = pytest.mark.parametrize("name", FILTERS)


def _session(role: str) -> dict[str, Any]:
    return {"type": "AssumedRole", "sessionContext": {"sessionIssuer": {"arn": role}}}


def _record(service: str, event: str, **rest: Any) -> dict[str, Any]:
    return {
        "eventSource": f"{service}.amazonaws.com",
        "eventName": event,
        "userIdentity": _session(f"arn:aws:iam::{ACCOUNT}:role/admin"),
        **rest,
    }


def _about(bucket: str) -> dict[str, Any]:
    return {"requestParameters": {"bucketName": bucket}}


def _alarms_of(record: dict[str, Any]) -> set[str]:
    return {
        name.removesuffix("Filter")
        for name in FILTERS
        if pattern_matches(STACK.resources[name]["FilterPattern"], record)
    }


def test_trail_records_management_events_and_every_read_and_write_of_the_sensitive_buckets() -> (
    None
):
    """No `readOnly` selector, so both; KMS is not excluded from management events."""
    management, objects = STACK.resources["Trail"]["AdvancedEventSelectors"]
    assert management["FieldSelectors"] == [{"Field": "eventCategory", "Equals": ["Management"]}]
    fields = {one["Field"]: one for one in objects["FieldSelectors"]}
    assert fields.keys() == {"eventCategory", "resources.type", "resources.ARN"}
    assert fields["eventCategory"]["Equals"] == ["Data"]
    assert fields["resources.type"]["Equals"] == ["AWS::S3::Object"]
    vaults = [name for name in of_type("AWS::S3::Bucket") if "Vault" in name]
    recorded = ["RawBucket", "TrainingBucket", "ArchiveBucket", "AuditBucket", *vaults]
    assert len(vaults) == 4
    assert sorted(fields["resources.ARN"]["StartsWith"]) == sorted(
        f"{STACK.arn(name)}/" for name in recorded
    )


def test_trail_is_on_encrypted_validated_and_in_every_region() -> None:
    """IAM's events are recorded in one region, whichever is deployed to."""
    trail = STACK.resources["Trail"]
    assert trail["IsLogging"] is True
    assert trail["EnableLogFileValidation"] is True
    assert trail["IsMultiRegionTrail"] is True
    assert trail["IncludeGlobalServiceEvents"] is True
    assert trail["KMSKeyId"] == STACK.arn("RecordsStoreKey")
    assert trail["S3BucketName"] == STACK.resources["TrailBucket"]["BucketName"]
    assert RESOURCES["Trail"]["DependsOn"] == "TrailBucketPolicy"


def test_trail_goes_to_an_encrypted_log_group_that_forgets_in_time() -> None:
    """Where filters look; CloudTrail's role may write there, and do nothing else."""
    trail, group = STACK.resources["Trail"], STACK.resources["TrailLogGroup"]
    assert trail["CloudWatchLogsLogGroupArn"] == STACK.arn("TrailLogGroup")
    assert trail["CloudWatchLogsRoleArn"] == STACK.arn("TrailToLogsRole")
    assert group["KmsKeyId"] == STACK.arn("WatchKey")
    assert group["RetentionInDays"] == 365
    (policy,) = STACK.resources["TrailToLogsRole"]["Policies"]
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert statement["Action"] == ["logs:CreateLogStream", "logs:PutLogEvents"]
    streams = f"log-stream:{ACCOUNT}_CloudTrail_{REGION}*"
    assert statement["Resource"] == STACK.arn("TrailLogGroup").removesuffix("*") + streams


def test_trail_has_the_name_that_policies_know_it_by() -> None:
    """Bucket and key let in a trail of this name."""
    assert STACK.resources["Trail"]["TrailName"] == "unvoiced"
    assert "trail/unvoiced'" in str(STACK.resources["TrailBucketPolicy"])


@every_alarm
def test_every_alarm_goes_to_the_topic_and_takes_silence_for_quiet(name: str) -> None:
    """An alarm without an action tells nobody."""
    alarm = STACK.resources[name]
    assert alarm["AlarmActions"] == [STACK.arn("AlarmTopic")]
    assert alarm.get("ActionsEnabled", True) is True
    assert alarm["TreatMissingData"] == "notBreaching"
    assert (alarm["Statistic"], alarm["Period"], alarm["EvaluationPeriods"]) == ("Sum", 300, 1)
    assert alarm["ComparisonOperator"] == "GreaterThanThreshold"
    assert alarm["AlarmDescription"]


def _is_published(metric: dict[str, Any]) -> bool:
    """Whether something in the template makes a metric of this name and dimensions."""
    dimensions = {one["Name"]: one["Value"] for one in metric.get("Dimensions", ())}
    if metric["Namespace"] == "AWS/S3":
        counted = {
            (one["BucketName"], filter_["Id"])
            for one in STACK.resources.values()
            for filter_ in one.get("MetricsConfigurations", ())
        }
        return (dimensions.pop("BucketName"), dimensions.pop("FilterId")) in counted and (
            metric["MetricName"] == "GetRequests" and not dimensions
        )
    made = {
        (one["MetricNamespace"], one["MetricName"])
        for name in FILTERS
        for one in STACK.resources[name]["MetricTransformations"]
    }
    return not dimensions and (metric["Namespace"], metric["MetricName"]) in made


@every_alarm
def test_every_alarm_is_on_a_metric_that_is_published(name: str) -> None:
    """Namespace, name and dimensions are those of a bucket's filter, or of a metric filter here."""
    assert _is_published(STACK.resources[name])


@pytest.mark.parametrize("place", ["Raw", "Training"])
def test_bulk_access_is_counted_in_requests_of_the_bucket(place: str) -> None:
    """`GetRequests`, with the threshold that was asked for at deployment."""
    stack = Stack(**{f"{place}GetsPerFiveMinutes": "77"})
    alarm = stack.resources[f"Many{place}Reads"]
    assert (alarm["Namespace"], alarm["MetricName"]) == ("AWS/S3", "GetRequests")
    assert alarm["Threshold"] == "77"
    assert {one["Name"]: one["Value"] for one in alarm["Dimensions"]} == {
        "BucketName": stack.resources[f"{place}Bucket"]["BucketName"],
        "FilterId": "EntireBucket",
    }


def test_no_alarm_is_on_the_number_of_objects() -> None:
    """Published once a day, it does not move when somebody reads."""
    assert "NumberOfObjects" not in {node for node in nodes(RESOURCES) if isinstance(node, str)}


@every_filter
def test_every_filter_feeds_one_alarm_above_nothing(name: str) -> None:
    """One record suffices, and without one the metric is zero."""
    resource = STACK.resources[name]
    assert resource["LogGroupName"] == STACK.resources["TrailLogGroup"]["LogGroupName"]
    (made,) = resource["MetricTransformations"]
    assert (made["MetricValue"], made["DefaultValue"]) == ("1", 0)
    alarm = STACK.resources[name.replace("Filter", "Alarm")]
    assert (alarm["MetricName"], alarm["Namespace"]) == (
        made["MetricName"],
        made["MetricNamespace"],
    )
    assert alarm["Threshold"] == 0


@every_filter
def test_every_pattern_is_as_long_as_cloudwatch_takes(name: str) -> None:
    """1,024 characters, with the longest prefix there can be."""
    pattern = Stack(NamePrefix="a" * 16).resources[name]["FilterPattern"]
    assert len(pattern) <= 1024


@pytest.mark.parametrize(
    "who",
    [
        pytest.param(_session(f"arn:aws:iam::{ACCOUNT}:role/admin"), id="another role"),
        pytest.param(_session(STACK.arn("ArchivistRole")), id="another role of the table"),
        pytest.param({"type": "IAMUser", "userName": "somebody"}, id="a user"),
        pytest.param({"type": "Root"}, id="root"),
        pytest.param({"type": "AWSAccount", "accountId": "444455556666"}, id="another account"),
    ],
)
def test_a_recording_read_by_another_than_the_worker_raises_an_alarm(who: dict[str, Any]) -> None:
    """Refused or not: the record is there either way."""
    record = _record("s3", "GetObject", userIdentity=who, **_about(RAW))
    assert _alarms_of(record) == {"RawReadByAnother"}
    assert _alarms_of({**record, "errorCode": "AccessDenied"}) == {"RawReadByAnother"}


def test_the_worker_reading_recordings_raises_none() -> None:
    """Nor does anybody who reads features, or puts recordings."""
    assert (
        _alarms_of(_record("s3", "GetObject", userIdentity=_session(WORKER), **_about(RAW)))
        == set()
    )
    training = STACK.resources["TrainingBucket"]["BucketName"]
    assert _alarms_of(_record("s3", "GetObject", **_about(training))) == set()
    assert _alarms_of(_record("s3", "PutObject", **_about(RAW))) == set()


@pytest.mark.parametrize(
    "code", ["AccessDenied", "AccessDeniedException", "InvalidCiphertextException"]
)
def test_a_refused_unwrap_raises_an_alarm(code: str) -> None:
    """No leave, or a secret under another name than it was wrapped for."""
    assert _alarms_of(_record("kms", "Decrypt", errorCode=code)) == {"UnwrapRefused"}
    assert _alarms_of(_record("kms", "Decrypt")) == set()


@pytest.mark.parametrize(
    ("service", "event", "rest", "alarm"),
    [
        ("s3", "PutBucketPolicy", _about(RAW), "BucketChanged"),
        ("s3", "DeleteBucketPolicy", _about(RAW), "BucketChanged"),
        ("s3", "PutBucketPublicAccessBlock", _about(RAW), "BucketChanged"),
        ("s3", "DeleteBucketPublicAccessBlock", _about(RAW), "BucketChanged"),
        ("s3", "PutBucketVersioning", _about(RAW), "BucketChanged"),
        ("s3", "PutBucketReplication", _about(RAW), "BucketChanged"),
        ("s3", "DeleteBucketMetricsConfiguration", _about(RAW), "BucketChanged"),
        ("s3", "PutAccountPublicAccessBlock", {"requestParameters": {}}, "BucketChanged"),
        ("kms", "PutKeyPolicy", {}, "KeyChanged"),
        ("kms", "DisableKey", {}, "KeyChanged"),
        ("kms", "ScheduleKeyDeletion", {}, "KeyChanged"),
        ("kms", "DisableKeyRotation", {}, "KeyChanged"),
        ("kms", "CreateGrant", {}, "KeyChanged"),
        ("cloudtrail", "StopLogging", {}, "WatchChanged"),
        ("cloudtrail", "DeleteTrail", {}, "WatchChanged"),
        ("cloudtrail", "PutEventSelectors", {}, "WatchChanged"),
        ("logs", "DeleteMetricFilter", {}, "WatchChanged"),
        ("monitoring", "DeleteAlarms", {}, "WatchChanged"),
    ],
)
def test_whoever_changes_a_protection_is_seen(
    service: str, event: str, rest: dict[str, Any], alarm: str
) -> None:
    """Each of the ways out of what this template sets up."""
    assert _alarms_of(_record(service, event, **rest)) == {alarm}


@pytest.mark.parametrize(
    "event",
    [
        *("PutRolePolicy", "AttachRolePolicy", "DeleteRolePolicy"),
        *("UpdateAssumeRolePolicy", "DeleteRolePermissionsBoundary"),
    ],
)
def test_whoever_changes_a_role_of_the_stack_is_seen(event: str) -> None:
    """Of this stack's roles, by the name that CloudFormation gives them, and of no other."""
    ours = WORKER.rpartition("/")[2]
    assert _alarms_of(_record("iam", event, requestParameters={"roleName": ours})) == {
        "RoleChanged"
    }
    assert _alarms_of(_record("iam", event, requestParameters={"roleName": "theirs"})) == set()


def test_changes_of_other_buckets_and_plain_reads_of_settings_raise_none() -> None:
    """An alarm that always rings is none."""
    assert _alarms_of(_record("s3", "PutBucketPolicy", **_about("another"))) == set()
    assert _alarms_of(_record("s3", "GetBucketPolicy", **_about(RAW))) == set()
    assert _alarms_of(_record("kms", "DescribeKey")) == set()
    assert _alarms_of(_record("cloudtrail", "GetTrailStatus")) == set()


def test_topic_is_encrypted_and_takes_messages_of_this_accounts_alarms_and_the_watcher() -> None:
    """Under the key that they may use, and over TLS."""
    topic = STACK.arn("AlarmTopic")
    assert STACK.resources["AlarmTopic"]["KmsMasterKeyId"] == STACK.arn("WatchKey")
    policy = STACK.resources["AlarmTopicPolicy"]
    assert policy["Topics"] == [topic]
    allow, alerts, deny = policy["PolicyDocument"]["Statement"]
    assert alerts["Principal"] == {"AWS": STACK.arn("WatcherRole")}
    assert (alerts["Action"], alerts["Resource"]) == ("sns:Publish", topic)
    assert allow["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert (allow["Action"], allow["Resource"]) == ("sns:Publish", topic)
    assert allow["Condition"] == {
        "ArnLike": {"aws:SourceArn": f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:*"},
        "StringEquals": {"aws:SourceAccount": ACCOUNT},
    }
    assert deny["Effect"] == "Deny"
    assert deny["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_mail_is_subscribed_when_an_address_is_given() -> None:
    """And otherwise it is somebody's to subscribe what they like."""
    mail = Stack(AlarmEmail="alarms@example.org").resources["AlarmMail"]
    assert (mail["Protocol"], mail["Endpoint"]) == ("email", "alarms@example.org")
    assert mail["TopicArn"] == STACK.arn("AlarmTopic")
    assert "AlarmMail" not in STACK.resources
