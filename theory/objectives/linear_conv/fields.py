"""The right side of the rescaled gradient flow, and its Jacobian: of any network, and of circular layers, faster.

    du/dτ = v − u⟨u, v⟩,   ds/dτ = ⟨u, v⟩,   v = J(u)ᵀ Σ α_n y_n x_n,   α at β = e^{Ls} β(u)

On NumPy. A state is p/‖p‖ and log‖p‖ in one vector. Source: Gunasekar, Lee, Soudry & Srebro (2018) for the flow; the
rescaling is our own.
"""

from __future__ import annotations

import math
from itertools import accumulate, combinations, pairwise
from typing import Any

from theory.objectives.linear_conv.circular import CircularNet, all_but_one
from theory.objectives.linear_conv.network import Network, Weights
from theory.objectives.linear_conv.regularisers import multiplicities

DIFFERENCE = 1e-3
"""Of the second derivatives of β: up to three layers a central difference is exact, and beyond its error is 1e-6."""


class Field:
    """The flow's right side and its Jacobian, on states (u, s)."""

    def __init__(self, network: Network, loss: Any) -> None:
        self.network, self.loss = network, loss
        ends = list(accumulate(math.prod(shape) for shape in network.shapes))
        places = [slice(*ends) for ends in pairwise([0, *ends])]
        self.places = list(zip(places, network.shapes, strict=True))
        self.unit = math.sqrt(loss.largest_square)

    def pack(self, weights: Weights) -> Any:
        """p/‖p‖ and log‖p‖ in one vector."""
        import numpy as np

        p = np.concatenate([weight.ravel() for weight in weights])
        norm = np.linalg.norm(p)
        return np.append(p / norm, math.log(norm))

    def layers(self, p: Any) -> Weights:
        """The layers of the rows of p."""
        return tuple(p[:, place].reshape(-1, *shape) for place, shape in self.places)

    def unpack(self, state: Any) -> tuple[Weights, float]:
        return self.layers(state[None, :-1]), float(state[-1])

    def log_norm(self, u: Weights, s: float) -> float:
        """log‖β‖."""
        import numpy as np

        return self.network.degree * s + math.log(np.linalg.norm(self.network.predictor(u)) or 1e-300)

    def pulled(self, u: Weights, gradients: Any) -> Any:
        """J(u)ᵀ g for the rows g, in rows."""
        import numpy as np

        count = gradients.shape[0] // u[0].shape[0]
        repeated = tuple(np.repeat(weight, count, axis=0) for weight in u) if count > 1 else u
        return np.concatenate(
            [part.reshape(gradients.shape[0], -1) for part in self.network.pullback(repeated, gradients)], axis=1
        )

    def margins(self, u: Weights, s: float) -> Any:
        return self.loss.margins(math.exp(self.network.degree * s) * self.network.predictor(u))

    def rates(self, _: float, state: Any) -> Any:
        """(du/dτ, ds/dτ)."""
        import numpy as np

        u, s = self.unpack(state)
        v = self.pulled(u, self.loss.weights(self.margins(u, s)) @ self.loss.signed)[0]
        along = state[:-1] @ v
        return np.append(v - along * state[:-1], along)

    def jacobian(self, _: float, state: Any) -> Any:
        """∂(du/dτ, ds/dτ)/∂(u, s)."""
        import numpy as np

        u, s = self.unpack(state)
        margins = self.margins(u, s)
        alpha, curvature = self.loss.weights(margins)[0], self.loss.curvature(margins)[0]
        r = alpha @ self.loss.signed
        rows = self.pulled(u, self.loss.signed)  # ∂m/∂u, over e^{Ls}
        v = alpha @ rows
        # ∂α/∂m = ααᵀ − diag(c), ∂m/∂u = e^{Ls} rows, ∂m/∂s = L m.
        spread = np.outer(v, alpha) - rows.T * curvature
        dv_du = self.bend(state[:-1], r) + math.exp(self.network.degree * s) * (spread @ rows)
        dv_ds = self.network.degree * (spread @ margins[0])
        here, along = state[:-1], float(state[:-1] @ v)
        slope = v + here @ dv_du
        return np.block(
            [
                [dv_du - np.outer(here, slope) - along * np.eye(here.size), (dv_ds - here * (here @ dv_ds))[:, None]],
                [slope[None], np.array([[here @ dv_ds]])],
            ]
        )

    def bend(self, p: Any, r: Any) -> Any:
        """Σ_i r_i ∂²β_i/∂p∂p, by central differences of the pullback."""
        import numpy as np

        if self.network.degree == 1:
            return np.zeros((p.size, p.size))
        ahead, behind = (
            self.pulled(self.layers(p + step * np.eye(p.size)), np.tile(r, (p.size, 1)))
            for step in (DIFFERENCE, -DIFFERENCE)
        )
        return (ahead - behind) / (2 * DIFFERENCE)


class CircularField(Field):
    """The same for circular convolutions, in frequency: a handful of small products a call, where D is no more than
    the state of a stiff solver can be; and second derivatives in closed form.

        ∂²⟨r, β⟩/∂w_l[a]∂w_j[b] = D^{-1/2} h[(a + b) mod D],   ĥ = r̂ ⊙ conj(Π_{i≠l,j} ŵ_i)
    """

    def __init__(self, network: CircularNet, loss: Any) -> None:
        import numpy as np

        super().__init__(network, loss)
        self.dim = network.dim
        place = np.arange(self.dim)
        self.sums = np.add.outer(place, place) % self.dim
        count = multiplicities(self.dim)
        self.forth = np.fft.rfft(np.eye(self.dim), axis=1, norm="ortho")
        self.back = np.conj(self.forth.T) * count[:, None]
        self.signed = loss.signed @ self.forth
        self.seen = np.conj(self.signed.T) * count[:, None]
        self.root = np.sqrt(count)

    def spectra(self, p: Any) -> Any:
        """ŵ_l at the frequencies from 0 to D/2, (layers, D//2 + 1)."""
        return p.reshape(-1, self.dim) @ self.forth

    def log_norm(self, u: Weights, s: float) -> float:
        import numpy as np

        size = np.linalg.norm(self.root * math.prod(self.spectra(np.concatenate(u))))
        return self.network.degree * s + math.log(size or 1e-300)

    def margins(self, u: Weights, s: float) -> Any:
        import numpy as np

        product = math.prod(self.spectra(np.concatenate(u)))
        return math.exp(self.network.degree * s) * (product @ self.seen).real[None]

    def rates(self, _: float, state: Any) -> Any:
        """(du/dτ, ds/dτ)."""
        import numpy as np

        u, s = state[:-1], float(state[-1])
        spectra = self.spectra(u)
        margins = math.exp(self.network.degree * s) * (math.prod(spectra) @ self.seen).real
        v = self.lifted(spectra, self.loss.weights(margins[None])[0] @ self.signed)
        along = u @ v
        return np.append(v - along * u, along)

    def pulled(self, u: Weights, gradients: Any) -> Any:
        import numpy as np

        return self.lifted(self.spectra(np.concatenate(u)), (gradients @ self.forth)[:, None, :])

    def lifted(self, spectra: Any, transformed: Any) -> Any:
        """J(u)ᵀ g from ĝ, for one or for rows of them with a middle axis for the layers."""
        import numpy as np

        others = all_but_one(list(spectra), lambda a, b: a * b, one=np.ones_like(spectra[0]))
        found = ((np.conj(others) * transformed) @ self.back).real
        return found.reshape(*found.shape[:-2], -1)

    def bend(self, p: Any, r: Any) -> Any:
        import numpy as np

        spectra, r_hat = self.spectra(p), r @ self.forth
        depth = len(spectra)
        bent = np.zeros((depth, self.dim, depth, self.dim))
        for one, two in combinations(range(depth), 2):
            rest = math.prod((spectra[i] for i in range(depth) if i not in (one, two)), start=np.ones(1))
            h = ((r_hat * np.conj(rest)) @ self.back).real / math.sqrt(self.dim)
            bent[one, :, two] = bent[two, :, one] = h[self.sums]
        return bent.reshape(p.size, p.size)


def field_of(network: Network, loss: Any) -> Field:
    """The one that suits the network."""
    return CircularField(network, loss) if isinstance(network, CircularNet) else Field(network, loss)
