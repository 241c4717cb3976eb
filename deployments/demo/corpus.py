"""A small corpus of synthetic speakers, laid out as a real recording folder would be.

For trying the pipeline out where no real recording may be used. **Never quote privacy figures from
synthetic voices**: a synthesiser's speakers differ in a handful of settings, people do not.

- espeak-ng is GPL-3.0. It is an optional extra (`demo`) that nothing but the demo loads, and only
  in a process of its own (`espeak`); neither the library nor the pipeline imports it. A program's
  licence does not reach what it says, and the sentences are this project's own.
- The same arguments make the same bytes, so a second run makes the same samples.
- No audio device is opened and nothing is written but the recordings.
"""

import io
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from deployments.demo.espeak import RATE, Line, speak
from unvoiced.errors import InputError


@dataclass(frozen=True)
class Speaker:
    """A voice: accent+variant, pitch in espeak's 0 to 100, speed in words per minute."""

    name: str
    voice: str
    pitch: int
    speed: int


@dataclass(frozen=True)
class Encoding:
    """A kind of file that contributors send; rate in Hz."""

    extension: str
    container: str
    subtype: str
    rate: int
    channels: int = 1


# British English is called `en` in the wheel's data: `en-gb` alone is not found.
SPEAKERS = (
    Speaker("anna", "en-us+f3", 48, 168),
    Speaker("bruno", "en+m5", 42, 152),
    Speaker("chloe", "en-gb-x-rp+f5", 66, 176),
    Speaker("dmitri", "en-us+m8", 30, 158),
    Speaker("elif", "en-029+f1", 38, 162),
    Speaker("farid", "en-gb-scotland+ed", 58, 172),
    Speaker("greta", "en+anika", 60, 150),
    Speaker("hiro", "en-us+m7", 70, 180),
    Speaker("ines", "en-gb-x-gbclan+f4", 56, 184),
    Speaker("jonas", "en-us-nyc+m1", 48, 148),
    Speaker("kavya", "en-us+steph", 62, 164),
    Speaker("lukas", "en-gb-x-gbcwmd+m6", 36, 166),
    Speaker("mariam", "en+belinda", 52, 156),
    Speaker("nils", "en-gb-x-rp+adam", 30, 146),
    Speaker("olga", "en-gb-scotland+linda", 68, 160),
    Speaker("pavel", "en-029+m2", 64, 154),
)

ENCODINGS = (
    Encoding("wav", "WAV", "PCM_16", RATE),
    Encoding("flac", "FLAC", "PCM_16", RATE),
    Encoding("wav", "WAV", "PCM_16", 16_000),
    Encoding("ogg", "OGG", "VORBIS", RATE),
    Encoding("mp3", "MP3", "MPEG_LAYER_III", RATE),
    Encoding("wav", "WAV", "PCM_16", 48_000, channels=2),
    Encoding("opus", "OGG", "OPUS", 48_000),
)

TITLES = (
    "take {n} kitchen",
    "Voice memo {n}",
    "second try ({n})",
    "{n:02d} at the café",
    "REC{n:04d}",
    "garden, window open {n}",
)

SENTENCES = (
    "The kettle clicks off and the kitchen goes quiet again.",
    "My bicycle has one gear too many and one brake too few.",
    "Please leave the blue parcel behind the garden gate.",
    "Yesterday the ferry was late because of the fog.",
    "Turn left at the bakery, then keep walking uphill.",
    "Nine swallows sat in a row on the telephone wire.",
    "I never remember which drawer the scissors live in.",
    "The second train on platform four goes to the coast.",
    "Could you water the tomatoes while we are away?",
    "It rained so hard that the street looked like a river.",
    "Our neighbour plays the cello every Thursday evening.",
    "There is a small hole in the pocket of this jacket.",
    "Add a pinch of salt and stir until it thickens.",
    "The lift is broken, so take the stairs at the back.",
    "She paints boats in the winter and sails in the summer.",
    "What time does the library close on a Saturday?",
    "The old clock in the hallway runs eleven minutes fast.",
    "Bring a torch, the path through the woods is dark.",
)


def synthesise(
    folder: Path, *, speakers: int = 8, recordings: int = 6, seed: int = 0
) -> list[Path]:
    """Write `folder/<contributor id>/<file name>.<extension>` and return the paths, in order.

    Contributor ids are like `anna-01`. Recordings last 2 to 5 s and rotate through `ENCODINGS`. At
    most `len(SPEAKERS)` speakers, so that no two share a voice. The first speakers and recordings
    of a larger corpus say the same lines as those of a smaller one with the same seed. Raises
    `InputError` where a number is out of range or espeak-ng is not installed.

    >>> from pathlib import Path
    >>> paths = synthesise(Path("recordings"), speakers=2, recordings=1)  # doctest: +SKIP
    >>> [str(path) for path in paths]  # doctest: +SKIP
    ['recordings/anna-01/take 1 kitchen.wav', 'recordings/bruno-02/Voice memo 1.flac']
    """
    if not 1 <= speakers <= len(SPEAKERS) or recordings < 1 or seed < 0:
        raise InputError(
            f"a corpus has 1 to {len(SPEAKERS)} speakers, at least one recording each, "
            "and a seed that is not negative"
        )
    cast = SPEAKERS[:speakers]
    script = [
        (number, take, line)
        for number, speaker in enumerate(cast)
        for take, line in enumerate(_lines(speaker, recordings, (seed, number)))
    ]
    voiced = speak([line for _, _, line in script])
    paths = []
    for (number, take, _), pcm in zip(script, voiced, strict=True):
        encoding = ENCODINGS[(number + take) % len(ENCODINGS)]
        title = TITLES[(number + take) % len(TITLES)].format(n=take + 1)
        path = folder / f"{cast[number].name}-{number + 1:02d}" / f"{title}.{encoding.extension}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_encode(pcm, encoding))
        paths.append(path)
    return paths


def add_troublemakers(folder: Path) -> list[Path]:
    """Give the first contributor in `folder` three files that must end in quarantine.

    A WAV whose data chunk promises more than is there, a text file renamed to .wav, and a WAV of
    zero frames. Raises `InputError` where `folder` has no contributor.
    """
    contributor = min((entry for entry in folder.glob("*") if entry.is_dir()), default=None)
    if contributor is None:
        raise InputError(f"{folder} has no contributor's folder to add to")
    hum = (8_000 * np.sin(2 * np.pi * 140 * np.arange(32_000) / 16_000)).astype(np.int16)
    whole = _wav(hum)
    troublemakers = {
        # libsndfile reads what is there and says nothing: only the header tells that it was cut.
        "upload cut short.wav": whole[: len(whole) // 3],
        "notes renamed.wav": b"Kitchen, window open. The second take was better.\n",
        "pressed stop at once.wav": _wav(hum[:0]),
    }
    for name, content in troublemakers.items():
        (contributor / name).write_bytes(content)
    return [contributor / name for name in troublemakers]


def _lines(speaker: Speaker, recordings: int, seed: tuple[int, int]) -> list[Line]:
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(SENTENCES))
    # Nobody says things twice at the same pitch and speed; without this a sentence that comes
    # round again could be the very same recording, and so the same sample.
    drift = rng.integers(-3, 4, size=(recordings, 2))
    return [
        Line(
            speaker.voice,
            speaker.pitch + int(drift[take, 0]),
            speaker.speed + 2 * int(drift[take, 1]),
            SENTENCES[order[take % len(SENTENCES)]],
        )
        for take in range(recordings)
    ]


def _encode(pcm: npt.NDArray[np.int16], encoding: Encoding) -> bytes:
    # Headroom, as resampling and lossy codecs overshoot the peaks that they are given.
    samples = 0.8 * pcm.astype(np.float32) / 32_768
    if encoding.rate != RATE:
        samples = soxr.resample(samples, RATE, encoding.rate)
    if encoding.channels == 2:
        # A speaker is never quite in the middle: equal channels would hide a wrong downmix.
        samples = np.stack([samples, 0.7 * samples], axis=1)
    file = io.BytesIO()
    soundfile.write(
        file, samples, encoding.rate, format=encoding.container, subtype=encoding.subtype
    )
    content = file.getvalue()
    return _with_fixed_serial(content) if encoding.container == "OGG" else content


def _wav(pcm: npt.NDArray[np.int16]) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, pcm, 16_000, format="WAV", subtype="PCM_16")
    return file.getvalue()


_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def _with_fixed_serial(ogg: bytes) -> bytes:
    """The same Ogg stream under serial number 1 (RFC 3533 section 6).

    libsndfile draws the number from the clock, which would make every run's file another sample.
    """
    pages = bytearray()
    start = 0
    while start < len(ogg):
        segments = ogg[start + 26]
        body = start + 27 + segments
        end = body + sum(ogg[start + 27 : body])
        page = bytearray(ogg[start:end])
        struct.pack_into("<I", page, 14, 1)
        struct.pack_into("<I", page, 22, 0)
        # Ogg's CRC has zlib's polynomial, but neither its bit order nor its inversions.
        mirrored = zlib.crc32(page.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
        struct.pack_into("<I", page, 22, int(f"{mirrored:032b}"[::-1], 2))
        pages += page
        start = end
    return bytes(pages)
