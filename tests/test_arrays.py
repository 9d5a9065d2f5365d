"""Array namespaces: which is found, what is said where one is missing, and the way back to NumPy."""

import math
import sys
from types import ModuleType, SimpleNamespace

import array_api_compat.numpy
import array_api_strict
import numpy as np
import pytest

from theory import arrays
from theory.checks import BadInput


class NoDriver(Exception):
    """Stands in for CUDARuntimeError."""


def fake_cupy(devices):
    """A module that answers ``getDeviceCount`` with a number, or with an error."""

    def count():
        if isinstance(devices, Exception):
            raise devices
        return devices

    module = ModuleType("array_api_compat.cupy")
    module.cuda = SimpleNamespace(runtime=SimpleNamespace(getDeviceCount=count, CUDARuntimeError=NoDriver))
    return module


class TestNamespace:
    def test_numpy(self):
        assert arrays.namespace("numpy") is array_api_compat.numpy

    @pytest.mark.parametrize("backend", ["jax", "", "NumPy", None, 3])
    def test_unknown(self, backend):
        with pytest.raises(BadInput) as caught:
            arrays.namespace(backend)
        assert str(caught.value) == f"backend is {backend!r}; it must be numpy or cupy"

    def test_without_its_library(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "array_api_compat.cupy", None)
        with pytest.raises(BadInput, match=r"^backend is 'cupy', but its library is missing; it must be installed"):
            arrays.namespace("cupy")

    @pytest.mark.parametrize(
        ("devices", "message"),
        [(0, "no CUDA device was found; it must have a device"), (NoDriver("no driver"), "CUDA answers no driver; ")],
    )
    def test_without_a_device(self, monkeypatch, devices, message):
        monkeypatch.setitem(sys.modules, "array_api_compat.cupy", fake_cupy(devices))
        with pytest.raises(BadInput) as caught:
            arrays.namespace("cupy")
        assert str(caught.value).startswith(f"backend is 'cupy', but {message}")

    def test_with_a_device(self, monkeypatch):
        module = fake_cupy(1)
        monkeypatch.setitem(sys.modules, "array_api_compat.cupy", module)
        assert arrays.namespace("cupy") is module


class TestSharedNamespace:
    @pytest.mark.parametrize("other", [np.ones(2), [1.0, 2.0], 3.0, None])
    @pytest.mark.parametrize("array", [np.ones(2), [1.0, 2.0], (1, 2)])
    def test_lists_count_as_numpy(self, array, other):
        assert arrays.shared_namespace("w", array, other) is arrays.array_namespace(np.ones(1))

    def test_another_library(self):
        one = array_api_strict.ones(2)
        assert arrays.shared_namespace("w", one, array_api_strict.zeros(1)) is arrays.array_namespace(one)

    @pytest.mark.parametrize("swap", [False, True])
    def test_refuses_two_libraries(self, swap):
        pair = np.ones(2), array_api_strict.ones(2)
        with pytest.raises(BadInput) as caught:
            arrays.shared_namespace("w", *(pair[::-1] if swap else pair))
        names = ["numpy", "array_api_strict"][:: -1 if swap else 1]
        first, second = str(caught.value).split("; it must be one of ")
        assert first.startswith("w is an array of ")
        assert first.endswith(names[0])
        assert names[1] in second


class TestBackToNumpy:
    @pytest.mark.parametrize("array", [[1.0, 2.0], np.array([1.0, 2.0]), array_api_strict.asarray([1.0, 2.0])])
    def test_to_numpy(self, array):
        result = arrays.to_numpy(array)
        assert type(result) is np.ndarray
        assert result.tolist() == [1.0, 2.0]

    def test_numpy_is_not_copied(self):
        array = np.ones(3)
        assert arrays.to_numpy(array) is array

    def test_cupy_is_fetched(self, monkeypatch):
        """What CuPy's ``get`` does, as far as it can be seen without CuPy."""
        monkeypatch.setattr(arrays, "is_cupy_array", lambda array: hasattr(array, "get"))
        assert arrays.to_numpy(SimpleNamespace(get=lambda: np.array([7.0]))).tolist() == [7.0]


VALUES = [[1.0, math.nan, 3.0], [-5.0, -2.0, math.nan]]


@pytest.mark.parametrize("xp", [np, array_api_strict], ids=lambda xp: xp.__name__)
class TestOfTheNumbers:
    def test_largest(self, xp):
        assert arrays.largest(xp.asarray(VALUES)) == 3.0
        assert arrays.largest(xp.asarray(VALUES[1])) == -2.0
        assert arrays.largest(xp.asarray([-math.inf, math.nan])) == -math.inf
        assert type(arrays.largest(xp.asarray([1.0], dtype=xp.float32))) is float

    @pytest.mark.parametrize("nothing", [[math.nan, math.nan], []])
    def test_largest_of_nothing(self, xp, nothing):
        assert math.isnan(arrays.largest(xp.asarray(nothing, dtype=xp.float64)))

    def test_count(self, xp):
        assert arrays.count(xp.asarray(VALUES)) == 4
        assert arrays.count(xp.asarray([math.nan])) == 0
        assert type(arrays.count(xp.asarray(VALUES))) is int
