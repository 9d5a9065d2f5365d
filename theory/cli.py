"""The command ``theory``, all of its subcommands. Nothing heavy is imported before a command needs it."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import theory
from theory.checks import BadInput
from theory.commands import diagnose
from theory.commands.check import check
from theory.commands.gaborness import gaborness
from theory.commands.options import FAILED, INTERRUPTED, OK, USAGE, Json, note, whole
from theory.commands.sweep import sweep

if TYPE_CHECKING:
    from theory.claims.claim import Claim
    from theory.report.progress import Follower
    from theory.runs.compare import Saved
    from theory.runs.engine import Progress

app = typer.Typer(
    name="theory",
    help="Published theorems about learning convolutional filters, checked by running what they speak of.",
    add_completion=False,
    pretty_exceptions_enable=False,
    pretty_exceptions_show_locals=False,
    rich_markup_mode=None,
)

Keys = Annotated[list[str] | None, typer.Argument(metavar="KEY|GLOB", help="Claims; all of them by default.")]
Profile = Annotated[str, typer.Option(metavar="quick|paper", help="Size of the grids.")]
Backend = Annotated[str, typer.Option(metavar="numpy|cupy", help="Library that measures.")]
Seed = Annotated[int, typer.Option(metavar="N", help="Seed of all random streams.", parser=whole)]
Jobs = Annotated[
    int | None, typer.Option(metavar="N", help="Processes; by default one per available CPU.", parser=whole)
]
Images = Annotated[
    str, typer.Option(metavar="SOURCE", help="Real images: digits, the path of an IDX file, or a name on OpenML.")
]
Rerun = Annotated[bool, typer.Option("--rerun", help="Measure anew what an interrupted run has measured.")]
Compare = Annotated[
    Path | None,
    typer.Option(metavar="STORE", help="Say what has changed since this run, a store or a --json document."),
]
ExitZero = Annotated[
    bool, typer.Option("--exit-zero", help="Exit code 0 whatever the verdicts, unless a claim could not be measured.")
]
Out = Annotated[Path, typer.Option(metavar="FOLDER", help="The store: rows, verdicts and figures.")]
Version = Annotated[bool, typer.Option("--version", help="Print the version and leave.")]


def main() -> None:
    """Run the command and leave with its exit code: 0 all holds, 1 something fails, 2 bad usage, 130 interrupted."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a terminal without φ or ≤ is no reason to fail
            stream.reconfigure(errors="replace")
    sys.exit(_exit_code())


def _exit_code() -> int:
    try:
        code = typer.main.get_command(app)(prog_name="theory", standalone_mode=False)
        sys.stdout.flush()
        return int(code or OK)
    except BadInput as error:
        return _complain(str(error), USAGE)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # the reader, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except Exception as error:  # a ClickException is of click, or of the copy that newer typer carries
        if not hasattr(error, "format_message"):
            raise
        return _complain(error.format_message(), getattr(error, "exit_code", USAGE))


def _complain(message: str, code: int) -> int:
    note(message)
    return code


@app.callback(invoke_without_command=True)
def _options(context: typer.Context, version: Version = False) -> int:
    """Published theorems about learning convolutional filters, checked by running what they speak of."""
    if version:
        typer.echo(f"theory {theory.__version__}")
        raise typer.Exit(OK)
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit(USAGE)
    return OK


@app.command("list")
def list_claims() -> int:
    """List all claims."""
    from theory.claims import registry

    claims = registry().values()
    width = max((len(claim.key) for claim in claims), default=0)
    # One line a claim for whoever reads it by a program; on a terminal it ends where the terminal does.
    columns = shutil.get_terminal_size().columns if sys.stdout.isatty() else 10**6
    for claim in claims:
        begin = f"{claim.key:{width}}  {claim.relation:8}  "
        room = max(columns - len(begin), 20)
        typer.echo(begin + f"\n{' ' * len(begin)}".join(textwrap.wrap(claim.title, room)))
    return OK


@app.command()
def explain(key: Annotated[str, typer.Argument(metavar="KEY", help="The claim, or a glob.")]) -> int:
    """Explain a claim in full.

    Statement, hypotheses, proof of the constants, controls, source, and where the code is.
    """
    from theory.claims import select
    from theory.report.explain import explain as text

    typer.echo("\n\n\n".join(text(claim) for claim in select([key])))
    return OK


@app.command()
def verify(
    keys: Keys = None,
    profile: Profile = "quick",
    backend: Backend = "numpy",
    seed: Seed = 0,
    jobs: Jobs = None,
    images: Images = "digits",
    rerun: Rerun = False,
    as_json: Json = False,
    compare: Compare = None,
    exit_zero: ExitZero = False,
    out: Out = Path("results"),
) -> int:
    """Measure claims and judge them.

    Rows and verdicts are stored claim by claim; the table of verdicts comes last. The exit code is 0 only if every
    claim holds and every control is refuted; 1 if not; 2 for bad usage.

    A run that is interrupted keeps the cells it has measured, in OUT/PROFILE/.cells; the same command takes them up.
    A run that ends deletes them: the next one measures anew.

    With --compare, the exit code is 1 as well where less holds than in the saved run.

    With --exit-zero, verdicts make no difference to the exit code, so that "&& theory report" can follow. It is 1 still
    where a claim raises or cannot be measured, 2 for bad usage, 130 if interrupted.
    """
    from theory.claims import select
    from theory.report.progress import follow
    from theory.runs.sources import find

    claims = select(keys or [])
    before = _saved(compare, profile)  # OUT may be the same store, and is about to change
    finished: list[dict[str, Any]] = []
    try:
        with follow(sys.stderr, len(claims)) as follower:
            options = {"profile": profile, "backend": backend, "seed": seed, "images": find(images)}
            origin = _measure(claims, options, jobs, rerun, out, follower, finished)
    except KeyboardInterrupt:
        return _interrupted(claims, finished, out / profile, as_json)
    code = _present(finished, origin, as_json, before, everything=not keys)
    return OK if exit_zero and not any(claim["errors"] for claim in finished) else code


def _measure(
    claims: Sequence[Claim],
    options: dict[str, Any],
    jobs: int | None,
    rerun: bool,
    out: Path,
    follower: Follower,
    finished: list[dict[str, Any]],
) -> dict[str, Any]:
    """Run the claims; store and append each as it is finished; return where the figures come from."""
    from theory.runs import document, engine, provenance, store
    from theory.runs.kept import Kept

    kept = Kept(out / str(options["profile"]), anew=rerun, warn=follower.say)
    watch = _Watch(follower, out, options["profile"], jobs)
    # It checks the options before anything is written.
    results = engine.run(claims, **options, jobs=jobs, kept=kept, on_event=watch)
    folder = store.prepare(out, options["profile"])
    watch.origin = origin = provenance.collect(**options)
    dated = provenance.dated(origin)
    done = []
    with contextlib.closing(results):
        for result in results:
            store.write(result, dated, folder, warn=follower.say)
            finished.append(document.claim_document(result))
            follower.claim(finished[-1])
            done.append((result.claim, [outcome.task for outcome in result.outcomes], result.errors))
    for claim, tasks, errors in done:
        if not errors:  # else the cells that failed may be measured again, without the others
            kept.forget(claim, tasks)
    return origin


class _Watch:
    """What is said of the cells: how many are taken up, how long the others will take, how far the run is."""

    def __init__(self, follower: Follower, out: Path, profile: str, jobs: int | None) -> None:
        self.origin: dict[str, Any] = {}
        self._follower, self._out, self._profile, self._jobs = follower, out, profile, jobs

    def __call__(self, event: Progress) -> None:
        if event.outcome is None:
            self._begin(event)
        else:
            self._estimate.add(event.outcome)
        self._follower.cell(event, self._estimate.left)

    def _begin(self, event: Progress) -> None:
        from theory.arrays import available
        from theory.runs.estimate import Estimate, earlier

        before = earlier(self._out, self._profile)
        self._estimate = Estimate(before, event.waiting, self._jobs or available())
        if event.all_done:
            taken = f"taking up {event.all_done} of {event.all_total} cells of an interrupted run"
            self._follower.say(f"{taken} (--rerun measures them anew)")
        if self._profile == "paper" and event.waiting:
            self._follower.say(f"paper profile: {self._estimate.sentence(self.origin)}")


def _saved(path: Path | None, profile: str) -> Saved | None:
    if path is None:
        return None
    from theory.runs.compare import saved

    return saved(path, profile)


def _present(
    finished: list[dict[str, Any]],
    origin: dict[str, Any],
    as_json: bool,
    before: Saved | None = None,
    *,
    everything: bool = True,
) -> int:
    from theory.report import changes, table
    from theory.runs import document
    from theory.runs.compare import compare

    whole = document.document(finished, origin)
    found = None if before is None else compare(before, finished, origin, everything=everything)
    if as_json:
        typer.echo(document.dumps(whole | ({"comparison": found.document()} if found else {})))
    else:
        table.show(whole["claims"], sys.stdout)
        for line in changes.lines(found) if found else ():
            typer.echo(line)
    return FAILED if (found and found.worse) or not all(map(document.passed, finished)) else OK


def _interrupted(claims: Sequence[Claim], finished: list[dict[str, Any]], folder: Path, as_json: bool) -> int:
    """What is finished is shown, but not as a document, which would pass for a whole one."""
    from theory.report import table

    if finished and not as_json:
        table.show(sorted(finished, key=lambda claim: claim["key"]), sys.stdout)
    stored = f"{len(finished)} of {len(claims)} claims are finished and stored in {folder}"
    return _complain(f"interrupted; {stored}; the same command goes on from there", INTERRUPTED)


app.command()(sweep)
app.command()(check)


@app.command()
def figures(profile: Profile = "quick", out: Out = Path("results")) -> int:
    """Draw the figures from the store.

    They are written as SVG and PNG into OUT/PROFILE/figures.
    """
    from theory.report.figures import draw_all

    for path in draw_all(out, profile, warn=note):
        typer.echo(path)
    return OK


@app.command()
def report(
    profile: Annotated[
        str | None, typer.Option(metavar="quick|paper", help="Size of the grids; paper by default, else quick.")
    ] = None,
    out: Out = Path("results"),
    readme: Annotated[
        Path | None, typer.Option(metavar="FILE.md", help="Write the tables of claims there as well.")
    ] = None,
) -> int:
    """Write the page OUT/index.html from the store.

    It draws the figures too, writes CSV files beside the rows, and takes in the stores in the folders of OUT, such as
    results/mnist. The page opens from disk; nothing on it needs a network.

    With --readme, the tables of claims between the marks of that file are written anew.
    """
    from theory.report import page
    from theory.report import readme as tables

    written = [] if readme is None else [tables.fill(readme, out, profile)]
    for path in [*written, *page.write(out, profile, warn=note)]:
        typer.echo(path)
    return OK


app.add_typer(diagnose.app)
app.command()(gaborness)
