"""As many channels as a decoder's array has room for, and more: refused or right, never a crash.

FFmpeg keeps the planes of up to eight channels in an array of eight. PyAV counts planes up to the
first that is null, so from eight on it looks behind that array's end: what it finds is no address,
or is that of somebody else's memory. Each trial has a process of its own, for it may die.
"""

import base64
import io
import subprocess
import sys
from functools import lru_cache

import av
import numpy as np
import pytest
from recordings import tone

from unvoiced.features import REASONS

pytestmark = pytest.mark.slow  # a process for each of 44 trials

RATE = 16_000
_EXTRACT = """
import base64, sys
import numpy as np
from unvoiced.errors import UndecodableError
from unvoiced.features import extract, load

data, *reference = map(base64.b64decode, sys.stdin.buffer.read().split())
for name in ("speech-16k", "mfcc-20-deltas"):
    for _ in range(3):
        try:
            extracted = extract(data, load(name))
        except UndecodableError as error:
            print(error.reason)
            continue
        print(extracted.source_channels, "channels")
        for alone in reference:
            for array, values in extract(alone, load(name)).arrays.items():
                off = np.abs(extracted.arrays[array].astype(float) - values.astype(float)).max()
                print("the same" if off <= 0.1 else f"{array} is off by {off}")
"""


def in_a_process(plaintext: bytes, *reference: bytes) -> tuple[int, set[str]]:
    """How extraction ends in a process of its own: its exit status, and all that it came to.

    Features are compared with those of the reference, where one is given.
    """
    given = b"\n".join(map(base64.b64encode, (plaintext, *reference)))
    done = subprocess.run(
        [sys.executable, "-c", _EXTRACT], input=given, capture_output=True, timeout=120
    )
    return done.returncode, set(done.stdout.decode().splitlines())


@lru_cache
def encoded(muxer: str, codec: str, layout: str) -> bytes:
    """A fifth of a second of a quiet tone, the same in every channel."""
    file = io.BytesIO()
    with av.open(file, "w", format=muxer) as output:
        stream = output.add_stream(codec, rate=RATE, layout=layout)
        channels = stream.codec_context.layout.nb_channels
        if codec == "wavpack":
            stream.codec_context.format = "s16p"
        samples = (tone(0.2, RATE) * 8000).astype("<i2")
        frame = av.AudioFrame(format="s16", layout=layout, samples=len(samples))
        frame.planes[0].update(np.repeat(samples, channels).tobytes())
        frame.sample_rate = RATE
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return file.getvalue()


def decoded_as(plaintext: bytes, muxer: str) -> tuple[int, bool]:
    """How many channels a first frame has, and whether it is planar; its samples are not read."""
    with av.open(io.BytesIO(plaintext), format=muxer) as opened:
        frame = next(opened.decode(opened.streams.audio[0]))
        return frame.layout.nb_channels, frame.format.is_planar


PLANAR = ["9 channels", "7.1.2", "hexadecagonal", "19 channels", "22.2"]
MANY = [
    *(("matroska", "wavpack", layout) for layout in PLANAR),
    *(("matroska", "pcm_s16le", layout) for layout in PLANAR),
    ("mp4", "pcm_s16le", "hexadecagonal"),
    ("mp4", "pcm_s16le", "22.2"),
]


@pytest.mark.parametrize(("muxer", "codec", "layout"), MANY)
def test_more_than_eight_channels_are_refused(muxer: str, codec: str, layout: str) -> None:
    """Planar, which crashed, and interleaved: a reason of the closed list, no signal."""
    plaintext = encoded(muxer, codec, layout)
    channels, planar = decoded_as(plaintext, muxer)
    assert channels > 8
    assert planar == (codec == "wavpack")
    status, outcomes = in_a_process(plaintext)
    assert (status, outcomes) == (0, {"not-audio"})
    assert outcomes <= REASONS.keys()


@pytest.mark.parametrize("layout", ["mono", "stereo", "5.1", "6.1", "7.1", "octagonal"])
@pytest.mark.parametrize(
    ("muxer", "codec"), [("matroska", "wavpack"), ("matroska", "pcm_s16le"), ("mp4", "pcm_s16le")]
)
def test_up_to_eight_channels_work(muxer: str, codec: str, layout: str) -> None:
    """And their mean is the tone that stands in each of them."""
    plaintext, alone = encoded(muxer, codec, layout), encoded(muxer, codec, "mono")
    channels, planar = decoded_as(plaintext, muxer)
    assert planar == (codec == "wavpack")
    assert in_a_process(plaintext, alone) == (0, {f"{channels} channels", "the same"})


class Bits:
    """Bits written most significant first, ISO/IEC 14496-3's bslbf and uimsbf."""

    def __init__(self) -> None:
        self._text = ""

    def add(self, *fields: tuple[int, int]) -> None:
        """Append (value, width) each."""
        self._text += "".join(f"{value:0{width}b}" for value, width in fields)

    def align(self) -> None:
        """Fill up to a whole byte."""
        self._text += "0" * (-len(self._text) % 8)

    def whole(self) -> bytes:
        """All of it, filled up."""
        self.align()
        return bytes(int(self._text[at : at + 8], 2) for at in range(0, len(self._text), 8))


def adts(pairs: int, singles: int, frames: int = 12) -> bytes:
    """AAC whose own configuration element lists so many channel pairs and single channels.

    ISO/IEC 14496-3: adts_frame with channel_configuration 0, so a program_config_element says what
    there is; all front, 16 kHz. Each frame holds silence: elements without a single band.
    """
    body = Bits()
    body.add((5, 3), (0, 4), (1, 2), (8, 4))  # ID_PCE, tag, LC, 16 kHz
    body.add((min(pairs + singles, 15), 4), (max(pairs + singles - 15, 0), 4), (0, 4))
    body.add((0, 2), (0, 3), (0, 4), (0, 1), (0, 1), (0, 1))  # no LFE, data, coupling, mixdown
    for tag in range(singles):
        body.add((0, 1), (tag, 4))
    for tag in range(pairs):
        body.add((1, 1), (tag, 4))
    # The element is aligned to the frame's own start, which is at a whole byte.
    body.align()
    body.add((0, 8))  # no comment
    no_bands = [(0, 1), (0, 2), (0, 1), (0, 6), (0, 1)]  # ics_info: long window, max_sfb 0
    no_tools = [(0, 1), (0, 1), (0, 1)]  # pulse, TNS, gain control
    for tag in range(singles):
        body.add((0, 3), (tag, 4), (120, 8), *no_bands, *no_tools)
    for tag in range(pairs):
        body.add((1, 3), (tag, 4), (1, 1), *no_bands, (0, 2))
        for _ in range(2):
            body.add((120, 8), *no_tools)
    body.add((7, 3))  # ID_END
    content = body.whole()
    header = Bits()
    header.add((0xFFF, 12), (0, 1), (0, 2), (1, 1))  # sync, MPEG-4, layer, no CRC
    header.add((1, 2), (8, 4), (0, 1), (0, 3), (0, 4))  # LC, 16 kHz, configuration 0
    header.add((len(content) + 7, 13), (0x7FF, 11), (0, 2))
    return (header.whole() + content) * frames


@pytest.mark.parametrize(("pairs", "singles"), [(4, 1), (8, 0), (9, 1), (12, 0), (15, 15)])
def test_aac_that_configures_itself_to_many_channels_is_refused(pairs: int, singles: int) -> None:
    """Some bytes at the start of an AAC are enough for an uploader to ask for nineteen channels."""
    status, outcomes = in_a_process(adts(pairs, singles))
    assert status == 0
    assert len(outcomes) == 1
    assert outcomes <= REASONS.keys()


@pytest.mark.parametrize(("pairs", "singles"), [(0, 1), (1, 0), (3, 1), (4, 0), (0, 8)])
def test_aac_that_configures_itself_to_up_to_eight_channels_works(pairs: int, singles: int) -> None:
    """The same stream with fewer elements is silence in that many channels."""
    plaintext = adts(pairs, singles)
    assert in_a_process(plaintext, adts(0, 1)) == (
        0,
        {f"{2 * pairs + singles} channels", "the same"},
    )


def test_the_aac_above_is_what_crashed() -> None:
    """FFmpeg takes it, as planar frames of as many channels as were asked for."""
    assert decoded_as(adts(9, 1), "aac") == (19, True)
    assert decoded_as(adts(4, 0), "aac") == (8, True)


@pytest.mark.parametrize(("pairs", "singles"), [(1, 0), (4, 0), (9, 1)])
def test_channels_that_grow_in_the_middle_are_refused(pairs: int, singles: int) -> None:
    """The first frames are harmless; a later one is not what they were."""
    status, outcomes = in_a_process(adts(0, 1) + adts(pairs, singles))
    assert status == 0
    assert len(outcomes) == 1
    assert outcomes <= REASONS.keys()
