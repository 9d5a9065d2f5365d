"""The document: what the issue of a run says, in JSON that every parser accepts."""

import json
import math

import numpy as np
import pytest

from theory.runs import engine
from theory.runs.document import claim_document, document, dumps, finite, passed


def documented(claim, **options):
    (result,) = engine.run([claim], jobs=1, **options)
    return claim_document(result)


def strictly(text):
    def refuse(constant):
        raise ValueError(constant)

    return json.loads(text, parse_constant=refuse)


def test_of_a_claim_that_holds(fakes):
    found = documented(fakes.HOLDS)
    assert (found["key"], found["relation"], found["verdict"]) == ("fake.holds", "UPPER", "HOLDS")
    assert found["control"]["verdict"] == "VIOLATED"
    assert found["control"]["each"][0]["name"] == "halved"
    assert found["slack"] == max(i["slack"] for i in found["instances"] if not i["control"])
    assert found["errors"] == []
    assert found["seconds"] >= 0
    assert passed(found)


def test_of_its_instances(fakes):
    first, *_, control = documented(fakes.HOLDS)["instances"]
    assert first["parameters"] == {"n": 1, "law": "uniform"}
    assert (first["form"], first["control"], first["verdict"], first["draws"]) == ("paper", "", "HOLDS", 100)
    assert first["margins"] == {"n ≥ 1": 1.0}
    assert first["slack"] == first["measured"] / first["predicted"]
    assert (control["control"], control["verdict"]) == ("halved", "VIOLATED")


@pytest.mark.parametrize("name", ["VIOLATED", "UNREFUTED", "UNCONTROLLED", "UNMET", "UNDECIDED", "RAISES", "NO_GRID"])
def test_of_a_claim_that_does_not_pass(fakes, name):
    assert not passed(documented(getattr(fakes, name)))


def test_is_valid_json_whatever_was_measured(fakes):
    whole = document([documented(fakes.SPREAD), documented(fakes.UNDECIDED)], {"seed": 0})
    parsed = strictly(dumps(whole))
    assert [claim["key"] for claim in parsed["claims"]] == ["fake.spread", "fake.undecided"]
    assert parsed["claims"][1]["instances"][1]["measured"] is None


def test_claims_are_in_the_order_of_their_keys():
    assert [claim["key"] for claim in document([{"key": "b"}, {"key": "a"}], {})["claims"]] == ["a", "b"]


def test_an_infinite_parameter_still_tells_instances_apart(fakes):
    spreads = [instance["parameters"]["spread"] for instance in documented(fakes.SPREAD)["instances"]]
    assert spreads == ["inf", 0.5, 1]


def test_keys_are_always_in_the_same_order(fakes):
    one, two = documented(fakes.HOLDS), documented(fakes.VIOLATED)
    assert list(one) == list(two)
    fixed = list(two["instances"][0])
    assert all(list(instance)[: len(fixed)] == fixed for instance in one["instances"])


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (math.nan, None),
        (np.float64("inf"), None),
        (np.float32(0.5), 0.5),
        (np.bool_(True), True),
        ({"a": [1, math.inf, "x"]}, {"a": [1, None, "x"]}),
        (np.array([1, 2]), [1, 2]),
        ("nan", "nan"),
        (None, None),
    ],
)
def test_finite(value, expected):
    assert finite(value) == expected
    assert strictly(dumps({"value": finite(value)})) == {"value": expected}
