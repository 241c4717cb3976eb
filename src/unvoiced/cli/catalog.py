"""Commands over the catalog: build, ls, query."""

import csv
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from unvoiced.catalog.build import CatalogBuilder, SetReport, build_all
from unvoiced.catalog.query import run_query
from unvoiced.catalog.table import feature_sets, load, missing_shards
from unvoiced.cli.display import counted, err, table
from unvoiced.cli.operator import Config
from unvoiced.config import FILE_NAME, load_settings
from unvoiced.errors import InputError


def build(
    anew: Annotated[
        bool, typer.Option("--anew", help="Read every object again; take no row from before.")
    ] = False,
    config: Config = Path(FILE_NAME),
) -> None:
    """Bring the catalog up to date with the training store; needs no key.

    Reads the objects that are new or changed since the last build, and lists the others.
    """
    builder = CatalogBuilder.of(load_settings(config))
    reports = build_all(builder, anew=anew)
    if not reports:
        err.print("there are no features yet")
        return
    _built(reports)


def ls(config: Config = Path(FILE_NAME)) -> None:
    """List the feature sets in the catalog, and the shards that the next build has to make."""
    training = load_settings(config).store("training")
    rows, missing = [], []
    for feature_set in feature_sets(training):
        found = load(training, feature_set)
        lengths = filter(None, found["duration_seconds"].to_pylist())
        rows.append(
            (
                feature_set,
                f"{found.num_rows:,}",
                f"{len(found['pseudonym'].unique()):,}",
                f"{sum(lengths) / 3600:,.1f}",
                f"{sum(found['size'].to_pylist()) / 1e6:,.1f}",
            )
        )
        missing += missing_shards(training, feature_set)
    if not rows:
        raise InputError("there is no catalog: unvoiced catalog build")
    columns = dict.fromkeys(("samples", "contributors", "hours", "MB"), "right")
    table("Catalog", {"feature set": "left", **columns}, rows)
    if missing:
        err.print(
            f"{counted(len(missing), 'shard')} missing since an erasure: unvoiced catalog build",
            style="yellow",
        )


def query(
    sql: Annotated[str, typer.Argument(help="SQL of DuckDB; the table is called catalog.")],
    as_csv: Annotated[bool, typer.Option("--csv", help="As CSV.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As a list of JSON objects.")] = False,
    config: Config = Path(FILE_NAME),
) -> None:
    """Ask the catalog, of all feature sets; columns: docs/catalog.md.

    For example: select feature_set, count(*), sum(duration_seconds) / 3600 from catalog group by 1
    """
    if as_csv and as_json:
        raise InputError("either --csv or --json")
    columns, rows = run_query(load(load_settings(config).store("training"), ""), sql)
    if as_json:
        found = [dict(zip(columns, row, strict=True)) for row in rows]
        sys.stdout.write(json.dumps(found, indent=2, default=str) + "\n")
    elif as_csv:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)
    else:
        _show(columns, rows)


def _show(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    numbers = (int, float)
    first = rows[0] if rows else [""] * len(columns)
    justify = ["right" if isinstance(one, numbers) else "left" for one in first]
    # A column's heading must be its own in a rich table's dict of columns.
    headings = {
        f"{escape(name)}{' ' * at}": how
        for at, (name, how) in enumerate(zip(columns, justify, strict=True))
    }
    shown = [tuple("" if one is None else escape(str(one)) for one in row) for row in rows]
    table(counted(len(rows), "row"), headings, shown)


def _built(reports: Sequence[SetReport]) -> None:
    columns = dict.fromkeys(("samples", "new", "removed", "hours", "shards put"), "right")
    rows = [
        (
            one.feature_set,
            *(f"{count:,}" for count in (one.rows, one.new, one.removed)),
            f"{one.hours:,.1f}",
            f"{one.shards_put:,}",
        )
        for one in reports
    ]
    table("Catalog built", {"feature set": "left", **columns}, rows)
    for one in reports:
        for why, count in sorted(one.left_out.items()):
            objects = counted(count, "object")
            err.print(f"{one.feature_set}: {objects} left out: {why}", style="yellow")
        for name in one.damaged:
            err.print(f"{name}: was no shard of the catalog; made anew", style="yellow")
