"""Reads in the provider's log that the trail does not have: told, whoever hides them how."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from types import MappingProxyType

import pytest

from tests.watch.lookout import (
    ACCOUNT,
    ANNA,
    ELSEWHERE,
    OFFICE,
    ROLES,
    START,
    WORKER,
    feature,
    get_event,
    trail_file,
)
from unvoiced.access.roles import Place, Role
from unvoiced.audit.record import name_tag
from unvoiced.watch.alert import Kind, Level
from unvoiced.watch.cloudtrail import parse_file
from unvoiced.watch.compare import Comparison, Fetch, Recorded, compare
from unvoiced.watch.provider import Buckets, ProviderRead
from unvoiced.watch.standing import Standing

BUCKETS = Buckets({place: f"s3://unvoiced-{place.value.replace(' ', '-')}" for place in Place})
STANDING = Standing(ROLES)


def reads(
    numbers: Iterable[int], at: datetime = START, who: str = ANNA, source: str = OFFICE
) -> list[ProviderRead]:
    """These features, as CloudTrail shows them being read, a second after the other."""
    events = [
        get_event(feature(number), at + timedelta(seconds=later), who, source)
        for later, number in enumerate(numbers)
    ]
    return parse_file(trail_file(events), BUCKETS).reads


def recorded(numbers: Iterable[int], at: datetime = START, who: str = ANNA) -> list[Recorded]:
    """These features, as the trail has them."""
    return [Recorded(who, name_tag(feature(number)), at) for number in numbers]


def judge(
    seen: list[ProviderRead], trail: list[Recorded], before: tuple[Fetch, ...] = ()
) -> Comparison:
    """The comparison."""
    return compare(seen, trail, before, STANDING)


def test_what_was_recorded_raises_nothing() -> None:
    """A session that records and reads is quiet; two epochs that record twice are too."""
    trail = recorded(range(100)) + recorded(range(100), START + timedelta(minutes=5))
    later = START + timedelta(minutes=6)
    assert judge(reads(range(100)) + reads(range(100), later), trail).alerts == []


@pytest.mark.parametrize("early", [timedelta(minutes=59), timedelta(minutes=-4)])
def test_a_record_holds_for_an_hour_and_may_follow_within_minutes(early: timedelta) -> None:
    """Prefetching asks late; an object whose digest was not known is recorded after the request."""
    assert judge(reads([1]), recorded([1], START - early)).alerts == []


def test_reads_without_a_record_are_the_loudest_alert() -> None:
    """Somebody with the credentials and without the reader is told of, with numbers and times."""
    (alert,) = judge(reads(range(50)), recorded(range(20))).alerts
    assert (alert.kind, alert.level, alert.requester) == (Kind.UNRECORDED, Level.CRITICAL, ANNA)
    assert alert.numbers["objects"] == 30
    assert alert.numbers["bytes"] == 30 * 160_000
    assert alert.start == START + timedelta(seconds=20)


def test_a_single_one_is_told() -> None:
    """One read around the reader in ten thousand."""
    (alert,) = judge(reads(range(2_001)), recorded(range(2_000))).alerts
    assert alert.numbers["objects"] == 1


@pytest.mark.parametrize(
    "trail",
    [
        recorded([1], START - timedelta(minutes=61)),
        recorded([1], START + timedelta(minutes=6)),
        recorded([1], who=WORKER),
        recorded([2]),
    ],
    ids=["long before", "long after", "another's record", "another object"],
)
def test_a_record_that_is_not_this_reads_does_not_excuse_it(trail: list[Recorded]) -> None:
    """Time, requester and object all have to agree."""
    (alert,) = judge(reads([1]), trail).alerts
    assert alert.kind is Kind.UNRECORDED


def test_the_same_objects_read_beside_a_session_from_elsewhere() -> None:
    """A thief who takes exactly what a session takes, at its time, shows by a second address."""
    trail = recorded(range(3))
    (alert,) = judge(reads(range(3)) + reads([1], START, ANNA, ELSEWHERE), trail).alerts
    assert (alert.kind, alert.level) == (Kind.UNRECORDED, Level.CRITICAL)
    assert "addresses" in alert.what


def test_the_same_objects_read_beside_a_session_from_its_own_machine() -> None:
    """From the same address it shows by reading twice what was recorded once."""
    trail = recorded(range(100))
    (alert,) = judge(reads(range(100)) + reads(range(100)), trail).alerts
    assert (alert.kind, alert.level) == (Kind.UNRECORDED, Level.HIGH)
    assert alert.numbers["requests"] == 100


def test_a_thief_who_reads_before_the_session_does() -> None:
    """Who comes first takes the record; that there are two reads shows all the same."""
    early = reads(range(50), START - timedelta(minutes=4), ANNA, ELSEWHERE)
    (alert,) = judge(early + reads(range(50)), recorded(range(50))).alerts
    assert alert.kind is Kind.UNRECORDED


def test_in_pieces_over_several_runs() -> None:
    """Reads that were judged before still count: half of the thief's come in the next file."""
    trail = recorded(range(100))
    first = judge(reads(range(100)), trail)
    assert first.alerts == []
    second = judge(reads(range(100), START + timedelta(minutes=20)), trail, tuple(first.judged))
    (alert,) = second.alerts
    assert alert.numbers["requests"] == 100


def test_a_few_requests_that_were_sent_again_are_no_alarm() -> None:
    """Five of a hundred, from the same address: broken connections."""
    assert judge(reads(range(100)) + reads(range(5)), recorded(range(100))).alerts == []


def test_many_machines_of_one_role_are_no_thieves() -> None:
    """Eight machines that each record what they read may each send a request again."""
    trail = [one for _ in range(8) for one in recorded(range(10))]
    seen = [one for last in range(8) for one in reads(range(10), source=f"192.0.2.{last}")]
    assert judge(seen + reads([1]), trail).alerts == []


def test_an_event_that_is_delivered_twice_counts_once() -> None:
    """In one file, in two, or in the next run: the same id is the same read."""
    seen = reads(range(10))
    trail = recorded(range(10))
    first = judge(seen + seen, trail)
    assert (first.alerts, first.again, first.reads) == ([], 10, 10)
    assert judge(seen, trail, tuple(first.judged)).again == 10


def test_a_refused_read_is_none_and_many_are_told() -> None:
    """Nothing was read; that somebody tries doors is said, not shouted."""
    events = [
        get_event(feature(number), START, "arn:aws:iam::999999999999:user/x", error="AccessDenied")
        for number in range(12)
    ]
    result = judge(parse_file(trail_file(events), BUCKETS).reads, [])
    (alert,) = result.alerts
    assert (alert.kind, alert.level) == (Kind.STRANGER, Level.MEDIUM)
    assert result.reads == 0
    assert judge(parse_file(trail_file(events[:9]), BUCKETS).reads, []).alerts == []


def test_the_worker_reads_back_without_a_record_and_is_shown() -> None:
    """Who may read features and has no key for them needs no record; detectors see the reads."""
    result = judge(reads(range(10), who=WORKER), [])
    assert result.alerts == []
    assert [read.requester for read in result.beside] == [WORKER] * 10


@pytest.mark.parametrize(
    "arn",
    [
        f"arn:aws:sts::{ACCOUNT}:assumed-role/unvoiced-ingest-worker2/x",
        "arn:aws:sts::999999999999:assumed-role/unvoiced-ingest-worker/x",
        f"arn:aws:iam::{ACCOUNT}:user/unvoiced-ingest-worker",
        f"arn:aws:sts::{ACCOUNT}:assumed-role/x/unvoiced-ingest-worker",
        f"arn:aws:sts::{ACCOUNT}:federated-user/unvoiced-ingest-worker",
        "anonymous",
        "",
    ],
)
def test_nobody_is_a_worker_by_a_similar_name(arn: str) -> None:
    """Account and name of the role have to be those of the settings."""
    assert STANDING.role(arn) is None
    if arn:
        kinds = {alert.kind for alert in judge(reads([1], who=arn), []).alerts}
        assert kinds == {Kind.UNRECORDED, Kind.STRANGER}


def test_a_role_with_a_path_is_known_by_its_sessions() -> None:
    """The ARN of a session has the role's name and not its path."""
    assert STANDING.role(ANNA) is Role.DATA_SCIENTIST
    assert STANDING.role(ROLES["data_scientist"]) is Role.DATA_SCIENTIST


@pytest.mark.parametrize("place", [Place.RAW, Place.ARCHIVE, Place.WORKER_VAULT])
def test_reads_elsewhere_by_who_may_not_are_told(place: Place) -> None:
    """A data scientist at recordings, originals or wrapped keys; the roles of these are quiet."""
    bucket = f"unvoiced-{place.value.replace(' ', '-')}"
    event = get_event("something", START, bucket=bucket)
    (alert,) = judge(parse_file(trail_file([event]), BUCKETS).reads, []).alerts
    assert (alert.kind, alert.level) == (Kind.STRANGER, Level.CRITICAL)
    assert place.value in alert.what
    assert "something" not in str(alert)
    may = {Place.ARCHIVE: f"arn:aws:sts::{ACCOUNT}:assumed-role/unvoiced-archivist/x"}
    event = get_event("something", START, may.get(place, WORKER), bucket=bucket)
    assert judge(parse_file(trail_file([event]), BUCKETS).reads, []).alerts == []


def test_keys_and_catalog_are_no_features() -> None:
    """What a reader fetches besides is not in the trail, and raises nothing."""
    events = [get_event(f"{name}/x", START) for name in ("keys", "catalog")]
    result = judge(parse_file(trail_file(events), BUCKETS).reads, [])
    assert (result.alerts, result.reads) == ([], 0)


def test_where_no_roles_are_named_every_read_needs_a_record() -> None:
    """Without [roles] nobody is excused, and nobody is called a stranger for it."""
    result = compare(reads([1], who=WORKER), [], (), Standing(MappingProxyType({})))
    assert [alert.kind for alert in result.alerts] == [Kind.UNRECORDED]


def test_a_server_without_a_token_service_knows_access_keys() -> None:
    """There the trail has the id of the key, and CloudTrail's events have it too."""
    trail = recorded([1], who="access-key:ASIAIOSFODNN7EXAMPLE")
    assert judge(reads([1]), trail).alerts == []
