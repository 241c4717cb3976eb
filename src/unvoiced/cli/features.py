"""Commands of a data scientist: list features, look at one."""

import secrets
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from unvoiced.audit import AuditTrail, Purpose
from unvoiced.cli.display import counted, out, spectrogram, table
from unvoiced.cli.operator import Config
from unvoiced.config import FILE_NAME, load_settings
from unvoiced.errors import InputError
from unvoiced.reader import FeatureObject, FeatureReader, describe, feature_names, find_features
from unvoiced.sealing import PrivateKey

_PICTURES = {".png", ".pdf", ".svg"}


def ls(
    prefix: Annotated[
        str,
        typer.Argument(help="A feature set, with or without its digest, or feature-set/pseudonym."),
    ] = "",
    limit: Annotated[int, typer.Option(help="How many rows at most; 0 for all.")] = 50,
    config: Config = Path(FILE_NAME),
) -> None:
    """List what is in the training store, from the objects' headers; needs no key."""
    training = load_settings(config).store("training")
    wanted, _, rest = prefix.partition("/")
    shown: dict[str, list[tuple[str, ...]]] = {}
    size, count, foreign = 0, 0, 0
    for listed in feature_names(training, wanted):
        if not listed.name.split("/", 2)[2].startswith(rest):
            continue
        size, count = size + listed.size, count + 1
        if limit and count > limit:
            continue
        feature = describe(training, listed.name)
        if feature is None:
            foreign += 1
            continue
        duration = _number(feature.context.get("duration_seconds"))
        rate = _number(feature.context.get("source_sample_rate"))
        rows = shown.setdefault(f"{feature.feature_set}: {_rows(feature)}", [])
        rows.append((f"{feature.pseudonym}/{feature.sample}", f"{duration:.2f} s", f"{rate:g} Hz"))
    if prefix and not count:
        raise InputError(f"there are no features under {prefix!r}")
    for feature_set, rows in shown.items():
        columns = {"sample": "left", "length": "right", "recorded at": "right"}
        table(feature_set, columns, rows)
    if limit and count > limit:
        out.print(f"... and {count - limit:,} more (--limit 0 shows all)")
    if foreign:
        out.print(f"[yellow]not feature objects: {foreign:,}")
    out.print(f"{counted(count, 'object')}, {size / 1e6:,.1f} MB")


def show(
    sample: Annotated[str, typer.Argument(help="A sample id, or pseudonym/sample.")],
    png: Annotated[Path | None, typer.Option(help="Draw it into this file too.")] = None,
    config: Config = Path(FILE_NAME),
) -> None:
    """Open a sample's features with the dataset key and draw them; leaves an audit record."""
    if png is not None and (png.suffix not in _PICTURES or not png.absolute().parent.is_dir()):
        raise InputError(f"{png}: a picture ends in .png, .pdf or .svg, in a folder that is there")
    settings = load_settings(config)
    training = settings.store("training")
    found = find_features(training, sample)
    reader = FeatureReader(
        training,
        settings.log_reader(),
        PrivateKey(settings.vault("dataset").get("dataset/dataset")),
        AuditTrail(settings.store("audit"), run=f"cli-{secrets.token_hex(4)}"),
        Purpose.INSPECTION,
    )
    for feature in found:
        arrays = reader.read(feature)
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
            _draw(feature, arrays, file)
            out.print(f"Drawn into {file}")


def _draw(feature: FeatureObject, arrays: dict[str, np.ndarray], path: Path) -> None:
    import matplotlib as mpl  # here, as it takes longer to import than all else

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(
        len(arrays), 1, figsize=(10, 2.8 * len(arrays)), squeeze=False, layout="constrained"
    )
    seconds = _number(feature.context.get("duration_seconds"))
    for axis, (name, array) in zip(axes[:, 0], arrays.items(), strict=True):
        cepstral = name == "mfcc"
        drawn = axis.imshow(
            array[1 if cepstral else 0 :].astype(np.float32),
            aspect="auto",
            origin="lower",
            cmap="magma",
            extent=(0, seconds, 1 if cepstral else 0, array.shape[0]),
        )
        title = f"{name} (energy coefficient left out)" if cepstral else name
        axis.set(title=title, xlabel="seconds", ylabel="mel band" if name == "log_mel" else "index")
        figure.colorbar(drawn, ax=axis, label="dB" if name == "log_mel" else None)
    figure.savefig(path, dpi=120)
    plt.close(figure)


def _rows(feature: FeatureObject) -> str:
    arrays = feature.context.get("arrays")
    if not isinstance(arrays, dict):
        return ""
    return ", ".join(f"{name} x {shape[0]}" for name, shape in arrays.items())  # type: ignore[index]


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
