"""A contributor's key stays while anything is there, or comes, that only it opens."""

import pytest

from tests.ingest.dying import Died, dies
from tests.ingest.home import Home, Sent
from tests.ingest.hooked_store import HookedStore, once
from tests.retention.calendar_home import calendar, eraser, on_calendar, recording, retain
from unvoiced.keys.contributor import key_object_name
from unvoiced.retention.keep import keep_rule
from unvoiced.retention.look import Deployment, decide
from unvoiced.retention.rules import Rule
from unvoiced.retention.sweeps import sweep_due

DAYS = {Rule.FEATURES: {"features_days": 30}, Rule.INACTIVE: {"inactive_days": 30}}
both = pytest.mark.parametrize("rule", list(DAYS))


def idle(blank: Home, rule: Rule) -> Home:
    """Anna's features are due by the rule, and so is her key."""
    home = on_calendar(blank, versioned=False, **DAYS[rule])
    home.send("anna", recording(1))
    home.run()
    calendar(home).on(days=31)
    return home


def opens(home: Home, sent: Sent) -> None:
    """The recording is disposed of, and its features open."""
    assert sent.sha256 not in home.standing()
    assert sent.feature_name in home.features(sent.sample)
    assert home.status().adds_up


@pytest.mark.inv("INV-3")
@both
@pytest.mark.parametrize("place", ["features/", "keys/"])
def test_a_recording_that_is_ingested_while_retention_looks_keeps_its_key(
    blank: Home, rule: Rule, place: str
) -> None:
    """It moves from raw to features just after retention has listed either."""
    home = idle(blank, rule)
    new = home.send("anna", recording(2))
    ingest = once("versions", place, home.run, after=True)
    hooked = home.on(training=HookedStore(home.store("training"), ingest))

    keep_rule(eraser(hooked), rule)

    opens(home, new)


@pytest.mark.inv("INV-3")
@both
@pytest.mark.parametrize("ingested", [True, False])
def test_who_sends_something_after_the_decision_keeps_the_key(
    blank: Home, rule: Rule, ingested: bool
) -> None:
    """It waits, or has become features, when the key is about to go: the key is left."""
    home = idle(blank, rule)
    opened = eraser(home)
    decisions = decide(Deployment.of(home.settings), rule, home.clock())
    new = home.send("anna", recording(2))
    if ingested:
        home.run()
    for decision in decisions:
        if decision.store == "training":
            swept = sweep_due(opened, decision)
            assert swept.left.keys() == {key_object_name(new.pseudonym)}
    home.run()
    opens(home, new)
    assert home.leaves("contributor-key-destroyed") == []


@pytest.mark.inv("INV-3")
@both
@pytest.mark.parametrize("after", [False, True])
def test_what_comes_after_the_last_look_is_not_destroyed_for_features_of_noise(
    blank: Home, rule: Rule, after: bool
) -> None:
    """Ingested while the key goes, it is left, and has features under a new key by the next run."""
    home = idle(blank, rule)
    sent: list[Sent] = []

    def ingest() -> None:
        sent.append(home.send("anna", recording(2)))
        home.run()

    hooks = once("delete", "keys/", ingest, after=after)
    keep_rule(eraser(home.on(training=HookedStore(home.store("training"), hooks))), rule)

    if not after:
        assert home.standing() == {sent[0].sha256}
        assert home.run().disposed == 1
    opens(home, sent[0])
    assert len(home.leaves("contributor-key-destroyed")) == 1


@pytest.mark.inv("INV-3")
@both
def test_a_key_that_goes_between_placing_and_destroying_holds_the_recording(
    blank: Home, rule: Rule
) -> None:
    """Destroyed when all has been read back and nothing is intended: it is read once more."""
    home = on_calendar(blank, versioned=False, **DAYS[rule])
    home.send("anna", recording(1))
    home.run()
    calendar(home).on(days=31)
    new = home.send("anna", recording(2))
    training = home.store("training")

    def destroy_key() -> None:
        name = key_object_name(new.pseudonym)
        training.delete(name, training.get(name).version)

    looked = once("list", "intents/sweeps/", destroy_key)
    report = home.on(journal=HookedStore(home.store("journal"), looked)).run()

    assert "not read back as journalled" in report.left[new.name]
    assert home.standing() == {new.sha256}
    home.run()
    opens(home, new)


@both
def test_an_intent_of_a_dead_run_holds_ingest_up_until_retention_has_looked(
    blank: Home, rule: Rule
) -> None:
    """It is not known to be dead; the next run of retention takes the intent out."""
    home = idle(blank, rule)

    def die(*_: object) -> None:
        raise Died

    hooked = home.on(training=HookedStore(home.store("training"), once("delete", "keys/", die)))
    opened = eraser(hooked)
    assert dies(lambda: keep_rule(opened, rule))
    new = home.send("anna", recording(2))

    report = home.run()

    assert new.name in report.left
    assert home.standing() == {new.sha256}
    retain(home)
    home.run()
    opens(home, new)
