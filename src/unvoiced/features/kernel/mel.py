"""From powers to mel bands in decibels, and the largest of them."""

from unvoiced.features.kernel.fft import inlined
from unvoiced.features.kernel.vector import (
    exponent_and_mantissa,
    item,
    larger,
    largest_bits,
    load,
    store,
    width,
)

AMIN = 1e-10
_OCTAVE = 3.010299956639812  # dB in a factor of two


@inlined
def decibels(x, polynomial):
    """10 log10(x) of normal numbers above 0; NaN and infinity become some large number."""
    exponent, mantissa = exponent_and_mantissa(x)
    f = mantissa - 1.0
    last = len(polynomial) - 1
    y = f * polynomial[last] + polynomial[last - 1]
    for i in range(last - 2, -1, -1):
        y = y * f + item(polynomial, i)
    return y + exponent * _OCTAVE


@inlined
def bands(like, power, spans, weights, polynomial, mel, out, at):
    """All bands in decibels, at least 10 log10(AMIN), into `out` from `at` on, L numbers a band.

    Returns the largest band of each lane, as a power. It is NaN or infinite if any was.
    """
    w = width(like)
    peak = like
    for band in range(len(spans) // 3):
        first, last, b = (
            item(spans, 3 * band),
            item(spans, 3 * band + 1),
            item(spans, 3 * band + 2) * w,
        )
        x, y = like, like
        for i in range(first, last, 4):
            x = x + load(like, power, b) * item(weights, i)
            y = y + load(like, power, b + w) * item(weights, i + 1)
            x = x + load(like, power, b + 2 * w) * item(weights, i + 2)
            y = y + load(like, power, b + 3 * w) * item(weights, i + 3)
            b += 4 * w
        x = larger(x + y, AMIN)
        peak = largest_bits(peak, x)
        store(mel, band * w, x)
    for i in range(0, len(spans) // 3 * w, w):
        store(out, at + i, decibels(load(like, mel, i), polynomial))
    return peak
