"""The second half of the kernel: decibels to the arrays of a feature set.

`finish` is given chunks of what `analyse` left: one group of L frames behind the other, in each
n_mels bands of L frames. What is written is of shape (rows, frames).
"""

from numba import njit

from unvoiced.features.kernel.vector import (
    item,
    larger,
    load,
    store,
    store_first,
    width,
    zeros,
)

TILE = 4  # cepstra that are summed at once, so that no sum waits for itself


@njit(nogil=True, error_model="numpy")
def finish(
    chunk,
    groups,
    start,
    frames,
    floor,
    n_mels,
    n_mfcc,
    cosines,
    like_of,
    folded,
    keep,
    log_mel,
    mfcc,
):
    """Clip at `floor` dB, round into `log_mel` if `keep`, and sum up cepstra into `mfcc`.

    `start` is the first frame of the chunk, of `frames` in all. Cosines of even order are the same
    from both ends of the bands, those of odd order of opposite sign. So bands are added and
    subtracted in pairs first, into `folded`, which halves the products.
    """
    like = zeros(like_of)
    w = width(like)
    half = (n_mels + 1) // 2
    even = (n_mfcc + 1) // 2
    for g in range(groups):
        t = start + g * w
        there = frames - t
        at = g * n_mels * w
        for m in range(half):
            low, high = m, n_mels - 1 - m
            x = larger(load(like, chunk, at + low * w), floor)
            y = larger(load(like, chunk, at + high * w), floor)
            if keep:
                if there >= w:
                    store(log_mel, low * frames + t, x)
                    store(log_mel, high * frames + t, y)
                else:
                    store_first(log_mel, low * frames + t, x, there)
                    store_first(log_mel, high * frames + t, y, there)
            if low == high:
                store(folded, m * w, x)
                store(folded, (half + m) * w, like)
            else:
                store(folded, m * w, x + y)
                store(folded, (half + m) * w, x - y)
        c = 0
        for odd in range(2):
            for first in range(0, n_mfcc - even if odd else even, TILE):
                k0, k1, k2, k3 = like, like, like, like
                for m in range(odd * half, (1 + odd) * half):
                    x = load(like, folded, m * w)
                    k0 = k0 + x * item(cosines, c)
                    k1 = k1 + x * item(cosines, c + 1)
                    k2 = k2 + x * item(cosines, c + 2)
                    k3 = k3 + x * item(cosines, c + 3)
                    c += TILE
                k = 2 * first + odd
                _put_row(mfcc, k, n_mfcc, frames, t, k0)
                _put_row(mfcc, k + 2, n_mfcc, frames, t, k1)
                _put_row(mfcc, k + 4, n_mfcc, frames, t, k2)
                _put_row(mfcc, k + 6, n_mfcc, frames, t, k3)


@njit(forceinline=True, error_model="numpy")
def _put_row(mfcc, k, n_mfcc, frames, t, values):
    if k < n_mfcc:
        if t + width(values) <= frames:
            store(mfcc, k * frames + t, values)
        else:
            store_first(mfcc, k * frames + t, values, frames - t)


@njit(nogil=True, error_model="numpy")
def differentiate(cepstra, n_mfcc, frames, like_of, keep, first, second, mfcc, delta, delta2):
    """`cepstra` rounded into `mfcc`, and their derivatives into `delta` and `delta2`.

    Each where its flag (`keep`, `first`, `second`) is set. Nine frames are fitted with a line and
    with a parabola (Savitzky and Golay 1964); the outermost four repeat the first and last fit.
    `cepstra` is readable for a vector's length behind its end. At least 9 frames.
    """
    like = zeros(like_of)
    w = width(like)
    for k in range(n_mfcc):
        row = k * frames
        if keep:
            for t in range(0, frames, w):
                store_first(mfcc, row + t, load(like, cepstra, row + t), min(w, frames - t))
        for t in range(4, frames - 4, w):
            p = row + t
            a, b = load(like, cepstra, p - 4), load(like, cepstra, p + 4)
            c, d = load(like, cepstra, p - 3), load(like, cepstra, p + 3)
            e, f = load(like, cepstra, p - 2), load(like, cepstra, p + 2)
            g, h = load(like, cepstra, p - 1), load(like, cepstra, p + 1)
            count = min(w, frames - 4 - t)
            if first:
                slope = (b - a) * 4.0 + (d - c) * 3.0 + (f - e) * 2.0 + (h - g)
                store_first(delta, p, slope * (1.0 / 60.0), count)
            if second:
                i = load(like, cepstra, p)
                curve = (a + b) * 28.0 + (c + d) * 7.0 - (e + f) * 8.0 - (g + h) * 17.0 - i * 20.0
                store_first(delta2, p, curve * (1.0 / 462.0), count)
        for t in range(4):
            if first:
                delta[row + t] = delta[row + 4]
                delta[row + frames - 1 - t] = delta[row + frames - 5]
            if second:
                delta2[row + t] = delta2[row + 4]
                delta2[row + frames - 1 - t] = delta2[row + frames - 5]
