"""Samples turned so that sample n of neighbouring frames is one vector in memory.

Frames overlap, hops do not: with hop length h, sample n of frame t is sample n mod h of hop
t + n div h. So the samples are written as one column a hop; what frames share is there once:

    samples   0 1 2 .. h-1 | h h+1 ..        frame t, t+1, t+2, ... at sample n:
                                             one load at row n mod h, column t + n div h
    turned    row 0:    0   h   2h  3h ..
              row 1:    1 h+1 2h+1 ..
              row h-1:  ..
"""

from unvoiced.features.kernel.fft import inlined
from unvoiced.features.kernel.vector import transpose_tile, width


@inlined
def _turn_slowly(x, start, hop, first, last, top, bottom, turned, stride, column):
    for q in range(first, last):
        s = start + q * hop
        for r in range(top, bottom):
            inside = 0 <= s + r < len(x)
            turned[r * stride + column + q] = x[s + r] if inside else 0


@inlined
def turn(like, x, start, hop, columns, turned, stride):
    """`columns` hops of x from `start` on (zeros where x ends) into `turned`, a row every `stride`.

    `columns` is a multiple of the lanes.
    """
    w = width(like)
    for q in range(0, columns, w):
        s = start + q * hop
        if s < 0 or s + (w - 1) * hop + hop > len(x) or hop < w:
            _turn_slowly(x, start, hop, q, q + w, 0, hop, turned, stride, 0)
        else:
            for r in range(0, hop - w + 1, w):
                transpose_tile(like, turned, r * stride + q, stride, x, s + r, hop)
            if hop % w:
                r = hop - w
                transpose_tile(like, turned, r * stride + q, stride, x, s + r, hop)
