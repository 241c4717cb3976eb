"""The first half of the kernel: from samples to the decibels of all bands."""

from numba import njit

from unvoiced.features.kernel.fft import copy_windowed, first_pass8, powers, transform
from unvoiced.features.kernel.frames import turn
from unvoiced.features.kernel.mel import bands
from unvoiced.features.kernel.vector import store, width, zeros


@njit(nogil=True, error_model="numpy")
def analyse(
    x, start, hop, groups, frames, out, at,
    points, live, tile, stride, radices, where, stretches, spans,
    window, factors, turns, weights, polynomial,
    turned, work, power, mel, peaks,
):  # fmt: skip
    """Decibels of `groups` groups of L frames into `out` from `at` on; the largest, as a power.

    Frame t begins at x[start + t * hop], with zeros where x ends; of the last group only those
    below `frames` count for the largest. That is NaN or infinite if any number was. The second row
    of arguments describes a `Plan`, the third are its tables, the last are buffers.
    """
    like = zeros(work)
    w = width(like)
    n_mels = len(spans) // 3
    peak = peaks[0] * 0
    for first in range(0, groups, tile):
        there = min(tile, groups - first)
        turn(like, x, start + first * w * hop, hop, stride - (tile - there) * w, turned, stride)
        for g in range(there):
            if radices[0] == 8:
                first_pass8(like, turned, g * w, window, where, work, points, factors)
                transform(like, work, points, radices, 1, factors)
            else:
                copy_windowed(like, turned, g * w, window, where, live, work, points)
                transform(like, work, points, radices, 0, factors)
            powers(like, work, points, stretches, turns, power)
            group = first + g
            most = bands(like, power, spans, weights, polynomial, mel, out, at + group * n_mels * w)
            store(peaks, 0, most)
            for i in range(min(w, frames - group * w)):
                # Once it is not a number, it stays so.
                if peak == peak and not peaks[i] <= peak:
                    peak = peaks[i]
    return peak
