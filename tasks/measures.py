"""What is measured of a run: names, units and attributes, all of them here. Pure.

- Names and units as OpenTelemetry has them (`{recording}` is a unit of counting).
- Attributes are few and their values come from lists in the code (a flow, an outcome, a reason, a
  rule, a state, a level): never an object, a pseudonym, a digest or a run. That bounds the number
  of series, and it keeps people out of them.
- Each run measures what it did itself: counters and histograms are of one run (delta).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType

from unvoiced.errors import InputError
from unvoiced.ingest.exposure import Exposure, bucket_end

# A pseudonym (26 characters), a digest or a name with a slash is none of these.
_VALUE = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ,_-]{0,63}")
_NAMES_SOMEBODY = re.compile(r"(?<![a-z2-7])[a-z2-7]{26}(?![a-z2-7])|[0-9a-f]{16}")


class Kind(Enum):
    """How values of several runs go together."""

    COUNTER = "counter"  # they are added
    GAUGE = "gauge"  # the last one counts
    HISTOGRAM = "histogram"  # as distributions


class Instrument(Enum):
    """Everything that is measured: name, kind, unit, attributes, what it is."""

    RUN_DURATION = (
        "unvoiced.run.duration", Kind.HISTOGRAM, "s", ("flow", "state"),
        "how long a run took, by the name of its end state",
    )  # fmt: skip
    RECORDINGS = (
        "unvoiced.recordings", Kind.COUNTER, "{recording}", ("flow", "outcome"),
        "what became of recordings: disposed, finished, erased, quarantined, gone, left, "
        "not-reported, lost",
    )  # fmt: skip
    ARCHIVED = (
        "unvoiced.recordings.archived", Kind.COUNTER, "{recording}", ("flow",),
        "of those disposed of: the original is kept in the archive",
    )  # fmt: skip
    QUARANTINED = (
        "unvoiced.recordings.quarantined", Kind.COUNTER, "{recording}", ("reason",),
        "quarantined in this run, by reason",
    )  # fmt: skip
    SEALED_BYTES = (
        "unvoiced.recordings.size", Kind.COUNTER, "By", ("flow",),
        "sealed recordings that were read",
    )  # fmt: skip
    FEATURE_BYTES = (
        "unvoiced.features.size", Kind.COUNTER, "By", ("flow",), "sealed features that were put",
    )  # fmt: skip
    EXPOSURE = (
        "unvoiced.exposure", Kind.HISTOGRAM, "s", (),
        "from a recording's upload to its observed disposal",
    )  # fmt: skip
    BATCH_DURATION = (
        "unvoiced.batch.duration", Kind.HISTOGRAM, "s", ("flow",),
        "how long a batch took, with its wait for a worker process",
    )  # fmt: skip
    BATCHES_FAILED = (
        "unvoiced.batches.failed", Kind.COUNTER, "{batch}", ("flow",), "batches that failed",
    )  # fmt: skip
    BACKLOG = (
        "unvoiced.backlog", Kind.GAUGE, "{recording}", ("part",),
        "recordings that the run left in the raw store",
    )  # fmt: skip
    BACKLOG_AGE = (
        "unvoiced.backlog.age", Kind.GAUGE, "s", ("part",),
        "age of the oldest of these at the end of the run; 0 where there is none",
    )  # fmt: skip
    ALERTS = (
        "unvoiced.alerts", Kind.COUNTER, "{alert}", ("level",),
        "alerts that the watch told of",
    )  # fmt: skip
    RETENTION_DESTROYED = (
        "unvoiced.retention.destroyed", Kind.COUNTER, "{object}", ("rule",),
        "objects that a rule of [retention] destroyed",
    )  # fmt: skip
    RETENTION_LEFT = (
        "unvoiced.retention.left", Kind.GAUGE, "{object}", ("rule",), "due, and still there",
    )  # fmt: skip
    KEYS_RETIRED = (
        "unvoiced.keys.retired", Kind.COUNTER, "{key}", (), "intake keys that were retired",
    )  # fmt: skip

    def __init__(
        self, title: str, kind: Kind, unit: str, attributes: tuple[str, ...], what: str
    ) -> None:
        self.title = title
        self.kind = kind
        self.unit = unit
        self.attributes = attributes
        self.what = what


@dataclass(frozen=True)
class Spread:
    """A distribution: how many fell into each bucket, the last having no end."""

    bounds: Sequence[float]
    counts: Sequence[int]
    total: float
    least: float
    most: float

    @property
    def count(self) -> int:
        """How many there are."""
        return sum(self.counts)

    @classmethod
    def of(cls, values: Sequence[float], bounds: Sequence[float]) -> "Spread":
        """Of single values, of which there is at least one."""
        counts = [0] * (len(bounds) + 1)
        for value in values:
            counts[next((n for n, end in enumerate(bounds) if value <= end), -1)] += 1
        return cls(bounds, counts, sum(values), min(values), max(values))

    @classmethod
    def of_exposure(cls, exposure: Exposure, bounds: Sequence[float]) -> "Spread":
        """Of what is counted in finer buckets already: each goes where its end does."""
        counts = [0] * (len(bounds) + 1)
        for number, found in exposure.buckets.items():
            end = min(bucket_end(number), exposure.longest)
            counts[next((n for n, bound in enumerate(bounds) if end <= bound), -1)] += found
        first = min(exposure.buckets, default=0)
        least = bucket_end(first - 1) if first else 0.0  # a lower bound; of the others, upper ones
        return cls(bounds, counts, exposure.total, least, exposure.longest)


# From seconds to hours: a run, a batch.
WORK_BOUNDS = (1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3_600.0, 14_400.0)
# From a minute to a month: what a recording waits.
WAIT_BOUNDS = (
    60.0, 300.0, 900.0, 3_600.0, 14_400.0, 43_200.0, 86_400.0, 172_800.0, 604_800.0, 2_592_000.0,
)  # fmt: skip


@dataclass(frozen=True)
class Measured:
    """One value of one instrument. Raises `InputError` for attributes that are not its own, or
    whose value could name somebody.
    """

    instrument: Instrument
    value: float | Spread
    attributes: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        """Refuse it."""
        title = self.instrument.title
        if set(self.attributes) != set(self.instrument.attributes):
            raise InputError(f"{title} has the attributes {', '.join(self.instrument.attributes)}")
        for name, value in self.attributes.items():
            if not _VALUE.fullmatch(value) or _NAMES_SOMEBODY.search(value):
                raise InputError(f"{title}: this is no value for {name}")
        if isinstance(self.value, Spread) is not (self.instrument.kind is Kind.HISTOGRAM):
            raise InputError(f"{title} is a {self.instrument.kind.value}")
