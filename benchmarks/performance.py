"""The page docs/performance.md, written from results/performance.json, which ``benchmarks.peers`` measures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parent.parent
FIGURES, PAGE = ROOT / "results" / "performance.json", ROOT / "docs" / "performance.md"

OURS, PLAIN, LIMITS = "theory", "NumPy in blocks", ("product", "copy")
COLUMNS = (
    "n × k × p, runs",
    "engine",
    "ms a step",
    "of the product's rate",
    "data read, of the copy's rate",
    "fastest peer",
    "ratio to it",
    "to NumPy",
)
BEFORE = (OURS, PLAIN, *LIMITS)

HEAD = """# Performance

Written by `python -m benchmarks.peers --render` from [results/performance.json](../results/performance.json), which
`--write` measures; no figure in a table was typed. A step is one gradient of R runs on n samples of k patches of p
numbers, in float32, and the move along it: 4·n·k·p·R operations in two products. All engines descend on the same data
from the same start, in one process, in rounds; each gets some steps a round, in an order that rotates. Ratios are taken
within a round and given as median (least – greatest). After five steps the filters of every engine agree with ours to
1e-4, or the measurement fails.

"""

WHOLE = """## All CPUs, by the clock

What a user sees. Where other processes take turns on the CPUs, engines that wait for all their threads at a barrier
suffer most, the peers and BLAS on two threads among them; then the figures of one CPU below say more about the engines.

"""

ALONE = """## One CPU, by the processor's time

Every engine has one thread, and time in which another process ran does not count: what the engines themselves cost.

"""

LEFT = """## What stands between a step and the limit

- **The products** run in vectors that are said outright in LLVM's language (`theory/kernels/vector.py`), in tiles of
  6 rows × 2 vectors forth and 8 entries × 2 vectors back. Neither copies its operands, as a BLAS does; for matrices of
  25 columns that would cost as much as it saves. A lone vector of columns (R up to 8 or 16) halves the work done on
  each number that is loaded, and the last p mod 8 entries on the way back go one by one: hence the fall towards small
  p and R.
- **Wide problems** (p = 100, R = 64) are those that compilers and BLAS do best as well: the rate of a product is near,
  and no engine can be far ahead.
- **Runs fill whole vectors**: R = 17 costs what R = 24 does.
- **The middle**, from activation to residual to what goes back, takes a tenth of a step at p = 25. It has p times fewer
  operations than the products, so it vanishes as p grows.
- **One run is bound by memory**: each patch is read once from memory, and once more from the first cache.
- **Overlapping patches** are read from their images, without a copy; 5×5 patches of 28×28 images take 18 times as much.
- **Small problems** (below 2¹⁸ products) are left to NumPy, since numba takes half a second to load. There a gradient
  takes ten microseconds, and so did what made sure of its arguments and asked for the distance: steps that are known
  beforehand are now taken some at a time, and whether one was the last is asked of all together. A kernel is compiled
  when it is first used on a machine, once for each type and width of vector, some four seconds each.
- **Many steps** cost as many times one step here. A trajectory whose cost does not grow with its length reuses
  activations: another engine's work ([measured](benchmarks.md#a-long-descent); `theory/descent/trajectory.py`),
  of samples in float64 and float32 and of images, one run or many. It takes many steps at once at every constant step
  with ηλ ≤ 2, where a coordinate goes to and fro from ηλ = 1 on (`theory/descent/leaps.py`), and one after the other
  beyond.

The kernels one by one, on any machine: `pip install '.[bench]' && python -m pytest benchmarks --benchmark-only`.

"""


def save(part: str, found: dict[str, Any]) -> None:
    """Keep the figures of all CPUs (``all``) or of one (``single``) beside those of the other."""
    kept = json.loads(FIGURES.read_text()) if FIGURES.exists() else {}
    kept[part] = found
    FIGURES.write_text(json.dumps(kept, indent=1, default=float) + "\n")


def write() -> None:
    """The page from the figures kept."""
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page(json.loads(FIGURES.read_text())))


def page(kept: dict[str, Any]) -> str:
    """The page's text."""
    parts = [HEAD]
    for part, head in (("all", WHOLE), ("single", ALONE)):
        if part in kept:
            parts += [head, table(kept[part]), growth(kept[part])]
    return "".join([*parts, LEFT]).rstrip() + "\n"


def ratio(others: list[float], ours: list[float]) -> str:
    """How many times as long the others take, round by round."""
    quotients = np.array(others) / np.array(ours)
    return f"{np.median(quotients):.1f} ({quotients.min():.1f} – {quotients.max():.1f})"


def fastest(times: dict[str, list[float]]) -> str | None:
    """The peer with the least median; None if there is no peer."""
    peers = [name for name in times if name not in BEFORE]
    return min(peers, key=lambda name: float(np.median(times[name]))) if peers else None


def mean_ratio(found: dict[str, Any]) -> float:
    """The geometric mean over the sizes of the median ratio to the fastest peer; NaN if there is no peer."""
    logs = [
        np.log(np.median(np.array(size["times"][peer]) / np.array(size["times"][OURS])))
        for size in found["sizes"]
        if (peer := fastest(size["times"]))
    ]
    return float(np.exp(np.mean(logs))) if logs else float("nan")


def table(found: dict[str, Any]) -> str:
    """Machine, times and ratios as Markdown."""
    about = ", ".join(f"{name} {value}" for name, value in found["machine"].items())
    lines = [f"{about}; {found['rounds']} rounds.", ""]
    lines += [
        f"| {' | '.join(COLUMNS)} |",
        f"|{'---|' * len(COLUMNS)}",
        *map(_summary, found["sizes"]),
        "",
        f"Geometric mean of the ratios to the fastest peer: {mean_ratio(found):.2f}. In the same rounds a float32",
        f"product (2000 × 2000) ran at {_rate(found, 'product'):.0f} GFLOP/s, and a copy of 128 MiB by one thread at",
        f"{_rate(found, 'copy'):.0f} GB/s, read and written.",
        "",
        "Every engine, ms a step: median (least – greatest).",
        "",
    ]
    for size in found["sizes"]:
        lines += [f"- {name(size)}: {'; '.join(_each(size))}."]
    return "\n".join(lines) + "\n\n"


def name(size: dict[str, Any]) -> str:
    """A size, in words."""
    cut = f" of {size['side']}×{size['side']} images" if size["side"] else ""
    return f"{size['n']:,} × {size['k']} × {size['p']}{cut}, {size['runs']}"


def _summary(size: dict[str, Any]) -> str:
    times, peer = size["times"], fastest(size["times"])
    ours, operations = np.array(times[OURS]), 4.0 * size["n"] * size["k"] * size["p"] * size["runs"]
    data = 4.0 * size["n"] * (size["side"] ** 2 or size["k"] * size["p"])
    product = np.median(operations / ours / np.array(times["product"]))
    # A copy reads and writes; the data are read.
    copied = np.median(data / ours / np.array(times["copy"]))
    beside = [peer, ratio(times[peer], times[OURS])] if peer else ["none is installed", "–"]
    cells = [
        name(size),
        size["engine"],
        f"{1e3 * np.median(ours):.2f}",
        f"{product:.0%}",
        f"{copied:.0%}",
        *beside,
        ratio(times[PLAIN], times[OURS]),
    ]
    return f"| {' | '.join(cells)} |"


def _each(size: dict[str, Any]) -> list[str]:
    found = [
        f"{engine} {1e3 * np.median(times):.2f} ({1e3 * min(times):.2f} – {1e3 * max(times):.2f})"
        for engine, times in size["times"].items()
        if engine not in LIMITS
    ]
    return found + [f"{engine}: missing ({why})" for engine, why in size["missing"].items()]


def _rate(found: dict[str, Any], limit: str) -> float:
    return float(np.median([rate for size in found["sizes"] for rate in size["times"][limit]])) / 1e9


def growth(found: dict[str, Any]) -> str:
    """How our step grows with each of its numbers, as Markdown."""
    lines = ["Growth, one number at a time from 20,000 × 9 × 25, 32 runs: ms a step, and GFLOP/s.", ""]
    for axis in dict.fromkeys(row["axis"] for row in found["growth"]):
        rows = [row for row in found["growth"] if row["axis"] == axis]
        cells = []
        for row in rows:
            seconds = float(np.median(row["times"]))
            cells.append(f"{row['value']:,}: {1e3 * seconds:.2f} ms, {row['operations'] / seconds / 1e9:.0f}")
        lines.append(f"- {'steps (all of them)' if axis == 'steps' else axis}: {'; '.join(cells)}.")
    return "\n".join(lines) + "\n\n"
