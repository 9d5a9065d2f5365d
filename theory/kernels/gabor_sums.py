"""Gabor filters, and what their gradients need of them, without an exponential for each pixel. Compiled.

With Λ = R diag(1, γ²) Rᵀ/σ² = (a b; b d) and the wave vector (k_x, k_y) = 2π/λ (cos θ, sin θ), pixel (x, y) of

    h = A exp(−½(ax² + 2bxy + dy²) + i(k_x x + k_y y + ψ)) = P(x) · Q(y) · exp(−bxy)

is a product of what depends on the row, of what depends on the column, and of a power that grows along the row. All
three follow from one exponential and one turn each, by multiplication. ``q`` has a start a column, as many as fill
whole vectors; its rows are θ, λ, σ, γ, ψ, A. g = Re h, and s = Im h.

Written for half² (1 + γ²)/σ² ≤ ``LARGEST``, half the largest place: beyond, factors may overflow though their product
does not.
"""

from __future__ import annotations

import math

import numpy as np

from theory.kernels.compiled import compiled
from theory.kernels.constants import SUMS
from theory.kernels.vector import add, fma, load, mul, spread, store, sub, zeros


@compiled()
def _outwards(work, row, lane, v, size, level, decay, wave, cosine, sine):
    """A line of the table: level · exp(−½ decay t² + i wave t) turned by a phase, at the places t of the pixels."""
    half = (size - 1) / 2
    t = 0.0 if size % 2 else 0.5
    first = size // 2
    once, ratio, change = math.exp(-decay * t * t / 2), math.exp(-decay * (t + 0.5)), math.exp(-decay)
    c, s = math.cos(wave * t), math.sin(wave * t)
    turn_c, turn_s = math.cos(wave), math.sin(wave)
    once *= level
    while t <= half:
        # cos(φ ± wave t), sin(φ ± wave t)
        left, right = row + (size - 1 - first) * v + lane, row + first * v + lane
        work[left] = once * (cosine * c + sine * s)
        work[left + size * v] = once * (sine * c - cosine * s)
        work[right] = once * (cosine * c - sine * s)
        work[right + size * v] = once * (sine * c + cosine * s)
        once *= ratio
        ratio *= change
        c, s = c * turn_c - s * turn_s, s * turn_c + c * turn_s
        t += 1
        first += 1


@compiled()
def _powers(work, row, lane, v, size, base):
    """exp(base · t) at the places t of the pixels."""
    t = 0.0 if size % 2 else 0.5
    up, down = math.exp(base * t), math.exp(-base * t)
    more, less = math.exp(base), math.exp(-base)
    for first in range(size // 2, size):
        work[row + first * v + lane] = up
        work[row + (size - 1 - first) * v + lane] = down
        up *= more
        down *= less


@compiled()
def _table(q, start, size, v, work):
    """Of ``v`` starts: P and Q, cosine before sine; exp(−bx), by which h grows along a row; where it begins."""
    for lane in range(v):
        theta, wavelength, sigma = q[0, start + lane], q[1, start + lane], q[2, start + lane]
        gamma, psi, amplitude = q[3, start + lane], q[4, start + lane], q[5, start + lane]
        c, s, k, g2, precision = math.cos(theta), math.sin(theta), 2 * math.pi / wavelength, gamma**2, 1 / sigma**2
        a, d, b = (c * c + g2 * s * s) * precision, (s * s + g2 * c * c) * precision, (1 - g2) * c * s * precision
        _outwards(work, 0, lane, v, size, amplitude, a, k * c, math.cos(psi), math.sin(psi))
        _outwards(work, 2 * size * v, lane, v, size, 1.0, d, k * s, 1.0, 0.0)
        _powers(work, 4 * size * v, lane, v, size, -b)
        _powers(work, 5 * size * v, lane, v, size, b * (size - 1) / 2)


@compiled()
def filters(q, size, lanes, g):
    """``g[pixel · starts + start]``."""
    v, starts = len(lanes), q.shape[1]
    work = np.empty(6 * size * v)
    for start in range(0, starts, v):
        _table(q, start, size, v, work)
        for i in range(size):
            pc, ps = load(work, i * v, lanes), load(work, (size + i) * v, lanes)
            grow, here = load(work, (4 * size + i) * v, lanes), load(work, (5 * size + i) * v, lanes)
            for j in range(size):
                qc, qs = load(work, (2 * size + j) * v, lanes), load(work, (3 * size + j) * v, lanes)
                store(g, (i * size + j) * starts + start, mul(sub(mul(pc, qc), mul(ps, qs)), here))
                here = mul(here, grow)


@compiled()
def sums(q, size, places, outer, true, lanes, out):
    """Row by row of ``out``, over the pixels: Σ eg, Σ eg x², Σ eg xy, Σ eg y², Σ es, Σ es x, Σ es y, Σ e².

    e is ``outer[pixel · starts + start]``, or where that is empty g − g*, g* in ``true``.
    """
    v, starts = len(lanes), q.shape[1]
    work = np.empty(6 * size * v)
    for start in range(0, starts, v):
        _table(q, start, size, v, work)
        total, gxx, gxy, gyy = zeros(work, lanes), zeros(work, lanes), zeros(work, lanes), zeros(work, lanes)
        odd, sx, sy, square = zeros(work, lanes), zeros(work, lanes), zeros(work, lanes), zeros(work, lanes)
        for i in range(size):
            pc, ps = load(work, i * v, lanes), load(work, (size + i) * v, lanes)
            grow, here = load(work, (4 * size + i) * v, lanes), load(work, (5 * size + i) * v, lanes)
            g0, g1, s0 = zeros(work, lanes), zeros(work, lanes), zeros(work, lanes)
            for j in range(size):
                qc, qs = load(work, (2 * size + j) * v, lanes), load(work, (3 * size + j) * v, lanes)
                g = mul(sub(mul(pc, qc), mul(ps, qs)), here)
                s = mul(fma(ps, qc, mul(pc, qs)), here)
                here = mul(here, grow)
                if outer.size:
                    e = load(outer, (i * size + j) * starts + start, lanes)
                else:
                    e = sub(g, spread(true, i * size + j, lanes))
                square = fma(e, e, square)
                g, s, y = mul(e, g), mul(e, s), spread(places, j, lanes)
                along = mul(y, g)
                g0, g1, gyy = add(g0, g), add(g1, along), fma(y, along, gyy)
                s0, sy = add(s0, s), fma(y, s, sy)
            x = spread(places, i, lanes)
            total, gxx, gxy = add(total, g0), fma(mul(x, x), g0, gxx), fma(x, g1, gxy)
            odd, sx = add(odd, s0), fma(x, s0, sx)
        store(out, start, total)
        store(out, starts + start, gxx)
        store(out, 2 * starts + start, gxy)
        store(out, 3 * starts + start, gyy)
        store(out, 4 * starts + start, odd)
        store(out, 5 * starts + start, sx)
        store(out, 6 * starts + start, sy)
        store(out, (SUMS - 1) * starts + start, square)
