"""What a measuring of leakage says, in sentences, and what it does not. Pure."""

from unvoiced.leakage.result import Leakage

FEW = 20  # speakers attacked, below which intervals are too wide to compare feature sets


def verdict(leakage: Leakage) -> str:
    """The one sentence to read first."""
    if leakage.attacker_too_weak:
        return (
            f"The attackers are too weak: these figures prove nothing. Even on raw recordings they "
            f"err in {per_cent(leakage.raw_eer)} of cases."
        )
    if not leakage.sets:
        return f"Raw recordings: the strongest attacker errs in {per_cent(leakage.raw_eer)}."
    names, rates = [], []
    for one in sorted(leakage.sets, key=lambda one: one.eer)[:: max(1, len(leakage.sets) - 1)]:
        names.append(one.feature_set)
        rates.append(per_cent(one.eer))
    return (
        f"At least this much leaks: from features ({' to '.join(names)}) the strongest attacker "
        f"errs in {' to '.join(rates)} of cases, from the recordings themselves in "
        f"{per_cent(leakage.raw_eer)}; guessing errs in {per_cent(leakage.chance)}."
    )


def caveats(leakage: Leakage) -> tuple[str, ...]:
    """What to keep in mind with every figure."""
    corpus = leakage.corpus
    said = [
        "Each figure is a lower bound on what leaks: a stronger attacker may exist, and none shows "
        "that features are anonymous.",
        f"Trials are {seconds(corpus.trial_seconds)} of speech, enrolment three times that. With "
        "more of one person's speech, errors become fewer.",
        "The strongest of several attackers counts, chosen by these very trials: with few speakers "
        "the least of several figures is somewhat low by chance.",
        "Outside: the attacker knows the person from a raw recording and inverts the features. Who "
        "knows the feature set can extract features from that recording instead, and is the "
        "attacker of the first column.",
    ]
    if corpus.attacked < FEW:
        width = ""
        if leakage.raw_interval is not None:
            low, high = leakage.raw_interval
            width = f" (for raw recordings {low:.1f} to {high:.1f} %)"
        said.append(
            f"Only {corpus.attacked} speakers were attacked: intervals are wide{width}; do not "
            "compare feature sets whose intervals overlap."
        )
    if corpus.one_recording:
        said.append(
            f"Of {corpus.one_recording} of the {corpus.attacked} attacked there was one recording, "
            "cut in two: the same microphone and room make them easier to recognise than on "
            "another day."
        )
    return tuple(said)


def per_cent(rate: float | None) -> str:
    """As `3.1 %`; nothing where it was not measured."""
    return "" if rate is None else f"{rate:.1f} %"


def seconds(length: float) -> str:
    """As `0.8 s` or `4 s`."""
    return f"{length:.2g} s" if length < 10 else f"{length:.0f} s"
