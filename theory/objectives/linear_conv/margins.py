"""What separable data ask of a predictor: whether they can be separated, hard margins, and stationarity.

The predictor of least norm with all margins at least 1, and its dual, are

    min ‖β‖  such that  y_n ⟨β, x_n⟩ ≥ 1        =        max Σ λ_n  such that  λ ≥ 0, ‖Σ λ_n y_n x_n‖_* ≤ 1

so any β over its least margin is an upper bound, and any λ over ‖Σ λ_n y_n x_n‖_* a lower one. References come from
cvxpy with Clarabel (extra ``convex``); how exact they are, these two bounds say, whatever the solver claims.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from theory.checks import BadInput
from theory.objectives.linear_conv.regularisers import multiplicities

TOUCHING = 1e-9
"""Largest share of max‖x‖ that the best margin of data has which count as not separable: rounding of the solver."""


class NotSeparable(BadInput):
    """No predictor has all margins above 0: λ ≥ 0, the ``combination``, adds up to 1, and Σ λ_n y_n x_n = 0."""

    def __init__(self, combination: Any, length: float) -> None:
        self.combination = combination
        used = [int(n) for n in (combination > 1e-9).nonzero()[0]]
        shown = ", ".join(map(str, used[:8])) + (", …" if len(used) > 8 else "")
        super().__init__(
            f"x with y is not separable: a convex combination of y_n x_n, of samples {shown}, vanishes (‖·‖₁ = "
            f"{length:.1e}); x must be data that a predictor through the origin can separate"
        )


def separate(x: Any, y: Any) -> tuple[Any, float]:
    """A predictor with entries in [−1, 1] whose least margin is the largest, and that margin (linear programming).

        max t  such that  y_n ⟨w, x_n⟩ ≥ t, |w_i| ≤ 1        =        min ‖Σ λ_n y_n x_n‖_1  over λ ≥ 0, Σ λ = 1

    Raises
    ------
    NotSeparable
        If that margin is 0: then the λ of the dual are a certificate.

    Examples
    --------
    >>> import numpy as np
    >>> w, margin = separate(np.array([[1.0, 0.0], [0.0, -2.0]]), np.array([1.0, -1.0]))
    >>> w.tolist(), margin
    ([1.0, 1.0], 1.0)
    >>> separate(np.array([[1.0, 0.0], [2.0, 0.0]]), np.array([1.0, -1.0]))
    Traceback (most recent call last):
    ...
    theory.objectives.linear_conv.margins.NotSeparable: x with y is not separable: a convex combination of ...
    """
    import numpy as np
    from scipy.optimize import linprog

    signed = x * y[:, None]
    size = np.linalg.norm(signed, axis=1).max()
    n = x.shape[1]
    if size == 0:
        raise NotSeparable(np.full(x.shape[0], 1 / x.shape[0]), 0.0)
    solved = linprog(
        np.append(np.zeros(n), -1.0),
        A_ub=np.hstack([-signed / size, np.ones((x.shape[0], 1))]),
        b_ub=np.zeros(x.shape[0]),
        bounds=[*[(-1, 1)] * n, (None, None)],
        method="highs",
    )
    if not -solved.fun > TOUCHING:
        combination = np.maximum(-solved.ineqlin.marginals, 0)
        combination /= combination.sum()
        raise NotSeparable(combination, float(np.abs(combination @ signed).sum()))
    return solved.x[:-1], float(-solved.fun * size)


@dataclass(frozen=True)
class Reference:
    """A predictor of least norm, its multipliers λ, and that norm between two bounds."""

    beta: Any
    multipliers: Any
    norm: float
    lower: float

    @property
    def gap(self) -> float:
        """Relative duality gap: by how much the norm may be above the least."""
        return self.norm / self.lower - 1


def spectrum(beta: Any) -> Any:
    """β̂, unitary, all D frequencies of the last axis."""
    import numpy as np

    return np.fft.fft(beta, axis=-1, norm="ortho")


def spectral_norm(beta: Any) -> float:
    """‖β̂‖_1."""
    return float(abs(spectrum(beta)).sum())


def lower_bound(x: Any, y: Any, multipliers: Any) -> float:
    """Σ λ_n/‖ŝ‖_∞, s = Σ λ_n y_n x_n: no predictor with margins of at least 1 has a smaller ‖β̂‖_1."""
    return float(multipliers.sum() / abs(spectrum(multipliers @ (x * y[:, None]))).max())


def hard_margin(x: Any, y: Any) -> Reference:
    """The least ‖β‖_2 with margins of at least 1, exact to rounding: solved again for the samples that it touches.

    Raises
    ------
    BadInput
        If the data cannot be separated.
    ModuleNotFoundError
        If cvxpy or Clarabel is missing.

    Examples
    --------
    >>> import numpy as np
    >>> hard_margin(np.array([[1.0, 0.0], [0.0, -2.0]]), np.array([1.0, -1.0])).beta.round(6).tolist()
    [1.0, 0.5]
    """
    import numpy as np

    signed = x * y[:, None]
    least = np.linalg.norm

    def bounds(beta: Any, multipliers: Any) -> Reference:
        beta = beta / (signed @ beta).min()
        return Reference(beta, multipliers, float(least(beta)), float(multipliers.sum() / least(multipliers @ signed)))

    solved = bounds(*_solved(x, y, lambda cp, beta: cp.norm(beta, 2)))
    touched = solved.multipliers > 1e-6 * solved.multipliers.max()
    # On the samples that it touches, β = Σ λ_n y_n x_n with margins of exactly 1.
    exact = np.zeros(len(y))
    exact[touched] = np.linalg.lstsq(signed[touched] @ signed[touched].T, np.ones(touched.sum()), rcond=None)[0]
    polished = bounds(exact @ signed, exact)
    return polished if exact.min() >= 0 and polished.gap <= solved.gap else solved


def least_spectrum(x: Any, y: Any) -> Reference:
    """The least ‖β̂‖_1 with margins of at least 1; its minimiser may be one of several.

    Raises
    ------
    BadInput
        If the data cannot be separated.
    ModuleNotFoundError
        If cvxpy or Clarabel is missing.

    Examples
    --------
    >>> import numpy as np
    >>> found = least_spectrum(np.array([[2.0, 1.0]]), np.array([1.0]))  # x̂ = (3, 1)/√2
    >>> round(found.norm, 6), found.beta.round(4).tolist()
    (0.471405, [0.3333, 0.3333])
    """
    import numpy as np

    dim = x.shape[1]
    count = multiplicities(dim)
    transform = np.fft.rfft(np.eye(dim), axis=0, norm="ortho")

    def norm(cp: Any, beta: Any) -> Any:
        return count @ cp.norm(cp.vstack([transform.real @ beta, transform.imag @ beta]), 2, axis=0)

    beta, multipliers = _solved(x, y, norm)
    beta = beta / (x @ beta * y).min()
    return Reference(beta, multipliers, spectral_norm(beta), lower_bound(x, y, multipliers))


def _solved(x: Any, y: Any, norm: Callable[[Any, Any], Any]) -> tuple[Any, Any]:
    """The predictor of least norm with margins of at least 1, and its multipliers, by Clarabel."""
    import numpy as np

    try:
        import clarabel  # noqa: F401
        import cvxpy as cp
    except ModuleNotFoundError as missing:
        raise ModuleNotFoundError(f"{missing.name} is missing; it must be installed (extra convex)") from None
    separate(x, y)
    size = np.linalg.norm(x, axis=1).max()
    beta = cp.Variable(x.shape[1])
    margins = (x / size * y[:, None]) @ beta >= 1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that it may be inaccurate: the duality gap says how much
        cp.Problem(cp.Minimize(norm(cp, beta)), [margins]).solve(solver=cp.CLARABEL)  # type: ignore[no-untyped-call]
    return beta.value / size, np.maximum(margins.dual_value, 0) * size


@dataclass(frozen=True)
class Stationarity:
    """How far β is from a first-order stationary point of ‖β̂‖_p^p at margin 1, with the loss weights as multipliers.

    ``residual`` is ρ = ‖|β̂|^p − c ŝ ⊙ conj(β̂)‖/‖|β̂|^p‖, with s = Σ α_n y_n x_n and c by least squares; ``slack`` is
    Σ α_n (m_n − 1)/Σ α_n; ``beyond`` is c max_d |ŝ_d| − 1, which for p = 1 must not be positive; ``support`` counts
    the frequencies 0 … D/2 whose |β̂_d| is at least 1 % of the largest.
    """

    residual: float
    slack: float
    beyond: float
    support: int


def stationarity(x: Any, y: Any, beta: Any, alpha: Any, exponent: float) -> Stationarity:
    """Stationarity of β for ‖β̂‖_p, p the ``exponent``: 2/L for L circular layers.

    Nothing is fitted to β but the one scale c: multipliers refitted to it would satisfy any exponent.

    Examples
    --------
    >>> import numpy as np
    >>> x, y = np.array([[2.0, 1.0]]), np.array([1.0])
    >>> stationarity(x, y, np.array([1.0, 1.0]), np.array([1.0]), 1.0)
    Stationarity(residual=0.0, slack=0.0, beyond=0.0, support=1)
    """
    import numpy as np

    signed = x * y[:, None]
    beta = beta / (signed @ beta).min()
    beta_hat, s_hat = spectrum(beta), spectrum(alpha @ signed)
    size = abs(beta_hat)
    wanted, found = size**exponent, s_hat * np.conj(beta_hat)
    c = np.vdot(found, wanted).real / np.vdot(found, found).real
    half = size[: len(beta) // 2 + 1]
    return Stationarity(
        residual=float(np.linalg.norm(wanted - c * found) / np.linalg.norm(wanted)),
        slack=float(alpha @ (signed @ beta - 1) / alpha.sum()),
        beyond=float(c * abs(s_hat).max() - 1),
        support=int((half >= 0.01 * half.max()).sum()),
    )
