"""The check of a user's own patches on one page: as text, and as an HTML file that needs nothing else."""

from __future__ import annotations

import html as markup
import io
import math
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Check = Mapping[str, Any]
Row = Sequence[str]

BRACKETS = {"gamma": "γ", "L": "L", "beta": "β", "cross": "L_cross", "mu": "μ"}
RUNS = {
    "prescribed": "prescribed: the theorem's step, from sin φ ‖w*‖",
    "bold": "bold: step 1/λ, from the same distance",
    "anywhere": "anywhere: step 1/λ, from a ball around 0",
}
_CSS = """
:root { color-scheme: light dark }
body { font: 15px/1.45 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.4rem } h2 { font-size: 1.15rem; margin-top: 1.8rem } h3 { font-size: 1rem; margin-bottom: .3rem }
.wide { overflow-x: auto }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .88rem }
th, td { text-align: left; vertical-align: top; padding: .2rem .8rem .2rem 0; border-bottom: 1px solid #8886 }
svg { max-width: 100%; height: auto; background: white }
@media print { body { max-width: none; margin: 0; font-size: 11px } }
"""


def text(found: Check) -> str:
    """The page as text, for a terminal."""
    parts = [f"theory check {found['samples']['file']}", _columns(about(found))]
    for number, teacher in enumerate(found["teachers"], 1):
        parts += [_heading(found, number), "\n".join(f"- {line}" for line in teacher["summary"])]
        (title, stated), *others = sections(teacher)
        parts.append("\n".join([title, *_sentences(stated)]))
        parts += [f"{title}\n{_columns(rows)}" for title, rows in others]
    return "\n\n".join(parts)


def html(found: Check) -> str:
    """The page as one HTML file without a script, a link or a picture from elsewhere."""
    title = f"Check of {found['samples']['file']}"
    body = [f"<h1>{_escaped(title)}</h1>", _table(about(found), header=False)]
    for number, teacher in enumerate(found["teachers"], 1):
        lines = "".join(f"<li>{_escaped(line)}</li>" for line in teacher["summary"])
        body += [f"<h2>{_escaped(_heading(found, number))}</h2>", f"<ul>{lines}</ul>"]
        for name, rows in sections(teacher):
            body += [f"<h3>{_escaped(name)}</h3>", _table(rows)]
        body.append(_curves(teacher, number))
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{_escaped(title)}</title>'
    page = f"<head>{head}<style>{_CSS}</style></head><body><main>{''.join(body)}</main></body>"
    return f'<!DOCTYPE html>\n<html lang="en">{page}</html>\n'


# ------------------------------------------------------------------------------------------------------- what is said


def about(found: Check) -> list[Row]:
    """What was read, and what of it was used."""
    given, options = found["samples"], found["options"]
    n, k, p = given["n"], given["k"], given["p"]
    count = f"{n:,} sample{'s' if n > 1 else ''}"
    kind = f"{count} of one neuron" if k == 1 else f"{count} of {k} patches"
    used = f"{given['drawn']}, drawn with seed {options['seed']}" if given["drawn"] else "all"
    rows: list[Row] = [
        ("file", f"{kind} in {p} dimensions, {given['dtype']}"),
        ("used", f"{used}; taken as a law of its own, for which the brackets are certain"),
        ("norms ‖Zᵢ‖", f"{_short(given['least_norm'])} to {_short(given['largest_norm'])}, in the whole file"),
    ]
    if k > 1:
        lost = (
            f"; none where a patch or the average is zero, as in {given['without_direction']:,} samples"
            if given["without_direction"]
            else ""
        )
        rows.append(("ρ", f"{_short(given['closeness'])} rad, the largest ∠(Zᵢ, Z_avg) in the whole file{lost}"))
    rows.append(("accuracy", f"ε = {options['accuracy']:g}; β and L_cross are over max(θ, ε), as far as the proofs go"))
    return rows


def _heading(found: Check, number: int) -> str:
    """Which teacher it is."""
    teacher, count = found["teachers"][number - 1], len(found["teachers"])
    which = f"Teacher {number} of {count}" if count > 1 else "Teacher"
    fit = "" if teacher["residual"] is None else f", relative loss {_short(teacher['residual'])} on the labels"
    entries = ", ".join(_short(entry) for entry in teacher["w"][:8]) + (", …" if len(teacher["w"]) > 8 else "")
    return f"{which}: {teacher['source']}{fit}, w* = ({entries})"


def sections(teacher: Check) -> list[tuple[str, list[Row]]]:
    """The tables about one teacher, each with its heading and its first row."""
    tables = [
        ("Theorems (Du, Lee & Tian 2018)", _theorems(teacher)),
        ("Constants, as certified brackets", _constants(teacher["constants"])),
        ("Descent", _descents(teacher)),
    ]
    if "whole_file" in teacher:
        tables.append(("Constants of the whole file, by one pass", _constants(teacher["whole_file"]["constants"])))
    return tables


def _theorems(teacher: Check) -> list[Row]:
    rows: list[Row] = [("theorem", "covers", "up to φ", "why", "figures")]
    for each in teacher["theorems"]:
        figures = "; ".join(f"{name} = {_short(value)}" for name, value in each["figures"].items())
        reach = "–" if each["angle"] is None else _short(each["angle"])
        rows.append(
            (f"{each['theorem']} {each['title']}", "yes" if each["covers"] else "no", reach, each["why"], figures)
        )
    return rows


def _constants(constants: Sequence[Check]) -> list[Row]:
    filters = any(each["cross"][1] > 0 for each in constants)
    names = {name: sign for name, sign in BRACKETS.items() if filters or name != "cross"}
    rows: list[Row] = [("φ", *names.values(), "γ'", "step η", "steps")]
    for each in constants:
        brackets = (_between(*each[name]) for name in names)
        rows.append((_short(each["angle"]), *brackets, *map(_short, (each["margin"], each["step"], each["steps"]))))
    return rows


def _between(lower: float, upper: float) -> str:
    """Both ends, or one number where they do not differ in what is shown."""
    low, high = _short(lower), _short(upper)
    return low if low == high else f"{low}…{high}"


def _descents(teacher: Check) -> list[Row]:
    rows: list[Row] = [("runs", "step", "arrived", "steps: least, median, most", "others", "promise")]
    for name, run in teacher["descents"].items():
        steps = ", ".join(f"{count:,}" for count in run["steps"]) if run["steps"] else "–"
        others = (
            ", ".join(f"{count} {word}" for word, count in run["outcomes"].items() if word != "converged") or "none"
        )
        promise = "none" if run["kept"] is None else "kept" if run["kept"] else "BROKEN"
        promise += "" if run["slack"] is None else f", slack {_short(run['slack'])}"
        rows.append((RUNS[name], _short(run["step"]), f"{run['arrived']} of {run['starts']}", steps, others, promise))
    return rows


def _short(value: float) -> str:
    """Four digits; whole numbers in full."""
    if math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞"
    return f"{value:,.0f}" if value == int(value) and 1 <= abs(value) < 1e15 else f"{value:.4g}"


# --------------------------------------------------------------------------------------------------------- how it looks


def _columns(rows: Sequence[Row]) -> str:
    """Rows as columns of text; what follows the last one that is short everywhere wraps nowhere."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join(
        "  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _sentences(rows: Sequence[Row]) -> Iterator[str]:
    """The table of theorems line by line: its cells are too long for columns."""
    for name, covers, reach, why, figures in rows[1:]:
        yield f"{name}: {covers}, up to φ = {reach}: {why}" if covers == "yes" else f"{name}: {covers}: {why}"
        if figures:
            figures = figures.replace(" = ", "\u00a0=\u00a0")  # what belongs together stays on one line
            yield textwrap.fill(figures, 100, initial_indent="    ", subsequent_indent="    ")


def _table(rows: Sequence[Row], *, header: bool = True) -> str:
    lines = []
    for number, row in enumerate(rows):
        top = header and number == 0
        cells = [_cell(cell, "col" if top else "row" if column == 0 else "") for column, cell in enumerate(row)]
        lines.append(f"<tr>{''.join(cells)}</tr>")
    return f'<div class="wide" role="group" tabindex="0"><table>{"".join(lines)}</table></div>'


def _cell(content: str, scope: str) -> str:
    return f'<th scope="{scope}">{_escaped(content)}</th>' if scope else f"<td>{_escaped(content)}</td>"


def _escaped(content: str) -> str:
    return markup.escape(content)


def _curves(teacher: Check, number: int) -> str:
    """The worst relative distance along the runs, as SVG in the page."""
    from theory.report.style import label_outer, looks, panels, style

    with style():
        figure, (ax,) = panels(1, width=6.0, height=2.8)
        colours, markers = looks(list(RUNS))
        for name, run in teacher["descents"].items():
            ax.plot(
                run["iterations"], run["distance"]["worst"], label=name, color=colours[name], marker=markers[name],
                markevery=0.1,
            )  # fmt: skip
        ax.set(xscale="symlog", yscale="log")
        label_outer([ax], "iteration", "largest ‖w − w*‖/‖w*‖")
        ax.legend()
        drawn = io.StringIO()
        figure.savefig(drawn, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    picture = drawn.getvalue()
    picture = (
        picture[picture.index("<svg") :].replace('id="', f'id="t{number}-').replace('href="#', f'href="#t{number}-')
    )
    picture = picture.replace("url(#", f"url(#t{number}-")
    label = f'role="img" aria-label="Largest relative distance to w* along the runs of teacher {number}"'
    return f"<figure>{picture.replace('<svg', f'<svg {label}', 1)}</figure>"
