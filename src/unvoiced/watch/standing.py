"""Who a requester is to this deployment, by the role table, and what of it they may read. No I/O.

The ARN of a session of a role, `arn:aws:sts::ACCOUNT:assumed-role/NAME/SESSION`, names the role
without its path; within an account the name is one role's.
"""

import re
from collections.abc import Mapping

from unvoiced.access.roles import Can, Role, may
from unvoiced.watch.provider import ProviderRead

_ROLE = re.compile(
    r"arn:(?P<partition>[a-z-]+):(?:iam|sts)::(?P<account>\d{12}):"
    r"(?:role/(?:[^/]+/)*(?P<name>[^/]+)|assumed-role/(?P<session_of>[^/]+)(?:/.*)?)"
)
# Who opens features and has to leave records, by the table: no other role may open what it reads.
_RECORDS = Role.DATA_SCIENTIST


class Standing:
    """The roles that the settings name."""

    def __init__(self, roles: Mapping[str, str]) -> None:
        """`roles`: ARNs by their names under [roles]."""
        named = {role.setting: role for role in Role}
        self._roles = {
            key: named[setting]
            for setting, arn in roles.items()
            if setting in named and (key := _key(arn)) is not None
        }

    def role(self, requester: str) -> Role | None:
        """The role this is a session of; None where it is none that is known."""
        return self._roles.get(_key(requester) or ("", ""))

    def needs_record(self, read: ProviderRead) -> bool:
        """Whether a read of features has to be in the trail: everyone's but of other roles that may
        read these bytes, which have no key that opens them.
        """
        role = self.role(read.requester)
        return role in (None, _RECORDS) or not may(role, Can.READ, read.place, read.name)

    def may_read(self, read: ProviderRead) -> bool:
        """Whether the table lets the requester read this; silent where no roles are named."""
        if not self._roles:
            return True
        role = self.role(read.requester)
        return role is not None and may(role, Can.READ, read.place, read.name)


def _key(arn: str) -> tuple[str, str] | None:
    match = _ROLE.fullmatch(arn)
    if match is None:
        return None
    return match["account"], match["name"] or match["session_of"]
