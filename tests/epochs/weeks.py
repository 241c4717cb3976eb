"""A deployment that lives through weeks: its clock goes where a test says, and who does what."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from tests.features.recordings import encoded, tone
from tests.ingest.home import START, Clock, Home, Sent
from unvoiced.config import load_settings
from unvoiced.epochs.look import Look
from unvoiced.epochs.report import Retirements
from unvoiced.epochs.retirement import open_retirer, retire_keys
from unvoiced.epochs.rotation import Rotation, open_key_keeper, rotate_keys
from unvoiced.epochs.standing import Standing
from unvoiced.keys.intake import IntakeKey
from unvoiced.stores import open_store
from unvoiced.upload import newest_intake_key, seal_recording

FIRST, SECOND, THIRD, FOURTH = "2026-w48", "2026-w49", "2026-w50", "2026-w51"


class Calendar(Clock):
    """A clock that can be set; it stands otherwise."""

    def __init__(self) -> None:
        self.moment = START

    def __call__(self) -> datetime:
        """The time."""
        return self.moment

    def week(self, number: int) -> None:
        """Go to a week's Monday morning, counted from the first (0)."""
        self.moment = START + timedelta(days=7 * number)


def voice(nth: int) -> bytes:
    """A recording, each different from every other."""
    return encoded(tone(0.1, 16_000, 200 + 10 * nth))


@dataclass(frozen=True)
class Life:
    """A deployment and its calendar; every act opens everything anew, as a process would."""

    home: Home
    calendar: Calendar

    @classmethod
    def begin(cls, home: Home) -> "Life":
        """Of a deployment that was just made."""
        calendar = Calendar()
        return cls(Home(home.settings, calendar), calendar)

    def on(self, change: Callable[[Home], Home]) -> "Life":
        """The same life with other stores."""
        return Life(change(self.home), self.calendar)

    def rotate(self, *, further: bool = False) -> Rotation:
        """What the key keeper does each week."""
        keeper = open_key_keeper(self.home.settings, "run", self.calendar)
        return rotate_keys(keeper, further)

    def retire(self) -> Retirements:
        """What the worker does each week."""
        return retire_keys(open_retirer(self.home.settings, "run", self.calendar))

    def key(self) -> IntakeKey:
        """What a contributor seals to now."""
        invitation, log = self.home.invitation("anna"), self.home.store("log")
        return newest_intake_key(invitation, log, self.calendar())

    def send(self, nth: int, key: IntakeKey | None = None) -> Sent:
        """A contributor's recording, sealed to the newest key, or to the one given."""
        invitation, data = self.home.invitation("anna"), voice(nth)
        name, sealed = seal_recording(data, invitation, (key or self.key()).public)
        return self.home.put(name, sealed, data)

    def standings(self) -> dict[str, Standing]:
        """Where each key stands, by epoch."""
        vault = open_store(self.home.settings.vault_url("worker"))
        look = Look(self.home.settings, vault, self.calendar())
        return {one.facts.epoch.name: one for one in look.standings()}

    def through(self, week: int) -> None:
        """Rotate at the beginning of every week from the present one to this one."""
        for number in range((self.calendar.moment - START).days // 7, week + 1):
            self.calendar.week(number)
            self.rotate()

    def reloaded(self) -> "Life":
        """After the settings file was changed."""
        return Life(Home(load_settings(self.home.settings.path), self.calendar), self.calendar)

    @property
    def vault_folder(self) -> Path:
        """The worker's."""
        return self.home.settings.folder / "keys" / "worker"
