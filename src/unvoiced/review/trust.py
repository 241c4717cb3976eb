"""Who may take on the roles of the table, and who holds several of them. Pure."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from unvoiced.access.roles import Role
from unvoiced.posture.commands import aws
from unvoiced.posture.facts import RoleFacts, Unknown
from unvoiced.posture.finding import Severity
from unvoiced.posture.statements import Policy, Statement
from unvoiced.review.finding import Finding
from unvoiced.review.known import Found, Known, Reach
from unvoiced.review.patterns import names_action
from unvoiced.review.policies import takes_on
from unvoiced.review.resources import EVERYBODY, account_of, principals
from unvoiced.review.targets import Ability

# What IAM puts in place of a user or role that was deleted.
_GONE = re.compile(r"A[A-Z]{3}[A-Z0-9]{12,}")
_TAKE_ON = ("sts:AssumeRole", "sts:AssumeRoleWithWebIdentity", "sts:AssumeRoleWithSAML")
# Who by the table takes on another role: grants are sessions of the uploader's.
_BY_TABLE = {(Role.INVITER, Role.UPLOADER)}


# A role has to say something of whom it trusts; this leaves it shut until somebody is named.
NOBODY: Mapping[str, Any] = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Deny", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}],
}


def trust_found(known: Known) -> Found:
    """Who every role of the table trusts; and, from that, who holds several."""
    found = Found()
    holders: dict[str, set[Role]] = {}
    for role in known.seen.facts.roles:
        if isinstance(role.trust, Unknown):
            found.unknown(f"who may be {role.role}", role.trust)
            continue
        found.take([_role(role, role.trust, known, holders)])
    for who, roles in holders.items():
        if len(roles) > 1 and known.role_of(who) is None:
            found.findings.append(_several(who, roles, known))
    return found


def _role(role: RoleFacts, trust: Policy, known: Known, holders: dict[str, set[Role]]) -> Found:
    found = Found()
    wide: list[str] = []
    gone: list[str] = []
    for statement in trust.statements:
        for kind, who in principals(statement) if _is_about_taking_on(statement) else ():
            beyond = _is_beyond(kind, who, statement, role, known)
            found.reaches.append(_reach(role, kind, who, statement, known, inside=not beyond))
            if beyond:
                wide.append(who)
            elif kind == "AWS" and _is_gone(who, known):
                gone.append(who)
            elif kind == "AWS" and ":root" not in who and not who.isdigit():
                holders.setdefault(who, set()).add(role.role)
            elif kind == "Federated":
                found.unknown(
                    f"who {who.rpartition('/')[2]} signs in as {role.role}",
                    Unknown("an identity provider's people and groups are not seen from here"),
                )
    for who in _by_policy(role, known):
        holders.setdefault(who, set()).add(role.role)
    if wide:
        found.findings.append(
            _finding("trust-beyond-the-table", Severity.HIGH, role, wide, "may take it on", trust)
        )
    if gone:
        what = "is trusted, and is not there any more"
        found.findings.append(
            _finding("trust-names-nobody", Severity.MEDIUM, role, gone, what, trust)
        )
    return found


def _is_about_taking_on(statement: Statement) -> bool:
    return statement.allows and any(names_action(statement, action) for action in _TAKE_ON)


def _is_beyond(kind: str, who: str, statement: Statement, role: RoleFacts, known: Known) -> bool:
    if kind == "Service":
        return False
    if kind == "Federated":
        return not statement.conditions
    if who == EVERYBODY:
        return True
    other = known.role_of(who)
    if other is not None:
        return other is not role.role and (other, role.role) not in _BY_TABLE
    return account_of(who) != account_of(role.arn) and not _GONE.fullmatch(who)


def _is_gone(who: str, known: Known) -> bool:
    """Whether it names a user or role of this account that is not in it, as far as is known."""
    if _GONE.fullmatch(who):
        return True
    if isinstance(known.identities, Unknown) or not (":user/" in who or ":role/" in who):
        return False
    return all(one.arn != who for one in known.identities)


def _by_policy(role: RoleFacts, known: Known) -> Iterable[str]:
    """Who takes it on by a policy of their own, where its trust leaves that to IAM."""
    return (one.arn for one in known.people if takes_on(one, role.arn, known))


def _reach(
    role: RoleFacts, kind: str, who: str, statement: Statement, known: Known, *, inside: bool
) -> Reach:
    label = known.label(who) if kind == "AWS" else f"{kind.lower()} {who.rpartition('/')[2]}"
    conditions = tuple(sorted({one.key for one in statement.conditions}))
    return Reach(label, f"role {role.role}", Ability.BECOME, "trust", inside, conditions)


def _finding(
    name: str, severity: Severity, role: RoleFacts, who: list[str], what: str, trust: Policy
) -> Finding:
    document: Mapping[str, Any] = without_principals(trust, set(who))
    if not document["Statement"]:
        document = NOBODY
    return Finding(
        name,
        severity,
        ", ".join(who),
        f"{', '.join(who)} {what}: role {role.role}",
        "who a role is taken on by is for its account to name, one by one",
        aws("iam", "update-assume-role-policy", role_name=role.name, policy_document=document),
        role.arn,
        tuple(("sts:AssumeRole", role.arn) for _ in who),
    )


def without_principals(policy: Policy, unwanted: set[str]) -> dict[str, Any]:
    """The document less some principals of its Allows; a statement without any goes."""
    given = policy.document.get("Statement", ())
    kept = []
    for one in [given] if isinstance(given, Mapping) else given:
        principal = one.get("Principal", {})
        if one.get("Effect") != "Allow":
            kept.append(one)
        elif principal == "*" or "NotPrincipal" in one:
            if EVERYBODY not in unwanted:
                kept.append(one)
        else:
            left = {kind: _less(value, unwanted) for kind, value in principal.items()}
            left = {kind: value for kind, value in left.items() if value}
            if left:
                kept.append({**one, "Principal": left})
    return {**policy.document, "Statement": kept}


def _less(value: Any, unwanted: set[str]) -> Any:
    listed = [value] if isinstance(value, str) else list(value)
    return [
        who for who in listed if who not in unwanted and not (who == "*" and EVERYBODY in unwanted)
    ]


def _several(who: str, roles: set[Role], known: Known) -> Finding:
    named = [role for role in Role if role in roles]
    last = next(one for one in known.seen.facts.roles if one.role is named[-1])
    trust = last.trust
    fix = (
        aws("iam", "update-assume-role-policy", role_name=last.name,
            policy_document=without_principals(trust, {who}))
        if isinstance(trust, Policy) and any(
            who == each for one in trust.statements for _, each in one.principals)
        else f"# take sts:AssumeRole on {last.arn} from the policies of {who}"
    )  # fmt: skip
    return Finding(
        "several-roles-in-one-hand",
        Severity.MEDIUM,
        known.label(who),
        f"{known.label(who)} may be each of: {', '.join(named)}",
        "one role a person, or two people for what takes two",
        fix,
        "",
        tuple(("sts:AssumeRole", known.seen.settings.roles[role.setting]) for role in named),
    )
