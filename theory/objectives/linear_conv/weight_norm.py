"""R_{K,C}(W) found directly: weights of least norm that realise W, from many starts at once.

V is eliminated: given U, the least ‖V‖² + ‖T − W(U,V)‖²/ε is Σ_m T̂_m* (A_m + ε)^{-1} T̂_m with A_m = Û_mᵀ conj(Û_m).
What remains is a smooth function of U, for L-BFGS. For one input channel ε is 0 and T is W. For several, A_m may be
singular at the minimum: there ε > 0, and T moves by what is still missing until W is realised. That is the method of
multipliers (Nocedal & Wright, Section 17.3), and q̂ = (A + ε)^{-1} T̂ is the multiplier.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from theory import checks
from theory.arrays import array_namespace, shared_namespace, to_numpy
from theory.objectives.linear_conv.multichannel import MultiChannelNet
from theory.objectives.linear_conv.network import Weights, jacobian
from theory.objectives.linear_conv.quasi_newton import minimise
from theory.objectives.linear_conv.regularisers import Certified, as_matrix, dual_bound, multiplicities

STEPS, TOLERANCE = 2000, 1e-11
LOOSE, TIGHTER = 1e-2, 0.03
"""‖∇‖/f that ends the first round of the method of multipliers, and what the next ones are tighter by."""

ROUNDS, PENALTY, SMALLEST = 30, 0.03, 1e-3
"""Rounds of the method of multipliers; ε of the first, and the least, in units of the root mean square of |Ŵ|."""

EARLY, HOPELESS = 6, 1e-2
"""Rounds after which so much of W missing means that a start will not realise it."""

ROUNDING = 1e-15

NEAR, MISSING = 1e-8, 1e-12
"""‖W − W(U,V)‖/‖W‖ that ends the rounds, and after the last projection, which squares it, counts as none."""


@dataclass(frozen=True)
class LeastNorm:
    """What every start found: weights, ‖U‖² + ‖V‖², how much of W is missing (relative), and a dual bound on R.

    ``values`` is infinite where W is not realised. ``bounds.upper`` is the best of them; ``bounds.lower`` holds for any
    number of channels, and is that of ``multiplier``, the q (D, R) of the best.
    """

    weights: Weights
    values: Float[np.ndarray, " runs"]
    missing: Float[np.ndarray, " runs"]
    bounds: Certified
    multiplier: Float[np.ndarray, "d r"]

    @property
    def agreeing(self) -> float:
        """The part of the starts that come within 1e-6 of the best."""
        return float(np.mean(np.isfinite(self.values) & (self.values <= self.bounds.upper * (1 + 1e-6))))


def least_norm(
    predictor: Float[Any, "d *r"],
    kernel_size: int,
    channels: int = 1,
    *,
    rng: Any,
    starts: int = 16,
    steps: int = STEPS,
) -> LeastNorm:
    """Weights of locally least norm that realise W, from as many random ``starts``; the best is an upper bound of R.

    Raises
    ------
    BadInput
        As for ``as_matrix`` and ``MultiChannelNet``; if ``starts`` or ``steps`` is less than 1.

    Examples
    --------
    >>> import numpy as np
    >>> found = least_norm(np.array([3.0, 4.0, 0.0, 0.0]), 1, rng=np.random.default_rng(0))
    >>> round(found.bounds.upper, 9), round(found.bounds.lower, 9)
    (20.0, 20.0)
    """
    w, k = as_matrix(predictor, kernel_size)
    net = MultiChannelNet(len(w), k, channels, w.shape[1])
    runs = checks.integer("starts", starts, least=1)
    steps = checks.integer("steps", steps, least=1)
    xp, size = shared_namespace("predictor", predictor, predictor), float(np.linalg.norm(w))
    u = rng.standard_normal((runs, *net.shapes[0]))
    # ‖U‖² of the closed forms, which R lies between, is about √(D/2) ‖W‖.
    u *= np.sqrt(np.sqrt(len(w)) / np.sum(u**2, axis=(1, 2, 3), keepdims=True))
    whole = xp.tile(xp.asarray(w.reshape(1, -1) / size), (runs, 1))
    weights, q = _search(net, whole, xp.asarray(u), steps)
    return _certify(w, net, weights, q, size)


def _search(net: MultiChannelNet, whole: Any, u: Any, steps: int) -> tuple[Weights, Any]:
    """Weights that realise W as far as they can, and the multipliers."""
    xp, target, weights, q = array_namespace(whole), whole, (u, u), whole
    unit = 1 / float(net.size) ** 0.5
    epsilon = PENALTY * unit if net.inputs > 1 else float(np.finfo(float).tiny)
    for turn in range(ROUNDS):
        tolerance = max(TOLERANCE, LOOSE * TIGHTER**turn) if net.inputs > 1 else TOLERANCE
        u = _inner(net, target, u, epsilon, steps, tolerance)
        v_hat, q_hat = _eliminated(net, net.transform(target), u, epsilon)
        weights, q = (u, net.inverse(v_hat)), net.flat(q_hat)
        missing = whole - net.predictor(weights)
        share = xp.sqrt(xp.sum(missing**2, axis=1))
        hopeless = share > HOPELESS if turn >= EARLY else share < 0
        if net.inputs == 1 or bool(xp.all((share <= NEAR) | hopeless)):
            break
        shrunk = max(epsilon / 2, SMALLEST * unit)
        # q = (T − W(U,V))/ε: with another ε, the T that keeps it. Where W is out of reach it would grow without end.
        kept = (target + missing - whole) * (shrunk / epsilon)
        target = whole + xp.where(hopeless[:, None], 0.0, kept)
        epsilon = shrunk
    return weights, q


def _inner(net: MultiChannelNet, target: Any, u: Any, epsilon: float, steps: int, tolerance: float) -> Any:
    xp, shape = array_namespace(u), u.shape

    def function(flat: Any) -> tuple[Any, Any]:
        return _value(net, target_hat, xp.reshape(flat, shape), epsilon, count)

    target_hat = net.transform(target)
    count = xp.asarray(multiplicities(net.dim))
    found = minimise(function, xp.reshape(u, (shape[0], -1)), steps=steps, tolerance=tolerance)
    return xp.reshape(found.x, shape)


def _value(net: MultiChannelNet, target_hat: Any, u: Any, epsilon: float, count: Any) -> tuple[Any, Any]:
    """‖U‖² + Σ_m T̂_m* (A_m + ε)^{-1} T̂_m, and its gradient in U: 2U − 2 (what pulls q back along V)."""
    xp = array_namespace(u)
    v, q = _eliminated(net, target_hat, u, epsilon)
    rest = xp.real(xp.sum(xp.conj(target_hat) * q, axis=2)) @ count
    pull = net.inverse(xp.conj(v)[..., None] * q[:, :, None, :])[:, : net.kernel_size, ...]
    gradient = 2 * (u - pull)
    return xp.sum(u**2, axis=(1, 2, 3)) + rest, xp.reshape(gradient, (u.shape[0], -1))


def _eliminated(net: MultiChannelNet, target_hat: Any, u: Any, epsilon: float) -> tuple[Any, Any]:
    """V̂_m = conj(Û_m) q̂_m and q̂_m = (A_m + ε)^{-1} T̂_m; of few channels by the smaller matrix conj(Û_m) Û_mᵀ + ε."""
    xp = array_namespace(u)
    u_hat = net.transforms((u,))[0]
    turned, conj = xp.matrix_transpose(u_hat), xp.conj(u_hat)
    if net.channels < net.inputs:
        v = _solve(xp.matmul(conj, turned), epsilon, xp.matmul(conj, target_hat[..., None]))
        return v[..., 0], (target_hat - xp.matmul(turned, v)[..., 0]) / epsilon
    q = _solve(xp.matmul(turned, conj), epsilon, target_hat[..., None])
    return xp.matmul(conj, q)[..., 0], q[..., 0]


def _solve(gram: Any, epsilon: float, right: Any) -> Any:
    """(gram + ε)^{-1} right; the rounding of the gram is added, lest a long step make it singular."""
    xp = array_namespace(gram)
    if gram.shape[-1] == 1:
        return right / (gram + epsilon)
    rounding = ROUNDING * xp.real(xp.linalg.trace(gram))
    identity = xp.eye(gram.shape[-1], dtype=gram.dtype, device=gram.device)
    return xp.linalg.solve(gram + (epsilon + rounding)[..., None, None] * identity, right)


def _certify(w: Any, net: MultiChannelNet, weights: Weights, q: Any, size: float) -> LeastNorm:
    """Project onto the weights that realise W, add up their squares, and make each multiplier feasible for the dual."""
    whole = w.reshape(1, -1) / size
    u, v = (np.array(to_numpy(weight)) for weight in weights)
    missing = np.linalg.norm(whole - net.predictor((u, v)), axis=1)
    near = missing <= HOPELESS
    if net.inputs > 1 and np.any(near):
        u[near], v[near] = _project(net, whole, _project(net, whole, (u[near], v[near])))
        missing = np.linalg.norm(whole - net.predictor((u, v)), axis=1)
    values = size * (np.sum(u**2, axis=(1, 2, 3)) + np.sum(v**2, axis=(1, 2)))
    values = np.where(missing <= MISSING, values, np.inf)
    best = int(np.argmin(values))
    multiplier = to_numpy(q)[best].reshape(w.shape)
    lower = dual_bound(w, multiplier, net.kernel_size)
    grown = (np.sqrt(size) * u, np.sqrt(size) * v)
    return LeastNorm(grown, values, missing, Certified(lower, float(values[best])), multiplier)


def _project(net: MultiChannelNet, whole: Any, weights: Weights) -> Weights:
    """One Gauss–Newton step of least norm towards W, where J has full rank; the nearest there is where it has not."""
    both = np.concatenate(jacobian(net, weights), axis=2)
    step = np.linalg.pinv(both, rcond=1e-9) @ (whole - net.predictor(weights))[..., None]
    first = weights[0][0].size
    return (
        weights[0] + step[:, :first, 0].reshape(weights[0].shape),
        weights[1] + step[:, first:, 0].reshape(weights[1].shape),
    )
