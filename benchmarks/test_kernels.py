"""The kernels by pytest-benchmark, each beside its plain twin where it has one: for a look at one machine.

    pip install '.[bench]' && python -m pytest benchmarks --benchmark-only

What is timed is what ASV times for the history, and is skipped where ASV skips it. Nothing is asserted of the times.
"""

from __future__ import annotations

import itertools
from typing import Any

from benchmarks import common, descents, engines, filters, images, losses, trajectory

KERNELS = (
    engines.Step,
    engines.ImageStep,
    losses.PopulationGradient,
    filters.ExactGradient,
    filters.Stochastic,
    images.ImageGradient,
    trajectory.SampleTrajectory,
    descents.Trajectory,
)


def pytest_generate_tests(metafunc: Any) -> None:
    """Each kernel with each of its parameters. ASV reads this module as well, where there may be no pytest."""
    if "kernel" in metafunc.fixturenames:
        given = [(kernel, values) for kernel in KERNELS for values in itertools.product(*kernel.params)]
        names = [f"{kernel.__name__}-{', '.join(map(str, values))}" for kernel, values in given]
        metafunc.parametrize(("kernel", "values"), given, ids=names)
    else:
        metafunc.parametrize("values", list(itertools.product(*engines.Step.params)), ids=str)


def ready(kernel: type[common.Timed], values: Any) -> Any:
    """The benchmark with its input made; skipped, with the reason, where the backend cannot run."""
    import pytest

    found = kernel()
    try:
        found.setup(*values)
    except NotImplementedError as reason:
        pytest.skip(str(reason))
    return found


def test_kernel(kernel: type[common.Timed], values: Any, benchmark: Any) -> None:
    """One run, with the device's work waited for."""
    found = ready(kernel, values)
    benchmark.group = f"{kernel.__name__} {values[1:]}"
    benchmark(found.time_run)


def test_plain_step(values: Any, benchmark: Any) -> None:
    """The step's plain twin."""
    found = ready(engines.Step, values)
    benchmark.group = f"Step {values[1:]}"

    def step() -> None:
        found.loss._plain_gradient(found.w, found.xp)
        found.synchronize()

    benchmark(step)
