"""Who is attacked with what: nobody and nothing on both sides."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile

from unvoiced.errors import InputError
from unvoiced.leakage.voices import Cast, Part, Piece, cast, samples

RATE = 2_000


def folder_of(path: Path, speakers: int, recordings: int, seconds: float) -> Path:
    """As many speakers, with so much noise each; one file in ten is no recording."""
    rng = np.random.default_rng(0)
    for speaker in range(speakers):
        folder = path / f"name-{speaker:02d}"
        folder.mkdir(parents=True)
        for take in range(recordings):
            noise = 0.1 * rng.standard_normal(round(seconds * RATE))
            soundfile.write(folder / f"{take}.wav", noise, RATE, subtype="PCM_16")
        (folder / "notes.txt").write_text("not a recording")
    return path


def cast_of(speech: Path, **options: object) -> Cast:
    """With what these tests change."""
    chosen = {"tested": 12, "learned_from": 50, "only": "*", "seconds": 1.0, "seed": 0} | options
    return cast(speech, **chosen)  # type: ignore[arg-type]


def parts(pieces: list[Piece]) -> list[Part]:
    """All parts."""
    return [part for piece in pieces for part in piece]


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 speakers with twelve recordings each."""
    return folder_of(tmp_path_factory.mktemp("many"), 24, 12, 0.7)


def test_nobody_who_is_attacked_is_learned_from(many: Path) -> None:
    """The folders of the two sides are disjoint, whatever is asked for."""
    for seed in range(4):
        chosen = cast_of(many, seed=seed)
        attacked = {
            part.path.parent
            for one in chosen.tested
            for part in parts([one.enrolment, *one.trials])
        }
        learned = {part.path.parent for one in chosen.learned_from for part in parts([*one])}
        assert (len(attacked), len(learned)) == (12, 12)
        assert not attacked & learned


def test_enrolment_and_trials_share_no_recording(many: Path) -> None:
    """Where there are several recordings, a trial is of another one; of a second each, as asked."""
    chosen = cast_of(many)
    assert chosen.cut == 0
    for one in chosen.tested:
        known = {part.path for part in one.enrolment}
        assert not known & {part.path for part in parts([*one.trials])}
        assert sum(part.seconds for part in one.enrolment) == pytest.approx(3.0, abs=0.3)
        for trial in one.trials:
            assert sum(part.seconds for part in trial) == pytest.approx(1.0, abs=0.3)


def test_one_recording_is_cut_and_said_to_be(tmp_path: Path) -> None:
    """Its parts do not overlap, in enrolment or in any trial."""
    chosen = cast_of(folder_of(tmp_path, 20, 1, 6.0), tested=10)
    assert chosen.cut == len(chosen.tested) == 10
    for one in chosen.tested:
        taken = sorted((part.start, part.stop) for part in parts([one.enrolment, *one.trials]))
        assert all(first[1] <= second[0] for first, second in pairwise(taken))
        assert len(one.trials) == 3
    part = chosen.tested[0].trials[0][0]
    plain, rate = samples(part, "mean")
    assert (len(plain), rate) == (RATE, RATE)


def test_only_some_may_be_attacked(many: Path) -> None:
    """All whose folders do not match are learned from."""
    chosen = cast_of(many, only="name-0?", tested=20)
    assert {part.path.parent.name[:6] for one in chosen.tested for part in one.enrolment} == {
        "name-0"
    }
    assert (len(chosen.tested), len(chosen.learned_from)) == (10, 14)


def test_the_seed_decides_and_nothing_else(many: Path) -> None:
    """The same again is the same; another seed is another cast."""
    assert cast_of(many) == cast_of(many)
    assert cast_of(many) != cast_of(many, seed=1)


def test_too_few_speakers_are_refused_without_naming_one(tmp_path: Path) -> None:
    """Nine against nine tell nothing; the message has counts and no names."""
    with pytest.raises(InputError, match=r"9 speakers to attack and 9 others") as refused:
        cast_of(folder_of(tmp_path / "few", 18, 2, 2.5))
    assert "name-" not in refused.value.diagnostics()
    with pytest.raises(InputError, match="0 speakers to attack"):
        cast_of(tmp_path / "few", only="nobody*")


def test_too_little_speech_is_refused(many: Path) -> None:
    """Eight seconds a speaker are not the twelve that trials of three seconds take."""
    with pytest.raises(InputError, match=r"12\.0 s of speech each"):
        cast_of(many, seconds=3.0)


def test_how_a_part_is_shown_says_nothing_of_whose_it_is(many: Path) -> None:
    """A traceback or a log that shows one has no name."""
    assert "name-" not in repr(cast_of(many))
