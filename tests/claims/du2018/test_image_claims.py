"""The claims on real images: what they record, that their controls are refuted, and what came out.

What the digits refuse is written down here as refused: "du2018.fig3c", "du2018.fig3d" (whether nearer starts reduce
their own loss faster), "du2018.interpolation" (where the difference lies) and "du2018.fig4".
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import claiming
import numpy as np
import pytest
from claiming import Reduced

import theory
from theory.checks import BadInput
from theory.claims import images
from theory.claims.claim import Cell, Setting
from theory.claims.du2018 import fig3c, fig3d, fig4, interpolation
from theory.claims.verdict import Verdict, judge

MNIST = Path(__file__).parents[4] / "shared" / "data" / "mnist" / "t10k-images-idx3-ubyte.gz"
needs_mnist = pytest.mark.skipif(not MNIST.is_file(), reason=f"MNIST's test images are not at {MNIST}")

MODULES = {module.CLAIM.key: module for module in (fig3c, fig3d, fig4, interpolation)}
REDUCED = {
    "du2018.fig3c": [Cell({"filter": "random", "teacher": 0, "steps": 200, "images": 150, "visits": 4 * 8 * 36 * 150})],
    "du2018.fig3d": [
        Cell({"filter": "gabor", "steps": 500, "images": 150, "visits": 2 * 8 * 36 * 150}, control=control)
        for control in ("", fig3d.SHUFFLED, fig3d.NOISE)
    ],
    "du2018.fig4": [Cell({"filter": "gabors", "teachers": 3, "steps": 400, "images": 150})],
    "du2018.interpolation": [Cell({"filter": "gabor", "starts": 6, "steps": 300, "images": 150})],
}
each = pytest.mark.parametrize("key", MODULES)


reduced = Reduced((module.CLAIM for module in MODULES.values()), REDUCED)
measured, evidence, findings = reduced.measured, reduced.evidence, reduced.findings


@pytest.fixture(autouse=True)
def fewer_permutations(monkeypatch):
    monkeypatch.setattr(images, "PERMUTATIONS", 60)


@each
def test_is_registered_and_says_what_it_must(key):
    claiming.is_registered_and_says_what_it_must(MODULES[key].CLAIM)


@each
@pytest.mark.parametrize("profile", ["quick", "paper"])
def test_cells_are_unique_and_like_the_reduced_ones(key, profile):
    cells = claiming.has_unique_cells(MODULES[key].CLAIM, profile)
    kinds = {tuple((name, type(value)) for name, value in c.parameters.items()) for c in [*cells, *REDUCED[key]]}
    assert len(kinds) == 1


@each
def test_the_paper_profile_asks_for_more(key):
    def work(profile):
        cells = MODULES[key].CLAIM.cells(profile)
        return sum(v for cell in cells for v in cell.parameters.values() if isinstance(v, int))

    assert work("paper") > work("quick")


@each
def test_every_control_is_refuted(key):
    reduced.refutes_every_control(key)


@each
def test_measures_the_same_again(key):
    reduced.measures_the_same_again(key)


@each
def test_points_are_equally_long_columns_without_gaps(key):
    points = evidence(key)[0].points
    assert len({np.shape(column) for column in points.values()}) == 1
    # After the last iteration there is no step.
    assert all(np.all(np.isfinite(column)) for name, column in points.items() if name != "step")


@each
def test_findings_have_plain_details(key):
    reduced.has_plain_details(key)


@each
@needs_mnist
def test_measures_mnist_as_well(key):
    """With a filter of 5×5, a few images and steps: that every form is there, not what it says."""
    cell = REDUCED[key][0]
    small = Cell({**cell.parameters, "steps": 100, "images": 20}, cell.control)
    found = measured(key, small, str(MNIST))
    assert [(f.form, f.control) for f in found.findings] == [(f.form, f.control) for f in evidence(key)[0].findings]
    assert all(np.isfinite(f.measured) for f in found.findings)


def test_signals_are_refused(tmp_path):
    path = tmp_path / "signals.idx"
    path.write_bytes(bytes([0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 9]) + bytes(range(18)))
    with pytest.raises(BadInput, match=r"signals of shape \(9,\); it must be images with two axes"):
        measured("du2018.fig4", REDUCED["du2018.fig4"][0], str(path))


# ------------------------------------------------------------------------------------------------------ what came out


@pytest.mark.parametrize("key", ["du2018.fig3c", "du2018.fig3d"])
def test_nearer_starts_end_lower(key):
    levels = [f for f in findings(key) if f.form == "level"]
    assert [f.details["after"] for f in levels] == [int(REDUCED[key][0].parameters["steps"]) // n for n in (100, 10, 1)]
    assert levels[-1].low > 0


@pytest.mark.parametrize("key", ["du2018.fig3c", "du2018.fig3d"])
def test_whether_they_are_faster_is_not_decided_by_where_they_began(key):
    """The order that the level shows so clearly is nearly gone."""
    rate = next(f for f in findings(key) if f.form == "rate")
    level = [f for f in findings(key) if f.form == "level"][-1]
    assert abs(rate.measured) < level.low
    assert judge(rate, MODULES[key].CLAIM.relation) is not Verdict.HOLDS


@pytest.mark.parametrize(("power", "expected"), [(1, Verdict.HOLDS), (-1, Verdict.VIOLATED)])
def test_a_rate_that_depends_on_the_start_is_seen(power, expected):
    """Losses that fall by a part which depends on the distance alone."""
    initial = np.repeat(images.DISTANCES, 6)
    run = SimpleNamespace(iterations=np.array([0, 1, 10, 100]))
    relative = np.stack([initial**2, initial**2, initial**2, initial ** (2 + power) / 10])
    found = images.Learned(None, run, initial, relative)
    setting = Setting(rng=np.random.default_rng(5), xp=np, profile="quick")
    *levels, rate, _ = images.orders(Cell({"steps": 100}), found, setting)
    assert [judge(f, fig3c.CLAIM.relation) for f in levels] == [Verdict.HOLDS] * 3
    assert judge(rate, fig3c.CLAIM.relation) is expected


def test_the_loss_is_small_and_the_filter_another():
    by_form = {f.form: f for f in findings("du2018.fig3d") if not f.control}
    assert by_form["loss"].high < fig3d.SMALL
    assert by_form["filter"].low > fig3d.APART
    assert by_form["filter"].details["starts"] == 2 * sum(d > 0.2 for d in images.DISTANCES)


def test_a_start_at_which_no_patch_is_active_keeps_its_loss():
    """No entry of an image is negative, so at w < 0 the response is 0, and so is the gradient."""
    law = theory.problems.image_patches("digits", 50)
    loss = theory.objectives.ImageLoss(law, np.ones(law.dim))
    run = images.descend(loss, np.stack([-np.ones(law.dim), 0.5 * np.ones(law.dim)], axis=1), 20, record="all")
    np.testing.assert_array_equal(loss.relative(run.loss[:, 0]), 1.0)
    np.testing.assert_array_equal(run.distance[:, 0], 2.0)
    assert np.isfinite(run.loss).all()
    assert run.loss[-1, 1] < run.loss[0, 1]


@pytest.mark.parametrize(("visits", "each"), [(0, 2), (5 * 8 * 36 * 10, 5), (10**9, 200)])
def test_how_many_starts_there_are(visits, each):
    law = theory.problems.image_patches("digits", 10)
    assert images.starts(Cell({"visits": visits}), law).tolist() == np.repeat(images.DISTANCES, each).tolist()


def test_the_points_of_a_descent_begin_at_its_distance():
    points = evidence("du2018.fig3c")[0].points
    first = points["iteration"] == 0
    np.testing.assert_allclose(points["distance"][first], points["initial"][first], rtol=1e-14)
    assert np.all(points["reduction"][first] == 1)


def test_on_the_way_to_the_teacher_the_loss_stays_low_and_to_another_filter_it_does_not():
    barrier = {f.control: f for f in findings("du2018.interpolation") if f.form == "barrier"}
    assert judge(barrier[""], interpolation.CLAIM.relation) is Verdict.HOLDS
    assert judge(barrier[interpolation.ELSEWHERE], interpolation.CLAIM.relation) is Verdict.VIOLATED


def test_the_difference_lies_where_the_loss_is_flat_but_not_where_patches_have_no_energy():
    found = {f.form: judge(f, interpolation.CLAIM.relation) for f in findings("du2018.interpolation") if not f.control}
    assert found["energy"] is Verdict.VIOLATED
    assert found["curvature"] is Verdict.HOLDS


def test_of_a_random_direction_energy_and_curvature_are_traces():
    """Means over the sphere, in closed form: the fraction of the dimensions, and tr H / (p λ_max)."""
    by_control = {f.control: f.measured for f in findings("du2018.interpolation")}
    law, w_star = theory.problems.image_patches("digits", 150), theory.problems.gabor(3)
    v = theory.problems.directions(50_000, 9, rng=np.random.default_rng(7))
    hessian = theory.objectives.ImageLoss(law, w_star).hessian(w_star)
    along = theory.problems.curvature_along(hessian, v)
    # Five standard errors of the mean.
    assert by_control[interpolation.CURVED] == pytest.approx(along.mean(), abs=5 * along.std() / 50_000**0.5)
    energy, dimensions = theory.problems.energy_in_small(theory.problems.patch_moment(law), v, interpolation.SHARE)
    assert by_control[interpolation.ISOTROPIC] == pytest.approx(dimensions, rel=1e-12)
    assert by_control[interpolation.ISOTROPIC] == pytest.approx(energy.mean(), abs=5 * energy.std() / 50_000**0.5)


def test_the_curve_ends_at_the_teacher():
    points = evidence("du2018.interpolation")[0].points
    # The labels are the teacher's own: a few roundings of a response, squared.
    assert np.max(points["relative"][points["a"] == 1]) < 1e-25


def test_a_filter_orthogonal_to_the_mean_patch_cannot_be_told_from_its_negative():
    """What the proof of figure 4 says: f(w, Z) − f(−w, Z) = w·meanᵢ Zᵢ, here 0 for every image."""
    law = theory.distributions.ImagePatches(np.random.default_rng(6).standard_normal((5, 6, 6)), 3)
    mean = law.take(slice(None)).mean(axis=1)
    w = np.linalg.svd(mean)[2][-1]  # orthogonal to the five means
    loss = theory.objectives.ImageLoss(law, w)
    assert float(loss.relative(loss.value(-w))) < 1e-28
    assert float(loss.relative(loss.value(2 * w))) == pytest.approx(1)


def test_figure_4_has_a_row_a_pixel_and_the_cosine_of_its_filters():
    points = evidence("du2018.fig4")[0].points
    assert len(points["true"]) == 3 * 9
    first = points["pair"] == 0
    true, learned = points["true"][first], points["learned"][first]
    cosine = true @ learned / np.linalg.norm(true) / np.linalg.norm(learned)
    assert points["cosine"][0] == pytest.approx(cosine, rel=1e-14)
    assert findings("du2018.fig4")[0].measured == pytest.approx(cosine, rel=1e-12)


def test_few_images_do_not_mean_thousands_of_starts():
    """The limits of an order take the square of their number: 48,000 starts would not fit into memory."""
    cell = fig3c.cells("quick")[0]
    law = theory.distributions.ImagePatches(np.ones((2, 8, 8)), 3)
    assert images.starts(cell, law).size == 8 * images.MOST


class TestWhatTheStatementsSay:
    """Steps, starts and bounds to the last digit: 2 % more of any of them must be seen."""

    def test_the_step_is_the_inverse_of_the_curvature(self):
        law = theory.problems.image_patches("digits", 50)
        loss = theory.objectives.ImageLoss(law, theory.problems.gabor(3))
        start = 0.5 * loss.teacher[:, None] + np.arange(9.0)[:, None]
        run = images.descend(loss, start, 1)
        np.testing.assert_array_equal(run.w, start - 1 / loss.curvature * loss.gradient(start))

    def test_the_barrier_is_a_hundredth_above_the_loss_learned(self):
        curve = np.array([[0.2, 0.1], [0.21, 0.05], [0.0, 0.0]])
        found = interpolation._barrier(curve, "")
        assert (found.predicted, found.measured) == (0.2 + 0.01, 0.21)

    def test_the_segment_begins_at_starts_at_four_fifths(self, monkeypatch):
        seen, learn = [], images.learn
        monkeypatch.setattr(images, "learn", lambda c, loss, at, s: (seen.extend(at), learn(c, loss, at, s))[1])
        measured("du2018.interpolation", REDUCED["du2018.interpolation"][0])
        assert seen == [0.8] * 6

    def test_the_filters_of_figure_4_begin_in_a_small_ball(self, monkeypatch):
        seen, in_ball = [], theory.problems.in_ball

        def spied(runs, dim, *, rng, radius):
            seen.append((runs, dim, radius))
            return in_ball(runs, dim, rng=rng, radius=radius)

        monkeypatch.setattr(theory.problems, "in_ball", spied)
        points = measured("du2018.fig4", REDUCED["du2018.fig4"][0]).points
        lengths = [np.linalg.norm(points["true"][points["pair"] == pair]) for pair in range(3)]
        assert seen == [(4, 9, pytest.approx(0.05 * length, rel=1e-14)) for length in lengths]
