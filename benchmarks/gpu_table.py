"""The step on a CUDA device, beside PyTorch on the same device and the device's own limits, as results/gpu/<name>.md.

    python -m benchmarks.gpu_table

Needs a device, CuPy and (for the ratios) PyTorch built for CUDA; a peer that is not there is a row that says so. Every
engine descends on the same float32 data from the same start; a round gives each a few steps, in an order that rotates,
and ratios are taken within a round. Where the engines end must agree, and so must our gradient in float64 with the CPU.
"""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers import ETA, SIZES, TOLERANCE, Problem, Size, Steps, _count, _loop
from theory.arrays import namespace, to_numpy
from theory.objectives import SampleLoss, on_device

FOLDER = Path(__file__).parent.parent / "results" / "gpu"
ROUNDS = 9
OURS, PLAIN, KERNEL = "theory", "CuPy in blocks", "theory, the kernels alone"


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
        except Exception as reason:
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
    }
    FOLDER.mkdir(parents=True, exist_ok=True)
    file = FOLDER / "".join(letter if letter.isalnum() else "-" for letter in name.lower())
    file.with_suffix(".json").write_text(json.dumps(found, indent=1) + "\n")
    about = ", ".join(f"{key} {found[key]}" for key in ("runtime", "driver", "cupy", "python", "numpy"))
    file.with_suffix(".md").write_text("\n".join([f"# {name}", "", about, "", *rows(found)]) + "\n")


if __name__ == "__main__":
    main()
