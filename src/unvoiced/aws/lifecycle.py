"""Putting a bucket's lifecycle rules, with the credentials of who owns the deployment.

A put replaces every rule of the bucket, and S3 has no condition for it: whoever puts others between
the reading and the putting loses theirs. So it is for one person, at a keyboard, who is shown both.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from unvoiced.stores.s3_errors import refusals
from unvoiced.stores.s3_url import s3_client


def put_rules(
    bucket: str,
    endpoint: str | None,
    region: str | None,
    rules: Sequence[Mapping[str, Any]],
    smallest: str = "",
) -> None:
    """Make these the bucket's rules. Raises `StoreError` where the server refuses.

    `smallest` is S3's word for which objects are too small to be moved to another class, as it was
    read; a put without it would set Amazon's own default.
    """
    client = s3_client(endpoint, region, attempts=3)
    with refusals(f"the lifecycle rules of {bucket}"):
        if not rules:
            client.delete_bucket_lifecycle(Bucket=bucket)
            return
        request: dict[str, Any] = {
            "Bucket": bucket,
            "LifecycleConfiguration": {"Rules": [dict(rule) for rule in rules]},
        }
        if smallest:
            request["TransitionDefaultMinimumObjectSize"] = smallest
        client.put_bucket_lifecycle_configuration(**request)
