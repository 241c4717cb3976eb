"""What a call to S3 costs our side in CPU: boto3, obstore, a thin client; and one disposal.

    python -m benchmarks.s3

A real server (SeaweedFS) on loopback, versions on, no TLS. CPU is of this process alone, all its
threads; medians over interleaved rounds. Every client answers the same question with the same
care, a digest of what was received included, save where the table says "-": it cannot. Read the
ratios; wall time on loopback is mostly the server's, which shares the machine's cores.

- "boto3, turned down" leaves out what may be left out: checks of parameters, the long User-Agent,
  the wait for "100 Continue", dateutil.
- "thin" is botocore's signer on urllib3, no retries, no error codes: what Python could reach.
- "obstore" sends once (no retries): with its retries it takes its own put for somebody else's.
"""

# ruff: noqa: D102 - what the methods do stands once, at `Client`

import functools
import hashlib
import os
import statistics
import time
import xml.etree.ElementTree as ET
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from itertools import count
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote, urlencode, urlsplit

import boto3
import botocore.session
import obstore
import urllib3
from botocore import handlers
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from rich.console import Console
from rich.table import Table

from benchmarks.results import save
from tests.servers import seaweed
from unvoiced.disposal import (
    Clearance,
    Held,
    JournalEntry,
    Observation,
    PlacedFeatures,
    clear,
    destroy,
    destroy_all,
)
from unvoiced.errors import NotFound
from unvoiced.stores.s3 import S3Store
from unvoiced.stores.s3_url import s3_client

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ObjectIdentifierTypeDef

ROUNDS, OBJECTS, THREADS = 5, 24, 8
ALONE, BATCH, CONTRIBUTORS = 48, 256, 8
SIZES = {"160 kB": 160_000, "40 kB": 40_000}
READ_BACK = {"f": "f" * 64, "k": "e" * 64}
UNKNOWN_VERSION = "0" * 32

# A call and what to call it with; what it gave each time.
Each = Callable[[Callable[..., Any], Iterable[Any]], list[Any]]
# Names and versions.
Objects = Sequence[tuple[str, str]]


class Client(Protocol):
    """The calls of the data path."""

    def put(self, name: str, data: bytes) -> str:
        """Put if absent; the version."""

    def get(self, name: str, version: str) -> bytes:
        """The bytes of one version; their digest was compared with the one sent along."""

    def is_gone(self, name: str, version: str) -> bool:
        """Whether a GET of the version is answered by 404."""

    def is_absent(self, name: str) -> bool:
        """Whether HEAD is answered by 404."""


class Boto3:
    """The library's own store, on a client of one's choice; can also delete and list versions."""

    def __init__(self, bucket: str, client: "S3Client") -> None:
        self.client, self.store = client, S3Store(bucket, client=client)

    def put(self, name: str, data: bytes) -> str:
        return self.store.put_if_absent(name, data)

    def get(self, name: str, version: str) -> bytes:
        return self.store.get(name, version).data

    def is_gone(self, name: str, version: str) -> bool:
        try:
            self.store.get(name, version)
        except NotFound:
            return True
        return False

    def is_absent(self, name: str) -> bool:
        return self.store.head(name) is None

    def delete(self, name: str, version: str) -> None:
        self.store.delete(name, version)

    def versions(self, name: str) -> list[str]:
        return [entry.version for entry in self.store.versions(name)]


class Obstore:
    """Rust's object_store: no delete of a version, no list of versions, no checksum on a get.

    So the digest goes along as metadata of the object, and is compared here.
    """

    def __init__(self, bucket: str, server: seaweed.Seaweed) -> None:
        self.store = obstore.store.S3Store(
            bucket,
            endpoint=server.endpoint,
            # Without it the variable AWS_ENDPOINT_URL_S3 wins over the endpoint given here.
            aws_endpoint_url_s3=server.endpoint,
            region=seaweed.REGION,
            access_key_id=server.access_key,
            secret_access_key=server.secret_key,
            checksum_algorithm="SHA256",
            conditional_put="etag",
            client_options={"allow_http": True},
            retry_config={"max_retries": 0},
        )

    def put(self, name: str, data: bytes) -> str:
        digest = hashlib.sha256(data).hexdigest()
        put = obstore.put(self.store, name, data, mode="create", attributes={"sha256": digest})
        return str(put["version"])

    def get(self, name: str, version: str) -> bytes:
        found = obstore.get(self.store, name, options={"version": version})
        data = bytes(found.bytes())
        compare(hashlib.sha256(data).hexdigest(), found.attributes["sha256"])
        return data

    def is_gone(self, name: str, version: str) -> bool:
        # A missing version and a missing bucket are one error; they differ in its text alone.
        try:
            obstore.get(self.store, name, options={"version": version})
        except FileNotFoundError as error:
            return "<Code>NoSuchVersion</Code>" in str(error)
        return False

    def is_absent(self, name: str) -> bool:
        try:
            obstore.head(self.store, name)
        except FileNotFoundError:
            return True
        return False


class Thin:
    """botocore's signer and urllib3, nothing else. A bound, not a proposal."""

    def __init__(self, bucket: str, server: seaweed.Seaweed) -> None:
        self.bucket, self.endpoint = bucket, server.endpoint
        credentials = Credentials(server.access_key, server.secret_key)
        self.signer = S3SigV4Auth(credentials, "s3", seaweed.REGION)
        host = urlsplit(server.endpoint)
        self.pool = urllib3.HTTPConnectionPool(str(host.hostname), host.port, maxsize=32)

    def put(self, name: str, data: bytes) -> str:
        digest = b64encode(hashlib.sha256(data).digest()).decode()
        headers = {"If-None-Match": "*", "x-amz-checksum-sha256": digest}
        return str(self._ask("PUT", name, {}, headers, data).headers["x-amz-version-id"])

    def get(self, name: str, version: str) -> bytes:
        answer = self._ask("GET", name, {"versionId": version}, {"x-amz-checksum-mode": "ENABLED"})
        digest = b64encode(hashlib.sha256(answer.data).digest()).decode()
        compare(digest, answer.headers["x-amz-checksum-sha256"])
        return answer.data

    def is_gone(self, name: str, version: str) -> bool:
        return b"NoSuchVersion" in self._ask("GET", name, {"versionId": version}, allow=404).data

    def is_absent(self, name: str) -> bool:
        return self._ask("HEAD", name, {}, allow=404).status == 404

    def delete(self, name: str, version: str) -> None:
        self._ask("DELETE", name, {"versionId": version})

    def versions(self, name: str) -> list[str]:
        listed = ET.fromstring(self._ask("GET", "", {"prefix": name, "versions": ""}).data)
        return [str(found.text) for found in listed.iterfind(".//{*}VersionId")]

    def _ask(
        self,
        method: str,
        name: str,
        query: Mapping[str, str],
        headers: Mapping[str, str] | None = None,
        data: bytes = b"",
        allow: int = 200,
    ) -> urllib3.BaseHTTPResponse:
        path = f"/{self.bucket}/{quote(name)}" + (f"?{urlencode(query)}" if query else "")
        request = AWSRequest(method, self.endpoint + path, dict(headers or {}), data)
        self.signer.add_auth(request)
        answer = self.pool.request(
            method, path, body=data, headers=dict(request.headers), retries=False
        )
        if answer.status >= 300 and answer.status != allow:
            raise RuntimeError(f"{method} was answered {answer.status}")
        return answer


def compare(digest: str, sent_along: str) -> None:
    """Refuse damaged bytes."""
    if digest != sent_along:
        raise RuntimeError("damaged on the way")


def turned_down(endpoint: str) -> "S3Client":
    """Whatever botocore lets one turn off without giving up retries, checksums or error codes."""
    session = botocore.session.Session()
    session.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=read_time)
    client = boto3.Session(botocore_session=session).client(
        "s3",
        endpoint_url=endpoint,
        config=Config(
            parameter_validation=False,
            user_agent="unvoiced",
            retries={"mode": "standard", "total_max_attempts": 5},
            max_pool_connections=32,
            s3={"addressing_style": "path"},
        ),
    )
    client.meta.events.unregister("before-call.s3", handlers.add_expect_header)
    return client


def read_time(text: str) -> datetime:
    """A time of a listing, or of a header."""
    return datetime.fromisoformat(text) if text[:1].isdigit() else parsedate_to_datetime(text)


@dataclass(frozen=True)
class Cost:
    """Seconds for one object."""

    cpu: float
    wall: float


def measured(run: Each, act: Callable[..., Any], things: Sequence[Any]) -> tuple[Cost, list[Any]]:
    """What it cost for each thing, and what each gave."""
    cpu, wall = time.process_time(), time.perf_counter()
    given = run(act, things)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return Cost(cpu / len(things), wall / len(things)), given


def in_turn(act: Callable[..., Any], things: Iterable[Any]) -> list[Any]:
    """One thread."""
    return list(map(act, things))


def calls(client: Client, run: Each, tag: str) -> dict[str, Cost]:
    """Every call this client knows, `OBJECTS` times, on names of their own."""
    costs: dict[str, Cost] = {}
    for size, length in SIZES.items():
        data = os.urandom(length)
        names = [f"{tag}-{length}/{i:03}.unv" for i in range(OBJECTS)]
        put = functools.partial(client.put, data=data)
        costs[f"put if absent, {size}"], versions = measured(run, put, names)
        there = list(zip(names, versions, strict=True))
        costs[f"get a version, {size}"], _ = measured(run, spread(client.get), there)
    none = [f"{tag}-none/{i:03}.unv" for i in range(OBJECTS)]
    gone = [(name, UNKNOWN_VERSION) for name in names]
    costs["head: absent"], _ = measured(run, client.is_absent, none)
    costs["get a version: gone"], _ = measured(run, spread(client.is_gone), gone)
    if isinstance(client, Boto3 | Thin):
        costs["list one name's versions"], _ = measured(run, client.versions, names)
        costs["delete a version"], _ = measured(run, spread(client.delete), there)
    return costs


def spread(act: Callable[..., Any]) -> Callable[[tuple[str, str]], Any]:
    """The call, taking a name and a version as one."""
    return lambda of: act(*of)


def cleared(objects: Objects) -> list[Clearance]:
    """Leave to destroy them."""
    features = (PlacedFeatures("f", "d" * 64, READ_BACK["f"]),)
    entry = JournalEntry("", "", "a" * 64, features, "k", READ_BACK["k"])
    return [
        clear(replace(entry, name=name, version=version), READ_BACK, Held(frozenset()))
        for name, version in objects
    ]


def one_by_one(boto: Boto3, objects: Objects) -> None:
    """What `unvoiced.disposal.destroy` does for a recording alone."""
    for clearance in cleared(objects):
        check_gone(destroy(boto.store, clearance, lambda: datetime.now(UTC)))


def library_together(boto: Boto3, objects: Objects) -> None:
    """What `unvoiced.disposal.destroy_all` does for a batch."""
    for seen in destroy_all(boto.store, cleared(objects), lambda: datetime.now(UTC)):
        check_gone(seen)


def check_gone(seen: object) -> None:
    """Raises RuntimeError for anything that was not seen to be gone."""
    if not (isinstance(seen, Observation) and seen.shows_absence):
        raise RuntimeError(f"still there: {seen}")


def together(boto: Boto3, bucket: str, look: Client, objects: Objects) -> None:
    """DeleteObjects by version, one listing a contributor, then HEAD and GET for each recording."""
    client = boto.client
    named: list[ObjectIdentifierTypeDef] = [
        {"Key": name, "VersionId": version} for name, version in objects
    ]
    refused = client.delete_objects(Bucket=bucket, Delete={"Objects": named, "Quiet": True})
    prefixes = {name.partition("/")[0] + "/" for name, _ in objects}
    listed: set[str] = set()
    for prefix in prefixes:
        page = client.list_object_versions(Bucket=bucket, Prefix=prefix)
        found = (*page.get("Versions", ()), *page.get("DeleteMarkers", ()))
        listed |= {one["Key"] for one in found}
        if page["IsTruncated"]:
            raise RuntimeError("more than a page")
    for name, version in objects:
        if name in listed or not (look.is_absent(name) and look.is_gone(name, version)):
            raise RuntimeError("still there")
    if refused.get("Errors"):
        raise RuntimeError("not deleted")


Costs = dict[str, dict[str, list[Cost]]]


def show(title: str, costs: Costs, columns: Sequence[str]) -> None:
    """Medians; how many times less CPU than the table's first row or column stands behind."""
    table = Table("one object", title=f"{title}: CPU ms (wall ms), x less CPU than ours")
    for name in columns:
        table.add_column(name, justify="right")
    first = next(iter(costs.values()))[columns[0]]
    for what, by_column in costs.items():
        base = by_column[columns[0]] if len(columns) > 1 else first
        table.add_row(what, *(cell(by_column.get(name), base) for name in columns))
    Console(width=120).print(table)


def cell(rounds: Sequence[Cost] | None, base: Sequence[Cost]) -> str:
    """Medians of the rounds, and the ratio of their CPU to the base's."""
    if rounds is None:
        return "-"
    cpu = statistics.median(cost.cpu for cost in rounds)
    wall = statistics.median(cost.wall for cost in rounds)
    ratio = statistics.median(cost.cpu for cost in base) / cpu
    return f"{cpu * 1e3:.2f} ({wall * 1e3:.2f}) {ratio:4.1f}"


# How to dispose, and of how many.
Way = tuple[Callable[[Objects], None], int]


def ways_to_dispose(bucket: str, library: Boto3, down: Boto3, fast: Obstore) -> dict[str, Way]:
    """Delete and observe: first as the library does it, then as it could."""
    ways: dict[str, Way] = {
        "each alone (destroy), boto3": (functools.partial(one_by_one, library), ALONE),
        "each alone (destroy), boto3 turned down": (functools.partial(one_by_one, down), ALONE),
        f"{BATCH} together (destroy_all), boto3": (
            functools.partial(library_together, library),
            BATCH,
        ),
    }
    looks: dict[str, tuple[Boto3, Client]] = {
        "boto3": (library, library),
        "boto3 turned down": (down, down),
        "boto3 turned down, HEAD and GET by obstore": (down, fast),
    }
    for name, (boto, look) in looks.items():
        act = functools.partial(together, boto, bucket, look)
        ways[f"{BATCH} together, by hand, {name}"] = (act, BATCH)
    return ways


def main() -> None:
    """Measure and print."""
    with seaweed.running() as server, ThreadPoolExecutor(THREADS) as threads:
        os.environ.update(server.environment())
        bucket = server.bucket(versioned=True)
        library = Boto3(bucket, s3_client(server.endpoint, seaweed.REGION))
        down = Boto3(bucket, turned_down(server.endpoint))
        fast = Obstore(bucket, server)
        clients: dict[str, Client] = {
            "boto3 (ours)": library,
            "boto3, turned down": down,
            "obstore": fast,
            "thin": Thin(bucket, server),
        }

        def at_once(act: Callable[..., Any], things: Iterable[Any]) -> list[Any]:
            return list(threads.map(act, things))

        numbers = count()
        each: dict[str, Each] = {"one thread": in_turn, f"{THREADS} threads": at_once}
        tables: dict[str, Costs] = {how: {} for how in each}
        disposal: Costs = {}
        for round_number in range(ROUNDS + 1):  # the first one warms caches
            for how, run in each.items():
                for name, client in clients.items():
                    for call, cost in calls(client, run, f"c{next(numbers)}").items():
                        if round_number:
                            tables[how].setdefault(call, {}).setdefault(name, []).append(cost)
            for way, (dispose, size) in ways_to_dispose(bucket, library, down, fast).items():
                of = f"d{next(numbers)}"
                names = [f"{of}-{i % CONTRIBUTORS}/{i:03}.unv" for i in range(size)]
                versions = at_once(lambda name: fast.put(name, b"sealed"), names)
                objects = list(zip(names, versions, strict=True))
                cost, _ = measured(lambda act, things: [act(things)], dispose, objects)
                if round_number:
                    disposal.setdefault(way, {}).setdefault("one thread", []).append(cost)
    for how, table in tables.items():
        show(f"One call, {how}", table, list(clients))
    show("Delete and observe", disposal, ["one thread"])
    ways = {way: middle(costs["one thread"]) for way, costs in disposal.items()}
    saved = {
        how: {
            call: {name: middle(rounds) for name, rounds in by_client.items()}
            for call, by_client in table.items()
        }
        for how, table in tables.items()
    }
    save("s3", {**saved, "delete and observe": ways})


def middle(rounds: Sequence[Cost]) -> float:
    """The median of CPU seconds."""
    return statistics.median(cost.cpu for cost in rounds)


if __name__ == "__main__":
    main()
