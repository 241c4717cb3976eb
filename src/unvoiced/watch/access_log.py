"""S3 server access logs: which requests were reads of objects of ours. No I/O.

The format is Amazon's: one line a request, fields divided by spaces, the time in brackets, the
request, the referrer and the user agent in quotes, "-" for what there is not, and room for fields
to come at the end. Who asks chooses what is in the quotes, quotes too: of a line whose quotes can
be read in two ways it is not believed that the request was refused.
"""

import re
from datetime import UTC, datetime
from urllib.parse import unquote

from unvoiced.watch.event import Origin
from unvoiced.watch.provider import ANONYMOUS, Buckets, Parsed, ProviderRead

# Up to the key nothing is the requester's to choose, and the key is encoded.
_HEAD = re.compile(
    r"(?P<owner>\S+) (?P<bucket>\S+) \[(?P<time>[^\]]+)\] (?P<ip>\S+) (?P<requester>\S+) "
    r"(?P<id>\S+) (?P<operation>[A-Z0-9]+\.[A-Z0-9_]+\.[A-Z0-9_]+|SOAP\.\w+) (?P<key>\S+) "
)
_TAIL = re.compile(
    r'(?P<uri>"[^"]*"|-) (?P<status>\d{3}|-) (?P<error>[\w.-]+) (?P<sent>\d+|-) (?P<size>\d+|-) '
    r'(?P<total>\d+|-) (?P<turn>\d+|-) (?P<referrer>"[^"]*"|-) (?P<agent>"[^"]*"|-)'
    r"(?: [^\s\"]+)+"  # no more quotes: where there are, they can be read in two ways
)
_TIME = re.compile(r"(\d\d)/([A-Z][a-z]{2})/(\d{4}):(\d\d):(\d\d):(\d\d) \+0000")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
# What sends an object's bytes, to the requester or into another object.
_READS = re.compile(
    r"(REST|WEBSITE)\.GET\.OBJECT|REST\.COPY\.(OBJECT|PART)_GET|SOAP\.GetObject(Extended)?"
    r"|REST\.[A-Z]+\.\w*(SELECT|TORRENT)\w*"
)


def parse_file(data: bytes, buckets: Buckets) -> Parsed:
    """The reads of our objects in one file, as it was delivered."""
    parsed = Parsed()
    for line in data.decode("utf-8", "replace").split("\n"):
        if not line:
            continue
        try:
            read = _read(line, buckets)
        except ValueError:
            parsed.unreadable += 1
            continue
        if read is not None:
            parsed.reads.append(read)
    return parsed


def _read(line: str, buckets: Buckets) -> ProviderRead | None:
    """Raises `ValueError` for what is no line of such a log."""
    head = _HEAD.match(line)
    if head is None:
        raise ValueError
    moment = _moment(head["time"])
    if not _READS.fullmatch(head["operation"]) or head["key"] == "-":
        return None
    # Amazon's logs have what is encoded in a key encoded twice. No name of ours has a "%".
    found = buckets.find(head["bucket"], unquote(unquote(head["key"])))
    if found is None:
        return None
    place, name = found
    tail = _TAIL.fullmatch(line, head.end())
    refused, sent = "", 0
    if tail is not None:
        sent = int(tail["sent"]) if tail["sent"] != "-" else 0
        if tail["status"] not in {"200", "206", "-"}:
            refused = tail["error"] if tail["error"] != "-" else tail["status"]
    return ProviderRead(
        origin=Origin.ACCESS_LOG,
        id=head["id"],
        moment=moment,
        requester=ANONYMOUS if head["requester"] == "-" else head["requester"],
        credentials="",
        source=head["ip"],
        place=place,
        name=name,
        size=sent,
        refused=refused,
    )


def _moment(text: str) -> datetime:
    match = _TIME.fullmatch(text)
    if match is None or match[2] not in _MONTHS:
        raise ValueError
    day, month, *rest = match.groups()
    year, hour, minute, second = map(int, rest)
    return datetime(year, _MONTHS.index(month) + 1, int(day), hour, minute, second, tzinfo=UTC)
