"""One part of the page is made wrong at a time, and a check must turn red."""

from __future__ import annotations

import tempfile
from pathlib import Path

import full_store
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from planting import Plant, scaled, suite

from theory.claims import registry
from theory.report import cards, downloads, formulas, history, readme, remarks
from theory.runs import store
from theory.runs.document import claim_document

KEY = "du2018.rate"


def card():
    """A card of made-up results: the claim's three instances, of which the second is nearest to failure."""
    document = claim_document(full_store.result(registry()[KEY]))
    for instance, factor in zip(document["instances"], (1.0, 0.8, 1.2), strict=False):
        for name in ("measured", "slack"):
            instance[name] *= factor
        instance["margins"] = {name: margin * factor for name, margin in instance["margins"].items()}
    stored = store.Stored(KEY, pd.DataFrame({"value": [1 / 3]}), document, full_store.ORIGIN)
    return cards.Card(stored, cards.Place(Path("results"), "paper"), registry()[KEY])


# ------------------------------------------------------------------------------------------------------------- checks


def nearest() -> None:
    """The instance nearest to failure of a lower bound is the one with the least slack: 2 · 0.8 over 1."""
    (form,) = cards.details_of(card())["forms"]
    assert (form["measured"], form["slack"], form["where"]) == ("1.6", "1.6", "dim=3 law=uniform")


def margins() -> None:
    """The least margin is 0.25 · 0.8."""
    assert [margin["least"] for margin in cards.details_of(card())["margins"]] == ["0.2"]


def command() -> None:
    assert cards.details_of(card())["command"] == f"theory verify {KEY} --profile paper --seed 7"


def rows() -> None:
    """A third, to as many digits as are promised."""
    with tempfile.TemporaryDirectory() as folder:
        text = downloads.rows(card().stored, Path(folder)).read_text()
    assert text == "value\n0.333333\n"


def change() -> None:
    assert history._change([2.0, 3.0]) == "+50 %"


def mean() -> None:
    """The geometric mean of 1 and 4 is 2."""
    series = [history.Series("b", "track", "", str(value), {"c": value}) for value in (1.0, 4.0)]
    assert history._mean(history.Machine("", "", {"c": ""}, series), "b", "c") == pytest.approx(2, rel=1e-12)


def scripts() -> None:
    assert formulas.mathml("w_t²") == "<math><msubsup><mi>w</mi><mi>t</mi><mn>2</mn></msubsup></math>"


def whole() -> None:
    """However a formula is cut, all of it is there."""
    markup = formulas.mathml("a₁ + a₂ + a₃ + a₄ + a₅ + a₆ + a₇ + a₈ + a₉ = a₀")
    assert markup.count("<mi>a</mi>") == 10
    assert markup.count("<math>") > 1


def tables() -> None:
    """Three claims of which one is violated: each on its line, under its mark, with its own words where it has them."""
    with tempfile.TemporaryDirectory() as folder:
        out = full_store.fill(Path(folder), [registry()["du2018.fig3a"], registry()["du2018.schedule"]])
        full_store.fill(out, [registry()[KEY]], measured=0.1)
        (out / remarks.NAME).write_text(f'[HOLDS]\n"{KEY}" = "stale"\n"du2018.schedule" = "so it is, |w*|"')
        lines = readme.tables(out).splitlines()
    assert lines[0] == "3 claims: 2 HOLDS, 1 VIOLATED; every control is refuted."
    assert [line.split(" | ")[0] for line in lines[6:]] == [
        f"| `du2018.{key}`" for key in ("fig3a", "rate", "schedule")
    ]
    assert lines[7] == f"| `{KEY}` | LOWER | VIOLATED | 0.2 | refuted | {registry()[KEY].title} |"
    assert lines[8].endswith(r" | so it is, \|w\*\| |")


def packed() -> None:
    """A number comes out of the store with the bits that went in."""
    with tempfile.TemporaryDirectory() as folder:
        with (Path(folder) / "a").open("wb") as file:
            table = pa.table({"x": [1 / 3]})
            with store.packing(file, table.schema, {}) as out:
                out.write_table(table)
        table = pq.read_table(Path(folder) / "a")
    assert table["x"].to_pylist() == [1 / 3]


CHECKS = {
    check.__name__: check for check in (nearest, margins, command, rows, change, mean, scripts, whole, tables, packed)
}


def halved(table: pa.Table) -> pa.Table:
    """The numbers of a table, rounded to float32."""
    half = pa.schema([(name, pa.float32()) for name in table.schema.names])
    return table.cast(half).cast(table.schema)


PLANTS = {
    "the first instance instead of the nearest": Plant(
        cards, "_nearest", lambda instances, relation: instances[0], ["nearest"]
    ),
    "the largest margin instead of the least": Plant(cards, "min", max, ["margins"]),
    "a margin off by 2 %": Plant(cards, "min", scaled(min, 1.02), ["margins"]),
    "a command without its seed": Plant(
        cards, "command", lambda card, real=cards.command: real(card).replace(" --seed 7", ""), ["command"]
    ),
    "a digit less": Plant(downloads, "DIGITS", 8, ["rows"]),
    "a change relative to the later commit": Plant(
        history, "_change", lambda values: f"{100 * (1 - values[-2] / values[-1]):+.0f} %", ["change"]
    ),
    "a mean off by 2 %": Plant(history, "_mean", scaled(history._mean, 1.02), ["mean"]),
    "a remark on another verdict": Plant(
        readme, "remarks", lambda out, profile: {KEY: "stale", "du2018.schedule": "so it is, |w*|"}, ["tables"]
    ),
    "a slack off by 10 %": Plant(readme, "number", lambda value: format(1.1 * (value or 1.0), ".3g"), ["tables"]),
    "a bar that ends a cell": Plant(readme, "_plain", lambda text: text, ["tables"]),
    "numbers kept in half their bits": Plant(
        pq.ParquetWriter,
        "write_table",
        lambda self, table, real=pq.ParquetWriter.write_table: real(self, halved(table)),
        ["packed"],
    ),
    "indices taken for powers": Plant(
        formulas, "_script", lambda kind, content: formulas._formula({"t": "2"}.get(content, content)), ["scripts"]
    ),
    "a piece of a formula lost": Plant(formulas, "_pieces", lambda nodes: [list(nodes)[:8]], ["whole"]),
}


test_green_without_a_plant, test_red_with_the_plant, test_every_check_catches_something = suite(
    CHECKS, PLANTS, raising=False
)
