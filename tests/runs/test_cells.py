"""One cell, measured: what a claim may hand up, and what becomes of everything else."""

import dataclasses

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from theory.claims.claim import Cell, Evidence, Finding
from theory.runs.cells import Outcome, Task, measure, one_line

CELL = Cell({"n": 1})
TASK = Task("fake.holds", 0, CELL, "quick", 0, "numpy")


@pytest.fixture
def measured(fakes):
    """Measure a cell by a function that returns this evidence."""

    def run(evidence, cell=CELL) -> Outcome:
        claim = dataclasses.replace(fakes.HOLDS, measure=lambda cell, setting: evidence)
        return measure(dataclasses.replace(TASK, cell=cell), claim)

    return run


def evidence(points=None, **finding):
    return Evidence([Finding(1.0, 0.5, **finding)], points or {})


class TestEvidence:
    def test_comes_back_as_it_is(self, measured):
        outcome = measured(evidence({"step": [1, 2]}, form="paper", details={"a": np.int64(3)}))
        assert outcome.error == ""
        assert outcome.evidence.findings == [Finding(1.0, 0.5, form="paper", details={"a": 3})]
        assert outcome.evidence.points["step"].tolist() == [1, 2]
        assert outcome.seconds > 0

    def test_numbers_are_in_double_precision_whatever_measured_them(self, fakes, measured):
        single = np.float32(0.1)
        found = Finding(single, single, low=single, high=np.asarray(single), rounding=single)
        (finding,) = measured(Evidence([found])).evidence.findings
        numbers = [finding.predicted, finding.measured, finding.low, finding.high, finding.rounding]
        assert numbers == [float(single)] * 5
        assert {type(number) for number in numbers} == {float}

    def test_a_number_is_a_point(self, measured):
        assert measured(evidence({"step": 7})).evidence.points["step"].tolist() == [7]

    @pytest.mark.parametrize(
        ("bad", "message"),
        [
            (None, "evidence is NoneType; it must be a theory.claims.claim.Evidence"),
            (evidence(control="other"), "control is 'other'; it must be one of ['halved']"),
            (evidence(low=0.7, high=0.9), "limits is [0.7, 0.9]"),
            (evidence(details={"verdict": "HOLDS"}), "details is a mapping with verdict in it"),
            (evidence({"seed": [1]}), "points is a mapping with seed in it"),
            (evidence({"a": [1, 2], "b": [1]}), "it must be equally long columns"),
            (evidence({"a": [[1, 2]]}), "it must be equally long columns"),
        ],
    )
    def test_what_cannot_be_judged_or_stored_is_the_claims_fault(self, measured, bad, message):
        outcome = measured(bad)
        assert outcome.evidence is None
        assert message in outcome.error

    def test_parameters_may_not_take_the_stores_columns(self, measured):
        assert "parameters is a mapping with commit in it" in measured(evidence(), Cell({"commit": 1})).error

    def test_except_the_dtype(self, measured):
        assert measured(evidence(), Cell({"dtype": "float32"})).error == ""


class TestMeasure:
    def test_an_exception_is_one_line(self, fakes):
        outcome = measure(dataclasses.replace(TASK, key="fake.raises", cell=Cell({"n": 2})))
        assert outcome.error == "ValueError: two is too many"
        assert outcome.evidence is None

    def test_leaving_the_program_is_an_exception_too(self, fakes):
        assert measure(dataclasses.replace(TASK, key="fake.leaves")).error == "SystemExit: 0"

    def test_ctrl_c_is_not(self, fakes):
        def interrupted(cell, setting):
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            measure(TASK, dataclasses.replace(fakes.HOLDS, measure=interrupted))

    def test_printing_goes_to_standard_error(self, fakes, capsys):
        assert measure(dataclasses.replace(TASK, key="fake.prints")).error == ""
        printed = capsys.readouterr()
        assert (printed.out, printed.err) == ("", "a claim that prints\n")

    def test_one_blas_thread(self, fakes):
        seen = []

        def look(cell, setting):
            seen.extend(pool["num_threads"] for pool in threadpool_info())
            return Evidence([])

        assert measure(TASK, dataclasses.replace(fakes.HOLDS, measure=look)).error == ""
        assert set(seen) == {1}

    def test_the_setting(self, fakes):
        settings = []

        def look(cell, setting):
            settings.append(setting)
            return Evidence([])

        measure(TASK, dataclasses.replace(fakes.HOLDS, measure=look))
        (setting,) = settings
        assert setting.profile == "quick"
        assert setting.xp.asarray([1.0]).sum() == 1
        assert isinstance(setting.rng, np.random.Generator)


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        (Cell({"n": 1, "law": "a"}), "n=1 law=a"),
        (Cell({"n": 1}, control="c"), "n=1 control=c"),
        (Cell({}), "its only cell"),
    ],
)
def test_describe(cell, words):
    assert dataclasses.replace(TASK, cell=cell).describe() == words


def test_one_line():
    assert one_line(OSError("a\n  b")) == "OSError: a b"
