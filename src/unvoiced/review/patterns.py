"""Whether patterns of IAM have anything in common. Pure.

`posture.statements.covers` says whether one takes in all of another: what a table's statement has
to do. Here it is enough that some text matches both: what a stranger's statement reaches.
"""

import re
from functools import lru_cache

from unvoiced.posture.statements import Statement, action_covers, covers

# A policy variable stands for whatever the request brings.
_VARIABLE = re.compile(r"\$\{[^}]*\}")


@lru_cache(maxsize=65536)
def overlap(one: str, other: str) -> bool:
    """Whether some text matches both patterns, where "*" is any run and "?" any character."""
    one, other = _VARIABLE.sub("*", one), _VARIABLE.sub("*", other)
    first, second = _literal(one), _literal(other)
    if not (first.startswith(second) or second.startswith(first)):
        return False
    # reached[i][j]: whether the first i characters of one and j of the other match one text. A star
    # that is next may take in what the other pattern has there.
    reached = [[False] * (len(other) + 1) for _ in range(len(one) + 1)]
    reached[0][0] = True
    for i in range(len(one) + 1):
        stays = one[i : i + 1] == "*"
        for j in range(len(other) + 1):
            reached[i][j] |= (
                (i > 0 and reached[i - 1][j] and "*" in (one[i - 1], other[j : j + 1]))
                or (j > 0 and reached[i][j - 1] and (other[j - 1] == "*" or stays))
                or (i > 0 and j > 0 and reached[i - 1][j - 1] and _same(one[i - 1], other[j - 1]))
            )
    return reached[-1][-1]


def _same(one: str, other: str) -> bool:
    return one == other or "?" in (one, other)


def _literal(pattern: str) -> str:
    return re.split(r"[*?]", pattern, maxsplit=1)[0]


def names_action(statement: Statement, action: str) -> bool:
    """Whether a statement is about an action."""
    if statement.not_actions:
        return not any(action_covers(pattern, action) for pattern in statement.not_actions)
    return any(action_covers(pattern, action) for pattern in statement.actions)


def names_resource(statement: Statement, resource: str) -> bool:
    """Whether a statement is about anything that a resource's pattern stands for.

    One of a key's or bucket's own policy that names no resource is about all of it.
    """
    if statement.not_resources:
        return not any(covers(pattern, resource) for pattern in statement.not_resources)
    return not statement.resources or any(
        overlap(pattern, resource) for pattern in statement.resources
    )


def denies_all(statement: Statement, action: str, resource: str) -> bool:
    """Whether a statement refuses an action on all that a resource's pattern stands for.

    One with conditions, or turned round, is not weighed: it might not be met.
    """
    return (
        not statement.allows
        and not statement.conditions
        and not statement.inverted
        and any(action_covers(pattern, action) for pattern in statement.actions)
        and (
            not statement.resources
            or any(covers(pattern, resource) for pattern in statement.resources)
        )
    )
