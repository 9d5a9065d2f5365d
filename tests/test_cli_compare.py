"""``theory verify --compare``, in real processes: what it prints, and its exit code."""

import json

import pytest

VERIFY = ("verify", "fake.holds", "--jobs", "1")


def tampered(path, change):
    content = json.loads(path.read_text())
    change(content["claims"][0])
    path.write_text(json.dumps(content))


@pytest.fixture
def before(command, tmp_path):
    """A saved run, as a store and as a document."""
    path = tmp_path / "before.json"
    path.write_text(command(*VERIFY, "--json").stdout)
    return path


def test_the_same_run_again_into_the_same_store(command, before):
    done = command(*VERIFY, "--compare", "results")
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1].endswith(
        "0 verdicts and 0 slacks of claims changed, 0 changes are for the worse"
    )


def test_with_another_seed_slacks_change(command, before):
    done = command(*VERIFY, "--compare", "before.json", "--seed", "1")
    assert done.returncode == 0
    assert "the seed was 0, and is 1" in done.stdout
    assert "fake.holds: slack" in done.stdout


def test_what_held_and_does_not_is_exit_code_1(command, before):
    tampered(before, lambda claim: claim["instances"].append({**claim["instances"][0], "parameters": {"n": 99}}))
    done = command(*VERIFY, "--compare", "before.json", "--json")
    found = json.loads(done.stdout)
    assert done.returncode == 1
    assert found["claims"][0]["verdict"] == "HOLDS"
    assert found["comparison"]["changes"][0]["where"] == "1 of the saved run are gone"


def test_what_is_better_is_not(command, before):
    tampered(before, lambda claim: claim.update(verdict="VIOLATED"))
    done = command(*VERIFY, "--compare", "before.json")
    assert done.returncode == 0
    assert "fake.holds: verdict VIOLATED → HOLDS\n" in done.stdout


def test_nothing_to_compare_with_is_refused_before_anything_is_measured(command, tmp_path):
    done = command(*VERIFY, "--compare", "nowhere")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("theory: compare is nowhere; it must be a store with claims of the profile 'quick'")
    assert not (tmp_path / "results").exists()
