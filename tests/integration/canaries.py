"""What is hunted: bytes that occur nowhere else, and every form they could leak in.

A *needle* is one such form. The recordings' canary is a cycle of four samples, repeated. In
whatever form a run of its samples is written, eight of them hold the whole cycle from its first
sample on, so one needle a form finds any 16-byte window of the PCM, wherever the window begins.
Every byte of the cycle is 0x80 or more: its `repr` is escapes only, and it is never valid UTF-8.
"""

import base64
import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

CYCLE = 4
_PIECE = 16


@dataclass(frozen=True)
class Needle:
    """One form of one thing that must not be found; `what` is the thing."""

    what: str
    form: str
    data: bytes = field(repr=False)


def fresh_cycle() -> np.ndarray:
    """Four int16 samples of a new random cycle."""
    random = secrets.SystemRandom()
    high = random.sample(range(0x90, 0xD0), CYCLE)  # -28,672 to -12,289: five digits each
    low = random.sample(range(0x80, 0x100), CYCLE)
    return np.frombuffer(bytes(x for pair in zip(low, high, strict=True) for x in pair), "<i2")


def of_samples(what: str, cycle: np.ndarray) -> Iterator[Needle]:
    """The forms of a run of samples: integers and floats, binary and text."""
    for scale, name in ((1.0, "unscaled"), (1 / 32768, "scaled")):
        for kind in ("<f4", ">f4", "<f8", ">f8"):
            floats = (cycle * scale).astype(kind)
            yield Needle(what, f"{name} {kind}", floats.tobytes())
        yield Needle(what, f"{name} json", json.dumps((cycle * scale).tolist())[1:-1].encode())
        yield Needle(what, f"{name} str", " ".join(map(str, cycle * scale)).encode())
    for kind in ("<i2", ">i2", "<i4"):
        yield Needle(what, kind, cycle.astype(kind).tobytes())
    for separator in (", ", ",", " ", "\n"):
        text = separator.join(str(sample) for sample in cycle)
        yield Needle(what, f"decimal by {separator!r}", text.encode())
    for order in ("<i2", ">i2"):
        yield from _texts_of_cycle(what, order, cycle.astype(order).tobytes())


def _texts_of_cycle(what: str, order: str, cycle: bytes) -> Iterator[Needle]:
    yield Needle(what, f"{order} hex", cycle.hex().encode())
    yield Needle(what, f"{order} HEX", cycle.hex().upper().encode())
    yield from _as_text(what, order, cycle)
    # Base64 goes round in 24 bytes, three cycles: every alignment is a rotation by whole quads.
    for altchars in (b"+/", b"-_"):
        around = base64.b64encode(cycle * 6, altchars)
        for quad in range(8):
            yield Needle(what, f"{order} base64", around[4 * quad : 4 * quad + 16])


def of_secret(what: str, secret: bytes) -> Iterator[Needle]:
    """The forms of a key: its first and last bytes, and those after its middle and its seed."""
    starts = {0, len(secret) // 2, len(secret) - _PIECE} | ({64} if len(secret) == 96 else set())
    for start in sorted(starts):
        yield from of_bytes(f"{what}[{start}:]", secret[start : start + _PIECE])


def of_plaintext(what: str, data: bytes) -> Iterator[Needle]:
    """The forms of a file's head, middle and tail."""
    for place, start in (("head", 0), ("middle", len(data) // 2), ("tail", len(data) - 24)):
        piece = data[start : start + 24]
        if len(set(piece)) >= 12:
            yield from of_bytes(f"{what} {place}", piece)


def of_text(what: str, text: str) -> Iterator[Needle]:
    """The forms of a canary text."""
    yield from of_bytes(what, text.encode())
    yield Needle(what, "utf-16", text.encode("utf-16-le"))


def of_bytes(what: str, data: bytes) -> Iterator[Needle]:
    """The forms of any bytes."""
    yield Needle(what, "raw", data)
    yield Needle(what, "hex", data.hex().encode())
    yield Needle(what, "HEX", data.hex().upper().encode())
    yield from _as_text(what, "", data)
    for altchars in (b"+/", b"-_"):
        for shift in range(3):
            # The first and last characters depend on the neighbours: they are left off.
            encoded = base64.b64encode(bytes(shift) + data, altchars)
            first = -(-8 * shift // 6)
            last = 8 * (shift + len(data)) // 6
            yield Needle(what, f"base64 shifted by {shift}", encoded[first:last])


def _as_text(what: str, form: str, data: bytes) -> Iterator[Needle]:
    escaped = repr(data)[2:-1]
    yield Needle(what, f"{form} repr", escaped.encode())
    yield Needle(what, f"{form} repr in json", json.dumps(escaped)[1:-1].encode())
    yield Needle(what, f"{form} latin-1", data.decode("latin-1").encode())
    yield Needle(what, f"{form} latin-1 json", json.dumps(data.decode("latin-1"))[1:-1].encode())
    surrogates = json.dumps(data.decode("utf-8", "surrogateescape"))[1:-1]
    yield Needle(what, f"{form} surrogates", surrogates.encode())
