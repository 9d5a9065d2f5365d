r"""Gradient descent while the pattern of active patches is known, and the few patches that change sides. Compiled.

With f(w, Zₙ) = w·sₙ, sₙ = (1/k) Σᵢ Zₙᵢ 1{w·Zₙᵢ ≥ 0}, Δ = w − w* and eₙ = w*·sₙ − yₙ,

    ∇ℓ(w) = H Δ + r,   ℓ(w) = ½ ΔᵀHΔ + r·Δ + ½ q,   H = Σ pₙ sₙsₙᵀ,  r = Σ pₙ eₙ sₙ,  q = Σ pₙ eₙ²,

and eₙ = 0, so that r and q lose nothing near w*, wherever no patch's side differs from its side at w*. Near 0, where
labels are often 0 of all samples that are active, it is ∇ℓ(w) = H w − c, c = Σ pₙ yₙ sₙ, that loses nothing.

Descent goes nearly straight. With a unit vector D, a move v = αD + v', α ≥ 0, takes w·z no nearer to 0 than by
α max(0, ∓z·D) + ‖z‖‖v'‖, − if the patch is active. So let a clock go on by max(α, ‖v'‖/c) in each step: until it has
gone on by |w·z| / (max(0, ∓z·D) + c‖z‖) the side of the patch is certain, whatever D and c are. While steps go nearly
one way, D is that and c small, and most patches are left alone for longer than until ‖z‖ times the path exceeds
|w·z|. Where they do not, D = 0 and c = 1, and the clock is the path.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from theory.kernels.compiled import compiled
from theory.kernels.constants import (
    AGAIN,
    AIMED,
    DISTANCE,
    FREE,
    LATER,
    LEAN,
    LONGER,
    LOOKED,
    LOST,
    MARK,
    OFF,
    OVER,
    PATH,
    PAUSED,
    RESTLESS,
    ROUNDING,
    SHORT,
    SIZE,
    SPELL,
    STALE,
    STALLED,
    UPDATES,
    WINDOW,
    C,
    Q,
    T,
)
from theory.kernels.limits import allowed, products, reach, sink

WHOLE, DRAWN, SHARE = 4096, 2048, 32
"""So few patches are all in the heap; of more, 2048 are drawn, so that about one in 32 of all are in it."""


class Pattern(NamedTuple):
    """What is known of the patches at ``w``.

    ``limit`` holds for each the clock up to which its side is certain, negative for one that is not active.
    ``heap`` orders those whose limit is within the window. ``s``, ``e`` and ``flips``, how often a patch of the sample
    has changed sides since sₙ was summed, are kept only if k > 1: else sₙ is a row of ``z`` or zero.
    """

    z: Any
    weights: Any
    labels: Any
    teacher: Any
    w: Any
    H: Any
    r: Any
    c: Any
    D: Any
    limit: Any
    heap: Any
    s: Any
    e: Any
    flips: Any
    number: Any
    count: Any


@compiled()
def survey(known, first, last, s, e):  # type: ignore[no-untyped-def]
    """Look at every patch of the samples from ``first`` to ``last``, and write down their sₙ and eₙ."""
    k, p = known.z.shape[1], known.w.size
    path, allowance = known.number[PATH], allowed(known.w)
    for m in range(first, last):
        at = m - first
        s[at, :] = 0.0
        e[at] = 0.0
        for i in range(k):
            row = known.z[m, i]
            a, b, square = products(row, known.w, known.teacher)
            side = a >= 0
            limit = reach(row, side, a, 0.0, square, path, known.number[C], allowance)
            known.limit[m * k + i] = limit if side else -limit
            if side:
                for j in range(p):
                    s[at, j] += row[j] / k
            if side != (b >= 0):
                e[at] += b / k if side else -b / k
                known.count[OFF] += 1
    known.count[LOOKED] += (last - first) * k


@compiled()
def aim(known, v):  # type: ignore[no-untyped-def]
    """Let D be the direction of −∇ℓ(w), unless the last move v, if any, went another way; give patches new limits."""
    slope(known, known.w - known.teacher, known.D)
    norm = np.sqrt(np.sum(known.D**2))
    for j in range(known.w.size):
        known.D[j] = -known.D[j] / norm if 0 < norm < np.inf else 0.0
    known.count[AIMED] = known.count[LOOKED]
    lean, along = LEAN, max(np.sum(v * known.D), 0.0) if v.size > 0 else 0.0
    if v.size > 0 and not np.sum((v - along * known.D) ** 2) <= (along / 2) ** 2:
        known.D[:], lean = 0.0, 1.0
        if known.number[C] == 1:
            return
    known.number[C] = lean
    k, path, allowance = known.z.shape[1], known.number[PATH], allowed(known.w)
    for place in range(known.limit.size):
        row, side = known.z[place // k, place % k], known.limit[place] > 0
        a, b, square = products(row, known.w, known.D)
        limit = reach(row, side, a, b, square, path, known.number[C], allowance)
        known.limit[place] = limit if side else -limit
    known.count[LOOKED] += known.limit.size
    known.count[AIMED] = known.count[LOOKED]
    known.number[WINDOW] = 0.0


# --------------------------------------------------------------------------------------------- who is to be looked at


@compiled()
def open_window(known):  # type: ignore[no-untyped-def]
    """Choose a window beyond the path, and make the heap of the patches whose limit is in it."""
    limit, n = known.limit, known.limit.size
    window = np.inf
    if n > WHOLE:
        stride = n // DRAWN
        drawn = np.empty(DRAWN)
        for i in range(DRAWN):
            drawn[i] = abs(limit[i * stride])
        drawn.sort()
        window = max(drawn[DRAWN // SHARE], known.number[PATH] * (1 + 4 * ROUNDING))
    size = 0
    for i in range(n):
        if abs(limit[i]) <= window and abs(limit[i]) < np.inf:
            known.heap[size] = i
            size += 1
    for at in range(size // 2 - 1, -1, -1):
        sink(known.heap, limit, at, size)
    known.count[SIZE] = size
    known.number[WINDOW] = window


@compiled()
def settle(known):  # type: ignore[no-untyped-def]
    """Look at the patches whose limit the path has passed, and at no others."""
    path, allowance = known.number[PATH], allowed(known.w)
    if path >= known.number[WINDOW]:
        open_window(known)
    k, heap, limit, size = known.z.shape[1], known.heap, known.limit, known.count[SIZE]
    while size > 0 and abs(limit[heap[0]]) <= path:
        place = heap[0]
        m, i = place // k, place % k
        row = known.z[m, i]
        a, b, square = products(row, known.w, known.D)
        side, old = a >= 0, limit[place] > 0
        new = reach(row, side, a, b, square, path, known.number[C], allowance)
        limit[place] = new if side else -new
        if side != old:
            flip(known, m, i, side)
        if new > known.number[WINDOW]:
            size -= 1
            heap[0] = heap[size]
        if size > 0:
            sink(heap, limit, 0, size)
        known.count[LOOKED] += 1
    known.count[SIZE] = size


# --------------------------------------------------------------------------------------------------------- H, r, c, q


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
    k, row, weight, y = known.z.shape[1], known.z[m, i], known.weights[m], known.labels[m]
    b = products(row, known.teacher, known.teacher)[0]
    if k == 1:
        # eₙ is min(w*·z, 0) of an active patch, and −max(w*·z, 0) of another, whose sₙ is 0.
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
    if known.count[OFF] == 0:
        known.r[:] = 0.0
        known.number[Q] = 0.0


@compiled()
def resum(known, m):  # type: ignore[no-untyped-def]
    """sₙ and eₙ from the sides of the patches, after k roundings: the sum itself has as many."""
    k, s = known.z.shape[1], known.s[m]
    s[:] = 0.0
    known.e[m] = 0.0
    known.flips[m] = 0
    for i in range(k):
        row, side = known.z[m, i], known.limit[m * k + i] > 0
        b = products(row, known.teacher, known.teacher)[0]
        if side:
            for j in range(s.size):
                s[j] += row[j] / k
        if side != (b >= 0):
            known.e[m] += b / k if side else -b / k


# ---------------------------------------------------------------------------------------------------------- the steps


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


@compiled()
def record(known, delta, g, distance, seen):  # type: ignore[no-untyped-def]
    """Distance, angle and loss at this iteration."""
    seen[0, known.count[MARK]] = distance
    seen[1, known.count[MARK]] = angle(known.w, known.teacher)
    seen[2, known.count[MARK]] = loss(known, delta, g)


@compiled()
def move(known, eta, g):  # type: ignore[no-untyped-def]
    """w ← w − η g, of which g becomes the change; returns whether any bit of w changed."""
    moved = False
    for j in range(g.size):
        new = known.w[j] - eta * g[j]
        g[j] = new - known.w[j]
        moved = moved or g[j] != 0
        known.w[j] = new
    return moved


@compiled()
def elapsed(known, v):  # type: ignore[no-untyped-def]
    """How far the clock goes on in a move by v, not rounded down, and whether that is for its turning away from D."""
    along, square = 0.0, 0.0
    for j in range(v.size):
        along += v[j] * known.D[j]
    along = max(along, 0.0)
    for j in range(v.size):
        square += (v[j] - along * known.D[j]) ** 2
    aside = np.sqrt(square) / known.number[C]
    return max(along, aside) * LONGER + SHORT, aside > along


@compiled()
def follow(known, v):  # type: ignore[no-untyped-def]
    """Look at what has to be looked at after a move by v, of w, that is done."""
    length, astray = elapsed(known, v)
    known.number[PATH] = (known.number[PATH] + length) * LATER
    if known.number[PATH] < LOST:
        settle(known)
        if astray and (known.count[LOOKED] - known.count[AIMED]) * AGAIN > known.limit.size:
            aim(known, v)
            settle(known)
    return length


@compiled()
def advance(known, etas, marks, seen, steps, pause, tolerance, region, still, stale, restless, free, before):  # type: ignore[no-untyped-def]
    """Steps η_t = etas[t], whose last goes on for ever, until one of the reasons above; returns which.

    ``stale`` terms added to H are too many, ``restless`` looks in a ``SPELL`` of steps as well, and from the iteration
    ``before`` on nothing may change sides for long if the nearest limit is ``free`` steps away, or nothing was looked
    at in as many (steps become shorter, so that a limit may never be reached).
    """
    p, count, number = known.w.size, known.count, known.number
    delta, g = np.empty(p), np.empty(p)
    norm = np.sqrt(np.sum(known.teacher**2))
    looked, last, idle = count[LOOKED], count[LOOKED], count[T]
    while True:
        square, t = 0.0, count[T]
        for j in range(p):
            delta[j] = known.w[j] - known.teacher[j]
            square += delta[j] * delta[j]
        number[DISTANCE] = np.sqrt(square) / norm
        marked = count[MARK] < marks.size and marks[count[MARK]] == t
        if marked:
            record(known, delta, g, number[DISTANCE], seen)
        # NaN compares false.
        if number[DISTANCE] <= tolerance or not number[DISTANCE] <= region or t == steps:
            return OVER
        if t == pause:
            return PAUSED
        slope(known, delta, g)
        if np.sqrt(np.sum(g * g)) <= still:
            return STALLED
        eta = etas[min(t, etas.size - 1)]
        if marked:
            seen[3, count[MARK]] = eta
            count[MARK] += 1
        moved = move(known, eta, g)
        count[T] += 1
        if not moved and t >= etas.size - 1:
            rest(known, delta, g, eta, marks, seen, steps)
            return OVER
        length = follow(known, g)
        if not number[PATH] < LOST:
            return RESTLESS
        if count[UPDATES] > stale:
            return STALE
        if count[T] % SPELL == 0:
            if count[LOOKED] - looked > restless:
                return RESTLESS
            looked = count[LOOKED]
        if count[LOOKED] > last:
            last, idle = count[LOOKED], count[T]
        far = t - idle >= free or nearest(known) - number[PATH] > free * length
        if far and t >= max(before, etas.size - 1):
            return FREE


@compiled()
def nearest(known):  # type: ignore[no-untyped-def]
    """The least limit, or the end of the window."""
    top = abs(known.limit[known.heap[0]]) if known.count[SIZE] > 0 else np.inf
    return min(top, known.number[WINDOW])


@compiled()
def rest(known, delta, g, eta, marks, seen, steps):  # type: ignore[no-untyped-def]
    """A step that changes no bit of w is the last that does anything: every later iteration is this one."""
    while known.count[MARK] < marks.size:
        record(known, delta, g, known.number[DISTANCE], seen)
        if marks[known.count[MARK]] < steps:
            seen[3, known.count[MARK]] = eta
        known.count[MARK] += 1
    known.count[T] = steps
