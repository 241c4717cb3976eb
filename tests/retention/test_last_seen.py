"""When contributors were last seen, found by going through listings side by side."""

import random
from datetime import UTC, datetime, timedelta

from unvoiced.retention.inactivity import LastSeen, last_seen
from unvoiced.stores import Entry

START = datetime(2026, 11, 23, tzinfo=UTC)
WHO = ["a" * 26, "b" * 26, "2" * 26]


def entry(name: str, days: int, *, marker: bool = False) -> Entry:
    """One version, put so many days after the start."""
    return Entry(name, f"v{days}", 1, START + timedelta(days=days), marker)


def test_side_by_side_is_as_one_after_the_other() -> None:
    """For any listings, contributor by contributor gives what all listings taken in whole give."""
    choose = random.Random(6)  # noqa: S311  (no secret)
    for _ in range(300):
        folders = {
            "raw": [""],
            "archive": [""],
            "training": ["keys/", "features/x-00000000/", "features/y-00000000/"],
        }
        places = []
        for store, prefixes in folders.items():
            for prefix in prefixes:
                leaves = [".unv"] if prefix == "keys/" else ["/s-1.unv", "/s-2.unv"]
                whose = [*WHO, "foreign", "foreign-2"]
                names = {
                    f"{prefix}{choose.choice(whose)}{choose.choice(leaves)}"
                    for _ in range(choose.randrange(5))
                }
                listed = [
                    entry(name, choose.randrange(1000), marker=not choose.randrange(6))
                    for name in sorted(names)
                    for _ in range(choose.randrange(1, 3))
                ]
                places.append((store, listed))
        whole = LastSeen()
        for store, listed in places:
            whole.take(store, listed)
        found = list(last_seen(places))
        assert dict(found) == whole.all()
        assert [whose for whose, _ in found] == sorted(dict(found))
