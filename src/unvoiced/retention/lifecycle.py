"""The buckets' own lifecycle rules: a backstop behind retention, which alone leaves receipts.

What they should be, and what is wrong with them, is `unvoiced.posture`'s to say; here it is shown
bucket by bucket, and put right where somebody asks for it. Rules that are not ours stay as they
are, but for what contradicts [retention].
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from unvoiced.access.roles import Place
from unvoiced.aws.account import Account, Answer, NotAnswered
from unvoiced.aws.lifecycle import put_rules
from unvoiced.config import Settings
from unvoiced.errors import StoreError
from unvoiced.posture.checks.lifecycle import faults, mended
from unvoiced.posture.facts import Bucket, Facts, Held, LifecycleRule, Unknown
from unvoiced.posture.finding import Seen
from unvoiced.posture.reading import read
from unvoiced.stores.s3_place import S3Place, is_amazon

_NOT_ASKED = Unknown("not asked")


@dataclass(frozen=True)
class BucketRules:
    """A bucket's rules as they are, as they should be, and what is wrong with them."""

    bucket: str
    places: tuple[str, ...]
    endpoint: str | None
    region: str
    rules: tuple[LifecycleRule, ...] = ()
    should: tuple[LifecycleRule, ...] = ()
    drift: tuple[str, ...] = ()
    by_hand: tuple[str, ...] = ()  # of the drift: what no rule can put right
    unknown: str = ""  # why the rules could not be read
    smallest: str = ""  # S3's word for which objects are too small to be moved


def look_at_rules(
    settings: Settings, now: datetime, account: Account | None = None
) -> list[BucketRules]:
    """The rules of every bucket that the settings name; none where they name no bucket.

    Raises `AccessError` without credentials. A bucket whose rules cannot be read says why.
    """
    urls = {place: url for place, url in settings.places().items() if url.startswith("s3://")}
    if not urls:
        return []
    account = account or Account()
    seen = Seen(Facts(now), settings)
    return [
        _rules(bucket, tuple(places), seen, account)
        for bucket, places in sorted(_by_bucket(urls, account).items(), key=lambda one: str(one[0]))
    ]


def apply_rules(settings: Settings, now: datetime) -> list[tuple[BucketRules, BucketRules]]:
    """Put the rules of every bucket right that are not; each before and after.

    Raises `StoreError` where the server refuses, or does not keep what it was given.
    """
    changed = []
    for before in look_at_rules(settings, now):
        if before.unknown:
            raise StoreError(f"the lifecycle rules of {before.bucket}: {before.unknown}")
        if list(before.should) == list(before.rules):
            continue
        put_rules(before.bucket, before.endpoint, before.region, before.should, before.smallest)
        (after,) = [one for one in look_at_rules(settings, now) if _same_bucket(one, before)]
        kept = {str(rule.get("ID")) for rule in after.rules}
        lost = {str(rule.get("ID")) for rule in before.should} - kept
        if lost or after.unknown or set(after.drift) - set(after.by_hand):
            why = after.unknown or ", ".join([*sorted(lost), *after.drift])
            raise StoreError(f"{before.bucket} does not keep the rules it was given: {why}")
        changed.append((before, after))
    return changed


def _same_bucket(one: BucketRules, other: BucketRules) -> bool:
    return (one.bucket, one.endpoint, one.region) == (other.bucket, other.endpoint, other.region)


_Where = tuple[str, str | None, str]


def _by_bucket(urls: Mapping[Place, str], account: Account) -> dict[_Where, list[Held]]:
    found: dict[_Where, list[Held]] = {}
    for place, url in urls.items():
        parsed = S3Place.parse(url)
        where = (parsed.bucket, parsed.endpoint, parsed.region or account.region)
        found.setdefault(where, []).append(Held(place, parsed.key_prefix))
    return found


def _rules(where: _Where, held: tuple[Held, ...], seen: Seen, account: Account) -> BucketRules:
    name, endpoint, region = where
    answer = account.ask("s3", "get_bucket_lifecycle_configuration", region, endpoint, Bucket=name)
    places = tuple(one.place.value for one in held)
    rules = read(answer, _rules_in)
    if isinstance(answer, NotAnswered) or isinstance(rules, Unknown):
        why = rules.why if isinstance(rules, Unknown) else ""
        return BucketRules(name, places, endpoint, region, unknown=why)
    bucket = _bucket(where, held, rules)
    should = tuple(mended(bucket, seen))
    return BucketRules(
        name,
        places,
        endpoint,
        region,
        rules,
        should,
        drift=tuple(faults(bucket, seen)),
        by_hand=tuple(faults(_bucket(where, held, should), seen)),
        smallest=str(answer.get("TransitionDefaultMinimumObjectSize", "")),
    )


def _rules_in(answer: Answer) -> tuple[LifecycleRule, ...]:
    return tuple(answer.get("Rules", ()))


def _bucket(where: _Where, held: tuple[Held, ...], rules: tuple[LifecycleRule, ...]) -> Bucket:
    """A bucket of which nothing but its rules was asked."""
    name, endpoint, region = where
    return Bucket(
        name=name,
        held=held,
        endpoint=endpoint or "",
        amazon=endpoint is None or is_amazon(endpoint),
        region=region,
        lifecycle=rules,
        encryption=_NOT_ASKED,
        versioning=_NOT_ASKED,
        public_access_block=_NOT_ASKED,
        policy=_NOT_ASKED,
        ownership=_NOT_ASKED,
        replicas=_NOT_ASKED,
        lock=_NOT_ASKED,
        metrics=_NOT_ASKED,
        uploads=_NOT_ASKED,
        log_target=_NOT_ASKED,
    )
