"""A filter taken apart into the sparse polynomials whose product it is, up to their scales.

Two ways, each with the number that tells how sure it is. On NumPy.

- *Peeling*, where a stride exceeds 1: v(x) = A(x) Q(x^s). With v_r(x) = Σ_j v[r + s j] x^j, and A_r likewise,
  v_r = A_r Q, so that A_r v_t = A_t v_r for every two residues r, t: linear equations for A, with no other solution
  than its multiples where the A_r have no common factor. Then Q solves a linear system.
- *Splitting*, of what layers of stride 1 give together. In one dimension by its roots, real ones and conjugate pairs,
  that of a vanishing leading coefficient at infinity: every way to deal them out. In two dimensions f = Π f_i, of
  degrees (m, n), has as many factors that are irreducible over ℂ as there are independent (g, h) of degrees
  (m−1, n) and (m, n−1) with ∂_y(g/f) = ∂_x(h/f) (Ruppert, Gao), namely the combinations g = Σ λ_i (∂_x f_i) f/f_i: so
  g/∂_x f is λ_i at the zeros of f_i, which tells them apart, and f_i is the polynomial that vanishes on its own.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from theory.checks import refuse
from theory.objectives.linear_conv.strided import Sizes, StridedNet

TOO_NEAR = 1e-9
"""A singular value this small beside the largest counts as zero: rounding is far below it, generic ones far above."""

REAL = 1e-8
"""Relative imaginary part below which a root is real: the square root of rounding, as a double root scatters."""

Layers = tuple[Any, ...]
"""One array for each layer, of its own shape."""


# ------------------------------------------------------------------------------------------------------------ peeling


@functools.cache
def stages(network: StridedNet) -> tuple[tuple[int, ...], ...]:
    """The layers, gathered into those of equal S_i.

    Examples
    --------
    >>> stages(StridedNet((2, 3, 2), (1, 2, 1)))
    ((0, 1), (2,))
    """
    groups = itertools.groupby(range(network.degree), key=lambda layer: network.dilations[layer])
    return tuple(tuple(layers) for _, layers in groups)


def peel(
    network: StridedNet, v: Float[np.ndarray, "runs n"]
) -> tuple[list[Float[np.ndarray, "runs _"]], Float[np.ndarray, " runs"]]:
    """The product of each stage's filters, and how far from zero the equations' second least singular value is.

    All but the last have norm 1; a singular value is in units of the largest. Where it is 0, the filter is not a smooth
    point and its factors are not unique.

    Examples
    --------
    >>> (first, second), gap = peel(StridedNet((2, 2), (2, 1)), np.array([[3.0, 6.0, 4.0, 8.0]]))
    >>> bool(np.allclose(first * second[0, 0] / first[0, 0], [[3.0, 6.0]] / first[0, 0])), bool(gap[0] > 0.1)
    (True, True)
    """
    found, gap = [], np.full(v.shape[0], np.inf)
    for layers in stages(network)[:-1]:
        ratio = network.strides[layers[-1]]
        first = StridedNet(tuple(network.shapes[i] for i in layers), tuple(network.strides[i] for i in layers)).shape
        after = _after(network, layers)
        one, sure = _first_factor(v, first, ratio, after)
        found.append(one)
        gap = np.minimum(gap, sure)
        v = _divide(v, one, first, ratio, after)
    return [*found, v], gap


def _after(network: StridedNet, layers: Sequence[int]) -> Sizes:
    """Sizes of the end-to-end filter of what comes after these layers."""
    rest = network.rest(layers[-1] + 1)
    assert rest is not None
    return rest.shape


def _first_factor(v: Any, first: Sizes, ratio: Sizes, after: Sizes) -> tuple[Any, Any]:
    """A of v = A(x) Q(x^s), and the second least singular value of its equations beside the largest."""
    places, signs = _equations(first, ratio, after)
    if not places.size:
        return np.ones((v.shape[0], 1)), np.full(v.shape[0], np.inf)
    padded = np.concatenate([v, np.zeros((v.shape[0], 1))], axis=1)
    _, values, right = np.linalg.svd(padded[:, places] * signs)
    return right[:, -1, :], values[:, -2] / values[:, 0]


@functools.cache
def _equations(first: Sizes, ratio: Sizes, after: Sizes) -> tuple[Any, Any]:
    """Rows A_r v_t − A_t v_r = 0: for each row and entry of A, the place of its factor in v (last: 0), and a sign.

    An entry a of A in residue r, a = r + s i, meets v_t[j − i], at the place t + s (j − i), in row j.
    """
    whole = tuple((q - 1) * s + m for q, s, m in zip(after, ratio, first, strict=True))
    entries = np.array(list(np.ndindex(first)))
    residue, shift = entries % ratio, entries // ratio
    kinds = sorted({tuple(r) for r in residue.tolist()})
    outputs = np.array(
        list(np.ndindex(tuple(-(-n // s) + -(-m // s) for n, m, s in zip(whole, first, ratio, strict=True))))
    )
    places, signs = [], []
    for r, t in itertools.combinations(kinds, 2):
        mine, other = np.all(residue == r, axis=1), np.all(residue == t, axis=1)
        partner = np.where(mine[:, None], np.array(t), np.array(r))
        at = (outputs[:, None, :] - shift) * np.array(ratio) + partner
        inside = np.all((outputs[:, None, :] >= shift) & (at < np.array(whole)), axis=2) & (mine | other)
        flat = np.ravel_multi_index(tuple(np.moveaxis(np.where(inside[..., None], at, 0), -1, 0)), whole)
        places.append(np.where(inside, flat, math.prod(whole)))
        signs.append(np.broadcast_to(mine * 1.0 - other, inside.shape))
    empty = np.zeros((0, len(entries)))
    return np.concatenate([empty.astype(int), *places]), np.concatenate([empty, *signs])


def _divide(v: Any, one: Any, first: Sizes, ratio: Sizes, after: Sizes) -> Any:
    """Q of v = A(x) Q(x^s), in least squares."""
    entries, outputs = (np.array(list(np.ndindex(sizes))) for sizes in (first, after))
    whole = tuple((q - 1) * s + m for q, s, m in zip(after, ratio, first, strict=True))
    rows = np.ravel_multi_index(tuple((outputs[None, :, :] * np.array(ratio) + entries[:, None, :]).T), whole).T
    matrix = np.zeros((*v.shape, len(outputs)))
    matrix[:, rows, np.arange(len(outputs))] = one[:, :, None]
    q, r = np.linalg.qr(matrix)
    return np.linalg.solve(r, (np.swapaxes(q, 1, 2) @ v[:, :, None]))[:, :, 0]


# ---------------------------------------------------------------------------------------------------------- splitting


def splits(f: Any, shapes: Sequence[Sizes]) -> tuple[list[Layers], float]:
    """Every way to write f as a real product of filters of these shapes, each of norm 1, and how sure it is.

    That is the least singular value that counts as none, in units of the largest, in two dimensions; infinity where
    one layer leaves no choice or roots are dealt out.

    Raises
    ------
    BadInput
        If there are several layers in more than two dimensions: their splitting is not implemented.

    Examples
    --------
    >>> ways, _ = splits(np.array([6.0, 5.0, 1.0]), ((2,), (2,)))
    >>> sorted([(a / a[1]).round(9).tolist() for a, b in ways])
    [[2.0, 1.0], [3.0, 1.0]]
    """
    if len(shapes) == 1:
        return [(f / np.linalg.norm(f),)], math.inf
    if len(shapes[0]) == 1:
        return _by_roots(f, [k - 1 for (k,) in shapes]), math.inf
    if len(shapes[0]) == 2:
        return _by_zeros(f, shapes)
    raise refuse("network", f"of {len(shapes)} layers with stride 1 in {len(shapes[0])} dimensions", "of at most two")


def _by_roots(f: Any, degrees: Sequence[int]) -> list[Layers]:
    """The linear and quadratic factors of f dealt out to layers of these degrees."""
    found: list[Layers] = []
    for parts in _dealt(_atoms(f), list(degrees)):
        way = tuple(functools.reduce(np.convolve, part, np.ones(1)) for part in parts)
        way = tuple(one / np.linalg.norm(one) for one in way)
        if not any(all(abs(abs(a @ b) - 1) < REAL for a, b in zip(way, other, strict=True)) for other in found):
            found.append(way)
    return found


def _atoms(f: Any) -> list[Any]:
    """Real linear and quadratic factors, lowest coefficient first; 1 + 0 x for a root at infinity."""
    size = np.abs(f).max()
    degree = int(np.max(np.nonzero(np.abs(f) > 1e-13 * size)[0]))
    atoms = [np.array([1.0, 0.0])] * (len(f) - 1 - degree)
    for root in np.roots(f[degree::-1]):
        if abs(root.imag) <= REAL * (1 + abs(root)):
            atoms.append(np.array([-root.real, 1.0]))
        elif root.imag > 0:
            atoms.append(np.array([abs(root) ** 2, -2 * root.real, 1.0]))
    return sorted(atoms, key=len, reverse=True)


def _dealt(atoms: Sequence[Any], degrees: list[int]) -> Iterator[list[list[Any]]]:
    """Every way to fill layers of these degrees with the factors."""
    if not atoms:
        if not any(degrees):
            yield [[] for _ in degrees]
        return
    atom = atoms[0]
    for layer, room in enumerate(degrees):
        if room >= len(atom) - 1:
            left = [r - (len(atom) - 1) if i == layer else r for i, r in enumerate(degrees)]
            for parts in _dealt(atoms[1:], left):
                yield [[atom, *part] if i == layer else part for i, part in enumerate(parts)]


def _by_zeros(f: Any, shapes: Sequence[Sizes]) -> tuple[list[Layers], float]:
    """Factors of two variables by Ruppert's equations, and every way to give them to the layers."""
    g, gap = _differential(f, len(shapes))
    if not gap > TOO_NEAR:
        return [], gap
    clusters = _zeros(f, g, len(shapes))
    fitting = [[_vanishing(points, shape) for points in clusters] for shape in shapes]
    found: list[Layers] = []
    for order in itertools.permutations(range(len(shapes))):
        chosen = [fitting[layer][cluster] for layer, cluster in enumerate(order)]
        if all(one is not None for one in chosen):
            found.append(tuple(chosen))
    return found, gap


def _differential(f: Any, factors: int) -> tuple[Any, float]:
    """A combination g = Σ λ_i (∂_x f_i) f/f_i with spread λ_i, and the least singular value that belongs to none."""
    m, n = (k - 1 for k in f.shape)
    columns = [_ruppert(f, _unit((m, n + 1), place), 0) for place in np.ndindex(m, n + 1)]
    columns += [-_ruppert(f, _unit((m + 1, n), place), 1) for place in np.ndindex(m + 1, n)]
    _, values, right = np.linalg.svd(np.stack(columns, axis=1), full_matrices=True)
    values = np.concatenate([values, np.zeros(right.shape[0] - len(values))]) / values[0]
    basis = right[right.shape[0] - factors :, : m * (n + 1)].reshape(factors, m, n + 1)
    # As many null vectors as factors, no fewer and no more: else the layers do not have that many.
    gap = float(values[-factors - 1]) if values[-factors] <= TOO_NEAR else 0.0
    return np.tensordot(np.cos(np.arange(1, factors + 1)), basis, axes=1), gap


def _unit(shape: Sizes, place: tuple[int, ...]) -> Any:
    one = np.zeros(shape)
    one[place] = 1.0
    return one


def _ruppert(f: Any, g: Any, along: int) -> Any:
    """f ∂g − g ∂f, in y for what stands over dx (along 0) and in x for what stands over dy (along 1), flattened."""
    axis = 1 - along
    found = np.zeros(tuple(2 * k for k in f.shape))
    for one, other, sign in ((f, g, 1.0), (g, f, -1.0)):
        slope = _slope(other, axis)
        for i, j in np.ndindex(slope.shape):
            found[i : i + one.shape[0], j : j + one.shape[1]] += sign * slope[i, j] * one
    return found.ravel()


def _slope(f: Any, axis: int) -> Any:
    """∂f along an axis."""
    powers = np.arange(f.shape[axis])
    return np.take(f * np.expand_dims(powers, 1 - axis), powers[1:], axis=axis)


def _zeros(f: Any, g: Any, factors: int) -> list[Any]:
    """Zeros of f on lines y = const, gathered by the value of g/∂_x f: those of one factor together."""
    from numpy.polynomial.polynomial import polyval2d

    lines = np.cos(np.arange(2 * f.shape[1] + 4) + 0.5)
    points = [(x, y) for y in lines for x in np.roots((f @ y ** np.arange(f.shape[1]))[::-1])]
    x, y = np.array(points).T
    values = (polyval2d(x, y, g) / polyval2d(x, y, _slope(f, 0))).real
    order = np.argsort(values)
    cuts = np.sort(np.argsort(np.diff(values[order]))[len(values) - factors :] + 1)
    return [np.stack([x[part], y[part]]) for part in np.split(order, cuts)]


def _vanishing(points: Any, shape: Sizes) -> Any:
    """The polynomial of this shape that vanishes at the points; None if there is none, or more than one."""
    from numpy.polynomial.polynomial import polyvander2d

    rows = polyvander2d(points[0], points[1], [k - 1 for k in shape])
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    _, values, right = np.linalg.svd(np.concatenate([rows.real, rows.imag]))
    if len(values) < math.prod(shape) or values[-1] > 1e-6 * values[0] or values[-2] <= 1e-6 * values[0]:
        return None
    return right[-1].reshape(shape)
