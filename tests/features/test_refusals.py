"""What cannot become features is refused with a code, and says nothing else."""

import builtins
import pickle
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from recordings import browser_encoded, encoded, noise

from unvoiced.errors import UndecodableError
from unvoiced.features import REASONS, extract, extract_samples, load

DELTAS = load("mfcc-20-deltas")
OGG = encoded(noise(160_000), 16_000, "OGG", "VORBIS")
MP3 = encoded(noise(160_000), 16_000, "MP3", "MPEG_LAYER_III")
FLAC = encoded(noise(48_000), 16_000, "FLAC")
WAV = encoded(noise(16_000))


def cut(plaintext: bytes, share: float = 0.6) -> bytes:
    """The first part of a file."""
    return plaintext[: int(len(plaintext) * share)]


def changed(plaintext: bytes, at: int, content: bytes) -> bytes:
    """The file with other bytes at one place."""
    return plaintext[:at] + content + plaintext[at + len(content) :]


def spoilt(value: float, subtype: str = "FLOAT") -> bytes:
    """A float WAV with one value in it that is no sample."""
    y = noise(48_000)
    y[40_000] = value
    return encoded(y, 16_000, "WAV", subtype)


REFUSED: dict[str, tuple[str, Callable[[], bytes]]] = {
    "no bytes": ("empty", lambda: b""),
    "text": ("not-audio", lambda: b"this is not audio, whatever its name ends with" * 9),
    "one byte": ("not-audio", lambda: b"R"),
    "playlist": ("not-audio", lambda: b"#EXTM3U\nfile:///etc/passwd\n"),
    "old formats": ("not-audio", lambda: encoded(noise(1000), 16_000, "AU")),
    "matlab": ("not-audio", lambda: encoded(noise(1000), 16_000, "MAT5")),
    "fLaC and noise": ("not-audio", lambda: b"fLaC" + bytes(range(256)) * 4),
    "no frames in a wav": ("no-audio", lambda: encoded(np.empty(0))),
    "only a wav header from a pipe": ("no-audio", lambda: changed(WAV[:44], 40, b"\xff" * 4)),
    "no data chunk": ("no-audio", lambda: WAV[:36]),
    "no frames in an aiff": ("no-audio", lambda: encoded(np.empty(0), 16_000, "AIFF")),
    "wav cut": ("truncated", lambda: cut(WAV)),
    "wav short of one byte": ("truncated", lambda: WAV[:-1]),
    "wav cut in its header": ("truncated", lambda: WAV[:30]),
    "rf64 cut": ("truncated", lambda: cut(encoded(noise(16_000), 16_000, "RF64"))),
    "float wav cut": ("truncated", lambda: cut(encoded(noise(900), 16_000, "WAV", "FLOAT"))),
    "aiff cut": ("truncated", lambda: cut(encoded(noise(16_000), 16_000, "AIFF"))),
    "ogg cut in its last page": ("truncated", lambda: OGG[:-10]),
    "ogg cut": ("truncated", lambda: cut(OGG)),
    "mp3 cut": ("truncated", lambda: cut(MP3)),
    "webm cut": ("truncated", lambda: cut(browser_encoded("webm", "libopus"))),
    "flac promises more": (
        "truncated",
        lambda: changed(FLAC, 22, (60_000).to_bytes(4, "big")),
    ),
    "flac cut": ("damaged", lambda: cut(FLAC)),
    "flac with a flipped bit": ("damaged", lambda: changed(FLAC, 40_000, b"\x55\xaa")),
    "thousands of chunks": ("damaged", lambda: b"RIFF\0\0\0\0WAVE" + b"LIST\0\0\0\0" * 2000),
    "nan": ("not-finite", lambda: spoilt(np.nan)),
    "infinity": ("not-finite", lambda: spoilt(-np.inf)),
    "beyond any power": ("not-finite", lambda: spoilt(1e200, "DOUBLE")),
    "too long": ("too-long", lambda: encoded(noise(16_000 * 11))),
    "too long, length unknown": (
        "too-long",
        lambda: changed(encoded(np.zeros(16_000 * 11), 16_000, "FLAC"), 22, bytes(4)),
    ),
    "webm too long": ("too-long", lambda: browser_encoded("webm", "libopus", seconds=11.0)),
    "one sample a second": ("sample-rate", lambda: encoded(noise(5), 1)),
    "a rate of millions": ("sample-rate", lambda: encoded(noise(5), 10_000_000)),
    "too short for deltas": ("too-short", lambda: encoded(noise(1279))),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_with_its_reason(case: str) -> None:
    """Each way to be unusable has its code, no cause behind it, and survives pickling."""
    reason, make = REFUSED[case]
    with pytest.raises(UndecodableError) as caught:
        extract(make(), DELTAS, max_seconds=10.0)
    error = caught.value
    assert error.reason == reason
    assert error.__cause__ is None
    assert error.__suppress_context__ or error.__context__ is None
    assert pickle.loads(pickle.dumps(error)).reason == reason  # noqa: S301


def test_missing_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without PyAV a WebM is refused with what to install."""
    plaintext = browser_encoded("webm", "libopus")
    monkeypatch.delitem(sys.modules, "av", raising=False)
    original = builtins.__import__

    def without_av(name: str, *rest: Any, **more: Any) -> Any:
        if name == "av":
            raise ImportError
        return original(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without_av)
    with pytest.raises(UndecodableError, match="needs-browser-audio-extra"):
        extract(plaintext, load())


def test_every_reason_is_reached() -> None:
    """No code is documented that nothing raises, none raised that is not documented."""
    reached = {reason for reason, _ in REFUSED.values()} | {"needs-browser-audio-extra"}
    assert reached == REASONS.keys()


def test_decoder_text_stays_inside(monkeypatch: pytest.MonkeyPatch) -> None:
    """What libsndfile says of a recording is neither in the error nor in what it came from."""

    def fail(*_: object, **__: object) -> None:
        raise soundfile.SoundFileRuntimeError("canary from the recording")

    monkeypatch.setattr(soundfile.SoundFile, "read", fail)
    with pytest.raises(UndecodableError) as caught:
        extract(FLAC, load())
    assert "canary" not in str(caught.value) + caught.value.diagnostics() + repr(caught.value)


def test_samples_are_refused_alike() -> None:
    """Samples handed over directly meet the same refusals."""
    for y, reason in (
        (np.empty(0), "no-audio"),
        (np.full(1600, np.nan), "not-finite"),
        (noise(1279), "too-short"),
    ):
        with pytest.raises(UndecodableError, match=reason):
            extract_samples(y, 16_000, DELTAS)


SMALL = [
    encoded(noise(1600)),
    encoded(noise(1600), 16_000, "WAV", "FLOAT"),
    encoded(noise(1600), 16_000, "RF64"),
    encoded(noise(1600), 16_000, "AIFF"),
    encoded(noise(1600), 16_000, "CAF"),
    encoded(noise(4800), 16_000, "FLAC"),
    encoded(noise(4800), 16_000, "OGG", "VORBIS"),
    encoded(noise(4800), 16_000, "MP3", "MPEG_LAYER_III"),
    browser_encoded("webm", "libopus", seconds=0.2),
    browser_encoded("ipod", "aac", seconds=0.2),
]
MAGICS = [b"", b"RIFF\0\0\0\0WAVE", b"fLaC", b"OggS", b"FORM\0\0\0\0AIFF", b"ID3", b"\xff\xfb"]
MAGICS += [b"\x1aE\xdf\xa3", b"\0\0\0\x20ftyp", b"caff", b"\xff\xf1", b"RF64\xff\xff\xff\xffWAVE"]

fuzz = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def extract_or_refuse(plaintext: bytes) -> None:
    """Features of finite numbers, or UndecodableError with a documented code."""
    reason = None
    try:
        made = extract(plaintext, replace(DELTAS, dtype="float32"), max_seconds=60.0)
    except UndecodableError as error:
        reason = error.reason
    if reason is None:
        assert all(np.isfinite(values).all() for values in made.arrays.values())
    else:
        assert reason in REASONS


@fuzz
@given(magic=st.sampled_from(MAGICS), rest=st.binary(max_size=600))
def test_random_bytes(magic: bytes, rest: bytes) -> None:
    """Bytes that only begin like audio raise UndecodableError and nothing else."""
    extract_or_refuse(magic + rest)


@fuzz
@given(data=st.data())
def test_mutated_recordings(data: st.DataObject) -> None:
    """A real recording, changed anywhere and cut anywhere, gives features or a refusal."""
    plaintext = bytearray(data.draw(st.sampled_from(SMALL)))
    for _ in range(data.draw(st.integers(1, 6))):
        # Headers decide most, so half of the changes fall there.
        span = data.draw(st.sampled_from([min(80, len(plaintext)), len(plaintext)]))
        plaintext[data.draw(st.integers(0, span - 1))] = data.draw(st.integers(0, 255))
    extract_or_refuse(bytes(plaintext[: data.draw(st.integers(1, len(plaintext)))]))
