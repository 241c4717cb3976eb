"""Each rule on a whole deployment: what is due goes, with its leaf, and its neighbours stay."""

from dataclasses import replace
from typing import Any

import pytest

from tests.ingest.home import Home
from tests.ingest.hooked_store import HookedStore
from tests.retention.calendar_home import (
    calendar,
    eraser,
    on_calendar,
    recording,
    retain,
    with_retention,
)
from unvoiced.catalog.build import CatalogBuilder, build_all
from unvoiced.disposal import LegalHold, LegalHolds
from unvoiced.erasure import carry_out, request
from unvoiced.errors import InputError, Locked, NotAllowed
from unvoiced.features import load as load_feature_set
from unvoiced.keys.contributor import key_object_name
from unvoiced.log.verify import verify_log
from unvoiced.retention.keep import Report, Row, keep_rule, show
from unvoiced.retention.rules import Rule
from unvoiced.stores.memory import MemoryStore

SETS = [False, True]


def row(report: Report, rule: str, store: str = "raw") -> Row:
    """What became of a rule in a store."""
    (found,) = [one for one in report.rows if (one.rule, one.store) == (rule, store)]
    return found


def names(home: Home, store: Any, prefix: str = "") -> set[str]:
    """All that stands in a store, in every version."""
    return {entry.name for entry in home.store(store).versions(prefix)}


def well(home: Home) -> None:
    """The log verifies, the count holds, and no intent is left."""
    verify_log(home.store("log"), home.verifier)
    assert home.status().adds_up
    assert names(home, "journal", "intents/") == set()


@pytest.mark.inv("INV-4", "INV-5")
@pytest.mark.parametrize("versioned", SETS)
def test_a_recording_that_was_never_ingested(blank: Home, versioned: bool) -> None:
    """It is accepted, destroyed and receipted, on the day; a newer one stays."""
    home = on_calendar(blank, versioned=versioned, raw_days=30)
    old = home.send("anna", recording(1))
    calendar(home).on(days=29)
    young = home.send("anna", recording(2))
    assert row(retain(home), "raw_days").destroyed == 0

    calendar(home).on(days=30)
    report = retain(home)

    assert (row(report, "raw_days").destroyed, report.left) == (1, 0)
    assert names(home, "raw") == {young.name}
    (leaf,) = home.leaves("disposed")
    assert (leaf.digest, leaf.fields["cause"]) == (old.sha256, "retention: never ingested")
    (accepted,) = home.leaves("accepted")
    assert accepted.fields["intake_key"] == home.intake().public.key_id.hex()
    assert row(report, "raw_days").next is not None
    well(home)


@pytest.mark.parametrize("versioned", SETS)
def test_a_recording_in_quarantine(blank: Home, versioned: bool) -> None:
    """Its days count from when it was set aside; its record goes with it."""
    home = on_calendar(blank, versioned=versioned, raw_days=20, quarantine_days=30)
    sent = home.send("anna", b"no audio")
    calendar(home).on(days=10)
    home.run()
    calendar(home).on(days=39)
    assert retain(home).destroyed == 0
    calendar(home).on(days=40)

    assert row(retain(home), "quarantine_days").destroyed == 1

    assert names(home, "raw") == names(home, "journal") == set()
    (leaf,) = home.leaves("disposed")
    assert (leaf.digest, leaf.fields["cause"]) == (sent.sha256, "retention: quarantined")
    well(home)


@pytest.mark.parametrize("versioned", SETS)
def test_an_archived_original_goes_when_lock_and_days_are_over(
    blank: Home, versioned: bool
) -> None:
    """A lock that lasts longer than the setting says now holds; its leaf names the digest."""
    home = on_calendar(blank, versioned=versioned, archive=("*",), archive_days=100)
    home.send("anna", recording(1))
    home.run()
    (archived,) = [leaf.fields["archived"] for leaf in home.leaves("disposed")]
    shorter = with_retention(home, archive=("*",), archive_days=10)
    calendar(home).on(days=99)
    report = retain(shorter)
    assert (report.destroyed, report.left) == (0, 0)
    assert f"{row(report, 'archive_days', 'archive').next:%F}" == "2027-03-03"
    calendar(home).on(days=100)

    assert row(retain(shorter), "archive_days", "archive").destroyed == 1

    assert names(home, "archive") == set()
    (leaf,) = home.leaves("archive-destroyed")
    assert isinstance(archived, dict)
    assert leaf.digest == archived["sha256"]
    assert home.leaves("swept") == []
    well(home)


@pytest.mark.parametrize("versioned", SETS)
def test_features_go_and_a_key_with_the_last_of_them(blank: Home, versioned: bool) -> None:
    """Who still has newer features keeps their key."""
    home = on_calendar(blank, versioned=versioned, features_days=50)
    first = home.send("anna", recording(1))
    home.send("bruno", recording(2))
    home.run()
    calendar(home).on(days=49)
    second = home.send("anna", recording(3))
    home.run()
    calendar(home).on(days=50)

    retain(home)

    assert names(home, "training", "features/") == {second.feature_name}
    assert names(home, "training", "keys/") == {key_object_name(first.pseudonym)}
    (swept,) = home.leaves("swept")
    assert (swept.fields["rule"], swept.fields["store"]) == ("features_days", "training")
    assert swept.fields["objects"] == 2
    assert len(home.leaves("contributor-key-destroyed")) == 1
    assert home.features().keys() == {second.feature_name}
    well(home)


@pytest.mark.inv("INV-10")
@pytest.mark.parametrize("versioned", SETS)
def test_all_of_an_inactive_contributor_goes_the_key_first(blank: Home, versioned: bool) -> None:
    """Features, what waits in raw, archived originals and the key; others keep theirs."""
    home = on_calendar(
        blank, versioned=versioned, archive=("*",), inactive_days=90, raw_days=200, archive_days=40
    )
    gone, stays = home.send("anna", recording(1)), home.send("bruno", recording(2))
    home.run()
    calendar(home).on(days=60)
    again = home.send("bruno", recording(3))
    calendar(home).on(days=90)
    seen: list[str] = []

    def note(operation: str, name: str, proceed: Any) -> Any:
        if operation == "delete":
            seen.append(name)
        return proceed()

    training: Any = HookedStore(home.store("training"), note)
    rows = keep_rule(eraser(home.on(training=training)), Rule.INACTIVE)

    assert {one.store: one.destroyed for one in rows} == {"training": 2, "raw": 0, "archive": 1}
    assert seen == [key_object_name(gone.pseudonym), gone.feature_name]
    assert names(home, "raw") == {again.name}
    assert names(home, "training", "features/") == {stays.feature_name}
    calendar(home).on(days=150)
    keep_rule(eraser(home), Rule.INACTIVE)
    assert names(home, "raw") == names(home, "training") - {"probe/conditional-put"} == set()
    assert home.leaves("disposed")[-1].fields["cause"] == "retention: contributor inactive"
    back = home.send("anna", recording(1))
    assert home.run().disposed == 1  # nobody is shut out for having been silent
    assert back.feature_name in home.features()
    well(home)


@pytest.mark.parametrize("versioned", SETS)
def test_when_the_purpose_is_satisfied_everything_goes_but_what_is_locked(
    blank: Home, versioned: bool
) -> None:
    """On that day and not before; what a lock keeps goes when it ends."""
    home = on_calendar(blank, versioned=versioned, archive=("*",), purpose_satisfied="2027-01-01",
                       archive_days=60)  # fmt: skip
    for n, who in enumerate(("anna", "bruno")):
        home.send(who, recording(n))
    home.run()
    calendar(home).on(days=1)
    home.send("anna", b"no audio")
    home.run()
    waiting = home.send("bruno", recording(9))
    calendar(home).on(days=38, hours=15.99)  # 2026-12-31 23:59:24
    assert retain(home).destroyed == 0
    calendar(home).on(days=38, hours=16)

    report = retain(home)

    assert report.left == 0
    assert names(home, "raw") == names(home, "journal") == set()
    assert names(home, "training") - {"probe/conditional-put"} == set()
    assert len(names(home, "archive")) == 2
    causes = [leaf.fields["cause"] for leaf in home.leaves("disposed")]
    assert causes.count("retention: purpose satisfied") == 2
    assert waiting.sha256 in {leaf.digest for leaf in home.leaves("disposed")}
    assert len(home.leaves("contributor-key-destroyed")) == 2
    calendar(home).on(days=60)
    retain(home)
    assert names(home, "archive") == set()
    well(home)


def test_a_retired_feature_set_goes_and_the_others_stay(blank: Home) -> None:
    """Every version under its directory, however new; keys stay."""
    home = on_calendar(blank, versioned=True).with_sets("speech-16k", "mfcc-13")
    sent = home.send("anna", recording(1))
    home.run()
    directory = load_feature_set("mfcc-13").directory
    retired = with_retention(home, retired_feature_sets=(directory,))
    with pytest.raises(InputError, match=directory):
        retain(retired)
    with pytest.raises(InputError, match="feature_sets"):
        show(retired.settings, home.clock())

    retain(retired.with_sets("speech-16k"))

    assert names(home, "training", "features/") == {sent.feature_name}
    assert len(names(home, "training", "keys/")) == 1
    well(home)


def test_access_records_go_by_the_day(blank: Home) -> None:
    """All of a day's go together, when the whole day is old enough."""
    home = on_calendar(blank, versioned=True, audit_days=10)
    audit = home.store("audit")
    for day in range(3):
        calendar(home).on(days=day)
        audit.put_if_absent(f"reads/{home.clock():%F}/{day}.json", b"{}\n")
    calendar(home).on(days=11, hours=15)  # 23:00 of the tenth day after the second one
    retain(home)
    assert names(home, "audit") == {"reads/2026-11-24/1.json", "reads/2026-11-25/2.json"}
    calendar(home).on(days=11, hours=16)
    retain(home)
    assert names(home, "audit") == {"reads/2026-11-25/2.json"}
    well(home)


def test_replaced_and_hidden_versions_go_and_nothing_comes_back(blank: Home) -> None:
    """Where no lifecycle rule does it: what was hidden is destroyed before its marker."""
    home = on_calendar(blank, versioned=True, noncurrent_days=7)
    sent = [home.send("anna", recording(n)) for n in range(2)]
    home.run()
    training = home.store("training")
    assert isinstance(training, MemoryStore)
    hidden, replaced = (one.feature_name for one in sent)
    calendar(home).on(days=1)
    training.hide(hidden)
    listed = training.head(replaced)
    assert listed is not None
    training.replace(replaced, b"by mistake", version=listed.version)
    calendar(home).on(days=7, hours=23)
    assert retain(home).destroyed == 0
    calendar(home).on(days=8)
    order: list[str] = []

    def note(operation: str, name: str, proceed: Any) -> Any:
        result = proceed()
        if operation == "delete":
            order.append(name)
            assert training.head(hidden) is None, "what was hidden is there again"
        return result

    hooked: Any = HookedStore(training, note)
    report = retain(home.on(training=hooked))

    assert row(report, "noncurrent_days", "training").destroyed == 2
    assert [entry.name for entry in training.versions("features/")] == [replaced]
    assert training.get(replaced).data == b"by mistake"
    assert order.count(hidden) == 2
    well(home)


@pytest.mark.parametrize("whose", ["everything", "anna"])
def test_nothing_that_is_held_goes_until_the_hold_is_lifted(blank: Home, whose: str) -> None:
    """Whatever makes it due; the report counts what is held back, and says by what."""
    home = on_calendar(
        blank, versioned=True, archive=("*",), raw_days=1, quarantine_days=1, archive_days=1,
        features_days=1, inactive_days=1,
    )  # fmt: skip
    sent = home.send("anna", recording(1))
    home.send("anna", b"no audio")
    home.run()
    home.send("anna", recording(2))
    whom = whose if whose == "everything" else sent.pseudonym
    holds = LegalHolds(home.store("journal"))
    holds.place(LegalHold(whom, "a lawsuit", "2026-11-23"))
    before = {name: names(home, name) for name in ("raw", "training", "archive", "journal")}
    calendar(home).on(days=1000)

    report = retain(home)

    assert (report.destroyed, report.left) == (0, 0)
    assert {name: names(home, name) for name in before} == before
    assert report.held >= 5
    assert {why for one in report.rows for why in one.held} == {f"under a legal hold ({whom})"}
    holds.lift(whom)
    retain(home)
    assert names(home, "raw") == names(home, "archive") == names(home, "journal") == set()
    well(home)


def test_one_object_that_cannot_go_stops_no_other(blank: Home) -> None:
    """It is left with the reason, in every store, and goes once it can."""
    home = on_calendar(blank, versioned=True, archive=("*",), raw_days=30, features_days=30,
                       archive_days=30)  # fmt: skip
    sent = [home.send(who, recording(n)) for n, who in enumerate(("anna", "bruno", "carla"))]
    home.run()
    waiting = [home.send(who, recording(n + 9)) for n, who in enumerate(("anna", "bruno"))]
    stuck = {waiting[0].name, sent[0].name, sent[1].feature_name}

    def refuse(operation: str, name: str, proceed: Any) -> Any:
        if operation == "delete" and name in stuck:
            raise Locked(f"{name}: the version is locked")
        if operation == "get" and name == waiting[1].name:
            raise NotAllowed(f"{name}: the store answered AccessDenied")
        return proceed()

    calendar(home).on(days=30)
    shelf: Any = {name: HookedStore(home.store(name), refuse)
                  for name in ("raw", "training", "archive")}  # fmt: skip

    report = retain(home.on(**shelf))

    left = {name for one in report.rows for name in one.left}
    assert left == stuck | {waiting[1].name}
    assert names(home, "raw") == {one.name for one in waiting}
    assert names(home, "archive") == {sent[0].name}
    assert names(home, "training", "features/") == {sent[1].feature_name}
    retain(home)
    assert names(home, "raw") == names(home, "archive") == names(home, "training", "f") == set()
    assert len(home.leaves("archive-destroyed")) == 3
    well(home)


def test_a_recording_too_large_to_read_is_left_with_what_to_do(blank: Home) -> None:
    """Without its digest there is no receipt, and without a receipt nothing is destroyed."""
    home = on_calendar(blank, versioned=True, raw_days=1)
    sent = home.send("anna", recording(1, seconds=1))
    calendar(home).on(days=1)
    limit = replace(home.settings.ingest, max_recording_bytes=100)
    report = retain(replace(home, settings=replace(home.settings, ingest=limit)))
    assert "max_recording_bytes" in row(report, "raw_days").left[sent.name]
    assert names(home, "raw") == {sent.name}
    assert row(retain(home), "raw_days").destroyed == 1


@pytest.mark.inv("INV-10")
def test_what_comes_back_of_an_erased_contributor_is_erased_again(blank: Home) -> None:
    """A backup put back brings nobody's features back for longer than to the next run."""
    home = on_calendar(blank, versioned=True)
    sent = home.send("anna", recording(1))
    home.run()
    backup = {
        name: home.store("training").get(name).data
        for name in (sent.feature_name, key_object_name(sent.pseudonym))
    }
    erasing = eraser(home)
    assert carry_out(erasing, request(erasing, sent.pseudonym)).complete
    for name, data in backup.items():
        home.store("training").put_if_absent(name, data)

    report = retain(home)

    assert row(report, "erased contributors", "all").destroyed == 1
    assert names(home, "training") - {"probe/conditional-put"} == set()
    well(home)


def test_showing_destroys_nothing_and_needs_no_vault(blank: Home) -> None:
    """The same decisions, by who holds no secret."""
    home = on_calendar(blank, versioned=True, raw_days=1)
    home.send("anna", recording(1))
    calendar(home).on(days=2)

    report = show(replace(home.settings, vaults={}), home.clock())

    assert (report.due, report.destroyed) == (1, 0)
    assert len(names(home, "raw")) == 1
    assert home.leaves("accepted") == []


def test_the_catalog_ends_with_what_it_lists(blank: Home) -> None:
    """Shards of a retired set go with it, all shards with the purpose, replaced versions in days;
    what is left is of the sets that stay.
    """
    home = on_calendar(blank, versioned=True).with_sets("speech-16k", "mfcc-13")
    home.send("anna", recording(1))
    home.run()
    build_all(CatalogBuilder.of(home.settings))
    directory = load_feature_set("mfcc-13").directory
    retired = with_retention(home, retired_feature_sets=(directory,)).with_sets("speech-16k")
    assert len(names(home, "training", "catalog/")) == 2

    retain(retired)

    (shard,) = names(home, "training", "catalog/")
    assert directory not in shard
    training = home.store("training")
    stored = training.get(shard)
    training.replace(shard, stored.data, version=stored.version)
    calendar(home).on(days=8)
    retain(with_retention(home, noncurrent_days=7))
    assert len(list(training.versions(shard))) == 1
    day = f"{home.clock():%F}"
    retain(with_retention(home, purpose_satisfied=day))
    assert names(home, "training", "catalog/") == set()
    well(home)


def test_the_watch_replaces_its_state_and_leaves_no_versions(blank: Home) -> None:
    """Replaced state goes in days, as it is replaced every five minutes; a record that somebody
    put over another stays as long as records do.
    """
    home = on_calendar(blank, versioned=True, noncurrent_days=7, audit_days=100)
    audit = home.store("audit")
    read = "reads/2026-11-23/0123456789abcdef/x.json"
    for name in ("watch/state.json", read):
        version = audit.put_if_absent(name, b"1")
        audit.replace(name, b"2", version=version)
    calendar(home).on(days=8)
    assert row(retain(home), "noncurrent_days", "audit").destroyed == 1
    assert [one.name for one in audit.versions()] == [read, read, "watch/state.json"]
    calendar(home).on(days=102)
    retain(home)
    assert list(audit.versions()) == []
    well(home)
