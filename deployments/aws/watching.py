"""What is recorded of every access, and what raises an alarm.

An alarm on the metric `NumberOfObjects`, as it is often suggested, cannot fire on bulk access: S3
publishes it once a day, and it counts objects, not reads. Requests are counted in `GetRequests`,
which S3 publishes by the minute for a bucket with a metrics configuration, under its filter's id;
and who read is in CloudTrail's data events, which are off unless a trail asks for them.
"""

from dataclasses import dataclass

from deployments.aws.buckets import COUNTED, REQUEST_METRICS
from deployments.aws.estate import (
    BUCKET_OF,
    LOG_GROUP,
    PLACES,
    TOPIC,
    TRAIL,
    WATCH_KEY,
    pascal,
    role_resource,
)
from deployments.aws.language import ACCOUNT, Node, Resource, Section, filled, policy
from unvoiced.access.roles import Place, Role

# Reads and writes of objects there are recorded, each with its principal.
RECORDED = [place for place in PLACES if place not in (Place.LOG, Place.JOURNAL)]
NAMESPACE = "Unvoiced/${NamePrefix}"
GROUP = "TrailLogGroup"
_FIVE_MINUTES = 300


def _one_of(field: str, values: tuple[str, ...]) -> str:
    return "(" + " || ".join(f'({field} = "{value}")' for value in values) + ")"


def _events(source: str, *names: str) -> str:
    return f'($.eventSource = "{source}.amazonaws.com") && ' + _one_of("$.eventName", names)


_ISSUER = "$.userIdentity.sessionContext.sessionIssuer.arn"


@dataclass(frozen=True)
class Sight:
    """Records of CloudTrail that raise an alarm, one alone; `pattern` is a text for Fn::Sub."""

    subject: str
    meaning: str
    pattern: str


SIGHTS = (
    Sight(
        "raw read by another",
        "Somebody other than the ingest worker read a recording, or tried to.",
        f"{_events('s3', 'GetObject')} && ($.requestParameters.bucketName = "
        f'"${{{BUCKET_OF[Place.RAW].logical}}}") && (({_ISSUER} NOT EXISTS) || '
        f'({_ISSUER} != "${{{role_resource(Role.WORKER)}.Arn}}"))',
    ),
    Sight(
        "unwrap refused",
        "Somebody tried to use a key and was refused. KMS does not say which: any in the account.",
        f"{_events('kms', 'Decrypt')} && "
        + _one_of("$.errorCode", ("AccessDenied*", "InvalidCiphertext*", "Disabled*")),
    ),
    Sight(
        "bucket changed",
        "Somebody changed a bucket's settings: its policy, public access, versions, lifecycle.",
        f"{_events('s3', 'PutBucket*', 'DeleteBucket*', 'PutAccount*', 'DeleteAccount*')} && "
        '(($.requestParameters.bucketName = "${NamePrefix}-*") || '
        "($.requestParameters.bucketName NOT EXISTS))",
    ),
    Sight(
        "key changed",
        "Somebody changed who may use a key, disabled one or scheduled its deletion.",
        _events(
            "kms",
            *("PutKeyPolicy", "CreateGrant", "DisableKey", "DisableKeyRotation"),
            "ScheduleKeyDeletion",
        ),
    ),
    Sight(
        "role changed",
        "Somebody changed what a role may do, or who may assume it.",
        f"{_events('iam', '*RolePolicy', '*RolePermissionsBoundary', 'UpdateAssumeRole*')} && "
        '($.requestParameters.roleName = "${AWS::StackName}-*")',
    ),
    Sight(
        "watch changed",
        "Somebody stopped the trail, or changed what it records or what raises an alarm.",
        f"({_events('cloudtrail', 'StopLogging', 'DeleteTrail', 'UpdateTrail', 'PutEventSel*')}) "
        f"|| ({_events('logs', 'PutMetricFilter', 'DeleteMetricFilter', 'DeleteLogGroup')}) "
        f"|| ({_events('monitoring', 'PutMetricAlarm', 'DeleteAlarms', 'DisableAlarmActions')})",
    ),
)


def _trail() -> Resource:
    objects = [filled(f"${{{BUCKET_OF[place].logical}.Arn}}/") for place in RECORDED]
    return Resource(
        "AWS::CloudTrail::Trail",
        "Management events of every region, and reads and writes of what stands in the buckets.",
        {
            "TrailName": {"Ref": "NamePrefix"},
            "IsLogging": True,
            "IsMultiRegionTrail": True,
            "IncludeGlobalServiceEvents": True,
            "EnableLogFileValidation": True,
            "KMSKeyId": filled(f"${{{TRAIL.key}.Arn}}"),
            "S3BucketName": {"Ref": TRAIL.logical},
            "CloudWatchLogsLogGroupArn": filled(f"${{{GROUP}.Arn}}"),
            "CloudWatchLogsRoleArn": filled("${TrailToLogsRole.Arn}"),
            "AdvancedEventSelectors": [
                {
                    "Name": "Management events, KMS among them",
                    "FieldSelectors": [{"Field": "eventCategory", "Equals": ["Management"]}],
                },
                {
                    "Name": "Objects, read and written",
                    "FieldSelectors": [
                        {"Field": "eventCategory", "Equals": ["Data"]},
                        {"Field": "resources.type", "Equals": ["AWS::S3::Object"]},
                        {"Field": "resources.ARN", "StartsWith": objects},
                    ],
                },
            ],
        },
        depends_on=f"{TRAIL.logical}Policy",
    )


def _log_group() -> Resource:
    return Resource(
        "AWS::Logs::LogGroup",
        "The trail again, where metric filters can see it within minutes.",
        {
            "LogGroupName": filled(LOG_GROUP),
            "RetentionInDays": {"Ref": "TrailDays"},
            "KmsKeyId": filled(f"${{{WATCH_KEY}.Arn}}"),
        },
        retained=True,
    )


def _trail_to_logs() -> Resource:
    stream = "${AWS::AccountId}_CloudTrail_${AWS::Region}*"
    streams = filled(
        "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:"
        f"{LOG_GROUP}:log-stream:{stream}"
    )
    write: Node = {
        "Effect": "Allow",
        "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
        "Resource": streams,
    }
    trust: Node = {
        "Effect": "Allow",
        "Principal": {"Service": "cloudtrail.amazonaws.com"},
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"aws:SourceAccount": ACCOUNT}},
    }
    return Resource(
        "AWS::IAM::Role",
        "CloudTrail's own, to write into that log group.",
        {
            "AssumeRolePolicyDocument": policy([trust]),
            "Policies": [{"PolicyName": "write-records", "PolicyDocument": policy([write])}],
        },
    )


def _alarm(why: str, subject: str, metric: dict[str, Node], threshold: Node) -> Resource:
    return Resource(
        "AWS::CloudWatch::Alarm",
        why,
        {
            "AlarmName": filled("${NamePrefix}-" + subject.replace(" ", "-")),
            "AlarmDescription": why,
            **metric,
            "Statistic": "Sum",
            "Period": _FIVE_MINUTES,
            "EvaluationPeriods": 1,
            "ComparisonOperator": "GreaterThanThreshold",
            "Threshold": threshold,
            "TreatMissingData": "notBreaching",  # nothing happened, and so nothing was published
            "AlarmActions": [{"Ref": TOPIC}],
        },
    )


def _many_reads(place: Place) -> Resource:
    metric: dict[str, Node] = {
        "Namespace": "AWS/S3",
        "MetricName": "GetRequests",
        "Dimensions": [
            {"Name": "BucketName", "Value": {"Ref": BUCKET_OF[place].logical}},
            {"Name": "FilterId", "Value": REQUEST_METRICS},
        ],
    }
    threshold: Node = {"Ref": f"{pascal(place)}GetsPerFiveMinutes"}
    return _alarm(f"Many GETs in the {place} bucket.", f"many {place} reads", metric, threshold)


def _filter(sight: Sight) -> Resource:
    return Resource(
        "AWS::Logs::MetricFilter",
        "",
        {
            "LogGroupName": {"Ref": GROUP},
            "FilterPattern": filled(f"{{ {sight.pattern} }}"),
            "MetricTransformations": [
                {
                    "MetricNamespace": filled(NAMESPACE),
                    "MetricName": pascal(sight.subject),
                    "MetricValue": "1",
                    "DefaultValue": 0,
                }
            ],
        },
    )


def _seen(sight: Sight) -> Resource:
    metric: dict[str, Node] = {"Namespace": filled(NAMESPACE), "MetricName": pascal(sight.subject)}
    return _alarm(sight.meaning, sight.subject, metric, 0)


def _topic() -> dict[str, Resource]:
    alarms = filled("arn:${AWS::Partition}:cloudwatch:${AWS::Region}:${AWS::AccountId}:alarm:*")
    publish: Node = {
        "Sid": "AlarmsOfThisAccount",
        "Effect": "Allow",
        "Principal": {"Service": "cloudwatch.amazonaws.com"},
        "Action": "sns:Publish",
        "Resource": {"Ref": TOPIC},
        "Condition": {
            "ArnLike": {"aws:SourceArn": alarms},
            "StringEquals": {"aws:SourceAccount": ACCOUNT},
        },
    }
    alert: Node = {
        "Sid": "AlertsOfTheWatch",
        "Effect": "Allow",
        "Principal": {"AWS": filled(f"${{{role_resource(Role.WATCHER)}.Arn}}")},
        "Action": "sns:Publish",
        "Resource": {"Ref": TOPIC},
    }
    tls: Node = {
        "Sid": "WithoutTls",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "sns:Publish",
        "Resource": {"Ref": TOPIC},
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    return {
        TOPIC: Resource(
            "AWS::SNS::Topic",
            "Where every alarm goes.",
            {
                "TopicName": filled("${NamePrefix}-alarms"),
                "KmsMasterKeyId": filled(f"${{{WATCH_KEY}.Arn}}"),
            },
        ),
        f"{TOPIC}Policy": Resource(
            "AWS::SNS::TopicPolicy",
            "",
            {"Topics": [{"Ref": TOPIC}], "PolicyDocument": policy([publish, alert, tls])},
        ),
        "AlarmMail": Resource(
            "AWS::SNS::Subscription",
            "",
            {"TopicArn": {"Ref": TOPIC}, "Protocol": "email", "Endpoint": {"Ref": "AlarmEmail"}},
            condition="SomebodyGetsMail",
        ),
    }


SECTIONS = (
    Section(
        "The trail: who did what",
        {"Trail": _trail(), GROUP: _log_group(), "TrailToLogsRole": _trail_to_logs()},
        __doc__,
    ),
    Section("Where alarms go", _topic()),
    Section(
        "Alarms on numbers of requests",
        {f"Many{pascal(place)}Reads": _many_reads(place) for place in COUNTED},
    ),
    Section(
        "Alarms on single records of the trail",
        {
            name: resource
            for sight in SIGHTS
            for name, resource in (
                (f"{pascal(sight.subject)}Filter", _filter(sight)),
                (f"{pascal(sight.subject)}Alarm", _seen(sight)),
            )
        },
    ),
)
