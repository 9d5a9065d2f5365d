"""What separable data ask of a predictor: whether they can be separated, hard margins, and stationarity.

References come from cvxpy with Clarabel (extra ``convex``), and their accuracy is our own: the duality gap of the
solution, with multipliers made feasible.
"""

from __future__ import annotations

from typing import Any

from theory.checks import BadInput

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
