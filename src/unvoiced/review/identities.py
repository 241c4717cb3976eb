"""Everybody that an account knows: users with their groups and keys, roles, and their policies.

One call tells all of it (`iam:GetAccountAuthorizationDetails`); what it leaves out is unknown.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from unvoiced.aws.account import Account
from unvoiced.posture.facts import AccessKey, Unknown, User
from unvoiced.posture.reading import read
from unvoiced.posture.statements import Policy
from unvoiced.posture.surroundings import attached_policy

Answer = Mapping[str, Any]


class Held(StrEnum):
    """How somebody has a policy."""

    INLINE = "inline"
    ATTACHED = "attached"


@dataclass(frozen=True)
class Given:
    """A policy that somebody has, or a group of theirs."""

    name: str
    held: Held
    policy: Policy | Unknown
    arn: str = ""  # of an attached one
    group: str = ""  # the group it is had through


@dataclass(frozen=True)
class KeyUse:
    """An access key, and when it was last used: None is never."""

    key: AccessKey
    last_used: datetime | Unknown | None


@dataclass(frozen=True)
class Identity:
    """A user or a role of the account."""

    arn: str
    created: datetime
    policies: tuple[Given, ...]
    trust: Policy | Unknown | None = None  # a role's
    last_used: datetime | Unknown | None = None  # a role's; None is never
    keys: tuple[KeyUse, ...] | Unknown = ()  # a user's
    groups: tuple[str, ...] = ()
    bounded: bool = False  # whether a permission boundary narrows it, by what is not looked at
    unique_id: str = ""

    @property
    def is_role(self) -> bool:
        """Whether it is a role; else it is a user."""
        return ":role/" in self.arn

    @property
    def name(self) -> str:
        """Its name, without account and path."""
        return self.arn.rpartition("/")[2]

    @property
    def label(self) -> str:
        """What reports call it."""
        return f"{'role' if self.is_role else 'user'} {self.name}"


def read_identities(
    account: Account, users: tuple[User, ...] | Unknown
) -> tuple[Identity, ...] | Unknown:
    """All of them; `users` have the access keys, as posture read them.

    Raises `AccessError` without credentials.
    """
    answer = account.ask("iam", "get_account_authorization_details", account.region)
    details = read(answer, lambda found: (found["RoleDetailList"], found["UserDetailList"], found))
    if isinstance(details, Unknown):
        return details
    keys = {} if isinstance(users, Unknown) else {user.name: user.keys for user in users}
    reader = _Reader(account, details[2])
    try:
        roles = [reader.role(one) for one in details[0]]
        people = [
            reader.user(one, keys.get(one["UserName"], users if isinstance(users, Unknown) else ()))
            for one in details[1]
        ]
    except (KeyError, TypeError, ValueError):
        return Unknown("the answer is not one of this service's")
    return (*roles, *people)


class _Reader:
    """Turns IAM's details into identities; attached policies are read once."""

    def __init__(self, account: Account, details: Answer) -> None:
        self._account = account
        self._groups = {one["GroupName"]: one for one in details.get("GroupDetailList", ())}
        self._attached: dict[str, Policy | Unknown] = {}
        for one in details.get("Policies", ()):
            for version in one.get("PolicyVersionList", ()):
                if version.get("IsDefaultVersion"):
                    self._attached[one["Arn"]] = _policy(version["Document"])

    def role(self, one: Answer) -> Identity:
        """A role."""
        return Identity(
            arn=one["Arn"],
            created=one["CreateDate"],
            policies=tuple(self._given(one, "RolePolicyList")),
            trust=_policy(one.get("AssumeRolePolicyDocument")),
            last_used=_last_used(one),
            bounded="PermissionsBoundary" in one,
            unique_id=one.get("RoleId", ""),
        )

    def user(self, one: Answer, keys: tuple[AccessKey, ...] | Unknown) -> Identity:
        """A user, with what its groups give."""
        groups = tuple(one.get("GroupList", ()))
        through = [
            given
            for group in groups
            for given in self._given(self._groups.get(group, {}), "GroupPolicyList", group)
        ]
        return Identity(
            arn=one["Arn"],
            created=one["CreateDate"],
            policies=(*self._given(one, "UserPolicyList"), *through),
            keys=keys if isinstance(keys, Unknown) else tuple(map(self._key, keys)),
            groups=groups,
            bounded="PermissionsBoundary" in one,
            unique_id=one.get("UserId", ""),
        )

    def _given(self, one: Answer, inline: str, group: str = "") -> Iterable[Given]:
        for each in one.get(inline, ()):
            policy = _policy(each["PolicyDocument"])
            yield Given(each["PolicyName"], Held.INLINE, policy, group=group)
        for each in one.get("AttachedManagedPolicies", ()):
            arn = each["PolicyArn"]
            if arn not in self._attached:
                self._attached[arn] = attached_policy(arn, self._account)
            yield Given(each["PolicyName"], Held.ATTACHED, self._attached[arn], arn, group)

    def _key(self, key: AccessKey) -> KeyUse:
        answer = self._account.ask(
            "iam", "get_access_key_last_used", self._account.region, AccessKeyId=key.key_id
        )
        return KeyUse(key, read(answer, lambda a: a["AccessKeyLastUsed"].get("LastUsedDate")))


def _policy(document: object) -> Policy | Unknown:
    return read({"Policy": document}, lambda answer: Policy.read(answer["Policy"]))


def _last_used(one: Answer) -> datetime | Unknown | None:
    """IAM looks back over 400 days, and leaves the date out where there was no use."""
    if "RoleLastUsed" not in one:
        return Unknown(
            "the server does not say when a role was last used",
            f"aws iam get-role --role-name {one['RoleName']}",
        )
    found: datetime | None = one["RoleLastUsed"].get("LastUsedDate")
    return found
