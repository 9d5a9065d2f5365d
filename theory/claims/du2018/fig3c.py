"""Figure 3c: on real images and with a random filter as the teacher, better starts converge faster."""

from __future__ import annotations

import theory
from theory.claims import images
from theory.claims.claim import Cell, Claim, Evidence, Profile, Relation, Setting
from theory.claims.du2018 import PAPER

ORDER = (
    "Form 'level': after a hundredth, a tenth and all of the steps the relative loss (mean squared error over mean "
    "square label) increases with the distance of the start. Form 'rate': so does the part of its own first loss that "
    "a start has left after all steps, which gives nearer starts no credit for having begun lower. Predicted: no "
    "order, 0. Measured: the Theil–Sen slope of the ranks, 1 for perfect order; each holds where its lower limit is "
    "above 0."
)

VISITS: dict[Profile, int] = {"quick": 3_500_000, "paper": 25_000_000}
"""Patches times starts of a cell: in the paper profile 688 starts on the digits, 40 on MNIST."""


def cells(profile: Profile) -> list[Cell]:
    teachers, steps, most = (3, 500, 500) if profile == "quick" else (4, 2000, 1000)
    return [
        Cell({"filter": "random", "teacher": teacher, "steps": steps, "images": most, "visits": VISITS[profile]})
        for teacher in range(teachers)
    ]


def measure(cell: Cell, setting: Setting) -> Evidence:
    law = images.patches(cell, setting)
    loss = theory.objectives.ImageLoss(law, images.teacher(cell, law, setting))
    found = images.learn(cell, loss, images.starts(cell, law), setting)
    return Evidence(images.orders(cell, found, setting), images.columns(found))


CLAIM = Claim(
    key="du2018.fig3c",
    title="Better starts, random filter (Figure 3c)",
    relation=Relation.ORDER,
    statement=(
        "Patches of real images at stride 1, labels by a filter with entries N(0, 1); starts at distances 0.1 to 0.95 "
        "‖w*‖, each in a random direction of its own, step 1/λ. Better (nearer) starts converge faster. " + ORDER
    ),
    hypotheses=("none: an observation of the paper, not a theorem",),
    proof=(
        "A rank statement; limits by Sen's method at the suite's confidence level. λ = λ_max(E[v vᵀ]), v the mean of "
        "|Zᵢ| over the patches of an image, bounds the second derivative of the loss everywhere."
    ),
    source=f"{PAPER}, Figure 3c",
    controls={images.PERMUTED: "the final losses permuted 100 times: the same test must pass in half of them"},
    cells=cells,
    measure=measure,
)
