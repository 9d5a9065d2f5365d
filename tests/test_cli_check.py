"""``theory check``: the document, the two pages, exit codes, and what is refused in one line."""

import json
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from theory.checks import BadInput
from theory.distributions import ClosePatches
from theory.own import Options, check
from theory.report import own_page

W_STAR = np.array([1.0, 0.0])
QUICK = {"steps": 300, "starts": 3, "budget": 16}


def strictly(text):
    def refuse(constant):
        raise ValueError(constant)

    return json.loads(text, parse_constant=refuse)


@pytest.fixture
def files(tmp_path):
    """One neuron, a filter, their teacher, labels and wrong ones."""
    rng = np.random.default_rng(0)
    z, close = rng.standard_normal((300, 2)), ClosePatches(2, 4, 0.3, 0.05).sample(300, rng=rng)
    arrays = {
        "z": z,
        "close": close,
        "w": W_STAR,
        "y": np.maximum(z @ W_STAR, 0),
        "noise": rng.standard_normal(300) ** 2,
    }
    for name, array in arrays.items():
        np.save(tmp_path / f"{name}.npy", array)
    return tmp_path


def checked(files, *names, **options):
    return check(*(name and files / f"{name}.npy" for name in names), options=Options(**{**QUICK, **options}))


class TestDocument:
    def test_of_a_neuron_with_labels(self, files):
        found = checked(files, "z", "y")
        (teacher,) = found["teachers"]
        assert np.allclose(teacher["w"], W_STAR, rtol=0, atol=1e-12)
        assert next(each["theorem"] for each in teacher["theorems"] if each["covers"]) == "2.2"
        assert found["kept"] is teacher["kept"] is True
        assert set(teacher["descents"]) == {"prescribed", "bold", "anywhere"}
        assert (found["samples"]["used"], found["samples"]["drawn"]) == (300, None)
        assert found["labels"].endswith("y.npy")

    def test_of_a_filter(self, files):
        (teacher,) = checked(files, "close", None, "w")["teachers"]
        covers = {each["theorem"]: each["covers"] for each in teacher["theorems"]}
        assert covers == {"3.1": True, "3.3": True, "4.1": False}

    def test_labels_of_no_filter_promise_nothing(self, files):
        (teacher,) = checked(files, "z", "noise")["teachers"]
        assert not any(each["covers"] for each in teacher["theorems"])
        assert "prescribed" not in teacher["descents"]
        assert "The labels are not those of a filter" in teacher["summary"][1]

    def test_without_a_teacher_directions_are_drawn(self, files):
        found = checked(files, "z", directions=2)
        assert [each["source"] for each in found["teachers"]] == ["a random direction"] * 2

    def test_a_large_file_is_sampled_and_that_is_said(self, files):
        found = checked(files, "z", None, "w", most=100)
        assert (found["samples"]["used"], found["samples"]["drawn"]) == (100, "100 of 300, without replacement")
        assert "100 of 300, without replacement, drawn with seed 0" in own_page.text(found)
        (teacher,) = found["teachers"]
        assert teacher["whole_file"]["theorems"][0]["covers"]
        assert "The whole file, by one pass without a search: Theorem 2.2 covers it" in teacher["summary"][-1]
        assert "Constants of the whole file, by one pass" in own_page.text(found)
        other = checked(files, "z", None, "w", most=100, seed=1)
        assert other["teachers"][0]["constants"] != found["teachers"][0]["constants"]

    def test_the_same_seed_gives_the_same(self, files):
        one, two = (checked(files, "z", directions=1) for _ in range(2))
        assert {**one, "seconds": 0} == {**two, "seconds": 0}

    def test_patches_that_span_too_little(self, files):
        np.save(files / "z.npy", np.concatenate([np.load(files / "z.npy"), np.zeros((300, 1))], axis=1))
        (teacher,) = checked(files, "z", directions=1)["teachers"]
        assert "Theorem 2.2 does not: γ is 0 but for rounding: the patches span too few" in teacher["summary"][1]

    def test_one_sample(self, files):
        np.save(files / "z.npy", np.ones((1, 3)))
        found = checked(files, "z", directions=1)
        assert found["kept"]
        assert "1 sample of one neuron in 3 dimensions" in own_page.text(found)

    def test_one_angle(self, files):
        found = checked(files, "z", None, "w", angle=0.3)
        assert [each["angle"] for each in found["teachers"][0]["constants"]] == [0.3]

    def test_patches_without_a_direction(self, files):
        z = np.load(files / "close.npy")
        z[0, 0] = 0
        np.save(files / "close.npy", z)
        found = checked(files, "close", None, "w")
        assert found["samples"]["without_direction"] == 1
        assert "none where a patch or the average is zero, as in 1 samples" in own_page.text(found)

    @pytest.mark.parametrize(
        ("options", "said"),
        [
            ({"angle": 2.0}, "angle is 2.0; it must be between 0 and π/2"),
            ({"accuracy": 0.05}, "accuracy is 0.05; it must be below sin φ = 0.05"),
            ({"accuracy": 0.0}, "accuracy is 0.0; it must be greater than 0"),
            ({"steps": 0}, "steps is 0; it must be at least 1"),
            ({"starts": 0}, "starts is 0"),
            ({"directions": 0}, "directions is 0"),
            ({"budget": 0}, "budget is 0"),
            ({"most": 0}, "most is 0"),
            ({"seed": -1}, "seed is -1; it must be at least 0"),
        ],
    )
    def test_options_refused(self, files, options, said):
        with pytest.raises(BadInput, match=said):
            checked(files, "z", None, "w", **options)

    def test_zeros_and_labels_that_are_no_numbers(self, files):
        np.save(files / "z.npy", np.zeros((300, 2)))
        with pytest.raises(BadInput, match=r"z\.npy, zero in the 300 samples used"):
            checked(files, "z", None, "w")
        np.save(files / "z.npy", np.eye(300)[:, 150:152])
        with pytest.raises(BadInput, match=r"z\.npy, zero in the 3 samples used"):
            checked(files, "z", None, "w", most=3)
        np.save(files / "y.npy", np.full(300, np.nan))
        with pytest.raises(BadInput, match="labels is an array with NaN"):
            checked(files, "close", "y")


class TestPages:
    @pytest.fixture(params=[("z", "y"), ("close", None, "w"), ("z", "noise")], ids=str)
    def found(self, files, request):
        return checked(files, *request.param)

    def test_both_say_what_the_document_says(self, found):
        page, text = own_page.html(found), own_page.text(found)
        for line in found["teachers"][0]["summary"]:
            assert line in text
        assert all(each["why"] in text for each in found["teachers"][0]["theorems"])
        body = "".join(ET.fromstring(_as_xml(page)).itertext())
        for line in found["teachers"][0]["summary"]:
            assert line in body

    def test_the_page_needs_nothing_else(self, found):
        page = own_page.html(found)
        assert not re.search(r"<script|<link|<img|@import|src=|href=\"(?!#)", page)
        # Namespaces and the metadata of a figure are names, not requests.
        assert set(re.findall(r"https?://[^/\"]+", page)) <= {
            "http://www.w3.org", "https://matplotlib.org", "http://purl.org", "http://creativecommons.org",
        }  # fmt: skip
        ids = re.findall(r'id="([^"]+)"', page)
        assert len(ids) == len(set(ids))
        assert len(page) < 200_000

    def test_names_are_escaped(self, found):
        found["samples"]["file"] = "<b>&.npy"
        assert "<b>" not in own_page.html(found)


def _as_xml(page):
    return re.sub(r"<(meta [^>]*)>", r"<\1/>", page.removeprefix("<!DOCTYPE html>\n"))


class TestCommand:
    def test_prints_the_page_and_writes_the_other(self, command, files):
        done = command("check", "--samples", "z.npy", "--teacher", "w.npy", "--steps", "300", "--html", "page.html")
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith("theory check z.npy\n")
        assert "Theorems that cover these patches: 2.2" in done.stdout
        assert (files / "page.html").read_text().startswith("<!DOCTYPE html>")

    def test_prints_one_document(self, command, files):
        done = command("check", "--samples", "z.npy", "--labels", "y.npy", "--steps", "300", "--json")
        assert done.returncode == 0
        assert strictly(done.stdout)["teachers"][0]["residual"] < 1e-20

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            ([], "Missing option '--samples'"),
            (["--samples", "none.npy"], "samples is none.npy (No such file or directory); it must be a file that can"),
            (["--samples", "y.npy"], "samples is y.npy, an array of shape (300,)"),
            (["--samples", "z.npy", "--labels", "w.npy"], "labels is w.npy, an array of shape (2,)"),
            (["--samples", "z.npy", "--teacher", "y.npy"], "teacher is y.npy, an array of shape (300,)"),
            (["--samples", "z.npy", "--angle", "9"], "angle is 9.0"),
            (["--samples", "z.npy", "--steps", "few"], "'--steps'"),
            (
                ["--samples", "z.npy", "--teacher", "w.npy", "--steps", "9", "--html", "no/page.html"],
                "html is no/page.html (No such file or directory); it must be a file that can be written",
            ),
        ],
    )
    def test_bad_usage_is_one_line_and_exit_code_2(self, command, files, arguments, said):
        done = command("check", *arguments)
        assert (done.returncode, done.stdout) == (2, "")
        assert len(done.stderr.splitlines()) == 1
        assert done.stderr.startswith("theory: ")
        assert said in done.stderr

    def test_a_broken_promise_is_exit_code_1(self, files, monkeypatch, capsys):
        from theory.commands.check import check as command
        from theory.own import coverage

        honest = coverage.Constants.contraction.fget
        monkeypatch.setattr(coverage.Constants, "contraction", property(lambda found: 30 * honest(found)))
        assert command(files / "z.npy", teacher=files / "w.npy", steps=300) == 1
        assert "BROKEN" in capsys.readouterr().out
