"""A real AWS-like server for tests: ministack on a free loopback port, gone with its starter.

It decides by IAM policies, trust policies and key policies, and lets sessions expire. It skips
every check for the root key `test`, does not authenticate KMS ciphertext, and takes a ciphertext
for any key that a caller names: no test may rest on it there.

It pins a botocore of its own, so it lives in an environment of its own.
"""

import contextlib
import json
import os
import secrets
import shutil
import ssl
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from tests.servers.process import die_with, free_ports, stop

REGION = "us-east-1"
ACCOUNT = "000000000000"
_BINARY = "UNVOICED_MINISTACK"
_READY_WITHIN = 60.0

# By the names that boto3 has for them, so that they go into any client as they are.
Credentials = dict[str, str]
ROOT: Credentials = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}

_NO_ACCOUNT = {
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}


@dataclass(frozen=True, slots=True)
class Ministack:
    """A running server."""

    endpoint: str
    pid: int
    folder: Path

    def client(
        self, service: str, credentials: Credentials | None = None, *, region: str = REGION
    ) -> Any:
        """A plain client of any service, for root where no credentials are given."""
        config = Config(retries={"total_max_attempts": 1})
        return self._client(service, credentials or ROOT, region, config)

    def role(
        self, name: str, policy_document: Mapping[str, Any], *, seconds: int = 3600
    ) -> Credentials:
        """The credentials of a session of a new role that may do what the policy says.

        `seconds` after which they expire may be less than the 900 that Amazon insists on.
        """
        # boto3 itself would refuse to ask for less than 900 seconds.
        unchecked = Config(retries={"total_max_attempts": 1}, parameter_validation=False)
        iam, sts = self.client("iam"), self._client("sts", ROOT, REGION, unchecked)
        trust = {
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
        }
        role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=_policy(trust))["Role"]
        iam.put_role_policy(
            RoleName=name, PolicyName="inline", PolicyDocument=json.dumps(policy_document)
        )
        session = sts.assume_role(
            RoleArn=role["Arn"], RoleSessionName="test", DurationSeconds=seconds
        )["Credentials"]
        return {
            "aws_access_key_id": session["AccessKeyId"],
            "aws_secret_access_key": session["SecretAccessKey"],
            "aws_session_token": session["SessionToken"],
        }

    def environment(self, credentials: Credentials | None = None) -> dict[str, str]:
        """What boto3's usual chain needs to reach it, and nothing of the caller's own account."""
        return {
            **_NO_ACCOUNT,
            **{name.upper(): value for name, value in (credentials or ROOT).items()},
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_DEFAULT_REGION": REGION,
        }

    def sign_in(self, patch: pytest.MonkeyPatch, credentials: Credentials | None = None) -> None:
        """Make that this process's environment, whatever of AWS was in it before."""
        sign_out(patch)
        for name, value in self.environment(credentials).items():
            patch.setenv(name, value)

    def _client(self, service: str, credentials: Credentials, region: str, config: Config) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.endpoint,
            region_name=region,
            config=config,
            **credentials,
        )


def allow(*actions: str, resource: str = "*") -> dict[str, Any]:
    """A policy document that allows these actions on one resource, and nothing else."""
    document: dict[str, Any] = json.loads(
        _policy({"Effect": "Allow", "Action": list(actions), "Resource": resource})
    )
    return document


def sign_out(patch: pytest.MonkeyPatch) -> None:
    """Take everything of AWS out of this process's environment, and every account with it."""
    for name in [each for each in os.environ if each.startswith("AWS_")]:
        patch.delenv(name)
    for name, value in _NO_ACCOUNT.items():
        patch.setenv(name, value)


def binary() -> Path:
    """The `ministack` that $UNVOICED_MINISTACK names, or else the one `make test` installs."""
    named = os.environ.get(_BINARY)
    root = Path(__file__).resolve().parents[2]
    found = Path(named) if named else root / ".venv-ministack" / "bin" / "ministack"
    if not found.is_file():
        raise FileNotFoundError(
            f"there is no {found}: `make test` installs ministack, or ${_BINARY} says where it is"
        )
    return found


@contextlib.contextmanager
def running() -> Iterator[Ministack]:
    """Start an empty server; kill it and remove its folder on the way out."""
    command = binary()
    folder = Path(tempfile.mkdtemp(prefix="unvoiced-ministack-"))
    process: subprocess.Popen[bytes] | None = None
    try:
        (port,) = free_ports(1)
        process = start(command, folder, port)
        server = Ministack(f"http://127.0.0.1:{port}", process.pid, folder)
        wait_until_ready(server, process)
        yield server
    finally:
        if process is not None:
            stop(process)
        shutil.rmtree(folder, ignore_errors=True)


def new_name(prefix: str) -> str:
    """A name nobody has used on this server yet."""
    return f"{prefix}-{secrets.token_hex(6)}"


def _policy(statement: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def start(
    command: Path, folder: Path, port: int, more: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """Start the process, which logs into its folder; `more` is added to its environment."""
    with (folder / "ministack.log").open("wb") as log:
        return subprocess.Popen(
            [str(command)],
            cwd=folder,
            env={
                "PATH": os.defpath,
                "HOME": str(folder),
                "TMPDIR": str(folder),
                "AUTH": "true",
                "BIND_HOST": "127.0.0.1",
                "GATEWAY_PORT": str(port),
                "SFTP_ENABLED": "0",
                "IOT_MTLS_ENABLED": "0",
                "DOCKER_HOST": "unix:///nonexistent.sock",
                **(more or {}),
            },
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            preexec_fn=die_with(os.getpid()),
        )


def wait_until_ready(
    server: Ministack, process: subprocess.Popen[bytes], trusting: ssl.SSLContext | None = None
) -> None:
    """Return once it answers; raises with its log where it never does."""
    deadline = time.monotonic() + _READY_WITHIN
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(urllib.error.URLError, OSError):
            health = f"{server.endpoint}/_ministack/health"
            urllib.request.urlopen(health, context=trusting, timeout=1).close()  # noqa: S310
            return
        time.sleep(0.05)
    log = (server.folder / "ministack.log").read_text(errors="replace")
    raise RuntimeError("ministack did not become ready:\n" + log[-4000:])
