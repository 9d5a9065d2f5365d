"""Theorem 3.2: stochastic gradient descent at a constant step, in mean square over independent runs.

With unbiased g_t, γ' = γ(φ₁) − 6 L_cross and d_t = ‖w_t − w*‖ while w_t is inside ‖w − w*‖ ≤ ‖w*‖ sin φ₁, where
‖g_t‖ ≤ B and, for patches of norm R at most, ‖g_t‖ ≤ R² d_t:

    E d_T² ≤ (1 − 2ηγ')^T d₀² + ηB²/(2γ')        E d_T² ≤ (1 − 2ηγ' + η²R⁴)^T d₀²
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

import theory
from theory.claims import confidence
from theory.claims.claim import Cell, Claim, Evidence, Finding, Profile, Relation, Setting
from theory.claims.du2018 import PAPER

NOISE, DOUBLED, DOUBLED_PAPER = "noisy labels", "γ' doubled", "γ' doubled, paper's form"
FORMS = {"prescribed": "paper", "half": "sharp", "sharp": "sharp", "neuron": "neuron"}
"""The form by which the times of a run at this step are chosen."""

R = 1.0
"""Every law here has ‖Z‖ = 1."""

START, ACCURACY = 0.5, 0.25
"""‖w₀ − w*‖ and the accuracy ε of the prescribed step, as shares of the region's radius ‖w*‖ sin φ₁, ‖w*‖ = 1."""

LEVELS, PARTS, CURVE = (0.5, 0.2, 0.05), (0.25, 0.5, 1.0), 40
"""What the bound leaves of d₀² at the times that are judged; for the prescribed step, shares of the
theorem's T; and how many times are recorded for the figure."""

# Law, dimension, patches and their closeness; sin φ₁; steps. In many dimensions, for spiky laws and for several
# patches, the smaller steps take too long.
EVERY, LARGE, SMALL = ("prescribed", "sharp", "neuron"), ("neuron",), ("sharp",)
QUICK: tuple[Any, ...] = (
    ("sphere", 2, 1, 0.0, 0.2, EVERY),
    ("sphere", 5, 1, 0.0, 0.2, EVERY),
    ("sphere", 25, 1, 0.0, 0.2, LARGE),
    ("mixture(1)", 2, 1, 0.0, 0.8, ("sharp", "neuron")),
    ("mixture(0.5)", 5, 1, 0.0, 0.2, LARGE),
    ("mixture(0.5)", 2, 4, 0.05, 0.2, SMALL),
    ("mixture(1)", 2, 4, 0.7, 0.2, SMALL),
)
PAPER_GRID: tuple[Any, ...] = (
    *(("sphere", 2, 1, 0.0, region, ("prescribed", "half", "sharp", "neuron")) for region in (0.2, 0.8)),
    ("sphere", 5, 1, 0.0, 0.2, EVERY),
    ("mixture(1)", 2, 1, 0.0, 0.8, EVERY),
    ("mixture(0.5)", 2, 1, 0.0, 0.2, EVERY),
    *(("sphere", 25, 1, 0.0, region, LARGE) for region in (0.2, 0.8)),
    *((law, 5, 1, 0.0, 0.8, LARGE) for law in ("mixture(1)", "mixture(0.5)", "watson(-5)", "watson(5)")),
    ("mixture(0.5)", 2, 4, 0.05, 0.2, ("prescribed", "sharp")),
    ("mixture(0.5)", 2, 16, 0.05, 0.2, SMALL),
    *(("mixture(1)", 2, 4, closeness, 0.2, SMALL) for closeness in (0.05, 0.7)),
)


def cells(profile: Profile) -> list[Cell]:
    quick = profile == "quick"
    runs = {"prescribed": 1000, "half": 2000, "sharp": 2000, "neuron": 4000}
    runs = runs if quick else {step: 3 * number for step, number in runs.items()}
    names = ("law", "dim", "patches", "closeness", "region", "step", "runs")
    grid = [(*row[:-1], step) for row in (QUICK if quick else PAPER_GRID) for step in row[-1]]
    # Of several patches a run may go astray, so that d² is cut off later and its mean is less certain.
    rows = [(*row, runs[row[-1]] * (1 if row[2] == 1 else 2)) for row in grid]
    return [Cell(dict(zip(names, row, strict=True))) for row in rows]


@dataclass(frozen=True)
class _Plan:
    """What a cell runs: law, γ', step, d₀ and the region's radius, with ‖w*‖ = 1; ``name`` is the form it is for."""

    law: Any
    gamma: float
    eta: float
    start: float
    region: float
    name: str
    one: bool

    def form(self, name: str, times: float = 1.0, noise: float = 0.0) -> Any:
        """The recursion of a form, with γ' multiplied by ``times`` and noise of this standard deviation."""
        rule = theory.descent.Recursion
        if name == "paper":
            # ‖g‖ ≤ R² d ≤ B in the region; with noise, E‖g‖² ≤ B².
            return rule.bounded(self.eta, times * self.gamma, R * math.hypot(R * self.region, noise))
        make = rule.one_neuron if name == "neuron" else rule.realizable
        return make(self.eta, times * self.gamma, radius=R, noise=noise)

    @property
    def times(self) -> list[int]:
        """At which steps the bound has fallen to the levels; the theorem's own T and parts of it for its own step."""
        if self.name == "paper":
            last = _rule(self.region, self.gamma).steps(self.start)
            return [math.ceil(part * last) for part in PARTS]
        return [math.ceil(math.log(level) / math.log(self.form(self.name).factor)) for level in LEVELS]

    @property
    def noise(self) -> float:
        """Standard deviation of the noise: as large as the start is far, less for the largest step."""
        return self.start * (0.25 if self.name == "neuron" else 1.0)

    def most(self, noise: float) -> float:
        """Where d² is cut off: at d₀², which one neuron without noise never exceeds, or else where it leaves."""
        return self.start**2 if self.one and not noise else self.region**2


def measure(cell: Cell, setting: Setting) -> Evidence:
    plan, margins = _plan(cell)
    clean, noisy = (_descend(cell, setting, plan, noise) for noise in (0.0, plan.noise))
    name = plan.name
    findings = [
        *_upper(plan, clean, name, margins=margins),
        *_upper(plan, noisy, name, noise=plan.noise, margins=margins),
        _never_farther(clean, margins) if plan.one else _left(clean, margins),
    ]
    if name == "paper":
        findings += [_accuracy(plan, clean, margins), *_upper(plan, clean, "sharp", margins=margins)]
        findings += _upper(plan, clean, name, times=2, margins=margins, control=DOUBLED_PAPER)
    else:
        findings += _upper(plan, clean, name, times=2, margins=margins, control=DOUBLED)
        findings += _upper(plan, noisy, name, cut=plan.noise, margins=margins, control=NOISE)
    return Evidence(findings, _points(plan, clean, noisy))


def _plan(cell: Cell) -> tuple[_Plan, dict[str, float]]:
    """The plan and its margins. Where γ' is not positive, what is run is that of γ, and nothing is judged."""
    given, region, step = cell.parameters, float(cell.parameters["region"]), str(cell.parameters["step"])
    place = str(given["law"]), int(given["dim"]), int(given["patches"]), float(given["closeness"])
    law = theory.problems.filter_law(*place)
    gamma, net = _constants(law, math.asin(region), FORMS[step])
    used = net if net > 0 else gamma
    eta = {"prescribed": _rule(region, used).eta, "half": used / (2 * R**4), "sharp": used / R**4, "neuron": 1 / R**2}
    plan = _Plan(law, used, eta[step], START * region, region, FORMS[step], int(given["patches"]) == 1)
    margins = {
        "γ'/γ(φ₁)": net / gamma,
        "1 − ‖w₀ − w*‖/(‖w*‖ sin φ₁)": 1 - START,
        "1 − q": 1 - plan.form(plan.name).factor,
    }
    return plan, margins


def _rule(region: float, gamma: float) -> Any:
    return theory.descent.Prescribed(accuracy=ACCURACY * region, gamma=gamma, bound=R**2 * region)


def _constants(law: Any, phi: float, name: str) -> tuple[float, float]:
    """γ(φ₁) and γ' exactly, with the paper's factor of L_cross or the proof's own; one neuron has no cross terms."""
    if isinstance(law, theory.distributions.ClosePatches):
        found = theory.closeness.closeness(law, phi)
        return found.gamma, found.margin if name == "paper" else found.proof_margin
    gamma = theory.smoothness.smoothness(law, phi).gamma
    return gamma, gamma


def _descend(cell: Cell, setting: Setting, plan: _Plan, noise: float) -> Any:
    xp, dim, steps = setting.xp, int(cell.parameters["dim"]), plan.times[-1]
    w_star = theory.problems.teacher(dim)
    start = xp.asarray(theory.problems.beside(w_star, plan.start, 2.0))
    return theory.descent.descend_stochastically(
        theory.objectives.FreshSamples(plan.law, xp.asarray(w_star), noise=noise),
        xp.broadcast_to(start[:, None], (dim, int(cell.parameters["runs"]))),
        step=theory.descent.Constant(plan.eta),
        steps=steps,
        batch=1,
        rng=setting.rng,
        tolerance=0.0,
        record=[*range(0, steps, max(1, steps // CURVE)), *plan.times],
        region=plan.region,
    )


def _upper(
    plan: _Plan, run: Any, name: str, *, times: float = 1.0, noise: float = 0.0, cut: float = 0.0, **more: Any
) -> Iterator[Finding]:
    """The mean square at the judged times, with its limits, beside the bound of a form."""
    bound = plan.form(name, times, noise)
    form = f"{name}, noisy labels" if noise else name
    carried = bound.carried(run)
    for t in plan.times:
        row = carried[list(run.iterations).index(t)]
        mean, low, high = _mean(row, plan.most(noise or cut))
        details = {"T": t, "left": _away(run), "cut off": int((row > plan.most(noise or cut)).sum())}
        yield Finding(float(_predicted(plan, name, bound, t)), mean, low, high, form=form, details=details, **more)


def _predicted(plan: _Plan, name: str, bound: Any, t: Any) -> Any:
    """The bound on E d_T²; the paper's is written with the whole of the floor."""
    if name == "paper":
        return bound.factor**t * plan.start**2 + bound.floor
    return bound.after(plan.start**2, t)


def _mean(squares: Any, most: float) -> tuple[float, float, float]:
    # Cutting off lowers the mean: it obeys an upper bound that the whole obeys.
    values = squares.clip(max=most)
    return float(values.mean()), *confidence.bounded_mean(values, most)


def _away(run: Any) -> int:
    return sum(outcome is not theory.descent.Outcome.STEP_LIMIT for outcome in run.outcome)


def _accuracy(plan: _Plan, run: Any, margins: Mapping[str, float]) -> Finding:
    """What the prescribed step is for: ε² ‖w*‖² in mean square at the theorem's own T."""
    measured = _mean(plan.form("paper").carried(run)[-1], plan.most(0.0))
    details = {"T": plan.times[-1], "eta": plan.eta}
    return Finding((ACCURACY * plan.region) ** 2, *measured, form="accuracy", margins=margins, details=details)


def _never_farther(run: Any, margins: Mapping[str, float]) -> Finding:
    """The largest factor between neighbouring records of the distance of any run, less what rounding may add to it."""
    # A step rounds w·z, the residual and w, sums of p + 4 terms below 2 at most: some runs come that near to w*.
    room = 4 * (run.w.shape[0] + 4) * np.finfo(float).eps * np.diff(run.iterations)[:, None]
    with np.errstate(divide="ignore"):  # a run may arrive
        ratio = float(((run.distance[1:] - room) / run.distance[:-1]).max())
    # A sample that w does not see leaves w where it is: equality, which a few roundings must not break.
    return Finding(1 + 1e-12, ratio, form="every run", margins=margins, details={"runs": run.distance.shape[1]})


def _left(run: Any, margins: Mapping[str, float]) -> Finding:
    """d_t² is a supermartingale until the run leaves, so it leaves with probability at most (d₀/(‖w*‖ sin φ₁))²."""
    runs = len(run.outcome)
    low, high = confidence.proportion(_away(run), runs)
    return Finding(START**2, _away(run) / runs, low, high, form="left", margins=margins, details={"left": _away(run)})


def _points(plan: _Plan, clean: Any, noisy: Any) -> dict[str, Any]:
    """The mean squares with their limits, and the bounds, for the figure; in units of d₀²."""
    t, unit = clean.iterations, plan.start**2
    columns: dict[str, Any] = {"iteration": t}
    for prefix, run, noise in (("", clean, 0.0), ("noisy_", noisy, plan.noise)):
        carried = plan.form("sharp", noise=noise).carried(run)
        rows = zip(*(_mean(row, plan.most(noise)) for row in carried), strict=True)
        columns |= {
            prefix + name: np.array(row) / unit for name, row in zip(("mean", "low", "high"), rows, strict=True)
        }
    for name in ("paper", "sharp", *(["neuron"] if plan.one else [])):
        columns[name] = _predicted(plan, name, plan.form(name), t) / unit
    return {"neuron": np.full(t.size, np.nan), **columns, "eta": np.full(t.size, plan.eta)}


CLAIM = Claim(
    key="du2018.sgd",
    title="Stochastic gradient descent",
    relation=Relation.UPPER,
    statement=(
        "w_{t+1} = w_t − η g_t with one fresh sample a step, ‖Zᵢ‖ ≤ R = 1, ‖w*‖ = 1, d_t = ‖w_t − w*‖, d₀ = ½ sin φ₁. "
        "Form 'paper', γ' = γ(φ₁) − 6 L_cross(φ₁), at the prescribed step η = ε²γ'/B², B = R² sin φ₁, ε = ¼ sin φ₁: E "
        "d_T² ≤ (1 − 2ηγ')^T d₀² + ηB²/(2γ'). Form 'accuracy': E d_T² ≤ ε² at the theorem's T. Form 'sharp': E d_T² ≤ "
        "(1 − 2ηγ' + η²R⁴)^T d₀², a linear rate to w* itself for η < 2γ'/R⁴; at η = γ'/R⁴ or half of it γ' = γ − 2.098 "
        "L_cross, as the proof of Theorem 3.1 needs. Form 'neuron', one patch, η = 1/R²: E d_T² ≤ (1 − (2η − "
        "η²R²)γ')^T d₀². With 'noisy labels' of standard deviation s = d₀ (a quarter of it for 'neuron') each of them "
        "gains a floor: B² = R⁴ sin² φ₁ + R²s², or η²R²s² a step. Measured: the mean over the runs of d_T², where a "
        "run that left d ≤ sin φ₁ at τ counts from then on as the bound carries on from d_τ², and no run counts for "
        "more than sin² φ₁, or d₀² for one patch without noise: details count those cut off there, for which HOLDS "
        "says less than the bound. Form 'left', more than one patch: at most (d₀/sin φ₁)² of the runs ever leave. Form "
        "'every run', one patch: no run is farther from w* at any of some forty recorded times than at the one before, "
        "but for rounding."
    ),
    hypotheses=(
        "γ' > 0: margin γ'/γ(φ₁), both exact",
        "the start is in the region: margin 1 − ‖w₀ − w*‖/(‖w*‖ sin φ₁)",
        "the recursion contracts: margin 1 − q, with q its factor",
        "that the iterates stay in the region is not assumed: see the proof",
    ),
    proof=(
        "In the region ⟨∇ℓ, w − w*⟩ ≥ γ'd² and E g = ∇ℓ, so E[d_{t+1}² | w_t] = d_t² − 2η⟨∇ℓ, w_t − w*⟩ + η²E‖g‖². The "
        "three forms bound E‖g‖². 'paper': by B². 'sharp': labels are the teacher's own, so |f(w) − f(w*)| ≤ R d, and "
        "‖g‖ ≤ R²d. 'neuron': r = σ(w·z) − σ(w*·z) has r² ≤ r (w − w*)·z where w·z ≥ 0, so ‖g‖² ≤ R²⟨g, w − w*⟩ for "
        "every sample; hence d_{t+1}² ≤ d_t² − (2η − η²R²)⟨g, w_t − w*⟩ ≤ d_t² always. Independent noise adds R²s². "
        "Each is x ← qx + c; write b_s(x) for s such steps. While w_t is inside, E[b_{T−t−1}(d_{t+1}²) | w_t] ≤ "
        "b_{T−t}(d_t²), so with τ the time of leaving, b_{T−t∧τ}(d²_{t∧τ}) is a supermartingale, and E "
        "b_{T−T∧τ}(d²_{T∧τ}) ≤ b_T(d₀²) with nothing assumed about τ. The mean over the runs that stayed obeys no such "
        "bound: it is conditioned on the future. Without noise q ≤ 1 makes the stopped d² a supermartingale, so it "
        "ever exceeds sin² φ₁ with probability at most d₀²/sin² φ₁. Limits of the mean: empirical Bernstein, for d_T² "
        "cut off at d₀² for one patch without noise, which never exceeds it, and else at sin² φ₁: that lowers a mean "
        "which is to stay below a bound."
    ),
    source=f"{PAPER}, Theorem 3.2; all forms but 'paper' and 'accuracy', and the treatment of leaving, derived here",
    controls={
        NOISE: "the labels noisy, the bound without the floor: forms 'sharp' and 'neuron'",
        DOUBLED: "2γ' in the forms 'sharp' and 'neuron', same runs",
        DOUBLED_PAPER: "2γ' in the form 'paper', same runs",
    },
    cells=cells,
    measure=measure,
    version=2,
    headline="sharp",
)
