"""The real images of a run: made sure of once, told apart by what is in them, and watched."""

import dataclasses
import gzip
import struct

import numpy as np
import pytest

from theory.checks import BadInput
from theory.claims.claim import Cell
from theory.problems import digits, load
from theory.runs.cells import Task, measure
from theory.runs.sources import DIGITS, Source, find, fingerprint


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Write images of bytes, all ``fill``, into the folder where the test runs."""
    monkeypatch.chdir(tmp_path)

    def run(name="some.idx", fill=7, shape=(2, 4, 4), pack=lambda data: data):
        header = bytes([0, 0, 8, len(shape)]) + struct.pack(f">{len(shape)}I", *shape)
        (tmp_path / name).write_bytes(pack(header + bytes([fill]) * int(np.prod(shape))))
        return name

    return run


class TestFind:
    def test_the_digest_of_the_digits_is_that_of_what_scikit_learn_brings(self):
        assert fingerprint(digits()) == DIGITS.digest
        assert find("digits") is DIGITS
        assert DIGITS.label == "digits"

    def test_a_path_holds_in_any_folder_and_its_folder_stays_private(self, write, tmp_path):
        found = find(write())
        assert found.place == str(tmp_path / "some.idx")
        assert (found.name, found.label) == ("some.idx", f"some.idx ({found.digest[:8]})")
        assert found.digest == fingerprint(load("some.idx"))

    def test_the_digest_is_of_the_images_not_of_the_file(self, write):
        plain, packed = find(write()), find(write("packed.gz", pack=gzip.compress))
        assert plain.digest == packed.digest

    @pytest.mark.parametrize("other", [{"fill": 8}, {"shape": (2, 2, 8)}, {"shape": (1, 4, 4)}])
    def test_other_images_have_another(self, write, other):
        assert find(write()).digest != find(write("other.idx", **other)).digest

    def test_so_has_another_dtype(self):
        zeros = np.zeros((1, 2, 2))
        assert fingerprint(zeros) != fingerprint(zeros.astype("i8"))
        assert fingerprint(zeros) == fingerprint(np.zeros((1, 2, 2), order="F"))

    def test_digits_as_a_path_are_a_file(self, write):
        write("digits")
        assert find("digits") is DIGITS
        assert find("./digits").digest != DIGITS.digest

    def test_a_name_on_openml_stays_a_name(self, monkeypatch, tmp_path):
        monkeypatch.setattr("theory.problems.images._openml", lambda name: np.ones((3, 2, 2)))
        found = find("mnist_784")
        assert (found.place, found.name, found.seen) == ("mnist_784", "mnist_784", None)

    @pytest.mark.parametrize(
        ("source", "message"),
        [
            ("none.idx", "images: path is 'none.idx'; it must be a file that can be read, but No such file"),
            (".", "images: path is '.'; it must be"),
            ("empty.idx", "images: path is 'empty.idx'; it must be in IDX format"),
            ("short.idx", "images: path is 'short.idx'; it must be whole"),
            ("", "images: path is '.'; it must be"),
        ],
    )
    def test_what_makes_no_images_is_one_line(self, write, tmp_path, source, message):
        (tmp_path / "empty.idx").write_bytes(b"")
        (tmp_path / write("short.idx")).write_bytes((tmp_path / "short.idx").read_bytes()[:-1])
        with pytest.raises(BadInput) as refused:
            find(source)
        assert str(refused.value).startswith(message)
        assert "\n" not in str(refused.value)


class TestMeasuring:
    def test_a_cell_is_told_where_they_are(self, fakes, write):
        found = find(write())
        settings = []
        claim = dataclasses.replace(fakes.HOLDS, measure=lambda cell, setting: settings.append(setting))
        measure(Task(claim.key, 0, Cell({}), "quick", 0, "numpy", found), claim)
        measure(Task(claim.key, 0, Cell({}), "quick", 0, "numpy"), claim)
        assert [setting.images for setting in settings] == [found.place, "digits"]

    @pytest.mark.parametrize("change", ["other", "gone"])
    def test_a_file_that_changes_during_the_run_is_an_error(self, fakes, write, tmp_path, change):
        task = Task("fake.holds", 0, Cell({"n": 1}), "quick", 0, "numpy", find(write()))
        assert measure(task).error == ""
        write(fill=8, shape=(3, 4, 4)) if change == "other" else (tmp_path / "some.idx").unlink()
        assert "a file that has changed; it must stay as it is during a run" in measure(task).error

    def test_figures_do_not_depend_on_images_that_are_not_used(self, fakes, write):
        first, second = (
            measure(Task("fake.holds", 0, Cell({"n": 1}), "quick", 0, "numpy", images)).evidence
            for images in (DIGITS, find(write()))
        )
        assert first.findings == second.findings
        assert first.points["value"].tolist() == second.points["value"].tolist()


def test_nothing_seen_is_nothing_to_check():
    Source("mnist_784", "mnist_784", "0" * 64).check()
