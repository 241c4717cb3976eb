"""s3:// urls: `s3://bucket/prefix?endpoint=http://127.0.0.1:8333&region=us-east-1`.

Endpoint and region are for servers other than Amazon's own and may be left out. Credentials come
from where boto3 always looks (environment, profile, instance role), never from the url.
"""

import functools
from datetime import datetime
from typing import TYPE_CHECKING

import boto3
import botocore.loaders
import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.utils import parse_timestamp

from unvoiced import __version__
from unvoiced.errors import StoreError
from unvoiced.stores.s3 import S3Store
from unvoiced.stores.s3_errors import refusals
from unvoiced.stores.s3_place import S3Place

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def open_s3(url: str, session: boto3.Session | None = None) -> S3Store:
    """Open the store; nothing is asked of the server yet.

    With `session`, its credentials are used and not those that boto3 finds on this machine.
    """
    place = S3Place.parse(url)
    session = session or _session()
    client = s3_client(place.endpoint, place.region, session=session)
    credentials = session.get_credentials()  # the client has asked for them, and they are kept
    return S3Store(place.bucket, place.prefix, client=client, credentials=credentials)


def s3_client(
    endpoint: str | None = None,
    region: str | None = None,
    *,
    session: boto3.Session | None = None,
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
        # botocore's own is put together anew from thirty parts, twice for each request.
        user_agent=f"unvoiced/{__version__}",
    )
    try:
        with refusals("s3"):
            client = (session or _session()).client(
                "s3", endpoint_url=endpoint, region_name=region, config=config
            )
    except ValueError:
        # botocore's word for an endpoint that is no url.
        raise StoreError("s3: ValueError: the endpoint is no url") from None
    if endpoint:
        client.meta.events.register("before-call.s3.HeadBucket", _region_unknown)
    return client


@functools.cache
def _descriptions() -> botocore.loaders.Loader:
    """botocore's description of S3: a tenth of a second to read, and the same for every client."""
    return botocore.loaders.create_loader()


def _session() -> boto3.Session:
    core = botocore.session.Session()
    core.register_component("data_loader", _descriptions())
    parsers = core.get_component("response_parser_factory")
    parsers.set_parser_defaults(timestamp_parser=_time)
    return boto3.Session(botocore_session=core)


def _time(text: str) -> datetime:
    """As botocore reads it; without its search for the format in the one that listings have."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return parse_timestamp(text)


def _region_unknown(**_: object) -> None:
    """Answer botocore's question which region it is redirected to, without asking anybody.

    Elsewhere than at Amazon a redirect leads nowhere it knows. Asked, a server that redirects
    everything would redirect this question as well, and botocore would ask until its stack is full.
    """
    raise ClientError({"ResponseMetadata": {"HTTPHeaders": {}}}, "HeadBucket")  # type: ignore[typeddict-item]
