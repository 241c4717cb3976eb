"""A grant from the command that issues it to the upload that uses it, on a real S3 server."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.servers import seaweed
from unvoiced.access.policies import Estate, role_policy
from unvoiced.access.roles import Place, Role
from unvoiced.stores.s3 import S3Store

pytestmark = pytest.mark.server

Run = Callable[..., subprocess.CompletedProcess[str]]
UPLOADER = seaweed.role_arn("uploader")


@dataclass(frozen=True)
class Desk:
    """Where invitations are written: a deployment whose raw store is on the server."""

    server: seaweed.Seaweed
    run: Run
    folder: Path

    def raw(self) -> list[str]:
        """The names in the raw store."""
        listed = self.server.client().list_objects_v2(Bucket="raw").get("Contents", [])
        return [one["Key"] for one in listed]


@pytest.fixture(scope="module")
def server() -> Iterator[seaweed.Seaweed]:
    """A server that knows the uploader role, with a raw bucket."""
    estate = Estate(buckets={Place.RAW: "raw"}, amazon=False)
    iam = seaweed.iam_config({"uploader": role_policy(Role.UPLOADER, estate)})
    with seaweed.running(iam=iam) as running:
        client = running.client()
        client.create_bucket(Bucket="raw")
        client.put_bucket_versioning(Bucket="raw", VersioningConfiguration={"Status": "Enabled"})
        yield running


def runner(server: seaweed.Seaweed, folder: Path) -> Run:
    """Runs commands in a folder, with the administrator's credentials or with none at all."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    nobody = {"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": os.devnull}

    def run(
        *arguments: str, code: int = 0, credentials: bool = True
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "unvoiced.cli", *arguments],
            cwd=folder,
            env={**clean, **(server.environment() if credentials else nobody)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done

    return run


@pytest.fixture(scope="module")
def made(server: seaweed.Seaweed, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A deployment whose raw store is on the server, and two invitations; to be copied."""
    folder = tmp_path_factory.mktemp("made")
    run = runner(server, folder)
    raw = f"raw={server.store_url('raw')}"
    run("init", "deployment", "--store", raw, "--role", f"uploader={UPLOADER}")
    for who in ("anna", "bruno"):
        run("invite", who, "-c", "deployment")
    return folder


@pytest.fixture
def desk(server: seaweed.Seaweed, made: Path, tmp_path: Path) -> Desk:
    """The deployment and the invitations, with an empty raw store."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    raw = S3Store("raw", client=server.client())
    for entry in raw.versions():
        raw.delete(entry.name, entry.version)
    return Desk(server, runner(server, tmp_path), tmp_path)


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """One second of noise."""
    path = tmp_path / "voice.wav"
    soundfile.write(path, np.random.default_rng(1).normal(0, 0.1, 16000), 16000)
    return path


def grant_file(desk: Desk, who: str) -> Path:
    """A grant in a file, as its contributor is given it."""
    issued = desk.run("grant", who, "-c", "deployment", "--minutes", "15")
    path = desk.folder / f"{who}.grant"
    path.write_text(issued.stdout)
    return path


def test_a_contributor_uploads_with_a_grant_and_nothing_else(desk: Desk, recording: Path) -> None:
    """On a machine without any credentials of its own."""
    grant = grant_file(desk, "anna")
    sent = desk.run(
        "upload", recording.name, "-i", "anna.invitation", "--grant", grant.name, credentials=False
    )
    assert "1 uploaded" in sent.stdout
    again = desk.run(
        "upload", recording.name, "-i", "anna.invitation", "--grant", grant.name, credentials=False
    )
    assert "1 already uploaded" in again.stdout
    assert len(desk.raw()) == 1


def test_a_grant_for_one_contributor_uploads_nothing_for_another(
    desk: Desk, recording: Path
) -> None:
    """Refused by the server, said by the command, and nothing is there."""
    grant = grant_file(desk, "anna")
    refused = desk.run(
        "upload", recording.name, "-i", "bruno.invitation", "--grant", grant.name,
        credentials=False, code=3,
    )  # fmt: skip
    assert "AccessDenied" in refused.stderr
    assert desk.raw() == []


def test_environment_lines_are_credentials_for_any_tool(desk: Desk, recording: Path) -> None:
    """`eval "$(unvoiced grant ... --format env)"`, and the upload needs no option."""
    lines = desk.run("grant", "anna", "-c", "deployment", "--format", "env").stdout
    command = f'{lines}\n"$0" -m unvoiced.cli upload {recording.name} -i anna.invitation'
    done = subprocess.run(
        ["sh", "-c", command, sys.executable],
        cwd=desk.folder,
        env={"PATH": os.environ["PATH"], "AWS_EC2_METADATA_DISABLED": "true"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "1 uploaded" in done.stdout, done.stderr


def test_an_ended_grant_says_so_and_what_to_do(desk: Desk, recording: Path) -> None:
    """Before anything is sealed, with the exit code of missing access."""
    grant = grant_file(desk, "anna")
    fields = json.loads(grant.read_text())
    grant.write_text(json.dumps({**fields, "Expiration": "2026-01-01T00:00:00Z"}))
    refused = desk.run(
        "upload", recording.name, "-i", "anna.invitation", "--grant", grant.name,
        credentials=False, code=3,
    )  # fmt: skip
    assert "ended at 2026-01-01 00:00 UTC" in refused.stderr
    assert "nothing is lost" in refused.stderr
    assert fields["SecretAccessKey"] not in refused.stderr + refused.stdout


def put(upload: dict[str, object], data: bytes, **changed: str | None) -> int:
    """Send what a presigned upload says, with some headers changed or left out."""
    headers = {**upload["headers"], **changed}  # type: ignore[dict-item]
    request = urllib.request.Request(  # noqa: S310
        str(upload["url"]),
        data=data,
        method="PUT",
        headers={name: value for name, value in headers.items() if value is not None},
    )
    try:
        with urllib.request.urlopen(request) as answer:  # noqa: S310
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_a_presigned_upload_takes_exactly_the_bytes_it_was_made_for_once(
    desk: Desk, recording: Path
) -> None:
    """Name, size, digest and "only where nothing stands" are all signed."""
    desk.run("seal", recording.name, "-i", "anna.invitation", "-o", "out")
    (sealed,) = (desk.folder / "out").rglob("*.unv")
    data = sealed.read_bytes()
    issued = desk.run(
        "grant", "anna", "-c", "deployment", "--sample", sealed.stem,
        "--size", str(len(data)), "--sha256", hashlib.sha256(data).hexdigest(),
    )  # fmt: skip
    upload = json.loads(issued.stdout)
    size = str(len(data) + 1)
    assert put(upload, data[:-1] + b"!") == 400
    assert put(upload, data + b"!", **{"Content-Length": size}) == 403
    assert put(upload, data, **{"If-None-Match": None}) == 403
    other = {**upload, "url": upload["url"].replace(sealed.stem, sealed.stem[:-1] + "0")}
    assert put(other, data) == 403
    assert desk.raw() == []
    assert put(upload, data) == 200
    assert put(upload, data) == 412
    assert desk.raw() == [f"{sealed.parent.name}/{sealed.name}"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("../bruno",), "contributor id"),
        (("*",), "contributor id"),
        (("anna", "--minutes", "61"), "15 to 60"),
        (("anna", "--sample", "x"), "--size"),
        (("anna", "--sample", "../x", "--size", "1", "--sha256", "0" * 64), "sample id"),
    ],
)
def test_what_cannot_be_granted_is_refused(
    desk: Desk, arguments: tuple[str, ...], said: str
) -> None:
    """No id, however written, makes a wider grant."""
    assert said in desk.run("grant", *arguments, "-c", "deployment", code=2).stderr


def test_without_an_uploader_role_it_is_said_what_is_missing(desk: Desk) -> None:
    """By the name of the setting."""
    path = desk.folder / "deployment" / "unvoiced.toml"
    path.write_text(path.read_text().partition("[roles]")[0] + "[ingest]\nworkers = 1\n")
    assert "[roles]" in desk.run("grant", "anna", "-c", "deployment", code=2).stderr


def test_a_role_that_is_not_there_is_refused_by_its_name(desk: Desk) -> None:
    """With the server's code and no more of what it wrote."""
    path = desk.folder / "deployment" / "unvoiced.toml"
    path.write_text(path.read_text().replace("role/uploader", "role/nobody"))
    refused = desk.run("grant", "anna", "-c", "deployment", code=3)
    assert "role/nobody" in refused.stderr.replace("\n", "")


def test_a_folder_has_no_grants(tmp_path: Path, desk: Desk) -> None:
    """Grants are for buckets."""
    desk.run("init", "local", "--role", f"uploader={UPLOADER}")
    assert "s3://" in desk.run("grant", "anna", "-c", "local", code=2).stderr
