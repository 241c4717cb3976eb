"""CloudFormation's language as Python data: resources, and the functions that refer to others."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

Node: TypeAlias = str | int | bool | Sequence["Node"] | Mapping[str, "Node"]

NO_VALUE: Node = {"Ref": "AWS::NoValue"}
ACCOUNT: Node = {"Ref": "AWS::AccountId"}
POLICY_VERSION = "2012-10-17"


@dataclass(frozen=True)
class Resource:
    """One resource; `why` becomes the comment above it."""

    type: str
    why: str
    properties: Mapping[str, Node]
    condition: str = ""
    depends_on: str = ""
    retained: bool = False  # stays when the stack, or the resource in it, is removed

    def as_node(self) -> Node:
        """As the template says it."""
        node: dict[str, Node] = {"Type": self.type}
        if self.condition:
            node["Condition"] = self.condition
        if self.depends_on:
            node["DependsOn"] = self.depends_on
        if self.retained:
            node |= {"DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"}
        return {**node, "Properties": self.properties}


@dataclass(frozen=True)
class Section:
    """Resources on one subject; title and reasons become the comment above them."""

    title: str
    resources: Mapping[str, Resource]
    reasons: str | None = None


def filled(node: Node) -> Node:
    """Every text with `${...}` in it, as the shortest function that fills it in."""
    if isinstance(node, str):
        return _filled_text(node)
    if isinstance(node, Mapping):
        return {name: filled(value) for name, value in node.items()}
    if isinstance(node, Sequence):
        return [filled(value) for value in node]
    return node


def _filled_text(text: str) -> Node:
    if alone := re.fullmatch(r"\$\{([\w:]+)\}", text):
        return {"Ref": alone[1]}
    if alone := re.fullmatch(r"\$\{(\w+\.\w+)\}", text):
        return {"Fn::GetAtt": alone[1].split(".")}
    return {"Fn::Sub": text} if "${" in text else text


def when(condition: str, node: Node, otherwise: Node = NO_VALUE) -> Node:
    """A part that is there only on a condition."""
    return {"Fn::If": [condition, node, otherwise]}


def policy(statements: Sequence[Node]) -> Node:
    """A policy document."""
    return {"Version": POLICY_VERSION, "Statement": statements}
