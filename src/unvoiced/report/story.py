"""What the log tells over time: one pass over its leaves, each looked at once. Pure.

- The counts are the ledger's: at the end the last point of the backlog is what the ledger has, and
  all receipts by cause are its disposed.
- Leaves come from several machines, whose clocks differ: a point in time is reached with the first
  leaf that bears it, in order of the log, and nothing goes back. No leaf is of after the page.
- It grows with what is not settled, with keys, and with the points of the time that is looked at;
  not with the log. No digest of a recording is in what comes out.
"""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from unvoiced.disposal import Cause
from unvoiced.errors import VerificationError
from unvoiced.keys.intake import Epoch
from unvoiced.log.leaves import Leaf, parse_leaf, rfc3339
from unvoiced.log.ledger import KEY_ID_DIGITS, Ledger
from unvoiced.report.window import Window

# Causes of receipts for recordings that left features: how long those stood, runs measure.
WITH_FEATURES = frozenset({Cause.FEATURES.value, Cause.ARCHIVED.value})
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


@dataclass(frozen=True)
class Point:
    """What was not settled when a step of the window ended, by the log."""

    backlog: int
    quarantined: int
    oldest: float | None  # when the first of the backlog was accepted, POSIX seconds


@dataclass
class Key:
    """One intake key by the log."""

    epoch: str
    logged: datetime
    retired: datetime | None = None
    accepted: int = 0  # recordings sealed to it
    disposed: int = 0  # of those
    unsettled: int = 0

    @property
    def begins(self) -> datetime:
        """When contributors could first seal to it."""
        epoch = Epoch.named(self.epoch)
        return max(self.logged, epoch.begins) if epoch else self.logged


@dataclass
class Story:
    """The log, folded: `follow` takes in its leaves."""

    window: Window
    recorded_to: int = 0  # entries that the log had when the newest record of a run was kept
    ledger: Ledger = field(default_factory=Ledger)
    first: str = ""  # the time of the first leaf, RFC 3339
    last: str = ""  # the latest that was reached
    points: list[Point | None] = field(default_factory=list)  # of each step; None: before the log
    accepted: Counter[int] = field(default_factory=Counter)  # step -> recordings
    receipts: dict[str, Counter[int]] = field(default_factory=dict)  # cause -> step -> recordings
    causes: Counter[str] = field(default_factory=Counter)  # of all receipts
    later: int = 0  # receipts in the window, with features, behind `recorded_to`
    later_since: str = ""  # the time of the first of those
    keys: dict[str, Key] = field(default_factory=dict)  # digest of the public key -> key
    kinds: Counter[str] = field(default_factory=Counter)  # of leaves
    swept: Counter[tuple[str, str]] = field(default_factory=Counter)  # (rule, store) -> objects
    # Digest -> when it was accepted, and the id of the key it is sealed to; in order of the log.
    _unsettled: dict[str, tuple[str, str]] = field(default_factory=dict, repr=False)
    _key_of: dict[str, Key] = field(default_factory=dict, repr=False)  # key id -> key

    @property
    def unsettled_under_no_key(self) -> int:
        """Recordings that are not settled and sealed to no key that the log knows."""
        known = sum(key.unsettled for key in self.keys.values())
        return len(self.ledger.backlog) + len(self.ledger.quarantined) - known

    def follow(self, entries: Iterable[bytes]) -> None:
        """Take in all leaves, in order. Raises `VerificationError` where one cannot follow."""
        latest = rfc3339(self.window.end)
        starts = [rfc3339(moment) for moment in self.window.steps]
        step, ends = -1, starts[0]  # the step at hand, from -1, what came before; when it is over
        for data in entries:
            leaf = parse_leaf(data)
            time = str(leaf.fields["time"])
            if not _TIME.fullmatch(time):
                raise VerificationError(f"leaf {self.ledger.size} of the log has no time")
            if time > self.last:
                self.last = min(time, latest)
                while self.last >= ends:
                    if step >= 0:
                        self.points.append(self._point())
                    step += 1
                    ends = starts[step + 1] if step + 1 < len(starts) else "~"
                self.first = self.first or self.last
            self.ledger.enter_parsed(leaf)
            self._take(leaf, step)
        while step < len(starts):
            if step >= 0:
                self.points.append(self._point())
            step += 1

    def _take(self, leaf: Leaf, step: int) -> None:
        self.kinds[leaf.kind] += 1
        match leaf.kind:
            case "accepted":
                key_id = str(leaf.fields.get("intake_key"))
                self._unsettled[leaf.digest] = (self.last, key_id)
                if (key := self._key_of.get(key_id)) is not None:
                    key.accepted += 1
                    key.unsettled += 1
                if step >= 0:
                    self.accepted[step] += 1
            case "disposed":
                _, key_id = self._unsettled.pop(leaf.digest)
                if (key := self._key_of.get(key_id)) is not None:
                    key.disposed += 1
                    key.unsettled -= 1
                cause = str(leaf.fields.get("cause"))
                self.causes[cause] += 1
                if step >= 0:
                    self._receipt(cause, step)
            case "intake-key":
                key = Key(str(leaf.fields.get("epoch", "")), datetime.fromisoformat(self.last))
                self.keys[leaf.digest] = self._key_of[leaf.digest[:KEY_ID_DIGITS]] = key
            case "intake-key-retired":
                self.keys[leaf.digest].retired = datetime.fromisoformat(self.last)
            case "swept":
                objects = leaf.fields.get("objects")
                what = (str(leaf.fields.get("rule")), str(leaf.fields.get("store")))
                self.swept[what] += objects if isinstance(objects, int) else 0

    def _receipt(self, cause: str, step: int) -> None:
        self.receipts.setdefault(cause, Counter())[step] += 1
        if self.ledger.size > self.recorded_to and cause in WITH_FEATURES:
            self.later += 1
            self.later_since = self.later_since or self.last

    def _point(self) -> Point | None:
        if not self.first:
            return None
        backlog = self.ledger.backlog
        oldest = next((time for one, (time, _) in self._unsettled.items() if one in backlog), None)
        since = datetime.fromisoformat(oldest).timestamp() if oldest else None
        return Point(len(backlog), len(self.ledger.quarantined), since)
