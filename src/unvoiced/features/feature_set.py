"""A feature set: everything that decides the numbers of a feature array, under one digest.

The digest stands in the object names of the training store and in every sealed header, so arrays
made by different configurations can never be mistaken for each other.
"""

import hashlib
import tomllib
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Any, get_args, get_type_hints

import rfc8785

from unvoiced.errors import InputError
from unvoiced.names import feature_set_name

ALGORITHM = "unvoiced-features/1"
ARRAYS = ("log_mel", "mfcc", "mfcc_delta", "mfcc_delta2")
DEFAULT = "speech-16k"

_CHOICES = {
    "downmix": ("mean", "first"),
    "resampler": ("soxr_hq",),
    "window": ("hann",),
    "dtype": ("float16", "float32"),
    "precision": ("float64", "float32"),
}


@dataclass(frozen=True)
class FeatureSet:
    """A named extraction configuration; its fields carry librosa's names and meanings.

    `sample_rate`, `fmin` and `fmax` are in Hz, `n_fft`, `win_length` and `hop_length` in samples,
    `top_db` in decibels below the loudest band of the recording. `n_mfcc` is None exactly when no
    cepstral array is asked for. `precision` is what is computed in: "float64" is within 1e-4 dB of
    librosa, "float32" within 2e-3 dB at `top_db` 80, in about half the time. Raises InputError,
    naming the field and its bound.
    """

    name: str
    arrays: tuple[str, ...]
    dtype: str
    sample_rate: int
    downmix: str
    resampler: str
    n_fft: int
    win_length: int
    hop_length: int
    window: str
    n_mels: int
    fmin: float
    fmax: float
    top_db: float
    n_mfcc: int | None = None
    precision: str = "float64"

    def __post_init__(self) -> None:
        _check_types(self)
        feature_set_name(self.name)
        for field, allowed in _CHOICES.items():
            _require(field, getattr(self, field) in allowed, f"one of {', '.join(allowed)}")
        in_order = tuple(array for array in ARRAYS if array in self.arrays)
        _require(
            "arrays", bool(in_order) and self.arrays == in_order, f"some of {ARRAYS}, in that order"
        )
        _within("sample_rate", self.sample_rate, 1000, 192_000)
        _within("n_fft", self.n_fft, 16, 65_536)
        _require("n_fft", self.n_fft % 2 == 0, "even")
        _within("win_length", self.win_length, 2, self.n_fft, "n_fft")
        _within("hop_length", self.hop_length, 1, self.win_length, "win_length")
        _within("n_mels", self.n_mels, 1, self.n_fft // 2 + 1, "n_fft / 2 + 1")
        _within("fmax", self.fmax, 1.0, self.sample_rate / 2, "sample_rate / 2")
        _require("fmin", 0.0 <= self.fmin < self.fmax, "at least 0 and below fmax")
        _within("top_db", self.top_db, 1.0, 300.0)
        if self.arrays == ("log_mel",):
            _require("n_mfcc", self.n_mfcc is None, "absent when no cepstral array is asked for")
        else:
            _within("n_mfcc", self.n_mfcc or 0, 1, self.n_mels, "n_mels")

    @cached_property
    def digest(self) -> str:
        """SHA-256, in hex, of the RFC 8785 canonical JSON of all fields and `ALGORITHM`.

        `precision` is left out where it is "float64", as it was before there was another.
        """
        record = {**asdict(self), "arrays": list(self.arrays), "algorithm": ALGORITHM}
        if self.precision == "float64":
            del record["precision"]
        return hashlib.sha256(rfc8785.dumps(record)).hexdigest()

    @property
    def directory(self) -> str:
        """The folder of the training store that holds these features: `{name}-{digest8}`."""
        return f"{self.name}-{self.digest[:8]}"


def builtin_names() -> tuple[str, ...]:
    """The feature sets that come with the package, in alphabetical order."""
    sets = resources.files(__package__) / "sets"
    return tuple(sorted(entry.name.removesuffix(".toml") for entry in sets.iterdir()))


def load(name_or_path: str | Path = DEFAULT) -> FeatureSet:
    """The built-in feature set of that name, or the one that a `.toml` file describes.

    Raises InputError for an unknown name, an unreadable file, an unknown or missing field, or a
    value out of bounds.
    """
    path = Path(name_or_path)
    if str(name_or_path) in builtin_names():
        text = (resources.files(__package__) / "sets" / f"{name_or_path}.toml").read_text("utf-8")
    elif path.suffix == ".toml":
        try:
            text = path.read_text("utf-8")
        except (OSError, ValueError):
            raise InputError(f"{path} cannot be read as a feature set") from None
    else:
        known = ", ".join(builtin_names())
        raise InputError(
            f"no feature set {str(name_or_path)!r}: name a .toml file or one of {known}"
        )
    return parse(text, origin=str(name_or_path))


def parse(text: str, *, origin: str = "the feature set") -> FeatureSet:
    """The feature set written in this TOML text; `origin` is what error messages call it."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{origin} is not TOML: {error}") from None
    known = {field.name for field in fields(FeatureSet)}
    if unknown := sorted(table.keys() - known):
        raise InputError(f"{origin} has unknown fields: {', '.join(unknown)}")
    if missing := sorted(known - {"n_mfcc", "precision"} - table.keys()):
        raise InputError(f"{origin} lacks fields: {', '.join(missing)}")
    return FeatureSet(**{name: _from_toml(name, value) for name, value in table.items()})


# TOML values are of any type until `_check_types` has seen them.
def _from_toml(name: str, value: Any) -> Any:
    if name == "arrays" and isinstance(value, list):
        return tuple(value)
    if name in {"fmin", "fmax", "top_db"} and type(value) is int:
        return float(value)
    return value


def _check_types(feature_set: FeatureSet) -> None:
    for field, hint in get_type_hints(FeatureSet).items():
        value = getattr(feature_set, field)
        if field == "arrays":
            ok = type(value) is tuple and all(type(array) is str for array in value)
            _require(field, ok, "a list of names")
        else:
            # An exact comparison, because to Python True is an int.
            kinds = get_args(hint) or (hint,)
            _require(field, type(value) in kinds, f"of type {kinds[0].__name__}")


def _within(field: str, value: float, low: float, high: float, high_name: str = "") -> None:
    shown = f"{high_name} ({high:g})" if high_name else f"{high:g}"
    _require(field, low <= value <= high, f"from {low:g} to {shown}")


def _require(field: str, holds: bool, bound: str) -> None:
    if not holds:
        raise InputError(f"feature set field {field} must be {bound}")
