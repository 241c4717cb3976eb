"""Reading one feature object at a time, with the stores, log and key that the caller has at hand.

Each is a record of its own; views (`unvoiced.open`) are the way to read many.
"""

from unvoiced.audit import AuditTrail, Purpose
from unvoiced.errors import OpenError
from unvoiced.log.reader import LogReader
from unvoiced.reader.objects import FeatureObject
from unvoiced.reader.opener import Admit, Arrays, FeatureOpener, Opened, Skipped, Wanted
from unvoiced.sealing import PrivateKey
from unvoiced.stores import Store


class FeatureReader:
    """Reads one object at a time, and says why it cannot."""

    def __init__(
        self,
        training: Store,
        log: LogReader,
        dataset: PrivateKey,
        audit: AuditTrail,
        purpose: Purpose,
        admit: Admit,
    ) -> None:
        """`admit` is a quota's (`audit.quota`); `reader.session` has that of the settings."""
        self._opener = FeatureOpener(training, log, dataset, audit, purpose, admit)

    def open(self, name: str) -> Opened:
        """One object by its name.

        Raises `NotFound`; `VerificationError` where no receipt names it, or where its
        contributor's key is unknown to the log, or destroyed by it; `OpenError`; `AccessError`
        where a quota is used up.
        """
        (answer,) = self._opener.open([Wanted(name)])
        if isinstance(answer, Skipped):
            raise answer.error
        return answer

    def read(self, feature: FeatureObject) -> Arrays:
        """The arrays of one object, each (rows, frames).

        Raises as `open` does, and `OpenError` where it is not what `feature` says it is.
        """
        opened = self.open(feature.name)
        said = (opened.name.feature_set, opened.name.pseudonym, opened.name.sample)
        described = (feature.feature_set, feature.pseudonym, feature.sample)
        if described != said or feature.context != opened.context:
            raise OpenError
        return opened.arrays
