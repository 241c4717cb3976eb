"""Recordings to measure with: real speech where there is some, else synthesised, in every format.

UNVOICED_SPEECH=folder names a folder of speech at 16 kHz. What is synthesised is a gliding voice
with syllables and breath: enough for a codec to have its usual work, and nothing to listen to.
"""

import io
import os
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import librosa
import numpy as np
import soundfile
from numpy.typing import NDArray

RATE = 16000


@dataclass(frozen=True)
class Format:
    """A container and encoding, as libsndfile calls them."""

    name: str
    rate: int
    container: str
    encoding: str
    suffix: str


FORMATS = (
    Format("WAV 16 kHz", 16000, "WAV", "PCM_16", ".wav"),
    Format("WAV 48 kHz", 48000, "WAV", "PCM_16", ".wav"),
    Format("FLAC 16 kHz", 16000, "FLAC", "PCM_16", ".flac"),
    Format("Opus 16 kHz", 16000, "OGG", "OPUS", ".opus"),
    Format("Opus 48 kHz", 48000, "OGG", "OPUS", ".opus"),
)


def source() -> str:
    """What the recordings are, in words."""
    return "real speech" if os.environ.get("UNVOICED_SPEECH") else "synthesised voices"


def voices(count: int, seconds: float) -> list[NDArray[np.float32]]:
    """Mono samples at 16 kHz, full scale at 1.0, of just that length each.

    All are of 16 bits: multiplied by 32,768 they are whole.
    """
    folder = os.environ.get("UNVOICED_SPEECH")
    if folder is None:
        found = [synthesised(seed, seconds) for seed in range(count)]
        return [np.round(one * 32768) / np.float32(32768) for one in found]
    return real(Path(folder), count, round(seconds * RATE))


def synthesised(seed: int, seconds: float) -> NDArray[np.float32]:
    """A gliding voice of ten harmonics, four syllables a second, and breath."""
    random = np.random.default_rng(seed)
    t = np.arange(round(seconds * RATE)) / RATE
    pitch = random.uniform(90, 220) * (1 + 0.2 * np.sin(2 * np.pi * 0.4 * t + random.uniform(0, 6)))
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    voice = sum(random.uniform(0.2, 1) / k * np.sin(k * phase) for k in range(1, 11))
    syllables = np.clip(np.sin(2 * np.pi * 2 * t + random.uniform(0, 6)), 0, None)
    breath = random.normal(0, 0.02, t.size)
    return (0.15 * syllables * (voice + breath) + 0.1 * breath).astype(np.float32)


def real(folder: Path, count: int, length: int) -> list[NDArray[np.float32]]:
    """The longest files of the folder, cut, or put one behind the other until they are enough."""
    paths = sorted(folder.rglob("*.flac"), key=lambda path: (-path.stat().st_size, path))
    found: list[NDArray[np.float32]] = []
    files = iter(path for path in paths if soundfile.info(path).samplerate == RATE)
    while len(found) < count:
        pieces, have = [], 0
        while have < length:
            piece, _ = soundfile.read(next(files), dtype="float32")
            pieces.append(piece)
            have += len(piece)
        found.append(np.concatenate(pieces)[:length])
    return list(islice(found, count))


def encoded(samples: NDArray[np.float32], form: Format) -> bytes:
    """An audio file of that format."""
    if form.rate != RATE:
        samples = librosa.resample(samples, orig_sr=RATE, target_sr=form.rate)
    file = io.BytesIO()
    soundfile.write(file, samples, form.rate, format=form.container, subtype=form.encoding)
    return file.getvalue()
