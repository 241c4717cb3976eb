"""Reading the committed template, and deciding with it as Amazon documents that it decides.

`Template` holds the file as parsed. `Stack` is the template filled in for one set of parameters:
references become the names and ARNs that Amazon would give.
"""

import fnmatch
import itertools
import re
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

FILE = Path(__file__).parents[2] / "deployments" / "aws" / "unvoiced.yaml"
ACCOUNT, REGION = "111122223333", "eu-central-1"
ABSENT = object()
PSEUDO = {
    "AWS::AccountId": ACCOUNT,
    "AWS::Region": REGION,
    "AWS::Partition": "aws",
    "AWS::StackName": "voice",
    "AWS::NoValue": ABSENT,
}
PEOPLE = ("Inviter", "Archivist", "DataScientist", "Auditor", "Eraser", "KeyKeeper", "Watcher")


class _Reader(yaml.SafeLoader):
    """Reads CloudFormation's short functions as the long ones."""


def _function(reader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.SequenceNode):
        value: Any = reader.construct_sequence(node, deep=True)
    else:
        value = reader.construct_scalar(node)
    if suffix == "GetAtt":
        value = value.split(".")
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


_Reader.add_multi_constructor("!", _function)


def parse(text: str) -> dict[str, Any]:
    """The template as Python data, functions in their long form."""
    return yaml.load(text, _Reader)  # noqa: S506  (a SafeLoader)


TEMPLATE = parse(FILE.read_text(encoding="utf-8"))
RESOURCES: dict[str, Any] = TEMPLATE["Resources"]


def of_type(kind: str) -> dict[str, Any]:
    """All resources of a type, by name."""
    return {name: one for name, one in RESOURCES.items() if one["Type"] == kind}


def nodes(node: Any) -> Iterator[Any]:
    """A node and everything in it."""
    yield node
    inside = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    for each in inside:
        yield from nodes(each)


def references(node: Any) -> Iterator[str]:
    """The names that Ref, GetAtt and Sub refer to, below a node."""
    for each in nodes(node):
        if not isinstance(each, dict) or len(each) != 1:
            continue
        ((name, value),) = each.items()
        if name == "Ref":
            yield value
        elif name == "Fn::GetAtt":
            yield value[0]
        elif name == "Fn::Sub":
            text, given = value if isinstance(value, list) else (value, {})
            for found in re.findall(r"\$\{([^!}][^}]*)\}", text):
                if found not in given:
                    yield found.split(".")[0]


class Stack:
    """The template with parameters filled in; what its conditions exclude is not there."""

    def __init__(self, **parameters: str) -> None:
        self.parameters: dict[str, Any] = {
            name: parameter.get("Default") for name, parameter in TEMPLATE["Parameters"].items()
        }
        for who in PEOPLE:
            self.parameters[f"{who}PrincipalArn"] = f"arn:aws:iam::{ACCOUNT}:role/{who.lower()}s"
        assert parameters.keys() <= self.parameters.keys()
        self.parameters |= parameters
        self.conditions = {name: self._holds(node) for name, node in TEMPLATE["Conditions"].items()}
        self.resources = {
            name: self.fill(node["Properties"])
            for name, node in RESOURCES.items()
            if self.is_there(node)
        }
        self.outputs = {
            name: self.fill(node["Value"])
            for name, node in TEMPLATE["Outputs"].items()
            if self.is_there(node)
        }

    def is_there(self, node: Mapping[str, Any]) -> bool:
        """Whether a resource's or output's condition holds."""
        return self.conditions[node["Condition"]] if "Condition" in node else True

    def arn(self, name: str) -> str:
        """The ARN of a resource. KeyError for one that is not there under these parameters."""
        node = RESOURCES[name]
        if not self.is_there(node):
            raise KeyError(name)
        kind, properties = node["Type"], node["Properties"]
        match kind:
            case "AWS::S3::Bucket":
                return f"arn:aws:s3:::{self.fill(properties['BucketName'])}"
            case "AWS::IAM::Role":
                return f"arn:aws:iam::{ACCOUNT}:role/voice-{name}-1A2B3C"
            case "AWS::KMS::Key":
                key = uuid.uuid5(uuid.NAMESPACE_URL, name)
                return f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{key}"
            case "AWS::Logs::LogGroup":
                group = self.fill(properties["LogGroupName"])
                return f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{group}:*"
            case "AWS::SNS::Topic":
                return f"arn:aws:sns:{REGION}:{ACCOUNT}:{self.fill(properties['TopicName'])}"
        raise AssertionError(f"nothing refers to the ARN of a {kind} yet")

    def _ref(self, name: str) -> Any:
        if name in PSEUDO:
            return PSEUDO[name]
        if name in self.parameters:
            return self.parameters[name]
        kind = RESOURCES[name]["Type"]
        if kind == "AWS::SNS::Topic":
            return self.arn(name)
        tail = self.arn(name).split(":", 5)[5]
        return tail.removesuffix(":*").split(":")[-1] if "Log" in kind else tail.split("/")[-1]

    def fill(self, node: Any) -> Any:
        """A node with its functions worked out."""
        if isinstance(node, list):
            return [one for one in map(self.fill, node) if one is not ABSENT]
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            ((name, value),) = node.items()
            if name == "Ref":
                return self._ref(value)
            if name == "Fn::GetAtt":
                assert value[1] == "Arn"
                return self.arn(value[0])
            if name == "Fn::If":
                return self.fill(value[1] if self.conditions[value[0]] else value[2])
            if name == "Fn::Sub":
                return self._sub(value)
        filled = {name: self.fill(value) for name, value in node.items()}
        return {name: value for name, value in filled.items() if value is not ABSENT}

    def _sub(self, value: Any) -> str:
        text, given = value if isinstance(value, list) else (value, {})

        def one(found: re.Match[str]) -> str:
            name = found[1]
            if name.startswith("!"):
                return f"${{{name[1:]}}}"
            if name in given:
                return str(self.fill(given[name]))
            return self.arn(name[:-4]) if name.endswith(".Arn") else str(self._ref(name))

        return re.sub(r"\$\{([^}]+)\}", one, text)

    def _holds(self, node: Any) -> bool:
        ((name, value),) = node.items()
        if name == "Fn::Not":
            return not self._holds(value[0])
        assert name == "Fn::Equals"
        return self.fill(value[0]) == value[1]


def every_stack() -> Iterator[Stack]:
    """The template under every combination of what its conditions ask."""
    worker = f"arn:aws:iam::{ACCOUNT}:role/cluster"
    choices = itertools.product(
        ("ecs-tasks.amazonaws.com", "ec2.amazonaws.com", "nothing"),
        ("ecs-tasks.amazonaws.com", "ec2.amazonaws.com", "principal"),
        ("true", "false"),
        ("", f"arn:aws:iam::{ACCOUNT}:role/ceremony"),
        ("true", "false"),
        ("", "alarms@example.org"),
    )
    for watch, trust, mfa, ceremony, signing, mail in choices:
        yield Stack(
            WatchTrust=watch,
            WorkerTrust=trust,
            IngestWorkerPrincipalArn=worker if trust == "principal" else "",
            RequireMfa=mfa,
            CeremonyPrincipalArn=ceremony,
            KmsLogSigning=signing,
            AlarmEmail=mail,
        )


def as_list(value: Any) -> list[Any]:
    """IAM writes one of something without a list."""
    return value if isinstance(value, list) else [value]


def decides(statement: Mapping[str, Any], request: Mapping[str, Any]) -> bool:
    """Whether a statement applies to a request: `action`, `resource`, and condition keys."""
    if not any(fnmatch.fnmatchcase(request["action"], one) for one in as_list(statement["Action"])):
        return False
    met = all(
        _condition(operator, key, as_list(wanted), request)
        for operator, keys in statement.get("Condition", {}).items()
        for key, wanted in keys.items()
    )
    if not met:
        return False
    if "NotResource" in statement:
        return not _names(statement["NotResource"], request)
    return _names(statement["Resource"], request)


def _names(patterns: Any, request: Mapping[str, Any]) -> bool:
    return any(
        fnmatch.fnmatchcase(request["resource"], _with_variables(one, request))
        for one in as_list(patterns)
    )


def _with_variables(text: str, request: Mapping[str, Any]) -> str:
    return re.sub(r"\$\{([^}]+)\}", lambda found: request[found[1]], text)


def _condition(operator: str, key: str, wanted: list[str], request: Mapping[str, Any]) -> bool:
    """One condition, as the IAM user guide says of absent keys."""
    there = key in request
    if operator == "Null":
        return wanted == ["false" if there else "true"]
    if operator == "StringNotEquals":
        return not there or request[key] not in wanted
    if not there:
        return operator.endswith("IfExists") or operator.startswith("ForAllValues:")
    match operator.removesuffix("IfExists").removeprefix("ForAllValues:"):
        case "StringEquals" | "ArnEquals" | "Bool":
            values = [_with_variables(one, request) for one in wanted]
            return all(one in values for one in as_list(request[key]))
        case "StringLike" | "ArnLike":
            return any(fnmatch.fnmatchcase(request[key], one) for one in wanted)
        case "NumericLessThan":
            return float(request[key]) < float(wanted[0])
        case "NumericGreaterThan":
            return float(request[key]) > float(wanted[0])
    raise AssertionError(f"{operator} is not known here")


def pattern_matches(pattern: str, record: Mapping[str, Any]) -> bool:
    """Whether a CloudWatch Logs filter pattern for JSON matches a record."""
    assert pattern.startswith("{")
    assert pattern.endswith("}")

    def find(path: str) -> Any:
        found: Any = record
        for part in path.split("."):
            found = found.get(part, ABSENT) if isinstance(found, dict) else ABSENT
        return found

    def test(path: str, operator: str, wanted: str) -> bool:
        found = find(path)
        if operator == "NOT EXISTS":
            return found is ABSENT
        if found is ABSENT:  # matches neither = nor !=
            return False
        return fnmatch.fnmatchcase(found, wanted) == (operator == "=")

    term = r'\$\.([\w.]+) (NOT EXISTS|!=|=)(?: "([^"]*)")?'
    rest = re.sub(term, lambda m: str(test(m[1], m[2], m[3] or "")), pattern[1:-1])
    rest = rest.replace("&&", "and").replace("||", "or").strip()
    assert re.fullmatch(r"(True|False|and|or|[()\s])+", rest), rest
    return bool(eval(rest))  # noqa: S307  (True, False, and, or, brackets: the line above)
