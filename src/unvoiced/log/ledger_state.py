"""The accounts as bytes, so that who trusts them need not fold the log anew. No I/O.

One spelling: the leaves of a log, up to some size, give one sequence of bytes, so that whoever
folds them can tell whether what somebody else wrote down is what they say. Read back, the accounts
go on exactly as those would that were written.

    a line of canonical JSON: counts, texts, and how many digests follow of each sort
    digests, 32 bytes each, sorted, of each sort after the other (`_SORTS`)
    of what is in quarantine: digest, and the reason's place in its list (u32, big-endian)
    of what is sealed to a key: digest, and the place of the key's id

Its size is that of the ledger: 32 bytes for most of what it holds.
"""

import re
import struct
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from unvoiced.errors import VerificationError
from unvoiced.log.leaves import Leaf, parse_leaf
from unvoiced.log.ledger import Ledger
from unvoiced.sealing import canonical

_T = TypeVar("_T")
_FORMAT = "unvoiced-ledger/1"
_COUNTS = ("size", "accepted", "disposed", "found_missing")
_KEYS = ("intake_keys", "retired_intake_keys")
_BY_KEY = (*_KEYS, "lifted")
# Of the digests of records: those that are nothing else, then approvals, then pages of the trail.
_SORTS = (
    *("backlog", "archived", "contributor_keys", "destroyed_contributor_keys", "requests"),
    *("records", "approved", "audited"),
)
_DIGEST = re.compile(r"[0-9a-f]{64}")
_DIGEST_BYTES = 32
_POINTED = struct.Struct(f">{_DIGEST_BYTES}sI")


def encode_ledger(ledger: Ledger) -> bytes:
    """All that the ledger knows."""
    sets: dict[str, set[str]] = {name: getattr(ledger, name) for name in _SORTS}
    sets["records"] = ledger.records - ledger.approved - ledger.audited
    split = {name: _split(texts) for name, texts in sets.items()}
    reasons, quarantined = _pointed(ledger.quarantined)
    key_ids, sealed_to = _pointed(ledger.sealed_to)
    head = {
        "format": _FORMAT,
        **{name: getattr(ledger, name) for name in _COUNTS},
        **{name: list(map(list, getattr(ledger, name).items())) for name in _BY_KEY},
        "digests": {name: len(digests) for name, (digests, _) in split.items()},
        "others": {name: others for name, (_, others) in split.items() if others},
        "reasons": reasons,
        "quarantined": len(ledger.quarantined),
        "key_ids": key_ids,
        "sealed_to": len(ledger.sealed_to),
    }
    binary = [bytes.fromhex("".join(split[name][0])) for name in _SORTS]
    return b"".join((canonical.dumps(head), b"\n", *binary, quarantined, sealed_to))


def decode_ledger(data: bytes, parse: Callable[[bytes], Leaf] = parse_leaf) -> Ledger:
    """The ledger, made with this `parse`.

    Raises `VerificationError` for bytes that are not of the form that `encode_ledger` writes, where
    a count is a whole number from 0 on, and a text is not a number, a list or a constant.
    """
    line, _, rest = data.partition(b"\n")
    try:
        return _decoded(canonical.loads(line), memoryview(rest), Ledger(parse))
    except (ValueError, TypeError, KeyError, IndexError, struct.error, RecursionError):
        raise VerificationError(
            "the ledger's state is not in the form this version writes"
        ) from None


def _decoded(head: Any, rest: memoryview, ledger: Ledger) -> Ledger:  # a head of any form as yet
    if head["format"] != _FORMAT:
        raise ValueError
    for name in _COUNTS:
        setattr(ledger, name, _count(head[name]))
    for name in _KEYS:
        setattr(ledger, name, _by_digest(head[name], _text))
    ledger.lifted = _by_digest(head["lifted"], _count)
    others = {name: _texts(texts) for name, texts in _object(head["others"]).items()}
    if not others.keys() <= set(_SORTS):
        raise ValueError
    for name in _SORTS:
        length = _count(head["digests"][name]) * _DIGEST_BYTES
        setattr(ledger, name, {*_digests(_taken(rest, length)), *others.get(name, ())})
        rest = rest[length:]
    ledger.records |= ledger.approved | ledger.audited
    length = _count(head["quarantined"]) * _POINTED.size
    ledger.quarantined = dict(_followed(_taken(rest, length), _texts(head["reasons"])))
    ends = length + _count(head["sealed_to"]) * _POINTED.size
    if len(rest) != ends:
        raise ValueError
    ledger.take_over(dict(_followed(rest[length:], _texts(head["key_ids"]))))
    return ledger


def _count(value: object) -> int:
    # By type, as `True` is an int to `isinstance`.
    if type(value) is not int or value < 0:
        raise TypeError
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _texts(value: object) -> list[str]:
    if not isinstance(value, list):
        raise TypeError
    return [_text(each) for each in value]


def _object(value: object) -> dict[str, Any]:  # of any form as yet
    if not isinstance(value, dict):
        raise TypeError
    return value


def _by_digest(pairs: object, read: Callable[[object], _T]) -> dict[str, _T]:
    """From pairs, each of a digest that no other has and what `read` takes."""
    if not isinstance(pairs, list) or not all(isinstance(pair, list) for pair in pairs):
        raise TypeError
    found = {_text(digest): read(value) for digest, value in pairs}
    if len(found) != len(pairs) or not all(map(_DIGEST.fullmatch, found)):
        raise ValueError
    return found


def _split(texts: Iterable[str]) -> tuple[list[str], list[str]]:
    """What is a digest, and what is some other text: a certificate's request is anyone's words."""
    digests, others = list[str](), list[str]()
    for text in sorted(texts):
        (digests if _DIGEST.fullmatch(text) else others).append(text)
    return digests, others


def _pointed(texts: Mapping[str, str]) -> tuple[list[str], bytes]:
    """The texts that digests stand with, and the digests, each with its text's place in them."""
    places = {text: place for place, text in enumerate(dict.fromkeys(texts.values()))}
    packed = (_POINTED.pack(bytes.fromhex(digest), places[text]) for digest, text in texts.items())
    return list(places), b"".join(packed)


def _followed(data: memoryview, texts: list[str]) -> Iterable[tuple[str, str]]:
    return ((digest.hex(), texts[place]) for digest, place in _POINTED.iter_unpack(data))


def _taken(data: memoryview, length: int) -> memoryview:
    if not 0 <= length <= len(data):
        raise ValueError
    return data[:length]


def _digests(data: memoryview) -> Iterable[str]:
    text = data.hex()
    width = 2 * _DIGEST_BYTES
    return (text[at : at + width] for at in range(0, len(text), width))
