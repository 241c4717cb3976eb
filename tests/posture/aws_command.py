"""As much of the AWS CLI as the commands in findings need, for a shell that runs them.

The CLI's own rules: `s3api` is S3, options are the request's members with dashes, a value that
begins with a bracket is JSON, a flag without a value is true.
"""

import json
import re
import sys
from typing import Any

import boto3
import jmespath

_SERVICES = {"s3api": "s3"}
# The CLI gives these another name than the request has.
_RENAMED = {("sns", "notification-endpoint"): "endpoint"}


def main(words: list[str]) -> int:
    """Run one command; prints its answer."""
    service, operation, *rest = words
    if service == "s3":
        return _high_level(operation, rest)
    name = _SERVICES.get(service, service)
    options = _options(rest)
    query = options.pop("query", [""])[0]
    as_text = options.pop("output", [""])[0] == "text"
    client = boto3.Session().client(
        name,
        region_name=options.pop("region", ["us-east-1"])[0],
        endpoint_url=options.pop("endpoint-url", [None])[0],
    )
    call = operation.replace("-", "_")
    model = client.meta.service_model.operation_model(client.meta.method_to_api_mapping[call])
    members = {_dashed(member): (member, shape) for member, shape in
               model.input_shape.members.items()}  # fmt: skip
    request = {}
    for option, values in options.items():
        member, shape = members[_RENAMED.get((name, option), option)]
        request[member] = _value(shape.type_name, values)
    answer = getattr(client, call)(**request)
    answer.pop("ResponseMetadata")
    found = jmespath.search(query, answer) if query else answer
    print(found if as_text else json.dumps(found, default=str))  # noqa: T201
    return 0


def _dashed(member: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "-", member).lower()


def _options(words: list[str]) -> dict[str, list[Any]]:
    options: dict[str, list[Any]] = {}
    for word in words:
        if word.startswith("--"):
            current = options.setdefault(word[2:], [])
        else:
            current.append(word)
    return options


def _value(kind: str, values: list[str]) -> Any:
    if not values:
        assert kind == "boolean", kind
        return True
    if kind in {"structure", "list", "map"} and values[0][0] in "[{":
        (text,) = values
        return json.loads(text)
    if kind == "list":
        return values
    (value,) = values
    return {"integer": int, "long": int, "double": float}.get(kind, str)(value)


def _high_level(operation: str, words: list[str]) -> int:
    options = _options([word for word in words if not word.startswith("s3://")])
    (url,) = (word for word in words if word.startswith("s3://"))
    bucket, _, key = url.removeprefix("s3://").partition("/")
    client = boto3.Session().client("s3", region_name=options.get("region", ["us-east-1"])[0])
    if operation == "rm":
        client.delete_object(Bucket=bucket, Key=key)
    else:
        assert operation == "mb"
        client.create_bucket(Bucket=bucket)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
