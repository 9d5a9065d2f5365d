"""Two layers with several channels: a convolution of kernel size K, then a weighted sum of its D·C outputs.

f(X) = D^{-1/2} Σ_{d,k,c,r} V[d,c] U[k,c,r] X[(d+k) mod D, r] = ⟨W, X⟩. In the unitary Fourier transform over the
positions, Ŵ[m,r] = Σ_c V̂[m,c] Û[m,c,r], U padded by zeros to D positions: no conjugates.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from jaxtyping import Float

from theory import checks
from theory.arrays import array_namespace
from theory.objectives.linear_conv.network import Weights, of_shapes


@dataclass(frozen=True)
class MultiChannelNet:
    """The network on signals of ``dim`` positions and ``inputs`` channels; its predictor is W (D, R), flattened.

    Weights: U (runs, K, C, R) and V (runs, D, C).

    Parameters
    ----------
    dim, kernel_size, channels, inputs
        D, K ≤ D, C and R.

    Raises
    ------
    BadInput
        If one is not a whole number from 1 on, or K > D.

    Examples
    --------
    A kernel that is 1 at its second place moves V on by one.

    >>> import numpy as np
    >>> net = MultiChannelNet(4, 2)
    >>> u, v = np.array([0.0, 1.0]).reshape(1, 2, 1, 1), np.array([2.0, 4.0, 6.0, 8.0]).reshape(1, 4, 1)
    >>> [round(float(entry), 12) for entry in net.predictor((u, v))[0]]
    [4.0, 1.0, 2.0, 3.0]
    """

    dim: int
    kernel_size: int
    channels: int = 1
    inputs: int = 1

    def __post_init__(self) -> None:
        for name in ("dim", "kernel_size", "channels", "inputs"):
            checks.integer(name, getattr(self, name), least=1)
        if self.kernel_size > self.dim:
            raise checks.refuse("kernel_size", self.kernel_size, f"at most dim, which is {self.dim}")

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """Of U and of V."""
        return (self.kernel_size, self.channels, self.inputs), (self.dim, self.channels)

    @property
    def degree(self) -> int:
        """Two layers."""
        return 2

    @property
    def size(self) -> int:
        """D·R."""
        return self.dim * self.inputs

    def predictor(self, weights: Weights) -> Float[Any, "runs n"]:
        """W, its channels last."""
        u_hat, v_hat = self.transforms(of_shapes(self, weights))
        xp = array_namespace(u_hat)
        return self.flat(xp.matmul(v_hat[:, :, None, :], u_hat)[:, :, 0, :])

    def pullback(self, weights: Weights, gradient: Float[Any, "runs n"]) -> Weights:
        """The gradients in U and in V."""
        u_hat, v_hat = self.transforms(of_shapes(self, weights))
        xp = array_namespace(u_hat)
        g_hat = self.transform(gradient)
        in_u = self.inverse(xp.conj(v_hat)[..., None] * g_hat[:, :, None, :])
        in_v = self.inverse(xp.matmul(xp.conj(u_hat), g_hat[..., None])[..., 0])
        return in_u[:, : self.kernel_size, ...], in_v

    def transforms(self, weights: Weights) -> tuple[Any, ...]:
        """Û (runs, frequencies, C, R) and V̂ (runs, frequencies, C) at the D//2 + 1 frequencies that determine them."""
        return tuple(self._forth(weight) for weight in weights)

    def transform(self, predictor: Float[Any, "runs n"]) -> Any:
        """Ŵ (runs, frequencies, R), likewise."""
        xp = array_namespace(predictor)
        return self._forth(xp.reshape(predictor, (predictor.shape[0], self.dim, self.inputs)))

    def inverse(self, array: Any) -> Any:
        """What has this transform along its second axis, real."""
        return array_namespace(array).fft.irfft(array, n=self.dim, axis=1, norm="ortho")

    def flat(self, w_hat: Any) -> Any:
        """W (runs, D·R), from Ŵ (runs, frequencies, R)."""
        return array_namespace(w_hat).reshape(self.inverse(w_hat), (w_hat.shape[0], self.size))

    def _forth(self, array: Any) -> Any:
        return array_namespace(array).fft.rfft(array, n=self.dim, axis=1, norm="ortho")
