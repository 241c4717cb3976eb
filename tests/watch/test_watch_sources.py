"""The provider's logs, parsed: what is a read of ours, and what cannot be told."""

import gzip
import json
from datetime import UTC, datetime, timedelta

import pytest

from tests.watch.lookout import ANNA, OFFICE, START, feature, get_event, log_line, trail_file
from unvoiced.access.roles import Place
from unvoiced.watch import access_log, cloudtrail
from unvoiced.watch.event import Origin
from unvoiced.watch.provider import ANONYMOUS, Buckets

BUCKETS = Buckets(
    {
        Place.TRAINING: "s3://unvoiced-training",
        Place.RAW: "s3://unvoiced-shared/raw",
        Place.WORKER_VAULT: "s3://unvoiced-shared/vaults/worker",
        Place.LOG: "file:///log",
    }
)
OWNER = "79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be"


def test_a_data_event_of_cloudtrail_is_a_read() -> None:
    """Who, what, when, from where and how much come out as the event has them."""
    parsed = cloudtrail.parse_file(trail_file([get_event(feature(1), START)]), BUCKETS)
    (read,) = parsed.reads
    assert parsed.unreadable == 0
    assert (read.requester, read.source, read.moment) == (ANNA, OFFICE, START)
    assert (read.place, read.name, read.size) == (Place.TRAINING, feature(1), 160_000)
    assert read.credentials == "ASIAIOSFODNN7EXAMPLE"
    assert read.of_features
    assert read.event().origin is Origin.CLOUDTRAIL


def test_a_refused_request_says_so() -> None:
    """A request with an error code is a try, not a read."""
    event = get_event(feature(1), START, error="AccessDenied")
    (read,) = cloudtrail.parse_file(trail_file([event]), BUCKETS).reads
    assert read.refused == "AccessDenied"


@pytest.mark.parametrize("source", ["unvoiced-training/{}", "/unvoiced-training/{}?versionId=3a"])
def test_a_copy_is_a_read_of_its_source(source: str) -> None:
    """Whoever copies an object into another bucket has read it there."""
    event = get_event("loot.unv", START, bucket="elsewhere", event="CopyObject")
    event["requestParameters"]["x-amz-copy-source"] = source.format(feature(3))
    (read,) = cloudtrail.parse_file(trail_file([event]), BUCKETS).reads
    assert (read.place, read.name) == (Place.TRAINING, feature(3))


def test_what_is_no_read_of_ours_is_passed_over() -> None:
    """Other buckets, other services, heads, puts and lists are no reads."""
    events = [
        get_event(feature(1), START, bucket="somebody-elses"),
        get_event(feature(1), START, event="HeadObject"),
        get_event(feature(1), START, event="PutObject"),
        get_event(feature(1), START) | {"eventSource": "kms.amazonaws.com", "eventName": "Decrypt"},
    ]
    listing = get_event("", START, event="ListObjects")
    del listing["requestParameters"]["key"]
    parsed = cloudtrail.parse_file(trail_file([*events, listing]), BUCKETS)
    assert (parsed.reads, parsed.unreadable) == ([], 0)


def test_an_event_that_is_not_known_and_sent_bytes_is_a_read() -> None:
    """A way to read that Amazon adds tomorrow does not go unseen."""
    event = get_event(feature(1), START, event="GetObjectByTelepathy")
    assert len(cloudtrail.parse_file(trail_file([event]), BUCKETS).reads) == 1


def test_through_an_access_point_the_bucket_is_in_the_resources() -> None:
    """A read through an access point, whose parameters do not name the bucket, is found."""
    event = get_event(feature(1), START)
    event["requestParameters"]["bucketName"] = "arn:aws:s3:us-east-1:111122223333:accesspoint/ap"
    (read,) = cloudtrail.parse_file(trail_file([event]), BUCKETS).reads
    assert read.name == feature(1)


def test_the_longest_prefix_is_the_place() -> None:
    """Stores that share a bucket are told apart, and none swallows another."""
    assert BUCKETS.find("unvoiced-shared", "raw/a/b.unv") == (Place.RAW, "a/b.unv")
    found = BUCKETS.find("unvoiced-shared", "vaults/worker/log/signing.key")
    assert found == (Place.WORKER_VAULT, "log/signing.key")
    assert BUCKETS.find("unvoiced-shared", "rawer/a") is None


@pytest.mark.parametrize(
    "who",
    [
        {"type": "AWSAccount", "principalId": "", "accountId": "ANONYMOUS_PRINCIPAL"},
        {"type": "AWSService", "invokedBy": "athena.amazonaws.com"},
        {"type": "AWSAccount", "principalId": "AIDACKCEVSQ6C2EXAMPLE", "accountId": "999"},
    ],
)
def test_who_has_no_arn_is_somebody_all_the_same(who: dict[str, str]) -> None:
    """Anonymous requests, services and other accounts' principals are reads by somebody."""
    event = get_event(feature(1), START) | {"userIdentity": who}
    (read,) = cloudtrail.parse_file(trail_file([event]), BUCKETS).reads
    expected = who.get("invokedBy") or who.get("principalId") or ANONYMOUS
    assert read.requester == expected


@pytest.mark.parametrize(
    "lost", ["eventID", "eventTime", "eventSource", "eventName", "userIdentity", "sourceIPAddress"]
)
def test_an_event_that_lacks_a_field_is_counted(lost: str) -> None:
    """What cannot be told is counted, and the rest of the file is read."""
    broken = get_event(feature(1), START)
    del broken[lost]
    parsed = cloudtrail.parse_file(trail_file([broken, get_event(feature(2), START)]), BUCKETS)
    assert (len(parsed.reads), parsed.unreadable) == (1, 1)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no gzip",
        gzip.compress(b"no json", mtime=0),
        gzip.compress(b'{"Records": {}}', mtime=0),
        gzip.compress(b"[]", mtime=0),
        trail_file([get_event(feature(1), START)])[:-12],
        gzip.compress(b"[" * 100_000, mtime=0),
    ],
)
def test_a_file_that_is_none_is_counted(data: bytes) -> None:
    """A file that is cut off or is none of CloudTrail's counts as one that cannot be read."""
    parsed = cloudtrail.parse_file(data, BUCKETS)
    assert (parsed.reads, parsed.unreadable) == ([], 1)


@pytest.mark.parametrize("entry", [None, [], "x", {"userIdentity": []}, {"requestParameters": 3}])
def test_any_other_entry_is_counted(entry: object) -> None:
    """Whatever JSON stands among the records, the file is read on."""
    base = get_event(feature(1), START)
    if isinstance(entry, dict):
        entry = {**base, **entry}
    data = gzip.compress(json.dumps({"Records": [entry, base]}).encode())
    parsed = cloudtrail.parse_file(data, BUCKETS)
    assert len(parsed.reads) == 1
    assert parsed.unreadable == 1


# As Amazon's documentation prints them, with this test's bucket; the last is a copy's own line.
DOCUMENTED = f"""\
{OWNER} unvoiced-training [06/Feb/2019:00:00:38 +0000] 192.0.2.3 {OWNER} 3E57427F3EXAMPLE \
REST.GET.VERSIONING - "GET /unvoiced-training?versioning HTTP/1.1" 200 - 113 - 7 - "-" \
"S3Console/0.4" - s9lzHYrFp76ZVxRcpX9+5cjAnEH2ROuNkd2BHfIa6UkFVdtjf5mKR3/eTPFvsiP/XV/VLi31234= \
SigV4 ECDHE-RSA-AES128-GCM-SHA256 AuthHeader unvoiced-training.s3.us-west-1.amazonaws.com TLSV1.2 \
arn:aws:s3:us-west-1:123456789012:accesspoint/example-AP Yes
{OWNER} unvoiced-training [06/Feb/2019:00:01:57 +0000] 192.0.2.3 {OWNER} DD6CC733AEXAMPLE \
REST.PUT.OBJECT s3-dg.pdf "PUT /unvoiced-training/s3-dg.pdf HTTP/1.1" 200 - - 4406583 41754 28 "-" \
"S3Console/0.4" - 10S62Zv81kBW7BB6SX4XJ48o6kpcl6LPwEoizZQQxJd5qDSCTLX0TgS37kYUBKQW3+bPdrg1234= \
SigV4 ECDHE-RSA-AES128-SHA AuthHeader unvoiced-training.s3.us-west-1.amazonaws.com TLSV1.2 - -
{OWNER} unvoiced-training [17/Sep/2010:13:38:36 +0000] 85.113.244.146 {OWNER} 71F7D2AAA93B0A05 \
REST.COPY.OBJECT_GET {feature(7)} - 200 - - 13538337 - - - - -
"""


def test_the_lines_of_amazons_documentation_are_read() -> None:
    """The documented lines parse, and of these only the copy's source was read."""
    parsed = access_log.parse_file(DOCUMENTED.encode(), BUCKETS)
    (read,) = parsed.reads
    assert parsed.unreadable == 0
    assert (read.name, read.requester, read.refused) == (feature(7), OWNER, "")
    assert read.moment == datetime(2010, 9, 17, 13, 38, 36, tzinfo=UTC)


def test_a_line_of_a_get_is_a_read_and_a_refused_one_a_try() -> None:
    """Status and error code tell which."""
    lines = [
        log_line(feature(1), START),
        log_line(feature(1), START, status="403", error="AccessDenied"),
        log_line(feature(1), START, status="304"),
        log_line(feature(1), START, requester="-"),
        log_line(feature(1), START, operation="REST.HEAD.OBJECT"),
        log_line(feature(1).replace("/", "%252F"), START),
    ]
    parsed = access_log.parse_file("\n".join(lines).encode(), BUCKETS)
    assert parsed.unreadable == 0
    assert [read.refused for read in parsed.reads] == ["", "AccessDenied", "304", "", ""]
    assert [read.name for read in parsed.reads] == [feature(1)] * 5
    assert parsed.reads[3].requester == ANONYMOUS
    assert parsed.reads[0].size == 160_000


@pytest.mark.parametrize(
    "field",
    [
        {"uri": '"GET /x?a=" 403 AccessDenied - - - - "-" "-" HTTP/1.1"'},
        {"agent": '"x" 403 "'},
        {"uri": '"GET /x?a=\\" HTTP/1.1"'},
    ],
)
def test_quotes_in_what_the_requester_wrote_hide_no_read(field: dict[str, str]) -> None:
    """A line made to look refused, or odd, by what is in its quotes is a read all the same."""
    (read,) = access_log.parse_file(log_line(feature(1), START, **field).encode(), BUCKETS).reads
    assert (read.name, read.refused) == (feature(1), "")


@pytest.mark.parametrize(
    "line",
    [
        "",
        "garbage",
        log_line(feature(1), START).replace("+0000]", "+0100]"),
        log_line(feature(1), START).replace("/Nov/", "/Brumaire/"),
        log_line(feature(1), START)[:60],
        log_line(feature(1), START).replace("REST.GET.OBJECT", "rest get"),
    ],
)
def test_a_line_that_is_none_is_counted(line: str) -> None:
    """It is never skipped without a word; an empty line is no line."""
    text = f"{log_line(feature(2), START)}\n{line}\n"
    parsed = access_log.parse_file(text.encode(), BUCKETS)
    assert [read.name for read in parsed.reads] == [feature(2)]
    assert parsed.unreadable == bool(line)


def test_a_later_field_at_the_end_of_a_line_does_no_harm() -> None:
    """Amazon adds fields at the end; lines stay readable, refusals stay refusals."""
    line = log_line(feature(1), START + timedelta(days=1), status="403", error="AccessDenied")
    (read,) = access_log.parse_file(f"{line} new-field us-east-1".encode(), BUCKETS).reads
    assert read.refused == "AccessDenied"
