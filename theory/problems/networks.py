"""Networks of convolutional layers, to be learned from one input and its output, as in the text or in its program."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Float

from theory import checks
from theory.landscapes import Plane, directions
from theory.objectives.extended_conv import ConventionalLoss, ExtendedLoss, Network, respond

LAM = 0.04
"""λ of the authors' program."""


@dataclass(frozen=True)
class Preset:
    """What the text and the program do differently."""

    padding: Literal["valid", "zero"]
    deviation: float
    half: bool
    match: Literal["norm", "moments"]


PRESETS = {
    "text": Preset(padding="valid", deviation=1.0, half=False, match="moments"),
    "program": Preset(padding="zero", deviation=0.01, half=True, match="norm"),
}
"""Zeros around the input, its standard deviation, the ½ of the extended data term, how directions match filters."""

WEIGHTS = ("uniform", "normal")
"""Laws of w*: U(−1/√T, 1/√T), which is where PyTorch's layers begin, and N(0, I). The text says neither."""


@dataclass(frozen=True)
class NetworkProblem:
    """A network, its input x, the true weights w*, and y = G(x; w*): on NumPy, its objectives on ``xp``."""

    network: Network
    preset: Preset
    x: Float[np.ndarray, "c rows columns"]
    w_star: Float[np.ndarray, " p"]
    y: Float[np.ndarray, "c h w"]
    xp: Any = np

    def conventional(self) -> ConventionalLoss:
        """Equation 9."""
        return ConventionalLoss(self.network, self.xp.asarray(self.x), self.xp.asarray(self.y))

    def extended(self, lam: float = LAM, **options: Any) -> ExtendedLoss:
        """Equation 10."""
        place = self.network, self.xp.asarray(self.x), self.xp.asarray(self.y)
        return ExtendedLoss(*place, lam, **{"half": self.preset.half, **options})

    def plane(self, *, rng: Any) -> Plane:
        """A plane of two random directions through w*."""
        return Plane(self.w_star, *directions(self.network, self.w_star, 2, rng=rng, match=self.preset.match))


def network_problem(
    preset: str = "program",
    *,
    rng: Any,
    weights: str = "uniform",
    shape: Sequence[int] = (16, 16),
    depth: int = 4,
    xp: Any = np,
) -> NetworkProblem:
    """A random network of 3×3 kernels in the setting of "text" or "program".

    Raises
    ------
    BadInput
        If the preset or the law of the weights is unknown, the shape too small for the depth, or there is no ``rng``.

    Examples
    --------
    >>> problem = network_problem("program", rng=np.random.default_rng(0))
    >>> problem.network.primary, bool(problem.conventional().value(problem.w_star) < 1e-28)
    (36, True)
    """
    if preset not in PRESETS:
        raise checks.refuse("preset", repr(preset), " or ".join(map(repr, PRESETS)))
    if weights not in WEIGHTS:
        raise checks.refuse("weights", repr(weights), " or ".join(map(repr, WEIGHTS)))
    chosen, rng = PRESETS[preset], checks.generator("rng", rng)
    network = Network(shape, depth=depth, padding=chosen.padding)
    x = chosen.deviation * rng.standard_normal(network.input)
    if weights == "normal":
        w_star = rng.standard_normal(network.primary)
    else:
        bound = 1 / math.sqrt(network.layers[0].taps)
        w_star = rng.uniform(-bound, bound, network.primary)
    return NetworkProblem(network, chosen, x, w_star, respond(network, x, w_star), xp)
