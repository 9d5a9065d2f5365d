"""A user's files: what is read, what is refused in one line, and that memory does not grow with them."""

import tracemalloc

import numpy as np
import pytest

from theory.checks import BadInput
from theory.closeness import closeness_of
from theory.own.files import BLOCK, Samples, drawn, labels_of, opened, teacher_of, whole


@pytest.fixture
def saved(tmp_path):
    def save(array, name="z.npy"):
        np.save(tmp_path / name, array)
        return tmp_path / name

    return save


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", ">f8", "int8", "uint8", "bool"])
@pytest.mark.parametrize("shape", [(5, 3), (5, 2, 3)])
@pytest.mark.parametrize("order", ["C", "F"])
def test_what_is_read(saved, dtype, shape, order):
    array = np.asarray(np.random.default_rng(0).integers(0, 2, shape), dtype=dtype, order=order)
    found = Samples.open(saved(array))
    n, k, p = found.shape
    assert (n, k, p) == (5, 1 if len(shape) == 2 else 2, 3)
    z = found.take(slice(0, 5))
    assert z.dtype == np.float64
    assert np.array_equal(z.reshape(shape), array.astype(float))
    (block, part), *rest = found.blocks()
    assert np.array_equal(block, z)
    assert (part, rest) == (slice(0, 5), [])


def test_the_rows_of_a_sample():
    rows = drawn(1000, 100, rng=np.random.default_rng(0))
    assert np.array_equal(rows, np.unique(rows))
    assert rows.size == 100
    assert rows.max() < 1000
    assert drawn(7, 7, rng=np.random.default_rng(0)) == slice(0, 7)


def test_the_pass_over_the_whole_file(saved, monkeypatch):
    z = np.random.default_rng(1).standard_normal((50, 3, 4)) + 2
    z[7, 1] = 0
    monkeypatch.setattr("theory.own.files.BLOCK", 60)
    found = whole(Samples.open(saved(z)))
    norms = np.linalg.norm(z, axis=2)
    assert found.largest_norm == norms.max()
    assert found.least_norm == 0
    assert found.without_direction == 1
    assert found.closeness == closeness_of(np.delete(z, 7, axis=0))
    assert found.mean_square == pytest.approx(np.mean(norms**2), rel=1e-13)


def test_memory_does_not_grow_with_the_file(tmp_path):
    """A sparse file of 1 GiB, of which 8 entries are not zero: no disk, and no memory."""
    path = tmp_path / "large.npy"
    array = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=(1 << 26, 4))
    array[[3, 1 << 25]] = 1.0
    del array
    samples = Samples.open(path)
    tracemalloc.start()
    try:
        # 16 blocks of it; each is converted, checked and normalised: about 15 times its 8 MiB.
        for _, (z, _) in zip(range(16), samples.blocks(), strict=False):
            assert z.size <= BLOCK
        assert samples.take(drawn(1 << 26, 10, rng=np.random.default_rng(0))).shape == (10, 1, 4)
        # A permutation of all rows would take 512 MiB; numpy's choice without shuffling takes a set of ten.
        assert tracemalloc.get_traced_memory()[1] < 256 << 20
    finally:
        tracemalloc.stop()


class Evil:
    """What runs when it is unpickled."""

    def __reduce__(self):
        return (print, ("unpickled",))


def test_nothing_is_unpickled(saved, capsys):
    path = saved(np.array([Evil()], dtype=object))
    with pytest.raises(
        BadInput, match=r"samples is .*z\.npy \(.*\); it must be in NumPy's format \.npy, without pickled"
    ):
        Samples.open(path)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.zeros(3), r"an array of shape \(3,\); it must be an array with 2 or 3 dimension"),
        (np.zeros((2, 2, 2, 2)), r"an array of shape \(2, 2, 2, 2\)"),
        (np.zeros((3, 1)), "p at least 2"),
        (np.zeros((2, 0, 3)), "it must be"),
        (np.zeros((0, 3)), "it must be"),
        (np.zeros((2, 2), dtype=complex), "an array of type complex128; it must be of real numbers"),
        (np.zeros((2, 2), dtype="U3"), "it must be of real numbers"),
        (np.zeros((2, 2), dtype=[("a", float)]), "it must be of real numbers"),
    ],
)
def test_samples_refused(saved, array, said):
    with pytest.raises(BadInput, match=f"samples is .*z.npy.*{said}") as refused:
        Samples.open(saved(array))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("content", [b"", b"no array", b"\x93NUMPY\x01\x00", b"PK\x03\x04 a zip, as of npz", None])
def test_files_that_are_none(tmp_path, content):
    path = tmp_path / "f.npy"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BadInput, match=r"samples is .*f\.npy \(.+\); it must be"):
        opened("samples", path, (2,))
    with pytest.raises(BadInput, match=r"\(Is a directory\); it must be a file that can be read"):
        opened("samples", tmp_path, (2,))


def test_a_truncated_file(saved):
    path = saved(np.zeros((100, 3)))
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(BadInput, match="and whole"):
        Samples.open(path)


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e200])
def test_entries_refused_where_they_are_read(saved, monkeypatch, bad):
    z = np.ones((10, 2))
    z[7, 1] = bad
    monkeypatch.setattr("theory.own.files.BLOCK", 4)
    with pytest.raises(BadInput, match=r"z\.npy: samples 6 to 7 is an array"):
        whole(Samples.open(saved(z)))


def test_labels_and_teacher(saved):
    assert labels_of(saved(np.arange(3)), 3).tolist() == [0, 1, 2]
    assert labels_of(saved(np.ones((3, 1))), 3).shape == (3,)
    assert teacher_of(saved(np.array([1, 2])), 2).tolist() == [1.0, 2.0]
    with pytest.raises(BadInput, match=r"labels is .*of shape \(4,\); it must be of shape \(3,\), one a sample"):
        labels_of(saved(np.zeros(4)), 3)
    with pytest.raises(BadInput, match=r"teacher is .*of shape \(2,\); it must be of shape \(3,\)"):
        teacher_of(saved(np.zeros(2)), 3)
    with pytest.raises(BadInput, match="teacher is the zero vector"):
        teacher_of(saved(np.zeros(3)), 3)
