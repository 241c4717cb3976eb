"""Who is let in by what keys say themselves: their policies, and grants. Pure."""

from collections.abc import Iterator
from dataclasses import replace

from unvoiced.posture.checks.keys import granted_beyond, name_roles_first, narrow, stray_services
from unvoiced.posture.commands import aws, in_words
from unvoiced.posture.estate import allowed
from unvoiced.posture.facts import Grant, Key, Unknown
from unvoiced.posture.finding import Severity
from unvoiced.posture.statements import Policy, Statement, beyond
from unvoiced.review.finding import Finding
from unvoiced.review.known import Found, Known
from unvoiced.review.patterns import names_action
from unvoiced.review.principals import is_own_account, principals, reach
from unvoiced.review.targets import (
    KEY_CHANGES,
    KEY_USES,
    KEY_WRAPS,
    key_arn,
    key_label,
    roles_of_key,
)


def keys_found(known: Known) -> Found:
    """What all keys let in that are the account's own to set."""
    return Found().take(
        part
        for key in known.seen.facts.keys
        if isinstance(key.state, Unknown) or key.state.manager != "AWS"
        for part in (_key_policy(key, known), _grants(key, known))
    )


def _key_policy(key: Key, known: Known) -> Found:
    found, arn = Found(), key_arn(key)
    if isinstance(key.policy, Unknown):
        found.unknown(f"policy of the {key_label(key)}", key.policy)
        return found
    target = next((one for one in known.targets if one.arn == arn), None)
    fix = _mend_key(key, known)
    for statement, who, uses, changes in _let_in(key.policy, key):
        if is_own_account(who, arn):
            if key.places and (opens := _opening(uses)):
                found.findings.append(_left_to_iam(key, who, opens, fix, known))
            continue
        extra = _beyond_on_key(statement, key, who, uses, known)
        if target is not None:
            of_it = {ability for ability, action, _ in target.actions()
                     if action in {*uses, *changes}}  # fmt: skip
            found.reaches += [
                reach(known.label(who), target, each, f"policy of the {key_label(key)}",
                      bool(extra or changes), statement)
                for each in of_it
            ]  # fmt: skip
        if extra or changes:
            found.findings.append(_on_key(key, who, [*extra, *changes], fix, known))
    return found


def _let_in(policy: Policy, key: Key) -> Iterator[tuple[Statement, str, list[str], list[str]]]:
    """(statement, who, uses, changes) of all that a key's policy lets use or change the key."""
    for statement in policy.statements:
        uses = _actions(statement, (*KEY_USES, *KEY_WRAPS))
        changes = _actions(statement, KEY_CHANGES)
        services = stray_services(statement, key)
        for _, who in principals(statement, services) if uses or changes else ():
            yield statement, who, uses, changes


def _opening(uses: list[str]) -> list[str]:
    """Less what only wraps, which opens nothing."""
    return [one for one in uses if one in KEY_USES]


def _mend_key(key: Key, known: Known) -> str:
    """The command that sets right all that is wrong with a key's policy.

    Strangers who open and the account's own IAM are `narrow`'s to take out. A role that has more
    than its own, who may change the key, and who only wraps lose the statement that gives it.
    """
    first = name_roles_first(key, known.seen)
    if first or isinstance(key.state, Unknown) or isinstance(key.policy, Unknown):
        return first or in_words("look again once the key, and who may use it, can be read")
    arn, ours = key_arn(key), roles_of_key(key, known.seen)
    wrong = [
        statement
        for statement, who, uses, changes in _let_in(key.policy, key)
        if not is_own_account(who, arn)
        and (changes or known.role_of(who) in ours or not _opening(uses))
        and (changes or _beyond_on_key(statement, key, who, uses, known))
    ]
    kept = Policy.read(key.policy.without(wrong))
    lost = {known.role_of(who) for each in wrong for _, who in each.principals} & ours
    still = {known.role_of(who) for _, who, uses, _ in _let_in(kept, key) if uses}
    if lost - still:
        names = ", ".join(sorted(str(role) for role in lost - still))
        return in_words(
            f"put the condition of the role table (unvoiced roles --policy) on what {names} has: "
            "without the statement it would have nothing"
        )
    return narrow(replace(key, policy=kept), known.seen)


def _actions(statement: Statement, wanted: tuple[str, ...]) -> list[str]:
    return [one for one in wanted if names_action(statement, one)] if statement.allows else []


def _beyond_on_key(
    statement: Statement, key: Key, who: str, uses: list[str], known: Known
) -> list[str]:
    """Those uses that the table does not give; a role may have its own under its own conditions."""
    role = known.role_of(who)
    if role is None or role not in roles_of_key(key, known.seen):
        return uses
    plain = replace(
        statement, actions=tuple(uses), resources=(key_arn(key),), inverted=(), not_actions=(),
        not_resources=(),
    )  # fmt: skip
    return [action for action, _ in beyond(plain, allowed(role, known.seen))]


def _left_to_iam(key: Key, who: str, uses: list[str], fix: str, known: Known) -> Finding:
    return Finding(
        "key-left-to-iam",
        Severity.LOW,
        who,
        f"the policy of the {key_label(key)} leaves {', '.join(uses)} to all of the account's IAM "
        "policies",
        f"by the table a right of: {', '.join(sorted(roles_of_key(key, known.seen)))}",
        fix,
        key_arn(key),
        tuple((use, key_arn(key)) for use in uses),
    )


def _on_key(key: Key, who: str, actions: list[str], fix: str, known: Known) -> Finding:
    used = any(action not in KEY_CHANGES for action in actions)
    roles = ", ".join(sorted(roles_of_key(key, known.seen)))
    return Finding(
        "key-policy-beyond-the-table",
        Severity.HIGH,
        known.label(who),
        f"the policy of the {key_label(key)} lets it {', '.join(actions)}",
        f"by the table a right of: {roles}" + ("" if used else ", to use it and not to change it"),
        fix,
        key_arn(key),
        tuple((action, key_arn(key)) for action in actions),
    )


def _grants(key: Key, known: Known) -> Found:
    found, arn = Found(), key_arn(key)
    if isinstance(key.grants, Unknown):
        found.unknown(f"grants on the {key_label(key)}", key.grants)
        return found
    target = next((one for one in known.targets if one.arn == arn), None)
    for grant in key.grants:
        extra = granted_beyond(grant, key, known.seen)
        names = {f"kms:{operation}" for operation in grant.operations}
        if target is not None:
            abilities = {ability for ability, action, _ in target.actions()
                         if action in names}  # fmt: skip
            found.reaches += [
                reach(known.label(grant.grantee), target, each, f"grant {grant.grant_id[:8]}",
                      bool(extra), None)
                for each in abilities
            ]  # fmt: skip
        if extra:
            revoke = aws(
                "kms", "revoke-grant", key_id=key.name, grant_id=grant.grant_id, region=key.region
            )
            found.findings.append(
                Finding(
                    "key-granted-beyond-the-table",
                    Severity.HIGH,
                    known.label(grant.grantee),
                    f"grant {grant.grant_id[:8]} on the {key_label(key)} lets it "
                    f"{', '.join(grant.operations)}{_of_secrets(grant)}",
                    "nothing here makes grants; by the table a right of: "
                    + ", ".join(sorted(roles_of_key(key, known.seen))),
                    name_roles_first(key, known.seen) or revoke,
                    grant.grant_id,
                    tuple((f"kms:{one}", arn) for one in grant.operations),
                )
            )
    return found


def _of_secrets(grant: Grant) -> str:
    if not grant.context:
        return ", of any secret"
    return ", of " + ", ".join(f"{name} {value}" for name, value in sorted(grant.context.items()))
