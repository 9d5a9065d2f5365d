"""Real critical points and their types over random data sets, each found with all its complex ones."""

from __future__ import annotations

import math

import theory
from theory.claims.claim import Cell, Claim, Evidence, Finding, Profile, Relation, Setting
from theory.claims.counts import network_of
from theory.claims.shahverdi2024 import PAPER

WHITE, UNSIGNED = "the bound of white data", "points without their signs"

QUICK: tuple[str, ...] = ("2×2 stride 2", "2×3 stride 2", "3×3 stride 2", "2×2×2 stride 2,2")
PAPER_TOO: tuple[str, ...] = ("3×2 stride 2", "2×4 stride 2", "3×4 stride 2", "2×2×3 stride 2,2")


def cells(profile: Profile) -> list[Cell]:
    chosen, sets = (QUICK, 20) if profile == "quick" else ((*QUICK, *PAPER_TOO), 100)
    return [Cell({"network": label, "sets": sets}) for label in chosen]


def measure(cell: Cell, setting: Setting) -> Evidence:
    network, sets = network_of(cell), int(cell.parameters["sets"])
    losses = theory.algebra.random_losses(network, sets, rng=setting.rng)
    found = theory.algebra.real_points(network, losses, rng=setting.rng)
    bound, whole = theory.algebra.generic_ed_degree(network.sizes), bool(found.complete.all())
    missing = {} if whole else {"reason": f"{int((~found.complete).sum())} of {sets} data sets are not complete"}
    most = int(found.real.max())
    findings = [
        Finding(bound, found.known if whole else math.nan, form="complex", relation=Relation.TIGHT, details=missing),
        Finding(bound, most if whole else math.nan, form="real", details=missing),
        Finding(theory.algebra.frobenius_ed_degree(network.sizes), most, control=WHITE),
    ]
    signs = theory.algebra.sum_of_signs(network)
    if signs is not None:
        share = float((found.signs == signs).mean()) if whole else math.nan
        findings.append(Finding(1.0, share, form="signs", relation=Relation.TIGHT, details=missing))
        unsigned = float((found.real == signs).mean())
        findings.append(Finding(1.0, unsigned, relation=Relation.TIGHT, control=UNSIGNED))
    columns = {"set": list(range(sets)), "network": [network.label] * sets, "bound": [bound] * sets}
    names = ("complete", "complex", "real", "minima", "signs")
    return Evidence(findings, columns | {name: getattr(found, name).tolist() for name in names})


CLAIM = Claim(
    key="shahverdi2024.real_points",
    title="Real critical points",
    relation=Relation.UPPER,
    statement=(
        "Quadratic losses of random data sets (Gaussian inputs, twice as many as the filter has entries, and Gaussian "
        "targets) on strided networks. Form 'complex': following the critical points of a random complex loss finds as "
        "many as the generic ED degree, in every data set. Form 'real': at most so many are real. Form 'signs', for "
        "even n = Σ(k_i − 1): the sum of (−1)^index over the real ones is 1 if all k_i are odd, else 0, in every data "
        "set. Each point is certified: Newton and Kantorovich's theorem gives it a ball with one zero, apart from the "
        "others'; it is real or not by whether its conjugate is in the same ball; its index by eigenvalues beyond "
        "doubt. A data set counts only if all its points are found so."
    ),
    hypotheses=(),
    proof=(
        "Complex points: shahverdi2024.critical_points. They are found without use of that number: loops of a random "
        "complex loss from one point on, until none gives another (the monodromy group acts transitively), then ways "
        "from it to each data set. Signs: with the best scale the loss is a function on the compact manifold "
        "X = Π RP^{k_i−1}; its critical points are those counted here and its maximum, on H = {uᵀΣp = 0}. Poincaré and "
        "Hopf: Σ(−1)^index − χ(H) = χ(X), as the maximum has index 1 across H. For even n, χ(H) = 0, and "
        "χ(X) = Π χ(RP^{k_i−1})."
    ),
    source=f"{PAPER}, for the complex number; real points, certificate and the sum of signs are of this project",
    controls={
        WHITE: "at most as many real ones as white data have complex ones",
        UNSIGNED: "the number of real points, without signs, is that sum",
    },
    cells=cells,
    measure=measure,
    headline="real",
)
