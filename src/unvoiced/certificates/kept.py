"""What the entries of a certificate say was made or kept, and do not say is gone. Pure.

It is part of what is verified: a certificate that something was destroyed names what was not.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from unvoiced.certificates.evidence import Entry, accounts_of
from unvoiced.certificates.subject import Kind, Subject, archived_in
from unvoiced.log.leaves import FOUND_MISSING
from unvoiced.sealing import Json


class What(StrEnum):
    """What may still be there."""

    ARCHIVED = "archived original"
    INTAKE_KEY = "intake key not retired"
    LOST_KEY = "intake key found missing"  # whoever has it, nobody here destroyed it
    FEATURES = "features"


@dataclass(frozen=True)
class Kept:
    """One thing, by its digest (or a key by its id, or "unknown"), and the entry it rests on."""

    what: What
    name: str
    entry: Entry

    def as_json(self) -> Json:
        """For a certificate."""
        return {"what": self.what.value, "name": self.name, "entry": self.entry.index}


def kept(subject: Subject, entries: Sequence[Entry]) -> list[Kept]:
    """Of a recording: its archived original, the key that opens copies of it, its features."""
    found: list[Kept] = []
    if subject.kind is Kind.SAMPLE:
        archived = accounts_of(entries).archived
        named = [(archived_in(entry), entry) for entry in entries]
        found += [Kept(What.ARCHIVED, name, entry) for name, entry in named if name in archived]
        retired = {one.leaf.digest[:32]: one for one in entries
                   if one.leaf.kind == "intake-key-retired"}  # fmt: skip
        known = {one.leaf.digest[:32]: one.leaf.digest for one in entries
                 if one.leaf.kind == "intake-key"}  # fmt: skip
        for entry in entries:
            key = entry.says("intake_key")
            if entry.leaf.kind != "accepted":
                continue
            if key not in retired:
                found.append(Kept(What.INTAKE_KEY, known.get(key, key or "unknown"), entry))
            elif retired[key].says("cause") == FOUND_MISSING:
                found.append(Kept(What.LOST_KEY, known.get(key, key), retired[key]))
    if subject.kind in {Kind.SAMPLE, Kind.ARCHIVED}:
        found += [
            Kept(What.FEATURES, name, entry) for entry in entries for name in _features(entry)
        ]
    return list({(one.what, one.name): one for one in found}.values())


def _features(entry: Entry) -> list[str]:
    listed = entry.leaf.fields.get("features")
    made = listed if isinstance(listed, list) else []
    return [str(one.get("sha256")) for one in made if isinstance(one, dict)]
