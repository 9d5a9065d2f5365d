"""Gabor filters by the orbits of their pixels under reflection, for moments that do not change under it. Compiled.

With h = A exp(−½(ax² + 2bxy + dy²) + i(k_x x + k_y y)) = c + in and g = cos ψ c − sin ψ n, c is even and n odd under
(x, y) → (−x, −y). So what the pixels (±x, ±y) have is told by four numbers at x, y ≥ 0, by whether they are even (e) or
odd (o) in x and in y:

    ee = ½ cos ψ (c(x, y) + c(x, −y))      oe = −½ sin ψ (n(x, y) + n(x, −y))
    oo = ½ cos ψ (c(x, y) − c(x, −y))      eo = −½ sin ψ (n(x, y) − n(x, −y))

oo only where x, y > 0, oe where x > 0, eo where y > 0. With ``up`` = ⌈size/2⌉ places not below 0 and ``off`` = ⌊size/2⌋
above, arrays have up² rows of ee, off² of oo, off·up of oe and up·off of eo, row by row of x: as many as pixels.

``q`` and the limits of what may be given are those of ``gabor_sums``.
"""

from __future__ import annotations

import math

from theory.kernels.compiled import compiled
from theory.kernels.vector import add, fma, load, mul, spread, store, sub, zeros


@compiled()
def tables(q, size, lanes, work):
    """Of every vector of starts: what the rows have, what the columns have, and the powers that grow along a row.

    For each place t ≥ 0: A e^{−½at²} cos k_x t and its sine; e^{−½dt²} cos k_y t and its sine; e^{−bt} and e^{bt}; and
    these to the power of the first place, 0 or ½. And last ½ cos ψ and −½ sin ψ.
    """
    v, starts, up = len(lanes), q.shape[1], (size + 1) // 2
    first = 0.0 if size % 2 else 0.5
    rows = 8 * up + 2
    for start in range(starts):
        base, lane = (start // v) * rows * v, start % v
        theta, wavelength, sigma = q[0, start], q[1, start], q[2, start]
        gamma, psi, amplitude = q[3, start], q[4, start], q[5, start]
        c, s, k, g2, precision = math.cos(theta), math.sin(theta), 2 * math.pi / wavelength, gamma**2, 1 / sigma**2
        a, d, b = (c * c + g2 * s * s) * precision, (s * s + g2 * c * c) * precision, (1 - g2) * c * s * precision
        for axis in range(2):
            decay, wave, level = (a, k * c, amplitude) if axis == 0 else (d, k * s, 1.0)
            once, ratio = level * math.exp(-decay * first * first / 2), math.exp(-decay * (first + 0.5))
            change = math.exp(-decay)
            here_c, here_s, turn_c, turn_s = (
                math.cos(wave * first),
                math.sin(wave * first),
                math.cos(wave),
                math.sin(wave),
            )
            for i in range(up):
                work[base + (2 * axis * up + i) * v + lane] = once * here_c
                work[base + ((2 * axis + 1) * up + i) * v + lane] = once * here_s
                once *= ratio
                ratio *= change
                here_c, here_s = here_c * turn_c - here_s * turn_s, here_s * turn_c + here_c * turn_s
        down, grow = math.exp(-b), math.exp(b)
        low, high = math.exp(-b * first), math.exp(b * first)
        low_half, high_half, down_half, grow_half = 1.0, 1.0, 1.0, 1.0
        if not size % 2:
            # At x = ½ and y = ½ the power is e^{∓b/4}.
            low_half, high_half = math.exp(-b / 4), math.exp(b / 4)
            down_half, grow_half = math.exp(-b / 2), math.exp(b / 2)
        for i in range(up):
            work[base + (4 * up + i) * v + lane] = low
            work[base + (5 * up + i) * v + lane] = high
            work[base + (6 * up + i) * v + lane] = low_half
            work[base + (7 * up + i) * v + lane] = high_half
            low *= down
            high *= grow
            low_half *= down_half
            high_half *= grow_half
        work[base + 8 * up * v + lane] = math.cos(psi) / 2
        work[base + (8 * up + 1) * v + lane] = -math.sin(psi) / 2


@compiled()
def parts(work, size, true, lanes, starts, out):
    """ee, oo, oe and eo of every start less those of ``true``: ``out[row · starts + start]``."""
    v, up, off = len(lanes), (size + 1) // 2, size // 2
    skip = up - off
    oo, oe, eo = up * up, up * up + off * off, up * up + off * off + off * up
    for start in range(0, starts, v):
        base = (start // v) * (8 * up + 2) * v
        even, odd = load(work, base + 8 * up * v, lanes), load(work, base + (8 * up + 1) * v, lanes)
        for i in range(up):
            pc, ps = load(work, base + i * v, lanes), load(work, base + (up + i) * v, lanes)
            down, grow = load(work, base + (4 * up + i) * v, lanes), load(work, base + (5 * up + i) * v, lanes)
            low, high = load(work, base + (6 * up + i) * v, lanes), load(work, base + (7 * up + i) * v, lanes)
            for j in range(up):
                qc, qs = load(work, base + (2 * up + j) * v, lanes), load(work, base + (3 * up + j) * v, lanes)
                cc, ss, sc, cs = mul(pc, qc), mul(ps, qs), mul(ps, qc), mul(pc, qs)
                one, two = mul(sub(cc, ss), low), mul(add(cc, ss), high)
                row = i * up + j
                store(out, row * starts + start, sub(mul(even, add(one, two)), spread(true, row, lanes)))
                if i >= skip and j >= skip:
                    row = oo + (i - skip) * off + j - skip
                    store(out, row * starts + start, sub(mul(even, sub(one, two)), spread(true, row, lanes)))
                one, two = mul(add(sc, cs), low), mul(sub(sc, cs), high)
                if i >= skip:
                    row = oe + (i - skip) * up + j
                    store(out, row * starts + start, sub(mul(odd, add(one, two)), spread(true, row, lanes)))
                if j >= skip:
                    row = eo + i * off + j - skip
                    store(out, row * starts + start, sub(mul(odd, sub(one, two)), spread(true, row, lanes)))
                low, high = mul(low, down), mul(high, grow)


@compiled()
def _four(out, place, starts, a, b, c, d):
    """Rows of ``out``, one below the other."""
    store(out, place, a)
    store(out, place + starts, b)
    store(out, place + 2 * starts, c)
    store(out, place + 3 * starts, d)


@compiled()
def sums(work, size, places, outer, lanes, starts, out):
    """Row by row of ``out``: Σ uc {1, x², xy, y²}, Σ vn {1, x², xy, y²}, Σ un {x, y}, Σ vc {x, y}, twice each.

    u and v are the even and the odd part, under the turn, of what ``outer`` has, row by row as ``parts`` has it.
    """
    v, up, off = len(lanes), (size + 1) // 2, size // 2
    skip = up - off
    oo, oe, eo = up * up, up * up + off * off, up * up + off * off + off * up
    for start in range(0, starts, v):
        base, none = (start // v) * (8 * up + 2) * v, zeros(work, lanes)
        c0, cxx, cxy, cyy, n0, nxx, nxy, nyy = none, none, none, none, none, none, none, none
        ux, uy, vx, vy = none, none, none, none
        for i in range(up):
            pc, ps = load(work, base + i * v, lanes), load(work, base + (up + i) * v, lanes)
            down, grow = load(work, base + (4 * up + i) * v, lanes), load(work, base + (5 * up + i) * v, lanes)
            low, high = load(work, base + (6 * up + i) * v, lanes), load(work, base + (7 * up + i) * v, lanes)
            rc, rcy, rn, rny, ru, rv = none, none, none, none, none, none
            for j in range(up):
                qc, qs = load(work, base + (2 * up + j) * v, lanes), load(work, base + (3 * up + j) * v, lanes)
                cc, ss, sc, cs = mul(pc, qc), mul(ps, qs), mul(ps, qc), mul(pc, qs)
                c1, c2 = mul(sub(cc, ss), low), mul(add(cc, ss), high)
                n1, n2 = mul(add(sc, cs), low), mul(sub(sc, cs), high)
                low, high = mul(low, down), mul(high, grow)
                u1 = load(outer, (i * up + j) * starts + start, lanes)
                u2, v1, v2, y = u1, none, none, spread(places, size // 2 + j, lanes)
                if i >= skip and j >= skip:
                    other = load(outer, (oo + (i - skip) * off + j - skip) * starts + start, lanes)
                    u1, u2 = add(u1, other), sub(u2, other)
                if i >= skip:
                    other = load(outer, (oe + (i - skip) * up + j) * starts + start, lanes)
                    v1, v2 = other, other
                if j >= skip:
                    other = load(outer, (eo + i * off + j - skip) * starts + start, lanes)
                    v1, v2 = add(v1, other), sub(v2, other)
                one, two = mul(u1, c1), mul(u2, c2)
                both = add(one, two)
                rc, rcy, cyy = add(rc, both), fma(y, sub(one, two), rcy), fma(mul(y, y), both, cyy)
                one, two = mul(v1, n1), mul(v2, n2)
                both = add(one, two)
                rn, rny, nyy = add(rn, both), fma(y, sub(one, two), rny), fma(mul(y, y), both, nyy)
                one, two = mul(u1, n1), mul(u2, n2)
                ru, uy = add(ru, add(one, two)), fma(y, sub(one, two), uy)
                one, two = mul(v1, c1), mul(v2, c2)
                rv, vy = add(rv, add(one, two)), fma(y, sub(one, two), vy)
            x = spread(places, size // 2 + i, lanes)
            c0, cxx, cxy = add(c0, rc), fma(mul(x, x), rc, cxx), fma(x, rcy, cxy)
            n0, nxx, nxy = add(n0, rn), fma(mul(x, x), rn, nxx), fma(x, rny, nxy)
            ux, vx = fma(x, ru, ux), fma(x, rv, vx)
        _four(out, start, starts, c0, cxx, cxy, cyy)
        _four(out, start + 4 * starts, starts, n0, nxx, nxy, nyy)
        _four(out, start + 8 * starts, starts, ux, uy, vx, vy)
