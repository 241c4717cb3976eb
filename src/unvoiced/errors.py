"""What can go wrong, as a user meets it.

One base class, one subclass per kind of remedy, one stable exit code each. A message carries names
and digests only: never a value from a key, a recording or a feature array (INV-11).
"""

from typing import ClassVar


class UnvoicedError(Exception):
    """Base of every error this library raises on purpose; its message is safe to log."""

    exit_code: ClassVar[int] = 1
    remedy: ClassVar[str] = ""

    def diagnostics(self) -> str:
        """What happened and, where one is known, what to do about it."""
        return f"{self}\n{self.remedy}".rstrip()


class InputError(UnvoicedError):
    """What was asked for, or handed in, is not acceptable as it is."""

    exit_code = 2


class AccessError(UnvoicedError):
    """A key, a passphrase or a permission is missing or wrong."""

    exit_code = 3


class SecretMissing(AccessError):
    """A vault holds no secret of this name."""


class OpenError(AccessError):
    """A sealed object did not open.

    It says the same thing whether the key is wrong, a byte was changed, the object stands under
    another name, or the format is unknown: which one it was would help whoever is probing (INV-11).
    """

    def __init__(self) -> None:
        super().__init__("the sealed object does not open with this key in this context")

    def __reduce__(self) -> tuple[type["OpenError"], tuple[()]]:
        """Survive the trip between processes."""
        return (OpenError, ())


class StoreError(UnvoicedError):
    """A store did not do what was asked of it."""

    exit_code = 4


class NotFound(StoreError):
    """No such object, or no such version of it."""


class AlreadyExists(StoreError):
    """A create-exclusive put met an object under that name."""


class Changed(StoreError):
    """A conditional replace met another version than the one it was made against."""


class Locked(StoreError):
    """A lock or a legal hold of the store keeps an object's version from being destroyed."""


class StoreRefused(StoreError):
    """A store will not do better the next time: what is wrong is how it is used."""


class NotAllowed(StoreRefused):
    """A store does not know the credentials, or they do not allow this."""

    exit_code = 3


class CredentialsExpired(NotAllowed):
    """The credentials for a store ran out, at the start or in the middle of a run.

    What was done until then stands. What was not is still where it was.
    """

    remedy = "Get new credentials and run the same command again; nothing is lost."


class VerificationError(UnvoicedError):
    """Evidence does not hold: a signature, a proof, a digest or a count is wrong."""

    exit_code = 5


class NotDisposed(UnvoicedError):
    """The recording was not seen to be gone, so there can be no receipt (INV-4)."""

    exit_code = 6


class UndecodableError(InputError):
    """An opened recording cannot become features; `reason` is one of `features.REASONS`."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the recording cannot be turned into features: {reason}")
        self.reason = reason

    def __reduce__(self) -> tuple[type["UndecodableError"], tuple[str]]:
        """Survive the trip between processes with nothing but the reason."""
        return (UndecodableError, (self.reason,))
