"""From a recording's bytes in memory to mono samples in blocks.

- No temporary file, no subprocess, no audioread: a decoder reads the plaintext where it lies.
- One decoder per content, never by what happens to be installed: libsndfile for WAV, AIFF, CAF,
  FLAC, Ogg (Vorbis, Opus) and MP3 with a length header; PyAV for WebM/Matroska, MP4/M4A, AAC and
  MP3 without one. The same recording gives the same numbers everywhere.
- Memory beyond the plaintext is one block (256 kB), whatever the length. The samples of a plain
  16-bit WAV are read where they lie.
- Every refusal is `UndecodableError` with a code of `REASONS`; no decoder's text gets out (INV-11).
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from unvoiced.errors import UndecodableError
from unvoiced.features.containers import (
    Patch,
    Pcm16,
    check_length,
    container,
    has_length_header,
    pcm16,
)
from unvoiced.features.recording import (
    BLOCK_SAMPLES,
    DEFAULT_MAX_SECONDS,
    INT16_FULL_SCALE,
    Limit,
    Plain,
    PlaintextFile,
    Recording,
    Samples,
    mix_down,
)

_BROWSER_CONTAINERS = frozenset({"matroska", "mp4", "aac"})
_SNDFILE_FORMATS = frozenset({"WAV", "WAVEX", "RF64", "AIFF", "CAF", "FLAC", "OGG", "MP3"})
# What libsndfile reports where a header leaves the length open.
_UNKNOWN_FRAMES = 1 << 62


def open_recording(
    plaintext: Plain, *, downmix: str = "mean", max_seconds: float = DEFAULT_MAX_SECONDS
) -> Recording:
    """Open a recording of any sample rate and channel count.

    `downmix` is "mean" or "first". Raises UndecodableError here for what the header tells, and
    while the blocks are read for what only decoding tells.
    """
    data = memoryview(plaintext).cast("B").toreadonly()
    if not len(data):
        raise UndecodableError("empty")
    kind = container(data)
    if kind is None:
        raise UndecodableError("not-audio")
    if kind in _BROWSER_CONTAINERS or (kind == "mp3" and not has_length_header(data)):
        # PyAV is an extra, and takes 0.2 s to import.
        from unvoiced.features.decode_browser import open_browser_recording

        return open_browser_recording(data, kind, downmix, max_seconds)
    patch = check_length(data, kind)
    if kind == "wav" and (plain := pcm16(data)) is not None:
        return _open_in_place(data, plain, downmix, max_seconds)
    return _open_with_libsndfile(data, patch, downmix, max_seconds)


def _open_in_place(data: memoryview, plain: Pcm16, downmix: str, max_seconds: float) -> Recording:
    """A plain WAV needs no decoder: its samples are read, never written, where they lie."""
    if not plain.frames:
        raise UndecodableError("no-audio")
    Limit(plain.sample_rate, max_seconds).check(plain.frames)
    count = plain.frames * plain.channels
    samples = np.frombuffer(data, "<i2", count, plain.offset)
    if plain.channels == 1:
        blocks = iter((samples,))
    else:
        blocks = _mixed(samples.reshape(-1, plain.channels), downmix)
    return Recording("WAV/PCM_16", plain.sample_rate, plain.channels, blocks)


def _mixed(samples: NDArray[np.int16], downmix: str) -> Iterator[Samples]:
    frames = max(1, BLOCK_SAMPLES // samples.shape[1])
    for at in range(0, len(samples), frames):
        mono = mix_down(samples[at : at + frames], downmix, INT16_FULL_SCALE)
        try:
            yield mono
        finally:
            mono.fill(0.0)


class _Forward(soundfile.SoundFile):  # type: ignore[misc]  # soundfile ships no types
    """A sound file that is only read forward.

    soundfile seeks after every read, which fails at the end of a FLAC whose header leaves the
    length open, and hides how many frames there were.
    """

    def seekable(self) -> bool:
        return False


def _open_with_libsndfile(
    data: memoryview, patch: Patch | None, downmix: str, max_seconds: float
) -> Recording:
    try:
        file = _Forward(PlaintextFile(data, patch))
    except (soundfile.SoundFileError, RuntimeError, ValueError, TypeError):
        raise UndecodableError("not-audio") from None
    if file.format not in _SNDFILE_FORMATS:
        file.close()
        raise UndecodableError("not-audio")
    limit = Limit(file.samplerate, max_seconds)
    if file.frames < _UNKNOWN_FRAMES:
        limit.check(file.frames)
    name = f"{file.format}/{file.subtype}"
    return Recording(name, file.samplerate, file.channels, _blocks(file, downmix, limit))


def _blocks(file: Any, downmix: str, limit: Limit) -> Iterator[Samples]:
    # int16 is what PCM_16 holds, and libsndfile hands it over six times faster than floats.
    dtype, full_scale = (
        ("int16", INT16_FULL_SCALE) if file.subtype == "PCM_16" else ("float64", 1.0)
    )
    frames = max(1, BLOCK_SAMPLES // file.channels)
    with file:
        while True:
            try:
                block = file.read(frames, dtype=dtype, always_2d=True)
            except (soundfile.SoundFileError, RuntimeError, ValueError):
                raise UndecodableError("damaged") from None
            if not len(block):
                break
            limit.count(len(block))
            if dtype == "float64" and not np.isfinite(block).all():
                raise UndecodableError("not-finite")
            as_it_is = dtype == "int16" and file.channels == 1
            mono = block[:, 0] if as_it_is else mix_down(block, downmix, full_scale)
            try:
                yield mono
            finally:
                mono.fill(0)
                block.fill(0)
        if limit.frames < file.frames < _UNKNOWN_FRAMES:
            raise UndecodableError("truncated")
    if not limit.frames:
        raise UndecodableError("no-audio")
