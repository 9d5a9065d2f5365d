"""On which side of its kink every patch of every image is, kept up to date while the filter moves. Compiled.

Patch i of image n has the entries ``images[n, first[i] + entry[j]]``, j < p: overlapping patches are never copied. What
the arguments are, :class:`theory.objectives.image_loss.Sides` says.
"""

from __future__ import annotations

import numpy as np

from theory.kernels.compiled import compiled
from theory.kernels.constants import BLOCK, DOWN, FLOOR, HUGE, TINY, UP


@compiled()
def activation(image, first, entry, w):  # type: ignore[no-untyped-def]
    """w·z. Four partial sums, which the processor adds at the same time; the error bound p ε Σ|wⱼzⱼ| stays."""
    p = entry.size
    a, b, c, d = 0.0, 0.0, 0.0, 0.0
    for j in range(0, p - 3, 4):
        a += w[j] * image[first + entry[j]]
        b += w[j + 1] * image[first + entry[j + 1]]
        c += w[j + 2] * image[first + entry[j + 2]]
        d += w[j + 3] * image[first + entry[j + 3]]
    for j in range(p - p % 4, p):
        a += w[j] * image[first + entry[j]]
    return (a + b) + (c + d)


@compiled()
def survey(images, first, entry):  # type: ignore[no-untyped-def]
    """‖Zₙᵢ‖ in float32, rounded up, and the mean over i of |Zₙᵢ|, shape (n, p)."""
    n, k, p = images.shape[0], first.size, entry.size
    norm = np.empty((n, k), dtype=np.float32)
    mass = np.zeros((n, p))
    for m in range(n):
        for i in range(k):
            square = 0.0
            for j in range(p):
                z = images[m, first[i] + entry[j]]
                square += z * z
                mass[m, j] += abs(z)
            # Below this float32 has no relative accuracy left; only a patch of zeros has norm 0.
            size = max(np.sqrt(square) * UP, TINY) if square > 0 else 0.0
            norm[m, i] = np.float32(size if size < HUGE else np.inf)
        for j in range(p):
            mass[m, j] /= k
    return norm, mass


@compiled(fastmath={"nnan", "nsz"})
def smallest(row, start, stop):  # type: ignore[no-untyped-def]
    """The smallest |entry| of a stretch. No limit is NaN: knowing that, the compiler compares many at a time."""
    lowest = np.float32(np.inf)
    for i in range(start, stop):
        lowest = min(lowest, abs(row[i]))
    return lowest


@compiled()
def move(images, first, entry, norm, w, allowance, path, most, total, limit, least, flips):  # type: ignore[no-untyped-def]
    """Look at the patches whose limit the path has passed, and at no others; returns how many that were.

    All in one: a function for what is done to a patch costs a fifth more time.
    """
    looked = 0
    k, p = first.size, entry.size
    for m in range(images.shape[0]):
        if flips[m] > most:
            flips[m] = 0
            total[m, :] = 0.0
            limit[m, :] = 0.0
            least[m, :] = 0.0
        if least[m, 0] > path:
            continue
        fresh = least[m, 0] == 0.0
        for block in range(least.shape[1] - 1):
            if least[m, block + 1] > path:
                continue
            start, stop = block * BLOCK, min(k, (block + 1) * BLOCK)
            for i in range(start, stop):
                if abs(limit[m, i]) > path:
                    continue
                looked += 1
                if norm[m, i] == 0:
                    limit[m, i] = np.inf
                    continue
                a = activation(images[m], first[i], entry, w)
                margin = max(0.0, abs(a) / np.float64(norm[m, i]) - allowance)
                reach = max(np.float32(min(path + margin, HUGE) * DOWN), np.float32(FLOOR))
                if (a >= 0) != (limit[m, i] > 0):
                    sign = 1.0 if a >= 0 else -1.0
                    for j in range(p):
                        total[m, j] += sign * images[m, first[i] + entry[j]]
                    if not fresh:
                        flips[m] += 1
                limit[m, i] = reach if a >= 0 else -reach
            least[m, block + 1] = smallest(limit[m], start, stop)
        least[m, 0] = smallest(least[m], 1, least.shape[1])
    return looked
