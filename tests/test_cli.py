"""The command line, through real processes: exit codes, what goes where, and what survives Ctrl-C and damage."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import theory
from theory import cli
from theory.runs import store

HEADER = ["claim", "relation", "verdict", "slack", "control", "seconds"]


def without_seconds(text):
    document = json.loads(text)
    for claim in document["claims"]:
        del claim["seconds"]
    return document


@pytest.fixture(scope="module")
def held(tmp_path_factory, fake_paths):
    """One run of a claim that holds, for several tests to look at."""
    folder = tmp_path_factory.mktemp("held")
    paths = os.pathsep.join([*fake_paths, str(Path(theory.__file__).parent.parent)])
    environment = {**os.environ, "PYTHONPATH": paths, "COLUMNS": "80"}
    arguments = [sys.executable, "-m", "theory", "verify", "fake.holds", "--jobs", "2"]
    return folder, subprocess.run(arguments, cwd=folder, env=environment, capture_output=True, text=True)


class TestVerify:
    def test_exits_with_0_if_all_holds(self, held):
        assert held[1].returncode == 0

    def test_prints_the_table_and_nothing_else(self, held):
        lines = held[1].stdout.splitlines()
        assert lines[0].split() == HEADER
        assert lines[2].split()[:3] == ["fake.holds", "UPPER", "HOLDS"]
        assert len(lines) == 3
        assert "\x1b" not in held[1].stdout + held[1].stderr

    def test_follows_the_run_on_standard_error(self, held):
        assert re.fullmatch(r"\[1/1\] fake\.holds  HOLDS  slack 0\.\d+  control refuted  \d+\.\d s\n", held[1].stderr)

    def test_stores_the_claim(self, held):
        (stored,) = store.read(held[0] / "results", "quick")
        assert stored.key == "fake.holds"
        assert len(stored.frame) == 12
        assert set(stored.provenance) > {"commit", "versions", "device", "seed", "threads", "date"}
        assert stored.claim["verdict"] == "HOLDS"

    @pytest.mark.parametrize(
        ("key", "said"),
        [
            ("violated", "fake.violated: VIOLATED at n=1 law=uniform: measured 3, predicted 1"),
            ("unrefuted", "control 'halved' is not refuted"),
            ("uncontrolled", "no control, so it proves nothing"),
            ("unmet", "hypotheses not met in 3 of 3 instances"),
            ("raises", "error at n=2 law=uniform: ValueError: two is too many"),
            ("leaves", "error at n=1 law=uniform: SystemExit: 0"),
        ],
    )
    def test_exits_with_1_if_not(self, command, key, said):
        done = command("verify", f"fake.{key}", "fake.holds", "--jobs", "1")
        assert done.returncode == 1
        assert said in done.stdout
        assert "Traceback" not in done.stderr

    def test_a_dead_worker_is_a_line_and_an_exit_code(self, command):
        done = command("verify", "fake.dies", "--jobs", "2")
        assert done.returncode == 1
        assert "error at n=2 law=uniform: its worker process died" in done.stdout


class TestJson:
    def test_prints_one_document_and_nothing_else(self, command):
        done = command("verify", "fake.prints", "fake.violated", "--json", "--jobs", "1")
        document = json.loads(done.stdout)
        assert done.returncode == 1
        assert [claim["key"] for claim in document["claims"]] == ["fake.prints", "fake.violated"]
        assert {"key", "relation", "verdict", "slack", "control", "instances", "seconds"} < set(document["claims"][0])
        assert {"commit", "versions", "device", "seed", "threads"} < set(document["provenance"])
        assert "a claim that prints" in done.stderr

    def test_is_the_same_bit_for_bit_for_any_number_of_jobs(self, command):
        keys = ("fake.holds", "fake.prints", "fake.spread")
        one, two = (command("verify", *keys, "--json", "--jobs", jobs).stdout for jobs in "12")
        assert without_seconds(one) == without_seconds(two)

    def test_another_seed_gives_other_figures(self, command):
        one, two = (command("verify", "fake.holds", "--json", "--jobs", "1", "--seed", s).stdout for s in "12")
        assert without_seconds(one)["claims"] != without_seconds(two)["claims"]


class TestInterrupt:
    @pytest.mark.parametrize("whom", ["process", "terminal"])
    def test_keeps_every_finished_claim(self, environment, tmp_path, whom):
        """Ctrl-C in a terminal reaches the workers as well."""
        arguments = ["verify", "fake.holds", "fake.slow", "--jobs", "2"]
        process = subprocess.Popen(
            [sys.executable, "-m", "theory", *arguments],
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        first = process.stderr.readline()
        pids = wait_for(lambda: list((tmp_path / "pids").iterdir()))
        (os.killpg if whom == "terminal" else os.kill)(process.pid, signal.SIGINT)
        printed, said = process.communicate(timeout=100)
        assert process.returncode == 130
        assert first.startswith("[1/2] fake.holds  HOLDS")
        (last,) = said.splitlines()
        assert last.startswith("theory: interrupted; 1 of 2 claims are finished and stored in results/quick; the same")
        assert printed.splitlines()[2].split()[:3] == ["fake.holds", "UPPER", "HOLDS"]
        assert [stored.key for stored in store.read(tmp_path / "results", "quick")] == ["fake.holds"]
        assert {path.name for path in (tmp_path / "results" / "quick").iterdir()} == {".cells", "fake.holds.parquet"}
        assert [pid for pid in pids if Path("/proc", pid.name).exists()] == []


def wait_for(ready):
    deadline = time.monotonic() + 100
    while not (found := ready()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


def test_workers_do_not_outlive_a_killed_parent(environment, tmp_path):
    arguments = [sys.executable, "-m", "theory", "verify", "fake.slow", "--jobs", "2"]
    process = subprocess.Popen(arguments, cwd=tmp_path, env=environment, stderr=subprocess.DEVNULL)
    pids = wait_for(lambda: list((tmp_path / "pids").iterdir()))
    process.kill()
    process.wait()
    assert wait_for(lambda: not any(Path("/proc", pid.name).exists() for pid in pids))


class TestBadUsage:
    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["verify", "fake.hold"], "claim is 'fake.hold'; it must be a known key or a glob, such as fake.holds"),
            (["verify", "nothing*"], "claim is 'nothing*'"),
            (["explain", "nothing"], "claim is 'nothing'"),
            (["verify", "fake.holds", "--jobs", "0"], "jobs is 0; it must be at least 1"),
            (["verify", "fake.holds", "--seed", "-1"], "seed is -1; it must be at least 0"),
            (["verify", "fake.holds", "--jobs", "many"], "'--jobs'"),
            (["verify", "fake.holds", "--profile", "slow"], "profile is 'slow'; it must be quick or paper"),
            (["verify", "fake.holds", "--backend", "torch"], "backend is 'torch'; it must be numpy or cupy"),
            (["verify", "fake.holds", "--out", "file/out"], "out is file/out (Not a directory); it must be a folder"),
            (
                ["verify", "fake.holds", "--images", "none.idx"],
                "images: path is 'none.idx'; it must be a file that can",
            ),
            (["verify", "fake.holds", "--images", "file"], "images: path is 'file'; it must be in IDX format"),
            (["verify", "fake.holds", "--images", "."], "images: path is '.'; it must be a file"),
            (["verify", "fake.holds", "--images"], "--images"),
            (["verify", "fake.holds", "--rerun=no"], "--rerun"),
            (["verify", "--nonsense"], "--nonsense"),
            (["nonsense"], "nonsense"),
            (["explain"], "KEY"),
            (["figures"], "out is results; it must be a store with the rows of"),
            (["figures", "--profile", "slow"], "profile is 'slow'"),
        ],
    )
    def test_is_one_line_and_exit_code_2(self, command, tmp_path, arguments, said):
        (tmp_path / "file").write_text("")
        done = command(*arguments)
        assert done.returncode == 2
        assert done.stdout == ""
        assert done.stderr.startswith("theory: ")
        assert said in done.stderr
        assert len(done.stderr.splitlines()) == 1
        assert not (tmp_path / "results").exists()

    def test_no_command_shows_the_help(self, command):
        done = command()
        assert done.returncode == 2
        assert "verify" in done.stdout


class TestFigures:
    def test_a_truncated_file_is_named_and_kept_and_the_rest_is_drawn(self, command, tmp_path):
        folder = store.prepare(tmp_path / "results", "quick")
        (folder / "du2018.rate.parquet").write_bytes(b"PAR1 and then the power failed")
        done = command("figures")
        named, nothing = done.stderr.splitlines()
        assert named.startswith("theory: results/quick/du2018.rate.parquet cannot be read (")
        assert nothing.startswith("theory: out is results; it must be a store")
        assert done.returncode == 2
        assert (folder / "du2018.rate.parquet").read_bytes() == b"PAR1 and then the power failed"

    def test_verify_moves_a_truncated_file_out_of_the_way(self, command, tmp_path):
        folder = store.prepare(tmp_path / "results", "quick")
        (folder / "fake.holds.parquet").write_bytes(b"half")
        done = command("verify", "fake.holds", "--jobs", "1")
        assert done.returncode == 0
        assert "kept as fake.holds.parquet.damaged" in done.stderr
        assert (folder / "fake.holds.parquet.damaged").read_bytes() == b"half"
        assert [stored.key for stored in store.read(tmp_path / "results", "quick")] == ["fake.holds"]


class TestListAndExplain:
    def test_list_has_a_line_for_each_claim(self, command, fakes):
        lines = command("list").stdout.splitlines()
        (own,) = (line for line in lines if line.startswith("fake.holds "))
        assert own.split(maxsplit=2) == ["fake.holds", "UPPER", "A fake claim: holds"]
        assert len(lines) >= len(fakes.ALL)

    @pytest.mark.skipif(os.name != "posix", reason="a terminal of its own is POSIX's")
    def test_list_fits_a_terminal(self, environment):
        import pty

        ours, theirs = pty.openpty()
        told = {**environment, "COLUMNS": "80"}
        with subprocess.Popen([sys.executable, "-m", "theory", "list"], env=told, stdout=theirs):
            os.close(theirs)
            said = b""
            with contextlib.suppress(OSError):  # what a terminal says at its end
                while part := os.read(ours, 1 << 16):
                    said += part
        lines = said.decode().splitlines()
        assert max(map(len, lines)) <= 80
        assert len(lines) > len({line.split()[0] for line in lines if not line.startswith(" ")})

    def test_explain_tells_all(self, command, fakes):
        done = command("explain", "fake.holds")
        assert done.returncode == 0
        for word in ("Statement", "Hypotheses", "Proof", "Source", "Controls", fakes.__file__):
            assert word in done.stdout

    @pytest.mark.parametrize("arguments", [["list"], ["--help"], ["--version"], ["verify", "--help"]])
    def test_nothing_heavy_is_imported(self, environment, arguments):
        code = (
            "import sys, theory.cli\n"
            f"sys.argv = ['theory', *{arguments}]\n"
            "try: theory.cli.main()\n"
            "finally: print(*sys.modules, file=sys.stderr)\n"
        )
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
        assert done.returncode == 0
        heavy = {"cupy", "dask", "cvxpy", "pandas", "scipy", "matplotlib", "seaborn", "pyarrow", "numba"}
        assert not heavy.intersection(done.stderr.split())
        assert "theory.cli" in done.stderr.split()


def test_version(command):
    done = command("--version")
    assert (done.returncode, done.stdout) == (0, f"theory {theory.__version__}\n")


def test_a_reader_that_has_seen_enough_is_no_error(environment, tmp_path):
    arguments = f"{sys.executable} -m theory list | true"
    done = subprocess.run(arguments, shell=True, env=environment, cwd=tmp_path, capture_output=True, text=True)
    assert done.stderr == ""


def test_an_output_without_greek_is_no_error(environment, command):
    environment["PYTHONIOENCODING"] = "latin-1"
    done = command("explain", "fake.holds", encoding="latin-1")
    assert done.returncode == 0
    assert "n ? 1" in done.stdout


class TestInProcess:
    """The same commands without a process of their own, where failures can be planted."""

    @pytest.fixture
    def main(self, fakes, monkeypatch, tmp_path):
        monkeypatch.chdir(tmp_path)

        def run(*arguments):
            monkeypatch.setattr(sys, "argv", ["theory", *arguments])
            with pytest.raises(SystemExit) as left:
                cli.main()
            return left.value.code

        return run

    def test_exit_codes(self, main, capsys):
        assert main("verify", "fake.holds", "--jobs", "1") == 0
        assert main("verify", "fake.violated", "--jobs", "1", "--json") == 1
        assert main("list") == 0
        assert main("explain", "fake.holds") == 0
        assert main("--version") == 0
        assert main("--help") == 0
        assert main() == 2
        assert main("verify", "nothing") == 2
        assert main("figures") == 2
        capsys.readouterr()

    def test_figures_names_what_it_draws(self, main, monkeypatch, capsys):
        monkeypatch.setattr("theory.report.figures.draw_all", lambda out, profile, warn: [out / profile / "a.svg"])
        assert main("figures", "--out", "there") == 0
        assert capsys.readouterr().out == "there/quick/a.svg\n"

    @pytest.mark.parametrize("as_json", [True, False])
    def test_ctrl_c_after_the_first_claim(self, main, monkeypatch, capsys, as_json):
        def interrupted(claims, **options):
            yield from real(claims[:1], **options)
            raise KeyboardInterrupt

        real = theory.runs.engine.run
        monkeypatch.setattr("theory.runs.engine.run", interrupted)
        assert main("verify", "fake.holds", "fake.violated", "--jobs", "1", *["--json"] * as_json) == 130
        printed = capsys.readouterr()
        assert "interrupted; 1 of 2 claims are finished" in printed.err
        assert ("fake.holds" in printed.out) is not as_json

    def test_ctrl_c_anywhere_else(self, main, monkeypatch):
        def interrupt():
            raise KeyboardInterrupt

        monkeypatch.setattr("theory.claims.registry", interrupt)
        assert main("list") == 130

    def test_a_mistake_of_ours_is_not_hidden(self, fakes, monkeypatch):
        def fail():
            raise ZeroDivisionError

        monkeypatch.setattr("theory.claims.registry", fail)
        monkeypatch.setattr(sys, "argv", ["theory", "list"])
        with pytest.raises(ZeroDivisionError):
            cli.main()
