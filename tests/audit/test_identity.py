"""Who reads is whose credentials they are: asked once, of real servers, and of nobody else."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import boto3
import pytest
from botocore.client import BaseClient

from tests.audit.watched import reads
from tests.servers import ministack, seaweed
from tests.servers.ministack import Ministack
from unvoiced.audit import AuditTrail, Purpose
from unvoiced.audit.record import parse_record
from unvoiced.audit.requester import requester_of
from unvoiced.aws.identity import caller
from unvoiced.errors import AccessError, CredentialsExpired
from unvoiced.stores import open_store

pytestmark = [pytest.mark.server, pytest.mark.inv("INV-8")]


@pytest.fixture(scope="module")
def aws() -> Iterator[Ministack]:
    """A running ministack."""
    with ministack.running() as server:
        yield server


@pytest.fixture
def signed_in(monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, str]], None]:
    """Puts credentials into this process's environment, and takes what was there out."""

    def sign_in(credentials: dict[str, str]) -> None:
        ministack.sign_out(monkeypatch)
        for name, value in credentials.items():
            monkeypatch.setenv(name.upper(), value)

    return sign_in


def url_of(server: Any, bucket: str = "bucket") -> str:
    """A store there."""
    return f"s3://{bucket}/audit?endpoint={server.endpoint}&region=us-east-1"


def test_a_session_of_a_role_is_named_by_it_and_expires(
    aws: Ministack, signed_in: Callable[[dict[str, str]], None]
) -> None:
    """On ministack: root, then a session, then the same one when its time is over."""
    signed_in(ministack.ROOT)
    assert caller(url_of(aws)) == f"arn:aws:iam::{ministack.ACCOUNT}:root"
    session = aws.role("scientist", ministack.allow("s3:*"), seconds=2)
    signed_in(session)
    assert caller(url_of(aws)) == f"arn:aws:sts::{ministack.ACCOUNT}:assumed-role/scientist/test"
    time.sleep(2.5)
    with pytest.raises(CredentialsExpired):
        caller(url_of(aws))


def test_on_seaweedfs_users_and_sessions_have_their_arns(
    signed_in: Callable[[dict[str, str]], None],
) -> None:
    """And a wrong secret, or an unknown key, is nobody's: nothing is read under another name."""
    policies = {"scientist": ministack.allow("s3:*", resource="arn:aws:s3:::*")}
    with seaweed.running(iam=seaweed.iam_config(policies)) as server:
        signed_in(server.environment())
        assert caller(url_of(server)) == f"arn:aws:iam::{seaweed.ACCOUNT}:user/admin"
        signed_in(server.assume("scientist"))
        arn = f"arn:aws:sts::{seaweed.ACCOUNT}:assumed-role/scientist/test"
        assert caller(url_of(server)) == arn
        for wrong in (
            {"aws_access_key_id": server.access_key, "aws_secret_access_key": "wrong"},
            {"aws_access_key_id": "unknown", "aws_secret_access_key": "wrong"},
        ):
            signed_in(wrong)
            with pytest.raises(AccessError, match="does not know the credentials"):
                caller(url_of(server))


def test_a_session_asks_once(
    aws: Ministack,
    signed_in: Callable[[dict[str, str]], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """However many records it makes; each of them has the session's ARN."""
    signed_in(ministack.ROOT)
    s3 = boto3.Session().client("s3", endpoint_url=aws.endpoint, region_name="us-east-1")
    s3.create_bucket(Bucket="once")
    signed_in(aws.role("reader", ministack.allow("s3:*")))
    called: list[str] = []
    real = BaseClient._make_api_call  # type: ignore[attr-defined]

    def counted(self: Any, operation: str, parameters: Any) -> Any:
        called.append(operation)
        return real(self, operation, parameters)

    monkeypatch.setattr(BaseClient, "_make_api_call", counted)
    audit = open_store(url_of(aws, "once"))
    trail = AuditTrail(audit, "run")
    for _ in range(3):
        trail.record(reads(1), Purpose.TRAINING)
    assert called.count("GetCallerIdentity") == 1
    requesters = {parse_record(audit.get(one.name).data).requester for one in audit.list()}
    assert requesters == {f"arn:aws:sts::{ministack.ACCOUNT}:assumed-role/reader/test"}


def test_no_environment_variable_says_who_reads(
    aws: Ministack,
    signed_in: Callable[[dict[str, str]], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Names in the environment change nothing, nor does a token service of the reader's choice."""
    signed_in(ministack.ROOT)
    for variable in ("USER", "LOGNAME", "AWS_ROLE_SESSION_NAME", "AWS_ROLE_ARN"):
        monkeypatch.setenv(variable, "somebody-else")
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:1")
    assert requester_of(url_of(aws)) == f"arn:aws:iam::{ministack.ACCOUNT}:root"


def test_a_token_service_beside_amazon_is_not_asked(
    aws: Ministack,
    signed_in: Callable[[dict[str, str]], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The bucket is Amazon's, the token service that is to say who reads is somebody's own."""
    signed_in(ministack.ROOT)
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", aws.endpoint)
    with pytest.raises(AccessError, match="not where the bucket is"):
        caller("s3://bucket/audit")
    monkeypatch.delenv("AWS_ENDPOINT_URL_STS")
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws.endpoint)  # all of it elsewhere, the bucket too
    assert caller("s3://bucket/audit") == f"arn:aws:iam::{ministack.ACCOUNT}:root"


class _NoTokenService(BaseHTTPRequestHandler):
    """How servers answer that have none: Garage, or R2, to a POST at the root."""

    answers: tuple[tuple[int, bytes], ...] = (
        (405, b""),
        (501, b"<Error><Code>NotImplemented</Code><Message>no</Message></Error>"),
        (403, b"<Error><Code>AccessDenied</Code><Message>no</Message></Error>"),
        (400, b"<html>what?</html>"),
    )
    nth = 0

    def do_POST(self) -> None:
        """Refuse."""
        status, body = self.answers[type(self).nth]
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.mark.parametrize("nth", range(4))
def test_without_a_token_service_it_is_the_access_key(
    nth: int, signed_in: Callable[[dict[str, str]], None]
) -> None:
    """Its id, which the server's own log has too; never the secret."""
    signed_in({"aws_access_key_id": "an-id", "aws_secret_access_key": "a-secret"})
    handler = type("Handler", (_NoTokenService,), {"nth": nth})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        url = f"s3://bucket/audit?endpoint=http://127.0.0.1:{server.server_port}"
        assert caller(url) == "access-key:an-id"
        server.shutdown()


def test_a_token_service_in_trouble_is_no_reason_to_take_another_name(
    signed_in: Callable[[dict[str, str]], None],
) -> None:
    """It has one, and will say again who reads."""
    signed_in({"aws_access_key_id": "an-id", "aws_secret_access_key": "a-secret"})
    trouble = ((500, b"<Error><Code>InternalError</Code></Error>"),)
    handler = type("Handler", (_NoTokenService,), {"answers": trouble})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with pytest.raises(AccessError, match="InternalError"):
            caller(f"s3://bucket/audit?endpoint=http://127.0.0.1:{server.server_port}")
        server.shutdown()


def test_nobody_answering_is_no_reason_to_take_another_name(
    signed_in: Callable[[dict[str, str]], None],
) -> None:
    """Else cutting the line to the token service would give a reader a second identity."""
    signed_in({"aws_access_key_id": "an-id", "aws_secret_access_key": "a-secret"})
    with pytest.raises(AccessError, match="EndpointConnectionError"):
        caller("s3://bucket/audit?endpoint=http://127.0.0.1:1")


def test_without_credentials_nothing_is_read(
    signed_in: Callable[[dict[str, str]], None],
) -> None:
    """There is nobody to name."""
    signed_in({})
    assert "AWS_ACCESS_KEY_ID" not in os.environ
    with pytest.raises(AccessError, match="no credentials"):
        caller("s3://bucket/audit?endpoint=http://127.0.0.1:1")
