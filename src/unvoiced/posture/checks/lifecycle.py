"""Lifecycle rules against [retention], and uploads that were never completed.

A rule counts as covering a place when its filter takes in all of it, and as touching one when it
may take in some of it.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from unvoiced.access.roles import Place
from unvoiced.posture import commands
from unvoiced.posture.facts import Bucket, Held, LifecycleRule, known
from unvoiced.posture.finding import Problem, Seen, Severity, check
from unvoiced.posture.subjects import VAULTS, BucketsWith, buckets

# Old versions of what is disposed of, and of keys that are retired: they would outlive it.
_NO_OLD_VERSIONS = (Place.RAW, Place.TRAINING, Place.JOURNAL, *VAULTS)
_MUST_STAY = (Place.TRAINING, Place.LOG, Place.JOURNAL, Place.AUDIT, *VAULTS)
_SLACK = timedelta(days=1)  # lifecycle rules run once a day


def _enabled(bucket: Bucket) -> list[LifecycleRule]:
    return [rule for rule in known(bucket.lifecycle) if rule.get("Status") == "Enabled"]


def _filter(rule: LifecycleRule) -> tuple[str, bool]:
    """A rule's prefix, and whether it looks at tags or sizes too."""
    where: dict[str, Any] = dict(rule.get("Filter") or {})
    where |= where.pop("And", None) or {}
    prefix = where.pop("Prefix", None) or rule.get("Prefix") or ""
    return str(prefix), bool(where)


def _covers(rule: LifecycleRule, held: Held) -> bool:
    prefix, narrow = _filter(rule)
    return not narrow and held.prefix.startswith(prefix)


def _touches(rule: LifecycleRule, held: Held) -> bool:
    prefix, _ = _filter(rule)
    return held.prefix.startswith(prefix) or prefix.startswith(held.prefix)


def _held(bucket: Bucket, *places: Place) -> list[Held]:
    return [held for held in bucket.held if held.place in places]


def _expires(rule: LifecycleRule) -> int | None:
    """After how many days a rule expires objects; 0 on a date, None where it never does."""
    expiration = rule.get("Expiration") or {}
    if "Date" in expiration:
        return 0
    days = expiration.get("Days")
    return int(days) if days is not None else None


def _old_versions(rule: LifecycleRule) -> int | None:
    found = rule.get("NoncurrentVersionExpiration") or {}
    if found.get("NewerNoncurrentVersions"):
        return None  # some are kept, however old
    days = found.get("NoncurrentDays")
    return int(days) if days is not None else None


def _days(count: int) -> str:
    return "1 day" if count == 1 else f"{count:,} days"


def _aborts(rule: LifecycleRule) -> int | None:
    days = (rule.get("AbortIncompleteMultipartUpload") or {}).get("DaysAfterInitiation")
    return int(days) if days is not None else None


def _set(bucket: Bucket, *added: LifecycleRule, less: tuple[LifecycleRule, ...] = ()) -> str:
    """The command that leaves the other rules as they are."""
    kept = [rule for rule in known(bucket.lifecycle) if rule not in less]
    return commands.put_lifecycle(bucket, [*kept, *added])


def _rule(name: str, held: Held, **does: object) -> LifecycleRule:
    # The name is new even where a disabled rule has this one.
    return {
        "ID": f"unvoiced-{name}-{held.place.replace(' ', '-')}",
        "Status": "Enabled",
        "Filter": {"Prefix": held.prefix},
        **does,
    }


@check(
    "incomplete-uploads-not-aborted",
    Severity.LOW,
    of=buckets,
    why="Parts of an upload that was broken off are in no listing of objects: they stay, and cost, "
    "until somebody looks for them.",
)
def aborts_uploads(bucket: Bucket, seen: Seen) -> Iterator[Problem]:
    """A rule aborts incomplete uploads within the configured days, everywhere."""
    days, rules = seen.settings.retention.incomplete_upload_days, _enabled(bucket)
    missing = [
        held
        for held in bucket.held
        if not any(
            _covers(rule, held) and (after := _aborts(rule)) is not None and after <= days
            for rule in rules
        )
    ]
    if missing:
        abort = {"DaysAfterInitiation": days}
        added = [_rule("uploads", held, AbortIncompleteMultipartUpload=abort) for held in missing]
        places = ", ".join(held.place for held in missing)
        yield Problem(
            f"no rule aborts incomplete uploads of {places} within {_days(days)}",
            _set(bucket, *added),
        )


@check(
    "incomplete-uploads-left",
    Severity.LOW,
    of=buckets,
    why="Parts of recordings lie there, unlisted, beyond the days that [retention] gives them.",
)
def old_uploads(bucket: Bucket, seen: Seen) -> Iterator[Problem]:
    """No upload has been incomplete for longer than configured."""
    limit = timedelta(days=seen.settings.retention.incomplete_upload_days) + _SLACK
    old = [one for one in known(bucket.uploads) if seen.facts.now - one.begun > limit]
    if old:
        first = min(old, key=lambda one: one.begun)
        fix = commands.s3(
            "abort-multipart-upload", bucket, key=first.key, upload_id=first.upload_id
        )
        count = "1 upload" if len(old) == 1 else f"{len(old):,} uploads"
        yield Problem(
            f"{count} begun and never completed, the first on {first.begun:%Y-%m-%d}", fix
        )


@check(
    "old-versions-kept",
    Severity.MEDIUM,
    of=BucketsWith(*_NO_OLD_VERSIONS),
    why="What was overwritten or deleted by hand stays as an old version, out of sight, for ever.",
)
def old_versions(bucket: Bucket, seen: Seen) -> Iterator[Problem]:
    """A rule destroys noncurrent versions within the configured days."""
    days, rules = seen.settings.retention.noncurrent_days, _enabled(bucket)
    missing = [
        held
        for held in _held(bucket, *_NO_OLD_VERSIONS)
        if not any(
            _covers(rule, held) and (after := _old_versions(rule)) is not None and after <= days
            for rule in rules
        )
    ]
    if missing:
        expiry = {"NoncurrentDays": days}
        added = [_rule("old-versions", held, NoncurrentVersionExpiration=expiry)
                 for held in missing]  # fmt: skip
        places = ", ".join(held.place for held in missing)
        yield Problem(
            f"no rule destroys old versions of {places} within {_days(days)}", _set(bucket, *added)
        )


def _backstops(bucket: Bucket, held: Held) -> list[tuple[int, LifecycleRule]]:
    return [
        (days, rule)
        for rule in _enabled(bucket)
        if _touches(rule, held) and (days := _expires(rule)) is not None
    ]


def _backstop(held: Held, days: int) -> LifecycleRule:
    return _rule("backstop", held, Expiration={"Days": days})


@check(
    "raw-backstop-missing",
    Severity.MEDIUM,
    of=BucketsWith(Place.RAW),
    why="A recording that is never ingested stays for ever, whatever was promised about it.",
)
def backstop_missing(bucket: Bucket, seen: Seen) -> Iterator[Problem]:
    """A rule destroys every recording some day."""
    days = seen.settings.retention.raw_days
    for held in _held(bucket, Place.RAW):
        if not any(_covers(rule, held) for _, rule in _backstops(bucket, held)):
            yield Problem(
                f"no rule expires recordings after {_days(days)}",
                _set(bucket, _backstop(held, days)),
            )


@check(
    "raw-backstop-early",
    Severity.HIGH,
    of=BucketsWith(Place.RAW),
    why="The store destroys recordings before they had their time to be ingested, and nothing in "
    "the log says so.",
)
def backstop_early(bucket: Bucket, seen: Seen) -> Iterator[Problem]:
    """No rule destroys a recording sooner than configured."""
    days = seen.settings.retention.raw_days
    for held in _held(bucket, Place.RAW):
        early = [(after, rule) for after, rule in _backstops(bucket, held) if after < days]
        if early:
            less = tuple(rule for _, rule in early)
            first = min(after for after, _ in early)
            when = f"after {_days(first)}" if first else "on a date"
            yield Problem(
                f"a rule expires recordings {when}, not after {days}",
                _set(bucket, _backstop(held, days), less=less),
            )


@check(
    "raw-backstop-late",
    Severity.MEDIUM,
    of=BucketsWith(Place.RAW),
    why="A recording that is never ingested stays longer than [retention] raw_days promises.",
)
def backstop_late(bucket: Bucket, seen: Seen) -> Iterator[Problem]:
    """The rule that covers every recording comes no later than configured."""
    days = seen.settings.retention.raw_days
    for held in _held(bucket, Place.RAW):
        covering = [one for one in _backstops(bucket, held) if _covers(one[1], held)]
        if covering and min(after for after, _ in covering) > days:
            first, _ = min(covering, key=lambda one: one[0])
            less = tuple(rule for _, rule in covering)
            yield Problem(
                f"the rule expires recordings after {_days(first)}, not after {days}",
                _set(bucket, _backstop(held, days), less=less),
            )


@check(
    "lifecycle-destroys-what-must-stay",
    Severity.HIGH,
    of=BucketsWith(*_MUST_STAY),
    why="Features, receipts, audit records and keys are gone on a day that nobody chose, unlogged.",
)
def destroys(bucket: Bucket, seen: Seen) -> Iterator[Problem]:
    """No rule expires what only this library may destroy."""
    for held in _held(bucket, *_MUST_STAY):
        wrong = _backstops(bucket, held)
        if wrong:
            names = ", ".join(str(rule.get("ID", "without a name")) for _, rule in wrong)
            less = tuple(rule for _, rule in wrong)
            yield Problem(f"a rule expires {held.place}: {names}", _set(bucket, less=less))


@check(
    "archive-expires-early",
    Severity.HIGH,
    of=BucketsWith(Place.ARCHIVE),
    why="Originals are destroyed before the day until which they have to be kept.",
)
def archive(bucket: Bucket, seen: Seen) -> Iterator[Problem]:
    """No rule expires an archived original sooner than configured."""
    days = seen.settings.retention.archive_days
    for held in _held(bucket, Place.ARCHIVE):
        wrong = [(after, rule) for after, rule in _backstops(bucket, held) if after < days]
        if wrong:
            first, less = min(after for after, _ in wrong), tuple(rule for _, rule in wrong)
            when = f"after {_days(first)}" if first else "on a date"
            yield Problem(
                f"a rule expires originals {when}, not after {days}", _set(bucket, less=less)
            )
