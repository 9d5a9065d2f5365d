"""Linear networks of depth L on vectors: circular convolutions of full width, and their fully connected twins.

The circular one is diagonal in frequency: with the unitary transform, β̂ = ŵ_1 ⊙ … ⊙ ŵ_L.
Source: Gunasekar, Lee, Soudry & Srebro (2018), Section 2 and Lemma 3.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from jaxtyping import Float

from theory import checks
from theory.arrays import array_namespace
from theory.checks import refuse
from theory.objectives.linear_conv.network import Weights, of_shapes


def all_but_one(factors: list[Any], times: Any, one: Any = None) -> list[Any]:
    """The product of all other factors for each of them, ``one`` where there is none, in 3L products."""
    before = [None, *accumulate(factors[:-1], times)]
    after = [*reversed(list(accumulate(reversed(factors[1:]), lambda right, left: times(left, right)))), None]
    if len(factors) == 1:
        return [one]
    return [b if a is None else a if b is None else times(b, a) for b, a in zip(before, after, strict=True)]


@dataclass(frozen=True)
class CircularNet:
    """``depth`` circular convolutions with filters as long as the input, ``dim``; the last one is an inner product.

        h_l[d] = D^{-1/2} Σ_k w_l[k] h_{l−1}[(d + k) mod D],   output ⟨h_{L−1}, w_L⟩ = ⟨β, x⟩

    Predictor and pullback take O(L D log D). Source: Gunasekar et al. (2018), equation (3).

    Examples
    --------
    >>> import numpy as np
    >>> net = CircularNet(4, 2)
    >>> impulse, filter = np.array([[2.0, 0, 0, 0]]), np.array([[1.0, 2, 3, 4]])
    >>> net.predictor((impulse, filter))
    array([[1., 2., 3., 4.]])
    """

    dim: int
    depth: int

    def __post_init__(self) -> None:
        checks.integer("dim", self.dim, least=1)
        checks.integer("depth", self.depth, least=1)

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        return ((self.dim,),) * self.depth

    @property
    def degree(self) -> int:
        return self.depth

    @property
    def size(self) -> int:
        return self.dim

    def spectra(self, weights: Weights) -> list[Any]:
        """ŵ_l of each layer at the frequencies from 0 to D/2, (runs, D//2 + 1)."""
        xp = array_namespace(*of_shapes(self, weights))
        together = xp.fft.rfft(xp.stack(weights, axis=0), axis=2, norm="ortho")
        return [together[layer, ...] for layer in range(self.depth)]

    def predictor(self, weights: Weights) -> Float[Any, "runs n"]:
        *_, product = accumulate(self.spectra(weights), lambda left, right: left * right)
        return array_namespace(product).fft.irfft(product, n=self.dim, axis=1, norm="ortho")

    def pullback(self, weights: Weights, gradient: Float[Any, "runs n"]) -> Weights:
        xp = array_namespace(gradient)
        others = all_but_one(self.spectra(weights), lambda left, right: left * right)
        spectrum = xp.fft.rfft(gradient, axis=1, norm="ortho")
        pulled = [spectrum if other is None else spectrum * xp.conj(other) for other in others]
        together = xp.fft.irfft(xp.stack(pulled, axis=0), n=self.dim, axis=2, norm="ortho")
        return tuple(together[layer, ...] for layer in range(self.depth))

    def squared_norm(self, weights: Weights) -> Float[Any, " runs"]:
        """‖J‖² = max_d Σ_l Π_{j≠l} |ŵ_j[d]|², exactly: JJᵀ is diagonal in frequency."""
        squares = [abs(spectrum) ** 2 for spectrum in self.spectra(weights)]
        if self.depth == 1:
            return 0 * squares[0][:, 0] + 1
        return array_namespace(*squares).max(sum(all_but_one(squares, lambda left, right: left * right)), axis=1)


@dataclass(frozen=True)
class FullyConnectedNet:
    """A product of L matrices, β = (W_L … W_1)ᵀ: ``widths`` are those of the input and of every hidden layer.

    W_l is (n_l, n_{l−1}), and the output is one number. Predictor and pullback cost as much as there are weights.

    Examples
    --------
    >>> import numpy as np
    >>> net = FullyConnectedNet((2, 3))
    >>> net.shapes
    ((3, 2), (1, 3))
    >>> net.predictor((np.arange(6.0).reshape(1, 3, 2), np.array([[[1.0, 0, 2]]])))
    array([[ 8., 11.]])
    """

    widths: tuple[int, ...]

    def __post_init__(self) -> None:
        try:
            widths = tuple(checks.integer("widths", width, least=1) for width in self.widths)
        except TypeError:
            widths = ()
        if not widths:
            raise refuse("widths", repr(self.widths), "the widths of the input and of every hidden layer")
        object.__setattr__(self, "widths", widths)

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        return tuple(zip((*self.widths[1:], 1), self.widths, strict=True))

    @property
    def degree(self) -> int:
        return len(self.widths)

    @property
    def size(self) -> int:
        return self.widths[0]

    def _from_output(self, weights: Weights) -> list[Any]:
        """W_L … W_{l+1} as rows, (runs, 1, n_l), for l = L, …, 0; the last is βᵀ."""
        xp = array_namespace(*of_shapes(self, weights))
        one = xp.ones((weights[0].shape[0], 1, 1), dtype=weights[0].dtype, device=weights[0].device)
        return list(accumulate(reversed(weights), xp.matmul, initial=one))

    def predictor(self, weights: Weights) -> Float[Any, "runs n"]:
        return self._from_output(weights)[-1][:, 0, :]

    def pullback(self, weights: Weights, gradient: Float[Any, "runs n"]) -> Weights:
        xp = array_namespace(gradient)
        rows = self._from_output(weights)[-2::-1]
        columns = accumulate(weights[:-1], lambda column, weight: weight @ column, initial=gradient[:, :, None])
        # ∂⟨g, β⟩/∂W_l = (W_L … W_{l+1})ᵀ (W_{l−1} … W_1 g)ᵀ.
        return tuple(
            xp.matrix_transpose(row) @ xp.matrix_transpose(column) for row, column in zip(rows, columns, strict=True)
        )

    def squared_norm(self, weights: Weights) -> Float[Any, " runs"]:
        """An upper bound on ‖J‖², Σ_l Π_{j≠l} ‖W_j‖_F²; near equality once the matrices have rank one."""
        xp = array_namespace(*of_shapes(self, weights))
        squares = [xp.sum(weight**2, axis=(1, 2)) for weight in weights]
        if self.degree == 1:
            return 0 * squares[0] + 1
        return sum(all_but_one(squares, lambda left, right: left * right))
