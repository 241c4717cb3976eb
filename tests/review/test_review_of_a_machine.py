"""The review of the embedded default: who gets at folders, vaults and key files, who read."""

import hashlib
import os
import shlex
import struct
import subprocess
from datetime import timedelta
from pathlib import Path
from xml.etree import ElementTree

import pytest
from typer.testing import CliRunner

from tests.ingest.home import START, Home
from unvoiced.audit.approvals import approve, new_approval
from unvoiced.audit.record import AccessRecord, Purpose, Read, by_contributor, rfc3339_milliseconds
from unvoiced.audit.requester import os_user
from unvoiced.cli.app import app
from unvoiced.clock import utc_now
from unvoiced.review.page import as_html
from unvoiced.review.picture import as_svg
from unvoiced.review.report import Report
from unvoiced.review.take import take_review

ROOT_ONLY = pytest.mark.skipif(os.getuid() != 0, reason="giving files away takes root")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A new deployment."""
    return Home.create(tmp_path / "deployment")


def look(home: Home) -> Report:
    """The review now."""
    return take_review(home.settings, home.clock())


def named(report: Report) -> list[tuple[str, str]]:
    """(name, who) of the findings."""
    return sorted((one.name, one.who) for one in report.findings)


def test_a_new_deployment_has_nothing_to_end(home: Home) -> None:
    """Its owner reaches all of it, nobody else anything; what is not looked at is said."""
    report = look(home)
    assert (report.findings, report.gaps) == ((), ())
    assert len({one.who for one in report.reaches}) == 1
    assert any("superuser" in limit for limit in report.limits)


@pytest.mark.parametrize(
    ("path", "mode", "name"),
    [
        ("keys/worker.kek", 0o644, "open-to-others"),
        ("keys/dataset.kek", 0o602, "open-to-others"),
        ("stores/raw", 0o705, "open-to-others"),
        ("stores/log", 0o702, "open-to-others"),
        ("unvoiced.toml", 0o602, "open-to-others"),
        ("keys", 0o777, "open-to-others"),
        ("stores", 0o703, "open-to-others"),
        (".", 0o702, "open-to-others"),
    ],
)
def test_what_others_get_at_is_named_and_closed_by_its_command(
    home: Home, path: str, mode: int, name: str
) -> None:
    """By its mode, whatever folder above is closed today; the printed command ends it."""
    place = home.settings.folder / path
    place.chmod(mode)
    (found,) = look(home).findings
    assert (found.name, found.who, found.at) == (name, "other users", str(place))
    subprocess.run(shlex.split(found.fix), check=True)
    assert look(home).findings == ()


def test_what_may_be_public_is_no_finding(home: Home) -> None:
    """The log and the settings may be read by anybody."""
    (home.settings.folder / "stores/log").chmod(0o755)
    (home.settings.folder / "unvoiced.toml").chmod(0o644)
    assert look(home).findings == ()


@ROOT_ONLY
def test_another_owner_a_group_and_an_access_list_are_named(home: Home) -> None:
    """Each by who it lets in; a group without members lets in whoever is put into it."""
    folder = home.settings.folder
    os.chown(folder / "stores/training", 1, 0)
    (folder / "stores/raw").chmod(0o770)
    os.chown(folder / "stores/raw", 0, 1)  # daemon's own group
    os.chown(folder / "stores/journal", 0, 54321)
    (folder / "stores/journal").chmod(0o770)
    # An access list that lets user 1 read, as linux/posix_acl_xattr.h lays it out.
    entries = [(1, 6, 2**32 - 1), (2, 4, 1), (4, 0, 2**32 - 1), (16, 4, 2**32 - 1),
               (32, 0, 2**32 - 1)]  # fmt: skip
    acl = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)
    try:
        os.setxattr(folder / "keys/dataset.kek", "system.posix_acl_access", acl)
        listed = [("open-by-acl", "user daemon")]
    except OSError:
        listed = []
    report = look(home)
    # The list's mask shows as the group's bits of the mode, and lets no group in.
    assert named(report) == sorted(
        [
            *listed,
            ("of-another-owner", "user daemon"),
            ("open-to-a-group", "group daemon (daemon)"),
            ("open-to-a-group", "group 54321 (nobody today)"),
        ]
    )


def test_a_key_file_of_no_vault_is_named_and_none_is_read(home: Home) -> None:
    """A copy beside it, and one deeper in the deployment; stores are not searched."""
    keys = home.settings.folder / "keys"
    (keys / "worker.kek.bak").write_bytes(b"")
    (home.settings.folder / "backup").mkdir()
    (home.settings.folder / "backup" / "old.kek").write_bytes(b"")
    (home.settings.folder / "stores" / "raw" / "x.kek").write_bytes(b"")
    report = look(home)
    assert [one.at for one in report.findings] == [
        str(home.settings.folder / "backup" / "old.kek"), str(keys / "worker.kek.bak"),
    ]  # fmt: skip


def test_a_folder_that_is_gone_is_not_decided(home: Home) -> None:
    """A disk that is not mounted is closed to nobody."""
    (home.settings.folder / "stores" / "training").rmdir()
    (gap,) = look(home).gaps
    assert gap.what == "who gets at training"
    assert gap.command.startswith("ls -ld")


def record(home: Home, requester: str, count: int, days_ago: int = 1) -> None:
    """Put a record of the trail."""
    moment = START - timedelta(days=days_ago)
    digest = hashlib.sha256(requester.encode()).hexdigest()
    reads = [Read(f"features/x/{n}", digest[:60] + f"{n:04}", digest, 1) for n in range(count)]
    made = AccessRecord(
        requester, "training", rfc3339_milliseconds(moment), "someone@desk", "run", 0, None, count,
        by_contributor(reads),
    )  # fmt: skip
    home.store("audit").put_if_absent(f"{made.name}{digest[:16]}-{count}.json", made.encode())


def test_readers_are_counted_and_departed_ones_named(home: Home) -> None:
    """By all records of the window; who has no account here any more is a finding."""
    me = f"os-user:{os_user()}"
    record(home, me, 7)
    record(home, me, 5, days_ago=2)
    record(home, me, 100, days_ago=400)
    record(home, "os-user:eve:65123", 3)
    report = look(home)
    uses = {use["requester"]: use for use in report.uses}
    assert (uses[me]["objects"], uses[me]["records"], uses[me]["days"]) == (12, 2, 2)
    assert named(report) == [("requester-unexplained", "os-user:eve:65123")]
    assert "read 3 objects on 1 days" in report.findings[0].what


def test_a_reader_in_a_container_is_whoever_has_its_number_outside(home: Home) -> None:
    """By the number of an account; a subordinate number, and a name made up to look so, is none."""
    record(home, f"os-user:user namespace:{os.getuid()}", 1)
    for nobody in (
        "user namespace:345678",
        f"user namespace:x:{os.getuid()}",
        f"eve:{os.getuid()}",
    ):
        record(home, f"os-user:{nobody}", 1)
    assert named(look(home)) == [
        ("requester-unexplained", f"os-user:eve:{os.getuid()}"),
        ("requester-unexplained", "os-user:user namespace:345678"),
        ("requester-unexplained", f"os-user:user namespace:x:{os.getuid()}"),
    ]


def test_a_planted_record_leaves_the_readers_unknown(home: Home) -> None:
    """A trail with something in it that is no record says nothing of who did not read."""
    home.store("audit").put_if_absent(f"reads/{START:%Y-%m-%d}/0123/planted", b"?")
    (gap,) = look(home).gaps
    assert gap.what == "who read features"


def test_an_approval_that_nobody_needs_is_named(home: Home) -> None:
    """One of somebody who is not there, at once; one that was never used, after a while."""
    accounts = home.settings.accounts(home.settings.vault("worker"))
    signer = home.settings.signer(home.settings.vault("worker"))
    audit = home.store("audit")
    me, now = f"os-user:{os_user()}", home.clock()
    for who in (me, "os-user:eve:65123"):
        given = new_approval(who, Purpose.TRAINING, 9, "2027-06-30", "a study", "somebody", now)
        approve(audit, accounts, signer, given, now)
    assert named(look(home)) == [("approval-to-end", "os-user:eve:65123")]
    home.clock.forward(91)
    assert named(look(home)) == sorted(
        [("approval-to-end", "os-user:eve:65123"), ("approval-to-end", me)]
    )
    home.clock.forward(200)
    assert named(look(home)) == []


def test_the_commands_sign_list_and_verify_offline(home: Home, tmp_path: Path) -> None:
    """Draft, page, signature, list, verification with nothing but the key; a changed file fails."""
    (home.settings.folder / "keys" / "worker.kek.bak").write_bytes(b"")
    config, page = ["--config", str(home.settings.path)], tmp_path / "review.html"

    def run(*words: str) -> tuple[int, str]:
        done = CliRunner().invoke(app, ["review", *words])
        return done.exit_code, done.output

    code, output = run(*config)
    assert (code, "1 principal reaches something, 0 of them" in output) == (7, True)
    assert "Never reviewed" in output
    assert run(*config, "--note", "without signing")[0] != 0
    code, output = run(*config, "--sign", "--note", "to be removed", "--html", str(page))
    assert code == 0, output
    assert "Never reviewed" not in output
    assert f"due on {utc_now() + timedelta(days=90):%Y-%m-%d}" in output
    assert "to be removed" in page.read_text()
    assert "<svg" in page.read_text()
    assert "<script" not in page.read_text()
    (listed,) = home.store("audit").list("reviews/")
    file = tmp_path / "signed.json"
    file.write_bytes(home.store("audit").get(listed.name).data)
    assert run("ls", *config)[0] == 0
    code, output = run("verify", str(file), "--key", home.settings.log_vkey)
    assert code == 0
    assert "1 finding, 1 of them high" in output
    assert "not looked up" in output
    code, output = run("verify", str(file), *config)
    assert (code, "the log has it" in output) == (0, True)
    file.write_bytes(file.read_bytes().replace(b"to be removed", b"to be ignored"))
    assert run("verify", str(file), "--key", home.settings.log_vkey)[0] != 0
    home.store("audit").put_if_absent("reviews/planted", b"?")
    assert run("ls", *config)[0] != 0


def test_a_page_escapes_what_others_chose(home: Home) -> None:
    """A requester's name comes from who reads; it is text on the page, and nothing else."""
    record(home, "os-user:<script>alert(1)</script>:7", 1)
    page = as_html(look(home))
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert "A draft" in page
    ElementTree.fromstring(as_svg(look(home)))  # noqa: S314 - our own
