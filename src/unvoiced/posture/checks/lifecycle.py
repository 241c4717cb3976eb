"""Lifecycle rules against [retention], and uploads that were never completed.

Setting a bucket's rules replaces them: so all that is wrong with them has the same command, which
mends all.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

from unvoiced.access.roles import Place
from unvoiced.posture import commands
from unvoiced.posture.facts import Bucket, Held, LifecycleRule, known
from unvoiced.posture.finding import Problem, Seen, Severity, check
from unvoiced.posture.lifecycle_rules import (
    aborts,
    destroys_old_versions,
    enabled,
    expires,
    new_rule,
    rule_covers,
    rule_touches,
    with_rule,
    without_expiry,
)
from unvoiced.posture.subjects import VAULTS, BucketsWith, buckets

# Old versions of what is disposed of, and of keys that are retired: they would outlive it.
_NO_OLD_VERSIONS = (Place.RAW, Place.TRAINING, Place.JOURNAL, *VAULTS)
_MUST_STAY = (Place.TRAINING, Place.LOG, Place.JOURNAL, Place.AUDIT, *VAULTS)
_SLACK = timedelta(days=1)  # lifecycle rules run once a day


@dataclass(frozen=True)
class _Fault:
    """What is wrong with a bucket's rules: some that may not expire objects, some that lack."""

    what: str
    early: tuple[LifecycleRule, ...] = ()
    lacking: tuple[LifecycleRule, ...] = ()


_Look = Callable[[Bucket, Seen], Iterator[_Fault]]


def _problems(look: _Look, bucket: Bucket, seen: Seen) -> Iterator[Problem]:
    for fault in look(bucket, seen):
        yield Problem(fault.what, commands.put_lifecycle(bucket, mended(bucket, seen)))


def faults(bucket: Bucket, seen: Seen) -> list[str]:
    """What is wrong with a bucket's rules, in words. Raises `NotKnown` where they are unknown."""
    return [fault.what for look in _looks() for fault in look(bucket, seen)]


def mended(bucket: Bucket, seen: Seen) -> list[LifecycleRule]:
    """The bucket's rules with all put right; what lacks is seen when what is wrong is gone.

    Raises `NotKnown` where they are unknown.
    """
    rules = list(known(bucket.lifecycle))
    for look in _looks():
        for fault in look(replace(bucket, lifecycle=tuple(rules)), seen):
            rules = without_expiry(rules, fault.early)
            for rule in fault.lacking:
                rules = with_rule(rules, rule)
    return rules


def _looks() -> tuple[_Look, ...]:
    return (_early, _late, _destroys, _archive, _no_backstop, _unaborted, _old_versions)


def _held(bucket: Bucket, *places: Place) -> list[Held]:
    return [held for held in bucket.held if held.place in places]


def _rules(bucket: Bucket) -> list[LifecycleRule]:
    return enabled(known(bucket.lifecycle))


def _days(count: int) -> str:
    return "1 day" if count == 1 else f"{count:,} days"


@check(
    "incomplete-uploads-not-aborted",
    Severity.LOW,
    of=buckets,
    why="Parts of an upload that was broken off are in no listing of objects: they stay, and cost, "
    "until somebody looks for them.",
)
def aborts_uploads(bucket: Bucket, seen: Seen) -> Iterator[Problem]:
    """A rule aborts incomplete uploads within the configured days, everywhere."""
    return _problems(_unaborted, bucket, seen)


def _unaborted(bucket: Bucket, seen: Seen) -> Iterator[_Fault]:
    days, rules = seen.settings.retention.incomplete_upload_days, _rules(bucket)
    missing = [
        held
        for held in bucket.held
        if not any(
            rule_covers(rule, held) and (after := aborts(rule)) is not None and after <= days
            for rule in rules
        )
    ]
    if missing:
        does = {"DaysAfterInitiation": days}
        yield _Fault(
            f"no rule aborts incomplete uploads of {', '.join(held.place for held in missing)} "
            f"within {_days(days)}",
            lacking=tuple(
                new_rule("uploads", held, AbortIncompleteMultipartUpload=does) for held in missing
            ),
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
    return _problems(_old_versions, bucket, seen)


def _old_versions(bucket: Bucket, seen: Seen) -> Iterator[_Fault]:
    days, rules = seen.settings.retention.noncurrent_days, _rules(bucket)
    missing = [
        held
        for held in _held(bucket, *_NO_OLD_VERSIONS)
        if not any(
            rule_covers(rule, held)
            and (after := destroys_old_versions(rule)) is not None
            and after <= days
            for rule in rules
        )
    ]
    if missing:
        does = {"NoncurrentDays": days}
        yield _Fault(
            f"no rule destroys old versions of {', '.join(held.place for held in missing)} "
            f"within {_days(days)}",
            lacking=tuple(
                new_rule("old-versions", held, NoncurrentVersionExpiration=does) for held in missing
            ),
        )


def _backstops(bucket: Bucket, held: Held) -> list[tuple[int, LifecycleRule]]:
    return [
        (days, rule)
        for rule in _rules(bucket)
        if rule_touches(rule, held) and (days := expires(rule)) is not None
    ]


def _when(days: int) -> str:
    return f"after {_days(days)}" if days else "on a date"


@check(
    "raw-backstop-missing",
    Severity.MEDIUM,
    of=BucketsWith(Place.RAW),
    why="A recording that neither ingest nor retention comes to stays for ever, whatever was "
    "promised about it.",
)
def backstop_missing(bucket: Bucket, seen: Seen) -> Iterator[Problem]:
    """A rule destroys every recording some day."""
    for fault in _no_backstop(bucket, seen):
        if fault.lacking:
            yield from _problems(_no_backstop, bucket, seen)
        else:
            words = "first give raw a bucket of its own: here the rule would expire other things"
            yield Problem(fault.what, commands.in_words(words))


def _no_backstop(bucket: Bucket, seen: Seen) -> Iterator[_Fault]:
    days = seen.settings.retention.raw_backstop_days
    for held in _held(bucket, Place.RAW):
        if not any(rule_covers(rule, held) for _, rule in _backstops(bucket, held)):
            rule = new_rule("backstop", held, Expiration={"Days": days})
            alone = not any(rule_touches(rule, one) for one in bucket.held if one != held)
            yield _Fault(
                f"no rule expires recordings after {_days(days)}", lacking=(rule,) if alone else ()
            )


@check(
    "raw-backstop-early",
    Severity.HIGH,
    of=BucketsWith(Place.RAW),
    why="The store destroys recordings before retention can, which leaves a receipt; nothing in "
    "the log says what became of them.",
)
def backstop_early(bucket: Bucket, seen: Seen) -> Iterator[Problem]:
    """No rule destroys a recording while retention still has its time."""
    return _problems(_early, bucket, seen)


def _early(bucket: Bucket, seen: Seen) -> Iterator[_Fault]:
    days = seen.settings.retention.raw_backstop_days
    for held in _held(bucket, Place.RAW):
        early = [(after, rule) for after, rule in _backstops(bucket, held) if after < days]
        if early:
            first = min(after for after, _ in early)
            yield _Fault(
                f"a rule expires recordings {_when(first)}, not after {days}",
                early=tuple(rule for _, rule in early),
            )


@check(
    "raw-backstop-late",
    Severity.MEDIUM,
    of=BucketsWith(Place.RAW),
    why="A recording that neither ingest nor retention comes to stays longer than the month after "
    "[retention] raw_days that is left for runs that come late.",
)
def backstop_late(bucket: Bucket, seen: Seen) -> Iterator[Problem]:
    """The rule that covers every recording comes no later than a month after retention."""
    return _problems(_late, bucket, seen)


def _late(bucket: Bucket, seen: Seen) -> Iterator[_Fault]:
    days = seen.settings.retention.raw_backstop_days
    for held in _held(bucket, Place.RAW):
        covering = [one for one in _backstops(bucket, held) if rule_covers(one[1], held)]
        if covering and (first := min(after for after, _ in covering)) > days:
            yield _Fault(
                f"the rule expires recordings after {_days(first)}, not after {days}",
                # It goes, and what then lacks is put in its place.
                early=tuple(rule for _, rule in covering),
            )


@check(
    "lifecycle-destroys-what-must-stay",
    Severity.HIGH,
    of=BucketsWith(*_MUST_STAY),
    why="Features, receipts, audit records and keys are gone on a day that nobody chose, unlogged.",
)
def destroys(bucket: Bucket, seen: Seen) -> Iterator[Problem]:
    """No rule expires what only this library may destroy."""
    return _problems(_destroys, bucket, seen)


def _destroys(bucket: Bucket, seen: Seen) -> Iterator[_Fault]:
    for held in _held(bucket, *_MUST_STAY):
        wrong = tuple(rule for _, rule in _backstops(bucket, held))
        if wrong:
            names = ", ".join(str(rule.get("ID", "without a name")) for rule in wrong)
            yield _Fault(f"a rule expires {held.place}: {names}", early=wrong)


@check(
    "archive-expires-early",
    Severity.HIGH,
    of=BucketsWith(Place.ARCHIVE),
    why="Originals are destroyed before the day until which they have to be kept.",
)
def archive(bucket: Bucket, seen: Seen) -> Iterator[Problem]:
    """No rule expires an archived original sooner than configured."""
    return _problems(_archive, bucket, seen)


def _archive(bucket: Bucket, seen: Seen) -> Iterator[_Fault]:
    days = seen.settings.retention.archive_days
    for held in _held(bucket, Place.ARCHIVE):
        wrong = [(after, rule) for after, rule in _backstops(bucket, held) if after < days]
        if wrong:
            first = min(after for after, _ in wrong)
            yield _Fault(
                f"a rule expires originals {_when(first)}, not after {days}",
                early=tuple(rule for _, rule in wrong),
            )
