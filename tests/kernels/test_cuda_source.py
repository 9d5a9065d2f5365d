"""The CUDA sources compile for the devices that they are meant for, without one: by NVRTC, or nvcc where it is."""

from __future__ import annotations

import ctypes
import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from theory.descent import blocks
from theory.kernels import cuda
from theory.objectives import exact_on_device, on_device

ARCHITECTURES = ["sm_80", "sm_90"]
SIZES = [(20_000, 9, 25, 32), (200_000, 1, 25, 8), (2_000, 576, 25, 16), (50_000, 1, 100, 64), (100_000, 1, 25, 1)]


class CompileError(Exception):
    """What the compiler says."""


def nvrtc() -> Path | None:
    """The library in its wheel."""
    if importlib.util.find_spec("nvidia") is None:
        return None
    places = importlib.util.find_spec("nvidia").submodule_search_locations
    found = [file for place in places for file in sorted(Path(place).glob("cuda_nvrtc/lib/libnvrtc.so.*"))]
    return next((file for file in found if "alt" not in file.name), None)


def by_nvrtc(source: str, options: tuple[str, ...]) -> bytes:
    """The machine code that NVRTC makes."""
    library, program = ctypes.CDLL(str(nvrtc())), ctypes.c_void_p()
    assert library.nvrtcCreateProgram(ctypes.byref(program), source.encode(), b"kernel.cu", 0, None, None) == 0
    texts = (ctypes.c_char_p * len(options))(*(option.encode() for option in options))
    code = library.nvrtcCompileProgram(program, len(options), texts)
    what = ("CUBIN", "CUBIN") if code == 0 else ("ProgramLog", "ProgramLog")
    size = ctypes.c_size_t()
    assert getattr(library, f"nvrtcGet{what[0]}Size")(program, ctypes.byref(size)) == 0
    text = ctypes.create_string_buffer(size.value)
    assert getattr(library, f"nvrtcGet{what[1]}")(program, text) == 0
    library.nvrtcDestroyProgram(ctypes.byref(program))
    if code:
        raise CompileError(text.value.decode())
    return text.raw


def by_nvcc(source: str, options: tuple[str, ...], folder: Path) -> bytes:
    """The machine code that nvcc makes."""
    (folder / "kernel.cu").write_text(source)
    command = ["nvcc", "-cubin", *options, "-o", str(folder / "kernel.cubin"), str(folder / "kernel.cu")]
    made = subprocess.run(command, capture_output=True, text=True)
    if made.returncode:
        raise CompileError(made.stderr)
    return (folder / "kernel.cubin").read_bytes()


@pytest.fixture
def compiled(tmp_path) -> Callable[..., bytes]:
    """Source and options → machine code. On Linux one of the two must be there: the wheel is a test requirement."""
    if nvrtc() is not None:
        return by_nvrtc
    if shutil.which("nvcc"):
        return lambda source, options: by_nvcc(source, options, tmp_path)
    if not sys.platform.startswith("linux"):
        pytest.skip("no CUDA compiler for this system")
    pytest.fail("neither NVRTC (pip install -e .[dev]) nor nvcc is here to compile the CUDA sources")


def options(macros: dict, architecture: str) -> tuple[str, ...]:
    return (*cuda.OPTIONS, f"-arch={architecture}", *cuda.defines(macros))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_the_step_compiles(size, dtype, architecture, compiled):
    for slope in (True, False):
        # Patches of 576 places are cut from images.
        plan = on_device.plan(size[:3], size[3], dtype, slope=slope, cut=size[1] == 576)
        code = compiled(cuda.source("filter_step"), options(plan.macros, architecture))
        assert code.startswith(b"\x7fELF")
        assert b"filter_sums" in code
        assert b"gather" in code


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("real", ["float", "double"])
@pytest.mark.parametrize(("p", "k", "batch"), [(25, 1, 1), (25, 9, 64), (512, 1, 8)])
def test_the_minibatch_steps_compile(p, k, batch, real, architecture, compiled):
    for rule in range(3) if k > 1 else [0]:
        macros = on_device.minibatch_macros(p, k, batch, real, rule)
        code = compiled(cuda.source("minibatch_steps"), options(macros, architecture))
        assert code.startswith(b"\x7fELF")
        assert b"minibatch_steps" in code


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_exact_sums_and_the_step_compile(architecture, compiled):
    for slope in (True, False):
        for p, offsets in [(9, 1), (25, 81), (exact_on_device.WIDEST, 3969)]:
            macros = exact_on_device.overlap_macros(p, offsets, slope=slope)
            assert b"overlap_sums" in compiled(cuda.source("overlap_sums"), options(macros, architecture))
        macros = exact_on_device.plane_macros(7, slope=slope)
        assert b"plane_sums" in compiled(cuda.source("plane_sums"), options(macros, architecture))
    for dtype in (np.float32, np.float64):
        for rule in range(3):
            macros = blocks.macros(25, blocks.LONGEST, dtype, rule)
            assert b"descent_step" in compiled(cuda.source("descent_step"), options(macros, architecture))


def test_an_error_is_seen(compiled):
    plan = on_device.plan((100, 1, 5), 4, np.float64, slope=True)
    source = cuda.source("filter_step")
    with pytest.raises(CompileError, match="REALM"):
        compiled(source.replace("REAL sum = 0", "REALM sum = 0"), options(plan.macros, "sm_90"))


@pytest.mark.parametrize("file", sorted(Path(cuda.__file__).parent.glob("*.cu")), ids=lambda file: file.stem)
def test_no_sum_depends_on_who_comes_first(file):
    """No atomic operation, no tensor core (and so no TF32), no approximate function."""
    code = "\n".join(line.split("//")[0] for line in file.read_text().splitlines())
    for word in ("atomic", "wmma", "mma.sync", "__fdividef", "__expf", "__sinf", "fast_math"):
        assert word not in code
    assert not any("fast" in option for option in cuda.OPTIONS)
