"""``theory diagnose gabor`` and ``theory gaborness``, through real processes."""

import json
import math

import numpy as np
import pytest
from PIL import Image

from theory.problems import known_kernels, photograph


@pytest.fixture
def kernels(tmp_path):
    """A file with Gabor filters, noise, constant kernels, and what are no kernels."""
    rng = np.random.default_rng(0)
    gabors = known_kernels("gabor", 8, 7, rng=rng, noise=0.05)
    white = np.concatenate([np.ones((2, 5, 5)), known_kernels("white", 10, 5, rng=rng)])
    np.savez(
        tmp_path / "net.npz", conv=gabors.reshape(4, 2, 7, 7), bias=np.ones(3), white=white, dead=np.zeros((2, 3, 3))
    )
    return tmp_path / "net.npz"


def width(text):
    return max(map(len, text.splitlines()))


class TestGaborness:
    def test_a_line_for_each_array(self, command, kernels):
        done = command("gaborness", str(kernels))
        assert done.returncode == 0
        assert width(done.stdout) <= 80
        lines = {line.split()[0]: line.split() for line in done.stdout.splitlines() if line}
        assert lines["conv"][1:5] == ["7x7", "8", "8", "(100%)"]
        assert lines["white"][1:5] == ["5x5", "10", "0", "(0%)"]
        assert lines["dead"] == "dead every kernel is constant".split()
        assert "bias" not in lines
        assert "white: 2 of 12 kernels are constant, and left out" in done.stderr

    def test_a_line_for_each_kernel(self, command, kernels):
        done = command("gaborness", str(kernels), "--each")
        assert width(done.stdout) <= 80
        assert done.stdout.count("Gabor\n") == 8
        # The first two of the white ones were constant.
        numbers = [line.split()[0] for line in done.stdout.splitlines() if line]
        assert numbers[numbers.index("white") + 1 :][:3] == ["kernel", "2", "3"]

    def test_json(self, command, kernels):
        arrays = json.loads(command("gaborness", str(kernels), "--json").stdout)["arrays"]
        assert arrays["conv"]["gaborlike"] == arrays["conv"]["kernels"] == 8
        assert arrays["white"]["each"]["kernel"] == list(range(2, 12))
        assert len(arrays["conv"]["each"]["theta"]) == 8
        assert arrays["dead"] == {"kernels": 0, "gaborlike": 0}

    def test_pixels_first(self, command, tmp_path, kernels):
        np.save(tmp_path / "keras.npy", np.moveaxis(np.load(kernels)["conv"], (2, 3), (0, 1)))
        assert "8 (100%)" in command("gaborness", str(tmp_path / "keras.npy"), "--pixels", "first").stdout

    @pytest.mark.parametrize(
        ("name", "data", "said"),
        [
            ("k.npy", b"not an array", "it must be a .npy or .npz file, but it begins with"),
            ("none.npy", None, "No such file or directory"),
        ],
    )
    def test_bad_files_get_one_line(self, command, tmp_path, name, data, said):
        if data is not None:
            (tmp_path / name).write_bytes(data)
        done = command("gaborness", name)
        assert done.returncode == 2
        assert done.stdout == ""
        assert len(done.stderr.splitlines()) == 1
        assert said in done.stderr

    def test_a_kernel_that_is_no_number_is_named(self, command, tmp_path):
        np.save(tmp_path / "k.npy", np.full((2, 3, 3), np.nan))
        done = command("gaborness", "k.npy")
        assert done.returncode == 2
        assert (
            done.stderr
            == "theory: array k: kernels is an array with NaN or infinity in it; it must be finite everywhere\n"
        )


class TestDiagnose:
    def test_the_default_is_what_was_asked(self, command):
        done = command("diagnose", "gabor")
        assert done.returncode == 1
        assert width(done.stdout) <= 80
        assert "rmse on china" in done.stdout
        assert "from -45°" in done.stdout
        for said in ("ok gradient", "!! landscape", "!! start", "!! loss", "!! run"):
            assert said in done.stdout

    def test_a_descent_that_converges_exits_with_0(self, command):
        done = command("diagnose", "gabor", "white", "--loss", "mse", "--start", "30")
        assert done.returncode == 0
        assert "converges to the truth" in done.stdout

    def test_json(self, command):
        found = json.loads(command("diagnose", "gabor", "smooth", "--size", "9", "--step", "0.001", "--json").stdout)
        assert found["source"] == "smooth"
        assert found["step"] == 0.001
        assert found["filter"]["size"] == 9
        assert found["start"] == pytest.approx(-math.pi / 4)
        assert {"minima", "advice", "cycle", "curvature"} < set(found)

    def test_an_image_file(self, command, tmp_path):
        grey = np.round(255 * photograph("flower")).astype(np.uint8)
        Image.fromarray(grey).save(tmp_path / "flower.png")
        ours, theirs = (
            json.loads(command("diagnose", "gabor", name, "--size", "9", "--json").stdout)
            for name in ("flower", "flower.png")
        )
        # Rounded to 255 levels: an error of 1e-3 in every pixel, at random.
        assert theirs["curvature"] == pytest.approx(ours["curvature"], rel=1e-2)
        assert theirs["source"] == "flower.png"

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["--sigma", "0"], "sigma is 0.0; it must be greater than 0"),
            (["--wavelength", "-1"], "wavelength is -1.0"),
            (["--step", "nan"], "'nan'; it must be a finite number"),
            (["--step", "0"], "step is 0.0"),
            (["--size", "two"], "'two'; it must be a whole number"),
            (["--size", "500"], "it must be no smaller than the filter, 500x500"),
            (["white", "--size", "65"], "size is 65; it must be at most 64 for noise"),
            (["--loss", "l1"], "loss is 'l1'; it must be one of mse, rmse, correlation"),
            (["none.png"], "it must be a file that can be read, but No such file or directory"),
            (["text.png"], "it must be a PNG or JPEG image"),
            (["flat.png"], "not constant"),
        ],
        ids=" ".join,
    )
    def test_bad_input_gets_one_line(self, command, tmp_path, arguments, said):
        (tmp_path / "text.png").write_text("text")
        Image.fromarray(np.full((20, 20), 7, dtype=np.uint8)).save(tmp_path / "flat.png")
        done = command("diagnose", "gabor", *arguments)
        assert done.returncode == 2
        assert done.stdout == ""
        assert len(done.stderr.splitlines()) == 1
        assert said in done.stderr

    def test_alone_it_shows_what_there_is(self, command):
        done = command("diagnose")
        assert done.returncode == 2
        assert "gabor" in done.stdout
        assert command("diagnose", "--help").returncode == 0
