"""Disposal that a real S3 server does not let happen, or that somebody gets in the way of."""

import itertools
import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.ingest.buckets import home_in_buckets
from tests.ingest.claims import accounted_for, finished
from tests.ingest.home import STORES, Home, Sent, digest
from tests.ingest.hooked_store import HookedStore, once
from tests.ingest.test_twins import voice
from tests.servers import trouble
from tests.servers.seaweed import Seaweed
from tests.servers.trouble import Trouble
from unvoiced.config import StoreName
from unvoiced.errors import CredentialsExpired
from unvoiced.ingest.batch import ingest_batch
from unvoiced.ingest.recording import raw_context
from unvoiced.sealing import seal

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

pytestmark = pytest.mark.server

LOCK = "under object lock"
HOLD = "under a legal hold"


@pytest.fixture(scope="module")
def bucket(s3_server: Seaweed) -> str:
    """A versioned bucket for all but what is locked; each deployment has a prefix of its own."""
    return s3_server.bucket(versioned=True)


@pytest.fixture
def lockable(s3_server: Seaweed) -> str:
    """A new bucket in which objects can be locked."""
    name = f"b-{secrets.token_hex(8)}"
    s3_server.client().create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
    return name


Make = Callable[[str | None], Home]


@pytest.fixture
def make_home(s3_server: Seaweed, bucket: str, tmp_path: Path) -> Make:
    """A maker of new deployments, their raw store in a bucket of its own where one is named."""
    numbers = itertools.count()

    def make(raw_bucket: str | None) -> Home:
        own = secrets.token_hex(4)

        def url(name: str) -> str:
            if name == "raw" and raw_bucket:
                return s3_server.store_url(raw_bucket, name)
            return s3_server.store_url(bucket, f"{own}/{name}")

        return home_in_buckets(tmp_path / f"home-{next(numbers)}", url)

    return make


class Blocked:
    """A deployment with one recording that is kept from being destroyed, and one that is not."""

    def __init__(self, home: Home, client: "S3Client", bucket: str, voices: list[bytes]) -> None:
        self.home, self.client, self.bucket = home, client, bucket
        self.kept = home.send("anna", voices[0])
        self.free: list[Sent] = []

    def add_free(self, voice: bytes) -> None:
        """One that nothing keeps."""
        self.free.append(self.home.send("bruno", voice))

    @property
    def _key(self) -> dict[str, str]:
        return {
            "Bucket": self.bucket,
            "Key": f"raw/{self.kept.name}",
            "VersionId": self.kept.version,
        }

    def hold(self, status: str) -> None:
        """Place a legal hold, or lift it."""
        self.client.put_object_legal_hold(**self._key, LegalHold={"Status": status})  # type: ignore[typeddict-item]

    def retain(self, mode: str, seconds: float, *, bypass: bool = False) -> None:
        """Set how long the recording is to be kept."""
        until = datetime.now(UTC) + timedelta(seconds=seconds)
        self.client.put_object_retention(
            **self._key,
            Retention={"Mode": mode, "RetainUntilDate": until},  # type: ignore[typeddict-item]
            BypassGovernanceRetention=bypass,
        )

    def is_left(self, reason: str) -> None:
        """A run leaves it and says why; twice, as nothing about that may pile up."""
        for turn in range(2):
            report = self.home.run()
            assert report.disposed == (len(self.free) if turn == 0 else 0)
            assert report.left.keys() == {self.kept.name}
            assert reason in report.left[self.kept.name]
            disposed = {leaf.digest for leaf in self.home.leaves("disposed")}
            assert disposed == {one.sha256 for one in self.free}
            status = self.home.status()
            assert status.adds_up, status
            assert (status.backlog, status.waiting) == (1, 1)
            assert self.home.standing() == {self.kept.sha256}
            # INV-6 its features are there, once, whatever becomes of the recording.
            assert len(self.home.features()) == 1 + len(self.free)
        features = self.home.store("training").get(self.kept.feature_name)
        accounted_for(self.home, [self.kept, *self.free])
        self.features_before = features

    def is_finished_by_the_next_run(self) -> None:
        """One receipt, the very same features, and nothing left in the raw store."""
        self.home.run()
        finished(self.home, [self.kept, *self.free])
        assert list(self.home.store("raw").versions()) == []
        assert self.home.store("training").get(self.kept.feature_name) == self.features_before


@pytest.fixture
def blocked(make_home: Make, lockable: str, s3_server: Seaweed, voices: list[bytes]) -> Blocked:
    """A raw store in a bucket with object lock; nothing is locked yet."""
    return Blocked(make_home(lockable), s3_server.client(), lockable, voices)


def lock_by_default(client: "S3Client", bucket: str, mode: str) -> None:
    """Have the bucket keep whatever is put into it for a day."""
    client.put_object_lock_configuration(
        Bucket=bucket,
        ObjectLockConfiguration={
            "ObjectLockEnabled": "Enabled",
            "Rule": {"DefaultRetention": {"Mode": mode, "Days": 1}},  # type: ignore[typeddict-item]
        },
    )


@pytest.mark.inv("INV-4", "INV-5", "INV-6")
def test_a_bucket_that_retains_by_governance_blocks_disposal_until_it_is_bypassed(
    make_home: Make, lockable: str, s3_server: Seaweed, voices: list[bytes]
) -> None:
    """Retention by default, set after the fact on a bucket; lifted by who may bypass it."""
    home = make_home(lockable)
    lock_by_default(s3_server.client(), lockable, "GOVERNANCE")
    blocked = Blocked(home, s3_server.client(), lockable, voices)
    blocked.is_left(f"{LOCK} (GOVERNANCE) until ")
    blocked.retain("GOVERNANCE", 1, bypass=True)
    time.sleep(1.5)
    blocked.is_finished_by_the_next_run()


@pytest.mark.inv("INV-4", "INV-5", "INV-6")
def test_a_bucket_that_retains_for_compliance_blocks_disposal(
    make_home: Make, lockable: str, s3_server: Seaweed, voices: list[bytes]
) -> None:
    """Nobody can lift this one; the recording is the backlog, counted and named at every run."""
    home = make_home(lockable)
    lock_by_default(s3_server.client(), lockable, "COMPLIANCE")
    blocked = Blocked(home, s3_server.client(), lockable, voices)
    blocked.is_left(f"{LOCK} (COMPLIANCE) until ")


@pytest.mark.inv("INV-4", "INV-5", "INV-6")
def test_retention_for_compliance_that_runs_out_lets_the_next_run_finish(
    blocked: Blocked, voices: list[bytes]
) -> None:
    """Of two recordings one is retained for some seconds: the other goes, and then it does."""
    blocked.add_free(voices[1])
    blocked.retain("COMPLIANCE", 6)
    begin = time.monotonic()
    blocked.is_left(f"{LOCK} (COMPLIANCE) until ")
    time.sleep(max(0.0, 7 - (time.monotonic() - begin)))
    blocked.is_finished_by_the_next_run()


@pytest.mark.inv("INV-4", "INV-5", "INV-6")
def test_a_legal_hold_on_one_recording_blocks_that_one(
    blocked: Blocked, voices: list[bytes]
) -> None:
    """The other of the same batch goes; released, the next run finishes with the features there."""
    blocked.add_free(voices[1])
    blocked.hold("ON")
    blocked.is_left(HOLD)
    blocked.hold("OFF")
    blocked.is_finished_by_the_next_run()


@pytest.mark.inv("INV-4")
def test_a_hold_placed_between_read_and_delete_blocks_too(blocked: Blocked) -> None:
    """The run has read the recording and placed its features when the hold comes."""
    home = blocked.home
    around = once("delete", blocked.kept.name, lambda: blocked.hold("ON"))
    report = home.on(raw=HookedStore(home.store("raw"), around)).run()
    assert HOLD in report.left[blocked.kept.name]
    blocked.is_left(HOLD)
    blocked.hold("OFF")
    blocked.is_finished_by_the_next_run()


@pytest.mark.inv("INV-4", "INV-5")
def test_a_delete_marker_put_between_plan_and_delete_hides_nothing(
    blocked: Blocked, voices: list[bytes]
) -> None:
    """Somebody's plain DELETE: the version is destroyed all the same, and the marker goes too."""
    blocked.add_free(voices[1])
    home, sent = blocked.home, [blocked.kept, *blocked.free]
    bench = home.bench()
    batches = home.plan(bench).batches
    for one in sent:
        blocked.client.delete_object(Bucket=blocked.bucket, Key=f"raw/{one.name}")
    assert home.store("raw").head(blocked.kept.name) is None
    for batch in batches:
        report = ingest_batch(bench, batch)
        assert (report.disposed, report.left) == (2, {})
    finished(home, sent)
    assert list(home.store("raw").versions()) == []


@pytest.mark.inv("INV-4", "INV-5")
@pytest.mark.parametrize("operation", ["get", "delete", "head"])
def test_a_delete_marker_put_at_any_moment_of_the_disposal_hides_nothing(
    blocked: Blocked, operation: str
) -> None:
    """After it was read, after it was deleted, after it was looked for."""
    home, raw, name = blocked.home, blocked.home.store("raw"), blocked.kept.name
    client, bucket = blocked.client, blocked.bucket
    around = once(
        operation,
        name,
        lambda: client.delete_object(Bucket=bucket, Key=f"raw/{name}"),
        after=operation == "get",
    )
    home.on(raw=HookedStore(raw, around)).run()
    accounted_for(home, [blocked.kept])
    home.run()
    finished(home, [blocked.kept])


@pytest.mark.inv("INV-3", "INV-5", "INV-6")
@pytest.mark.parametrize("operation", ["get", "delete", "head"])
def test_a_newer_version_put_meanwhile_survives_and_becomes_its_own_sample(
    blocked: Blocked, voices: list[bytes], operation: str
) -> None:
    """Put over the recording that is being disposed of: never deleted for it, and ingested next."""
    home, older = blocked.home, blocked.kept
    context = raw_context(older.pseudonym, older.sample)
    sealed = seal(voices[1], home.intake().public, context)
    newer: list[Sent] = []

    def put() -> None:
        version = blocked.client.put_object(
            Bucket=blocked.bucket, Key=f"raw/{older.name}", Body=sealed
        )["VersionId"]
        newer.append(Sent(older.name, version, digest(sealed), voices[1], sealed))

    around = once(operation, older.name, put, after=operation == "get")
    report = home.on(raw=HookedStore(home.store("raw"), around)).run()
    assert (report.disposed, report.left) == (1, {})
    assert [entry.version for entry in home.store("raw").versions()] == [newer[0].version]
    assert home.status().not_accepted == 1
    home.run()
    finished(home, [older, *newer])


@pytest.fixture(scope="module")
def buckets(s3_server: Seaweed) -> dict[StoreName, str]:
    """A versioned bucket for each store."""
    return {name: s3_server.bucket(versioned=True) for name in STORES}


@pytest.fixture
def through_proxy(s3_trouble: Trouble, buckets: dict[StoreName, str], tmp_path: Path) -> Home:
    """A deployment that reaches all of its stores through a proxy."""
    own = secrets.token_hex(4)
    urls = {name: s3_trouble.store_url(bucket, own) for name, bucket in buckets.items()}
    return home_in_buckets(tmp_path / "home", urls.__getitem__)


EXPIRED = trouble.refuse(400, "ExpiredToken", "The provided token has expired.")


@pytest.mark.inv("INV-3", "INV-4", "INV-5", "INV-6")
@pytest.mark.parametrize(
    "store", ["raw", *(pytest.param(one, marks=pytest.mark.slow) for one in ["all", *STORES[1:4]])]
)
def test_credentials_that_expire_in_mid_run_lose_nothing(
    through_proxy: Home, s3_trouble: Trouble, buckets: dict[str, str], store: str
) -> None:
    """At moments spread over a run: it says so, it adds up, the next run finishes it.

    Those for all of the stores, or, where each has credentials of its own, those for one.
    """
    home, part = through_proxy, f"/{buckets.get(store, '')}"
    sent: list[Sent] = []
    broken: list[Sent] = []

    def upload() -> None:
        sent.extend(home.send(secrets.token_hex(4), voice(len(sent) + n)) for n in range(2))
        broken.append(home.send("anna", b"no audio %d" % len(broken)))

    for _ in range(2):  # the first run makes anna's key, and no later one does
        upload()
        s3_trouble.behave()
        home.run()
    requests = sum(one.path.startswith(part) for one in s3_trouble.seen)
    steps = 10 if store == "all" else 4
    assert requests > steps
    # Not to the very last: how many requests a run makes hangs a little on the size of the log.
    for after in range(0, requests * 9 // 10, -(-requests // steps)):
        upload()
        s3_trouble.behave()
        s3_trouble.always(EXPIRED, part=part, skip=after)
        with pytest.raises(CredentialsExpired, match="ExpiredToken: the credentials have run out"):
            home.run()
        s3_trouble.behave()
        accounted_for(home, [*sent, *broken])
        home.run()
        finished(home, [*sent, *broken], broken)
