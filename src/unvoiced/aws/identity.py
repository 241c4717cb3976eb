"""Whose credentials these are, as the token service says, or else as they say themselves."""

import re
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from unvoiced.errors import AccessError, CredentialsExpired
from unvoiced.stores.s3_errors import EXPIRED_CODES
from unvoiced.stores.s3_place import S3Place, is_amazon

if TYPE_CHECKING:
    from mypy_boto3_sts import STSClient

_TROUBLE, _NOT_IMPLEMENTED = 500, 501  # statuses of HTTP
_CODE = re.compile(r"[A-Za-z0-9.]{1,64}")
# How servers say that they do not know the credentials. Any other refusal, elsewhere than at
# Amazon, is how a server that has no token service answers.
_UNKNOWN = frozenset(
    {
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidToken",
        "IncompleteSignature",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)


def caller(url: str) -> str:
    """The ARN behind the credentials that the store at this url is opened with; asks once.

    Of a server that has no token service: `access-key:` and the id of the key. Raises `AccessError`
    where there are no credentials, they are unknown, or nobody says whose they are;
    `CredentialsExpired`.
    """
    place = S3Place.parse(url)
    session = boto3.Session()
    try:
        credentials = session.get_credentials()
        if credentials is None:
            raise AccessError("there are no credentials to read with")
        access_key = credentials.get_frozen_credentials().access_key
        return str(_client(session, place).get_caller_identity()["Arn"])
    except ClientError as error:
        # Some servers answer in the form of S3, which botocore takes for none of an error.
        answer = {**error.response, **error.response.get("Error", {})}
        code = str(answer.get("Code", ""))
        if code in EXPIRED_CODES:
            raise CredentialsExpired("the credentials to read with have run out") from None
        if code in _UNKNOWN:
            raise AccessError(f"the token service does not know the credentials ({code})") from None
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500)
        if place.at_amazon or (status >= _TROUBLE and status != _NOT_IMPLEMENTED):
            what = code if _CODE.fullmatch(code) else str(status)
            raise AccessError(f"the token service does not say whose they are ({what})") from None
    except (BotoCoreError, ResponseParserError, ValueError) as error:
        if place.at_amazon or not isinstance(error, ResponseParserError):
            raise AccessError(f"the token service: {type(error).__name__}") from None
    return f"access-key:{access_key}"


def _client(session: boto3.Session, place: S3Place) -> "STSClient":
    """Of the token service beside the store.

    An endpoint that an environment variable names for the token service alone is not asked: whoever
    sets it would say who is reading.
    """
    config = Config(
        connect_timeout=5, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 4}
    )
    region = place.region or session.region_name or "us-east-1"
    endpoint = None if place.at_amazon else place.endpoint
    client = session.client("sts", region_name=region, endpoint_url=endpoint, config=config)
    if place.at_amazon and not is_amazon(client.meta.endpoint_url):
        store = session.client("s3", region_name=region, endpoint_url=place.endpoint)
        if store.meta.endpoint_url != client.meta.endpoint_url:
            raise AccessError(
                "the environment names a token service that is not where the bucket is: take "
                "AWS_ENDPOINT_URL_STS, or its like in AWS_CONFIG_FILE, out"
            )
    return client
