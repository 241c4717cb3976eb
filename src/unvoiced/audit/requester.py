"""Who is asking: by their credentials where there are some, else by the operating system.

Never by an argument or an environment variable: those are anyone's to set. Nor by what a user
namespace calls its users: anybody may open one and be any number in there, root too. A reader runs
on its user's machine all the same, and who changes the program, or the system that it sees, can
write any name into the records that the program makes. What credentials asked for which object is
in the provider's own log, to which the watch compares the trail.
"""

import os
import pwd
import socket
import sys
from pathlib import Path

from unvoiced.errors import AccessError

_UID_MAP = Path("/proc/self/uid_map")
_OUTERMOST = (0, 0, 2**32 - 1)  # every number is itself: what no user can make a namespace like
# No user is called so: a name has no space.
_IN_NAMESPACE = "user namespace"


def requester_of(audit_url: str) -> str:
    """Who reads, for records in this audit store: an ARN, an access key's id, or an OS user.

    Raises `AccessError` where the store is in a bucket and there are no credentials, and where it
    is not and the operating system does not say who this is.
    """
    if not audit_url.startswith("s3://"):
        return f"os-user:{os_user()}"
    from unvoiced.aws.identity import caller  # boto3 takes long to import

    return caller(audit_url)


def source() -> str:
    """Where from: the user and the machine, as the operating system has them."""
    try:
        user = os_user()
    except AccessError:  # beside credentials, which say who reads
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"


def os_user() -> str:
    """Name and number of the user, or the number alone where the system knows no name.

    In a user namespace, as rootless containers are: `user namespace` and the number outside of it.
    The names in there are not asked, as whoever made it wrote them. Raises `AccessError` where
    there is no number outside.
    """
    uid = os.getuid()
    if sys.platform == "linux":
        maps = _uid_maps()
        if maps != [_OUTERMOST]:
            return f"{_IN_NAMESPACE}:{_outside(uid, maps)}"
    try:
        return f"{pwd.getpwuid(uid).pw_name}:{uid}"
    except KeyError:
        return str(uid)


def _uid_maps() -> list[tuple[int, int, int]]:
    """The ranges of numbers in this process's user namespace: inside, outside, how many."""
    try:
        lines = _UID_MAP.read_text().splitlines()
        return [(int(one), int(other), int(count)) for one, other, count in map(str.split, lines)]
    except (OSError, ValueError):
        raise AccessError(f"{_UID_MAP} does not say who reads") from None


def _outside(uid: int, maps: list[tuple[int, int, int]]) -> int:
    for inside, outside, count in maps:
        if inside <= uid < inside + count:
            return outside + uid - inside
    raise AccessError(f"user {uid} of this namespace is nobody outside of it, so nobody reads")
