"""Feature objects by their names and headers: found and described without any key."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from unvoiced.errors import InputError, NotFound
from unvoiced.names import FEATURES, SUFFIX, FeatureName, parse_feature_name
from unvoiced.sealing import Json, parse_header
from unvoiced.stores import Entry, Store


@dataclass(frozen=True)
class FeatureObject:
    """A feature object as its header describes it; not authenticated until it is opened."""

    name: str
    feature_set: str  # directory: name and first 8 digits of the digest
    pseudonym: str
    sample: str
    size: int
    context: Mapping[str, Json]


def feature_names(training: Store, feature_set: str = "") -> Iterator[Entry]:
    """The listed objects that bear a feature object's name, of all feature sets or of one.

    A set is named whole: `speech-16k` is every set of that name, whatever its digest, and not
    `speech-16k-float32`; `speech-16k-DIGEST8`, as its folder is called, is that one alone. At the
    end, raises `InputError` where there was nothing of the set that was named.
    """
    found = False
    for listed in training.list(FEATURES + feature_set):
        said = parse_feature_name(listed.name)
        if said is None:
            continue
        if not feature_set or feature_set in {said.feature_set, said.set_name}:
            found = True
            yield listed
    if feature_set and not found:
        raise InputError(f"there are no features of the set {feature_set!r}")


def describe(training: Store, name: str) -> FeatureObject | None:
    """A feature object by its header, or None where there is none that is one."""
    said = parse_feature_name(name)
    try:
        sealed = training.get(name).data
        context = parse_header(sealed).context
    except (NotFound, InputError):
        return None
    if said is None or str(context.get("feature_set"))[:8] != said.digest8:
        return None
    return FeatureObject(name, said.feature_set, said.pseudonym, said.sample, len(sealed), context)


def find_features(training: Store, sample: str) -> list[FeatureName]:
    """The feature objects of a sample, named by its id, by `pseudonym/sample`, or in full.

    Only names are looked at. Raises `InputError` when there is none.
    """
    wanted = sample.removesuffix(SUFFIX) + SUFFIX
    found = [
        said
        for listed in feature_names(training)
        if (listed.name == wanted or listed.name.endswith(f"/{wanted}"))
        and (said := parse_feature_name(listed.name)) is not None
    ]
    if not found:
        raise InputError(f"there are no features of {sample!r} in the training store")
    return found
