"""Whose credentials these are, as the token service says, or else as they say themselves."""

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from unvoiced.aws.sts import sts_client
from unvoiced.errors import AccessError
from unvoiced.stores.s3_place import S3Place


def caller(url: str) -> str:
    """The ARN behind the credentials that the store at this url is opened with.

    Of a server that has no token service: `access-key:` and the id of the key. Raises `AccessError`
    where there are no credentials, or Amazon's token service does not answer.
    """
    place = S3Place.parse(url)
    credentials = boto3.Session().get_credentials()
    if credentials is None:
        raise AccessError("there are no credentials to read with")
    region = place.region or boto3.Session().region_name or "us-east-1"
    try:
        client = sts_client(region, None if place.at_amazon else place.endpoint)
        return client.get_caller_identity()["Arn"]
    except (ClientError, BotoCoreError, AccessError) as error:
        if place.at_amazon:
            raise AccessError(
                f"the token service does not say whose credentials these are "
                f"({type(error).__name__})"
            ) from None
    return f"access-key:{credentials.access_key}"
