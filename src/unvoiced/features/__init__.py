"""From a recording's bytes to training features: pure, in memory, and librosa's numbers."""

from unvoiced.features.extract import Extracted, extract, extract_samples, make_ready
from unvoiced.features.feature_set import ALGORITHM, ARRAYS, FeatureSet, builtin_names, load
from unvoiced.features.pack import pack, unpack, unpack_in_place
from unvoiced.features.reasons import REASONS
from unvoiced.features.recording import DEFAULT_MAX_SECONDS

__all__ = [
    "ALGORITHM",
    "ARRAYS",
    "DEFAULT_MAX_SECONDS",
    "REASONS",
    "Extracted",
    "FeatureSet",
    "builtin_names",
    "extract",
    "extract_samples",
    "load",
    "make_ready",
    "pack",
    "unpack",
    "unpack_in_place",
]
