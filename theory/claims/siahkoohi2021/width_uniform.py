"""S1, where w* is uniform: the valley around the true weights is wider for the extended objective."""

from __future__ import annotations

from theory.claims import widths
from theory.claims.claim import Cell, Claim, Evidence, Profile, Relation, Setting
from theory.claims.siahkoohi2021 import PAPER

LAW = "uniform"


def cells(profile: Profile) -> list[Cell]:
    return widths.cells(profile, LAW)


def measure(cell: Cell, setting: Setting) -> Evidence:
    return widths.measure(cell, setting, always=True)


CLAIM = Claim(
    key=f"siahkoohi2021.width_{LAW}",
    title="Wider valleys, w* uniform",
    relation=Relation.LOWER,
    statement=(
        "On planes of two random directions through w*, w* drawn from U(−⅓, ⅓), from which PyTorch draws the first "
        "weights of such a layer, the extended objective's valley is wider than the conventional one's. "
        f"{widths.MEASURES} {widths.GRID}"
    ),
    hypotheses=widths.HYPOTHESES,
    proof=widths.PROOF,
    source=f"{PAPER}, Figures 1 and 2; the measures are this suite's own, and the text does not say the law of w*",
    controls={
        **widths.CONTROLS,
        widths.ALWAYS: "the area at 10 % larger for all networks, as 'consistently' says",
    },
    cells=cells,
    measure=measure,
    headline="area 10 %",
    version=2,
)
