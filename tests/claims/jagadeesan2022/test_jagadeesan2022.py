"""The claims on induced regularisers hold on small cells, their controls are refuted, and what is missing is said."""

from __future__ import annotations

import dataclasses
import functools
import json
import math
import sys

import numpy as np
import pytest

import theory
from theory.claims import registry, regularisers
from theory.claims.claim import Cell, Setting
from theory.claims.jagadeesan2022 import channels_matter, closed_forms, images, one_channel, several_channels
from theory.claims.verdict import Verdict, conclude, judge
from theory.objectives import linear_conv as nets

MODULES = {
    module.CLAIM.key: module for module in (channels_matter, closed_forms, images, one_channel, several_channels)
}
REDUCED = {
    "jagadeesan2022.one_channel": [
        Cell({"kind": "decaying", "dim": 5, "kernels": 3, "starts": 8}),
        Cell({"kind": "normal", "dim": 6, "kernels": 1, "starts": 8}, control=one_channel.INPUTS),
    ],
    "jagadeesan2022.closed_forms": [Cell({"kind": "three frequencies", "dim": 7, "starts": 4})],
    "jagadeesan2022.several_channels": [Cell({"kind": "normal", "dim": 4, "inputs": 2, "starts": 2})],
    "jagadeesan2022.channels_matter": [
        Cell({"dim": 8, "inputs": 4, "kernel": 2, "draw": 0, "starts": 4}),
        Cell({"dim": 5, "inputs": 2, "kernel": 3, "draw": 0, "starts": 2}),
    ],
    "jagadeesan2022.images": [Cell({"first": 0, "second": 1, "kernels": 2, "channels": 1, "most": 30})],
}


@functools.cache
def evidence(key):
    setting = Setting(rng=np.random.default_rng(5), xp=np, profile="quick")
    return [MODULES[key].measure(cell, setting) for cell in REDUCED[key]]


def findings(key):
    return [finding for each in evidence(key) for finding in each.findings]


@pytest.mark.parametrize("key", MODULES)
def test_is_registered_and_holds_with_its_controls_refuted(key):
    assert registry()[key] is MODULES[key].CLAIM
    assert conclude(MODULES[key].CLAIM, findings(key)).passed


@pytest.mark.parametrize("key", MODULES)
@pytest.mark.parametrize("profile", ["quick", "paper"])
def test_cells_are_unique_and_of_one_kind(key, profile):
    cells = MODULES[key].CLAIM.cells(profile)
    assert len({json.dumps([cell.control, dict(cell.parameters)]) for cell in cells}) == len(cells)
    kinds = {tuple((name, type(value)) for name, value in cell.parameters.items()) for cell in cells}
    assert kinds == {tuple((name, type(value)) for name, value in REDUCED[key][0].parameters.items())}


@pytest.mark.parametrize("key", MODULES)
def test_points_are_columns_of_one_length(key):
    for each in evidence(key):
        assert len({len(column) for column in each.points.values()}) <= 1


def test_every_form_and_control_is_there():
    forms = {key: {f.form for f in findings(key) if not f.control} for key in MODULES}
    assert forms["jagadeesan2022.one_channel"] == {"dual", "gap", *(f"direct, C = {c}" for c in (1, 2, 4))}
    assert forms["jagadeesan2022.channels_matter"] == {
        "one channel, filters", "one channel, missing", "enough", "fewer",
    }  # fmt: skip
    assert forms["jagadeesan2022.images"] == {"close", "no less", "sparser", "own spectrum"}
    for key, module in MODULES.items():
        assert {f.control for f in findings(key)} - {""} == set(module.CLAIM.controls)


def test_a_unique_minimiser_is_a_hypothesis():
    """Five positions, two inputs: the certificate is not needed for C = 1, whose norm is known."""
    fewer = [f for f in findings("jagadeesan2022.channels_matter") if f.form == "fewer" and not f.control]
    assert [sorted(f.margins) for f in fewer] == [["rank − C", "uniqueness − 1e-4"], []]
    assert all(judge(f, channels_matter.CLAIM.relation) is Verdict.HOLDS for f in fewer)


def test_a_minimiser_that_is_not_sure_decides_nothing():
    """With one channel less than needed only the certificate knows more than the search; stuck, neither refutes."""
    best = nets.Minimiser(rank=3, unique=0.1, value=1.0, gap=1e-8)
    ladder = {1: np.inf, 2: 1.1, 3: 1.0}
    for gap, kept in ((1e-8, True), (1e-5, False), (math.nan, False)):
        found = channels_matter._falls(ladder, 1.0, best._replace(gap=gap), exact=False)
        judged = [judge(f, channels_matter.CLAIM.relation) for f in found]
        assert judged == [Verdict.HOLDS, *([Verdict.HOLDS, Verdict.VIOLATED] if kept else [Verdict.INCONCLUSIVE] * 2)]
    assert "duality gap is nan, above 1e-6: undecided" in found[1].details["reason"]


@pytest.mark.parametrize("changes", [{"rank": 2}, {"unique": 1e-5}])
def test_a_stuck_search_does_not_refute_independence_of_the_channels(changes):
    best = nets.Minimiser(rank=3, unique=0.1, value=1.0, gap=1e-8)._replace(**changes)
    found = channels_matter._falls({1: np.inf, 2: 1.1, 3: 1.0}, 1.0, best, exact=False)
    assert {judge(f, channels_matter.CLAIM.relation) for f in found[1:]} == {Verdict.HYPOTHESES_NOT_MET}
    assert [f.control for f in found[1:]] == ["", channels_matter.INDEPENDENT]


def test_enough_channels_are_compared_with_the_convex_program(monkeypatch):
    """A descent that stays above R everywhere agrees with itself alone."""
    stuck = nets.least_norm

    def higher(*arguments, **options):
        found = stuck(*arguments, **options)
        bounds = nets.Certified(found.bounds.lower, found.bounds.upper * 1.01)
        return dataclasses.replace(found, bounds=bounds)

    monkeypatch.setattr(nets, "least_norm", higher)
    monkeypatch.setattr(nets.channels, "least_norm", higher)
    cell, setting = REDUCED["jagadeesan2022.channels_matter"][0], Setting(np.random.default_rng(5), np, "quick")
    found = channels_matter.measure(cell, setting).findings
    enough = next(f for f in found if f.form == "enough")
    assert judge(enough, channels_matter.CLAIM.relation) is Verdict.VIOLATED


def test_without_a_solver_nothing_is_concluded(monkeypatch):
    monkeypatch.setitem(sys.modules, "cvxpy", None)
    for key in MODULES:
        setting = Setting(rng=np.random.default_rng(5), xp=np, profile="quick")
        if key == "jagadeesan2022.images":
            monkeypatch.setattr(nets, "flow", lambda *_, **__: [_Path()])
        (found,) = MODULES[key].measure(REDUCED[key][0], setting).findings
        assert math.isnan(found.measured)
        assert "cvxpy is missing; it must be installed (extra convex)" in found.details["reason"]
        assert conclude(MODULES[key].CLAIM, [found]).verdict is Verdict.INCONCLUSIVE


class _Path:
    norm, beta, margins, outcome = np.ones(1), np.ones((1, 64)), np.ones((1, 60)), nets.Outcome.REACHED


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"first": 11}, r"class is 11; it must be one of the labels"),
        ({"images": "nowhere.idx"}, "path is 'nowhere.idx'"),
        ({"twice": True}, "not separable"),
    ],
)
def test_images_that_do_not_do(changes, reason, monkeypatch):
    if changes.pop("twice", False):
        x = np.random.default_rng(0).standard_normal((5, 4))
        both = np.concatenate([x, x]), np.repeat([1.0, -1.0], 5)
        monkeypatch.setattr(theory.problems, "two_classes", lambda *_, **__: both)
    setting = Setting(np.random.default_rng(5), np, "quick", changes.pop("images", "digits"))
    cell = Cell({**REDUCED["jagadeesan2022.images"][0].parameters, **changes})
    (found,) = images.measure(cell, setting).findings
    assert reason in found.details["reason"]
    assert judge(found, images.CLAIM.relation) is Verdict.INCONCLUSIVE


def with_frequencies(count, dim=16):
    """A predictor with as many frequencies in use, all alike."""
    place = np.minimum(np.arange(dim), dim - np.arange(dim))  # those of both signs: the predictor is real
    return np.fft.ifft((place > 0) & (place <= count // 2), norm="ortho").real


@pytest.mark.parametrize(
    ("found", "start", "judged"),
    [
        ((8, 2), (12, 12), {"": {Verdict.HOLDS}, images.UNTRAINED: {Verdict.HOLDS, Verdict.VIOLATED}}),
        ((8, 2), (8, 2), {"": {Verdict.HOLDS}, images.UNTRAINED: {Verdict.HOLDS}}),
        ((2, 8), (12, 12), {"": {Verdict.VIOLATED}, images.UNTRAINED: {Verdict.HOLDS, Verdict.VIOLATED}}),
        ((2, 8), (8, 2), {"": {Verdict.VIOLATED}, images.UNTRAINED: {Verdict.HOLDS}}),
    ],
)
def test_whose_spectrum_it_is_and_whose_it_was_before_descent_are_two_things(found, start, judged):
    least = [nets.LeastRegulariser(with_frequencies(count), nets.Certified(1.0, 1.0), 1.0) for count in (8, 2)]
    learned = [
        images.Found(kernel, one, with_frequencies(after), 1.0, with_frequencies(before), [])
        for kernel, one, after, before in zip((1, 16), least, found, start, strict=True)
    ]
    findings = images._own(learned)
    for control, expected in judged.items():
        assert {judge(f, images.CLAIM.relation) for f in findings if f.control == control} == expected


@pytest.mark.parametrize("form", ["sparser", "own spectrum"])
def test_where_a_minimiser_may_not_be_the_only_one_its_spectrum_is_no_reference(form):
    least = [
        nets.LeastRegulariser(with_frequencies(count), nets.Certified(1.0, 1.0), unique)
        for count, unique in ((8, 1.0), (2, 1e-5))
    ]
    learned = [
        images.Found(k, one, one.predictor, 1.0, one.predictor, []) for k, one in zip((1, 16), least, strict=True)
    ]
    found = {"sparser": images._sparser, "own spectrum": images._own}[form](learned)
    own = [f for f in found if not f.control]
    assert own
    assert {judge(f, images.CLAIM.relation) for f in own} == {Verdict.HYPOTHESES_NOT_MET}


def test_the_way_to_the_end_is_kept_and_still_falls():
    points = evidence("jagadeesan2022.images")[0].points
    rows = list(zip(*(points[name] for name in ("which", "kernel", "norm", "value", "bound")), strict=True))
    for kernel in {row[1] for row in rows}:
        way = [(norm, value, bound) for which, k, norm, value, bound in rows if (which, k) == ("way", kernel)]
        assert [norm >= asked for (norm, _, _), asked in zip(way, images.NORMS, strict=True)] == [True] * 7
        last = {value for which, k, _, value, _ in rows if (which, k) == ("found", kernel)}
        assert last == {way[-1][1]}
        assert way[-1][2] * (1 - 1e-6) <= way[-1][1] <= way[2][1] * (1 + 1e-6)


def test_a_flow_that_stops_early(monkeypatch):
    class Short(_Path):
        outcome = nets.Outcome.STUCK

    monkeypatch.setattr(nets, "flow", lambda *_, **__: [Short()])
    setting = Setting(rng=np.random.default_rng(5), xp=np, profile="quick")
    (found,) = images.measure(REDUCED["jagadeesan2022.images"][0], setting).findings
    assert found.details["reason"] == f"flow for kernel 1 ended before ‖β‖ = 1e+08: {nets.Outcome.STUCK}"


@pytest.mark.parametrize("kind", ["normal", "three frequencies", "decaying", "rank 1"])
@pytest.mark.parametrize("dim", [2, 3, 5, 12])
def test_predictors(kind, dim):
    w = regularisers.predictor(kind, dim, 2, rng=np.random.default_rng(0))
    assert w.shape == (dim, 2)
    assert np.all(np.linalg.norm(w, axis=0) > 0)
    if kind == "rank 1":
        assert np.linalg.matrix_rank(w) == 1
    if kind == "three frequencies":
        assert np.sum(np.abs(np.fft.rfft(w[:, 0])) > 1e-12) <= 3


def test_kernels_include_both_ends():
    for dim, count in ((5, 2), (7, 3), (32, 6), (4, 9)):
        sizes = regularisers.kernels(dim, count)
        assert (sizes[0], sizes[-1]) == (1, dim)
        assert len(sizes) <= count
