"""The checks of what a caller hands in: what they let through, what they return, and what they say."""

import math

import array_api_strict
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from theory import checks
from theory.checks import LONGEST, BadInput
from theory.distributions import AngularMixture, Gaussian, Watson

NAN, INF = math.nan, math.inf


def refused(call):
    """The one line that the call is refused with."""
    with pytest.raises(BadInput) as caught:
        call()
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_bad_input_is_a_value_error():
    assert issubclass(BadInput, ValueError)
    assert str(checks.refuse("n", 0, "at least 1")) == "n is 0; it must be at least 1"


class TestMessagesStayOnOneLine:
    def test_a_matrix(self):
        assert refused(lambda: checks.number("x", np.eye(2))) == (
            "x is array([[1., 0.], [0., 1.]]); it must be a real number"
        )

    def test_a_long_value_is_cut(self):
        message = refused(lambda: checks.number("x", "9" * 5000 + "!"))
        assert message == f"x is '{'9' * (LONGEST - 1)} …; it must be a real number"

    def test_a_value_as_long_as_is_shown_is_not_cut(self):
        assert str(checks.refuse("x", "a" * LONGEST, "b")) == f"x is {'a' * LONGEST}; it must be b"


NUMBERS = [(2, 2.0), (np.float32(0.5), 0.5), (np.array(3.0), 3.0), (True, 1.0), ("1e-3", 1e-3)]
NOT_NUMBERS = [None, "many", 1j, [1.0], np.array([1.0, 2.0]), {}, 10**400]


class TestNumber:
    @pytest.mark.parametrize(("value", "expected"), [*NUMBERS, (INF, INF), (-INF, -INF)])
    def test_passes(self, value, expected):
        result = checks.number("x", value)
        assert result == expected
        assert type(result) is float

    @pytest.mark.parametrize("value", NOT_NUMBERS, ids=lambda v: str(v)[:20])
    @pytest.mark.parametrize("check", [checks.number, checks.finite, checks.positive, checks.angle])
    def test_refuses(self, check, value):
        message = refused(lambda: check("x", value))
        assert message.startswith("x is ")
        assert message.endswith("; it must be a real number")

    @pytest.mark.parametrize("check", [checks.number, checks.finite, checks.positive, checks.angle])
    @pytest.mark.parametrize("nan", [NAN, np.float32(NAN), "nan"])
    def test_refuses_nan(self, check, nan):
        assert refused(lambda: check("x", nan)) == "x is NaN; it must be a real number"


class TestFinite:
    @pytest.mark.parametrize(("value", "expected"), [*NUMBERS, (-4, -4.0)])
    def test_passes(self, value, expected):
        assert checks.finite("x", value) == expected

    @pytest.mark.parametrize("value", [INF, -INF])
    def test_refuses(self, value):
        assert refused(lambda: checks.finite("x", value)) == f"x is {value}; it must be finite"


class TestPositive:
    @pytest.mark.parametrize(("value", "expected"), NUMBERS)
    def test_passes(self, value, expected):
        assert checks.positive("x", value) == expected

    def test_infinity_only_where_allowed(self):
        assert checks.positive("x", INF, infinite=True) == INF
        assert refused(lambda: checks.positive("x", INF)) == "x is inf; it must be finite"

    @pytest.mark.parametrize("infinite", [False, True])
    @pytest.mark.parametrize("value", [0, -0.0, -1e-300, -3])
    def test_refuses(self, value, infinite):
        message = refused(lambda: checks.positive("x", value, infinite=infinite))
        assert message == f"x is {float(value)}; it must be greater than 0"


class TestInteger:
    @pytest.mark.parametrize(("value", "expected"), [(2, 2), (7, 7), (np.int64(3), 3), (np.array(4), 4)])
    def test_passes(self, value, expected):
        result = checks.integer("n", value, least=2)
        assert result == expected
        assert type(result) is int

    @pytest.mark.parametrize("value", [2.0, 2.5, "2", None, NAN, [3]])
    def test_refuses_what_is_not_whole(self, value):
        message = refused(lambda: checks.integer("n", value, least=2))
        assert message == f"n is {value!r}; it must be a whole number, at least 2"

    @pytest.mark.parametrize("value", [1, 0, -5])
    def test_refuses_less(self, value):
        assert refused(lambda: checks.integer("n", value, least=2)) == f"n is {value}; it must be at least 2"


class TestAngle:
    @given(st.floats(0, math.pi / 2, exclude_min=True, exclude_max=True))
    def test_passes(self, phi):
        assert checks.angle("angle", phi) == phi

    @pytest.mark.parametrize("value", [0, -0.1, math.pi / 2, 2, INF, -INF])
    def test_refuses(self, value):
        required = "between 0 and π/2 (both excluded), in radians"
        assert refused(lambda: checks.angle("angle", value)) == f"angle is {float(value)}; it must be {required}"


@pytest.mark.parametrize("xp", [np, array_api_strict], ids=lambda xp: xp.__name__)
class TestArray:
    @pytest.mark.parametrize("value", [[1, 2], [1.5, 2.5], [True, False]])
    def test_becomes_double_precision(self, xp, value):
        result = checks.array("a", value, xp, ndim=(1,))
        assert result.dtype == xp.float64
        assert [float(x) for x in result] == [float(x) for x in value]

    def test_single_precision_stays(self, xp):
        assert checks.array("a", xp.ones(3, dtype=xp.float32), xp, ndim=(1,)).dtype == xp.float32

    def test_an_array_is_handed_back_as_it_is(self, xp):
        given_ = xp.ones((2, 3))
        result = checks.array("a", given_, xp, ndim=(1, 2))
        assert type(result) is type(given_)
        assert np.shares_memory(np.asarray(result), np.asarray(given_))

    @pytest.mark.parametrize("value", [["a"], [[1], [1, 2]], [1j, 1], [{}]])
    def test_refuses_what_is_not_real(self, xp, value):
        assert refused(lambda: checks.array("a", value, xp, ndim=(1,))) == (
            "a is list; it must be an array of real numbers"
        )

    @pytest.mark.parametrize(
        ("ndim", "wanted"), [((1,), "1 dimension(s)"), ((2,), "2 dimension(s)"), ((1, 2), "1 or 2 dimension(s)")]
    )
    def test_refuses_other_dimensions(self, xp, ndim, wanted):
        message = refused(lambda: checks.array("a", xp.zeros((2, 1, 3)), xp, ndim=ndim))
        assert message == f"a is an array of shape (2, 1, 3); it must be an array with {wanted}"

    @pytest.mark.parametrize("bad", [NAN, INF, -INF])
    def test_refuses_what_is_not_finite(self, xp, bad):
        message = refused(lambda: checks.array("a", [0.0, bad], xp, ndim=(1,)))
        assert message == "a is an array with NaN or infinity in it; it must be finite everywhere"

    def test_an_empty_one_is_an_array(self, xp):
        assert checks.array("a", xp.zeros((0, 2)), xp, ndim=(2,)).shape == (0, 2)


@pytest.mark.parametrize("xp", [np, array_api_strict], ids=lambda xp: xp.__name__)
class TestNonzero:
    @pytest.mark.parametrize("value", [[0, 1], [-1e-99, 0], [1e99, 1]])
    def test_passes(self, xp, value):
        assert [float(x) for x in checks.nonzero("w", value, xp)] == value

    @pytest.mark.parametrize("value", [[0, 0], [-0.0], []])
    def test_refuses_zero(self, xp, value):
        message = refused(lambda: checks.nonzero("w", value, xp))
        assert message == "w is the zero vector; it must be different from zero"

    @pytest.mark.parametrize("value", [[1e-200, 0], [0, -1e200], [5e-324, 0]])
    def test_refuses_what_has_no_norm(self, xp, value):
        message = refused(lambda: checks.nonzero("w", value, xp))
        assert message.startswith("w is an array whose largest entry is ")
        assert message.endswith("; it must be between 1e-100 and 1e100 in size")

    def test_refuses_a_matrix(self, xp):
        assert "an array with 1 dimension(s)" in refused(lambda: checks.nonzero("w", [[1.0]], xp))


class TestAlong:
    @pytest.mark.parametrize("teacher", [[3, 4], [-3, -4], [3e-9, 4e-9]])
    def test_the_axis_and_its_multiples(self, teacher):
        assert checks.along(AngularMixture(2, 0.5, axis=[3, 4]), teacher).tolist() == [float(x) for x in teacher]

    @given(seed=st.integers(0, 2**32), dim=st.integers(2, 200), scale=st.floats(1e-3, 1e3))
    def test_rounding_of_the_axis_is_forgiven(self, seed, dim, scale):
        axis = np.random.default_rng(seed).standard_normal(dim)
        np.testing.assert_array_equal(checks.along(Watson(dim, 1.0, axis=axis), scale * axis), scale * axis)

    def test_an_isotropic_law_takes_any(self):
        assert checks.along(Gaussian(2), [1, 5]).tolist() == [1.0, 5.0]

    @pytest.mark.parametrize("off", [1e-6, 0.5])
    def test_refuses_and_names_the_alternative(self, off):
        message = refused(lambda: checks.along(AngularMixture(2, 0.5), [1.0, off]))
        assert message == (
            f"teacher is [1.0, {off}], not along the axis [1.0, 0.0] of mixture(0.5); it must be, "
            "or use theory.objectives.relu_filter.SampleLoss(law.sample(n, rng=rng), teacher)"
        )

    def test_in_many_dimensions_the_message_is_cut(self):
        message = refused(lambda: checks.along(Watson(1000, 2.0), np.ones(1000)))
        assert len(message) < 2 * LONGEST + 300
        assert message.endswith("SampleLoss(law.sample(n, rng=rng), teacher)")

    @pytest.mark.parametrize(
        ("teacher", "expected"),
        [
            ([1, 0, 0], "teacher is an array of shape (3,); it must be of shape (2,), as the law's dim says"),
            ([0, 0], "teacher is the zero vector; it must be different from zero"),
            ([NAN, 0], "teacher is an array with NaN or infinity in it; it must be finite everywhere"),
        ],
    )
    @pytest.mark.parametrize("law", [Gaussian(2), Watson(2, 1.0)], ids=str)
    def test_refuses_what_is_no_teacher(self, law, teacher, expected):
        assert refused(lambda: checks.along(law, teacher)) == expected
