"""Records of runs: kept once, believed only when signed, and holding nothing that says who."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.ingest.home import START
from tests.report.lived import Lived
from unvoiced.errors import AlreadyExists
from unvoiced.log.statement import sign_statement
from unvoiced.runs import RUNS, Found, RunRecord, RunRecords
from unvoiced.runs.keeping import keep_run_record

BEGUN = START.timestamp()
RECORD = RunRecord("run-1", "ingest", BEGUN, BEGUN + 60, "Completed", {"found": 2, "disposed": 2})
IDLE = replace(RECORD, run_id="idle-1", counts={"quarantined earlier": 3})


def records(lived: Lived) -> RunRecords:
    """Those of this deployment."""
    return RunRecords(lived.home.store("journal"), lived.home.verifier)


def found(lived: Lived) -> Found:
    """All there are."""
    day = timedelta(days=1)
    return records(lived).since(START - day, START + 30 * day)


def names(lived: Lived) -> list[str]:
    """Of what stands there."""
    return [entry.name for entry in lived.home.store("journal").list(RUNS)]


def test_a_record_comes_back_as_it_was_with_where_the_log_stood(lived: Lived) -> None:
    """Under its day and run; kept again, it is still one."""
    lived.upload("anna", 1)
    made = lived.at(hours=2).ingest("run-1", took=5)
    bench = lived.home.bench()
    assert keep_run_record(bench, made) == f"{RUNS}2026-11-23/run-1.json"
    (read,) = found(lived).records
    checkpoint = bench.accounts.checkpoint()
    assert (read.log_size, read.log_root) == (checkpoint.size, checkpoint.root.hex())
    assert replace(read, log_size=0, log_root="") == made
    assert read.exposure.count == 1
    assert names(lived) == [f"{RUNS}2026-11-23/run-1.json"]


def test_a_run_started_again_under_its_id_has_both_records(lived: Lived) -> None:
    """The UI offers that: what the first one did is not lost, and what is kept is not replaced."""
    bench = lived.home.bench()
    keep_run_record(bench, RECORD)
    again = replace(RECORD, begun=BEGUN + 600, ended=BEGUN + 660)
    assert keep_run_record(bench, again) == f"{RUNS}2026-11-23/run-1.2.json"
    assert [one.begun for one in found(lived).records] == [BEGUN, BEGUN + 600]
    for number in range(3, 10):
        keep_run_record(bench, replace(again, ended=BEGUN + 700 + number))
    with pytest.raises(AlreadyExists):
        keep_run_record(bench, replace(again, ended=BEGUN + 900))


def test_of_idle_runs_one_an_hour_leaves_a_record(lived: Lived) -> None:
    """Of twelve an hour that find nothing to do: the store does not fill up with them."""
    bench = lived.home.bench()
    for number in range(24):
        keep_run_record(bench, replace(IDLE, run_id=f"r{number}", begun=BEGUN + 300 * number))
    failed = replace(IDLE, run_id="failed", state="Failed")
    keep_run_record(bench, failed)
    assert [one.rpartition("/")[2] for one in names(lived)] == [
        "failed.json", "idle-08.json", "idle-09.json"
    ]  # fmt: skip


@pytest.mark.parametrize(
    "how", ["unsigned", "elsewhere", "another title", "too large", "no record"]
)
def test_what_a_worker_did_not_write_there_is_not_believed(lived: Lived, how: str) -> None:
    """It is counted, and changes no number."""
    bench, journal = lived.home.bench(), lived.home.store("journal")
    keep_run_record(bench, RECORD)
    note = journal.get(f"{RUNS}2026-11-23/run-1.json").data
    body = RECORD.as_json()
    planted = {
        "unsigned": ("run-2", note.replace(b'"disposed":2', b'"disposed":9')),
        "elsewhere": ("run-2", note),
        "another title": ("run-2", sign_statement("another title", body, bench.signer)),
        "too large": ("run-2", note + b" " * (1 << 20)),
        "no record": ("run-2", sign_statement("unvoiced run record v1", {}, bench.signer)),
    }
    name, data = planted[how]
    journal.put_if_absent(f"{RUNS}2026-11-23/{name}.json", data)
    assert [one.run_id for one in found(lived).records] == ["run-1"]
    assert found(lived).not_believed == 1


def test_a_record_counts_once_however_often_it_stands_there(lived: Lived) -> None:
    """Copies under the run's other names and versions put over it are counted, and change nothing:
    a fast run's record, again and again, would make every other one look fast.
    """
    journal = lived.home.store("journal")
    name = keep_run_record(lived.home.bench(), RECORD)
    assert name is not None
    data = journal.get(name).data
    for number in range(2, 6):
        journal.put_if_absent(name.replace(".json", f".{number}.json"), data)
    for _ in range(3):
        entry = journal.head(name)
        assert entry is not None
        journal.replace(name, data, version=entry.version)
    kept = found(lived)
    assert (len(kept.records), kept.repeated, kept.not_believed) == (1, 7, 0)


def test_what_is_put_over_a_record_does_not_take_its_place(lived: Lived) -> None:
    """The oldest version counts, as nobody of ours ever replaces one."""
    journal = lived.home.store("journal")
    name = keep_run_record(lived.home.bench(), RECORD)
    assert name is not None
    entry = journal.head(name)
    assert entry is not None
    lived.at(hours=1)
    journal.replace(name, b"{}", version=entry.version)
    kept = found(lived)
    assert ([one.run_id for one in kept.records], kept.repeated) == (["run-1"], 1)


def test_a_run_that_ended_in_times_to_come_is_not_believed(lived: Lived) -> None:
    """It would hide that no run came since; an hour is left to clocks that differ."""
    bench = lived.home.bench()
    keep_run_record(bench, replace(RECORD, ended=BEGUN + 1800))
    keep_run_record(bench, replace(RECORD, run_id="run-2", ended=BEGUN + 400 * 86_400))
    kept = records(lived).since(START - timedelta(days=1), START)
    assert ([one.run_id for one in kept.records], kept.not_believed) == (["run-1"], 1)


def test_a_time_that_is_asked_for_bounds_what_is_read(lived: Lived) -> None:
    """By the days in names first: years of records are not read for a week."""
    bench = lived.home.bench()
    for day in range(10):
        begun = BEGUN + 86_400 * day
        keep_run_record(bench, replace(RECORD, run_id=f"day-{day}", begun=begun, ended=begun + 1))
    kept = records(lived).since(START + timedelta(days=3), START + timedelta(days=5))
    assert [one.run_id for one in kept.records] == ["day-3", "day-4", "day-5"]
    assert kept.not_believed == 0


def test_nothing_in_a_record_says_who_or_which(lived: Lived) -> None:
    """Of runs that disposed, quarantined and left: no pseudonym, sample, name or digest."""
    home = lived.home
    lived.upload("anna", 1)
    home.put(f"{home.invitation('bruno').pseudonym}/no-audio.unv", b"nothing that opens")
    listed = list(home.store("raw").list())
    secrets = {
        part
        for entry in listed
        for part in (entry.name, *entry.name.split("/"), entry.version)
    } | home.standing()  # fmt: skip
    lived.at(hours=1).ingest("run-1")
    kept = b"".join(home.store("journal").get(name).data for name in names(lived))
    assert b'"disposed":1' in kept
    assert b'"quarantined":1' in kept
    assert [one for one in secrets if one.encode() in kept] == []


@pytest.mark.parametrize(
    "change",
    [{"state": "<script>"}, {"run_id": "../x"}, {"counts": {"a": "b"}}, {"begun": float("nan")},
     {"sealed_bytes": "1"}, {"log_root": "x"}, {"more": 1}, {"counts": {"<b>": 1}},
     {"begun": 1e30}, {"ended": 1e300}, {"ended": BEGUN - 1}, {"left": -5},
     {"feature_bytes": -(10**30)}, {"counts": {"disposed": -7}}, {"log_size": 10**30},
     {"oldest_found": float("inf")}],
    ids=["state", "run", "count", "time", "bytes", "root", "more", "name", "year", "end", "before",
         "left", "fewer", "none", "size", "oldest"],
)  # fmt: skip
def test_what_is_no_record_is_refused_field_by_field(change: dict[str, Any]) -> None:
    """Even signed: whoever shows it need not fear it."""
    assert RunRecord.of_json(RECORD.as_json()) == RECORD
    with pytest.raises(ValueError, match="no record of a run"):
        RunRecord.of_json(RECORD.as_json() | change)
