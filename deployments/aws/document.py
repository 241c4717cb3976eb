"""The template as YAML that people read: short functions, one line where one line does, comments.

PyYAML writes the values. Comments it cannot write, so every resource is written by itself.
"""

import re
import textwrap
from collections.abc import Mapping, Sequence

import yaml

from deployments.aws.language import Node, Resource
from deployments.aws.template import HEAD, SECTIONS, TAIL

_WIDTH = 100
_BREAK = 86  # PyYAML breaks after the word that passes this, and two spaces come in front
_ONE_LINE = 72  # as wide as a mapping or list on one line gets, before it is broken up
_HEADING = """\
Written by `python -m deployments.aws`; a change made here is lost. Who may do what comes from
src/unvoiced/access/roles.py, everything else from deployments/aws. Read its README.md first."""


class _Writer(yaml.SafeDumper):
    """Writes CloudFormation's functions in their short form, and never an anchor."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def _mapping(writer: yaml.SafeDumper, node: Mapping[str, Node]) -> yaml.Node:
    if len(node) == 1:
        ((name, value),) = node.items()
        if name == "Fn::GetAtt" and isinstance(value, Sequence):
            return writer.represent_scalar("!GetAtt", ".".join(str(part) for part in value))
        if name == "Ref" or name.startswith("Fn::"):
            return _function(writer, f"!{name.removeprefix('Fn::')}", value)
    return writer.represent_mapping("tag:yaml.org,2002:map", node.items(), flow_style=_fits(node))


def _function(writer: yaml.SafeDumper, tag: str, value: Node) -> yaml.Node:
    if isinstance(value, str):
        return writer.represent_scalar(tag, value)
    assert isinstance(value, Sequence)  # noqa: S101  (no function here takes a mapping)
    return writer.represent_sequence(tag, value, flow_style=_fits(value))


def _sequence(writer: yaml.SafeDumper, node: Sequence[Node]) -> yaml.Node:
    plain = all(isinstance(each, str) for each in node)
    return writer.represent_sequence("tag:yaml.org,2002:seq", node, flow_style=plain or _fits(node))


def _fits(node: Node) -> bool:
    return len(str(node)) <= _ONE_LINE


_Writer.add_representer(dict, _mapping)
_Writer.add_representer(list, _sequence)
_Writer.add_representer(tuple, _sequence)


def rendered() -> str:
    """The text of `unvoiced.yaml`."""
    parts = [_comment(_HEADING), _written(HEAD), "Resources:"]
    for section in SECTIONS:
        rule = "# " + "-" * (_WIDTH - 4)
        heading = "\n\n".join(text.strip() for text in (section.title, section.reasons) if text)
        parts.append(_indented(f"{rule}\n{_comment(heading)}\n{rule}"))
        parts += [_indented(_resource(*each)) for each in section.resources.items()]
    parts.append(_written(TAIL))
    return "\n\n".join(parts).replace("Resources:\n\n", "Resources:\n") + "\n"


def _resource(name: str, resource: Resource) -> str:
    written = _written({name: resource.as_node()})
    return f"{_comment(resource.why)}\n{written}" if resource.why else written


def _written(node: Node) -> str:
    text = yaml.dump(node, Dumper=_Writer, sort_keys=False, width=_BREAK)
    # PyYAML quotes whatever bears a tag; names need none.
    return re.sub(r"!(Ref|GetAtt|Condition) '([\w.:]+)'", r"!\1 \2", text).rstrip()


def _comment(text: str) -> str:
    lines = [line for part in text.splitlines() for line in textwrap.wrap(part, _WIDTH) or [""]]
    return "\n".join(f"# {line}".rstrip() for line in lines)


def _indented(text: str) -> str:
    return textwrap.indent(text, "  ")
