r"""What the patches whose sides are known sum up to: H, r, c and q of :mod:`theory.kernels.pattern`. Compiled."""

from __future__ import annotations

import numpy as np

from theory.kernels.compiled import compiled
from theory.kernels.constants import GIVEN, OFF, STRIDE, UPDATES, Q
from theory.kernels.limits import products


@compiled()
def patch(known, m, i):  # type: ignore[no-untyped-def]
    """Patch i of sample m: where it lies or, if its entries lie apart, in a room for one patch."""
    p, start = known.w.size, m * known.count[STRIDE] + known.first[i]
    if known.room.size == 0:
        return known.flat[start : start + p]
    for j in range(p):
        known.room[j] = known.flat[start + known.entry[j]]
    return known.room


@compiled()
def error(known, b, side):  # type: ignore[no-untyped-def]
    """What a patch with w*·z = b has in k eₙ, which labels of others than the teacher are taken from."""
    if known.count[GIVEN]:
        return b if side else 0.0
    if side == (b >= 0):
        return 0.0
    return b if side else -b


@compiled()
def add(known, weight, s, e, y):  # type: ignore[no-untyped-def]
    """One sample's part of H, r, c and q."""
    for j in range(s.size):
        part = weight * s[j]
        for i in range(s.size):
            known.H[j, i] += part * s[i]
        known.r[j] += part * e
        known.c[j] += part * y
    known.number[Q] += weight * e * e
    known.count[UPDATES] += 1


@compiled()
def flip(known, m, i, side):  # type: ignore[no-untyped-def]
    """Patch i of sample m is active from now on, or no longer."""
    k, row, weight, y = known.first.size, patch(known, m, i), known.weights[m], known.labels[m]
    b = products(row, known.teacher, known.teacher)[0]
    if known.e.size == 0:
        # One neuron: eₙ is min(w*·z, 0) of an active patch, and −max(w*·z, 0) of another, whose sₙ is 0.
        add(known, weight if side else -weight, row, min(b, 0.0), y)
        known.number[Q] += (-weight if side else weight) * max(b, 0.0) ** 2
    else:
        s, sign = known.s[m], 1.0 if side else -1.0
        add(known, -weight, s, known.e[m], y)
        known.flips[m] += 1
        if known.flips[m] > k:
            resum(known, m)
        else:
            for j in range(s.size):
                s[j] += sign * row[j] / k
            known.e[m] += sign * b / k
        add(known, weight, s, known.e[m], y)
    known.count[OFF] += -1 if side == (b >= 0) else 1
    if known.count[OFF] == 0 and known.count[GIVEN] == 0:
        known.r[:] = 0.0
        known.number[Q] = 0.0


@compiled()
def resum(known, m):  # type: ignore[no-untyped-def]
    """sₙ and eₙ from the sides of the patches, after k roundings: the sum itself has as many."""
    k, s = known.first.size, known.s[m]
    s[:] = 0.0
    known.e[m] = -known.labels[m] if known.count[GIVEN] else 0.0
    known.flips[m] = 0
    for i in range(k):
        row, side = patch(known, m, i), known.limit[m * k + i] > 0
        b = products(row, known.teacher, known.teacher)[0]
        if side:
            for j in range(s.size):
                s[j] += row[j] / k
        known.e[m] += error(known, b, side) / k


@compiled()
def slope(known, delta, g):  # type: ignore[no-untyped-def]
    """Write H Δ + r into g, or H w − c if 0 is nearer than w*."""
    here, there = 0.0, 0.0
    for j in range(delta.size):
        here += delta[j] ** 2
        there += known.w[j] ** 2
    near = here <= there
    for j in range(delta.size):
        g[j] = known.r[j] if near else -known.c[j]
    # H is symmetric: rows may be taken for columns, which vector units like.
    for i in range(delta.size):
        x = delta[i] if near else known.w[i]
        for j in range(delta.size):
            g[j] += known.H[i, j] * x


@compiled()
def loss(known, delta, g):  # type: ignore[no-untyped-def]
    """½ Δ·(HΔ + 2r) + ½ q, which rounding may not make negative. g is room for p numbers."""
    total = known.number[Q]
    for i in range(delta.size):
        g[i] = 2 * known.r[i]
        for j in range(delta.size):
            g[i] += known.H[i, j] * delta[j]
        total += delta[i] * g[i]
    return max(total / 2, 0.0)


@compiled()
def angle(w, teacher):  # type: ignore[no-untyped-def]
    """∠(w, w*) by Kahan's formula."""
    a, b = np.sqrt(np.sum(w * w)), np.sqrt(np.sum(teacher * teacher))
    u, v = w / (a if a > 0 else 1.0), teacher / b
    return 2 * np.arctan2(np.sqrt(np.sum((u - v) ** 2)), np.sqrt(np.sum((u + v) ** 2)))
