"""A plain 16-bit WAV is read in place, exactly where libsndfile would read the same."""

import io
import struct
from unittest import mock

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recordings import encoded, noise

from unvoiced.errors import UndecodableError
from unvoiced.features import decode, extract, load
from unvoiced.features.containers import pcm16
from unvoiced.features.recording import float_blocks


def chunk(name: bytes, content: bytes) -> bytes:
    """A RIFF chunk, padded to an even length."""
    return name + struct.pack("<I", len(content)) + content + bytes(len(content) % 2)


def info(*texts: tuple[bytes, bytes]) -> bytes:
    """A LIST of texts about the recording."""
    return chunk(b"LIST", b"INFO" + b"".join(chunk(*text) for text in texts))


INFO = b"INFOISFT\x05\0\0\0Lavf\0\0"
names = st.sampled_from([b"JUNK", b"PAD ", b"LIST", b"fact", b"bext", b"id3 ", b"abcd", b"data"])
FOUND = [  # libsndfile takes each of these for something else than a comment
    b"data\2\0\0\0ab",
    b"INFOdata\2\0\0\0ab",
    b"INFOINFO\2\0\0\0ab",
    b"INFOadtl\2\0\0\0ab",
    b"INFOexif\2\0\0\0ab",
    b"INFOISFT\2\0\0\0abdata\2\0\0\0ab",
    b"adtldata\2\0\0\0ab",
    b"exif" + bytes(range(1, 10)),
]
contents = st.one_of(
    st.binary(max_size=40), st.just(INFO), st.just(bytes(4)), st.sampled_from(FOUND)
)
others = st.lists(st.tuples(names, contents), max_size=2)
tails = st.one_of(
    st.binary(max_size=12),
    st.sampled_from([b"data", bytes(8), b"\5" + bytes(7), b"LIST\4\0\0\0", b"PEAK\0\0\0\0"]),
)


@st.composite
def wavs(draw: st.DrawFn) -> bytes:
    """A WAV file: mostly plain, often with more in it than that, sometimes damaged."""
    channels = draw(st.sampled_from([1, 1, 1, 2, 3, 8, 9]))
    rate = draw(st.sampled_from([1000, 8000, 16_000, 48_000]))
    tag = draw(st.sampled_from([1, 1, 1, 1, 3, 0xFFFE]))
    fmt = struct.pack("<HHIIHH", tag, channels, rate, rate * 2 * channels, 2 * channels, 16)
    samples = draw(st.binary(max_size=200)) * draw(st.sampled_from([1, 1, 7]))
    parts = [(b"fmt ", fmt), *draw(others), (b"data", samples), *draw(others)]
    body = b"WAVE" + b"".join(chunk(*part) for part in parts)
    wav = bytearray(b"RIFF" + struct.pack("<I", len(body)) + body + draw(tails))
    if draw(st.booleans()):
        for _ in range(draw(st.integers(1, 3))):
            wav[draw(st.integers(0, min(len(wav), 80) - 1))] = draw(st.integers(0, 255))
    if draw(st.integers(0, 7)) == 0:
        del wav[draw(st.integers(1, len(wav))) :]
    return bytes(wav)


def outcome(wav: bytes) -> tuple[object, ...] | str:
    """All that is known of a recording and all its samples; or why it is refused."""
    try:
        opened = decode.open_recording(wav, max_seconds=0.1)
        blocks = [block.copy() for block in float_blocks(opened.blocks)]
    except UndecodableError as error:
        return error.reason
    described = (opened.format, opened.sample_rate, opened.channels)
    return *described, np.concatenate(blocks).tobytes()


@settings(max_examples=600, deadline=None)
@given(wavs())
def test_reading_in_place_is_what_libsndfile_reads(wav: bytes) -> None:
    """The same samples, description or refusal, whatever the chunks, their order and lengths."""
    made = outcome(wav)
    with mock.patch.object(decode, "pcm16", return_value=None):
        assert made == outcome(wav)


PLAIN = encoded(noise(1000))
FMT, DATA = PLAIN[12:36], PLAIN[36:]


def with_field(at: int, value: int, size: int) -> bytes:
    """The plain WAV with another value in one field."""
    return PLAIN[:at] + value.to_bytes(size, "little") + PLAIN[at + size :]


def by_ffmpeg(**texts: str) -> bytes:
    """A WAV as FFmpeg writes it: with its own name, at least, in a LIST."""
    file = io.BytesIO()
    with av.open(file, "w", format="wav") as output:
        output.metadata.update(texts)
        stream = output.add_stream("pcm_s16le", rate=16_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.ones((1, 1000), np.int16), "s16", "mono")
        frame.sample_rate = 16_000
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    assert b"LIST" in file.getvalue()
    return file.getvalue()


@pytest.mark.parametrize(
    "wav",
    [
        PLAIN,
        PLAIN + b"\7" + bytes(7),
        encoded(np.stack([noise(1000)] * 2, axis=1), 48_000),
        PLAIN[:12] + FMT + chunk(b"LIST", INFO) + DATA,
        PLAIN[:12] + FMT + info() + DATA,
        PLAIN[:12] + FMT + info((b"INAM", b"odd"), (b"IAS1", b""), (b"ICMT", bytes(5000))) + DATA,
        PLAIN[:12] + FMT + info((b"ICMT", b"Processed by SoX\0")) + DATA,
        PLAIN[:12] + FMT + chunk(b"JUNK", bytes(28)) + info((b"ISFT", b"Lavf")) + DATA,
        by_ffmpeg(),
        by_ffmpeg(title="A reading", artist="x", comment="odd"),
    ],
)
def test_plain_files_are_read_in_place(wav: bytes) -> None:
    """What recorders write needs no decoder, and libsndfile reads the same."""
    assert pcm16(memoryview(wav)) is not None
    made = outcome(wav)
    with mock.patch.object(decode, "pcm16", return_value=None):
        assert made == outcome(wav)


@pytest.mark.parametrize(
    "wav",
    [
        with_field(16, 18, 4),
        with_field(20, 3, 2),
        with_field(22, 2, 2),
        with_field(24, 8000, 4),
        with_field(28, 16_000, 4),
        with_field(32, 4, 2),
        with_field(34, 8, 2),
        with_field(40, 0xFFFFFFFF, 4),
        with_field(40, 0, 4),
        PLAIN[:12] + DATA + FMT,
        PLAIN[:12] + FMT + chunk(b"fact", bytes(4)) + DATA,
        PLAIN + chunk(b"data", bytes(4)),
        PLAIN + b"xxdata\0",
        PLAIN + b"PEAK\0\0\0\0",
        *(PLAIN[:12] + FMT + chunk(b"LIST", content) + DATA for content in FOUND),
        PLAIN[:12] + FMT + chunk(b"LIST", b"INFOISFT\5\0\0\0Lavf\0") + DATA,  # not padded
        PLAIN[:12] + FMT + chunk(b"LIST", b"INFOISFT\6\0\0\0Lavf") + DATA,
        PLAIN[:12] + FMT + chunk(b"LIST", INFO + b"ISFT\0\0") + DATA,
        PLAIN[:12] + FMT + info((b"I\0FT", b"Lavf")) + DATA,
        PLAIN[:12] + FMT + 6 * info((b"ICMT", bytes(30_000))) + DATA,
        b"RIFX" + PLAIN[4:],
        encoded(noise(1000), 16_000, "WAVEX"),
        encoded(noise(1000), 16_000, "RF64"),
        encoded(noise(1000), 16_000, "WAV", "PCM_24"),
        encoded(noise(1000), 16_000, "WAV", "FLOAT"),
    ],
)
def test_anything_else_is_libsndfiles(wav: bytes) -> None:
    """Each field is looked at: one that is not as in the first WAVs, and a decoder has the say."""
    assert pcm16(memoryview(wav)) is None


@pytest.mark.parametrize("rate", [16_000, 48_000])
@pytest.mark.parametrize("channels", [1, 2])
def test_the_plaintext_is_not_written_to(channels: int, rate: int) -> None:
    """Reading in place changes no byte of what it reads; wiping that is its owner's."""
    y = np.stack([noise(50_000, seed) for seed in range(channels)], axis=1)
    plaintext = bytearray(encoded(y, rate))
    before = bytes(plaintext)
    extract(plaintext, load())
    assert plaintext == before
    assert not next(iter(decode.open_recording(encoded(noise(100))).blocks)).flags.writeable


def test_the_plaintext_is_let_go() -> None:
    """No view of it is left when features are there: its owner could not resize it else."""
    plaintext = bytearray(encoded(noise(50_000)))
    extract(plaintext, load())
    plaintext.clear()
