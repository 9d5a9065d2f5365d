"""Two classes of real images, from scikit-learn and from files, and what is refused."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from theory.checks import BadInput
from theory.problems import digits, labels, two_classes


def write(path, array):
    path.write_bytes(struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes())
    return path


@pytest.fixture
def files(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (6, 20, 20), dtype=np.uint8)
    write(tmp_path / "t-labels-idx1-ubyte", np.array([3, 5, 3, 7, 5, 3], dtype=np.uint8))
    return write(tmp_path / "t-images-idx3-ubyte", images), images / 255


def test_digits():
    x, y = two_classes("digits", 3, 5, most=1000)
    chosen = labels("digits")
    assert sorted(y.tolist()) == [-1.0] * np.sum(chosen == 5) + [1.0] * np.sum(chosen == 3)
    np.testing.assert_array_equal(x[0], digits()[chosen == 3][0].ravel())


def test_files_are_averaged_over_blocks(files):
    path, images = files
    x, y = two_classes(str(path), 3, 5, most=2)
    assert y.tolist() == [1.0, 1.0, -1.0, -1.0]
    # 20 pixels in blocks of 3: six of them, and two pixels cut off.
    expected = [[images[0, 3 * i : 3 * i + 3, 3 * j : 3 * j + 3].mean() for j in range(6)] for i in range(6)]
    np.testing.assert_allclose(x[0].reshape(6, 6), expected, rtol=1e-12)


def test_signals_stay_as_they_are(tmp_path):
    write(tmp_path / "a-labels", np.array([0, 1], dtype=np.uint8))
    path = write(tmp_path / "a-images", np.array([[0, 51, 255], [255, 0, 0]], dtype=np.uint8))
    assert two_classes(str(path), 1, 0, most=5)[0].tolist() == [[1, 0, 0], [0, 0.2, 1]]


def test_what_is_refused(files, tmp_path):
    path, _ = files
    for call, message in (
        (lambda: two_classes(str(path), 3, 9, most=2), r"class is 9; it must be one of the labels, \[3, 5, 7\]"),
        (lambda: labels(str(tmp_path / "other.idx")), "images is other.idx; it must be the digits"),
        (lambda: labels("mnist_784"), "images is mnist_784; it must be the digits"),
    ):
        with pytest.raises(BadInput, match=message):
            call()
    write(tmp_path / "t-labels-idx1-ubyte", np.array([3, 5], dtype=np.uint8))
    with pytest.raises(BadInput, match=r"labels is of shape \(2,\); it must be one for each of the 6 images"):
        two_classes(str(path), 3, 5, most=2)
