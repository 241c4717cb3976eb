"""The sections of `unvoiced.toml` that hold numbers and choices: defaults, and what is refused."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date
from typing import Any

from unvoiced.errors import InputError

STORAGE_CLASSES = ("STANDARD", "STANDARD_IA", "GLACIER_IR", "GLACIER", "DEEP_ARCHIVE")
# Starting points, and no more: docs/retention.md. Values in a settings file stand over these.
PRESETS: Mapping[str, Mapping[str, Any]] = {
    # 740 ILCS 14/15(a): when the purpose is satisfied, or within three years (1095 days or 1096) of
    # the last interaction, whichever is first. What is seen of an interaction here is what was made
    # of it, up to raw_days and quarantine_days later; and a week is for runs that come late.
    "bipa": {
        "raw_days": 30,
        "quarantine_days": 30,
        "inactive_days": 1028,
        "archive_days": 1028,  # a lock that lasts longer would keep the original beyond the law
    },
    # Regulation (EU) 2016/679, article 5(1)(c) and (e): no longer than is necessary. It has no
    # numbers; these put an end to everything that has one here.
    "gdpr-minimal": {
        "raw_days": 30,
        "quarantine_days": 30,
        "archive_days": 30,
        "features_days": 365,
        "inactive_days": 365,
        "audit_days": 365,
    },
}
_WITHOUT_END = frozenset({"features_days", "inactive_days"})
_ARCHIVED = re.compile(r"\*|[a-z2-7]{26}(/[a-z0-9-]*)?")
_FEATURE_DIRECTORY = re.compile(r"[a-z0-9][a-z0-9-]{0,47}-[0-9a-f]{8}")
# What of [watch] names something outside of the deployment; `unvoiced init` can be told.
WATCH_PLACES = ("cloudtrail", "access_logs", "topic")
_AT_LEAST_ONE = (
    *("batch_samples", "batch_bytes", "max_recording_bytes", "max_recording_seconds"),
    "backlog_alert_hours",
)


@dataclass(frozen=True)
class IngestSettings:
    """How ingest runs."""

    feature_sets: tuple[str, ...] = ("speech-16k",)  # built-in names or paths of TOML files
    batch_samples: int = 256  # recordings in one Prefect task
    batch_bytes: int = 64 * 2**20  # sealed bytes, and feature bytes, held in memory at once
    max_recording_bytes: int = 2**30  # a larger sealed object is left where it is, and reported
    max_recording_seconds: int = 4 * 3600  # a longer recording is quarantined
    workers: int = 0  # worker processes; 0 is one per core
    backlog_alert_hours: int = 24  # a run that leaves an older recording says so: an event

    def __post_init__(self) -> None:
        """Refuse what cannot work, with `InputError` naming the setting."""
        if not self.feature_sets:
            raise InputError("[ingest] feature_sets names at least one feature set")
        for name in _AT_LEAST_ONE:
            if getattr(self, name) < 1:
                raise InputError(f"[ingest] {name} is at least 1")
        if self.workers < 0:
            raise InputError("[ingest] workers is 0 (one per core) or more")


@dataclass(frozen=True)
class DisposalSettings:
    """What becomes of an original once its features are stored: deleted, or archived first."""

    # Whose originals are archived: "*", a pseudonym, or the beginning of object names in raw.
    archive: tuple[str, ...] = ()
    storage_class: str = "GLACIER"
    lock_mode: str = "GOVERNANCE"

    def __post_init__(self) -> None:
        """Refuse what no store knows, with `InputError` naming the setting."""
        if self.storage_class not in STORAGE_CLASSES:
            raise InputError(f"[disposal] storage_class is one of: {', '.join(STORAGE_CLASSES)}")
        if self.lock_mode not in {"GOVERNANCE", "COMPLIANCE"}:
            raise InputError("[disposal] lock_mode is GOVERNANCE or COMPLIANCE")
        for prefix in self.archive:
            if not _ARCHIVED.fullmatch(prefix):
                raise InputError(
                    f"[disposal] archive: {prefix!r} is neither '*' nor a pseudonym, nor the "
                    "beginning of a name PSEUDONYM/SAMPLE"
                )

    def archives(self, name: str) -> bool:
        """Whether the original under this name of the raw store is archived."""
        return any(
            one == "*" or (name.startswith(one) if "/" in one else name.startswith(f"{one}/"))
            for one in self.archive
        )


@dataclass(frozen=True)
class RetentionSettings:
    """How long things are kept, in days; 0 is without end where a comment says so.

    `preset` is where the values come from that the settings file does not give.
    """

    preset: str = ""
    raw_days: int = 90  # a recording that ingest never came to
    quarantine_days: int = 90  # one that could not become features
    archive_days: int = 1095  # an archived original; it is locked until then
    features_days: int = 0  # features; 0: until their purpose is satisfied
    inactive_days: int = 0  # all of a contributor's, after their last upload; 0: never for that
    purpose_satisfied: str = ""  # the day (2029-12-31) from which no features are needed
    retired_feature_sets: tuple[str, ...] = ()  # directories (name-digest8) to be destroyed
    audit_days: int = 1095  # who read what
    intake_grace_days: int = 7  # an intake key, after the next epoch began
    noncurrent_days: int = 7  # an object's version that was replaced or hidden
    incomplete_upload_days: int = 1  # parts of an upload that was never completed

    def __post_init__(self) -> None:
        """Refuse what cannot be kept to, with `InputError` naming the setting."""
        for setting in fields(self):
            value = getattr(self, setting.name)
            if type(value) is int and value < (0 if setting.name in _WITHOUT_END else 1):
                raise InputError(f"[retention] {setting.name} is at least 1")
        if self.preset and self.preset not in PRESETS:
            raise InputError(f"[retention] preset is one of: {', '.join(PRESETS)}")
        try:
            if self.purpose_satisfied:
                date.fromisoformat(self.purpose_satisfied)
        except ValueError:
            raise InputError("[retention] purpose_satisfied is a day, as 2029-12-31") from None
        for directory in self.retired_feature_sets:
            if not _FEATURE_DIRECTORY.fullmatch(directory):
                raise InputError(
                    f"[retention] retired_feature_sets: {directory!r} is not a feature set's "
                    "directory, NAME-DIGEST8, as `unvoiced features ls` shows it"
                )

    @property
    def raw_backstop_days(self) -> int:
        """When the raw bucket's own rule destroys what retention, which logs it, did not."""
        return self.raw_days + 30

    @classmethod
    def given(cls, values: Mapping[str, Any]) -> "RetentionSettings":
        """What the settings file says, over its preset, over the defaults."""
        preset = PRESETS.get(values.get("preset", ""), {})
        return cls(**{**preset, **values})


@dataclass(frozen=True)
class ReadingSettings:
    """How many feature objects one requester may read on a day (UTC), by purpose; 0 is any number.

    The reader keeps to it, and only an approval that the log knows lets it go on
    (`unvoiced audit approve`).
    """

    training_per_day: int = 0
    evaluation_per_day: int = 0
    inspection_per_day: int = 1000
    erasure_per_day: int = 1000

    def __post_init__(self) -> None:
        """Refuse what is no number of objects, with `InputError` naming the setting."""
        for setting in fields(self):
            if getattr(self, setting.name) < 0:
                raise InputError(f"[reading] {setting.name} is at least 0")

    def per_day(self, purpose: str) -> int:
        """The quota of a purpose; 0 is none."""
        return int(getattr(self, f"{purpose}_per_day"))


@dataclass(frozen=True)
class WatchSettings:
    """What the watch looks at, and when it raises an alarm: docs/watch.md."""

    topic: str = ""  # ARN of an SNS topic that alerts go to
    cloudtrail: str = ""  # url of where CloudTrail puts its files (the folder that has AWSLogs/)
    access_logs: str = ""  # url of where S3 puts the server access logs of the training bucket
    objects_per_window: int = 20_000  # one requester's, in five minutes
    contributors_per_window: int = 1_000
    objects_per_day: int = 0  # 0: what the baseline says, alone
    baseline_days: int = 28  # how far back a requester's habits are learned from

    def __post_init__(self) -> None:
        """Refuse what cannot be watched by, with `InputError` naming the setting."""
        for setting in fields(self):
            value = getattr(self, setting.name)
            if type(value) is int and value < (0 if setting.name == "objects_per_day" else 1):
                raise InputError(f"[watch] {setting.name} is at least 1")
        for name in ("cloudtrail", "access_logs"):
            if (url := getattr(self, name)) and not url.startswith(("s3://", "file://")):
                raise InputError(f"[watch] {name} is the url of a store: s3://... or file://...")
        if self.topic and not self.topic.startswith("arn:"):
            raise InputError("[watch] topic is the ARN of an SNS topic")


@dataclass(frozen=True)
class ReviewSettings:
    """How often it is reviewed who can reach what."""

    every_days: int = 90
    unused_days: int = 90  # what was not used for so long is proposed to be revoked

    def __post_init__(self) -> None:
        """Refuse what is no number of days, with `InputError` naming the setting."""
        for setting in fields(self):
            if getattr(self, setting.name) < 1:
                raise InputError(f"[review] {setting.name} is at least 1")
