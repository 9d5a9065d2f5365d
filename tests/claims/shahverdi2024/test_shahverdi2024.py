"""The claims about critical points of linear convolutional networks, on their smallest cells."""

import math
import os
import shutil

import numpy as np
import pytest

from theory import algebra
from theory.claims import registry, verdict
from theory.claims.claim import Cell, Setting

KEYS = "critical_points fully_connected neurovariety rank_loss real_points white_data".split()
COUNTED = "critical_points fully_connected rank_loss white_data".split()
needs_singular = pytest.mark.skipif(not shutil.which("Singular"), reason="Singular is not on PATH: sympy is too slow")


def measured(name, cells):
    claim = registry()[f"shahverdi2024.{name}"]
    found = []
    for i, cell in enumerate(cells):
        setting = Setting(rng=np.random.default_rng([7, i]), xp=np, profile="quick")
        evidence = claim.measure(cell, setting)
        assert len({len(column) for column in evidence.points.values()}) == 1
        found += evidence.findings
    return claim, found


@pytest.mark.parametrize("name", [*(pytest.param(name, marks=needs_singular) for name in COUNTED), "neurovariety"])
def test_quick_grids_hold_and_their_controls_are_refuted(name):
    claim, found = measured(name, registry()[f"shahverdi2024.{name}"].cells("quick"))
    assert verdict.conclude(claim, found).passed


def test_real_points():
    labels = ("2×2 stride 2", "2×3 stride 2")
    claim, found = measured("real_points", [Cell({"network": label, "sets": 6}) for label in labels])
    assert verdict.conclude(claim, found).passed


@pytest.mark.parametrize("name", KEYS)
def test_the_paper_grid_contains_the_quick_one(name):
    claim = registry()[f"shahverdi2024.{name}"]
    networks = [[cell.parameters["network"] for cell in claim.cells(profile)] for profile in ("quick", "paper")]
    assert set(networks[0]) < set(networks[1])


@pytest.mark.parametrize("name", COUNTED)
def test_without_singular_what_is_too_large_for_sympy_is_inconclusive(name, monkeypatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr("theory.algebra.groebner.SYMPY_LARGEST", 0)
    claim, found = measured(name, [Cell({"network": "2×2×2 stride 2,2"})])
    assert all(math.isnan(finding.measured) for finding in found)
    assert all("Singular is not on PATH" in finding.details["reason"] for finding in found)
    assert verdict.conclude(claim, found).verdict is verdict.Verdict.INCONCLUSIVE


@pytest.mark.parametrize(
    ("script", "reason"),
    [("echo dimension abc", "Singular failed: dimension abc"), ("kill -40 $$", "Singular was killed by signal 40")],
)
def test_a_broken_singular_is_inconclusive(script, reason, monkeypatch, tmp_path):
    fake = tmp_path / "Singular"
    fake.write_text(f"#!/bin/sh\n{script}\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    claim, found = measured("critical_points", [Cell({"network": "2×2 stride 2"})])
    assert [finding.details["reason"] for finding in found] == [reason]
    assert verdict.conclude(claim, found).verdict is verdict.Verdict.INCONCLUSIVE


def test_the_paper_grid_has_with_every_network_all_smaller_ones():
    """As its rule says: a network that is left out is no smaller than one that is in."""
    cells = registry()["shahverdi2024.critical_points"].cells("paper")
    networks = [algebra.Architecture.named(cell.parameters["network"]) for cell in cells if not cell.control]
    grid = {tuple(sorted(network.sizes)) for network in networks}
    assert {(2, 14), (3, 9), (4, 5), (2, 2, 6), (2, 3, 3), (2, 2, 2, 3)} <= grid
    for sizes in grid:
        for i, size in enumerate(sizes):
            smaller = sorted((*sizes[:i], *([size - 1] if size > 2 else []), *sizes[i + 1 :]))
            assert len(smaller) == 1 or tuple(smaller) in grid


def test_strides_of_one_are_outside_the_theorem():
    claim, (found,) = measured("critical_points", [Cell({"network": "2×2 stride 1"})])
    assert verdict.judge(found, claim.relation) is verdict.Verdict.HYPOTHESES_NOT_MET


def test_data_sets_that_are_not_complete_are_inconclusive(monkeypatch):
    monkeypatch.setattr("theory.algebra.certified.ATTEMPTS", 1)
    monkeypatch.setattr("theory.algebra.homotopy.LEAST_STEP", 1.0)
    claim, found = measured("real_points", [Cell({"network": "2×2 stride 2", "sets": 2})])
    ordinary = [finding for finding in found if not finding.control]
    assert all("2 of 2 data sets" in finding.details["reason"] for finding in ordinary)
    assert verdict.conclude(claim, found).verdict is verdict.Verdict.INCONCLUSIVE
