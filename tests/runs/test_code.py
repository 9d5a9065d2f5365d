"""The digest of the code that a claim is measured with."""

import dataclasses
import functools
import sys

import pytest

from theory.runs import code as module
from theory.runs.code import source


class TestSource:
    def claim(self, fakes, measure):
        return dataclasses.replace(fakes.HOLDS, measure=measure)

    def test_of_ours_is_the_package(self, fakes):
        from theory.claims import registry

        assert source(registry()["du2018.rate"]) == source(registry()["du2018.fig3a"]) == module._package()
        assert source(fakes.HOLDS) not in (None, module._package())

    def test_covers_what_measures_and_not_what_draws(self, monkeypatch):
        seen = []
        monkeypatch.setattr(module, "_of_files", lambda root, paths: seen.extend(map(str, paths)) or "")
        module._package.__wrapped__()
        ends = ("claims/du2018/rate.py", "runs/cells.py", "descent/gradient.py", "problems/images.py")
        assert all(any(path.endswith(f"/theory/{end}") for path in seen) for end in ends)
        assert not any("/theory/report/" in path or path.endswith("cli.py") for path in seen)

    def third_party(self, tmp_path, monkeypatch, name, layout):
        """Import ``name`` from files written anew."""
        for path, text in layout.items():
            (tmp_path / path).parent.mkdir(exist_ok=True)
            (tmp_path / path).write_text(text)
        for loaded in [loaded for loaded in sys.modules if loaded.partition(".")[0] == name.partition(".")[0]]:
            monkeypatch.delitem(sys.modules, loaded)
        monkeypatch.setattr(sys, "dont_write_bytecode", True)
        monkeypatch.syspath_prepend(tmp_path)
        return __import__(name, fromlist=["measure"])

    MEASURE = "def measure(cell, setting): ..."

    @pytest.mark.parametrize(
        ("name", "layout", "changed"),
        [
            ("lone", {"lone.py": MEASURE}, "lone.py"),
            ("whole.deep", {"whole/__init__.py": "", "whole/deep.py": MEASURE, "whole/aside.py": ""}, "whole/aside.py"),
            ("spread_out.deep", {"spread_out/deep.py": MEASURE}, "spread_out/deep.py"),
        ],
    )
    def test_of_a_third_party_is_its_own_as_well(self, fakes, tmp_path, monkeypatch, name, layout, changed):
        found = []
        for text in (layout[changed], layout[changed], layout[changed] + "\n# changed"):
            measure = self.third_party(tmp_path, monkeypatch, name, {**layout, changed: text}).measure
            found.append(source(self.claim(fakes, functools.partial(measure))))
        assert None not in found
        assert (found[0] == found[1], found[0] == found[2]) == (True, False)

    def test_without_files_is_none(self, fakes):
        space = {"__name__": "typed_at_a_prompt"}
        exec("def measure(cell, setting): ...", space)
        assert source(self.claim(fakes, space["measure"])) is None
