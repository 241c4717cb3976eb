"""The log and the ledger of its leaves, kept in step: how everything else writes to the log.

Two runs may want to say the same at the same time. Every attempt to append first takes in what was
logged meanwhile and drops what may no longer follow, so each acceptance has one leaf and each
disposal one receipt, however many runs saw it.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress

from unvoiced.errors import StoreError, VerificationError
from unvoiced.log.feature_receipts import FeatureReceipts
from unvoiced.log.leaves import Leaf, parse_leaf
from unvoiced.log.ledger import Ledger
from unvoiced.log.note import Checkpoint
from unvoiced.log.reader import LogReader
from unvoiced.log.remembered import RememberedCheckpoint
from unvoiced.log.snapshot import LedgerSnapshots
from unvoiced.log.writer import LogWriter


class Accounts:
    """Appends leaves that the ledger admits, and answers from the log as it stands now.

    With `remembered`, `reader` has to have been given what it holds; `remember` moves it on. With
    `snapshots`, the ledger goes on from what the log's key stated last, and appends keep that new.
    """

    def __init__(
        self,
        writer: LogWriter,
        reader: LogReader,
        remembered: RememberedCheckpoint | None = None,
        *,
        snapshots: LedgerSnapshots | None = None,
    ) -> None:
        self._writer = writer
        self._reader = reader
        self._remembered = remembered
        self._snapshots = snapshots
        self._ledger: Ledger | None = None
        # Of the batch that was appended last: its leaves come back from the log, the same bytes.
        self._parsed: dict[bytes, Leaf] = {}
        self._receipts = FeatureReceipts(reader)

    def current(self) -> Ledger:
        """The ledger, up to the newest published checkpoint."""
        return self._follow(self._reader.checkpoint().size)

    def checkpoint(self) -> Checkpoint:
        """The newest published checkpoint."""
        return self._reader.checkpoint()

    def append(self, leaves: Sequence[bytes], *, as_of: int | None = None) -> set[str]:
        """Log those leaves that may follow what is logged; returns the digests they are about.

        `as_of` is the size the log had before the recordings they accept were read: one that
        another run has disposed of since is not accepted again for having been seen before.
        """
        if not leaves:
            return set()
        self._parsed = parsed = {data: parse_leaf(data) for data in leaves}
        admitted: list[bytes] = []
        known = self._reader.checkpoint().size

        def build(size: int) -> list[bytes]:
            if size < known:
                raise VerificationError(f"the log went back from {known} entries to {size}")
            ledger = self._follow(size)
            stale = set() if as_of is None else self._disposed_since(as_of, size)
            admitted[:] = ledger.admissible(
                [data for data in leaves if parsed[data].digest not in stale]
            )
            return admitted

        self._writer.append(build)
        self._state()
        return {parsed[data].digest for data in admitted}

    def _state(self) -> None:
        """Keep a snapshot of the ledger, when one is due: what was appended is logged, come what
        may. Whoever asks next is told where the log does not hold.
        """
        if self._snapshots is None or self._ledger is None:
            return
        if self._snapshots.is_due(self._ledger.size + len(self._parsed)):
            with suppress(StoreError, VerificationError):
                checkpoint = self._reader.checkpoint()
                self._snapshots.keep(self._reader, checkpoint, self._follow(checkpoint.size))

    def _disposed_since(self, start: int, size: int) -> set[str]:
        return {leaf.digest for _, leaf in self._let_go(start, size) if leaf.kind == "disposed"}

    def let_go_since(self, start: int) -> dict[str, int]:
        """The digests that were released or disposed of from entry `start` on, and where last."""
        size = self.current().size
        return {leaf.digest: index for index, leaf in self._let_go(min(start, size), size)}

    def _let_go(self, start: int, size: int) -> Iterator[tuple[int, Leaf]]:
        for index, data in enumerate(self._reader.entries(start, size), start):
            # What says neither is neither, and most entries need not be read for that.
            if b'"disposed"' in data or b'"released"' in data:
                leaf = self._parse(data)
                if leaf.kind in {"released", "disposed"}:
                    yield index, leaf

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
        return self._receipts.among(digests)

    def _follow(self, size: int) -> Ledger:
        if self._ledger is None:
            self._ledger = Ledger(self._parse)
            if self._snapshots is not None:
                self._ledger = self._snapshots.load(self._reader, self._parse)
        if size > self._ledger.size:
            self._ledger.follow(self._reader.entries, size)
        return self._ledger

    def _parse(self, data: bytes) -> Leaf:
        return self._parsed.get(data) or parse_leaf(data)
