"""Who used what they have: roles, keys, approvals, and who the trail shows reading. Pure."""

from datetime import datetime, timedelta

from unvoiced.access.roles import Role
from unvoiced.audit.approvals import Approval
from unvoiced.posture.commands import aws, in_words
from unvoiced.posture.facts import Unknown
from unvoiced.posture.finding import Severity
from unvoiced.review.finding import Finding
from unvoiced.review.identities import Identity, KeyUse
from unvoiced.review.known import Found, Known
from unvoiced.review.trail import Use
from unvoiced.review.trust import NOBODY

_READS = frozenset({Role.DATA_SCIENTIST})
_IN_NAMESPACE = "user namespace"  # as audit/requester.py calls them


def use_found(known: Known) -> Found:
    """What was not used, who used what they should not have, and what should end."""
    return Found().take([_roles(known), _keys(known), _readers(known), _approvals(known)])


def _roles(known: Known) -> Found:
    found = Found()
    for one in known.people:
        role = known.role_of(one.arn)
        if role is None:
            continue
        if isinstance(one.last_used, Unknown):
            if not any(gap.what == _LAST_USE for gap in found.gaps):
                found.unknown(_LAST_USE, one.last_used)
        elif _is_idle(one.last_used or one.created, known):
            when = f"last used {one.last_used:%Y-%m-%d}" if one.last_used else "never used"
            found.findings.append(
                Finding(
                    "role-not-used",
                    Severity.LOW,
                    str(role),
                    f"role {one.name} was {when}, and is there since {one.created:%Y-%m-%d}",
                    "who needs it once in a long time is let in for that time",
                    _close(one),
                    one.arn,
                )
            )
    return found


_LAST_USE = "when roles were last used"


def _is_idle(since: datetime, known: Known) -> bool:
    return known.now - since > timedelta(days=known.unused_days)


def _close(one: Identity) -> str:
    """Nobody is let in until somebody says who; the role's policies, and what names it, stay."""
    return aws("iam", "update-assume-role-policy", role_name=one.name, policy_document=NOBODY)


def _keys(known: Known) -> Found:
    found = Found()
    for one in known.people:
        if isinstance(one.keys, Unknown):
            found.unknown(f"access keys of {one.label}", one.keys)
            continue
        for use in one.keys:
            if use.key.active:
                if isinstance(use.last_used, Unknown):
                    found.unknown(f"when access key {use.key.key_id} was used", use.last_used)
                found.findings.append(_key(one, use, known))
    return found


def _key(one: Identity, use: KeyUse, known: Known) -> Finding:
    age = (known.now - use.key.created).days
    last = use.last_used
    if isinstance(last, Unknown):
        when, idle = "it is not known when it was used", False
    else:
        when = f"last used {last:%Y-%m-%d}" if last else "never used"
        idle = _is_idle(last or use.key.created, known)
    return Finding(
        "access-key-to-end",
        Severity.HIGH if idle else Severity.MEDIUM,
        one.label,
        f"access key {use.key.key_id} of {one.name} is active, {age:,} days old, {when}",
        "roles are taken on for an hour",
        aws("iam", "update-access-key", user_name=one.name, access_key_id=use.key.key_id,
            status="Inactive"),
        use.key.key_id,
    )  # fmt: skip


def _readers(known: Known) -> Found:
    found = Found()
    if isinstance(known.uses, Unknown):
        found.unknown("who read features", known.uses)
        return found
    for use in known.uses:
        who = explained(use.requester, known)
        read = (
            f"{use.requester} read {use.objects:,} objects on {use.days:,} days, last "
            f"{use.last:%Y-%m-%d}, for {', '.join(use.purposes)}"
        )
        if isinstance(who, Unknown):
            found.unknown(f"who {use.requester} is", who)
        elif who is None:
            found.findings.append(
                Finding(
                    "requester-unexplained", Severity.HIGH, use.requester,
                    f"{read}; nobody of that name is there",
                    "by the table a right of: data scientist",
                    in_words("find out who it was, and whether what they read is still with them"),
                )
            )  # fmt: skip
        elif not _may_read(who, use, known):
            found.findings.append(
                Finding(
                    "reader-beyond-the-table", Severity.HIGH, known.label(who.arn), read,
                    "by the table a right of: data scientist",
                    in_words("find out how: what lets it read is a finding of its own"),
                )
            )  # fmt: skip
    return found


def _may_read(who: Identity, use: Use, known: Known) -> bool:
    """An erasure reads as an auditor might: by whoever shows that nothing is left."""
    return known.role_of(who.arn) in _READS or not known.seen.settings.roles


def explained(requester: str, known: Known) -> Identity | Unknown | None:
    """Whose the name in a record is: a user's or role's that is there, or nobody's."""
    if requester.startswith("os-user:"):
        if known.here is None:
            return Unknown("it was an account of another machine")
        name = requester.removeprefix("os-user:")
        return _somebody(known, requester) if _has_account(name, known.here.accounts) else None
    if isinstance(known.identities, Unknown):
        return Unknown(known.identities.why, known.identities.command)
    for one in known.identities:
        if requester == one.arn or _is_session_of(requester, one):
            return one
        keys = () if isinstance(one.keys, Unknown) else one.keys
        if requester.removeprefix("access-key:") in {use.key.key_id for use in keys}:
            return one
    return None


def _has_account(name: str, accounts: frozenset[str]) -> bool:
    """Whether an account is there, by name and number; in a user namespace by the number outside.

    A namespace's names are chosen by who made it; its number outside is the account it was made by.
    """
    inside, _, number = name.rpartition(":")
    if inside == _IN_NAMESPACE:
        return number in {one.rpartition(":")[2] for one in accounts}
    return name in accounts


def _somebody(known: Known, requester: str) -> Identity:
    """An account of this machine; there the table's roles are no accounts."""
    scientist = known.seen.settings.roles.get(Role.DATA_SCIENTIST.setting)
    return Identity(scientist or requester, known.now, ())


def _is_session_of(requester: str, one: Identity) -> bool:
    """Whether an ARN is of a session of this role; such an ARN has its name and not its path."""
    before, _, name = requester.partition(":assumed-role/")
    same_account = before.rpartition(":")[2] == one.arn.split(":")[4]
    return bool(name) and one.is_role and same_account and name.partition("/")[0] == one.name


def _approvals(known: Known) -> Found:
    found = Found()
    if isinstance(known.approvals, Unknown):
        found.unknown("approvals in force", known.approvals)
        return found
    today = f"{known.now:%Y-%m-%d}"
    for one in known.approvals:
        if one.until < today:
            continue
        why = _why_to_end(one, known)
        if why:
            found.findings.append(
                Finding(
                    "approval-to-end",
                    Severity.MEDIUM,
                    one.requester,
                    f"{one.objects:,} objects a day for {one.purpose} are approved until "
                    f"{one.until} (by {one.approved_by}, {one.first}), and {why}",
                    "the quota of [reading]",
                    in_words(
                        "it ends by itself; sooner: `unvoiced audit approvals` has its name, and "
                        "`unvoiced audit revoke NAME` ends it"
                    ),
                    f"{one.purpose} {one.first} {one.until} {one.objects}",
                )
            )
    return found


def _why_to_end(one: Approval, known: Known) -> str:
    if explained(one.requester, known) is None:
        return "nobody of that name is there"
    if isinstance(known.uses, Unknown):
        return ""
    used = any(
        use.requester == one.requester
        and one.purpose in use.purposes
        and f"{use.last:%Y-%m-%d}" >= one.first
        for use in known.uses
    )
    idle = _is_idle(datetime.fromisoformat(one.first).replace(tzinfo=known.now.tzinfo), known)
    return "" if used or not idle else "was not used"
