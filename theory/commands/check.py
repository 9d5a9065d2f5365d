"""``theory check``: a user's own patches. Nothing heavy is imported before it is needed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from theory.checks import refuse

Samples = Annotated[Path, typer.Option(metavar="FILE.npy", help="Patches: (n, p) of one neuron, (n, k, p) of filters.")]
Labels = Annotated[Path | None, typer.Option(metavar="FILE.npy", help="The answers of the teacher, (n,).")]
TeacherFile = Annotated[Path | None, typer.Option("--teacher", metavar="FILE.npy", help="The teacher w*, (p,).")]
Angle = Annotated[float | None, typer.Option(metavar="φ", help="The angle, in radians; several by default.")]
Accuracy = Annotated[float, typer.Option(metavar="ε", help="A run has arrived within ε times the teacher's norm.")]
Steps = Annotated[int, typer.Option(metavar="N", help="Steps of a descent at most.")]
Starts = Annotated[int, typer.Option(metavar="N", help="Starts of each descent.")]
Directions = Annotated[int, typer.Option(metavar="N", help="Random teachers, without --labels and --teacher.")]
Most = Annotated[int | None, typer.Option(metavar="N", help="Samples used at most, drawn from the file.")]
Budget = Annotated[int, typer.Option(metavar="N", help="Boxes examined for each constant: more close the brackets.")]
Seed = Annotated[int, typer.Option(metavar="N", help="Seed of the sample, the teachers and the starts.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of the page.")]
Html = Annotated[Path | None, typer.Option(metavar="FILE.html", help="Write the page there as well.")]


def check(
    samples: Samples,
    labels: Labels = None,
    teacher: TeacherFile = None,
    angle: Angle = None,
    accuracy: Accuracy = 0.01,
    steps: Steps = 5000,
    starts: Starts = 8,
    directions: Directions = 3,
    most: Most = None,
    budget: Budget = 64,
    seed: Seed = 0,
    as_json: Json = False,
    html: Html = None,
) -> int:
    """Check patches of your own.

    Which theorems cover them, with certified constants; the step that they prescribe, the steps that they promise, and
    what descent really does. Without --teacher, w* is estimated from --labels; without those, it is drawn at random.

    Files are mapped into memory and never unpickled; of a large one a random sample is used, and the page says so. The
    exit code is 1 if descent breaks a promise, which no correct theorem allows, 2 for bad usage, 0 otherwise.
    """
    from theory.own import Options
    from theory.own import check as checked
    from theory.report import own_page
    from theory.runs.document import dumps, finite

    options = Options(angle, accuracy, steps, starts, directions, most, budget, seed)
    found = checked(samples, labels, teacher, options)
    if html is not None:
        _write(html, own_page.html(found))
    typer.echo(dumps(finite(found)) if as_json else own_page.text(found))
    return 0 if found["kept"] else 1


def _write(path: Path, page: str) -> Any:
    from theory.runs.files import replacing

    try:
        with replacing(path) as file:
            file.write(page.encode())
    except OSError as error:
        raise refuse("html", f"{path} ({error.strerror or error})", "a file that can be written") from None
