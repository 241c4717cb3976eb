"""Five simulated years: what is due goes on its day, nothing else does, and the count holds."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import Any

import pytest

from tests.ingest.home import START, Home
from tests.retention.calendar_home import (
    calendar,
    create,
    eraser,
    on_calendar,
    recording,
    with_retention,
)
from tests.retention.standing_model import Model, Thing
from unvoiced.disposal import LegalHold, LegalHolds
from unvoiced.keys.contributor import key_object_name
from unvoiced.log.verify import verify_log
from unvoiced.retention.keep import keep_rules

YEARS = 5 * 365 + 2
PEOPLE = ("anna", "bruno", "carla", "dario", "elena", "fabio", "gina", "hugo")
ARCHIVED = ("anna", "carla", "gina")
SETTINGS: dict[str, dict[str, Any]] = {
    "plain": {
        "raw_days": 20,
        "quarantine_days": 45,
        "archive_days": 300,
        "features_days": 700,
        "inactive_days": 500,
        "audit_days": 120,
        "purpose_satisfied": (START + timedelta(days=YEARS - 100)).date().isoformat(),
    },
    "defaults": {},
    "bipa": {"preset": "bipa"},
    "gdpr-minimal": {"preset": "gdpr-minimal"},
}


@dataclass
class World:
    """The people, the deployment, and the model of it."""

    home: Home
    model: Model
    random: Random
    sent: int = 0

    def send(self, who: str) -> None:
        """Somebody uploads something, one in six of them no recording."""
        self.sent += 1
        voice = self.random.random() > 1 / 6
        sent = self.home.send(who, recording(self.sent) if voice else b"rubbish %d" % self.sent)
        now, archives = self.home.clock(), self.home.settings.disposal.archives(sent.name)
        self.model.things.append(Thing(sent.name, voice, archives, now))

    def ingest(self) -> None:
        """A run, where there is anything to do."""
        if any(thing.raw and not thing.quarantined for thing in self.model.things):
            report = self.home.run()
            assert report.left == {}
            self.model.ingest(self.home.clock())

    def read_features(self) -> None:
        """Somebody trains, and leaves a record of it."""
        now = self.home.clock()
        bits = self.random.getrandbits
        name = f"reads/{now:%Y-%m-%d}/{bits(64):016x}/{bits(64):016x}.json"
        self.home.store("audit").put_if_absent(name, b"{}\n")
        self.model.audit[name] = now.date()

    def hold(self, whose: str, *, place: bool) -> None:
        """A legal hold comes, or goes."""
        holds = LegalHolds(self.home.store("journal"))
        if place:
            holds.place(LegalHold(whose, "a lawsuit", f"{self.home.clock():%F}"))
            self.model.held.add(whose)
        else:
            holds.lift(whose)
            self.model.held.remove(whose)

    def check(self) -> None:
        """What stands is what should."""
        model, training = self.model, self.home.store("training")
        features = {name.split("/", 2)[2] for name in self._names("training", "features/")}
        assert self._names("raw") == {one.name for one in model.things if one.raw}
        assert features == {one.name for one in model.things if one.features}
        assert {one.name for one in training.versions("keys/")} == {
            key_object_name(whose) for whose in model.keys
        }
        assert self._names("archive") == {one.name for one in model.things if one.archived}
        assert self._names("audit") == set(model.audit)

    def count(self) -> None:
        """INV-5 every recording that was accepted is found, or has its receipt."""
        status = self.home.status()
        assert status.adds_up, status
        there = [one for one in self.model.things if one.raw]
        assert status.raw_objects == len(there)
        assert status.quarantined == sum(bool(one.quarantined) for one in there)

    def _names(self, store: Any, prefix: str = "") -> set[str]:
        return {entry.name for entry in self.home.store(store).versions(prefix)}


def diary(random: Random, people: tuple[str, ...]) -> dict[int, list[Callable[[World], None]]]:
    """What happens on which day: people come, stay a while and go, some come back."""
    days: dict[int, list[Callable[[World], None]]] = {}

    def on(day: int, what: Callable[[World], None]) -> None:
        days.setdefault(day, []).append(what)

    for who in people:
        for _ in range(random.randint(1, 2)):
            day = random.randint(0, 1300)
            for _ in range(random.randint(1, 4)):
                on(day, lambda world, who=who: world.send(who))  # type: ignore[misc]
                day += random.randint(3, 120)
    for day in range(0, YEARS, 40):
        on(day + random.randint(0, 39), World.read_features)
    return days


def simulate(base: Home, setting: str, *, versioned: bool, step: int, seed: int) -> World:
    """Live through five years, with retention every `step` days."""
    random = Random(seed)  # noqa: S311 - a diary is no secret
    home = on_calendar(base, versioned=versioned)
    whose = {who: home.invitation(who).pseudonym for who in PEOPLE}
    chosen = tuple(whose[who] for who in ARCHIVED)
    home = with_retention(home, archive=chosen, **SETTINGS[setting])
    world = World(home, Model(home.settings.retention), random)
    happens = diary(random, PEOPLE)
    holds = {350: "bruno", 500: "anna", 1100: "carla"}
    lifted = {700: "bruno", 1500: "anna", 1750: "carla"}
    rests = range(600, 660)  # ingest does not run: recordings wait too long
    for day in range(YEARS):
        calendar(home).on(days=day)
        for what in happens.get(day, ()):
            what(world)
        for when, place in ((holds, True), (lifted, False)):
            if day in when:
                world.hold(whose[when[day]], place=place)
        if day in (900, 930):
            world.hold("everything", place=day == 900)
        if day % 3 == 0 and day not in rests:
            world.ingest()
        if day % step == 0:
            report = keep_rules(eraser(home))
            world.model.retain(home.clock())
            assert report.left == 0, report
            world.check()
        world.count()
    return world


def finished(world: World) -> None:
    """The log tells the whole story, and nothing of it is left in the journal."""
    home = world.home
    verified = verify_log(home.store("log"), home.verifier)
    assert verified.ledger.accepted == world.sent
    standing = [one for one in world.model.things if one.raw]
    assert verified.ledger.disposed == world.sent - len(standing)
    archived = sum(bool(one.archived) for one in world.model.things)
    assert len(verified.ledger.archived) == archived
    assert len(verified.ledger.contributor_keys) == len(world.model.keys)
    left = {entry.name for entry in home.store("journal").versions()}
    assert len(left) == sum(bool(one.quarantined) for one in standing)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A deployment on disk; each simulation has it in memory."""
    return create(tmp_path_factory.mktemp("five-years") / "home")


@pytest.mark.slow
@pytest.mark.inv("INV-5")
def test_five_years_week_by_week(base: Home) -> None:
    """What should stand stands, every week; the count holds every day."""
    world = simulate(base, "plain", versioned=True, step=7, seed=1)
    causes = {leaf.fields["cause"] for leaf in world.home.leaves("disposed")}
    assert causes == {
        "features stored",
        "features stored, original archived",
        "retention: never ingested",
        "retention: quarantined",
    }
    swept = {leaf.fields["rule"] for leaf in world.home.leaves("swept")}
    assert swept == {"inactive_days", "features_days", "audit_days", "purpose_satisfied"}
    assert world.home.leaves("archive-destroyed")
    finished(world)


@pytest.mark.slow
@pytest.mark.inv("INV-5")
@pytest.mark.parametrize("versioned", [True, False], ids=["versioned", "unversioned"])
@pytest.mark.parametrize("setting", SETTINGS)
def test_five_years_day_by_day(base: Home, setting: str, versioned: bool) -> None:
    """Whatever the settings: what is due goes on its very day, and nothing else ever does."""
    finished(simulate(base, setting, versioned=versioned, step=1, seed=2))
