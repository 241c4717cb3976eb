"""Presigned requests and the end of a grant, on real servers.

SeaweedFS 4.48 gives no session of less than 15 minutes, so one is minted there with the server's
own key; it sends `InvalidAccessKeyId` for one that has ended, where ministack, as Amazon, sends
`ExpiredToken`. It takes no presigned form from a session: forms are tried on ministack, which
takes a session of seconds as well.
"""

import base64
import hmac
import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import urllib3

from tests.access.conftest import Account
from tests.access.contributors import (
    ANNA,
    BODY,
    BRUNO,
    MINE,
    RAW,
    THEIRS,
    attempts,
    everything,
    granted_on,
    refusal,
    wait_until,
)
from tests.servers import ministack

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

pytestmark = pytest.mark.server

_LONGEST = 1_000  # bytes a presigned form takes


@pytest.fixture(scope="module")
def root(second_server: ministack.Ministack) -> "S3Client":
    """Who may do everything on the second server."""
    client: S3Client = second_server.client("s3")
    return client


@pytest.fixture(scope="module")
def anna_there(second_server: ministack.Ministack) -> "S3Client":
    """Anna with a grant on the second server."""
    return granted_on(second_server, seconds=900)[0]


def _form(anna: "S3Client", *, seconds: int = 60) -> dict[str, Any]:
    """A presigned form for one object of Anna's, as a browser would be given."""
    return anna.generate_presigned_post(
        RAW,
        f"{ANNA}/form.unv",
        Conditions=[["content-length-range", 1, _LONGEST]],
        ExpiresIn=seconds,
    )


def _post(form: Mapping[str, Any], body: bytes, **changed: str) -> int:
    fields = {**form["fields"], **changed, "file": ("form.unv", body)}
    return urllib3.request("POST", form["url"], fields=fields, retries=False).status


def test_a_form_takes_one_object(root: "S3Client", anna_there: "S3Client") -> None:
    """The one it was made for."""
    assert _post(_form(anna_there), BODY) == 204
    assert root.get_object(Bucket=RAW, Key=f"{ANNA}/form.unv")["Body"].read() == BODY


@pytest.mark.parametrize(
    ("size", "changed"),
    [
        (_LONGEST + 1, {}),
        (0, {}),
        (10, {"key": THEIRS}),
        (10, {"key": f"{ANNA}/other.unv"}),
        (10, {"key": f"{ANNA}/form.unv2"}),
        (10, {"key": "${filename}"}),
        (10, {"policy": base64.b64encode(b'{"conditions": []}').decode()}),
        (10, {"x-amz-security-token": "none"}),
        (10, {"x-amz-signature": "0" * 64}),
    ],
)
def test_a_form_takes_nothing_else(
    root: "S3Client", anna_there: "S3Client", size: int, changed: dict[str, str]
) -> None:
    """Not larger or empty, not under another name, not with what was signed changed."""
    before = everything(root)
    assert 400 <= _post(_form(anna_there), bytes(size), **changed) < 500
    assert everything(root) == before


def test_a_form_that_ended_takes_nothing(root: "S3Client", anna_there: "S3Client") -> None:
    """It took one before."""
    form = _form(anna_there, seconds=2)
    assert _post(form, BODY) == 204
    before = everything(root)
    wait_until(datetime.now(UTC) + timedelta(seconds=3))
    assert _post(form, BODY) == 403
    assert everything(root) == before


def test_a_form_for_others_is_worth_nothing(root: "S3Client", anna_there: "S3Client") -> None:
    """Anna can sign one for Bruno's folder; it is decided by what she may do herself."""
    form = anna_there.generate_presigned_post(RAW, f"{BRUNO}/form.unv")
    before = everything(root)
    assert _post(form, BODY) == 403
    assert everything(root) == before


def test_a_presigned_put_is_for_its_name_and_its_time(admin: "S3Client", anna: "S3Client") -> None:
    """Another name, another request or another moment, and it is refused."""
    at = {"Bucket": RAW, "Key": f"{ANNA}/url.unv"}
    url = anna.generate_presigned_url("put_object", Params=at, ExpiresIn=2)
    theirs = anna.generate_presigned_url("put_object", Params={**at, "Key": THEIRS}, ExpiresIn=60)

    def status(method: str, where: str) -> int:
        return urllib3.request(method, where, body=BODY, retries=False).status

    assert status("PUT", url) == 200
    before = everything(admin)
    assert status("PUT", url.replace("url.unv", "other.unv")) == 403
    assert status("PUT", url.replace(ANNA, BRUNO)) == 403
    assert status("PUT", theirs) == 403
    assert {status(method, url) for method in ("GET", "DELETE", "POST")} <= {403, 405}
    wait_until(datetime.now(UTC) + timedelta(seconds=3))
    assert status("PUT", url) == 403
    assert everything(admin) == before


def _token(token: str, key: bytes, **claims: Any) -> str:
    """A session token with some claims changed, signed with this key."""
    head, body, _ = token.split(".")
    changed = {**json.loads(base64.urlsafe_b64decode(body + "==")), **claims}
    signed = f"{head}.{_base64(json.dumps(changed).encode())}"
    return f"{signed}.{_base64(hmac.digest(key, signed.encode(), 'sha256'))}"


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def test_a_grant_ends(
    account: Account, admin: "S3Client", credentials: dict[str, str], signing_key: bytes
) -> None:
    """The server gives none for less than 15 minutes, so this one is minted with the server's key:
    it works for two seconds, and then for nothing."""
    ends = int(time.time()) + 3
    token = _token(credentials["aws_session_token"], signing_key, exp=ends)
    client = account.server.client({**credentials, "aws_session_token": token})
    client.put_object(Bucket=RAW, Key=f"{ANNA}/in-time.unv", Body=BODY)
    before = everything(admin)
    wait_until(datetime.fromtimestamp(ends + 1, UTC))
    assert set(attempts(client)) == {"InvalidAccessKeyId"}
    assert everything(admin) == before
    # It was the end that ended it: the same session with its own token goes on.
    account.server.client(credentials).put_object(Bucket=RAW, Key=f"{ANNA}/2.unv", Body=BODY)


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": 4_000_000_000},
        {"spol": ""},
        {"role": "arn:aws:iam::000000000000:role/ingest-worker"},
    ],
    ids=["longer", "wider", "another role"],
)
def test_a_grant_cannot_be_changed(
    account: Account, admin: "S3Client", credentials: dict[str, str], claims: dict[str, Any]
) -> None:
    """Who holds it, and not the server's key, cannot make it longer, wider, or another role's."""
    before = everything(admin)
    token = _token(credentials["aws_session_token"], b"not the server's key", **claims)
    client = account.server.client({**credentials, "aws_session_token": token})
    assert set(attempts(client)) <= {"InvalidAccessKeyId", "AccessDenied", "InvalidToken"}
    assert everything(admin) == before


def test_a_session_of_seconds_ends(second_server: ministack.Ministack, root: "S3Client") -> None:
    """One policy, two servers: Anna's folder and no more, and then `ExpiredToken` for all."""
    client, ends = granted_on(second_server, seconds=3)
    client.put_object(Bucket=RAW, Key=MINE, Body=BODY)
    theirs = {"Bucket": RAW, "Key": THEIRS, "Body": BODY}
    assert refusal(lambda: client.put_object(**theirs)) == "AccessDenied"
    assert refusal(lambda: client.get_object(Bucket=RAW, Key=MINE)) == "AccessDenied"
    before = everything(root)
    wait_until(ends + timedelta(seconds=1))
    assert set(attempts(client)) == {"ExpiredToken"}
    assert everything(root) == before
