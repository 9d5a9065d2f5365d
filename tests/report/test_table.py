"""The table of verdicts and the problems below it."""

import io

import pytest

from theory.report import table
from theory.runs import engine
from theory.runs.document import claim_document


@pytest.fixture
def documents(fakes):
    def run(*names):
        claims = [getattr(fakes, name) for name in names]
        return [claim_document(result) for result in engine.run(claims, jobs=1)]

    return run


def shown(claims, *, terminal=False, width=80, monkeypatch=None):
    class Stream(io.StringIO):
        def isatty(self):
            return terminal

    stream = Stream()
    table.show(claims, stream)
    return stream.getvalue()


@pytest.fixture(autouse=True)
def eighty_columns(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm-256color")
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)


class TestTable:
    def test_has_a_row_for_each_claim(self, documents):
        text = shown(documents("HOLDS", "VIOLATED"))
        header, _, holds, violated, *_ = text.splitlines()
        assert header.split() == ["claim", "relation", "verdict", "slack", "control", "seconds"]
        assert holds.split()[:3] == ["fake.holds", "UPPER", "HOLDS"]
        assert holds.split()[4] == "refuted"
        assert violated.split()[:4] == ["fake.violated", "UPPER", "VIOLATED", "5"]

    def test_fits_in_eighty_columns_at_its_widest(self, documents):
        (claim,) = documents("UNMET")
        claim |= {"key": "siahkoohi2021.a_rather_long_name_of_a_theorem", "relation": "EXPONENT", "seconds": 12345.6}
        lines = shown([claim]).splitlines()[:4]
        assert max(map(len, lines)) <= 80
        assert "HYPOTHESES_NOT_MET" in lines[2]
        assert "NOT REFUTED" in lines[2]
        assert "12345.6" in lines[2]
        assert "".join(line.split()[0] for line in lines[2:4]).startswith("siahkoohi2021.a_rather")

    def test_is_plain_when_piped_and_in_colour_on_a_terminal(self, documents):
        claims = documents("HOLDS", "VIOLATED")
        assert "\x1b" not in shown(claims)
        assert "\x1b[" in shown(claims, terminal=True)

    def test_square_brackets_are_no_markup(self, documents):
        (claim,) = documents("VIOLATED")
        claim["instances"][0] |= {"parameters": {"law": "[red]"}, "low": 2.9, "high": 3.1}
        assert "law=[red]: measured 3 [2.9, 3.1], predicted 1" in shown([claim])


class TestProblems:
    def of(self, documents, name):
        (claim,) = documents(name)
        return list(table.problems(claim))

    def test_a_claim_that_passes_has_none(self, documents):
        assert self.of(documents, "HOLDS") == []

    def test_each_violated_instance(self, documents):
        lines = self.of(documents, "VIOLATED")
        assert lines[0] == "fake.violated: VIOLATED at n=1 law=uniform: measured 3, predicted 1"
        assert len(lines) == 3

    def test_many_are_counted(self, documents):
        (claim,) = documents("VIOLATED")
        claim["instances"] *= 5
        lines = list(table.problems(claim))
        assert len(lines) == 4
        assert lines[-1] == "fake.violated: VIOLATED at 12 more of 15 instances"

    def test_an_unrefuted_control(self, documents):
        (line,) = self.of(documents, "UNREFUTED")
        assert line == "fake.unrefuted: control 'halved' is not refuted (HOLDS in 1 instances, slack 0.5)"

    def test_a_control_that_was_not_measured(self, documents):
        (claim,) = documents("UNREFUTED")
        claim["control"]["each"][0] |= {"verdict": "HYPOTHESES_NOT_MET", "instances": 0, "slack": None}
        (line,) = table.problems(claim)
        assert line == "fake.unrefuted: control 'halved' is not refuted (not measured)"

    def test_no_control(self, documents):
        assert self.of(documents, "UNCONTROLLED") == ["fake.uncontrolled: no control, so it proves nothing"]

    def test_hypotheses_not_met(self, documents):
        line, _ = self.of(documents, "UNMET")
        where = "first n=1 law=uniform: n ≥ 9 by -8"
        assert line == f"fake.unmet: hypotheses not met in 3 of 3 instances, {where}"

    def test_what_could_not_be_told(self, documents):
        assert "fake.undecided: INCONCLUSIVE at n=2 law=uniform: measured –, predicted 1" in self.of(
            documents, "UNDECIDED"
        )

    def test_errors(self, documents):
        assert "fake.raises: error at n=2 law=uniform: ValueError: two is too many" in self.of(documents, "RAISES")

    def test_many_errors_are_counted(self, documents):
        assert self.of(documents, "LEAVES")[-1] == "fake.leaves: 1 more errors"

    def test_nothing_measured(self, documents):
        (claim,) = documents("UNCONTROLLED")
        claim |= {"instances": [], "verdict": "HYPOTHESES_NOT_MET"}
        assert "fake.uncontrolled: no instance was measured" in list(table.problems(claim))


@pytest.mark.parametrize(
    ("instance", "words"),
    [
        ({"parameters": {"dim": 5, "spread": 1 / 3}, "form": "paper"}, "dim=5 spread=0.333333 (paper)"),
        ({"parameters": {}, "form": "paper"}, "(paper)"),
        ({"parameters": {}, "form": ""}, "its only cell"),
    ],
)
def test_where(instance, words):
    assert table.where(instance) == words


def test_a_finished_claim_in_one_line(documents):
    (claim,) = documents("VIOLATED")
    assert table.line(claim | {"seconds": 1.25}) == "fake.violated  VIOLATED  slack 5  control refuted  1.2 s"
