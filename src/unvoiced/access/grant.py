"""A grant: short-lived credentials that put recordings into one contributor's folder, and no more.

- Good for 15 minutes to an hour; nothing renews it.
- What it allows is what the uploader role allows *and* a session policy for one pseudonym
  (`access.policies.grant_policy`): create there. No reading, listing, replacing or deleting.
- It says who: session name and tag are the pseudonym, and stand in the provider's access log.

It opens nothing and reads nothing, but whoever holds it can upload in the contributor's name: it
travels like a password, and the object that holds it shows its secrets to nobody who prints it.
"""

import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from unvoiced import names
from unvoiced.errors import InputError

SHORTEST_MINUTES, LONGEST_MINUTES = 15, 60  # what AWS STS gives at least; what anybody needs
MAX_RECORDING_BYTES = 5 * 2**30  # what S3 takes in one put
ROLE_ARN = re.compile(r"arn:(aws|aws-cn|aws-us-gov):iam::[0-9]{12}:role/[A-Za-z0-9+=,.@_/-]{1,576}")
_SHA256 = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True)
class Grant:
    """Session credentials, in the words of AWS's `credential_process`."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str = field(repr=False)
    expires: datetime

    def as_credential_process(self) -> str:
        """The JSON that AWS SDKs take from a profile's `credential_process`, on one line."""
        return json.dumps(
            {
                "Version": 1,
                "AccessKeyId": self.access_key_id,
                "SecretAccessKey": self.secret_access_key,
                "SessionToken": self.session_token,
                "Expiration": self.expires.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            }
        )

    def as_environment(self) -> str:
        """Lines for a shell. AWS's alphabets need no quoting; anything else is refused."""
        values = {
            "AWS_ACCESS_KEY_ID": self.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret_access_key,
            "AWS_SESSION_TOKEN": self.session_token,
        }
        if not all(re.fullmatch(r"[A-Za-z0-9+/=_.-]+", value) for value in values.values()):
            raise InputError("these credentials cannot be written as environment lines")
        return "\n".join(f"export {name}={value}" for name, value in values.items())

    @classmethod
    def read(cls, path: Path) -> "Grant":
        """Read `credential_process` JSON from a file. Raises `InputError`, naming no value."""
        try:
            fields = json.loads(path.read_text(encoding="utf-8"))
            if fields["Version"] != 1:
                raise ValueError
            key_id, secret, token = (
                fields[name] for name in ("AccessKeyId", "SecretAccessKey", "SessionToken")
            )
            if not all(isinstance(value, str) and value for value in (key_id, secret, token)):
                raise TypeError
            expires = datetime.fromisoformat(fields["Expiration"])
            if expires.tzinfo is None:
                raise ValueError
        except OSError as error:
            raise InputError(f"{path}: {error.strerror}") from None
        except (ValueError, KeyError, TypeError, RecursionError):
            raise InputError(f"{path.name} is not a grant") from None
        return cls(key_id, secret, token, expires)


@dataclass(frozen=True)
class UploadRequest:
    """One sealed object that somebody wants to put: what a presigned upload is made for.

    Size and digest become part of what is signed: the url is good for exactly these bytes.
    """

    pseudonym: str
    sample: str
    size: int
    sha256: str

    def __post_init__(self) -> None:
        """Refuse what is no upload, with `InputError`."""
        names.sealed_name(self.pseudonym, self.sample)
        if not 0 < self.size <= MAX_RECORDING_BYTES:
            raise InputError(f"an upload has 1 to {MAX_RECORDING_BYTES:,} bytes")
        if not _SHA256.fullmatch(self.sha256):
            raise InputError("a SHA-256 is 64 lower-case hexadecimal digits")


def grant_seconds(minutes: int) -> int:
    """A grant's length for the token service. Raises `InputError` outside 15 to 60 minutes."""
    if not SHORTEST_MINUTES <= minutes <= LONGEST_MINUTES:
        raise InputError(f"a grant lasts {SHORTEST_MINUTES} to {LONGEST_MINUTES} minutes")
    return minutes * 60
