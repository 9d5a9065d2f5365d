"""A diagnosis and a list of kernels in words: nothing is longer than a line, and every finding is told."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from theory.objectives.gabor import GaborFilter, diagnose, fit, white
from theory.problems import known_kernels
from theory.report.gabor_text import diagnosis, document, gaborness, gaborness_document

TRUTH = GaborFilter()
FOUND = diagnose(white(15), TRUTH, start=-math.pi / 4, step=1e-3, loss="rmse")
FITS = fit(known_kernels("gabor", 3, 5, rng=np.random.default_rng(0), noise=0.02))


def test_every_finding_is_told_with_what_to_do():
    text = diagnosis("white", TRUTH, FOUND)
    words = " ".join(text.split())
    for one in FOUND.advice:
        assert one.sentence in words
        assert one.remedy in words
        assert f"{'ok' if one.good else '!!'} {one.name}" in text
    assert text.count("°   the truth\n") == sum(one.true for one in FOUND.minima)
    assert text.count("°   false\n") == sum(not one.true for one in FOUND.minima)


@pytest.mark.parametrize("name", ["white", "a/very/long/path/" * 9 + "image.png"])
def test_no_line_is_longer_than_80(name):
    assert max(map(len, diagnosis(name, TRUTH, FOUND).splitlines())) <= 80
    lines = gaborness(Path(f"{name}.npz"), {name: (np.arange(3), FITS)}, each=True).splitlines()
    assert max(map(len, lines)) <= 80


def test_angles_are_in_degrees_in_words_and_in_radians_in_json():
    assert "the truth is 45°" in diagnosis("white", TRUTH, FOUND)
    told = json.loads(document("white", TRUTH, FOUND))
    assert told["truth"] == pytest.approx(math.pi / 4)
    theta = math.degrees(FITS.parameters[0, 1])
    assert f"{theta:7.0f}°" in gaborness(Path("k.npy"), {"k": (np.arange(3), FITS)}, each=True)
    told = json.loads(gaborness_document(Path("k.npy"), {"k": (np.arange(3), FITS)}))
    assert told["arrays"]["k"]["each"]["theta"] == FITS.parameters[0].tolist()
