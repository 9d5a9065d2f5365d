"""S2: with L-BFGS the extended objective ends lower than the conventional one."""

from __future__ import annotations

from theory.claims import extended
from theory.claims.claim import Cell, Claim, Evidence, Profile, Relation, Setting
from theory.claims.siahkoohi2021 import PAPER

FORMS = (
    "Form 'objective': L_ext there against L, as in the text. Form 'data': the data term of the extended network "
    "alone. The details hold what the primary weights alone give (siahkoohi2021.primary), how much lower L_ext is at "
    "the start already, and how often it falls by a larger factor than L does."
)
SWAPPED = {extended.SWAPPED: "each pair's two ends swapped by lot, 100 times: the same test must pass in half of them"}
SHUFFLED = {
    extended.SHUFFLED: (
        "all ends of both objectives in one urn, pairs drawn from it, 100 times: the same test must pass in half of "
        "them. That an extended end is lower than another network's conventional one is no false statement, and "
        "stands in the details"
    ),
}


def settings(profile: Profile, optimiser: str, quick: int, paper: int) -> list[Cell]:
    """The program's setting, and in the paper profile the text's and normal weights."""
    places = [("program", "uniform"), ("program", "normal"), ("text", "uniform")][: 1 if profile == "quick" else 3]
    networks = quick if profile == "quick" else paper
    return [
        Cell({"preset": preset, "weights": law, "optimiser": optimiser, "networks": networks}) for preset, law in places
    ]


def cells(profile: Profile) -> list[Cell]:
    return settings(profile, "L-BFGS", 15, 51)


def measure(cell: Cell, setting: Setting) -> Evidence:
    return extended.compared(cell, setting, urn=True)


CLAIM = Claim(
    key="siahkoohi2021.lbfgs",
    title="L-BFGS ends lower on the extended objective",
    relation=Relation.LOWER,
    statement=(
        "From (α, β) = (−2, 2), (2, 2) and (2, −2) on a random plane through w*, 200 iterations of L-BFGS (10 pairs) "
        "on the reduced extended objective, λ = 0.04, end lower than on the conventional one, more often than not. "
        f"{FORMS}"
    ),
    hypotheses=("none: an observation of the paper, not a theorem",),
    proof=(
        "A network and a plane of its own for each run, so that the pairs are independent; 100 inner iterations at "
        "most, each from where the last ended. Proportions have exact binomial limits; ½ was fixed beforehand."
    ),
    source=f"{PAPER}, Figures 3 and 4",
    controls=SWAPPED | SHUFFLED,
    cells=cells,
    measure=measure,
    headline="objective",
    version=2,
)
