"""Losses by their logarithm: against mpmath, complex steps, and where the loss itself is 0 in floating point."""

import array_api_strict as strict
import mpmath
import numpy as np
import pytest

from theory.arrays import to_numpy
from theory.checks import BadInput
from theory.objectives.linear_conv import ExponentialLoss, LogisticLoss

EPS = np.finfo(float).eps
X = np.random.default_rng(0).standard_normal((5, 3))
Y = np.array([1.0, -1, -1, 1, 1])
LOSSES = [ExponentialLoss(X, Y), LogisticLoss(X, Y)]
SCALES = [1e-3, 1.0, 30.0, 37.0, 1e3, 1e8]


def slow(loss, margins):
    """log loss and its derivatives in the margins, with sixty digits more than the smallest term has."""
    mpmath.mp.dps = 60 + int(abs(margins).max())
    m = [mpmath.mpf(float(one)) for one in margins]
    if isinstance(loss, ExponentialLoss):
        terms, slopes = [mpmath.exp(-one) for one in m], [mpmath.exp(-one) for one in m]
    else:
        terms, slopes = [mpmath.log1p(mpmath.exp(-one)) for one in m], [1 / (1 + mpmath.exp(one)) for one in m]
    total = mpmath.fsum(terms)
    return float(mpmath.log(total)), [float(slope / total) for slope in slopes]


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: type(loss).__name__)
@pytest.mark.parametrize("scale", SCALES[:-1])
def test_against_many_digits(loss, scale):
    margins = loss.margins(scale * np.array([[0.3, -1.0, 0.7], [1.0, 0.2, 0.1]]))
    for run in range(2):
        value, alpha = slow(loss, margins[run])
        assert loss.log_value(margins)[run] == pytest.approx(value, rel=8 * EPS, abs=8 * EPS)
        # The exponent is rounded at the size of the margins.
        assert loss.weights(margins)[run] == pytest.approx(alpha, rel=8 * EPS * (1 + abs(margins).max()), abs=1e-300)


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: type(loss).__name__)
def test_far_out_both_are_the_softest_margin(loss):
    beta = np.linalg.lstsq(X * Y[:, None], np.ones(5), rcond=None)[0]
    margins = loss.margins(1e8 * beta[None])
    assert loss.log_value(margins) == pytest.approx(-margins.min(axis=1), rel=1e-7)
    assert loss.weights(margins).sum() == pytest.approx(1.0, abs=1e-7)
    assert np.isfinite(loss.gradient(1e8 * beta[None])).all()


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: type(loss).__name__)
def test_the_gradient_by_a_complex_step(loss):
    beta = np.array([0.3, -0.4, 0.2])

    def log_loss(b):
        m = (X * Y[:, None]) @ b
        return np.log(np.sum(np.exp(-m) if isinstance(loss, ExponentialLoss) else np.log(1 + np.exp(-m))))

    exact = [log_loss(beta + 1e-30j * unit).imag / 1e-30 for unit in np.eye(3)]
    assert loss.gradient(beta[None])[0] == pytest.approx(exact, rel=20 * EPS)


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: type(loss).__name__)
def test_the_curvature_is_how_the_weights_change(loss):
    m, h = np.array([[0.3, -0.4, 0.2, 1.0, 0.0]]), 1e-5
    alpha = loss.weights(m)[0]
    exact = np.stack([(loss.weights(m + h * e) - loss.weights(m - h * e))[0] / (2 * h) for e in np.eye(5)], axis=1)
    # The error of a central difference is h²/6 third derivatives, and a rounding over h.
    assert np.outer(alpha, alpha) - np.diag(loss.curvature(m)[0]) == pytest.approx(exact, abs=1e-9)


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: type(loss).__name__)
@pytest.mark.parametrize("scale", SCALES)
def test_on_arrays_of_the_standard(loss, scale):
    there = type(loss)(strict.asarray(X), strict.asarray(Y))
    beta = scale * np.array([[0.3, -1.0, 0.7]])
    margins, here = there.margins(strict.asarray(beta)), loss.margins(beta)
    for name in ("log_value", "weights", "curvature"):
        found = getattr(there, name)(margins)
        assert type(found).__module__.startswith("array_api_strict")
        expected = getattr(loss, name)(here)
        assert to_numpy(found) == pytest.approx(expected, rel=1e-13 * (1 + scale), abs=1e-300)


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (X, Y[:4], "y is 4 labels; it must be as many as there are samples in x, 5"),
        (X, 2 * Y, "y is labels other than 1 and -1"),
        (X * np.nan, Y, "x is an array with NaN"),
        (X[0], Y, "x is an array of shape"),
        ([[1.0]], [1.0], "x is list; it must be an array of real numbers"),
        (X[:0], Y[:0], "y is 0 labels"),
    ],
)
def test_bad_input(x, y, message):
    with pytest.raises(BadInput, match=message):
        ExponentialLoss(x, y)
