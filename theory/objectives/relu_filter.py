r"""One ReLU filter learned from its teacher: population and sample loss, with one signature.

    f(w, Z) = (1/k) Σᵢ σ(w·Zᵢ),   σ = ReLU,   ℓ(w) = ½ E[(f(w, Z) − f(w*, Z))²]

One neuron is k = 1. The derivative of σ at 0 is taken as 1, as in the regions S(a, b), which contain a·z = 0.
Source: Du, Lee & Tian (2018), Section 2.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from array_api_compat import array_namespace, is_numpy_array
from jaxtyping import Float

from theory import checks
from theory.arrays import halving, shared_namespace, to_numpy
from theory.distributions import Atoms, AxisSymmetric, ClosePatches, GaussianImages, ImagePatches
from theory.distributions.table import WedgeTable, wedge_table
from theory.objectives import exact_on_device, on_device
from theory.objectives.fused import Layout, fused, little, worthwhile

if TYPE_CHECKING:
    from theory.objectives.close_plane import ClosePlaneLoss
    from theory.objectives.overlap import OverlapLoss

BLOCK = 1 << 20
"""Activations held at once by a sample loss: the memory of a gradient does not grow with the sample."""


def PopulationLoss(law: Any, teacher: Any) -> AxialLoss | ClosePlaneLoss | OverlapLoss | SampleLoss:
    """The exact population loss of ``law``: no sampling.

    Parameters
    ----------
    law
        An axis-symmetric law whose axis is the teacher's direction (any direction for an isotropic law), ``Atoms``,
        ``GaussianImages`` (any teacher), or ``ClosePatches`` in the plane (any teacher).
    teacher
        w*, p numbers, not zero.

    Raises
    ------
    BadInput
        If this law and this teacher have no exact form; the message names ``SampleLoss``, which has no such limit.

    Examples
    --------
    >>> import numpy as np
    >>> from theory.distributions import Gaussian
    >>> loss = PopulationLoss(Gaussian(2), teacher=[1.0, 0.0])
    >>> round(float(loss.value(np.array([0.0, 1.0]))), 6), loss.gradient(np.array([1.0, 0.0])).tolist()
    (0.340845, [0.0, 0.0])
    """
    xp = shared_namespace("teacher", teacher, teacher)
    if isinstance(law, Atoms):
        return SampleLoss(xp.asarray(law.points), teacher, weights=xp.asarray(law.weights))
    if isinstance(law, GaussianImages):
        # It stands on this module, which therefore cannot stand on it.
        from theory.objectives.overlap import OverlapLoss

        return OverlapLoss(law, teacher)
    if isinstance(law, ClosePatches):
        from theory.objectives.close_plane import ClosePlaneLoss

        return ClosePlaneLoss(law, teacher)
    if not isinstance(law, AxisSymmetric):
        required = "axis-symmetric or Atoms or GaussianImages or ClosePatches; for any other law use SampleLoss"
        raise checks.refuse("law", type(law).__name__, required)
    w_star = checks.nonzero("teacher", teacher, xp)
    checks.along(law, to_numpy(w_star))
    return AxialLoss(xp.astype(w_star, xp.float64), law.half(), wedge_table(law).to(xp))


class AxialLoss:
    r"""Population loss of a law that is symmetric about the teacher and under z → −z.

    Writing w = a w*/‖w*‖ + ρ e with e ⟂ w* a unit vector and ρ ≥ 0, the gradient lies in the plane of w* and e and
    depends on (a, ρ) alone: see :class:`PlaneLoss`. ``gradient`` and ``value`` take w of shape (p,) or (p, runs).
    """

    def __init__(self, teacher: Any, half: tuple[float, float], table: WedgeTable) -> None:
        xp = array_namespace(teacher)
        norm = float(xp.linalg.vector_norm(teacher))
        self.teacher = teacher
        self._direction = teacher / norm
        self._flat = PlaneLoss(xp.asarray([norm, 0.0], dtype=teacher.dtype), half, table)

    def gradient(self, w: Float[Any, "p *runs"]) -> Float[Any, "p *runs"]:
        """∇ℓ(w)."""
        batch, xp = _columns(w, self.teacher)
        flat, start, lift = self.plane(batch)
        return xp.reshape(lift(flat.gradient(start)), w.shape)

    def value(self, w: Float[Any, "p *runs"]) -> Float[Any, "*runs"]:
        """ℓ(w)."""
        batch, xp = _columns(w, self.teacher)
        flat, start, _ = self.plane(batch)
        return xp.reshape(flat.value(start), w.shape[1:])

    def plane(self, start: Float[Any, "p runs"]) -> tuple[PlaneLoss, Any, Callable[[Any], Any]]:
        """The same loss in two dimensions, the starts there, and the way back to p.

        A descent never leaves the plane of its start and w*, so distance, angle and loss of the two-dimensional one are
        those of the p-dimensional one.
        """
        xp = array_namespace(start)
        along = self._direction @ start
        across = start - self._direction[:, None] * along[None, :]
        rho = xp.linalg.vector_norm(across, axis=0)
        unit = across / xp.where(rho > 0, rho, xp.ones_like(rho))[None, :]

        def lift(w: Any) -> Any:
            return self._direction[:, None] * w[:1, :] + unit * w[1:, :]

        return self._flat, xp.stack([along, rho]), lift


class PlaneLoss:
    r"""The population loss in the plane: w = (a, y) beside w* = (t, 0), both in R², whatever the dimension of the law.

    With ρ = |y|, θ = ∠(w, w*), s₁ and s₂ the eigenvalues of ½E[zzᵀ] along and across the axis, and the moments B(θ) of
    A_{w,−w*} (:mod:`theory.distributions.wedge`):

        ∇ℓ(w) = (s₁ (a − t) + t B11, s₂ y + sign(y) t B12)
        ℓ(w)  = ½ s₁ (a − t)² + ½ s₂ ρ² + t (a B11 + ρ B12)

    from ∇ℓ = A_{w,w*}(w − w*) + A_{w,−w*} w and A_{w,w*} + A_{w,−w*} = ½E[zzᵀ]. Near w* every term is of
    the order of the result, so a loss of 1e-20 is right to nearly all its digits. On CuPy arrays all runs are one
    launch of a kernel.
    """

    def __init__(self, teacher: Any, half: tuple[float, float], table: WedgeTable) -> None:
        self.teacher = teacher
        self._half = half
        self._norm = float(teacher[0])
        self._table = table

    def _moments(self, along: Any, rho: Any, xp: Any) -> tuple[Any, Any]:
        """B11 and B12 at θ ∈ [0, π]."""
        # θ and π − θ from the same arctangent: both keep their relative accuracy.
        b11, b12 = self._table.plane(xp.atan2(rho, xp.abs(along)))
        # The wedge of π − θ is what that of θ leaves of the half space, mirrored.
        return xp.where(along >= 0, b11, self._half[0] - b11), b12

    def gradient(self, w: Float[Any, "2 runs"]) -> Float[Any, "2 runs"]:
        """∇ℓ(w)."""
        if exact_on_device.worthwhile(self, w):
            return exact_on_device.found(self, w, slope=True)
        xp = array_namespace(w)
        along, y = w[0, :], w[1, :]
        b11, b12 = self._moments(along, xp.abs(y), xp)
        radial = self._half[0] * (along - self._norm) + self._norm * b11
        return xp.stack([radial, self._half[1] * y + self._norm * xp.sign(y) * b12])

    def value(self, w: Float[Any, "2 runs"]) -> Float[Any, " runs"]:
        """ℓ(w)."""
        if exact_on_device.worthwhile(self, w):
            return exact_on_device.found(self, w, slope=False)
        xp = array_namespace(w)
        along, rho = w[0, :], xp.abs(w[1, :])
        b11, b12 = self._moments(along, rho, xp)
        quadratic = (self._half[0] * (along - self._norm) ** 2 + self._half[1] * rho**2) / 2
        result = quadratic + self._norm * (along * b11 + rho * b12)
        # Where terms cancel to rounding the sum may fall below 0, which no loss does.
        return xp.where(result < 0, 0.0, result)

    def launches(self, w: Float[Any, "2 runs"], out: Any) -> Callable[[], None] | None:
        """What puts ∇ℓ(w), or where ``out`` has a number a run ℓ(w), into ``out``; None if no kernel serves these w."""
        if not exact_on_device.worthwhile(self, w):
            return None
        return exact_on_device.plane(w, self._table.panels, self._half, self._norm, out)


class SampleLoss:
    r"""The loss on given patches: ℓ(w) = ½ Σₙ pₙ (f(w, Zₙ) − f(w*, Zₙ))².

    On NumPy arrays of one type a gradient of more than a few hundred thousand products is one compiled pass over the
    data, on all CPUs, the same bits for any number of them: :mod:`theory.objectives.fused`; on CuPy arrays of one type
    it is a pass of the device: :mod:`theory.objectives.on_device`. ``engine`` says which. Where memory does not suffice
    for a block, half of it is taken.

    Parameters
    ----------
    patches
        Shape (n, p) for one neuron, (n, k, p) for k patches that share the filter; or ``ImagePatches``, which are read
        from their images.
    teacher
        w*, p numbers, not zero, on the backend of the patches.
    weights
        pₙ, none negative; scaled to sum to 1. 1/n if not given.

    Raises
    ------
    BadInput
        If shapes disagree, or an entry is NaN or infinite.

    Examples
    --------
    >>> import numpy as np
    >>> loss = SampleLoss(np.array([[1.0, 0.0], [0.0, 1.0]]), teacher=np.array([1.0, 0.0]))
    >>> float(loss.value(np.array([0.0, 1.0]))), loss.gradient(np.array([0.0, 1.0])).tolist()
    (0.5, [-0.5, 0.5])
    """

    def __init__(self, patches: Any, teacher: Any, *, weights: Any = None) -> None:
        self.patches, xp = _held(patches, teacher)
        self.shape, dtype = _shape(self.patches)
        n, _, p = self.shape
        self.teacher = checks.nonzero("teacher", teacher, xp)
        if self.teacher.shape != (p,):
            raise checks.refuse("teacher", f"an array of shape {self.teacher.shape}", f"of shape ({p},)")
        self._layout = Layout.of(self.patches)
        self.weights = xp.full((n,), 1 / n, dtype=dtype) if weights is None else _weights(weights, n, xp)
        self.labels = xp.concat([self._response(block, self.teacher[:, None])[0][:, 0] for block, _ in self._blocks(1)])

    @property
    def dim(self) -> int:
        """p."""
        return self.shape[2]

    def engine(self, runs: int = 1, dtype: Any = None) -> str:
        """What serves so many runs of this type (the teacher's, if none is given): ``fused``, ``cuda`` or ``plain``."""
        dtype = dtype or self.teacher.dtype
        if self._fits(runs, dtype):
            return "fused"
        return "cuda" if self._on_device(runs, dtype) else "plain"

    def _fits(self, runs: int, dtype: Any) -> Layout | None:
        """How the patches lie in memory, if the compiled pass is to be used."""
        layout = self._layout
        return layout if worthwhile(layout, (dtype, self.labels.dtype, self.weights.dtype), runs) else None

    def _on_device(self, runs: int, dtype: Any) -> bool:
        """Whether the device's own pass is to be used."""
        return on_device.worthwhile(self.patches, (dtype, self.labels.dtype, self.weights.dtype), runs)

    def _blocks(self, runs: int, held: int | None = None) -> Any:
        """Patches and the slice of samples that they are, never more than ``held`` (``BLOCK``) activations at once.

        Nor, where patches are cut from images, more of their entries.
        """
        (n, k, p), images = self.shape, isinstance(self.patches, ImagePatches)
        length = max(1, (held or BLOCK) // max(1, k * max(runs, p if images else 1)))
        for start in range(0, n, length):
            part = slice(start, min(n, start + length))
            yield self.patches.take(part) if images else self.patches[part, :, :], part

    def blocks(self) -> Any:
        """Patches, (m, k, p), and the slice of samples that they are, a block after the other."""
        return self._blocks(1)

    def _response(self, block: Any, w: Any) -> tuple[Any, Any]:
        """f(w, Z), shape (n, runs), and 1{w·Z ≥ 0}, shape (n, k, runs)."""
        xp = array_namespace(w)
        n, k, p = block.shape
        activation = xp.reshape(xp.reshape(block, (n * k, p)) @ w, (n, k, w.shape[1]))
        active = xp.astype(activation >= 0, activation.dtype)
        return xp.mean(activation * active, axis=1), active

    def gradient(self, w: Float[Any, "p *runs"]) -> Float[Any, "p *runs"]:
        """∇ℓ(w) = Σₙ pₙ (f(w, Zₙ) − f(w*, Zₙ)) (1/k) Σᵢ Zₙᵢ 1{w·Zₙᵢ ≥ 0}."""
        if self._small(w) and self.lean:
            return self.lean(w.reshape(w.shape[0], -1)).reshape(w.shape)
        batch, xp = _columns(w, self.teacher)
        return xp.reshape(self._sums(batch, xp, slope=True), w.shape)

    def _sums(self, batch: Float[Any, "p runs"], xp: Any, *, slope: bool) -> Any:
        """The gradient, or without ``slope`` the value, from the engine for it."""
        if layout := self._fits(batch.shape[1], batch.dtype):
            return fused(layout, batch, self.labels, self.weights, slope=slope)
        if self._on_device(batch.shape[1], batch.dtype):
            return on_device.sums(self.patches, batch, self.labels, self.weights, slope=slope)
        plain = self._plain_gradient if slope else self._plain_value
        return halving(lambda held: plain(batch, xp, held), BLOCK)

    @cached_property
    def lean(self) -> Callable[[Any], Any] | None:
        """∇ℓ of columns that are known to be right: the plain sums and nothing else. None if not NumPy's, or large."""
        (n, k, p), z = self.shape, self.patches
        if not is_numpy_array(z) or n * k * p > BLOCK or not z.flags.c_contiguous:
            return None
        labels, share = self.labels[:, None], self.weights[:, None] / k
        # Patch by patch, not sample by sample: sums over a sample's patches are then those of whole rows.
        flat = np.ascontiguousarray(z.transpose(1, 0, 2)).reshape(k * n, p)

        def slope(w: Float[np.ndarray, "p runs"]) -> Float[np.ndarray, "p runs"]:
            activation = flat @ w
            passed, active = np.maximum(activation, 0), activation >= 0
            if k == 1:
                return flat.T @ (active * ((passed - labels) * share))
            residual = (np.add.reduce(passed.reshape(k, n, -1)) / k - labels) * share
            return flat.T @ (active.reshape(k, n, -1) * residual).reshape(k * n, -1)

        return slope

    def _small(self, w: Any) -> bool:
        """Whether w is what it should be, and so little that to ask how is half of the work."""
        if type(w) is not np.ndarray or w.dtype != self.labels.dtype or on_device.lives_there(w):
            return False
        n, k, p = self.shape
        right = w.ndim in (1, 2) and w.shape[0] == p and w.size > 0 and little(n * k * w.size)
        return right and self.lean is not None and bool(np.isfinite(w).all())

    def launches(self, w: Float[Any, "p runs"], out: Any) -> Callable[[], None] | None:
        """What puts ∇ℓ(w), or where ``out`` has a number a run ℓ(w), into ``out``; None if no kernel serves these w."""
        if not self._on_device(w.shape[1], w.dtype):
            return None
        return on_device.launches(self.patches, w, self.labels, self.weights, out, slope=out.ndim == 2)

    def _plain_gradient(self, batch: Float[Any, "p runs"], xp: Any, held: int | None = None) -> Float[Any, "p runs"]:
        total = xp.zeros_like(batch)
        for block, part in self._blocks(batch.shape[1], held):
            n, k, p = block.shape
            response, active = self._response(block, batch)
            residual = (response - self.labels[part, None]) * (self.weights[part, None] / k)
            back = xp.reshape(active * residual[:, None, :], (n * k, -1))
            total = total + xp.matrix_transpose(xp.reshape(block, (n * k, p))) @ back
        return total

    def value(self, w: Float[Any, "p *runs"]) -> Float[Any, "*runs"]:
        """ℓ(w)."""
        batch, xp = _columns(w, self.teacher)
        return xp.reshape(self._sums(batch, xp, slope=False), w.shape[1:])

    def _plain_value(self, batch: Float[Any, "p runs"], xp: Any, held: int | None = None) -> Float[Any, " runs"]:
        total = xp.zeros((batch.shape[1],), dtype=batch.dtype)
        for block, part in self._blocks(batch.shape[1], held):
            residual = self._response(block, batch)[0] - self.labels[part, None]
            total = total + self.weights[part] @ residual**2 / 2
        return total


def _held(patches: Any, teacher: Any) -> tuple[Any, Any]:
    """Patches as an array (n, k, p), or as the images that they are cut from, and their namespace."""
    if isinstance(patches, ImagePatches):
        return patches, shared_namespace("patches", patches.images, teacher)
    xp = shared_namespace("patches", patches, teacher)
    z = checks.array("patches", patches, xp, ndim=(2, 3))
    n = checks.integer("number of samples", z.shape[0], least=1)
    z = xp.reshape(z, (n, 1, z.shape[-1])) if z.ndim == 2 else z
    checks.integer("number of patches", z.shape[1], least=1)
    return z, xp


def _shape(patches: Any) -> tuple[tuple[int, int, int], Any]:
    """(n, k, p), and the type of the entries."""
    if isinstance(patches, ImagePatches):
        return (patches.n, patches.k, patches.dim), patches.images.dtype
    return patches.shape, patches.dtype


def _weights(weights: Any, n: int, xp: Any) -> Any:
    result = checks.array("weights", weights, xp, ndim=(1,))
    if result.shape != (n,):
        raise checks.refuse("weights", f"an array of shape {result.shape}", f"of shape ({n},), one a sample")
    if bool(xp.any(result < 0)):
        raise checks.refuse("weights", "an array with a negative number in it", "nonnegative")
    total = xp.sum(result)
    if not bool(total > 0):
        raise checks.refuse("weights", "zero everywhere", "positive somewhere")
    return result / total


def _columns(w: Any, teacher: Any) -> tuple[Any, Any]:
    """w as a batch of columns, and its namespace, after making sure that it is one of vectors like the teacher."""
    xp = shared_namespace("w", w, teacher)
    p = teacher.shape[0]
    if not hasattr(w, "ndim") or w.ndim not in (1, 2) or w.shape[0] != p:
        shape = f"an array of shape {w.shape}" if hasattr(w, "shape") else type(w).__name__
        raise checks.refuse("w", shape, f"of shape ({p},) or ({p}, runs), as the teacher's is ({p},)")
    if not bool(xp.all(xp.isfinite(w))):
        raise checks.refuse("w", "an array with NaN or infinity in it", "finite everywhere")
    return xp.reshape(w, (p, -1)), xp


def angle_between(w: Float[Any, "p runs"], teacher: Float[Any, " p"]) -> Float[Any, " runs"]:
    """θ = ∠(w, w*) of every column, accurate for small angles (Kahan): 2 atan2(‖u − v‖, ‖u + v‖) for unit u, v."""
    xp = array_namespace(w)
    norms = xp.linalg.vector_norm(w, axis=0)
    u = w / xp.where(norms > 0, norms, xp.ones_like(norms))[None, :]
    v = (teacher / xp.linalg.vector_norm(teacher))[:, None]
    return 2 * xp.atan2(xp.linalg.vector_norm(u - v, axis=0), xp.linalg.vector_norm(u + v, axis=0))


__all__ = ["AxialLoss", "PopulationLoss", "SampleLoss", "angle_between"]
