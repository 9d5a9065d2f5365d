r"""Planes of random directions through a network, and what the objectives are on them.

    L(α, β) = L(w* + αδ + βη)        Equations 9 and 10; δ, η random, each filter's part as long as the filter

Sources: Li et al. (2018), "Visualizing the loss landscape of neural nets", for directions of the filters' norms;
Siahkoohi, Louboutin & Herrmann (2021) for those of the filters' means and standard deviations.
"""

from __future__ import annotations

import hashlib
from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from jaxtyping import Float

from theory import checks
from theory.arrays import array_namespace, to_numpy
from theory.descent import project
from theory.descent.projection import ITERATIONS
from theory.landscapes.exchange import neighbours, settled

Match = Literal["norm", "moments"]


def directions(
    network: Any, w_star: Float[np.ndarray, " p"], count: int, *, rng: Any, match: Match = "norm"
) -> Float[np.ndarray, "count p"]:
    """Random directions, each filter's part with the norm of the filter, or with its mean and standard deviation.

    Raises
    ------
    BadInput
        If w* is not the network's, ``match`` is neither, or there is no ``rng``.

    Examples
    --------
    >>> from theory.objectives.extended_conv import Network
    >>> w = np.arange(18.0)
    >>> d = directions(Network((5, 5), depth=2), w, 2, rng=np.random.default_rng(0))
    >>> bool(np.allclose(np.linalg.norm(d[:, 9:], axis=1), np.linalg.norm(w[9:])))
    True
    """
    w_star = checks.array("w_star", w_star, np, ndim=(1,))
    if w_star.shape != (network.primary,):
        raise checks.refuse("w_star", f"an array of shape {w_star.shape}", f"of shape ({network.primary},)")
    drawn = checks.generator("rng", rng).standard_normal((checks.integer("count", count, least=1), w_star.size))
    if match not in ("norm", "moments"):
        raise checks.refuse("match", repr(match), "'norm' or 'moments'")
    for here in network.filters:
        part, like = drawn[:, here], w_star[here]
        if match == "norm":
            drawn[:, here] = part * (np.linalg.norm(like) / np.linalg.norm(part, axis=1, keepdims=True))
        else:
            spread = part - part.mean(axis=1, keepdims=True)
            size = part.std(axis=1, keepdims=True)
            drawn[:, here] = like.mean() + like.std() * spread / np.where(size > 0, size, 1)
    return drawn


@dataclass(frozen=True)
class Plane:
    """w* + αδ + βη.

    Raises
    ------
    BadInput
        If the three are not vectors of one length, or have NaN or infinity in them.
    """

    w_star: Float[np.ndarray, " p"]
    delta: Float[np.ndarray, " p"]
    eta: Float[np.ndarray, " p"]

    def __post_init__(self) -> None:
        for name in ("w_star", "delta", "eta"):
            part = checks.array(name, getattr(self, name), np, ndim=(1,))
            if part.shape != np.shape(self.w_star):
                raise checks.refuse(name, f"an array of shape {part.shape}", f"as long as w_star, {len(self.w_star)}")

    def at(self, alpha: Any, beta: Any) -> Float[np.ndarray, "points p"]:
        """The points of these coordinates, a row each."""
        alpha, beta = np.ravel(alpha)[:, None], np.ravel(beta)[:, None]
        return self.w_star + alpha * self.delta + beta * self.eta

    def project(self, w: Float[np.ndarray, "points p"]) -> tuple[Float[np.ndarray, "points 2"], Any]:
        """Coordinates of the nearest points of the plane, by least squares, and how far from it the given ones are.

        >>> plane = Plane(np.zeros(3), np.array([2.0, 0, 0]), np.array([1.0, 1, 0]))
        >>> [part.tolist() for part in plane.project(np.array([[5.0, 1, 7]]))]
        [[[2.0, 1.0]], [7.0]]
        """
        basis = np.stack([self.delta, self.eta], axis=1)
        w = checks.array("w", w, np, ndim=(1, 2))
        if w.shape[-1] != self.w_star.size:
            raise checks.refuse("w", f"an array of shape {w.shape}", f"of {self.w_star.size} numbers a point")
        apart = np.atleast_2d(w) - self.w_star
        found = np.linalg.lstsq(basis, apart.T, rcond=None)[0]
        return found.T.round(14), np.linalg.norm(apart - (basis @ found).T, axis=1)


class Row(NamedTuple):
    """One row of a landscape: the objective, its data term, the certificate ``gain``, and of which landscape it is."""

    value: Any
    data: Any
    gain: Any
    of: str = ""


@dataclass(frozen=True)
class Landscape:
    """An objective on a grid of α (rows) and β (columns); ``gain`` is 0 where there is no inner problem."""

    ticks: Float[np.ndarray, " ticks"]
    value: Float[np.ndarray, "ticks ticks"]
    data: Float[np.ndarray, "ticks ticks"]
    gain: Float[np.ndarray, "ticks ticks"]

    @property
    def normal(self) -> Float[np.ndarray, "ticks ticks"]:
        """(L − min)/(max − min)."""
        low, high = self.value.min(), self.value.max()
        return (self.value - low) / (high - low if high > low else 1.0)


def landscape(
    loss: Any,
    plane: Plane,
    *,
    ticks: int = 21,
    reach: float = 4.0,
    known: MutableMapping[int, Row] | None = None,
    rng: Any = None,
    **options: Any,
) -> Landscape:
    """The objective on [−reach, reach]², row by row.

    Parameters
    ----------
    loss
        A conventional loss, or an extended one, whose inner problem :func:`theory.descent.project` solves at each point
        with these ``options``.
    plane
        Where.
    ticks, reach
        Points to a side, and how far they go.
    known
        Rows of this landscape that are known already, by number; those computed here are added, so that one which was
        interrupted is taken up by handing the same mapping in again. A row's random starts depend on its number alone.
        A row remembers the plane, the grid, the objective and the options that it is of.
    rng
        For random auxiliary starts.

    Raises
    ------
    BadInput
        If an argument is out of its range.
    """
    along = np.linspace(-checks.positive("reach", reach), reach, checks.integer("ticks", ticks, least=2))
    known = {} if known is None else known
    streams = [None] * along.size if rng is None else checks.generator("rng", rng).spawn(along.size)
    of = _fingerprint(loss, plane, along, options)
    for number, alpha in enumerate(along):
        if number not in known:
            found = values(loss, plane, np.full(along.size, alpha), along, rng=streams[number], **options)
            known[number] = found._replace(of=of)
        elif np.shape(known[number][0]) != along.shape:
            raise checks.refuse(
                "known", f"a row of shape {np.shape(known[number][0])}", f"of {along.size} points a row"
            )
        elif getattr(known[number], "of", "") != of:
            raise checks.refuse("known", "rows of another plane, objective or grid", "rows of this landscape")
    rows = [known[number] for number in range(along.size)]
    return Landscape(along, *(np.stack([row[part] for row in rows]) for part in range(3)))


def _fingerprint(loss: Any, plane: Plane, along: Any, options: Any) -> str:
    """What a row's numbers depend on beside its number and the random generator."""
    arrays = [plane.w_star, plane.delta, plane.eta, along, *(to_numpy(a) for a in (getattr(loss, "x", 0.0), loss.y))]
    of = [
        type(loss).__name__,
        *(getattr(loss, name, None) for name in ("factor", "lam", "form")),
        sorted(options.items()),
    ]
    found = hashlib.sha256(repr(of).encode())
    for one in arrays:
        found.update(repr(np.shape(one)).encode() + np.ascontiguousarray(one, dtype=float).tobytes())
    return found.hexdigest()


def values(
    loss: Any,
    plane: Plane,
    alpha: Any,
    beta: Any,
    *,
    start: Any = "primary",
    iterations: int = ITERATIONS,
    exchanges: int = 0,
    rng: Any = None,
    **options: Any,
) -> Row:
    """The objective at these points of the plane.

    ``start`` may be, or be a list with, "true": every auxiliary weight as in w*, where the data term is w*'s own and
    the penalty λ²/2 ‖E(ŵ − w*)‖², so that L_ext grows with the square of the distance at most, wherever L does.
    ``exchanges`` is how often the points look at their neighbours' weights at most: :mod:`theory.landscapes.exchange`.
    """
    xp = array_namespace(loss.y)
    w = xp.asarray(plane.at(alpha, beta))
    if not hasattr(loss, "lam"):
        found = to_numpy(loss.value(w))
        return Row(found, found, np.zeros_like(found))
    listed = start if isinstance(start, list | tuple) else (start,)
    starts = [_true(loss, plane, w) if isinstance(one, str) and one == "true" else one for one in listed]
    if checks.integer("exchanges", exchanges, least=0):
        near = neighbours(alpha, beta)
        solved = settled(loss, w, near, starts, exchanges=exchanges, iterations=iterations, rng=rng, **options)
    else:
        solved = project(loss, w, start=starts, iterations=iterations, rng=rng, **options)
    return Row(solved.value, solved.data, solved.gain)


def _true(loss: Any, plane: Plane, w: Any) -> Any:
    """Auxiliary weights that are w* at every pixel."""
    xp = array_namespace(w)
    if w.shape[-1] != loss.network.primary:
        raise checks.refuse("plane", f"one of {w.shape[-1]} weights", f"of {loss.network.primary}, as the network's")
    return loss.from_weights(w, loss.network.spread(xp.broadcast_to(xp.asarray(plane.w_star), w.shape)))
