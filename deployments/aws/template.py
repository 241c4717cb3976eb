"""The whole template: its sections, in the order in which one would read them."""

from deployments.aws import bucket_policies, buckets, keys, roles, watching
from deployments.aws.language import Node
from deployments.aws.outputs import OUTPUTS
from deployments.aws.parameters import CONDITIONS, INTERFACE, PARAMETERS, RULES

DESCRIPTION = (
    "unvoiced: buckets, keys, roles and alarms of a pipeline that turns sealed voice recordings "
    "into sealed features and proves that the recordings are gone."
)

SECTIONS = (
    *buckets.SECTIONS,
    *bucket_policies.SECTIONS,
    *keys.SECTIONS,
    *roles.SECTIONS,
    *watching.SECTIONS,
)

HEAD: dict[str, Node] = {
    "AWSTemplateFormatVersion": "2010-09-09",
    "Description": DESCRIPTION,
    "Metadata": INTERFACE,
    "Parameters": PARAMETERS,
    "Rules": RULES,
    "Conditions": CONDITIONS,
}
TAIL: dict[str, Node] = {"Outputs": OUTPUTS}
