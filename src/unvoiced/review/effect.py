"""Whether what IAM allows somebody takes effect: keys and roles have a say of their own. Pure."""

from unvoiced.posture.facts import Unknown
from unvoiced.posture.statements import Policy, Statement
from unvoiced.review.identities import Identity
from unvoiced.review.known import Known
from unvoiced.review.patterns import names_action
from unvoiced.review.targets import Kind, Target, key_arn


def takes_effect(one: Identity, target: Target, action: str, known: Known) -> bool:
    """Whether the target leaves an action to IAM: keys and roles do not by themselves."""
    facts = known.seen.facts
    account = one.arn.split(":")[4]
    if target.kind in {Kind.KEY, Kind.SIGNING_KEY}:
        key = next((key for key in facts.keys if key_arn(key) == target.arn), None)
        if key is None or isinstance(key.policy, Unknown):
            return True
        return any(
            _is_for(statement, account, one.arn) and names_action(statement, action)
            for statement in key.policy.statements
            if statement.allows
        )
    if action in {"sts:AssumeRole", "iam:PassRole"}:
        trust = _trust_of(target.arn, known)
        if trust is None or isinstance(trust, Unknown):
            return True
        statements = [each for each in trust.statements if each.allows]
        if action == "iam:PassRole":
            return any(kind == "Service" for each in statements for kind, _ in each.principals)
        return any(_is_for(each, account, one.arn) for each in statements)
    return True


def _trust_of(arn: str, known: Known) -> Policy | Unknown | None:
    of_the_table = (role.trust for role in known.seen.facts.roles if role.arn == arn)
    return next(of_the_table, next((one.trust for one in known.people if one.arn == arn), None))


def _is_for(statement: Statement, account: str, arn: str) -> bool:
    """Whether a resource's own policy speaks of a principal, or leaves it to its account's IAM."""
    return statement.for_everybody or any(
        who in {arn, account} or who.endswith(f"::{account}:root")
        for kind, who in statement.principals
        if kind == "AWS"
    )
