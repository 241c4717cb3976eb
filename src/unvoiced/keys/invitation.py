"""An invitation: all that a contributor is given, in one file.

It holds a pseudonym, the key that names samples, where to upload, and the intake public key in the
statement that the log's key signed. It lets nobody read anything: who steals one can upload under
the pseudonym (where a grant allows it) and check whether a recording they already have was sent.
"""

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

from unvoiced import names
from unvoiced.errors import InputError
from unvoiced.keys.intake import IntakeKey
from unvoiced.log.note import Verifier

_FORMAT = "unvoiced-invitation/1"
_SAMPLE_KEY_BYTES = 32


@dataclass(frozen=True)
class Invitation:
    """The file's fields; `intake` is a signed note, `log_vkey` the key that must have signed it."""

    pseudonym: str
    sample_key: str = field(repr=False)
    upload_url: str
    intake: str
    log_vkey: str
    log_url: str

    def intake_key(self, trusted_vkey: str | None = None) -> IntakeKey:
        """The intake key, its signature checked.

        The invitation names the log key itself, which protects against damage, not against who can
        forge the whole file: a contributor who got the log's key another way passes it as
        `trusted_vkey`. Raises `VerificationError`.
        """
        if trusted_vkey is not None and trusted_vkey != self.log_vkey:
            raise InputError("the invitation names another log key than the one you trust")
        return IntakeKey.from_announcement(
            self.intake.encode(), Verifier.parse(trusted_vkey or self.log_vkey)
        )

    def write(self, path: Path) -> None:
        """Write the file, never over another one (`InputError`)."""
        text = json.dumps({"format": _FORMAT, **asdict(self)}, indent=2) + "\n"
        write_private(path, text)

    @classmethod
    def read(cls, path: Path) -> "Invitation":
        """Read and check the file's form. Raises `InputError`."""
        try:
            fields = json.loads(path.read_text(encoding="utf-8"))
            if fields.pop("format") != _FORMAT:
                raise InputError(f"{path.name} is not an invitation of a format known here")
            if not all(isinstance(value, str) for value in fields.values()):
                raise TypeError
            invitation = cls(**fields)
            if len(bytes.fromhex(invitation.sample_key)) != _SAMPLE_KEY_BYTES:
                raise ValueError
        except OSError as error:
            raise InputError(f"{path}: {error.strerror}") from None
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise InputError(f"{path.name} is not an invitation") from None
        names.pseudonym(invitation.pseudonym)
        return invitation


def write_private(path: Path, text: str) -> None:
    """Write a new file of mode 0600, never over another one (`InputError`)."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise InputError(f"{path} is there already and is not overwritten") from None
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None
