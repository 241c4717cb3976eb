"""Who is asking: by their credentials where there are some, else by the operating system.

Never by an argument or an environment variable: those are anyone's to set. A reader runs on its
user's machine all the same, and who changes the program can write any name into the records that
the program makes. What credentials asked for which object is in the provider's own log, to which
the watch compares the trail.
"""

import os
import pwd
import socket


def requester_of(audit_url: str) -> str:
    """Who reads, for records in this audit store: an ARN, an access key's id, or an OS user.

    Raises `AccessError` where the store is in a bucket and there are no credentials.
    """
    if not audit_url.startswith("s3://"):
        return f"os-user:{os_user()}"
    from unvoiced.aws.identity import caller  # boto3 takes long to import

    return caller(audit_url)


def source() -> str:
    """Where from: the user and the machine, as the operating system has them."""
    return f"{os_user()}@{socket.gethostname()}"


def os_user() -> str:
    """Name and number of the user, or the number alone where the system knows no name."""
    uid = os.getuid()
    try:
        return f"{pwd.getpwuid(uid).pw_name}:{uid}"
    except KeyError:
        return str(uid)
