"""The certificate as a file: JSON of which all but the issuer's own words is proven or refused.

A certificate is derived: from statements of the log, their proofs and a signed checkpoint (and the
body of an erasure, which the log names by its digest) follows everything else in the file. Who
verifies derives it anew, and compares. What the issuer adds stands in a section of its own.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import NoReturn

import rfc8785

from unvoiced.certificates.evidence import Entry, Evidence, Statement
from unvoiced.certificates.fields import nist_fields, not_checked
from unvoiced.certificates.kept import Kept, kept
from unvoiced.certificates.subject import Kind, Subject
from unvoiced.errors import InputError, NotDisposed, VerificationError
from unvoiced.log.note import Checkpoint, Verifier
from unvoiced.sealing import Json

FORMAT = "unvoiced-certificate/1"
MAX_BYTES = 8 << 20
_PARTS = {
    *("format", "subject", "log", "fields", "kept", "not_checked"),
    *("body", "statements", "checkpoint", "issuer"),
}
_ISSUED = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")
_MOST_CHARACTERS = 200


@dataclass(frozen=True)
class Issuer:
    """What the issuer says of themselves; empty where they say nothing. No log proves any of it.

    Raises `InputError`.
    """

    issued: str  # RFC 3339, UTC
    organization: str = ""
    person: str = ""
    title: str = ""

    def __post_init__(self) -> None:
        """Refuse what does not fit on a line."""
        for name, value in asdict(self).items():
            if not isinstance(value, str) or len(value) > _MOST_CHARACTERS:
                raise InputError(f"{name} is a text of {_MOST_CHARACTERS} characters at most")
            if not all(character.isprintable() for character in value):
                raise InputError(f"{name} has a character that is not to be seen")
        if not _ISSUED.fullmatch(self.issued):
            raise InputError("the time of issue is not a time in UTC")


@dataclass(frozen=True)
class Certificate:
    """A certificate that holds: what is proven, under which checkpoint, and who issued it."""

    subject: Subject
    checkpoint: Checkpoint
    verifier: Verifier
    entries: tuple[Entry, ...]
    evidence: Evidence
    issuer: Issuer

    @property
    def destroying(self) -> list[Entry]:
        """The entries that say that something was destroyed."""
        return self.subject.destroying(self.entries)

    @property
    def kept(self) -> list[Kept]:
        """What these entries say was made or kept, and do not say is gone."""
        return kept(self.subject, self.entries)

    @property
    def not_checked(self) -> list[str]:
        """What those who destroyed say they did not check."""
        return not_checked(self.destroying, self.subject.body)

    @classmethod
    def of(
        cls, subject: Subject, evidence: Evidence, issuer: Issuer, verifier: Verifier
    ) -> "Certificate":
        """Raises `VerificationError` where a proof does not hold, `NotDisposed` where what is
        proven does not show that the subject is gone.
        """
        checkpoint, entries = evidence.prove(verifier)
        if subject.belong(entries) != list(entries):
            raise VerificationError("there are statements about something else than the subject")
        subject.refuse(entries)
        return cls(subject, checkpoint, verifier, entries, evidence, issuer)

    def document(self) -> dict[str, Json]:
        """All of the file."""
        body = None if self.subject.body is None else dict(self.subject.body)
        return {
            "format": FORMAT,
            "subject": {"kind": self.subject.kind.value, "name": self.subject.name},
            "log": {
                "name": self.verifier.name,
                "key": self.verifier.vkey,
                "entries": self.checkpoint.size,
                "root": self.checkpoint.root.hex(),
            },
            "fields": nist_fields(self.destroying),
            "kept": [one.as_json() for one in self.kept],
            "not_checked": list(self.not_checked),
            "body": body,
            "statements": [each.as_json() for each in self.evidence.statements],
            "checkpoint": self.evidence.checkpoint.decode(),
            "issuer": asdict(self.issuer),
        }

    def encode(self) -> bytes:
        """The file. White space and the order of names in it do not matter."""
        return (json.dumps(self.document(), indent=1, ensure_ascii=False) + "\n").encode()


def verify_certificate(data: bytes, verifier: Verifier) -> Certificate:
    """The certificate in a file. Raises `VerificationError`; nothing of it may be believed then.

    (1) Read strictly: bounded, each name once, nothing but what the format has.
    (2) Prove its statements (`Evidence.prove`), with a key that is from elsewhere.
    (3) Pick the statements about its subject: stops evidence about another recording.
    (4) They show that the subject is gone, by the leaf that says it was observed (INV-4).
    (5) Derive the whole file anew and compare: stops every word that the evidence does not bear.

    What the issuer says of themselves is read, and stays unproven. The caller must say so.
    """
    given = _parse(data)  # (1)
    try:
        certificate = Certificate.of(*_inputs(given), verifier)  # (2), (3), (4)
        same = rfc8785.dumps(certificate.document()) == rfc8785.dumps(given)  # (5)
    except (InputError, NotDisposed) as error:
        raise VerificationError(f"the certificate does not hold: {error}") from None
    except (ValueError, RecursionError):
        raise VerificationError("the certificate has a value that the format does not") from None
    if not same:
        raise VerificationError("the certificate says something that its evidence does not bear")
    return certificate


def _parse(data: bytes) -> dict[str, Json]:
    if len(data) > MAX_BYTES:
        raise VerificationError(f"the certificate is larger than {MAX_BYTES} bytes")
    try:
        given = json.loads(
            data.decode(),
            object_pairs_hook=_each_once,
            parse_constant=_refuse,
            parse_float=_refuse,
        )
    except (ValueError, RecursionError):
        raise VerificationError("the certificate is not JSON as the format writes it") from None
    if not isinstance(given, dict) or given.get("format") != FORMAT or given.keys() != _PARTS:
        raise VerificationError(f"the certificate is not of the format {FORMAT}")
    return given


def _inputs(given: Mapping[str, Json]) -> tuple[Subject, Evidence, Issuer]:
    subject, issuer, body = given["subject"], given["issuer"], given["body"]
    statements, checkpoint = given["statements"], given["checkpoint"]
    if not isinstance(subject, dict) or not isinstance(issuer, dict):
        raise VerificationError("the certificate's subject or issuer is of another type")
    if not isinstance(statements, list) or not isinstance(checkpoint, str):
        raise VerificationError("the certificate's statements or checkpoint are of another type")
    if body is not None and not isinstance(body, dict):
        raise VerificationError("the certificate's body is of another type")
    if subject.keys() != {"kind", "name"} or subject["kind"] not in list(Kind):
        raise VerificationError("the certificate's subject is of no known kind")
    if issuer.keys() != Issuer.__dataclass_fields__.keys():
        raise VerificationError("the certificate's issuer has other fields than the format")
    return (
        Subject(Kind(str(subject["kind"])), str(subject["name"]), body),
        Evidence(tuple(Statement.from_json(one) for one in statements), checkpoint.encode()),
        Issuer(**issuer),  # type: ignore[arg-type]  # checked where it is made
    )


def _each_once(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError
    return found


def _refuse(_text: str) -> NoReturn:
    raise ValueError
