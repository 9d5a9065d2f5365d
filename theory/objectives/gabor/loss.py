"""Losses of a Gabor filter against a true one, on filtered images or on their population, with exact gradients."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
from array_api_compat import array_namespace
from jaxtyping import Float

from theory import checks
from theory.objectives.gabor import compiled
from theory.objectives.gabor.filter import PARAMETERS, GaborFilter, jacobian, kernels, turns
from theory.objectives.gabor.moments import WindowMoments

LOSSES = ("mse", "rmse", "correlation")


class GaborLoss:
    """How far x ⋆ g is from x ⋆ g*, as a function of the learned parameters of g; the others are those of g*.

        mse          ℓ = (g − g*)ᵀ C (g − g*), the mean square over the filtered image
        rmse         √ℓ; where it is 0 it has no gradient, and 0 is given
        correlation  1 − ρ, ρ Pearson's correlation of the two filtered images

    Parameters are columns, one a start, as :func:`theory.descent.descend` wants them.

    Parameters
    ----------
    moments
        Of an image, or of a population.
    truth
        g*.
    kind
        ``mse``, ``rmse`` or ``correlation``.
    learned
        Names of the learned parameters, in order.

    Raises
    ------
    BadInput
        If the moments are of another size, or there is no such loss or parameter.

    Examples
    --------
    >>> from theory.objectives.gabor import white
    >>> loss = GaborLoss(white(15), GaborFilter())
    >>> loss.value(np.array([[np.pi / 4, -np.pi / 4]])).round(2).tolist()
    [0.0, 54.33]
    """

    def __init__(
        self, moments: WindowMoments, truth: GaborFilter, kind: str = "mse", learned: Sequence[str] = ("theta",)
    ) -> None:
        if moments.size != truth.size:
            raise checks.refuse("moments", f"of windows of {moments.size}x{moments.size}", f"of {truth.size}, as truth")
        if kind not in LOSSES:
            raise checks.refuse("loss", repr(kind), f"one of {', '.join(LOSSES)}")
        unknown = [name for name in learned if name not in PARAMETERS]
        if unknown or not learned:
            raise checks.refuse("learned", repr(tuple(learned)), f"some of {', '.join(PARAMETERS)}")
        self.moments, self.truth, self.kind, self.learned = moments, truth, kind, tuple(learned)
        xp = np if moments.gram is None else array_namespace(moments.gram)
        self._g_star = xp.asarray(truth.kernel())[:, None]
        self._rows = [PARAMETERS.index(name) for name in learned]
        self.teacher = xp.asarray(truth.parameters[self._rows])

    @functools.cached_property
    def _compiled_star(self) -> Any:
        """g* as the loops make it, so that at the truth nothing is left of g − g*."""
        q, size = self.truth.parameters[:, None], self.truth.size
        return compiled.filters(q, size) if compiled.exact(q, size) else self._g_star

    @functools.cached_property
    def _by_orbits(self) -> compiled.ByOrbits | None:
        """The faster way, where C falls into parts."""
        q, size, orbits = self.truth.parameters, self.truth.size, self.moments.orbits
        if orbits is None or not compiled.exact(q[:, None], size):
            return None
        return compiled.ByOrbits(orbits, q, size)

    def value(self, w: Float[Any, "k starts"]) -> Float[Any, " starts"]:
        """ℓ, √ℓ or 1 − ρ of every start."""
        q, size = self._all(w), self.truth.size
        if compiled.serves(q, size):
            return self._value(compiled.filters(q, size), self._compiled_star, np)
        return self._value(kernels(q, size), self._g_star, array_namespace(w))

    def gradient(self, w: Float[Any, "k starts"]) -> Float[Any, "k starts"]:
        """∂/∂q of every start and learned parameter q."""
        xp, q = array_namespace(w), self._all(w)
        if compiled.serves(q, self.truth.size):
            return self._compiled(q)[self._rows]
        g, slopes = jacobian(q, self.truth.size, self.learned)
        outer = self._outer(g, self._g_star, xp)
        return xp.stack([xp.sum(slope * outer, axis=0) for slope in slopes])

    def _compiled(self, q: Any) -> Any:
        """The gradient in all six parameters."""
        size, variance = self.truth.size, self.moments.variance
        if self._by_orbits is not None:
            return self._by_orbits.gradient(q, self.kind)
        if self.moments.gram is not None:
            return compiled.pulled(q, size, outer=self._outer(compiled.filters(q, size), self._compiled_star, np))[0]
        g_star = self._compiled_star[:, 0]
        slopes, square = compiled.pulled(q, size, true=g_star)
        if self.kind == "mse":
            return 2 * variance * slopes
        if self.kind == "rmse":
            root = np.sqrt(variance * square)
            return variance * slopes / np.where(root > 0, root, np.inf)
        # Σ g ∂g and Σ g²; less Σ (g − g*) ∂g, that is Σ g* ∂g
        from_own, own = compiled.pulled(q, size, true=np.zeros_like(g_star))
        true = g_star @ g_star
        across = (own + true - square) / 2
        return (across / own * from_own - (from_own - slopes)) / np.sqrt(own * true)

    def curvature(self, theta: Float[Any, " starts"]) -> Float[Any, " starts"]:
        """d²ℓ/dθ² of the mean squared error, at angles: 2 (g'ᵀCg' + (g − g*)ᵀCg'')."""
        xp = array_namespace(theta)
        g, first, second = turns(self._all(theta[None, :], "theta"), self.truth.size)
        error = g - xp.asarray(self._g_star)
        return 2 * xp.sum(first * self.moments.apply(first) + second * self.moments.apply(error), axis=0)

    def _all(self, w: Any, *names: str) -> Any:
        """All six parameters of every start."""
        xp = array_namespace(w)
        rows = [xp.broadcast_to(xp.asarray(value), w.shape[1:]) for value in self.truth.parameters]
        for row, name in enumerate(names or self.learned):
            rows[PARAMETERS.index(name)] = w[row, ...]
        return xp.stack(rows)

    def _value(self, g: Any, g_star: Any, xp: Any) -> Any:
        g_star = xp.asarray(g_star)
        if self.kind == "correlation":
            across, own, true = self._products(g, g_star, xp)
            return 1 - across / xp.sqrt(own * true)
        error = g - g_star
        square = xp.sum(error * self.moments.apply(error), axis=0)
        return square if self.kind == "mse" else xp.sqrt(square)

    def _products(self, g: Any, g_star: Any, xp: Any) -> tuple[Any, Any, Any]:
        """Covariance and variances of the filtered images."""
        seen = self.moments.apply_centred(g_star)
        return xp.sum(g * seen, axis=0), xp.sum(g * self.moments.apply_centred(g), axis=0), xp.sum(g_star * seen)

    def _outer(self, g: Any, g_star: Any, xp: Any) -> Any:
        """The gradient in the pixels of g."""
        g_star = xp.asarray(g_star)
        if self.kind == "correlation":
            across, own, true = self._products(g, g_star, xp)
            seen = self.moments.apply_centred(g_star)
            return (across / own * self.moments.apply_centred(g) - seen) / xp.sqrt(own * true)
        error = g - g_star
        seen = self.moments.apply(error)
        if self.kind == "mse":
            return 2 * seen
        root = xp.sqrt(xp.sum(error * seen, axis=0))
        return seen / xp.where(root > 0, root, xp.asarray(xp.inf))
