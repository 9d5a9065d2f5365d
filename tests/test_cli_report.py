"""``theory report``, through real processes: what it writes, what it says, and that its page needs no more."""

import re

import full_store
import pytest


@pytest.fixture
def results(fakes, tmp_path):
    return full_store.fill(tmp_path / "results", [fakes.HOLDS])


def test_it_follows_verify(command, tmp_path):
    assert command("verify", "fake.holds", "--jobs", "1").returncode == 0
    done = command("report")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == ["results/verdicts.csv", "results/index.html"]
    text = (tmp_path / "results" / "index.html").read_text(encoding="utf-8")
    assert 'id="fake.holds"' in text
    assert re.search("theory.*verify.*fake.holds.*--profile.*quick.*--seed.*0", text)


def test_it_goes_on_without_a_damaged_file(command, results):
    (results / "paper" / "fake.spread.parquet").write_bytes(b"half")
    done = command("report")
    assert done.returncode == 0
    assert done.stderr.startswith("theory: results/paper/fake.spread.parquet cannot be read")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "out is results; it must be a store with claims in it"),
        (["--profile", "slow"], "profile is 'slow'; it must be quick or paper"),
        (["--out", "file"], "out is file; it must be a store with claims in it"),
    ],
)
def test_bad_usage_is_one_line_and_exit_code_2(command, tmp_path, arguments, said):
    (tmp_path / "file").write_text("")
    done = command("report", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "results").exists()
