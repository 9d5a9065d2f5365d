"""Kernels from .npy and .npz files: which axes, which arrays, and one line for what is none."""

import io
import zipfile

import numpy as np
import pytest

from theory.checks import BadInput
from theory.problems import read_kernels

K = np.random.default_rng(0).standard_normal((4, 2, 5, 5))


def test_npy(tmp_path):
    np.save(tmp_path / "conv.npy", K)
    found = read_kernels(tmp_path / "conv.npy")
    assert list(found) == ["conv"]
    np.testing.assert_array_equal(found["conv"], K.reshape(8, 5, 5))


@pytest.mark.parametrize("dtype", ["float16", ">f4", "int8", "uint16", "bool"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_types_and_orders(tmp_path, dtype, order):
    np.save(tmp_path / "k.npy", np.asarray(K * 10, dtype=dtype, order=order))
    np.testing.assert_array_equal(read_kernels(tmp_path / "k.npy")["k"].reshape(K.shape), (K * 10).astype(dtype))


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_npz_without_what_is_no_kernel(tmp_path, save):
    save(
        tmp_path / "net.npz", conv=K, bias=np.ones(4), dense=np.ones((10, 20)), point=np.ones((4, 4, 1, 1)), one=K[0, 0]
    )
    found = read_kernels(tmp_path / "net.npz")
    assert {name: k.shape for name, k in found.items()} == {"conv": (8, 5, 5), "one": (1, 5, 5)}


def test_pixels_first(tmp_path):
    np.save(tmp_path / "keras.npy", np.transpose(K, (2, 3, 1, 0)))
    found = read_kernels(str(tmp_path / "keras.npy"), pixels="first")["keras"]
    np.testing.assert_array_equal(found.reshape(2, 4, 5, 5), K.swapaxes(0, 1))


class TestBadInput:
    def refused(self, path, **more):
        with pytest.raises(BadInput) as refused:
            read_kernels(path, **more)
        assert "\n" not in str(refused.value)
        return str(refused.value)

    def write(self, tmp_path, data, name="k.npy"):
        (tmp_path / name).write_bytes(data)
        return tmp_path / name

    def npy(self, array, **more):
        stream = io.BytesIO()
        np.lib.format.write_array(stream, array, **more)
        return stream.getvalue()

    def test_pickles(self, tmp_path):
        held = np.array([{"a": 1}], dtype=object)
        np.save(tmp_path / "o.npy", held, allow_pickle=True)
        np.savez(tmp_path / "o.npz", o=held)
        for name in ("o.npy", "o.npz"):
            assert "its array o holds Python objects" in self.refused(tmp_path / name)

    @pytest.mark.parametrize("array", [K * 1j, np.array(["a"]), np.zeros(3, dtype=[("a", "f8")])])
    def test_what_are_no_real_numbers(self, tmp_path, array):
        assert "it must be of real numbers" in self.refused(self.write(tmp_path, self.npy(array)))

    @pytest.mark.parametrize(
        ("data", "said"), [(b"", "is empty"), (b"\x80\x04", "begins with 80 04"), (b"PK", "whole")]
    )
    def test_no_file_of_numpys(self, tmp_path, data, said):
        assert said in self.refused(self.write(tmp_path, data))

    def test_nothing_there(self, tmp_path):
        assert "No such file" in self.refused(tmp_path / "none.npy")

    @pytest.mark.parametrize("left", [3, 40, 200])
    def test_cut_short(self, tmp_path, left):
        assert "file is" in self.refused(self.write(tmp_path, self.npy(K)[:left]))

    def test_a_claim_larger_than_the_file(self, tmp_path):
        whole = self.npy(np.zeros((1000, 5, 5)))
        claimed = whole.replace(b"(1000, 5, 5)", b"(9000, 5, 5)")
        assert "claims 1800000 bytes, and has 200000" in self.refused(self.write(tmp_path, claimed))
        assert "of at most 1000 bytes" in self.refused(self.write(tmp_path, whole), limit=1000)
        endless = whole.replace(b"(1000, 5, 5), }   ", b"(10000000, 5, 5), }")
        assert "claims 2000000000" in self.refused(self.write(tmp_path, endless))

    def test_a_bomb_is_not_unpacked(self, tmp_path):
        np.savez_compressed(tmp_path / "bomb.npz", k=np.zeros((1_000_000, 3, 3)))
        assert "packed to a hundredth" in self.refused(tmp_path / "bomb.npz", limit=1 << 30)

    def test_all_arrays_together_are_limited(self, tmp_path):
        np.savez(tmp_path / "many.npz", a=K, b=K)
        assert "but b claims" in self.refused(tmp_path / "many.npz", limit=K.nbytes + 1)

    def test_another_version(self, tmp_path):
        assert "format 1.0 or 2.0" in self.refused(self.write(tmp_path, self.npy(K, version=(3, 0))))

    def test_a_damaged_archive(self, tmp_path):
        np.savez(tmp_path / "k.npz", k=K)
        whole = bytearray((tmp_path / "k.npz").read_bytes())
        whole[300] ^= 1
        assert "whole .npy or .npz file (Bad CRC-32" in self.refused(self.write(tmp_path, bytes(whole), "bad.npz"))

    def test_an_archive_of_something_else(self, tmp_path):
        with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
            archive.writestr("readme.txt", "nothing")
        assert "but holds nothing" in self.refused(tmp_path / "a.npz")

    def test_no_kernels(self, tmp_path):
        np.savez(tmp_path / "a.npz", **{f"b{i}": np.ones((2, 3 + i, 4 + i)) for i in range(6)})
        assert "b0 of shape (2, 3, 4); " in self.refused(tmp_path / "a.npz")

    def test_pixels(self, tmp_path):
        np.save(tmp_path / "k.npy", K)
        assert "pixels is 'middle'; it must be last or first" in self.refused(tmp_path / "k.npy", pixels="middle")
