"""Policies as they are read from an account, and whether one statement covers another.

`*` and `?` in what is covered count as characters that only a `*` of what covers it takes in: so
"yes" is never said of a pattern that reaches further.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

Document = Mapping[str, Any]  # IAM's JSON


class NotAPolicy(ValueError):
    """What was read is no policy."""


@dataclass(frozen=True)
class Condition:
    """One operator on one key."""

    operator: str
    key: str
    values: frozenset[str]


@dataclass(frozen=True)
class Statement:
    """One statement of a policy, its texts and lists of texts alike as tuples."""

    allows: bool
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    principals: tuple[tuple[str, str], ...]  # ("AWS", ARN), ("Service", name) ...
    conditions: tuple[Condition, ...]
    inverted: tuple[str, ...]  # NotAction, NotResource, NotPrincipal, where it has them
    not_actions: tuple[str, ...] = ()
    not_resources: tuple[str, ...] = ()

    @property
    def for_everybody(self) -> bool:
        """Whether its principals are all there are."""
        return any(value == "*" for _, value in self.principals) or (
            "NotPrincipal" in self.inverted and self.allows
        )


@dataclass(frozen=True)
class Policy:
    """A policy document; without statements where there is none."""

    document: Document

    @classmethod
    def none(cls) -> "Policy":
        """What stands for a policy that is not there."""
        return cls({"Version": "2012-10-17", "Statement": []})

    @classmethod
    def read(cls, text: object) -> "Policy":
        """From JSON, or what boto3 made of it. Raises `NotAPolicy`."""
        try:
            document = json.loads(text) if isinstance(text, str) else text
        except (ValueError, RecursionError):
            raise NotAPolicy from None
        if not isinstance(document, Mapping):
            raise NotAPolicy
        policy = cls(document)
        policy.statements  # noqa: B018 - read now, so that nothing is found unreadable later
        return policy

    @cached_property
    def statements(self) -> tuple[Statement, ...]:
        """Its statements. Raises `NotAPolicy`."""
        found = self.document.get("Statement", ())
        return tuple(_statement(one) for one in ([found] if isinstance(found, Mapping) else found))

    @property
    def text(self) -> str:
        """The document as JSON."""
        return json.dumps(self.document)

    def with_statement(self, statement: Document) -> Document:
        """The document with one more statement."""
        found = self.document.get("Statement", ())
        listed = [found] if isinstance(found, Mapping) else list(found)
        return {**self.document, "Statement": [*listed, statement]}

    def without(self, unwanted: Iterable[Statement]) -> Document:
        """The document less some of its statements."""
        found = self.document.get("Statement", ())
        listed = [found] if isinstance(found, Mapping) else list(found)
        gone = set(unwanted)
        return {
            **self.document,
            "Statement": [one for one in listed if _statement(one) not in gone],
        }


def _statement(one: object) -> Statement:
    if not isinstance(one, Mapping) or one.get("Effect") not in {"Allow", "Deny"}:
        raise NotAPolicy
    principal = one.get("Principal", {})
    if isinstance(principal, str):
        principal = {"AWS": principal}
    condition = one.get("Condition", {})
    if not isinstance(principal, Mapping) or not isinstance(condition, Mapping):
        raise NotAPolicy
    return Statement(
        allows=one["Effect"] == "Allow",
        actions=_texts(one.get("Action", ())),
        resources=_texts(one.get("Resource", ())),
        principals=tuple((kind, who) for kind, all_ in principal.items() for who in _texts(all_)),
        conditions=tuple(
            Condition(operator, key, frozenset(_texts(values)))
            for operator, tested in condition.items()
            for key, values in tested.items()
        ),
        inverted=tuple(n for n in ("NotAction", "NotResource", "NotPrincipal") if n in one),
        not_actions=_texts(one.get("NotAction", ())),
        not_resources=_texts(one.get("NotResource", ())),
    )


def _texts(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    if isinstance(value, bool):
        return (str(value).lower(),)
    if isinstance(value, Iterable):
        return tuple(str(one).lower() if isinstance(one, bool) else str(one) for one in value)
    return (str(value),)


def covers(pattern: str, text: str) -> bool:
    """Whether IAM's pattern takes in all that another pattern, or a plain text, does."""
    parts = (".*" if part == "*" else "[^*]" if part == "?" else re.escape(part)
             for part in re.split(r"([*?])", pattern))  # fmt: skip
    return re.fullmatch("".join(parts), text, re.DOTALL) is not None


def action_covers(pattern: str, action: str) -> bool:
    """The same of actions, in which case does not count."""
    return covers(pattern.lower(), action.lower())


def beyond(statement: Statement, allowed: Iterable[Statement]) -> list[tuple[str, str]]:
    """What an Allow gives that none of the allowed statements gives: pairs of action, resource."""
    if statement.inverted:
        return [(", ".join(statement.inverted), ", ".join(statement.resources) or "*")]
    allowed = list(allowed)
    return [
        (action, resource)
        for action in statement.actions
        for resource in statement.resources or ("*",)
        if not any(_gives(one, action, resource, statement.conditions) for one in allowed)
    ]


def _gives(one: Statement, action: str, resource: str, conditions: tuple[Condition, ...]) -> bool:
    return (
        any(action_covers(pattern, action) for pattern in one.actions)
        and any(covers(pattern, resource) for pattern in one.resources)
        and all(_at_least(wanted, conditions) for wanted in one.conditions)
    )


def _at_least(wanted: Condition, conditions: tuple[Condition, ...]) -> bool:
    """Whether some condition is as strict as the wanted one."""
    # What equals one of the patterns' own texts is like it.
    strict = {wanted.operator, wanted.operator.replace("StringLike", "StringEquals")}
    return any(
        has.operator in strict
        and has.key.lower() == wanted.key.lower()
        and all(any(_value(wanted, pattern, value) for pattern in wanted.values)
                for value in has.values)
        for has in conditions
    )  # fmt: skip


def _value(wanted: Condition, pattern: str, value: str) -> bool:
    return covers(pattern, value) if "Like" in wanted.operator else pattern == value
