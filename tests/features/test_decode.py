"""Every container the people of the design record with, decoded in memory."""

import io
import subprocess
import sys
import tempfile

import numpy as np
import pytest
import soundfile
from recordings import browser_encoded, encoded, noise, tone

from unvoiced.features.decode import open_recording
from unvoiced.features.recording import float_blocks

FORMATS = [
    ("WAV", "PCM_16", 1e-9),
    ("WAV", "PCM_24", 1e-9),
    ("WAV", "PCM_32", 1e-9),
    ("WAV", "PCM_U8", 1e-9),
    ("WAV", "FLOAT", 1e-9),
    ("WAV", "DOUBLE", 1e-9),
    ("WAV", "ULAW", 1e-9),
    ("WAV", "GSM610", 1e-9),
    ("WAV", "IMA_ADPCM", 1e-9),
    ("WAVEX", "PCM_16", 1e-9),
    ("RF64", "PCM_16", 1e-9),
    ("AIFF", "PCM_16", 1e-9),
    ("AIFF", "FLOAT", 1e-9),
    ("CAF", "PCM_16", 1e-9),
    ("CAF", "ALAC_16", 1e-9),
    ("FLAC", "PCM_16", 1e-9),
    ("FLAC", "PCM_24", 1e-9),
    ("OGG", "VORBIS", 1e-6),
    ("OGG", "OPUS", 1e-6),
    ("MP3", "MPEG_LAYER_III", 1e-6),
]


def decode(plaintext: bytes, downmix: str = "mean") -> np.ndarray:
    """The whole recording as one mono array, full scale at 1.0."""
    blocks = float_blocks(open_recording(plaintext, downmix=downmix).blocks)
    return np.concatenate([block.copy() for block in blocks])


@pytest.mark.parametrize(("kind", "subtype", "tolerance"), FORMATS)
def test_equals_soundfile(kind: str, subtype: str, tolerance: float) -> None:
    """Reading block by block gives what soundfile reads in one piece, for every format."""
    plaintext = encoded(noise(80_000), 16_000, kind, subtype)
    with soundfile.SoundFile(io.BytesIO(plaintext)) as file:
        expected = file.read(200_000, dtype="float64")
    recording = open_recording(plaintext)
    assert (recording.sample_rate, recording.channels) == (16_000, 1)
    assert recording.format == f"{kind}/{subtype}"
    np.testing.assert_allclose(decode(plaintext), expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize("subtype", ["PCM_16", "FLOAT"])
@pytest.mark.parametrize("channels", [2, 3, 8])
def test_downmix(subtype: str, channels: int) -> None:
    """ "mean" is librosa.to_mono's average of all channels, "first" the first one alone."""
    y = np.stack([noise(50_000, seed) for seed in range(channels)], axis=1)
    y = np.round(y * 32768) / 32768
    plaintext = encoded(y, 16_000, "WAV", subtype)
    np.testing.assert_allclose(decode(plaintext), y.mean(axis=1), rtol=0, atol=1e-12)
    np.testing.assert_allclose(decode(plaintext, "first"), y[:, 0], rtol=0, atol=1e-12)


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100, 48_000, 192_000])
def test_sample_rates(rate: int) -> None:
    """The rate is the recording's own, whatever it is."""
    assert open_recording(encoded(noise(1000), rate)).sample_rate == rate


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_any_buffer(kind: type) -> None:
    """The plaintext may lie in any kind of buffer, and is read where it lies."""
    plaintext = encoded(noise(1000))
    assert (decode(kind(plaintext)) == decode(plaintext)).all()


@pytest.mark.parametrize(
    ("muxer", "codec", "name"),
    [
        ("webm", "libopus", "MATROSKA/OPUS"),
        ("ipod", "aac", "MP4/AAC"),
        ("ipod", "alac", "MP4/ALAC"),
        ("adts", "aac", "AAC/AAC"),
        ("matroska", "pcm_s16le", "MATROSKA/PCM_S16LE"),
        ("matroska", "flac", "MATROSKA/FLAC"),
    ],
)
def test_browser_and_phone_formats(muxer: str, codec: str, name: str) -> None:
    """WebM, M4A and bare AAC decode in memory to the tone that was recorded, mixed down."""
    plaintext = browser_encoded(muxer, codec)
    recording = open_recording(plaintext)
    assert (recording.format, recording.sample_rate, recording.channels) == (name, 48_000, 2)
    y = decode(plaintext)
    assert len(y) == pytest.approx(96_000, abs=2500)
    middle = y[24_000:72_000]
    assert np.abs(np.fft.rfft(middle)).argmax() == 440
    assert np.sqrt(2 * np.mean(middle**2)) == pytest.approx(0.375, rel=0.02)
    left = decode(plaintext, "first")[24_000:72_000]
    assert np.sqrt(2 * np.mean(left**2)) == pytest.approx(0.5, rel=0.02)


def test_webm_without_a_duration() -> None:
    """A live WebM, as MediaRecorder writes it, states no duration and is decoded to its end."""
    assert len(decode(browser_encoded("webm", "libopus", live=True))) == pytest.approx(
        96_000, abs=2500
    )


def without_length_header(mp3: bytes) -> bytes:
    """An MP3 from its second frame on: the first one holds the Xing header."""
    second = next(
        at for at in range(50, 3000) if mp3[at : at + 2] == mp3[:2] and mp3[at + 3] == mp3[3]
    )
    return mp3[second:]


def test_mp3_without_a_length_header_loses_nothing() -> None:
    """All is decoded where libsndfile would guess a fifth of the length from a loud start."""
    y = np.concatenate([noise(80_000), np.zeros(80_000), tone(5, 16_000)])
    mp3 = encoded(y, 16_000, "MP3", "MPEG_LAYER_III", bitrate_mode="VARIABLE")
    bare = without_length_header(mp3)
    assert b"Xing" not in bare
    assert len(decode(bare)) == pytest.approx(len(y), abs=3000)


def test_mp3_behind_an_id3_tag() -> None:
    """A tag with a title, as players add it, is passed over."""
    mp3 = encoded(noise(32_000), 16_000, "MP3", "MPEG_LAYER_III")
    tag = b"ID3\x04\x00\x00\x00\x00\x01\x00" + bytes(128)
    assert len(decode(tag + mp3)) == 32_000


@pytest.mark.parametrize("promised", [0, 0x7FFFF000, 0x7FFFFF00, 0xFFFFFFFF])
@pytest.mark.parametrize("riff", [0, 0xFFFFFFFF])
def test_wav_from_a_pipe(promised: int, riff: int) -> None:
    """A length that the recorder could not fill in means "until the end"."""
    wav = bytearray(encoded(noise(50_000)))
    wav[4:8] = riff.to_bytes(4, "little")
    wav[40:44] = promised.to_bytes(4, "little")
    assert (decode(bytes(wav)) == decode(encoded(noise(50_000)))).all()


def test_flac_from_a_pipe() -> None:
    """A FLAC whose header leaves the number of samples open is decoded to its end."""
    flac = bytearray(encoded(noise(50_000), 16_000, "FLAC"))
    flac[21] &= 0xF0
    flac[22:26] = bytes(4)
    assert len(decode(bytes(flac))) == 50_000


def test_a_handed_on_block_is_overwritten() -> None:
    """Decoded audio does not stay behind once the next block is asked for."""
    blocks = open_recording(encoded(noise(100_000), 16_000, "FLAC")).blocks
    first = next(blocks)
    assert first.any()
    next(blocks)
    assert not first.any()


def test_no_temporary_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """No decoder is handed a file name, and none makes a temporary file."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a temporary file was asked for")

    for name in ("mkstemp", "mkdtemp", "NamedTemporaryFile", "TemporaryFile"):
        monkeypatch.setattr(tempfile, name, refuse)
    for plaintext in (
        encoded(noise(16_000)),
        encoded(noise(16_000), 16_000, "CAF", "ALAC_16"),
        browser_encoded("ipod", "aac"),
    ):
        decode(plaintext)


def test_import_is_light() -> None:
    """Importing the package loads neither librosa nor PyAV, which cost a second."""
    script = (
        "import sys, unvoiced.features;"
        "print(sorted({'librosa', 'av', 'numba', 'audioread'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert done.stdout.strip() == b"[]"
