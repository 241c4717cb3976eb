"""A deployment in memory that was operated for a while: run records, readers, alerts, reviews."""

import secrets
from dataclasses import dataclass, replace
from datetime import datetime

from tests.erasure.house import voice
from tests.ingest.home import STORES, Home
from tests.retention.calendar_home import Calendar, eraser
from unvoiced.audit.record import READS, AccessRecord, name_tag, rfc3339_milliseconds
from unvoiced.audit.reviews import new_review, record_review, sign_review
from unvoiced.epochs.retirement import open_retirer, retire_keys
from unvoiced.epochs.rotation import open_key_keeper, rotate_keys
from unvoiced.erasure import carry_out, request
from unvoiced.ingest.outcome import BatchReport, oldest
from unvoiced.leakage.result import Leakage
from unvoiced.report import Report, take_report
from unvoiced.retention.keep import keep_rules
from unvoiced.runs import RunRecord
from unvoiced.runs.keeping import keep_run_record
from unvoiced.stores.memory import MemoryStore
from unvoiced.upload import newest_intake_key, seal_recording
from unvoiced.watch import remembered
from unvoiced.watch.alert import Alert, Kind, Level
from unvoiced.watch.raised import raise_alerts
from unvoiced.watch.state import State


@dataclass(frozen=True)
class Lived:
    """A deployment and the calendar that its stores and people live by."""

    home: Home
    calendar: Calendar

    @classmethod
    def begin(cls, home: Home, *, versioned: bool = True) -> "Lived":
        """Of a deployment on disk that was just made: its stores move into memory."""
        (home.settings.folder / "keys/worker/log-checkpoint").unlink(missing_ok=True)
        calendar = Calendar()
        shelf = {name: MemoryStore(name, versioned=versioned, now=calendar) for name in STORES}
        for name, store in shelf.items():
            for entry in home.store(name).list():
                store.put_if_absent(entry.name, home.store(name).get(entry.name).data)
        return cls(replace(home.on(**shelf), clock=calendar), calendar)

    @property
    def now(self) -> datetime:
        """The time."""
        return self.calendar()

    def at(self, **since_start: float) -> "Lived":
        """Go to a moment after the start."""
        self.calendar.on(**since_start)
        return self

    def upload(self, contributor: str, seed: int) -> None:
        """A recording, sealed to the newest key."""
        invitation = self.home.invitation(contributor)
        key = newest_intake_key(invitation, self.home.store("log"), self.now)
        name, sealed = seal_recording(voice(seed), invitation, key.public)
        self.home.put(name, sealed)

    def ingest(self, run_id: str = "", state: str = "", took: float = 0) -> RunRecord:
        """A run of ingest, and the record that the flow would have kept of it."""
        begun, bench = self.now, self.home.bench(run_id := run_id or secrets.token_hex(8))
        plan = self.home.plan(bench)
        report = self.home.run(bench)
        self.calendar.forward(seconds=took)
        record = record_of(run_id, report, begun, self.now, state, plan.recordings, plan.oldest)
        keep_run_record(bench, record)
        return record

    def fail(self, run_id: str = "", state: str = "Failed") -> None:
        """A run that did nothing: what it found is left."""
        bench = self.home.bench(run_id := run_id or secrets.token_hex(8))
        plan, now = self.home.plan(bench), self.now
        record = record_of(run_id, BatchReport(), now, now, state, plan.recordings, plan.oldest)
        keep_run_record(bench, replace(record, left=plan.recordings, oldest_left=plan.oldest))

    def rotate(self) -> None:
        """This week's key and the next one's."""
        rotate_keys(open_key_keeper(self.home.settings, "run", self.calendar))

    def retire(self) -> None:
        """What may go, goes."""
        retire_keys(open_retirer(self.home.settings, "run", self.calendar))

    def retain(self) -> None:
        """A run of retention."""
        keep_rules(eraser(self.home))

    def erase(self, contributor: str) -> None:
        """What `unvoiced erase` does."""
        opened = eraser(self.home)
        carry_out(opened, request(opened, self.home.invitation(contributor).pseudonym))

    def read(self, requester: str, objects: int, purpose: str = "training") -> None:
        """A record of the audit trail, as the reader would put it."""
        digests = [secrets.token_hex(32) for _ in range(objects)]
        record = AccessRecord(
            requester=requester,
            purpose=purpose,
            time=rfc3339_milliseconds(self.now),
            source="somebody@somewhere",
            run=secrets.token_hex(8),
            sequence=0,
            previous=None,
            size=1000 * objects,
            contributors={secrets.token_hex(32): {one: name_tag(one) for one in digests}},
        )
        name = f"{record.name}{secrets.token_hex(8)}-{objects}.json"
        assert name.startswith(READS)
        self.home.store("audit").put_if_absent(name, record.encode())

    def alarm(self, requester: str, level: Level = Level.HIGH, kind: Kind = Kind.VOLUME) -> None:
        """An alert that the watch raised."""
        alert = Alert(kind, level, requester, "much", self.now, self.now, {"objects": 1})
        raise_alerts(self.home.store("audit"), [(alert, "")], b"k")

    def watch(self) -> None:
        """The watch looks, and finds nothing."""
        audit, bench = self.home.store("audit"), self.home.bench()
        version = remembered.recall(audit, self.home.verifier).version
        remembered.keep(audit, replace(State.first(), looked=self.now), version, bench.signer)

    def review(self, by: str) -> None:
        """A review that somebody signed."""
        vault = self.home.settings.vault("worker")
        signer = self.home.settings.signer(vault)
        accounts = self.home.settings.accounts(vault, signer)
        body = {"findings": []}
        size = accounts.current().size
        signed = sign_review(body, new_review(body, (by, "here"), self.now, size, 0), signer)
        record_review(self.home.store("audit"), accounts, signed, self.now)

    def report(self, days: int = 90, leakage: Leakage | None = None) -> Report:
        """The report, now."""
        return take_report(self.home.settings, self.now, days, leakage)


def record_of(
    run_id: str,
    report: BatchReport,
    begun: datetime,
    ended: datetime,
    state: str = "",
    found: int = 0,
    oldest_found: float | None = None,
) -> RunRecord:
    """What a flow keeps of a run."""
    counts = {
        "found": found,
        "disposed": report.disposed,
        "erased": report.erased,
        "quarantined": len(report.quarantined),
        "left": len(report.left),
    }
    quiet = "CompletedWithQuarantine" if report.quarantined else "Completed"
    return RunRecord(
        run_id,
        "ingest",
        begun.timestamp(),
        ended.timestamp(),
        state or ("DisposalBlocked" if report.left else quiet),
        {name: count for name, count in counts.items() if count},
        report.sealed_bytes,
        report.feature_bytes,
        report.exposure,
        oldest_found,
        len(report.left),
        oldest(report.oldest_left),
    )
