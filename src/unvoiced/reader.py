"""Reading features back: list them without a key, open them with the dataset key.

INV-8 what is opened was recorded in the audit trail first.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from unvoiced.audit import AuditTrail, Purpose
from unvoiced.errors import InputError, NotFound
from unvoiced.features import unpack
from unvoiced.keys.contributor import key_context, key_object_name
from unvoiced.names import SUFFIX
from unvoiced.sealing import Json, Keyring, PrivateKey, open_sealed, parse_header
from unvoiced.stores import Store

_PREFIX = "features/"


@dataclass(frozen=True)
class FeatureObject:
    """A feature object as its header describes it; not authenticated until it is opened."""

    name: str
    feature_set: str  # directory: name and first 8 digits of the digest
    pseudonym: str
    sample: str
    size: int
    context: Mapping[str, Json]


def list_features(training: Store, prefix: str = "") -> Iterator[FeatureObject]:
    """Every feature object under `features/{prefix}`, in order of name."""
    for listed in training.list(_PREFIX + prefix):
        try:
            yield _describe(listed.name, training.get(listed.name).data)
        except NotFound:
            continue


def find_features(training: Store, sample: str) -> list[FeatureObject]:
    """The feature objects of a sample, named by its id, by `pseudonym/sample`, or in full.

    Raises `InputError` when there is none.
    """
    wanted = sample if sample.endswith(SUFFIX) else sample + SUFFIX
    found = [
        _describe(listed.name, training.get(listed.name).data)
        for listed in training.list(_PREFIX)
        if listed.name == wanted or listed.name.endswith(f"/{wanted}")
    ]
    if not found:
        raise InputError(f"there are no features of {sample!r} in the training store")
    return found


class FeatureReader:
    """Opens feature arrays for one purpose."""

    def __init__(
        self, training: Store, dataset: PrivateKey, audit: AuditTrail, purpose: Purpose
    ) -> None:
        self._training = training
        self._dataset = dataset
        self._audit = audit
        self._purpose = purpose
        self._contributors: dict[str, PrivateKey] = {}

    def read(self, feature: FeatureObject) -> dict[str, np.ndarray]:
        """The arrays of one object, each (rows, frames). Raises `OpenError`, `NotFound`."""
        sealed = self._training.get(feature.name).data
        self._audit.record([hashlib.sha256(sealed).hexdigest()], self._purpose)
        key = self._contributor_key(feature.pseudonym)
        expect: dict[str, Json] = {
            "purpose": "features",
            "pseudonym": feature.pseudonym,
            "sample": feature.sample,
            "feature_set": feature.context.get("feature_set"),
        }
        with open_sealed(sealed, Keyring([key]), expect) as packed:
            return unpack(packed.data)

    def _contributor_key(self, pseudonym: str) -> PrivateKey:
        if pseudonym not in self._contributors:
            sealed = self._training.get(key_object_name(pseudonym)).data
            with open_sealed(sealed, self._dataset, key_context(pseudonym)) as secret:
                self._contributors[pseudonym] = PrivateKey(secret.data)
        return self._contributors[pseudonym]


def _describe(name: str, sealed: bytes) -> FeatureObject:
    parts = name.removesuffix(SUFFIX).split("/")
    if len(parts) != 4 or not name.endswith(SUFFIX):
        raise InputError(f"{name} is no feature object's name")
    _, feature_set, pseudonym, sample = parts
    context = parse_header(sealed).context
    if str(context.get("feature_set"))[:8] != feature_set.rpartition("-")[2]:
        raise InputError(f"{name} says it is of another feature set than its folder")
    return FeatureObject(name, feature_set, pseudonym, sample, len(sealed), context)
