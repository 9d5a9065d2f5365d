"""Evidence as bytes: what comes back is what went in, to the last bit, or there are no bytes."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from theory.claims.claim import Evidence, Finding, Relation
from theory.runs.packing import packed, unpacked

KINDS = ("<f8", "<f4", ">f8", "<i8", "|i1", "|b1", "<U3", "|S2", "<c16", "<M8[s]")


@given(st.lists(st.sampled_from(KINDS), max_size=3), st.integers(0, 5), st.data())
def test_columns_come_back_bit_for_bit(kinds, size, data):
    columns = {f"c{place} φ": data.draw(arrays.arrays(np.dtype(kind), size)) for place, kind in enumerate(kinds)}
    found = unpacked(packed(Evidence([], columns))).points
    assert list(found) == list(columns)
    for name, column in columns.items():
        assert found[name].dtype == column.dtype
        assert found[name].tobytes() == column.tobytes()


@given(st.floats(), st.floats(), st.none() | st.floats(), st.text(), st.none() | st.sampled_from(list(Relation)))
def test_so_do_findings(predicted, measured, low, word, relation):
    finding = Finding(predicted, measured, low, margins={word: measured}, relation=relation, details={"d": word})
    (found,) = unpacked(packed(Evidence([finding]))).findings
    assert repr(found) == repr(finding)


@pytest.mark.parametrize(
    "odd",
    [
        Evidence([], {"value": np.array([None])}),
        Evidence([], {"value": np.zeros(2, dtype=[("a", "<f8")])}),
        Evidence([Finding(1.0, 0.5, details={"a": (1, 2)})]),
        Evidence([Finding(1.0, 0.5, details={"a": np.float64(1)})]),
        Evidence([Finding(1.0, 0.5, details={"a": object()})]),
    ],
)
def test_what_would_come_back_otherwise_is_not_packed(odd):
    assert packed(odd) is None


class Harmful:
    def __reduce__(self):
        return (pytest.fail, ("code was run",))


WHOLE = packed(Evidence([Finding(1.0, 0.5)], {"value": np.arange(3.0)}))


@pytest.mark.parametrize("damaged", [WHOLE[:-1], WHOLE + b"\0", WHOLE[1:], b"", pickle.dumps(Harmful())])
def test_what_is_not_whole_raises(damaged):
    with pytest.raises((ValueError, KeyError, TypeError)):
        unpacked(damaged)
