"""What a certificate is about: which leaves of the log belong to it, and when there can be one.

All of it is pure, and the same whether a certificate is made or verified: of the entries that a log
holds, or of those that a certificate brings, `belong` picks the ones about the subject, and
`refuse` says why they do not show that it is gone.

INV-4 there is no certificate without the leaf that says that absence was observed.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import rfc8785

from unvoiced import names
from unvoiced.certificates.evidence import Entry, accounts_of
from unvoiced.errors import InputError, NotDisposed
from unvoiced.log.leaves import FOUND_MISSING
from unvoiced.sealing import Json

BODY_FORMAT = "unvoiced-erasure/1"
_TEXT = re.compile(r".*\S.*", re.DOTALL)
_DIGEST = re.compile(r"[0-9a-f]{64}")
_EPOCH = re.compile(r"[0-9]{4}-w[0-9]{2}(-[2-9])?")
_OF_RECORDING = frozenset({"accepted", "quarantined", "released", "disposed", "extracted"})
INTENDED = "intended"  # `deletion` of a key that was gone, and that a signed note said would be


class Kind(StrEnum):
    """What can have a certificate."""

    SAMPLE = "sample"
    EPOCH = "epoch"
    CONTRIBUTOR = "contributor"
    ARCHIVED = "archived"


@dataclass(frozen=True)
class Subject:
    """A sealed recording or an archived original by its digest, an epoch by its name, or a
    contributor by the digest of the body of their erasure, which comes along.

    Raises `InputError` for what is none of these.
    """

    kind: Kind
    name: str
    body: Mapping[str, Json] | None = field(default=None)

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        pattern, rule = (_DIGEST, "64 digits of SHA-256")
        if self.kind is Kind.EPOCH:
            pattern, rule = (_EPOCH, "an epoch, as 2026-w47")
        if not pattern.fullmatch(self.name):
            raise InputError(f"{self.name[:80]!r} is not {rule}")
        if (self.kind is Kind.CONTRIBUTOR) != (self.body is not None):
            raise InputError("the body of an erasure goes with a contributor's certificate")
        if self.body is not None:
            _check_body(self.body)
            if body_digest(self.body) != self.name:
                raise InputError("the body is not the one that the certificate names")

    @classmethod
    def of_body(cls, body: Mapping[str, Json]) -> "Subject":
        """The contributor whose erasure this is the body of."""
        return cls(Kind.CONTRIBUTOR, body_digest(body), body)

    def look_for(self, found: Sequence[Entry]) -> set[bytes]:
        """Texts that leaves about the subject have in them, given the entries found so far."""
        if self.kind is Kind.EPOCH:
            digests = {entry.leaf.digest for entry in found}
        else:
            digests = {self.name, *self._keys()}
        for entry in found:
            if self.kind is Kind.ARCHIVED and archived_in(entry) == self.name:
                digests.add(entry.leaf.digest)
            elif self.kind is Kind.SAMPLE:
                digests |= {archived_in(entry), entry.says("intake_key")} - {""}
        texts = {f'"sha256":"{digest}' for digest in digests}
        if self.kind is Kind.EPOCH:
            texts.add(f'"epoch":"{self.name}"')
        return {text.encode() for text in texts}

    def belong(self, entries: Iterable[Entry]) -> list[Entry]:
        """Those of these entries that are about the subject, in their order."""
        entries = list(entries)
        match self.kind:
            case Kind.SAMPLE:
                sources, archived = {self.name}, set[str]()
            case Kind.ARCHIVED:
                sources = {one.leaf.digest for one in entries if archived_in(one) == self.name}
                archived = {self.name}
            case _:
                return [entry for entry in entries if self._is_of_keys(entry, entries)]
        own = [one for one in entries if one.leaf.digest in sources]
        own = [one for one in own if one.leaf.kind in _OF_RECORDING]
        key_ids: set[str] = set()
        if self.kind is Kind.SAMPLE:
            archived = {name for one in own if (name := archived_in(one))}
            key_ids = {one.says("intake_key") for one in own} - {""}
        indexes = {one.index for one in own}
        for entry in entries:
            kind, digest = entry.leaf.kind, entry.leaf.digest
            if (kind in {"intake-key", "intake-key-retired"} and digest[:32] in key_ids) or (
                kind in {"extracted", "archive-destroyed"} and digest in archived
            ):
                indexes.add(entry.index)
        return [entry for entry in entries if entry.index in indexes]

    def destroying(self, entries: Sequence[Entry]) -> list[Entry]:
        """Those of the subject's entries that say that something was destroyed."""
        gone = {"disposed", "intake-key-retired", "archive-destroyed"}
        gone |= {"contributor-key-destroyed", "erased"}
        if self.kind is Kind.ARCHIVED:
            gone = {"archive-destroyed"}
        return [entry for entry in entries if entry.leaf.kind in gone]

    def refuse(self, entries: Sequence[Entry]) -> None:
        """Raises `NotDisposed` where the subject's entries do not show that it is gone."""
        if not entries:
            raise NotDisposed(f"the log says nothing about {self.name}: {_NOTHING[self.kind]}")
        accounts = accounts_of(entries)
        match self.kind:
            case Kind.SAMPLE:
                self._refuse_sample(entries)
            case Kind.ARCHIVED if self.name in accounts.archived:
                raise NotDisposed(f"{self.name}: the archived original is still kept")
            case Kind.EPOCH if accounts.intake_keys:
                raise NotDisposed(
                    f"{self.name}: the epoch's private key is not retired. It is kept until its "
                    "grace time is over and every recording sealed to it is settled"
                )
            case Kind.EPOCH:
                for entry in entries:
                    _refuse_missing(self.name, entry)
            case Kind.CONTRIBUTOR:
                self._refuse_contributor(entries)

    def _refuse_sample(self, entries: Sequence[Entry]) -> None:
        own = [one for one in entries if one.leaf.digest == self.name]
        last = [one for one in own if one.leaf.kind != "extracted"][-1]
        if last.leaf.kind in {"accepted", "released"}:
            raise NotDisposed(
                f"{self.name}: accepted on {last.says('time')} (entry {last.index}) and not "
                "disposed of since"
            )
        if last.leaf.kind == "quarantined":
            raise NotDisposed(
                f"{self.name}: in quarantine since {last.says('time')} (entry {last.index}, "
                f"{last.says('reason')}); it lies sealed where it was"
            )
        _refuse_missing(self.name, last)

    def _refuse_contributor(self, entries: Sequence[Entry]) -> None:
        if not any(entry.leaf.kind == "erased" for entry in entries):
            raise NotDisposed("the log does not say that the erasure with this body was completed")
        accounts = accounts_of(entries)
        missing = set(self._keys()) - accounts.destroyed_contributor_keys
        if missing:
            raise NotDisposed(
                f"the log does not say that the key object {min(missing)} was destroyed"
            )

    def _is_of_keys(self, entry: Entry, entries: Sequence[Entry]) -> bool:
        kind, digest = entry.leaf.kind, entry.leaf.digest
        if self.kind is Kind.EPOCH:
            return kind in {"intake-key", "intake-key-retired"} and any(
                one.leaf.kind == "intake-key"
                and one.says("epoch") == self.name
                and one.leaf.digest == digest
                for one in entries
            )
        if kind == "erased":
            return digest == self.name
        return kind in {"contributor-key", "contributor-key-destroyed"} and digest in self._keys()

    def _keys(self) -> list[str]:
        keys = self.body["key_objects"] if self.body is not None else []
        return [str(key) for key in keys] if isinstance(keys, list) else []


_NOTHING = {
    Kind.SAMPLE: "it was not accepted, or not yet",
    Kind.EPOCH: "no intake key of that epoch was announced",
    Kind.CONTRIBUTOR: "no erasure with this body is completed",
    Kind.ARCHIVED: "nothing with this digest was archived",
}


def body_digest(body: Mapping[str, Json]) -> str:
    """What an `erased` leaf names the body by: SHA-256 (hex) of its canonical JSON (RFC 8785)."""
    return hashlib.sha256(rfc8785.dumps(dict(body))).hexdigest()


def _refuse_missing(name: str, entry: Entry) -> None:
    if entry.says("cause") == FOUND_MISSING:
        raise NotDisposed(
            f"{name}: found missing (entry {entry.index}). Nobody here destroyed it, and a "
            "certificate would say so"
        )


def _check_body(body: Mapping[str, Json]) -> None:
    """Raises `InputError` for what is not the body of a completed erasure."""
    observed, not_checked = body.get("observed"), body.get("not_checked")
    keys, pending = body.get("key_objects"), body.get("pending")
    if body.get("format") != BODY_FORMAT:
        raise InputError(f"the body is not of the format {BODY_FORMAT}")
    names.pseudonym(str(body.get("pseudonym")))
    if not isinstance(observed, dict) or not observed or not all(map(_none, observed.values())):
        raise InputError("the body does not say that nothing was left")
    if not _texts(not_checked):
        raise InputError("the body does not say what was not checked")
    if not _texts(keys, _DIGEST, least=0):
        raise InputError("the body does not name the contributor's key objects by their digests")
    if not _texts(pending, least=0) or not isinstance(body.get("destroyed"), dict):
        raise InputError("the body does not say what was destroyed and what is pending")


def _none(value: Json) -> bool:
    return value is False or (type(value) is int and value == 0)


def _texts(value: Json, pattern: re.Pattern[str] = _TEXT, least: int = 1) -> bool:
    return (
        isinstance(value, list)
        and len(value) >= least
        and all(isinstance(one, str) and pattern.fullmatch(one) for one in value)
    )


def archived_in(entry: Entry) -> str:
    """The digest of the archived copy that a `disposed` leaf names, if it names one."""
    archived = entry.leaf.fields.get("archived")
    if entry.leaf.kind != "disposed" or not isinstance(archived, dict):
        return ""
    return str(archived.get("sha256", ""))
