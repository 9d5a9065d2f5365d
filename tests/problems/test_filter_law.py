"""Laws of several patches by name."""

import pytest

from theory.checks import BadInput
from theory.distributions import ClosePatches, Watson
from theory.problems import filter_law


def test_one_patch_is_the_law_itself():
    assert filter_law("watson(2)", 5, 1, 0.0) == Watson(5, 2.0)


def test_several_patches_are_close():
    law = filter_law("sphere", 3, 4, 0.2)
    assert isinstance(law, ClosePatches)
    assert (law.dim, law.k, law.closeness, law.law.label, law.spread) == (3, 4, 0.2, "sphere", None)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("sphere", 3, 1, 0.2), "closeness is 0.2; it must be 0 for a single patch"),
        (("cube", 3, 4, 0.2), "law is 'cube'"),
        (("sphere", 3, 0, 0.2), "k is 0"),
        (("sphere", 3, 4, 4.0), "closeness is 4.0"),
    ],
)
def test_refuses(arguments, message):
    with pytest.raises(BadInput, match=message):
        filter_law(*arguments)
