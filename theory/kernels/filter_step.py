"""A step of descent in one pass over the samples, block by block: products, residuals and back-products. Compiled.

Entry j of patch i of sample n is ``z[n·stride + first[i] + entry[j]]``, so that overlapping patches are read from their
image. ``w`` has its columns side by side, padded with zeros to whole vectors. What a block needs between the passes
over it, its activations, stays in the processor's cache.
"""

from __future__ import annotations

import numpy as np

from theory.kernels.compiled import compiled
from theory.kernels.vector import (
    add,
    fma,
    load,
    load_first,
    mul,
    prefetch,
    spread,
    store,
    store_totals,
    sub,
    total,
    where_active,
    zeros,
)

AHEAD = 4096
"""Bytes beyond the rows at hand that are asked for meanwhile: the processor foresees no six rows at once."""


@compiled()
def places(count, stride, first):
    """Where each patch of a block begins, from where the block does."""
    base = np.empty(count * first.size, dtype=np.int64)
    for n in range(count):
        for i in range(first.size):
            base[n * first.size + i] = n * stride + first[i]
    return base


@compiled()
def product(z, origin, base, rows, entry, w, width, lanes, out):
    """``out[m, c] = Σⱼ z[base[m] + entry[j]] w[j, c]``: six rows times two vectors of columns at a time."""
    p, v = entry.size, len(lanes)
    c = 0
    while rows >= 6 and c + 2 * v <= width:
        for tile in range(0, rows, 6):
            # The last tile overlaps the one before it, and says the same.
            m = min(tile, rows - 6)
            r0, r1, r2, r3, r4, r5 = base[m], base[m + 1], base[m + 2], base[m + 3], base[m + 4], base[m + 5]
            if c == 0:
                for ahead in range(0, 6 * p, 64 // z.itemsize):
                    prefetch(z, origin + r0 + AHEAD // z.itemsize + ahead)
            a0 = a1 = a2 = a3 = a4 = a5 = zeros(z, lanes)
            b0 = b1 = b2 = b3 = b4 = b5 = zeros(z, lanes)
            for j in range(p):
                e = origin + entry[j]
                left, right = load(w, j * width + c, lanes), load(w, j * width + c + v, lanes)
                x = spread(z, r0 + e, lanes)
                a0, b0 = fma(x, left, a0), fma(x, right, b0)
                x = spread(z, r1 + e, lanes)
                a1, b1 = fma(x, left, a1), fma(x, right, b1)
                x = spread(z, r2 + e, lanes)
                a2, b2 = fma(x, left, a2), fma(x, right, b2)
                x = spread(z, r3 + e, lanes)
                a3, b3 = fma(x, left, a3), fma(x, right, b3)
                x = spread(z, r4 + e, lanes)
                a4, b4 = fma(x, left, a4), fma(x, right, b4)
                x = spread(z, r5 + e, lanes)
                a5, b5 = fma(x, left, a5), fma(x, right, b5)
            o = m * width + c
            store(out, o, a0)
            store(out, o + v, b0)
            store(out, o + width, a1)
            store(out, o + width + v, b1)
            store(out, o + 2 * width, a2)
            store(out, o + 2 * width + v, b2)
            store(out, o + 3 * width, a3)
            store(out, o + 3 * width + v, b3)
            store(out, o + 4 * width, a4)
            store(out, o + 4 * width + v, b4)
            store(out, o + 5 * width, a5)
            store(out, o + 5 * width + v, b5)
        c += 2 * v
    while c < width:
        _narrow_product(z, origin, base, rows, entry, w, width, c, lanes, out)
        c += v


@compiled()
def _narrow_product(z, origin, base, rows, entry, w, width, c, lanes, out):
    """The same for one vector of columns: eight rows at a time, or, where there are fewer, each singly."""
    p = entry.size
    for tile in range(0, rows if rows >= 8 else 0, 8):
        m = min(tile, rows - 8)
        r0, r1, r2, r3 = base[m], base[m + 1], base[m + 2], base[m + 3]
        r4, r5, r6, r7 = base[m + 4], base[m + 5], base[m + 6], base[m + 7]
        if c == 0:
            for ahead in range(0, 8 * p, 64 // z.itemsize):
                prefetch(z, origin + r0 + AHEAD // z.itemsize + ahead)
        a0 = a1 = a2 = a3 = a4 = a5 = a6 = a7 = zeros(z, lanes)
        for j in range(p):
            e = origin + entry[j]
            x = load(w, j * width + c, lanes)
            a0 = fma(spread(z, r0 + e, lanes), x, a0)
            a1 = fma(spread(z, r1 + e, lanes), x, a1)
            a2 = fma(spread(z, r2 + e, lanes), x, a2)
            a3 = fma(spread(z, r3 + e, lanes), x, a3)
            a4 = fma(spread(z, r4 + e, lanes), x, a4)
            a5 = fma(spread(z, r5 + e, lanes), x, a5)
            a6 = fma(spread(z, r6 + e, lanes), x, a6)
            a7 = fma(spread(z, r7 + e, lanes), x, a7)
        o = m * width + c
        store(out, o, a0)
        store(out, o + width, a1)
        store(out, o + 2 * width, a2)
        store(out, o + 3 * width, a3)
        store(out, o + 4 * width, a4)
        store(out, o + 5 * width, a5)
        store(out, o + 6 * width, a6)
        store(out, o + 7 * width, a7)
    for m in range(rows if rows < 8 else 0):
        r0 = base[m]
        a0 = zeros(z, lanes)
        for j in range(p):
            a0 = fma(spread(z, r0 + origin + entry[j], lanes), load(w, j * width + c, lanes), a0)
        store(out, m * width + c, a0)


@compiled()
def residuals(out, start, count, k, width, labels, weights, lanes, loss):
    """Activations become what goes back, (pₙ/k) (f − y) 1{a ≥ 0}, in place; ``loss`` gains Σₙ pₙ (f − y)²."""
    v = len(lanes)
    part = np.full(1, out.dtype.type(1) / out.dtype.type(k))
    share = spread(part, 0, lanes)
    for c in range(0, width, v):
        gained = zeros(out, lanes)
        for n in range(count):
            here = n * k * width + c
            response = zeros(out, lanes)
            for i in range(k):
                a = load(out, here + i * width, lanes)
                response = add(response, where_active(a, a))
            rest = sub(mul(response, share), spread(labels, start + n, lanes))
            back = mul(rest, spread(weights, start + n, lanes))
            gained = fma(rest, back, gained)
            back = mul(back, share)
            for i in range(k):
                at = here + i * width
                store(out, at, where_active(load(out, at, lanes), back))
        store(loss, c, add(load(loss, c, lanes), gained))


@compiled()
def back_product(z, origin, base, rows, entry, back, width, lanes, slope):
    """``slope[j, c] += Σₘ z[base[m] + entry[j]] back[m, c]``: eight entries times two vectors of columns at a time."""
    p, v = entry.size, len(lanes)
    c = 0
    while c + 2 * v <= width:
        j = 0
        while j + 8 <= p:
            o = origin
            e0, e1, e2, e3 = o + entry[j], o + entry[j + 1], o + entry[j + 2], o + entry[j + 3]
            e4, e5, e6, e7 = o + entry[j + 4], o + entry[j + 5], o + entry[j + 6], o + entry[j + 7]
            a0 = a1 = a2 = a3 = a4 = a5 = a6 = a7 = zeros(z, lanes)
            b0 = b1 = b2 = b3 = b4 = b5 = b6 = b7 = zeros(z, lanes)
            for m in range(rows):
                r = base[m]
                left, right = load(back, m * width + c, lanes), load(back, m * width + c + v, lanes)
                x = spread(z, r + e0, lanes)
                a0, b0 = fma(x, left, a0), fma(x, right, b0)
                x = spread(z, r + e1, lanes)
                a1, b1 = fma(x, left, a1), fma(x, right, b1)
                x = spread(z, r + e2, lanes)
                a2, b2 = fma(x, left, a2), fma(x, right, b2)
                x = spread(z, r + e3, lanes)
                a3, b3 = fma(x, left, a3), fma(x, right, b3)
                x = spread(z, r + e4, lanes)
                a4, b4 = fma(x, left, a4), fma(x, right, b4)
                x = spread(z, r + e5, lanes)
                a5, b5 = fma(x, left, a5), fma(x, right, b5)
                x = spread(z, r + e6, lanes)
                a6, b6 = fma(x, left, a6), fma(x, right, b6)
                x = spread(z, r + e7, lanes)
                a7, b7 = fma(x, left, a7), fma(x, right, b7)
            o = j * width + c
            _gain(slope, o, width, lanes, a0, a1, a2, a3)
            _gain(slope, o + 4 * width, width, lanes, a4, a5, a6, a7)
            _gain(slope, o + v, width, lanes, b0, b1, b2, b3)
            _gain(slope, o + v + 4 * width, width, lanes, b4, b5, b6, b7)
            j += 8
        _rest_back(z, origin, base, rows, entry, back, width, j, c, lanes, slope)
        c += 2 * v
    if c < width:
        _narrow_back(z, origin, base, rows, entry, back, width, c, lanes, slope)


@compiled()
def _rest_back(z, origin, base, rows, entry, back, width, j, c, lanes, slope):
    """The same for the entries from j on, of which there are fewer than eight, one at a time."""
    v = len(lanes)
    while j < entry.size:
        e0 = origin + entry[j]
        a0 = a1 = b0 = b1 = zeros(z, lanes)
        for m in range(0, rows - 1, 2):
            o = m * width + c
            x, y = spread(z, base[m] + e0, lanes), spread(z, base[m + 1] + e0, lanes)
            a0, b0 = fma(x, load(back, o, lanes), a0), fma(x, load(back, o + v, lanes), b0)
            o += width
            a1, b1 = fma(y, load(back, o, lanes), a1), fma(y, load(back, o + v, lanes), b1)
        if rows % 2:
            o = (rows - 1) * width + c
            x = spread(z, base[rows - 1] + e0, lanes)
            a0, b0 = fma(x, load(back, o, lanes), a0), fma(x, load(back, o + v, lanes), b0)
        o = j * width + c
        store(slope, o, add(load(slope, o, lanes), add(a0, a1)))
        store(slope, o + v, add(load(slope, o + v, lanes), add(b0, b1)))
        j += 1


@compiled()
def _narrow_back(z, origin, base, rows, entry, back, width, c, lanes, slope):
    """The same for one vector of columns."""
    p, j = entry.size, 0
    while j + 8 <= p:
        o = origin
        e0, e1, e2, e3 = o + entry[j], o + entry[j + 1], o + entry[j + 2], o + entry[j + 3]
        e4, e5, e6, e7 = o + entry[j + 4], o + entry[j + 5], o + entry[j + 6], o + entry[j + 7]
        a0 = a1 = a2 = a3 = a4 = a5 = a6 = a7 = zeros(z, lanes)
        for m in range(rows):
            r = base[m]
            x = load(back, m * width + c, lanes)
            a0 = fma(spread(z, r + e0, lanes), x, a0)
            a1 = fma(spread(z, r + e1, lanes), x, a1)
            a2 = fma(spread(z, r + e2, lanes), x, a2)
            a3 = fma(spread(z, r + e3, lanes), x, a3)
            a4 = fma(spread(z, r + e4, lanes), x, a4)
            a5 = fma(spread(z, r + e5, lanes), x, a5)
            a6 = fma(spread(z, r + e6, lanes), x, a6)
            a7 = fma(spread(z, r + e7, lanes), x, a7)
        o = j * width + c
        _gain(slope, o, width, lanes, a0, a1, a2, a3)
        _gain(slope, o + 4 * width, width, lanes, a4, a5, a6, a7)
        j += 8
    while j < p:
        e0 = origin + entry[j]
        a0 = a1 = a2 = a3 = zeros(z, lanes)
        for m in range(0, rows - 3, 4):
            o = m * width + c
            a0 = fma(spread(z, base[m] + e0, lanes), load(back, o, lanes), a0)
            a1 = fma(spread(z, base[m + 1] + e0, lanes), load(back, o + width, lanes), a1)
            a2 = fma(spread(z, base[m + 2] + e0, lanes), load(back, o + 2 * width, lanes), a2)
            a3 = fma(spread(z, base[m + 3] + e0, lanes), load(back, o + 3 * width, lanes), a3)
        for m in range(rows - rows % 4, rows):
            a0 = fma(spread(z, base[m] + e0, lanes), load(back, m * width + c, lanes), a0)
        here = j * width + c
        store(slope, here, add(load(slope, here, lanes), add(add(a0, a1), add(a2, a3))))
        j += 1


@compiled()
def _gain(slope, at, width, lanes, a, b, c, d):
    """Add four vectors to one column of vectors."""
    store(slope, at, add(load(slope, at, lanes), a))
    store(slope, at + width, add(load(slope, at + width, lanes), b))
    store(slope, at + 2 * width, add(load(slope, at + 2 * width, lanes), c))
    store(slope, at + 3 * width, add(load(slope, at + 3 * width, lanes), d))


@compiled()
def several(z, stride, first, entry, w, labels, weights, bounds, units, block, lanes, slope, loss):
    """Gradient and loss of many runs on the units (``bounds[u]`` to ``bounds[u + 1]``) of this range, a row each.

    Without rows in ``slope`` only the loss is computed.
    """
    k, width = first.size, loss.shape[1]
    base, out = places(block, stride, first), np.empty(block * k * width, dtype=z.dtype)
    for u in range(units[0], units[1]):
        for start in range(bounds[u], bounds[u + 1], block):
            count = min(block, bounds[u + 1] - start)
            origin = start * stride
            product(z, origin, base, count * k, entry, w, width, lanes, out)
            residuals(out, start, count, k, width, labels, weights, lanes, loss[u])
            if slope.shape[0]:
                back_product(z, origin, base, count * k, entry, out, width, lanes, slope[u])


# ------------------------------------------------------------------------------- one run: vectors lie along a patch


@compiled()
def single_product(z, origin, base, rows, p, w, lanes, out):
    """``out[m] = Σⱼ z[base[m] + j] w[j]``, four rows at a time, or, where there are fewer, each singly."""
    v = len(lanes)
    whole = p - p % v
    rest, last = p - whole, load(w, whole if whole < p else 0, lanes)
    for tile in range(0, rows if rows >= 4 else 0, 4):
        # The last tile overlaps the one before it, and says the same.
        m = min(tile, rows - 4)
        r0, r1, r2, r3 = origin + base[m], origin + base[m + 1], origin + base[m + 2], origin + base[m + 3]
        a0 = a1 = a2 = a3 = zeros(z, lanes)
        for c in range(0, whole, v):
            x = load(w, c, lanes)
            a0, a1 = fma(load(z, r0 + c, lanes), x, a0), fma(load(z, r1 + c, lanes), x, a1)
            a2, a3 = fma(load(z, r2 + c, lanes), x, a2), fma(load(z, r3 + c, lanes), x, a3)
        if rest:
            a0 = fma(load_first(z, r0 + whole, rest, lanes), last, a0)
            a1 = fma(load_first(z, r1 + whole, rest, lanes), last, a1)
            a2 = fma(load_first(z, r2 + whole, rest, lanes), last, a2)
            a3 = fma(load_first(z, r3 + whole, rest, lanes), last, a3)
        store_totals(out, m, a0, a1, a2, a3)
    for m in range(rows if rows < 4 else 0):
        a = zeros(z, lanes)
        for c in range(0, p, v):
            a = fma(load_first(z, origin + base[m] + c, min(v, p - c), lanes), load(w, c, lanes), a)
        out[m] = total(a)


@compiled()
def single_residuals(out, start, count, k, labels, weights, lanes):
    """As :func:`residuals`, for one run; returns Σₙ pₙ (f − y)²."""
    v = len(lanes)
    loss, zero, share = out.dtype.type(0), out.dtype.type(0), out.dtype.type(1) / out.dtype.type(k)
    done = count - count % v if k == 1 else 0
    gained = zeros(out, lanes)
    for n in range(0, done, v):
        a = load(out, n, lanes)
        rest = sub(where_active(a, a), load(labels, start + n, lanes))
        back = mul(rest, load(weights, start + n, lanes))
        gained = fma(rest, back, gained)
        store(out, n, where_active(a, back))
    loss += total(gained)
    for n in range(done, count):
        response = zero
        for i in range(n * k, (n + 1) * k):
            response += out[i] if not out[i] < zero else zero
        rest = response * share - labels[start + n]
        back = rest * weights[start + n]
        loss += rest * back
        back *= share
        for i in range(n * k, (n + 1) * k):
            out[i] = zero if out[i] < zero else back
    return loss


@compiled()
def single_back(z, origin, base, rows, p, back, lanes, slope):
    """``slope[j] += Σₘ z[base[m] + j] back[m]``, two vectors of entries at a time; ``slope`` ends on a whole vector."""
    v = len(lanes)
    for c in range(0, p, 2 * v):
        left, right, at = min(v, p - c), min(v, p - c - v), origin + c
        a0 = a1 = b0 = b1 = zeros(z, lanes)
        for m in range(0, rows - 1, 2):
            r, s = at + base[m], at + base[m + 1]
            x, y = spread(back, m, lanes), spread(back, m + 1, lanes)
            if right == v:
                a0, a1 = fma(load(z, r, lanes), x, a0), fma(load(z, r + v, lanes), x, a1)
                b0, b1 = fma(load(z, s, lanes), y, b0), fma(load(z, s + v, lanes), y, b1)
            elif right > 0:
                a0, a1 = fma(load(z, r, lanes), x, a0), fma(load_first(z, r + v, right, lanes), x, a1)
                b0, b1 = fma(load(z, s, lanes), y, b0), fma(load_first(z, s + v, right, lanes), y, b1)
            else:
                a0, b0 = fma(load_first(z, r, left, lanes), x, a0), fma(load_first(z, s, left, lanes), y, b0)
        if rows % 2:
            r, x = at + base[rows - 1], spread(back, rows - 1, lanes)
            a0 = fma(load_first(z, r, left, lanes), x, a0)
            if right > 0:
                a1 = fma(load_first(z, r + v, right, lanes), x, a1)
        store(slope, c, add(load(slope, c, lanes), add(a0, b0)))
        if right > 0:
            store(slope, c + v, add(load(slope, c + v, lanes), add(a1, b1)))


@compiled()
def single(z, stride, first, entry, w, labels, weights, bounds, units, block, lanes, slope, loss):
    """As :func:`several`, for one run and patches whose entries lie side by side."""
    k, p = first.size, entry.size
    base, out = places(block, stride, first), np.empty(block * k, dtype=z.dtype)
    for u in range(units[0], units[1]):
        for start in range(bounds[u], bounds[u + 1], block):
            count = min(block, bounds[u + 1] - start)
            origin = start * stride
            single_product(z, origin, base, count * k, p, w, lanes, out)
            loss[u, 0] += single_residuals(out, start, count, k, labels, weights, lanes)
            if slope.shape[0]:
                single_back(z, origin, base, count * k, p, out, lanes, slope[u])
