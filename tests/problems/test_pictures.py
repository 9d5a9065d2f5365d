"""Grey images from files: what each format holds, and one line for what is no image."""

import numpy as np
import pytest
from PIL import Image

from theory.checks import BadInput
from theory.problems import picture, pictures

GREYS = np.arange(0, 240, 10, dtype=np.uint8).reshape(4, 6)
COLOURS = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)


def saved(tmp_path, array, mode=None, name="image.png"):
    image = Image.fromarray(array)
    (image.convert(mode) if mode else image).save(tmp_path / name)
    return tmp_path / name


def test_grey(tmp_path):
    np.testing.assert_allclose(picture(saved(tmp_path, GREYS)), GREYS / 255, rtol=0, atol=1e-15)


def test_colours_are_weighed(tmp_path):
    expected = COLOURS @ [0.299, 0.587, 0.114] / 255
    np.testing.assert_allclose(picture(str(saved(tmp_path, COLOURS))), expected, rtol=0, atol=1e-15)


def test_what_is_transparent_counts(tmp_path):
    clear = np.dstack([COLOURS, np.zeros(COLOURS.shape[:2], dtype=np.uint8)])
    np.testing.assert_array_equal(picture(saved(tmp_path, clear)), picture(saved(tmp_path, COLOURS)))


@pytest.mark.parametrize("mode", ["1", "P", "LA", "L"])
def test_other_modes_are_between_black_and_white(tmp_path, mode):
    found = picture(saved(tmp_path, COLOURS, mode))
    assert found.shape == (5, 7)
    assert 0 <= found.min() < found.max() <= 1


def test_sixteen_bits_are_kept(tmp_path):
    fine = (GREYS.astype(np.uint16) * 257) + 1
    np.testing.assert_allclose(picture(saved(tmp_path, fine)), fine / 65535, rtol=0, atol=1e-15)


def test_jpeg(tmp_path):
    smooth = np.broadcast_to(np.linspace(0, 255, 64), (48, 64)).astype(np.uint8)
    # Its quantisation, at Pillow's standard quality, moves a smooth ramp by two or three of 255 levels.
    np.testing.assert_allclose(picture(saved(tmp_path, smooth, name="a.jpeg")), smooth / 255, rtol=0, atol=4 / 255)


class TestBadInput:
    def refused(self, path):
        with pytest.raises(BadInput) as refused:
            picture(path)
        assert "\n" not in str(refused.value)
        return str(refused.value)

    def test_no_image(self, tmp_path):
        (tmp_path / "a.png").write_text("no image")
        assert "it must be a PNG or JPEG image" in self.refused(tmp_path / "a.png")

    def test_nothing_there(self, tmp_path):
        assert "No such file" in self.refused(tmp_path / "none.png")
        assert "is a directory" in self.refused(tmp_path)

    def test_another_format(self, tmp_path):
        assert "PNG or JPEG" in self.refused(saved(tmp_path, GREYS, name="a.gif"))

    @pytest.mark.parametrize("name", ["a.png", "a.jpeg"])
    def test_cut_short(self, tmp_path, name):
        noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
        path = saved(tmp_path, noise, name=name)
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        assert "a whole PNG or JPEG image (" in self.refused(path)

    def test_too_many_pixels(self, tmp_path, monkeypatch):
        monkeypatch.setattr(pictures, "PIXELS", 23)
        assert "of at most 23 pixels, but is 6x4" in self.refused(saved(tmp_path, GREYS))

    def test_a_bomb_is_not_unpacked(self, tmp_path, monkeypatch):
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 11)
        assert "a PNG or JPEG image" in self.refused(saved(tmp_path, GREYS))
