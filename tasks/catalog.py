"""The steps of the catalog flow. What Prefect sees is names of feature sets and shards, counts."""

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from prefect import task
from prefect.artifacts import create_markdown_artifact
from prefect.client.schemas.objects import State
from prefect.states import Completed

from tasks.ingest import STEP
from unvoiced.catalog.build import CatalogBuilder, SetReport
from unvoiced.config import load_settings


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
    return _builder(config).build(feature_set, anew=anew)


def publish(reports: list[SetReport]) -> State[None]:
    """Write the report; returns how the run ended."""
    left_out = sum((one.left_out for one in reports), Counter[str]())
    damaged = [name for one in reports for name in one.damaged]
    create_markdown_artifact(
        key="catalog-report",
        description="What the catalog lists now, by feature set",
        markdown=_summary(reports, left_out, damaged),
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
    return "\n".join(lines) + "\n"
