"""Every flow, with every parameter of its form, as Prefect shows it."""

import importlib
import json
import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from prefect import Flow

import flows
from deployments.documentation.tables import table

_OPENING = (
    "# Flows\n\nWhat each flow takes, as its form in the Prefect UI asks for it. Made by "
    "`python -m deployments.documentation`; the schedules stand in `deployments/prefect.yaml`. "
    "`python -m flows.NAME --help` says how a shell runs one. No parameter takes a secret, and "
    "every parameter is kept in Prefect's database.\n"
)


@dataclass(frozen=True)
class Parameter:
    """One parameter, or one field of one that has fields: then its name has a point in it."""

    name: str
    about: str
    default: str
    of: str  # what it may be


def every() -> list[Flow[..., Any]]:
    """All flows there are, in order of name, each once."""
    found: dict[str, Flow[..., Any]] = {}
    for module in pkgutil.iter_modules(flows.__path__):
        for one in vars(importlib.import_module(f"flows.{module.name}")).values():
            if isinstance(one, Flow):
                found[one.name] = one
    return [found[name] for name in sorted(found)]


def parameters(flow: Flow[..., Any]) -> list[Parameter]:
    """All of a flow's parameters, and their fields."""
    schema = flow.parameters.model_dump()
    return list(_fields(schema["properties"], schema["required"], schema["definitions"]))


def page() -> str:
    """The page."""
    lines = [_OPENING]
    for flow in every():
        about = (flow.description or "").strip().split("\n\n")[0]
        lines += [f"## {flow.name}", "", " ".join(about.split()), ""]
        rows = [
            (f"`{one.name}`", one.about, one.of, one.default and f"`{one.default}`")
            for one in parameters(flow)
        ]
        lines += table(("parameter", "what it means", "may be", "default"), rows)
    return "\n".join(lines).rstrip() + "\n"


def _fields(
    properties: dict[str, Any], required: list[str], known: dict[str, Any], prefix: str = ""
) -> Iterator[Parameter]:
    for name, about in properties.items():
        inside = known.get(_named(about), {})
        default = "" if "default" not in about else json.dumps(about["default"])
        if name in required:
            default = ""
        kind = "a group of fields" if inside.get("properties") else _kind(about, known)
        text = " ".join(str(about.get("description", "")).split())
        yield Parameter(prefix + name, text, default if "properties" not in inside else "", kind)
        if "properties" in inside:
            yield from _fields(
                inside["properties"], inside.get("required", []), known, f"{prefix}{name}."
            )


def _named(about: dict[str, Any]) -> str:
    """The name of the definition that it refers to, or nothing."""
    refers = about.get("$ref") or next((one.get("$ref") for one in about.get("allOf", [])), None)
    return str(refers).rpartition("/")[2] if refers else ""


def _kind(about: dict[str, Any], known: dict[str, Any]) -> str:
    about = {**known.get(_named(about), {}), **about}
    if "enum" in about:
        return ", ".join(f"`{one}`" for one in about["enum"])
    if "const" in about:
        return f"`{about['const']}`"
    if "anyOf" in about:
        return " or ".join(_kind(one, known) for one in about["anyOf"])
    bounds = [f"{word} `{about[key]}`" for key, word in _BOUNDS.items() if key in about]
    inside = f" of {_kind(about['items'], known)}" if about.get("items") else ""
    kind = _KINDS.get(about.get("format") or about.get("type", ""), "")
    return ", ".join([kind + inside, *bounds])


_KINDS = {
    "string": "text", "integer": "a number", "number": "a number", "boolean": "yes or no",
    "array": "a list", "object": "fields", "null": "nothing", "date": "a day",
}  # fmt: skip
_BOUNDS = {"minimum": "at least", "maximum": "at most", "pattern": "of the form"}
