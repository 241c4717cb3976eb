"""The state as it stands in the audit store: signed, so that only the watch makes one.

    watch/state.json     the state's JSON on one line, and below it a note by the log's key

The note is a statement (`log/statement.py`) of the object's name and of the SHA-256 of the line;
the line itself is larger than a note may be. Who can write there and does not have the key can
make the watch forget: take the state away, or put an older one back. They cannot make it remember
what it did not see. One that is not ours never goes unsaid.
"""

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from unvoiced.errors import AlreadyExists, NotFound, StoreError, VerificationError
from unvoiced.log.note import Signer, Verifier
from unvoiced.log.statement import open_statement, sign_statement
from unvoiced.stores import Store
from unvoiced.watch.state import NAME, State

_TITLE = "unvoiced watch state v1"
_MOST_BYTES = 256 * 2**20  # of a state
_TRIED = 300  # earlier versions that are looked at: of a day


@dataclass(frozen=True)
class Remembered:
    """What was found under the name."""

    state: State | None  # None where none of ours is found
    version: str  # of what stands there, "" for nothing
    trouble: str = ""  # why it is not the one that stands


def seal(state: State, signer: Signer) -> bytes:
    """The bytes of the object."""
    line = state.encode()
    return line + sign_statement(_TITLE, _said(line), signer)


def unseal(data: bytes, verifier: Verifier) -> State:
    """The state in an object of these bytes. Raises `VerificationError` for one not of ours."""
    line, newline, note = data.partition(b"\n")
    line += newline
    if open_statement(_TITLE, note, verifier) != _said(line):
        raise VerificationError("the watch's state is not the one that was signed")
    return State.decode(line)


def recall(audit: Store, verifier: Verifier) -> Remembered:
    """The state, or else the newest version of it that is ours. Raises `StoreError`."""
    current = audit.head(NAME)
    version = current.version if current else ""
    if current is not None and current.size <= _MOST_BYTES:
        try:
            stored = audit.get(NAME)
            version = stored.version
            return Remembered(unseal(stored.data, verifier), version)
        except (NotFound, VerificationError):
            pass
    found = next(_earlier(audit, verifier), None)
    what = "is not one that this deployment's watch wrote" if current else "is gone"
    went_on = "an earlier one was taken" if found else "it begins anew"
    trouble = f"what the watch remembered {what}: {went_on}" if current or found else ""
    return Remembered(found, version, trouble)


def keep(audit: Store, state: State, version: str, signer: Signer) -> None:
    """Put over this version, "" for nothing. Raises `AlreadyExists`, `Changed`, `StoreError`."""
    if version:
        audit.replace(NAME, seal(state, signer), version=version)
    else:
        audit.put_if_absent(NAME, seal(state, signer))


def begin(audit: Store, signer: Signer) -> Remembered:
    """Put the first state, so that the key that alerts are named by stands before any alert."""
    with suppress(AlreadyExists):  # another first run, at the same time
        keep(audit, State.first(), "", signer)
    return recall(audit, signer.verifier)


def _earlier(audit: Store, verifier: Verifier) -> Iterator[State]:
    """What earlier versions hold, newest first."""
    try:
        versions = [
            entry
            for entry in audit.versions(NAME)
            if entry.name == NAME and not entry.delete_marker and entry.size <= _MOST_BYTES
        ]
        versions.sort(key=lambda entry: entry.modified, reverse=True)
        for entry in versions[:_TRIED]:
            try:
                yield unseal(audit.get(NAME, entry.version).data, verifier)
            except (NotFound, VerificationError):
                continue
    except StoreError:
        return


def _said(line: bytes) -> dict[str, str]:
    return {"name": NAME, "sha256": hashlib.sha256(line).hexdigest()}
