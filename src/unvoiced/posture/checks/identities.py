"""Users with long-lived keys, and roles: who may take them on, for how long, and what they may."""

from collections.abc import Iterable, Iterator

from unvoiced.access.roles import Place, Role
from unvoiced.posture.commands import aws
from unvoiced.posture.estate import allowed, policy_of
from unvoiced.posture.facts import NotKnown, RoleFacts, Unknown, User, known
from unvoiced.posture.finding import Problem, Seen, Severity, check
from unvoiced.posture.services import of_role, stray_machines, trust_in
from unvoiced.posture.statements import Statement, beyond

_HOUR = 3600


def users(seen: Seen) -> Iterable[tuple[str, User | Unknown]]:
    """Every IAM user of the account."""
    found = seen.facts.users
    if isinstance(found, Unknown):
        return [("IAM users", found)]
    return [(user.name, user) for user in found]


def roles(seen: Seen) -> Iterable[tuple[str, RoleFacts]]:
    """The roles that [roles] names."""
    return [(role.name, role) for role in seen.facts.roles]


def uploaders(seen: Seen) -> Iterable[tuple[str, RoleFacts]]:
    """The role whose sessions are granted to contributors."""
    return [(role.name, role) for role in seen.facts.roles if role.role is Role.UPLOADER]


def settings_file(seen: Seen) -> Iterable[tuple[str, None]]:
    """The settings, of a deployment that has anything in an account or in S3."""
    away = seen.facts.buckets or seen.settings.kms or seen.settings.roles
    return [(seen.settings.path.name, None)] if away else []


@check(
    "long-lived-access-key",
    Severity.MEDIUM,
    of=users,
    why="An access key works until somebody ends it, from anywhere, whoever has a copy; sessions "
    "of a role end by themselves.",
)
def access_keys(user: User, seen: Seen) -> Iterator[Problem]:
    """No user has an active access key."""
    for key in known(user.keys):
        if key.active:
            age = (seen.facts.now - key.created).days
            fix = aws(
                "iam", "update-access-key",
                user_name=user.name, access_key_id=key.key_id, status="Inactive",
            )  # fmt: skip
            yield Problem(f"access key {key.key_id} is active, {age:,} days old", fix)


@check(
    "role-wider-than-table",
    Severity.HIGH,
    of=roles,
    why="The separation of roles is only what their policies leave of it.",
)
def wider(role: RoleFacts, seen: Seen) -> Iterator[Problem]:
    """No policy of the role allows what the table does not."""
    table = allowed(role.role, seen)
    for given in known(role.policies):
        extra = [
            pair for one in given.policy.statements if one.allows for pair in beyond(one, table)
        ]
        if not extra:
            continue
        if given.arn:
            fix = aws("iam", "detach-role-policy", role_name=role.name, policy_arn=given.arn)
        else:
            fix = aws(
                "iam", "put-role-policy",
                role_name=role.name,
                policy_name=given.name,
                policy_document=policy_of(role.role, seen),
            )  # fmt: skip
        more = f", and {len(extra) - 1} more" if len(extra) > 1 else ""
        action, resource = extra[0]
        yield Problem(
            f"as {role.role} it may {action} on {resource} by policy {given.name}{more}", fix
        )


@check(
    "role-trust-too-wide",
    Severity.HIGH,
    of=roles,
    why="Whoever may take a role on has all that it has.",
)
def trust(role: RoleFacts, seen: Seen) -> Iterator[Problem]:
    """Only its own account's may assume it, an identity provider's chosen, machines of ours."""
    policy, account = known(role.trust), role.arn.split(":")[4]
    wide = {one: who for one in policy.statements if (who := _too_wide(one, role.role, account))}
    if wide:
        document = policy.without(wide)
        machines = {one for listed in wide.values() for one in listed} & {*of_role(role.role)}
        for one in sorted(machines):
            document["Statement"].append(trust_in(one, account))
        if not document["Statement"]:
            own = {"AWS": f"arn:{role.arn.split(':')[1]}:iam::{account}:root"}
            statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": own}
            document = {**document, "Statement": [statement]}
        fix = aws("iam", "update-assume-role-policy", role_name=role.name, policy_document=document)
        found = [who for listed in wide.values() for who in listed]
        yield Problem(f"it may be taken on by {', '.join(found)}", fix)


def _too_wide(one: Statement, role: Role, account: str) -> list[str]:
    if not one.allows:
        return []
    if one.for_everybody:
        return ["everybody"]
    strangers = [
        who
        for kind, who in one.principals
        if (kind == "AWS" and account not in {who, *who.split(":")})
        or (kind == "Federated" and signs_in_all(one, who))
    ]
    return [*strangers, *stray_machines(one, role, account)]


def signs_in_all(one: Statement, provider: str) -> bool:
    """Whether an identity provider signs in all of its people: no condition picks some.

    By OpenID Connect the audience alone picks nobody: every repository of GitHub's has the same. By
    SAML the provider itself says who may be which role.
    """
    saml = ":saml-provider/" in provider
    return not any(
        each.values - {"*"} and (saml or not each.key.lower().endswith(":aud"))
        for each in one.conditions
    )


@check(
    "uploader-session-too-long",
    Severity.MEDIUM,
    of=uploaders,
    why="A grant is promised to end within the hour; the role would let it live on.",
)
def session(role: RoleFacts, seen: Seen) -> Iterator[Problem]:
    """Sessions of the uploader's role last an hour at most."""
    seconds = known(role.session_seconds)
    if seconds > _HOUR:
        fix = aws("iam", "update-role", role_name=role.name, max_session_duration=str(_HOUR))
        yield Problem(f"its sessions may last {seconds / _HOUR:g} hours", fix)


@check(
    "role-not-named",
    Severity.LOW,
    of=settings_file,
    why="A role that unvoiced.toml does not name is not looked at: whether it is too wide is not "
    "known.",
)
def named(subject: None, seen: Seen) -> Iterator[Problem]:
    """[roles] names every role of the table that this deployment has use for."""
    archive = any(bucket.holds(Place.ARCHIVE) for bucket in seen.facts.buckets)
    missing = [
        role.setting
        for role in Role
        if role.setting not in seen.settings.roles and (archive or role is not Role.ARCHIVIST)
    ]
    if missing and not any(bucket.amazon for bucket in seen.facts.buckets):
        raise NotKnown(Unknown("roles of a server that is not Amazon's cannot be asked for here"))
    if missing:
        yield Problem(f"[roles] does not name {', '.join(missing)}", aws("iam", "list-roles"))
