"""S3: with Adam the extended objective often ends lower than the conventional one."""

from __future__ import annotations

from theory.claims import extended
from theory.claims.claim import Cell, Claim, Evidence, Profile, Relation, Setting
from theory.claims.siahkoohi2021 import PAPER
from theory.claims.siahkoohi2021.lbfgs import FORMS, SWAPPED, settings


def cells(profile: Profile) -> list[Cell]:
    return settings(profile, "Adam", 15, 51)


def measure(cell: Cell, setting: Setting) -> Evidence:
    return extended.compared(cell, setting)


CLAIM = Claim(
    key="siahkoohi2021.adam",
    title="Adam often ends lower on the extended objective",
    relation=Relation.LOWER,
    statement=(
        "From (α, β) = (−2, 2), (2, 2) and (2, −2) on a random plane through w*, 200 iterations of Adam (step 0.05) on "
        "the reduced extended objective, λ = 0.04, often end lower than on the conventional one: in half of the runs "
        f"or more. {FORMS}"
    ),
    hypotheses=("none: an observation of the paper, not a theorem",),
    proof=(
        "A network and a plane of its own for each run, so that the pairs are independent; 100 inner iterations at "
        "most, each from where the last ended. Proportions have exact binomial limits; 'often' was taken for one half "
        "beforehand."
    ),
    source=f"{PAPER}, Figures 3 and 4",
    controls=SWAPPED,
    cells=cells,
    measure=measure,
    headline="objective",
)
