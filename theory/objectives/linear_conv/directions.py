"""What is read off a path to large ‖β‖: angles, the exponents of their fall, and what stationarity still lacks.

For L circular layers the flow says of every frequency, exactly,

    dβ̂_d/dτ = ŝ_d |β̂_d|² Σ_l |ŵ_l,d|^{-2},   s = Σ α_n y_n x_n

With the balance κ_d = L |β̂_d|^{-2/L}/Σ_l |ŵ_l,d|^{-2} ≤ 1, which goes to 1, and b = β/‖β‖ this is

    c ŝ_d conj(β̂_d) = |β̂_d|^{2/L} κ_d (1 + d log b̂_d/d log‖β‖)

so that stationarity lacks what imbalance and turning leave: where direction and phases converge, nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from theory.checks import refuse
from theory.objectives.linear_conv.circular import CircularNet
from theory.objectives.linear_conv.implicit_bias import Path
from theory.objectives.linear_conv.margins import spectrum


def angle(rows: Any, target: Any) -> Any:
    """The angle between each row and the target, precise however small: 2 asin(‖a − b‖/2) of the unit vectors.

    >>> import numpy as np
    >>> angle(np.array([[1.0, 1e-9], [0.0, 3.0]]), np.array([2.0, 0.0])).round(12).tolist()
    [1e-09, 1.570796326795]
    """
    import numpy as np

    rows, target = (v / np.linalg.norm(v, axis=-1, keepdims=True) for v in (rows, target))
    return 2 * np.arcsin(np.minimum(np.linalg.norm(rows - target, axis=-1) / 2, 1.0))


def exponents(norm: Any, error: Any, bounds: Sequence[float]) -> Any:
    """Slopes of log error on log norm, by least squares, between each of the bounds and the next.

    Raises
    ------
    BadInput
        If fewer than two points lie between two bounds.

    Examples
    --------
    >>> import numpy as np
    >>> norm = np.geomspace(1e2, 1e6, 9)
    >>> exponents(norm, 3 * norm**-0.5, [1e2, 1e4, 1e6]).round(12).tolist()
    [-0.5, -0.5]
    """
    import numpy as np

    found = []
    for low, high in pairwise(bounds):
        # A record is the first point at or beyond its norm: a step late, which is up to a third of its norm.
        inside = (norm >= low) & (norm <= 1.5 * high)
        if inside.sum() < 2:
            raise refuse("norm", f"{int(inside.sum())} points from {low:g} to {high:g}", "at least 2 of them")
        found.append(np.polyfit(np.log(norm[inside]), np.log(error[inside]), 1)[0])
    return np.array(found)


def turned(path: Path, loss: Any, since: float) -> tuple[float, float]:
    """The angles by which β and s = Σ α_n y_n x_n, minus the gradient, have turned from that norm on to the end."""
    import numpy as np

    place = int(np.argmax(path.norm >= since))
    s = path.alpha @ loss.signed
    return float(angle(path.direction[place], path.direction[-1])), float(angle(s[place], s[-1]))


def phases_turned(network: CircularNet, path: Path, since: float, least: float = 0.01) -> float:
    """The largest turn of a phase of a layer, at frequencies with |β̂| of at least ``least`` of the largest."""
    import numpy as np

    place = int(np.argmax(path.norm >= since))
    size = abs(np.fft.rfft(path.direction[-1]))
    spectra = [rows[:, size >= least * size.max()] for rows in network.spectra(path.weights)]
    return max(float(abs(np.angle(rows[-1] / rows[place])).max()) for rows in spectra)


def lacking(network: CircularNet, path: Path) -> float:
    """‖|β̂|^p (1 − κ (1 + d log b̂/d log‖β‖))‖/‖|β̂|^p‖ at the last record, p = 2/L.

    The residual of stationarity is at most this: there the scale c is the best one, here it is the flow's. The
    derivative comes from the parabola through the last three records, and as much is added as it differs by from that
    through the last two, whose error is of a lower order.
    """
    import numpy as np

    L = network.depth
    # One long step can be the first to reach two norms: then two records are the same.
    norms, rows = np.unique(path.norm, return_index=True)
    if norms.size < 3:
        raise refuse("path", f"of {norms.size} different norms", "of at least 3, which a derivative needs")
    times, b_hat = np.log(norms[-3:]), spectrum(path.direction[rows[-3:]])
    last, before = (b_hat[2] - b_hat[1]) / (times[2] - times[1]), (b_hat[1] - b_hat[0]) / (times[1] - times[0])
    bend = (last - before) / (times[2] - times[0]) * (times[2] - times[1])
    with np.errstate(divide="ignore", invalid="ignore"):
        squares = [abs(spectrum(weight[-1])) ** 2 for weight in path.weights]
        kappa = L / sum(1 / square for square in squares) / np.prod(squares, axis=0) ** (1 / L)
        rate, doubt = (last + bend) / b_hat[2], abs(kappa * bend / b_hat[2])
    size, there = abs(b_hat[2]) ** (2 / L), b_hat[2] != 0
    parts = (np.where(there, size * part, 0.0) for part in (1 - kappa * (1 + rate), doubt))
    return float(sum(np.linalg.norm(part) for part in parts) / np.linalg.norm(size))


def least_share(beta: Any) -> float:
    """The least share of ‖β̂‖_1 that one of the D frequencies has.

    >>> import numpy as np
    >>> round(least_share(np.array([2.0, 1.0])), 9)  # β̂ = (3, 1)/√2
    0.25
    """
    size = abs(spectrum(beta))
    return float(size.min() / size.sum())


def cosines(x: Any) -> tuple[Any, Any, float]:
    """The cosines that x has at its largest and at its second largest frequency, and the ratio of their |x̂|.

    Examples
    --------
    >>> import numpy as np
    >>> first, second, ratio = cosines(np.array([2.0, 1.0]))  # x̂ = (3, 1)/√2
    >>> first.round(6).tolist(), second.round(6).tolist(), round(ratio, 3)
    ([1.5, 1.5], [0.5, -0.5], 0.333)
    """
    import numpy as np

    x_hat = np.fft.rfft(x, norm="ortho")
    largest, next_one = np.argsort(-abs(x_hat))[:2]
    alone = [np.where(np.arange(x_hat.size) == place, x_hat, 0) for place in (largest, next_one)]
    first, second = (np.fft.irfft(one, n=len(x), norm="ortho") for one in alone)
    return first, second, float(abs(x_hat[next_one]) / abs(x_hat[largest]))
