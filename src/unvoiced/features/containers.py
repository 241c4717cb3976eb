"""What kind of file the bytes are, and whether the file itself says that some are missing.

libsndfile opens more than twenty formats by content, some through parsers with a record of memory
errors, and takes a cut-off WAV or Ogg without a word. So only the containers named here reach a
decoder, and their lengths are checked first. Offsets and sizes are in bytes.

Sources: Microsoft RIFF (1991), EBU Tech 3306 (RF64), Apple AIFF-C (1991), RFC 3533 (Ogg), ID3v2.4.
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from unvoiced.errors import UndecodableError

ByteOrder = Literal["little", "big"]

# A recorder that writes to a pipe cannot come back to fill in the length. These stand in its place:
# GStreamer, SoX, arecord, FFmpeg.
_UNTIL_THE_END = frozenset({0, 0x7FFFF000, 0x7FFFFF00, 0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF})
_MOST_CHUNKS = 1000
_LARGEST_OGG_PAGE = 65_307
_PLAIN_CHANNELS = 8
_PLAIN_RATES = range(1000, 768_001)
_PADDING = frozenset({b"JUNK", b"PAD "})
_CHUNK_NAME = re.compile(rb"[ -~]{4}")
_INFO_NAME = re.compile(rb"I[A-Z0-9]{3}")  # such as INAM, ISFT, IAS1
_FURTHEST_SAMPLES = 1 << 16  # libsndfile gives up on a header of 100 KiB
_LONGEST_TAIL = 8


@dataclass(frozen=True, slots=True)
class Patch:
    """Bytes a decoder must see in place of what stands at `offset`."""

    offset: int
    content: bytes


def container(data: memoryview) -> str | None:
    """The name of the container that the first bytes announce, or None."""
    head = bytes(data[:12])
    if head[:4] in (b"RIFF", b"RIFX", b"RF64") and head[8:] == b"WAVE":
        return "wav"
    if head[:4] == b"FORM" and head[8:] in (b"AIFF", b"AIFC"):
        return "aiff"
    if head[4:8] == b"ftyp":
        return "mp4"
    magics = {b"fLaC": "flac", b"OggS": "ogg", b"caff": "caf", b"\x1aE\xdf\xa3": "matroska"}
    return magics.get(head[:4]) or _mpeg_audio(data)


def check_length(data: memoryview, kind: str) -> Patch | None:
    """Refuse a file that says it is longer than it is; the patch that spells out an open length.

    Raises UndecodableError: truncated, no-audio or damaged. FLAC, CAF, MP3, WebM and M4A are left
    to their decoders, which know. An Ogg, AAC or bare MP3 cut exactly between two pages or frames
    cannot be told from a whole one.
    """
    if kind == "wav":
        return _check_wav(data)
    if kind == "aiff":
        _, start, size = _find_chunk(data, "big", b"SSND")
        if size > len(data) - start:
            raise UndecodableError("truncated")
    if kind == "ogg":
        _check_last_ogg_page(data)
    return None


def has_length_header(data: memoryview) -> bool:
    """Whether an MP3 states its number of frames (Xing, Info or VBRI).

    Without it libsndfile guesses from the first bit rate, and silently drops what exceeds that.
    """
    first = bytes(data[_after_id3(data) :][:192])
    for tag in (b"Xing", b"Info"):
        if (at := first.find(tag)) >= 0:
            states_frames = int.from_bytes(first[at + 4 : at + 8], "big") & 1
            return bool(states_frames) and any(first[at + 8 : at + 12])
    return (at := first.find(b"VBRI")) >= 0 and any(first[at + 14 : at + 18])


@dataclass(frozen=True, slots=True)
class Pcm16:
    """Samples of a WAV as they lie in it: int16, little-endian, channels alternating."""

    offset: int
    frames: int
    channels: int
    sample_rate: int


def pcm16(data: memoryview) -> Pcm16 | None:
    """Where the samples of a plain 16-bit WAV lie, once `check_length` has passed it.

    None unless each field of its header is as in the first WAVs, and beside format and samples it
    holds comments and padding at most: what more could mean is left to libsndfile.
    """
    found = _only_comments_around(data)
    if found is None:
        return None
    offset, size = found
    tag, channels, rate, byte_rate, width, bits = struct.unpack("<HHIIHH", data[20:36])
    plain = (tag, bits, width, byte_rate) == (1, 16, 2 * channels, 2 * channels * rate)
    if not plain or not 1 <= channels <= _PLAIN_CHANNELS or rate not in _PLAIN_RATES:
        return None
    return Pcm16(offset, size // width, channels, rate)


def _only_comments_around(data: memoryview) -> tuple[int, int] | None:
    """Offset and size of the samples; None if more than comments and a plain format is there."""
    if bytes(data[:4]) != b"RIFF":
        return None
    for header, name, size in _chunks(data, "little"):
        if header == 12:
            if (name, size) != (b"fmt ", 16):
                return None
        elif name == b"data":
            offset, end = header + 8, header + 8 + size + size % 2
            tail = bytes(data[end : end + _LONGEST_TAIL + 1])
            there = size not in _UNTIL_THE_END and size <= len(data) - offset
            harmless = len(tail) <= _LONGEST_TAIL and not _CHUNK_NAME.search(tail)
            return (offset, size) if there and harmless else None
        elif header + 8 + size + size % 2 > _FURTHEST_SAMPLES:
            return None
        elif name == b"LIST":
            if not _is_info(data[header + 8 : header + 8 + size]):
                return None
        elif name not in _PADDING:
            return None
    return None


def _is_info(content: memoryview) -> bool:
    """Whether the content of a LIST is texts about the recording, one behind the other, to its end.

    libsndfile looks into every LIST, and some of what it may find there it takes for the samples.
    """
    if bytes(content[:4]) != b"INFO":
        return False
    at = 4
    while at + 8 <= len(content):
        name = bytes(content[at : at + 4])
        if not _INFO_NAME.fullmatch(name) or name == b"INFO":
            return False
        size = int.from_bytes(content[at + 4 : at + 8], "little")
        at += 8 + size + size % 2
    return at == len(content)


def _check_wav(data: memoryview) -> Patch | None:
    order: ByteOrder = "big" if bytes(data[:4]) == b"RIFX" else "little"
    header, start, size = _find_chunk(data, order, b"data")
    size_at, width = header + 4, 4
    if bytes(data[:4]) == b"RF64" and size == 0xFFFFFFFF:
        _, ds64, _ = _find_chunk(data, order, b"ds64")
        size_at, width = ds64 + 8, 8
        size = int.from_bytes(data[size_at : size_at + width], order)
    there = len(data) - start
    if size in _UNTIL_THE_END:
        finished = int.from_bytes(data[4:8], order) + 8 == len(data)
        if there == 0 or (size == 0 and finished):
            raise UndecodableError("no-audio")
        return Patch(size_at, min(there, 256**width - 1).to_bytes(width, order))
    if size > there:
        raise UndecodableError("truncated")
    return None


def _find_chunk(data: memoryview, order: ByteOrder, name: bytes) -> tuple[int, int, int]:
    """Where the first chunk of that name and its content start, and its stated size."""
    end = 12
    for header, found, size in _chunks(data, order):
        if found == name:
            return header, header + 8, size
        end = header + 8 + size + size % 2
    raise UndecodableError("no-audio" if end <= len(data) else "truncated")


def _chunks(data: memoryview, order: ByteOrder) -> Iterator[tuple[int, bytes, int]]:
    header = 12
    for _ in range(_MOST_CHUNKS):
        if header + 8 > len(data):
            return
        size = int.from_bytes(data[header + 4 : header + 8], order)
        yield header, bytes(data[header : header + 4]), size
        # Chunks start on even offsets.
        header += 8 + size + size % 2
    raise UndecodableError("damaged")


def _check_last_ogg_page(data: memoryview) -> None:
    tail = bytes(data[-_LARGEST_OGG_PAGE:])
    page = tail.rfind(b"OggS")
    if page < 0 or page + 27 > len(tail):
        raise UndecodableError("truncated")
    segments = tail[page + 27 : page + 27 + tail[page + 26]]
    if page + 27 + tail[page + 26] + sum(segments) > len(tail):
        raise UndecodableError("truncated")


def _mpeg_audio(data: memoryview) -> str | None:
    """MP3, or AAC in ADTS, by the frame header that follows any ID3 tags."""
    sync = int.from_bytes(data[_after_id3(data) :][:2], "big")
    if sync & 0xFFF6 == 0xFFF0:
        return "aac"
    return "mp3" if sync & 0xFFE0 == 0xFFE0 and sync & 0x0006 else None


def _after_id3(data: memoryview) -> int:
    at = 0
    while bytes(data[at : at + 3]) == b"ID3" and at + 10 <= len(data):
        size = 0
        for byte in data[at + 6 : at + 10]:
            size = size << 7 | byte & 0x7F
        has_footer = data[at + 5] & 0x10
        at += 10 + size + (10 if has_footer else 0)
    return at
