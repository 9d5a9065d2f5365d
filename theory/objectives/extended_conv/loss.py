r"""The conventional and the extended objective of a network, batched over networks with one input and one output.

    conventional  L(ŵ)       = c ‖y − G(x; ŵ)‖²                            Equation 9, c = ½
    extended      Φ(ŵ, W)    = c ‖y − G(x; W)‖² + (λ²/2) Σᵢ ‖wᵢ − ŵ‖²      Equations 5 and 10; c = 1 in the text

Networks are rows, so that one network's numbers lie together. Source: Siahkoohi, Louboutin & Herrmann (2021).
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from jaxtyping import Float

from theory import checks
from theory.arrays import array_namespace, shared_namespace
from theory.objectives.extended_conv import compiled, plain
from theory.objectives.extended_conv.arguments import image, primary, weights
from theory.objectives.extended_conv.network import Network

Form = Literal["excess", "free"]


class _Loss:
    """What both have: the network, its input and output, and the factor of the data term."""

    def __init__(self, network: Network, x: Any, y: Any, *, half: bool = True) -> None:
        if not isinstance(network, Network):
            raise checks.refuse("network", type(network).__name__, "a theory.objectives.extended_conv.Network")
        xp = shared_namespace("y", x, y)
        self.network = network
        self.x = image("x", x, network.input, xp)
        self.y = image("y", y, network.output, xp)
        self.factor = 0.5 if half else 1.0

    @property
    def xp(self) -> Any:
        """The array namespace of its input and output."""
        return array_namespace(self.y)

    @property
    def scale(self) -> float:
        """c ‖y‖², the loss of a network that answers 0."""
        return float(self.factor * array_namespace(self.y).sum(self.y**2))

    def _engine(self) -> Any:
        # The kernel is written for float64 on the host.
        on_host = isinstance(self.y, np.ndarray) and self.y.dtype == np.float64 == self.x.dtype
        return compiled if on_host else plain

    def _rows(self, argument: str, values: Any, width: int, **more: Any) -> Any:
        return weights(argument, values, width, shared_namespace(argument, values, self.y), **more)

    def _evaluate(self, w: Any, u: Any, mode: str, lam: float) -> Any:
        return self._engine().evaluate(self.network, self.x, self.y, w, u, mode=mode, factor=self.factor, lam=lam)


class ConventionalLoss(_Loss):
    """L(ŵ) = c ‖y − G(x; ŵ)‖², c = ½ or, without ``half``, 1.

    Parameters
    ----------
    network
        Its shape.
    x, y
        Input and output: (channels, rows, columns), or (rows, columns) if there is one channel.
    half
        Whether the data term has its ½.

    Raises
    ------
    BadInput
        If a shape is not the network's, or an entry is NaN or infinite.

    Examples
    --------
    >>> network = Network((3, 3), depth=1)
    >>> loss = ConventionalLoss(network, np.ones((3, 3)), np.full((1, 1), 0.5))
    >>> loss.value(np.zeros(9)).item(), loss.gradient(np.ones(9)).shape
    (0.0, (9,))
    """

    def value(self, w: Float[Any, "*nets p"]) -> Float[Any, "*nets"]:
        """L(ŵ)."""
        return self.both(w)[0]

    def gradient(self, w: Float[Any, "*nets p"]) -> Float[Any, "*nets p"]:
        """∇L(ŵ)."""
        return self.both(w)[1]

    def both(self, w: Float[Any, "*nets p"]) -> tuple[Any, Any]:
        """L(ŵ) and ∇L(ŵ), in one pass."""
        w = self._rows("w", w, self.network.primary)
        xp = array_namespace(w)
        data, _, slope, _ = self._evaluate(xp.reshape(w, (-1, w.shape[-1])), None, "tied", 0.0)
        return xp.reshape(data, w.shape[:-1]), xp.reshape(slope, w.shape)


class ExtendedLoss(_Loss):
    """Φ(ŵ, W), its auxiliary weights given outright ("free") or as excesses over ŵ along their patches ("excess").

    The two forms have the same minima and stationary points: see :mod:`theory.objectives.extended_conv.plain`.

    Parameters
    ----------
    network, x, y, half
        As for ``ConventionalLoss``.
    lam
        λ ≥ 0.
    form
        "excess" or "free".

    Raises
    ------
    BadInput
        If a shape is not the network's, an entry is NaN or infinite, or λ is negative.

    Examples
    --------
    >>> network = Network((3, 3), depth=1)
    >>> loss = ExtendedLoss(network, np.ones((3, 3)), np.full((1, 1), 0.5), 2.0)
    >>> [part.item() for part in loss.parts(np.zeros(9), np.zeros(1))]
    [0.0, 0.0]
    >>> [part.item() for part in loss.parts(np.full(9, -1.0), np.array([3.0]))]
    [0.0, 18.0]
    """

    def __init__(
        self, network: Network, x: Any, y: Any, lam: float, *, half: bool = True, form: Form = "excess"
    ) -> None:
        super().__init__(network, x, y, half=half)
        self.lam = checks.finite("lam", lam)
        if self.lam < 0:
            raise checks.refuse("lam", self.lam, "at least 0")
        if form not in ("excess", "free"):
            raise checks.refuse("form", repr(form), "'excess' or 'free'")
        self.form: Form = form

    @property
    def own(self) -> int:
        """How many auxiliary numbers a network has in this form."""
        return self.network.excesses if self.form == "excess" else self.network.auxiliary

    def value(self, w: Float[Any, "*nets p"], u: Float[Any, "*nets n"]) -> Float[Any, "*nets"]:
        """Φ."""
        data, penalty = self.parts(w, u)
        return data + penalty

    def parts(self, w: Float[Any, "*nets p"], u: Float[Any, "*nets n"]) -> tuple[Any, Any]:
        """Data term and penalty."""
        return self._all(w, u)[:2]

    def gradient(self, w: Float[Any, "*nets p"], u: Float[Any, "*nets n"]) -> tuple[Any, Any]:
        """∂Φ/∂ŵ with the auxiliary numbers held, and the derivative in these."""
        *_, along_u, along_w = self._all(w, u)
        return along_w, along_u

    def _all(self, w: Any, u: Any) -> Any:
        w, u = self.rows(w, u)
        xp = array_namespace(w)
        of_w, of_u = (xp.reshape(part, (-1, part.shape[-1])) for part in (w, u))
        found = self._evaluate(of_w, of_u, self.form, self.lam)
        shapes = w.shape[:-1], w.shape[:-1], u.shape, w.shape
        return tuple(xp.reshape(part, shape) for part, shape in zip(found, shapes, strict=True))

    def rows(self, w: Any, u: Any) -> tuple[Any, Any]:
        """The arguments, after making sure of their shapes."""
        w, u = self._rows("w", w, self.network.primary), self._rows("u", u, self.own)
        if w.shape[:-1] != u.shape[:-1]:
            raise checks.refuse("u", f"an array of shape {u.shape}", f"of as many networks as w, of shape {w.shape}")
        return w, u

    def weights(self, w: Float[Any, "nets p"], u: Float[Any, "nets n"]) -> Float[Any, "nets m"]:
        """W, the auxiliary weights themselves."""
        w, u = self.rows(w, u)
        return plain.weights_of(self.network, self.x, w, u) if self.form == "excess" else u

    def from_weights(self, w: Float[Any, "nets p"], weights: Float[Any, "nets m"]) -> Float[Any, "nets n"]:
        """The auxiliary numbers in this form that give the same pre-activations as W.

        Of excesses the penalty is no larger than of W.
        """
        weights = self._rows("weights", weights, self.network.auxiliary)
        w = self._rows("w", w, self.network.primary)
        return plain.excesses_of(self.network, self.x, w, weights) if self.form == "excess" else weights

    def envelope(self, w: Float[Any, "nets p"], u: Float[Any, "nets n"]) -> Float[Any, "nets p"]:
        """λ² Σᵢ (ŵ − wᵢ), the gradient of the penalty alone (Equation 7).

        Where W minimises Φ(ŵ, ·) it is that of min_W Φ(ŵ, W): envelope theorem.
        """
        w, u = self.rows(w, u)
        if self.form == "free":
            return -(self.lam**2) * self.network.gather(u - self.network.spread(w))
        return -(self.lam**2) * plain.along_patches(self.network, self.x, w, u)

    def stationarity(self, w: Float[Any, "nets p"], u: Float[Any, "nets n"]) -> Float[Any, "nets"]:
        """‖∂Φ/∂W‖, whatever the form: the gradient of the inner problem in the auxiliary weights themselves."""
        xp = array_namespace(self.y)
        slope = self._evaluate(w, self.weights(w, u), "free", self.lam)[2]
        return xp.sqrt(xp.sum(slope**2, axis=1))

    def starts(self, w: Float[Any, "nets p"], *, rng: Any) -> Float[Any, "nets n"]:
        """Auxiliary weights W ~ N(0, I), as in the text, in this form."""
        xp, w = array_namespace(self.y), self._rows("w", w, self.network.primary, ndim=(2,))
        rng = checks.generator("rng", rng)
        if self.form == "free":
            return xp.asarray(rng.standard_normal((w.shape[0], self.own)))
        return plain.excesses_of_normal(
            self.network, self.x, w, xp.asarray(rng.standard_normal((w.shape[0], self.own)))
        )

    def minimise(self, w: Any, u: Any, **options: Any) -> tuple[Any, Any, Any, Any] | None:
        """What :func:`theory.objectives.extended_conv.compiled.minimise` returns; None where it cannot run."""
        if self._engine() is not compiled:
            return None
        return compiled.minimise(
            self.network, self.x, self.y, w, u, mode=self.form, factor=self.factor, lam=self.lam, **options
        )


def respond(network: Network, x: Any, w: Float[Any, " p"]) -> Float[Any, "c h w"]:
    """G(x; ŵ), the output of the conventional network.

    Raises
    ------
    BadInput
        If a shape is not the network's, or an entry is NaN or infinite.

    Examples
    --------
    >>> respond(Network((3, 3), depth=1), np.ones((1, 3, 3)), np.zeros(9)).item()
    0.5
    """
    x, w = primary(network, x, w)
    return plain.forward(network, x, w[None, :], None, "tied")[-1].out[0, ...]
