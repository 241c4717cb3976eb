"""IAM's decision, written down a second time: what a policy document allows and what it does not.

It knows of IAM what the documents here are made of: Allow statements, wildcards, and the conditions
StringEquals, StringLike and Null. Anything else in a document is an error, not a guess.
"""

import re
from collections.abc import Mapping
from functools import cache
from typing import Any


def allows(document: Mapping[str, Any], action: str, resource: str, **context: str | None) -> bool:
    """Whether some statement allows the action on the resource, given these condition keys.

    In the names of condition keys "__" stands for ":" and "_" for "-".
    """
    known = {
        key.replace("__", ":").replace("_", "-"): value
        for key, value in context.items()
        if value is not None
    }
    return any(_holds(one, action, resource, known) for one in document["Statement"])


def _holds(
    statement: Mapping[str, Any], action: str, resource: str, known: Mapping[str, str]
) -> bool:
    assert statement.keys() <= {"Effect", "Action", "Resource", "Condition"}
    assert statement["Effect"] == "Allow"
    return (
        action in statement["Action"]
        and any(_like(pattern, resource) for pattern in statement["Resource"])
        and all(
            _true(operator, known.get(key), wanted)
            for operator, keys in statement.get("Condition", {}).items()
            for key, wanted in keys.items()
        )
    )


def _true(operator: str, value: str | None, wanted: Any) -> bool:
    wanted = [wanted] if isinstance(wanted, str) else wanted
    if operator == "Null":
        return ["true" if value is None else "false"] == wanted
    if operator == "StringEquals":
        return value in wanted
    assert operator == "StringLike"
    return value is not None and any(_like(pattern, value) for pattern in wanted)


def _like(pattern: str, value: str) -> bool:
    return _compiled(pattern).fullmatch(value) is not None


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    parts = {"*": ".*", "?": "."}
    return re.compile("".join(parts.get(each, re.escape(each)) for each in pattern), re.DOTALL)
