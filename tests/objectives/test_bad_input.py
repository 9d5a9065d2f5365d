"""Mistakes of the caller's: one line that names the argument, its value and what is required."""

from __future__ import annotations

import numpy as np
import pytest

from theory.checks import BadInput
from theory.distributions import Atoms, Gaussian, Watson
from theory.objectives import PopulationLoss, SampleLoss

Z = np.random.default_rng(0).standard_normal((4, 3))
E1 = np.eye(3)[0]
CROSS = Atoms([[1.0, 0.0], [0.0, 1.0]])

REFUSED = {
    "zero teacher of a law": (
        lambda: PopulationLoss(Gaussian(3), np.zeros(3)),
        "teacher is the zero vector; it must be different",
    ),
    "zero teacher of atoms": (
        lambda: PopulationLoss(CROSS, [0, 0]),
        "teacher is the zero vector; it must be different",
    ),
    "zero teacher of a sample": (lambda: SampleLoss(Z, 0 * E1), "teacher is the zero vector; it must be different"),
    "NaN teacher": (
        lambda: PopulationLoss(Gaussian(2), [np.nan, 1]),
        "teacher is an array with NaN .*; it must be finite",
    ),
    "infinite teacher": (
        lambda: SampleLoss(Z, [np.inf, 1, 0]),
        "teacher is an array with NaN or inf.*; it must be finite",
    ),
    "teacher of words": (
        lambda: PopulationLoss(Gaussian(2), ["a", "b"]),
        "teacher is list; it must be an array of real numbers",
    ),
    "ragged teacher": (
        lambda: PopulationLoss(Gaussian(2), [[1], [1, 2]]),
        "teacher is list; it must be an array of real",
    ),
    "no teacher": (
        lambda: PopulationLoss(Gaussian(2), None),
        r"teacher is an array of shape \(\); it must be .* 1 dimension",
    ),
    "teacher too long": (
        lambda: PopulationLoss(Gaussian(2), [1, 2, 3]),
        r"teacher is .* shape \(3,\); it must be of shape \(2,\)",
    ),
    "teacher a matrix": (
        lambda: PopulationLoss(Gaussian(2), [[1, 2]]),
        r"teacher is .* shape \(1, 2\); it must be .* 1 dimension",
    ),
    "teacher off the axis": (
        lambda: PopulationLoss(Watson(3, 2.0), [1, 1, 0]),
        r"not along the axis .* watson\(2\).*SampleLoss\(",
    ),
    "a law without exact form": (
        lambda: PopulationLoss(Z, E1),
        "law is ndarray; it must be axis-symmetric .* use SampleLoss",
    ),
    "teacher of another length": (
        lambda: SampleLoss(Z, [1.0, 0.0]),
        r"teacher is .* shape \(2,\); it must be of shape \(3,\)",
    ),
    "NaN patches": (lambda: SampleLoss(Z * np.nan, E1), "patches is an array with NaN .*; it must be finite"),
    "patches of four dimensions": (
        lambda: SampleLoss(Z[None, None], E1),
        r"patches is .* \(1, 1, 4, 3\); .* 2 or 3 dimension",
    ),
    "no samples": (lambda: SampleLoss(Z[:0], E1), "number of samples is 0; it must be at least 1"),
    "no patches": (lambda: SampleLoss(np.zeros((4, 0, 3)), E1), "number of patches is 0; it must be at least 1"),
    "weights of another length": (
        lambda: SampleLoss(Z, E1, weights=[1, 2]),
        r"weights is .* \(2,\); it must be of shape \(4,\)",
    ),
    "NaN weights": (
        lambda: SampleLoss(Z, E1, weights=[np.nan] * 4),
        "weights is an array with NaN .*; it must be finite",
    ),
    "negative weights": (
        lambda: SampleLoss(Z, E1, weights=[1, -1, 1, 1]),
        "weights is .* negative .*; it must be nonnegative",
    ),
    "w too short": (
        lambda: SampleLoss(Z, E1).value(np.zeros(2)),
        r"w is .* shape \(2,\); it must be of shape \(3,\) or \(3, runs\)",
    ),
    "w transposed": (
        lambda: SampleLoss(Z, E1).gradient(np.zeros((5, 3))),
        r"w is .* shape \(5, 3\); it must be of shape \(3,\)",
    ),
    "w of three dimensions": (
        lambda: PopulationLoss(Gaussian(3), E1).value(np.zeros((3, 1, 1))),
        r"w is .* shape \(3, 1, 1\)",
    ),
    "w a list": (
        lambda: PopulationLoss(Gaussian(3), E1).gradient([1.0, 0.0, 0.0]),
        r"w is list; it must be of shape \(3,\)",
    ),
    "w a number": (lambda: PopulationLoss(Gaussian(3), E1).value(1.0), r"w is float; it must be of shape \(3,\)"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_in_one_line(case):
    call, message = REFUSED[case]
    with pytest.raises(BadInput, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "w_star", [[1, 0, 0], np.array([1, 0, 0]), np.array([1, 0, 0], dtype=np.float32)], ids=["list", "int", "float32"]
)
def test_any_real_numbers_make_a_teacher(w_star):
    w = np.array([0.5, 0.2, 0.1])
    assert PopulationLoss(Gaussian(3), w_star).value(w) == PopulationLoss(Gaussian(3), E1).value(w)
    assert SampleLoss(Z.tolist(), w_star).value(w) == pytest.approx(SampleLoss(Z, E1).value(w), rel=1e-15 * 8)


def test_a_sampled_law_is_the_alternative_that_the_message_names():
    law, w_star = Watson(3, 2.0), np.array([1.0, 1.0, 0.0])
    loss = SampleLoss(law.sample(100, rng=np.random.default_rng(0)), w_star)
    assert loss.value(w_star) == 0
