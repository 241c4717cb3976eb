"""What a provider's log shows and our trail does not. Pure; no I/O.

The reader records an object before it asks the store for it where its digest is known, and within
minutes after where it is not. So a read of features in the provider's log agrees with the trail
where the same requester recorded the same object up to `BEFORE` earlier or `AFTER` later, by the
clock of the store that received the record: the reader's own clock is its user's to set. Each
record covers one read. What is left over is of two kinds:

- of an object that was not recorded at all in that time: read around the reader, each one told;
- of one that was recorded and read more often: a few are requests that broke off and were sent
  again, told where they are more on a day than `RETRIES` and `RETRY_SHARE` of a requester's reads
  of that day. From more addresses than there are records there are none of that sort: each is told.

Only what is older than `SETTLED` is judged, so that each read is judged once and finally.
"""

import hashlib
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from unvoiced.audit.record import name_tag
from unvoiced.watch.alert import Alert, Kind, Level
from unvoiced.watch.provider import ProviderRead
from unvoiced.watch.standing import Standing

BEFORE = timedelta(hours=1)
AFTER = timedelta(minutes=5)
SETTLED = timedelta(minutes=10)
RETRIES = 5
RETRY_SHARE = 0.01
_MANY_REFUSALS = 10
# (day, requester) -> reads in the log on that day, and how many of them were sent again.
Days = Mapping[tuple[str, str], tuple[int, int]]
# How far before a read another one may have used up its record, and that one's own record be.
READS_BEFORE = BEFORE + AFTER
RECORDS_BEFORE = READS_BEFORE + BEFORE


@dataclass(frozen=True, slots=True)
class Recorded:
    """One object in one record of the trail."""

    requester: str
    object: str  # `name_tag`
    received: datetime  # by the store's clock


@dataclass(frozen=True, slots=True)
class Fetch:
    """A read that was judged before, as far as later ones have to know of it: all `short`."""

    moment: datetime
    id: str
    pair: str  # requester and object
    source: str


@dataclass
class Comparison:
    """What came of it."""

    alerts: list[Alert] = field(default_factory=list)
    judged: list[Fetch] = field(default_factory=list)
    beside: list[ProviderRead] = field(default_factory=list)  # of features, with no record of it
    features: list[ProviderRead] = field(default_factory=list)  # all reads of features
    again: int = 0  # reads that are in the log twice
    days: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)  # `Days`, with these

    @property
    def reads(self) -> int:
        """How many reads of features."""
        return len(self.features)


def compare(
    reads: Sequence[ProviderRead],
    recorded: Iterable[Recorded],
    before: Sequence[Fetch],
    standing: Standing,
    days: Days | None = None,
) -> Comparison:
    """Judge these reads of one origin, of which `before` were judged already, and `days` counted.

    `recorded` is what was recorded from `RECORDS_BEFORE` the first of the reads until `AFTER` the
    last. Reads that were refused are no reads; many of them are told.
    """
    result = Comparison(days=dict(days or {}))
    seen = {fetch.id for fetch in before}
    new: list[ProviderRead] = []
    for read in reads:
        if short(read.id) in seen:
            result.again += 1
            continue
        seen.add(short(read.id))
        new.append(read)
    answered = [read for read in new if not read.refused]
    features = [read for read in answered if read.of_features]
    result.features = features
    result.beside = [read for read in features if not standing.needs_record(read)]
    result.alerts += _unrecorded(
        [read for read in features if standing.needs_record(read)], recorded, before, result
    )
    result.alerts += _strangers([read for read in answered if not standing.may_read(read)])
    result.alerts += _refused([read for read in new if read.refused])
    return result


def _unrecorded(
    reads: Sequence[ProviderRead],
    recorded: Iterable[Recorded],
    before: Sequence[Fetch],
    result: Comparison,
) -> Iterator[Alert]:
    by_pair: dict[str, list[datetime]] = defaultdict(list)
    for one in recorded:
        by_pair[_pair(one.requester, one.object)].append(one.received)
    fetches: dict[str, list[Fetch]] = defaultdict(list)
    for fetch in before:
        fetches[fetch.pair].append(fetch)
    unrecorded: dict[str, list[ProviderRead]] = defaultdict(list)
    elsewhere: dict[str, list[ProviderRead]] = defaultdict(list)
    again: dict[str, list[ProviderRead]] = defaultdict(list)
    total: Counter[tuple[str, str]] = Counter(_day(read) for read in reads)
    for pair, of_one in _grouped(reads, by_pair):
        records = sorted(by_pair[pair])
        covered = [read for read in of_one if _covered(read.moment, records)]
        requester = of_one[0].requester
        unrecorded[requester] += [read for read in of_one if not _covered(read.moment, records)]
        judged = [
            Fetch(read.moment, short(read.id), short(pair), short(read.source)) for read in covered
        ]
        result.judged += judged
        earlier = fetches[short(pair)]
        more = _more_than(records, sorted([*earlier, *judged], key=lambda one: one.moment))
        addresses = {fetch.source for fetch in [*earlier, *judged]}
        many = len(addresses) > len(records)
        of_kind = elsewhere if many else again
        of_kind[requester] += [read for read in covered if short(read.id) in more]
    for found in unrecorded.values():
        result.beside += found
    yield from _by_address(
        unrecorded, "the provider's log shows reads of features that were not recorded"
    )
    yield from _by_address(
        elsewhere, "features were read more often than recorded, from several addresses"
    )
    yield from _sent_again(again, total, result)


def _by_address(groups: Mapping[str, Sequence[ProviderRead]], what: str) -> Iterator[Alert]:
    """An alert for each requester and address, so that none hides behind one that is known."""
    for requester, of_one in sorted(groups.items()):
        by_source: dict[str, list[ProviderRead]] = defaultdict(list)
        for read in of_one:
            by_source[read.source].append(read)
        for source, found in sorted(by_source.items()):
            alert = _alert(Kind.UNRECORDED, Level.CRITICAL, requester, what, found)
            yield replace(alert, source=source)


def _sent_again(
    groups: Mapping[str, Sequence[ProviderRead]],
    total: Mapping[tuple[str, str], int],
    result: Comparison,
) -> Iterator[Alert]:
    """Count what was sent again on each day; an alert where a day has too much of it."""
    again: dict[tuple[str, str], list[ProviderRead]] = defaultdict(list)
    for of_one in groups.values():
        for read in of_one:
            again[_day(read)].append(read)
    for key in sorted(total):
        reads, before = result.days.get(key, (0, 0))
        found = again.get(key, [])
        result.days[key] = reads, so_far = reads + total[key], before + len(found)
        if found and so_far > max(RETRIES, RETRY_SHARE * reads):
            what = "features were read more often than recorded"
            alert = _alert(Kind.UNRECORDED, Level.HIGH, key[1], what, found)
            yield replace(alert, numbers={**alert.numbers, "on the day": so_far})


def _day(read: ProviderRead) -> tuple[str, str]:
    return f"{read.moment:%Y-%m-%d}", read.requester


def _grouped(
    reads: Sequence[ProviderRead], by_pair: dict[str, list[datetime]]
) -> Iterator[tuple[str, list[ProviderRead]]]:
    """Reads by requester and object; as an access key's where the trail knows them by that."""
    groups: dict[str, list[ProviderRead]] = defaultdict(list)
    for read in reads:
        tag = name_tag(read.name)
        pair = _pair(read.requester, tag)
        by_key = _pair(f"access-key:{read.credentials}", tag)
        groups[by_key if pair not in by_pair and by_key in by_pair else pair].append(read)
    yield from groups.items()


def _covered(moment: datetime, records: Sequence[datetime]) -> bool:
    at = bisect_left(records, moment - BEFORE)
    return at < len(records) and records[at] <= moment + AFTER


def _more_than(records: Sequence[datetime], fetches: Sequence[Fetch]) -> set[str]:
    """The ids of reads beyond one a record; each takes the oldest record that still covers it."""
    free = list(records)
    more = set()
    for fetch in fetches:
        at = bisect_left(free, fetch.moment - BEFORE)
        if at < len(free) and free[at] <= fetch.moment + AFTER:
            del free[at]
        else:
            more.add(fetch.id)
    return more


def _strangers(reads: Sequence[ProviderRead]) -> Iterator[Alert]:
    groups: dict[str, list[ProviderRead]] = defaultdict(list)
    for read in reads:
        groups[read.requester].append(read)
    for requester, of_one in sorted(groups.items()):
        places = ", ".join(sorted({read.place.value for read in of_one}))
        yield _alert(
            Kind.STRANGER,
            Level.CRITICAL,
            requester,
            f"somebody whose role may not read there read in: {places}",
            of_one,
        )


def _refused(reads: Sequence[ProviderRead]) -> Iterator[Alert]:
    groups: dict[str, list[ProviderRead]] = defaultdict(list)
    for read in reads:
        if read.refused.endswith(("AccessDenied", "403")) or "Invalid" in read.refused:
            groups[read.requester].append(read)
    for requester, of_one in sorted(groups.items()):
        if len(of_one) >= _MANY_REFUSALS:
            places = ", ".join(sorted({read.place.value for read in of_one}))
            yield _alert(
                Kind.STRANGER,
                Level.MEDIUM,
                requester,
                f"the provider refused somebody who tried to read in: {places}",
                of_one,
            )


def _alert(
    kind: Kind, level: Level, requester: str, what: str, found: Sequence[ProviderRead]
) -> Alert:
    return Alert(
        kind=kind,
        level=level,
        requester=requester,
        what=what,
        start=min(read.moment for read in found),
        end=max(read.moment for read in found),
        numbers={
            "requests": len(found),
            "objects": len({(read.place, read.name) for read in found}),
            "bytes": sum(read.size for read in found),
            "addresses": len({read.source for read in found}),
        },
    )


def short(text: str) -> str:
    """A text, to be told from others and not to be read."""
    return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()


def _pair(requester: str, tag: str) -> str:
    return f"{requester}\n{tag}"
