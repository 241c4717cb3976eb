"""Posture of what is not in an account: one machine, and servers that are not Amazon's."""

import json
import shlex
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
import typer
from botocore.exceptions import ClientError
from typer.testing import CliRunner

from tests.posture.right_facts import NOW, STORES, VAULTS
from tests.servers import seaweed
from unvoiced.cli.posture import posture
from unvoiced.clock import utc_now
from unvoiced.config import Settings, StoreName, load_settings
from unvoiced.deployment import create_deployment
from unvoiced.errors import AccessError
from unvoiced.posture.checks import CHECKS
from unvoiced.posture.facts import Unknown
from unvoiced.posture.finding import Report, Severity
from unvoiced.posture.look import take_facts, take_posture
from unvoiced.review.take import sign_and_record, take_review
from unvoiced.sealing import parse_fernet_key

FERNET = b"V2hvIHJlYWRzIHRoaXMgaGFzIG5vdGhpbmcgdG8gZG8="
app = typer.Typer()
app.command()(posture)


@pytest.fixture
def deployment(tmp_path: Path) -> Settings:
    """The embedded default, on this machine."""
    return create_deployment(tmp_path / "deployment", NOW)


def names(report: Report) -> set[str]:
    """The names of the findings."""
    return {one.name for one in report.findings}


def test_a_new_deployment_has_two_findings(deployment: Settings) -> None:
    """Everything is closed to others; that nobody reviewed it, and one machine has all, is said."""
    report = take_posture(deployment, NOW)
    assert [(one.name, one.severity) for one in report.findings] == [
        ("review-due", Severity.MEDIUM), ("vaults-on-one-machine", Severity.LOW),
    ]  # fmt: skip
    assert report.passed > 10


def test_the_command_counts_in_plain_words(deployment: Settings) -> None:
    """One finding is one finding."""
    sign_and_record(deployment, take_review(deployment, utc_now()), utc_now())
    done = CliRunner().invoke(app, ["--config", str(deployment.path)])
    assert "checks passed, 1 finding, 0 could not be checked" in done.output


@pytest.mark.parametrize("folder", ["stores/raw", "stores/audit", "keys/worker"])
def test_a_folder_that_others_may_enter_is_found(deployment: Settings, folder: str) -> None:
    """By its mode; the command closes it."""
    place = deployment.folder / folder
    place.chmod(0o755)
    report = take_posture(deployment, NOW)
    (found,) = report.of(Severity.HIGH)
    assert (found.name, found.fix) == ("folder-open-to-others", f"chmod 700 {place}")


def test_the_logs_folder_may_be_read_and_not_written(deployment: Settings) -> None:
    """All of it may be published; nobody else appends to it."""
    log = deployment.folder / "stores" / "log"
    log.chmod(0o755)
    assert "folder-open-to-others" not in names(take_posture(deployment, NOW))
    log.chmod(0o775)
    assert "folder-open-to-others" in names(take_posture(deployment, NOW))


def test_a_key_file_that_others_may_read_is_found(deployment: Settings) -> None:
    """By its mode; the command closes it."""
    file = deployment.folder / "keys" / "worker.kek"
    file.chmod(0o644)
    (found,) = take_posture(deployment, NOW).of(Severity.HIGH)
    assert (found.name, found.fix) == ("key-file-open-to-others", f"chmod 600 {file}")


def test_the_settings_may_be_read_and_not_written(deployment: Settings) -> None:
    """Who writes them says which log counts; the command closes them."""
    deployment.path.chmod(0o644)
    assert take_posture(deployment, NOW).of(Severity.HIGH) == ()
    deployment.path.chmod(0o646)
    (found,) = take_posture(deployment, NOW).of(Severity.HIGH)
    assert (found.name, found.fix) == (
        "settings-open-to-others", f"chmod go-w {deployment.path}",
    )  # fmt: skip


# What is opened, to what, and whether that is above the deployment's own folder.
OPENED = [
    ("keys", 0o777), ("stores", 0o1777), ("", 0o703), ("..", 0o777),
    ("keys/dataset", 0o755), ("stores/training", 0o777), ("stores/log", 0o757),
    ("stores/raw", 0o750), ("keys/worker.kek", 0o644), ("unvoiced.toml", 0o666),
]  # fmt: skip


@pytest.mark.parametrize(("path", "mode"), OPENED)
def test_posture_and_review_say_the_same_of_what_is_open(
    deployment: Settings, path: str, mode: int
) -> None:
    """Both find it, with one severity and one command, and neither once the command was run."""
    place = (deployment.folder / path).resolve()
    place.chmod(mode)
    found = take_posture(deployment, NOW).of(Severity.HIGH)
    reviewed = take_review(deployment, NOW).findings
    assert len(found) == 1
    assert {(one.severity, one.fix) for one in reviewed} == {(Severity.HIGH, found[0].fix)}
    subprocess.run(shlex.split(found[0].fix), check=True)
    assert take_posture(deployment, NOW).of(Severity.HIGH) == ()
    assert take_review(deployment, NOW).findings == ()


def test_a_folder_above_may_be_read_and_with_the_sticky_bit_written(deployment: Settings) -> None:
    """Nobody moves away what is another's there."""
    (deployment.folder / "keys").chmod(0o755)
    deployment.folder.parent.chmod(0o1777)
    assert take_posture(deployment, NOW).of(Severity.HIGH) == ()
    assert take_review(deployment, NOW).findings == ()


def test_a_folder_above_is_looked_at_behind_a_link_too(
    deployment: Settings, tmp_path: Path
) -> None:
    """Who may write where the link leads to, or where it stands, puts another vault there."""
    there, here = tmp_path / "there", tmp_path / "here"
    for folder in (there, here):
        folder.mkdir()
    (deployment.folder / "keys").rename(there / "keys")
    (here / "keys").symlink_to(there / "keys")
    text = deployment.path.read_text()
    deployment.path.write_text(text.replace('"keys/', f'"file://{here}/keys/'))
    moved = load_settings(deployment.path)
    assert take_posture(moved, NOW).of(Severity.HIGH) == ()
    for folder in (there, here):
        folder.chmod(0o777)
        (found,) = take_posture(moved, NOW).of(Severity.HIGH)
        assert found.fix == f"chmod +t {folder}"
        folder.chmod(0o755)


def test_a_fernet_key_in_the_vault_is_found_without_opening_it(deployment: Settings) -> None:
    """By its name alone: the key file is not read."""
    parse_fernet_key(FERNET)
    deployment.vault("worker").put("fernet/key-1", FERNET)
    (deployment.folder / "keys" / "worker.kek").unlink()
    found, due = take_posture(deployment, NOW).of(Severity.MEDIUM)
    assert (found.name, due.name) == ("fernet-keys-in-use", "review-due")
    Path(found.fix.removeprefix("rm ")).unlink()
    assert "fernet-keys-in-use" not in names(take_posture(deployment, NOW))


def test_a_folder_that_is_gone_is_unknown(deployment: Settings) -> None:
    """A disk that is not mounted is not closed to others."""
    (deployment.folder / "stores" / "audit").rmdir()
    found, due = take_posture(deployment, NOW).unknown
    assert (found.name, found.subject) == ("folder-open-to-others", "audit")
    assert "No such file" in found.what
    assert due.name == "review-due"


def test_one_machine_is_looked_at_without_credentials(
    deployment: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No account is named, and so none is asked."""
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    assert take_facts(deployment, NOW).buckets == ()


@pytest.mark.server
def test_what_another_server_lacks_is_unknown_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SeaweedFS keeps versions, and blocks no public access; it has no trail and no alarms."""
    with seaweed.running() as server:
        for name, value in server.environment().items():
            monkeypatch.setenv(name, value)
        stores = {
            name: server.store_url(server.bucket(versioned=name != "audit"))
            for name in STORES
            if name != "archive"
        }
        vaults = {name: server.store_url(server.bucket(versioned=True)) for name in VAULTS}
        report = take_posture(Settings(tmp_path / "unvoiced.toml", stores, vaults, ""), NOW)
    (unversioned,) = (one for one in report.findings if one.name == "versioning-off")
    assert unversioned.subject in stores["audit"]
    reached = [one for one in report.findings if one.name == "endpoint-without-tls"]
    assert len(reached) == len(stores) + len(vaults)
    reasons = {one.name: one.what for one in report.unknown}
    assert reasons["public-access-not-blocked"].endswith("the server does not have this")
    for name in ("no-data-events", "bulk-read-alarm-missing"):
        assert "its server is not Amazon's" in reasons[name]
    assert "copies-by-backup" in reasons
    assert "role-not-named" in reasons


@pytest.mark.server
def test_the_printed_policy_lets_plain_puts_through_at_another_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SeaweedFS decides on the statement: naming nothing passes, over http too; AES256 does not."""
    with seaweed.running() as server:
        for name, value in server.environment().items():
            monkeypatch.setenv(name, value)
        bucket = server.bucket(versioned=True)
        stores = {"raw": server.store_url(bucket)}
        report = take_posture(Settings(tmp_path / "unvoiced.toml", stores, {}, ""), NOW)
        found = {one.name: one for one in report.findings if one.subject == bucket}
        assert "tls-not-required" not in found
        words = shlex.split(found["other-encryption-allowed"].fix)
        endpoint = words[words.index("--endpoint-url") + 1]
        s3 = boto3.Session().client("s3", endpoint_url=endpoint, region_name="us-east-1")
        s3.put_bucket_policy(Bucket=bucket, Policy=words[words.index("--policy") + 1])

        def put(**names: Any) -> None:
            s3.put_object(Bucket=bucket, Key="a/b", Body=b"sealed", **names)

        until_refused(lambda: put(ServerSideEncryption="AES256"))
        put()


def until_refused(ask: Callable[[], None]) -> None:
    """Ask until the server, which takes a policy up within a moment, refuses."""
    for _ in range(50):
        try:
            ask()
        except ClientError as error:
            assert error.response["Error"]["Code"] == "AccessDenied"  # noqa: PT017
            return
        time.sleep(0.1)
    raise AssertionError("it was never refused")


def test_a_server_that_does_not_answer_is_asked_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything about its bucket is unknown, and the look ends soon."""
    for name, value in {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}.items():
        monkeypatch.setenv(name, value)
    stores = {"raw": "s3://raw-bucket/?endpoint=http://127.0.0.1:1&region=us-east-1"}
    facts = take_facts(Settings(tmp_path / "unvoiced.toml", stores, {}, ""), NOW)
    (bucket,) = facts.buckets
    assert isinstance(bucket.policy, Unknown)
    assert "does not answer" in bucket.policy.why
    assert bucket.policy.command.startswith("aws s3api get-bucket-policy --bucket raw-bucket")


def test_the_command_shows_what_why_and_the_fix(deployment: Settings) -> None:
    """In a table by severity, then the counts; brackets are not taken for markup."""
    folder = deployment.folder / "stores" / "raw"
    folder.chmod(0o777)
    done = CliRunner().invoke(app, ["-c", str(deployment.path)])
    assert done.exit_code == 7
    text = " ".join(done.output.split())
    assert text.index("high (1)") < text.index("medium (1)") < text.index("low (1)")
    assert text.index("low (1)") < text.index("checks passed, 3 findings")
    assert "folder-open-to-others" in text
    assert f"chmod 700 {folder}" in done.output
    assert "Other users of the machine" in text


@pytest.mark.parametrize(
    ("options", "status"),
    [([], 7), (["--fail-on", "low"], 7), (["--fail-on", "medium"], 7), (["--fail-on", "high"], 0)],
)
def test_the_threshold_decides_on_the_exit_status(
    deployment: Settings, options: list[str], status: int
) -> None:
    """A medium finding fails from medium on; a low one is shown all the same."""
    done = CliRunner().invoke(app, ["-c", str(deployment.path), *options])
    assert done.exit_code == status
    assert "vaults-on-one-machine" in done.output


def test_the_json_has_a_stable_form(deployment: Settings) -> None:
    """What a machine reads: format, counts, and for each finding the same six fields."""
    done = CliRunner().invoke(app, ["-c", str(deployment.path), "--json"])
    found = json.loads(done.stdout)
    assert done.exit_code == 7
    assert found["format"] == "unvoiced-posture/1"
    assert found.keys() == {"format", "counts", "findings", "notes"}
    assert found["counts"].keys() == {"high", "medium", "low", "unknown", "passed"}
    _, finding = found["findings"]
    assert list(finding) == ["name", "severity", "subject", "what", "why", "fix"]
    assert (finding["name"], finding["severity"]) == ("vaults-on-one-machine", "low")


def test_settings_with_a_bucket_need_credentials(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody signed in: one error, no report."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "/dev/null")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    file = tmp_path / "unvoiced.toml"
    stores: dict[StoreName, str] = {"raw": "s3://raw-bucket"}
    lines = ["[stores]", *(f'{name} = "{url}"' for name, url in stores.items())]
    file.write_text("\n".join([*lines, "[vaults]", 'worker = "keys"', "[log]", 'vkey = "x"']))
    with pytest.raises(AccessError, match="sign in first"):
        take_posture(load_settings(file), NOW)


def test_every_check_is_documented_with_its_severity() -> None:
    """docs/posture.md has a row for each, and none for what is not there."""
    page = (Path(__file__).parents[2] / "docs" / "posture.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    wanted = [f"| `{one.name}` | {one.severity} | {one.why} |" for one in CHECKS.values()]
    assert sorted(rows) == sorted(wanted)
