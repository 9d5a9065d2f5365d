"""Forward and backward through layers whose kernels are shared, in loops over whole planes. Compiled.

A plane of output pixels is written with rows as long as those of the padded input, so that the pixels' inputs at one
tap of the kernel lie one after the other, all of them: one loop over (h − 1) W + w numbers a tap, not h loops over w.
The places between the rows hold numbers that nobody reads, and ∂/∂z = 0. For modes "tied" and "excess"; a kernel of its
own for every pixel ("free") is :mod:`theory.kernels.network`'s.
"""

from __future__ import annotations

import numpy as np

from theory.kernels.compiled import compiled
from theory.kernels.constants import (
    BIAS,
    CHANNELS_IN,
    CHANNELS_OUT,
    COLUMNS,
    EXCESS,
    INPUT,
    KERNEL,
    NORM,
    OUT_COLUMNS,
    OUT_ROWS,
    OUTPUT,
    OWN,
    PAD_OUT,
    ROWS,
    SIZE_K,
)

FAST = {"reassoc", "contract", "nsz"}

LOG2E, LN2_HIGH, LN2_LOW = 1 / np.log(2), float.fromhex("0x1.62e42feep-1"), float.fromhex("0x1.a39ef35793c76p-33")
"""1/ln 2, and ln 2 in two parts, the first of 32 bits: k times it is exact for |k| < 2²⁰ (Cody & Waite 1980)."""

SHIFT = 1.5 * 2.0**52
"""x + SHIFT is x rounded to an integer, which stands in its lowest bits."""

STEEP = 700.0
"""Beyond it e^|z| would leave the range of numbers; the sigmoid is 0 or 1 to 300 digits."""


@compiled(fastmath={"contract"})
def sigmoids(z, power, bits):  # type: ignore[no-untyped-def]
    """1/(1 + e^−z) in place, by e^x = 2^k e^r, |r| ≤ ln 2/2, and Taylor's sum up to r¹³, which leaves 4e-18.

    ``power`` and ``bits`` are the same memory as numbers and as integers: vectors know no other way to 2^k.
    """
    for j in range(z.size):
        x = min(max(-z[j], -STEEP), STEEP)
        power[j] = x * LOG2E + SHIFT
        k = power[j] - SHIFT
        r = (x - k * LN2_HIGH) - k * LN2_LOW
        p = 1 / 479001600 + r / 6227020800
        p = 1 / 3628800 + r * (1 / 39916800 + r * p)
        p = 1 / 40320 + r * (1 / 362880 + r * p)
        p = 1 / 720 + r * (1 / 5040 + r * p)
        p = 1 / 24 + r * (1 / 120 + r * p)
        p = 1 / 2 + r * (1 / 6 + r * p)
        z[j] = 1 + r * (1 + r * p)
    for j in range(z.size):
        bits[j] = (bits[j] << 52) + (1023 << 52)
    for j in range(z.size):
        z[j] = 1 / (1 + z[j] * power[j])


@compiled(fastmath=FAST)
def add(total, factor, part):  # type: ignore[no-untyped-def]
    """total += factor · part."""
    for j in range(total.size):
        total[j] += factor * part[j]


@compiled(fastmath=FAST)
def product(a, b):  # type: ignore[no-untyped-def]
    """a·b."""
    total = 0.0
    for j in range(a.size):
        total += a[j] * b[j]
    return total


@compiled(fastmath=FAST)
def norms(here, layer, norm):  # type: ignore[no-untyped-def]
    """‖pᵢ‖ of every output pixel: the squares, summed over the channels, then along rows, then along columns."""
    k, wide, plane = layer[SIZE_K], layer[COLUMNS], layer[ROWS] * layer[COLUMNS]
    square, along = here.plane[:plane], here.spread[: plane - k + 1]
    square[:] = 0.0
    for c in range(layer[CHANNELS_IN]):
        a = here.act[layer[INPUT] + c * plane : layer[INPUT] + (c + 1) * plane]
        for j in range(plane):
            square[j] += a[j] * a[j]
    along[:] = 0.0
    for dj in range(k):
        add(along, 1.0, square[dj : dj + along.size])
    norm[:] = 1.0 if layer[BIAS] else 0.0
    for di in range(k):
        add(norm, 1.0, along[di * wide : di * wide + norm.size])
    for j in range(norm.size):
        norm[j] = np.sqrt(norm[j])


@compiled(fastmath=FAST)
def pre_activations(here, mode, layer, o, kernel, u, z):  # type: ignore[no-untyped-def]
    """z of one output channel."""
    h, w, k, wide = layer[OUT_ROWS], layer[OUT_COLUMNS], layer[SIZE_K], layer[COLUMNS]
    z[:] = kernel[-1] if layer[BIAS] else 0.0
    if mode == EXCESS:
        for i in range(h):
            s = u[layer[OWN] + (o * h + i) * w : layer[OWN] + (o * h + i + 1) * w]
            norm = here.norm[layer[NORM] + i * wide : layer[NORM] + i * wide + w]
            line = z[i * wide : i * wide + w]
            for j in range(w):
                line[j] += s[j] * norm[j]
    for t in range(layer[CHANNELS_IN] * k * k):
        at = layer[INPUT] + (t // (k * k) * layer[ROWS] + t // k % k) * wide + t % k
        add(z, kernel[t], here.act[at : at + z.size])


@compiled(fastmath=FAST)
def forward(here, mode, w_hat, u):  # type: ignore[no-untyped-def]
    """All layers: activations, and norms if the mode is that of the excesses."""
    for number in range(here.table.shape[0]):
        layer = here.table[number]
        h, w, wide, pad = layer[OUT_ROWS], layer[OUT_COLUMNS], layer[COLUMNS], layer[PAD_OUT]
        taps = layer[CHANNELS_IN] * layer[SIZE_K] ** 2 + layer[BIAS]
        size = (h - 1) * wide + w
        if mode == EXCESS:
            norms(here, layer, here.norm[layer[NORM] : layer[NORM] + size])
        z = here.wide[:size]
        for o in range(layer[CHANNELS_OUT]):
            kernel = w_hat[layer[KERNEL] + o * taps : layer[KERNEL] + (o + 1) * taps]
            pre_activations(here, mode, layer, o, kernel, u, z)
            sigmoids(z, here.power[:size], here.bits[:size])
            for i in range(h):
                at = layer[OUTPUT] + (o * (h + 2 * pad) + i + pad) * (w + 2 * pad) + pad
                out, line = here.act[at : at + w], z[i * wide : i * wide + w]
                for j in range(w):
                    out[j] = line[j]


@compiled(fastmath=FAST)
def slopes(here, mode, layer, o, u, lam2, slope, delta):  # type: ignore[no-untyped-def]
    """∂/∂z of one channel into ``delta``; of excesses their gradient, what ∂‖p‖ sends back, and Σ s²."""
    h, w, wide, pad = layer[OUT_ROWS], layer[OUT_COLUMNS], layer[COLUMNS], layer[PAD_OUT]
    square = 0.0
    delta[:] = 0.0
    for i in range(h):
        at = layer[OUTPUT] + (o * (h + 2 * pad) + i + pad) * (w + 2 * pad) + pad
        out, above, line = here.act[at : at + w], here.back[at : at + w], delta[i * wide : i * wide + w]
        for j in range(w):
            line[j] = above[j] * out[j] * (1.0 - out[j])
        if mode == EXCESS:
            at = layer[OWN] + (o * h + i) * w
            s, fresh = u[at : at + w], slope[at : at + w]
            norm = here.norm[layer[NORM] + i * wide : layer[NORM] + i * wide + w]
            rate = here.rate[i * wide : i * wide + w]
            for j in range(w):
                square += s[j] * s[j]
                fresh[j] = line[j] * norm[j] + lam2 * s[j]
                rate[j] += s[j] * line[j] / norm[j] if norm[j] > 0 else 0.0
    return square


@compiled(fastmath=FAST)
def send_norms(here, layer, size):  # type: ignore[no-untyped-def]
    """What ∂‖p‖ sends back: to every input, times itself, the sum of ``here.rate`` of all patches that it is in."""
    k, wide, plane = layer[SIZE_K], layer[COLUMNS], layer[ROWS] * layer[COLUMNS]
    along, total = here.spread[: size + k - 1], here.plane[:plane]
    along[:] = 0.0
    for dj in range(k):
        add(along[dj : dj + size], 1.0, here.rate[:size])
    total[:] = 0.0
    for di in range(k):
        add(total[di * wide : di * wide + along.size], 1.0, along)
    for c in range(layer[CHANNELS_IN]):
        at = layer[INPUT] + c * plane
        a, back = here.act[at : at + plane], here.back[at : at + plane]
        for j in range(plane):
            back[j] += total[j] * a[j]


@compiled(fastmath=FAST)
def backward(here, mode, w_hat, u, lam2, slope, outer):  # type: ignore[no-untyped-def]
    """All layers, last first: the gradients in u, and Σ s². ``here.back`` has that of the output already.

    ``outer``, if it has room, gains ∂(data)/∂ŵ at fixed u. Nobody reads what would go back to the input.
    """
    square = 0.0
    for number in range(here.table.shape[0] - 1, -1, -1):
        layer = here.table[number]
        k, wide, plane = layer[SIZE_K], layer[COLUMNS], layer[ROWS] * layer[COLUMNS]
        size = (layer[OUT_ROWS] - 1) * wide + layer[OUT_COLUMNS]
        count = layer[CHANNELS_IN] * k * k
        delta = here.wide[:size]
        here.back[layer[INPUT] : layer[INPUT] + layer[CHANNELS_IN] * plane] = 0.0
        here.rate[:size] = 0.0
        for o in range(layer[CHANNELS_OUT]):
            square += slopes(here, mode, layer, o, u, lam2, slope, delta)
            first = layer[KERNEL] + o * (count + layer[BIAS])
            for t in range(count):
                at = layer[INPUT] + (t // (k * k) * layer[ROWS] + t // k % k) * wide + t % k
                if number > 0:
                    add(here.back[at : at + size], w_hat[first + t], delta)
                if outer.size:
                    outer[first + t] += product(delta, here.act[at : at + size])
            if layer[BIAS] and outer.size:
                outer[first + count] += delta.sum()
        if mode == EXCESS and number > 0:
            send_norms(here, layer, size)
    return square
