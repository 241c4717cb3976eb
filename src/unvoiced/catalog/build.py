"""Building the catalog: from the objects, at any time; what did not change keeps its row.

- A row is made only of an object that a receipt of the log names, whose header says what its name
  says, and whose contributor was not erased. Every other object is counted and left out.
- A shard is put only over the version it was made from: of two builds at once, one begins its shard
  again.
- After a put it is looked again whether everything in the shard is still there, and nobody of it
  was erased; else the shard is made again without. So of a build and an erasure at once, the later
  one sees what the other did.
- Needs no key, and destroys nothing: the shards of a feature set that is gone are emptied.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from unvoiced.catalog.row import length_in_words, row_of, unchanged
from unvoiced.catalog.schema import (
    CATALOG,
    Row,
    decode_shard,
    encode_shard,
    parse_shard_name,
    schema,
    shard_name,
    table_of,
)
from unvoiced.catalog.table import shard_names
from unvoiced.config import Settings
from unvoiced.disposal.suppression import SuppressionList
from unvoiced.errors import (
    AlreadyExists,
    Changed,
    InputError,
    NotFound,
    StoreError,
    VerificationError,
)
from unvoiced.log.digests import DigestSet
from unvoiced.log.ledger import Ledger
from unvoiced.log.note import Verifier
from unvoiced.log.reader import LogReader
from unvoiced.log.verify import features_of
from unvoiced.names import FEATURES, FeatureName, parse_feature_name
from unvoiced.stores import Entry, Store
from unvoiced.stores.together import together

if TYPE_CHECKING:
    import pyarrow

_FIRSTS = "abcdefghijklmnopqrstuvwxyz234567"
_ROUNDS = 8

FOREIGN_NAME = "foreign name"
FOREIGN = "says something else than its name"
NO_RECEIPT = "no receipt of the log names it"
ERASED = "its contributor was erased"


@dataclass
class SetReport:
    """What became of the rows of one feature set, or of one of its shards."""

    feature_set: str
    rows: int = 0
    new: int = 0  # of these: made in this build
    removed: int = 0  # that the catalog had before, and has no more
    seconds: float = 0.0  # of speech, in all rows
    left_out: Counter[str] = field(default_factory=Counter)  # why -> objects
    shards_put: int = 0
    damaged: list[str] = field(default_factory=list)  # shards that were none of ours; made anew

    def add(self, other: "SetReport") -> None:
        """Take in another shard's."""
        self.rows += other.rows
        self.new += other.new
        self.removed += other.removed
        self.seconds += other.seconds
        self.left_out += other.left_out
        self.shards_put += other.shards_put
        self.damaged += other.damaged

    @property
    def length(self) -> str:
        """How long its recordings are together."""
        return length_in_words(self.seconds)


class CatalogBuilder:
    """Builds shards; reads the log as far as it goes when it meets an object it does not know."""

    def __init__(self, training: Store, journal: Store, log: LogReader, verifier: Verifier) -> None:
        schema()  # says that pyarrow is missing before anything is read
        self._training = training
        self._log = log
        self._ledger = Ledger()
        self._genuine = DigestSet()
        self._suppression = SuppressionList(journal, verifier, self._follow)

    @classmethod
    def of(cls, settings: Settings) -> "CatalogBuilder":
        """Open what `unvoiced.toml` names. Raises `InputError`, `StoreError`."""
        verifier = Verifier.parse(settings.log_vkey)
        training, journal = settings.store("training"), settings.store("journal")
        training.check_conditions()
        return cls(training, journal, settings.log_reader(), verifier)

    def feature_sets(self) -> list[str]:
        """The folders of all feature sets there are, and of those that have shards still."""
        there = {*self._training.folders(FEATURES), *self._training.folders(CATALOG)}
        return sorted(one for one in there if parse_shard_name(shard_name(one, "a")))

    def build(
        self,
        feature_set: str,
        *,
        anew: bool = False,
        told: Callable[[int, int], None] = lambda done, of: None,
    ) -> SetReport:
        """Bring the shards of one feature set up to date; `anew` takes no row from before.

        `told` is called after each shard with how many are done, and of how many.

        Raises `VerificationError` for a log or a suppression that does not hold; `StoreError`.
        """
        report = SetReport(feature_set)
        folder = f"{FEATURES}{feature_set}/"
        there = list(self._training.folders(folder))
        shards = map(parse_shard_name, shard_names(self._training, feature_set))
        firsts = {whose[:1] for whose in there} | {shard[1] for shard in shards if shard}
        ours = sorted(firsts.intersection(_FIRSTS))
        for done, first in enumerate(ours, 1):
            report.add(self._build_shard(feature_set, first, anew=anew))
            told(done, len(ours))
        for other in (one for one in there if one[:1] not in _FIRSTS):
            foreign = sum(1 for _ in self._training.list(f"{folder}{other}/"))
            report.left_out[FOREIGN_NAME] += foreign
        return report

    def _build_shard(self, feature_set: str, first: str, *, anew: bool) -> SetReport:
        for _ in range(_ROUNDS):
            report = SetReport(feature_set)
            version, before = self._before(feature_set, first, report)
            kept_from = schema().empty_table() if anew else before
            rows = self._rows(feature_set, first, kept_from, report)
            names = set(rows["name"].to_pylist())
            report.removed = len(set(before["name"].to_pylist()) - names)
            report.rows = rows.num_rows
            report.seconds = sum(filter(None, rows["duration_seconds"].to_pylist()))
            if rows.equals(before) and not report.damaged:
                return report
            try:
                self._put(shard_name(feature_set, first), rows, version)
            except (AlreadyExists, Changed):  # another build was faster
                continue
            report.shards_put = 1
            if self._stands(feature_set, first, rows):
                return report
        raise StoreError(f"{shard_name(feature_set, first)}: what it is made from keeps changing")

    def _before(
        self, feature_set: str, first: str, report: SetReport
    ) -> "tuple[str | None, pyarrow.Table]":
        """The version of a shard that stands, if one does, and its rows."""
        name = shard_name(feature_set, first)
        try:
            stored = self._training.get(name)
        except NotFound:
            return None, schema().empty_table()
        try:
            return stored.version, decode_shard(name, stored.data)
        except VerificationError:
            report.damaged.append(name)
            return stored.version, schema().empty_table()

    def _rows(
        self, feature_set: str, first: str, before: "pyarrow.Table", report: SetReport
    ) -> "pyarrow.Table":
        """What is in the store now: rows of before where nothing changed, others anew."""
        import pyarrow as pa
        import pyarrow.compute as pc

        at = unchanged(before)
        kept: list[int] = []
        new: list[tuple[FeatureName, Entry]] = []
        listed = list(self._training.list(f"{FEATURES}{feature_set}/{first}"))
        self._follow()  # whose receipts are logged before they are put
        for entry in listed:
            said = parse_feature_name(entry.name)
            row = at.get((entry.name, entry.version, entry.size, entry.modified))
            if said is None:
                report.left_out[FOREIGN_NAME] += 1
            elif row is not None and row[1] in self._genuine:
                kept.append(row[0])
            else:
                new.append((said, entry))
        made = list(self._make(new, report))
        stay = before.take(pa.array(kept, pa.int64()))
        rows = pa.concat_tables([stay, table_of(made)]).sort_by("name")
        # As late as can be: what is put now, an erasure that is over by then does not see.
        erased = self._erased(rows["pseudonym"].unique().to_pylist())
        if erased:
            theirs = pc.is_in(rows["pseudonym"], pa.array(erased))
            report.left_out[ERASED] += pc.sum(theirs).as_py()
            rows = rows.filter(pc.invert(theirs))
        report.new = len(made) - sum(row["pseudonym"] in erased for row in made)
        return rows.combine_chunks()

    def _make(self, new: Sequence[tuple[FeatureName, Entry]], report: SetReport) -> Iterator[Row]:
        for made in together(self._training, lambda one: row_of(self._training, *one), new):
            if made is None:
                continue  # gone since it was listed
            if isinstance(made, InputError):
                report.left_out[FOREIGN] += 1
            elif made["sha256"] not in self._genuine:
                report.left_out[NO_RECEIPT] += 1
            else:
                yield made

    def _put(self, name: str, rows: "pyarrow.Table", version: str | None) -> None:
        if version is not None:
            self._training.replace(name, encode_shard(rows), version=version)
        elif rows.num_rows:
            self._training.put_if_absent(name, encode_shard(rows))

    def _stands(self, feature_set: str, first: str, rows: "pyarrow.Table") -> bool:
        """Whether all of a shard that was put is there now, and nobody of it erased."""
        listed = {one.name for one in self._training.list(f"{FEATURES}{feature_set}/{first}")}
        there = listed.issuperset(rows["name"].to_pylist())
        return there and not self._erased(rows["pseudonym"].unique().to_pylist())

    def _erased(self, pseudonyms: Iterable[str]) -> list[str]:
        suppressed = self._suppression.now()
        return [one for one in pseudonyms if one in suppressed]

    def _follow(self) -> Ledger:
        """Take in what was logged since; the accounts as they are then."""
        for data in self._log.entries(self._ledger.size, self._log.checkpoint().size):
            self._genuine.update(features_of(self._ledger.enter(data)))
        return self._ledger


def build_all(builder: CatalogBuilder, *, anew: bool = False) -> list[SetReport]:
    """Bring the shards of every feature set up to date."""
    return [builder.build(feature_set, anew=anew) for feature_set in builder.feature_sets()]
