"""What a grant opens on a real server: one contributor's folder, to put into, and nothing else.

Every attempt is judged by what stands in the buckets afterwards too, not by the answer alone.

Not proven here, as SeaweedFS 4.48 does not do as Amazon does:

- It compares the names of resources without regard to case, so a grant for "abc" puts under "ABC"
  as well. No pseudonym has a capital letter, so no contributor's folder can be reached that way.
- It has no condition on If-None-Match: that a grant never puts over a recording. What was put over
  stays as a version, which is shown.
"""

import http.client
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlsplit

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.access.conftest import STORES, Account
from tests.access.contributors import ANNA, BODY, BRUNO, MINE, RAW, THEIRS, everything, refusal
from tests.servers import seaweed
from unvoiced.access.roles import Role

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

pytestmark = pytest.mark.server


def test_a_grant_puts_into_its_folder(admin: "S3Client", anna: "S3Client") -> None:
    """And what was put is there."""
    anna.put_object(Bucket=RAW, Key=f"{ANNA}/new.unv", Body=BODY, IfNoneMatch="*")
    assert admin.get_object(Bucket=RAW, Key=f"{ANNA}/new.unv")["Body"].read() == BODY


@pytest.mark.parametrize(
    "key",
    [
        *(THEIRS, f"{BRUNO}/new.unv", "new.unv", ANNA, f"{ANNA}2/new.unv", f"{ANNA}.unv"),
        *(f"{ANNA[:-1]}/new.unv", f"x{ANNA}/new.unv", f"{BRUNO}/{ANNA}/new.unv", f"*/{ANNA}/x"),
        *("*", f"{ANNA[:-1]}*/new.unv", f"{ANNA[:-1]}?/new.unv", "${aws:username}/new.unv"),
        *(f"{ANNA} /new.unv", f" {ANNA}/new.unv", f"{ANNA}%2Fnew.unv", f"{ANNA}\u2215new.unv"),
    ],
)
def test_a_grant_puts_nowhere_else(admin: "S3Client", anna: "S3Client", key: str) -> None:
    """Not for others, not at the root, and not under what only looks like its folder."""
    before = everything(admin)
    assert refusal(lambda: anna.put_object(Bucket=RAW, Key=key, Body=BODY)) == "AccessDenied"
    upload = {"Bucket": RAW, "Key": key}
    assert refusal(lambda: anna.create_multipart_upload(**upload)) == "AccessDenied"
    assert everything(admin) == before


@pytest.mark.parametrize("bucket", [place.value.replace(" ", "-") for place in STORES[1:]])
def test_a_grant_puts_into_no_other_bucket(
    admin: "S3Client", anna: "S3Client", bucket: str
) -> None:
    """Under the right name in the wrong place."""
    before = everything(admin)
    assert refusal(lambda: anna.put_object(Bucket=bucket, Key=MINE, Body=BODY)) == "AccessDenied"
    assert everything(admin) == before


@pytest.mark.parametrize("key", [MINE, THEIRS])
def test_a_grant_neither_reads_nor_lists_nor_deletes(
    admin: "S3Client", anna: "S3Client", key: str
) -> None:
    """Not even what was put with it."""
    version = admin.head_object(Bucket=RAW, Key=key)["VersionId"]
    before, at = everything(admin), {"Bucket": RAW, "Key": key}
    of: dict[str, Callable[[], Any]] = {
        "get": lambda: anna.get_object(**at),
        "get a version": lambda: anna.get_object(**at, VersionId=version),
        "get a range": lambda: anna.get_object(**at, Range="bytes=0-0"),
        "head": lambda: anna.head_object(**at),
        "tags": lambda: anna.get_object_tagging(**at),
        "acl": lambda: anna.get_object_acl(**at),
        "copy": lambda: anna.copy_object(Bucket=RAW, Key=f"{ANNA}/copy.unv", CopySource=at),
        "copy a version": lambda: anna.copy_object(
            Bucket=RAW, Key=f"{ANNA}/copy.unv", CopySource={**at, "VersionId": version}
        ),
        "list": lambda: anna.list_objects_v2(Bucket=RAW),
        "list the folder": lambda: anna.list_objects_v2(Bucket=RAW, Prefix=f"{ANNA}/"),
        "list versions": lambda: anna.list_object_versions(Bucket=RAW, Prefix=f"{ANNA}/"),
        "list uploads": lambda: anna.list_multipart_uploads(Bucket=RAW, Prefix=f"{ANNA}/"),
        "versioning": lambda: anna.get_bucket_versioning(Bucket=RAW),
        "hide": lambda: anna.delete_object(**at),
        "delete": lambda: anna.delete_object(**at, VersionId=version),
        "open to all": lambda: anna.put_object_acl(**at, ACL="public-read"),
    }
    codes = {title: refusal(ask) for title, ask in of.items()}
    batch = {"Objects": [{"Key": key}, {"Key": key, "VersionId": version}]}
    answer = anna.delete_objects(Bucket=RAW, Delete=batch)
    codes |= {f"batch {n}": error["Code"] for n, error in enumerate(answer["Errors"])}
    assert codes.pop("head") == "403"
    assert set(codes.values()) == {"AccessDenied"}
    assert {"batch 0", "batch 1"} <= codes.keys()
    assert everything(admin) == before


def test_what_a_grant_puts_over_stands_as_a_version(admin: "S3Client", anna: "S3Client") -> None:
    """Who steals a grant can add to a folder, and destroys nothing in it."""
    version = admin.head_object(Bucket=RAW, Key=MINE)["VersionId"]
    anna.put_object(Bucket=RAW, Key=MINE, Body=BODY)
    kept = admin.get_object(Bucket=RAW, Key=MINE, VersionId=version)["Body"].read()
    assert kept == b"sent earlier"
    over = {"Bucket": RAW, "Key": MINE, "Body": BODY, "IfNoneMatch": "*"}
    assert refusal(lambda: anna.put_object(**over)) == "PreconditionFailed"


def test_a_session_policy_only_narrows(account: Account, admin: "S3Client") -> None:
    """A session that asks for everything gets what the uploader role has."""
    everything_allowed = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}],
    }
    client = account.server.client(account.assume(Role.UPLOADER, policy=everything_allowed))
    client.put_object(Bucket=RAW, Key=f"{BRUNO}/new.unv", Body=BODY)
    assert refusal(lambda: client.get_object(Bucket=RAW, Key=THEIRS)) == "AccessDenied"
    assert refusal(lambda: client.list_objects_v2(Bucket=RAW)) == "AccessDenied"
    assert refusal(lambda: client.delete_object(Bucket=RAW, Key=THEIRS)) == "AccessDenied"


_ROUNDABOUT = (
    *(f"{ANNA}/../{THEIRS}", f"{ANNA}/../{BRUNO}/new.unv", f"{ANNA}/./../{BRUNO}/new.unv"),
    *(f"{ANNA}/%2e%2e/{BRUNO}/new.unv", f"{ANNA}/.%2e/{BRUNO}/new.unv", f"{ANNA}//../{THEIRS}"),
    *(f"{ANNA}%2f..%2f{BRUNO}%2fnew.unv", f"{ANNA}/..%2f{BRUNO}/new.unv"),
    *(f"{ANNA}/%252e%252e/{BRUNO}/new.unv", f"{ANNA}/..%5c{BRUNO}%5cnew.unv"),
    *(f"{ANNA}/..;/{BRUNO}/new.unv", f"{ANNA}/%c0%ae%c0%ae/{BRUNO}/new.unv"),
    *(f"{ANNA}/../../training/new.unv", f"{ANNA}/%2e%2e/%2e%2e/training/new.unv", "../log/new"),
    *(f"{ANNA}/..", f"{ANNA}/.", f"{ANNA}%00/new.unv", f"{ANNA}%0a/new.unv", f"{ANNA}%20/x"),
    *(f"{ANNA}/%00/../../{THEIRS}", f"{BRUNO}/../{ANNA}/../{THEIRS}", f"./{THEIRS}"),
    *(f"/{THEIRS}", f"//{THEIRS}", f"{THEIRS}?x={ANNA}/", f"{THEIRS}%3f{ANNA}/"),
)


@pytest.mark.parametrize("path", _ROUNDABOUT)
def test_no_path_leads_out_of_the_folder(
    account: Account, admin: "S3Client", credentials: dict[str, str], path: str
) -> None:
    """Sent to the byte as it stands here, and signed as it stands or as a server may read it."""
    before = everything(admin)
    for signed in {path, quote(unquote(path.partition("?")[0]), safe="/-_.~")}:
        for method in ("PUT", "DELETE", "GET"):
            status, body = _send(account, credentials, method, path, signed)
            assert b"sent earlier" not in body
            assert method == "PUT" or status >= 400
    after = everything(admin)
    new = {
        (b, key, v) for b, found in after.items() for key, v in found if (key, v) not in before[b]
    }
    assert all(bucket == RAW and key.startswith(f"{ANNA}/") for bucket, key, _ in new)
    for bucket, found in before.items():
        assert found.keys() <= after[bucket].keys()


def test_a_path_sent_to_the_byte_is_understood(
    account: Account, admin: "S3Client", credentials: dict[str, str]
) -> None:
    """What is refused above is refused for what it asks, not for how it was sent."""
    status, _ = _send(account, credentials, "PUT", f"{ANNA}/new.unv", f"{ANNA}/new.unv")
    assert status == 200
    assert admin.get_object(Bucket=RAW, Key=f"{ANNA}/new.unv")["Body"].read() == BODY


def _send(
    account: Account, credentials: Mapping[str, str], method: str, path: str, signed: str
) -> tuple[int, bytes]:
    """boto3 and urllib3 tidy paths up, so neither is asked."""
    host = urlsplit(account.server.endpoint).netloc
    body = BODY if method == "PUT" else b""
    request = AWSRequest(method, f"http://{host}/{RAW}/{signed}", data=body, headers={"Host": host})
    S3SigV4Auth(Credentials(*credentials.values()), "s3", seaweed.REGION).add_auth(request)
    connection = http.client.HTTPConnection(host, timeout=10)
    try:
        connection.putrequest(method, f"/{RAW}/{path}", skip_host=True)
        for name, value in request.headers.items():
            connection.putheader(name, value)
        connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()
