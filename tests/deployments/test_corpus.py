"""The demo corpus looks like a recording folder, comes out the same twice, and says who is who."""

import io
import itertools
import locale
import re
import struct
import sys
import time
from pathlib import Path

import espeakng_loader
import librosa
import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from deployments.demo import corpus
from unvoiced.errors import InputError
from unvoiced.names import contributor_id


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The default corpus: 8 speakers, 6 recordings each."""
    return corpus.synthesise(tmp_path_factory.mktemp("recordings"))


def _mono(path: Path) -> npt.NDArray[np.float32]:
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    return librosa.resample(samples[:, 0], orig_sr=rate, target_sr=16_000)


def _by_speaker(paths: list[Path]) -> dict[str, list[Path]]:
    return {name: list(takes) for name, takes in itertools.groupby(paths, lambda p: p.parent.name)}


def test_folder_is_one_contributor_each_with_files_named_by_people(recorded: list[Path]) -> None:
    """Every id is one the product accepts, and every file name has more in it than an id may."""
    speakers = _by_speaker(recorded)
    assert len(speakers) == 8
    for name, takes in speakers.items():
        assert re.fullmatch(r"[a-z]+-\d\d", contributor_id(name))
        assert len({take.name for take in takes}) == 6
    assert sorted(recorded) == sorted(recorded[0].parents[1].glob("*/*"))
    assert any(" " in path.name for path in recorded)
    assert any(not path.name.isascii() for path in recorded)


def test_every_kind_of_file_is_there_and_decodes(recorded: list[Path]) -> None:
    """libsndfile reads each as what it was written as: 2 to 5 s, neither silent nor clipped."""
    kinds = set()
    for path in recorded:
        info = soundfile.info(path)
        kinds.add((path.suffix, info.format, info.subtype, info.samplerate, info.channels))
        assert 2 <= info.duration <= 5, path.name
        samples, _ = soundfile.read(path)
        assert len(samples) == info.frames
        assert 0.2 < np.abs(samples).max() < 1
        assert np.sqrt(np.mean(samples**2)) > 0.02
    assert kinds == {
        (".wav", "WAV", "PCM_16", 22_050, 1),
        (".wav", "WAV", "PCM_16", 16_000, 1),
        (".wav", "WAV", "PCM_16", 48_000, 2),
        (".flac", "FLAC", "PCM_16", 22_050, 1),
        (".ogg", "OGG", "VORBIS", 22_050, 1),
        (".opus", "OGG", "OPUS", 48_000, 1),
        (".mp3", "MP3", "MPEG_LAYER_III", 22_050, 1),
    }


def test_same_seed_same_bytes(recorded: list[Path], tmp_path: Path) -> None:
    """A second run, at another second of the clock, makes the same samples."""
    time.sleep(1.1)  # espeak seeds its generator, and libsndfile its Ogg serials, by the clock
    again = corpus.synthesise(tmp_path)
    assert [p.relative_to(tmp_path) for p in again] == [
        p.relative_to(recorded[0].parents[1]) for p in recorded
    ]
    assert [p.read_bytes() for p in again] == [p.read_bytes() for p in recorded]


def test_another_seed_says_other_things(recorded: list[Path], tmp_path: Path) -> None:
    """The seed decides what is said: no recording of one corpus is in the other."""
    other = {p.read_bytes() for p in corpus.synthesise(tmp_path, seed=1)}
    assert not other & {p.read_bytes() for p in recorded}


def test_no_recording_is_there_twice(tmp_path: Path) -> None:
    """Nor when sentences come round again: every file is a sample of its own."""
    many = corpus.synthesise(tmp_path, speakers=1, recordings=2 * len(corpus.SENTENCES))
    assert len({_mono(path).tobytes() for path in many}) == len(many)


def test_speakers_are_told_apart_by_pitch_and_spectrum(tmp_path: Path) -> None:
    """Half of each speaker's takes finds the other half among all speakers there are."""
    recorded = corpus.synthesise(tmp_path, speakers=len(corpus.SPEAKERS))

    def voiceprint(takes: list[Path]) -> npt.NDArray[np.float64]:
        sound = np.concatenate([_mono(take) for take in takes])
        pitch = np.median(librosa.yin(sound, fmin=50, fmax=500, sr=16_000))
        mel = librosa.feature.melspectrogram(y=sound, sr=16_000, n_mels=24, fmax=7_000)
        spectrum = 10 * np.log10(mel.mean(axis=1))
        # In semitones, so that one of them weighs as much as one decibel in one band.
        return np.append(spectrum - spectrum.mean(), 12 * np.log2(pitch))

    speakers = _by_speaker(recorded).values()
    known = np.stack([voiceprint(takes[:3]) for takes in speakers])
    heard = np.stack([voiceprint(takes[3:]) for takes in speakers])
    distance = np.linalg.norm(known[:, None] - heard[None], axis=2)
    assert distance.argmin(axis=0).tolist() == list(range(len(distance)))


def test_voices_are_distinct_and_in_the_wheel() -> None:
    """espeak takes a misspelt variant for none at all and says nothing, so they are checked."""
    shipped = Path(espeakng_loader.get_data_path()) / "voices" / "!v"
    variants = [speaker.voice.partition("+")[2] for speaker in corpus.SPEAKERS]
    assert all((shipped / variant).is_file() for variant in variants)
    assert len(set(variants)) == len({speaker.name for speaker in corpus.SPEAKERS}) == 16


def test_espeak_stays_out_of_this_process(tmp_path: Path) -> None:
    """Neither the GPL library nor the locale that it sets reaches the process that asks."""
    before = locale.setlocale(locale.LC_ALL)
    locale.setlocale(locale.LC_ALL, "C")
    try:
        corpus.synthesise(tmp_path, speakers=1, recordings=1)
        assert locale.setlocale(locale.LC_ALL) == "C"
    finally:
        locale.setlocale(locale.LC_ALL, before)
    maps = Path("/proc/self/maps")
    assert not maps.exists() or "libespeak" not in maps.read_text()


def test_wheel_under_a_long_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """espeak cuts long data paths off; a deep virtual environment must work all the same."""
    deep = tmp_path / ("a" * 120) / ("b" * 120)
    deep.mkdir(parents=True)
    (deep / "espeakng_loader").symlink_to(Path(espeakng_loader.__file__).parent)
    monkeypatch.setenv("PYTHONPATH", str(deep))
    (path,) = corpus.synthesise(tmp_path / "recordings", speakers=1, recordings=1)
    assert soundfile.info(path).duration > 2


def test_without_espeak_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The extra is optional: its absence is a message, and nothing is written."""
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    with pytest.raises(InputError, match=re.escape("pip install -e '.[demo]'")):
        corpus.synthesise(tmp_path)
    assert not list(tmp_path.iterdir())


def test_espeak_that_does_not_load_is_an_input_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What goes wrong in the child is told by the parent."""
    (tmp_path / "espeakng_loader.py").write_text("def get_library_path(): return '/no/such.so'\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(InputError, match=r"does not work here: OSError: /no/such\.so"):
        corpus.synthesise(tmp_path / "recordings", speakers=1, recordings=1)


@pytest.mark.parametrize(
    "numbers", [{"speakers": 0}, {"speakers": 17}, {"recordings": 0}, {"seed": -1}]
)
def test_numbers_out_of_range_are_refused(tmp_path: Path, numbers: dict[str, int]) -> None:
    """A seventeenth speaker would have to share a voice."""
    with pytest.raises(InputError, match="1 to 16 speakers"):
        corpus.synthesise(tmp_path, **numbers)


def test_troublemakers_are_what_they_say(tmp_path: Path) -> None:
    """One promises more than it holds, one is text, one is a WAV of nothing; all in one folder."""
    good = corpus.synthesise(tmp_path, speakers=2, recordings=1)
    kept = [path.read_bytes() for path in good]
    truncated, text, empty = corpus.add_troublemakers(tmp_path)
    assert {path.parent.name for path in (truncated, text, empty)} == {"anna-01"}
    assert {path.suffix for path in (truncated, text, empty)} == {".wav"}
    assert [path.read_bytes() for path in good] == kept

    content = truncated.read_bytes()
    data = content.index(b"data")
    (promised,) = struct.unpack_from("<I", content, data + 4)
    assert 0 < len(content) - (data + 8) < promised

    assert text.read_bytes().decode("ascii").startswith("Kitchen")
    with pytest.raises(soundfile.LibsndfileError):
        soundfile.info(text)

    silence = soundfile.info(io.BytesIO(empty.read_bytes()))
    assert (silence.format, silence.frames) == ("WAV", 0)


def test_troublemakers_need_a_contributor(tmp_path: Path) -> None:
    """An empty folder has nobody to add them to."""
    with pytest.raises(InputError, match="no contributor"):
        corpus.add_troublemakers(tmp_path)
