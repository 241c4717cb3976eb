"""Records of runs in the journal store, signed by the log's key.

    runs/{day}/{run id}.json     a run that did something, or met something
    runs/{day}/idle-{hour}.json  the first of an hour's runs that found nothing to do

The journal store is private: so a record can say what a public log must not. One that the log's key
did not sign counts as none. What is kept is never replaced: a run that the UI started again under
its old id has its second record beside the first (`{run id}.2.json`). So of a name its oldest
version counts, and of copies of a record one: who may put but not sign makes no number larger.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import groupby

from unvoiced.errors import AlreadyExists, NotFound, StoreError, VerificationError
from unvoiced.log.note import MAX_NOTE_BYTES, Signer, Verifier
from unvoiced.log.statement import open_statement, sign_statement
from unvoiced.runs.record import RunRecord
from unvoiced.stores import Store
from unvoiced.stores.interface import Entry
from unvoiced.stores.together import try_together

RUNS = "runs/"
_TITLE = "unvoiced run record v1"
_AGAIN = 9  # times that one run is told apart
_AHEAD = timedelta(hours=1)  # how far a worker's clock may be ahead of the reader's


@dataclass
class Found:
    """Records there are, oldest first, and how many objects there are none."""

    records: list[RunRecord] = field(default_factory=list)
    not_believed: int = 0  # not signed by the log's key, of another name, or of times to come
    repeated: int = 0  # copies of records that count, and versions put over what was there
    unread: int = 0  # the store did not give them


class RunRecords:
    """Keeps and reads records of runs; `verifier` is the log's public key."""

    def __init__(self, store: Store, verifier: Verifier) -> None:
        self._store = store
        self._verifier = verifier

    def keep(self, record: RunRecord, signer: Signer) -> str | None:
        """Make a record durable. Returns its name; None where an idle run's hour has one.

        The very record is kept once, however often this is called. Raises `StoreError`.
        """
        if record.idle and self._store.head(_name(record)) is not None:
            return None
        note = sign_statement(_TITLE, record.as_json(), signer)
        for number in range(1, _AGAIN + 1):
            name = _name(record, number)
            try:
                self._store.put_if_absent(name, note)
            except AlreadyExists:
                if record.idle:
                    return None
                if self._is(record, name):
                    return name
            else:
                return name
        raise AlreadyExists(f"{_name(record)}: this run has {_AGAIN} records already")

    def since(self, begun: datetime, until: datetime) -> Found:
        """Records of runs that began in this time, by the days in their names and in themselves."""
        found, latest = Found(), (until + _AHEAD).timestamp()
        seen: set[tuple[str, float, float]] = set()
        # A prefix that covers all the days; S3 lists a thousand names at once.
        entries = self._oldest(begun, until, found)
        for record in try_together(self._store, self._read, entries):
            if isinstance(record, NotFound):
                continue
            if isinstance(record, StoreError):
                found.unread += 1
            elif record is None or record.ended > latest:
                found.not_believed += 1
            elif (one := (record.run_id, record.begun, record.ended)) in seen:
                found.repeated += 1
            elif begun.timestamp() <= record.begun:
                seen.add(one)
                found.records.append(record)
        found.records.sort(key=lambda one: (one.begun, one.run_id))
        return found

    def _oldest(self, begun: datetime, until: datetime, found: Found) -> Iterator[Entry]:
        """Of each name the first version that stands; the others are counted."""
        for _, versions in groupby(self._entries(begun, until), key=lambda one: one.name):
            oldest, *others = sorted(versions, key=lambda one: one.modified)
            found.repeated += len(others)
            yield oldest

    def _entries(self, begun: datetime, until: datetime) -> Iterator[Entry]:
        last = f"{RUNS}{(until + _AHEAD).astimezone(UTC):%Y-%m-%d}/~"  # behind all of that day
        before = begun.astimezone(UTC) - timedelta(days=1)
        # Names of days greater than the day before's: "0" comes behind "/".
        for entry in self._store.versions(RUNS, f"{RUNS}{before:%Y-%m-%d}0"):
            if entry.name > last:
                return
            if not entry.delete_marker:
                yield entry

    def _read(self, entry: Entry) -> RunRecord | None:
        """None for what is no record of ours. Raises `StoreError`."""
        if entry.size > MAX_NOTE_BYTES:
            return None
        note = self._store.get(entry.name, entry.version).data
        try:
            record = RunRecord.of_json(open_statement(_TITLE, note, self._verifier))
        except (VerificationError, ValueError):
            return None
        names = {_name(record, number) for number in range(1, _AGAIN + 1)}
        return record if entry.name in names else None

    def _is(self, record: RunRecord, name: str) -> bool:
        """Whether it is what stands there: where the answer to a put was lost."""
        listed = self._store.head(name)
        there = self._read(listed) if listed is not None else None
        return there is not None and (there.begun, there.ended) == (record.begun, record.ended)


def _name(record: RunRecord, number: int = 1) -> str:
    if record.idle:
        return f"{RUNS}{record.day}/idle-{datetime.fromtimestamp(record.begun, UTC):%H}.json"
    again = f".{number}" if number > 1 else ""
    return f"{RUNS}{record.day}/{record.run_id}{again}.json"
