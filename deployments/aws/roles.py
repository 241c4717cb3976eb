"""The roles of the table: who may assume each, and the policy that the table makes for it.

A role and its policy are two resources: key policies name roles, and policies name keys.
"""

from collections.abc import Mapping

from deployments.aws.estate import ESTATE, key_resource, pascal, role_resource
from deployments.aws.language import ACCOUNT, Node, Resource, Section, filled, policy, when
from deployments.aws.parameters import PEOPLE, principal
from unvoiced.access.policies import role_policy
from unvoiced.access.roles import Place, Role

SESSION_SECONDS = 3600
TAG = "contributor"
_PSEUDONYM = "?" * 26  # its length; the grant itself admits nothing else either
_WHY = {
    Role.UPLOADER: "A contributor, for an hour, under a grant that the inviter narrows.",
    Role.INVITER: "Gives contributors access to their own folder, and cannot read what they send.",
    Role.WORKER: "Opens recordings, and cannot open what it makes of them.",
    Role.ARCHIVIST: "Reads originals that are kept, and makes features of them again.",
    Role.DATA_SCIENTIST: "Reads features, and no recording.",
    Role.AUDITOR: "Reads receipts, the audit trail and configuration; opens nothing.",
    Role.ERASER: "Destroys, and cannot open what.",
    Role.KEY_KEEPER: "Makes each epoch's intake key, and unwraps none.",
    Role.WATCHER: (
        "Sees who reads what and tells of it; ties the audit trail into the log. The watch is run "
        "by a service; approvals and reviews are made by people, with MFA."
    ),
}
_LOG_KEY = f"${{{key_resource(Place.LOG_KEY)}.Arn}}"


def _allow(who: Node, actions: Node, condition: Node | None = None) -> dict[str, Node]:
    statement: dict[str, Node] = {"Effect": "Allow", "Principal": who, "Action": actions}
    return {**statement, "Condition": condition} if condition else statement


def _people(role: Role) -> Node:
    mfa: Node = {"Bool": {"aws:MultiFactorAuthPresent": "true"}}
    who: Node = {"AWS": {"Ref": principal(role)}}
    return _allow(who, "sts:AssumeRole", when("MfaIsRequired", mfa))


def _service(parameter: str) -> Node:
    # ECS says for whose account it asks, EC2 does not.
    ours: Node = {"StringEqualsIfExists": {"aws:SourceAccount": ACCOUNT}}
    return _allow({"Service": {"Ref": parameter}}, "sts:AssumeRole", ours)


def _trust_worker() -> Node:
    named: Node = {"AWS": {"Ref": principal(Role.WORKER)}}
    by_name = _allow(named, "sts:AssumeRole")
    return policy([when("WorkerIsPrincipal", by_name, _service("WorkerTrust"))])


def _trust_inviter() -> Node:
    """A session of the uploader bears a pseudonym, as its name and as its only tag."""
    inviter: Node = {"AWS": filled(f"${{{role_resource(Role.INVITER)}.Arn}}")}
    tagged: Node = {f"aws:RequestTag/{TAG}": _PSEUDONYM}
    return policy(
        [
            _allow(
                inviter,
                "sts:AssumeRole",
                {
                    "StringLike": tagged,
                    "StringEquals": {"sts:RoleSessionName": f"${{aws:RequestTag/{TAG}}}"},
                },
            ),
            _allow(
                inviter,
                "sts:TagSession",
                {"StringLike": tagged, "ForAllValues:StringEquals": {"aws:TagKeys": [TAG]}},
            ),
        ]
    )


def _trust(role: Role) -> Node:
    if role is Role.WATCHER:
        return policy([_people(role), when("WatchIsService", _service("WatchTrust"))])
    if role in PEOPLE:
        return policy([_people(role)])
    return _trust_inviter() if role is Role.UPLOADER else _trust_worker()


def _role(role: Role) -> Resource:
    return Resource(
        "AWS::IAM::Role",
        _WHY[role],
        {
            "Description": f"unvoiced: {role}",
            "MaxSessionDuration": SESSION_SECONDS,
            "AssumeRolePolicyDocument": _trust(role),
        },
    )


def _statement(statement: Mapping[str, Node]) -> Node:
    """What is about the log's key is there only where KMS signs."""
    made = filled(statement)
    return when("KmsSignsTheLog", made) if statement["Resource"] == [_LOG_KEY] else made


def _role_policy(role: Role) -> Resource:
    statements = role_policy(role, ESTATE)["Statement"]
    return Resource(
        "AWS::IAM::RolePolicy",
        "",
        {
            "RoleName": {"Ref": role_resource(role)},
            "PolicyName": "role-table",
            "PolicyDocument": policy([_statement(statement) for statement in statements]),
        },
    )


def _profile(role: Role, condition: str) -> Resource:
    return Resource(
        "AWS::IAM::InstanceProfile",
        f"Lets a machine of EC2 be the {role}.",
        {"Roles": [{"Ref": role_resource(role)}]},
        condition=condition,
    )


_PROFILES = {
    "WorkerProfile": _profile(Role.WORKER, "WorkerIsMachine"),
    "WatcherProfile": _profile(Role.WATCHER, "WatchIsMachine"),
}

SECTIONS = (
    Section(
        "Roles: who may assume them, for an hour",
        {**{role_resource(role): _role(role) for role in Role}, **_PROFILES},
    ),
    Section(
        "What each role may do: generated from the role table, unvoiced.access.roles",
        {f"{pascal(role)}Policy": _role_policy(role) for role in Role},
    ),
)
