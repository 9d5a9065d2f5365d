"""Every mistake in making or asking a law is refused in one line with the argument, its value and the requirement."""

import math

import numpy as np
import pytest

from theory.checks import BadInput
from theory.distributions import AngularMixture, Atoms, Gaussian, ImagePatches, UniformSphere, Watson

RNG = np.random.default_rng(0)
CROSS = [[1, 0], [0, 1]]
NAN, INF = math.nan, math.inf

# what is called, the argument named, its value shown, the requirement stated
MISTAKES = [
    (lambda: AngularMixture(3, -0.5), "spread is -0.5;", "greater than 0"),
    (lambda: AngularMixture(3, 0), "spread is 0.0;", "greater than 0"),
    (lambda: AngularMixture(3, NAN), "spread is NaN;", "a real number"),
    (lambda: AngularMixture(3, -INF), "spread is -inf;", "greater than 0"),
    (lambda: AngularMixture(3, "wide"), "spread is 'wide';", "a real number"),
    (lambda: AngularMixture(3, None), "spread is None;", "a real number"),
    (lambda: Watson(3, NAN), "concentration is NaN;", "a real number"),
    (lambda: Watson(3, INF), "concentration is inf;", "finite"),
    (lambda: Watson(3, 1e7), "concentration is 10000000.0;", "between -1e+06 and 1e+06"),
    (lambda: Watson(3, 1j), "concentration is 1j;", "a real number"),
    *[
        (lambda make=make, dim=dim: make(dim), f"dim is {shown};", required)
        for make in (Gaussian, UniformSphere, lambda p: AngularMixture(p, 1.0), lambda p: Watson(p, 1.0))
        for dim, shown, required in (
            (1, "1", "at least 2"),
            (-3, "-3", "at least 2"),
            (2.5, "2.5", "a whole number, at least 2"),
            (2.0, "2.0", "a whole number, at least 2"),
            ("2", "'2'", "a whole number, at least 2"),
            (NAN, "nan", "a whole number, at least 2"),
        )
    ],
    (lambda: Gaussian(2, [0, 0]), "axis is the zero vector;", "different from zero"),
    (lambda: Gaussian(2, [1, 0, 0]), "axis is an array of shape (3,);", "of shape (2,)"),
    (lambda: Gaussian(2, [[1, 0]]), "axis is an array of shape (1, 2);", "an array with 1 dimension(s)"),
    (lambda: Gaussian(2, [1, NAN]), "axis is an array with NaN or infinity in it;", "finite"),
    (lambda: Gaussian(2, "up"), "axis is str;", "an array of real numbers"),
    (
        lambda: Watson(2, 1.0, [1e-200, 0]),
        "axis is an array whose largest entry is 1e-200;",
        "between 1e-100 and 1e100",
    ),
    (
        lambda: AngularMixture(2, 1.0, [1e200, 0]),
        "axis is an array whose largest entry is 1e+200;",
        "between 1e-100 and 1e100",
    ),
    *[
        (lambda angle=angle, law=law: law.region_moments(angle), f"angle is {shown};", required)
        for law in (Gaussian(3), Watson(3, 2.0))
        for angle, shown, required in (
            (NAN, "NaN", "a real number"),
            (-0.1, "-0.1", "between 0 and π"),
            (3.2, "3.2", "between 0 and π"),
            (INF, "inf", "between 0 and π"),
            ([0.1, 0.2], "[0.1, 0.2]", "a real number"),
        )
    ],
    (lambda: Gaussian(3).sample(-1, rng=RNG), "n is -1;", "at least 0"),
    (lambda: Gaussian(3).sample(1.5, rng=RNG), "n is 1.5;", "a whole number"),
    (lambda: Atoms([[1e160, 0]]), "points is an array whose largest entry is 1e+160;", "between 1e-100 and 1e100"),
    (
        lambda: ImagePatches(np.full((2, 4, 4), 1e-200), 2),
        "images is an array whose largest entry is 1e-200;",
        "between 1e-100 and 1e100",
    ),
    (lambda: Atoms(CROSS, [1, -1]), "weights is [1.0, -1.0];", "nonnegative, and not all zero"),
    (lambda: Atoms(CROSS, [0, 0]), "weights is [0.0, 0.0];", "nonnegative, and not all zero"),
    (lambda: Atoms(CROSS, [1, 1, 1]), "weights is an array of shape (3,);", "of shape (2,)"),
    (lambda: Atoms(CROSS, [[1, 1]]), "weights is an array of shape (1, 2);", "an array with 1 dimension(s)"),
    (lambda: Atoms(CROSS, [1, NAN]), "weights is an array with NaN or infinity in it;", "finite"),
    (lambda: Atoms([[1, NAN]]), "points is an array with NaN or infinity in it;", "finite"),
    (lambda: Atoms([1, 2]), "points is an array of shape (2,);", "an array with 2 dimension(s)"),
    (lambda: Atoms([[1], [2]]), "dim is 1;", "at least 2"),
    (lambda: Atoms(np.empty((0, 2))), "number of points is 0;", "at least 1"),
    (lambda: Atoms([["a", "b"]]), "points is list;", "an array of real numbers"),
    (lambda: Atoms([[1, 2], [3]]), "points is list;", "an array of real numbers"),
    (lambda: Atoms([[1j, 2]]), "points is list;", "an array of real numbers"),
    (lambda: Atoms(CROSS).sample(-1, rng=RNG), "n is -1;", "at least 0"),
    *[
        (lambda kw=kw: Atoms(CROSS).region_moments(**{"angle": 1.0, "teacher": [1, 0], "toward": [0, 1], **kw}), *text)
        for kw, text in (
            ({"angle": NAN}, ("angle is NaN;", "a real number")),
            ({"angle": -1}, ("angle is -1.0;", "between 0 and π")),
            ({"angle": 4}, ("angle is 4.0;", "between 0 and π")),
            ({"teacher": [0, 0]}, ("teacher is the zero vector;", "different from zero")),
            ({"teacher": [1, 0, 0]}, ("teacher is an array of shape (3,);", "of shape (2,)")),
            ({"toward": [1, 0, 0]}, ("toward is an array of shape (3,);", "of shape (2,)")),
            ({"toward": [-3, 0]}, ("toward is [-3.0, 0.0];", "not parallel to the teacher [1.0, 0.0]")),
            ({"toward": [NAN, 0]}, ("toward is an array with NaN or infinity in it;", "finite")),
        )
    ],
]


@pytest.mark.parametrize(("call", "named", "required"), MISTAKES, ids=[m[1] for m in MISTAKES])
def test_is_refused_in_one_line(call, named, required):
    with pytest.raises(BadInput) as caught:
        call()
    message = str(caught.value)
    assert message.startswith(named)
    assert f"it must be {required}" in message
    assert "\n" not in message
