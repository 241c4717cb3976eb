"""What browsers and phones record (WebM, M4A, AAC), decoded in memory by PyAV.

Needs the extra `unvoiced[browser-audio]`. The demuxer is named, never guessed: among FFmpeg's are
playlist formats that would open other files and addresses on a recording's behalf.
"""

from collections.abc import Iterator
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from unvoiced.errors import UndecodableError
from unvoiced.features.recording import (
    BLOCK_SAMPLES,
    Limit,
    PlaintextFile,
    Recording,
    Samples,
    mix_down,
)

if TYPE_CHECKING:
    import av.container

_FULL_SCALE = {"u8": 128.0, "s16": 32768.0, "s32": 2147483648.0, "flt": 1.0, "dbl": 1.0}
_STATES_DURATION = frozenset({"matroska", "mp4"})
# FFmpeg keeps eight plane pointers in a frame, and PyAV looks for the one behind the last: with
# eight planes or more it reads, and follows, whatever stands there.
_MAX_CHANNELS = 8
# Encoder delay and padding make an honest stated duration differ from what decodes.
_DURATION_SLACK = 0.5


def open_browser_recording(
    data: memoryview, kind: str, downmix: str, max_seconds: float
) -> Recording:
    """Open a recording whose container is `kind`: matroska, mp4, aac or mp3.

    Its format, rate and channels are those of the first decoded frame. Raises UndecodableError.
    """
    try:
        import av
    except ImportError:
        raise UndecodableError("needs-browser-audio-extra") from None
    try:
        opened = av.open(PlaintextFile(data), mode="r", format=kind)
    except (av.FFmpegError, ValueError, RuntimeError, MemoryError):
        raise UndecodableError("not-audio") from None
    if not opened.streams.audio:
        opened.close()
        raise UndecodableError("no-audio")
    stated = (opened.duration or 0) / av.time_base if kind in _STATES_DURATION else 0.0
    frames = _frames(opened, stated)
    first = next(frames, None)
    if first is None:
        raise UndecodableError("no-audio")
    rate, channels = first.sample_rate, first.layout.nb_channels
    limit = Limit(rate, max_seconds)
    codec = opened.streams.audio[0].codec_context.name
    mono = (_mono(frame, rate, channels, downmix) for frame in chain((first,), frames))
    return Recording(f"{kind}/{codec}".upper(), rate, channels, _blocks(mono, limit))


def _frames(opened: "av.container.InputContainer", stated: float) -> Iterator[Any]:
    """The decoded frames of the first audio stream; `stated` is the duration in s, or 0."""
    import av

    end = 0.0
    with opened:
        frames = opened.decode(opened.streams.audio[0])
        while True:
            try:
                frame = next(frames, None)
            except (av.FFmpegError, ValueError, RuntimeError):
                raise UndecodableError("damaged") from None
            if frame is None:
                break
            if not frame.samples or not frame.sample_rate:
                continue
            end = max(end, (frame.time or 0.0) + frame.samples / frame.sample_rate)
            yield frame
    if end and end + _DURATION_SLACK < stated:
        raise UndecodableError("truncated")


def _mono(frame: Any, rate: int, channels: int, downmix: str) -> NDArray[np.float64]:
    if (frame.sample_rate, frame.layout.nb_channels) != (rate, channels):
        raise UndecodableError("damaged")
    full_scale = _FULL_SCALE.get(frame.format.packed.name)
    if full_scale is None or channels > _MAX_CHANNELS:
        raise UndecodableError("not-audio")
    if frame.format.is_planar and channels == _MAX_CHANNELS:
        frame = _interleaved(frame)
    samples: NDArray[Any] = frame.to_ndarray()
    by_channel = samples.T if frame.format.is_planar else samples.reshape(-1, channels)
    if frame.format.packed.name == "u8":
        by_channel = by_channel.astype(np.float64) - full_scale
    if not np.isfinite(by_channel).all():
        raise UndecodableError("not-finite")
    mono = mix_down(by_channel, downmix, full_scale)
    samples.fill(0)
    return mono


def _interleaved(frame: Any) -> Any:
    import av

    packer = av.AudioResampler(
        format=frame.format.packed.name, layout=frame.layout, rate=frame.sample_rate
    )
    try:
        (packed,) = packer.resample(frame)
    except (av.FFmpegError, ValueError, RuntimeError):
        raise UndecodableError("damaged") from None
    return packed


def _blocks(frames: Iterator[NDArray[np.float64]], limit: Limit) -> Iterator[Samples]:
    """Codec frames of some 20 ms, gathered into blocks worth the calls that each one costs."""
    gathered: list[NDArray[np.float64]] = []
    waiting = 0
    for samples in chain(frames, (None,)):
        if samples is not None:
            limit.count(len(samples))
            gathered.append(samples)
            waiting += len(samples)
        if gathered and (samples is None or waiting >= BLOCK_SAMPLES):
            block = np.concatenate(gathered)
            for piece in gathered:
                piece.fill(0.0)
            gathered, waiting = [], 0
            try:
                yield block
            finally:
                block.fill(0.0)
