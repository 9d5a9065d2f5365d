"""A long descent beside the loops of PyTorch and JAX: ``python -m benchmarks.long_descent`` (extra ``peers``).

    python -m benchmarks.long_descent             # measure, keep results/long_descent.json, write it in docs/
    python -m benchmarks.long_descent --render    # write it anew, without measuring

50,000 steps of 0.001 on 100,000 samples of 25 numbers in float64, one run, one CPU; a peer does 500 and counts a
hundredfold. All in one process, in rounds, in an order that rotates. After 500 steps every filter agrees with ours to
1e-9, and so does after 50,000 that of the plain loop, or the measurement fails. Ours begins anew in every round: with
the look at every sample, and without anything known.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks.trajectory import worth
from theory.arrays import limited
from theory.descent import Constant, descend
from theory.objectives import SampleLoss
from theory.runs import provenance

ROOT = Path(__file__).resolve().parent.parent
FIGURES, PAGE = ROOT / "results" / "long_descent.json", ROOT / "docs" / "benchmarks.md"
BEGIN, END = "<!-- written by python -m benchmarks.long_descent -->", "<!-- end of the long descent -->"
SAMPLES, DIM, ETA, STEPS, SCALED, SEED = 100_000, 25, 1e-3, 50_000, 500, 2018
OURS, TENFOLD = "theory", "theory, ten times the steps"
AGREE = 1e-9

Loop = Callable[[int], np.ndarray]


def problem(samples: int = SAMPLES) -> tuple[SampleLoss, np.ndarray]:
    """Gaussian inputs, a teacher of norm 1, and a start at distance ½."""
    rng = np.random.default_rng(SEED)
    z, teacher, d = rng.standard_normal((samples, DIM)), rng.standard_normal(DIM), rng.standard_normal(DIM)
    teacher /= np.linalg.norm(teacher)
    return SampleLoss(z, teacher), teacher + d / (2 * np.linalg.norm(d))


def ours(loss: SampleLoss, start: np.ndarray) -> Loop:
    """The engine that is picked."""
    return lambda steps: descend(
        loss, start, step=Constant(ETA), steps=steps, tolerance=0.0, stationary=0.0, record=[0]
    ).w[:, 0]


def torch_eager(loss: SampleLoss, start: np.ndarray) -> Loop:
    """PyTorch's autograd."""
    import torch

    torch.set_num_threads(1)
    z, y = torch.tensor(loss.patches[:, 0]), torch.tensor(loss.labels)

    def run(steps: int) -> np.ndarray:
        w = torch.tensor(start, requires_grad=True)
        for _ in range(steps):
            (slope,) = torch.autograd.grad(0.5 * ((torch.relu(z @ w) - y) ** 2).mean(), w)
            with torch.no_grad():
                w -= ETA * slope
        return np.asarray(w.detach())

    return run


def jax_jit(loss: SampleLoss, start: np.ndarray) -> Loop:
    """JAX, the whole loop compiled."""
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    z, y = jnp.asarray(loss.patches[:, 0]), jnp.asarray(loss.labels)
    slope = jax.grad(lambda w: 0.5 * jnp.mean((jax.nn.relu(z @ w) - y) ** 2))
    loop = jax.jit(lambda w, steps: jax.lax.fori_loop(0, steps, lambda _, w: w - ETA * slope(w), w))
    return lambda steps: np.asarray(loop(start, steps))


PEERS = {"PyTorch eager": torch_eager, "JAX jit": jax_jit}


def measure(rounds: int = 5, *, steps: int = STEPS, scaled: int = SCALED, samples: int = SAMPLES) -> dict[str, Any]:
    """Seconds of processor time of every engine, by rounds, and how far the filters are apart."""
    loss, start = problem(samples)
    own, missing, peers = ours(loss, start), {}, {}
    for name, make in PEERS.items():
        try:
            peers[name] = make(loss, start)
        except ImportError as raised:
            missing[name] = str(raised)
    tasks: dict[str, Callable[[], Any]] = {OURS: lambda: own(steps), TENFOLD: lambda: own(10 * steps)}
    tasks |= {name: lambda loop=loop: loop(scaled) for name, loop in peers.items()}
    with limited(1):
        apart = {name: float(np.max(np.abs(loop(scaled) - own(scaled)))) for name, loop in peers.items()}
        with worth(np.inf):
            plain = own(steps)
        apart["the plain loop, all steps"] = float(np.max(np.abs(own(steps) - plain)))
        seconds: dict[str, list[float]] = {name: [] for name in tasks}
        for turn in range(rounds):
            names = list(tasks)
            for name in names[turn % len(names) :] + names[: turn % len(names)]:
                before = time.process_time()
                tasks[name]()
                seconds[name].append(time.process_time() - before)
    if max(apart.values()) > AGREE:
        raise RuntimeError(f"filters are apart: {apart}")
    return {"seconds": seconds, "apart": apart, "missing": missing, "factor": steps / scaled}


def ratios(figures: dict[str, Any], name: str) -> list[float]:
    """How many times as long as ours this takes, round by round; a peer's steps count as if it had done them all."""
    factor = 1.0 if name == TENFOLD else figures["factor"]
    pairs = zip(figures["seconds"][name], figures["seconds"][OURS], strict=True)
    return sorted(factor * other / own for other, own in pairs)


def _short(number: float) -> str:
    return f"{number:.3g}" if number < 1000 else f"{number:,.0f}"


def text(figures: dict[str, Any]) -> str:
    """The figures as a table of Markdown."""
    rows = ["| engine | seconds | as many times ours | apart after its steps |", "|---|---|---|---|"]
    for name, seconds in figures["seconds"].items():
        factor = figures["factor"] if name in PEERS else 1.0
        found, far = ratios(figures, name) if name != OURS else [1.0], figures["apart"].get(name)
        spread = f"{_short(median(found))} ({_short(found[0])} – {_short(found[-1])})" if name != OURS else "1"
        rows.append(f"| {name} | {factor * median(seconds):.3g} | {spread} | {'' if far is None else f'{far:.1e}'} |")
    rows += [f"| {name} | missing: {why} | | |" for name, why in figures["missing"].items()]
    far = figures["apart"]["the plain loop, all steps"]
    about = (
        f"One thread each, by the processor's time, {len(figures['seconds'][OURS])} rounds: median (least – greatest); "
        f"a peer's {SCALED} steps scaled to {STEPS:,}. After all of them the plain loop's filter is {far:.1e} away.\n"
        f"{figures['device']}, load before {figures['load']:.1f}, commit {figures['commit'][:8]}."
    )
    return "\n".join([BEGIN, "", *rows, "", about, "", END])


def render(page: str, figures: dict[str, Any]) -> str:
    """The page with these figures between the marks."""
    before, _, rest = page.partition(BEGIN)
    _, found, after = rest.partition(END)
    if not found:
        raise RuntimeError(f"the page has no {BEGIN} and {END}")
    return before + text(figures) + after


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure unless told not to, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--render", action="store_true")
    if not parser.parse_args(arguments).render:
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
        about = {"device": provenance.device(), "load": os.getloadavg()[0], "commit": provenance.commit()}
        FIGURES.write_text(json.dumps(about | measure(), indent=1) + "\n")
    PAGE.write_text(render(PAGE.read_text(encoding="utf-8"), json.loads(FIGURES.read_text())), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
