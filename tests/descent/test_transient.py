"""The transient of a heavy ball: against its closed form, and against what perturbed runs do."""

import math

import numpy as np
import pytest

from theory.checks import BadInput
from theory.descent import HeavyBall, transient, turn


@pytest.mark.parametrize("momentum", [0.5, 0.9, 0.99])
def test_closed_form(momentum):
    """u_t = μ^{t/2} (cos ωt − c sin ωt), as both roots are √μ e^{±iω}; c such that u_{−1} = 1 too."""
    s = 0.97 * 2 * (1 + momentum)
    root = math.sqrt(momentum)
    omega = math.acos((1 + momentum - s) / (2 * root))
    t = np.arange(4000)
    c = (root - math.cos(omega)) / math.sin(omega)
    u = np.abs(root**t * (np.cos(omega * t) - c * np.sin(omega * t)))
    g = np.abs(root**t * np.sin(omega * (t + 1)) / math.sin(omega))
    found = transient(s, momentum)
    assert found.peak == pytest.approx(u.max(), rel=1e-10)
    assert found.gain == pytest.approx(g.sum(), rel=1e-5)
    assert found.settled == np.flatnonzero(u > 0.5)[-1] + 1


def test_without_momentum_it_is_a_geometric_series():
    found = transient(1.9, 0.0)
    assert (found.peak, found.settled) == (1.0, 7)  # 0.9⁷ < ½ < 0.9⁶
    assert found.gain == pytest.approx(10, rel=1e-5)


def test_the_peak_is_that_of_descent():
    """On ½u² from 1, at the step s."""
    s = 0.99 * 3.98
    _, kept = turn(lambda u: u, np.array([1.0]), HeavyBall(s, 0.99), 800, keep=range(801))
    path = np.abs([float(kept[t][0]) for t in range(801)])
    found = transient(s, 0.99)
    assert found.peak == pytest.approx(path.max(), rel=1e-12)
    assert path[found.settled - 1] > 0.5 >= path[found.settled :].max()


@pytest.mark.parametrize(("stiffness", "momentum"), [(2.0, 0.0), (3.8, 0.9), (4.0, 0.9), (1e-9, 0.5), (-1.0, 0.5)])
def test_beyond_its_limits_it_is_refused(stiffness, momentum):
    with pytest.raises(BadInput, match="stiffness"):
        transient(stiffness, momentum)
