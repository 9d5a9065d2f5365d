"""The Gabor question: descent on the angle, on a population and on an image, and the starts that a remedy loses."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from benchmarks.common import OnBackend, Timed, bounded, unit
from theory import problems
from theory.descent import REMEDIES, HeavyBall, Task, turn
from theory.objectives.gabor import Circle, GaborFilter, GaborLoss, diagnose, of_image, of_images, stationary, white
from theory.objectives.gabor.filter import PARAMETERS

SEED, PICTURES, STARTS, BUDGET, SIDE = 2017, 20, 64, 240, 64
TRUTH = GaborFilter()


def angles(starts: int) -> Any:
    """Evenly around the circle, on one image."""
    return 2 * math.pi * (0.5 + np.arange(starts))[None] / starts


class PopulationDescent(Timed):
    """A thousand starts and a thousand steps on the population loss of white noise, with the series made."""

    version = "2"
    params: list[Any] = [["numpy"]]

    def run(self) -> None:
        """All steps of all starts."""
        circle = Circle([white(TRUTH.size)], TRUTH)
        turn(circle.gradient, angles(1000), HeavyBall(1 / circle.steepest()[:, None]), 1000)


class PopulationDescentInFive(Timed):
    """A thousand starts and a thousand steps in θ, λ, σ, γ and ψ on the population loss of white or smooth noise."""

    version = "3"
    params: list[Any] = [["numpy"], ["white", "smooth"]]
    param_names = [*OnBackend.param_names, "noise"]

    def prepare(self, noise: str) -> None:
        """The starts, and what is compiled."""
        seen = stationary(problems.spectrum(noise, SIDE), TRUTH.size) if noise == "smooth" else white(TRUTH.size)
        self.loss = GaborLoss(seen, TRUTH, "mse", PARAMETERS[:5])
        rng = np.random.default_rng(SEED)
        self.start = self.loss.teacher[:, None] * (1 + 0.1 * rng.standard_normal((5, 1000)))
        self.start[0] = angles(1000)[0]
        self.loss.gradient(self.start)

    def run(self) -> None:
        """All steps of all starts."""
        turn(self.loss.gradient, self.start, HeavyBall(1e-5), 1000)


class ImageDescent(Timed):
    """On an image of 256×256: its moments, then 64 starts and 200 steps."""

    version = "2"
    params: list[Any] = [["numpy"], ["mse", "rmse"]]
    param_names = [*OnBackend.param_names, "loss"]

    def prepare(self, loss: str) -> None:
        """The image."""
        self.image, self.loss = problems.textures("white", 1, 256, rng=np.random.default_rng(SEED))[0], loss

    def run(self) -> None:
        """The moments, the series, and all steps."""
        circle = Circle([of_image(self.image, TRUTH.size)], TRUTH, self.loss)
        turn(circle.gradient, angles(STARTS), HeavyBall(1e-3), 200)


class PixelGradient(Timed):
    """Gradient of 64 starts on an image of 256×256, pixel by pixel of the filter: θ alone, or all six parameters."""

    version = "2"
    params: list[Any] = [["numpy"], ["theta", "all"]]
    param_names = [*OnBackend.param_names, "learned"]

    def prepare(self, learned: str) -> None:
        """The loss and the starts."""
        image = problems.textures("white", 1, 256, rng=np.random.default_rng(SEED))[0]
        names = PARAMETERS if learned == "all" else ("theta",)
        self.loss = GaborLoss(of_image(image, TRUTH.size), TRUTH, "mse", names)
        self.w = np.repeat(self.loss.teacher[:, None], STARTS, axis=1)
        self.w[0] = angles(STARTS)[0]

    def run(self) -> None:
        """One gradient."""
        self.loss.gradient(self.w)


class Diagnosis(Timed):
    """The whole diagnosis of the question, on an image of 256×256."""

    version = "2"
    params: list[Any] = [["numpy"]]

    def prepare(self) -> None:
        """The image."""
        self.image = problems.textures("white", 1, 256, rng=np.random.default_rng(SEED))[0]

    def run(self) -> None:
        """Moments, landscape, and the run from the asker's start."""
        diagnose(self.image, TRUTH, start=-math.pi / 4, step=1e-3)


class Remedies(OnBackend):
    """What share of 64 starts on 20 images of white noise each remedy does not bring home."""

    version = "1"
    params: list[Any] = [["numpy"], ["plain", "several starts", "bandwidth, correlation", "disc"]]
    param_names = [*OnBackend.param_names, "remedy"]

    def prepare(self, remedy: str) -> None:
        """The images and the starts."""
        pictures = problems.textures("white", PICTURES, 64, rng=np.random.default_rng(SEED))
        self.task, self.remedy = Task(of_images(pictures, TRUTH.size), TRUTH), REMEDIES[remedy]
        self.start = np.tile(angles(STARTS), (PICTURES, 1))

    @unit("share of starts")
    def track_failures(self, *_: Any) -> float:
        """The share that does not end within 0.01 of the truth; 1 in 1,280 is one start."""
        ends = self.remedy(self.task, self.start, BUDGET)
        return bounded(np.mean(self.task.circle().off(ends[-1]) >= 0.01), floor=1 / (2 * PICTURES * STARTS))
