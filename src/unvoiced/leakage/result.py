"""What a measuring of leakage found, as a file: numbers and names of feature sets, nothing else.

- No name of a speaker, no path, no sample of a recording can stand in it.
- Every figure is a lower bound on what leaks: a stronger attacker may exist.
- `attacker_too_weak` says that the figures prove nothing; whoever shows them shows that.
- A file that is not one of these, field by field, is refused.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from unvoiced.errors import InputError

FORMAT = "unvoiced-leakage/1"
CHANCE_EER = 50.0


@dataclass(frozen=True, slots=True)
class Corpus:
    """What was measured on: how many speakers and recordings, and what kind of speech, in words.

    `attacked` of the speakers were attacked, in trials of `trial_seconds` at most; attackers
    learned from the others. Of `one_recording` of the attacked there was one recording only, cut
    in parts.
    """

    speakers: int
    recordings: int
    kind: str
    attacked: int = 0
    one_recording: int = 0
    trial_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class SetLeakage:
    """What one feature set gives away. Rates are in percent.

    `eer` is the equal error rate of the strongest `attacker`, who was trained on features of other
    speakers: 50 is chance, 0 is certainty. `interval` holds 95 % of bootstraps over speakers.
    `eer_by_seconds` is the same for several amounts of speech, enrolment and trial alike, in
    seconds of each trial. `outside_eer` is for who holds a raw recording of the person.
    `reconstruction_cosine` (-1 to 1) and `reconstruction_rank1` are of speech made from the
    features, beside other recordings of the same person. `rank1` is how often the person is picked
    out of all who were attacked. None: not measured.
    """

    feature_set: str
    digest: str
    eer: float
    attacker: str
    eer_by_seconds: tuple[tuple[float, float], ...]
    outside_eer: float | None
    reconstruction_cosine: float | None
    reconstruction_rank1: float | None
    interval: tuple[float, float] | None = None
    rank1: float | None = None


@dataclass(frozen=True, slots=True)
class Leakage:
    """One measuring: on what, the raw recording's own figures, and each feature set's.

    `measured` is the day, as YYYY-MM-DD. `raw_eer` is what the same attackers reach on the raw
    recordings, and what each figure is to be read beside; so are the other `raw_` figures, and
    `stranger_cosine`, the mean cosine between raw recordings of different people.
    """

    measured: str
    corpus: Corpus
    chance: float
    attacker_too_weak: bool
    raw_eer: float
    sets: tuple[SetLeakage, ...]
    not_measured: tuple[str, ...]
    raw_interval: tuple[float, float] | None = None
    raw_rank1: float | None = None
    raw_eer_by_seconds: tuple[tuple[float, float], ...] = ()
    raw_cosine: float | None = None
    stranger_cosine: float | None = None


def write(path: Path, leakage: Leakage) -> None:
    """Write it as JSON to a file that is not there yet; raises InputError where one is."""
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(as_json(leakage))
    except FileExistsError:
        raise InputError(f"{path} is there already and is not overwritten") from None


def as_json(leakage: Leakage) -> str:
    """As `write` writes it."""
    return json.dumps({"format": FORMAT, **asdict(leakage)}, indent=2) + "\n"


def read(path: Path) -> Leakage:
    """What `write` wrote. Raises InputError for anything else."""
    try:
        return parse(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError):
        raise InputError(f"{path} cannot be read as a measuring of leakage") from None


def parse(text: str) -> Leakage:
    """What `as_json` gave. Raises InputError for anything else."""
    try:
        record = json.loads(text)
        if record.pop("format") != FORMAT:
            raise ValueError
        sets = tuple(_set(one) for one in record.pop("sets"))
        corpus = Corpus(**record.pop("corpus"))
        leakage = Leakage(
            sets=sets,
            corpus=corpus,
            not_measured=tuple(record.pop("not_measured")),
            raw_interval=_pair(record.pop("raw_interval")),
            raw_eer_by_seconds=_pairs(record.pop("raw_eer_by_seconds")),
            **record,
        )
    except (ValueError, TypeError, KeyError, AttributeError):
        raise InputError("this is not a measuring of leakage") from None
    _check(leakage)
    return leakage


def _set(record: dict[str, Any]) -> SetLeakage:
    record = dict(record)
    record["eer_by_seconds"] = _pairs(record["eer_by_seconds"])
    record["interval"] = _pair(record["interval"])
    return SetLeakage(**record)


def _pairs(values: Any) -> tuple[tuple[float, float], ...]:
    return tuple((float(seconds), float(rate)) for seconds, rate in values)


def _pair(value: Any) -> tuple[float, float] | None:
    if value is None:
        return None
    low, high = value
    return float(low), float(high)


def _check(leakage: Leakage) -> None:
    """Types and ranges: what is shown to people must not be nonsense."""
    corpus = leakage.corpus
    rates = [leakage.chance, leakage.raw_eer, *(leakage.raw_interval or ())]
    rates += [eer for _, eer in leakage.raw_eer_by_seconds]
    perhaps, cosines = [leakage.raw_rank1], [leakage.raw_cosine, leakage.stranger_cosine]
    texts = [leakage.measured, corpus.kind, *leakage.not_measured]
    for one in leakage.sets:
        rates += [one.eer, *(eer for _, eer in one.eer_by_seconds), *(one.interval or ())]
        perhaps += [one.outside_eer, one.reconstruction_rank1, one.rank1]
        cosines.append(one.reconstruction_cosine)
        texts += [one.feature_set, one.digest, one.attacker]
    rates += [rate for rate in perhaps if rate is not None]
    counts = (corpus.speakers, corpus.recordings, corpus.attacked, corpus.one_recording)
    if not (
        all(type(text) is str for text in texts)
        and all(type(count) is int and count >= 0 for count in counts)
        and all(_between(0, rate, 100) for rate in rates)
        and all(cosine is None or _between(-1, cosine, 1) for cosine in cosines)
        and type(leakage.attacker_too_weak) is bool
    ):
        raise InputError("this is not a measuring of leakage")


def _between(low: float, number: Any, high: float) -> bool:
    return type(number) in (int, float) and low <= number <= high
