"""Points as columns, and measurements that could not be made."""

import math

import numpy as np
import pytest

from theory.claims import evidence
from theory.claims.claim import Cell, Evidence, Relation, Setting
from theory.claims.verdict import Verdict, judge

SETTING = Setting(rng=np.random.default_rng(0), xp=np, profile="quick")


def failing(error):
    def measure(cell, setting):
        raise error

    return measure


def test_rows_are_columns():
    assert evidence.table([{"a": 1, "b": 2}, {"a": 3, "b": 4}]) == {"a": [1, 3], "b": [2, 4]}
    assert evidence.table([]) == {}


def test_what_is_excused_is_undecided_for_every_form_and_control():
    measure = evidence.excused(KeyError, OSError, forms=("one", "two"), controls=("wrong",))(failing(OSError("lost")))
    found = measure(Cell({}), SETTING).findings
    assert [(f.form, f.control) for f in found] == [("one", ""), ("two", ""), ("", "wrong")]
    for finding in found:
        assert math.isnan(finding.predicted)
        assert finding.details == {"reason": "lost"}
        assert judge(finding, Relation.UPPER) is Verdict.INCONCLUSIVE


def test_the_cells_control_is_kept():
    (finding,) = evidence.excused(OSError)(failing(OSError("lost")))(Cell({}, control="wrong"), SETTING).findings
    assert (finding.control, finding.form) == ("wrong", "")


def test_anything_else_is_raised_and_what_is_found_is_left_alone():
    with pytest.raises(ZeroDivisionError):
        evidence.excused(OSError)(failing(ZeroDivisionError()))(Cell({}), SETTING)
    found = Evidence([])
    assert evidence.excused(OSError)(lambda *_: found)(Cell({}), SETTING) is found
