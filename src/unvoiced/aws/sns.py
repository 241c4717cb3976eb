"""Telling somebody, by an SNS topic, with the credentials that boto3 finds."""

import re
from collections.abc import Mapping
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from unvoiced.aws.transport import encrypted_only, hide_bodies
from unvoiced.errors import AccessError, InputError
from unvoiced.stores.s3_errors import code_of

_TOPIC = re.compile(
    r"arn:aws[a-z-]*:sns:(?P<region>[a-z0-9-]+):\d{12}:[A-Za-z0-9_-]{1,256}(\.fifo)?"
)
_SUBJECT_CHARACTERS = 99  # what SNS takes, in ASCII


class Topic:
    """A topic that messages are put to."""

    def __init__(self, arn: str, endpoint: str | None = None) -> None:
        """Raises `InputError` for what is no topic's ARN, or an endpoint without TLS.

        Without `endpoint`, boto3's own settings name one.
        """
        match = _TOPIC.fullmatch(arn)
        if match is None:
            raise InputError(f"{arn[:80]!r} is not the ARN of an SNS topic")
        hide_bodies()
        self._arn = arn
        self.silent = False  # whether it did not answer at all when it was asked last
        try:
            self._client = boto3.Session().client(
                "sns",
                region_name=match["region"],
                endpoint_url=endpoint,
                config=Config(
                    connect_timeout=5,
                    read_timeout=10,
                    retries={"mode": "standard", "total_max_attempts": 4},
                ),
            )
        except (BotoCoreError, ValueError) as error:
            raise AccessError(f"sns: {type(error).__name__}") from None
        encrypted_only("the notification service", self._client.meta.endpoint_url)

    def publish(self, subject: str, message: str, attributes: Mapping[str, str]) -> None:
        """Put one message; durable at the service once this returns. Raises `AccessError`.

        Subscriptions can filter by the attributes.
        """
        request: dict[str, Any] = {
            "TopicArn": self._arn,
            "Subject": subject.encode("ascii", "replace").decode()[:_SUBJECT_CHARACTERS],
            "Message": message,
            "MessageAttributes": {
                name: {"DataType": "String", "StringValue": value}
                for name, value in attributes.items()
                if value
            },
        }
        self.silent = False
        try:
            self._client.publish(**request)
        except ClientError as error:
            raise AccessError(f"the topic did not take a message: {code_of(error)}") from None
        except BotoCoreError as error:
            self.silent = True
            raise AccessError(f"the topic does not answer: {type(error).__name__}") from None
