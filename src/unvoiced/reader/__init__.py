"""Reading features: listed without a key, opened with the dataset key, every read recorded."""

from unvoiced.reader.objects import FeatureObject, describe, feature_names, find_features
from unvoiced.reader.opener import FeatureOpener, Opened, Skipped, Wanted, no_quota
from unvoiced.reader.single import FeatureReader

__all__ = [
    "FeatureObject",
    "FeatureOpener",
    "FeatureReader",
    "Opened",
    "Skipped",
    "Wanted",
    "describe",
    "feature_names",
    "find_features",
    "no_quota",
]
