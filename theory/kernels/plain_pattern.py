"""The twins of :mod:`theory.kernels.pattern` in NumPy: no heap, no window, and H, r and q summed anew at every flip."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

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
    SPELL,
    STALE,
    STALLED,
    STRIDE,
    SWING,
    UPDATES,
    WINDOW,
    C,
    Q,
    T,
)


class Pattern(NamedTuple):
    """What is known of the patches at ``w``."""

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


def rows(known: Any) -> Any:
    """Every patch of every sample, (n, k, p)."""
    places = known.first[:, None] + known.entry[None, :]
    return np.stack([known.flat[m * known.count[STRIDE] + places] for m in range(known.labels.size)])


def look(known: Any, places: Any) -> Any:
    """The sides of these patches, and the clock up to which they are certain; how many were different."""
    a = rows(known).reshape(-1, known.w.size)[places] @ known.w
    flipped = np.count_nonzero((known.limit[places] > 0) != (a >= 0))
    known.limit[places] = np.where(a >= 0, 1.0, -1.0)
    relimit(known, places)
    return flipped


def relimit(known: Any, places: Any) -> None:
    """Limits of these patches, whose sides are known."""
    z, path = rows(known).reshape(-1, known.w.size)[places], known.number[PATH]
    a, norm, sign = z @ known.w, np.linalg.norm(z, axis=1), np.sign(known.limit[places])
    left = np.maximum(sign * a - 16 * known.w.size * ROUNDING * np.linalg.norm(known.w) * norm, 0.0)
    rate = np.maximum(-sign * (z @ known.D), 0.0) + known.number[C] * norm
    certain = (path + left / np.where(norm > 0, rate * LONGER, 1.0)) * (1 - 2 * ROUNDING)
    known.limit[places] = sign * np.where(norm > 0, np.maximum(certain, path * (1 + ROUNDING)), np.inf)
    known.count[LOOKED] += z.shape[0]


def aim(known: Any, v: Any) -> None:
    """Let D be the direction of −∇ℓ(w), unless the last move v, if any, went another way; give patches new limits."""
    slope(known, known.w - known.teacher, known.D)
    known.D[:] /= -np.linalg.norm(known.D) or 1.0
    known.count[AIMED], before, known.number[C] = known.count[LOOKED], known.number[C], LEAN
    if v.size and not np.linalg.norm(v - (v @ known.D) * known.D) <= v @ known.D / 2:
        known.D[:], known.number[C] = 0.0, 1.0
        if before == 1:
            return
    relimit(known, np.arange(known.limit.size))
    known.count[AIMED] = known.count[LOOKED]


def follow(known: Any, v: Any) -> float:
    """Look at what has to be looked at after a move by v, of w, that is done."""
    along = max(0.0, float(v @ known.D))
    aside = float(np.linalg.norm(v - along * known.D)) / known.number[C]
    length = max(along, aside) * LONGER + SHORT
    known.number[PATH] = (known.number[PATH] + length) * LATER
    if known.number[PATH] < LOST:
        settle(known)
        if aside > along and (known.count[LOOKED] - known.count[AIMED]) * AGAIN > known.limit.size:
            aim(known, v)
            settle(known)
    return length


def parts(known: Any, first: int, last: int) -> Any:
    """sₙ and eₙ from the sides, and how many differ from the teacher's."""
    z, k = rows(known)[first:last], known.first.size
    active = known.limit.reshape(-1, k)[first:last] > 0
    s, b = np.sum(z * active[:, :, None], axis=1) / k, z @ known.teacher
    off = np.sum(b * (active.astype(float) - (b >= 0)), axis=1) / k
    e = s @ known.teacher - known.labels[first:last] if known.count[GIVEN] else off
    return s, e, np.count_nonzero(active != (b >= 0))


def survey(known: Any, first: int, last: int, s: Any, e: Any) -> None:
    """Look at every patch of the samples from ``first`` to ``last``, and write down their sₙ and eₙ."""
    k = known.first.size
    look(known, np.arange(first * k, last * k))
    s[:], e[:], off = parts(known, first, last)
    known.count[OFF] += off


def settle(known: Any) -> None:
    """Look at the patches whose limit the path has passed, and at no others."""
    known.number[WINDOW] = np.inf
    places = np.flatnonzero(np.abs(known.limit) <= known.number[PATH])
    flipped = look(known, places)
    if flipped:
        n, k = known.labels.size, known.first.size
        s, e, known.count[OFF] = parts(known, 0, n)
        if known.e.size:
            known.s[:], known.e[:] = s, e
        known.H[:] = (s * known.weights[:, None]).T @ s
        known.r[:] = (known.weights * e) @ s
        known.c[:] = (known.weights * known.labels) @ s
        known.number[Q] = known.weights @ e**2
        known.count[UPDATES] += flipped * (1 if k == 1 else 2)


def slope(known: Any, delta: Any, g: Any) -> None:
    """Write H Δ + r into g, or H w − c if 0 is nearer than w*."""
    g[:] = known.H @ delta + known.r if delta @ delta <= known.w @ known.w else known.H @ known.w - known.c


def loss(known: Any, *_: Any) -> float:
    """ℓ(w) from the samples, which the compiled one does not look at."""
    z = rows(known)
    response = np.mean((z @ known.w) * (known.limit.reshape(z.shape[:2]) > 0), axis=1)
    taught = np.mean(np.maximum(z @ known.teacher, 0), axis=1)
    return float(known.weights @ (response - (known.labels if known.count[GIVEN] else taught)) ** 2 / 2)


def angle(w: Any, teacher: Any) -> float:
    """∠(w, w*)."""
    u, v = w / (np.linalg.norm(w) or 1.0), teacher / np.linalg.norm(teacher)
    return float(2 * np.arctan2(np.linalg.norm(u - v), np.linalg.norm(u + v)))


def nearest(known: Any) -> float:
    """The least limit."""
    return float(np.min(np.abs(known.limit)))


def advance(
    known: Any,
    etas: Any,
    marks: Any,
    seen: Any,
    steps: int,
    pause: int,
    tolerance: float,
    region: float,
    still: float,
    stale: int,
    restless: int,
    free: int,
    before: int,
) -> int:
    """Steps η_t = etas[t], whose last goes on for ever, until a reason to come back."""
    count, number = known.count, known.number
    looked, last, idle, g = count[LOOKED], count[LOOKED], count[T], np.empty(known.w.size)
    old = np.zeros(known.w.size)
    while True:
        t, delta = int(count[T]), known.w - known.teacher
        distance = number[DISTANCE] = np.linalg.norm(delta) / np.linalg.norm(known.teacher)
        marked = bool(np.any(marks == t))
        if marked:
            count[MARK] = np.searchsorted(marks, t)
            seen[:3, count[MARK]] = distance, angle(known.w, known.teacher), loss(known, delta, delta)
        if distance <= tolerance or not distance <= region or t == steps:
            return OVER
        if t == pause:
            return PAUSED
        slope(known, delta, g)
        if np.linalg.norm(g) <= still:
            return STALLED
        eta = etas[min(t, etas.size - 1)]
        if marked:
            seen[3, count[MARK]] = eta
            count[MARK] += 1
        new = known.w - eta * g
        if count[SINGLE]:
            new = new.astype(np.float32).astype(float)
        v = new - known.w
        known.w[:] = new
        count[T] += 1
        length = follow(known, v)
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
        swings = v @ old < 0 and nearest(known) - number[PATH] > SWING * length
        far, old = swings or t - idle >= free or nearest(known) - number[PATH] > free * length, v
        if far and t >= max(before, etas.size - 1):
            return FREE
