"""The step of a sample loss beside what a researcher would otherwise use: PyTorch (eager, compiled) and JAX (jit).

    python -m benchmarks.peers                    the table, all CPUs, by the clock
    python -m benchmarks.peers --single           one CPU, by the processor's time: on a machine that others use too
    python -m benchmarks.peers --write            and keep the figures in results/performance.json
    python -m benchmarks.peers --render           docs/performance.md from the figures kept

Every engine descends on the same float32 data from the same start, in one process; a round gives each a few steps, in
an order that rotates, and ratios are taken within a round. Where the engines end must agree. A peer that is not there,
or cannot compile, is a row that says so (``pip install .[peers]``; torch.compile needs a C++ compiler as well).
"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import platform
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from theory.arrays import available
from theory.distributions import ImagePatches
from theory.objectives import SampleLoss

ETA = 0.5
TOLERANCE = 1e-4
"""Largest relative distance between two engines' filters: some steps of float32 sums, of a few 1e-6 each."""

SINGLE = "THEORY_SINGLE_CPU"
"""Set in the environment of a process that has one CPU and takes the processor's time for the clock's."""

now = time.process_time if SINGLE in os.environ else time.perf_counter

OURS, PLAIN = "theory", "NumPy in blocks"

Steps = Callable[[np.ndarray, int], np.ndarray]
"""The filters after so many steps from these."""


@dataclass(frozen=True)
class Size:
    """n samples of k patches of p numbers, R runs; the side of the images that the patches are cut from, if any."""

    n: int
    k: int
    p: int
    runs: int
    side: int = 0

    @property
    def operations(self) -> float:
        """Of one step: two products, a multiplication and an addition each."""
        return 4.0 * self.n * self.k * self.p * self.runs

    @property
    def nbytes(self) -> float:
        """Of the data, read once."""
        return 4.0 * self.n * (self.side**2 or self.k * self.p)

    def __str__(self) -> str:
        return f"{self.n:,} × {self.k} × {self.p}, {self.runs} run{'s' if self.runs > 1 else ''}"


SIZES = [
    Size(20_000, 9, 25, 32),
    Size(200_000, 1, 25, 8),
    Size(2_000, 576, 25, 16, side=28),
    Size(50_000, 1, 100, 64),
    Size(100_000, 1, 25, 1),
]


class Problem:
    """Gaussian patches or images, a teacher, its labels, and starts at distance ½ from it."""

    def __init__(self, size: Size) -> None:
        rng, self.size = np.random.default_rng(2018), size
        self.teacher = (np.eye(size.p)[0]).astype(np.float32)
        steps = rng.standard_normal((size.p, size.runs))
        self.start = (self.teacher[:, None] + steps / (2 * np.linalg.norm(steps, axis=0))).astype(np.float32)
        self.images = None
        if size.side:
            self.images = rng.standard_normal((size.n, size.side, size.side), dtype=np.float32)
            self.cut = ImagePatches(self.images, round(size.p**0.5))
            self.patches = self.cut.take(slice(None))
        else:
            self.patches = rng.standard_normal((size.n, size.k, size.p), dtype=np.float32)
        self.loss = SampleLoss(self.patches if self.images is None else self.cut, self.teacher)
        self.labels = self.loss.labels


# ----------------------------------------------------------------------------------------------------------- engines


def ours(problem: Problem) -> Steps:
    """``SampleLoss.gradient``, whichever engine it picks; patches of images are read from the images."""
    return _loop(problem.loss.gradient)


def plain(problem: Problem) -> Steps:
    """The plain path of ``SampleLoss``: NumPy, blocks of a million activations."""
    return _loop(lambda w: problem.loss._plain_gradient(w, np))


def _loop(gradient: Callable[[np.ndarray], np.ndarray]) -> Steps:
    def steps(w: np.ndarray, count: int) -> np.ndarray:
        for _ in range(count):
            w = w - np.float32(ETA) * gradient(w)
        return w

    return steps


def torch_eager(problem: Problem, compiled: bool = False, convolution: bool = False) -> Steps:
    """Autograd; the patches as an array, or a convolution of the images."""
    import torch

    labels = torch.from_numpy(problem.labels)[:, None]
    z = torch.from_numpy(problem.images[:, None] if convolution else problem.patches.reshape(-1, problem.size.p))
    n, side = problem.size.n, round(problem.size.p**0.5)

    def loss(w: Any) -> Any:
        if convolution:
            response = torch.relu(torch.conv2d(z, w.T.reshape(-1, 1, side, side))).mean(dim=(2, 3))
        else:
            response = torch.relu(z @ w).reshape(n, -1, w.shape[1]).mean(dim=1)
        return ((response - labels) ** 2).sum() / (2 * n)

    what = torch.compile(loss) if compiled else loss

    def steps(w: np.ndarray, count: int) -> np.ndarray:
        x = torch.from_numpy(w.copy()).requires_grad_()
        for _ in range(count):
            (slope,) = torch.autograd.grad(what(x), x)
            with torch.no_grad():
                x -= ETA * slope
        return x.detach().numpy()

    return steps


def jax_jit(problem: Problem, convolution: bool = False) -> Steps:
    """``jax.grad`` of the same loss, the step compiled by XLA."""
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    import jax
    import jax.numpy as jnp

    labels, (n, p) = jnp.asarray(problem.labels)[:, None], (problem.size.n, problem.size.p)
    z = jnp.asarray(problem.images[:, None] if convolution else problem.patches.reshape(-1, p))
    side = round(p**0.5)

    def loss(w: Any, z: Any) -> Any:
        if convolution:
            filters = w.T.reshape(-1, 1, side, side)
            response = jax.nn.relu(jax.lax.conv(z, filters, (1, 1), "VALID")).mean(axis=(2, 3))
        else:
            response = jax.nn.relu(z @ w).reshape(n, -1, w.shape[1]).mean(axis=1)
        return ((response - labels) ** 2).sum() / (2 * n)

    step = jax.jit(lambda w, z: w - ETA * jax.grad(loss)(w, z))

    def steps(w: np.ndarray, count: int) -> np.ndarray:
        x = jnp.asarray(w)
        for _ in range(count):
            x = step(x, z)
        return np.asarray(x.block_until_ready())

    return steps


def engines(problem: Problem) -> dict[str, Callable[[], Steps]]:
    """How each engine is made ready for the problem."""
    found: dict[str, Callable[[], Steps]] = {
        OURS: lambda: ours(problem),
        PLAIN: lambda: plain(problem),
        "PyTorch eager": lambda: torch_eager(problem),
        "PyTorch compiled": lambda: torch_eager(problem, compiled=True),
        "JAX jit": lambda: jax_jit(problem),
    }
    if problem.images is not None:
        found["PyTorch eager, convolution"] = lambda: torch_eager(problem, convolution=True)
        found["JAX jit, convolution"] = lambda: jax_jit(problem, convolution=True)
    return found


# ---------------------------------------------------------------------------------------------------------- measuring


def product() -> Callable[[], float]:
    """A float32 product of 2000 × 2000: gives its operations a second."""
    a, out = np.ones((2000, 2000), dtype=np.float32), np.empty((2000, 2000), dtype=np.float32)

    def once() -> float:
        begin = now()
        np.matmul(a, a, out=out)
        return 2 * 2000.0**3 / (now() - begin)

    return once


def copy() -> Callable[[], float]:
    """A copy of 128 MiB by one thread: gives the bytes a second that it reads and writes."""
    a, b = np.ones(1 << 25, dtype=np.float32), np.zeros(1 << 25, dtype=np.float32)

    def once() -> float:
        begin = now()
        np.copyto(b, a)
        return 2 * a.nbytes / (now() - begin)

    return once


def compare(size: Size, rounds: int, seconds: float = 0.1) -> dict[str, Any]:
    """Seconds a step of every engine, round by round, and the machine's rates in the same rounds."""
    problem = Problem(size)
    ready, missing, end = _ready(problem)
    counts = {name: _count(steps, problem.start, seconds) for name, steps in ready.items()}
    limits = {"product": product(), "copy": copy()}
    times: dict[str, list[float]] = {name: [] for name in (*ready, *limits)}
    order = list(ready)
    for turn in range(rounds):
        for name, once in limits.items():
            times[name].append(once())
        for name in order[turn % len(order) :] + order[: turn % len(order)]:
            begin = now()
            ready[name](problem.start, counts[name])
            times[name].append((now() - begin) / counts[name])
    apart = {name: float(np.linalg.norm(w - end[OURS]) / np.linalg.norm(end[OURS])) for name, w in end.items()}
    if far := [f"{name} by {gap:.1e}" for name, gap in apart.items() if not gap <= TOLERANCE]:
        raise RuntimeError(f"after five steps these differ from ours: {', '.join(far)}")
    engine = problem.loss.engine(size.runs)
    return {**vars(size), "engine": engine, "times": times, "missing": missing, "apart": apart}


def _ready(problem: Problem) -> tuple[dict[str, Steps], dict[str, str], dict[str, np.ndarray]]:
    """The engines that work, why the others do not, and where five steps lead each: compiled, too, by then."""
    ready, missing, end = {}, {}, {}
    for name, make in engines(problem).items():
        try:
            steps = make()
            end[name] = steps(problem.start, 5)
            ready[name] = steps
        except Exception as reason:  # noqa: BLE001  a peer may fail in any way, and the others go on
            missing[name] = f"{type(reason).__name__}: {str(reason).strip().splitlines()[0][:80]}"
    return ready, missing, end


def _count(steps: Steps, start: np.ndarray, seconds: float) -> int:
    """How many steps take so long."""
    begin = now()
    steps(start, 2)
    return max(1, round(2 * seconds / (now() - begin)))


def machine() -> dict[str, Any]:
    """What the figures were measured on, and with what."""
    versions = {}
    for name in ("numpy", "numba", "torch", "jax"):
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = "missing"
    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"
    return {
        "processor": _processor(),
        "cpus": available(),
        "load before": load,
        "python": platform.python_version(),
        **versions,
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


BASE = Size(20_000, 9, 25, 32)


def growth(rounds: int) -> list[dict[str, Any]]:
    """Seconds of our step while one of n, k, p and R doubles, and the others stay; then of more and more steps."""
    rows = []
    for axis, values in {
        "n": (2500, 5000, 10_000, 20_000, 40_000),
        "k": (1, 2, 4, 9, 18),
        "p": (9, 25, 49, 100, 196),
        "runs": (1, 2, 4, 8, 16, 32, 64),
    }.items():
        for value in values:
            size = Size(**{**vars(BASE), axis: value})
            problem = Problem(size)
            steps = ours(problem)
            steps(problem.start, 2)
            count, times = _count(steps, problem.start, 0.03), []
            for _ in range(rounds):
                begin = now()
                steps(problem.start, count)
                times.append((now() - begin) / count)
            rows.append({"axis": axis, "value": value, "operations": size.operations, "times": times})
    problem = Problem(BASE)
    steps = ours(problem)
    for count in (10, 20, 40, 80):
        times = []
        for _ in range(3):
            begin = now()
            steps(problem.start, count)
            times.append(now() - begin)
        rows.append({"axis": "steps", "value": count, "operations": count * BASE.operations, "times": times})
    return rows


def _restart_on_one_cpu() -> None:
    """Libraries count the CPUs when they are loaded, so the process has to begin anew."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    environment = {**os.environ, SINGLE: "1", "OMP_NUM_THREADS": "1"}
    os.execve(sys.executable, [sys.executable, "-m", "benchmarks.peers", *sys.argv[1:]], environment)


def main() -> None:
    """Measure, or only write the page."""
    from benchmarks import performance

    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--single", action="store_true", help="one CPU, and its time instead of the clock's")
    parser.add_argument("--write", action="store_true", help="write the figures and the page")
    parser.add_argument("--render", action="store_true", help="write the page from the figures that are there")
    arguments = parser.parse_args()
    if arguments.single and SINGLE not in os.environ:
        _restart_on_one_cpu()
    if not arguments.render:
        about, sizes = machine(), [compare(size, arguments.rounds) for size in SIZES]
        found = {"machine": about, "rounds": arguments.rounds, "sizes": sizes, "growth": growth(5)}
        print(performance.table(found))
        if arguments.write:
            performance.save("single" if SINGLE in os.environ else "all", found)
    if arguments.render or arguments.write:
        performance.write()


if __name__ == "__main__":
    main()
