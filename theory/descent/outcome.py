"""How a run of descent ended. An outcome is a value, not an exception."""

from __future__ import annotations

from enum import StrEnum


class Outcome(StrEnum):
    """How a run ended, as a sentence with the remedy."""

    CONVERGED = "converged: the distance to the teacher is within the tolerance"
    STEP_LIMIT = "step limit: the run was still moving; allow more steps or a larger step"
    STALLED = (
        "stalled: a stationary point away from the teacher; start elsewhere, or check that the law covers all "
        "directions"
    )
    DIVERGED = "diverged: the iterate grew without bound; take a smaller step"
    LEFT_REGION = "left the region: the distance to the teacher exceeded the region's radius; start nearer or step less"
