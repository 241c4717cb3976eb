"""Where each intake key stands, and what holds its retirement back. Pure: facts in, verdict out.

A key may be retired when all of this holds, and is kept when any of it is in doubt:

    (a) a later epoch has begun, and its key is announced: nobody seals to this one any more
    (b) `[retention] intake_grace_days` have passed since
    (c) no recording sealed to it is in the backlog, the journal, an intent or quarantine
    (d) no object of the raw store is sealed to it, in any version, accepted or not
    (e) every recording that is not settled is known to be sealed to another key, or to none
    (f) no legal hold is on everything

The same holds for a key that stands in the vault though the log calls it retired: a backup was
restored, or who signs for the log said what is not so. Nothing that is needed goes on a leaf alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from unvoiced.keys.intake import Epoch

_NOT_OVER = "no later epoch has begun whose key is announced"


class State(StrEnum):
    """Where a key stands."""

    COMING = "coming"  # its week has not begun; it may be announced already
    OPEN = "open"  # the newest that has begun and is announced: contributors seal to it
    CLOSED = "closed"  # a later one took over, or it never was announced
    DESTROYED = "destroyed"  # on purpose; the leaf that says so is not logged yet
    LOST = "lost"  # not in the vault, and nobody meant to destroy it
    RETIRED = "retired"
    RESTORED = "retired, and in the vault"  # by the log and by the vault's listing


@dataclass(frozen=True)
class KeyFacts:
    """One intake key, as log, vault and journal know it."""

    epoch: Epoch
    digest: str
    logged: datetime
    announced: bool
    in_vault: bool
    meant: bool  # a signed intention to destroy it stands
    retired: bool
    unsettled: int  # recordings sealed to it that are in the backlog or in quarantine


@dataclass(frozen=True)
class RawFacts:
    """What the raw store holds, as far as it concerns intake keys."""

    waiting: dict[str, int]  # first 32 digits of a key's digest -> objects sealed to it
    unread: int  # objects whose header could not be read
    unplaced: int  # unsettled recordings that no header seen, and no leaf, gives a key for


@dataclass(frozen=True)
class Standing:
    """The verdict on one key."""

    facts: KeyFacts
    state: State
    holds: tuple[str, ...]  # why it may not be retired; empty: it may

    @property
    def may_be_retired(self) -> bool:
        """Whether nothing holds it back."""
        return not self.holds and self.state is not State.RETIRED


def has_key_of_week(standings: Sequence[Standing], now: datetime) -> bool:
    """Whether there is a key to seal to of the week that has begun."""
    return any(
        one.state is State.OPEN and one.facts.epoch.begins == Epoch.of(now).begins
        for one in standings
    )


def holding_back(one: Standing, now: datetime, grace: timedelta) -> list[str]:
    """Why a key may not be retired; of one whose week is not over, with the days as they will be.

    That is if the next week's key is announced in time: until then the old one stays in use.
    """
    facts, others = one.facts, [why for why in one.holds if why != _NOT_OVER]
    if one.state not in {State.OPEN, State.COMING}:
        return list(one.holds)
    begins, ends = facts.epoch.begins, facts.epoch.first_of_next_week.begins
    if ends <= now:
        return [f"in use until a newer key is announced; may be retired {grace.days} days after",
                *others]  # fmt: skip
    since = f"from {begins:%Y-%m-%d} " if begins > now else ""
    return [f"in use {since}until {ends:%Y-%m-%d}; may be retired from {ends + grace:%Y-%m-%d}",
            *others]  # fmt: skip


def took_over(key: KeyFacts, keys: Sequence[KeyFacts], now: datetime) -> datetime | None:
    """Since when contributors seal to a later epoch's key; None where they do not."""
    since = [
        max(other.epoch.begins, other.logged)
        for other in keys
        if other.announced and other.epoch > key.epoch and other.epoch.begins <= now
    ]
    return min(since, default=None)


def judge(
    key: KeyFacts,
    keys: Sequence[KeyFacts],
    raw: RawFacts | None,
    now: datetime,
    grace: timedelta,
    *,
    everything_is_held: bool = False,
) -> Standing:
    """Where a key stands among all; without `raw`, what the raw store holds is not looked at."""
    since = took_over(key, keys, now)
    if key.retired and not key.in_vault:
        return Standing(key, State.RETIRED, ())
    holds: list[str] = []
    if since is None:
        holds.append(_NOT_OVER)
    elif now < since + grace:
        holds.append(f"until {since + grace:%Y-%m-%d %H:%M} UTC: {grace.days} days after the next "
                     "epoch's key took over")  # fmt: skip
    if key.unsettled:
        holds.append(f"{key.unsettled:,} recordings sealed to it are in the backlog or quarantine")
    if raw is not None:
        if waiting := raw.waiting.get(key.digest[:32], 0):
            holds.append(f"{waiting:,} objects of the raw store are sealed to it")
        if raw.unread:
            holds.append(f"{raw.unread:,} objects of the raw store could not be read")
        if raw.unplaced:
            holds.append(f"{raw.unplaced:,} recordings are not settled, and it is not known to "
                         "which key they are sealed")  # fmt: skip
    if everything_is_held:
        holds.append("a legal hold is on everything")
    return Standing(key, _state(key, since, now), tuple(holds))


def _state(key: KeyFacts, since: datetime | None, now: datetime) -> State:
    if key.retired:
        return State.RESTORED
    if not key.in_vault:
        return State.DESTROYED if key.meant else State.LOST
    if key.epoch.begins > now:
        return State.COMING
    return State.OPEN if since is None and key.announced else State.CLOSED
