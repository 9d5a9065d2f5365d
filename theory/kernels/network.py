"""Forward and backward through one network of convolutions in one pass, and L-BFGS on its auxiliary weights. Compiled.

What the three modes are says the twin, :mod:`theory.objectives.extended_conv.plain`; that of ``minimise`` is
:func:`theory.descent.lbfgs.minimise`. A network's numbers stay in the processor's cache through all its iterations.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from theory.kernels import wide
from theory.kernels.compiled import compiled
from theory.kernels.constants import (
    ARMIJO,
    BIAS,
    CHANNELS_IN,
    CHANNELS_OUT,
    COLUMNS,
    FREE_FIELD,
    INPUT,
    KERNEL,
    OUT_COLUMNS,
    OUT_ROWS,
    OUTPUT,
    OWN,
    PAD_OUT,
    ROWS,
    SIZE_K,
    WOLFE,
)

FAST = {"reassoc", "contract", "nsz"}


class Workspace(NamedTuple):
    """What one network needs between its passes: padded activations, what goes back to them, and ‖p‖.

    Then a row, for mode "free", and planes, for the others; ``power`` and ``bits`` are the same memory.
    """

    table: np.ndarray
    act: np.ndarray
    back: np.ndarray
    norm: np.ndarray
    row: np.ndarray
    rate: np.ndarray
    wide: np.ndarray
    plane: np.ndarray
    spread: np.ndarray
    power: np.ndarray
    bits: np.ndarray


@compiled(fastmath=FAST)
def forward(here, u):  # type: ignore[no-untyped-def]
    """All layers' activations, each pixel with its own kernel."""
    for number in range(here.table.shape[0]):
        layer = here.table[number]
        h, w, k, pad = layer[OUT_ROWS], layer[OUT_COLUMNS], layer[SIZE_K], layer[PAD_OUT]
        taps = layer[CHANNELS_IN] * k * k + layer[BIAS]
        z = here.row[:w]
        for o in range(layer[CHANNELS_OUT]):
            for i in range(h):
                z[:] = 0.0
                for t in range(taps):
                    at = layer[OWN] + ((o * taps + t) * h + i) * w
                    field = u[at : at + w]
                    if t == layer[CHANNELS_IN] * k * k:
                        for j in range(w):
                            z[j] += field[j]
                        continue
                    at = layer[INPUT] + (t // (k * k) * layer[ROWS] + i + t // k % k) * layer[COLUMNS] + t % k
                    a = here.act[at : at + w]
                    for j in range(w):
                        z[j] += field[j] * a[j]
                at = layer[OUTPUT] + (o * (h + 2 * pad) + i + pad) * (w + 2 * pad) + pad
                out = here.act[at : at + w]
                for j in range(w):
                    out[j] = 1.0 / (1.0 + np.exp(-z[j]))


@compiled(fastmath=FAST)
def free_row(field, value, a, delta, back, slope, lam2):  # type: ignore[no-untyped-def]
    """One tap of one row of auxiliary weights: their gradient, what goes back, and the sums of w − ŵ and its square."""
    total, square = 0.0, 0.0
    for j in range(delta.size):
        apart = field[j] - value
        total += apart
        square += apart * apart
        slope[j] = delta[j] * a[j] + lam2 * apart
        back[j] += delta[j] * field[j]
    return total, square


@compiled(fastmath=FAST)
def bias_row(field, value, delta, slope, lam2):  # type: ignore[no-untyped-def]
    """The same for a bias, whose input is 1."""
    total, square = 0.0, 0.0
    for j in range(delta.size):
        apart = field[j] - value
        total += apart
        square += apart * apart
        slope[j] = delta[j] + lam2 * apart
    return total, square


@compiled(fastmath=FAST)
def backward_row(here, layer, o, i, delta, w_hat, u, lam2, slope, outer):  # type: ignore[no-untyped-def]
    """One row of output pixels of one channel, ∂/∂z of which is ``delta``; returns its Σ (w − ŵ)²."""
    h, w, k = layer[OUT_ROWS], layer[OUT_COLUMNS], layer[SIZE_K]
    taps = layer[CHANNELS_IN] * k * k + layer[BIAS]
    first, square = layer[KERNEL] + o * taps, 0.0
    for t in range(taps):
        at = layer[OWN] + ((o * taps + t) * h + i) * w
        field, fresh, value = u[at : at + w], slope[at : at + w], w_hat[first + t]
        if t == layer[CHANNELS_IN] * k * k:
            more = bias_row(field, value, delta, fresh, lam2)
        else:
            place = layer[INPUT] + (t // (k * k) * layer[ROWS] + i + t // k % k) * layer[COLUMNS] + t % k
            more = free_row(field, value, here.act[place : place + w], delta, here.back[place : place + w], fresh, lam2)
        outer[first + t] += more[0]
        square += more[1]
    return square


@compiled(fastmath=FAST)
def backward(here, w_hat, u, lam2, slope, outer):  # type: ignore[no-untyped-def]
    """All layers, last first: the gradients in u, and Σ (w − ŵ)². ``here.back`` has that of the output already.

    ``outer`` gains Σᵢ (wᵢ − ŵ).
    """
    square = 0.0
    for number in range(here.table.shape[0] - 1, -1, -1):
        layer = here.table[number]
        h, w, pad = layer[OUT_ROWS], layer[OUT_COLUMNS], layer[PAD_OUT]
        here.back[layer[INPUT] : layer[INPUT] + layer[CHANNELS_IN] * layer[ROWS] * layer[COLUMNS]] = 0.0
        delta = here.row[:w]
        for o in range(layer[CHANNELS_OUT]):
            for i in range(h):
                at = layer[OUTPUT] + (o * (h + 2 * pad) + i + pad) * (w + 2 * pad) + pad
                out, from_above = here.act[at : at + w], here.back[at : at + w]
                for j in range(w):
                    delta[j] = from_above[j] * out[j] * (1.0 - out[j])
                square += backward_row(here, layer, o, i, delta, w_hat, u, lam2, slope, outer)
    return square


@compiled(fastmath=FAST)
def evaluate(here, mode, y, w_hat, u, factor, lam2, slope, outer):  # type: ignore[no-untyped-def]
    """Data term and penalty; their gradient in u into ``slope``. The input lies in ``here.act`` already.

    What ``outer`` gains of excesses is not computed where it has no room.
    """
    if mode == FREE_FIELD:
        forward(here, u)
    else:
        wide.forward(here, mode, w_hat, u)
    last = here.table[-1][OUTPUT]
    out, back = here.act[last : last + y.size], here.back[last : last + y.size]
    data = 0.0
    for i in range(y.size):
        rest = out[i] - y[i]
        data += rest * rest
        back[i] = 2.0 * factor * rest
    outer[:] = 0.0
    if mode == FREE_FIELD:
        square = backward(here, w_hat, u, lam2, slope, outer)
    else:
        square = wide.backward(here, mode, w_hat, u, lam2, slope, outer)
    return factor * data, lam2 / 2.0 * square


@compiled(fastmath=FAST)
def inner(a, b):  # type: ignore[no-untyped-def]
    """a·b."""
    total = 0.0
    for j in range(a.size):
        total += a[j] * b[j]
    return total


@compiled(fastmath=FAST)
def direction(slope, steps, turns, curved, first, count, share, d):  # type: ignore[no-untyped-def]
    """−H ∇ by the two loops, the pairs being in a circle from ``first`` on."""
    memory, n = steps.shape[0], slope.size
    for j in range(n):
        d[j] = -slope[j]
    for back in range(count - 1, -1, -1):
        m = (first + back) % memory
        share[m] = inner(steps[m], d) / curved[m]
        factor, turn = share[m], turns[m]
        for j in range(n):
            d[j] -= factor * turn[j]
    if count:
        m = (first + count - 1) % memory
        factor = curved[m] / inner(turns[m], turns[m])
        for j in range(n):
            d[j] *= factor
    for place in range(count):
        m = (first + place) % memory
        factor, step = share[m] - inner(turns[m], d) / curved[m], steps[m]
        for j in range(n):
            d[j] += factor * step[j]


@compiled(fastmath=FAST)
def search(  # type: ignore[no-untyped-def]
    here, mode, y, w_hat, u, factor, lam2, value, along, length, trials, d, trial, fresh, outer
):
    """A step that meets the weak Wolfe conditions, by bisection: its objective, and how many evaluations it took.

    After so many trials, the longest step that met the first of them; without one, the objective is NaN.
    """
    low, high, best = 0.0, np.inf, 0.0
    for number in range(trials):
        for j in range(u.size):
            trial[j] = u[j] + length * d[j]
        data, penalty = evaluate(here, mode, y, w_hat, trial, factor, lam2, fresh, outer)
        now = data + penalty
        if not now <= value + ARMIJO * length * along:
            high = length
        else:
            best = length
            if inner(fresh, d) >= WOLFE * along:
                return now, number + 1
            low = length
        length = (low + high) / 2 if high < np.inf else 2.0 * low
    if best == 0:
        return np.nan, trials
    for j in range(u.size):
        trial[j] = u[j] + best * d[j]
    data, penalty = evaluate(here, mode, y, w_hat, trial, factor, lam2, fresh, outer)
    return data + penalty, trials + 1


@compiled(fastmath=FAST)
def remember(u, slope, trial, fresh, step, turn):  # type: ignore[no-untyped-def]
    """Move to the trial point, and write down the pair that led there; returns the product of its parts."""
    for j in range(u.size):
        step[j] = trial[j] - u[j]
        turn[j] = fresh[j] - slope[j]
        u[j] = trial[j]
        slope[j] = fresh[j]
    return inner(step, turn)


@compiled()
def minimise(  # type: ignore[no-untyped-def]
    here, mode, y, w_hat, u, factor, lam2, iterations, trials, tolerance, steps, turns, vectors, outer, log
):
    """L-BFGS on u, in place, to ‖∇‖ ≤ ``tolerance``; returns how many iterations, and how many evaluations, it took.

    ``log`` is given the objective at the start and after each iteration.
    """
    memory = steps.shape[0]
    curved, share = np.empty(memory), np.empty(memory)
    slope, d, trial, fresh = vectors[0], vectors[1], vectors[2], vectors[3]
    data, penalty = evaluate(here, mode, y, w_hat, u, factor, lam2, slope, outer)
    value, evaluations, first, count, done = data + penalty, 1, 0, 0, 0
    log[0] = value
    size = np.sqrt(inner(slope, slope))
    while done < iterations and size > tolerance:
        direction(slope, steps, turns, curved, first, count, share, d)
        along = inner(slope, d)
        now = np.nan
        if along < 0:
            length = 1.0 if count else min(1.0, 1.0 / size)
            now, more = search(
                here, mode, y, w_hat, u, factor, lam2, value, along, length, trials, d, trial, fresh, outer
            )
            evaluations += more
        if not now < value:  # nor if it is NaN: rounding has been reached
            if count == 0:
                break
            count = 0
            continue
        if count == memory:
            first, count = (first + 1) % memory, count - 1
        m = (first + count) % memory
        curved[m] = remember(u, slope, trial, fresh, steps[m], turns[m])
        if curved[m] > 0:
            count += 1
        value = now
        done += 1
        log[done] = value
        size = np.sqrt(inner(slope, slope))
    return done, evaluations


@compiled()
def place_input(here, x):  # type: ignore[no-untyped-def]
    """Write the input, padded with zeros, where the first layer reads it; every other padding is made zero."""
    here.act[:] = 0.0
    layer = here.table[0]
    pad = (layer[ROWS] - x.shape[1]) // 2
    for c in range(x.shape[0]):
        for i in range(x.shape[1]):
            at = layer[INPUT] + (c * layer[ROWS] + i + pad) * layer[COLUMNS] + pad
            here.act[at : at + x.shape[2]] = x[c, i]


@compiled()
def evaluate_all(here, mode, x, y, w_hat, u, factor, lam2, slope, outer, found):  # type: ignore[no-untyped-def]
    """``evaluate`` for each row: data terms and penalties into ``found`` (nets, 2)."""
    place_input(here, x)
    for r in range(w_hat.shape[0]):
        found[r, 0], found[r, 1] = evaluate(here, mode, y, w_hat[r], u[r], factor, lam2, slope[r], outer[r])


@compiled()
def minimise_all(  # type: ignore[no-untyped-def]
    here, mode, x, y, w_hat, u, factor, lam2, iterations, trials, tolerance, memory, counts, logs
):
    """``minimise`` for each row, in place; iterations and evaluations into ``counts`` (nets, 2)."""
    n = u.shape[1]
    steps, turns, vectors = np.empty((memory, n)), np.empty((memory, n)), np.empty((4, n))
    outer = np.empty(w_hat.shape[1] if mode == FREE_FIELD else 0)
    place_input(here, x)
    for r in range(w_hat.shape[0]):
        counts[r, 0], counts[r, 1] = minimise(
            here, mode, y, w_hat[r], u[r], factor, lam2, iterations, trials, tolerance, steps, turns, vectors, outer,
            logs[r],
        )  # fmt: skip
