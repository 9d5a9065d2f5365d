"""Real images: what is read is what was written, and no file, however it lies, does more than raise one line."""

from __future__ import annotations

import gc
import gzip
import hashlib
import io
import os
import struct
import subprocess
import sys
import tracemalloc
import urllib.error
from http.client import IncompleteRead
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import sparse

from theory.checks import BadInput
from theory.problems import digits, load, read_idx
from theory.problems import images as module
from theory.problems.images import CHUNK, LARGEST

ROOT = Path(__file__).parents[2]
MNIST = ROOT.parent / "shared" / "data" / "mnist"
needs_mnist = pytest.mark.skipif(
    not MNIST.is_dir(), reason=f"MNIST's test images are not in {MNIST}, beside the checkout"
)


@pytest.fixture(autouse=True)
def _none_held():
    """What one test has put in a place must not be what the next one finds there."""
    module.forget()


CODES = {0x08: "u1", 0x09: "i1", 0x0B: "i2", 0x0C: "i4", 0x0D: "f4", 0x0E: "f8"}


def header(code: int, *shape: int) -> bytes:
    return bytes([0, 0, code, len(shape)]) + struct.pack(f">{len(shape)}I", *shape)


def idx(array: np.ndarray) -> bytes:
    """The array as the format has it, written independently of the reader."""
    code = next(code for code, kind in CODES.items() if np.dtype(kind) == array.dtype)
    return header(code, *array.shape) + array.astype(array.dtype.newbyteorder(">")).tobytes()


def zeros(n: int) -> bytes:
    """n zero bytes packed, a thousandth of their size, without ever having been in memory."""
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=1, mtime=0) as stream:
        for _ in range(n // CHUNK):
            stream.write(bytes(CHUNK))
        stream.write(bytes(n % CHUNK))
    return packed.getvalue()


def pack(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)


@pytest.fixture
def write(tmp_path):
    def make(data: bytes, name: str = "images.idx") -> Path:
        (tmp_path / name).write_bytes(data)
        return tmp_path / name

    return make


def peak(work) -> int:
    """Most bytes held at a time by what ``work`` allocates."""
    gc.collect()
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


ARRAYS = st.sampled_from(sorted(CODES.values())).flatmap(
    lambda kind: hnp.arrays(kind, hnp.array_shapes(max_dims=5, max_side=4))
)
one_folder = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


class TestReading:
    @one_folder
    @given(array=ARRAYS, packed=st.booleans())
    def test_what_is_read_is_what_was_written(self, write, array, packed):
        found = read_idx(write(pack(idx(array)) if packed else idx(array)))
        assert found.dtype == array.dtype
        assert found.dtype.isnative
        np.testing.assert_array_equal(found, array)

    def test_what_is_packed_is_seen_from_its_bytes_not_from_its_name(self, write):
        labels = np.arange(7, dtype=np.uint8)
        np.testing.assert_array_equal(read_idx(write(pack(idx(labels)), "labels")), labels)
        np.testing.assert_array_equal(read_idx(write(idx(labels), "labels.gz")), labels)

    def test_a_file_in_several_members_is_one(self, write):
        data = idx(np.arange(100, dtype=np.int32))
        found = read_idx(write(pack(data[:50]) + pack(data[50:])))
        np.testing.assert_array_equal(found, np.arange(100))

    def test_what_is_read_belongs_to_the_caller(self, write):
        found = read_idx(str(write(idx(np.zeros((2, 3), np.float32)))))
        found[0, 0] = 1
        assert found.flags.writeable

    def test_memory_is_little_more_than_the_array(self, write):
        """Growing in steps may copy once: twice the array and a chunk."""
        path = write(pack(header(0x0E, 1000, 28, 28) + bytes(8 * 784_000)))
        assert peak(lambda: read_idx(path)) < 2.2 * 8 * 784_000 + 2 * CHUNK

    def test_the_limit_is_what_the_header_may_claim(self, write):
        path = write(idx(np.zeros((4, 5), np.int16)))
        assert read_idx(path, limit=40).shape == (4, 5)
        with pytest.raises(BadInput, match=r"of at most 39 bytes \(the argument limit\), but .* claims 40 bytes"):
            read_idx(path, limit=39)


BYTES = idx(np.arange(60, dtype=np.uint8).reshape(3, 4, 5))
HONEST_BOMB = pack(header(0x08, 1 << 20, 1 << 10)) + zeros(16 << 20)
LYING_BOMB = pack(header(0x08, 10, 28, 28)) + zeros(256 << 20)
LIARS = {
    "empty": (b"", "in IDX format: 00 00, .*; but it is empty"),
    "one byte": (b"\0", "in IDX format: 00 00, .*; but it begins with 00$"),
    "text": (b"P5 28 28 255\n", ".*; but it begins with 50 35 20 32$"),
    "wrong magic": (b"\0\1" + BYTES[2:], ".*; but it begins with 00 01 08 03$"),
    "no such type": (b"\0\0\x0a" + BYTES[3:], ".*; but it begins with 00 00 0a 03$"),
    "no axes": (b"\0\0\x08\0", ".*; but it begins with 00 00 08 00$"),
    "too many axes": (b"\0\0\x08\xff" + b"\0\0\0\1" * 255, ".*; but it begins with 00 00 08 ff$"),
    "header cut short": (BYTES[:9], "whole, but ends within its header, which has 3 axes$"),
    "entries cut short": (BYTES[:-1], "whole, but its header claims 60 bytes .* shape 3x4x5, and it has 59$"),
    "no entries": (BYTES[:16], "whole, but its header claims 60 bytes .*, and it has 0$"),
    "too many entries": (BYTES + b"\0", "as long as its header says, but .* claims 60 bytes .*, and it has more$"),
    "an empty array": (header(0x08, 0, 28, 28), "of at least one entry, but its header claims the shape 0x28x28$"),
    "all the world": (header(0x0E, *[0xFFFFFFFF] * 64), "of at most 134217728 bytes"),
    "just beyond the limit": (header(0x08, LARGEST + 1) + b"\0" * 9, "of at most 134217728 bytes"),
    "just within, but a lie": (header(0x08, LARGEST) + b"\0" * 9, "whole, but .*, and it has 9$"),
    "packed, a lie": (pack(header(0x08, CHUNK) + b"\0" * 9), "whole, but .*, and it has 9$"),
    "packed, a bomb that keeps its word": (pack(header(0x08, LARGEST) + bytes(LARGEST)), "packed to a 100th"),
    "packed twice": (pack(pack(BYTES)), ".*; but it begins with 1f 8b 08 00$"),
    "packing cut short": (pack(BYTES)[:-9], r"whole, but as a gzip file it is corrupt or cut short \(.+\)$"),
    "packing's header cut short": (pack(BYTES)[:5], r"whole, but as a gzip file it is corrupt or cut short \(.+\)$"),
    "packing's checksum": (
        pack(BYTES)[:-8] + bytes(4) + pack(BYTES)[-4:],
        r"whole, but as a gzip file it is corrupt or cut short \(CRC check failed.+\)$",
    ),
    "packing's blocks": (
        pack(BYTES)[:10] + b"\xff" * 20 + pack(BYTES)[30:],
        r"whole, but as a gzip file it is corrupt or cut short \(.+\)$",
    ),
    "refuse behind the packing": (pack(BYTES) + b"refuse", r"whole, but as a gzip file it is corrupt .*$"),
    "a bomb that says what it is": (HONEST_BOMB, "of at most 134217728 .*, but its header claims 1073741824 bytes"),
    "a bomb that does not": (LYING_BOMB, "as long as its header says, but .* claims 7840 bytes .*, and it has more$"),
}  # fmt: skip


def outcome(path: Path) -> np.ndarray | str:
    """What is read, or the line that says why not."""
    try:
        return read_idx(path)
    except BadInput as error:
        line = str(error)
    assert "\n" not in line
    return line


class TestLiars:
    @pytest.mark.parametrize(("data", "message"), LIARS.values(), ids=LIARS)
    def test_one_line_and_no_giant_allocation(self, write, data, message):
        """Chunks, the decompressor's and Python's own buffers: the largest claim here is 256 MiB."""
        path = write(data)

        def read():
            with pytest.raises(BadInput, match=f"^path is '.*images.idx'; it must be {message}") as caught:
                read_idx(path)
            assert "\n" not in str(caught.value)

        assert peak(read) < 4 * CHUNK

    @pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="no /proc here to tell the size of a process")
    def test_address_space_does_not_run_out(self, write, tmp_path):
        """The same under a limit that the system keeps: 96 MiB more than the process has when it begins to read."""
        for number, (data, _) in enumerate(LIARS.values()):
            write(data, f"{number}.idx")
        script = (
            "import resource, sys\n"
            "from pathlib import Path\n"
            "from theory.checks import BadInput\n"
            "from theory.problems import read_idx\n"
            "size = int(Path('/proc/self/statm').read_text().split()[0]) * resource.getpagesize() + (96 << 20)\n"
            "resource.setrlimit(resource.RLIMIT_AS, (size, size))\n"
            "for path in sorted(Path(sys.argv[1]).glob('*.idx')):\n"
            "    try:\n"
            "        read_idx(path)\n"
            "    except BadInput:\n"
            "        print('refused')\n"
        )
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}
        done = subprocess.run(
            [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, env=environment, timeout=120
        )
        assert done.stdout.split() == ["refused"] * len(LIARS), done.stderr[-2000:]

    @one_folder
    @given(
        data=st.binary(max_size=80), where=st.sampled_from([b"", b"\0\0", b"\0\0\x08", b"\0\0\x08\1", b"\x1f\x8b\x08"])
    )
    def test_no_bytes_do_worse_than_be_refused(self, write, data, where):
        found = outcome(write(where + data))
        assert isinstance(found, str) or idx(found) == where + data

    @one_folder
    @given(place=st.integers(0, 59), bit=st.integers(0, 7))
    def test_no_flipped_bit_in_the_packing_changes_what_is_read(self, write, place, bit):
        """Or what is left is refused; the packing's own header has bytes that say nothing about what is in it."""
        packed = bytearray(pack(BYTES))
        packed[place % len(packed)] ^= 1 << bit
        found = outcome(write(bytes(packed)))
        assert isinstance(found, str) or idx(found) == BYTES

    def test_a_long_name_does_not_hide_what_is_wrong(self, tmp_path):
        folder = tmp_path / ("x" * 240)
        folder.mkdir()
        (folder / "images.idx").write_bytes(BYTES[:-1])
        with pytest.raises(BadInput, match=r"and it has 59$"):
            read_idx(folder / "images.idx")


class TestNoFile:
    def test_a_missing_file(self, tmp_path):
        with pytest.raises(
            BadInput, match=r"^path is '.*/none.idx'; it must be a file that can be read, but No such file"
        ):
            read_idx(tmp_path / "none.idx")

    def test_a_directory(self, tmp_path):
        with pytest.raises(BadInput, match=r"^path is '.*'; it must be a file, but is a directory$"):
            read_idx(tmp_path)

    def test_a_pipe_is_not_waited_for(self, tmp_path):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(BadInput, match=r"it must be a file, but is a pipe, a socket or a device$"):
            read_idx(tmp_path / "pipe")

    @pytest.mark.skipif(not Path("/dev/zero").exists(), reason="no /dev/zero here")
    def test_a_device_that_never_ends(self):
        with pytest.raises(BadInput, match=r"it must be a file, but is a pipe, a socket or a device$"):
            read_idx("/dev/zero")

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
    def test_a_file_of_somebody_elses(self, write):
        path = write(BYTES)
        path.chmod(0)
        with pytest.raises(BadInput, match=r"it must be a file that can be read, but Permission denied$"):
            read_idx(path)

    def test_a_file_that_fails_while_it_is_read(self, write, monkeypatch):
        def fail(*_, **__):
            raise OSError(5, "Input/output error")

        monkeypatch.setattr("theory.problems.images._header", fail)
        with pytest.raises(BadInput, match=r"it must be a file that can be read, but Input/output error$"):
            read_idx(write(BYTES))

    @pytest.mark.parametrize("path", [None, 3.5, "a\0b"])
    def test_no_path(self, path):
        with pytest.raises(BadInput, match=r"^path is .*; it must be the path of a file$"):
            read_idx(path)

    def test_a_name_too_long(self):
        with pytest.raises(BadInput, match=r"it must be a file that can be read, but File name too long$"):
            read_idx("x" * 5000)

    def test_no_limit(self, write):
        with pytest.raises(BadInput, match=r"limit is 0; it must be at least 1"):
            read_idx(write(BYTES), limit=0)


class TestDigits:
    def test_what_they_are(self):
        images = digits()
        assert images.shape == (1797, 8, 8)
        assert images.dtype == np.float64
        assert images.min() == 0
        assert images.max() == 1
        np.testing.assert_array_equal(images * 16, np.round(images * 16))

    def test_they_belong_to_the_caller(self):
        digits()[:] = 7
        assert digits().max() == 1

    def test_nothing_loads_scikit_learn_before_they_are_wanted(self):
        script = "import sys, theory.problems; print('sklearn' in sys.modules)"
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, env=environment, check=True
        )
        assert done.stdout.strip() == "False"


@needs_mnist
class TestMnist:
    def test_it_is_the_file_we_know(self):
        digest = hashlib.sha256((MNIST / "t10k-images-idx3-ubyte.gz").read_bytes()).hexdigest()
        assert digest == "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"

    def test_images_and_labels(self):
        images = read_idx(MNIST / "t10k-images-idx3-ubyte.gz")
        labels = read_idx(MNIST / "t10k-labels-idx1-ubyte.gz")
        assert (images.shape, images.dtype) == ((10_000, 28, 28), np.uint8)
        assert labels[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
        assert np.bincount(labels).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]

    def test_loaded_they_are_between_0_and_1(self):
        images = load(MNIST / "t10k-images-idx3-ubyte.gz")
        raw = gzip.decompress((MNIST / "t10k-images-idx3-ubyte.gz").read_bytes())[16:]
        np.testing.assert_array_equal(images.ravel() * 255, np.frombuffer(raw, np.uint8))

    def test_labels_are_no_images(self):
        with pytest.raises(BadInput, match=r"array in '.*labels.*' is an array of shape \(10000,\); it must be"):
            load(MNIST / "t10k-labels-idx1-ubyte.gz")


class TestLoad:
    def test_digits(self):
        np.testing.assert_array_equal(load("digits"), digits())

    @pytest.mark.parametrize("shape", [(3, 4, 5), (3, 20)])
    def test_bytes_are_shares_of_255(self, write, shape):
        array = np.arange(60, dtype=np.uint8).reshape(shape) * 4
        images = load(write(idx(array)))
        assert images.dtype == np.float64
        np.testing.assert_array_equal(images, array / 255)

    @pytest.mark.parametrize("kind", ["i1", "i2", "i4", "f4", "f8"])
    def test_other_types_are_as_they_are(self, write, kind):
        array = np.arange(-30, 30).reshape(3, 4, 5).astype(kind)
        images = load(str(write(idx(array))))
        assert images.dtype == np.float64
        np.testing.assert_array_equal(images, array)

    def test_are_held_for_the_next_who_asks_and_let_go(self, write):
        file = write(idx(np.ones((3, 4, 5))))
        images = load(file)
        assert load(file) is images
        with pytest.raises(ValueError, match="read-only"):
            images[0] = 1
        module.forget()
        assert load(file) is not images

    def test_a_file_that_has_changed_is_read_again(self, write, monkeypatch):
        for value in (1.0, 2.0):
            assert load(write(idx(np.full((3, int(4 * value), 5), value))))[0, 0, 0] == value

    def test_the_same_name_in_another_folder_is_another_file(self, tmp_path, monkeypatch):
        for name, value in (("a", 1.0), ("b", 2.0)):
            (tmp_path / name).mkdir()
            (tmp_path / name / "x.idx").write_bytes(idx(np.full((3, 4, 5), value)))
            monkeypatch.chdir(tmp_path / name)
            assert load("x.idx")[0, 0, 0] == value

    def test_what_is_held_respects_the_limit(self, write):
        file = write(BYTES)
        load(file)
        with pytest.raises(BadInput, match=r"of at most 59 bytes"):
            load(file, limit=59)

    def test_a_file_in_this_folder_is_no_name(self, write, monkeypatch):
        monkeypatch.chdir(write(BYTES, "mnist_784").parent)
        assert load("mnist_784").shape == (3, 4, 5)

    @pytest.mark.parametrize("name", ["none.gz", "t10k-images-idx3-ubyte", "folder/mnist_784", "a b", "", "."])
    def test_what_looks_like_a_path_is_one(self, name, no_network):
        with pytest.raises(BadInput, match=r"^path is"):
            load(name)

    @pytest.mark.parametrize("source", [None, 784, b"digits", ["digits"]])
    def test_anything_else_is_refused(self, source):
        with pytest.raises(
            BadInput, match=r'^source is .*; it must be "digits", the path of an IDX file, or a name on'
        ):
            load(source)

    def test_not_a_number_is_no_image(self, write):
        with pytest.raises(BadInput, match=r"^array in '.*' is an array with NaN or infinity in it"):
            load(write(idx(np.full((2, 3, 3), np.nan))))

    def test_colours_are_no_images(self, write):
        with pytest.raises(BadInput, match=r"is an array of shape \(2, 3, 3, 3\); it must be an array with 2 or 3"):
            load(write(idx(np.zeros((2, 3, 3, 3)))))

    def test_the_limit_is_handed_on(self, write):
        with pytest.raises(BadInput, match=r"of at most 59 bytes"):
            load(write(BYTES), limit=59)


@pytest.fixture
def no_network(monkeypatch):
    """OpenML answers with whatever the test says; without a word from it, the test has gone astray."""
    answer: list = []

    def fetch(name, *, as_frame):
        assert as_frame is False
        if isinstance(answer[0], Exception):
            raise answer[0]
        return SimpleNamespace(data=answer[0])

    monkeypatch.setattr("sklearn.datasets.fetch_openml", fetch)
    return answer


class TestOpenML:
    def test_rows_of_a_square_length_are_images(self, no_network):
        table = np.arange(32.0).reshape(2, 16)
        no_network.append(table)
        np.testing.assert_array_equal(load("mnist_784"), table.reshape(2, 4, 4) / 31)

    def test_others_are_signals(self, no_network):
        no_network.append(np.arange(-8, 4).reshape(2, 6))
        np.testing.assert_array_equal(load("ECG5000"), np.arange(-8, 4).reshape(2, 6) / 8)

    def test_a_blank_table_stays_blank(self, no_network):
        no_network.append(np.zeros((2, 9)))
        assert not load("blank").any()

    @pytest.mark.parametrize(
        "error",
        [
            ValueError("No known dataset named\n'mnits'"),
            urllib.error.URLError("Name or service not known"),
            urllib.error.HTTPError("https://x", 412, "Precondition Failed", {}, None),
            IncompleteRead(b""),
            TimeoutError("timed out"),
            EOFError("Compressed file ended"),
        ],
        ids=lambda error: type(error).__name__,
    )
    def test_whatever_goes_wrong_is_one_line(self, no_network, error):
        no_network.append(error)
        with pytest.raises(BadInput, match=f"^source is 'mnits'; it must be .*\\({type(error).__name__}: ") as caught:
            load("mnits")
        assert "\n" not in str(caught.value)
        if isinstance(error, urllib.error.HTTPError):
            error.close()

    @pytest.mark.parametrize(
        ("data", "message"),
        [
            (sparse.csr_array(np.eye(4)), "^source is 'words', a csr_array; it must be a dense table"),
            (np.array([["a", "b"]], dtype=object), "^table of 'words' is .*; it must be an array of real numbers"),
            (np.array([[1.0, np.nan]]), "^table of 'words' is an array with NaN"),
            (np.empty((0, 4)), "^number of images of the table of 'words' is 0"),
        ],
        ids=["sparse", "words", "missing values", "empty"],
    )
    def test_what_makes_no_images_is_refused(self, no_network, data, message):
        no_network.append(data)
        with pytest.raises(BadInput, match=message):
            load("words")
