"""One mistake at a time, made in an account by the API."""

import json
from collections.abc import Callable
from typing import Any

from tests.posture.environment import Environment
from tests.servers.ministack import ACCOUNT, REGION
from unvoiced.access.roles import Place, Role

Seed = Callable[[Environment], None]
RAW, TRAINING, LOG = Place.RAW, Place.TRAINING, Place.LOG
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:unvoiced-alarms"
FOREIGN = "arn:aws:iam::999988887777:root"


def s3(call: str, place: Place, **parameters: Any) -> Seed:
    """A call about a place's bucket."""
    return lambda account: getattr(account.client("s3"), call)(
        Bucket=account.bucket(place), **parameters
    )


def encrypted(place: Place, algorithm: str, key: str = "", *, bucket_key: bool = True) -> Seed:
    """Another default encryption; "same" stands for the bucket's own key."""

    def seed(account: Environment) -> None:
        own = account.resources[f"{place.value.capitalize()}Bucket"]["BucketEncryption"]
        (rule,) = own["ServerSideEncryptionConfiguration"]
        default = {"SSEAlgorithm": algorithm}
        if key:
            named = rule["ServerSideEncryptionByDefault"]["KMSMasterKeyID"]
            default["KMSMasterKeyID"] = named if key == "same" else key
        rules = [{"ApplyServerSideEncryptionByDefault": default, "BucketKeyEnabled": bucket_key}]
        s3("put_bucket_encryption", place,
           ServerSideEncryptionConfiguration={"Rules": rules})(account)  # fmt: skip

    return seed


def policy(place: Place, change: Callable[[list[dict[str, Any]], str], Any]) -> Seed:
    """Another bucket policy, made of its statements; `change` gets them and the bucket's name."""

    def seed(account: Environment) -> None:
        client, bucket = account.client("s3"), account.bucket(place)
        document = json.loads(client.get_bucket_policy(Bucket=bucket)["Policy"])
        document["Statement"] = change(document["Statement"], bucket)
        client.put_bucket_policy(Bucket=bucket, Policy=json.dumps(document))

    return seed


def without(*sids: str) -> Callable[[list[dict[str, Any]], str], Any]:
    """The statements less some."""
    return lambda statements, _: [one for one in statements if one.get("Sid") not in sids]


def allowing(who: Any, action: str, **condition: Any) -> Callable[[list[dict[str, Any]], str], Any]:
    """The statements, and one that allows something with every object."""

    def change(statements: list[dict[str, Any]], bucket: str) -> list[dict[str, Any]]:
        one = {"Effect": "Allow", "Principal": who, "Action": action}
        where = {"Resource": f"arn:aws:s3:::{bucket}/*", "Condition": condition}
        return [*statements, {**one, **{name: value for name, value in where.items() if value}}]

    return change


def lifecycle(place: Place, change: Callable[[list[dict[str, Any]]], Any]) -> Seed:
    """Other lifecycle rules."""

    def seed(account: Environment) -> None:
        client, bucket = account.client("s3"), account.bucket(place)
        rules = client.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
        client.put_bucket_lifecycle_configuration(
            Bucket=bucket, LifecycleConfiguration={"Rules": change(rules)}
        )

    return seed


def less(action: str) -> Callable[[list[dict[str, Any]]], Any]:
    """The rules less those that do this."""
    return lambda rules: [rule for rule in rules if action not in rule]


def never_expiring(rules: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rules less those that expire objects after some days."""
    return [rule for rule in rules if "Days" not in rule.get("Expiration", {})]


def expiring(days: int, prefix: str = "") -> Callable[[list[dict[str, Any]]], Any]:
    """The rules and one more that expires."""
    rule = {"ID": "tidy", "Status": "Enabled", "Filter": {"Prefix": prefix},
            "Expiration": {"Days": days}}  # fmt: skip
    return lambda rules: [*rules, rule]


def replicated(account: Environment) -> None:
    """Raw is copied to another bucket."""
    client = account.client("s3")
    client.create_bucket(Bucket="copies-elsewhere")
    client.put_bucket_versioning(
        Bucket="copies-elsewhere", VersioningConfiguration={"Status": "Enabled"}
    )
    rule = {"ID": "copy", "Status": "Enabled", "Priority": 1, "Filter": {},
            "DeleteMarkerReplication": {"Status": "Disabled"},
            "Destination": {"Bucket": "arn:aws:s3:::copies-elsewhere"}}  # fmt: skip
    client.put_bucket_replication(
        Bucket=account.bucket(RAW),
        ReplicationConfiguration={"Role": account.role_arn(Role.WORKER), "Rules": [rule]},
    )


def kms(call: str, place: Place, **parameters: Any) -> Seed:
    """A call about the key of a vault."""
    return lambda account: getattr(account.client("kms"), call)(
        KeyId=account.key(place), **parameters
    )


def key_policy(place: Place, statement: dict[str, Any]) -> Seed:
    """A key's policy with one statement more."""

    def seed(account: Environment) -> None:
        client, key = account.client("kms"), account.key(place)
        text = client.get_key_policy(KeyId=key, PolicyName="default")["Policy"]
        document = json.loads(text)
        document["Statement"].append(statement)
        client.put_key_policy(KeyId=key, PolicyName="default", Policy=json.dumps(document))

    return seed


def granted(account: Environment) -> None:
    """A grant on the dataset vault's key, to the worker."""
    account.client("kms").create_grant(
        KeyId=account.key(Place.DATASET_KEY),
        GranteePrincipal=account.role_arn(Role.WORKER),
        Operations=["Decrypt"],
    )


def fernet(account: Environment) -> None:
    """A Fernet key in the worker's vault."""
    account.client("s3").put_object(
        Bucket=account.bucket(Place.WORKER_VAULT), Key="fernet/key-1.key", Body=b"wrapped"
    )


def user(account: Environment) -> None:
    """Somebody with an access key."""
    iam = account.client("iam")
    iam.create_user(UserName="operator")
    iam.create_access_key(UserName="operator")


def inline(role: Role, action: str, resource: str) -> Seed:
    """One more policy of a role."""
    statement = {"Effect": "Allow", "Action": action, "Resource": resource}
    document = {"Version": "2012-10-17", "Statement": [statement]}
    return lambda account: account.client("iam").put_role_policy(
        RoleName=account.role(role), PolicyName="more", PolicyDocument=json.dumps(document)
    )


def attached(account: Environment) -> None:
    """One of Amazon's own policies on the auditor's role."""
    account.client("iam").attach_role_policy(
        RoleName=account.role(Role.AUDITOR), PolicyArn="arn:aws:iam::aws:policy/AmazonS3FullAccess"
    )


def trusted(role: Role, who: Any) -> Seed:
    """Another trust policy."""
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": who}
    document = {"Version": "2012-10-17", "Statement": [statement]}
    return lambda account: account.client("iam").update_assume_role_policy(
        RoleName=account.role(role), PolicyDocument=json.dumps(document)
    )


def long_session(account: Environment) -> None:
    """Uploads for half a day."""
    account.client("iam").update_role(
        RoleName=account.role(Role.UPLOADER), MaxSessionDuration=43200
    )


def trail(call: str, **parameters: Any) -> Seed:
    """A call about the trail."""
    return lambda account: getattr(account.client("cloudtrail"), call)(**parameters)


def without_data_events(*places: Place) -> Seed:
    """The trail leaves some buckets out."""

    def seed(account: Environment) -> None:
        client = account.client("cloudtrail")
        found = client.get_event_selectors(TrailName="unvoiced")["AdvancedEventSelectors"]
        out = {f"arn:aws:s3:::{account.bucket(place)}/" for place in places}
        for selector in found:
            for field in selector["FieldSelectors"]:
                if field["Field"] == "resources.ARN":
                    field["StartsWith"] = [v for v in field["StartsWith"] if v not in out]
        found = [
            one for one in found
            if all(field.get("StartsWith", ["any"]) for field in one["FieldSelectors"])
        ]  # fmt: skip
        client.put_event_selectors(TrailName="unvoiced", AdvancedEventSelectors=found)

    return seed


def alarm(**changes: Any) -> Seed:
    """Another alarm in place of the one on the training bucket's reads; None leaves out."""

    def seed(account: Environment) -> None:
        given = {**account.resources["ManyTrainingReads"], **changes}
        kept = {name: value for name, value in given.items() if value is not None}
        account.client("cloudwatch").put_metric_alarm(**kept)

    return seed


def no_alarm(account: Environment) -> None:
    """Nobody watches the training bucket."""
    name = account.resources["ManyTrainingReads"]["AlarmName"]
    account.client("cloudwatch").delete_alarms(AlarmNames=[name])


def silenced(account: Environment) -> None:
    """The alarm's actions are switched off."""
    name = account.resources["ManyTrainingReads"]["AlarmName"]
    account.client("cloudwatch").disable_alarm_actions(AlarmNames=[name])


def without_filter_id(account: Environment) -> None:
    """The alarm names the bucket only."""
    alarm(Dimensions=[{"Name": "BucketName", "Value": account.bucket(TRAINING)}])(account)


def nobody_listens(account: Environment) -> None:
    """The topic loses its subscriber."""
    sns = account.client("sns")
    for one in sns.list_subscriptions_by_topic(TopicArn=TOPIC)["Subscriptions"]:
        sns.unsubscribe(SubscriptionArn=one["SubscriptionArn"])


BLOCKS = dict.fromkeys(
    ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True
)
SUSPENDED = {"VersioningConfiguration": {"Status": "Suspended"}}
DEFAULT_LOCK = {
    "ObjectLockEnabled": "Enabled",
    "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 30}},
}
USE = {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": "*"}

# The mistake, the name it must be found under, and how it is made.
SEEDS: dict[str, tuple[str, Seed]] = {
    "S3's own key": ("no-customer-key-encryption", encrypted(RAW, "AES256", bucket_key=False)),
    "Amazon's key": ("no-customer-key-encryption", encrypted(RAW, "aws:kms")),
    "no bucket key": ("no-bucket-key", encrypted(TRAINING, "aws:kms", "same", bucket_key=False)),
    "versioning suspended": ("versioning-off", s3("put_bucket_versioning", RAW, **SUSPENDED)),
    "one block off": (
        "public-access-not-blocked",
        s3(
            "put_public_access_block",
            RAW,
            PublicAccessBlockConfiguration={**BLOCKS, "RestrictPublicBuckets": False},
        ),
    ),
    "no public access block": ("public-access-not-blocked", s3("delete_public_access_block", LOG)),
    "everybody reads": ("public-bucket-policy", policy(
            # BlockPublicPolicy refuses one without a condition.
            RAW,
            allowing("*", "s3:GetObject", StringEquals={"aws:SourceVpc": "vpc-0a1b2c3d"}),
        ),
),
    "another account reads": (
        "bucket-policy-beyond-the-table",
        policy(RAW, allowing({"AWS": FOREIGN}, "s3:GetObject")),
    ),
    "no TLS needed": ("tls-not-required", policy(RAW, without("WithoutTls"))),
    "any encryption": (
        "other-encryption-allowed",
        policy(TRAINING, without("AnotherEncryption", "AnotherKey")),
    ),
    "ACLs": (
        "acls-enabled",
        s3("put_bucket_ownership_controls", RAW,
           OwnershipControls={"Rules": [{"ObjectOwnership": "ObjectWriter"}]}),
    ),
    "logs among data": (
        "access-logs-among-data",
        lambda account: s3("put_bucket_logging", RAW, BucketLoggingStatus={"LoggingEnabled": {
            "TargetBucket": account.bucket(Place.AUDIT), "TargetPrefix": "s3/"}})(account),
    ),
    "replication": ("copies-by-replication", replicated),
    "lock on the archive too short": (
        "archive-lock-too-short",
        s3("put_object_lock_configuration", Place.ARCHIVE, ObjectLockConfiguration=DEFAULT_LOCK),
    ),
    "uploads never aborted": (
        "incomplete-uploads-not-aborted", lifecycle(RAW, less("AbortIncompleteMultipartUpload"))),
    "old versions for ever": (
        "old-versions-kept", lifecycle(RAW, less("NoncurrentVersionExpiration"))),
    "raw for ever": ("raw-backstop-missing", lifecycle(RAW, never_expiring)),
    "raw gone early": ("raw-backstop-early", lifecycle(RAW, expiring(7, "a/"))),
    "raw gone late": (
        "raw-backstop-late",
        lifecycle(RAW, lambda rules: [*never_expiring(rules), *expiring(365)([])]),
    ),
    "features expire": ("lifecycle-destroys-what-must-stay", lifecycle(TRAINING, expiring(400))),
    "receipts expire": ("lifecycle-destroys-what-must-stay", lifecycle(LOG, expiring(400))),
    "archive expires": ("archive-expires-early", lifecycle(Place.ARCHIVE, expiring(400))),
    "key disabled": ("customer-key-unusable", kms("disable_key", Place.WORKER_KEY)),
    "key to be deleted": (
        "customer-key-unusable",
        kms("schedule_key_deletion", Place.WORKER_KEY, PendingWindowInDays=7),
    ),
    "no rotation": ("key-not-rotated", kms("disable_key_rotation", Place.DATASET_KEY)),
    "the worker opens features": (
        "key-used-beyond-the-table",
        lambda account: key_policy(Place.DATASET_KEY, {
            **USE, "Principal": {"AWS": account.role_arn(Role.WORKER)}})(account),
    ),
    "key left to IAM": (
        "key-use-left-to-iam",
        key_policy(Place.DATASET_KEY, {
            **USE, "Action": "kms:*", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}}),
    ),
    "a grant": ("key-granted-beyond-the-table", granted),
    "Fernet": ("fernet-keys-in-use", fernet),
    "an access key": ("long-lived-access-key", user),
    "data scientist reads raw": (
        "role-wider-than-table",
        lambda account: inline(Role.DATA_SCIENTIST, "s3:GetObject",
                               f"arn:aws:s3:::{account.bucket(RAW)}/*")(account),
    ),
    "worker does anything": ("role-wider-than-table", inline(Role.WORKER, "*", "*")),
    "auditor has S3": ("role-wider-than-table", attached),
    "everybody may be the worker": ("role-trust-too-wide", trusted(Role.WORKER, {"AWS": "*"})),
    "others may be the eraser": ("role-trust-too-wide", trusted(Role.ERASER, {"AWS": FOREIGN})),
    "half a day's upload": ("uploader-session-too-long", long_session),
    "no trail": ("no-data-events", trail("delete_trail", Name="unvoiced")),
    "reads of features unrecorded": ("no-data-events", without_data_events(TRAINING)),
    "trail stopped": ("trail-not-logging", trail("stop_logging", Name="unvoiced")),
    "trail without digests": (
        "trail-without-validation",
        trail("update_trail", Name="unvoiced", EnableLogFileValidation=False),
    ),
    "no alarm": ("bulk-read-alarm-missing", no_alarm),
    "the article's alarm": ("bulk-read-alarm-cannot-fire", alarm(MetricName="NumberOfObjects")),
    "alarm without FilterId": ("bulk-read-alarm-cannot-fire", without_filter_id),
    "alarm without action": ("bulk-read-alarm-unheard", alarm(AlarmActions=None)),
    "alarm switched off": ("bulk-read-alarm-unheard", silenced),
    "nobody listens": ("bulk-read-alarm-unheard", nobody_listens),
}  # fmt: skip
