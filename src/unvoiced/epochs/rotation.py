"""Rotation: the present epoch has a key, and so has the coming one, ahead of time.

What counts as a key is one that the log knows, that is announced, and that stands in the worker's
vault. Whoever rotates may wrap secrets and not unwrap them, so what a crash left half-made cannot
be finished: a further key is made for the same week. The abandoned one was never announced, so
nothing is sealed to it, and it is retired like any other (`epochs.retirement`).
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from unvoiced.announcements import announced_keys, announcement_name, create_intake_key
from unvoiced.clock import utc_now
from unvoiced.config import Settings
from unvoiced.errors import AlreadyExists, InputError
from unvoiced.keys.intake import MOST_IN_A_WEEK, Epoch, IntakeKey, intake_digest
from unvoiced.keys.vault import Vault
from unvoiced.log.ledger import Ledger
from unvoiced.log.note import Signer, Verifier

# How long another rotation may take from a key in the vault to its announcement.
_LOOKS, _PAUSE = 10, 0.2


@dataclass(frozen=True)
class KeyKeeper:
    """What who rotates holds: the vault to put keys into, and the log's signature."""

    settings: Settings
    vault: Vault
    signer: Signer
    now: Callable[[], datetime]
    wait: Callable[[float], None] = time.sleep


def open_key_keeper(
    settings: Settings, run_id: str, now: Callable[[], datetime] = utc_now
) -> KeyKeeper:
    """Open what `unvoiced.toml` names. Raises `AccessError` or `StoreError`."""
    vault = settings.vault("worker")
    settings.store("log").check_conditions()
    return KeyKeeper(settings, vault, settings.signer(vault), now)


@dataclass(frozen=True)
class Week:
    """The keys of one week: which are whole, and which names are taken by whatever else."""

    usable: tuple[Epoch, ...]
    lost: tuple[Epoch, ...]  # announced, and not in the vault
    taken: frozenset[Epoch]

    def free(self, first: Epoch) -> Epoch:
        """The next name for a key of this week. Raises `InputError` when all are used up."""
        highest = max((epoch.number for epoch in self.taken), default=0)
        if highest == MOST_IN_A_WEEK:
            raise InputError(f"{first.name}: no week has more than {MOST_IN_A_WEEK} intake keys")
        return Epoch(first.year, first.week, highest + 1)


@dataclass
class Rotation:
    """What a rotation did: names of epochs."""

    made: list[str] = field(default_factory=list)
    there: list[str] = field(default_factory=list)  # of those asked for, the ones that had a key
    lost: list[str] = field(default_factory=list)  # announced, and not in the worker's vault


def rotate_keys(keeper: KeyKeeper, further: bool = False) -> Rotation:
    """Make the keys that are missing; with `further`, another one for either week as well.

    For the coming one, too: its key was made ahead of time and stands in the same vault, so who
    took the present one has it.

    Raises `AccessError`, `StoreError`, and `InputError` when a week has no name left.
    """
    result = Rotation()
    present = Epoch.of(keeper.now())
    for first in (present, present.first_of_next_week):
        week = look(keeper, first)
        result.lost += [epoch.name for epoch in week.lost]
        if week.usable and not further:
            result.there.append(max(week.usable).name)
        else:
            _make(keeper, first, week, result, anew=further)
    return result


def look(keeper: KeyKeeper, first: Epoch) -> Week:
    """The keys of a week as they stand in log and vault."""
    settings = keeper.settings
    log, reader = settings.store("log"), settings.log_reader()
    ledger = Ledger()
    ledger.follow(reader.entries, reader.checkpoint().size)
    known = {*ledger.intake_keys.values(), *ledger.retired_intake_keys.values()}
    listed = {entry.name.removeprefix(announcement_name("")) for entry in
              log.list(announcement_name(""))}  # fmt: skip
    held = set(keeper.vault.names("intake"))
    genuine = [
        intake.when
        for intake, _ in announced_keys(log, Verifier.parse(settings.log_vkey))
        if intake_digest(intake.public) in ledger.intake_keys
    ]
    return Week(
        usable=tuple(one for one in genuine if _same(one, first) and one.name in held),
        lost=tuple(one for one in genuine if _same(one, first) and one.name not in held),
        taken=frozenset(
            epoch
            for name in known | listed | held
            if (epoch := Epoch.named(name)) is not None and _same(epoch, first)
        ),
    )


def _make(keeper: KeyKeeper, first: Epoch, week: Week, result: Rotation, *, anew: bool) -> None:
    if not anew and week.taken:
        # A key that is not announced is another rotation's, in the making, or was abandoned.
        week = _awaited(keeper, first, week)
    while anew or not week.usable:
        try:
            result.made.append(_create(keeper, week.free(first)).epoch)
        except AlreadyExists:  # another rotation was faster
            week = look(keeper, first)
            if not anew:
                week = _awaited(keeper, first, week)
        else:
            return
    result.there.append(max(week.usable).name)


def _awaited(keeper: KeyKeeper, first: Epoch, week: Week) -> Week:
    for _ in range(_LOOKS):
        if week.usable or not week.taken - set(week.lost):
            break
        keeper.wait(_PAUSE)
        week = look(keeper, first)
    return week


def _create(keeper: KeyKeeper, epoch: Epoch) -> IntakeKey:
    return create_intake_key(keeper.settings, keeper.vault, keeper.now(), keeper.signer, epoch)


def _same(one: Epoch, other: Epoch) -> bool:
    return (one.year, one.week) == (other.year, other.week)
