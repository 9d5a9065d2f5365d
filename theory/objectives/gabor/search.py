"""Least squares of many kernels at once, each within the same family of filters: grid, then Levenberg–Marquardt."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from theory.objectives.gabor.filter import jacobian

STEPS = 60
"""Steps of Levenberg–Marquardt at most."""

SETTLED = 1e-10
"""A run that gains less, in units of ‖k‖², is left alone: it is then within about its root of the minimum."""

BLOCK = 1 << 17
"""Pixels of all runs that are looked at together: they fit the cache."""

_RIDGE = 1e-12
"""Of the trace: where sin kx' vanishes at every pixel, as for waves of two pixels, it is left out."""

_DAMPED = 1e-10
"""Least damping: where two coordinates move a kernel alike, as σ and γ of a narrow blob do, it keeps them apart."""

_FLAT = 1e-12
"""Added to the squares of the slopes: where a filter makes nothing of a kernel they are all 0, and the run stays."""

_NONLINEAR = ("theta", "wavelength", "sigma", "gamma")


@dataclass(frozen=True)
class Family:
    """Filters of one size: coordinates u = (θ, …) in a box, (log λ, log σ, log γ) = at_zero + to_logs · u.

    ``grid`` has a place a column, in ``apart`` equal groups of which each gives one start at most; ``linear`` names the
    parameters that are projected out: the amplitude, and the phase where there is a wave.
    """

    size: int
    to_logs: Float[np.ndarray, "3 d"]
    at_zero: Float[np.ndarray, " 3"]
    lower: Float[np.ndarray, " d"]
    upper: Float[np.ndarray, " d"]
    grid: Float[np.ndarray, "d m"]
    apart: int
    linear: tuple[str, ...]

    def parameters(self, u: Float[np.ndarray, "d n"]) -> Float[np.ndarray, "6 n"]:
        """(θ, λ, σ, γ, 0, 1)."""
        shape = np.exp(self.at_zero[:, None] + self.to_logs @ u)
        return np.vstack([u[:1], shape, np.zeros_like(u[:1]), np.ones_like(u[:1])])

    def chained(self, slopes: Any, parameters: Float[np.ndarray, "6 n"]) -> Float[np.ndarray, "d p n"]:
        """∂g/∂u of ∂g/∂(θ, λ, σ, γ)."""
        by_log = slopes[1:] * parameters[1:4, None, :]
        by = np.tensordot(self.to_logs, by_log, axes=(0, 0))
        by[0] += slopes[0]
        return by


@dataclass
class Found:
    """Of each kernel: the coordinates, the part of ‖k‖² that is left, and all parameters."""

    u: Any
    rest: Any
    parameters: Any


def search(family: Family, kernels: Float[np.ndarray, "p n"], starts: int) -> Found:
    """The best of several local fits to each kernel; the kernels have norm 1."""
    block = max(1, BLOCK // (kernels.shape[0] * starts))
    basis = _bases(family, family.grid)
    parts = [_block(family, basis, kernels[:, i : i + block], starts) for i in range(0, kernels.shape[1], block)]
    names = ("u", "rest", "parameters")
    return Found(*(np.concatenate([getattr(part, name) for part in parts], axis=-1) for name in names))


def _block(family: Family, basis: Any, kernels: Any, starts: int) -> Found:
    n = kernels.shape[1]
    u = _places(family, basis, kernels, starts)
    u, rest = _descend(family, u, np.tile(kernels, starts))
    best = np.argmin(rest.reshape(-1, n), axis=0)
    chosen = u.reshape(u.shape[0], -1, n)[:, best, np.arange(n)]
    fitted = _project(family, chosen, kernels)
    return Found(chosen, fitted.rest, fitted.parameters)


def _bases(family: Family, u: Any) -> Any:
    """Orthonormal bases of what each place of the grid can make: m × linear × p."""
    _, columns = jacobian(family.parameters(u), family.size, family.linear)
    first = columns[0] / np.linalg.norm(columns[0], axis=0)
    if len(columns) == 1:
        return first.T[:, None]
    second = columns[1] - first * np.sum(first * columns[1], axis=0)
    length = np.linalg.norm(second, axis=0)
    second = second * (length > 1e-6) / np.maximum(length, 1e-6)
    return np.stack([first.T, second.T], axis=1)


def _places(family: Family, basis: Any, kernels: Any, starts: int) -> Any:
    """The best place of each of the best groups, start after start."""
    seen = np.sum((basis.reshape(-1, kernels.shape[0]) @ kernels).reshape(*basis.shape[:2], -1) ** 2, axis=1)
    groups = seen.reshape(family.apart, -1, kernels.shape[1])
    best = np.argmax(groups, axis=1)
    order = np.argsort(-np.max(groups, axis=1), axis=0)[:starts]
    place = order * groups.shape[1] + np.take_along_axis(best, order, axis=0)
    return family.grid[:, place.ravel()]


@dataclass
class _Projected:
    parameters: Any
    residual: Any
    rest: Any
    columns: Any


def _project(family: Family, u: Any, kernels: Any) -> _Projected:
    """The best amplitude and phase of every run."""
    q = family.parameters(u)
    _, columns = jacobian(q, family.size, family.linear)
    c = _solved(columns, kernels)
    g = sum(one * column for one, column in zip(c, columns, strict=True))
    # The derivative by ψ at ψ = 0 is −sin: a = A cos ψ, and its coefficient is A sin ψ.
    q[5], q[4] = (np.hypot(*c), np.arctan2(c[1], c[0])) if len(c) == 2 else (np.abs(c[0]), np.pi * (c[0] < 0))
    residual = kernels - g
    return _Projected(q, residual, np.sum(residual**2, axis=0), columns)


def _solved(columns: Any, targets: Any) -> list[Any]:
    """Coefficients of the columns, one or two, that come nearest to the targets."""
    seen = [np.sum(column * targets, axis=-2) for column in columns]
    if len(columns) == 1:
        return [seen[0] / np.sum(columns[0] ** 2, axis=0)]
    a, b, d = (np.sum(x * y, axis=0) for x, y in ((columns[0],) * 2, columns, (columns[1],) * 2))
    ridge = _RIDGE * (a + d)
    a, d = a + ridge, d + ridge
    determinant = a * d - b * b
    return [(d * seen[0] - b * seen[1]) / determinant, (a * seen[1] - b * seen[0]) / determinant]


def _slopes(family: Family, at: _Projected) -> Any:
    """d × p × n: ∂g/∂u with what amplitude and phase can undo taken off (Kaufman's form of variable projection).

    Source: Kaufman (1975), BIT 15, 49. Its product with the residual is the exact gradient.
    """
    _, by = jacobian(at.parameters, family.size, _NONLINEAR)
    slopes = family.chained(np.stack(by), at.parameters)
    return slopes - sum(
        c[:, None, :] * column for c, column in zip(_solved(at.columns, slopes), at.columns, strict=True)
    )


def _descend(family: Family, u: Any, kernels: Any) -> tuple[Any, Any]:
    """Projected Levenberg–Marquardt of every run; who has settled is left alone."""
    here = _project(family, u, kernels)
    u, rest, damping = np.array(u), np.array(here.rest), np.full(u.shape[1], 1e-2)
    live = np.arange(u.shape[1])
    for _ in range(STEPS):
        if live.size == 0:
            break
        at = _project(family, u[:, live], kernels[:, live])
        moved = _stepped(family, u[:, live], at, damping[live])
        after = _project(family, moved, kernels[:, live]).rest
        better = after < rest[live]
        gain = rest[live] - after
        u[:, live[better]] = moved[:, better]
        rest[live[better]] = after[better]
        damping[live] = np.where(better, np.maximum(damping[live] / 5, _DAMPED), damping[live] * 4)
        stuck = damping[live] > 1e8
        live = live[~stuck & ~(better & (gain < SETTLED))]
    return u, rest


def _stepped(family: Family, u: Any, at: _Projected, damping: Any) -> Any:
    """One damped step, and back into the box; coordinates that press against a wall stay."""
    slopes = _slopes(family, at)
    gradient = np.einsum("dpn,pn->nd", slopes, at.residual)
    normal = np.einsum("dpn,epn->nde", slopes, slopes)
    walled = ((family.lower >= u.T) & (gradient < 0)) | ((family.upper <= u.T) & (gradient > 0))
    gradient = np.where(walled, 0.0, gradient)
    normal = np.where(walled[:, :, None] | walled[:, None, :], 0.0, normal)
    diagonal = np.einsum("ndd->nd", normal)
    scale = diagonal + 1e-3 * np.max(diagonal, axis=1, keepdims=True) + _FLAT
    normal = normal + (damping[:, None] * scale + walled)[:, :, None] * np.eye(len(u))
    step = np.linalg.solve(normal, gradient[..., None])[..., 0].T
    longest = np.max(np.abs(step), axis=0)
    step = step * np.minimum(1.0, math.log(2) / np.maximum(longest, 1e-300))
    return np.clip(u + step, family.lower[:, None], family.upper[:, None])
