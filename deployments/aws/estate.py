"""What every place of the role table is called in the template. A new place gets its bucket here.

Buckets bear names that are known before they exist: key policies name the buckets, and buckets
their key, and CloudFormation cannot make two things that each wait for the other.
"""

from dataclasses import dataclass

from unvoiced.access.policies import Estate
from unvoiced.access.roles import Place, Role

TRAIL_ARN = "arn:${AWS::Partition}:cloudtrail:${AWS::Region}:${AWS::AccountId}:trail/${NamePrefix}"
TOPIC_ARN = "arn:${AWS::Partition}:sns:${AWS::Region}:${AWS::AccountId}:${NamePrefix}-alarms"
LOG_GROUP = "/${NamePrefix}/trail"
LOG_GROUP_ARN = "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:" + LOG_GROUP


@dataclass(frozen=True)
class Bucket:
    """One bucket: its place in the role table, the key it is encrypted with, and what for."""

    subject: str
    key: str
    why: str
    place: Place | None = None  # no role's; the trail's

    @property
    def logical(self) -> str:
        """What it is called in the template."""
        return f"{pascal(self.subject)}Bucket"

    @property
    def name(self) -> str:
        """What it is called at Amazon; a text for Fn::Sub."""
        subject = self.subject.replace(" ", "-")
        return f"${{NamePrefix}}-{subject}-${{AWS::AccountId}}-${{AWS::Region}}"

    @property
    def arn(self) -> str:
        """Its ARN, made of the name alone; a text for Fn::Sub."""
        return f"arn:${{AWS::Partition}}:s3:::{self.name}"


def pascal(words: str) -> str:
    """`ingest worker` as `IngestWorker`."""
    return "".join(word.capitalize() for word in words.split())


def role_resource(role: Role) -> str:
    """What a role is called in the template."""
    return f"{pascal(role)}Role"


def key_resource(place: Place) -> str:
    """What a vault's key, or the log's, is called in the template."""
    subject = place.removesuffix(" key")
    return "LogSigningKey" if place is Place.LOG_KEY else f"{pascal(subject)}VaultKey"


_OWN_KEY = {
    Place.RAW: "RawStoreKey",
    Place.TRAINING: "TrainingStoreKey",
    Place.ARCHIVE: "ArchiveStoreKey",
}
RECORDS_KEY = "RecordsStoreKey"
_WHY = {
    Place.RAW: "Sealed recordings, until ingest disposes of them. No object lock, ever.",
    Place.TRAINING: "Sealed features.",
    Place.ARCHIVE: (
        "Sealed originals that are kept. Each is put cold and locked, as [disposal] says; the "
        "default lock is for whatever is put there in another way."
    ),
    Place.LOG: (
        "The transparency log. Object lock is on, so that a hold or a retention can be put on a "
        "tile; no default retention, as appending removes partial tiles that full ones replace. "
        "Full tiles are kept by the roles: none may destroy one."
    ),
    Place.JOURNAL: (
        "What is about to be destroyed, what is in quarantine or under a legal hold, and who was "
        "erased."
    ),
    Place.AUDIT: "One record before every read of features; the eraser ends them by [retention].",
}

PLACES = [place for place in Place if not place.is_key]
KEY_PLACES = [place for place in Place if place.is_key]
VAULT_KEYS = [place for place in KEY_PLACES if place is not Place.LOG_KEY]
BUCKET_OF = {
    place: Bucket(
        place.value,
        _OWN_KEY.get(place, RECORDS_KEY),
        _WHY.get(place, f"Secrets of the {place}, each wrapped by the key of that vault."),
        place,
    )
    for place in PLACES
}
WATCH_KEY, TOPIC = "WatchKey", "AlarmTopic"
TRAIL = Bucket("trail", RECORDS_KEY, "CloudTrail's files: who did what to all of this.")
BUCKETS = [*BUCKET_OF.values(), TRAIL]

ESTATE = Estate(
    buckets={place: f"${{{bucket.logical}}}" for place, bucket in BUCKET_OF.items()},
    keys={place: f"${{{key_resource(place)}.Arn}}" for place in KEY_PLACES},
    store_keys={place: f"${{{bucket.key}.Arn}}" for place, bucket in BUCKET_OF.items()},
    uploader_role=f"${{{role_resource(Role.UPLOADER)}.Arn}}",
    provider_logs={f"${{{TRAIL.logical}}}": f"${{{TRAIL.key}.Arn}}"},
    topic=f"${{{TOPIC}}}",
    topic_key=f"${{{WATCH_KEY}.Arn}}",
    partition="${AWS::Partition}",
    region="${AWS::Region}",
)
