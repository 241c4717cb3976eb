"""Whether somebody looked, and looks: the access review, and what the watch is given."""

import shlex
from collections.abc import Iterable, Iterator
from datetime import timedelta

from unvoiced.access.roles import Place
from unvoiced.posture.commands import in_words
from unvoiced.posture.facts import Bucket, LastReview, Unknown, known
from unvoiced.posture.finding import Problem, Seen, Severity, check


def deployment(seen: Seen) -> Iterable[tuple[str, LastReview | Unknown | None]]:
    """The deployment, whose log names its reviews."""
    return [(seen.settings.path.name, seen.facts.last_review)]


def training_bucket(seen: Seen) -> Iterable[tuple[str, Bucket]]:
    """The bucket whose reads the provider records, where there is one."""
    return [("[watch]", one) for one in seen.facts.buckets if one.holds(Place.TRAINING)]


@check(
    "review-due",
    Severity.MEDIUM,
    of=deployment,
    why="Rights that nobody looks at only grow: people leave, and what they could reach stays.",
)
def due(found: LastReview | None, seen: Seen) -> Iterator[Problem]:
    """A person signed a review of who can reach what, no longer ago than [review] says."""
    every = seen.settings.review.every_days
    # Without --sign: who signs looks first.
    fix = shlex.join(["unvoiced", "review", "--config", str(seen.settings.path)])
    last = known(found)
    if last is None:
        yield Problem("who can reach what was never reviewed", fix)
        return
    if seen.facts.now - last.moment > timedelta(days=every):
        days = (seen.facts.now - last.moment).days
        yield Problem(
            f"the last review, by {last.reviewer}, is {days:,} days old, and one is due every "
            f"{every:,}",
            fix,
        )


@check(
    "watch-without-provider-log",
    Severity.HIGH,
    of=training_bucket,
    why="Who holds the dataset key and reads around our reader leaves no record of ours: only the "
    "provider's own log shows it.",
)
def provider_log(bucket: Bucket, seen: Seen) -> Iterator[Problem]:
    """[watch] names CloudTrail's files, or the access logs of the training bucket."""
    watch = seen.settings.watch
    if not watch.cloudtrail and not watch.access_logs:
        yield Problem(
            "neither cloudtrail nor access_logs is set: reads outside of the reader go unseen",
            in_words(
                f"name under [watch] in {seen.settings.path} where CloudTrail puts its files: "
                "cloudtrail = ..."
            ),
        )


@check(
    "watch-without-topic",
    Severity.MEDIUM,
    of=training_bucket,
    why="An alert that is only written down is read by who happens to look.",
)
def topic(bucket: Bucket, seen: Seen) -> Iterator[Problem]:
    """[watch] names a topic that alerts go to."""
    if not seen.settings.watch.topic:
        yield Problem(
            "topic is not set: the watch tells nobody",
            in_words(
                f"name under [watch] in {seen.settings.path} the topic that alerts go to: "
                "topic = ..."
            ),
        )
