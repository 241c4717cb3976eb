"""The fields of NIST SP 800-88 Rev. 2, section 4.6, as far as a log knows them.

Each row has a value and where it is from. What the log does not know is "not recorded", what has
no meaning for an object in a store is "not applicable": nothing is made up. Rows are part of what
is verified, so their wording is part of the format: to change it is to make a new one.
"""

from collections.abc import Mapping, Sequence

from unvoiced.certificates.evidence import Entry
from unvoiced.sealing import Json

STANDARD = "NIST SP 800-88 Rev. 2, section 4.6"
_NOT_IN_LOG = "not in the log"
_DEVICE = "not applicable: an object in a store; the devices under it are the store operator's"
_NOT_RECORDED = "not recorded"
_BY_ISSUER = "not recorded; what the issuer states stands under issuer, and is not proven"
_BEFORE = (
    ("manufacturer", _DEVICE),
    ("model", _DEVICE),
    ("serial number", _DEVICE),
    ("organizationally assigned media or property number", _NOT_RECORDED),
    ("media source", "not recorded: the log names no person, machine or object"),
    ("pre-sanitization confidentiality categorization", _NOT_RECORDED),
)
_BY_EVENT = (
    ("media type", "media_type"),
    ("sanitization method", "sanitization_method"),
    ("sanitization technique", "sanitization_technique"),
    ("tool used, with version", "tool"),
    ("verification method", "verification_method"),
    ("verification result", "observed"),
    ("date of sanitization and verification", "time"),
    ("sanitized and verified by (process)", "performed_by"),
)
_AFTER = (
    (
        "validation",
        "not recorded: whether the outcome is good enough for what was recorded is for the "
        "organization to decide, not for a tool",
    ),
    ("name of the person", _BY_ISSUER),
    ("position or title", _BY_ISSUER),
    ("location", _NOT_RECORDED),
    ("contact information", _NOT_RECORDED),
    ("signature", "none by a person; the log's key signed the checkpoint"),
    ("post-sanitization destination", "not applicable: the store goes on being used"),
)


def nist_fields(destroying: Sequence[Entry]) -> list[Json]:
    """The rows: field, value, source; one of each kind for every entry that destroyed something."""
    rows = [_row(field, value, _NOT_IN_LOG) for field, value in _BEFORE]
    for field, name in _BY_EVENT:
        for entry in destroying:
            value = entry.leaf.fields.get(name)
            rows.append(_row(field, as_text(value), f"entry {entry.index}, {entry.leaf.kind}"))
    rows += [_row(field, value, _NOT_IN_LOG) for field, value in _AFTER]
    return list(rows)


def as_text(value: Json) -> str:
    """A leaf's field in words."""
    if isinstance(value, dict):
        return "; ".join(f"{name}: {as_text(value[name])}" for name in sorted(value))
    if isinstance(value, list):
        return "; ".join(as_text(one) for one in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return _NOT_RECORDED if value is None else str(value)


def not_checked(destroying: Sequence[Entry], body: Mapping[str, Json] | None = None) -> list[str]:
    """All that those who destroyed say they did not check, each once."""
    lists = [entry.leaf.fields.get("not_checked") for entry in destroying]
    lists.append((body or {}).get("not_checked"))
    said = [str(one) for given in lists if isinstance(given, list) for one in given]
    return list(dict.fromkeys(said))


def _row(field: str, value: str, source: str) -> Json:
    return {"field": field, "value": value, "source": source}
