"""s3:// urls: `s3://bucket/prefix?endpoint=http://127.0.0.1:8333&region=us-east-1`. No I/O.

Endpoint and region are for servers other than Amazon's own and may be left out.
"""

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote, urlsplit

from unvoiced.errors import InputError
from unvoiced.stores.object_name import object_name

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_OPTIONS = frozenset({"endpoint", "region"})


def is_amazon(endpoint: str) -> bool:
    """Whether an endpoint is Amazon's own."""
    host = urlsplit(endpoint).hostname or ""
    return host.endswith((".amazonaws.com", ".amazonaws.com.cn"))


@dataclass(frozen=True, slots=True)
class S3Place:
    """Where a store is: a bucket, a prefix without its last slash, and which server has it."""

    bucket: str
    prefix: str
    endpoint: str | None
    region: str | None

    @property
    def at_amazon(self) -> bool:
        """Whether the server is Amazon's: none is named, or one of theirs is."""
        return self.endpoint is None or is_amazon(self.endpoint)

    @property
    def key_prefix(self) -> str:
        """What every key of the store starts with."""
        return f"{self.prefix}/" if self.prefix else ""

    @property
    def folder(self) -> str:
        """Bucket and prefix in one, as ARNs and listings have them."""
        return f"{self.bucket}/{self.prefix}" if self.prefix else self.bucket

    @classmethod
    def parse(cls, url: str) -> "S3Place":
        """From a url. Raises `InputError` for what is none, or carries credentials."""
        parts = urlsplit(url)
        if parts.scheme != "s3":
            raise InputError(f"{url!r} is no store in a bucket: s3://BUCKET/PREFIX")
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
        return cls(bucket, prefix, endpoint, options.get("region"))
