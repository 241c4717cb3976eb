"""Two contributors, the grant of one of them, and what stands in the account meanwhile."""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.access.operations import picture
from tests.servers import ministack
from unvoiced.access.policies import Estate, grant_policy
from unvoiced.access.roles import Place, Role

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ANNA, BRUNO = "a" * 25 + "2", "b" * 26
MINE, THEIRS = f"{ANNA}/mine.unv", f"{BRUNO}/theirs.unv"
BODY = b"a sealed recording"
RAW = "raw"
ON_MINISTACK = Estate(buckets={Place.RAW: RAW}, amazon=False)


def everything(admin: "S3Client") -> dict[str, Any]:
    """All versions and markers of all buckets."""
    return {
        bucket["Name"]: picture(admin, bucket["Name"]) for bucket in admin.list_buckets()["Buckets"]
    }


def refusal(ask: Callable[[], Any]) -> str:
    """The code of the refusal; a test that gets an answer instead fails here."""
    with pytest.raises(ClientError) as refused:
        ask()
    return str(refused.value.response["Error"]["Code"])


def attempts(client: "S3Client") -> list[str]:
    """What a grant could be used for, and the code of each refusal."""
    asks: list[Callable[[], Any]] = [
        lambda: client.put_object(Bucket=RAW, Key=f"{ANNA}/late.unv", Body=BODY),
        lambda: client.create_multipart_upload(Bucket=RAW, Key=f"{ANNA}/late.unv"),
        lambda: client.get_object(Bucket=RAW, Key=MINE),
        lambda: client.list_objects_v2(Bucket=RAW),
        lambda: client.delete_object(Bucket=RAW, Key=MINE),
    ]
    return [refusal(ask) for ask in asks]


def wait_until(moment: datetime) -> None:
    """Come back once it is later than that."""
    while datetime.now(UTC) < moment:
        time.sleep(0.05)


def granted_on(server: ministack.Ministack, *, seconds: int) -> tuple["S3Client", datetime]:
    """Anna, with a grant of ministack's uploader role, and when it ends."""
    sts = boto3.client(
        "sts",
        endpoint_url=server.endpoint,
        region_name=ministack.REGION,
        # boto3 itself would refuse to ask for less than 900 seconds.
        config=Config(parameter_validation=False),
        **ministack.ROOT,
    )
    session = sts.assume_role(
        RoleArn=f"arn:aws:iam::{ministack.ACCOUNT}:role/{Role.UPLOADER}",
        RoleSessionName=ANNA,
        DurationSeconds=seconds,
        Policy=json.dumps(grant_policy(ANNA, ON_MINISTACK)),
    )["Credentials"]
    client: S3Client = boto3.client(
        "s3",
        endpoint_url=server.endpoint,
        region_name=ministack.REGION,
        config=Config(signature_version="s3v4", retries={"total_max_attempts": 1}),
        aws_access_key_id=session["AccessKeyId"],
        aws_secret_access_key=session["SecretAccessKey"],
        aws_session_token=session["SessionToken"],
    )
    return client, session["Expiration"]
