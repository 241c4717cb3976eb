"""Deployments with originals in the archive, and what has to hold once they were backfilled."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from tests.ingest.home import Home, Sent, expected, same
from unvoiced.audit import AuditTrail, Purpose
from unvoiced.backfill.batch import backfill_batch
from unvoiced.backfill.bench import Bench, open_bench
from unvoiced.backfill.plan import Plan, cut, make_plan
from unvoiced.backfill.request import Request, Selection, SourceName
from unvoiced.backfill.restore import ask_restores
from unvoiced.backfill.summary import Run
from unvoiced.config import StoreName
from unvoiced.keys.pseudonyms import content_tag
from unvoiced.log.verify import verify_log
from unvoiced.reader import FeatureReader, describe, feature_names, no_quota
from unvoiced.sections import DisposalSettings
from unvoiced.stores import Store
from unvoiced.stores.memory import MemoryStore

NEW = "mfcc-13"


def archiving(home: Home, *whose: str, storage_class: str = "STANDARD") -> Home:
    """The same deployment, its settings archiving everybody's originals, or these."""
    disposal = DisposalSettings(archive=whose or ("*",), storage_class=storage_class)
    return replace(home, settings=replace(home.settings, disposal=disposal))


def archived(home: Home, voices: Sequence[bytes], *whose: str) -> tuple[Home, list[Sent]]:
    """The deployment with recordings of these contributors ingested, originals archived."""
    home = archiving(home)
    sent = [home.send(who, data) for who, data in zip(whose, voices, strict=False)]
    report = home.run()
    assert (report.disposed, report.left) == (len(sent), {})
    return home, sent


def bench(home: Home, feature_set: str = NEW, source: SourceName = "archive") -> Bench:
    """A backfill's worker that has just started."""
    return open_bench(home.settings, "test", source=source, feature_set=feature_set, now=home.clock)


def plan(home: Home, selection: Selection | None = None, **wanted: Any) -> Plan:
    """What a backfill would do."""
    return make_plan(bench(home, **wanted), selection or Selection())


def backfill(
    home: Home,
    selection: Selection | None = None,
    *,
    batch_samples: int = 256,
    restore_days: int = 7,
    **wanted: Any,
) -> Run:
    """One whole run in this process."""
    opened = bench(home, **wanted)
    request = Request(opened.feature_set.name, selection=selection or Selection())
    run = Run(request, make_plan(opened, request.selection))
    run.asked = ask_restores(opened, run.plan.cold, restore_days, "Bulk")
    for batch in cut([*run.plan.todo, *run.asked.readable], batch_samples, 2**26):
        run.done.add(backfill_batch(opened, batch))
    return run


def made(run: Run) -> tuple[int, int, list[str], list[tuple[str, str]]]:
    """Feature objects made, those that stood already, why others were skipped, what is left."""
    already = run.plan.already + run.done.already
    return run.done.made, already, sorted(reason for _, reason in run.skipped), run.left


def untouched(store: Store) -> list[tuple[Any, ...]]:
    """Everything there is to see of a store: versions, bytes, and how each is kept."""
    seen = []
    for entry in store.versions():
        data = b"" if entry.delete_marker else store.get(entry.name, entry.version).data
        seen.append((entry, data, store.keeping(entry.name, entry.version)))
    return seen


def everything(home: Home) -> dict[str, Any]:
    """All stores but the worker's own memory of the log."""
    names: tuple[StoreName, ...] = ("raw", "training", "archive", "journal", "log", "audit")
    return {name: untouched(home.store(name)) for name in names}


def complete(home: Home, sent: Sequence[Sent], feature_set: str = NEW) -> None:
    """Every original has its features once, a reader opens them, and they are right.

    To the last bit what the recording itself gives, with the same header as ingest's; the log
    verifies from its files alone.
    """
    training = home.store("training")
    reader = FeatureReader(
        training,
        home.settings.log_reader(),
        home.dataset(),
        # Not the deployment's: who reads here is nobody whom a server of it knows.
        AuditTrail(MemoryStore("audit"), "test"),
        Purpose.TRAINING,
        no_quota,
    )
    names = {one.feature_name_in(feature_set): one for one in sent}
    directory = next(iter(names)).split("/")[1]
    standing = [listed.name for listed in feature_names(training, directory)]
    assert sorted(standing) == sorted(names)
    assert len(list(training.versions(f"features/{directory}/"))) == len(standing)
    tag = partial(content_tag, home.settings.vault("worker").get("content/tag"))
    for name, one in names.items():
        feature = describe(training, name)
        assert feature is not None
        assert same(reader.read(feature), expected(one.data, feature_set))
        assert feature.context["source_sha256"] == one.sha256
        assert feature.context["content_tag"] == tag(one.data)
    verify_log(home.store("log"), home.verifier)
