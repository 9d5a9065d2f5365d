"""The loss on real images: one gradient, a descent, and how much of a filter is recovered from the digits."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.common import OnBackend, Timed, bounded, unit
from benchmarks.losses import SEED
from theory import problems
from theory.descent import Constant, descend
from theory.distributions import ImagePatches
from theory.objectives import ImageLoss

IMAGES, RUNS, STEPS = 1797, 20, 500


def loss_and_starts(distance: float) -> tuple[ImageLoss, Any]:
    """A 3×3 Gabor filter on the digits, and starts around it."""
    law = problems.image_patches("digits", IMAGES)
    loss = ImageLoss(law, problems.gabor(3))
    start = problems.around(loss.teacher, [distance] * RUNS, rng=np.random.default_rng(SEED))
    loss.gradient(start)  # compiled, where it is not yet
    return loss, start


class ImageGradient(Timed):
    """Gradient at 20 filters, of the digits' 1,797 images: somewhere new, or a thousandth of ‖w‖ away from the last."""

    version = "2"
    timeout = 60.0
    params: list[Any] = [["numpy"], ["new", "near"]]
    param_names = [*OnBackend.param_names, "place"]

    def prepare(self, place: str) -> None:
        """The loss, and places in turn."""
        self.loss, start = loss_and_starts(0.5)
        self.places = [-start if place == "new" else 1.001 * start, start]

    def run(self) -> None:
        """One gradient."""
        self.loss.gradient(self.places[0])
        self.places.reverse()


class ImageDescent(Timed):
    """Twenty starts and 500 steps on the digits."""

    version = "2"
    timeout = 120.0
    params: list[Any] = [["numpy"]]

    def prepare(self) -> None:
        """The loss, and the starts."""
        self.loss, self.start = loss_and_starts(0.5)

    def run(self) -> Any:
        """All steps of all runs."""
        step = Constant(1 / self.loss.curvature)
        return descend(self.loss, self.start, step=step, steps=STEPS, tolerance=0.0, stationary=0.0, record=2)


class ManyImages(Timed):
    """A tenth of MNIST's test set in size: 1,000 images of 28×28, 5×5 at stride 1, twenty starts, a hundred steps.

    Ten times the images and five times the steps are what the README times.
    """

    version = "2"
    timeout = 120.0
    params: list[Any] = [["numpy"]]

    def prepare(self) -> None:
        """Smooth strokes on an empty ground, and the starts."""
        rng = np.random.default_rng(SEED)
        noise = rng.standard_normal((1000, 28, 28))
        blurred = np.fft.irfft2(np.fft.rfft2(noise) * np.exp(-200 * (np.fft.fftfreq(28)[:, None] ** 2)), s=(28, 28))
        self.loss = ImageLoss(ImagePatches(np.maximum(blurred, 0), 5), problems.gabor(5))
        self.start = problems.around(self.loss.teacher, [0.5] * RUNS, rng=rng)
        self.loss.gradient(self.start)  # compiled, where it is not yet

    def run(self) -> Any:
        """All steps of all runs."""
        step = Constant(1 / self.loss.curvature)
        return descend(self.loss, self.start, step=step, steps=100, tolerance=0.0, stationary=0.0, record=2)


class Digits(OnBackend):
    """What these 500 steps recover."""

    version = "1"
    params: list[Any] = [["numpy"]]

    def prepare(self) -> None:
        """Descend."""
        descent = ImageDescent()
        descent.prepare()
        self.loss, self.found = descent.loss, descent.run()

    @unit("1 − cosine")
    def track_recovery_digits(self, *_: Any) -> float:
        """Mean of 1 − cos ∠(w, w*) over the starts; rounding begins below 1e-15."""
        true = np.broadcast_to(self.loss.teacher[:, None], self.found.w.shape)
        return bounded(np.mean(1 - problems.cosine(self.found.w, true)), floor=1e-15)

    @unit("relative loss")
    def track_relative_loss(self, *_: Any) -> float:
        """Mean over the starts of mean squared error over mean square label."""
        return bounded(np.mean(self.loss.relative(self.found.loss[-1])), floor=1e-30)
