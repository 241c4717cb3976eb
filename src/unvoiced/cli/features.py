"""Commands of a data scientist: list features, look at one."""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from unvoiced.audit import Purpose
from unvoiced.cli.display import counted, out, spectrogram, table
from unvoiced.cli.operator import Config
from unvoiced.config import FILE_NAME, load_settings
from unvoiced.errors import InputError
from unvoiced.names import parse_feature_name
from unvoiced.reader import Opened, Skipped, Wanted, feature_names, find_features
from unvoiced.reader.inventory import catalog_of
from unvoiced.reader.session import Session
from unvoiced.stores import Store

_PICTURES = {".png", ".pdf", ".svg"}


def ls(
    prefix: Annotated[
        str,
        typer.Argument(help="A feature set, with or without its digest, or feature-set/pseudonym."),
    ] = "",
    limit: Annotated[int, typer.Option(help="How many rows at most; 0 for all.")] = 50,
    config: Config = Path(FILE_NAME),
) -> None:
    """List what is in the training store; no object is read, and no key needed.

    Lengths are the catalog's, which `unvoiced catalog build` brings up to date.
    """
    training = load_settings(config).store("training")
    wanted, _, rest = prefix.partition("/")
    shown: dict[str, list[tuple[str, ...]]] = {}
    seconds: dict[str, float] = {}
    size, count = 0, 0
    for listed in feature_names(training, wanted):
        said = parse_feature_name(listed.name)
        if said is None or not listed.name.split("/", 2)[2].startswith(rest):
            continue
        size, count = size + listed.size, count + 1
        if limit and count > limit:
            continue
        if said.feature_set not in shown:
            shown[said.feature_set] = []
            seconds |= _lengths(training, said.feature_set)
        length = f"{seconds[said.name]:.2f} s" if said.name in seconds else ""
        row = (f"{said.pseudonym}/{said.sample}", f"{listed.size / 1e3:,.1f} kB", length)
        shown[said.feature_set].append(row)
    if prefix and not count:
        raise InputError(f"there are no features under {prefix!r}")
    for feature_set, rows in shown.items():
        columns = {"sample": "left", "sealed": "right", "length": "right"}
        table(feature_set, columns, rows)
    if limit and count > limit:
        out.print(f"... and {count - limit:,} more (--limit 0 shows all)")
    out.print(f"{counted(count, 'object')}, {size / 1e6:,.1f} MB")


def _lengths(training: Store, feature_set: str) -> dict[str, float]:
    """Seconds by name, as far as there is a catalog and something to read it with."""
    catalog = catalog_of(training, feature_set)
    if catalog is None:
        return {}
    columns = (catalog[column].to_pylist() for column in ("name", "duration_seconds"))
    return {name: length for name, length in zip(*columns, strict=True) if length is not None}


def show(
    sample: Annotated[str, typer.Argument(help="A sample id, or pseudonym/sample.")],
    png: Annotated[Path | None, typer.Option(help="Draw it into this file too.")] = None,
    config: Config = Path(FILE_NAME),
) -> None:
    """Open a sample's features with the dataset key and draw them; leaves an audit record.

    Counts towards `[reading] inspection_per_day`.
    """
    if png is not None and (png.suffix not in _PICTURES or not png.absolute().parent.is_dir()):
        raise InputError(f"{png}: a picture ends in .png, .pdf or .svg, in a folder that is there")
    settings = load_settings(config)
    found = find_features(settings.store("training"), sample)
    session = Session(settings, Purpose.INSPECTION, "cli")
    for feature in found:
        (opened,) = session.read([Wanted(feature.name)])
        if isinstance(opened, Skipped):
            raise opened.error
        arrays = opened.arrays
        out.print(
            f"[bold]{feature.pseudonym}/{feature.sample}[/]  {feature.feature_set}", highlight=False
        )
        for name, array in arrays.items():
            out.print(
                f"{name} {array.shape} {array.dtype}: {array.min():.1f} to {array.max():.1f}"
                f"{' dB' if name == 'log_mel' else ''}"
            )
            # The energy coefficient is so much larger than the others that it would hide them.
            drawn, height = (array[1:], 6) if name == "mfcc" else (array, 12)
            out.print(spectrogram(drawn, height=height))
        if png is not None:
            file = png if len(found) == 1 else png.with_stem(f"{png.stem}-{feature.feature_set}")
            _draw(opened, file)
            out.print(f"Drawn into {file}")


def _draw(opened: Opened, path: Path) -> None:
    import matplotlib as mpl  # here, as it takes longer to import than all else

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    arrays, seconds = opened.arrays, opened.context.get("duration_seconds")
    length = float(seconds) if isinstance(seconds, int | float) else 0.0
    figure, axes = plt.subplots(
        len(arrays), 1, figsize=(10, 2.8 * len(arrays)), squeeze=False, layout="constrained"
    )
    for axis, (name, array) in zip(axes[:, 0], arrays.items(), strict=True):
        cepstral = name == "mfcc"
        drawn = axis.imshow(
            array[1 if cepstral else 0 :].astype(np.float32),
            aspect="auto",
            origin="lower",
            cmap="magma",
            extent=(0, length, 1 if cepstral else 0, array.shape[0]),
        )
        title = f"{name} (energy coefficient left out)" if cepstral else name
        axis.set(title=title, xlabel="seconds", ylabel="mel band" if name == "log_mel" else "index")
        figure.colorbar(drawn, ax=axis, label="dB" if name == "log_mel" else None)
    figure.savefig(path, dpi=120)
    plt.close(figure)
