"""What a deployment's settings need of the stack, and the command that makes it."""

from typing import get_args

from deployments.aws.estate import (
    BUCKET_OF,
    KEY_PLACES,
    TOPIC,
    TRAIL,
    VAULT_KEYS,
    key_resource,
    pascal,
    role_resource,
)
from deployments.aws.language import Node, filled, when
from unvoiced.access.roles import Place, Role
from unvoiced.config import Role as VaultName
from unvoiced.config import StoreName

_SIGNS = "KmsSignsTheLog"


def _url(place: Place) -> str:
    return f"s3://${{{BUCKET_OF[place].logical}}}/?region=${{AWS::Region}}"


def _arn(resource: str) -> str:
    return f"${{{resource}.Arn}}"


def _output(description: str, value: str, condition: str = "") -> Node:
    output: dict[str, Node] = {"Description": description, "Value": filled(value)}
    return {**output, "Condition": condition} if condition else output


def _init_command() -> Node:
    """Quoted where a shell would take `?` for a pattern; the folder is yours to choose."""
    options = [
        *(f"--store '{store}={_url(Place(store))}'" for store in get_args(StoreName)),
        *(f"--vault '{vault}={_url(Place(f'{vault} vault'))}'" for vault in get_args(VaultName)),
        *(
            f"--kms {vault}={_arn(key_resource(Place(f'{vault} key')))}"
            for vault in get_args(VaultName)
        ),
        *(f"--role {role.setting}={_arn(role_resource(role))}" for role in Role),
        f"--watch 'cloudtrail=s3://${{{TRAIL.logical}}}/?region=${{AWS::Region}}'",
        f"--watch topic=${{{TOPIC}}}",
    ]
    command = " ".join(["unvoiced init deployment", *options]) + "${Signing}"
    signing = when(_SIGNS, filled(f" --kms log={_arn(key_resource(Place.LOG_KEY))}"), "")
    return {
        "Description": "Run it once, as the ceremony principal",
        "Value": {"Fn::Sub": [command, {"Signing": signing}]},
    }


OUTPUTS: dict[str, Node] = {
    "InitCommand": _init_command(),
    **{f"{pascal(place)}Url": _output(f"Where the {place} is", _url(place)) for place in BUCKET_OF},
    **{
        f"{key_resource(place)}Arn": _output(
            f"ARN of the {place}",
            _arn(key_resource(place)),
            condition="" if place in VAULT_KEYS else _SIGNS,
        )
        for place in KEY_PLACES
    },
    **{
        f"{role_resource(role)}Arn": _output(f"ARN of the role {role}", _arn(role_resource(role)))
        for role in Role
    },
    "TrailBucketName": _output("CloudTrail's files", f"${{{TRAIL.logical}}}"),
    "AlarmTopicArn": _output("Where alarms go", f"${{{TOPIC}}}"),
}
