"""Having archived originals restored from cold storage, without waiting for it.

All are asked for first, so that the slow ones come in parallel. A restored copy is readable beside
the original for some days; the original, its class and its lock are as they were.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from unvoiced.backfill.bench import Bench
from unvoiced.backfill.outcome import Original
from unvoiced.backfill.request import Tier
from unvoiced.errors import CredentialsExpired, NotAllowed, NotFound, StoreError

_AT_ONCE = 8  # requests to a store


@dataclass
class Asked:
    """What came of asking: originals that can be read now, and those on their way."""

    readable: list[Original] = field(default_factory=list)
    waiting: list[Original] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)  # (name, reason of `SKIPS`)
    left: list[tuple[str, str]] = field(default_factory=list)  # (name, why)


@dataclass(frozen=True)
class _Ask:
    bench: Bench
    days: int
    tier: Tier

    def __call__(self, one: Original) -> bool | StoreError:
        try:
            return self.bench.source.store.restore(
                one.name, one.version, days=self.days, tier=self.tier
            )
        except (CredentialsExpired, NotAllowed):
            raise
        except StoreError as error:
            return error


def ask_restores(bench: Bench, cold: Sequence[Original], days: int, tier: Tier) -> Asked:
    """Ask for what nobody has asked for yet. Raises `NotAllowed` where one may not."""
    asked = Asked()
    with ThreadPoolExecutor(_AT_ONCE) as several:
        for one, answer in zip(cold, several.map(_Ask(bench, days, tier), cold), strict=True):
            if isinstance(answer, NotFound):
                asked.skipped.append((one.name, "gone"))
            elif isinstance(answer, StoreError):
                asked.left.append((one.name, str(answer)))
            elif answer:
                asked.readable.append(one)
            else:
                asked.waiting.append(one)
    return asked
