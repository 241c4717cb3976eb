"""Commands over the catalog: build, ls, query."""

import csv
import json
import sys
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from unvoiced.catalog.build import CatalogBuilder, SetReport, build_all
from unvoiced.catalog.query import run_query
from unvoiced.catalog.row import length_in_words
from unvoiced.catalog.table import BUILD, feature_sets, load, missing_shards, no_catalog
from unvoiced.cli.display import counted, err, out, table
from unvoiced.cli.operator import Config
from unvoiced.config import FILE_NAME, load_settings
from unvoiced.errors import InputError
from unvoiced.names import FEATURES


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
                length_in_words(sum(lengths)),
                f"{sum(found['size'].to_pylist()) / 1e6:,.1f}",
            )
        )
        missing += missing_shards(training, feature_set)
    if not rows:
        if not any(training.folders(FEATURES)):
            raise InputError("the catalog is empty: there are no features")
        raise InputError(no_catalog())
    columns = dict.fromkeys(("samples", "contributors", "length", "MB"), "right")
    table("Catalog", {"feature set": "left", **columns}, rows)
    if missing:
        err.print(
            f"{counted(len(missing), 'shard')} missing since an erasure: {BUILD}",
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
    """A table; one field a line where that would be wider than the terminal."""
    cells = [[_cell(one) for one in row] for row in rows]
    # A column's heading must be its own in a rich table's dict of columns.
    headings = [f"{name}{' ' * at}" for at, name in enumerate(columns)]
    widths = [max(map(len, column)) for column in zip(headings, *cells, strict=True)]
    if sum(widths) + 3 * len(widths) + 1 > out.width:
        for row in cells:
            for name, cell in zip(columns, row, strict=True):
                line = f"{name:{max(map(len, columns))}}  {cell}".rstrip()
                out.print(line, markup=False, highlight=False, soft_wrap=True)
            out.print()
        out.print(counted(len(rows), "row"))
        return
    numbers = (int, float, Decimal)
    first = rows[0] if rows else [""] * len(columns)
    justify = ["right" if isinstance(one, numbers) else "left" for one in first]
    justified = {escape(name): how for name, how in zip(headings, justify, strict=True)}
    shown = [tuple(map(escape, row)) for row in cells]
    table(counted(len(rows), "row"), justified, shown)


def _cell(value: Any) -> str:
    """A value for people: what --csv and --json print is exact."""
    if isinstance(value, float | Decimal):
        number = float(value)
        return f"{number:.3f}" if abs(number) >= 1 else f"{number:.3g}"
    if isinstance(value, datetime):
        return value.isoformat(" ", "seconds").replace("+00:00", "Z")
    return "" if value is None else str(value)


def _built(reports: Sequence[SetReport]) -> None:
    columns = dict.fromkeys(("samples", "new", "removed", "length", "shards put"), "right")
    rows = [
        (
            one.feature_set,
            *(f"{count:,}" for count in (one.rows, one.new, one.removed)),
            one.length,
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
