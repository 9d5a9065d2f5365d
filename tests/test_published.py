"""The published rows come out again: a sample of the cells is measured anew and compared with results/paper."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from theory.claims import registry
from theory.runs import sources, store
from theory.runs.cells import Task, measure

RESULTS = Path(__file__).parent.parent / "results"
MNIST = RESULTS.parent.parent / "shared" / "data" / "mnist" / "t10k-images-idx3-ubyte.gz"
MNIST_DIGEST = "f966a3e8779722c6c789a8423c2f6ea28428ab30f46387c02cf6cea04a1444a0"
ON_IMAGES = ("du2018.fig3c", "du2018.fig3d", "du2018.fig4", "du2018.interpolation", "jagadeesan2022.images")
UNDER_WAY = ("gabor2017.",)
"""Papers whose paper profile has not been run."""

# Folder, and what stands behind the claim in its row of the README.
STORES = {"digits": (RESULTS, ""), "MNIST": (RESULTS / "mnist", " on MNIST")}
every_store = pytest.mark.parametrize("images", STORES)

# One or two cells of each claim that take seconds, not minutes.
SAMPLE = [
    ("achour2025.no_metric", {"network": "2,2,2 / 1,1,1"}),
    ("du2018.closeness", {"dim": 2}),
    ("du2018.fig3a", {"dim": 2}),
    ("du2018.fig3b", {"dim": 2, "spread": 0.3}),
    ("du2018.filter_rate", {"k": 4}),
    ("du2018.interpolation", {"filter": "gabor"}),
    ("du2018.isotropy", {"law": "sphere", "dim": 5}),
    ("du2018.random_start", {"dim": 2, "share": 0.5}),
    ("du2018.rate", {"law": "gaussian", "dim": 25}),
    ("du2018.rate", {"law": "mixture(0.5)", "dim": 2}),
    ("du2018.rate_without_beta", {"law": "watson(5)", "dim": 5}),
    ("du2018.recovery", {"law": "watson(-5)", "dim": 100}),
    ("du2018.restarts", {"dim": 2}),
    ("du2018.schedule", {"law": "sphere", "dim": 2}),
    ("du2018.sgd", {"law": "sphere", "step": "sharp"}),
    ("gunasekar2018.one_sample", {}),
    ("jagadeesan2022.one_channel", {"dim": 8}),
    ("shahverdi2024.neurovariety", {}),
    ("siahkoohi2021.curvature", {"preset": "text", "lam": 4.0}),
]


@pytest.fixture(scope="module")
def published():
    return {name: {stored.key: stored for stored in store.read(out, "paper")} for name, (out, _) in STORES.items()}


def test_every_claim_of_ours_is_published_in_its_present_version(published):
    versions = {key: claim.version for key, claim in registry().items() if not key.startswith((*UNDER_WAY, "fake."))}
    found = {name: {key: stored.claim["version"] for key, stored in by.items()} for name, by in published.items()}
    assert found == {"digits": versions, "MNIST": {key: versions[key] for key in ON_IMAGES}}


@every_store
def test_published_claims_say_what_the_readme_says(published, images):
    readme = (RESULTS.parent / "README.md").read_text()
    for key, stored in published[images].items():
        claim = stored.claim
        row = next(line for line in readme.splitlines() if line.startswith(f"| `{key}`{STORES[images][1]} |"))
        slack = "–" if claim["slack"] is None else format(claim["slack"], ".3g")
        control = "refuted" if claim["control"]["refuted"] else "not refuted"
        expected = [claim["relation"], claim["verdict"], slack, control]
        assert [cell.strip() for cell in row.split("|")[2:6]] == expected


def test_results_on_images_are_of_the_images_that_they_name(published):
    digest = {"digits": sources.DIGITS.digest, "MNIST": MNIST_DIGEST}
    for name, by in published.items():
        assert {by[key].provenance["images_sha256"] for key in ON_IMAGES} == {digest[name]}


@pytest.mark.skipif(not MNIST.is_file(), reason=f"MNIST's test images are not at {MNIST}")
def test_mnist_is_what_it_was():
    assert sources.find(str(MNIST)).digest == MNIST_DIGEST


@pytest.mark.parametrize(("key", "parameters"), SAMPLE, ids=str)
def test_published_rows_come_out_again(published, key, parameters):
    stored = published["digits"][key]
    grid = registry()[key].cells("paper")
    index = next(
        i for i, cell in enumerate(grid) if not cell.control and parameters.items() <= dict(cell.parameters).items()
    )
    seed = int(stored.frame["seed"].iloc[0])
    outcome = measure(Task(key, index, grid[index], "paper", seed, "numpy"))
    assert outcome.evidence is not None, outcome.error
    rows = stored.frame[stored.frame["cell"] == index]
    for name, column in outcome.evidence.points.items():
        assert len(column) == len(rows)
        _compare(name, np.asarray(column), rows[name].to_numpy())


def _compare(name, measured, published):
    if measured.dtype.kind not in "iuf":
        assert measured.tolist() == published.tolist()
    elif measured.dtype.kind in "iu" and name in ("steps_taken", "adaptive", "constant", "eager"):
        # A count moves by one where the distance meets the tolerance to within rounding.
        assert np.max(np.abs(measured - published)) <= 1
    else:
        # Another processor rounds exp, atan2 and sums differently. A descent contracts, so an iterate keeps errors of a
        # few units of rounding: 1e-13 of ‖w*‖ after all, and the loss, a square, far less.
        np.testing.assert_allclose(measured, published, rtol=1e-6, atol=1e-13, err_msg=name)
