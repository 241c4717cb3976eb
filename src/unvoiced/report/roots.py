"""The log's root at sizes it once had, folded while its leaves go by. Pure.

What is kept is one hash for each complete subtree on the way (RFC 6962 section 2.1), and the roots
that were asked for.
"""

from collections.abc import Iterable, Iterator

from unvoiced.log.merkle import EMPTY_ROOT, leaf_hash, node_hash


class Roots:
    """`of` has the root at each size that was asked for and that went by."""

    def __init__(self, sizes: Iterable[int]) -> None:
        self._left = set(sizes)
        self.of: dict[int, bytes] = {}

    def passing(self, entries: Iterable[bytes]) -> Iterator[bytes]:
        """All the entries, from the log's first on, as they come."""
        complete: list[bytes] = []  # subtrees, the largest first: one a bit of the size
        size = 0
        self._note(size, complete)
        for entry in entries:
            if self._left:
                node, width = leaf_hash(entry), size
                while width & 1:
                    node = node_hash(complete.pop(), node)
                    width >>= 1
                complete.append(node)
                size += 1
                self._note(size, complete)
            yield entry

    def _note(self, size: int, complete: list[bytes]) -> None:
        if size not in self._left:
            return
        self._left.remove(size)
        root = complete[-1] if complete else EMPTY_ROOT
        for left in reversed(complete[:-1]):
            root = node_hash(left, root)
        self.of[size] = root
