"""The commands of who answers for the trail, over a real deployment."""

import hashlib
import json
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tests.ingest.home import Home
from unvoiced.audit import AuditTrail, Purpose, Read
from unvoiced.audit.pages import tie
from unvoiced.audit.record import AccessRecord, by_contributor, rfc3339_milliseconds
from unvoiced.audit.requester import requester_of
from unvoiced.audit.usage import Touch, visits
from unvoiced.cli.app import app
from unvoiced.clock import utc_now
from unvoiced.errors import AccessError, InputError, VerificationError
from unvoiced.keys.contributor import key_object_name

ANNA, BRUNO = "a" * 26, "b" * 26
FEATURES = "features/speech-16k-1234abcd"


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A deployment in which Anna's features were read twice; to be copied."""
    place = tmp_path_factory.mktemp("commands") / "home"
    home = Home.create(place)
    training = home.store("training")
    trail = AuditTrail(home.store("audit"), "run")
    keys = {}
    for whose in (ANNA, BRUNO):
        training.put_if_absent(key_object_name(whose), whose.encode())
        keys[whose] = hashlib.sha256(whose.encode()).hexdigest()
        for sample in ("one", "two"):
            training.put_if_absent(f"{FEATURES}/{whose}/{sample}.unv", sample.encode())

    def read(whose: str, *samples: str) -> list[Read]:
        return [
            Read(
                f"{FEATURES}/{whose}/{sample}.unv",
                hashlib.sha256(f"{whose}{sample}".encode()).hexdigest(),
                keys[whose],
                1000,
            )
            for sample in samples
        ]

    trail.record([*read(ANNA, "one", "two"), *read(BRUNO, "one")], Purpose.TRAINING)
    trail.record(read(ANNA, "one"), Purpose.INSPECTION)
    trail.record(read(BRUNO, "one", "two"), Purpose.TRAINING)
    return place


@pytest.fixture
def home(begun: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """One of these, which the commands find."""
    home = Home.copy(begun, tmp_path / "home")
    monkeypatch.setenv("UNVOICED_CONFIG", str(home.settings.path))
    monkeypatch.setenv("COLUMNS", "250")
    return home


def run(*words: str) -> Result:
    """One command."""
    return CliRunner().invoke(app, ["audit", *words])


def lines(result: Result) -> list[dict[str, object]]:
    """The JSON lines that a command wrote."""
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def me(home: Home) -> str:
    """Who runs this."""
    return requester_of(home.store("audit").url)


def tie_now(home: Home) -> None:
    """What the watch does."""
    worker = home.settings.vault("worker")
    tie(home.store("audit"), home.settings.accounts(worker), utc_now)


def test_ls_adds_up_who_read_what(home: Home) -> None:
    """By day, requester and purpose; people are counted once, objects each time."""
    rows = lines(run("ls", "--json"))
    assert [(row["purpose"], row["objects"], row["contributors"]) for row in rows] == [
        ("inspection", 1, 1),
        ("training", 5, 2),
    ]
    assert {row["requester"] for row in rows} == {me(home)}
    assert rows[1]["records"] == 2
    shown = run("ls").output
    assert me(home) in shown
    assert "training" in shown


def test_ls_shows_a_part(home: Home) -> None:
    """Of one purpose, of one requester, since some day."""
    assert len(lines(run("ls", "--json", "--purpose", "inspection"))) == 1
    assert lines(run("ls", "--json", "--requester", "nobody")) == []
    assert lines(run("ls", "--json", "--since", "2200-01-01")) == []
    assert isinstance(run("ls", "--since", "yesterday").exception, InputError)
    assert isinstance(run("ls", "--purpose", "fun").exception, InputError)


def test_ls_says_that_it_left_out_what_is_no_record(home: Home) -> None:
    """Planted where a record would stand."""
    audit = home.store("audit")
    name = next(iter(audit.list("reads/"))).name
    audit.put_if_absent(name.rpartition("/")[0] + "/x", b"x")
    assert "left out: 1 object" in run("ls").output


def test_verify_says_what_is_tied_and_what_is_not(home: Home) -> None:
    """And, tied, that nothing is loose; it says what it cannot show."""
    found = run("verify")
    assert found.exit_code == 0
    assert "The oldest record that is not tied" in found.output
    tie_now(home)
    found = run("verify")
    assert found.exit_code == 0
    assert "The oldest record that is not tied" not in found.output
    assert "A page was last logged" in found.output
    assert "What it does not show" in found.output


def test_verify_counts_what_it_found(home: Home) -> None:
    """Stray objects too; as JSON all of it, with the same exit code and nothing beside."""
    tie_now(home)
    audit = home.store("audit")
    audit.put_if_absent("stray", b"x")
    assert re.search("stray objects.* 1 ", run("verify").output)
    (found,) = lines(run("verify", "--json"))
    assert (found["intact"], found["records"], found["foreign"]) == (True, 3, ["stray"])
    assert str(found["last_tied"]).endswith("Z")
    gone = list(audit.list("reads/"))[-1]
    audit.delete(gone.name, gone.version)
    failed = run("verify", "--json")
    assert isinstance(failed.exception, VerificationError)
    assert json.loads(failed.stdout)["damage"] == [{"name": gone.name, "what": "deleted"}]
    assert failed.stderr == ""


def test_verify_names_a_record_that_was_deleted(home: Home) -> None:
    """And fails."""
    tie_now(home)
    audit = home.store("audit")
    gone = list(audit.list("reads/"))[-1]
    audit.delete(gone.name, gone.version)
    found = run("verify")
    assert isinstance(found.exception, VerificationError)
    assert f"{gone.name}: deleted" in found.output
    assert isinstance(run("verify", "--since", "2020-01-01").exception, VerificationError)
    assert run("verify", "--since", "2200-01-01").exit_code == 0


def test_who_finds_the_reads_of_one_contributor(home: Home) -> None:
    """By pseudonym: two records of Anna's, and how much of hers they name."""
    found = lines(run("who", ANNA, "--json"))
    assert sorted((one["purpose"], one["objects"]) for one in found) == [
        ("inspection", 1),
        ("training", 2),
    ]
    assert "3 reads of their objects, in 2 records of 2 sessions" in run("who", ANNA).output


def test_who_has_a_row_a_session_in_order_of_time(home: Home) -> None:
    """With its first and last time, and how often objects of theirs were read; or each record."""
    read = Read(
        f"{FEATURES}/{ANNA}/two.unv", "1" * 64, hashlib.sha256(ANNA.encode()).hexdigest(), 1
    )
    moments = iter([utc_now() + timedelta(seconds=each) for each in (3, 1, 2)])
    trail = AuditTrail(home.store("audit"), "long", lambda: next(moments))
    for _ in range(3):
        trail.record([read], Purpose.INSPECTION)
    rows = lines(run("who", ANNA, "--json"))
    assert [(row["records"], row["objects"]) for row in rows][-1] == (3, 3)
    assert str(rows[-1]["run"]).startswith("long-")
    assert [row["first"] for row in rows] == sorted(str(row["first"]) for row in rows)
    every = lines(run("who", ANNA, "--records", "--json"))
    assert [one["time"] for one in every] == sorted(str(one["time"]) for one in every)
    assert (every[-3]["time"], every[-1]["time"]) == (rows[-1]["first"], rows[-1]["last"])
    for words in ((), ("--records",)):
        assert (
            "6 reads of their objects, in 5 records of 3 sessions"
            in run("who", ANNA, *words).output
        )


def test_who_finds_the_reads_of_one_sample(home: Home) -> None:
    """In all feature sets that there are."""
    assert [one["objects"] for one in lines(run("who", ANNA, "--sample", "two", "--json"))] == [1]
    missing = run("who", ANNA, "--sample", "three")
    assert isinstance(missing.exception, InputError)
    assert "it may have been destroyed" in str(missing.exception)
    assert isinstance(run("who", ANNA, "--sample", "../x").exception, InputError)


def test_sessions_are_put_in_order_whatever_the_order_of_their_records() -> None:
    """Of records that clocks, or stores, give in another one."""
    touches = [
        Touch(f"2026-11-23T08:00:0{second}.000Z", "me", "training", "here", run, 2)
        for second, run in ((3, "b"), (2, "a"), (0, "a"))
    ]
    assert [
        (one.run, one.first[17:19], one.last[17:19], one.objects) for one in visits(touches)
    ] == [
        ("a", "00", "02", 4),
        ("b", "03", "03", 2),
    ]


def test_who_of_a_sample_that_nobody_read_or_that_is_gone(home: Home) -> None:
    """One that stands was read 0 times; one that was destroyed is in the records still."""
    training = home.store("training")
    training.put_if_absent(f"{FEATURES}/{ANNA}/unread.unv", b"x")
    assert lines(run("who", ANNA, "--sample", "unread", "--json")) == []
    gone = training.head(f"{FEATURES}/{ANNA}/two.unv")
    assert gone is not None
    training.delete(gone.name, gone.version)
    assert len(lines(run("who", ANNA, "--sample", "two", "--json"))) == 1


def test_who_finds_the_reads_of_somebody_who_was_erased(home: Home, tmp_path: Path) -> None:
    """Their key is gone; the certificate has its digest."""
    training = home.store("training")
    key = training.head(key_object_name(ANNA))
    assert key is not None
    training.delete(key.name, key.version)
    assert "certificate" in str(run("who", ANNA).exception)
    digest = hashlib.sha256(ANNA.encode()).hexdigest()
    body = {"pseudonym": ANNA, "key_objects": [digest]}
    for written in (body, {"body": body}):
        certificate = tmp_path / "gone.json"
        certificate.write_text(json.dumps(written))
        assert len(lines(run("who", ANNA, "--certificate", str(certificate), "--json"))) == 2
    assert isinstance(run("who", "c" * 26, "--certificate", str(certificate)).exception, InputError)
    certificate.write_text("[]")
    assert isinstance(run("who", ANNA, "--certificate", str(certificate)).exception, InputError)


def test_export_writes_an_event_a_record(home: Home, tmp_path: Path) -> None:
    """On standard output or into a new file; it says how many, and since when."""
    written = run("export")
    events = lines(written)
    assert lines(run("export", "--ocsf")) == events
    assert len(events) == 3
    assert "3 events, one a record, since 20" in written.stderr
    assert {one["class_uid"] for one in events} == {6005}
    file = tmp_path / "events.jsonl"
    assert run("export", "--ocsf", "--output", str(file)).exit_code == 0
    assert [json.loads(line) for line in file.read_text().splitlines()] == events
    assert isinstance(run("export", "--ocsf", "-o", str(file)).exception, InputError)
    assert (
        "0 events, one a record, since 2200-01-01" in run("export", "--since", "2200-01-01").stderr
    )


APPROVE = ("--purpose", "inspection", "--objects", "5000", "--because", "a deadline")


def test_approve_signs_logs_and_lists(home: Home) -> None:
    """Who approved is who ran it; the approval is in force, and the log has a leaf of it."""
    until = f"{utc_now():%Y-%m-%d}"
    given = run("approve", "os-user:somebody:12345", *APPROVE, "--until", until)
    assert given.exit_code == 0, given.exception
    assert f"Approved by {me(home)}" in given.output
    assert len(home.leaves("approved")) == 1
    listed = run("approvals").output
    for said in ("os-user:somebody:12345", "5,000", until, me(home), "a deadline", "in force"):
        assert said in listed


def test_an_approval_is_revoked_by_the_name_that_approvals_shows(home: Home) -> None:
    """It is listed as revoked; what else lets them read is told of, then and when approving."""
    until, who = f"{utc_now():%Y-%m-%d}", "os-user:somebody:12345"
    run("approve", who, *APPROVE, "--until", until)
    less = run("approve", who, *APPROVE, "--objects", "70", "--until", until)
    assert "in force still, and the largest holds" in less.stderr
    assert "5,000 objects a day" in less.stderr
    first, second = lines(run("approvals", "--json"))
    assert [(one["state"], one["objects"]) for one in (first, second)] == [
        ("in force", 5000),
        ("in force", 70),
    ]
    short = str(first["name"]).rpartition("/")[2].removesuffix(".note")
    assert short in run("approvals").output
    ended = run("revoke", short)
    assert ended.exit_code == 0, ended.exception
    assert "70 objects a day" in ended.stderr
    assert [one["state"] for one in lines(run("approvals", "--json"))] == ["revoked", "in force"]
    assert "revoked" in run("approvals").output
    assert run("revoke", str(second["name"])).stderr == ""
    assert isinstance(run("revoke", "nothing").exception, InputError)


def test_nobody_approves_their_own_reading(home: Home) -> None:
    """Nothing is put and nothing logged."""
    until = f"{utc_now():%Y-%m-%d}"
    refused = run("approve", me(home), *APPROVE, "--until", until)
    assert isinstance(refused.exception, AccessError)
    assert list(home.store("audit").list("approvals/")) == []
    assert home.leaves("approved") == []
    assert isinstance(run("approve", "anna", *APPROVE, "--until", until).exception, InputError)


def test_approvals_says_why_one_counts_for_nothing(home: Home) -> None:
    """A planted one is shown as what it is."""
    home.store("audit").put_if_absent("approvals/0000000000000000/x.note", b"x")
    assert "counts for nothing" in run("approvals").output
    (planted,) = lines(run("approvals", "--json"))
    assert (planted["state"], planted["requester"]) == ("counts for nothing", None)


def test_reads_of_a_clock_that_is_centuries_off_stop_nobody(home: Home) -> None:
    """Whoever may create a record may create a folder of any day."""
    audit = home.store("audit")
    for day in ("0001-01-01", "9999-12-31", "2026-99-99", "x"):
        audit.put_if_absent(f"reads/{day}/x", b"x")
    for words in (("ls",), ("verify",), ("who", ANNA), ("export", "--ocsf")):
        assert run(*words).exit_code == 0
    tie_now(home)
    assert "The oldest record that is not tied" not in run("verify").output


def test_texts_of_a_planted_record_are_shown_as_they_are(home: Home) -> None:
    """Markup in the name of a requester, and one that would move a terminal's cursor."""
    audit = home.store("audit")
    planted = AccessRecord(
        requester="os-user:[bold red]x[/]\\[link=https://x]",
        purpose="training",
        time=rfc3339_milliseconds(utc_now()),
        source="[blink]y@z",
        run="run",
        sequence=0,
        previous=None,
        size=1,
        contributors=by_contributor([Read(FEATURES, "1" * 64, "2" * 64, 1)]),
    )
    audit.put_if_absent(f"{planted.name}{'0' * 16}-1.json", planted.encode())
    evil = replace(planted, requester="os-user:\x1b[2K\x07")
    audit.put_if_absent(f"{evil.name}{'0' * 16}-1.json", evil.encode())
    shown = run("ls")
    assert "[bold red]x[/]" in shown.output
    assert "\x1b[2K" not in shown.output
    assert "1 object that are no records" in shown.output.replace("objects", "object")
    tie_now(home)
    found = run("verify")
    assert isinstance(found.exception, VerificationError)
    assert "what was tied into the log stands" in str(found.exception)
