"""What users, groups and roles may do by IAM's policies, against the role table. Pure.

A role of the table is compared statement by statement with what the table gives it. Whoever is no
role of the table should reach nothing: each policy that reaches something is a finding, whoever has
it, an administrator too.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from unvoiced.access.roles import Role
from unvoiced.posture.commands import aws
from unvoiced.posture.estate import allowed, policy_of
from unvoiced.posture.facts import Unknown
from unvoiced.posture.finding import Severity
from unvoiced.posture.statements import Policy, Statement, action_covers, beyond
from unvoiced.review.effect import takes_effect
from unvoiced.review.finding import Finding
from unvoiced.review.identities import Given, Held, Identity
from unvoiced.review.known import Found, Known, Reach
from unvoiced.review.patterns import denies_all, names_action, names_resource
from unvoiced.review.targets import Ability, Kind, Target

_CHEAP = frozenset({Ability.LIST})
_OWN_NAME = "${aws:username}"
_EXACT = frozenset({"sts:assumerole", "sts:tagsession", "sts:setsourceidentity"})


def identities_found(known: Known) -> Found:
    """What all users and roles reach."""
    found = Found()
    if isinstance(known.identities, Unknown):
        found.unknown("users, groups and roles that [roles] does not name", known.identities)
        for one in known.seen.facts.roles:
            if isinstance(one.policies, Unknown):
                found.unknown(f"policies of role {one.role}", one.policies)
                continue
            given = tuple(
                Given(p.name, Held.ATTACHED if p.arn else Held.INLINE, p.policy, p.arn)
                for p in one.policies
            )
            identity = Identity(one.arn, known.now, given)
            found.take([_of_the_table(identity, one.role, known)])
        return found
    return found.take(_identity(one, known) for one in known.identities)


def _identity(one: Identity, known: Known) -> Found:
    found = Found()
    if one.bounded:
        found.unknown(
            f"permission boundary of {one.label}",
            Unknown("boundaries are not weighed: it may reach less than is said here"),
        )
    role = known.role_of(one.arn)
    return found.take([_stranger(one, known) if role is None else _of_the_table(one, role, known)])


def _of_the_table(one: Identity, role: Role, known: Known) -> Found:
    found, table = Found(), allowed(role, known.seen)
    denies = list(_denies(one))
    for given in one.policies:
        if isinstance(given.policy, Unknown):
            found.unknown(f"policy {given.name} of {role}", given.policy)
            continue
        extra = [
            pair for each in given.policy.statements if each.allows for pair in beyond(each, table)
        ]
        for statement in given.policy.statements:
            wider = set(beyond(statement, table)) if statement.allows else set()
            for target, ability in _reached(statement, one, denies, known):
                inside = not any(_gives(pair, target, ability) for pair in wider)
                found.reaches.append(_reach(str(role), target, ability, given, inside, statement))
        if extra:
            places = {f"{a} on {r}" for a, r in extra}
            found.findings.append(
                Finding(
                    "role-beyond-the-table",
                    Severity.HIGH,
                    str(role),
                    f"by policy {given.name} it may {_listed(sorted(places))}",
                    f"nothing but what the table gives {role} (unvoiced roles)",
                    _narrow_role(one, role, given, known),
                    given.name,
                    tuple(extra),
                )
            )
    return found


def _gives(pair: tuple[str, str], target: Target, ability: Ability) -> bool:
    """Whether an action and resource beyond the table are what reaches a target."""
    pattern, where = pair
    if pattern.startswith("Not"):
        return True
    return any(
        each is ability
        and action_covers(pattern, action)
        and names_resource(_plain(where), resource)
        for each, action, resource in target.actions()
    )


def _plain(resource: str) -> Statement:
    return Statement(True, (), (resource,), (), (), ())


def _narrow_role(one: Identity, role: Role, given: Given, known: Known) -> str:
    """Detach; or delete, where another policy has the table's rights; or put those in its place."""
    if given.held is Held.ATTACHED:
        return aws("iam", "detach-role-policy", role_name=one.name, policy_arn=given.arn)
    wanted = Policy.read(policy_of(role, known.seen)).statements
    others = [
        statement
        for other in one.policies
        if other is not given and isinstance(other.policy, Policy)
        for statement in other.policy.statements
        if statement.allows
    ]
    if not any(beyond(statement, others) for statement in wanted):
        return aws("iam", "delete-role-policy", role_name=one.name, policy_name=given.name)
    return aws(
        "iam", "put-role-policy",
        role_name=one.name, policy_name=given.name, policy_document=policy_of(role, known.seen),
    )  # fmt: skip


def _stranger(one: Identity, known: Known) -> Found:
    found, denies = Found(), list(_denies(one))
    for given in one.policies:
        if isinstance(given.policy, Unknown):
            found.unknown(f"policy {given.name} of {one.label}", given.policy)
            continue
        reached: dict[tuple[str, Ability], Target] = {}
        pairs: dict[tuple[str, str], None] = {}
        for statement in given.policy.statements:
            for target, ability in _reached(statement, one, denies, known):
                inside = target.kind is Kind.ROLE and _takes_one_role(statement, target)
                found.reaches.append(_reach(one.label, target, ability, given, inside, statement))
                if not inside:
                    reached[target.label, ability] = target
                    pairs |= dict.fromkeys(_pairs(statement))
        if reached:
            found.findings.append(
                Finding(
                    "identity-beyond-the-table",
                    _severity(reached),
                    f"group {given.group}" if given.group else one.label,
                    f"by {_source(given)} {_who(one, given, known)} may {_can(reached)}",
                    _right(reached),
                    _revoke(one, given),
                    given.name,
                    tuple(pairs),
                )
            )
    return found


def _pairs(statement: Statement) -> Iterator[tuple[str, str]]:
    actions = statement.actions or tuple(f"all but {one}" for one in statement.not_actions)
    resources = statement.resources or tuple(f"all but {one}" for one in statement.not_resources)
    return ((action, resource) for action in actions for resource in resources or ("*",))


def _who(one: Identity, given: Given, known: Known) -> str:
    if not given.group:
        return one.name
    members = sorted(each.name for each in known.people if given.group in each.groups)
    return f"its members ({', '.join(members)})"


def _source(given: Given) -> str:
    return f"policy {given.name} ({given.held})"


def _reach(
    who: str, target: Target, ability: Ability, given: Given, inside: bool, statement: Statement
) -> Reach:
    by = f"{_source(given)}{f' of group {given.group}' if given.group else ''}"
    conditions = tuple(sorted({one.key for one in statement.conditions}))
    return Reach(who, target.label, ability, by, inside, conditions)


def _reached(
    statement: Statement, one: Identity, denies: list[Statement], known: Known
) -> list[tuple[Target, Ability]]:
    """What an Allow of somebody's own policies reaches, as far as nothing plainly refuses it."""
    if not statement.allows:
        return []
    statement = _as_theirs(statement, one)
    found: dict[tuple[Target, Ability], None] = {}
    for target in known.targets:
        for ability, action, resource in target.actions():
            if (
                (target, ability) not in found
                and target.arn != one.arn  # who can be themselves; their rights are Kind.IAM
                and names_action(statement, action)
                and names_resource(statement, resource)
                and not any(denies_all(each, action, resource) for each in denies)
                and takes_effect(one, target, action, known)
            ):
                found[target, ability] = None
    return list(found)


def _as_theirs(statement: Statement, one: Identity) -> Statement:
    """With a user's own name for the variable that stands for it: so many may see to themselves."""
    if one.is_role or not any(_OWN_NAME in resource for resource in statement.resources):
        return statement
    own = tuple(resource.replace(_OWN_NAME, one.name) for resource in statement.resources)
    return replace(statement, resources=own)


def _takes_one_role(statement: Statement, target: Target) -> bool:
    """Whether it is plainly made to take on this role: its action and ARN, without a pattern."""
    return (
        not statement.inverted
        and target.arn in statement.resources
        and not any("*" in resource or "?" in resource for resource in statement.resources)
        and {action.lower() for action in statement.actions} <= _EXACT
    )


def takes_on(one: Identity, role_arn: str, known: Known) -> bool:
    """Whether somebody may take a role on by a policy of their own that is made for just that.

    One that is wider is a finding by itself.
    """
    target = next((each for each in known.targets if each.arn == role_arn), None)
    if target is None or known.role_of(one.arn) is not None:
        return False
    denies = list(_denies(one))
    return any(
        statement.allows
        and _takes_one_role(statement, target)
        and not any(denies_all(each, "sts:AssumeRole", role_arn) for each in denies)
        and takes_effect(one, target, "sts:AssumeRole", known)
        for given in one.policies
        if isinstance(given.policy, Policy)
        for statement in given.policy.statements
    )


def _denies(one: Identity) -> Iterator[Statement]:
    for given in one.policies:
        if isinstance(given.policy, Policy):
            yield from (each for each in given.policy.statements if not each.allows)


def _severity(reached: Iterable[tuple[str, Ability]]) -> Severity:
    return Severity.MEDIUM if {each for _, each in reached} <= _CHEAP else Severity.HIGH


def _can(reached: dict[tuple[str, Ability], Target]) -> str:
    by_ability: dict[Ability, list[str]] = {}
    for label, ability in reached:
        by_ability.setdefault(ability, []).append(label)
    return "; ".join(
        f"{ability} {_listed(by_ability[ability])}" for ability in Ability if ability in by_ability
    )


def _listed(names: list[str]) -> str:
    shown = names if len(names) <= 4 else [*names[:3], f"{len(names) - 3} more"]
    return ", ".join(shown)


def _right(reached: dict[tuple[str, Ability], Target]) -> str:
    """Whose right it is by the table."""
    theirs = {
        role for (_, ability), target in reached.items() for role in target.roles_with(ability)
    }
    if not theirs:
        return "no role of the table has it"
    return "by the table a right of: " + ", ".join(role for role in Role if role in theirs)


def _revoke(one: Identity, given: Given) -> str:
    whose, name = ("group", given.group) if given.group else ("role", one.name)
    if not given.group and not one.is_role:
        whose = "user"
    options: dict[str, object] = {f"{whose}_name": name}
    if given.held is Held.ATTACHED:
        return aws("iam", f"detach-{whose}-policy", **options, policy_arn=given.arn)
    return aws("iam", f"delete-{whose}-policy", **options, policy_name=given.name)
