"""Commands that fix what was found, as one line for a shell, with real names in it."""

import json
import shlex
from collections.abc import Mapping
from typing import Any

from unvoiced.posture.facts import Bucket, LifecycleRule


def in_words(what: str) -> str:
    """What a person has to do where no command would do it; a shell takes it for a comment."""
    return f"# {what}"


def aws(service: str, operation: str, **options: object) -> str:
    """A command of the AWS CLI; an option's value is a text, a JSON value, or True for none."""
    words = ["aws", service, operation]
    for name, value in options.items():
        words.append(f"--{name.replace('_', '-')}")
        if value is not True:
            words.append(value if isinstance(value, str) else json.dumps(value, default=str))
    return shlex.join(words)


def new_key(region: str) -> str:
    """A key that is made as the command runs, for a place in it between double quotes."""
    made = aws("kms", "create-key", region=region, query="KeyMetadata.Arn", output="text")
    return f'"$({made})"'


def s3(operation: str, bucket: Bucket, **options: object) -> str:
    """A command about a bucket, at the server where it is."""
    where: dict[str, object] = {"bucket": bucket.name}
    ours = {"region": bucket.region} if bucket.amazon else {"endpoint_url": bucket.endpoint}
    return aws("s3api", operation, **where, **options, **ours)


def put_lifecycle(bucket: Bucket, rules: list[LifecycleRule]) -> str:
    """Set a bucket's lifecycle to these rules and no others."""
    if not rules:
        return s3("delete-bucket-lifecycle", bucket)
    return s3(
        "put-bucket-lifecycle-configuration", bucket, lifecycle_configuration={"Rules": rules}
    )


def put_policy(bucket: Bucket, document: Mapping[str, Any]) -> str:
    """Set a bucket's policy."""
    if not document["Statement"]:
        return s3("delete-bucket-policy", bucket)
    return s3("put-bucket-policy", bucket, policy=document)
