"""The steps of the catalog flow. What Prefect sees is names of feature sets and shards, counts."""

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from prefect import task
from prefect.client.schemas.objects import State
from prefect.states import Completed

from tasks.artifacts import Bar, show
from tasks.ingest import STEP
from unvoiced.catalog.build import (
    ERASED,
    FOREIGN,
    FOREIGN_NAME,
    NO_RECEIPT,
    CatalogBuilder,
    SetReport,
)
from unvoiced.config import load_settings

WHAT_TO_DO = {
    FOREIGN_NAME: "see who put them into the training store",
    FOREIGN: "see who put them there; its header says another name than it stands under",
    NO_RECEIPT: "nothing while a run is at work: it is listed once the receipt is logged; "
    "else see who put them there",
    ERASED: "nothing: an erasure that is under way destroys them",
}


def short_run_name() -> str:
    """A run's name in the list of runs: when it began, to the second, in UTC."""
    return f"catalog {datetime.now(UTC):%m-%d %H:%M:%S}"


def _builder(config: str) -> CatalogBuilder:
    return CatalogBuilder.of(load_settings(Path(config)))


@task(name="list-feature-sets", task_run_name="list the feature sets", **STEP)
def list_feature_sets(config: str) -> list[str]:
    """Every feature set that has features, or shards still."""
    return _builder(config).feature_sets()


@task(name="build-shards", task_run_name="{feature_set}", **STEP)
def build_shards(config: str, feature_set: str, anew: bool) -> SetReport:
    """Bring the shards of one feature set up to date."""
    bar = Bar("catalog", feature_set)
    return _builder(config).build(feature_set, anew=anew, told=bar.of)


def publish(reports: list[SetReport]) -> State[None]:
    """Write the artifacts; returns how the run ended."""
    left_out = sum((one.left_out for one in reports), Counter[str]())
    damaged = [name for one in reports for name in one.damaged]
    show(
        "catalog",
        "What the catalog lists now, by feature set",
        _summary(reports, left_out, damaged),
        _exceptions(left_out, damaged),
    )
    new, removed = (sum(one.new for one in reports), sum(one.removed for one in reports))
    samples = sum(one.rows for one in reports)
    sets = "1 feature set" if len(reports) == 1 else f"{len(reports):,} feature sets"
    message = f"{samples:,} rows in {sets}: {new:,} new, {removed:,} removed"
    if damaged:
        return Completed(name="CatalogRepaired", message=f"{message}; {len(damaged):,} made anew")
    if left_out:
        count = sum(left_out.values())
        return Completed(name="CompletedWithForeign", message=f"{message}; {count:,} left out")
    if not new and not removed:
        return Completed(name="NothingNew", message=message)
    return Completed(message=message)


def _summary(reports: list[SetReport], left_out: Counter[str], damaged: list[str]) -> str:
    rows = [
        f"| {one.feature_set} | {one.rows:,} | {one.new:,} | {one.removed:,} "
        f"| {one.length} | {one.shards_put:,} |"
        for one in reports
    ]
    lines = [
        _headline(reports, left_out, damaged),
        "",
        "| feature set | rows | new | removed | length | shards put |",
        "|---|---:|---:|---:|---:|---:|",
        *rows,
    ]
    if left_out:
        lines += ["", "Objects left out:", ""]
        lines += [f"- {count:,}: {why}" for why, count in sorted(left_out.items())]
    if damaged:
        lines += ["", "Not shards of ours, or damaged; made anew:", ""]
        lines += [f"- {name}" for name in damaged]
    return "\n".join(lines)


def _headline(reports: list[SetReport], left_out: Counter[str], damaged: list[str]) -> str:
    rows = sum(one.rows for one in reports)
    said = f"**The catalog lists {rows:,} feature objects.**"
    if damaged:
        return f"{said} Shards were damaged and are whole again: see who may write there."
    if left_out:
        return f"{said} Others are not in it: the table of exceptions says why."
    return f"{said} Nothing is to be done."


def _exceptions(left_out: Counter[str], damaged: list[str]) -> list[dict[str, str]]:
    return [
        *({"object": f"{count:,} objects", "outcome": "left out", "reason": why,
           "what to do": WHAT_TO_DO[why]} for why, count in sorted(left_out.items())),
        *({"object": name, "outcome": "made anew", "reason": "no shard of ours, or damaged",
           "what to do": "see who may write to the training store"} for name in damaged),
    ]  # fmt: skip
