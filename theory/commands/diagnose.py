"""``theory diagnose gabor``: why learning the angle of a Gabor filter fails, and what to do."""

from __future__ import annotations

import math
from typing import Annotated, Any

import typer

from theory.commands.options import FAILED, OK, USAGE, Json, number, whole

app = typer.Typer(name="diagnose", rich_markup_mode=None)

POPULATIONS = ("white", "smooth")
SIDE = 64
"""Side of the images of which a population's spectrum is given: many times the filter's."""

Image = Annotated[
    str,
    typer.Argument(metavar="IMAGE", help="A PNG or JPEG file; china or flower, photographs; white or smooth noise."),
]


def _angle(name: str, text: str) -> Any:
    return typer.Option(f"--{name}", metavar="DEGREES", help=text, parser=number)


def _number(name: str, text: str) -> Any:
    return typer.Option(f"--{name}", metavar="X", help=text, parser=number)


@app.callback(invoke_without_command=True)
def _options(context: typer.Context) -> int:
    """Say what keeps a descent from the truth, and what to do."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit(USAGE)
    return OK


@app.command()
def gabor(
    image: Image = "china",
    truth: Annotated[float, _angle("truth", "Angle of the true filter.")] = 45.0,
    start: Annotated[float, _angle("start", "Angle where descent starts.")] = -45.0,
    step: Annotated[float | None, _number("step", "Constant step; a tenth of 1/ℓ'' by default.")] = None,
    loss: Annotated[str, typer.Option(metavar="mse|rmse|correlation", help="Of the filtered images.")] = "rmse",
    size: Annotated[int, typer.Option(metavar="N", help="Side of the filter, in pixels.", parser=whole)] = 15,
    wavelength: Annotated[float, _number("wavelength", "λ, in pixels.")] = 6.0,
    sigma: Annotated[float, _number("sigma", "σ, in pixels.")] = 3.0,
    gamma: Annotated[float, _number("gamma", "γ, the aspect ratio.")] = 0.5,
    psi: Annotated[float, _angle("psi", "ψ, the phase.")] = 0.0,
    as_json: Json = False,
) -> int:
    """Diagnose learning the angle of a Gabor filter by descent at a constant step.

    The true filter is known but for its angle; the loss compares the image as it is filtered with what the true filter
    makes of it. Checked are the gradient, the landscape over the whole circle, the start, the loss and the step.

    The exit code is 0 if descent converges to the truth, 1 if it does not, 2 for bad usage.
    """
    from theory.objectives.gabor import GaborFilter, diagnose
    from theory.report.gabor_text import diagnosis, document

    true = GaborFilter(
        theta=math.radians(truth),
        wavelength=wavelength,
        sigma=sigma,
        gamma=gamma,
        psi=math.radians(psi),
        size=size,
    )
    moments = _moments(image, size)
    taken = _default_step(moments, true, loss) if step is None else step
    found = diagnose(moments, true, start=math.radians(start), step=taken, loss=loss)
    typer.echo(document(image, true, found) if as_json else diagnosis(image, true, found))
    return OK if found.outcome == "converged" else FAILED


def _moments(image: str, size: int) -> Any:
    from theory import problems
    from theory.checks import refuse
    from theory.objectives.gabor import of_image, stationary
    from theory.problems.textures import PHOTOGRAPHS

    if size > SIDE and image in POPULATIONS:
        raise refuse("size", size, f"at most {SIDE} for noise")
    if image in POPULATIONS:
        return stationary(problems.spectrum(image, SIDE), size)
    return of_image(problems.photograph(image) if image in PHOTOGRAPHS else problems.picture(image), size)


def _default_step(moments: Any, true: Any, loss: str) -> float:
    """A tenth of 1/ℓ''(θ*), where for the root ℓ is its square: cautious by any rule."""
    from theory.checks import refuse
    from theory.objectives.gabor import Circle
    from theory.objectives.gabor.diagnose import SEEN

    curvature = float(Circle([moments], true, "mse" if loss == "rmse" else loss).curvature()[0])
    if not curvature > 0:
        raise refuse("the curvature at the truth", curvature, SEEN)
    return 0.1 / curvature
