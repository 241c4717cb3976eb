"""Recordings for tests, made in memory."""

import io
import os
from functools import lru_cache
from pathlib import Path
from typing import Any

import av
import numpy as np
import soundfile
from numpy.typing import NDArray

from deployments.demo.corpus import synthesise

_ROOT = Path(__file__).parents[2]
_SPEECH = Path(os.environ.get("UNVOICED_SPEECH", _ROOT.parent / "shared" / "speech"))


def noise(samples: int, seed: int = 0) -> NDArray[np.float64]:
    """Gaussian noise of shape (samples,), seldom clipped."""
    return np.clip(0.1 * np.random.default_rng(seed).standard_normal(samples), -1.0, 1.0)


def tone(seconds: float, rate: int, hertz: float = 440.0) -> NDArray[np.float64]:
    """A sine at half of full scale."""
    return 0.5 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate)


def encoded(
    y: NDArray[Any], rate: int = 16_000, kind: str = "WAV", subtype: str = "PCM_16", **more: Any
) -> bytes:
    """Samples of shape (n,) or (n, channels) as a file that libsndfile writes."""
    file = io.BytesIO()
    soundfile.write(file, y, rate, format=kind, subtype=subtype, **more)
    return file.getvalue()


@lru_cache
def browser_encoded(muxer: str, codec: str, *, seconds: float = 2.0, live: bool = False) -> bytes:
    """A 440 Hz stereo tone at 48 kHz (left twice as loud) as FFmpeg writes it."""
    file = io.BytesIO()
    rate, step = 48_000, 1024
    left = tone(seconds, rate).astype(np.float32)
    options = {"live": "1"} if live else {}
    with av.open(file, "w", format=muxer, options=options) as output:
        stream = output.add_stream(codec, rate=rate, layout="stereo")
        for start in range(0, len(left), step):
            block = left[start : start + step]
            both = np.stack((block, block / 2))
            frame = av.AudioFrame.from_ndarray(both, format="fltp", layout="stereo")
            frame.sample_rate, frame.pts = rate, start
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return file.getvalue()


def speech(most: int, aside: Path) -> list[Path]:
    """So many FLAC recordings, one a speaker; synthesised into `aside` where no real ones are."""
    if not _SPEECH.is_dir():
        made = synthesise(aside, speakers=most, recordings=18)
        return [path for path in made if path.suffix == ".flac"][:most]
    folders = sorted(folder for folder in _SPEECH.iterdir() if folder.is_dir())
    found = [sorted(folder.glob("*.flac"))[0] for folder in folders if any(folder.glob("*.flac"))]
    return found[:: max(1, len(found) // most)][:most]
