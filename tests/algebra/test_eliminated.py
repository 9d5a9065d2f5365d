"""Critical points with the last filter solved for, against the formula and against all unknowns at once."""

import shutil

import pytest

from theory.algebra import Architecture, count, count_eliminated, eliminated, generic_ed_degree, programs
from theory.checks import BadInput

needs_singular = pytest.mark.skipif(not shutil.which("Singular"), reason="Singular is not on PATH")


@needs_singular
@pytest.mark.parametrize(
    "label", ["2×2 stride 2", "2×5 stride 2", "3×4 stride 2", "2×2×3 stride 2,3", "2×2×4 stride 2,2"]
)
def test_as_many_as_all_unknowns_at_once_give(label):
    network = Architecture.named(label)
    found = count_eliminated(network, seed=3)
    assert (found.points, found.reason) == (generic_ed_degree(network.sizes), "")
    assert found.points == count(network, seed=3).points
    assert len(found.primes) == 2


@needs_singular
@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("N*diff(D", "2*N*diff(D"),  # the quotient rule
        ("poly N = det(B)", "poly N = det(B) + D"),  # a constant: no fault, and no change
        ("power = reduce(D, basis)", "power = reduce(D + 1, basis)"),  # what is subtracted
    ],
)
def test_a_wrong_equation_gives_another_number(right, wrong, monkeypatch):
    script = eliminated.script
    monkeypatch.setattr(eliminated, "script", lambda *a, **k: script(*a, **k).replace(right, wrong))
    found = count_eliminated(Architecture((3, 4), (2,)))
    assert (found.points == 83) is (right == "poly N = det(B)")


def test_networks_that_it_cannot_do_are_refused():
    with pytest.raises(BadInput, match="3×2 stride 2; it must be one whose last filter has more than 2"):
        count_eliminated(Architecture((3, 2), (2,)))
    with pytest.raises(BadInput, match="two layers or more"):
        count_eliminated(Architecture((4,), ()))


def test_without_singular_there_is_a_reason(monkeypatch):
    monkeypatch.setattr(programs.shutil, "which", lambda name: None)
    assert count_eliminated(Architecture((2, 3), (2,))).reason == "Singular is not on PATH"
