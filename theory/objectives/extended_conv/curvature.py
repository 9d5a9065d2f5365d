r"""How sharply the two objectives curve at a network that fits exactly: no descent, no difference, no grid.

There the residual is 0. With J the derivative of the output in the auxiliary weights, E the spreading of the primary
ones, and c the factor of the data term,

    ∇²L(w*)     = 2c EᵀJᵀJE
    ∇²L_ext(w*) = 2c EᵀJᵀ (I + 2c JJᵀ/λ²)⁻¹ JE

since a step δ leaves min over D of c‖J(Eδ + D)‖² + (λ²/2)‖D‖² to second order. With c = ½ that is the text's own. As
the second is nowhere larger than the first, L_ext is never the sharper, and equally sharp when λ → ∞. Source:
THEOREMS F (iii), derived here.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from theory import checks
from theory.arrays import array_namespace, to_numpy
from theory.objectives.extended_conv import plain
from theory.objectives.extended_conv.arguments import primary, weights
from theory.objectives.extended_conv.network import Network


class Curvature(NamedTuple):
    """δᵀ∇²Lδ and δᵀ∇²L_extδ, a direction a row; of the latter a λ a column."""

    conventional: Float[np.ndarray, " directions"]
    extended: Float[np.ndarray, "directions lams"]

    @property
    def widening(self) -> Float[np.ndarray, "directions lams"]:
        """√(δᵀHδ / δᵀH_extδ): how much farther one goes along δ to the same small loss."""
        return np.sqrt(self.conventional[:, None] / self.extended)


def curvatures(
    network: Network,
    x: Any,
    w_star: Float[Any, " p"],
    directions: Float[Any, "directions p"],
    lams: Any,
    *,
    half: bool = True,
) -> Curvature:
    """The curvatures of both objectives at w*, y = G(x; w*), along some directions, for some λ > 0.

    Raises
    ------
    BadInput
        If a shape is not the network's, an entry is NaN or infinite, or a λ is not above 0.

    Examples
    --------
    >>> network = Network((5, 5), depth=2)
    >>> rng = np.random.default_rng(0)
    >>> w, d = rng.standard_normal(18), rng.standard_normal((1, 18))
    >>> found = curvatures(network, rng.standard_normal((1, 5, 5)), w, d, [1e-2, 1e6])
    >>> bool(found.widening[0, 0] > 1), round(found.widening[0, 1].item(), 6)
    (True, 1.0)
    """
    factor = 1.0 if half else 2.0
    lams = np.array([checks.positive("lam", lam) for lam in np.atleast_1d(lams)])
    x, w_star = primary(network, x, w_star)
    directions = weights("directions", directions, network.primary, array_namespace(w_star), ndim=(2,))
    gram, along = _products(network, x, w_star, directions)
    values, vectors = np.linalg.eigh(gram)
    parts = (along @ vectors) ** 2
    # Rounding can leave an eigenvalue of JJᵀ, which has none below 0, a little below it.
    shares = 1 / (1 + factor * np.maximum(values, 0)[:, None] / lams**2)
    return Curvature(factor * np.sum(along**2, axis=1), factor * parts @ shares)


def _products(network: Network, x: Any, w_star: Any, directions: Any) -> tuple[Any, Any]:
    """JJᵀ, and JEδ for every direction. The row of J of an output pixel is, at hidden pixel i, ∂/∂zᵢ pᵢ."""
    xp = array_namespace(w_star)
    passes = plain.forward(network, x, w_star[None, :], None, "tied")
    outputs = passes[-1].out.size
    unit = xp.reshape(xp.eye(outputs), (outputs, *network.output))
    many = [plain.Pass(*(xp.broadcast_to(a, (outputs, *a.shape[1:])) for a in one)) for one in passes]
    w = xp.broadcast_to(w_star, (outputs, w_star.size))
    deltas, _ = plain.backward(network, many, w, None, "tied", unit)
    gram, along = xp.zeros((outputs, outputs)), xp.zeros((directions.shape[0], outputs))
    for delta, one, kernel in zip(deltas, passes, network.kernels(directions), strict=True):
        flat = xp.reshape(delta, (outputs, -1))
        weighted = xp.reshape(delta * one.norm[:, None, ...], (outputs, -1))
        gram = gram + weighted @ weighted.T
        moved = xp.sum(kernel[..., None, None] * one.patches[:, None, ...], axis=2)
        along = along + xp.reshape(moved, (directions.shape[0], -1)) @ flat.T
    return to_numpy(gram), to_numpy(along)
