"""What multi-channel networks regularise: R_{K,C}(W), the least ‖U‖² + ‖V‖² of weights that realise W.

Every number here is certified by itself: an upper bound belongs to weights that realise W (or, for the SDP, to some of
as many channels as it takes), a lower bound to a q that is feasible for the dual. So their gap says how far R is known.

With M = V·U as a D × KR matrix, M[d,(k,r)] = Σ_c V[d,c] U[k,c,r], and 2‖M‖_* = min ‖U‖² + ‖V‖² over its factors:

* C ≥ min(KR, D): R = min {2‖M‖_* : D^{-1/2} Σ_{d+k=j} M[d,(k,r)] = W[j,r]} = max {2⟨W,q⟩ : ‖Q(q)‖_op ≤ 1},
  Q(q)[j,(k,r)] = q[(j+k) mod D, r]/√D; for fewer channels R is no less.
* R = 1: the same for every C ≥ 1, and both reduce to K × K matrices: see ``sdp`` and ``dual``.

Source: Jagadeesan, Razenshteyn & Gunasekar, COLT 2022 (arXiv:2102.12238).
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from theory import checks
from theory.arrays import to_numpy


class NoSolution(checks.BadInput):
    """The solver is missing, or it found none; the message says which."""


@dataclass(frozen=True)
class Certified:
    """Bounds on R, each attained by something that was found; NaN where none was."""

    lower: float
    upper: float

    @property
    def gap(self) -> float:
        """The duality gap, relative: upper/lower − 1."""
        return self.upper / self.lower - 1


def as_matrix(predictor: Any, kernel_size: Any) -> tuple[Float[np.ndarray, "d r"], int]:
    """W as (D, R), and K.

    Raises
    ------
    BadInput
        If W is not an array of one or two dimensions, finite and not zero, or K is not between 1 and D.
    """
    w = checks.array("predictor", to_numpy(predictor), np, ndim=(1, 2)).astype(np.float64)
    if not np.any(w):
        raise checks.refuse("predictor", "zero", "different from zero")
    w = w.reshape(len(w), -1)
    k = checks.integer("kernel_size", kernel_size, least=1)
    if k > len(w):
        raise checks.refuse("kernel_size", k, f"at most the {len(w)} positions of the predictor")
    return w, k


def closed_form(predictor: Float[Any, "d *r"], kernel_size: int) -> float:
    """R where it is known: 2√D ‖W‖_* for K = 1, from C = rank W on; 2 Σ_d ‖Ŵ_d‖₂ for K = D and every C.

    For one input channel that is 2√D ‖w‖₂ and 2‖ŵ‖₁. That one channel suffices for K = D is derived here: V̂_d =
    √‖Ŵ_d‖ and Û_d = Ŵ_d/√‖Ŵ_d‖ realise W, and no weights have ‖V̂_d‖ ‖Û_d‖ < ‖Ŵ_d‖.

    Raises
    ------
    BadInput
        If K is neither 1 nor D, or as for ``as_matrix``.

    Examples
    --------
    >>> import numpy as np
    >>> closed_form(np.array([3.0, 4.0, 0.0, 0.0]), 1)
    20.0
    """
    w, k = as_matrix(predictor, kernel_size)
    if k == 1:
        return float(2 * np.sqrt(len(w)) * np.linalg.svd(w, compute_uv=False).sum())
    if k != len(w):
        raise checks.refuse("kernel_size", k, f"1 or {len(w)}, as only there R has a closed form")
    return float(2 * np.linalg.norm(np.fft.fft(w, axis=0, norm="ortho"), axis=1).sum())


# ------------------------------------------------------------------------------------------------------ certificates


def hankel(q: Float[np.ndarray, "d r"], kernel_size: int) -> Float[np.ndarray, "d kr"]:
    """Q(q)[j,(k,r)] = q[(j+k) mod D, r]/√D: the adjoint of what makes W of M.

    >>> import numpy as np
    >>> hankel(np.array([[2.0], [4.0], [6.0], [8.0]]), 2).tolist()
    [[1.0, 2.0], [2.0, 3.0], [3.0, 4.0], [4.0, 1.0]]
    """
    places = (np.arange(len(q))[:, None] + np.arange(kernel_size)) % len(q)
    return q[places].reshape(len(q), -1) / np.sqrt(len(q))


def realised(m: Float[np.ndarray, "d kr"], kernel_size: int) -> Float[np.ndarray, "d r"]:
    """The W of M: D^{-1/2} Σ_k M[j−k, (k,r)]."""
    blocks = m.reshape(len(m), kernel_size, -1)
    return sum(np.roll(blocks[:, k], k, axis=0) for k in range(kernel_size)) / np.sqrt(len(m))


def dual_bound(predictor: Float[np.ndarray, "d r"], q: Float[np.ndarray, "d r"], kernel_size: int) -> float:
    """2⟨W,q⟩/‖Q(q)‖_op: no weights of any number of channels have a smaller ‖U‖² + ‖V‖²."""
    return float(2 * np.sum(predictor * q) / np.linalg.norm(hankel(q, kernel_size), 2))


def _upper_from_gram(w: Any, gram: Any) -> float:
    """R = 1: the least tr G' + Σ_d |ŵ_d|²/(f_d* G' f_d) over the multiples G' of G made positive semidefinite."""
    values, vectors = np.linalg.eigh((gram + gram.T) / 2)
    roots = vectors * np.sqrt(np.maximum(values, 0))
    w_hat = np.abs(np.fft.fft(w[:, 0], norm="ortho"))
    power = np.sum(np.abs(np.fft.fft(roots, n=len(w), axis=0, norm="ortho")) ** 2, axis=1)
    rest = np.sum(w_hat[w_hat > 0] ** 2 / power[w_hat > 0])
    return float(2 * np.sqrt(np.maximum(values, 0).sum() * rest))


def _upper_from_product(w: Any, m: Any, kernel_size: int) -> float:
    """2‖M'‖_* of the M' nearest to M that realises W: what makes W of M, times its adjoint, is K/D."""
    nearest = m + hankel(w - realised(m, kernel_size), kernel_size) * len(w) / kernel_size
    return float(2 * np.linalg.svd(nearest, compute_uv=False).sum())


# --------------------------------------------------------------------------------------------------- convex programs


def sdp(predictor: Float[Any, "d *r"], kernel_size: int) -> float:
    """R for as many channels as it takes, by the semidefinite program; an upper bound, off by the solver's tolerance.

    R = 1: min over real G ⪰ 0, K × K, of tr G + Σ_d |ŵ_d|²/(f_d* G f_d), f_d the first K entries of row d of the
    unitary Fourier matrix. R > 1: min 2‖M‖_* over the M that realise W.

    Raises
    ------
    NoSolution
        If cvxpy or Clarabel is missing, or the solver ends without a solution.
    BadInput
        As for ``as_matrix``.

    Examples
    --------
    >>> import numpy as np
    >>> w = np.array([1.0, 2.0, 0.0, -1.0])
    >>> bool(closed_form(w, 4) < sdp(w, 2) < closed_form(w, 1))
    True
    """
    w, k = as_matrix(predictor, kernel_size)
    size = np.linalg.norm(w)
    if w.shape[1] == 1:
        return float(size * _upper_from_gram(w / size, _solve_gram(w / size, k)))
    return float(size * _upper_from_product(w / size, _solve_product(w / size, k), k))


def _solve_gram(w: Any, k: int) -> Any:
    cp = convex()
    w_hat, count, cosines = np.abs(np.fft.rfft(w[:, 0], norm="ortho")), multiplicities(len(w)), gram_rows(len(w), k)
    gram, each = cp.Variable((k, k), PSD=True), cp.Variable(len(count))
    power = cosines @ cp.vec(gram, order="C")
    terms = [cp.quad_over_lin(w_hat[m], power[m]) <= each[m] for m in range(len(count))]
    solve(cp.Problem(cp.Minimize(cp.trace(gram) + count @ each), terms), "SDP")
    return gram.value


def _solve_product(w: Any, k: int) -> Any:
    cp = convex()
    m = cp.Variable((len(w), k * w.shape[1]))
    realises = _adjoint(w.shape, k).T @ cp.vec(m, order="C") == w.ravel()
    solve(cp.Problem(cp.Minimize(2 * cp.normNuc(m)), [realises]), "SDP")
    return m.value


def dual(predictor: Float[Any, "d *r"], kernel_size: int, *, reduced: bool | None = None) -> float:
    """max 2⟨W,q⟩ subject to ‖Q(q)‖_op ≤ 1: a lower bound of R for any number of channels, off by the tolerance.

    With one input channel only s_d = |q̂_d|² matters, and ‖Q‖_op ≤ 1 says Σ_d s_d f_d f_d* ⪯ 1, K × K
    (``reduced``, the default there).

    Raises
    ------
    NoSolution, BadInput
        As for ``sdp``.
    """
    w, k = as_matrix(predictor, kernel_size)
    size = np.linalg.norm(w)
    small = w.shape[1] == 1 if reduced is None else reduced
    q = _solve_reduced(w / size, k) if small else _solve_dual(w / size, k)
    return float(size * dual_bound(w / size, q, k))


def _solve_reduced(w: Any, k: int) -> Any:
    cp = convex()
    w_hat, count = np.fft.rfft(w[:, 0], norm="ortho"), multiplicities(len(w))
    s = cp.Variable(len(count), nonneg=True)
    square = cp.reshape(s @ (count[:, None] * gram_rows(len(w), k)), (k, k), order="C")
    goal = 2 * (count * np.abs(w_hat)) @ cp.sqrt(s)
    solve(cp.Problem(cp.Maximize(goal), [np.eye(k) - (square + square.T) / 2 >> 0]), "dual")
    phase = w_hat / np.where(w_hat == 0, 1, np.abs(w_hat))
    return np.fft.irfft(np.sqrt(np.maximum(s.value, 0)) * phase, n=len(w), norm="ortho")[:, None]


def _solve_dual(w: Any, k: int) -> Any:
    cp = convex()
    q = cp.Variable(w.size)
    matrix = cp.reshape(_adjoint(w.shape, k) @ q, (len(w), k * w.shape[1]), order="C")
    solve(cp.Problem(cp.Maximize(2 * w.ravel() @ q), [cp.sigma_max(matrix) <= 1]), "dual")
    return q.value.reshape(w.shape)


def _adjoint(shape: tuple[int, int], k: int) -> Any:
    """q ↦ Q(q), both flattened, as a sparse matrix."""
    from scipy import sparse

    d, r = shape
    columns = hankel(np.arange(d * r).reshape(d, r) * np.sqrt(d), k).round().astype(int).ravel()
    rows = np.arange(d * k * r)
    return sparse.csr_array((np.full(len(rows), 1 / np.sqrt(d)), (rows, columns)), shape=(d * k * r, d * r))


def multiplicities(dim: int) -> Float[np.ndarray, " half"]:
    """How many of the D frequencies each of the first D//2 + 1 stands for in a real signal.

    >>> multiplicities(4).tolist(), multiplicities(5).tolist()
    ([1.0, 2.0, 1.0], [1.0, 2.0, 2.0])
    """
    count = np.full(dim // 2 + 1, 2.0)
    count[0] = 1.0
    if dim % 2 == 0:
        count[-1] = 1.0
    return count


def gram_rows(dim: int, k: int) -> Float[np.ndarray, "half kk"]:
    """Re f_m f_m*, flattened, at those frequencies: f_m* G f_m is its product with G."""
    turn = 2 * np.pi * np.arange(dim // 2 + 1)[:, None, None] / dim
    return (np.cos(turn * (np.arange(k)[:, None] - np.arange(k))) / dim).reshape(-1, k * k)


def convex() -> Any:
    """cvxpy.

    Raises
    ------
    NoSolution
        If it or Clarabel is not installed.
    """
    try:
        import cvxpy
    except ImportError:
        raise NoSolution("cvxpy is missing; it must be installed (extra convex)") from None
    if "CLARABEL" not in cvxpy.installed_solvers():  # type: ignore[no-untyped-call]
        raise NoSolution("Clarabel is missing; it must be installed (extra convex)")
    return cvxpy


def solve(problem: Any, name: str) -> None:
    """Solve by Clarabel. What it calls inaccurate is accepted: the bounds made of it hold whatever it is.

    Raises
    ------
    NoSolution
        If it fails, or the problem is infeasible or unbounded.
    """
    cp = convex()
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Solution may be inaccurate", category=UserWarning)
            problem.solve(solver=cp.CLARABEL)
    except cp.error.SolverError as error:
        reason = " ".join(str(error).split())
        raise NoSolution(f"{name} is not solved ({reason}); Clarabel must find a solution") from None
    if problem.status not in ("optimal", "optimal_inaccurate"):
        raise NoSolution(f"{name} is {problem.status}; Clarabel must find a solution")
