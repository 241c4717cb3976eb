"""An account as it must be: the committed template, made on a server by API calls.

Not by CloudFormation: ministack reports success there and leaves out encryption and lifecycle.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.deployments import parsed_template
from tests.deployments.parsed_template import RESOURCES, Stack
from tests.posture.tls_ministack import TlsMinistack
from tests.servers.ministack import ACCOUNT, REGION
from unvoiced.access.roles import Place, Role
from unvoiced.audit.reviews import new_review, record_review, sign_review
from unvoiced.config import KMS_NAMES, Settings, StoreName
from unvoiced.config import Role as VaultName
from unvoiced.log.accounts import Accounts
from unvoiced.log.note import Signer
from unvoiced.log.reader import LogReader
from unvoiced.log.writer import LogWriter
from unvoiced.sections import RetentionSettings, WatchSettings
from unvoiced.stores import Store
from unvoiced.stores.memory import MemoryStore

TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:unvoiced-alarms"
REVIEWER = ("arn:aws:sts::000000000000:assumed-role/watchers/anna", "anna@desk")


def pascal(words: str) -> str:
    """`ingest worker` as `IngestWorker`."""
    return "".join(word.capitalize() for word in words.split())


class Environment:
    """The account on a server, and the settings that name what is in it."""

    def __init__(self, server: TlsMinistack) -> None:
        self.server = server
        self._clients: dict[str, Any] = {}
        self._stack = Stack(AlarmEmail="alarms@example.org")
        text = json.dumps(self._stack.resources)
        text = text.replace(parsed_template.ACCOUNT, ACCOUNT).replace(
            parsed_template.REGION, REGION
        )
        self._roles(json.loads(text))
        self.keys = self._keys(json.loads(text))
        for made, key in self.keys.items():
            text = text.replace(self._arn(made), key)
        self.resources: dict[str, Any] = json.loads(text)
        for name in self.keys:
            self._kms("put_key_policy", KeyId=self.keys[name], PolicyName="default",
                      Policy=json.dumps(self.resources[name]["KeyPolicy"]))  # fmt: skip
        for name in self._of("AWS::S3::Bucket"):
            self._bucket(self.resources[name])
        for name in self._of("AWS::S3::BucketPolicy"):
            self._policy_of_bucket(self.resources[name])
        self._role_policies()
        self._watch()
        self.signer = Signer("unvoiced.invalid/log-posture", Ed25519PrivateKey.generate())
        self._reviewed()

    def client(self, service: str) -> Any:
        """A client for root."""
        if service not in self._clients:
            self._clients[service] = self.server.client(service)
        return self._clients[service]

    def bucket(self, place: Place) -> str:
        """A place's bucket."""
        return str(self.resources[f"{pascal(place)}Bucket"]["BucketName"])

    def role(self, role: Role) -> str:
        """A role's name."""
        return f"voice-{pascal(role)}Role-1A2B3C"

    def role_arn(self, role: Role) -> str:
        """Its ARN."""
        return f"arn:aws:iam::{ACCOUNT}:role/{self.role(role)}"

    def key(self, place: Place) -> str:
        """The ARN of a vault's key, or the log's."""
        if place is Place.LOG_KEY:
            return self.keys["LogSigningKey"]
        return self.keys[f"{pascal(place.removesuffix(' key'))}VaultKey"]

    def url(self, place: Place) -> str:
        """A place's url."""
        return f"s3://{self.bucket(place)}/?region={REGION}"

    def trail_url(self) -> str:
        """Where CloudTrail puts its files."""
        (name,) = self._of("AWS::CloudTrail::Trail")
        return f"s3://{self.resources[name]['S3BucketName']}/?region={REGION}"

    def settings(self, folder: Path) -> Settings:
        """All of it, the archive too, which `unvoiced.toml` has no name for yet."""
        retention = RetentionSettings()
        return Settings(
            path=folder / "unvoiced.toml",
            stores={name: self.url(Place(name)) for name in (*get_args(StoreName), "archive")},
            vaults={
                role: self.url(Place(f"{role} vault")) for role in (*get_args(VaultName), "archive")
            },
            log_vkey=self.signer.vkey,
            retention=retention,
            watch=WatchSettings(topic=TOPIC, cloudtrail=self.trail_url()),
            kms={name: self.key(Place(f"{name} key")) for name in (*KMS_NAMES, "archive")},
            roles={role.setting: self.role_arn(role) for role in Role},
        )

    def toml(self) -> str:
        """The same as a settings file, less the archive."""
        sections = {
            "stores": {name: self.url(Place(name)) for name in get_args(StoreName)},
            "vaults": {role: self.url(Place(f"{role} vault")) for role in get_args(VaultName)},
            "log": {"vkey": self.signer.vkey},
            "watch": {"topic": TOPIC, "cloudtrail": self.trail_url()},
            "kms": {name: self.key(Place(f"{name} key")) for name in KMS_NAMES},
            "roles": {role.setting: self.role_arn(role) for role in Role},
        }
        return "\n".join(
            line
            for name, table in sections.items()
            for line in (f"[{name}]", *(f'{key} = "{value}"' for key, value in table.items()))
        )

    def _of(self, kind: str) -> list[str]:
        return [name for name in self._stack.resources if RESOURCES[name]["Type"] == kind]

    def _arn(self, name: str) -> str:
        arn = self._stack.arn(name)
        return arn.replace(parsed_template.ACCOUNT, ACCOUNT).replace(parsed_template.REGION, REGION)

    def _kms(self, call: str, **parameters: Any) -> Any:
        return getattr(self.client("kms"), call)(**parameters)

    def _roles(self, resources: Mapping[str, Any]) -> None:
        iam = self.client("iam")
        for name in self._of("AWS::IAM::Role"):
            given = resources[name]
            iam.create_role(
                RoleName=self._arn(name).rpartition("/")[2],
                AssumeRolePolicyDocument=json.dumps(given["AssumeRolePolicyDocument"]),
                MaxSessionDuration=given.get("MaxSessionDuration", 3600),
            )
            for own in given.get("Policies", ()):
                iam.put_role_policy(
                    RoleName=self._arn(name).rpartition("/")[2],
                    PolicyName=own["PolicyName"],
                    PolicyDocument=json.dumps(own["PolicyDocument"]),
                )

    def _role_policies(self) -> None:
        iam = self.client("iam")
        for name in self._of("AWS::IAM::RolePolicy"):
            given = self.resources[name]
            iam.put_role_policy(
                RoleName=given["RoleName"],
                PolicyName=given["PolicyName"],
                PolicyDocument=json.dumps(given["PolicyDocument"]),
            )

    def _keys(self, resources: Mapping[str, Any]) -> dict[str, str]:
        made = {}
        for name in self._of("AWS::KMS::Key"):
            given = resources[name]
            kind = {each: given[each] for each in ("KeySpec", "KeyUsage") if each in given}
            key = self._kms("create_key", Description=given["Description"], **kind)["KeyMetadata"]
            made[name] = str(key["Arn"])
            if given.get("EnableKeyRotation"):
                self._kms("enable_key_rotation", KeyId=key["Arn"])
        return made

    def _bucket(self, given: Mapping[str, Any]) -> None:
        s3, bucket = self.client("s3"), given["BucketName"]
        s3.create_bucket(
            Bucket=bucket, ObjectLockEnabledForBucket=given.get("ObjectLockEnabled", False)
        )
        (rule,) = given["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        default = {"ApplyServerSideEncryptionByDefault": rule["ServerSideEncryptionByDefault"],
                   "BucketKeyEnabled": rule["BucketKeyEnabled"]}  # fmt: skip
        s3.put_bucket_encryption(
            Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [default]}
        )
        s3.put_bucket_versioning(
            Bucket=bucket, VersioningConfiguration=given["VersioningConfiguration"]
        )
        s3.put_public_access_block(
            Bucket=bucket, PublicAccessBlockConfiguration=given["PublicAccessBlockConfiguration"]
        )
        s3.put_bucket_ownership_controls(
            Bucket=bucket, OwnershipControls=given["OwnershipControls"]
        )
        s3.put_bucket_lifecycle_configuration(
            Bucket=bucket,
            LifecycleConfiguration={
                "Rules": [_rule(one) for one in given["LifecycleConfiguration"]["Rules"]]
            },
        )
        if "ObjectLockConfiguration" in given:
            s3.put_object_lock_configuration(
                Bucket=bucket, ObjectLockConfiguration=given["ObjectLockConfiguration"]
            )
        for one in given.get("MetricsConfigurations", ()):
            s3.put_bucket_metrics_configuration(
                Bucket=bucket, Id=one["Id"], MetricsConfiguration=one
            )

    def _policy_of_bucket(self, given: Mapping[str, Any]) -> None:
        self.client("s3").put_bucket_policy(
            Bucket=given["Bucket"], Policy=json.dumps(given["PolicyDocument"])
        )

    def _watch(self) -> None:
        sns, logs = self.client("sns"), self.client("logs")
        for name in self._of("AWS::SNS::Topic"):
            sns.create_topic(Name=self.resources[name]["TopicName"])
        for name in self._of("AWS::SNS::Subscription"):
            sns.subscribe(**self.resources[name])
        for name in self._of("AWS::Logs::LogGroup"):
            logs.create_log_group(logGroupName=self.resources[name]["LogGroupName"])
        for name in self._of("AWS::Logs::MetricFilter"):
            given = self.resources[name]
            logs.put_metric_filter(
                logGroupName=given["LogGroupName"],
                filterName=name,
                filterPattern=given["FilterPattern"],
                metricTransformations=[
                    {each[0].lower() + each[1:]: value for each, value in one.items()}
                    for one in given["MetricTransformations"]
                ],
            )
        for name in self._of("AWS::CloudWatch::Alarm"):
            self.client("cloudwatch").put_metric_alarm(**self.resources[name])
        self._trail()
        self._policies_of_topics()

    def _policies_of_topics(self) -> None:
        sns = self.client("sns")
        for name in self._of("AWS::SNS::TopicPolicy"):
            given = self.resources[name]
            for topic in given["Topics"]:
                sns.set_topic_attributes(
                    TopicArn=topic, AttributeName="Policy",
                    AttributeValue=json.dumps(given["PolicyDocument"]),
                )  # fmt: skip

    def _reviewed(self) -> None:
        """A log, and in it a review that a person signed just now."""
        now = datetime.now(UTC)
        self.log, self.audit = MemoryStore("log"), MemoryStore("audit")
        LogWriter.create(self.log, self.signer)
        reader = LogReader(self.log, self.signer.verifier)
        report = {"format": "unvoiced-review/1", "findings": []}
        review = new_review(report, REVIEWER, now, reader.checkpoint().size, 0)
        signed = sign_review(report, review, self.signer)
        record_review(self.audit, self.accounts(), signed, now)
        self.put(Place.LOG, self.log)
        self.put(Place.AUDIT, self.audit)

    def accounts(self) -> Accounts:
        """The log, to write to; `put` brings it to its bucket."""
        reader = LogReader(self.log, self.signer.verifier)
        return Accounts(LogWriter(self.log, self.signer), reader)

    def put(self, place: Place, store: Store) -> None:
        """Put all that a store has into a place's bucket."""
        for entry in store.list():
            self.client("s3").put_object(
                Bucket=self.bucket(place), Key=entry.name, Body=store.get(entry.name).data
            )

    def _trail(self) -> None:
        (name,) = self._of("AWS::CloudTrail::Trail")
        given, trails = self.resources[name], self.client("cloudtrail")
        trails.create_trail(
            Name=given["TrailName"],
            S3BucketName=given["S3BucketName"],
            IsMultiRegionTrail=given["IsMultiRegionTrail"],
            EnableLogFileValidation=given["EnableLogFileValidation"],
        )
        # ministack forgets it when a trail is made.
        trails.update_trail(
            Name=given["TrailName"],
            CloudWatchLogsLogGroupArn=given["CloudWatchLogsLogGroupArn"],
            CloudWatchLogsRoleArn=given["CloudWatchLogsRoleArn"],
        )
        trails.put_event_selectors(
            TrailName=given["TrailName"], AdvancedEventSelectors=given["AdvancedEventSelectors"]
        )
        trails.start_logging(Name=given["TrailName"])


def _rule(given: Mapping[str, Any]) -> dict[str, Any]:
    """A lifecycle rule in S3's words instead of CloudFormation's."""
    rule: dict[str, Any] = {"ID": given["Id"], "Status": given["Status"], "Filter": {"Prefix": ""}}
    for same in ("AbortIncompleteMultipartUpload", "NoncurrentVersionExpiration"):
        if same in given:
            rule[same] = {name: int(value) for name, value in given[same].items()}
    if "ExpirationInDays" in given:
        rule["Expiration"] = {"Days": int(given["ExpirationInDays"])}
    if given.get("ExpiredObjectDeleteMarker"):
        rule["Expiration"] = {"ExpiredObjectDeleteMarker": True}
    return rule
