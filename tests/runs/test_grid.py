"""Grids as data: products, tied parameters and repetitions, laid over a claim's own cells."""

import dataclasses
import itertools

import pytest

from theory.checks import BadInput
from theory.claims import registry
from theory.claims.claim import Cell
from theory.runs.grid import Cells, Grid, over, read

GRID = """
repetitions = 3

[over]
a = [1, 2]
word = ["x", "y z"]

[[tied]]
b = [0.5, 1]
c = [10, 20]
"""


@pytest.fixture
def claim(fakes):
    """Its cells have an integer, a float, a word and another integer; one is of a control, one has fewer."""
    cells = [
        Cell({"a": 7, "b": 0.25, "word": "w", "c": 1}),
        Cell({"a": 8, "b": 0.25, "word": "w", "c": 1}, control="halved"),
        Cell({"a": 9}),
    ]
    return dataclasses.replace(fakes.TINY, cells=lambda profile: cells, controls={"halved": "the bound is ½"})


def parameters(claim, grid):
    cells = Cells(claim, "quick", grid)
    return [(dict(cell.parameters), cell.control, repetition) for cell, repetition in cells]


def test_a_file_is_a_product_of_axes(tmp_path):
    (tmp_path / "grid.toml").write_text(GRID)
    grid = read(tmp_path / "grid.toml")
    assert grid.axes == (
        ({"a": 1}, {"a": 2}),
        ({"word": "x"}, {"word": "y z"}),
        ({"b": 0.5, "c": 10}, {"b": 1, "c": 20}),
    )
    assert grid.repetitions == 3


def test_so_are_options():
    given = Grid(tuple(map(over, ["a=1, 2", "word=x,y z", "b,c=0.5:10,1:20"])), 3)
    assert given.axes[2] == ({"b": 0.5, "c": 10}, {"b": 1, "c": 20})
    assert over("half=true,false") == ({"half": True}, {"half": False})
    assert over("start=0.5,inf,far") == ({"start": 0.5}, {"start": float("inf")}, {"start": "far"})
    assert (Grid(given.axes[:1], 2) | Grid(given.axes[1:], 5)) == dataclasses.replace(given, repetitions=10)


def test_axes_take_the_place_of_parameters_and_repetitions_come_last(claim):
    grid = Grid(tuple(map(over, ["a=1,2", "word=x,y", "b,c=0.5:10,1:20"])), 2)
    found = parameters(claim, grid)
    whole = [
        ({"a": a, "b": b, "word": word, "c": c}, control, repetition)
        for control in ("", "halved")
        for a, word, (b, c), repetition in itertools.product((1, 2), "xy", ((0.5, 10), (1.0, 20)), (0, 1))
    ]
    assert found == whole + [({"a": a}, "", repetition) for a in (1, 2) for repetition in (0, 1)]
    assert all(type(cell["b"]) is float for cell, _, _ in found if "b" in cell)


def test_cells_that_become_one_are_one(claim):
    own = [Cell({"a": a, "b": 0.5, "word": w, "c": 0}) for a in (1, 2) for w in "xyx"]
    claim = dataclasses.replace(claim, cells=lambda profile: own)
    assert len(parameters(claim, Grid())) == 4
    assert len(parameters(claim, Grid((over("a=3"),)))) == 2
    assert len(parameters(claim, Grid((over("word=x,y,z"),), 5))) == 30


def test_cells_are_made_when_they_are_asked_for(fakes):
    axes = tuple(tuple({name: value} for value in range(1000)) for name in ("a", "b"))
    cells = Cells(fakes.TINY, "quick", Grid(axes, 10**6))
    assert len(cells) == 10**12
    cell, repetition = cells[10**12 - 1]
    assert (dict(cell.parameters), repetition) == ({"a": 999, "b": 999.0, "word": "x"}, 10**6 - 1)
    with pytest.raises(IndexError):
        cells[10**12]


def test_without_a_grid_they_are_the_claims_own():
    claim = registry()["du2018.rate"]
    assert [cell for cell, _ in Cells(claim, "quick", Grid())] == list(claim.cells("quick"))


@pytest.mark.parametrize(
    ("axes", "message"),
    [
        (["d=1"], "over is d; it must be a parameter of fake.tiny: a, b, c, word"),
        (["a,d=1:2"], "over is a,d; it must be parameters of one cell of fake.tiny: a, b, c, word"),
        (["a=x"], "over is a=x; it must be a whole number, as in the claim's own cells"),
        (["a=1.5"], "over is a=1.5; it must be a whole number"),
        (["a=true"], "over is a=True; it must be a whole number"),
        (["b=x"], "over is b=x; it must be a number"),
        (["word=1"], "over is word=1; it must be a word"),
        (["a=1,1"], "over is a=1; it must be there once"),
        (["b=1,1.0"], "over is b=1.0; it must be there once"),
        (["a=9223372036854775808"], "over is a=9223372036854775808; it must be below 2^63"),
        (["a=1", "a=2"], "over is a; it must be on one axis only"),
    ],
)
def test_what_does_not_fit_the_claim_is_refused(claim, axes, message):
    with pytest.raises(BadInput) as refused:
        Cells(claim, "quick", Grid(tuple(map(over, axes))))
    assert str(refused.value).startswith(message)


@pytest.mark.parametrize("text", ["a", "=1", "a=", "a,=1:2", "a,b=1", "a,b=1:2,3", "a,a=1:2"])
def test_an_option_that_is_no_axis_is_refused(text):
    with pytest.raises(BadInput, match="over is "):
        over(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("over = 3", "a table \\[over\\]"),
        ("tied = 3", "tables \\[\\[tied\\]\\]"),
        ("cells = 3", "with cells in it; it must be of over, tied, repetitions only"),
        ("repetitions = 0", "repetitions is 0; it must be at least 1"),
        ("repetitions = true", "repetitions is True; it must be a whole number"),
        ("repetitions = 'x'", "repetitions is 'x'; it must be a whole number"),
        ("[over]\na = 1", "over is a = 1; it must be a list of numbers or of words"),
        ("[over]\na = [[1]]", "a list of numbers or of words"),
        ("[over]\na = []", "at least one value"),
        ("[[tied]]\na = [1]\nb = [1, 2]", "over is a,b; it must be as many values of each"),
        ("[over]\na = [1]\n[[tied]]\na = [2]\nb = [3]", "over is a; it must be on one axis only"),
        ("[over", "it must be a TOML file"),
    ],
)
def test_a_file_that_is_no_grid_is_refused(tmp_path, text, message):
    (tmp_path / "grid.toml").write_text(text)
    with pytest.raises(BadInput, match=message):
        read(tmp_path / "grid.toml")


def test_so_is_one_that_is_not_there(tmp_path):
    with pytest.raises(BadInput, match=r"grid is .*none\.toml \(No such file or directory\); it must be a TOML file"):
        read(tmp_path / "none.toml")


def test_so_are_no_cells(fakes):
    with pytest.raises(BadInput, match=r"cells is empty for fake\.empty"):
        Cells(fakes.EMPTY, "quick", Grid())
