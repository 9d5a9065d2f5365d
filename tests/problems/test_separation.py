"""Data that can be separated, and starts."""

import numpy as np
import pytest

from theory.checks import BadInput
from theory.objectives.linear_conv import separate
from theory.problems import SIZES, data_sets, layers, separable, tone


def test_data_sets_can_be_separated_and_are_the_same_again():
    first, again = data_sets(9, rng=np.random.default_rng(3)), data_sets(9, rng=np.random.default_rng(3))
    for index, ((x, y), (same, labels)) in enumerate(zip(first, again, strict=True)):
        assert x.shape == (max(6, SIZES[index % 8] // 4), SIZES[index % 8])
        assert np.array_equal(x, same)
        assert np.array_equal(y, labels)
        assert separate(x, y)[1] > 0
    # More of them do not change the first.
    assert np.array_equal(data_sets(12, rng=np.random.default_rng(3))[8][0], first[8][0])
    assert not np.array_equal(data_sets(1, rng=np.random.default_rng(4))[0][0], first[0][0])


@pytest.mark.parametrize("dim", [5, 6, 64])
@pytest.mark.parametrize("second", [0.1, 0.9])
def test_a_tone_has_the_spectrum_that_was_asked_for(dim, second):
    for seed in range(5):
        x = tone(dim, second, rng=np.random.default_rng(seed))
        size = abs(np.fft.rfft(x, norm="ortho"))
        assert x.shape == (dim,)
        assert np.sort(size)[-2:] == pytest.approx([second, 1.0])
        assert np.sort(size)[-3] <= second / 2 + 1e-12
        assert 0 < np.argmax(size) < dim / 2


def test_layers_have_the_variance_of_their_inputs():
    weights = layers(((50, 40), (1, 50)), rng=np.random.default_rng(0), runs=40, scale=0.1)
    # 80,000 and 2,000 squares: their means are within 5 √(2/n).
    assert weights[0].std() * np.sqrt(40) == pytest.approx(0.1, rel=0.02)
    assert weights[1].std() * np.sqrt(50) == pytest.approx(0.1, rel=0.1)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda rng: separable(4, 3, rng=rng), "samples is 4; it must be from 1 to 3"),
        (lambda rng: separable(0, 3, rng=rng), "samples is 0"),
        (lambda rng: tone(4, 0.5, rng=rng), "dim is 4; it must be at least 5"),
        (lambda rng: tone(8, 1.0, rng=rng), "second is 1.0"),
        (lambda rng: data_sets(0, rng=np.random.default_rng(1)), "count is 0"),
        (lambda rng: data_sets(1, rng=np.random.default_rng(1), share=1.5), "share is 1.5"),
        (lambda rng: layers(((2,),), rng=rng, scale=0.0), "scale is 0.0"),
    ],
)
def test_bad_input(make, message):
    with pytest.raises(BadInput, match=message):
        make(np.random.default_rng(0))
