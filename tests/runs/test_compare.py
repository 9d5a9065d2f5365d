"""What has changed since a saved run: every kind of change, which are for the worse, where runs are found."""

import copy
import json

import pytest

from theory.checks import BadInput
from theory.report import changes
from theory.runs import engine, store
from theory.runs.compare import CLOSE, Saved, compare, saved
from theory.runs.document import claim_document, document, dumps

ORIGIN = {"commit": "abc", "backend": "numpy", "seed": 7, "images": "digits", "profile": "quick"}


@pytest.fixture
def claim(fakes):
    (result,) = engine.run([fakes.HOLDS], jobs=1, seed=7)
    return claim_document(result)


def against(before, now, **options):
    return compare(Saved({before["key"]: before}, ORIGIN), [now], ORIGIN, **options)


def altered(claim, change):
    other = copy.deepcopy(claim)
    change(other)
    return other


def test_nothing_has_changed(claim):
    found = against(claim, copy.deepcopy(claim))
    assert (found.changes, found.compared, found.worse) == ((), 1, False)
    (only,) = changes.lines(found)
    assert only.startswith("compared 1 claims with the saved run: 0 verdicts and 0 slacks of claims changed, 0 changes")


CHANGES = {
    "verdict lost": (lambda c: c.update(verdict="VIOLATED"), "verdict", True),
    "control lost": (lambda c: c["control"].update(refuted=False), "control", True),
    "an error": (lambda c: c.update(errors=["at n=1: no"]), "errors", True),
    "version": (lambda c: c.update(version=2), "version", False),
    "slack": (lambda c: c.update(slack=c["slack"] * (1 + 3 * CLOSE)), "slack", False),
    "slack gone": (lambda c: c.update(slack=None), "slack", False),
    "instance lost": (lambda c: c["instances"][1].update(verdict="HYPOTHESES_NOT_MET"), "instance", True),
    "control's instance": (lambda c: c["instances"][-1].update(verdict="HOLDS"), "instance", False),
    "instance gone": (lambda c: c["instances"].pop(0), "instances", True),
    "control's instance gone": (lambda c: c["instances"].pop(), "instances", False),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change(claim, name):
    change, what, worse = CHANGES[name]
    found = against(claim, altered(claim, change))
    assert [(each.what, each.worse) for each in found.changes] == [(what, worse)]
    assert found.worse is worse
    first, last = changes.lines(found)
    assert first.startswith(f"fake.holds: {what}")
    assert first.endswith("WORSE") is worse
    assert f"{int(worse)} changes are for the worse" in last


@pytest.mark.parametrize("name", ["verdict lost", "control lost", "an error", "instance lost"])
def test_the_way_back_is_for_the_better(claim, name):
    change, what, _ = CHANGES[name]
    found = against(altered(claim, change), claim)
    assert [each.what for each in found.changes] == [what]
    assert not found.worse


def test_rounding_is_no_change(claim):
    assert against(claim, altered(claim, lambda c: c.update(slack=c["slack"] * (1 + CLOSE / 3)))).changes == ()


def test_a_grid_that_was_cut_in_a_new_version_is_not_worse(claim):
    found = against(claim, altered(claim, lambda c: (c.update(version=2), c["instances"].pop(0))))
    assert not found.worse


def test_instances_that_share_a_name_are_told_apart_by_their_order(claim):
    twice = altered(claim, lambda c: c["instances"].append(copy.deepcopy(c["instances"][0])))
    lost = altered(twice, lambda c: c["instances"][-1].update(verdict="VIOLATED"))
    assert [each.now for each in against(twice, lost).changes] == ["VIOLATED"]


def test_claims_that_one_run_has_not(claim):
    other = altered(claim, lambda c: c.update(key="fake.new"))
    before = Saved({"fake.holds": claim}, ORIGIN)
    assert [each.key for each in compare(before, [other], ORIGIN).changes] == ["fake.new"]
    found = compare(before, [other], ORIGIN, everything=True)
    assert [(each.key, each.now, each.worse) for each in found.changes] == [
        ("fake.new", "HOLDS", False),
        ("fake.holds", "gone", True),
    ]


def test_another_seed_is_remarked(claim):
    found = compare(Saved({"fake.holds": claim}, ORIGIN), [claim], {**ORIGIN, "seed": 8})
    assert found.remarks == ("seed was 7, and is 8",)
    assert next(changes.lines(found)).startswith("compared with a run of which the seed was 7, and is 8")


def test_many_changes_are_counted(claim):
    def lose(c):
        c["instances"] = [{**c["instances"][0], "parameters": {"n": n}, "verdict": c["verdict"]} for n in range(50)]

    before = altered(claim, lose)
    found = against(before, altered(before, lambda c: [i.update(verdict="VIOLATED") for i in c["instances"]]))
    lines = list(changes.lines(found))
    assert len(lines) == changes.MOST + 2
    assert lines[-2] == f"fake.holds: {50 - changes.MOST} more changes"


def test_as_a_document(claim):
    found = against(claim, altered(claim, lambda c: c.update(verdict="VIOLATED"))).document()
    assert json.loads(dumps(found))["changes"][0]["now"] == "VIOLATED"
    assert found["worse"] is True


class TestSaved:
    @pytest.fixture
    def stored(self, fakes, tmp_path):
        (result,) = engine.run([fakes.HOLDS], jobs=1, seed=7)
        store.write(result, ORIGIN, store.prepare(tmp_path, "quick"))
        return tmp_path

    def test_a_store_and_the_folder_of_a_profile(self, stored, claim):
        for path in (stored, stored / "quick"):
            found = saved(path, "quick")
            assert list(found.claims) == ["fake.holds"]
            assert found.provenance == {name: ORIGIN[name] for name in ("seed", "images", "profile", "backend")}
            assert compare(found, [claim], ORIGIN).changes == ()

    def test_a_printed_document(self, tmp_path, claim):
        path = tmp_path / "run.json"
        path.write_text(dumps(document([claim], ORIGIN)))
        assert compare(saved(path, "quick"), [claim], ORIGIN).changes == ()

    def test_claims_of_several_runs(self, stored, fakes):
        (result,) = engine.run([fakes.VIOLATED], jobs=1, seed=9)
        store.write(result, {**ORIGIN, "seed": 9}, stored / "quick")
        assert "seed" not in saved(stored, "quick").provenance

    @pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"claims": 3}', '{"claims": [], "provenance": {}}'])
    def test_what_is_none(self, tmp_path, content):
        (tmp_path / "file").write_text(content)
        for path in (tmp_path / "file", tmp_path, tmp_path / "nothing"):
            with pytest.raises(BadInput, match=r"compare is .*; it must be a store"):
                saved(path, "quick")
