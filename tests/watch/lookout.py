"""A deployment that is watched: a trail to write to, a provider that delivers logs, a clock."""

import atexit
import gzip
import hashlib
import itertools
import json
import secrets
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from tests.ingest.home import Home
from unvoiced.audit.record import AccessRecord, Purpose, Read, by_contributor, rfc3339_milliseconds
from unvoiced.sections import WatchSettings
from unvoiced.stores import Store
from unvoiced.stores.memory import MemoryStore
from unvoiced.watch import remembered, run, tell
from unvoiced.watch.alert import Alert
from unvoiced.watch.event import Origin
from unvoiced.watch.report import Report
from unvoiced.watch.state import NAME, State
from unvoiced.watch.watcher import Watcher, open_watcher

START = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
ACCOUNT = "111122223333"
ANNA = f"arn:aws:sts::{ACCOUNT}:assumed-role/unvoiced-data-scientist/anna"
WORKER = f"arn:aws:sts::{ACCOUNT}:assumed-role/unvoiced-ingest-worker/i-0abc"
ROLES = {
    "data_scientist": f"arn:aws:iam::{ACCOUNT}:role/team/unvoiced-data-scientist",
    "ingest_worker": f"arn:aws:iam::{ACCOUNT}:role/unvoiced-ingest-worker",
    "archivist": f"arn:aws:iam::{ACCOUNT}:role/unvoiced-archivist",
}
OFFICE, ELSEWHERE = "192.0.2.3", "203.0.113.9"
_SET = "features/speech-16k-0123abcd"
_numbers = itertools.count()


@cache
def _template() -> Path:
    """A deployment to copy: making one takes longer."""
    folder = Path(tempfile.mkdtemp(prefix="unvoiced-watch-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    Home.create(folder / "home")
    return folder / "home"


class Hands:
    """A clock that stands until it is set."""

    def __init__(self, now: datetime = START) -> None:
        self.now = now

    def __call__(self) -> datetime:
        """The time."""
        return self.now


def feature(number: int) -> str:
    """The name of some feature object; every four are one contributor's."""
    pseudonym = hashlib.sha256(str(number // 4).encode()).hexdigest()
    letters = "".join("abcdefghijklmnop"[int(digit, 16)] for digit in pseudonym[:26])
    return f"{_SET}/{letters}/sample-{number}.unv"


def get_event(
    name: str,
    at: datetime,
    requester: str = ANNA,
    source: str = OFFICE,
    *,
    bucket: str = "unvoiced-training",
    event: str = "GetObject",
    error: str = "",
    id: str = "",  # noqa: A002
) -> dict[str, Any]:
    """One CloudTrail data event, as Amazon documents it."""
    role = requester.split("/")[1] if "assumed-role" in requester else ""
    record: dict[str, Any] = {
        "eventVersion": "1.11",
        "userIdentity": {
            "type": "AssumedRole",
            "principalId": "AROAIDPPEZS35WEXAMPLE:anna",
            "arn": requester,
            "accountId": ACCOUNT,
            "accessKeyId": "ASIAIOSFODNN7EXAMPLE",
            "sessionContext": {
                "sessionIssuer": {
                    "type": "Role",
                    "principalId": "AROAIDPPEZS35WEXAMPLE",
                    "arn": f"arn:aws:iam::{ACCOUNT}:role/{role}",
                    "accountId": ACCOUNT,
                    "userName": role,
                },
                "attributes": {"creationDate": "2026-11-23T08:00:00Z", "mfaAuthenticated": "false"},
            },
        },
        "eventTime": f"{at:%Y-%m-%dT%H:%M:%SZ}",
        "eventSource": "s3.amazonaws.com",
        "eventName": event,
        "awsRegion": "us-east-1",
        "sourceIPAddress": source,
        "userAgent": "[unvoiced/0.1.0]",
        "requestParameters": {
            "bucketName": bucket,
            "Host": f"{bucket}.s3.us-east-1.amazonaws.com",
            "key": name,
        },
        "responseElements": None,
        "additionalEventData": {
            "SignatureVersion": "SigV4",
            "CipherSuite": "TLS_AES_128_GCM_SHA256",
            "bytesTransferredIn": 0,
            "AuthenticationMethod": "AuthHeader",
            "x-amz-id-2": "9vKBE6vMhrNiWHZmb2L0mXOcqPGzQOI5XLnCtZNPxev",
            "bytesTransferredOut": 0 if error else 160_000,
        },
        "requestID": "A1206F460EXAMPLE",
        "eventID": id or f"7be6b8f7-4ba1-4b38-a5ec-{next(_numbers):012x}",
        "readOnly": True,
        "resources": [
            {"type": "AWS::S3::Object", "ARN": f"arn:aws:s3:::{bucket}/{name}"},
            {"accountId": ACCOUNT, "type": "AWS::S3::Bucket", "ARN": f"arn:aws:s3:::{bucket}"},
        ],
        "eventType": "AwsApiCall",
        "managementEvent": False,
        "recipientAccountId": ACCOUNT,
        "eventCategory": "Data",
    }
    if error:
        record |= {"errorCode": error, "errorMessage": "Access Denied"}
    return record


def trail_file(events: Iterable[Mapping[str, Any]]) -> bytes:
    """The bytes of a file as CloudTrail delivers it."""
    return gzip.compress(json.dumps({"Records": list(events)}).encode())


def log_line(
    name: str,
    at: datetime,
    requester: str = ANNA,
    source: str = OFFICE,
    *,
    operation: str = "REST.GET.OBJECT",
    status: str = "200",
    error: str = "-",
    uri: str = '"GET /x HTTP/1.1"',
    agent: str = '"unvoiced/0.1.0"',
    bucket: str = "unvoiced-training",
) -> str:
    """One line of a server access log, as Amazon documents it."""
    owner = "79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be"
    when = f"{at.day:02d}/{at:%b/%Y:%H:%M:%S} +0000"
    return (
        f"{owner} {bucket} [{when}] {source} {requester} {next(_numbers):016X} {operation} {name} "
        f'{uri} {status} {error} 160000 160000 41 28 "-" {agent} - '
        "s9lzHYrFp76ZVxRcpX9+5cjAnEH2ROuNkd2BHfIa6UkFVdtjf5mKR3/eTPFvsiP/XV/VLi31234= SigV4 "
        f"TLS_AES_128_GCM_SHA256 AuthHeader {bucket}.s3.us-east-1.amazonaws.com TLSv1.3 - -"
    )


@dataclass
class Session:
    """One reader's session: a chain of records."""

    requester: str = ANNA
    run: str = field(default_factory=lambda: f"train-{secrets.token_hex(4)}")
    sequence: int = 0
    previous: str | None = None


@dataclass(frozen=True)
class Lookout:
    """A deployment and who watches it."""

    home: Home
    clock: Hands
    provider: Mapping[Origin, Store]

    @classmethod
    def create(cls, folder: Path, *origins: Origin, **watch: Any) -> "Lookout":
        """In memory, its places named as buckets; with the provider's logs of these origins."""
        clock = Hands()
        home = replace(Home.copy(_template(), folder), clock=clock).in_memory(versioned=True)
        settings = replace(
            home.settings,
            stores={name: f"s3://unvoiced-{name}" for name in home.settings.stores},
            roles=ROLES,
            watch=WatchSettings(**watch),
        )
        return cls(
            replace(home, settings=settings),
            clock,
            {origin: MemoryStore(origin.name.lower(), now=clock) for origin in origins},
        )

    @property
    def audit(self) -> Store:
        """The audit store."""
        return self.home.store("audit")

    def at(self, **later: float) -> datetime:
        """So much after the start; sets the clock."""
        self.clock.now = START + timedelta(**later)
        return self.clock.now

    def record(
        self,
        numbers: Iterable[int],
        at: datetime,
        session: Session | None = None,
        *,
        dated: datetime | None = None,
    ) -> str:
        """Record these features as read, as the reader does; `dated` by a reader's wrong clock."""
        session = session or Session()
        reads = [
            Read(name, _digest(name), _digest(name.split("/")[2]), 160_000)
            for name in map(feature, numbers)
        ]
        record = AccessRecord(
            requester=session.requester,
            purpose=Purpose.TRAINING.value,
            time=rfc3339_milliseconds(dated or at),
            source="anna:1000@laptop",
            run=session.run,
            sequence=session.sequence,
            previous=session.previous,
            size=sum(read.size for read in reads),
            contributors=by_contributor(reads),
        )
        data = record.encode()
        now, self.clock.now = self.clock.now, at
        name = f"{record.name}{secrets.token_hex(8)}-{len(record.objects)}.json"
        self.audit.put_if_absent(name, data)
        self.clock.now = now
        session.sequence += 1
        session.previous = hashlib.sha256(data).hexdigest()
        return name

    def deliver(self, events: Sequence[Mapping[str, Any]], at: datetime) -> str:
        """Put a file of CloudTrail's, with these events, when it is delivered."""
        name = (
            f"AWSLogs/{ACCOUNT}/CloudTrail/us-east-1/{at:%Y/%m/%d}/"
            f"{ACCOUNT}_CloudTrail_us-east-1_{at:%Y%m%dT%H%MZ}_{secrets.token_hex(8)}.json.gz"
        )
        self._put(Origin.CLOUDTRAIL, name, trail_file(events), at)
        return name

    def deliver_lines(self, lines: Sequence[str], at: datetime) -> str:
        """Put a server access log with these lines, when it is delivered."""
        name = f"{at:%Y-%m-%d-%H-%M-%S}-{secrets.token_hex(8).upper()}"
        self._put(Origin.ACCESS_LOG, name, "".join(f"{one}\n" for one in lines).encode(), at)
        return name

    def _put(self, origin: Origin, name: str, data: bytes, at: datetime) -> None:
        now, self.clock.now = self.clock.now, at
        self.provider[origin].put_if_absent(name, data)
        self.clock.now = now

    def watcher(self, **shelf: Store) -> Watcher:
        """Somebody who has just come to watch."""
        home = self.home.on(**shelf) if shelf else self.home
        opened = open_watcher(home.settings, "run", self.clock)
        return replace(opened, provider=self.provider)

    def state(self) -> State:
        """What the watch remembers."""
        return remembered.unseal(self.audit.get(NAME).data, self.watcher().signer.verifier)

    def look(self, watcher: Watcher | None = None) -> Report:
        """One run."""
        return run.watch(watcher or self.watcher())

    def untold(self, watcher: Watcher) -> list[Alert]:
        """What it would tell of."""
        return list(tell.untold(watcher).values())

    def told(self, watcher: Watcher | None = None) -> list[Alert]:
        """What a run tells of afterwards."""
        watcher = watcher or self.watcher()
        found = tell.untold(watcher)
        tell.tell(watcher, found)
        return list(found.values())


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()
