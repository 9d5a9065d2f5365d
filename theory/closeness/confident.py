r"""γ(φ), L(φ), L_cross(φ), β(φ) and μ of close patches in any dimension, from a sample, at a stated confidence.

For a law that is symmetric about w*, w matters only through θ, so that it may turn in one plane, that of w* and e2. No
rotation or reflection of the other p − 2 directions alters E[u_a u_bᵀ], which therefore is a 2 × 2 matrix in the plane
and a multiple of the identity elsewhere: 27 means in all, of variables that lie within a range of 1 because ‖u‖ ≤ 1.

* At each angle θ_j of a grid they come with empirical Bernstein limits (Maurer & Pontil, 2009, Theorem 4): with
  probability 1 − δ at least, |mean − X̄| ≤ √(2 V ln(4/δ)/n) + 7 ln(4/δ)/(3 (n − 1)), V the sample's variance. A
  matrix whose entries are off by r_ij has eigenvalues and norms that are off by √Σ r_ij² at most.
* Between θ_j and θ_{j+1} patches go over from one region to another. With D_j the share of the patches of a sample that
  do, ‖A_{w,w*}(θ) − A_{w,w*}(θ_j)‖ ≤ E D_j: as many leave S(w,w*) as enter S(w,−w*) on average, by the symmetry
  z → −z, and what leaves changes uuᵀ by 2‖δu‖ at most. In the same way the three cross norms together change by 3 E D_j
  at most, and λ_max(A_{w,−w*}) by E D_j. E D_j has an upper limit of its own.
* δ is divided by the number of limits, so that all of them hold at once with the stated confidence, for every θ ≤ φ;
  the quotients by θ for every θ from ``least_angle`` on, below which a sample says nothing about them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from theory import checks
from theory.closeness.sample import Brackets, brackets_of
from theory.distributions import AxisSymmetric, ClosePatches
from theory.distributions.axial import reflect
from theory.smoothness import Bracket

BLOCK = 1 << 14
"""Samples held at once."""

GRID = 1024
"""Angles at which the means are estimated."""

_ROWS, _COLUMNS = np.triu_indices(6)
_FIRST, _SECOND = np.triu_indices(3)
ENTRIES = _ROWS.size + _FIRST.size


@dataclass
class _Sums:
    """Sums over samples: of the 27 products and their squares at each angle, and of the changes between angles."""

    angles: np.ndarray
    n: int = 0
    product: np.ndarray = field(default_factory=lambda: np.zeros(0))
    square: np.ndarray = field(default_factory=lambda: np.zeros(0))
    changes: np.ndarray = field(default_factory=lambda: np.zeros(0))
    bands: np.ndarray = field(default_factory=lambda: np.zeros(0))

    def __post_init__(self) -> None:
        size = self.angles.size
        self.product, self.square = np.zeros((size, ENTRIES)), np.zeros((size, ENTRIES))
        self.changes, self.bands = np.zeros(size), np.zeros(size)

    def add(self, z: Float[np.ndarray, "n k p"]) -> None:
        """Take in samples of patches whose first coordinate is along w* and whose second along e."""
        n, k, _ = z.shape
        taught, along, across = z[:, :, 0] >= 0, z[:, :, 0], z[:, :, 1]
        moves = np.where(taught, across < 0, across > 0)
        angle = np.where(moves, np.arctan2(np.abs(along), np.abs(across)), math.inf)
        order = np.argsort(angle, axis=1)
        angle = np.take_along_axis(angle, order, axis=1)
        # At θ_j everything has gone over whose angle is θ_j at most; what never does falls behind the last bin.
        place = np.searchsorted(self.angles, angle.ravel(), side="left")
        start, change = _regions(z, taught)
        steps = np.take_along_axis(change, order[:, :, None, None], axis=1) / k
        states = np.concatenate([start[:, None] / k, start[:, None] / k + np.cumsum(steps, axis=1)], axis=1)
        products = _products(states)
        for total, values in ((self.product, products), (self.square, products**2)):
            total[0] += np.sum(values[:, 0], axis=0)
            for entry, delta in enumerate(np.diff(values, axis=1).reshape(n * k, ENTRIES).T):
                total[:, entry] += np.bincount(place, weights=delta, minlength=self.angles.size + 1)[:-1]
        self.changes += np.bincount(place, minlength=self.angles.size + 1)[:-1] / k
        elevation = np.arcsin(np.minimum(np.abs(z[:, 0, 0]), 1.0))
        self.bands += np.bincount(np.searchsorted(self.angles, elevation), minlength=self.angles.size + 1)[:-1]
        self.n += n


def _regions(z: Float[np.ndarray, "n k p"], taught: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """k (u_{++}, u_{+−}, u_{−+}) at w = w*, (n, 3, p), and what each patch adds when it goes over, (n, k, 3, p)."""
    leaving, entering = taught[:, :, None] * z, ~taught[:, :, None] * z
    start = np.zeros((z.shape[0], 3, z.shape[2]))
    start[:, 0] = np.sum(leaving, axis=1)
    return start, np.stack([-leaving, entering, leaving], axis=2)


def _products(states: Float[np.ndarray, "n m 3 p"]) -> Float[np.ndarray, "n m 27"]:
    """The products of the six coordinates in the plane, and of the three vectors orthogonal to it."""
    n, m, _, _ = states.shape
    plane = states[:, :, :, :2].reshape(n, m, 6)
    rest = states[:, :, :, 2:]
    others = np.sum(rest[:, :, _FIRST] * rest[:, :, _SECOND], axis=3)
    return np.concatenate([plane[:, :, _ROWS] * plane[:, :, _COLUMNS], others], axis=2)


def estimated(
    law: ClosePatches,
    angle: float,
    *,
    n: int,
    rng: np.random.Generator,
    confidence: float = 0.9999,
    least_angle: float | None = None,
) -> tuple[Brackets, Bracket]:
    """Brackets of the constants of close patches in any dimension at ``confidence``, and of their μ.

    μ(φ) = sup_{0<t≤φ} P(|∠(Z_i, w*) − π/2| ≤ t)/t is bracketed over t from ``least_angle`` on as well.

    Parameters
    ----------
    law
        Close patches around centres with an axis of symmetry; w* is along it.
    angle
        φ in (0, π/2).
    n
        Samples drawn, at least 2; the brackets close like 1/√n.
    confidence
        With which all of the brackets hold at once.
    least_angle
        From where on the quotients by θ are bracketed; φ/16 if not given.

    Raises
    ------
    BadInput
        If the centres have no axis of symmetry, or a number is out of its range.

    Examples
    --------
    >>> law = ClosePatches(dim=3, k=2, spread=0.5, closeness=0.2)
    >>> found, _ = estimated(law, 0.5, n=2000, rng=np.random.default_rng(0))
    >>> found.gamma.lower < found.gamma.upper < found.L.lower < found.L.upper, found.confidence
    (True, 0.9999)
    """
    if not isinstance(getattr(law, "law", None), AxisSymmetric):
        label = getattr(law, "label", type(law).__name__)
        raise checks.refuse("law", label, "close patches around centres with an axis of symmetry")
    phi, drawn = checks.angle("angle", angle), checks.integer("n", n, least=2)
    level = checks.finite("confidence", confidence)
    if not 0 < level < 1:
        raise checks.refuse("confidence", level, "between 0 and 1, both excluded")
    least = phi / 16 if least_angle is None else checks.positive("least_angle", least_angle)
    if not least < phi:
        raise checks.refuse("least_angle", least, f"below the angle {phi}")
    sums = _Sums(np.linspace(0.0, phi, GRID + 1))
    for begin in range(0, drawn, BLOCK):
        z = law.sample(min(BLOCK, drawn - begin), rng=rng)
        flat = z if law.law.axis is None else reflect(z.reshape(-1, law.dim), law.law.direction).reshape(z.shape)
        sums.add(flat)
    return _brackets(sums, law.dim, least, level), _band(sums, least, level)


def _log_term(confidence: float) -> float:
    """ln(4/δ), δ shared by the limits: 27 means, a change and a band at every angle."""
    return math.log(4 * (ENTRIES + 2) * (GRID + 1) / (1 - confidence))


def _bernstein(variance: np.ndarray, n: int, log: float) -> np.ndarray:
    """How far a mean may be from that of n samples; ``variance`` is the mean square less the squared mean."""
    return np.sqrt(2 * variance / (n - 1) * log) + 7 * log / (3 * (n - 1))


def _brackets(sums: _Sums, dim: int, least: float, confidence: float) -> Brackets:
    angles, log = sums.angles, _log_term(confidence)
    mean, square = (np.cumsum(total, axis=0) / sums.n for total in (sums.product, sums.square))
    low, high = _four(mean, _bernstein(np.maximum(square - mean**2, 0.0), sums.n, log), dim)
    changed = sums.changes / sums.n
    # A share lies in [0, 1], so its variance does not exceed its mean.
    changed = changed + _bernstein(changed, sums.n, log)
    # What was counted at θ_j went over between θ_{j−1} and θ_j.
    high = high + np.append(changed[1:], 0.0)[:, None] * np.array([1.0, 1.0, 3.0, 1.0])
    # A stretch begins at θ_j, or at ``least_angle`` where that falls into it; before, the quotients do not count.
    begin, end = np.maximum(angles, least)[:, None], np.append(angles[1:], angles[-1])[:, None]
    high[:, 2:] = np.where(end < least, 0.0, high[:, 2:] / begin)
    low[:, 2:] = np.where(angles[:, None] < least, 0.0, low[:, 2:] / begin)
    return brackets_of(float(angles[-1]), least, np.max(low, axis=0), np.max(high, axis=0), confidence)


def _four(mean: np.ndarray, radius: np.ndarray, dim: int) -> tuple[np.ndarray, np.ndarray]:
    """−λ_min and λ_max of A_{w,w*}, the sum of the cross norms, λ_max(A_{w,−w*}) at each angle: lower, upper."""
    blocks = {(int(a), int(b)): i for i, (a, b) in enumerate(zip(_FIRST, _SECOND, strict=True))}
    matrix, error = _square(mean), _square(radius)

    def norm(a: int, b: int, *, least: bool = False) -> np.ndarray:
        place = (slice(None), slice(2 * a, 2 * a + 2), slice(2 * b, 2 * b + 2))
        size = -np.linalg.eigvalsh(matrix[place])[:, 0] if least else np.linalg.norm(matrix[place], 2, axis=(1, 2))
        off = np.linalg.norm(error[place], axis=(1, 2))
        limits = np.stack([size - off, size + off])
        if dim == 2:
            return limits
        rest, slack = (part[:, _ROWS.size + blocks[a, b]] / (dim - 2) for part in (mean, radius))
        rest = -rest if least else np.abs(rest)
        return np.maximum(limits, np.stack([rest - slack, rest + slack]))

    cross = norm(0, 1) + norm(0, 2) + norm(1, 2)
    low, high = np.stack([norm(0, 0, least=True), norm(0, 0), cross, norm(1, 1)], axis=2)
    return low, high


def _square(entries: np.ndarray) -> Float[np.ndarray, "m 6 6"]:
    full = np.zeros((entries.shape[0], 6, 6))
    full[:, _ROWS, _COLUMNS] = full[:, _COLUMNS, _ROWS] = entries[:, : _ROWS.size]
    return full


def _band(sums: _Sums, least: float, confidence: float) -> Bracket:
    """sup P(|∠(Z, w*) − π/2| ≤ t)/t over t from ``least`` on, of one patch a sample."""
    share, angles = np.cumsum(sums.bands) / sums.n, sums.angles
    radius = _bernstein(share * (1 - share), sums.n, _log_term(confidence))
    low = np.where(angles < least, 0.0, (share - radius) / np.maximum(angles, least))
    # Between two angles the share is at most that of the next.
    begin, end = np.maximum(angles[:-1], least), angles[1:]
    high = np.where(end < least, 0.0, (share + radius)[1:] / begin)
    return Bracket(max(0.0, float(low.max())), float(high.max()))
