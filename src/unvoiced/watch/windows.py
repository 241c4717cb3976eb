"""Reads, added up: what one requester read for one purpose from one source in five minutes.

A window is five minutes by the clock, by the moment that the event's own log has. No I/O.
"""

import hashlib
import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from unvoiced.watch.event import AccessEvent, Origin
from unvoiced.watch.sketch import Hashes

WINDOW_SECONDS = 300
WINDOW = timedelta(seconds=WINDOW_SECONDS)
WINDOWS_PER_DAY = 86_400 // WINDOW_SECONDS


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """One requester's reads for one purpose from one source in one window."""

    origin: Origin
    requester: str
    purpose: str  # "" where the origin knows none
    source: int  # hash of it
    window: int  # number of five minutes since 1970
    count: int  # reads, the same object again included
    objects: Hashes  # empty where the origin tells addresses alone
    contributors: Hashes  # empty where the origin knows none


def window_of(moment: datetime) -> int:
    """The window that a moment is in."""
    return int(moment.timestamp()) // WINDOW_SECONDS


def start_of(window: int) -> datetime:
    """When a window begins, in UTC."""
    return datetime.fromtimestamp(window * WINDOW_SECONDS, UTC)


def keyed(salt: bytes, text: str) -> int:
    """A text as sketches hold it: 32 bits of BLAKE2b under a key."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=4, key=salt).digest(), "big")


def network(source: str) -> str:
    """Where from, as habits have it: of an IP address its /24 or /48, which outlives a lease."""
    try:
        address = ipaddress.ip_address(source)
    except ValueError:
        return source
    prefix = 24 if address.version == 4 else 48
    return str(ipaddress.ip_network((address, prefix), strict=False))


def gather(events: Iterable[AccessEvent], salt: bytes, now: datetime) -> Sequence[Reading]:
    """Add events up, in order of window and then of the other fields.

    One from the future, by a clock that is its user's to set, counts for now.
    """
    groups: dict[tuple[int, str, str, str, str], list[AccessEvent]] = {}
    for event in events:
        window = window_of(min(event.moment, now))
        key = (window, event.origin, event.requester, event.purpose, network(event.source))
        groups.setdefault(key, []).append(event)
    hashes: dict[str, int] = {}

    def hashed(texts: Iterable[str]) -> Hashes:
        for text in (distinct := set(texts)):
            if text not in hashes:
                hashes[text] = keyed(salt, text)
        return np.array(sorted(hashes[text] for text in distinct), np.uint32)

    return [
        Reading(
            Origin(origin),
            requester,
            purpose,
            keyed(salt, source),
            window,
            sum(bool(event.object) for event in of_one),
            hashed(event.object for event in of_one if event.object),
            hashed(event.contributor for event in of_one if event.contributor),
        )
        for (window, origin, requester, purpose, source), of_one in sorted(groups.items())
    ]
