"""The whole measuring: how well a speaker is recognised from each feature set, and from raw speech.

- Attackers learn from other speakers than those they are tried on, and of each set from features of
  that set. Of several attackers the one with the lowest error counts.
- Beside every figure stands the one of the raw recordings, by the same attackers. If they do not
  recognise people even there, `attacker_too_weak` is set, and nothing of it means anything.
- An attack that gives no numbers, or the same for everybody, on any set, is an error, not chance.
- Numbers are all that comes out; nothing is written. Memory is bounded by what `voices` chooses,
  one feature set at a time.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np

from unvoiced.errors import VerificationError
from unvoiced.features import FeatureSet, make_ready
from unvoiced.leakage.attackers import COSINE, TOGETHER, Attackers
from unvoiced.leakage.frames import RAW, Frames, as_raw, can_be_inverted
from unvoiced.leakage.material import Material, finite, material, stored
from unvoiced.leakage.rates import Scores, eer, interval, rank1, tells_apart
from unvoiced.leakage.rebuild import rebuilt
from unvoiced.leakage.result import CHANCE_EER, Corpus, Leakage, SetLeakage
from unvoiced.leakage.voices import Cast, cast

TOO_WEAK = 10.0  # percent, of attackers on raw speech
NOT_MEASURED = (
    "stronger attackers: pretrained speaker embeddings, networks trained on thousands of speakers",
    "speech rebuilt by a learned decoder (a vocoder); only Griffin and Lim's algorithm was tried",
    "linking over hours of one person's features; the longest enrolment tried is stated",
    "whether rebuilt speech can be understood; what else features tell (sex, age, health, words)",
    "other languages, microphones and rooms than those of this corpus",
)

Tell = Callable[[str, float], None]


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured: speakers attacked and learned from, and how finely.

    `amounts` are shares of the longest trial. `components` are the mixture's.
    """

    attacked: int = 30
    learned_from: int = 200
    components: int = 64
    amounts: tuple[float, ...] = (0.25, 0.5)
    reconstruction: bool = True


QUICK = Effort(attacked=20, learned_from=60, components=32, amounts=(), reconstruction=False)


@dataclass(frozen=True, slots=True)
class _Found:
    """The strongest attacker's result."""

    eer: float
    interval: tuple[float, float]
    attacker: str
    rank1: float


@dataclass(frozen=True, slots=True)
class _Raw:
    """What attackers reach on raw speech, and those who learned from it."""

    material: Material
    attackers: Attackers
    found: _Found
    cosine: float
    strangers: float
    by_seconds: tuple[tuple[float, float], ...]


def measure(
    speech: Path,
    feature_sets: Sequence[FeatureSet],
    *,
    today: date,
    effort: Effort,
    only: str = "*",
    seconds: float | None = None,
    kind: str = "",
    seed: int = 0,
    tell: Tell = lambda what, share: None,
) -> Leakage:
    """Measure feature sets on a folder with one folder a speaker.

    `only` is a pattern of the folders of who may be attacked; all others are learned from.
    `seconds` is the length of the longest trial, enrolment is three times that. Raises InputError
    for too few speakers, and for features that are no finite numbers or never differ;
    VerificationError for an attack that told nobody from anybody.
    """
    tell("compiling", 0.0)
    make_ready([RAW, *feature_sets])
    chosen = cast(
        speech,
        tested=effort.attacked,
        learned_from=effort.learned_from,
        only=only,
        seconds=seconds,
        seed=seed,
        tell=lambda done, of: tell("looking at recordings", 0.1 * done / of),
    )
    step = 0.9 / (1 + len(feature_sets))
    tell("raw recordings", 0.1)
    raw = _raw(chosen, effort, seed)
    sets = []
    for number, feature_set in enumerate(feature_sets, 1):
        tell(feature_set.name, 0.1 + step * number)
        sets.append(_set(chosen, feature_set, raw, effort, seed))
    tell("done", 1.0)
    return Leakage(
        measured=today.isoformat(),
        corpus=Corpus(
            len(chosen.tested) + len(chosen.learned_from),
            chosen.recordings,
            kind,
            attacked=len(chosen.tested),
            one_recording=chosen.cut,
            trial_seconds=chosen.trial_seconds,
        ),
        chance=CHANCE_EER,
        attacker_too_weak=raw.found.eer > TOO_WEAK,
        raw_eer=raw.found.eer,
        sets=tuple(sets),
        not_measured=NOT_MEASURED,
        raw_interval=raw.found.interval,
        raw_rank1=raw.found.rank1,
        raw_eer_by_seconds=raw.by_seconds,
        raw_cosine=raw.cosine,
        stranger_cosine=raw.strangers,
    )


def _raw(chosen: Cast, effort: Effort, seed: int) -> _Raw:
    speech = material(chosen, RAW)
    attackers = _learned(speech, effort, seed)
    scores = _attack(attackers, speech.enrolment, speech.trials, RAW)
    found = _strongest(scores, speech, seed)
    own = np.zeros(scores[COSINE].shape, bool)
    own[speech.owners, np.arange(len(speech.owners))] = True
    return _Raw(
        speech,
        attackers,
        found,
        float(scores[COSINE][own].mean()),
        float(scores[COSINE][~own].mean()),
        _by_seconds(speech, chosen, RAW, found, effort, seed),
    )


def _set(chosen: Cast, feature_set: FeatureSet, raw: _Raw, effort: Effort, seed: int) -> SetLeakage:
    speech = material(chosen, feature_set)
    attackers = _learned(speech, effort, seed)
    scores = _attack(attackers, speech.enrolment, speech.trials, feature_set)
    found = _strongest(scores, speech, seed)
    by_seconds = _by_seconds(speech, chosen, feature_set, found, effort, seed)
    outside = cosine = rank = None
    if can_be_inverted(feature_set):
        outside = _outside(chosen, feature_set, raw, effort, seed)
        if effort.reconstruction:
            cosine, rank = _reconstruction(chosen, feature_set, raw, seed)
    return SetLeakage(
        feature_set.name,
        feature_set.digest,
        found.eer,
        found.attacker,
        by_seconds,
        outside,
        cosine,
        rank,
        interval=found.interval,
        rank1=found.rank1,
    )


def _learned(speech: Material, effort: Effort, seed: int) -> Attackers:
    return Attackers.learn(speech.learned, speech.learners, components=effort.components, seed=seed)


def _attack(
    attackers: Attackers, enrolment: Sequence[Frames], trials: Sequence[Frames], of: FeatureSet
) -> dict[str, Scores]:
    """What each attacker makes of trials; raises `VerificationError` for one that broke down."""
    scores = attackers.scores(enrolment, trials)
    broken = sorted(name for name, one in scores.items() if not tells_apart(one))
    if broken:
        raise VerificationError(
            f"feature set {of.name}: attackers ({', '.join(broken)}) gave no numbers, or the same "
            "for everybody, which is no chance result; nothing was measured. Look at what the set "
            "stores of this speech, and try other speech"
        )
    return scores


def _strongest(scores: dict[str, Scores], speech: Material, seed: int) -> _Found:
    rates = {name: eer(one, speech.owners) for name, one in scores.items()}
    name = min(rates, key=rates.__getitem__)
    best = scores[name]
    return _Found(
        rates[name], interval(best, speech.owners, seed), name, rank1(best, speech.owners)
    )


def _by_seconds(
    speech: Material,
    chosen: Cast,
    feature_set: FeatureSet,
    longest: _Found,
    effort: Effort,
    seed: int,
) -> tuple[tuple[float, float], ...]:
    """The same attack with less speech, shortest first; attackers learn anew for each amount."""
    found = []
    for share in effort.amounts:
        seconds = share * chosen.trial_seconds
        frames = round(seconds * feature_set.sample_rate / feature_set.hop_length)
        shorter = speech.shortened(frames)
        attackers = _learned(shorter, effort, seed)
        scores = _attack(attackers, shorter.enrolment, shorter.trials, feature_set)
        found.append((seconds, min(eer(one, shorter.owners) for one in scores.values())))
    return (*found, (chosen.trial_seconds, longest.eer))


def _outside(chosen: Cast, feature_set: FeatureSet, raw: _Raw, effort: Effort, seed: int) -> float:
    """Enrolment by a raw recording of the person, trials by features that are inverted.

    Attackers learn from both sides of other speakers, as anyone can extract features from speech
    they have.
    """
    inverted = material(chosen, feature_set, lambda arrays: as_raw(arrays, feature_set))
    # Every other piece of each side: as many in all as elsewhere.
    learned = (*raw.material.learned[::2], *inverted.learned[1::2])
    learners = np.concatenate((raw.material.learners[::2], inverted.learners[1::2]))
    attackers = Attackers.learn(learned, learners, components=effort.components, seed=seed)
    scores = _attack(attackers, raw.material.enrolment, inverted.trials, feature_set)
    return min(eer(one, inverted.owners) for one in scores.values())


def _reconstruction(
    chosen: Cast, feature_set: FeatureSet, raw: _Raw, seed: int
) -> tuple[float, float]:
    """Speech rebuilt from one trial of each speaker, by attackers who know raw speech only.

    The mean cosine with other recordings of the same speaker, and how often those are the nearest.
    """
    rebuilt_trials = [
        np.concatenate(
            [rebuilt(arrays, feature_set, seed) for arrays in stored(one.trials[0], feature_set)]
        )
        for one in chosen.tested
    ]
    for frames in rebuilt_trials:
        finite(frames, feature_set)
    scores = _attack(raw.attackers, raw.material.enrolment, rebuilt_trials, feature_set)
    owners = np.arange(len(rebuilt_trials))
    return float(np.diag(scores[COSINE]).mean()), rank1(scores[TOGETHER], owners)
