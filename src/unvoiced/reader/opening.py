"""From a deployment's settings to its features: what `unvoiced.open` does."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from unvoiced.audit import Purpose
from unvoiced.config import Settings, load_settings
from unvoiced.errors import InputError
from unvoiced.reader.inventory import Names, feature_set_folder, take_inventory
from unvoiced.reader.labels import attach
from unvoiced.reader.session import Access
from unvoiced.reader.view import Giving, View


def settings_at(url: str | Path) -> Settings:
    """The settings that a path or a file:// url leads to. Raises `InputError`."""
    text = str(url)
    parts = urlsplit(text)
    if isinstance(url, Path) or "://" not in text:
        return load_settings(Path(text))
    if parts.scheme != "file" or parts.netloc not in {"", "localhost"}:
        raise InputError(
            f"{text!r} is no place of settings: name a deployment's folder or its unvoiced.toml,"
            " which says where the stores are"
        )
    return load_settings(Path(unquote(parts.path)))


def open_view(
    settings: Settings,
    purpose: str,
    *,
    feature_set: str | None = None,
    where: str | None = None,
    labels: Any = None,
    arrays: Sequence[str] | None = None,
    names: Names = "store",
    prefetch_bytes: int = 64 * 2**20,
    run: str = "reader",
) -> View:
    """As `unvoiced.open`, from settings."""
    if names not in {"store", "catalog"}:
        raise InputError("names come from the store or from the catalog")
    access = Access(settings, Purpose.of(purpose), run)
    training = access.session().training
    inventory = take_inventory(training, feature_set_folder(training, feature_set), names)
    chosen = None if arrays is None else inventory.choose_arrays(arrays)
    giving = Giving(chosen, prefetch_bytes)
    if labels is not None:
        inventory.labels = attach(labels, inventory.names)
    view = View(access, inventory, giving)
    return view if where is None else view.where(where)
