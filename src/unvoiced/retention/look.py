"""What is due now in a deployment: listings, the log and the journal, put to the rules.

Needs no secret and changes nothing: `unvoiced retention show` and the run that destroys decide by
the same code.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property

from unvoiced.catalog.schema import CATALOG
from unvoiced.config import Settings, StoreName
from unvoiced.disposal import Held, LegalHolds, Quarantine
from unvoiced.disposal.labels import genuine_labels
from unvoiced.errors import InputError
from unvoiced.features import load as load_feature_set
from unvoiced.keys.contributor import key_object_name
from unvoiced.log.leaves import parse_leaf
from unvoiced.log.ledger import Ledger
from unvoiced.log.note import Verifier
from unvoiced.log.reader import LogReader
from unvoiced.retention import rules
from unvoiced.retention.inactivity import LastSeen, last_seen
from unvoiced.retention.rules import Dated, Decision, Rule, owner, sort_out
from unvoiced.stores import Entry, Store
from unvoiced.stores.interface import CONDITIONS_PROBE

STORES: tuple[StoreName, ...] = ("training", "raw", "archive", "journal", "audit")
_KEYS, _FEATURES = "keys/", "features/"
_WATCH = "watch/"  # in the audit store: how far the watch has looked, and its alerts
_UNKNOWN = (
    "it has no labels that anybody of ours signed, so nobody can say which original this is: put "
    "the archive back with its locks and labels, or see who put this there, and delete it"
)


@dataclass(frozen=True)
class Deployment:
    """The stores that retention looks at, by name, and the log."""

    settings: Settings
    stores: Mapping[str, Store]  # without the archive where there is none
    log: LogReader

    @classmethod
    def of(cls, settings: Settings) -> "Deployment":
        """Open what `unvoiced.toml` names. Raises `InputError` for settings that contradict."""
        check_settings(settings)
        stores: dict[str, Store] = {
            name: settings.store(name) for name in STORES if name in settings.stores
        }
        return cls(settings, stores, settings.log_reader())

    def held(self) -> Held:
        """Who is under a legal hold now."""
        return LegalHolds(self.stores["journal"]).held()

    @cached_property
    def ledger(self) -> Ledger:
        """What the log said when it was first asked."""
        ledger = Ledger()
        ledger.follow(self.log.entries, self.log.checkpoint().size)
        return ledger

    @cached_property
    def quarantined_since(self) -> Mapping[str, datetime]:
        """What the log said of the quarantine when it was first asked; by digest."""
        return quarantined_since(self.log)


def check_settings(settings: Settings) -> None:
    """Raises `InputError` where ingest would make again what retention destroys."""
    made = {
        load_feature_set(settings.feature_set(name)).directory
        for name in settings.ingest.feature_sets
    }
    if both := sorted(made.intersection(settings.retention.retired_feature_sets)):
        raise InputError(
            f"{settings.path}: [retention] retires {', '.join(both)}, and [ingest] feature_sets "
            "still makes it: take it out there first"
        )


def decide(deployment: Deployment, rule: Rule, now: datetime) -> list[Decision]:
    """What a rule says of every store that it is about; nothing where it is not in force."""
    return _LOOKS[rule](deployment, now, deployment.held())


_Look = Callable[[Deployment, datetime, Held], list[Decision]]


def _purpose(deployment: Deployment, now: datetime, held: Held) -> list[Decision]:
    text = deployment.settings.retention.purpose_satisfied
    if not text:
        return []
    day = date.fromisoformat(text)
    found = []
    for store in _of_contributors(deployment):
        dated = rules.on_day(store, belongings(deployment.stores, store), day)
        if store == "training":  # nothing is left to list
            shards = rules.on_day(store, deployment.stores[store].versions(CATALOG), day)
            dated = itertools.chain(dated, shards)
        if store == "archive":
            dated = _unlocked(deployment, dated, held, now)
        found.append(sort_out(Rule.PURPOSE, store, dated, held, now))
    return found


def _inactive(deployment: Deployment, now: datetime, held: Held) -> list[Decision]:
    days = timedelta(days=deployment.settings.retention.inactive_days)
    if not days:
        return []
    stores = _of_contributors(deployment)
    found = {store: Decision(Rule.INACTIVE, store) for store in stores}
    due: dict[str, datetime] = {}
    for whose, when in last_seen(_places(deployment)):
        if when + days <= now:
            due[whose] = when + days
        else:
            later = found["training"]
            later.next = min(later.next or when + days, when + days)
    for whose in sorted(due):
        theirs = {
            store: list(belongings(deployment.stores, store, whose))
            for store in as_ingest_moves(stores)
        }
        again = LastSeen()
        for store, entries in theirs.items():
            again.take(store, entries)
        if again.all().get(whose, now) + days > now:  # back since they were listed first
            continue
        for store in stores:
            entries = theirs[store]
            dated = [Dated(entry, due[whose], whose) for entry in entries]
            if store == "archive":
                dated = list(_unlocked(deployment, dated, held, now))
            _add(found[store], sort_out(Rule.INACTIVE, store, dated, held, now))
    return list(found.values())


def _places(deployment: Deployment) -> Iterator[tuple[str, Iterator[Entry]]]:
    """Each place where contributors have something, with its store's name; in order of name."""
    for store in as_ingest_moves(_of_contributors(deployment)):
        opened = deployment.stores[store]
        if store != "training":
            yield store, opened.versions()
            continue
        yield store, opened.versions(_KEYS)
        for feature_set in opened.folders(_FEATURES):
            yield store, opened.versions(f"{_FEATURES}{feature_set}/")


def _add(into: Decision, more: Decision) -> None:
    into.due += more.due
    into.held += more.held
    into.left |= more.left
    if more.next is not None:
        into.next = min(into.next or more.next, more.next)


def _raw(deployment: Deployment, now: datetime, held: Held) -> list[Decision]:
    days = deployment.settings.retention.raw_days
    waiting = (one for one, record in _recordings(deployment) if record is None)
    dated = rules.after_put("raw", waiting, days)
    return [sort_out(Rule.RAW, "raw", dated, held, now)]


def _quarantine(deployment: Deployment, now: datetime, held: Held) -> list[Decision]:
    days = timedelta(days=deployment.settings.retention.quarantine_days)
    dated = [
        Dated(entry, record[1] + days, owner("raw", entry.name), record[0])
        for entry, record in _recordings(deployment)
        if record is not None
    ]
    return [sort_out(Rule.QUARANTINE, "raw", dated, held, now)]


def _recordings(deployment: Deployment) -> Iterator[tuple[Entry, tuple[str, datetime] | None]]:
    """Every version in raw; with its digest and when, where the log says it was quarantined.

    The record says which version that is and the log says when: nobody who can write records alone
    can bring its day on.
    """
    verifier = Verifier.parse(deployment.settings.log_vkey)
    # In this order: a record is made of what stands in raw.
    records = Quarantine(deployment.stores["journal"], verifier).records()
    logged = deployment.quarantined_since if len(records) else {}
    for entry in deployment.stores["raw"].versions():
        if entry.delete_marker:
            continue
        record = records.of(entry.name, entry.version)
        since = logged.get(record.sha256) if record else None
        yield entry, (record.sha256, since) if record and since else None


def quarantined_since(log: LogReader) -> dict[str, datetime]:
    """When each digest that is in quarantine by the log came there."""
    times: dict[str, datetime] = {}
    for leaf in map(parse_leaf, log.entries(0, log.checkpoint().size)):
        if leaf.kind == "quarantined":
            times[leaf.digest] = datetime.fromisoformat(str(leaf.fields["time"]))
        elif leaf.kind in {"released", "disposed"}:
            times.pop(leaf.digest, None)
    return times


def _archive(deployment: Deployment, now: datetime, held: Held) -> list[Decision]:
    if "archive" not in deployment.stores:
        return []
    entries = belongings(deployment.stores, "archive")
    originals = (one for one in entries if not one.delete_marker)
    dated = rules.after_put("archive", originals, deployment.settings.retention.archive_days)
    unlocked = _unlocked(deployment, dated, held, now)
    return [sort_out(Rule.ARCHIVE, "archive", unlocked, held, now)]


def _unlocked(
    deployment: Deployment, dated: Iterable[Dated], held: Held, now: datetime
) -> Iterator[Dated]:
    """Archived originals, due when their lock has ended too; with the digest that they were put
    with, where the log's key signed that for the name they stand under. One without such labels may
    be any: it is left while the log says that originals are kept.

    How one is kept is asked only of what would be due: it costs three questions each.
    """
    store = deployment.stores["archive"]
    verifier = Verifier.parse(deployment.settings.log_vkey)
    for one in dated:
        entry = one.entry
        kept = None
        if one.due <= now and not entry.delete_marker:
            kept = store.keeping(entry.name, entry.version)
            if kept is None:
                continue  # gone since it was listed
        if kept is None:
            yield one
            continue
        due = max(one.due, kept.retain_until or one.due)
        holds = "under a legal hold of the store" if kept.legal_hold else ""
        labels = genuine_labels(entry.name, kept, verifier)
        if labels is not None:
            yield Dated(entry, due, one.whose, labels.sha256, holds)
        else:
            unknown = _UNKNOWN if deployment.ledger.archived else ""
            yield Dated(entry, due, one.whose, "", holds, unknown)


def _features(deployment: Deployment, now: datetime, held: Held) -> list[Decision]:
    days = deployment.settings.retention.features_days
    if not days:
        return []
    training = deployment.stores["training"]
    # A key that has nothing left to open goes with the features it was made for. Recordings are
    # looked for first: one that is ingested meanwhile is among the features then.
    needed = {
        owner(name, one.name)
        for name in ("raw", "archive")
        if name in deployment.stores
        for one in deployment.stores[name].versions()
    }

    def features() -> Iterator[Dated]:
        for one in rules.after_put("training", training.versions(_FEATURES), days):
            if one.due > now:
                needed.add(one.whose)
            yield one

    decision = sort_out(Rule.FEATURES, "training", features(), held, now)
    keys = rules.after_put("training", training.versions(_KEYS), days)
    idle = (one for one in keys if one.whose not in needed)
    _add(decision, sort_out(Rule.FEATURES, "training", idle, held, now))
    return [decision]


def _retired(deployment: Deployment, now: datetime, held: Held) -> list[Decision]:
    directories = deployment.settings.retention.retired_feature_sets
    if not directories:
        return []
    training = deployment.stores["training"]
    entries = (
        entry
        for directory in sorted(set(directories))
        for prefix in (_FEATURES, CATALOG)
        for entry in training.versions(f"{prefix}{directory}/")
    )
    return [sort_out(Rule.RETIRED, "training", rules.at_once("training", entries), held, now)]


def _audit(deployment: Deployment, now: datetime, held: Held) -> list[Decision]:
    days = deployment.settings.retention.audit_days
    dated = rules.access_records(deployment.stores["audit"].versions(), days)
    return [sort_out(Rule.AUDIT, "audit", dated, held, now)]


def _noncurrent(deployment: Deployment, now: datetime, held: Held) -> list[Decision]:
    days = deployment.settings.retention.noncurrent_days
    found = []
    for name, store in deployment.stores.items():
        # Elsewhere every version is a recording, or an original, or a record of its own; but for
        # what the watch replaces every five minutes.
        markers_only = name not in {"training", "journal"}
        dated = rules.noncurrent(name, store.versions(), days, markers_only=markers_only)
        if name == "audit":
            state = rules.noncurrent(name, store.versions(_WATCH), days)
            rest = (one for one in dated if not one.entry.name.startswith(_WATCH))
            dated = itertools.chain(rest, state)
        found.append(sort_out(Rule.NONCURRENT, name, dated, held, now))
    return [one for one in found if one.due or one.held or one.left or one.next]


_LOOKS: dict[Rule, _Look] = {
    Rule.PURPOSE: _purpose,
    Rule.INACTIVE: _inactive,
    Rule.RAW: _raw,
    Rule.QUARANTINE: _quarantine,
    Rule.ARCHIVE: _archive,
    Rule.FEATURES: _features,
    Rule.RETIRED: _retired,
    Rule.AUDIT: _audit,
    Rule.NONCURRENT: _noncurrent,
}


def _of_contributors(deployment: Deployment) -> list[str]:
    """The stores that hold what is somebody's, in the order they are emptied: keys are first."""
    return [store for store in ("training", "raw", "archive") if store in deployment.stores]


def as_ingest_moves(stores: Iterable[str]) -> list[str]:
    """Stores of contributors in the order to look in: what moves on is seen in the next."""
    return sorted(stores, key=("raw", "archive", "training").index)


def belongings(stores: Mapping[str, Store], store: str, whose: str = "") -> Iterator[Entry]:
    """All versions and markers of contributors, or of one, in one of the stores by this name."""
    opened = stores[store]
    if store != "training":
        listed = opened.versions(f"{whose}/" if whose else "")
        yield from (entry for entry in listed if entry.name != CONDITIONS_PROBE)
    elif not whose:
        yield from opened.versions(_KEYS)
        yield from opened.versions(_FEATURES)
    else:
        key = key_object_name(whose)
        yield from (entry for entry in opened.versions(key) if entry.name == key)
        for feature_set in opened.folders(_FEATURES):
            yield from opened.versions(f"{_FEATURES}{feature_set}/{whose}/")
