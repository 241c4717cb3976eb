"""What there is to backfill: the originals that are selected, less what is done or cannot be.

Planning reads listings, labels, and the feature objects that stand already; it opens nothing and
changes nothing. It is asked anew by every run, so a run that was killed needs no record of itself.

What it holds is the plan, about 300 bytes an original, and a window of candidates: the listings of
originals and of features are gone through side by side, both in order of name.
"""

import hashlib
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, field
from itertools import islice

from unvoiced import names
from unvoiced.backfill.bench import Bench
from unvoiced.backfill.outcome import Original, Skipped
from unvoiced.backfill.request import Selection
from unvoiced.backfill.source import Origin
from unvoiced.backfill.standing import Verdict, header_of, judge
from unvoiced.disposal.labels import Labels
from unvoiced.errors import NotFound
from unvoiced.ingest.recording import apart_sample, feature_object_name
from unvoiced.keys.contributor import ContributorKey
from unvoiced.stores.interface import CONDITIONS_PROBE, STANDARD
from unvoiced.stores.object_name import is_object_name
from unvoiced.stores.together import together

_WINDOW = 2048  # candidates that are looked after together


@dataclass(frozen=True)
class Amount:
    """So many objects, and the bytes of all of them."""

    objects: int = 0
    size: int = 0


@dataclass
class Plan:
    """Originals to read, and what is left out of them: names and sizes only."""

    in_buckets: bool = False  # else restoring and reading cost nothing
    selected: int = 0
    todo: list[Original] = field(default_factory=list)  # can be read now
    cold: list[Original] = field(default_factory=list)  # to be restored first
    already: int = 0  # their features stand, and the log knows them
    skipped: list[tuple[str, str]] = field(default_factory=list)  # (name, reason of `SKIPS`)

    def amounts(self) -> dict[str, Amount]:
        """What there is to read, by storage class."""
        found: dict[str, Amount] = {}
        for one in (*self.todo, *self.cold):
            so_far = found.get(one.storage_class, Amount())
            found[one.storage_class] = Amount(so_far.objects + 1, so_far.size + one.size)
        return found


def cut(
    originals: Sequence[Original], batch_samples: int, batch_bytes: int
) -> list[list[Original]]:
    """Batches bounded by count and by sealed bytes; one that is larger alone is one by itself."""
    batches: list[list[Original]] = []
    size = 0
    for one in originals:
        if not batches or size + one.size > batch_bytes or len(batches[-1]) == batch_samples:
            batches.append([])
            size = 0
        batches[-1].append(one)
        size += one.size
    return batches


@dataclass(frozen=True)
class _Candidate:
    original: Original
    pseudonym: str
    sample: str


def make_plan(bench: Bench, selection: Selection) -> Plan:
    """List originals and find out, without opening one, which of them have no features yet.

    Every version of an object is an original of its own. One in a cold class whose label names no
    object that the log knows is not restored: that would cost money for what is then refused.
    """
    plan = Plan(in_buckets=bench.source.store.url.startswith("s3://"))
    candidates, standing = _candidates(bench, selection, plan), _Standing(bench, selection)
    archived = bench.accounts.current().archived
    while window := list(islice(candidates, _WINDOW)):
        look = _Look(bench, standing.of([one.pseudonym for one in window]))
        kept = _less_keyless(window, bench, plan)
        looked_at = list(zip(kept, together(bench.training, look, kept), strict=True))
        logged = bench.accounts.with_receipt_for_features(
            seen.features for _, seen in looked_at if isinstance(seen, _Seen) and seen.features
        )
        for candidate, seen in looked_at:
            _sort_in(plan, candidate.original, seen, logged, archived)
    return plan


def _sort_in(
    plan: Plan, original: Original, seen: "_Seen | Skipped", logged: Set[str], archived: Set[str]
) -> None:
    if isinstance(seen, Skipped):
        plan.skipped.append((original.name, seen.reason))
    elif seen.features in logged:
        plan.already += 1
    elif not original.cold:
        plan.todo.append(original)
    elif seen.labels is not None and seen.labels.sha256 in archived:
        plan.cold.append(original)
    else:
        plan.skipped.append((original.name, "not-in-log"))


class _Standing:
    """The names of the feature objects there are, in step with candidates that come in order."""

    def __init__(self, bench: Bench, selection: Selection) -> None:
        folder = f"features/{bench.feature_set.directory}/"
        self._ahead = (
            parsed
            for prefix in selection.prefixes()
            for listed in bench.training.list(f"{folder}{prefix}")
            if (parsed := names.parse_feature_name(listed.name)) is not None
        )
        self._kept: list[names.FeatureName] = []

    def of(self, pseudonyms: Sequence[str]) -> frozenset[str]:
        """Those of these contributors, none of whom comes before any that was asked about."""
        first, last = pseudonyms[0], pseudonyms[-1]
        self._kept = [one for one in self._kept if one.pseudonym >= first]
        while not self._kept or self._kept[-1].pseudonym <= last:
            found = next(self._ahead, None)
            if found is None:
                break
            if found.pseudonym >= first:
                self._kept.append(found)
        return frozenset(one.name for one in self._kept)


def _candidates(bench: Bench, selection: Selection, plan: Plan) -> Iterator[_Candidate]:
    """Selected originals that nothing in a listing speaks against."""
    quarantined, suppressed = bench.source.quarantined(), bench.suppression.now()
    for prefix in selection.prefixes():
        for listed in bench.source.store.versions(prefix):
            if listed.delete_marker or listed.name == CONDITIONS_PROBE:
                continue
            if not selection.takes(listed.modified):
                continue
            plan.selected += 1
            parsed = names.parse_sealed_name(listed.name)
            if parsed is None or not is_object_name(listed.name):
                plan.skipped.append((ascii(listed.name), "name-not-recognised"))
            elif parsed[0] in suppressed:
                plan.skipped.append((listed.name, "contributor-erased"))
            elif quarantined.of(listed.name, listed.version):
                plan.skipped.append((listed.name, "in-quarantine"))
            elif listed.size > bench.max_recording_bytes:
                plan.skipped.append((listed.name, "too-large"))
            else:
                # Some servers leave the class out where it is the usual one.
                kind = listed.storage_class or STANDARD
                yield _Candidate(Original(listed.name, listed.version, listed.size, kind), *parsed)


def _less_keyless(found: Sequence[_Candidate], bench: Bench, plan: Plan) -> list[_Candidate]:
    missing = bench.contributor_keys.find(one.pseudonym for one in found)
    plan.skipped += [
        (one.original.name, "no-contributor-key") for one in found if one.pseudonym in missing
    ]
    return [one for one in found if one.pseudonym not in missing]


@dataclass(frozen=True)
class _Seen:
    labels: Labels | None = None
    features: str = ""  # the digest of what stands there, if it says that it is this one's


@dataclass(frozen=True)
class _Look:
    """Looks after one candidate, from any thread."""

    bench: Bench
    standing: frozenset[str]

    def __call__(self, candidate: _Candidate) -> _Seen | Skipped:
        original, bench = candidate.original, self.bench
        plain = feature_object_name(bench.feature_set, candidate.pseudonym, candidate.sample)
        if not original.cold and plain not in self.standing:
            return _Seen()
        labels = bench.source.labels(original)
        if labels is None:
            return Skipped("gone") if original.cold else _Seen()
        key = bench.contributor_keys[candidate.pseudonym]
        origin = Origin(candidate.pseudonym, candidate.sample, labels.content, "")
        for sample in (candidate.sample, apart_sample(candidate.sample, labels.content)):
            if digest := self._digest(origin, sample, key):
                return _Seen(labels, digest)
        return _Seen(labels)

    def _digest(self, origin: Origin, sample: str, key: ContributorKey) -> str:
        name = feature_object_name(self.bench.feature_set, origin.pseudonym, sample)
        if name not in self.standing:
            return ""
        try:
            data = self.bench.training.get(name).data
        except NotFound:
            return ""
        # Whether the log knows it is asked afterwards, in one thread.
        header = header_of(data)
        told = judge(header, (origin, sample), key, self.bench, logged=True, journalled=False)
        return hashlib.sha256(data).hexdigest() if told is Verdict.OURS else ""
