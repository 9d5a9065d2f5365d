"""What separable data ask of a predictor: whether they can be separated, hard margins, and stationarity.

The predictor of least norm with all margins at least 1, and its dual, are

    min ‖β‖  such that  y_n ⟨β, x_n⟩ ≥ 1        =        max Σ λ_n  such that  λ ≥ 0, ‖Σ λ_n y_n x_n‖_* ≤ 1

so any β over its least margin is an upper bound, and any λ over ‖Σ λ_n y_n x_n‖_* a lower one. References come from
cvxpy with Clarabel (extra ``convex``); how exact they are, these two bounds say, whatever the solver claims.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from theory import checks
from theory.checks import BadInput, refuse
from theory.objectives.linear_conv.regularisers import NoSolution, convex, multiplicities, solve

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


def _signed(x: Any, y: Any) -> Any:
    """The rows y_n x_n of finite data."""
    import numpy as np

    x = checks.moderate("x", checks.array("x", x, np, ndim=(2,)), np)
    y = checks.array("y", y, np, ndim=(1,))
    if len(x) != len(y) or 0 in x.shape:
        raise refuse("y", f"{len(y)} labels", f"as many as there are samples in x, {len(x)}, and at least 1")
    if not (abs(y) == 1).all():
        raise refuse("y", "labels other than 1 and -1", "1 or -1 for each sample")
    return x * y[:, None]


def separate(x: Any, y: Any) -> tuple[Any, float]:
    """A predictor with entries in [−1, 1] whose least margin is the largest, and that margin (linear programming).

        max t  such that  y_n ⟨w, x_n⟩ ≥ t, |w_i| ≤ 1        =        min ‖Σ λ_n y_n x_n‖_1  over λ ≥ 0, Σ λ = 1

    Raises
    ------
    NotSeparable
        If that margin is 0: then the λ of the dual are a certificate.
    BadInput
        If x is not a finite matrix, or y not a label of ±1 for each of its rows.
    NoSolution
        If the solver finds none.

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

    signed = _signed(x, y)
    size = np.linalg.norm(signed, axis=1).max()
    samples, n = signed.shape
    if size == 0:
        raise NotSeparable(np.full(samples, 1 / samples), 0.0)
    solved = linprog(
        np.append(np.zeros(n), -1.0),
        A_ub=np.hstack([-signed / size, np.ones((samples, 1))]),
        b_ub=np.zeros(samples),
        bounds=[*[(-1, 1)] * n, (None, None)],
        method="highs",
    )
    if solved.status != 0:
        raise NoSolution(f"the separation of x is not found ({' '.join(solved.message.split())}); HiGHS must find one")
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
        If the data are not finite, or cannot be separated.
    NoSolution
        If cvxpy or Clarabel is missing, or finds no solution.

    Examples
    --------
    >>> import numpy as np
    >>> hard_margin(np.array([[1.0, 0.0], [0.0, -2.0]]), np.array([1.0, -1.0])).beta.round(6).tolist()
    [1.0, 0.5]
    """
    import numpy as np

    signed = _signed(x, y)
    least = np.linalg.norm

    def bounds(beta: Any, multipliers: Any) -> Reference:
        beta = beta / (signed @ beta).min()
        return Reference(beta, multipliers, float(least(beta)), float(multipliers.sum() / least(multipliers @ signed)))

    solved = bounds(*_solved(signed, "the hard margin", lambda cp, beta: cp.norm(beta, 2)))
    touched = solved.multipliers > 1e-6 * solved.multipliers.max()
    # On the samples that it touches, β = Σ λ_n y_n x_n with margins of exactly 1.
    exact = np.zeros(len(signed))
    exact[touched] = np.linalg.lstsq(signed[touched] @ signed[touched].T, np.ones(touched.sum()), rcond=None)[0]
    if exact.min() < 0 or not (signed @ (exact @ signed)).min() > 0:
        return solved
    polished = bounds(exact @ signed, exact)
    return polished if polished.gap <= solved.gap else solved


def least_spectrum(x: Any, y: Any) -> Reference:
    """The least ‖β̂‖_1 with margins of at least 1; its minimiser may be one of several.

    Raises
    ------
    BadInput
        If the data are not finite, or cannot be separated.
    NoSolution
        If cvxpy or Clarabel is missing, or finds no solution.

    Examples
    --------
    >>> import numpy as np
    >>> found = least_spectrum(np.array([[2.0, 1.0]]), np.array([1.0]))  # x̂ = (3, 1)/√2
    >>> round(found.norm, 6), found.beta.round(4).tolist()
    (0.471405, [0.3333, 0.3333])
    """
    import numpy as np

    signed = _signed(x, y)
    dim = signed.shape[1]
    count = multiplicities(dim)
    transform = np.fft.rfft(np.eye(dim), axis=0, norm="ortho")

    def norm(cp: Any, beta: Any) -> Any:
        return count @ cp.norm(cp.vstack([transform.real @ beta, transform.imag @ beta]), 2, axis=0)

    beta, multipliers = _solved(signed, "the least ‖β̂‖_1", norm)
    beta = beta / (signed @ beta).min()
    lower = lower_bound(signed, np.ones(len(signed)), multipliers)
    return Reference(beta, multipliers, spectral_norm(beta), lower)


def _solved(signed: Any, name: str, norm: Callable[[Any, Any], Any]) -> tuple[Any, Any]:
    """The predictor of least norm with margins of at least 1, and its multipliers, by Clarabel."""
    import numpy as np

    cp = convex()
    separate(signed, np.ones(len(signed)))
    size = np.linalg.norm(signed, axis=1).max()
    beta = cp.Variable(signed.shape[1])
    margins = (signed / size) @ beta >= 1
    solve(cp.Problem(cp.Minimize(norm(cp, beta)), [margins]), name)
    if not (signed @ beta.value).min() > 0:
        raise NoSolution(f"{name} as Clarabel found it separates nothing; x must be data with a larger margin")
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

    Raises
    ------
    BadInput
        If the data, β or α are not finite, a margin of β is not above 0, or the exponent is not.

    Examples
    --------
    >>> import numpy as np
    >>> x, y = np.array([[2.0, 1.0]]), np.array([1.0])
    >>> stationarity(x, y, np.array([1.0, 1.0]), np.array([1.0]), 1.0)
    Stationarity(residual=0.0, slack=0.0, beyond=0.0, support=1)
    """
    import numpy as np

    signed, exponent = _signed(x, y), checks.positive("exponent", exponent)
    beta = checks.nonzero("beta", beta, np)
    alpha = checks.array("alpha", alpha, np, ndim=(1,))
    if beta.size != signed.shape[1] or alpha.size != len(signed):
        required = f"{signed.shape[1]} and {len(signed)} long, as x says"
        raise refuse("beta and alpha", f"{beta.size} and {alpha.size} long", required)
    least = float((signed @ beta).min())
    if not least > 0:
        raise refuse("beta", f"a predictor whose least margin is {least:.3g}", "one with all margins above 0")
    beta = beta / least
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


def own_power(x: Any, y: Any, beta: Any, alpha: Any) -> float:
    """The p for which |β̂_d|^p = c |ŝ_d β̂_d| comes nearest: the slope of log|ŝ_d β̂_d| on log|β̂_d|.

    By least squares over the support, the frequencies 0 … D/2 whose |β̂_d| is at least 1 % of the largest, with
    s = Σ α_n y_n x_n. NaN where that is one frequency: then every p will do.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.fft.irfft([3.0**-0.5, 1.0, 0.0], norm="ortho")  # ŝ_d = |β̂_d|^{1/2 − 1}
    >>> round(own_power(x[None], np.ones(1), np.fft.irfft([3.0, 1.0, 0.0], norm="ortho"), np.ones(1)), 9)
    0.5
    """
    import numpy as np

    signed = _signed(x, y)
    beta = checks.nonzero("beta", beta, np)
    alpha = checks.array("alpha", alpha, np, ndim=(1,))
    if beta.size != signed.shape[1] or alpha.size != len(signed):
        required = f"{signed.shape[1]} and {len(signed)} long, as x says"
        raise refuse("beta and alpha", f"{beta.size} and {alpha.size} long", required)
    size, pull = (abs(spectrum(one))[: beta.size // 2 + 1] for one in (beta, alpha @ signed))
    support = size >= 0.01 * size.max()
    if support.sum() == 1 or not pull[support].min() > 0:
        return float("nan")
    across = np.log(size[support]) - np.log(size[support]).mean()
    return float(across @ np.log(pull[support] * size[support]) / (across @ across))
