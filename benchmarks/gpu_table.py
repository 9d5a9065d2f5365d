"""The step on a CUDA device, beside PyTorch on the same device and the device's own limits, as results/gpu/<name>.md.

    python -m benchmarks.gpu_table

Needs a device, CuPy and (for the ratios) PyTorch built for CUDA; a peer that is not there is a row that says so. Every
engine descends on the same float32 data from the same start; a round gives each a few steps, in an order that rotates,
and ratios are taken within a round. Where the engines end must agree, and so must our gradient in float64 with the CPU.
A second table has the exact losses, by their kernel and without it, and descents, in blocks of steps and with a look
from the host at each.
"""

from __future__ import annotations

import contextlib
import json
import platform
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers import ETA, SIZES, TOLERANCE, Problem, Size, Steps, _count, _loop
from theory.arrays import namespace, to_numpy
from theory.descent import Constant, descend
from theory.distributions import GaussianImages, Watson
from theory.objectives import OverlapLoss, PopulationLoss, SampleLoss, exact_on_device, on_device

FOLDER = Path(__file__).parent.parent / "results" / "gpu"
ROUNDS = 9
OURS, PLAIN, KERNEL = "theory", "CuPy in blocks", "theory, the kernels alone"
STEPS, SHORT = 1024, 1e-3
"""Of a descent: sixteen blocks of steps so short that no run arrives."""


class OnDevice:
    """The problem's patches, unfolded, on the device."""

    def __init__(self, size: Size) -> None:
        import cupy

        self.cupy, self.size, self.problem = cupy, size, Problem(size)
        z = np.ascontiguousarray(self.problem.patches)
        self.patches, self.teacher = cupy.asarray(z), cupy.asarray(self.problem.teacher)
        self.loss = SampleLoss(self.patches, self.teacher)

    def ours(self) -> Steps:
        """``SampleLoss.gradient`` as anyone calls it, its checks included."""
        return self._there(_loop(self.loss.gradient))

    def plain(self) -> Steps:
        """The path without a kernel of ours."""
        return self._there(_loop(lambda w: self.loss._plain_gradient(w, namespace("cupy"))))

    def kernel(self) -> Steps:
        """The kernels and the update, without the checks and the way back to the host that they take."""
        loss = self.loss
        held = loss.labels, loss.weights
        return self._there(_loop(lambda w: on_device.sums(self.patches, w, *held, slope=True)))

    def _there(self, steps: Callable[[Any, int], Any]) -> Steps:
        return lambda w, count: to_numpy(steps(self.cupy.asarray(w), count))

    def torch(self, compiled: bool) -> Steps:
        """Autograd on the device, TF32 off."""
        import torch

        torch.backends.cuda.matmul.allow_tf32 = False
        n, p = self.size.n, self.size.p
        z = torch.from_numpy(np.ascontiguousarray(self.problem.patches).reshape(-1, p)).cuda()
        labels = torch.from_numpy(np.asarray(self.problem.labels)).cuda()[:, None]

        def loss(w: Any) -> Any:
            response = torch.relu(z @ w).reshape(n, -1, w.shape[1]).mean(dim=1)
            return ((response - labels) ** 2).sum() / (2 * n)

        what = torch.compile(loss) if compiled else loss

        def steps(w: np.ndarray, count: int) -> np.ndarray:
            x = torch.from_numpy(w.copy()).cuda().requires_grad_()
            for _ in range(count):
                (slope,) = torch.autograd.grad(what(x), x)
                with torch.no_grad():
                    x -= ETA * slope
            return x.detach().cpu().numpy()

        return steps

    def apart(self) -> float:
        """Largest difference between the device's gradient in float64 and the CPU's, relative to its largest entry."""
        z, teacher, w = (x.astype(float) for x in (self.problem.patches, self.problem.teacher, self.problem.start))
        there = SampleLoss(self.cupy.asarray(z), self.cupy.asarray(teacher)).gradient(self.cupy.asarray(w))
        here = SampleLoss(z, teacher).gradient(w)
        return float(np.max(np.abs(to_numpy(there) - here)) / np.max(np.abs(here)))


def limits(cupy: Any) -> dict[str, Callable[[], float]]:
    """Operations a second of a float32 product of 8192 × 8192 (TF32 off); bytes a second of a copy of 2 GiB."""
    a, out = cupy.ones((8192, 8192), dtype=np.float32), cupy.empty((8192, 8192), dtype=np.float32)
    source, target = cupy.ones(1 << 28, dtype=np.float32), cupy.empty(1 << 28, dtype=np.float32)

    def seconds(work: Callable[[], Any]) -> float:
        begin, end = cupy.cuda.Event(), cupy.cuda.Event()
        begin.record()
        work()
        end.record()
        end.synchronize()
        return cupy.cuda.get_elapsed_time(begin, end) / 1e3

    return {
        "product": lambda: 2 * 8192.0**3 / seconds(lambda: cupy.matmul(a, a, out=out)),
        "copy": lambda: 2 * source.nbytes / seconds(lambda: cupy.copyto(target, source)),
    }


def compare(size: Size, rates: dict[str, Callable[[], float]]) -> dict[str, Any]:
    """Seconds a step of every engine, round by round, beside the device's rates in the same rounds."""
    there = OnDevice(size)
    makers = {
        OURS: there.ours,
        KERNEL: there.kernel,
        PLAIN: there.plain,
        "PyTorch eager": lambda: there.torch(compiled=False),
        "PyTorch compiled": lambda: there.torch(compiled=True),
    }
    ready, missing, end = {}, {}, {}
    for name, make in makers.items():
        try:
            ready[name] = make()
            end[name] = ready[name](there.problem.start, 5)
        except Exception as reason:  # a peer may fail in any way, and the table says so
            if name in (OURS, KERNEL, PLAIN):
                raise
            ready.pop(name, None)
            missing[name] = f"{type(reason).__name__}: {(str(reason).strip().splitlines() or [''])[0][:80]}"
    far = {name: float(np.linalg.norm(w - end[OURS]) / np.linalg.norm(end[OURS])) for name, w in end.items()}
    if wrong := [name for name, gap in far.items() if not gap <= TOLERANCE]:
        raise RuntimeError(f"after five steps these differ from ours: {', '.join(wrong)}")
    counts = {name: _count(steps, there.problem.start, 0.2) for name, steps in ready.items()}
    times: dict[str, list[float]] = {name: [] for name in (*ready, *rates)}
    order = list(ready)
    for turn in range(ROUNDS):
        for name, once in rates.items():
            times[name].append(once())
        for name in order[turn % len(order) :] + order[: turn % len(order)]:
            begin = time.perf_counter()
            ready[name](there.problem.start, counts[name])
            times[name].append((time.perf_counter() - begin) / counts[name])
    engine = there.loss.engine(size.runs)
    return {**vars(size), "engine": engine, "times": times, "missing": missing, "float64": there.apart()}


def rows(found: dict[str, Any]) -> list[str]:
    """The table, in Markdown: medians, and the spread of the ratios."""
    lines = [
        "| n × k × p, R | engine | ms a step | of the product rate | of the copy rate | ours is faster by |",
        "|---|---|---|---|---|---|",
    ]
    for row in found["sizes"]:
        size = Size(*(row[name] for name in ("n", "k", "p", "runs")))
        times, ours = {name: np.array(values) for name, values in row["times"].items()}, np.array(row["times"][OURS])
        for name in (name for name in times if name not in ("product", "copy")):
            work, data = (
                np.median(amount / times[name] / times[rate])
                for amount, rate in ((size.operations, "product"), (size.nbytes, "copy"))
            )
            ratio = times[name] / ours
            spread = f"{np.median(ratio):.2f} ({ratio.min():.2f} – {ratio.max():.2f})"
            lines.append(
                f"| {size} | {name} | {1e3 * np.median(times[name]):.4f} | {work:.0%} | {data:.0%} | {spread} |"
            )
        lines += [f"| {size} | {name} | missing: {why} | | | |" for name, why in row["missing"].items()]
        lines.append(f"| {size} | float64, apart from the CPU | {row['float64']:.1e} of the largest entry | | | |")
    return lines


@contextlib.contextmanager
def without_kernels() -> Iterator[None]:
    """The exact losses on the device, by their plain path."""
    before, exact_on_device.WIDEST = exact_on_device.WIDEST, 0
    try:
        yield
    finally:
        exact_on_device.WIDEST = before


def objectives(xp: Any) -> dict[str, tuple[Any, Any]]:
    """Losses, each with its starts, none of which arrives within ``STEPS`` steps."""
    rng, held = np.random.default_rng(0), {}
    for runs in (1, 64, 4096):
        teacher = rng.standard_normal(25)
        w = xp.asarray(teacher[:, None] + rng.standard_normal((25, runs)))
        images, law = GaussianImages((28, 28), 5), Watson(25, -2.0, axis=teacher)
        held[f"exact, 5×5 filter of 28×28 images, {runs} runs"] = OverlapLoss(images, xp.asarray(teacher)), w
        held[f"exact, Watson in 25 dimensions, {runs} runs"] = PopulationLoss(law, xp.asarray(teacher)), w
    for size in SIZES:
        if not size.side:
            problem = Problem(size)
            z = xp.asarray(np.ascontiguousarray(problem.patches))
            held[f"sample, {size}"] = SampleLoss(z, xp.asarray(problem.teacher)), xp.asarray(problem.start)
    return held


def works(name: str, loss: Any, w: Any) -> dict[str, dict[str, Callable[[], Any]]]:
    """What is compared: a gradient by the kernel and without, a descent in blocks and in the loop."""

    def descent(rule: Any) -> Any:
        found = descend(loss, w, step=rule, steps=STEPS, tolerance=0.0)
        if not np.all(found.taken == STEPS):
            raise RuntimeError(f"{name}: a run ended early, this would time too little")
        return found.w

    def plain() -> Any:
        with without_kernels():
            return to_numpy(loss.gradient(w))

    # Of a function nobody knows the next step beforehand.
    descents = {OURS: lambda: descent(Constant(SHORT)), "theory, in the loop": lambda: descent(lambda progress: SHORT)}
    both = {f"{name}: descent of {STEPS} steps": descents}
    if not name.startswith("sample"):
        both[f"{name}: gradient"] = {OURS: lambda: to_numpy(loss.gradient(w)), PLAIN: plain}
    return both


def versus(held: dict[str, tuple[Any, Any]], rounds: int = ROUNDS) -> list[dict[str, Any]]:
    """Seconds of each engine, round by round, after making sure that they agree."""
    found = []
    for what, engines in (pair for name, given in held.items() for pair in works(name, *given).items()):
        ends = {name: work() for name, work in engines.items()}
        far = {name: float(np.linalg.norm(w - ends[OURS]) / np.linalg.norm(ends[OURS])) for name, w in ends.items()}
        if wrong := [name for name, gap in far.items() if not gap <= TOLERANCE]:
            raise RuntimeError(f"{what}: these differ from ours: {', '.join(wrong)}")
        times: dict[str, list[float]] = {name: [] for name in engines}
        for _ in range(rounds):
            for name, work in engines.items():
                begin = time.perf_counter()
                work()
                times[name].append(time.perf_counter() - begin)
        found.append({"what": what, "times": times, "apart": far})
    return found


def more_rows(found: list[dict[str, Any]]) -> list[str]:
    """The second table, in Markdown."""
    lines = ["| what | engine | ms | ours is faster by |", "|---|---|---|---|"]
    for row in found:
        for name, times in row["times"].items():
            ratio = np.array(times) / np.array(row["times"][OURS])
            spread = f"{np.median(ratio):.2f} ({ratio.min():.2f} – {ratio.max():.2f})"
            lines.append(f"| {row['what']} | {name} | {1e3 * np.median(times):.4f} | {spread} |")
    return lines


def main() -> None:
    """Measure, and write the table and the figures under results/gpu/."""
    namespace("cupy")  # refuses where there is no device
    import cupy

    name = cupy.cuda.runtime.getDeviceProperties(cupy.cuda.Device().id)["name"].decode()
    rates = limits(cupy)
    for once in rates.values():
        once()
    found = {
        "device": name,
        "runtime": cupy.cuda.runtime.runtimeGetVersion(),
        "driver": cupy.cuda.runtime.driverGetVersion(),
        "cupy": cupy.__version__,
        "python": platform.python_version(),
        "numpy": version("numpy"),
        "sizes": [compare(size, rates) for size in SIZES],
        "versus": versus(objectives(namespace("cupy"))),
    }
    FOLDER.mkdir(parents=True, exist_ok=True)
    file = FOLDER / "".join(letter if letter.isalnum() else "-" for letter in name.lower())
    file.with_suffix(".json").write_text(json.dumps(found, indent=1) + "\n")
    about = ", ".join(f"{key} {found[key]}" for key in ("runtime", "driver", "cupy", "python", "numpy"))
    tables = [*rows(found), "", *more_rows(found["versus"])]
    file.with_suffix(".md").write_text("\n".join([f"# {name}", "", about, "", *tables]) + "\n")


if __name__ == "__main__":
    main()
