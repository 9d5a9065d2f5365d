"""Where figures come from: the commit of the code itself, versions, device, and no date among what is compared."""

import re
import subprocess
import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

import theory
from theory.runs import provenance
from theory.runs.sources import Source


def git(folder, *arguments):
    identity = ["-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", "-C", str(folder), *identity, *arguments], check=True, capture_output=True)


@pytest.fixture
def checkout(tmp_path):
    """A checkout with a package in it that has one commit."""
    package = tmp_path / "package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    git(tmp_path, "init")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "one")
    return package


class TestCommit:
    def test_of_a_clean_checkout(self, checkout):
        assert re.fullmatch("[0-9a-f]{40}", provenance.commit(checkout))

    def test_of_changed_code(self, checkout):
        (checkout / "__init__.py").write_text("x = 1")
        assert re.fullmatch("[0-9a-f]{40}-dirty", provenance.commit(checkout))

    def test_of_a_new_file_of_code(self, checkout):
        (checkout / "new.py").write_text("")
        assert provenance.commit(checkout).endswith("-dirty")

    def test_results_written_beside_the_code_do_not_count(self, checkout):
        before = provenance.commit(checkout)
        (checkout.parent / "results").mkdir()
        (checkout.parent / "results" / "rows").write_text("")
        assert provenance.commit(checkout) == before

    def test_outside_any_checkout(self, tmp_path):
        (tmp_path / "__init__.py").write_text("")
        assert provenance.commit(tmp_path) == "unknown"

    def test_of_a_package_installed_inside_somebodys_checkout(self, checkout):
        installed = checkout.parent / "environment" / "package"
        installed.mkdir(parents=True)
        (installed / "__init__.py").write_text("")
        assert provenance.commit(installed) == "unknown"

    def test_before_the_first_commit(self, tmp_path):
        (tmp_path / "__init__.py").write_text("")
        git(tmp_path, "init")
        git(tmp_path, "add", ".")
        assert provenance.commit(tmp_path) == "unknown"

    def test_without_git(self, checkout, monkeypatch):
        monkeypatch.setenv("PATH", "")
        assert provenance.commit(checkout) == "unknown"


class TestCollect:
    def test_has_all_that_figures_depend_on(self):
        found = provenance.collect(seed=7, backend="numpy", profile="quick")
        origin = {"commit", "versions", "device", "platform", "seed", "threads", "backend", "profile"}
        assert origin | {"images", "images_sha256"} == set(found)
        assert (found["seed"], found["threads"], found["backend"]) == (7, 1, "numpy")

    def test_tells_images_apart_and_nothing_of_where_they_lie(self):
        own = Source("/home/somebody/a.idx", "a.idx", "0123456789abcdef")
        found = provenance.collect(seed=7, backend="numpy", profile="quick", images=own)
        assert (found["images"], found["images_sha256"]) == ("a.idx (01234567)", own.digest)
        assert "somebody" not in str(found)
        assert provenance.collect(seed=7, backend="numpy", profile="quick")["images"] == "digits"

    def test_is_the_same_twice(self):
        one, two = (provenance.collect(seed=7, backend="numpy", profile="quick") for _ in range(2))
        assert one == two

    def test_the_date_is_added_for_the_store_only(self):
        dated = provenance.dated({"seed": 1})
        assert dated.pop("date").endswith("+00:00")
        assert dated == {"seed": 1}


def test_versions():
    found = provenance.versions()
    assert found["numpy"] == np.__version__
    assert found["theory"] == theory.__version__
    assert {"python", "scipy", "scikit-learn", "pandas", "pyarrow"} < set(found)


class TestDevice:
    def test_the_model_of_the_cpu(self, tmp_path):
        info = tmp_path / "cpuinfo"
        info.write_text("processor\t: 0\nmodel name\t: Fast CPU @ 3 GHz\nmodel name\t: Other\n")
        assert provenance._cpu(info) == "Fast CPU @ 3 GHz"

    def test_something_where_there_is_no_such_file(self, tmp_path):
        assert provenance._cpu(tmp_path / "nothing")

    def test_of_cupy(self, monkeypatch):
        cupy = ModuleType("cupy")
        cupy.__version__ = "99.1"
        cupy.cuda = SimpleNamespace(
            runtime=SimpleNamespace(getDevice=lambda: 0, getDeviceProperties=lambda _: {"name": b"Big GPU"})
        )
        monkeypatch.setitem(sys.modules, "cupy", cupy)
        assert provenance.device("cupy") == "Big GPU"
        assert provenance.versions("cupy")["cupy"] == "99.1"

    def test_a_backend_that_has_no_version(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "cupy", None)
        assert provenance.versions("cupy")["cupy"] == "unknown"
