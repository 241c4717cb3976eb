"""The power spectra of as many frames at once as a vector has lanes.

A real transform of n points is a complex one of h = n / 2: z[i] = x[2 i] + i x[2 i + 1]. That one
is decimated in frequency, in place. A pass of radix r over length n = r m turns, for each k < m,

    a[j] = x[k + j m]   into   y[j] = w^(j k) sum over i of a[i] u^(i j),   u = exp(-2 pi i / r)

where w = exp(-2 pi i / n), and writes y[j] where a[j] was; each stretch of m is then a transform of
its own. So results lie in the order of reversed digits, and are read through a table.

A point is a pair of vectors, re and im, lane = frame. `work`, counted in elements, L = lanes:

    point 0: re of frame 0 .. L-1 | im of frame 0 .. L-1 | point 1: re of frame 0 .. | ...

The first pass, where it is of radix 8, takes the samples windowed as they come, and the last, of
radix 4, never stores its results. Points k and h - k are all that bins k and h - k need (Sorensen
et al. 1987), and come from two stretches of four that hold each other's other partners too; so two
stretches are loaded and eight powers stored.
"""

from numba import njit

from unvoiced.features.kernel.vector import item, load, store, width

inlined = njit(forceinline=True, error_model="numpy")

_H = 0.5**0.5
_C3, _S3 = -0.5, 0.75**0.5
_C5, _C10 = 0.30901699437494742, -0.80901699437494742
_S5, _S10 = 0.95105651629515357, 0.58778525229247313


@inlined
def point(like, work, at):
    """The point at `work[at]`."""
    return load(like, work, at), load(like, work, at + width(like))


@inlined
def put(work, at, re, im):
    """Write a point."""
    store(work, at, re)
    store(work, at + width(re), im)


@inlined
def put_turned(work, at, re, im, factors, f):
    """Write a point times the factor at `factors[f]`."""
    c, s = item(factors, f), item(factors, f + 1)
    store(work, at, re * c - im * s)
    store(work, at + width(re), re * s + im * c)


@inlined
def dft4(ar, ai, br, bi, cr, ci, dr, di):
    """Four points."""
    sr, si, tr, ti = ar + cr, ai + ci, ar - cr, ai - ci
    ur, ui, vr, vi = br + dr, bi + di, br - dr, bi - di
    return sr + ur, si + ui, tr + vi, ti - vr, sr - ur, si - ui, tr - vi, ti + vr


@inlined
def _pass2(like, work, points, n, factors, f):
    m = n // 2
    step = 2 * width(like)
    for stretch in range(0, points, n):
        for k in range(m):
            p = (stretch + k) * step
            q = p + m * step
            ar, ai = point(like, work, p)
            br, bi = point(like, work, q)
            put(work, p, ar + br, ai + bi)
            put_turned(work, q, ar - br, ai - bi, factors, f + 2 * k)


@inlined
def _pass3(like, work, points, n, factors, f):
    m = n // 3
    step = 2 * width(like)
    for stretch in range(0, points, n):
        for k in range(m):
            p = (stretch + k) * step
            q = p + m * step
            s = q + m * step
            ar, ai = point(like, work, p)
            br, bi = point(like, work, q)
            cr, ci = point(like, work, s)
            sr, si, dr, di = br + cr, bi + ci, (bi - ci) * _S3, (br - cr) * _S3
            tr, ti = ar + sr * _C3, ai + si * _C3
            put(work, p, ar + sr, ai + si)
            put_turned(work, q, tr + dr, ti - di, factors, f + 4 * k)
            put_turned(work, s, tr - dr, ti + di, factors, f + 4 * k + 2)


@inlined
def _pass5(like, work, points, n, factors, f):
    m = n // 5
    step = 2 * width(like)
    for stretch in range(0, points, n):
        for k in range(m):
            p = (stretch + k) * step
            g = f + 8 * k
            ar, ai = point(like, work, p)
            br, bi = point(like, work, p + m * step)
            cr, ci = point(like, work, p + 2 * m * step)
            dr, di = point(like, work, p + 3 * m * step)
            er, ei = point(like, work, p + 4 * m * step)
            sr, si, tr, ti = br + er, bi + ei, cr + dr, ci + di
            ur, ui, vr, vi = br - er, bi - ei, cr - dr, ci - di
            xr, xi = ar + sr * _C5 + tr * _C10, ai + si * _C5 + ti * _C10
            yr, yi = ar + sr * _C10 + tr * _C5, ai + si * _C10 + ti * _C5
            fr, fi = ui * _S5 + vi * _S10, ur * _S5 + vr * _S10
            hr, hi = ui * _S10 - vi * _S5, ur * _S10 - vr * _S5
            put(work, p, ar + sr + tr, ai + si + ti)
            put_turned(work, p + m * step, xr + fr, xi - fi, factors, g)
            put_turned(work, p + 2 * m * step, yr + hr, yi - hi, factors, g + 2)
            put_turned(work, p + 3 * m * step, yr - hr, yi + hi, factors, g + 4)
            put_turned(work, p + 4 * m * step, xr - fr, xi + fi, factors, g + 6)


@inlined
def _put4(work, p, q, r0, i0, r1, i1, r2, i2, r3, i3, factors, f):
    put(work, p, r0, i0)
    put_turned(work, p + q, r1, i1, factors, f)
    put_turned(work, p + 2 * q, r2, i2, factors, f + 2)
    put_turned(work, p + 3 * q, r3, i3, factors, f + 4)


@inlined
def _pass4(like, work, points, n, factors, f):
    q = (n // 4) * 2 * width(like)
    for stretch in range(0, points, n):
        for k in range(n // 4):
            p = (stretch + k) * 2 * width(like)
            ar, ai = point(like, work, p)
            br, bi = point(like, work, p + q)
            cr, ci = point(like, work, p + 2 * q)
            dr, di = point(like, work, p + 3 * q)
            r0, i0, r1, i1, r2, i2, r3, i3 = dft4(ar, ai, br, bi, cr, ci, dr, di)
            _put4(work, p, q, r0, i0, r1, i1, r2, i2, r3, i3, factors, f + 6 * k)


@inlined
def _finish8(
    work, p, q, r0, i0, r1, i1, r2, i2, r3, i3, s0, j0, s1, j1, s2, j2, s3, j3, factors, f
):  # fmt: skip
    """Transforms of four of the even (r, i) and of the odd points (s, j), joined and written."""
    s1, j1 = (s1 + j1) * _H, (j1 - s1) * _H
    s3, j3 = (j3 - s3) * _H, (s3 + j3) * (-_H)
    put(work, p, r0 + s0, i0 + j0)
    put_turned(work, p + q, r1 + s1, i1 + j1, factors, f)
    put_turned(work, p + 2 * q, r2 + j2, i2 - s2, factors, f + 2)
    put_turned(work, p + 3 * q, r3 + s3, i3 + j3, factors, f + 4)
    put_turned(work, p + 4 * q, r0 - s0, i0 - j0, factors, f + 6)
    put_turned(work, p + 5 * q, r1 - s1, i1 - j1, factors, f + 8)
    put_turned(work, p + 6 * q, r2 - j2, i2 + s2, factors, f + 10)
    put_turned(work, p + 7 * q, r3 - s3, i3 - j3, factors, f + 12)


@inlined
def _pass8(like, work, points, n, factors, f):
    q = (n // 8) * 2 * width(like)
    for stretch in range(0, points, n):
        for k in range(n // 8):
            p = (stretch + k) * 2 * width(like)
            ar, ai = point(like, work, p)
            br, bi = point(like, work, p + 2 * q)
            cr, ci = point(like, work, p + 4 * q)
            dr, di = point(like, work, p + 6 * q)
            r0, i0, r1, i1, r2, i2, r3, i3 = dft4(ar, ai, br, bi, cr, ci, dr, di)
            ar, ai = point(like, work, p + q)
            br, bi = point(like, work, p + 3 * q)
            cr, ci = point(like, work, p + 5 * q)
            dr, di = point(like, work, p + 7 * q)
            s0, j0, s1, j1, s2, j2, s3, j3 = dft4(ar, ai, br, bi, cr, ci, dr, di)
            _finish8(
                work, p, q, r0, i0, r1, i1, r2, i2, r3, i3, s0, j0, s1, j1, s2, j2, s3, j3,
                factors, f + 14 * k,
            )  # fmt: skip


@inlined
def transform(like, work, points, radices, first, factors):
    """All passes from the `first` on but the last of radix 4, over the points in `work`."""
    n, f = points, 0
    for i in range(len(radices)):
        r = radices[i]
        if i >= first:
            if r == 8:
                _pass8(like, work, points, n, factors, f)
            elif r == 4:
                _pass4(like, work, points, n, factors, f)
            elif r == 2:
                _pass2(like, work, points, n, factors, f)
            elif r == 3:
                _pass3(like, work, points, n, factors, f)
            else:
                _pass5(like, work, points, n, factors, f)
        f += 2 * (r - 1) * (n // r)
        n //= r


@inlined
def _sample_pair(like, turned, at, window, where, i):
    """Point i of the frames whose samples start at `turned[at]`, windowed."""
    re = load(like, turned, at + item(where, 2 * i)) * item(window, 2 * i)
    im = load(like, turned, at + item(where, 2 * i + 1)) * item(window, 2 * i + 1)
    return re, im


@inlined
def copy_windowed(like, turned, at, window, where, live, work, points):
    """The first `live` points of L frames, windowed; zeros in the others."""
    step = 2 * width(like)
    for i in range(live):
        re, im = _sample_pair(like, turned, at, window, where, i)
        put(work, i * step, re, im)
    for i in range(live, points):
        put(work, i * step, like, like)


@inlined
def first_pass8(like, turned, at, window, where, work, points, factors):
    """`copy_windowed` and the first pass, of radix 8, in one: nothing is stored between them."""
    m = points // 8
    q = m * 2 * width(like)
    for k in range(m):
        ar, ai = _sample_pair(like, turned, at, window, where, k)
        br, bi = _sample_pair(like, turned, at, window, where, k + 2 * m)
        cr, ci = _sample_pair(like, turned, at, window, where, k + 4 * m)
        dr, di = _sample_pair(like, turned, at, window, where, k + 6 * m)
        r0, i0, r1, i1, r2, i2, r3, i3 = dft4(ar, ai, br, bi, cr, ci, dr, di)
        ar, ai = _sample_pair(like, turned, at, window, where, k + m)
        br, bi = _sample_pair(like, turned, at, window, where, k + 3 * m)
        cr, ci = _sample_pair(like, turned, at, window, where, k + 5 * m)
        dr, di = _sample_pair(like, turned, at, window, where, k + 7 * m)
        s0, j0, s1, j1, s2, j2, s3, j3 = dft4(ar, ai, br, bi, cr, ci, dr, di)
        _finish8(
            work, k * 2 * width(like), q, r0, i0, r1, i1, r2, i2, r3, i3,
            s0, j0, s1, j1, s2, j2, s3, j3, factors, 14 * k,
        )  # fmt: skip


@inlined
def _pair(zr, zi, yr, yi, c, s):
    """4 |X[k]|^2 and 4 |X[h - k]|^2 from Z[k], Z[h - k] and exp(-2 pi i k / n) = c + i s.

    With E = Z[k] + conj Z[h-k] and O = -i (Z[k] - conj Z[h-k]): 2 X[k] = E + w O, and
    2 X[h-k] = conj(E - w O).
    """
    er, ei, pr, pi = zr + yr, zi - yi, zi + yi, yr - zr
    tr, ti = pr * c - pi * s, pi * c + pr * s
    ar, ai, br, bi = er + tr, ei + ti, er - tr, ei - ti
    return ar * ar + ai * ai, br * br + bi * bi


@inlined
def _stretch(like, work, at):
    ar, ai = point(like, work, at)
    br, bi = point(like, work, at + 2 * width(like))
    cr, ci = point(like, work, at + 4 * width(like))
    dr, di = point(like, work, at + 6 * width(like))
    return dft4(ar, ai, br, bi, cr, ci, dr, di)


@inlined
def powers(like, work, points, stretches, turns, power):
    """The last pass, and 4 |X|^2 of bins 0 .. h into `power` (bin by bin, lane = frame).

    `stretches[k]` is which stretch of four holds points k, k + h/4, k + 2h/4, k + 3h/4, and
    `turns[2 k]` is exp(-2 pi i k / n) as two numbers.
    """
    w = width(like)
    quarter = points // 4
    size = 8 * w
    r0, i0, r1, i1, r2, i2, r3, i3 = _stretch(like, work, 0)
    dc, nyquist = (r0 + i0) * 2.0, (r0 - i0) * 2.0
    store(power, 0, dc * dc)
    store(power, points * w, nyquist * nyquist)
    k = 2 * quarter
    a, b = _pair(r1, i1, r3, i3, item(turns, k), item(turns, k + 1))
    store(power, quarter * w, a)
    store(power, (points - quarter) * w, b)
    middle = r2 * r2 + i2 * i2
    store(power, 2 * quarter * w, middle * 4.0)
    for k in range(1, quarter // 2 + 1):
        r0, i0, r1, i1, r2, i2, r3, i3 = _stretch(like, work, item(stretches, k) * size)
        s0, j0, s1, j1, s2, j2, s3, j3 = _stretch(like, work, item(stretches, quarter - k) * size)
        t = 2 * k
        a, b = _pair(r0, i0, s3, j3, item(turns, t), item(turns, t + 1))
        store(power, k * w, a)
        store(power, (points - k) * w, b)
        k1, t = k + quarter, t + 2 * quarter
        a, b = _pair(r1, i1, s2, j2, item(turns, t), item(turns, t + 1))
        store(power, k1 * w, a)
        store(power, (points - k1) * w, b)
        k2, t = k1 + quarter, t + 2 * quarter
        a, b = _pair(r2, i2, s1, j1, item(turns, t), item(turns, t + 1))
        store(power, k2 * w, a)
        store(power, (points - k2) * w, b)
        k3, t = k2 + quarter, t + 2 * quarter
        a, b = _pair(r3, i3, s0, j0, item(turns, t), item(turns, t + 1))
        store(power, k3 * w, a)
        store(power, (points - k3) * w, b)
