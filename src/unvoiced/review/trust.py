"""Who may take on the roles of the table, and who holds several of them. Pure."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from unvoiced.access.roles import Role
from unvoiced.posture.checks.identities import signs_in_all
from unvoiced.posture.commands import aws, in_words
from unvoiced.posture.facts import RoleFacts, Unknown
from unvoiced.posture.finding import Severity
from unvoiced.posture.services import account_of, of_role, stray_machines, trust_in
from unvoiced.posture.statements import Policy, Statement
from unvoiced.review.finding import Finding
from unvoiced.review.known import Found, Known, Reach
from unvoiced.review.patterns import names_action
from unvoiced.review.policies import takes_on
from unvoiced.review.principals import EVERYBODY, principals
from unvoiced.review.targets import Ability, Kind, Target

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


@dataclass
class _Trusted:
    """Whom one role trusts: who is beyond the table, who is gone, and who holds it."""

    role: RoleFacts
    trust: Policy
    wide: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    holders: set[str] = field(default_factory=set)
    too_many: set[str] = field(default_factory=set)  # who holds another role, and not to hold this

    def fix(self) -> str:
        """The command that takes out all who should not be trusted: a trust policy is set whole."""
        unwanted = {*self.wide, *self.gone, *self.too_many}
        document: Mapping[str, Any] = without_principals(self.trust, unwanted)
        account = account_of(self.role.arn)
        for one in sorted(unwanted & {*of_role(self.role.role)}):
            document["Statement"].append(trust_in(one, account))
        return aws(
            "iam", "update-assume-role-policy",
            role_name=self.role.name,
            policy_document=document if document["Statement"] else NOBODY,
        )  # fmt: skip

    def names(self, who: str) -> bool:
        """Whether it is the trust policy that lets them in, and not one of their own."""
        return any(who == each for one in self.trust.statements for _, each in one.principals)


def trust_found(known: Known) -> Found:
    """Who every role of the table trusts; and, from that, who holds several."""
    found = Found()
    trusted: dict[Role, _Trusted] = {}
    for role in known.seen.facts.roles:
        if isinstance(role.trust, Unknown):
            found.unknown(f"who may be {role.role}", role.trust)
        else:
            trusted[role.role] = _look(_Trusted(role, role.trust), known, found)
    several = {}
    for who in {who for one in trusted.values() for who in one.holders}:
        roles = [role for role in Role if role in trusted and who in trusted[role].holders]
        if len(roles) > 1 and known.role_of(who) is None:
            several[who] = roles
            trusted[roles[-1]].too_many.add(who)
    for one in trusted.values():
        found.findings += _findings(one)
    for who, roles in sorted(several.items()):
        found.findings.append(_several(who, roles, trusted[roles[-1]], known))
    return found


def stand_ins(known: Known) -> tuple[Target, ...]:
    """Who may take roles of the table on, as targets: who can be them, or change them, can too."""
    held = [
        who
        for role in known.seen.facts.roles
        if not isinstance(role.trust, Unknown)
        for who in sorted(_look(_Trusted(role, role.trust), known, Found()).holders)
        if known.role_of(who) is None and account_of(who) == account_of(role.arn)
    ]
    return tuple(
        Target(known.label(who), Kind.USER if ":user/" in who else Kind.ROLE, who)
        for who in dict.fromkeys(held)
    )


def _look(one: _Trusted, known: Known, found: Found) -> _Trusted:
    role = one.role
    for statement in one.trust.statements:
        every_service = tuple(who for kind, who in statement.principals if kind == "Service")
        everybody = principals(statement, every_service)
        for kind, who in everybody if _is_about_taking_on(statement) else ():
            beyond = _is_beyond(kind, who, statement, role, known)
            found.reaches.append(_reach(role, kind, who, statement, known, inside=not beyond))
            if beyond:
                one.wide.append(who)
            elif kind == "AWS" and _is_gone(who, known):
                one.gone.append(who)
            elif kind == "AWS" and ":root" not in who and not who.isdigit():
                one.holders.add(who)
            elif kind == "Federated":
                found.unknown(
                    f"who {who.rpartition('/')[2]} signs in as {role.role}",
                    Unknown("an identity provider's people and groups are not seen from here"),
                )
    one.holders |= {each.arn for each in known.people if takes_on(each, role.arn, known)}
    return one


def _findings(one: _Trusted) -> Iterator[Finding]:
    if one.wide:
        yield _finding("trust-beyond-the-table", Severity.HIGH, one, one.wide, "may take it on")
    if one.gone:
        what = "is trusted, and is not there any more"
        yield _finding("trust-names-nobody", Severity.MEDIUM, one, one.gone, what)


def _is_about_taking_on(statement: Statement) -> bool:
    return statement.allows and any(names_action(statement, action) for action in _TAKE_ON)


def _is_beyond(kind: str, who: str, statement: Statement, role: RoleFacts, known: Known) -> bool:
    if kind == "Service":
        return who in stray_machines(statement, role.role, account_of(role.arn))
    if kind == "Federated":
        return signs_in_all(statement, who)
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


def _reach(
    role: RoleFacts, kind: str, who: str, statement: Statement, known: Known, *, inside: bool
) -> Reach:
    label = known.label(who) if kind == "AWS" else f"{kind.lower()} {who.rpartition('/')[2]}"
    conditions = tuple(sorted({one.key for one in statement.conditions}))
    return Reach(label, f"role {role.role}", Ability.BECOME, "trust", inside, conditions)


def _finding(name: str, severity: Severity, one: _Trusted, who: list[str], what: str) -> Finding:
    return Finding(
        name,
        severity,
        ", ".join(who),
        f"{', '.join(who)} {what}: role {one.role.role}",
        "who a role is taken on by is for its account to name, one by one",
        one.fix(),
        one.role.arn,
        tuple(("sts:AssumeRole", one.role.arn) for _ in who),
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


def _several(who: str, roles: list[Role], last: _Trusted, known: Known) -> Finding:
    by_hand = in_words(f"take sts:AssumeRole on {last.role.arn} from the policies of {who}")
    return Finding(
        "several-roles-in-one-hand",
        Severity.MEDIUM,
        known.label(who),
        f"{known.label(who)} may be each of: {', '.join(roles)}",
        "one role a person, or two people for what takes two",
        last.fix() if last.names(who) else by_hand,
        who,
        tuple(("sts:AssumeRole", known.seen.settings.roles[role.setting]) for role in roles),
    )
