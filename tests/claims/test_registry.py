"""The registry: ours and third parties' claims by key, keys and globs, and what is wrong with one said in a line."""

import importlib
import subprocess
import sys

import pytest

from theory import claims
from theory.checks import BadInput
from theory.claims.claim import Claim


@pytest.fixture
def third_party(tmp_path, monkeypatch):
    """Install one entry point, whose module has this text, and give the fresh registry function."""

    def install(text: str, target: str = "their_module:CLAIM"):
        from_info = tmp_path / "theirs-1.0.dist-info"
        from_info.mkdir()
        (from_info / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n")
        (from_info / "entry_points.txt").write_text(f"[theory.claims]\nmine = {target}\n")
        (tmp_path / "their_module.py").write_text(text)
        monkeypatch.syspath_prepend(str(tmp_path))
        monkeypatch.delitem(sys.modules, "their_module", raising=False)
        claims.registry.cache_clear()
        return claims.registry

    yield install
    sys.modules.pop("their_module", None)
    claims.registry.cache_clear()


A_CLAIM = """
from theory.claims.claim import Claim, Relation
CLAIM = Claim(key={key!r}, title="t", relation=Relation.UPPER, statement="", hypotheses=(), proof="", source="",
              controls={{}}, cells=lambda profile: [], measure=None)
"""


class TestRegistry:
    def test_third_party_claims_are_found_through_their_entry_points(self, fakes):
        found = claims.registry()
        assert all(found[claim.key] is claim for claim in fakes.ALL)

    def test_keys_are_in_order(self, fakes):
        keys = list(claims.registry())
        assert keys == sorted(keys)
        assert len(keys) >= len(fakes.ALL)

    def test_every_claim_is_under_its_own_key(self, fakes):
        assert all(isinstance(claim, Claim) and key == claim.key for key, claim in claims.registry().items())

    def test_the_registry_cannot_be_changed(self, fakes):
        with pytest.raises(TypeError):
            claims.registry()["fake.new"] = fakes.HOLDS

    def test_what_is_no_claim_is_refused(self, third_party):
        with pytest.raises(BadInput, match=r"entry point mine is int; it must be a theory\.claims\.claim\.Claim"):
            third_party("CLAIM = 3")()

    def test_a_taken_key_is_refused(self, fakes, third_party):
        with pytest.raises(BadInput, match=r"key 'fake\.holds' of \w+ is taken"):
            third_party(A_CLAIM.format(key="fake.holds"))()

    @pytest.mark.parametrize("key", ["../outside", "", ".hidden", "a/b", "a b", "a\n"])
    def test_a_key_that_cannot_name_a_file_is_refused(self, third_party, key):
        with pytest.raises(BadInput, match="key of mine is"):
            third_party(A_CLAIM.format(key=key))()

    def test_an_entry_point_that_cannot_be_imported_is_named(self, third_party):
        with pytest.raises(BadInput, match=r"entry point mine is their_module:CLAIM \(RuntimeError: not today\)"):
            third_party("raise RuntimeError('not\\ntoday')")()


class TestSelect:
    def test_a_key_selects_itself(self, fakes):
        assert claims.select(["fake.holds"]) == [fakes.HOLDS]

    def test_a_glob_selects_what_it_matches(self, fakes):
        assert claims.select(["fake.un*"]) == [
            fakes.UNCONTROLLED,
            fakes.UNDECIDED,
            fakes.UNMET,
            fakes.UNREFUTED,
            fakes.UNSENDABLE,
        ]

    def test_no_pattern_selects_all(self, fakes):
        assert claims.select([]) == list(claims.registry().values())

    def test_patterns_that_overlap_select_once_and_in_order(self, fakes):
        assert claims.select(["fake.violated", "fake.h*", "fake.holds"]) == [fakes.HOLDS, fakes.VIOLATED]

    def test_an_unknown_key_names_the_nearest(self, fakes):
        with pytest.raises(BadInput, match=r"claim is 'fake\.hold'; .* such as fake\.holds"):
            claims.select(["fake.hold"])

    def test_one_unknown_key_among_known_ones_is_refused(self, fakes):
        with pytest.raises(BadInput, match="'nothing'"):
            claims.select(["fake.holds", "nothing"])


LIGHT = "import sys, theory, theory.cli; print(*sys.modules)"


def test_importing_the_package_imports_nothing_heavy():
    modules = subprocess.run([sys.executable, "-c", LIGHT], capture_output=True, text=True, check=True).stdout.split()
    assert "theory.cli" in modules
    heavy = {"cupy", "dask", "cvxpy", "matplotlib", "numba", "numpy", "pandas", "pyarrow", "scipy", "seaborn"}
    assert not heavy.intersection(modules)


def test_submodules_are_imported_on_first_use():
    import theory

    assert theory.claims is importlib.import_module("theory.claims")
    assert "smoothness" in dir(theory)
    with pytest.raises(AttributeError, match="nonsense"):
        theory.nonsense
