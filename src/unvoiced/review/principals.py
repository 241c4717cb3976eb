"""Whom a statement of a resource's own policy speaks of. Pure."""

from collections.abc import Iterator

from unvoiced.posture.services import account_of
from unvoiced.posture.statements import Statement
from unvoiced.review.known import Reach
from unvoiced.review.targets import Ability, Target

EVERYBODY = "everybody"


def principals(statement: Statement, services: tuple[str, ...] = ()) -> Iterator[tuple[str, str]]:
    """(kind, who) of a statement: everybody once, where it is for all there are.

    Of Amazon's services, those alone that have no business there.
    """
    if statement.for_everybody:
        yield "AWS", EVERYBODY
        return
    for kind, who in statement.principals:
        if kind != "Service" or who in services:
            yield kind, who


def is_own_account(who: str, arn: str) -> bool:
    """Whether it is the account of a resource, which leaves the decision to its IAM."""
    return account_of(who) == account_of(arn) and (who.isdigit() or who.endswith(":root"))


def reach(
    who: str, target: Target, ability: Ability, by: str, wide: bool, statement: Statement | None
) -> Reach:
    """What a statement, or a grant, lets somebody do."""
    conditions = {one.key for one in statement.conditions} if statement else set()
    return Reach(who, target.label, ability, by, not wide, tuple(sorted(conditions)))
