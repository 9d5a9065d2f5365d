"""The command ``theory`` for the tests of the documentation: all of it is real, but there are few claims.

Those keep their grids, and have made-up evidence in the place of their measurement, so that the commands that take
minutes or hours are run as they are written.
"""

import dataclasses
import itertools
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

import full_store

from theory import claims
from theory.claims.claim import Evidence

FEW = ("isotropy", "fig3c", "fig3d", "fig4", "interpolation", "images", "riemannian", "one_sample")
ours = claims._ours


def quickly(claim):
    def measure(cell, setting):
        controls = [cell.control] if cell.control else ["", *claim.controls]
        return Evidence([full_store.finding(claim, control, 1.0) for control in controls], {"value": [1.0]})

    return dataclasses.replace(claim, measure=measure)


if __name__ == "__main__":  # pytest, looking for doctests, imports it as well
    from theory.cli import main

    claims._ours = lambda: ((name, quickly(claim)) for name, claim in ours() if name.endswith(FEW))
    # No second process: it would take long to load all of it again, and find the claims as they are.
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    sys.argv = ["1" if before == "--jobs" else given for before, given in itertools.pairwise(["", *sys.argv])]
    main()
