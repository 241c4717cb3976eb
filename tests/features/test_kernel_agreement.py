"""Whatever was compiled is held against librosa before it sees a recording."""

from dataclasses import replace

import numpy as np
import pytest

from unvoiced.errors import VerificationError
from unvoiced.features import builtin_names, extract_samples, load, make_ready
from unvoiced.features.kernel.agreement import check_agreement, known_signal

EVERY_SET = [load(name) for name in builtin_names()]


@pytest.mark.parametrize("feature_set", EVERY_SET, ids=builtin_names())
def test_every_built_in_set_agrees(feature_set) -> None:
    """What is compiled here passes, in each precision and type of array."""
    y = known_signal(feature_set)
    check_agreement(
        extract_samples(y / 32768, feature_set.sample_rate, feature_set), y, feature_set
    )


@pytest.mark.parametrize("name", ["speech-16k", "speech-16k-fast"])
def test_one_wrong_number_is_noticed(name: str) -> None:
    """A compiler that gets one frame of one array wrong is refused."""
    feature_set = load(name)
    y = known_signal(feature_set)
    made = extract_samples(y / 32768, feature_set.sample_rate, feature_set)
    for array in made.values():
        before = array[3, 17]
        array[3, 17] += max(0.1, abs(before) / 100)
        with pytest.raises(VerificationError, match="librosa"):
            check_agreement(made, y, feature_set)
        array[3, 17] = np.nan
        with pytest.raises(VerificationError, match="librosa"):
            check_agreement(made, y, feature_set)
        array[3, 17] = before
    check_agreement(made, y, feature_set)


def test_what_does_not_agree_is_never_used(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each attempt is refused anew: a refusal leaves no mark that would pass the next time."""
    from unvoiced.features.kernel import prepare as module

    feature_set = replace(
        load("speech-16k"), n_mels=41, n_mfcc=20
    )  # that no other test makes ready
    monkeypatch.setattr(module, "_folder", lambda: None)

    def disagree(*_: object) -> None:
        raise VerificationError("not librosa's numbers")

    monkeypatch.setattr(module, "check_agreement", disagree)
    for _ in range(2):
        with pytest.raises(VerificationError):
            make_ready([feature_set])
        with pytest.raises(VerificationError):
            extract_samples(np.zeros(16_000), 16_000, feature_set)
