"""Grants from AWS STS, or from a server that speaks it."""

import json
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from unvoiced import names
from unvoiced.access.grant import ROLE_ARN, Grant
from unvoiced.access.policies import Estate, grant_policy
from unvoiced.aws.transport import encrypted_only, hide_bodies
from unvoiced.errors import AccessError, InputError
from unvoiced.stores.s3_errors import code_of

if TYPE_CHECKING:
    from mypy_boto3_sts import STSClient


def role_arn(value: str) -> str:
    """Return the ARN of an IAM role as it is. Raises `InputError` for anything else."""
    if not ROLE_ARN.fullmatch(value):
        raise InputError(f"{value[:80]!r} is not the ARN of an IAM role")
    return value


def sts_client(region: str, endpoint: str | None = None) -> "STSClient":
    """A client that gives up within seconds; without `endpoint`, boto3's own settings name one."""
    hide_bodies()
    config = Config(
        connect_timeout=5, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 4}
    )
    try:
        client = boto3.Session().client(
            "sts", region_name=region, endpoint_url=endpoint, config=config
        )
    except (BotoCoreError, ValueError) as error:
        raise AccessError(f"sts: {type(error).__name__}") from None
    # The answer is the grant.
    encrypted_only("the token service", client.meta.endpoint_url)
    return client


def issue_grant(
    client: "STSClient", uploader: str, pseudonym: str, estate: Estate, seconds: int
) -> Grant:
    """Assume the uploader role for one contributor. Raises `AccessError` when it is refused."""
    request: dict[str, Any] = {
        "RoleArn": role_arn(uploader),
        "RoleSessionName": names.pseudonym(pseudonym),
        "Policy": json.dumps(grant_policy(pseudonym, estate), separators=(",", ":")),
        "DurationSeconds": seconds,
        "Tags": [{"Key": "contributor", "Value": pseudonym}],
    }
    try:
        given = client.assume_role(**request)["Credentials"]
    except ClientError as error:
        raise AccessError(
            f"no grant: the token service answered {code_of(error)} for {uploader}; may these "
            "credentials assume it, and tag the session?"
        ) from None
    except BotoCoreError as error:
        raise AccessError(f"no grant: {type(error).__name__} at the token service") from None
    return Grant(
        given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"], given["Expiration"]
    )


def grant_session(grant: Grant) -> boto3.Session:
    """A session with a grant's credentials and nothing of this machine's own."""
    return boto3.Session(
        aws_access_key_id=grant.access_key_id,
        aws_secret_access_key=grant.secret_access_key,
        aws_session_token=grant.session_token,
    )
