"""s3:// urls: `s3://bucket/prefix?endpoint=http://127.0.0.1:8333&region=us-east-1`.

Endpoint and region are for servers other than Amazon's own and may be left out. Credentials come
from where boto3 always looks (environment, profile, instance role), never from the url.
"""

import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote, urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError

from unvoiced.errors import InputError, StoreError
from unvoiced.stores.object_name import object_name
from unvoiced.stores.s3 import S3Store

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_OPTIONS = frozenset({"endpoint", "region"})


def open_s3(url: str) -> S3Store:
    """Open the store; nothing is asked of the server yet."""
    parts = urlsplit(url)
    if "@" in parts.netloc or "@" in parts.query:
        raise InputError("a store's url carries no credentials: boto3 finds them by itself")
    bucket, prefix = parts.netloc, unquote(parts.path).strip("/")
    if not _BUCKET.fullmatch(bucket):
        raise InputError(f"{url!r} names no bucket: s3://BUCKET/PREFIX")
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    if unknown := options.keys() - _OPTIONS or parts.fragment:
        raise InputError(f"{url!r}: {sorted(unknown)} is neither endpoint nor region")
    if prefix:
        object_name(prefix)
    endpoint = options.get("endpoint")
    if endpoint is not None and urlsplit(endpoint).scheme not in {"http", "https"}:
        raise InputError(f"{url!r}: an endpoint is an http or https url")
    return S3Store(bucket, prefix, client=s3_client(endpoint, options.get("region")))


def s3_client(
    endpoint: str | None = None,
    region: str | None = None,
    *,
    connect_timeout: float = 5,
    read_timeout: float = 60,
    attempts: int = 5,
) -> "S3Client":
    """A client that gives up within minutes, not hours; times in seconds, safe between threads."""
    config = Config(
        connect_timeout=connect_timeout,
        read_timeout=read_timeout,
        # "adaptive" would slow every caller of the process down after one throttled request.
        retries={"mode": "standard", "total_max_attempts": attempts},
        max_pool_connections=32,
        tcp_keepalive=True,
        s3={"addressing_style": "path" if endpoint else "auto"},
        response_checksum_validation="when_supported",
    )
    try:
        return boto3.Session().client(
            "s3", endpoint_url=endpoint, region_name=region, config=config
        )
    except (BotoCoreError, ValueError) as error:
        # ValueError is botocore's word for an endpoint that is no url.
        raise StoreError(f"s3: {type(error).__name__}") from None
