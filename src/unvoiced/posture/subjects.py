"""What checks are about."""

from collections.abc import Iterable, Iterator

from unvoiced.access.roles import Place
from unvoiced.posture.facts import Bucket
from unvoiced.posture.finding import Seen

VAULTS = tuple(place for place in Place if place.value.endswith(" vault"))


def buckets(seen: Seen) -> Iterator[tuple[str, Bucket]]:
    """Every bucket of the deployment."""
    for bucket in seen.facts.buckets:
        yield bucket.name, bucket


class BucketsWith:
    """The buckets that hold one of some places."""

    def __init__(self, *places: Place) -> None:
        self._places = places

    def __call__(self, seen: Seen) -> Iterable[tuple[str, Bucket]]:
        """These buckets, by name."""
        return [(b.name, b) for b in seen.facts.buckets if b.holds(*self._places)]
