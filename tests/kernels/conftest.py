"""The CUDA sources on the host: compiled as C++ with a shim, and launched on NumPy arrays."""

from __future__ import annotations

import ctypes
import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from theory.kernels import cuda

SHIM = Path(__file__).parent / "shim.h"
KERNEL = re.compile(r'extern "C" __global__ void(?: __launch_bounds__\([^)]*\))?\s+(\w+)\(([^)]*)\)')
TYPES = {"REAL": {"float": ctypes.c_float, "double": ctypes.c_double}, "long long": ctypes.c_longlong}


def kernels(source: str) -> dict[str, list[str]]:
    """The kernels of a source, and the types of their arguments."""
    return {
        name: [" ".join(argument.replace("*", "* ").split()[:-1]) for argument in arguments.split(",")]
        for name, arguments in KERNEL.findall(source)
    }


def entry(name: str, types: list[str]) -> str:
    """A function that launches one kernel."""
    unpacked = ", ".join(f"*({kind} *)values[{i}]" for i, kind in enumerate(types))
    return (
        f'extern "C" int launch_{name}(void **values, const unsigned *grid, const unsigned *block, int backwards)\n'
        f"{{ return host::run([](void **values) {{ {name}({unpacked}); }}, values, grid, block, backwards); }}\n"
    )


class HostModule:
    """What ``cupy.RawModule`` is on a device."""

    def __init__(self, library: ctypes.CDLL, types: dict[str, list[str]], macros: dict, settings: dict) -> None:
        self.library, self.types, self.real, self.settings = library, types, macros["REAL"], settings
        self.backwards = settings["backwards"]

    def get_function(self, name: str):
        kernel = self.library._name, name

        def launch(grid, block, arguments) -> None:
            if self.settings["graph"] is not None:
                assert kernel in self.settings["ran"], "a kernel is loaded while the graph is made"
                self.settings["graph"].append((launch, grid, block, arguments))
                return
            self.settings["ran"].add(kernel)
            values = [self.value(kind, given) for kind, given in zip(self.types[name], arguments, strict=True)]
            pointers = (ctypes.c_void_p * len(values))(*(ctypes.addressof(value) for value in values))
            shape = [(ctypes.c_uint * 2)(*(*extent, 1)[:2]) for extent in (grid, block)]
            met = getattr(self.library, f"launch_{name}")(pointers, *shape, int(self.backwards))
            assert met, "not all threads came to the same barrier"

        return launch

    def value(self, kind: str, given):
        """The argument, after making sure that it has the type that the kernel reads."""
        types = {"float": np.float32, "double": np.float64, "long long": np.int64}
        base = kind.removeprefix("const ").removesuffix("*").strip()
        null = kind.endswith("*") and isinstance(given, np.int64) and given == 0
        assert null or given.dtype == types[self.real if base == "REAL" else base]
        if kind.endswith("*"):
            assert null or isinstance(given, np.ndarray)
            return ctypes.c_void_p(None if null else given.ctypes.data)
        number = ctypes.c_longlong if kind == "long long" else TYPES["REAL"][self.real]
        return number(given.item())


@pytest.fixture(scope="session")
def host_library(tmp_path_factory):
    """Source and macros → the library, compiled once."""
    compiler = os.environ.get("CXX") or shutil.which("g++") or shutil.which("clang++") or shutil.which("c++")
    if compiler is None:
        pytest.skip("no C++ compiler")
    folder = tmp_path_factory.mktemp("host")
    flags = ["-std=c++17", "-O1", "-U_FORTIFY_SOURCE", "-fPIC", "-w"]
    shutil.copy(SHIM, folder / SHIM.name)
    # Half of the time goes into the shim's headers: GCC reads them compiled, others as they are.
    header = ["-x", "c++-header", str(folder / SHIM.name), "-o", str(folder / f"{SHIM.name}.gch")]
    subprocess.run([compiler, *flags, *header], capture_output=True)

    def build(name: str, macros: dict, source: str | None = None) -> ctypes.CDLL:
        text = cuda.source(name) if source is None else source
        entries = "".join(entry(*kernel) for kernel in kernels(text).items())
        code = f'#include "{SHIM.name}"\n{text}\n{entries}'
        options = [*flags, "-shared", *cuda.defines(macros)]
        file = folder / hashlib.sha256(repr((code, options)).encode()).hexdigest()[:20]
        if not file.exists():
            file.with_suffix(".cpp").write_text(code)
            made = subprocess.run(
                [compiler, *options, str(file.with_suffix(".cpp")), "-o", str(file)], capture_output=True, text=True
            )
            assert made.returncode == 0, made.stderr
        return ctypes.CDLL(str(file))

    return build


@pytest.fixture
def on_host(host_library, monkeypatch):
    """Whoever loads a kernel gets the host's; its threads and blocks run forwards, or backwards if told so.

    ``source`` stands for that of every kernel, or, as a pair, for that of the one that is named first.
    """
    settings = {"backwards": False, "source": None, "graph": None, "ran": set(), "graphs": 0}

    def load(name: str, macros: dict):
        source = settings["source"]
        if isinstance(source, tuple):
            source = source[1] if source[0] == name else None
        library = host_library(name, macros, source)
        return HostModule(library, kernels(cuda.source(name)), macros, settings)

    def graph(launches):
        """What a CUDA graph does: nothing now, and later the same launches on the same memory."""
        settings["graph"] = made = []
        launches()
        settings["graph"], settings["graphs"] = None, settings["graphs"] + 1

        def replay() -> None:
            for launch, *given in made:
                launch(*given)

        return replay

    monkeypatch.setattr(cuda, "graph", graph)
    monkeypatch.setattr(cuda, "load", load)
    return settings
