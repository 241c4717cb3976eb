"""The page: what its verdict says, that it names nobody, and that it needs nothing but itself."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.ingest.home import Home
from tests.ingest.hooked_store import HookedStore
from tests.report.lived import Lived
from unvoiced.cli.app import app
from unvoiced.errors import InputError, NotAllowed, StoreError, VerificationError
from unvoiced.leakage.result import Corpus, Leakage, SetLeakage, write
from unvoiced.report import Report, as_html, as_json, judge
from unvoiced.report.facts import Runs, Unread
from unvoiced.watch.alert import Level

_VOID = {"meta", "br", "line", "path"}
EVIL = '<script>alert("x")</script>'
LEAKAGE = Leakage(
    "2026-11-20", Corpus(30, 90, "read words"), 50.0, False, 1.1,
    (SetLeakage("mfcc-13", "d", 3.3, "LDA", (), 28.3, None, None, (2.0, 4.0)),
     SetLeakage(EVIL, "d", 9.4, EVIL, (), None, 0.5, 10.0)), (EVIL,),
)  # fmt: skip


class Page(HTMLParser):
    """Reads a page strictly: what opens is closed, in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.html, self.open, self.tags, self.ids = html, list[str](), list[str](), list[str]()
        self.links: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        """Remember it."""
        self.tags.append(tag)
        self.ids += [value or "" for name, value in attributes if name == "id"]
        self.links += [value or "" for name, value in attributes if name in {"src", "href"}]
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        """Of one that closes itself."""
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """It has to be what was opened last."""
        assert self.open.pop() == tag

    def section(self, name: str) -> str:
        """The text of one."""
        found = re.search(f'<section id="{name}">(.*?)</section>', self.html, re.S)
        assert found is not None
        return found[1]


def busy(lived: Lived) -> list[bytes]:
    """Three weeks with all that a page shows; returns what it must not."""
    home = lived.home
    secret: set[str] = set()

    def note() -> None:
        listed = list(home.store("raw").list()) + list(home.store("training").list())
        secret.update(part for one in listed for part in (one.name, *one.name.split("/")))
        secret.update(home.standing())

    lived.rotate()
    lived.upload("anna", 1)
    lived.upload("frida", 2)
    home.put(f"{home.invitation('bruno').pseudonym}/no-audio.unv", b"nothing that opens")
    note()
    lived.at(minutes=7).ingest(took=3)
    note()
    lived.review("petra")
    lived.at(days=8).rotate()
    lived.erase("frida")
    lived.upload("frida", 3)
    lived.upload("carla", 4)
    note()
    lived.at(days=10).fail()
    lived.at(days=10, hours=1).ingest()
    lived.read(EVIL, 40)
    lived.read("arn:aws:iam::1:user/mira", 7, "inspection")
    lived.alarm(EVIL)
    lived.at(days=16).rotate()
    lived.retire()
    lived.upload("anna", 5)
    note()
    lived.at(days=16, minutes=12)
    pseudonyms = {home.invitation(who).pseudonym for who in ("anna", "bruno", "carla", "frida")}
    return [
        one.encode()
        for one in secret | pseudonyms
        if len(one) > 8 and not one.startswith(("features", "keys", "speech-16k"))
    ]


@pytest.fixture
def page_and_secrets(lived: Lived) -> tuple[Lived, Report, list[bytes]]:
    """A busy deployment, its report, and what that must not hold."""
    secrets = busy(lived)
    return lived, lived.report(30, LEAKAGE), secrets


def test_a_busy_page_names_nobody_and_escapes_everybody(
    page_and_secrets: tuple[Lived, Report, list[bytes]],
) -> None:
    """No pseudonym, name or digest of a recording, in HTML or JSON; well-formed, without a script,
    a link or a fetch; each picture with a title, a description and a table.
    """
    _, report, secrets = page_and_secrets
    html, machine = as_html(report), json.dumps(as_json(report))
    assert len(secrets) > 12
    assert [one for one in secrets if one in html.encode() or one in machine.encode()] == []
    page = Page(html)
    assert "script" not in page.tags
    assert "&lt;script&gt;" in page.section("access")
    assert "&lt;script&gt;" in page.section("leakage")
    assert page.links == []
    assert not re.search(r"url\(|@import|javascript:|https?://", html)
    pictures = page.tags.count("svg")
    assert pictures >= 16  # eight, for a screen and for a phone
    assert html.count("<desc id=") == html.count('role="img" aria-labelledby=') == pictures
    assert page.tags.count("table") * 2 >= pictures
    assert len(page.ids) == len(set(page.ids))
    assert as_html(report) == html


def test_a_name_that_somebody_made_up_is_on_no_page(lived: Lived) -> None:
    """It may say whose a recording is: neither the page nor the JSON has it."""
    lived.home.store("raw").put_if_absent("Anna-Miller-1990/call.wav", b"hello")
    report = lived.report()
    assert "Miller" not in as_html(report) + json.dumps(as_json(report))
    assert as_json(report)["status"]["raw_objects"] == 1


def test_a_busy_page_says_what_happened(
    page_and_secrets: tuple[Lived, Report, list[bytes]],
) -> None:
    """Its numbers are those of the runs, the log and the trail."""
    _, report, _ = page_and_secrets
    found = as_json(report)
    assert found["accepted"] == found["disposed"] + found["quarantined"] + found["backlog"]
    assert found["receipts"] == {"features stored": 3, "erasure": 1}
    exposure = found["runs"]["exposure"]
    assert exposure["count"] == found["receipts"]["features stored"]
    assert exposure["longest"] == 2 * 86_400 + 3600  # carla's, whom a failed run found first
    assert exposure["half_within"] <= 7 * 60 * 1.19
    assert [one["state"] for one in found["keys"]] == ["retired", "closed", "open", "coming"]
    assert found["watched"]["alarms"][0]["level"] == "high"
    assert {one["requester"]: one["objects"] for one in found["access"]["readers"]} == {
        EVIL: 40,
        "arn:aws:iam::1:user/mira": 7,
    }
    assert found["status"]["quarantine_reasons"] == {"unknown-format": 1}
    assert found["unread"] == {}
    html = as_html(report)
    assert "longest" in html
    assert "Features are not anonymous." in html


def fine(lived: Lived) -> Lived:
    """A deployment that everything was done for."""
    lived.rotate()
    lived.upload("anna", 1)
    lived.at(minutes=5).ingest()
    lived.review("petra")
    lived.watch()
    return lived.at(minutes=9)


def lose(lived: Lived) -> None:
    """A recording that was taken over and disappears."""
    sent = lived.home.put(f"{lived.home.invitation('carla').pseudonym}/x.unv", b"no audio")
    lived.ingest()
    lived.home.store("raw").delete(sent.name, sent.version)


def wait(lived: Lived) -> None:
    """Something is uploaded, and no run takes it for two days."""
    lived.upload("anna", 2)
    lived.at(days=2)
    lived.fail(state="DisposalBlocked")


def be_late_with_keys(lived: Lived) -> None:
    """The key of the first week outlives its grace."""
    for week in (1, 2, 3):
        lived.at(days=7 * week).rotate()
    lived.at(days=22).ingest()


def not_review(lived: Lived) -> None:
    """A quarter and more goes by, with runs."""
    lived.at(days=92).rotate()
    lived.retire()
    lived.ingest()


def alarm(lived: Lived) -> None:
    """Somebody read too much."""
    lived.alarm("arn:aws:iam::1:user/mira", Level.CRITICAL)


def plant(lived: Lived) -> None:
    """Something stands among the records of runs."""
    lived.home.store("journal").put_if_absent("runs/2026-11-23/run-9.json", b"{}")


@pytest.mark.parametrize(
    ("happens", "level", "says"),
    [(lambda _: None, "good", ""), (lose, "bad", "and nowhere"),
     (wait, "look", "has waited in the raw store for 48 h"),
     (wait, "look", "ended as DisposalBlocked"),
     (be_late_with_keys, "look", "could have been retired (2026-w48"),
     (not_review, "look", "was due on 2027-02-21"), (alarm, "look", "nobody accepted"),
     (plant, "look", "log’s key did not sign")],
    ids=["nothing", "lost", "waits", "blocked", "keys", "review", "alarm", "planted"],
)  # fmt: skip
def test_the_verdict_says_what_needs_a_look(
    lived: Lived, happens: Callable[[Lived], None], level: str, says: str
) -> None:
    """Where all is well, nothing; of each trouble, its sentence and a remedy."""
    happens(fine(lived))
    verdict = judge(lived.report())
    assert verdict.level == level, verdict
    assert any(says in one.what for one in verdict.findings) == bool(says), verdict
    assert all(one.remedy for one in verdict.findings)
    assert (verdict.headline == "1 recording is missing") == (happens is lose)


@pytest.mark.parametrize("refused", ["raw", "journal", "audit"])
@pytest.mark.parametrize(
    ("error", "why"),
    [(NotAllowed, "may not"), (StoreError, "did not answer"), (VerificationError, "not as it")],
    ids=["not allowed", "no answer", "damaged"],
)
def test_a_store_that_may_not_be_read_leaves_its_sections_unread(
    lived: Lived, refused: str, error: type[Exception], why: str
) -> None:
    """They say so, in words that hold nothing of the store's; the rest stands."""
    fine(lived)

    def refuse(_: str, name: str, __: Callable[[], Any]) -> object:
        raise error(f"canary-{name}")

    store = HookedStore(lived.home.store(refused), refuse)  # type: ignore[arg-type]
    report = replace(lived, home=lived.home.on(**{refused: store})).report()
    reasons = as_json(report)["unread"]
    assert all(why in reason for reason in reasons.values())
    unread = set(reasons)
    assert (
        unread
        == {
            "raw": {"status"},
            "journal": {"status", "runs"},
            "audit": {"access", "watched", "reviewed"},
        }[refused]
    )
    html = as_html(report)
    assert "canary" not in html + json.dumps(as_json(report))
    Page(html)
    assert "1 receipt in the log" in html
    assert isinstance(report.runs, Unread if refused == "journal" else Runs)


def test_an_empty_deployment_has_a_page_too(lived: Lived) -> None:
    """Nothing is there, nothing is wrong, and every section says so."""
    report = lived.report()
    page = Page(as_html(report))
    assert judge(report).level == "good"
    assert "No recording was taken over yet" in page.html
    for name in ("exposure", "backlog", "receipts", "keys", "access", "leakage", "runs",
                 "quarantine", "endings", "limits"):  # fmt: skip
        assert page.section(name)


def test_before_the_first_run_the_verdict_says_how_many_wait(lived: Lived) -> None:
    """Nothing was taken over, but something stands there, and no run came for it."""
    for seed in range(2):
        lived.upload("anna", seed)
    verdict = judge(lived.report())
    assert verdict.headline == (
        "No recording was taken over yet; 2 recordings wait in the raw store"
    )
    assert ["No run of ingest left a record" in one.what for one in verdict.findings] == [True]


def test_a_run_that_the_table_leaves_out_is_counted(lived: Lived) -> None:
    """One with nothing to do has a record, and no row."""
    lived.ingest()
    lived.at(hours=2).upload("anna", 0)
    lived.ingest()
    section = Page(as_html(lived.report())).section("runs")
    assert "2 runs since" in section
    assert "Not in the table: 1 run with nothing to do." in section


def test_a_log_that_does_not_hold_makes_no_page(lived: Lived) -> None:
    """A page would be believed."""
    fine(lived)
    log = lived.home.store("log")
    *_, tile = log.list("tile/entries/")  # the newest one is the longest
    data = log.get(tile.name).data
    log.replace(tile.name, data.replace(b"accepted", b"acceptee"), version=tile.version)
    with pytest.raises(VerificationError):
        lived.report()


def test_the_command_writes_the_page_anew_and_speaks_json(home: Home, tmp_path: Path) -> None:
    """Of a deployment on disk, with what was measured of leakage."""
    out, leakage = tmp_path / "page.html", tmp_path / "leakage.json"
    write(leakage, LEAKAGE)
    victim = tmp_path / "victim"
    victim.write_text("an older one")
    out.symlink_to(victim)
    command = ["report", "--config", str(home.settings.path), "-o", str(out)]
    result = CliRunner().invoke(app, [*command, "--leakage", str(leakage), "--days", "7"])
    assert result.exit_code == 0, result.output
    assert "No recording was taken over yet" in result.output
    assert "mfcc-13" in Page(out.read_text()).section("leakage")
    assert victim.read_text() == "an older one"  # a link is replaced, never followed
    assert out.stat(follow_symlinks=False).st_mode == 0o100600
    out.write_text("an older one")
    assert CliRunner().invoke(app, command).exit_code == 0
    assert "No recording was taken over yet" in out.read_text()
    assert [one.name for one in tmp_path.iterdir() if one.name.startswith(".")] == []
    result = CliRunner().invoke(app, ["report", "--config", str(home.settings.path), "--json"])
    assert json.loads(result.stdout)["headline"] == "No recording was taken over yet"
    result = CliRunner().invoke(app, [*command[:-1], str(tmp_path / "none" / "page.html")])
    assert isinstance(result.exception, InputError)
