"""``theory verify --exit-zero && theory report``: one command from nothing to the page, whatever the verdicts."""

import subprocess
import sys

import pytest

from theory import cli

PAGE = "results/index.html"


def line(arguments):
    """The command as a shell is given it."""
    return f"{sys.executable} -m theory verify {arguments} && {sys.executable} -m theory report"


@pytest.fixture
def shell(environment, tmp_path):
    def run(words):
        return subprocess.run(
            ["bash", "-c", words], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300
        )

    return run


def test_writes_the_page_where_a_claim_is_violated(shell, tmp_path):
    done = shell(line("fake.holds fake.violated --jobs 1 --profile paper --exit-zero"))
    assert done.returncode == 0, done.stderr
    assert "fake.violated: VIOLATED at" in done.stdout
    page = (tmp_path / PAGE).read_text()
    assert all(f'id="fake.{key}"' in page for key in ("holds", "violated"))
    assert (tmp_path / "results" / "paper" / "fake.violated.findings.csv").exists()


def test_stops_there_without_the_option(shell, tmp_path):
    assert shell(line("fake.violated --jobs 1 --profile paper")).returncode == 1
    assert (tmp_path / "results" / "paper" / "fake.violated.parquet").exists()
    assert not (tmp_path / PAGE).exists()


@pytest.mark.parametrize(
    ("keys", "options", "code"),
    [
        (["fake.violated", "fake.unmet", "fake.undecided", "fake.unrefuted"], [], 1),
        (["fake.violated", "fake.unmet", "fake.undecided", "fake.unrefuted"], ["--exit-zero"], 0),
        (["fake.holds", "fake.raises"], ["--exit-zero"], 1),
        (["fake.nogrid"], ["--exit-zero"], 1),
        (["fake.nobody"], ["--exit-zero"], 2),
        (["fake.holds"], ["--exit-zero", "--profile", "slow"], 2),
    ],
)
def test_the_exit_code_is_of_the_verdicts_only_without_it(fakes, tmp_path, monkeypatch, capsys, keys, options, code):
    monkeypatch.setattr(
        "sys.argv", ["theory", "verify", *keys, "--jobs", "1", "--out", str(tmp_path / "out"), *options]
    )
    assert cli._exit_code() == code


def test_less_than_a_saved_run_is_a_verdict_too(fakes, tmp_path, monkeypatch, capsys):
    def run(key, *options):
        arguments = ["theory", "verify", key, "--jobs", "1", "--out", str(tmp_path / "out"), *options]
        monkeypatch.setattr("sys.argv", arguments)
        return cli._exit_code()

    assert run("fake.holds") == 0
    saved = tmp_path / "out"
    assert run("fake.violated", "--compare", str(saved), "--exit-zero") == 0
