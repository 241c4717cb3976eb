"""Reading features back: list them without a key, open them with the dataset key.

INV-8  what is opened was recorded in the audit trail first.
INV-10 a key that the log says was destroyed opens nothing, wherever it turns up again.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from unvoiced.audit import AuditTrail, Purpose
from unvoiced.errors import InputError, NotFound, VerificationError
from unvoiced.features import unpack
from unvoiced.keys.contributor import key_context, key_object_name
from unvoiced.log.ledger import Ledger
from unvoiced.log.reader import LogReader
from unvoiced.log.verify import features_of
from unvoiced.names import SUFFIX
from unvoiced.sealing import Json, Keyring, PrivateKey, open_sealed, parse_header
from unvoiced.stores import Entry, Store

_PREFIX = "features/"
_NAME = re.compile(
    r"features/(?P<feature_set>[a-z0-9-]+-(?P<digest>[0-9a-f]{8}))"
    rf"/(?P<pseudonym>[a-z2-7]{{26}})/(?P<sample>[a-z0-9-]+){re.escape(SUFFIX)}"
)


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
    for listed in training.list(_PREFIX + feature_set):
        match = _NAME.fullmatch(listed.name)
        if match is None:
            continue
        folder = match["feature_set"]
        if not feature_set or feature_set in {folder, folder.removesuffix(f"-{match['digest']}")}:
            found = True
            yield listed
    if feature_set and not found:
        raise InputError(f"there are no features of the set {feature_set!r}")


def describe(training: Store, name: str) -> FeatureObject | None:
    """A feature object by its header, or None where there is none that is one."""
    match = _NAME.fullmatch(name)
    try:
        sealed = training.get(name).data
        context = parse_header(sealed).context
    except (NotFound, InputError):
        return None
    if match is None or str(context.get("feature_set"))[:8] != match["digest"]:
        return None
    return FeatureObject(
        name, match["feature_set"], match["pseudonym"], match["sample"], len(sealed), context
    )


def find_features(training: Store, sample: str) -> list[FeatureObject]:
    """The feature objects of a sample, named by its id, by `pseudonym/sample`, or in full.

    Raises `InputError` when there is none.
    """
    wanted = sample.removesuffix(SUFFIX) + SUFFIX
    names = [
        listed.name
        for listed in feature_names(training)
        if listed.name == wanted or listed.name.endswith(f"/{wanted}")
    ]
    found = [described for name in names if (described := describe(training, name)) is not None]
    if not found:
        raise InputError(f"there are no features of {sample!r} in the training store")
    return found


class FeatureReader:
    """Opens feature arrays for one purpose.

    Only objects that a receipt of the log names are opened: a contributor's public key is in plain
    sight, so whoever can write the training store could seal arrays of their own to it. And only
    with a key whose object the log knows and does not say is destroyed: a restored backup brings
    nobody's features back. The log is read as far as it goes when a contributor's key is first
    needed; a reader that holds the key by then keeps it until it is gone itself.
    """

    def __init__(
        self,
        training: Store,
        log: LogReader,
        dataset: PrivateKey,
        audit: AuditTrail,
        purpose: Purpose,
    ) -> None:
        self._training = training
        self._log = log
        self._ledger = Ledger()
        self._genuine: set[str] = set()
        self._dataset = dataset
        self._audit = audit
        self._purpose = purpose
        self._contributors: dict[str, PrivateKey] = {}

    def read(self, feature: FeatureObject) -> dict[str, np.ndarray]:
        """The arrays of one object, each (rows, frames).

        Raises `NotFound`; `VerificationError` where no receipt names it, or where its
        contributor's key is unknown to the log, or destroyed by it; `OpenError`.
        """
        sealed = self._training.get(feature.name).data
        digest = hashlib.sha256(sealed).hexdigest()
        if digest not in self._genuine:
            self._read_on()
        if digest not in self._genuine:
            raise VerificationError(f"{feature.name}: no receipt of the log names this object")
        self._audit.record([digest], self._purpose)
        key = self._contributor_key(feature.pseudonym)
        expect: dict[str, Json] = {
            "purpose": "features",
            "pseudonym": feature.pseudonym,
            "sample": feature.sample,
            "feature_set": feature.context.get("feature_set"),
        }
        with open_sealed(sealed, Keyring([key]), expect) as packed:
            return unpack(packed.data)

    def _read_on(self) -> None:
        """Take in what was logged since the log was read last."""
        for data in self._log.entries(self._ledger.size, self._log.checkpoint().size):
            self._genuine |= features_of(self._ledger.enter(data))

    def _contributor_key(self, pseudonym: str) -> PrivateKey:
        if pseudonym not in self._contributors:
            sealed = self._training.get(key_object_name(pseudonym)).data
            self._check_key(key_object_name(pseudonym), hashlib.sha256(sealed).hexdigest())
            with open_sealed(sealed, self._dataset, key_context(pseudonym)) as secret:
                self._contributors[pseudonym] = PrivateKey(secret.data)
        return self._contributors[pseudonym]

    def _check_key(self, name: str, digest: str) -> None:
        self._read_on()
        if digest in self._ledger.destroyed_contributor_keys:
            raise VerificationError(f"{name}: the log says that this key was destroyed")
        if digest not in self._ledger.contributor_keys:
            raise VerificationError(f"{name}: the log knows no such key object")
