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
    GIVEN,
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
    SINGLE,
    SIZE,
    SPELL,
    STALE,
    STALLED,
    SWING,
    UPDATES,
    WINDOW,
    C,
    T,
)
from theory.kernels.limits import allowed, products, reach, sink
from theory.kernels.pattern_sums import angle, error, flip, loss, patch, slope

WHOLE, DRAWN, SHARE = 4096, 2048, 32
"""So few patches are all in the heap; of more, 2048 are drawn, so that about one in 32 of all are in it."""


class Pattern(NamedTuple):
    """What is known of the patches at ``w``.

    ``limit`` holds for each the clock up to which its side is certain, negative for one that is not active.
    ``heap`` orders those whose limit is within the window. ``s``, ``e`` and ``flips``, how often a patch of the sample
    has changed sides since sₙ was summed, are kept only if k > 1 or labels are given: else sₙ is a patch or zero.
    Entry j of patch i of sample n is ``flat[n · count[STRIDE] + first[i] + entry[j]]``; ``room`` has p numbers, or none
    where the entries of a patch lie side by side.
    """

    flat: Any
    first: Any
    entry: Any
    room: Any
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
    k, p = known.first.size, known.w.size
    path, allowance = known.number[PATH], allowed(known.w)
    for m in range(first, last):
        at = m - first
        s[at, :] = 0.0
        e[at] = -known.labels[m] if known.count[GIVEN] else 0.0
        for i in range(k):
            row = patch(known, m, i)
            a, b, square = products(row, known.w, known.teacher)
            side = a >= 0
            limit = reach(row, side, a, 0.0, square, path, known.number[C], allowance)
            known.limit[m * k + i] = limit if side else -limit
            if side:
                for j in range(p):
                    s[at, j] += row[j] / k
            e[at] += error(known, b, side) / k
            known.count[OFF] += side != (b >= 0)
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
    k, path, allowance = known.first.size, known.number[PATH], allowed(known.w)
    for place in range(known.limit.size):
        row, side = patch(known, place // k, place % k), known.limit[place] > 0
        a, b, square = products(row, known.w, known.D)
        limit = reach(row, side, a, b, square, path, known.number[C], allowance)
        known.limit[place] = limit if side else -limit
    known.count[LOOKED] += known.limit.size
    known.count[AIMED] = known.count[LOOKED]
    known.number[WINDOW] = 0.0


# --------------------------------------------------------------------------------------------- who is to be looked at


@compiled()
def least_of(limit, stride):  # type: ignore[no-untyped-def]
    """The limit that one in ``SHARE`` of those drawn are below. To sort them all takes numba longest to compile."""
    count = DRAWN // SHARE + 1
    least = np.full(count, np.inf)
    for draw in range(DRAWN):
        new = abs(limit[draw * stride])
        if new < least[count - 1]:
            at = count - 1
            while at > 0 and least[at - 1] > new:
                least[at] = least[at - 1]
                at -= 1
            least[at] = new
    return least[count - 1]


@compiled()
def open_window(known):  # type: ignore[no-untyped-def]
    """Choose a window beyond the path, and make the heap of the patches whose limit is in it."""
    limit, n = known.limit, known.limit.size
    window = np.inf
    if n > WHOLE:
        stride = n // DRAWN
        window = max(least_of(limit, stride), known.number[PATH] * (1 + 4 * ROUNDING))
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
    k, heap, limit, size = known.first.size, known.heap, known.limit, known.count[SIZE]
    while size > 0 and abs(limit[heap[0]]) <= path:
        place = heap[0]
        m, i = place // k, place % k
        row = patch(known, m, i)
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


# ---------------------------------------------------------------------------------------------------------- the steps


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
        if known.count[SINGLE]:
            new = np.float64(np.float32(new))
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
    ``before`` on nothing may change sides for long if the nearest limit is ``free`` steps away, nothing was looked at
    in as many (steps become shorter, so that a limit may never be reached), or the last step went back.
    """
    p, count, number = known.w.size, known.count, known.number
    delta, g, old = np.empty(p), np.empty(p), np.zeros(p)
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
        # A filter that goes to and fro has a long path, and yet is never far.
        back = 0.0
        for j in range(p):
            back += g[j] * old[j]
            old[j] = g[j]
        swings = back < 0 and nearest(known) - number[PATH] > SWING * length
        far = swings or t - idle >= free or nearest(known) - number[PATH] > free * length
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
