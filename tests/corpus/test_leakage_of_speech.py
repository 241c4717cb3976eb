"""`unvoiced leakage` on real speech; where there is none, on synthesised voices.

Figures from synthetic voices say nothing of people; here they show that the attackers attack.
"""

import os
from datetime import date
from pathlib import Path

import pytest
import soundfile

from deployments.demo.corpus import SENTENCES, SPEAKERS
from deployments.demo.espeak import RATE, Line, speak
from unvoiced.features import load
from unvoiced.leakage.measure import QUICK, measure
from unvoiced.leakage.result import Leakage

SPEECH = Path(
    os.environ.get("UNVOICED_SPEECH", Path(__file__).parents[2].parent / "shared" / "speech")
)


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder a speaker: each voice at two pitches and rates counts as two."""
    if SPEECH.is_dir():
        return SPEECH
    folder = tmp_path_factory.mktemp("synthesised")
    cast = [(one, pitch) for one in SPEAKERS for pitch in (25, 75)]
    lines = [
        Line(one.voice, pitch, one.speed, text) for one, pitch in cast for text in SENTENCES[:8]
    ]
    for at, sound in enumerate(speak(lines)):
        one, pitch = cast[at // 8]
        path = folder / f"{one.name}-{pitch}" / f"{at % 8}.wav"
        path.parent.mkdir(exist_ok=True)
        soundfile.write(path, sound, RATE)
    return folder


def look(speech: Path) -> Leakage:
    """Quickly, with one set."""
    return measure(speech, [load("mfcc-13")], today=date(2026, 11, 23), effort=QUICK)


@pytest.mark.slow
def test_people_are_recognised_from_features_nearly_as_from_speech(speech: Path) -> None:
    """The attackers pass their self-check, MFCC 13 is far from chance, and again it is the same."""
    found = look(speech)
    assert not found.attacker_too_weak
    (mfcc,) = found.sets
    assert mfcc.eer < 20
    assert mfcc.rank1 is not None
    assert mfcc.rank1 > 50
    assert mfcc.interval is not None
    assert mfcc.interval[0] <= mfcc.eer <= mfcc.interval[1]
    assert mfcc.outside_eer is not None
    assert mfcc.outside_eer < 35
    assert look(speech) == found
