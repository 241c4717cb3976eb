"""The log and the ledger of its leaves, kept in step: how everything else writes to the log.

Two runs may want to say the same at the same time. Every attempt to append first takes in what was
logged meanwhile and drops what may no longer follow, so each acceptance has one leaf and each
disposal one receipt, however many runs saw it.
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress

from unvoiced.errors import StoreError, VerificationError
from unvoiced.log.leaves import parse_leaf
from unvoiced.log.ledger import Ledger
from unvoiced.log.reader import LogReader
from unvoiced.log.remembered import RememberedCheckpoint
from unvoiced.log.verify import features_with_receipt
from unvoiced.log.writer import LogWriter


class Accounts:
    """Appends leaves that the ledger admits, and answers from the log as it stands now.

    With `remembered`, `reader` has to have been given what it holds; `remember` moves it on.
    """

    def __init__(
        self,
        writer: LogWriter,
        reader: LogReader,
        remembered: RememberedCheckpoint | None = None,
    ) -> None:
        self._writer = writer
        self._reader = reader
        self._remembered = remembered
        self._ledger = Ledger()
        self._feature_digests: set[str] = set()
        self._feature_digests_size = 0

    def current(self) -> Ledger:
        """The ledger, up to the newest published checkpoint."""
        self._follow(self._reader.checkpoint().size)
        return self._ledger

    def append(self, leaves: Sequence[bytes], *, as_of: int | None = None) -> set[str]:
        """Log those leaves that may follow what is logged; returns the digests they are about.

        `as_of` is the size the log had before the recordings they accept were read: one that
        another run has disposed of since is not accepted again for having been seen before.
        """
        if not leaves:
            return set()
        admitted: list[bytes] = []
        known = self._reader.checkpoint().size

        def build(size: int) -> list[bytes]:
            if size < known:
                raise VerificationError(f"the log went back from {known} entries to {size}")
            self._follow(size)
            stale = set() if as_of is None else self._disposed_since(as_of, size)
            admitted[:] = self._ledger.admissible(
                [data for data in leaves if parse_leaf(data).digest not in stale]
            )
            return admitted

        self._writer.append(build)
        return {parse_leaf(data).digest for data in admitted}

    def _disposed_since(self, start: int, size: int) -> set[str]:
        leaves = map(parse_leaf, self._reader.entries(start, size))
        return {leaf.digest for leaf in leaves if leaf.kind == "disposed"}

    def let_go_since(self, start: int) -> dict[str, int]:
        """The digests that were released or disposed of from entry `start` on, and where last."""
        size = self.current().size
        leaves = enumerate(map(parse_leaf, self._reader.entries(min(start, size), size)), start)
        return {
            leaf.digest: index for index, leaf in leaves if leaf.kind in {"released", "disposed"}
        }

    def remember(self) -> None:
        """Keep the newest checkpoint, so that the next process refuses a log that went back.

        Where that fails, the one kept before still stands guard, and work that is done stays done.
        """
        if self._remembered is not None:
            self._reader.checkpoint()
            with suppress(StoreError):
                self._remembered.keep(self._reader.note)

    def has_receipt_for_features(self, digest: str) -> bool:
        """Whether some receipt names this feature object, so that it is known to be ours.

        Asked only when an unexpected object stands where features are to go.
        """
        return digest in self.with_receipt_for_features([digest])

    def with_receipt_for_features(self, digests: Iterable[str]) -> set[str]:
        """Those of these feature objects that some receipt names.

        Reads the receipts once, and then only what came since.
        """
        size = self._reader.checkpoint().size
        self._feature_digests |= features_with_receipt(self._reader, self._feature_digests_size)
        self._feature_digests_size = size
        return self._feature_digests.intersection(digests)

    def _follow(self, size: int) -> None:
        if size > self._ledger.size:
            self._ledger.follow(self._reader.entries, size)
