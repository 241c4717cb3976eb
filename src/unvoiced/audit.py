"""The audit trail: who read which features, why, when and from where.

INV-8 a record is durable before the first byte of what it speaks of is opened; if it cannot be
written, nothing is read. The requester is taken from the operating system, not from an argument.
"""

import os
import pwd
import secrets
import socket
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum

import rfc8785

from unvoiced.errors import InputError
from unvoiced.log.leaves import rfc3339
from unvoiced.stores import Store


class Purpose(StrEnum):
    """The closed list of reasons for reading features."""

    TRAINING = "training"
    EVALUATION = "evaluation"
    INSPECTION = "inspection"
    ERASURE = "erasure"

    @classmethod
    def of(cls, value: str) -> "Purpose":
        """The purpose by name. Raises `InputError` with the list."""
        try:
            return cls(value)
        except ValueError:
            raise InputError(f"a purpose is one of: {', '.join(cls)}") from None


@dataclass(frozen=True)
class AccessRecord:
    """One read; `objects` are the SHA-256 of the sealed feature objects."""

    objects: tuple[str, ...]
    requester: str
    purpose: str
    time: str
    source: str
    run: str


class AuditTrail:
    """Appends access records, one object per read, under `{date}/`."""

    def __init__(self, store: Store, run: str) -> None:
        self._store = store
        self._run = run

    def record(self, objects: Sequence[str], purpose: Purpose) -> AccessRecord:
        """Make a record of a read durable; call before opening. Raises `StoreError`."""
        now = datetime.now(UTC)
        record = AccessRecord(
            objects=tuple(objects),
            requester=_requester(),
            purpose=purpose.value,
            time=rfc3339(now),
            source=socket.gethostname(),
            run=self._run,
        )
        # Milliseconds first, so that a listing is in order of time.
        name = f"{now:%Y-%m-%d}/{int(now.timestamp() * 1000):012x}-{secrets.token_hex(8)}.jsonl"
        self._store.put_if_absent(name, rfc8785.dumps(asdict(record)) + b"\n")
        return record


def _requester() -> str:
    """Who the operating system says we are; environment variables are anyone's to set."""
    uid = os.getuid()
    try:
        return f"os-user:{pwd.getpwuid(uid).pw_name}:{uid}"
    except KeyError:
        return f"os-user:{uid}"
