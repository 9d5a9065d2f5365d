"""A claim in full, and where its code is."""

import dataclasses
import functools
import inspect
import sys
from types import ModuleType

from theory.report.explain import explain, location


def test_has_everything(fakes):
    text = explain(fakes.HOLDS)
    for part in (
        "fake.holds: A fake claim: holds",
        "The mean of n uniform numbers is at most one.",
        "- n ≥ 1\n    - the numbers are uniform",
        "UPPER: measured ≤ predicted",
        "Each of them is.",
        "- halved: the bound is ½",
        "Nobody, 1900, Theorem 0",
        "quick: 4 cells, 1 of them for controls",
        "paper: 6 cells, 1 of them for controls",
        "(version 1)",
    ):
        assert part in text


def test_breaks_long_lines_and_keeps_paragraphs(fakes):
    text = explain(fakes.HOLDS)
    code = text.index("\n\nCode")
    assert max(map(len, text[:code].splitlines())) <= 80
    assert "at most one.\n\n    A second paragraph" in text


def test_says_none_where_there_is_nothing(fakes):
    text = explain(dataclasses.replace(fakes.HOLDS, hypotheses=(), controls={}))
    assert "Hypotheses\n    none" in text


class TestLocation:
    def test_is_where_the_function_that_measures_is(self, fakes):
        path, _, line = location(fakes.HOLDS).rpartition(":")
        assert path == fakes.__file__
        assert int(line) == inspect.getsourcelines(fakes.uniform_mean)[1]

    def test_looks_through_partial_functions(self, fakes):
        claim = dataclasses.replace(fakes.HOLDS, measure=functools.partial(fakes.uniform_mean))
        assert location(claim) == location(fakes.HOLDS)

    def test_of_what_has_no_code_is_its_name(self, fakes):
        assert location(dataclasses.replace(fakes.HOLDS, measure=print)) == repr(print)

    def test_is_the_line_that_says_claim_where_a_module_has_one(self, fakes, tmp_path, monkeypatch):
        module = ModuleType("their_file")
        module.__file__ = str(tmp_path / "their_file.py")
        (tmp_path / "their_file.py").write_text("import x\n\nCLAIM = Claim(\n)\n")
        monkeypatch.setitem(sys.modules, "their_file", module)
        exec("def measure(cell, setting): ...", vars(module))
        module.CLAIM = dataclasses.replace(fakes.HOLDS, measure=module.measure)
        assert location(module.CLAIM) == f"{module.__file__}:3"
