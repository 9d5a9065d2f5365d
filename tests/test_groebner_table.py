"""The table of what Singular counts: nothing is left out but what is larger than something that did not finish."""

import shutil

import pytest

from benchmarks import groebner_table
from theory.algebra import architectures


def test_every_architecture_is_timed_or_holds_one_that_did_not_finish(monkeypatch):
    """A made-up program that finishes up to n = 5."""
    asked = []

    def timed(sizes, seconds):
        asked.append(sizes)
        return groebner_table.Timed(sizes, 1.0, 7 if sum(sizes) - len(sizes) <= 5 else None)

    monkeypatch.setattr(groebner_table, "timed", timed)
    found = dict(groebner_table.table(8, 20))
    assert set(found) == {sizes for n in range(1, 9) for sizes in architectures(n) if len(sizes) > 1}
    for sizes, entry in found.items():
        if isinstance(entry, groebner_table.Timed):
            assert sizes in asked
        else:
            assert groebner_table.contains(sizes, entry)
            assert found[entry].points is None
    # All that finish are timed, and of the others only those that hold no smaller one: n = 6, and what is 6 alone.
    assert {sizes for sizes in found if sum(sizes) - len(sizes) <= 5} <= set(asked)
    assert all(sum(sizes) - len(sizes) <= 6 for sizes in asked)


def test_what_holds_what():
    assert groebner_table.contains((2, 2, 3, 3), (2, 3))
    assert groebner_table.contains((4, 6), (4, 6))
    assert not groebner_table.contains((2, 12), (3, 3))
    assert not groebner_table.contains((9,), (2, 2))


@pytest.mark.skipif(not shutil.which("Singular"), reason="Singular is not on PATH")
def test_singular_is_timed_alone_and_stopped():
    found = groebner_table.timed((2, 2), 20)
    assert (found.points, 0 < found.seconds < 20) == (6, True)
    assert groebner_table.timed((5, 5), 1).points is None
