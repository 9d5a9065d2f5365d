r"""Planes of random directions through a network, and what the objectives are on them.

    L(α, β) = L(w* + αδ + βη)        Equations 9 and 10; δ, η random, each filter's part as long as the filter

Sources: Li et al. (2018), "Visualizing the loss landscape of neural nets", for directions of the filters' norms;
Siahkoohi, Louboutin & Herrmann (2021) for those of the filters' means and standard deviations.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from jaxtyping import Float

from theory import checks
from theory.arrays import array_namespace, to_numpy
from theory.descent import project

Match = Literal["norm", "moments"]


def directions(
    network: Any, w_star: Float[np.ndarray, " p"], count: int, *, rng: Any, match: Match = "norm"
) -> Float[np.ndarray, "count p"]:
    """Random directions, each filter's part with the norm of the filter, or with its mean and standard deviation.

    Raises
    ------
    BadInput
        If w* is not the network's, or ``match`` is neither.

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
    drawn = rng.standard_normal((checks.integer("count", count, least=1), w_star.size))
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
    """w* + αδ + βη."""

    w_star: Float[np.ndarray, " p"]
    delta: Float[np.ndarray, " p"]
    eta: Float[np.ndarray, " p"]

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
        apart = np.atleast_2d(w) - self.w_star
        found = np.linalg.lstsq(basis, apart.T, rcond=None)[0]
        return found.T.round(14), np.linalg.norm(apart - (basis @ found).T, axis=1)


class Row(NamedTuple):
    """One row of a landscape: the objective, its data term, and the certificate ``gain``."""

    value: Any
    data: Any
    gain: Any


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
    rng
        For random auxiliary starts.

    Raises
    ------
    BadInput
        If an argument is out of its range.
    """
    along = np.linspace(-checks.positive("reach", reach), reach, checks.integer("ticks", ticks, least=2))
    known = {} if known is None else known
    streams = [None] * along.size if rng is None else rng.spawn(along.size)
    for number, alpha in enumerate(along):
        if number not in known:
            w = plane.at(np.full(along.size, alpha), along)
            known[number] = values(loss, w, rng=streams[number], **options)
        elif np.shape(known[number][0]) != along.shape:
            raise checks.refuse(
                "known", f"a row of shape {np.shape(known[number][0])}", f"of {along.size} points a row"
            )
    rows = [known[number] for number in range(along.size)]
    return Landscape(along, *(np.stack(part) for part in zip(*rows, strict=True)))


def values(loss: Any, w: Any, **options: Any) -> Row:
    """The objective at each of these networks."""
    w = array_namespace(loss.y).asarray(w)
    if not hasattr(loss, "lam"):
        found = to_numpy(loss.value(w))
        return Row(found, found, np.zeros_like(found))
    solved = project(loss, w, **options)
    return Row(solved.value, solved.data, solved.gain)
